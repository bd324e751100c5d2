"""How much to buy: an exact merge of two ask ladders, its break-points, and what caps the size.

All integers, because a tick must not pay for decimals: prices in micro-dollars, sizes in micro-contracts, and
money in **atto-dollars** (1e-18 dollars): a price with its fee in pico-dollars times a size in
micro-contracts.

The merge takes the best ask of both legs, size for size, as the platforms would fill the orders, so after each
step one level is used up. Between two such break-points every pair earns the same, so of the sizes there the
smallest or the largest is best. Rounding is the only departure; `Walk.best_possible` bounds it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import gcd, lcm

from markets.books import MICRO, NO, YES, Ladder, micro

PICO_PER_MICRO = 10**6  # pico-dollars in a micro-dollar
PICO_PER_DOLLAR = 10**12
ATTO = 10**18  # atto-dollars in a dollar
CENT_IN_MICRO_SQUARED = 10**10  # one cent as micro-dollars times micro-contracts

# The most that rounding can gain us on one fill: a fee rounded to the nearest 0.00001 dollars loses half of
# that. (Kalshi rounds up, and gives back no more than its rounding took.)
ROUNDING_GAIN = 5 * 10**12

# What held the size back.
DEPTH, EDGE, MIN_SIZE, MAX_CONTRACTS, MAX_PAYOFF, MAX_OUTLAY, CASH, HURDLE = (
    "depth", "edge", "min_size", "max_contracts", "max_payoff", "max_outlay", "cash", "hurdle",
)  # fmt: skip

UnitCost = Callable[[int], int]  # price in micro-dollars to price and marginal fee in pico-dollars


@dataclass(slots=True)
class Walk:
    """Cumulated totals of a merge at each break-point, unrounded."""

    sizes: list[int] = field(default_factory=list)  # pairs bought so far, micro-contracts
    cash: tuple[list[int], list[int]] = field(
        default_factory=lambda: ([], [])
    )  # per leg with fees, atto-dollars
    prices: tuple[list[int], list[int]] = field(
        default_factory=lambda: ([], [])
    )  # per leg, of the level in use up to this break-point, micro-dollars
    ran_out: bool = False  # a ladder ended before the gain was lost

    def cash_at(self, leg: int, size: int) -> int:
        """Unrounded cash of one leg for `size` pairs, atto-dollars; `size` must not pass the walk's end."""
        at = bisect_left(self.sizes, size)
        cash = self.cash[leg]
        if self.sizes[at] == size:
            return cash[at]
        before, paid = (self.sizes[at - 1], cash[at - 1]) if at else (0, 0)
        # Exact: within one step every contract costs the same.
        return paid + (size - before) * (cash[at] - paid) // (self.sizes[at] - before)

    def limits_at(self, size: int) -> tuple[int, int]:
        """The worst price of each leg that `size` pairs take, micro-dollars; `size` must not pass the end."""
        at = bisect_left(self.sizes, size)
        return self.prices[0][at], self.prices[1][at]

    def net_at(self, size: int) -> int:
        """Unrounded profit of `size` pairs, atto-dollars."""
        return size * PICO_PER_DOLLAR - self.cash_at(0, size) - self.cash_at(1, size)

    def best_possible(self, size: int) -> int:
        """No exact profit at `size` can be above this, whatever the rounding; atto-dollars."""
        return self.net_at(size) + self.rounding_gain(bisect_left(self.sizes, size))

    def worth_until(self, hurdle: int) -> int:
        """The size up to which every pair gains at least `hurdle` (pico-dollars, fees taken off), micro-contracts.

        Prices with fees only rise along a ladder, so gains only fall.
        """
        before = net_before = 0
        for end, one, two in zip(self.sizes, *self.cash, strict=True):
            net = end * PICO_PER_DOLLAR - one - two
            if net - net_before < hurdle * (end - before):
                return before
            before, net_before = end, net
        return before

    @staticmethod
    def rounding_gain(at: int) -> int:
        """The most that rounding can gain up to and with break-point `at`; atto-dollars."""
        return 2 * (1 + at) * ROUNDING_GAIN  # each leg begins at most one level per break-point

    def affordable(self, legs: Sequence[int], budget: int) -> int | None:
        """The largest size whose unrounded cash on `legs` fits `budget` (atto-dollars); None: all of it."""
        totals = [sum(parts) for parts in zip(*(self.cash[leg] for leg in legs), strict=True)]
        at = bisect_right(totals, budget)
        if at == len(totals):
            return None
        before, paid = (self.sizes[at - 1], totals[at - 1]) if at else (0, 0)
        return before + (budget - paid) * (self.sizes[at] - before) // (totals[at] - paid)


def merge(one: Ladder, two: Ladder, cost_one: UnitCost, cost_two: UnitCost) -> Walk:
    """Buy both ladders size for size until what the first pairs gain before fees is lost on the last.

    So the walk holds every size that could leave a profit, also those past the best one: a minimum or a step
    may force an order there. Fees do not end it: the exact profit is judged later, so a higher fee can never
    open a size that a lower one did not see.
    """
    walk = Walk()
    sizes, (cash_one, cash_two) = walk.sizes, walk.cash
    i = j = total = gross = paid_one = paid_two = 0
    left_one = left_two = price_one = price_two = unit_one = unit_two = 0
    while True:
        if not left_one:
            if i == len(one):
                break
            price_one, left_one = one[i]
            unit_one = cost_one(price_one)
            i += 1
        if not left_two:
            if j == len(two):
                break
            price_two, left_two = two[j]
            unit_two = cost_two(price_two)
            j += 1
        gain = MICRO - price_one - price_two
        if gain <= 0 and gross <= 0:
            return walk
        part = left_one if left_one < left_two else left_two
        total += part
        gross += part * gain
        paid_one += part * unit_one
        paid_two += part * unit_two
        sizes.append(total)
        cash_one.append(paid_one)
        cash_two.append(paid_two)
        walk.prices[0].append(price_one)
        walk.prices[1].append(price_two)
        left_one -= part
        left_two -= part
    walk.ran_out = True
    return walk


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent: contracts per leg, and dollars per platform by risk limit and by cash at hand.

    `max_payoff` caps the dollars paid in every state: with two legs the contracts of each. `hurdle` is what each pair
    must gain to be worth its risk, in dollars per $1 of payoff: with two legs the walk ends where less is left.
    """

    max_contracts: Decimal | None = None
    max_outlay: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    max_payoff: Decimal | None = None
    hurdle: Decimal | None = None

    def budget(self, platform: str) -> tuple[Decimal, str] | None:
        """The tighter of risk limit and cash on a platform, in dollars, with its name; None: no limit."""
        known = [(self.max_outlay.get(platform), MAX_OUTLAY), (self.cash.get(platform), CASH)]
        return min(((amount, name) for amount, name in known if amount is not None), default=None)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The largest size allowed (micro-contracts), and what holds it there."""

    size: int
    why: str


def ceiling(walk: Walk, platforms: tuple[str, str], caps: Caps, least: int = 0) -> Ceiling:
    """The smallest of depth, the walk to the hurdle, contract cap, and what each platform's budget affords (before
    rounding).

    The hurdle does not hold back the `least` size (micro-contracts) that platforms accept: then the whole is judged.
    """
    lowest = Ceiling(walk.sizes[-1], DEPTH if walk.ran_out else EDGE)
    if caps.hurdle is not None:
        lowest = _lower(lowest, max(least, walk.worth_until(int(caps.hurdle * PICO_PER_DOLLAR))), HURDLE)
    if caps.max_contracts is not None:
        lowest = _lower(lowest, int(caps.max_contracts * MICRO), MAX_CONTRACTS)
    if caps.max_payoff is not None:
        lowest = _lower(lowest, int(caps.max_payoff * MICRO), MAX_PAYOFF)
    for platform in dict.fromkeys(platforms):
        limit = caps.budget(platform)
        if limit is None:
            continue
        legs = [leg for leg in (0, 1) if platforms[leg] == platform]
        size = walk.affordable(legs, max(0, int(limit[0] * ATTO)))
        if size is not None:
            lowest = _lower(lowest, size, f"{limit[1]}:{platform}")
    return lowest


def _lower(found: Ceiling, size: int, why: str) -> Ceiling:
    return Ceiling(max(0, size), why) if size < found.size else found


def down(size: int, step: int) -> int:
    """`size` rounded down to a multiple of `step`."""
    return size - size % step


def up(size: int, step: int) -> int:
    """`size` rounded up to a multiple of `step`."""
    return -(-size // step) * step


def common_step(one: int, two: int) -> int:
    """The size step that both markets accept."""
    return lcm(one, two)


def cent_step(limit_price: int, step: int) -> int:
    """The size step (micro-contracts) at which size times `limit_price` is in whole cents, and `step` still
    holds.
    """
    return lcm(step, CENT_IN_MICRO_SQUARED // gcd(limit_price, CENT_IN_MICRO_SQUARED))


def least_size(value: int, price: int) -> int:
    """The smallest size (micro-contracts) that is worth `value` micro-dollars at `price`."""
    return -(-value * MICRO // price)


Band = tuple[int, int, int]  # start, end, step in micro-dollars, YES terms


def bands_of(ticks: Sequence[tuple[Decimal, Decimal, Decimal]]) -> tuple[Band, ...]:
    """Tick bands in integers. Raises ValueError for a step that is not positive or a number that does not
    fit.
    """
    bands = tuple((micro(start), micro(end), micro(step)) for start, end, step in ticks)
    if not bands or any(step <= 0 or end <= start for start, end, step in bands):
        raise ValueError("tick bands must not be empty, reversed or without a step")
    return bands


def buy_limit(price: int, outcome: str, bands: Sequence[Band]) -> int | None:
    """The highest price on the grid that is not above `price`, all in micro-dollars of `outcome`.

    Grids are in YES terms, so a NO price is turned over first. Rounding down means toward not trading. None
    where no band holds the price, or none of it lies strictly between 0 and 1.
    """
    yes = price if outcome == YES else MICRO - price
    found = None
    for start, end, step in bands:
        if not start <= yes <= end:
            continue
        past = (yes - start) % step
        if past == 0:
            found = price
            break
        found = price - (past if outcome == YES else step - past)
    return found if found is not None and 0 < found < MICRO else None


def sell_limit(price: int, outcome: str, bands: Sequence[Band]) -> int | None:
    """The lowest price on the grid that is not below `price`: to sell is to buy the other outcome, turned over."""
    found = buy_limit(MICRO - price, NO if outcome == YES else YES, bands)
    return None if found is None else MICRO - found
