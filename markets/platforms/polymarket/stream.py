"""The market channel as a feed: one connection's books, trades and news, without a socket or a clock.

Only the YES token of a market is followed: NO's book is its mirror, and every frame carries both, so the entries of
the NO token are skipped. Layers below: `news` (all other events), `snapshots` (whole books), `continuity` (trust).
"""

from collections.abc import Iterable

import msgspec

from markets.books import MICRO
from markets.platforms.base import FeedMarket
from markets.platforms.polymarket import frames
from markets.platforms.polymarket.news import News
from markets.platforms.polymarket.snapshots import FIRST_BOOK_MS
from markets.platforms.polymarket.tokens import Token
from markets.platforms.polymarket.units import PriceCache, condition_id, to_micro, unix_ms
from markets.platforms.polymarket.wire import Change, Event

MAX_TOKENS_PER_CONNECTION = 200  # more in one socket got no first books, or made the server hang up
PING_MS = 10_000
PONG_MS = 30_000
QUIET_MS = 50  # nothing for a token for so long: its last batch may well be complete
PATIENCE_MS = 500  # and after so long it must be: frames of one batch can be held up on their way
AUDIT_MS = 60_000  # a token silent for so long is compared with REST: single tokens were seen to stop
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class PolymarketFeed(News):
    """Books of one market-channel connection. See `Feed` for how an owner drives it.

    `stall_ms`: a connection that was busy and then shows no data for so long wants a reconnect, PONGs or not.
    `hash_check_ms`: at most one hash check per token in this time; 0 checks every comparable state.
    `follow_all`: for replay; every market that sends a book is followed and every state checked. A recording does
    not say which token is YES: the first one seen of a market is taken for it.
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
        super().__init__(follow_all=follow_all, hash_check_ms=0 if follow_all else hash_check_ms)
        self.stall_ms = stall_ms
        self._features = features  # best_bid_ask, new_market and market_resolved
        self._decode = msgspec.json.Decoder(Event | list[Event]).decode
        self._prices = PriceCache()
        self._connected = False
        self._greeted = False
        self._opened_ms = self._ping_ms = self._scan_ms = 0
        self._updates_at_open = 0

    # What the owner calls

    def follow(self, markets: Iterable[FeedMarket]) -> None:
        """Begin to follow markets; one already followed only has its description renewed.

        Raises ValueError for a market without a condition id (as `units.condition_id` writes it) or YES token id.
        """
        fresh = []
        for meta in markets:
            if not meta.token_id:
                raise ValueError(f"market {meta.market_id} has no YES token id yet")
            known = self._tokens.get(meta.token_id)
            if known is not None:
                known.meta, known.tick = meta, meta.tick or known.tick
                continue
            market_id = condition_id(meta.market_id)
            if market_id != meta.market_id:
                raise ValueError(f"market {meta.market_id} should be written {market_id}")
            self._add(Token(market_id, market_id, meta.token_id, meta, self._now))
            fresh.append(meta.token_id)
        if self._connected:
            self._subscribe(fresh)

    def unfollow(self, market_ids: Iterable[str]) -> None:
        """Stop following markets and forget their books."""
        gone = [token for key in market_ids if (token := self._by_market.get(key)) is not None]
        for token in gone:
            self._remove(token)
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
        self.outbox.clear()
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
        if event.__class__ is list:
            for one in event:
                self._event(one, raw, at_ms)
        elif event.price_changes is not None and event.event_type == "price_change":
            self.last_data_ms = at_ms
            self._price_change(event, event.price_changes, raw, at_ms)
        else:
            self._event(event, raw, at_ms)

    def tick(self, at_ms: int) -> None:
        """Keep-alive, comparisons of quiet books, stall detection, overdue and silent books."""
        self._now = at_ms
        for token in list(self._unchecked):
            quiet = at_ms - token.book.changed_ms
            if quiet >= QUIET_MS and self._due(token, at_ms):
                self._compare(token, at_ms, patient=quiet < PATIENCE_MS)
        if not self._connected:
            return
        if at_ms - self._ping_ms >= PING_MS:
            self._ping_ms = at_ms
            self.outbox.append("PING")
        self._watch_connection(at_ms)
        if at_ms - self._scan_ms >= 1_000 and not self.follow_all:
            self._scan_ms = at_ms
            self._ask_for_overdue(at_ms)

    # The hot path: what `Book.set_bid`, `Book.set_ask` and the checks do, without the calls

    def _price_change(self, event: Event, changes: list[Change], raw: bytes, at_ms: int) -> None:
        tokens, stats, best = self._tokens, self.stats, frames.BEST
        timestamp = event.timestamp
        touched = False
        for change in changes:
            token = tokens.get(change.asset_id)
            if token is None:
                continue  # the mirror token of a followed market, mostly
            touched = True
            if timestamp == token.timestamp:
                ts = token.ts
            else:
                try:
                    ts = (
                        int(timestamp) if len(timestamp) == 13 and timestamp.isdigit() else unix_ms(timestamp)
                    )
                except ValueError as error:
                    self._bad("time", str(error), raw, at_ms)
                    self._distrust([one.asset_id for one in changes], "a price_change without a time")
                    return
                if ts < token.ts:
                    self._late(token, ts, raw, at_ms)
                    continue
            if (
                token.pending
                and (at_ms - token.checked_ms >= self.hash_check_ms or token.suspect >= 0)
                and change.hash != token.hash
                and token.frame != stats.frames
            ):
                self._compare(token, at_ms)
            book = token.book
            if not book.trusted:
                token.wait(ts, timestamp, change)
                continue
            try:
                price = self._prices[change.price]
                size = to_micro(change.size)
                if change.side == "BUY":
                    bids = book.bids
                    if size:
                        bids[price] = size
                        if price > book.best_bid:
                            book.best_bid = price
                    elif bids.pop(price, 0) and price == book.best_bid:
                        book.best_bid = max(bids, default=0)
                elif change.side == "SELL":
                    asks = book.asks
                    if size:
                        asks[price] = size
                        if price < book.best_ask:
                            book.best_ask = price
                    elif asks.pop(price, 0) and price == book.best_ask:
                        book.best_ask = min(asks, default=MICRO)
                else:
                    raise ValueError(f"side {change.side[:20]!r}")
            except ValueError as error:
                self._bad(frames.kind_of(change.price, change.size), str(error), raw, at_ms)
                self._distrust([token.token_id], f"an update could not be used: {error}")
                continue
            token.hash, token.ts, token.timestamp, token.frame = change.hash, ts, timestamp, stats.frames
            if not token.pending:
                token.pending = True
                self._unchecked.add(token)
            book.changed_ms = at_ms
            stats.book_updates += 1
            self.changed.add(token.key)
            bid, ask = book.best_bid, book.best_ask
            if best[change.best_bid] != bid or best[change.best_ask] != ask:
                self._compare_best(token, change.best_bid, change.best_ask, stats.frames)
            elif token.suspect >= 0:
                token.suspect = -1  # an earlier frame of the same batch spoke of the batch's end
            if bid >= ask:
                self._count_crossed(token)
            elif token.crossed:
                token.crossed = False
        if not touched:
            self._check_known(event.market, "", raw, at_ms)

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
        """Tokens without a book for too long: read it over REST, and subscribe again in a small frame.

        A book that stands but was silent for a minute is read as well: the stream of a single token may have died.
        """
        overdue = []
        for token in self._tokens.values():
            asked_ms = max(token.subscribed_ms, token.asked_ms)
            if not token.book.trusted:
                if at_ms - asked_ms >= FIRST_BOOK_MS:
                    overdue.append(token)
            elif at_ms - max(asked_ms, token.book.changed_ms) >= AUDIT_MS:
                self._ask(token)
        for token in overdue:
            token.subscribed_ms = at_ms
            self._ask(token)
        names = [token.token_id for token in overdue]
        self.outbox += frames.unsubscribe(names) + frames.subscribe(names, features=self._features)

    def _subscribe(self, token_ids: list[str]) -> None:
        if token_ids:
            self.outbox += frames.subscribe(token_ids, features=self._features, first=not self._greeted)
            self._greeted = True
