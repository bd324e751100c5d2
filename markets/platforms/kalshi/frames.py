"""Every frame of the stream that is not an ordinary delta: snapshots, trades, lifecycle, replies, and broken ones."""

import msgspec

from markets.books import Ladder
from markets.platforms.base import MarketChange
from markets.platforms.kalshi import parse, wire
from markets.platforms.kalshi.continuity import ClockedBook, Continuity, Sub
from markets.platforms.kalshi.numbers import MIRRORED, PRICES, SIZES, Remembered
from markets.platforms.kalshi.subscriptions import BOOKS, LIFECYCLE, TRADES

# How msgspec refuses what is no JSON, not UTF-8, of another shape, or nested beyond reason.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_envelope = msgspec.json.Decoder(wire.Envelope).decode
_delta = msgspec.json.Decoder(wire.DeltaMsg).decode
_snapshot = msgspec.json.Decoder(wire.SnapshotMsg).decode
_trade = msgspec.json.Decoder(wire.TradeMsg).decode
_subscribed = msgspec.json.Decoder(wire.SubscribedMsg).decode
_error = msgspec.json.Decoder(wire.ErrorMsg).decode
_listed = msgspec.json.Decoder(list[wire.SubscribedMsg]).decode
_about = msgspec.json.Decoder(wire.TickerOnly).decode
_lifecycle = msgspec.json.Decoder(wire.LifecycleMsg).decode
_event_fee = msgspec.json.Decoder(wire.EventFeeMsg).decode
_plain = msgspec.json.Decoder(dict).decode

# Channel by frame type, for the frames this feed reads.
CHANNEL_OF = {
    "orderbook_snapshot": BOOKS,
    "orderbook_delta": BOOKS,
    "trade": TRADES,
    "market_lifecycle_v2": LIFECYCLE,
    "event_lifecycle": LIFECYCLE,
    "event_fee_update": LIFECYCLE,
}
# Known frames that are not for this feed: the ticker repeats the book, the others are private or about combos.
IGNORED = frozenset(
    {
        "ticker",
        "fill",
        "user_order",
        "market_position",
        "order_group_updates",
        "multivariate_market_lifecycle",
    }
)
REPLIES = frozenset({"subscribed", "ok", "unsubscribed", "error"})
DATA = frozenset({"ticker", "trade"})  # beside book frames: market data that proves the feed is alive


class Frames(Continuity):
    """The part of the feed that reads frames one kind at a time."""

    _report_created = False

    def _receive_other(self, raw: bytes, at_ms: int) -> None:
        """A frame that the delta decoder did not take."""
        try:
            frame = _envelope(raw)
        except UNREADABLE as error:
            self._unreadable(raw, error, at_ms)
            return
        if frame.type in REPLIES:
            self._reply(frame, raw, at_ms)
        elif frame.type in CHANNEL_OF:
            self._data(frame, CHANNEL_OF[frame.type], raw, at_ms)
        else:
            if frame.sid in self._subs and frame.seq is not None:
                self._advance(frame.sid, frame.seq, "", at_ms)
            if frame.type in DATA:
                self.last_data_ms = at_ms
            elif frame.type not in IGNORED:
                self.stats.unknown += 1

    def _data(self, frame: wire.Envelope, channel: str, raw: bytes, at_ms: int) -> None:
        if frame.sid is None or frame.seq is None or not frame.msg:
            self._keep("shape", f"{frame.type} without sid, seq or msg", raw, at_ms)
            return
        sub = self._advance(frame.sid, frame.seq, channel, at_ms)
        if sub is None:
            return
        try:
            if frame.type == "orderbook_snapshot":
                self._read_snapshot(_snapshot(frame.msg), sub, raw, at_ms)
            elif frame.type == "orderbook_delta":
                _delta(frame.msg)  # says what is wrong with it
                self._spoiled(sub, "", "shape", "a delta that the delta decoder refuses", raw, at_ms)
                self._doubt(sub, at_ms)
            elif frame.type == "trade":
                self._read_trade(_trade(frame.msg), raw, at_ms)
            else:
                self._read_news(frame.type, frame.msg)
        except UNREADABLE as error:
            self._misshapen(sub, frame.msg, str(error), raw, at_ms)

    # --- the kinds of data

    def _read_snapshot(self, msg: wire.SnapshotMsg, sub: Sub, raw: bytes, at_ms: int) -> None:
        ticker = msg.market_ticker
        book = self._live.get(ticker)
        if book is None:
            if not self.follow_all:
                self._stranger(ticker, sub, raw, at_ms)
                return
            book = self._live[ticker] = ClockedBook()
        if msg.yes or msg.no:
            self._spoiled(sub, ticker, "shape", "a snapshot as before March 2026 (integer cents)", raw, at_ms)
            return
        try:
            bids = _ladder(msg.yes_dollars_fp, PRICES)
            asks = _ladder(msg.no_dollars_fp, PRICES if self.use_yes_price else MIRRORED)
        except ValueError as error:
            self.subscriptions.owed.pop(ticker, None)
            self._spoiled(sub, ticker, "number", str(error), raw, at_ms)
            return
        self._sid_of[ticker] = sub.sid
        book.clock = msg.clock or -1
        self._snapshot_ms[ticker] = at_ms
        self.subscriptions.arrived(ticker, at_ms)
        self._take(ticker, book, bids, asks, at_ms)

    def _read_trade(self, msg: wire.TradeMsg, raw: bytes, at_ms: int) -> None:
        self.last_data_ms = at_ms
        if not self.follow_all and msg.market_ticker not in self.books:
            if msg.market_ticker not in self._leaving:
                self._keep("unknown_market", msg.market_ticker[:80], raw, at_ms)
            return
        try:
            self.trades.append(parse.streamed_trade(msg))
        except ValueError as error:
            self._keep("number", str(error), raw, at_ms)
            return
        self.stats.trades += 1

    def _read_news(self, kind: str, raw_msg: msgspec.Raw) -> None:
        """Lifecycle: of followed markets, of new ones where they were asked for, and of events' fees."""
        if kind == "event_fee_update":
            fee = _event_fee(raw_msg)
            self.changes.append(MarketChange(fee.event_ticker, "fees", _plain(raw_msg)))
        elif kind == "market_lifecycle_v2":
            msg = _lifecycle(raw_msg)
            followed = self.follow_all or msg.market_ticker in self.books
            if followed or (self._report_created and msg.event_type == "created"):
                what = parse.NEWS.get(msg.event_type, msg.event_type)
                self.changes.append(MarketChange(msg.market_ticker, what, _plain(raw_msg)))

    # --- replies

    def _reply(self, frame: wire.Envelope, raw: bytes, at_ms: int) -> None:
        try:
            if frame.type == "subscribed":
                self._on_subscribed(_subscribed(frame.msg or b""), frame.id, at_ms)
                return
            fresh = True
            if frame.sid is not None and frame.seq is not None:
                channel = self.subscriptions.channel_of_reply(frame.id, frame.sid) or BOOKS
                fresh = self._advance(frame.sid, frame.seq, channel, at_ms) is not None
            if frame.type == "error":
                self._on_error(_error(frame.msg or b""), frame, raw, at_ms)
            elif frame.type == "ok" and fresh:
                self._on_ok(frame, at_ms)
            elif frame.type == "unsubscribed" and fresh:
                self._on_unsubscribed(frame.sid, at_ms)
        except UNREADABLE as error:
            self._keep("shape", f"{frame.type}: {error}", raw, at_ms)

    def _on_subscribed(self, msg: wire.SubscribedMsg, command_id: int | None, at_ms: int) -> None:
        if not self.follow_all and not self.subscriptions.subscribed(command_id, msg.channel, msg.sid, at_ms):
            return
        if not self.follow_all:
            self._replaced(msg.channel)
        self._subs[msg.sid] = Sub(msg.sid, msg.channel, -1 if self.follow_all else 0)

    def _replaced(self, channel: str) -> None:
        """A channel has one subscription: what the one before it told counts no more."""
        for sub in [sub for sub in self._subs.values() if sub.channel == channel]:
            del self._subs[sub.sid]
            self._doubt_markets([one for one, sid in self._sid_of.items() if sid == sub.sid], self._now)

    def _on_ok(self, frame: wire.Envelope, at_ms: int) -> None:
        command = self.subscriptions.agreed(frame.id, frame.sid, at_ms)
        if command is None:
            return
        if command.cmd == "delete_markets" and command.channel == BOOKS:
            self._leaving.difference_update(command.tickers)
        elif command.cmd == "list_subscriptions":
            listed = _listed(frame.msg or b"")
            for name in self.subscriptions.missing((one.channel, one.sid) for one in listed):
                self._resubscribe(name, at_ms)

    def _on_unsubscribed(self, sid: int | None, at_ms: int) -> None:
        """We never ask for this: whoever ended a subscription of ours, it is wanted back."""
        for channel in list(self.subscriptions.channels.values()):
            if sid is not None and channel.sid == sid:
                self._resubscribe(channel.name, at_ms)

    def _on_error(self, msg: wire.ErrorMsg, frame: wire.Envelope, raw: bytes, at_ms: int) -> None:
        """Errors are kept for people to see; they are no malformed frames."""
        self._note("error", f"error {msg.code}: {msg.msg[:200]}", raw, at_ms)
        dead = self.subscriptions.failed(frame.id, frame.sid, msg.code, at_ms)
        if dead:
            self._resubscribe(dead, at_ms)

    def _resubscribe(self, name: str, at_ms: int) -> None:
        """A subscription died on the server: its books are worthless, and a new one begins."""
        for sub in [sub for sub in self._subs.values() if sub.channel == name]:
            del self._subs[sub.sid]
        if name == BOOKS:
            self._sid_of.clear()
            for ticker in self.books:
                self._drop(ticker)
                self._doubted.add(ticker)
        self.subscriptions.lost(name, self.books, at_ms)

    # --- what cannot be read

    def _unreadable(self, raw: bytes, error: Exception, at_ms: int) -> None:
        """No JSON object with a type. Whether a number was lost with it, the next frame's number tells."""
        kind = "shape" if isinstance(error, msgspec.ValidationError) else "json"
        self._keep(kind, str(error)[:200], raw, at_ms)

    def _misshapen(self, sub: Sub, msg: msgspec.Raw, detail: str, raw: bytes, at_ms: int) -> None:
        """A numbered frame of another shape: doubt its market, or all of the sid where it does not say which."""
        if sub.channel != BOOKS:
            self._keep("shape", detail, raw, at_ms)
            return
        try:
            ticker = _about(msg).market_ticker
        except UNREADABLE:
            self._spoiled(sub, "", "shape", detail, raw, at_ms)
            self._doubt(sub, at_ms)
            return
        self._spoiled(sub, ticker, "shape", detail, raw, at_ms)


def _ladder(side: list[tuple[str, str]] | None, prices: Remembered) -> Ladder:
    """One side of a snapshot; raises ValueError for a price outside 0 to 1 or a negative size."""
    ladder = []
    for price_text, size_text in side or ():
        size = SIZES.read(size_text)
        if size < 0:
            raise ValueError(f"the level {price_text} has the size {size_text}")
        ladder.append((prices.read(price_text), size))
    return tuple(ladder)
