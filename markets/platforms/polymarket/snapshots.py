"""Whole books, from the stream or over REST, and the changes that were kept back until one came."""

from abc import abstractmethod

from markets.platforms.base import BookSnapshot
from markets.platforms.polymarket import frames
from markets.platforms.polymarket.continuity import Continuity
from markets.platforms.polymarket.parse import PolymarketBook
from markets.platforms.polymarket.tokens import Token, traded_prices
from markets.platforms.polymarket.units import level_price, to_micro, unix_ms
from markets.platforms.polymarket.wire import Change, Event, Level

FIRST_BOOK_MS = 30_000  # a token without a book for so long is overdue
LAG_MS = 2_000  # a REST book newer than the stream by more than this is a gap, not a frame in flight


class Snapshots(Continuity):
    """Takes whole books."""

    @abstractmethod
    def _price_change(self, event: Event, changes: list[Change], raw: bytes, at_ms: int) -> None:
        """Apply changes; the feed proper has it."""

    # Over REST

    def repair(self, snapshot: BookSnapshot, at_ms: int) -> None:
        """Take a REST book. For a trusted book it only counts where it is newer; changes kept back go on top."""
        self._now = at_ms
        token = self._by_market.get(snapshot.market_id)
        if token is None:
            return
        self.needs_rest.discard(token.key)
        ts = int(snapshot.changed_at.timestamp() * 1000 + 0.5) if snapshot.changed_at else token.ts
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        if token.book.trusted:
            if not self._is_news(token, bids, asks, ts):
                return
        elif self._is_stale(token, snapshot, ts):
            token.stale_reads += 1
            if token.stale_reads < 2:
                self.needs_rest.add(token.key)
                return
        book_hash = version = ""
        if isinstance(snapshot, PolymarketBook):
            token.tick = snapshot.tick or token.tick
            if snapshot.last_price is not None:
                token.prefer(snapshot.last_price)
            book_hash, version = snapshot.hash, snapshot.version
        self._take_book(token, bids, asks, ts, book_hash, version, at_ms)
        token.floor = ts
        self._apply_waiting(token, ts, at_ms)

    def _is_news(self, token: Token, bids: dict[int, int], asks: dict[int, int], ts: int) -> bool:
        """Does a REST book tell a trusted one anything? One much newer than the stream proves the stream dead."""
        if ts < token.ts:
            return False
        same = bids == token.book.bids and asks == token.book.asks
        if same:
            return token.members is None
        if ts - token.ts > LAG_MS:
            self._gap(token, "REST has a newer book than the stream")
        return True

    @staticmethod
    def _is_stale(token: Token, snapshot: BookSnapshot, ts: int) -> bool:
        """A cached answer, older than the stream. Believed the second time: the stream's time may be the wrong one."""
        old_tick = isinstance(snapshot, PolymarketBook) and bool(
            token.new_tick and snapshot.tick and snapshot.tick != token.new_tick
        )
        return old_tick or ts < token.ts or (
            token.overflowed and bool(token.waiting) and ts < token.waiting[0][0]
        )  # fmt: skip

    # From the stream

    def _book(self, event: Event, raw: bytes, at_ms: int) -> None:
        token = self._tokens.get(event.asset_id)
        if token is None and self.follow_all:
            token = self._discover(event, raw, at_ms)
        if token is None:
            self._check_known(event.market, event.asset_id, raw, at_ms)
            return
        try:
            ts = unix_ms(event.timestamp)
            bids, asks = _ladder(event.bids), _ladder(event.asks)
        except ValueError as error:
            self._bad(_kind(event), f"{token.key}: {error}", raw, at_ms)
            self._distrust([token.token_id], f"a whole book could not be used: {error}")
            return
        if ts < token.ts:
            self._late(token, ts, raw, at_ms)
            return
        if token.pending and self._due(token, at_ms) and event.hash != token.hash:
            self._compare(token, at_ms)
        token.market = event.market or token.market
        token.tick = event.tick_size or token.tick
        if event.last_trade_price is not None:
            token.prefer(frames.padded_or_empty(event.last_trade_price))
        self._take_book(token, bids, asks, ts, event.hash, event.version, at_ms, event.timestamp)
        self._apply_waiting(token, ts + 1, at_ms)

    # Either

    def _take_book(
        self, token: Token, bids: dict[int, int], asks: dict[int, int], ts: int, book_hash: str, version: str,
        at_ms: int, timestamp: str = "",
    ) -> None:  # fmt: skip
        """Make a whole book ours, and prove what its hash is made of."""
        book = token.book
        guesses = traded_prices(book.bids, bids) + traded_prices(book.asks, asks)
        if not book.trusted and token.asked_ms > token.subscribed_ms:
            self.stats.resyncs += 1
        book.replace(bids.items(), asks.items())
        book.trusted, book.changed_ms = True, at_ms
        token.ts, token.timestamp, token.hash = ts, timestamp or str(ts), book_hash
        token.frame, token.suspect, token.pending = self.stats.frames, -1, False
        token.checked_ms, token.stale_reads, token.overflowed, token.new_tick = at_ms, 0, False, ""
        self._unchecked.discard(token)
        self.needs_rest.discard(token.key)
        self.dropped.discard(token.key)
        self.changed.add(token.key)
        self.stats.book_updates += 1
        if book.crossed:
            self._count_crossed(token)
        else:
            token.crossed = False
        if not book_hash:
            token.members = None
            return
        proven = token.learn(version, guesses)
        self._count_check(token, proven)
        if not proven and not self.hash_broken and at_ms - token.asked_ms >= FIRST_BOOK_MS:
            self._ask(token)  # the book is whole, but until REST tells its members it cannot be checked

    def _apply_waiting(self, token: Token, from_ts: int, at_ms: int) -> None:
        """Changes that came while the book was unknown, from `from_ts` on; older ones are in the book already."""
        kept = [item for item in token.waiting if item[0] >= from_ts]
        token.waiting.clear()
        for _, timestamp, change in kept:
            event = Event(event_type="price_change", market=token.market, timestamp=timestamp)
            self._price_change(event, [change], b"", at_ms)
            if not token.book.trusted:
                return


def _ladder(side: list[Level] | None) -> dict[int, int]:
    """A side of a book event; ValueError where a price or size is none, or the side is missing."""
    if side is None:
        raise ValueError("a book without both sides")
    return {level_price(level.price): to_micro(level.size) for level in side}


def _kind(event: Event) -> str:
    """What is wrong with a book event: the first bad level's kind, a missing side, else its time."""
    if event.bids is None or event.asks is None:
        return "shape"
    for level in (*event.bids, *event.asks):
        if kind := frames.kind_of(level.price, level.size, ""):
            return kind
    return "time"
