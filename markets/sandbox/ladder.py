"""One market's resting orders: two ladders of price levels, each level a queue in order of arrival."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from markets.books import MICRO, YES
from markets.sandbox.orders import BUY, SELL, STP_NONE, STP_TAKER, Band, Order

Levels = tuple[tuple[int, int], ...]


class Ladder:
    """One side of a book. `prices` ascend; `best` is the last of them for bids and the first for asks."""

    __slots__ = ("_queues", "prices", "side", "totals")

    def __init__(self, side: str) -> None:
        self.side = side
        self.prices: list[int] = []
        self.totals: dict[int, int] = {}  # price -> micro-contracts
        self._queues: dict[int, dict[str, Order]] = {}  # a dict keeps order of arrival and removes in O(1)

    @property
    def best(self) -> int:
        """The best price. Only valid while `prices` is not empty."""
        return self.prices[-1] if self.side == BUY else self.prices[0]

    def first(self) -> Order:
        """The order that trades next."""
        return next(iter(self._queues[self.best].values()))

    def queue(self, price: int) -> Iterator[Order]:
        """Orders at a price, the oldest first."""
        return iter(self._queues.get(price, {}).values())

    def add(self, order: Order) -> int:
        """Put an order at the back of its level; returns the level's new total."""
        price = order.price
        if price not in self._queues:
            insort(self.prices, price)
            self._queues[price] = {}
            self.totals[price] = 0
        self._queues[price][order.id] = order
        self.totals[price] += order.remaining
        return self.totals[price]

    def remove(self, order: Order) -> int:
        """Take an order out whole; returns the level's new total."""
        return self._take(order, order.remaining, gone=True)

    def shrink(self, order: Order, size: int) -> int:
        """`size` of an order went away (its `remaining` is already lower); returns the level's new total."""
        return self._take(order, size, gone=order.remaining == 0)

    def _take(self, order: Order, size: int, *, gone: bool) -> int:
        price = order.price
        self.totals[price] -= size
        if gone:
            queue = self._queues[price]
            del queue[order.id]
            if not queue:
                del self._queues[price], self.totals[price]
                del self.prices[bisect_left(self.prices, price)]
                return 0
        return self.totals[price]

    def best_first(self) -> Iterator[int]:
        """Prices, the best first."""
        return reversed(self.prices) if self.side == BUY else iter(self.prices)

    def levels(self, depth: int | None = None) -> Levels:
        """(price, total) pairs, the best first."""
        prices = self.prices[::-1] if self.side == BUY else self.prices
        return tuple((price, self.totals[price]) for price in prices[:depth])


class MarketBook:
    """A market's two ladders in YES terms, with the rules its orders must keep."""

    __slots__ = ("asks", "bands", "bids", "lot", "market_id", "min_size", "state")

    def __init__(
        self, market_id: str, *, bands: tuple[Band, ...], min_size: int, lot: int, state: str
    ) -> None:
        self.market_id = market_id
        self.bands = bands
        self.min_size = min_size
        self.lot = lot
        self.state = state
        self.bids = Ladder(BUY)
        self.asks = Ladder(SELL)

    def ladder(self, side: str) -> Ladder:
        """The ladder on which an order of `side` rests."""
        return self.bids if side == BUY else self.asks

    def against(self, side: str) -> Ladder:
        """The ladder that an order of `side` trades against."""
        return self.asks if side == BUY else self.bids

    @property
    def best_bid(self) -> int:
        """Best YES bid in micro-dollars, 0 when there is none."""
        return self.bids.prices[-1] if self.bids.prices else 0

    @property
    def best_ask(self) -> int:
        """Best YES ask in micro-dollars, 1,000,000 when there is none."""
        return self.asks.prices[0] if self.asks.prices else MICRO

    def resting(self) -> Iterator[Order]:
        """Every resting order, bids first, best price first, oldest first."""
        for ladder in (self.bids, self.asks):
            for price in list(ladder.best_first()):
                yield from list(ladder.queue(price))

    @staticmethod
    def meets(side: str, limit: int, price: int) -> bool:
        """True where an order of `side` with this limit may trade at `price`."""
        return price <= limit if side == BUY else price >= limit

    def would_cross(self, side: str, price: int) -> bool:
        """True where an order of `side` at `price` would trade at once."""
        against = self.against(side)
        return bool(against.prices) and self.meets(side, price, against.best)

    def can_fill(self, order: Order, budget: int | None) -> bool:
        """True where an all-or-nothing order fills whole, or spends its budget to the last lot."""
        wanted, money = order.remaining, None if budget is None else budget * MICRO
        if wanted <= 0:
            return False
        ladder = self.against(order.side)
        for price in ladder.best_first():
            if not self.meets(order.side, order.price, price):
                return False
            for maker in ladder.queue(price):
                if maker.account == order.account and order.stp != STP_NONE:
                    if order.stp == STP_TAKER:
                        return False
                    continue
                size = min(wanted, maker.remaining)
                if money is not None:
                    paid = price if order.outcome == YES else MICRO - price
                    affordable = money // paid // self.lot * self.lot
                    if affordable <= size:
                        return affordable > 0 or wanted < order.remaining
                    money -= size * paid
                wanted -= size
                if wanted <= 0:
                    return True
        return False
