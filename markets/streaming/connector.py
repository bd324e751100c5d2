"""The connector's loop: frames in, books kept, windows out, health said.

One thread runs it and owns all state; sockets and REST calls run in threads of their own and hand over through
queues. Nothing in Redis or Postgres is needed to keep the books: while either is away the loop goes on, and when it
is back everything is written anew.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from arbsite.connections import REDIS_GONE
from arbsite.lease import Lease
from markets import live
from markets.books import Book
from markets.live import Change
from markets.platforms.base import (
    BookSnapshot,
    Feed,
    FeedMarket,
    FeedStats,
    PlatformError,
)
from markets.streaming.connection import Arrival, Connection, unix_ms
from markets.streaming.given import Followed, Hooks, Options
from markets.streaming.shards import Shard, Shards
from markets.streaming.windows import Windows

log = logging.getLogger(__name__)

TICK_MS = 100
PING_AFTER_MS = 700  # a silent socket is asked for a sign of life, so that quiet books stay confirmed
FALLBACK_AFTER_MS = 3_000  # a connection down this long: its books are read over REST instead
REFRESH_BOOKS_MS = 60_000  # well inside a live book's time to live
REST_BATCH = 100
REPAIR_EVERY_MS = 250


class LeaseTaken(Exception):
    """Another connector of this platform is running."""


class Connector:
    """See the module. `run` returns when `stop` is set or the lease is lost to another process."""

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self.options = options
        self.hooks = hooks
        self.stop = threading.Event()
        self.inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self.followed: dict[str, Followed] = {}
        self.shards = Shards(self._open_shard, options.platform, options.shard_size)
        self.windows = Windows(
            options.platform, window_ms=options.window_ms, in_flight=options.in_flight, lost_ms=options.lost_ms,
            depth=options.depth,
        )  # fmt: skip
        self.redis_up = True
        self.polling: dict[str, Book] = {}  # books read over REST while their connection is down
        self.polled_ms = 0
        self._last: dict[str, int] = {}  # last trade price
        self._traded: dict[str, int] = {}  # contracts traded since the universe was read
        self._lease = Lease(f"stream:{options.platform}", options.lease_seconds)
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="rest")
        self._repairing: list[FeedMarket] = []
        self._repairs: Future[list[BookSnapshot]] | None = None
        self._poll: Future[list[BookSnapshot]] | None = None
        self._reading: Future[list[Followed] | None] | None = None
        self._due = {
            "tick": 0,
            "lease": 0,
            "vouch": 0,
            "universe": 0,
            "health": 0,
            "refresh": 0,
            "poll": 0,
            "repair": 0,
        }

    # --- life

    def run(self) -> None:
        """Hold the lease and serve until told to stop. Raises LeaseTaken when another connector holds it."""
        self._take_lease()
        try:
            while not self.stop.is_set():
                self._drain()
                self._serve(unix_ms())
        finally:
            self._end()

    def _take_lease(self) -> None:
        deadline = time.monotonic() + self.options.lease_seconds + 2
        while not self.stop.is_set():
            try:
                if self._lease.acquire():
                    live.silence(self.options.platform)
                    return
            except REDIS_GONE:
                deadline = time.monotonic() + self.options.lease_seconds + 2
            if time.monotonic() > deadline:
                raise LeaseTaken(
                    f"Another {self.options.platform} connector is running (it holds the lease). "
                    "Stop it first, or let this one wait as a stand-by under a supervisor."
                )
            self.stop.wait(0.3)

    def _end(self) -> None:
        for shard in self.shards:
            shard.connection.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        try:
            live.silence(self.options.platform)
            self._lease.release()
        except REDIS_GONE:
            pass  # nobody reads our books there; the lease ends by itself
        for shard in self.shards:
            shard.connection.join(timeout=2)
        self.hooks.health(self, unix_ms())

    # --- frames

    def _drain(self) -> None:
        """Apply what has arrived; waits at most until the window is due, and never longer than a tick."""
        wait = min(self.windows.wait_ms(unix_ms()), TICK_MS) / 1_000
        try:
            arrival = self.inbox.get(timeout=max(wait, 0.001))
        except queue.Empty:
            return
        for _ in range(2_000):
            self._apply(arrival)
            try:
                arrival = self.inbox.get_nowait()
            except queue.Empty:
                return
        self._apply(arrival)

    def _apply(self, arrival: Arrival) -> None:
        shard = self.shards.by_name.get(arrival.connection)
        if shard is None:
            return
        if arrival.kind == "frame":
            shard.heard_ms = arrival.at_ms
            if self.hooks.frame is not None:
                self.hooks.frame(arrival.connection, arrival.raw, arrival.at_ms)
            shard.feed.receive(arrival.raw, arrival.at_ms)
            # Keep-alives and replies say that the socket lives, only data that the books are current
            heard = shard.pulse.data if shard.feed.last_data_ms == arrival.at_ms else shard.pulse.alive
            heard(arrival.at_ms)
        elif arrival.kind == "alive":
            shard.heard_ms = arrival.at_ms
            shard.pulse.alive(arrival.at_ms)
        elif arrival.kind == "opened":
            shard.up, shard.heard_ms, shard.down_since_ms = True, arrival.at_ms, 0
            shard.pulse.opened(arrival.at_ms)
            shard.feed.opened(arrival.at_ms)
        else:
            if shard.up or not shard.down_since_ms:
                shard.down_since_ms = arrival.at_ms
            shard.up = False
            shard.feed.closed(arrival.at_ms)
        if shard.feed.outbox:
            self._send(shard)

    def _send(self, shard: Shard) -> None:
        texts, shard.feed.outbox[:] = list(shard.feed.outbox), []
        for text in texts:
            if not shard.connection.send(text):
                return

    # --- the loop's duties

    def _serve(self, at_ms: int) -> None:
        if self._is_due("tick", at_ms, TICK_MS):
            for shard in self.shards:
                self._tick(shard, at_ms)
        self._gather(at_ms)
        if self.windows.due(at_ms):
            self._close_window(at_ms)
        if self._is_due("lease", at_ms, self.options.lease_seconds * 1_000 // 4):
            self._renew(at_ms)
        if self._is_due("vouch", at_ms, 250):
            self._guarded(lambda: live.vouch(self.options.platform, self._alive(at_ms)))
        if self._is_due("refresh", at_ms, REFRESH_BOOKS_MS):
            self._rewrite(at_ms)
        self._rest_work(at_ms)
        self._universe_work(at_ms)
        if self._is_due("health", at_ms, 2_000):
            self.hooks.health(self, at_ms)

    def _is_due(self, what: str, at_ms: int, every_ms: int) -> bool:
        if at_ms < self._due[what]:
            return False
        self._due[what] = at_ms + every_ms
        return True

    def _tick(self, shard: Shard, at_ms: int) -> None:
        feed = shard.feed
        if not shard.up:
            return
        feed.tick(at_ms)
        if shard.pulse.doubted:
            feed.reconnect_wanted = "a busy stream was silent and may have lost data meanwhile"
            shard.up, shard.down_since_ms = False, at_ms  # nobody vouches for it until the new socket is up
            feed.closed(at_ms)
        if feed.reconnect_wanted:
            log.warning("reconnecting", extra={"connection": shard.name, "why": feed.reconnect_wanted})
            feed.reconnect_wanted = ""
            shard.connection.reconnect()
            return
        if feed.outbox:
            self._send(shard)
        if at_ms - max(shard.heard_ms, shard.pinged_ms) >= PING_AFTER_MS:
            shard.pinged_ms = at_ms
            shard.connection.ping()

    def _gather(self, at_ms: int) -> None:
        """Take what the feeds have to say: changed and dropped books, trades, news, bad frames."""
        for shard in self.shards:
            feed = shard.feed
            if feed.dropped:
                dropped, feed.dropped = feed.dropped, set()
                self.windows.dirty -= dropped
                self._guarded(partial(live.forget, self.options.platform, dropped))
            if feed.changed:
                self.windows.add(feed.changed, at_ms)
                feed.changed = set()
            if feed.trades:
                self._count_trades(feed)
            if feed.changes:
                news, feed.changes = feed.changes, []
                self.hooks.changes(news)
            if feed.bad:
                self._report_bad(feed)

    def _count_trades(self, feed: Feed) -> None:
        for trade in feed.trades:
            price = int(trade.price.scaleb(6))
            self._last[trade.market_id] = price if trade.outcome == "YES" else 1_000_000 - price
            self._traded[trade.market_id] = self._traded.get(trade.market_id, 0) + int(trade.size.scaleb(6))
        feed.trades = []

    def _report_bad(self, feed: Feed) -> None:
        while feed.bad:
            frame = feed.bad.popleft()
            if self.hooks.bad is not None:
                self.hooks.bad(f"{frame.kind}: {frame.detail}", frame.raw, frame.at_ms)

    # --- windows and books

    def _close_window(self, at_ms: int) -> None:
        sent = self.windows.close(self._changes, self._alive(at_ms), at_ms)
        if sent is None:
            self._lost_redis()
        elif not self.redis_up:
            self._found_redis()

    def _changes(self, market_ids: set[str]) -> list[Change]:
        found = []
        for market_id in market_ids:
            shard = self.shards.of_market.get(market_id)
            if shard is None:
                continue
            book = shard.feed.books.get(market_id)
            label = shard.name
            if book is None or not book.trusted:
                book, label = self.polling.get(market_id), f"{self.options.platform}-rest"
            if book is not None and book.trusted:
                found.append(self._change(market_id, book, label))
        return found

    def _change(self, market_id: str, book: Book, connection: str) -> Change:
        followed = self.followed.get(market_id)
        volume = followed.volume_24h if followed else None
        if volume is not None:
            volume += self._traded.get(market_id, 0)
        return Change(
            market_id,
            book,
            connection,
            self._last.get(market_id),
            volume,
            followed.liquidity if followed else None,
        )

    def _alive(self, at_ms: int) -> dict[str, int]:
        alive = {shard.name: shard.pulse.vouched_ms(at_ms) for shard in self.shards if shard.up}
        if self.polling:
            alive[f"{self.options.platform}-rest"] = self.polled_ms
        return alive

    def _rewrite(self, at_ms: int) -> None:
        """Write every trusted book again: before its time to live ends, or into an emptied Redis."""
        markets = list(self.shards.of_market)
        for start in range(0, len(markets), 500):
            changes = self._changes(set(markets[start : start + 500]))
            if not self._guarded(
                partial(
                    live.keep, self.options.platform, changes, self._alive(at_ms), depth=self.options.depth
                )
            ):
                return

    def _guarded(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except REDIS_GONE:
            self._lost_redis()
            return False
        if not self.redis_up:
            self._found_redis()
        return True

    def _lost_redis(self) -> None:
        if self.redis_up:
            log.error(
                "Redis is away: books are kept here, nothing is published",
                extra={"platform": self.options.platform},
            )
        self.redis_up = False

    def _found_redis(self) -> None:
        log.warning("Redis is back: writing all books", extra={"platform": self.options.platform})
        self.redis_up = True
        self._due["refresh"] = 0

    def _renew(self, at_ms: int) -> None:
        try:
            answer = self._lease.renew()
        except REDIS_GONE:
            self._lost_redis()
            return
        if answer == Lease.LOST:
            log.error(
                "the lease belongs to another connector now: stopping",
                extra={"platform": self.options.platform},
            )
            self.stop.set()
        elif answer == Lease.REGAINED or not self.redis_up:
            # The key was gone: Redis was emptied or restarted without it, so our books are gone from it as well
            self._found_redis()

    # --- REST: repairs, and polling while a connection is down

    def _rest_work(self, at_ms: int) -> None:
        self._take_repairs(at_ms)
        self._take_poll(at_ms)
        if self._repairs is None:
            self._repairing = self._needing_rest() if self._is_due("repair", at_ms, REPAIR_EVERY_MS) else []
            if self._repairing:
                self._repairs = self._pool.submit(self.hooks.rest.books, self._repairing)
        down = [
            shard for shard in self.shards if not shard.up and at_ms - shard.down_since_ms > FALLBACK_AFTER_MS
        ]
        if not down:
            self.polling.clear()
        elif self._poll is None and self._is_due("poll", at_ms, self.options.poll_ms):
            wanted = [
                self.followed[market_id].market
                for shard in down
                for market_id in shard.markets
                if market_id in self.followed
            ]
            self._poll = self._pool.submit(self.hooks.rest.books, wanted)

    def _needing_rest(self) -> list[FeedMarket]:
        wanted: list[FeedMarket] = []
        for shard in self.shards:
            needs: set[str] = getattr(shard.feed, "needs_rest", set())
            for market_id in list(needs)[: REST_BATCH - len(wanted)]:
                needs.discard(market_id)
                if shard.up and market_id in self.followed:
                    wanted.append(self.followed[market_id].market)
        return wanted

    def _take_repairs(self, at_ms: int) -> None:
        if self._repairs is None or not self._repairs.done():
            return
        answer = self._answer(self._repairs)
        if answer is None:
            self._ask_again()
        for snapshot in answer or ():
            shard = self.shards.of_market.get(snapshot.market_id)
            if shard is not None and shard.up:
                shard.feed.repair(snapshot, at_ms)
        self._repairs = None

    def _take_poll(self, at_ms: int) -> None:
        if self._poll is None or not self._poll.done():
            return
        snapshots = self._answer(self._poll) or []
        self._poll = None
        changed = set()
        for snapshot in snapshots:
            book = self.polling.setdefault(snapshot.market_id, Book())
            book.replace(snapshot.bids, snapshot.asks)
            book.trusted, book.changed_ms = True, at_ms
            changed.add(snapshot.market_id)
        if changed:
            self.polled_ms = at_ms
            self.windows.add(changed, at_ms)

    def _ask_again(self) -> None:
        """A repair that failed is still needed."""
        for market in self._repairing:
            shard = self.shards.of_market.get(market.market_id)
            if shard is not None and hasattr(shard.feed, "needs_rest"):
                shard.feed.needs_rest.add(market.market_id)

    def _answer(self, future: "Future[list[BookSnapshot]]") -> list[BookSnapshot] | None:
        """What REST answered; None where it did not."""
        try:
            return future.result()
        except PlatformError as error:
            log.warning(
                "books over REST failed", extra={"platform": self.options.platform, "error": str(error)}
            )
            return None

    # --- which markets

    def _universe_work(self, at_ms: int) -> None:
        if self._reading is None and self._is_due("universe", at_ms, 3_000):
            self._reading = self._pool.submit(self.hooks.universe)
        if self._reading is not None and self._reading.done():
            reading, self._reading = self._reading, None
            markets = reading.result()
            if markets is not None:
                self._follow(markets)

    def _follow(self, markets: list[Followed]) -> None:
        fresh = {followed.market.market_id: followed for followed in markets}
        for market_id, followed in fresh.items():
            if followed != self.followed.get(market_id):
                self._traded.pop(market_id, None)
        self.followed = fresh
        new, gone = self.shards.follow(followed.market for followed in markets)
        if gone:
            self._guarded(lambda: live.forget(self.options.platform, gone))
        if new or gone:
            log.info(
                "universe changed",
                extra={"platform": self.options.platform, "new": new, "gone": len(gone), "all": len(fresh)},
            )
        for shard in self.shards:
            if shard.feed.outbox and shard.up:
                self._send(shard)

    def _open_shard(self, name: str) -> Shard:
        connection = Connection(name, self.options.ws_url, self.inbox, self.hooks.headers)
        return Shard(name, self.hooks.feed(), connection, down_since_ms=unix_ms())

    # --- figures

    def stats(self) -> FeedStats:
        """The counters of all connections together."""
        total = FeedStats()
        for shard in self.shards:
            for name, value in shard.feed.stats.as_json().items():
                setattr(total, name, getattr(total, name) + value)
        return total

    def trusted(self) -> int:
        """How many followed books can be traded on."""
        return sum(book.trusted for shard in self.shards for book in shard.feed.books.values())
