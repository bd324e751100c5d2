"""Stored prices for the correlator: the last ones, and those around many moments at once, one query each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from signals.correlating.outcomes import point
from signals.correlating.windows import Path, Point

LOOK_BACK = timedelta(days=1)  # a price holds until the next one, at most so long
POINTS = 2_000  # of one window: what lies closer together than that is one

_LAST = """
SELECT w.market_id, p.bid, p.ask FROM unnest(%s::text[]) AS w(market_id) CROSS JOIN LATERAL (
  SELECT bid, ask FROM prices WHERE market_id = w.market_id AND outcome = 'YES' AND timestamp <= %s AND timestamp > %s
  ORDER BY timestamp DESC LIMIT 1
) p
"""
# The price that held when a window began, then the last one of each of its steps
_WINDOWS = """
SELECT w.n, p.at, p.bid, p.ask
FROM unnest(%s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::float8[])
  AS w(n, market_id, start, finish, step)
CROSS JOIN LATERAL (
  (SELECT timestamp AS at, bid, ask FROM prices
   WHERE market_id = w.market_id AND outcome = 'YES' AND timestamp <= w.start AND timestamp > w.start - %s
   ORDER BY timestamp DESC LIMIT 1)
  UNION ALL
  (SELECT DISTINCT ON (floor(extract(epoch FROM timestamp - w.start) / w.step)) timestamp, bid, ask FROM prices
   WHERE market_id = w.market_id AND outcome = 'YES' AND timestamp > w.start AND timestamp <= w.finish
   ORDER BY floor(extract(epoch FROM timestamp - w.start) / w.step), timestamp DESC)
) p
"""


class Span(NamedTuple):
    """A market's prices after `start`, up to and including `finish`."""

    market_id: str
    start: datetime
    finish: datetime


def last_quotes(market_ids: Sequence[str], now: datetime) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    """Mid and spread of the last stored price of these markets; those without one of the last day are left out."""
    if not market_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [list(market_ids), now, now - LOOK_BACK])
        return {
            market_id: ((bid + ask) / 2, ask - bid)
            for market_id, bid, ask in cursor.fetchall()
            if bid is not None and ask is not None
        }


def paths(spans: Sequence[Span]) -> list[Path]:
    """The price paths of these spans, in their order, each with the price that held when it began; one query for all."""
    if not spans:
        return []
    steps = [max((span.finish - span.start).total_seconds() / POINTS, 0.001) for span in spans]
    columns = [
        list(range(len(spans))),
        [span.market_id for span in spans],
        [span.start for span in spans],
        [span.finish for span in spans],
        steps,
        LOOK_BACK,
    ]
    found: list[list[Point]] = [[] for _ in spans]
    with connection.cursor() as cursor:
        cursor.execute(_WINDOWS, columns)
        for number, at, bid, ask in cursor.fetchall():
            found[number].append(point(int(at.timestamp() * 1_000), bid, ask))
    return [Path(points) for points in found]
