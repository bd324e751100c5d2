"""The search for the best exact size of a two-leg cover, by the platforms' own fees, grids, minimums and
budgets.
"""

from dataclasses import dataclass
from decimal import Decimal

from markets.bets import Claim
from markets.books import BookView, Ladder, Level, dollars
from markets.platforms.base import FeeSchedule, OrderCost
from signals import sizing
from signals.findings import BELOW_MINIMUM, BUY, CAPPED, NO_PROFIT, OFF_TICK, Listing
from signals.sizing import Caps, Ceiling, Walk

Why = tuple[str, str]  # refusal code and sentence


@dataclass(frozen=True, slots=True)
class Side:
    """One leg while it is examined."""

    claim: Claim
    listing: Listing
    fees: FeeSchedule
    book: BookView
    asks: Ladder  # of the claim's outcome

    @property
    def name(self) -> str:
        """Platform and market, for sentences."""
        return f"{self.claim.platform}:{self.claim.market_id}"


@dataclass(frozen=True, slots=True)
class Trade:
    """A size with the exact cost of both orders."""

    size: int  # micro-contracts
    net: int  # atto-dollars, exact
    limits: tuple[int, int]
    fills: tuple[tuple[Level, ...], tuple[Level, ...]]
    costs: tuple[OrderCost, OrderCost]
    formula_fee: Decimal
    limited_by: str


class Search:
    """The best exact size of two legs: candidates by unrounded profit, judged exactly until none can be
    better.
    """

    def __init__(self, sides: tuple[Side, Side], caps: Caps) -> None:
        one, two = sides
        self.sides = sides
        self.caps = caps
        self.step = sizing.common_step(one.listing.step, two.listing.step)
        self.lowest = sizing.up(max(one.listing.lowest, two.listing.lowest, 1), self.step)
        self.walk: Walk = sizing.merge(
            one.asks, two.asks, one.fees.marginal_fee, two.fees.marginal_fee, at_least=self.lowest
        )
        self.top: Ceiling = sizing.ceiling(self.walk, (one.claim.platform, two.claim.platform), caps)

    def best(self) -> Trade | Why:
        """The most profitable trade, or why there is none."""
        if self.walk.sizes[-1] < self.lowest:
            return (
                BELOW_MINIMUM,
                f"only {dollars(self.walk.sizes[-1])} on offer, minimum {dollars(self.lowest)}",
            )
        if self.top.size < self.lowest:
            return CAPPED, f"{self.top.why} allows {dollars(self.top.size)}, minimum {dollars(self.lowest)}"
        best: Trade | None = None
        why: Why | None = None  # of the most promising size, which says most
        for bound, size in self._candidates():
            if bound <= (best.net if best else 0):
                break
            trade = self._judge(size)
            if not isinstance(trade, Trade):
                why = why or trade
            elif trade.net > (best.net if best else 0):
                best = trade
        return best or why or (NO_PROFIT, "fees and rounding take the whole gap")

    def _candidates(self) -> list[tuple[int, int]]:
        """Sizes worth judging with the profit they cannot exceed, most promising first."""
        sizes = {sizing.down(min(size, self.top.size), self.step) for size in self.walk.sizes}
        sizes = {size for size in sizes if size >= self.lowest} | {self.lowest}
        return sorted(((self.walk.best_possible(size), size) for size in sizes), reverse=True)

    def _judge(self, size: int) -> Trade | Why:
        """The exact trade at `size`, or at the next smaller size that platforms and budgets accept."""
        while size >= self.lowest:
            limits = []
            for side in self.sides:
                worst = _worst(side.asks, size)
                limit = sizing.buy_limit(worst, side.claim.outcome, side.listing.bands)
                if limit != worst:
                    # A limit on the grid below it would not reach this level; the break-point before it is
                    # judged too.
                    return OFF_TICK, f"{dollars(worst)} is off the price grid of {side.name}"
                limits.append(worst)
            fitting = self._in_whole_cents(size, limits)
            if fitting < size:
                size = fitting
                continue
            short = self._too_small(size, limits)
            if short is not None:
                return short
            fills = (_taken(self.sides[0].asks, size), _taken(self.sides[1].asks, size))
            costs = (
                self.sides[0].fees.order_cost(BUY, fills[0]),
                self.sides[1].fees.order_cost(BUY, fills[1]),
            )
            excess = self._over_budget(costs)
            if excess > 0:
                # Only rounding can have passed the budget, so a step or two is all it takes.
                size = sizing.down(size - max(self.step, micro_up(excess)), self.step)
                continue
            return self._trade(size, (limits[0], limits[1]), fills, costs)
        return BELOW_MINIMUM, f"no size of {dollars(self.lowest)} or more fits whole cents and the budgets"

    def _in_whole_cents(self, size: int, limits: list[int]) -> int:
        """`size`, or the next smaller one whose orders are in whole cents where a platform asks for that."""
        step = self.step
        for side, limit in zip(self.sides, limits, strict=True):
            if side.listing.whole_cents:
                step = sizing.cent_step(limit, step)
        return sizing.down(size, step)

    def _too_small(self, size: int, limits: list[int]) -> Why | None:
        for side, limit in zip(self.sides, limits, strict=True):
            value = dollars(size) * dollars(limit)
            if value < side.listing.min_value:
                return BELOW_MINIMUM, f"{value} at {side.name} is under its least {side.listing.min_value}"
        return None

    def _over_budget(self, costs: tuple[OrderCost, OrderCost]) -> Decimal:
        """Dollars by which the orders pass the tightest budget; 0 or less when they fit."""
        spent: dict[str, Decimal] = {}
        for side, cost in zip(self.sides, costs, strict=True):
            spent[side.claim.platform] = spent.get(side.claim.platform, Decimal(0)) + cost.cash
        limits = {platform: self.caps.budget(platform) for platform in spent}
        return max(
            (spent[platform] - limit[0] for platform, limit in limits.items() if limit), default=Decimal(0)
        )

    def _trade(
        self,
        size: int,
        limits: tuple[int, int],
        fills: tuple[tuple[Level, ...], tuple[Level, ...]],
        costs: tuple[OrderCost, OrderCost],
    ) -> Trade:
        formula = Decimal(0)
        for side, part in zip(self.sides, fills, strict=True):
            for level in part:
                formula += side.fees.marginal_fee(level.price) * level.size
        net = int((dollars(size) - costs[0].cash - costs[1].cash).scaleb(18))
        return Trade(size, net, limits, fills, costs, formula, self._limited_by(size))

    def _limited_by(self, size: int) -> str:
        if sizing.up(size + 1, self.step) > self.top.size:
            return self.top.why
        return sizing.MIN_SIZE if size == self.lowest else sizing.EDGE


def micro_up(amount: Decimal) -> int:
    """Dollars as micro-dollars, rounded up."""
    return -int(-amount.scaleb(6) // 1)


def _worst(asks: Ladder, size: int) -> int:
    """The price of the last level that an order for `size` takes; the ladder is deep enough."""
    price = 0
    for price, on_offer in asks:  # noqa: B007 - the last price is the answer
        size -= on_offer
        if size <= 0:
            break
    return price


def _taken(asks: Ladder, size: int) -> tuple[Level, ...]:
    """The levels an order for `size` takes, as decimals."""
    fills = []
    for price, on_offer in asks:
        part = on_offer if on_offer < size else size
        fills.append(Level(dollars(price), dollars(part)))
        size -= part
        if not size:
            break
    return tuple(fills)
