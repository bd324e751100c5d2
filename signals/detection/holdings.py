"""Ladders of a wide bet's claims with their running totals, and sizes that platforms accept for one claim.

Integers: prices in micro-dollars, sizes in micro-contracts, money in atto-dollars, as in `signals.sizing`.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from markets.books import MICRO, Ladder
from signals import sizing
from signals.detection.programs import Column, Rows
from signals.detection.sides import Side

# Of one claim. No order comes near, and sums of int64 must not overflow.
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

    def __post_init__(self) -> None:
        asks = self._before_stray() if self.on_grid else self.side.asks
        cost = self.side.listing.unit_cost
        cap = MOST_ON_OFFER if self.cap is None else min(self.cap, MOST_ON_OFFER)
        prices, ends, units, spent = self.prices, self.ends, self.units, self.spent
        end = paid = 0
        for price, on_offer in asks:
            unit = cost(price)
            # A contract pays at most a dollar: at that price it never helps.
            if unit >= sizing.PICO_PER_DOLLAR or end >= cap:
                break
            if end + on_offer > cap:
                on_offer = cap - end
            end += on_offer
            paid += on_offer * unit
            prices.append(price)
            ends.append(end)
            units.append(unit)
            spent.append(paid)
        self.capped = self.cap is not None and end >= self.cap

    def _before_stray(self) -> Ladder:
        asks, outcome, bands = self.side.asks, self.side.claim.outcome, self.side.listing.bands
        for at, (price, _) in enumerate(asks):
            if sizing.buy_limit(price, outcome, bands) != price:
                return asks[:at]
        return asks

    @property
    def depth(self) -> int:
        """All that may be bought."""
        return self.ends[-1] if self.ends else 0

    def column(self, budget: int) -> Column:
        """This claim as the solver sees it: contracts and dollars, as floats."""
        return Column(
            self.rows,
            np.diff(np.array([0, *self.ends], dtype=float)) / MICRO,
            np.array(self.units, dtype=float) / sizing.PICO_PER_DOLLAR,
            budget,
        )

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
        if contracts <= 0:
            return 0
        size = min(round(contracts * MICRO), self.depth)
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

    @property
    def least(self) -> int | None:
        """The smallest size that is accepted; None where none is."""
        return self.not_below(1)
