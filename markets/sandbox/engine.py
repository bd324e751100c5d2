"""The sandbox exchange's matching engine: one YES book per market, price before time, resting price.

Plain Python and single-threaded; reads no clock (every call takes `at_ms`) and draws ids from a seeded
generator, so the same calls always give the same world. It knows nothing of money, positions or wire formats:
the faces check funds before they call `submit` and follow what happens through a listener.

A listener is called once per operation with the list of all its events, in the order in which they happened:

    submit   OrderAccepted, then per match Trade, LevelChanged, OrderChanged|OrderClosed (the maker), then
             OrderChanged (the taker traded and rests) and/or LevelChanged (it rests) or OrderClosed
    cancel   LevelChanged, OrderClosed
    amend    same price: LevelChanged (one, net), OrderChanged
             other price: LevelChanged, OrderChanged, then as submit without OrderAccepted
    announce MarketChanged

By the time a listener runs, the book already shows the state after the whole operation; events carry the
values of their own moment. A listener may call the engine: its events are delivered after the current batch.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from markets.books import MICRO, YES
from markets.sandbox import orders as o
from markets.sandbox.ladder import Ladder, MarketBook
from markets.sandbox.orders import FOK, GTD, IOC, Band, Event, Order, Rejected

Listener = Callable[[list[Event]], None]

OPEN, PAUSED, CLOSED = "OPEN", "PAUSED", "CLOSED"

CENTS = (Band(0, MICRO, 10_000),)


class Engine:
    """All books of the sandbox. See the module's docstring for the events."""

    def __init__(self, seed: int | str = 0) -> None:
        self.listeners: list[Listener] = []
        self.orders: dict[str, Order] = {}  # open ones, and closed ones of accounts that are not `background`
        self.background: set[str] = set()  # accounts whose closed orders are forgotten at once
        self.trade_count = 0
        self._books: dict[str, MarketBook] = {}
        self._by_account: dict[str, dict[str, Order]] = {}  # account -> its open orders by id
        self._by_client: dict[tuple[str, str], Order] = {}
        self._expiries: list[tuple[int, str]] = []
        self._ids = random.Random(seed)
        self._batch: list[Event] = []
        self._ready: deque[list[Event]] = deque()
        self._delivering = False

    # --- markets

    def add_market(
        self,
        market_id: str,
        *,
        bands: tuple[Band, ...] = CENTS,
        min_size: int = 10_000,
        lot: int = 10_000,
        state: str = OPEN,
    ) -> MarketBook:
        """Begin a book. `min_size` and `lot` (the step of sizes) are micro-contracts."""
        if market_id in self._books:
            raise ValueError(f"market {market_id} exists already")
        book = MarketBook(market_id, bands=bands, min_size=min_size, lot=lot, state=state)
        self._books[market_id] = book
        return book

    def book(self, market_id: str) -> MarketBook:
        """The market's book, to read. Raises Rejected(unknown_market)."""
        book = self._books.get(market_id)
        if book is None:
            raise Rejected("unknown_market", f"there is no market {market_id}")
        return book

    def __contains__(self, market_id: str) -> bool:
        return market_id in self._books

    def set_state(self, market_id: str, state: str) -> None:
        """Open, pause or close a market for orders; cancelling resting orders is the world's decision."""
        self.book(market_id).state = state

    def set_bands(self, market_id: str, bands: tuple[Band, ...], *, at_ms: int) -> None:
        """Another price grid; resting orders that do not fit it are cancelled."""
        book = self.book(market_id)
        book.bands = bands
        for order in list(book.resting()):
            if not o.on_grid(bands, order.price):
                self._remove(order, o.TICK_CHANGED, at_ms)
        self._deliver()

    def announce(self, market_id: str, what: str, detail: dict[str, Any], *, at_ms: int) -> None:
        """Tell the listeners something about a market that is not its book."""
        self._batch.append(o.MarketChanged(market_id, what, detail, at_ms))
        self._deliver()

    # --- orders

    def submit(
        self,
        market_id: str,
        account: str,
        side: str,
        price: int,
        size: int,
        *,
        at_ms: int,
        tif: str = o.GTC,
        expires_ms: int = 0,
        post_only: bool = False,
        stp: str = o.STP_NONE,
        max_size: int | None = None,
        budget: int | None = None,
        outcome: str = YES,
        action: str = "",
        client_id: str = "",
        order_id: str = "",
        meta: dict[str, Any] | None = None,
    ) -> Order:
        """Match an order and rest what remains, as its time in force says; returns it in its final state.

        `side`, `price`, `size` are in YES terms. `max_size` cuts a reduce-only order to what it may reduce.
        `budget` (micro-dollars, with IOC or FOK) bounds what is paid for the owner's `outcome`, before fees.
        An FOK that cannot fill comes back closed with reason fok_killed (its ids are used up); whatever
        refuses the order as such raises Rejected and changes nothing.
        """
        self.expire(at_ms)
        book = self.book(market_id)
        self._check_new(book, price, size, post_only, side, tif, expires_ms, at_ms)
        if order_id and order_id in self.orders:
            raise Rejected("duplicate_order", f"order {order_id} exists already")
        if client_id and (account, client_id) in self._by_client:
            raise Rejected("duplicate_client_id", f"client order id {client_id} was used before")
        order = Order(
            id=order_id or self.new_id(),
            market_id=market_id,
            account=account,
            side=side,
            price=price,
            size=size,
            tif=tif,
            created_ms=at_ms,
            outcome=outcome,
            action=action or side,
            client_id=client_id,
            expires_ms=expires_ms if tif == GTD else 0,
            post_only=post_only,
            stp=stp,
            meta=meta if meta is not None else {},
            remaining=size,
            updated_ms=at_ms,
        )
        self.orders[order.id] = order
        if client_id:
            self._by_client[account, client_id] = order
        self._batch.append(o.OrderAccepted(order, at_ms))
        self._run(book, order, max_size, budget, at_ms)
        self._deliver()
        return order

    def cancel(self, order_id: str, *, at_ms: int, reason: str = o.CANCELLED) -> Order:
        """Take an order off the book. Raises Rejected(unknown_order|not_open)."""
        self.expire(at_ms)
        order = self._open(order_id)
        self._remove(order, reason, at_ms)
        self._deliver()
        return order

    def cancel_all(
        self,
        *,
        at_ms: int,
        account: str | None = None,
        market_id: str | None = None,
        reason: str = o.CANCELLED,
    ) -> list[Order]:
        """Cancel every open order of an account, of a market, or of both; returns them."""
        if account is not None:
            found = list(self.open_orders(account, market_id))
        elif market_id is not None:
            found = list(self.book(market_id).resting())
        else:
            found = [order for order in self.orders.values() if order.open]
        for order in found:
            self._remove(order, reason, at_ms)
        self._deliver()
        return found

    def decrease(self, order_id: str, *, at_ms: int, by: int | None = None, to: int | None = None) -> Order:
        """Take away `by`, or leave `to`, of what remains; priority stays. To zero is a cancel."""
        order = self._open(order_id)
        if (by is None) == (to is None):
            raise Rejected("bad_amend", "give either how much to take away or how much to leave")
        left = order.remaining - by if by is not None else (to or 0)
        if left > order.remaining or left < 0 or left % self.book(order.market_id).lot:
            raise Rejected("bad_amend", f"{order.remaining} remain; cannot leave {left}")
        if left == 0:
            self._remove(order, o.CANCELLED, at_ms)
        else:
            self._resize(order, left, o.DECREASED, at_ms)
        self._deliver()
        return order

    def amend(
        self,
        order_id: str,
        *,
        at_ms: int,
        price: int | None = None,
        remaining: int | None = None,
        expires_ms: int | None = None,
        client_id: str = "",
    ) -> Order:
        """Change the price, what remains, or the expiry of a resting order.

        Priority is kept only when the price stays and the size does not grow. A new price may match.
        """
        order = self._open(order_id)
        book = self.book(order.market_id)
        new_price = order.price if price is None else price
        left = order.remaining if remaining is None else remaining
        if left <= 0:
            raise Rejected("bad_amend", "nothing would remain: cancel it")
        self._check_new(book, new_price, left, order.post_only, order.side, order.tif, expires_ms or 0, at_ms)
        if client_id and self._by_client.get((order.account, client_id), order) is not order:
            raise Rejected("duplicate_client_id", f"client order id {client_id} was used before")
        if client_id:
            order.client_id = client_id
            self._by_client[order.account, client_id] = order
        if expires_ms is not None:
            order.expires_ms, order.tif = expires_ms, GTD
            heapq.heappush(self._expiries, (expires_ms, order.id))
        if new_price == order.price:
            self._resize(order, left, o.AMENDED, at_ms)
        else:
            self._reprice(book, order, new_price, left, at_ms)
        self._deliver()
        return order

    def expire(self, at_ms: int) -> None:
        """Close the GTD orders whose time has come. Called by every submit and by the world's step."""
        while self._expiries and self._expiries[0][0] <= at_ms:
            due, order_id = heapq.heappop(self._expiries)
            order = self.orders.get(order_id)
            if order is not None and order.open and order.expires_ms == due:
                self._remove(order, o.EXPIRED, at_ms)
        self._deliver()

    def restore(self, order: Order) -> None:
        """Know an order again that was taken before a restart, and rest it where it was open; tells nobody."""
        self.orders[order.id] = order
        if order.client_id:
            self._by_client[order.account, order.client_id] = order
        if order.open:
            self.book(order.market_id).ladder(order.side).add(order)
            self._by_account.setdefault(order.account, {})[order.id] = order
            if order.tif == GTD:
                heapq.heappush(self._expiries, (order.expires_ms, order.id))

    # --- reading

    def open_orders(self, account: str, market_id: str | None = None) -> Iterator[Order]:
        """The account's open orders, oldest first."""
        for order in self._by_account.get(account, {}).values():
            if market_id is None or order.market_id == market_id:
                yield order

    def by_client(self, account: str, client_id: str) -> Order | None:
        """The order that used this client id, open or not."""
        return self._by_client.get((account, client_id))

    def queue_ahead(self, order_id: str) -> int:
        """Micro-contracts that trade before this resting order at its own price."""
        order = self._open(order_id)
        ahead = 0
        for other in self.book(order.market_id).ladder(order.side).queue(order.price):
            if other is order:
                break
            ahead += other.remaining
        return ahead

    def new_id(self) -> str:
        """The next id: shaped like a UUID, drawn from the seed."""
        h = f"{self._ids.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    # --- inside

    def _check_new(
        self,
        book: MarketBook,
        price: int,
        size: int,
        post_only: bool,
        side: str,
        tif: str,
        expires_ms: int,
        at_ms: int,
    ) -> None:
        if book.state != OPEN:
            code = "market_closed" if book.state == CLOSED else "market_not_open"
            raise Rejected(code, f"market {book.market_id} is {book.state.lower()}")
        if not 0 < price < MICRO:
            raise Rejected("price_range", f"price {price} is not between 0 and 1 dollar")
        if not o.on_grid(book.bands, price):
            raise Rejected("price_off_grid", f"price {price} is not on the grid of {book.market_id}")
        if size <= 0 or size % book.lot:
            raise Rejected("size_step", f"size {size} is not a positive multiple of {book.lot}")
        if size < book.min_size:
            raise Rejected("size_too_small", f"size {size} is lower than the minimum {book.min_size}")
        if tif == GTD and 0 < expires_ms <= at_ms:
            raise Rejected("already_expired", "the expiration lies in the past")
        if post_only and book.would_cross(side, price):
            raise Rejected("post_only_cross", "post-only order would cross the book")

    def _open(self, order_id: str) -> Order:
        order = self.orders.get(order_id)
        if order is None:
            raise Rejected("unknown_order", f"there is no order {order_id}")
        if not order.open:
            raise Rejected("not_open", f"order {order_id} is closed: {order.closed_reason}")
        return order

    def _run(
        self, book: MarketBook, order: Order, max_size: int | None, budget: int | None, at_ms: int
    ) -> None:
        """Match, then rest or close."""
        rest_reason = o.IOC_REST
        if max_size is not None and max_size < order.remaining:
            order.remaining, rest_reason = max(max_size - max_size % book.lot, 0), o.REDUCE_ONLY
        if order.tif == FOK and not book.can_fill(order, budget):
            self._close(order, o.FOK_KILLED, at_ms)
            return
        stopped = self._match(book, order, budget, at_ms)
        if order.filled == order.size:
            self._close(order, o.FILLED, at_ms)
        elif stopped or order.tif in (IOC, FOK) or order.remaining <= 0:
            self._close(order, stopped or rest_reason, at_ms)
        else:
            if order.taker_filled:
                self._batch.append(o.OrderChanged(order, o.TRADED, order.remaining, order.filled, at_ms))
            self._rest(book, order, at_ms)

    def _match(self, book: MarketBook, order: Order, budget: int | None, at_ms: int) -> str:
        """Trade while prices meet. Returns why matching had to stop for good, or an empty string."""
        against = book.against(order.side)
        money = None if budget is None else budget * MICRO  # 1e-12 dollars
        while order.remaining > 0 and against.prices and book.meets(order.side, order.price, against.best):
            maker = against.first()
            if order.stp and maker.account == order.account:
                if order.stp == o.STP_TAKER:
                    return o.SELF_TRADE
                self._remove(maker, o.SELF_TRADE, at_ms)
                continue
            size = min(order.remaining, maker.remaining)
            if money is not None:
                paid = maker.price if order.outcome == YES else MICRO - maker.price
                size = min(size, money // paid // book.lot * book.lot)
                if size <= 0:
                    break
                money -= size * paid
            self._trade(against, maker, order, size, at_ms)
        return ""

    def _trade(self, against: Ladder, maker: Order, taker: Order, size: int, at_ms: int) -> None:
        price = maker.price
        for order in (maker, taker):
            order.remaining -= size
            order.filled += size
            order.notional += size * price
            order.updated_ms = at_ms
        taker.taker_filled += size
        self.trade_count += 1
        total = against.shrink(maker, size)
        self._batch.append(o.Trade(self.new_id(), maker.market_id, maker, taker, price, size, at_ms))
        self._batch.append(
            o.LevelChanged(maker.market_id, maker.side, price, total, -size, maker, taker, at_ms)
        )
        if maker.remaining:
            self._batch.append(o.OrderChanged(maker, o.TRADED, maker.remaining, maker.filled, at_ms))
        else:
            self._close(maker, o.FILLED, at_ms)

    def _rest(self, book: MarketBook, order: Order, at_ms: int) -> None:
        total = book.ladder(order.side).add(order)
        self._by_account.setdefault(order.account, {})[order.id] = order
        if order.tif == GTD:
            heapq.heappush(self._expiries, (order.expires_ms, order.id))
        delta = order.remaining
        self._batch.append(
            o.LevelChanged(order.market_id, order.side, order.price, total, delta, order, order, at_ms)
        )

    def _unrest(self, order: Order, at_ms: int) -> None:
        """Take a resting order out of its level, whole."""
        total = self._books[order.market_id].ladder(order.side).remove(order)
        self._batch.append(
            o.LevelChanged(
                order.market_id, order.side, order.price, total, -order.remaining, order, order, at_ms
            )
        )

    def _remove(self, order: Order, reason: str, at_ms: int) -> None:
        self._unrest(order, at_ms)
        self._close(order, reason, at_ms)

    def _resize(self, order: Order, left: int, reason: str, at_ms: int) -> None:
        delta = left - order.remaining
        ladder = self._books[order.market_id].ladder(order.side)
        if delta > 0:  # growing goes to the back of the queue
            ladder.remove(order)
            order.remaining = left
            total = ladder.add(order)
        else:
            order.remaining = left
            total = ladder.shrink(order, -delta)
        order.size = order.filled + left
        order.updated_ms = at_ms
        if delta:
            self._batch.append(
                o.LevelChanged(order.market_id, order.side, order.price, total, delta, order, order, at_ms)
            )
        self._batch.append(o.OrderChanged(order, reason, left, order.filled, at_ms))

    def _reprice(self, book: MarketBook, order: Order, price: int, left: int, at_ms: int) -> None:
        self._unrest(order, at_ms)
        self._by_account[order.account].pop(order.id, None)
        order.price, order.remaining, order.size, order.updated_ms = price, left, order.filled + left, at_ms
        self._batch.append(o.OrderChanged(order, o.AMENDED, left, order.filled, at_ms))
        self._run(book, order, None, None, at_ms)

    def _close(self, order: Order, reason: str, at_ms: int) -> None:
        left = order.size - order.filled
        order.closed_reason, order.remaining, order.updated_ms = reason, 0, at_ms
        mine = self._by_account.get(order.account)
        if mine is not None:
            mine.pop(order.id, None)
        if order.account in self.background:
            self.orders.pop(order.id, None)
            if order.client_id:
                self._by_client.pop((order.account, order.client_id), None)
        self._batch.append(o.OrderClosed(order, reason, left, order.filled, at_ms))

    def _deliver(self) -> None:
        if self._batch:
            self._ready.append(self._batch)
            self._batch = []
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._ready:
                batch = self._ready.popleft()
                for listener in self.listeners:
                    listener(batch)
        finally:
            self._delivering = False
