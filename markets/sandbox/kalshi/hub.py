"""Who listens to what on the WebSocket, and the fan-out: a body is made once, an envelope per subscription."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from markets.sandbox.kalshi import frames, records
from markets.sandbox.kalshi.accounts import Fill, Notes, OrderState, User, notes_of
from markets.sandbox.kalshi.groups import Group
from markets.sandbox.kalshi.money import Position
from markets.sandbox.kalshi.tape import Print
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import LevelChanged, MarketChanged

if TYPE_CHECKING:
    from markets.sandbox.kalshi.exchange import Exchange

BOOK, TICKER, TRADE, LIFECYCLE = "orderbook_delta", "ticker", "trade", "market_lifecycle_v2"
FILL, ORDERS, POSITIONS, GROUPS = "fill", "user_orders", "market_positions", "order_group_updates"
QUIET = (
    "multivariate_market_lifecycle", "communications", "cfbenchmarks_value", "cfbenchmarks_value_5hz",
    "pyth_value",
)  # fmt: skip
CHANNELS = (BOOK, TICKER, TRADE, FILL, ORDERS, POSITIONS, LIFECYCLE, GROUPS, *QUIET)
SEQUENCED = {BOOK, TRADE, LIFECYCLE, GROUPS, "multivariate_market_lifecycle", "communications"}
BY_MARKET = {BOOK, TICKER, TRADE, FILL, ORDERS, POSITIONS}  # channels that take a filter


class Line(Protocol):
    """One open connection, as the hub sees it."""

    user: User

    def data(self, sub: "Sub", payload: str, market_id: str) -> None:
        """Send a data frame, through the faults."""
        ...

    def skipped(self, market_id: str) -> int:
        """How many sequence numbers a fault uses up now."""
        ...


@dataclass(slots=True, eq=False)
class Sub:
    """One subscription: a channel on a connection. `markets` None means all of them."""

    sid: int
    channel: str
    line: Line
    markets: dict[str, None] | None
    yes_price: bool = False
    short_acks: bool = False
    seq: int = 0
    sequenced: bool = field(init=False)

    def __post_init__(self) -> None:
        self.sequenced = self.channel in SEQUENCED

    def next(self) -> int:
        """Use up a sequence number."""
        self.seq += 1
        return self.seq


@dataclass(slots=True)
class Fan:
    """The subscriptions to one channel."""

    by_market: dict[str, dict[Sub, None]] = field(default_factory=dict)
    everywhere: dict[Sub, None] = field(default_factory=dict)

    def add(self, sub: Sub, tickers: Iterable[str] | None) -> None:
        """Listen to some markets, or to all."""
        if tickers is None:
            self.everywhere[sub] = None
            return
        for ticker in tickers:
            self.by_market.setdefault(ticker, {})[sub] = None

    def drop(self, sub: Sub, tickers: Iterable[str] | None) -> None:
        """Stop listening to some markets, or to all."""
        if tickers is None:
            self.everywhere.pop(sub, None)
            return
        for ticker in tickers:
            subs = self.by_market.get(ticker)
            if subs is not None:
                subs.pop(sub, None)
                if not subs:
                    del self.by_market[ticker]

    def of(self, market_id: str) -> Iterator[Sub]:
        """Who wants to hear of this market."""
        yield from list(self.by_market.get(market_id, ()))
        yield from list(self.everywhere)


class Hub:
    """All subscriptions of all connections."""

    def __init__(self, exchange: "Exchange") -> None:
        self.exchange = exchange
        self.sandbox = exchange.sandbox
        self.fans = {channel: Fan() for channel in CHANNELS}
        self.frames = 0  # data frames so far
        self._books = self.fans[BOOK].by_market
        self._tickers = self.fans[TICKER]
        self._heads: dict[str, str] = {}
        self._dirty: dict[str, None] = {}
        self._shown: dict[str, tuple[int | None, ...]] = {}
        self._events_seen: set[str] = set()

    # --- subscriptions

    def add(self, sub: Sub, tickers: Iterable[str] | None) -> None:
        """Listen to some markets, or to all."""
        self.fans[sub.channel].add(sub, tickers)

    def drop(self, sub: Sub, tickers: Iterable[str] | None) -> None:
        """Stop listening to some markets, or to all."""
        self.fans[sub.channel].drop(sub, tickers)

    def push(
        self, sub: Sub, kind: str, body: str, market_id: str = "", *, command: int | None = None
    ) -> None:
        """One data frame: the envelope of this subscription around a body."""
        self.frames += 1
        named = "" if command is None else f'"id":{command},'
        now = self.sandbox.now_ms()
        if sub.sequenced:
            sub.seq += 1 + sub.line.skipped(market_id)
            text = f'{{{named}"type":"{kind}","sid":{sub.sid},"seq":{sub.seq},"msg":{body},"sending_ts_ms":{now}}}'
        else:
            text = f'{{{named}"type":"{kind}","sid":{sub.sid},"msg":{body},"sending_ts_ms":{now}}}'
        sub.line.data(sub, text, market_id)

    def snapshot(self, sub: Sub, ticker: str, *, command: int | None = None) -> None:
        """A market's whole book; nothing for a market that does not exist."""
        market = self.exchange.catalog.find(ticker)
        if market is None:
            return
        body = frames.snapshot(
            self._head(market), self.exchange.clock, self.exchange.engine, ticker, yes_price=sub.yes_price
        )
        self.push(sub, "orderbook_snapshot", body, ticker, command=command)

    def show_ticker(self, sub: Sub, ticker: str) -> None:
        """A market's present `ticker` frame for one subscription."""
        market = self.exchange.catalog.find(ticker)
        if market is not None:
            key = frames.ticker_key(self.exchange.engine, market, self.exchange.tape.of(ticker))
            body = frames.ticker(self._head(market), market, key, self.sandbox.now_ms())
            self.push(sub, "ticker", body, ticker)

    # --- what happened, public

    def level(self, event: LevelChanged) -> None:
        """A price level changed."""
        market_id = event.market_id
        subs = self._books.get(market_id)
        if subs:
            self._delta(event, list(subs))
        if self._tickers.everywhere or market_id in self._tickers.by_market:
            self._touch(market_id)

    def _delta(self, event: LevelChanged, subs: list[Sub]) -> None:
        market = self.exchange.catalog.find(event.market_id)
        if market is None:
            return
        bodies = ["", ""]
        notes = notes_of(event.cause)
        for sub in subs:
            body = bodies[sub.yes_price]
            if not body:
                body = frames.delta(self._head(market), self.exchange.clock, event, yes_price=sub.yes_price)
                bodies[sub.yes_price] = body
            if notes is not None and notes.user is sub.line.user:
                body += frames.own(event.cause.client_id, notes.subaccount)
            else:
                body += "}"
            self.push(sub, "orderbook_delta", body, market.id)

    def trade(self, made: Print) -> None:
        """A public trade."""
        body = ""
        for sub in self.fans[TRADE].of(made.market_id):
            body = body or frames.trade(made)
            self.push(sub, "trade", body, made.market_id)

    def market(self, market: SandboxMarket, event: MarketChanged) -> None:
        """A market's life went on."""
        if event.what == "closed":
            self.sandbox.later(0, lambda: self._emptied(market))
        lines = list(self.fans[LIFECYCLE].everywhere)
        if event.what == "created" and market.event_id not in self._events_seen:
            self._events_seen.add(market.event_id)
            body = frames.event_created(self.sandbox.world.event_of(market), market) if lines else ""
            for sub in lines:
                self.push(sub, "event_lifecycle", body, market.id)
        body = frames.lifecycle(market, event) if lines else ""
        for sub in lines if body else ():
            self.push(sub, "market_lifecycle_v2", body, market.id)

    def _emptied(self, market: SandboxMarket) -> None:
        """Around a market's close the book is sent once more, empty by then."""
        for sub in list(self._books.get(market.id, ())):
            self.snapshot(sub, market.id)

    # --- what happened, one user's own

    def fill(self, fill: Fill) -> None:
        """A user's order traded."""
        market_id = fill.notes.order.market_id
        for sub in self._own(FILL, fill.notes.user, market_id):
            self.push(sub, "fill", frames.text(records.fill_message(fill)), market_id)

    def order(self, notes: Notes, state: OrderState) -> None:
        """A user's order changed."""
        market_id = notes.order.market_id
        for sub in self._own(ORDERS, notes.user, market_id):
            self.push(sub, "user_order", frames.text(records.order_message(notes, state)), market_id)

    def position(self, user: User, subaccount: int, position: Position) -> None:
        """A user's position changed."""
        market_id = position.market_id
        for sub in self._own(POSITIONS, user, market_id):
            body = frames.text(records.position_message(user.user_id, subaccount, position))
            self.push(sub, "market_position", body, market_id)

    def group(self, user: User, group: Group, kind: str, at_ms: int) -> None:
        """A user's order group changed."""
        for sub in self._own(GROUPS, user, ""):
            self.push(sub, "order_group_updates", frames.group_update(group, kind, at_ms))

    def _own(self, channel: str, user: User, market_id: str) -> list[Sub]:
        return [sub for sub in self.fans[channel].of(market_id) if sub.line.user is user]

    # --- tickers, at most one per market and turn of the loop

    def _touch(self, market_id: str) -> None:
        if not self._dirty:
            self.sandbox.later(0, self._flush)
        self._dirty[market_id] = None

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        now = self.sandbox.now_ms()
        for market_id in dirty:
            market = self.exchange.catalog.find(market_id)
            if market is None:
                continue
            key = frames.ticker_key(self.exchange.engine, market, self.exchange.tape.of(market_id))
            if self._shown.get(market_id) == key:
                continue
            self._shown[market_id] = key
            body = frames.ticker(self._head(market), market, key, now)
            for sub in self._tickers.of(market_id):
                self.push(sub, "ticker", body, market_id)

    def _head(self, market: SandboxMarket) -> str:
        found = self._heads.get(market.id)
        if found is None:
            found = self._heads[market.id] = frames.head(market)
        return found
