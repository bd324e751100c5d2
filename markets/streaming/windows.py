"""Windows: changes are gathered for a few milliseconds and sent through the chain, at most two at a time.

While two windows are on their way, newer changes merge into the next one: a slow worker makes windows bigger, never a
queue of stale ones.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from kombu.exceptions import OperationalError

from arbsite import pipeline
from arbsite.connections import REDIS_GONE
from markets import live
from markets.live import Change

log = logging.getLogger(__name__)


class Windows:
    """The open window of one platform and those in flight. Times are Unix ms."""

    def __init__(self, platform: str, *, window_ms: int, in_flight: int, lost_ms: int, depth: int) -> None:
        self._platform = platform
        self._window_ms = window_ms
        self._limit = in_flight
        self._lost_ms = lost_ms
        self._depth = depth
        self._opened_ms: int | None = None
        self._running: set[str] = set()
        self._looked_ms = 0
        self._count = 0
        self.dirty: set[str] = set()
        self.closed = 0
        self.merged = 0  # times a due window had to wait for one in flight
        self.longest_ms = 0  # longest time a change waited for its window, since last asked

    def add(self, market_ids: set[str], at_ms: int) -> None:
        """These books changed."""
        if market_ids:
            self.dirty |= market_ids
            if self._opened_ms is None:
                self._opened_ms = at_ms

    def wait_ms(self, at_ms: int) -> int:
        """Milliseconds until the open window is due."""
        if self._opened_ms is None:
            return self._window_ms
        return max(0, self._opened_ms + self._window_ms - at_ms)

    def due(self, at_ms: int) -> bool:
        """There are changes, their time is up, and fewer than the limit are in flight."""
        if self._opened_ms is None or at_ms < self._opened_ms + self._window_ms:
            return False
        if len(self._running) >= self._limit and not self._room(at_ms):
            self.merged += 1
            return False
        return True

    def _room(self, at_ms: int) -> bool:
        if at_ms - self._looked_ms < 5:  # ask Redis at most every 5 ms
            return False
        self._looked_ms = at_ms
        self._running &= live.in_flight(self._platform, since_ms=at_ms - self._lost_ms)
        return len(self._running) < self._limit

    def close(
        self, changes: Callable[[set[str]], Sequence[Change]], alive: Mapping[str, int], at_ms: int
    ) -> str | None:
        """Write the changed books and ring the chain; on a broken Redis or broker the changes stay for later."""
        waited = at_ms - (self._opened_ms or at_ms)
        written = changes(self.dirty)
        self._count += 1
        window_id = f"{self._platform}:{at_ms}:{self._count}"
        try:
            if written:
                live.publish_window(self._platform, window_id, written, alive, at_ms=at_ms, depth=self._depth)
                pipeline.on_window(window_id).apply_async()
        except (*REDIS_GONE, OperationalError) as error:
            log.warning("window not sent", extra={"platform": self._platform, "error": str(error)})
            return None
        self.dirty = set()
        self._opened_ms = None
        self.closed += 1
        self.longest_ms = max(self.longest_ms, waited)
        if written:
            self._running.add(window_id)
        return window_id
