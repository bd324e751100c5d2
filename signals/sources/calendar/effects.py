"""What a scheduled event asks of trading around it. Plain Python.

Books are pulled around a release: before it the hurdle is wider, around it nothing that may be stale is traded, after it
news is marked as its consequence. A calendar gives no direction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from markets.bets import MarketKey
from signals.sources.calendar.times import NEW_YORK, local_day
from signals.sources.calendar.topics import BY_NAME, HIGH, LOW, MEDIUM

WIDEN, SUSPEND, MARK = "widen", "suspend", "mark"
EXACT, DATE_ONLY, TENTATIVE, FORMALITY = "exact", "date_only", "tentative", "formality"
CERTAINTIES = (EXACT, DATE_ONLY, TENTATIVE, FORMALITY)
MARKED = timedelta(hours=2)  # news about its topic within this follows from it

# Who is believed when two name different days: the agency (or a person here), who repeats it, who wrote it down once
_AUTHORITY = {"fred": 1, "majors": 2}
_EXACTNESS = {EXACT: 0, TENTATIVE: 1, DATE_ONLY: 2, FORMALITY: 3}
_IMPORTANCE = {HIGH: 0, MEDIUM: 1, LOW: 2}


class Guard(msgspec.Struct, array_like=True, frozen=True):
    """What one event asks for between two moments (Unix ms, the second excluded). `hurdle` is dollars per $1 of payoff."""

    level: str  # widen, suspend, mark
    event_id: int
    name: str
    starts_ms: int  # of the event
    from_ms: int
    until_ms: int
    hurdle: Decimal = Decimal(0)

    def holds(self, now_ms: int) -> bool:
        """Whether it is in force."""
        return self.from_ms <= now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings that effects need. `hurdle` is dollars per $1 of payoff."""

    widen: timedelta
    before: timedelta
    after: timedelta
    hurdle: Decimal


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A calendar row as effects read it. `certainty`: words we do not know count as exact, as a person means them."""

    id: int
    source: str
    name: str
    topic: str  # of `topics`; empty: none
    kind: str
    starts_at: datetime
    ends_at: datetime | None
    certainty: str
    importance: str
    cancelled: bool = False
    markets: frozenset[MarketKey] = frozenset()


def guards_of(
    event: Scheduled, markets: Iterable[MarketKey], bounds: Bounds, now: datetime
) -> dict[MarketKey, tuple[Guard, ...]]:
    """The guards of one event for these markets, those that are over left out; no entry where there is none.

    Only an event of high importance whose time is exact suspends. A date or a tentative time only widens, a formality
    (a platform's nominal end) and low importance do nothing.
    """
    guards = tuple(guard for guard in _guards(event, bounds) if guard.until_ms > _ms(now))
    return dict.fromkeys(markets, guards) if guards else {}


def _guards(event: Scheduled, bounds: Bounds) -> list[Guard]:
    certainty = event.certainty if event.certainty in _EXACTNESS else EXACT
    if event.cancelled or certainty == FORMALITY or event.importance not in (HIGH, MEDIUM):
        return []
    start = event.starts_at
    if certainty == DATE_ONLY:
        return [_guard(WIDEN, event, start, event.ends_at or start + timedelta(days=1), bounds.hurdle)]
    after = start + bounds.after
    found = [_guard(WIDEN, event, start - max(bounds.widen, bounds.before), after, bounds.hurdle)]
    if certainty == EXACT:
        if event.importance == HIGH:
            found.append(_guard(SUSPEND, event, start - bounds.before, after))
        found.append(_guard(MARK, event, start, start + MARKED))
    return [guard for guard in found if guard.from_ms < guard.until_ms]


def _guard(
    level: str, event: Scheduled, begin: datetime, end: datetime, hurdle: Decimal = Decimal(0)
) -> Guard:
    return Guard(level, event.id, event.name, _ms(event.starts_at), _ms(begin), _ms(end), hurdle)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000


# --- one occasion however many calendars have it


def merged(rows: Iterable[Scheduled]) -> list[Scheduled]:
    """One row for each occasion, by start: the most exact of those that name its day, with the markets of all.

    Rows of one topic on one New York day are one occasion. So are rows days apart where one source has less authority:
    a hand-kept date yields to the agency's, also when the agency has cancelled it. A tentative time on a day that an
    official source confirms is exact.
    """
    groups: dict[str, list[list[Scheduled]]] = {}
    found: list[Scheduled] = []
    for row in sorted(rows, key=_rank):
        if row.topic not in BY_NAME:
            found += [] if row.cancelled else [row]
            continue
        known = groups.setdefault(row.topic, [])
        group = next((one for one in known if _same(one[0], row)), None)
        if group is None:
            known.append([row])
        else:
            group.append(row)
    found += [_winner(group) for known in groups.values() for group in known if not group[0].cancelled]
    return sorted(found, key=lambda row: (row.starts_at, row.id))


def _rank(row: Scheduled) -> tuple[int, bool, int, datetime, int]:
    """Heads of groups come first: the most believed, live before cancelled, exact before vague."""
    return (
        _AUTHORITY.get(row.source, 0),
        row.cancelled,
        _EXACTNESS.get(row.certainty, 0),
        row.starts_at,
        row.id,
    )


def _same(head: Scheduled, row: Scheduled) -> bool:
    apart = abs((local_day(head.starts_at, NEW_YORK) - local_day(row.starts_at, NEW_YORK)).days)
    yields = _AUTHORITY.get(row.source, 0) > _AUTHORITY.get(head.source, 0) or row.cancelled
    return apart == 0 or (yields and apart < BY_NAME[row.topic].apart_days)


def _winner(group: Sequence[Scheduled]) -> Scheduled:
    head = group[0]
    day = local_day(head.starts_at, NEW_YORK)
    same_day = [row for row in group if not row.cancelled and local_day(row.starts_at, NEW_YORK) == day]
    best = min(same_day, key=lambda row: (_EXACTNESS.get(row.certainty, 0), *_rank(row)))
    official = any(_AUTHORITY.get(row.source, 0) < 2 for row in same_day)
    certainty = EXACT if best.certainty == TENTATIVE and official else best.certainty
    return replace(
        best,
        certainty=certainty,
        importance=min((row.importance for row in same_day), key=lambda word: _IMPORTANCE.get(word, 2)),
        markets=frozenset().union(*(row.markets for row in group if not row.cancelled)),
    )
