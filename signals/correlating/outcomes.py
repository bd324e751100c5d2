"""What became of a claim: right, wrong or void; which moved first; what acting on it would have earned; and its control.

Right is: the market's mid moved in the stated direction (with direction 0: either way) by more than the spread at the
moment we had seen the item, at some time within the stated horizon. The control is the same claim about the same market at
about the same time of the day before; how often controls are right is the base rate.

Times are Unix milliseconds, prices inside millionths of a dollar; what comes out for the ledger is Decimal dollars.
"""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from markets.books import Level
from markets.platforms.base import FeeSchedule
from signals.correlating import windows
from signals.correlating.windows import Path, Point

HIT, MISS, VOID = "HIT", "MISS", "VOID"
NO_PRICE, NO_SPREAD, CROSSED, NO_ROOM = "no_price", "spread_unknown", "crossed", "no_room"
MARKET_CLOSED, MARKET_PAUSED, NO_FEED = "market_closed", "market_paused", "no_feed"

MICRO = 1_000_000
EDGE = 10_000  # a cent from 0 or 1 nothing can move by more than a spread
LOT = Decimal(100)  # profit is that of an order for so many, per contract: one alone is mostly rounding
DAY_MS = 86_400_000
AROUND_MS = 3_600_000  # a control begins at the item's time of day, give or take so much
SIX = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim as it is judged. `quote` is the price that was noted when it was written down, None where there was none.

    A move counts from the quote on: what happened between seeing an item and noting the price is no move away from it.
    """

    direction: int
    happened_ms: int
    seen_ms: int
    horizon_ms: int
    quote: Point | None = None

    @property
    def due_ms(self) -> int:
        """The end of what was claimed."""
        return self.seen_ms + self.horizon_ms

    @property
    def since_ms(self) -> int:
        """When moves begin to count."""
        return self.seen_ms if self.quote is None else max(self.seen_ms, self.quote.at_ms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a claim came to. Prices and profit are dollars; `lead_ms` is the time there was to act (below 0: too late)."""

    outcome: str
    why: str = ""
    mid: Decimal | None = None
    spread: Decimal | None = None
    end_mid: Decimal | None = None
    peak_move: Decimal | None = None
    moved_first: str = ""
    lag_ms: int | None = None
    lasted_ms: int | None = None
    lead_ms: int | None = None
    profit: Decimal | None = None
    base_hit: bool | None = None


def judge(asked: Asked, path: Path, *, fees: FeeSchedule | None = None) -> Outcome:
    """Judge one claim by the prices around it; only those between the window before it and its end are looked at.

    `fees` is the market's schedule; without it there is no profit. The control is `controlled`'s matter.
    """
    start = asked.quote or path.at(asked.seen_ms)
    why = unusable(start, asked.direction)
    if why or start is None:
        return Outcome(VOID, why)
    begin2, spread, due, since = _mid2(start), _spread(start), asked.due_ms, asked.since_ms
    when = windows.crossing(path, since, due, begin2, asked.direction, spread)
    peak = 0
    for point in path.between(since, due):
        if point.mid2 is not None:
            peak = max(peak, windows.moved(asked.direction, begin2, point.mid2))
    who = windows.first(path, asked.direction, asked.happened_ms, due, asked.horizon_ms, spread)
    end = path.at(due) if path.between(since, due) else start
    return Outcome(
        HIT if when is not None else MISS,
        mid=_dollars2(begin2),
        spread=_dollars2(2 * spread),
        end_mid=None if end is None or end.mid2 is None else _dollars2(end.mid2),
        peak_move=_dollars2(peak),
        moved_first=who.who,
        lag_ms=who.lag_ms,
        lasted_ms=None if when is None else windows.lasted(path, when, due, begin2, asked.direction, spread),
        lead_ms=_lead(asked, when, who.lag_ms),
        profit=None if end is None else profit(asked.direction, start, end, fees),
    )


def unusable(start: Point | None, direction: int) -> str:
    """Why a claim that began at this price cannot be judged; empty where it can."""
    if start is None:
        return NO_PRICE
    mid2, spread = start.mid2, start.spread
    if mid2 is None or spread is None:
        return NO_SPREAD
    if spread <= 0:
        return CROSSED
    up, down = 2 * MICRO - mid2, mid2
    least = 2 * max(EDGE, spread)
    if (direction >= 0 and up <= least) or (direction <= 0 and down <= least):
        return NO_ROOM
    return ""


def _lead(asked: Asked, when: int | None, lag_ms: int | None) -> int | None:
    if when is not None:
        return when - asked.seen_ms
    if lag_ms is not None and asked.happened_ms + lag_ms <= asked.seen_ms:
        return asked.happened_ms + lag_ms - asked.seen_ms
    return None


def profit(direction: int, start: Point, end: Point, fees: FeeSchedule | None) -> Decimal | None:
    """Dollars earned per contract: bought at the ask when seen, sold at the bid at the horizon's end, taker fees paid.

    Down is bought as NO, whose ask is 1 − bid of YES. None with direction 0, without fees or without a price to sell at.
    """
    if direction == 0 or fees is None or None in (start.bid, start.ask, end.bid, end.ask):
        return None
    if direction > 0:
        paid, got = _price(start.ask), _price(end.bid)
    else:
        paid, got = 1 - _price(start.bid), 1 - _price(end.ask)
    if not 0 < paid < 1:
        return None
    buy = fees.order_cost("BUY", [Level(paid, LOT)])
    sale = fees.order_cost("SELL", [Level(got, LOT)]).cash if got > 0 else Decimal(0)
    return ((sale - buy.cash) / LOT).quantize(SIX)


# --- the control


def control_moment(name: str, asked: Asked) -> int:
    """When the control begins: at the same time of the day before, within `AROUND_MS` of it as the claim's name draws.

    Markets are lively at the hours at which sources speak. Drawn from the whole day, quiet nights would make the base
    rate low, and noise that speaks by day look informed. It is over before the item happened.
    """
    drawn = int.from_bytes(sha256(name.encode()).digest()[:8], "big") % (2 * AROUND_MS + 1)
    return min(asked.seen_ms - DAY_MS - AROUND_MS + drawn, preceding(asked))


def preceding(asked: Asked) -> int:
    """The start of the window of equal length that ends when the item happened (or was seen, if that was first)."""
    return min(asked.happened_ms, asked.seen_ms) - asked.horizon_ms


def controlled(asked: Asked, moment: int, path: Path) -> bool | None:
    """Whether the same claim would have been right at a moment without the item; None where prices do not say."""
    start = path.at(moment)
    if start is None or unusable(start, asked.direction):
        return None
    until = moment + asked.horizon_ms
    return windows.crossing(path, moment, until, _mid2(start), asked.direction, _spread(start)) is not None


# --- units


def _mid2(point: Point) -> int:
    assert point.mid2 is not None, "looked at by `unusable` first"
    return point.mid2


def _spread(point: Point) -> int:
    assert point.spread is not None, "looked at by `unusable` first"
    return point.spread


def _dollars2(doubled: int) -> Decimal:
    return (Decimal(doubled) / (2 * MICRO)).quantize(SIX)


def _price(side: int | None) -> Decimal:
    assert side is not None, "both sides are there"
    return Decimal(side) / MICRO


def point(at_ms: int, bid: Decimal | None, ask: Decimal | None) -> Point:
    """A price in dollars as a point."""
    return Point(at_ms, None if bid is None else int(bid * MICRO), None if ask is None else int(ask * MICRO))


def noted(at_ms: int, mid: Decimal | None, spread: Decimal | None) -> Point | None:
    """The price that was noted with a prediction, as a point; None where none was."""
    if mid is None or spread is None:
        return None
    doubled, wide = int(2 * mid * MICRO), int(spread * MICRO)
    return Point(at_ms, (doubled - wide) // 2, (doubled - wide) // 2 + wide)
