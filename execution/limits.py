"""Risk limits: one function each, returning a named refusal or nothing. Money is dollars, sizes contracts.

Limits look at what is at risk: `notional` is size times limit price, the most that a bought contract can lose
before fees. A sale of what is held lowers the risk, so only the price collar and the count of orders apply to
it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from execution.planning import Ticket
from markets.bets import MarketKey
from signals.findings import BUY

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that stands in the way, and a sentence with both figures."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is at risk already, open orders included, and the cash that is free."""

    by_market: Mapping[MarketKey, Decimal] = field(default_factory=dict)
    by_bet: Mapping[str, Decimal] = field(default_factory=dict)
    by_platform: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)  # free dollars per platform
    open_orders: int = 0

    @property
    def notional(self) -> Decimal:
        """Everything at risk."""
        return sum(self.by_platform.values(), ZERO)

    def plus(self, ticket: Ticket) -> "Held":
        """As if `ticket` stood in the market: what the next leg of the same plan has to fit beside."""
        market = (ticket.platform, ticket.market_id)
        risk = ticket.notional if ticket.side == BUY else ZERO
        return replace(
            self,
            by_market={**self.by_market, market: self.by_market.get(market, ZERO) + risk},
            by_bet={**self.by_bet, ticket.bet_id: self.by_bet.get(ticket.bet_id, ZERO) + risk},
            by_platform={
                **self.by_platform,
                ticket.platform: self.by_platform.get(ticket.platform, ZERO) + risk,
            },
            cash={**self.cash, ticket.platform: self.cash.get(ticket.platform, ZERO) - ticket.cash},
            open_orders=self.open_orders + 1,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Dollars, unless said. None: no such limit is set. Cash is always checked."""

    max_order_notional: Decimal | None = None
    max_market_notional: Decimal | None = None
    max_bet_notional: Decimal | None = None
    max_platform_notional: Mapping[str, Decimal] = field(default_factory=dict)
    max_notional: Decimal | None = None
    max_open_orders: int | None = None
    collar: Decimal | None = None  # dollars by which a limit price may be worse than the best price now


def within_order_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """One order is not too large."""
    return _within("max_order_notional", ticket, ZERO, limits.max_order_notional)


def within_market_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much in one market."""
    market = held.by_market.get((ticket.platform, ticket.market_id), ZERO)
    return _within("max_market_notional", ticket, market, limits.max_market_notional)


def within_bet_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much in one bet, all its markets together."""
    return _within("max_bet_notional", ticket, held.by_bet.get(ticket.bet_id, ZERO), limits.max_bet_notional)


def within_platform_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much on one platform."""
    platform = held.by_platform.get(ticket.platform, ZERO)
    return _within(
        "max_platform_notional", ticket, platform, limits.max_platform_notional.get(ticket.platform)
    )


def within_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much altogether."""
    return _within("max_notional", ticket, held.notional, limits.max_notional)


def within_cash(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """The platform's free cash pays for the order with its fees; a platform without known cash has none."""
    free = held.cash.get(ticket.platform, ZERO)
    if ticket.side == BUY and ticket.cash > free:
        return Refusal("cash", f"{ticket.platform}: the order needs {ticket.cash}, free cash is {free}")
    return None


def within_open_orders(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too many orders at work."""
    if limits.max_open_orders is not None and held.open_orders + 1 > limits.max_open_orders:
        return Refusal(
            "max_open_orders", f"{held.open_orders} orders are open, limit {limits.max_open_orders}"
        )
    return None


def within_collar(ticket: Ticket, best: Decimal | None, limits: Limits) -> Refusal | None:
    """The limit price is near the best price now, so that a stale or mistyped price cannot sweep the book."""
    if limits.collar is None:
        return None
    if best is None:
        return Refusal(
            "price_collar", f"no live price of {ticket.platform}:{ticket.market_id} to compare with"
        )
    worse_by = ticket.limit_price - best if ticket.side == BUY else best - ticket.limit_price
    if worse_by > limits.collar:
        return Refusal(
            "price_collar", f"limit {ticket.limit_price} is {worse_by} worse than the best price {best}"
        )
    return None


ALL: tuple[Callable[[Ticket, Held, Limits], Refusal | None], ...] = (
    within_order_notional,
    within_market_notional,
    within_bet_notional,
    within_platform_notional,
    within_notional,
    within_cash,
    within_open_orders,
)


def check(ticket: Ticket, held: Held, limits: Limits, *, best: Decimal | None) -> list[Refusal]:
    """Every limit that stands in the way of one order; `best` is the price it would trade at now, if there is
    one.
    """
    found = [limit(ticket, held, limits) for limit in ALL]
    found.append(within_collar(ticket, best, limits))
    return [refusal for refusal in found if refusal is not None]


def check_plan(
    tickets: Sequence[Ticket], held: Held, limits: Limits, bests: Sequence[Decimal | None]
) -> list[Refusal]:
    """Every limit that stands in the way of a plan, each leg counted on top of those before it."""
    refusals: list[Refusal] = []
    for ticket, best in zip(tickets, bests, strict=True):
        refusals += check(ticket, held, limits, best=best)
        held = held.plus(ticket)
    return refusals


def _within(code: str, ticket: Ticket, held: Decimal, limit: Decimal | None) -> Refusal | None:
    if limit is None or ticket.side != BUY:
        return None
    total = held + ticket.notional
    if total > limit:
        return Refusal(code, f"{total} would pass {limit}")
    return None


def plan_room(tickets: Sequence[Ticket], held: Held, limits: Limits) -> Fraction:
    """The share of a plan, 0 to 1, that every limit on money has room for: all legs cut alike.

    Legs that share a market, bet or platform share its room. A sale needs none.
    """
    buys = [ticket for ticket in tickets if ticket.side == BUY]
    rooms = [Fraction(1)]
    for limit, used, sharing in _scopes(buys, held, limits):
        wanted = sum((ticket.notional for ticket in sharing), ZERO)
        if limit is not None and wanted > 0:
            rooms.append(Fraction(limit - used) / Fraction(wanted))
    return max(Fraction(0), min(rooms))


Scope = tuple[Decimal | None, Decimal, Sequence[Ticket]]  # limit, what is used of it, who shares the rest


def _scopes(buys: Sequence[Ticket], held: Held, limits: Limits) -> Iterator[Scope]:
    for ticket in buys:
        yield limits.max_order_notional, ZERO, [ticket]
    for market in {(ticket.platform, ticket.market_id) for ticket in buys}:
        sharing = [ticket for ticket in buys if (ticket.platform, ticket.market_id) == market]
        yield limits.max_market_notional, held.by_market.get(market, ZERO), sharing
    for bet_id in {ticket.bet_id for ticket in buys}:
        sharing = [ticket for ticket in buys if ticket.bet_id == bet_id]
        yield limits.max_bet_notional, held.by_bet.get(bet_id, ZERO), sharing
    for platform in {ticket.platform for ticket in buys}:
        sharing = [ticket for ticket in buys if ticket.platform == platform]
        fees = sum((ticket.cash - ticket.notional for ticket in sharing), ZERO)  # a smaller order pays less
        yield limits.max_platform_notional.get(platform), held.by_platform.get(platform, ZERO), sharing
        yield held.cash.get(platform, ZERO), fees, sharing
    yield limits.max_notional, held.notional, buys
