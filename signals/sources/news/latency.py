"""How long news take: from published to seen, from seen to the prediction that counts as the signal, per source.

Counted are stories with a time that says its zone, published after we began to listen to their source: what a feed already
held when it was first read is backlog, not latency. A day-late plan is counted, and looks like one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

TARGET = timedelta(minutes=5)  # the specification's objective: news → signal
_MS = timedelta(milliseconds=1)
# The first prediction of each story: when it became a signal. `item` names the story, as `news:123`.
_ROWS = """
SELECT n.via, n.published_at, n.seen_at, n.fresh, n.exact_time, first.seen_at
FROM news_events n
LEFT JOIN LATERAL (
  SELECT min(p.seen_at) AS seen_at FROM predictions p WHERE p.item = 'news:' || n.id
) first ON TRUE
WHERE n.seen_at >= %s AND n.seen_at < %s AND n.via <> ''
"""
_BEGAN = "SELECT via, min(seen_at) FROM news_carriers WHERE via = ANY(%s) GROUP BY via"


@dataclass(slots=True)
class Source:
    """What one source's stories took, in whole milliseconds."""

    stories: int = 0
    fresh: int = 0
    signals: int = 0
    to_seen: list[int] = field(default_factory=list)
    to_signal: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)


def by_source(*, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """A row for each source that brought a story first in the period, as JSON. Times are milliseconds.

    `within_target`: share of its signals that were there five minutes after publication; None without any.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [since, until])
        rows = cursor.fetchall()
        cursor.execute(_BEGAN, [sorted({row[0] for row in rows})])
        began = dict(cursor.fetchall())
    found: dict[str, Source] = {}
    for via, published, seen, fresh, exact, signalled in rows:
        source = found.setdefault(via, Source())
        source.stories += 1
        source.fresh += fresh
        source.signals += signalled is not None
        if signalled is not None:
            source.to_signal.append(max(0, (signalled - seen) // _MS))
        if exact and published is not None and published >= began.get(via, seen):
            source.to_seen.append(max(0, (seen - published) // _MS))
            if signalled is not None:
                source.whole.append(max(0, (signalled - published) // _MS))
    return [_row(name, source) for name, source in sorted(found.items())]


def _row(name: str, source: Source) -> dict[str, Any]:
    target = TARGET // _MS
    return {
        "source": f"news:{name}",
        "stories": source.stories,
        "fresh": source.fresh,
        "signals": source.signals,
        "published_to_seen_ms": spread(source.to_seen),
        "seen_to_signal_ms": spread(source.to_signal),
        "published_to_signal_ms": spread(source.whole),
        "target_ms": target,
        "within_target": (
            None if not source.whole else round(sum(ms <= target for ms in source.whole) / len(source.whole), 4)
        ),
    }  # fmt: skip


def spread(values: Sequence[int]) -> dict[str, int] | None:
    """Count, median and the values that nine and ninety-nine in a hundred are not above (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return {
        "count": len(ordered),
        **{f"p{share}": ordered[max(0, -(-share * len(ordered) // 100) - 1)] for share in (50, 90, 99)},
    }
