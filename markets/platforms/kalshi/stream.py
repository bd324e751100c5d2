"""Kalshi's WebSocket as a machine without socket or clock: received frames in, live books out.

The rules of the stream, as recorded and specified:
- one subscription (`sid`) per channel; its `seq` rises by one with EVERY frame of the sid, replies included, and is
  shared by all its markets. A hole makes every book of the sid worthless until its next snapshot;
- a snapshot frame comes first, later ones replace the book; a delta is a signed change of one level;
- both sides are bids: a NO bid at n is a YES ask at 1 - n (or at n itself, where `use_yes_price` was asked for);
- after a reconnect nothing is remembered: new sids, seq from 1.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from markets.books import MICRO
from markets.platforms.base import KALSHI, BookSnapshot, FeedMarket
from markets.platforms.kalshi import wire
from markets.platforms.kalshi.continuity import ClockedBook
from markets.platforms.kalshi.frames import UNREADABLE, Frames
from markets.platforms.kalshi.numbers import MIRRORED, PRICES, SIZES
from markets.platforms.kalshi.subscriptions import BOOKS

WS_PATH = "/trade-api/ws/v2"  # what the handshake's signature covers

STALL_MS = 30_000  # nothing heard for so long: the connection is dead, whatever its TCP state says
PROBE_MS = 15_000  # after so much silence ask for the list of subscriptions, whose answer ends it

_prices, _sizes = PRICES.known, SIZES.known
_decode_delta = msgspec.json.Decoder(wire.DeltaFrame).decode


def handshake_path(url: str) -> str:
    """The path that the handshake to this WebSocket URL must sign."""
    return urlsplit(url).path or WS_PATH


class KalshiFeed(Frames):
    """Books of one Kalshi connection; see `base.Feed` for how it is driven.

    `follow_all` learns markets and sids from the frames and sends nothing: for recorded files. `shared_seq` switches
    the continuity check off: for extracts of a subscription that held more markets than the file.
    `created` also reports markets that nobody follows yet when they are created. Beside `stats`, `duplicates`,
    `backwards` and `discarded` count what is no fault but worth seeing.
    """

    platform = KALSHI
    numbered = True

    def __init__(
        self,
        *,
        follow_all: bool = False,
        shared_seq: bool = False,
        use_yes_price: bool = False,
        created: bool = False,
    ) -> None:
        super().__init__(follow_all=follow_all, shared_seq=shared_seq, use_yes_price=use_yes_price)
        self._report_created = created
        # Prices of the NO side as YES prices
        self._no_prices = PRICES.known if use_yes_price else MIRRORED.known
        self._heard_ms = 0  # last frame that was no ordinary delta
        self._probed_ms = 0
        self._opened_before = False

    # --- driven by the owner

    def follow(self, markets: Iterable[FeedMarket]) -> None:
        """Begin to follow markets (subscribes at once when connected)."""
        new = [market.market_id for market in markets if market.market_id not in self.books]
        for ticker in new:
            self._live[ticker] = ClockedBook()
            if ticker in self._leaving:  # deltas of before may still be under way: no fault of the platform
                self._leaving.discard(ticker)
                self._doubted.add(ticker)
        if new and self.subscriptions.connected:
            self.subscriptions.add(new, self._now)

    def unfollow(self, market_ids: Iterable[str]) -> None:
        """Stop following markets and forget their books."""
        gone = [ticker for ticker in market_ids if ticker in self.books]
        for ticker in gone:
            del self.books[ticker]
            self._forget(ticker)
            self.changed.discard(ticker)
            self._leaving.add(ticker)
        if gone and self.subscriptions.connected:
            self.subscriptions.remove(gone, self._now)

    def opened(self, at_ms: int) -> None:
        """A fresh socket is up: every book is unknown; subscriptions go to the outbox."""
        self._begin(at_ms)
        if self._opened_before:
            self.stats.reconnects += 1
        self._opened_before = True
        self._heard_ms = self._probed_ms = at_ms
        if not self.follow_all:
            self.subscriptions.open(self.books, at_ms)

    def closed(self, at_ms: int) -> None:
        """The socket is gone: no book is trusted until the next snapshot."""
        self._begin(at_ms)

    def tick(self, at_ms: int) -> None:
        """Timed work: overdue replies and snapshots, the probe in silence, the stall limit."""
        self._now = at_ms
        if not self.subscriptions.connected:
            return
        heard_ms = max(self._heard_ms, self.last_data_ms)
        silence = at_ms - heard_ms
        if silence > STALL_MS:
            self.reconnect_wanted = f"nothing heard for {silence // 1000} s"
        elif silence > PROBE_MS and self._probed_ms < heard_ms + PROBE_MS:
            self._probed_ms = at_ms
            self.subscriptions.probe(at_ms)
        self._uncross(at_ms)
        self.subscriptions.tick(at_ms, len(self.books))
        self.reconnect_wanted = self.reconnect_wanted or self.subscriptions.reconnect

    def repair(self, snapshot: BookSnapshot, at_ms: int) -> None:
        """Take a book read over REST while the stream is down.

        REST books carry neither seq nor clock, so they cannot be joined to deltas: while the stream is up, the
        stream's own `get_snapshot` is asked for instead.
        """
        self._now = at_ms
        book = self.books.get(snapshot.market_id)
        if book is None or book.trusted:
            return
        if self.subscriptions.connected:
            self.subscriptions.ask([snapshot.market_id], at_ms)
            return
        self._take(snapshot.market_id, book, snapshot.bids, snapshot.asks, at_ms)

    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame. Never raises for what a platform can send; counts and keeps bad frames instead.

        An ordinary delta goes its way in one piece, because that decides the feed's speed: everything is looked up
        before anything is changed, and whatever is not as usual goes to `_unusual` untouched.
        """
        stats = self.stats
        stats.frames += 1
        try:
            frame = _decode_delta(raw)
        except UNREADABLE:
            self._heard_ms = at_ms
            self._receive_other(raw, at_ms)
            return
        try:
            sub = self._subs[frame.sid]
            msg = frame.msg
            ticker = msg.market_ticker
            book = self._live[ticker]
            change = _sizes[msg.delta_fp]
            price = _prices[msg.price_dollars] if msg.side == "yes" else self._no_prices[msg.price_dollars]
        except KeyError:
            self._unusual(frame, raw, at_ms)
            return
        seq = frame.seq
        ts_ms = msg.ts_ms
        if seq != sub.last + 1 or ts_ms < sub.ts_ms or msg.clock <= book.clock or not book.trusted:
            self._unusual(frame, raw, at_ms)
            return
        if msg.side == "yes":
            levels = book.bids
            size = levels.get(price, 0) + change
            if size > 0:
                levels[price] = size
                if price > book.best_bid:
                    book.best_bid = price
            elif size == 0:
                levels.pop(price, 0)
                if price == book.best_bid:
                    book.best_bid = max(levels, default=0)
            else:
                self._unusual(frame, raw, at_ms)
                return
        else:
            levels = book.asks
            size = levels.get(price, 0) + change
            if size > 0:
                levels[price] = size
                if price < book.best_ask:
                    book.best_ask = price
            elif size == 0:
                levels.pop(price, 0)
                if price == book.best_ask:
                    book.best_ask = min(levels, default=MICRO)
            else:
                self._unusual(frame, raw, at_ms)
                return
        sub.last = seq
        sub.ts_ms = ts_ms
        if book.best_bid >= book.best_ask or self._crossed:
            self._watch_crossing(ticker, book, at_ms)
        book.changed_ms = self.last_data_ms = at_ms
        self.changed.add(ticker)
        stats.book_updates += 1

    def _unusual(self, frame: wire.DeltaFrame, raw: bytes, at_ms: int) -> None:
        """A delta step by step: of an unknown sid or market, out of its turn, with new numbers or impossible ones."""
        self._heard_ms = at_ms
        msg, ticker = frame.msg, frame.msg.market_ticker
        sub = self._advance(frame.sid, frame.seq, BOOKS, at_ms)
        if sub is None:
            return
        book = self._live.get(ticker)
        if book is None:
            self._stranger(ticker, sub, raw, at_ms)
            return
        if not self._applicable(msg, book, sub, raw, at_ms):
            return
        bid = msg.side == "yes"
        try:
            change = SIZES.read(msg.delta_fp)
            price = (PRICES if bid or self.use_yes_price else MIRRORED).read(msg.price_dollars)
        except ValueError as error:
            self._spoiled(sub, ticker, "number", str(error), raw, at_ms)
            return
        size = (book.bids if bid else book.asks).get(price, 0) + change
        if size < 0:
            detail = f"level {msg.price_dollars} of {msg.side} fell to {size}"
            self._spoiled(sub, ticker, "negative", detail, raw, at_ms)
            return
        if bid:
            book.set_bid(price, size)
        else:
            book.set_ask(price, size)
        self._watch_crossing(ticker, book, at_ms)
        book.changed_ms = self.last_data_ms = at_ms
        self.changed.add(ticker)
        self.stats.book_updates += 1
