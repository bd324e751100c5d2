"""The WebSocket channels. The market channel's hub turns engine events into frames and hands each to who wants it.

A frame is made and framed once, then only appended to the connections' buffers; each buffer leaves in one write per
turn of the loop. Frames of a market nobody watches are not made at all. PONG answers PING at once and passes no fault.
"""

from typing import Any, Protocol, cast

import msgspec
from tornado.ioloop import IOLoop
from tornado.iostream import StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketHandler

from markets.platforms.base import POLYMARKET
from markets.sandbox.faults import Frame
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import Event, LevelChanged, MarketChanged, Trade
from markets.sandbox.polymarket import auth, frames
from markets.sandbox.polymarket.answers import encoded
from markets.sandbox.polymarket.books import WireBook
from markets.sandbox.polymarket.face import Face

MARKET, USER = "market", "user"
MAX_TOKENS_IN_FRAME = 1_000  # more in one frame and the platform hangs up
MAX_BUFFER = 32_000_000  # bytes; a client that reads slower than this is cut off
PLACES = (0, 1)
Json = dict[str, Any]


class Socket(WebSocketHandler):
    """What both channels share: a buffer, faults, PING."""

    platform = POLYMARKET
    channel = ""

    def initialize(self, face: Face, hub: "Hub") -> None:
        """Tornado's hook for the arguments of a route."""
        self.face = face
        self.hub = hub
        self.buffer: list[bytes] = []

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake, unless a fault refuses it."""
        status = self.face.sandbox.faults.refuse_connect(self.platform, self.channel)
        if status:
            self.set_status(status)
            self.finish({"error": "refused"})
            return
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """A connection stands."""
        self.set_nodelay(True)
        stream = self._stream()
        if stream is not None:
            stream.max_write_buffer_size = MAX_BUFFER
        self.face.sandbox.faults.connect(self)

    def on_close(self) -> None:
        """A connection is gone."""
        self.face.sandbox.faults.disconnect(self)
        self.hub.forget(self)

    def on_message(self, message: str | bytes) -> None:
        """PING, or JSON for the channel; anything else is left unanswered."""
        if message == "PING":
            self._write(frames.framed("PONG"))
            return
        try:
            frame = msgspec.json.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if isinstance(frame, dict):
            self.asked(frame)

    def asked(self, frame: Json) -> None:
        """A JSON object came in."""

    def send(self, data: bytes, market_id: str) -> None:
        """Queue one framed text, or what the faults make of it."""
        for out in self.face.sandbox.faults.outgoing(self, data, market_id=market_id):
            self.hub.queue(self, out)  # type: ignore[arg-type]

    def send_raw(self, data: Frame) -> None:
        """Put anything on the wire, for faults."""
        self.write_message(data, binary=isinstance(data, bytes))

    def drop(self, *, close_frame: bool) -> None:
        """End the connection, politely or not."""
        stream = self._stream()
        if close_frame:
            self.close()
        elif stream is not None:
            stream.close()

    def write_out(self) -> None:
        """Write what is queued."""
        data = b"".join(self.buffer)
        self.buffer.clear()
        self._write(data)

    def _write(self, data: bytes) -> None:
        stream = self._stream()
        if stream is None or stream.closed():
            return
        try:
            stream.write(data)
        except StreamClosedError:
            return  # gone meanwhile: on_close follows
        except StreamBufferFullError:
            stream.close()

    def _stream(self) -> Any:
        return getattr(self.ws_connection, "stream", None)


class Listener(Protocol):
    """Who listens to the market channel: a socket, or something that stands for one."""

    places: dict[str, set[int]]  # market id -> tokens subscribed, 0 YES, 1 NO
    features: bool

    def send(self, data: bytes, market_id: str) -> None:
        """Take one framed text, or what the faults make of it."""
        ...

    def drop(self, *, close_frame: bool) -> None:
        """End the connection."""
        ...


class MarketSocket(Socket):
    """/ws/market"""

    channel = MARKET

    def initialize(self, face: Face, hub: "Hub") -> None:
        """Tornado's hook for the arguments of a route."""
        super().initialize(face, hub)
        self.places: dict[str, set[int]] = {}  # market id -> tokens subscribed, 0 YES, 1 NO
        self.features = False

    def asked(self, frame: Json) -> None:
        """The first frame (`type`) or a later `operation`."""
        self.hub.asked(self, frame)


class UserSocket(Socket):
    """/ws/user: silent until the first frame proves who listens; a wrong one ends the connection."""

    channel = USER

    def initialize(self, face: Face, hub: "Hub") -> None:
        """Tornado's hook for the arguments of a route."""
        super().initialize(face, hub)
        self.address = ""
        self.markets: set[str] | None = None  # None: all

    def asked(self, frame: Json) -> None:
        """The first frame with `auth`, or a later `operation` on markets."""
        names = frame.get("markets")
        chosen = {str(one).lower() for one in names} if isinstance(names, list) else set()
        if not self.address:
            given = frame.get("auth")
            wallet = auth.check_frame(self.face, *_credentials(given)) if isinstance(given, dict) else None
            if wallet is None:
                self.drop(close_frame=True)
                return
            self.address, self.markets = wallet.address, chosen or None
            self.hub.users.setdefault(self.address, []).append(self)
        elif frame.get("operation") == "subscribe":
            self.markets = (self.markets or set()) | chosen
        elif frame.get("operation") == "unsubscribe" and self.markets is not None:
            self.markets -= chosen


class Hub:
    """Who listens to what, and the way from engine events to frames."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.sockets: list[Listener] = []
        self.watchers: dict[str, list[Listener]] = {}  # by market id
        self.users: dict[str, list[UserSocket]] = {}  # by signing address
        self.frames = 0  # made, not sent
        self._best: dict[str, tuple[str, str]] = {}
        self._dirty: list[Socket] = []
        face.market_channel.append(self.follow)
        face.user_channel.append(self.tell)

    # --- subscriptions

    def asked(self, socket: Listener, frame: Json) -> None:
        """A market connection's first frame, or a later `operation`."""
        ids = frame.get("assets_ids")
        if not isinstance(ids, list) or len(ids) > MAX_TOKENS_IN_FRAME:
            socket.drop(close_frame=True)
            return
        operation = frame.get("operation", "subscribe")
        if operation == "unsubscribe":
            self.unsubscribe(socket, ids)
        elif operation == "subscribe":
            socket.features = bool(frame.get("custom_feature_enabled", socket.features))
            self.subscribe(socket, ids, dump=frame.get("initial_dump", True) is not False)

    def subscribe(self, socket: Listener, ids: list[Any], *, dump: bool) -> None:
        """Add tokens; the books of the new ones come as one array. Known ones are not answered again."""
        if socket not in self.sockets:
            self.sockets.append(socket)
        books = []
        for token in ids:
            found = self.face.token(token) if isinstance(token, str) else None
            if found is None:
                continue
            market, place = found
            places = socket.places.setdefault(market.id, set())
            if place in places:
                continue
            places.add(place)
            watching = self.watchers.setdefault(market.id, [])
            if socket not in watching:
                watching.append(socket)
            books.append((market.id, self.face.books.of(market).dump(place)))
        if books and dump:
            only = books[0][0] if len({market_id for market_id, _ in books}) == 1 else ""
            socket.send(frames.framed(f"[{','.join(text for _, text in books)}]\n"), only)

    def unsubscribe(self, socket: Listener, ids: list[Any]) -> None:
        """Take tokens away."""
        for token in ids:
            found = self.face.token(token) if isinstance(token, str) else None
            if found is None or found[0].id not in socket.places:
                continue
            market_id = found[0].id
            socket.places[market_id].discard(found[1])
            if not socket.places[market_id]:
                del socket.places[market_id]
                self._unwatch(socket, market_id)

    def forget(self, socket: "Listener | Socket") -> None:
        """A connection is gone."""
        if isinstance(socket, UserSocket):
            if socket in self.users.get(socket.address, ()):
                self.users[socket.address].remove(socket)
            return
        listener = cast(Listener, socket)
        for market_id in listener.places:
            self._unwatch(listener, market_id)
        listener.places = {}
        if listener in self.sockets:
            self.sockets.remove(listener)

    def _unwatch(self, socket: Listener, market_id: str) -> None:
        watching = self.watchers.get(market_id, [])
        if socket in watching:
            watching.remove(socket)
        if not watching:
            self.watchers.pop(market_id, None)
            self._best.pop(market_id, None)

    # --- from the engine

    def follow(self, batch: list[Event]) -> None:
        """Frames for one batch of the engine's events."""
        levels: dict[str, dict[tuple[str, int], LevelChanged]] = {}
        trades: dict[str, list[Trade]] = {}
        books = self.face.books
        world = self.face.sandbox.world.markets
        for event in batch:
            kind = type(event)
            if kind is LevelChanged:
                change: LevelChanged = event  # type: ignore[assignment]
                books.of(world[change.market_id]).touched(change.side, change.at_ms)
                levels.setdefault(change.market_id, {})[change.side, change.price] = change
            elif kind is Trade:
                trades.setdefault(event.market_id, []).append(event)  # type: ignore[union-attr, arg-type]
            elif kind is MarketChanged:
                self._market_changed(event)  # type: ignore[arg-type]
        for market_id, changed in levels.items():
            book = books.of(world[market_id])
            matched = trades.get(market_id)
            if matched:
                book.renewed(matched[-1].at_ms)
            watching = self.watchers.get(market_id)
            if not watching:
                continue
            if matched:
                self._after_trades(book, matched, watching)
            else:
                for (side, price), change in changed.items():
                    first = 0 if change.order.outcome == "YES" else 1
                    total = book.book.ladder(side).totals.get(price, 0)
                    self._to(watching, frames.price_change(book, side, price, total, first), market_id)
            self._best_prices(book, watching)

    def _after_trades(self, book: WireBook, trades: list[Trade], watching: list[Listener]) -> None:
        """Whole books of both tokens, then the trades, each on the token that its taker traded."""
        market = book.market
        for place in PLACES:
            self._to(_on(watching, market, place), book.after_trade(place), market.id)
        for trade in trades:
            place = 0 if trade.taker.outcome == "YES" else 1
            transaction = f"0x{trade.id.replace('-', '') * 2}"
            text = frames.last_trade_price(market, trade, place, transaction)
            self._to(_on(watching, market, place), text, market.id)

    def _best_prices(self, book: WireBook, watching: list[Listener]) -> None:
        keen = [socket for socket in watching if socket.features]
        if not keen:
            return
        best = book.best(0)
        if self._best.get(book.market.id) != best:
            self._best[book.market.id] = best
            for place in PLACES:
                to = _on(keen, book.market, place)
                if to:
                    self._to(to, frames.best_bid_ask(book, place), book.market.id)

    def _market_changed(self, event: MarketChanged) -> None:
        market = self.face.sandbox.world.markets[event.market_id]
        watching = self.watchers.get(market.id, [])
        if event.what == "tick":
            self.face.books.of(market).renewed(event.at_ms)
            old, new = event.detail["old"][0].step, event.detail["new"][0].step
            for place in PLACES:
                text = frames.tick_size_change(market, place, old, new, event.at_ms)
                self._to(_on(watching, market, place), text, market.id)
        elif event.what == "created":
            keen = [socket for socket in self.sockets if socket.features]
            if keen:
                group = self.face.sandbox.world.event_of(market)
                self._to(keen, frames.new_market(market, group, event.at_ms), market.id)
        elif event.what == "settled":
            keen = [socket for socket in watching if socket.features]
            if keen:
                group = self.face.sandbox.world.event_of(market)
                self._to(keen, frames.market_resolved(market, group, event.at_ms), market.id)

    # --- out

    def tell(self, address: str, market_id: str, event: Json) -> None:
        """An order or trade event to a wallet's connections."""
        listening = [
            socket
            for socket in self.users.get(address, ())
            if socket.markets is None or market_id in socket.markets
        ]
        if listening:
            self._to(listening, encoded(event).decode(), market_id)

    def _to(self, sockets: "list[Listener] | list[UserSocket]", text: str, market_id: str) -> None:
        if not sockets:
            return
        self.frames += 1
        data = frames.framed(text)
        for socket in sockets:
            socket.send(data, market_id)

    def queue(self, socket: Socket, data: bytes) -> None:
        """Append to a connection's buffer; buffers are written at the end of the loop's turn."""
        if not socket.buffer:
            if not self._dirty:
                IOLoop.current().add_callback(self._flush)
            self._dirty.append(socket)
        socket.buffer.append(data)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for socket in dirty:
            socket.write_out()


def _on(sockets: list[Listener], market: SandboxMarket, place: int) -> list[Listener]:
    return [socket for socket in sockets if place in socket.places.get(market.id, ())]


def _credentials(given: Json) -> tuple[str, str, str]:
    return str(given.get("apiKey", "")), str(given.get("secret", "")), str(given.get("passphrase", ""))


def hub_of(face: Face) -> Hub:
    """The face's hub, made at the first call."""
    hub = face.sandbox.shared.get("polymarket hub")
    if hub is None:
        hub = face.sandbox.shared["polymarket hub"] = Hub(face)
    return hub  # type: ignore[no-any-return]
