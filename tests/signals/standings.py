"""Claims and guards as the correlator and the calendar leave them in Redis, of the pair that `factories` makes."""

from decimal import Decimal

from markets.platforms.base import KALSHI, POLYMARKET
from signals.correlating import standing
from signals.correlating.standing import Standing
from signals.sources.calendar import guards
from signals.sources.calendar.guards import Guard
from tests import factories
from tests.factories import IDS

MINUTE = 60_000
POLY, KAL = (POLYMARKET, IDS[POLYMARKET]), (KALSHI, IDS[KALSHI])


def said(**changes) -> Standing:
    """A headline of this moment, of a source that is right in 85 of 100 cases where 30 would be chance."""
    now_ms = factories.unix_ms()
    values = {
        "source": "news:fed", "kind": "headline", "item": "news:1", "direction": 1, "strength": 0.9, "probability": 0.85,
        "base_rate": 0.3, "weight": 1.0, "lower": 0.75, "happened_ms": now_ms - MINUTE, "seen_ms": now_ms,
        "due_ms": now_ms + 30 * MINUTE, "half_life_ms": 15 * MINUTE, "note": "Rates <b>cut</b>",
    }  # fmt: skip
    return Standing(**{**values, **changes})


def stand(*rows: Standing, market=POLY) -> None:
    standing.put({market: rows})


def silence(*markets) -> None:
    standing.put(dict.fromkeys(markets or (POLY, KAL), ()))


def schedule(level: str, *, hurdle: str = "0", market=POLY) -> None:
    """An event of this moment."""
    now_ms = factories.unix_ms()
    guards.put(
        {
            market: [
                Guard(level, 7, "FOMC decision", now_ms, now_ms - MINUTE, now_ms + MINUTE, Decimal(hurdle))
            ]
        }
    )
