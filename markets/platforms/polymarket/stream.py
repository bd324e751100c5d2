"""The market channel as a feed: one connection's books, trades and news, without a socket or a clock.

The channel has no sequence numbers. Continuity is proven by the book hash (`bookhash.py`): the state after
the last frame that carries a hash must have that hash. Between hash checks, each change's own best prices
are compared with ours. Only the YES token of a market is followed; the mirror entries of its NO token that
every frame carries are skipped.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from markets.books import MICRO
from markets.platforms.base import BookSnapshot, Feed, FeedMarket
from markets.platforms.polymarket import frames
from markets.platforms.polymarket.news import News
from markets.platforms.polymarket.parse import PolymarketBook
from markets.platforms.polymarket.tokens import Token, traded_prices
from markets.platforms.polymarket.units import PriceCache, SizeCache, condition_id, level_price, to_micro
from markets.platforms.polymarket.wire import Change, Event, Level

MAX_TOKENS_PER_CONNECTION = 200  # more in one socket got no first books, or made the server hang up
PING_MS = 10_000
PONG_MS = 30_000
QUIET_MS = 50  # nothing for a token for so long: its last batch is complete
FIRST_BOOK_MS = 30_000
LAG_MS = 2_000  # a REST book newer than the stream by more than this is a gap, not a frame in flight
HASH_SAMPLE, HASH_MIN_CHECKS, HASH_BROKEN_PCT = 50, 20, 90
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class PolymarketFeed(News, Feed):
    """Books of one market-channel connection. See `Feed` for how an owner drives it.

    `stall_ms`: a connection that was busy and then shows no data for so long wants a reconnect, PONGs or not.
    `hash_check_ms`: at most one hash check per token in this time; 0 checks every comparable state.
    `follow_all`: for replay; every token that sends a book gets one, under "<condition id>:<token id>".
    Beside the attributes of `Feed`: `needs_rest` are markets whose book the owner should read over REST and
    hand to `repair`; `hash_broken` says that the platform's hash no longer is what we compute, so only best
    prices are compared; `hash_checks` and `hash_matches` count comparisons; `last_gap` says why the last
    book was dropped.
    """

    def __init__(
        self,
        *,
        follow_all: bool = False,
        stall_ms: int = 30_000,
        hash_check_ms: int = 1_000,
        features: bool = True,
    ) -> None:
        super().__init__()
        self.follow_all = follow_all
        self.stall_ms = stall_ms
        self.hash_check_ms = 0 if follow_all else hash_check_ms
        self.needs_rest: set[str] = set()
        self.hash_broken = False
        self.hash_checks = 0
        self.hash_matches = 0
        self.last_gap = ""
        self._features = features  # best_bid_ask, new_market and market_resolved
        self._recent: deque[tuple[bool, str]] = deque(maxlen=HASH_SAMPLE)
        self._unchecked: set[Token] = set()
        self._decode = msgspec.json.Decoder(Event | list[Event]).decode
        self._prices = PriceCache()
        self._sizes = SizeCache()
        self._greeted = False
        self._opened_ms = self._ping_ms = self._pong_ms = self._scan_ms = 0
        self._updates_at_open = 0

    # What the owner calls

    def follow(self, markets: Iterable[FeedMarket]) -> None:
        """Begin to follow markets; one already followed only has its description renewed (no second
        subscription).

        Raises ValueError for a market without a valid condition id or YES token id.
        """
        fresh = []
        for meta in markets:
            if not meta.token_id:
                raise ValueError(f"market {meta.market_id} has no YES token id yet")
            known = self._tokens.get(meta.token_id)
            if known is not None:
                known.meta, known.tick = meta, meta.tick or known.tick
                continue
            self._add(Token(meta.market_id, condition_id(meta.market_id), meta.token_id, meta, self._now))
            fresh.append(meta.token_id)
        if self._connected:
            self._subscribe(fresh)

    def unfollow(self, market_ids: Iterable[str]) -> None:
        """Stop following markets and forget their books."""
        gone = [token for key in market_ids if (token := self._by_key.pop(key, None)) is not None]
        for token in gone:
            del self._tokens[token.token_id], self.books[token.key]
            self._by_market.pop(token.market, None)
            self._unchecked.discard(token)
            self._gone.update((token.market, token.token_id))
            for names in (self.changed, self.dropped, self.needs_rest):
                names.discard(token.key)
        if self._connected:
            self.outbox += frames.unsubscribe([token.token_id for token in gone])

    def opened(self, at_ms: int) -> None:
        """A fresh socket: no replay exists, so every book is unknown until its dump."""
        if self._opened_ms:
            self.stats.reconnects += 1
        self._now = self._opened_ms = self._ping_ms = self._pong_ms = self._scan_ms = at_ms
        self._updates_at_open = self.stats.book_updates + self.stats.trades
        self._connected, self._greeted, self.reconnect_wanted = True, False, ""
        self.last_data_ms = 0
        self._forget_all()
        for token in self._tokens.values():
            token.subscribed_ms = at_ms
        if not self.follow_all:
            self._subscribe(list(self._tokens))

    def closed(self, at_ms: int) -> None:
        """The socket is gone: no book is trusted."""
        self._now = at_ms
        self._connected = False
        self.outbox.clear()
        self._forget_all()

    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame; bad ones are counted and kept."""
        self.stats.frames += 1
        self._now = at_ms
        if raw == b"PONG":
            self._pong_ms = at_ms
            return
        try:
            event = self._decode(raw)
        except UNDECODABLE as error:
            self._undecodable(raw, at_ms, error)
            return
        self.last_data_ms = at_ms
        if event.__class__ is list:
            for one in event:
                self._event(one, raw, at_ms)
        elif event.price_changes is not None and event.event_type == "price_change":
            self._price_change(event, event.price_changes, raw, at_ms)
        else:
            self._event(event, raw, at_ms)

    def tick(self, at_ms: int) -> None:
        """Keep-alive, comparisons of quiet books, stall detection, overdue first books."""
        self._now = at_ms
        for token in list(self._unchecked):
            if at_ms - token.book.changed_ms >= QUIET_MS and self._due(token, at_ms):
                self._compare(token, at_ms)
        if not self._connected:
            return
        if at_ms - self._ping_ms >= PING_MS:
            self._ping_ms = at_ms
            self.outbox.append("PING")
        self._watch_connection(at_ms)
        if at_ms - self._scan_ms >= 1_000 and not self.follow_all:
            self._scan_ms = at_ms
            self._ask_for_overdue(at_ms)

    def repair(self, snapshot: BookSnapshot, at_ms: int) -> None:
        """Take a REST book. For a trusted book it only counts where it is newer; kept-back changes are
        applied on top.
        """
        self._now = at_ms
        token = self._by_key.get(snapshot.market_id)
        if token is None:
            return
        self.needs_rest.discard(token.key)
        ts = int(snapshot.changed_at.timestamp() * 1000 + 0.5) if snapshot.changed_at else token.ts
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        if token.book.trusted:
            if ts < token.ts:
                return
            same = bids == token.book.bids and asks == token.book.asks
            if same and token.members is not None:
                return
            if not same and ts - token.ts > LAG_MS:
                self._gap(token, "REST has a newer book than the stream")
        elif ts < token.ts or (token.overflowed and token.waiting and ts < token.waiting[0][0]):
            # A cached answer, older than the stream. Believed the second time: the stream's time may be the
            # wrong one.
            token.stale_reads += 1
            if token.stale_reads < 2:
                self.needs_rest.add(token.key)
                return
        if isinstance(snapshot, PolymarketBook):
            token.tick = snapshot.tick or token.tick
            if snapshot.last_price is not None:
                token.prefer(snapshot.last_price)
        details = snapshot if isinstance(snapshot, PolymarketBook) else None
        self._take_book(
            token, bids, asks, ts, details.hash if details else "", details.version if details else "", at_ms
        )
        token.floor = ts
        self._apply_waiting(token, ts, at_ms)

    # The hot path

    def _price_change(self, event: Event, changes: list[Change], raw: bytes, at_ms: int) -> None:
        tokens, stats, best = self._tokens, self.stats, frames.BEST
        number, timestamp = stats.frames, event.timestamp
        touched = False
        try:
            ts = int(timestamp)
        except ValueError:
            self._distrust([change.asset_id for change in changes], "a price_change without a time")
            self._bad("time", f"timestamp {timestamp[:40]!r}", raw, at_ms)
            return
        for change in changes:
            token = tokens.get(change.asset_id)
            if token is None:
                continue  # the mirror token of a followed market, mostly
            touched = True
            if ts < token.ts:
                self._late(token, ts, raw, at_ms)
                continue
            book = token.book
            if (
                change.hash != token.hash
                and token.pending
                and token.frame != number
                and (at_ms - token.checked_ms >= self.hash_check_ms or token.suspect >= 0)
            ):
                self._compare(token, at_ms)
            if not book.trusted:
                token.wait(ts, timestamp, change)
                continue
            try:
                price = self._prices[change.price]
                size = self._sizes[change.size]
                side = change.side
                if side == "BUY":
                    if size:
                        book.bids[price] = size
                        if price > book.best_bid:
                            book.best_bid = price
                    elif book.bids.pop(price, 0) and price == book.best_bid:
                        book.best_bid = max(book.bids, default=0)
                elif side == "SELL":
                    if size:
                        book.asks[price] = size
                        if price < book.best_ask:
                            book.best_ask = price
                    elif book.asks.pop(price, 0) and price == book.best_ask:
                        book.best_ask = min(book.asks, default=MICRO)
                else:
                    raise ValueError(f"side {side[:20]!r}")
            except ValueError as error:
                self._unusable_change(token, change, error, raw, at_ms)
                continue
            token.hash = change.hash
            token.ts = ts
            token.timestamp = timestamp
            token.frame = number
            book.changed_ms = at_ms
            stats.book_updates += 1
            if not token.pending:
                token.pending = True
                self._unchecked.add(token)
            self.changed.add(token.key)
            if best[change.best_bid] != book.best_bid or best[change.best_ask] != book.best_ask:
                self._compare_best(token, change.best_bid, change.best_ask, number)
            elif token.suspect == number:
                token.suspect = -1
            if book.best_bid >= book.best_ask:
                self._count_crossed(token)
            elif token.crossed:
                token.crossed = False
        if not touched and not self.follow_all:
            self._check_known(event.market, "", raw, at_ms)

    def _compare_best(self, token: Token, bid: str, ask: str, number: int) -> None:
        """Their best prices against ours; the spelling of an empty side is not known, so several are taken
        for it.
        """
        agree = frames.same_best(bid, token.book.best_bid, 0) and frames.same_best(
            ask, token.book.best_ask, MICRO
        )
        if not agree:
            token.suspect = number
        elif token.suspect == number:
            token.suspect = -1

    def _count_crossed(self, token: Token) -> None:
        if not token.crossed:
            token.crossed = True
            self.stats.crossed += 1

    # Continuity

    def _due(self, token: Token, at_ms: int) -> bool:
        return token.suspect >= 0 or at_ms - token.checked_ms >= self.hash_check_ms

    def _compare(self, token: Token, at_ms: int) -> None:
        """Judge the book as it stands: by its hash where we can, by best prices where not."""
        token.pending, token.checked_ms = False, at_ms
        self._unchecked.discard(token)
        hashed = token.members is not None and token.hash != ""
        if hashed:
            ok = token.matches()
            self._count_check(token, ok)
            if ok:
                token.suspect = -1
            elif not self.hash_broken:
                self._gap(token, "the book hash differs: a frame was lost or reordered")
                return
        if token.suspect >= 0:
            self._gap(token, "best prices differ from the platform's")

    def _count_check(self, token: Token, ok: bool) -> None:
        """Keep score; when nearly every check fails on several tokens, it is the hash that changed, not the
        books.
        """
        self.hash_checks += 1
        self.hash_matches += ok
        recent = self._recent
        recent.append((ok, token.token_id))
        if ok and not self.hash_broken:
            return
        failed = [name for good, name in recent if not good]
        many = len(recent) >= HASH_MIN_CHECKS and len(failed) * 100 > HASH_BROKEN_PCT * len(recent)
        self.hash_broken = many and len(set(failed)) >= min(3, len(self._tokens))

    def _gap(self, token: Token, why: str) -> None:
        self.stats.gaps += 1
        self.last_gap = f"{token.key}: {why}"
        self._drop(token)
        self._ask(token)

    def _ask(self, token: Token) -> None:
        token.asked_ms = self._now
        self.needs_rest.add(token.key)

    def _drop(self, token: Token) -> None:
        if token.book.trusted:
            self.dropped.add(token.key)
        self.changed.discard(token.key)
        token.book.drop()
        token.pending, token.suspect, token.crossed, token.overflowed = False, -1, False, False
        token.waiting.clear()
        self._unchecked.discard(token)

    def _forget_all(self) -> None:
        for token in self._tokens.values():
            self._drop(token)
            token.forget()
        self.needs_rest.clear()

    def _late(self, token: Token, ts: int, raw: bytes, at_ms: int) -> None:
        """A frame older than what was applied: expected just after a REST book, otherwise something was
        reordered.
        """
        if ts >= token.floor:
            self._bad("time", f"{token.key}: {ts} after {token.ts}", raw, at_ms)

    def _distrust(self, token_ids: Iterable[str], why: str) -> None:
        """An update of these tokens could not be used: their books are no longer complete."""
        for token_id in token_ids:
            token = self._tokens.get(token_id)
            if token is not None and token.book.trusted:
                self._gap(token, why)

    def _unusable_change(
        self, token: Token, change: Change, error: ValueError, raw: bytes, at_ms: int
    ) -> None:
        self._bad(frames.kind_of(change.price, change.size), str(error), raw, at_ms)
        self._distrust([token.token_id], f"an update could not be used: {error}")

    # Whole books

    def _book(self, event: Event, raw: bytes, at_ms: int) -> None:
        token = self._tokens.get(event.asset_id)
        if token is None and self.follow_all:
            token = self._discover(event, raw, at_ms)
        if token is None:
            if not self.follow_all:
                self._check_known(event.market, event.asset_id, raw, at_ms)
            return
        try:
            ts = int(event.timestamp)
            bids, asks = _ladder(event.bids), _ladder(event.asks)
        except ValueError as error:
            worst = [level for side in (event.bids, event.asks) for level in side or ()]
            kind = next(
                (kind for level in worst if (kind := frames.kind_of(level.price, level.size, ""))), "time"
            )
            self._bad(kind, f"{token.key}: {error}", raw, at_ms)
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
        token.checked_ms, token.stale_reads, token.overflowed = at_ms, 0, False
        self._unchecked.discard(token)
        self.needs_rest.discard(token.key)
        self.dropped.discard(token.key)
        self.changed.add(token.key)
        self.stats.book_updates += 1
        if book.crossed:
            self._count_crossed(token)
        else:
            token.crossed = False
        if book_hash:
            proven = token.learn(version, guesses)
            self._count_check(token, proven)
            if not proven and not self.hash_broken and at_ms - token.asked_ms >= FIRST_BOOK_MS:
                self._ask(token)  # the book is whole, but until REST tells its members it cannot be checked
        else:
            token.members = None

    def _apply_waiting(self, token: Token, from_ts: int, at_ms: int) -> None:
        """Changes that came while the book was unknown, from `from_ts` on; older ones are already in the
        book.
        """
        kept = [item for item in token.waiting if item[0] >= from_ts]
        token.waiting.clear()
        for _, timestamp, change in kept:
            event = Event(event_type="price_change", market=token.market, timestamp=timestamp)
            self._price_change(event, [change], b"", at_ms)
            if not token.book.trusted:
                return

    # Connection

    def _watch_connection(self, at_ms: int) -> None:
        if at_ms - self._pong_ms >= PONG_MS:
            self.reconnect_wanted = f"no PONG for {(at_ms - self._pong_ms) // 1000} s"
            return
        events = self.stats.book_updates + self.stats.trades - self._updates_at_open - len(self._tokens)
        silent = at_ms - self.last_data_ms
        if not self.last_data_ms or events <= 0 or silent < self.stall_ms:
            return
        # A set that only moves now and then may be quiet for long; one that was lively has stalled.
        if self.last_data_ms - self._opened_ms < events * self.stall_ms / 3:
            self.reconnect_wanted = f"no market data for {silent // 1000} s although PONGs arrive"

    def _ask_for_overdue(self, at_ms: int) -> None:
        """Tokens without a book for too long: read it over REST, and subscribe again in a small frame."""
        overdue = [
            token for token in self._tokens.values()
            if not token.book.trusted and at_ms - max(token.subscribed_ms, token.asked_ms) >= FIRST_BOOK_MS
        ]  # fmt: skip
        for token in overdue:
            token.subscribed_ms = at_ms
            self._ask(token)
        names = [token.token_id for token in overdue]
        self.outbox += frames.unsubscribe(names) + frames.subscribe(names, features=self._features)

    def _subscribe(self, token_ids: list[str]) -> None:
        if token_ids:
            self.outbox += frames.subscribe(token_ids, features=self._features, first=not self._greeted)
            self._greeted = True


def _ladder(side: list[Level] | None) -> dict[int, int]:
    """A side of a book event; ValueError where a price or size is none, or the side is missing."""
    if side is None:
        raise ValueError("a book without both sides")
    return {level_price(level.price): to_micro(level.size) for level in side}
