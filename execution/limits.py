"""Risk limits: one function each, returning a named refusal or nothing. Money is dollars, sizes contracts.

Limits look at what is at risk: `notional` is size times limit price, the most that a bought contract can lose
before fees. A sale of what is held lowers the risk, so only the price collar and the count of orders apply to
it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from execution.plans.planning import Ticket
from markets.bets import MarketKey
from signals.findings import BUY

ZERO = Decimal(0)

Purse = tuple[str, int]  # platform and shard: money that is kept apart
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that stands in the way, and a sentence with both figures."""

    code: str
    sentence: str


def plain(value: Decimal) -> str:
    """A figure as people write it: without empty digits or an exponent."""
    return f"{value.normalize():f}" if value.is_finite() else str(value)


@dataclass(frozen=True, slots=True)
class Held:
    """What is at risk already, open orders included, and the cash that is free. Dollars, unless said."""

    by_market: Mapping[MarketKey, Decimal] = field(default_factory=dict)
    by_bet: Mapping[str, Decimal] = field(default_factory=dict)
    by_platform: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)  # free dollars per platform
    open_orders: int = 0
    by_group: Mapping[str, Decimal] = field(default_factory=dict)
    # Of a bet (id): whose rule source it shares
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bets: Mapping[MarketKey, frozenset[str]] = field(default_factory=dict)  # of a market: ids
    # Free dollars by platform and shard, where a platform keeps money apart; empty: one purse a platform
    purses: Mapping[Purse, Decimal] = field(default_factory=dict)
    sent: int = 0  # orders sent within the last minute
    bankroll: Decimal | None = None  # cash and what is invested, at cost; None: not known
    late: frozenset[MarketKey] = frozenset()  # markets that pay so late that `max_late_pct` counts them
    locked_late: Decimal = ZERO  # at risk in such markets

    @property
    def notional(self) -> Decimal:
        """Everything at risk: it is locked until it settles, for nothing here is bought on margin."""
        return sum(self.by_platform.values(), ZERO)

    def bets_of(self, ticket: Ticket) -> frozenset[str]:
        """The bets that an order counts to: its own; an order by hand, which has none, to all of its market."""
        if ticket.bet_id:
            return frozenset((ticket.bet_id,))
        return self.bets.get((ticket.platform, ticket.market_id), frozenset())

    def groups_of(self, ticket: Ticket) -> frozenset[str]:
        """The groups of bets that an order counts to."""
        return frozenset(name for bet_id in self.bets_of(ticket) for name in self.groups.get(bet_id, ()))

    def plus(self, ticket: Ticket) -> "Held":
        """As if `ticket` stood in the market: what the next leg of the same plan has to fit beside."""
        market, purse = (ticket.platform, ticket.market_id), (ticket.platform, ticket.shard)
        risk = ticket.notional if ticket.side == BUY else ZERO
        return replace(
            self,
            by_market=_more(self.by_market, [market], risk),
            by_bet=_more(self.by_bet, self.bets_of(ticket), risk),
            by_group=_more(self.by_group, self.groups_of(ticket), risk),
            by_platform=_more(self.by_platform, [ticket.platform], risk),
            cash=_more(self.cash, [ticket.platform], -ticket.cash),
            purses=_more(self.purses, [purse], -ticket.cash) if self.purses else self.purses,
            open_orders=self.open_orders + 1,
            sent=self.sent + 1,
            locked_late=self.locked_late + (risk if market in self.late else ZERO),
        )


def _more(amounts: Mapping[K, Decimal], names: Iterable[K], by: Decimal) -> dict[K, Decimal]:
    return {**amounts, **{name: amounts.get(name, ZERO) + by for name in names}}


@dataclass(frozen=True, slots=True)
class Limits:
    """Dollars, unless said. None: no such limit is set. Cash is always checked.

    `scoped` holds values of a platform's, market's, bet's or group's own, by name and scope; they replace the one that
    holds everywhere (`docs/risk.md` lists which name takes which scopes).
    """

    max_order_notional: Decimal | None = None
    max_market_notional: Decimal | None = None
    max_bet_notional: Decimal | None = None
    max_platform_notional: Mapping[str, Decimal] = field(default_factory=dict)
    max_notional: Decimal | None = None
    max_open_orders: int | None = None
    collar: Decimal | None = None  # dollars by which a limit price may be worse than the best price now
    max_group_notional: Decimal | None = None
    max_order_contracts: Decimal | None = None
    max_orders_per_minute: int | None = None
    min_cash: Decimal = ZERO  # dollars that stay free on every platform
    max_locked_pct: Decimal | None = None  # of the bankroll, a fraction, that may be at risk at once
    max_late_pct: Decimal | None = None  # the same for what pays later than `late_days`
    late_days: Decimal | None = None  # days
    kelly_fraction: Decimal | None = None  # of what Kelly's formula would stake; None: it does not cap
    # What halts trading (`losses`, `watching`, reconciliation): fractions, a count, seconds, milliseconds
    daily_loss_pct: Decimal | None = None
    daily_loss_cancel_pct: Decimal | None = None
    max_drawdown_pct: Decimal | None = None
    position_loss_pct: Decimal | None = None  # warns only
    max_unknown_orders: int | None = None
    max_stale_seconds: int | None = None
    max_clock_skew_ms: int | None = None
    scoped: Mapping[tuple[str, str], Decimal | None] = field(default_factory=dict)

    def of(self, name: str, *levels: Iterable[str]) -> Decimal | None:
        """The value of a limit where `levels` are scopes, the narrowest first; the tightest of those of one level."""
        for level in levels if self.scoped else ():
            own = [self.scoped[name, scope] for scope in level if (name, scope) in self.scoped]
            if own:
                return min((value for value in own if value is not None), default=None)
        if name == "max_platform_notional":
            return None
        value = getattr(self, name)
        return value if value is None else Decimal(value)

    def on_platform(self, platform: str) -> Decimal | None:
        """What may be at risk on a platform."""
        return self.max_platform_notional.get(platform)


def market_scope(market_id: str) -> str:
    """The scope of one market's own limits."""
    return f"market:{market_id}"


def bet_scope(bet_id: str) -> str:
    """The scope of one bet's own limits."""
    return f"bet:{bet_id}"


def group_scope(group: str) -> str:
    """The scope of the limits of one group of bets."""
    return f"group:{group}"


def _levels(ticket: Ticket, held: Held) -> tuple[list[str], ...]:
    """An order's scopes, the narrowest first."""
    return (
        [market_scope(ticket.market_id)],
        [bet_scope(bet_id) for bet_id in sorted(held.bets_of(ticket))],
        [group_scope(name) for name in sorted(held.groups_of(ticket))],
        [ticket.platform],
    )


def order_notional(ticket: Ticket, held: Held, limits: Limits) -> Decimal | None:
    """What one order may risk there."""
    return limits.of("max_order_notional", *_levels(ticket, held))


def market_notional(platform: str, market_id: str, limits: Limits) -> Decimal | None:
    """What may be at risk in a market."""
    return limits.of("max_market_notional", [market_scope(market_id)], [platform])


def bet_notional(bet_id: str, limits: Limits) -> Decimal | None:
    """What may be at risk in a bet."""
    return limits.of("max_bet_notional", [bet_scope(bet_id)])


def group_notional(group: str, limits: Limits) -> Decimal | None:
    """What may be at risk in a group of bets."""
    return limits.of("max_group_notional", [group_scope(group)])


def spendable(platform: str, shard: int, held: Held, limits: Limits) -> tuple[Decimal, str]:
    """Dollars that an order may spend there, and which purse says so: the platform's, or that of its shard.

    RISK_MIN_CASH stays on the platform as a whole. A platform or shard without known cash has none.
    """
    kept = limits.of("min_cash", [platform]) or ZERO
    whole = held.cash.get(platform, ZERO) - kept
    if not held.purses:
        return whole, platform
    own = held.purses.get((platform, shard), ZERO)
    return min((whole, platform), (own, f"{platform}/{shard}"))


def within_order_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """One order is not too large."""
    return _within("max_order_notional", ticket, ZERO, order_notional(ticket, held, limits))


def within_order_contracts(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """One purchase is not of absurdly many contracts, however cheap: a slip of the finger stops here."""
    most = limits.of("max_order_contracts", *_levels(ticket, held))
    if most is None or ticket.side != BUY or ticket.size <= most:
        return None
    return Refusal("max_order_contracts", f"{plain(ticket.size)} contracts in one order, limit {plain(most)}")


def within_market_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much in one market."""
    used = held.by_market.get((ticket.platform, ticket.market_id), ZERO)
    limit = market_notional(ticket.platform, ticket.market_id, limits)
    return _within("max_market_notional", ticket, used, limit)


def within_bet_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much in one bet, all its markets together."""
    return _first(
        _within(
            "max_bet_notional", ticket, held.by_bet.get(bet_id, ZERO), bet_notional(bet_id, limits), bet_id
        )
        for bet_id in sorted(held.bets_of(ticket))
    )


def within_group_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much in bets that share a rule source: what spoils one of them spoils all."""
    return _first(
        _within(
            "max_group_notional", ticket, held.by_group.get(name, ZERO), group_notional(name, limits), name
        )
        for name in sorted(held.groups_of(ticket))
    )


def within_platform_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much on one platform."""
    platform = held.by_platform.get(ticket.platform, ZERO)
    return _within("max_platform_notional", ticket, platform, limits.on_platform(ticket.platform))


def within_notional(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too much altogether."""
    return _within("max_notional", ticket, held.notional, limits.max_notional)


def within_locked(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too large a part of the bankroll is locked until settlement."""
    return _within("max_locked_pct", ticket, held.notional, _part_of(held, limits.max_locked_pct))


def within_late(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too large a part of the bankroll is locked for long."""
    if (ticket.platform, ticket.market_id) not in held.late:
        return None
    return _within("max_late_pct", ticket, held.locked_late, _part_of(held, limits.max_late_pct))


def within_cash(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """The free cash of the platform, and of the market's shard, pays for the order with its fees."""
    free, purse = spendable(ticket.platform, ticket.shard, held, limits)
    if ticket.side == BUY and ticket.cash > free:
        return Refusal("cash", f"{purse}: the order needs ${ticket.cash:.2f}, free cash is ${free:.2f}")
    return None


def within_open_orders(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too many orders at work."""
    if limits.max_open_orders is not None and held.open_orders + 1 > limits.max_open_orders:
        return Refusal(
            "max_open_orders", f"{held.open_orders} orders are open, limit {limits.max_open_orders}"
        )
    return None


def within_orders_per_minute(ticket: Ticket, held: Held, limits: Limits) -> Refusal | None:
    """Not too many orders in a minute: what runs wild is slowed down."""
    most = limits.max_orders_per_minute
    if most is not None and held.sent + 1 > most:
        return Refusal("max_orders_per_minute", f"{held.sent} orders were sent within a minute, limit {most}")
    return None


def within_collar(ticket: Ticket, best: Decimal | None, limits: Limits) -> Refusal | None:
    """The limit price is near the best price now, so that a stale or mistyped price cannot sweep the book."""
    collar = limits.of("collar", [market_scope(ticket.market_id)], [ticket.platform])
    if collar is None:
        return None
    if best is None:
        return Refusal(
            "price_collar", f"no live price of {ticket.platform}:{ticket.market_id} to compare with"
        )
    worse_by = ticket.limit_price - best if ticket.side == BUY else best - ticket.limit_price
    if worse_by > collar:
        return Refusal(
            "price_collar",
            f"limit {plain(ticket.limit_price)} is {plain(worse_by)} worse than the best price {plain(best)},"
            f" {plain(collar)} are allowed",
        )
    return None


ALL: tuple[Callable[[Ticket, Held, Limits], Refusal | None], ...] = (
    within_order_notional,
    within_order_contracts,
    within_market_notional,
    within_bet_notional,
    within_group_notional,
    within_platform_notional,
    within_notional,
    within_locked,
    within_late,
    within_cash,
    within_open_orders,
    within_orders_per_minute,
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


def _within(
    code: str, ticket: Ticket, held: Decimal, limit: Decimal | None, where: str = ""
) -> Refusal | None:
    if limit is None or ticket.side != BUY:
        return None
    total = held + ticket.notional
    if total > limit:
        return Refusal(code, f"{where + ': ' if where else ''}${total:.2f} would pass ${limit:.2f}")
    return None


def _first(refusals: Iterable[Refusal | None]) -> Refusal | None:
    return next((refusal for refusal in refusals if refusal is not None), None)


def _part_of(held: Held, share: Decimal | None) -> Decimal | None:
    return None if share is None or held.bankroll is None else share * max(ZERO, held.bankroll)


# --- how much of a plan fits


def tightest(tickets: Sequence[Ticket], held: Held, limits: Limits) -> tuple[Fraction, str]:
    """The share of a plan, 0 to 1, that every limit on money and size has room for, and the code of the one that says so.

    All legs are cut alike. Legs that share a market, bet or platform share its room. A sale needs none.
    """
    buys = [ticket for ticket in tickets if ticket.side == BUY]
    found = Fraction(1), ""
    for code, limit, used, wanted in _rooms(buys, held, limits):
        if limit is not None and wanted > 0:
            room = max(Fraction(0), Fraction(limit - used) / Fraction(wanted))
            if room < found[0]:
                found = room, code
    return found


def figures(tickets: Sequence[Ticket], held: Held, limits: Limits) -> "list[Room]":
    """Every limit that the purchases of a plan count against: code, limit, what is used of it, what they want of it."""
    return list(_rooms([ticket for ticket in tickets if ticket.side == BUY], held, limits))


# Code, limit, what is used of it, what the plan wants of it
Room = tuple[str, Decimal | None, Decimal, Decimal]


def _rooms(buys: Sequence[Ticket], held: Held, limits: Limits) -> Iterator[Room]:
    for ticket in buys:
        yield "max_order_notional", order_notional(ticket, held, limits), ZERO, ticket.notional
        most = limits.of("max_order_contracts", *_levels(ticket, held))
        yield "max_order_contracts", most, ZERO, ticket.size
    for market, wanted in _sums(buys, lambda one: [(one.platform, one.market_id)]):
        yield (
            "max_market_notional",
            market_notional(*market, limits),
            held.by_market.get(market, ZERO),
            wanted,
        )
    for bet_id, wanted in _sums(buys, held.bets_of):
        yield "max_bet_notional", bet_notional(bet_id, limits), held.by_bet.get(bet_id, ZERO), wanted
    for name, wanted in _sums(buys, held.groups_of):
        yield "max_group_notional", group_notional(name, limits), held.by_group.get(name, ZERO), wanted
    for platform, wanted in _sums(buys, lambda one: [one.platform]):
        yield (
            "max_platform_notional",
            limits.on_platform(platform),
            held.by_platform.get(platform, ZERO),
            wanted,
        )
    yield from _cash_rooms(buys, held, limits)
    wanted = sum((ticket.notional for ticket in buys), ZERO)
    yield "max_notional", limits.max_notional, held.notional, wanted
    yield "max_locked_pct", _part_of(held, limits.max_locked_pct), held.notional, wanted
    late = sum((one.notional for one in buys if (one.platform, one.market_id) in held.late), ZERO)
    yield "max_late_pct", _part_of(held, limits.max_late_pct), held.locked_late, late


def _cash_rooms(buys: Sequence[Ticket], held: Held, limits: Limits) -> Iterator[Room]:
    """Fees are taken off as they are, not in proportion: a smaller order pays less, but rounds up all the same."""
    for platform in {ticket.platform for ticket in buys}:
        sharing = [ticket for ticket in buys if ticket.platform == platform]
        kept = limits.of("min_cash", [platform]) or ZERO
        yield f"cash:{platform}", held.cash.get(platform, ZERO) - kept, _fees(sharing), _notional(sharing)
        for shard in {ticket.shard for ticket in sharing} if held.purses else ():
            own = [ticket for ticket in sharing if ticket.shard == shard]
            free = held.purses.get((platform, shard), ZERO)
            yield f"cash:{platform}/{shard}", free, _fees(own), _notional(own)


def _fees(tickets: Sequence[Ticket]) -> Decimal:
    return sum((ticket.cash - ticket.notional for ticket in tickets), ZERO)


def _notional(tickets: Sequence[Ticket]) -> Decimal:
    return sum((ticket.notional for ticket in tickets), ZERO)


def _sums(tickets: Sequence[Ticket], of: Callable[[Ticket], Iterable[K]]) -> list[tuple[K, Decimal]]:
    """What tickets want of each name that `of` gives them, all together."""
    found: dict[K, Decimal] = {}
    for ticket in tickets:
        for name in of(ticket):
            found[name] = found.get(name, ZERO) + ticket.notional
    return list(found.items())
