"""Listening only: one platform's frames into a recorder. No lease, no Redis, no windows; any number may run."""

import queue
import threading
from collections.abc import Callable

from markets.platforms.base import Feed, FeedMarket
from markets.recorder import Recorder
from markets.streaming.connection import Arrival, Connection, unix_ms
from markets.streaming.shards import Shard, Shards

TICK_MS = 100
PING_AFTER_MS = 10_000


class Tap:
    """Follows markets on as many connections as they need and records every frame. `run` returns when `stop` is set."""

    def __init__(
        self,
        platform: str,
        url: str,
        feed: Callable[[], Feed],
        headers: Callable[[], list[str]] | None,
        recorder: Recorder,
        *,
        per_connection: int,
    ) -> None:
        self._url = url
        self._feed = feed
        self._headers = headers
        self._recorder = recorder
        self._inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._shards = Shards(self._open, platform, per_connection)

    def run(self, markets: list[FeedMarket], stop: threading.Event) -> None:
        """Record until told to stop."""
        self._shards.follow(markets)
        ticked_ms = 0
        try:
            while not stop.is_set():
                self._take_one()
                at_ms = unix_ms()
                if at_ms - ticked_ms >= TICK_MS:
                    ticked_ms = at_ms
                    for shard in self._shards:
                        self._tick(shard, at_ms)
        finally:
            for shard in self._shards:
                shard.connection.stop()
            for shard in self._shards:
                shard.connection.join(timeout=2)

    def _open(self, name: str) -> Shard:
        return Shard(name, self._feed(), Connection(name, self._url, self._inbox, self._headers))

    def _take_one(self) -> None:
        try:
            arrival = self._inbox.get(timeout=TICK_MS / 1_000)
        except queue.Empty:
            return
        shard = self._shards.by_name[arrival.connection]
        shard.heard_ms = arrival.at_ms
        if arrival.kind == "frame":
            self._recorder.frame(arrival.connection, arrival.raw, arrival.at_ms)
            shard.feed.receive(arrival.raw, arrival.at_ms)
        elif arrival.kind != "alive":
            self._recorder.control(arrival.connection, arrival.kind, arrival.at_ms)
            shard.up = arrival.kind == "opened"
            (shard.feed.opened if shard.up else shard.feed.closed)(arrival.at_ms)
        self._settle(shard)

    def _tick(self, shard: Shard, at_ms: int) -> None:
        if not shard.up:
            return
        shard.feed.tick(at_ms)
        if at_ms - max(shard.heard_ms, shard.pinged_ms) >= PING_AFTER_MS:
            shard.pinged_ms = at_ms
            shard.connection.ping()
        self._settle(shard)

    def _settle(self, shard: Shard) -> None:
        """Send what the feed wants sent; nobody reads the rest here."""
        feed = shard.feed
        texts, feed.outbox[:] = list(feed.outbox), []
        for text in texts:
            shard.connection.send(text)
        for gathered in (feed.changed, feed.dropped, feed.trades, feed.changes, feed.bad):
            gathered.clear()
        if feed.reconnect_wanted:
            feed.reconnect_wanted = ""
            shard.connection.reconnect()
