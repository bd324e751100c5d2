"""Paper fills: an order against the depth of a live book, level by level, at the platform's exact fees.

The book given is the one the order would meet. Latency is modelled by giving a later book, and what our own
orders have taken already by `taken`: a paper trade leaves the real book untouched, so the same contracts must
not be bought twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.lifecycle import CANCELLED, FILLED
from execution.plans.planning import FOK, IOC, Ticket
from markets.books import MICRO, BookView, Ladder, Level, dollars, micro
from markets.platforms.base import FeeSchedule, OrderCost
from signals.findings import BUY

NOTHING: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class PaperFill:
    """One level taken. `fee` is this fill's part of the order's fee, every rounding included; may be a
    rebate.
    """

    price: Decimal
    size: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class PaperResult:
    """What became of an order: FILLED, or CANCELLED with what it had filled by then (perhaps nothing)."""

    status: str
    filled: Decimal
    fills: tuple[PaperFill, ...]
    cost: OrderCost  # of the whole order; its fee is the sum of the fills' fees

    @property
    def average_price(self) -> Decimal | None:
        """Before fees; None when nothing filled."""
        return self.cost.notional / self.filled if self.filled else None


def fill(
    ticket: Ticket,
    book: BookView,
    fees: FeeSchedule,
    time_in_force: str = IOC,
    *,
    taken: Mapping[int, int] = NOTHING,
) -> PaperResult:
    """Fill `ticket` from `book` within its limit price.

    An order with `spend` takes what so many dollars buy instead of its size, as the platform does.
    IMMEDIATE_OR_CANCEL takes what is there and drops the rest; FILL_OR_KILL takes all or nothing. `taken`
    maps prices (micro-dollars of the ticket's outcome) to contracts (1e-6) that we took from this side
    before. Raises ValueError for any other time in force (a paper order cannot rest, for nobody would ever
    trade with it) and for a size that is not positive.
    """
    if time_in_force not in (IOC, FOK):
        raise ValueError(f"a paper order cannot be {time_in_force}")
    if ticket.size <= 0:
        raise ValueError(f"no order has the size {ticket.size}")
    on_offer = _within_limit(ticket, less(_facing(ticket, book), taken))
    if ticket.spend is not None:
        levels = _take_for(on_offer, micro(ticket.spend))
    else:
        levels = _take(on_offer, micro(ticket.size))
    filled = sum((level.size for level in levels), Decimal(0))
    if time_in_force == FOK and filled < ticket.size:
        levels, filled = [], Decimal(0)
    status = FILLED if filled >= ticket.size else CANCELLED
    return PaperResult(
        status, filled, _with_fees(ticket.side, levels, fees), _cost(ticket.side, levels, fees)
    )


def less(ladder: Ladder, taken: Mapping[int, int]) -> Ladder:
    """A ladder without what was taken from it; levels with nothing left are gone."""
    if not taken:
        return ladder
    rest = ((price, size - taken.get(price, 0)) for price, size in ladder)
    return tuple((price, size) for price, size in rest if size > 0)


def _facing(ticket: Ticket, book: BookView) -> Ladder:
    return book.asks_for(ticket.outcome) if ticket.side == BUY else book.bids_for(ticket.outcome)


def _within_limit(ticket: Ticket, ladder: Ladder) -> Ladder:
    limit = micro(ticket.limit_price)
    if ticket.side == BUY:
        return tuple((price, size) for price, size in ladder if price <= limit)
    return tuple((price, size) for price, size in ladder if price >= limit)


def _take(ladder: Ladder, wanted: int) -> list[Level]:
    levels = []
    for price, size in ladder:
        if wanted <= 0:
            break
        part = min(size, wanted)
        levels.append(Level(dollars(price), dollars(part)))
        wanted -= part
    return levels


def _take_for(ladder: Ladder, cash: int) -> list[Level]:
    """What `cash` (micro-dollars) buys before fees, in whole micro-contracts: more than was wanted where it is cheaper."""
    levels = []
    left = cash * MICRO
    for price, size in ladder:
        part = min(size, left // price)
        if part <= 0:
            break
        levels.append(Level(dollars(price), dollars(part)))
        left -= part * price
    return levels


def _cost(side: str, levels: Sequence[Level], fees: FeeSchedule) -> OrderCost:
    if not levels:
        return OrderCost(Decimal(0), Decimal(0), Decimal(0))
    return fees.order_cost(side, levels)


def _with_fees(side: str, levels: Sequence[Level], fees: FeeSchedule) -> tuple[PaperFill, ...]:
    """Each level with what it added to the order's fee: the parts sum to the whole, to the last digit."""
    fills = []
    paid = Decimal(0)
    for count, level in enumerate(levels, start=1):
        so_far = fees.order_cost(side, levels[:count]).fee
        fills.append(PaperFill(level.price, level.size, so_far - paid))
        paid = so_far
    return tuple(fills)
