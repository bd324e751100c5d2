"""What the background market makers want to show: ladders around a price, on a market's grid.

Fair values are the simulation's own invention, yet integers all the same: micro-dollars, like everything here.
"""

import random
from dataclasses import dataclass

from markets.books import MICRO
from markets.platforms.base import KALSHI
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, SELL, Band

CENT = 10_000
LOWEST, HIGHEST = 2 * CENT, 98 * CENT  # fair values stay inside

Wanted = dict[tuple[str, int], int]  # (side, price) -> size


def snap(bands: tuple[Band, ...], price: int, *, up: bool) -> int:
    """The nearest grid price at or below (above, with `up`) `price`; 0 or 1,000,000 where there is none inside."""
    price = min(max(price, 0), MICRO)
    for band in bands:
        if band.start <= price <= band.end:
            over = (price - band.start) % band.step
            return price - over + (band.step if up and over else 0)
    return MICRO if up else 0


@dataclass(slots=True)
class Fair:
    """A probability that walks: pulled to its anchor, and near the close to what will turn out to be true."""

    price: int  # micro-dollars per YES
    anchor: int
    truth: int
    close_ms: int
    life_ms: int
    volatility: int  # micro-dollars per square root of a second
    moved_ms: int

    def move(self, now_ms: int, rng: random.Random) -> None:
        """Walk on to `now_ms`."""
        elapsed = now_ms - self.moved_ms
        if elapsed <= 0:
            return
        self.moved_ms = now_ms
        seconds = min(elapsed / 1000, 5.0)
        step = rng.gauss(0, 1) * self.volatility * seconds**0.5
        left_ms = max(self.close_ms - now_ms, 1)
        if left_ms < self.life_ms // 3:  # the outcome begins to show
            goal, pull = (HIGHEST if self.truth else LOWEST), min(0.3, 3 * elapsed / left_ms)
        else:
            goal, pull = self.anchor, min(1.0, seconds / 600)
        self.price = min(max(round(self.price + step + (goal - self.price) * pull), LOWEST), HIGHEST)


@dataclass(slots=True, eq=False)
class Quoter:
    """One market's background maker: what it believes, how late, how it is biased, and its account."""

    market: SandboxMarket
    account: str
    fair: Fair
    inverted: bool  # its YES is the fair value's NO
    lag_ms: int
    half_spread: int
    base_size: int
    seen: int = 0  # the fair value as this maker sees it, in the fair's own terms
    bias: int = 0
    shift: int = 0  # how far it stands off for good, in YES terms of its own market
    offset: int = 0  # a dislocation, in the fair's own terms
    offset_until_ms: int = 0
    frozen_until_ms: int = 0  # a forced gap: nobody touches the quotes
    thought_ms: int = 0
    number: int = 0

    def think(self, now_ms: int, rng: random.Random) -> None:
        """Follow the fair value with this maker's own lag and noise."""
        elapsed = max(now_ms - self.thought_ms, 0)
        self.thought_ms = now_ms
        self.seen += round((self.fair.price - self.seen) * min(1.0, elapsed / self.lag_ms))
        self.bias = round(self.bias * 0.9 + rng.gauss(0, 800))

    def middle(self) -> int:
        """Where it puts the middle of its quotes, in YES terms of its own market."""
        middle = min(max(self.seen + self.bias + self.offset, LOWEST), HIGHEST)
        own = MICRO - middle if self.inverted else middle
        return min(max(own + self.shift, LOWEST), HIGHEST)

    def size(self, level: int, rng: random.Random) -> int:
        """A size for a level (0 is the best): hundredths on Kalshi, whole shares or hundredths on Polymarket."""
        hundredths = round(self.base_size * (1 + level / 2) * (0.4 + rng.random() * 1.2) * 100)
        if self.market.platform != KALSHI:
            hundredths = max(hundredths, 500)
            if rng.random() < 0.6:
                hundredths -= hundredths % 100
        return max(hundredths, 1) * 10_000

    def wanted(self, levels: int, rng: random.Random) -> Wanted:
        """The ladder it wants to show, with fresh sizes."""
        middle, bands = self.middle(), self.market.bands
        bid = snap(bands, middle - self.half_spread, up=False)
        ask = snap(bands, middle + self.half_spread, up=True)
        return self.ladder(bid, ask, levels, rng)

    def ladder(self, bid: int, ask: int, levels: int, rng: random.Random) -> Wanted:
        """`levels` levels a cent apart, from `bid` down and from `ask` up."""
        bands, found = self.market.bands, {}
        for level in range(levels):
            low = snap(bands, bid - level * CENT, up=False)
            high = snap(bands, ask + level * CENT, up=True)
            if low > 0:
                found[BUY, low] = self.size(level, rng)
            if high < MICRO:
                found[SELL, high] = self.size(level, rng)
        return found
