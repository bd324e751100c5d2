"""Fees that Kalshi has announced: until a change is in force and seen, the dearer of old and new counts.

A market's fees are read when it is discovered and then stand for hours, so a change that comes sooner than the next
reading would be missed. It counts from a day ahead: for that day an order may look dearer than it is, never cheaper.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product

from markets.platforms.kalshi import wire
from markets.platforms.kalshi.fees import KalshiFees, dearest, schedule

# Twice the pause between two discoveries: a change is read at least once before it is in force.
AHEAD = timedelta(days=1)

Terms = tuple[str | None, Decimal | None]  # fee type and multiplier; None: as the series has it


@dataclass(frozen=True, slots=True)
class Announced:
    """One change to come. A series always names both; an event names neither where its override ends."""

    id: str
    ticker: str  # of the series or the event
    at: datetime
    fee_type: str | None
    multiplier: Decimal | None


@dataclass(frozen=True, slots=True)
class Announcements:
    """The terms that hold soon, by series and by event."""

    series: Mapping[str, tuple[Terms, ...]] = field(default_factory=dict)
    events: Mapping[str, tuple[Terms, ...]] = field(default_factory=dict)


NONE_ANNOUNCED = Announcements()


def announcements(
    series: Iterable[Announced], events: Iterable[Announced], now: datetime | None
) -> Announcements:
    """The changes that count already at `now`; without a time all of them do."""
    return Announcements(_soon(series, now), _soon(events, now))


def counts(change: Announced, now: datetime | None) -> bool:
    """Whether the change has to be reckoned with at `now`."""
    return now is None or change.at <= now + AHEAD


def _soon(changes: Iterable[Announced], now: datetime | None) -> dict[str, tuple[Terms, ...]]:
    found: dict[str, tuple[Terms, ...]] = {}
    for change in changes:
        if counts(change, now):
            found[change.ticker] = (*found.get(change.ticker, ()), (change.fee_type, change.multiplier))
    return found


def market_fees(
    event: wire.Event, series: wire.Series, waived_until: datetime | None, announced: Announcements
) -> KalshiFees | None:
    """The schedule of a market: its event's override, else its series', else what is announced if that is dearer.

    None where the fees, or those to come, are of a kind whose amount we do not know.
    """
    base = [(series.fee_type, series.fee_multiplier), *announced.series.get(series.ticker, ())]
    over = [
        (event.fee_type_override, event.fee_multiplier_override),
        *announced.events.get(event.event_ticker, ()),
    ]
    return dearest(
        schedule(its_type or fee_type, multiplier if its_multiplier is None else its_multiplier, waived_until)
        for (fee_type, multiplier), (its_type, its_multiplier) in product(base, over)
    )
