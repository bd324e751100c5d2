"""Ladders of a wide bet's claims with their running totals, and sizes that platforms accept for one claim.

Integers: prices in micro-dollars, sizes in micro-contracts, money in atto-dollars, as in `signals.sizing`.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from markets.books import MICRO
from signals import sizing
from signals.programs import Column, Rows
from signals.sides import Side

# Of one level. No order comes near, and sums of int64 must not overflow.
MOST_ON_OFFER = 10**15


@dataclass(slots=True)
class Holding:
    """One claim: what can be bought of it, and what any size of it costs."""

    side: Side
    rows: Rows  # the states it pays in
    cap: int | None = None  # micro-contracts
    on_grid: bool = False  # leave out what lies at and beyond the first price off the market's grid
    prices: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # contracts up to and with each level
    units: list[int] = field(default_factory=list)  # pico-dollars per contract with the marginal fee
    spent: list[int] = field(default_factory=list)  # atto-dollars up to and with each level
    capped: bool = False  # the cap, and not the book, ends it
    strayed: bool = False  # a price off the grid ends it
    least: int | None = None  # the smallest size that is accepted; None: none is

    def __post_init__(self) -> None:
        listing, outcome = self.side.listing, self.side.claim.outcome
        end = spent = 0
        for price, on_offer in self.side.asks:
            unit = listing.unit_cost(price)
            # A contract pays at most a dollar: at that price it never helps.
            if unit >= sizing.PICO_PER_DOLLAR:
                break
            if self.on_grid and sizing.buy_limit(price, outcome, listing.bands) != price:
                self.strayed = True
                break
            part = min(on_offer, MOST_ON_OFFER)
            if self.cap is not None and end + part >= self.cap:
                part, self.capped = self.cap - end, True
            if part > 0:
                end += part
                spent += part * unit
                self.prices.append(price)
                self.ends.append(end)
                self.units.append(unit)
                self.spent.append(spent)
            if self.capped:
                break
        self.least = self._least()

    @property
    def depth(self) -> int:
        """All that may be bought."""
        return self.ends[-1] if self.ends else 0

    def column(self, budget: int) -> Column:
        """This claim as the solver sees it: contracts and dollars, as floats."""
        sizes = [(end - before) / MICRO for before, end in zip([0, *self.ends], self.ends, strict=False)]
        return Column(self.rows, sizes, [unit / sizing.PICO_PER_DOLLAR for unit in self.units], budget)

    def at(self, size: int) -> int:
        """The level that the last contract of `size` is taken from."""
        return bisect_left(self.ends, size)

    def cash(self, size: int) -> int:
        """Unrounded cash for `size`, atto-dollars."""
        if not size:
            return 0
        level = self.at(size)
        return self.spent[level] - (self.ends[level] - size) * self.units[level]

    def step(self, level: int) -> int:
        """The size step of an order whose limit is the price of `level`."""
        listing = self.side.listing
        return sizing.cent_step(self.prices[level], listing.step) if listing.whole_cents else listing.step

    def fit(self, contracts: float) -> int:
        """The largest accepted step at or below `contracts`, where the solver's last digits are not trusted."""
        size = min(max(0, round(contracts * MICRO)), self.depth)
        while size > 0:
            level = self.at(size)
            step = self.step(level)
            near = (size + step // 2) // step * step
            blur = 2 + size // 10**9
            fitting = near if abs(near - size) <= blur and near <= self.ends[level] else size - size % step
            if fitting == size or (fitting > 0 and self.at(fitting) == level):
                return fitting
            size = fitting
        return 0

    def not_below(self, size: int) -> int | None:
        """The smallest accepted size that is at least `size`; None where the ladder ends before it."""
        before = 0
        listing = self.side.listing
        for level, end in enumerate(self.ends):
            low = max(before + 1, size, listing.lowest)
            if listing.least_value:
                low = max(low, sizing.least_size(listing.least_value, self.prices[level]))
            low = sizing.up(low, self.step(level))
            if low <= end:
                return low
            before = end
        return None

    def _least(self) -> int | None:
        return self.not_below(1)
