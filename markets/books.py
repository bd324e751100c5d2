"""Live order books: one per market, held in YES terms, in exact integers.

Prices are micro-dollars (1 dollar = 1,000,000), sizes micro-contracts (1 contract = 1,000,000). Every price and size
that either platform can send fits these units without rounding, and integers are what a hot path can afford.
People, the API and the database see `Decimal`; `dollars` and `contracts` convert.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
MOST_DIGITS = 18  # before the point; no price, size or budget comes near
YES, NO = "YES", "NO"
OTHER = {YES: NO, NO: YES}

# (price in micro-dollars, size in micro-contracts), best first
Ladder = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Level:
    """One price level as a person or the money path sees it."""

    price: Decimal  # dollars per contract, 0 to 1
    size: Decimal  # contracts on offer


def dollars(micro: int) -> Decimal:
    """Micro-dollars (or micro-contracts) as an exact decimal."""
    return Decimal(micro).scaleb(-6)


def micro(value: Decimal | str) -> int:
    """Dollars or contracts as an integer of 1e-6.

    Raises ValueError where the value is no finite number, is absurdly large or does not fit the unit exactly.
    """
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite() or number.adjusted() > MOST_DIGITS:
        raise ValueError(f"{value!r} is not a finite number of a usable size")
    # Integers, for a decimal's context would round a long number before it could be refused.
    over, under = number.as_integer_ratio()
    whole, rest = divmod(over * MICRO, under)
    if rest:
        raise ValueError(f"{value!r} has more than six decimals")
    return whole


def levels(ladder: Iterable[tuple[int, int]]) -> list[Level]:
    """A ladder of integers as exact decimal levels."""
    return [Level(dollars(price), dollars(size)) for price, size in ladder]


def mirrored(ladder: Iterable[tuple[int, int]]) -> Ladder:
    """The other outcome's opposite side: a YES bid at p is a NO ask at 1 - p, and the other way round."""
    return tuple((MICRO - price, size) for price, size in ladder)


class Book:
    """A mutable order book of one market in YES terms.

    `bids` and `asks` map price to size. `best_bid` is 0 and `best_ask` is 1,000,000 where a side is empty,
    so a spread can always be computed and an empty side never looks tradable.
    A book is tradable only while it is `trusted`: complete since its last snapshot, with no gap.
    """

    __slots__ = ("asks", "best_ask", "best_bid", "bids", "changed_ms", "trusted")

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid = 0
        self.best_ask = MICRO
        self.trusted = False
        self.changed_ms = 0  # when it last changed, Unix milliseconds, by the receiver's clock

    def replace(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> None:
        """Take a whole snapshot; levels in any order, zero sizes left out."""
        self.bids = {price: size for price, size in bids if size}
        self.asks = {price: size for price, size in asks if size}
        self.best_bid = max(self.bids, default=0)
        self.best_ask = min(self.asks, default=MICRO)

    def set_bid(self, price: int, size: int) -> None:
        """Make `size` the total at `price`; 0 removes the level."""
        if size:
            self.bids[price] = size
            if price > self.best_bid:
                self.best_bid = price
        elif self.bids.pop(price, 0) and price == self.best_bid:
            self.best_bid = max(self.bids, default=0)

    def set_ask(self, price: int, size: int) -> None:
        """Make `size` the total at `price`; 0 removes the level."""
        if size:
            self.asks[price] = size
            if price < self.best_ask:
                self.best_ask = price
        elif self.asks.pop(price, 0) and price == self.best_ask:
            self.best_ask = min(self.asks, default=MICRO)

    def drop(self) -> None:
        """Forget everything: a gap, a reconnect or a tick change made the levels worthless."""
        self.bids = {}
        self.asks = {}
        self.best_bid = 0
        self.best_ask = MICRO
        self.trusted = False

    @property
    def crossed(self) -> bool:
        """A bid at or above an ask: normal for milliseconds, an error when it lasts; never tradable."""
        return self.best_bid >= self.best_ask

    def bid_ladder(self, depth: int | None = None) -> Ladder:
        """YES bids, best first."""
        return tuple(sorted(self.bids.items(), reverse=True)[:depth])

    def ask_ladder(self, depth: int | None = None) -> Ladder:
        """YES asks, best first."""
        return tuple(sorted(self.asks.items())[:depth])


@dataclass(frozen=True, slots=True)
class BookView:
    """A book at one moment, as detection, the ladder page and paper trading read it."""

    platform: str
    market_id: str
    bids: Ladder  # YES bids, best first
    asks: Ladder  # YES asks, best first
    changed_ms: int  # last change, Unix milliseconds, by the receiver's clock
    confirmed_ms: int  # last moment the feed vouched for it, Unix milliseconds

    def asks_for(self, outcome: str) -> Ladder:
        """What one can buy of `outcome`, best first."""
        return self.asks if outcome == YES else mirrored(self.bids)

    def bids_for(self, outcome: str) -> Ladder:
        """What one can sell of `outcome` into, best first."""
        return self.bids if outcome == YES else mirrored(self.asks)

    @property
    def crossed(self) -> bool:
        """True where the best bid meets or passes the best ask."""
        return bool(self.bids and self.asks and self.bids[0][0] >= self.asks[0][0])


def cost_to_buy(asks: Sequence[Level], size: Decimal) -> Decimal | None:
    """What `size` contracts cost before fees, best asks first; None if the book is too thin."""
    taken = take(asks, size)
    if sum((level.size for level in taken), Decimal(0)) < size:
        return None
    return sum((level.price * level.size for level in taken), Decimal(0))


def take(ladder: Sequence[Level], size: Decimal) -> list[Level]:
    """The levels that an order for `size` contracts would take, best first, cut to `size`."""
    taken, wanted = [], size
    for level in ladder:
        if wanted <= 0:
            break
        part = min(wanted, level.size)
        taken.append(Level(level.price, part))
        wanted -= part
    return taken
