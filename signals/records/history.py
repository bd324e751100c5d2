"""How long gaps live, and how size and edge went meanwhile: queries over what signals left behind."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from signals.models import Signal, SignalSnapshot

KIND, DAY = "kind", "day"
GROUPS = (KIND, DAY)
PERCENTILES = (10, 50, 90, 99)

_COLUMNS = {KIND: "s.kind", DAY: "(s.closed_at AT TIME ZONE 'UTC')::date"}
_LIFETIMES = """
SELECT {names}, COUNT(*), percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY s.lifetime_ms), MAX(s.lifetime_ms),
  COUNT(*) FILTER (WHERE s.status = 'EXPIRED'), AVG(s.edge), AVG(s.net_profit)
FROM signals s
WHERE s.lifetime_ms IS NOT NULL AND s.label <> '' AND s.closed_at >= COALESCE(%s, s.closed_at)
  AND s.closed_at < COALESCE(%s, 'infinity'::timestamptz)
GROUP BY {names} ORDER BY {names}
"""


def lifetimes(
    *, by: Sequence[str] = GROUPS, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Percentiles of the lifetimes (ms) of the gaps that ended in a period, by kind of bet, by day, or both.

    An expired signal's life is counted up to its last confirmation. Raises ValueError for an unknown group.
    """
    unknown = [name for name in by if name not in GROUPS]
    if unknown or not by:
        raise ValueError(
            f"lifetimes are grouped by {' and '.join(GROUPS)}, not by {', '.join(unknown) or 'nothing'}"
        )
    sql = _LIFETIMES.format(names=", ".join(_COLUMNS[name] for name in by))
    with connection.cursor() as cursor:
        cursor.execute(sql, [[number / 100 for number in PERCENTILES], since, until])
        return [_lifetime(by, row) for row in cursor.fetchall()]


def _lifetime(by: Sequence[str], row: tuple[Any, ...]) -> dict[str, Any]:
    groups, (count, percentiles, longest, expired, edge, profit) = row[: len(by)], row[len(by) :]
    named = {f"p{number}_ms": round(value) for number, value in zip(PERCENTILES, percentiles, strict=True)}
    found = dict(zip(by, groups, strict=True))
    if DAY in found:
        found[DAY] = found[DAY].isoformat()
    return {
        **found, "signals": count, **named, "longest_ms": longest, "expired": expired,
        "mean_edge": _short(edge), "mean_net_profit": _short(profit),
    }  # fmt: skip


def _short(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.000001"))


def series(signal_id: str, *, limit: int = 500) -> list[SignalSnapshot]:
    """The newest figures of one signal over time, oldest first."""
    rows = SignalSnapshot.objects.filter(signal_id=signal_id).defer("body").order_by("-at", "-id")
    return list(reversed(rows[:limit]))


def lifetime_ms(row: Signal, now: datetime) -> int:
    """How long a signal lived, or has lived so far."""
    if row.lifetime_ms is not None:
        return row.lifetime_ms
    return max(0, int((now - row.created_at).total_seconds() * 1_000))
