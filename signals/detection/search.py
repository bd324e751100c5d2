"""The search for the best exact size of a two-leg cover, by the platforms' own fees, grids, minimums and
budgets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from markets.books import Level, dollars
from markets.platforms.base import OrderCost
from signals import sizing
from signals.detection.sides import Side, Why
from signals.findings import BELOW_MINIMUM, BUY, CAPPED, NO_PROFIT, OFF_TICK
from signals.sizing import Caps, Ceiling, Walk


@dataclass(frozen=True, slots=True)
class Trade:
    """A size with the exact cost of both orders."""

    size: int  # micro-contracts
    net: int  # atto-dollars, exact
    limits: tuple[int, int]
    fills: tuple[tuple[Level, ...], tuple[Level, ...]]
    costs: tuple[OrderCost, OrderCost]
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
        self.walk: Walk = sizing.merge(one.asks, two.asks, one.listing.unit_cost, two.listing.unit_cost)
        self._whole: tuple[list[Level], list[Level]] = ([], [])
        self.top: Ceiling = sizing.ceiling(
            self.walk, (one.claim.platform, two.claim.platform), caps, self.lowest
        )

    def best(self) -> Trade | Why:
        """The most profitable trade, the smaller of two that earn the same, or why there is none."""
        best: Trade | None = None
        why: Why | None = None  # of the most promising size, which says most
        for bound, size in self._candidates():
            if bound <= (best.net if best else 0):
                break
            trade = self._judge(size)
            if not isinstance(trade, Trade):
                why = why or trade
            elif trade.net > 0 and (best is None or (trade.net, -trade.size) > (best.net, -best.size)):
                best = trade
        return best or why or self._nothing_to_judge()

    def half(self, trade: Trade) -> Decimal | None:
        """Net dollars at half of the trade's size, or at the nearest size below it that is accepted.

        Where half is less than the platforms' minimum, at that minimum; None where nothing smaller is accepted.
        """
        for size in (trade.size // 2, min(self.lowest, trade.size)):
            smaller = self._judge(size)
            if isinstance(smaller, Trade):
                return Decimal(smaller.net).scaleb(-18)
        return None

    def _candidates(self) -> Iterator[tuple[int, int]]:
        """Sizes worth judging with the profit they cannot exceed, most promising first, found as they are
        asked for.
        """
        segments = self._segments()
        pool: list[tuple[int, int]] = []
        for i, (_, at) in enumerate(segments):
            pool += [(self.walk.best_possible(size), size) for size in self._sizes(at)]
            pool.sort()
            ahead = segments[i + 1][0] if i + 1 < len(segments) else None
            while pool and (ahead is None or pool[-1][0] >= ahead):
                yield pool.pop()

    def _segments(self) -> list[tuple[int, int]]:
        """The stretches between break-points, by the profit that no size there can pass, most promising first.

        On a stretch every pair earns the same, so the profit before rounding is largest at one of its ends.
        """
        found = []
        before = net_before = 0
        for at, (end, one, two) in enumerate(zip(self.walk.sizes, *self.walk.cash, strict=True)):
            if before >= self.top.size:
                break
            net = end * sizing.PICO_PER_DOLLAR - one - two
            found.append((max(net, net_before) + self.walk.rounding_gain(at), at))
            before, net_before = end, net
        return sorted(found, reverse=True)

    def _sizes(self, at: int) -> list[int]:
        """The largest and smallest size of a stretch that the platforms accept: one of them is best there."""
        limits = self.walk.prices[0][at], self.walk.prices[1][at]
        before = self.walk.sizes[at - 1] if at else 0
        step = self._step(limits)
        low = sizing.up(max(before + 1, self._least(limits)), step)
        high = sizing.down(min(self.walk.sizes[at], self.top.size), step)
        if low > high:
            return []
        return [low, high] if low < high else [high]

    def _nothing_to_judge(self) -> Why:
        if any(self._sizes(at) for _, at in self._segments()):
            return NO_PROFIT, "fees and rounding take the whole gap"
        on_offer, least = dollars(self.walk.sizes[-1]), dollars(self.lowest)
        if on_offer < least and self.walk.ran_out:
            return BELOW_MINIMUM, f"only {on_offer} on offer, minimum {least}"
        if on_offer < least:
            return NO_PROFIT, f"the minimum of {least} costs more than it pays"
        if self.top.size < self.walk.sizes[-1]:
            return (
                CAPPED,
                f"{self.top.why} allows {dollars(self.top.size)}, the platforms accept no such size",
            )
        return BELOW_MINIMUM, f"the platforms accept no size of {least} to {on_offer} at these prices"

    def _judge(self, size: int) -> Trade | Why:
        """The exact trade at `size`, or at the next smaller size that platforms and budgets accept."""
        held_by = ""
        while size >= self.lowest:
            limits = self.walk.limits_at(size)
            off = self._off_grid(limits)
            if off is not None:
                return off
            fitting = sizing.down(size, self._step(limits))
            if fitting < size:
                size = fitting
                continue
            if size < self._least(limits):
                break
            fills = self._fills(0, size), self._fills(1, size)
            costs = (
                self.sides[0].fees.order_cost(BUY, fills[0]),
                self.sides[1].fees.order_cost(BUY, fills[1]),
            )
            excess, name = self._over_budget(costs)
            if excess > 0:
                # Only rounding can have passed the budget, so a few steps are all it takes.
                held_by = name
                size = sizing.down(size - max(self.step, micro_up(excess)), self.step)
                continue
            return self._trade(size, limits, fills, costs, held_by or self._limited_by(size, limits))
        if held_by:
            return CAPPED, f"{held_by} allows no order that the platforms accept"
        return BELOW_MINIMUM, f"no size of {dollars(self.lowest)} or more is accepted at these prices"

    def _fills(self, leg: int, size: int) -> tuple[Level, ...]:
        """The levels an order for `size` takes. Whole levels are made once for all sizes that are judged."""
        whole = self._whole[leg]
        fills = []
        for at, (price, on_offer) in enumerate(self.sides[leg].asks):
            if on_offer > size:
                if size:
                    fills.append(Level(dollars(price), dollars(size)))
                break
            if at == len(whole):
                whole.append(Level(dollars(price), dollars(on_offer)))
            fills.append(whole[at])
            size -= on_offer
        return tuple(fills)

    def _off_grid(self, limits: tuple[int, int]) -> Why | None:
        for side, limit in zip(self.sides, limits, strict=True):
            if sizing.buy_limit(limit, side.claim.outcome, side.listing.bands) != limit:
                # A limit on the grid below it would not reach this level; the levels before are judged too.
                return OFF_TICK, f"{dollars(limit)} is off the price grid of {side.name}"
        return None

    def _step(self, limits: tuple[int, int]) -> int:
        """The size step at these limits: both markets', and whole cents where a platform asks for them."""
        step = self.step
        for side, limit in zip(self.sides, limits, strict=True):
            if side.listing.whole_cents:
                step = sizing.cent_step(limit, step)
        return step

    def _least(self, limits: tuple[int, int]) -> int:
        """The smallest size that both platforms' minimum sizes and values allow at these limits."""
        return max(
            self.lowest,
            *(
                sizing.least_size(side.listing.least_value, limit)
                for side, limit in zip(self.sides, limits, strict=True)
            ),
        )

    def _over_budget(self, costs: tuple[OrderCost, OrderCost]) -> tuple[Decimal, str]:
        """Dollars by which the orders pass the tightest budget, and its name; 0 or less when they fit."""
        spent: dict[str, Decimal] = {}
        for side, cost in zip(self.sides, costs, strict=True):
            spent[side.claim.platform] = spent.get(side.claim.platform, Decimal(0)) + cost.cash
        limits = {platform: self.caps.budget(platform) for platform in spent}
        return max(
            (
                (spent[platform] - limit[0], f"{limit[1]}:{platform}")
                for platform, limit in limits.items()
                if limit
            ),
            default=(Decimal(0), ""),
        )

    def _trade(
        self,
        size: int,
        limits: tuple[int, int],
        fills: tuple[tuple[Level, ...], tuple[Level, ...]],
        costs: tuple[OrderCost, OrderCost],
        limited_by: str,
    ) -> Trade:
        net = int((dollars(size) - costs[0].cash - costs[1].cash).scaleb(18))
        return Trade(size, net, limits, fills, costs, limited_by)

    def _limited_by(self, size: int, limits: tuple[int, int]) -> str:
        step = self._step(limits)
        if size + step > self.top.size:
            return self.top.why
        forced = size == sizing.up(self._least(limits), step)
        last_costs = self.walk.net_at(size) < self.walk.net_at(size - 1)
        return sizing.MIN_SIZE if forced and last_costs else sizing.EDGE


def micro_up(amount: Decimal) -> int:
    """Dollars as micro-dollars, rounded up."""
    return -int(-amount.scaleb(6) // 1)
