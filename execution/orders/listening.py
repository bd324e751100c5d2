"""A platform's private channels, in three threads: one reads the socket, one applies what was said, one compares.

Nothing is replayed after a reconnect, so the platform is asked over REST then; by a thread of its own, for while that
waits the keep-alives of the channel must go on.
"""

import contextlib
import logging
import queue
import threading
import time

from django.db import connection
from django.utils import timezone

from arbsite.components import DATABASE_GONE
from arbsite.connections import REDIS_GONE
from execution.halting import halts
from execution.models import Reconciliation
from execution.orders import facts
from markets import clients
from markets.platforms.base import PlatformError
from markets.platforms.trading import PrivateFeed
from markets.streaming.connection import Arrival, Connection, unix_ms

log = logging.getLogger(__name__)

QUIET_SECONDS = 60.0  # without any frame, pings included, after which it counts as deaf
WAIT_SECONDS = 0.25
PAUSE_SECONDS = 2.0  # between two comparisons: a channel that flaps must not use up the platform's patience
AT_ONCE = 1_000  # arrivals that are applied together
BY, ORDER_GROUP = "private channels", "order_group"
# A database, Redis, platform or signer that is away for a while: what was said meanwhile is asked for again
AWAY = (*DATABASE_GONE, *REDIS_GONE, PlatformError, OSError)


class Listener:
    """Listens to one platform until `stop`."""

    def __init__(self, platform: str, mode: str, *, ask_again: bool = False) -> None:
        self.platform, self.mode = platform, mode
        self._stop = threading.Event()
        self._inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._feed: PrivateFeed = clients.private_feed(platform)
        self._link = Connection(f"private-{platform}", self._feed.url, self._inbox, self._feed.handshake)
        self._thread = threading.Thread(target=self._run, name=f"private-{platform}", daemon=True)
        self._asker = threading.Thread(target=self._ask, name=f"asking-{platform}", daemon=True)
        self._lost = threading.Event()  # something may have been missed: compare with the platform
        if ask_again:
            self._lost.set()
        self._open = False
        self._heard = time.monotonic()

    def start(self) -> None:
        """Begin to listen."""
        for thread in (self._link, self._thread, self._asker):
            thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()
        self._link.stop()

    def alive(self) -> bool:
        """Whether its threads still run; one ends by itself only where something went wrong that nobody expected."""
        return all(thread.is_alive() for thread in (self._link, self._thread, self._asker))

    def healthy(self) -> bool:
        """Whether the socket is open and heard of lately, and whoever applies it is at work."""
        return self.alive() and self._open and time.monotonic() - self._heard < QUIET_SECONDS

    def _run(self) -> None:
        try:
            self._listen()
        finally:
            connection.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except AWAY as error:
                log.warning("private news lost", extra={"platform": self.platform, "error": str(error)})
                connection.close()
                self._lost.set()
                self._stop.wait(1.0)

    def _turn(self) -> None:
        """Hear what has come, say what is to be said, apply what was told."""
        with contextlib.suppress(queue.Empty):
            self._hear(self._inbox.get(timeout=WAIT_SECONDS))
            # All of it before the clock is looked at: a PONG that waits here is no silence
            for _ in range(AT_ONCE):
                self._hear(self._inbox.get_nowait())
        self._feed.tick(unix_ms())
        self._speak()
        self._apply()

    def _ask(self) -> None:
        """Compare with the platform whenever something may have been missed."""
        from execution.reconciling import reconcile

        while not self._stop.is_set():
            if not self._lost.wait(WAIT_SECONDS):
                continue
            self._lost.clear()
            try:
                reconcile.run(self.platform, Reconciliation.RECONNECT, now=timezone.now(), mode=self.mode)
            except AWAY as error:
                log.warning("not compared", extra={"platform": self.platform, "error": str(error)})
                connection.close()
                self._lost.set()
            self._stop.wait(PAUSE_SECONDS)
        connection.close()

    def _hear(self, arrival: Arrival) -> None:
        self._heard = time.monotonic()
        if arrival.kind == "opened":
            self._open = True
            self._begin(arrival.at_ms)
        elif arrival.kind == "frame":
            self._feed.receive(arrival.raw, arrival.at_ms)
        elif arrival.kind == "closed":
            if self._open:
                log.warning(
                    "private channels lost", extra={"platform": self.platform, "why": self._link.error}
                )
            self._open = False
            self._feed.closed(arrival.at_ms)

    def _begin(self, at_ms: int) -> None:
        """Log in; a connection that cannot be logged into is of no use, and is made anew."""
        try:
            self._feed.opened(at_ms)
        except (PlatformError, OSError):
            self._link.reconnect()
            raise

    def _speak(self) -> None:
        while self._feed.outbox:
            text = self._feed.outbox.pop(0)
            if not self._link.send(text):
                break
        if self._feed.reconnect_wanted:
            log.warning("reconnecting", extra={"platform": self.platform, "why": self._feed.reconnect_wanted})
            self._feed.reconnect_wanted = ""
            self._link.reconnect()

    def _apply(self) -> None:
        """Let our rows know what was said; what is not ours, and what was lost, is reconciliation's."""
        told = self._feed.events
        orders, fills = told.orders[:], told.fills[:]
        for heard in (told.orders, told.fills, told.positions):
            heard.clear()
        for note in told.notes:
            log.info("the platform says", extra={"platform": self.platform, "note": note})
        for why, raw in told.bad:
            log.warning(
                "frame not used", extra={"platform": self.platform, "why": why, "frame": repr(raw[:200])}
            )
        told.notes.clear()
        told.bad.clear()
        stopped, told.stopped[:] = told.stopped[:], []
        if told.reconnected:
            self._lost.set()
        told.reconnected = False
        now = timezone.now()
        if orders:
            facts.orders_told(orders, mode=self.mode, platform=self.platform, now=now)
        if fills:
            facts.fills_told(fills, mode=self.mode, platform=self.platform, now=now)
        if stopped and not halts.whole_platform(self.platform):  # else it is we who have pulled it
            halts.trip(
                ORDER_GROUP, f"{stopped[0]}. Look why, then resume.", by=BY, now=now, platform=self.platform
            )
