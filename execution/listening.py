"""A platform's private channels, heard in two threads: one reads the socket, the other applies what was said.

Nothing is replayed after a reconnect, so the platform is asked over REST then.
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
from execution import facts
from execution.models import Reconciliation
from markets import clients
from markets.platforms.trading import PrivateFeed
from markets.streaming.connection import Arrival, Connection, unix_ms

log = logging.getLogger(__name__)

QUIET_SECONDS = 60.0  # without any frame, pings included, after which it counts as deaf
WAIT_SECONDS = 0.25


class Listener:
    """Listens to one platform until `stop`."""

    def __init__(self, platform: str, mode: str, *, ask_again: bool = False) -> None:
        self.platform, self.mode = platform, mode
        self._stop = threading.Event()
        self._inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._feed: PrivateFeed = clients.private_feed(platform)
        self._link = Connection(f"private-{platform}", self._feed.url, self._inbox, self._feed.handshake)
        self._thread = threading.Thread(target=self._run, name=f"private-{platform}", daemon=True)
        self._ask_again = ask_again  # something was lost: compare with the platform
        self._open = False
        self._heard = time.monotonic()

    def start(self) -> None:
        """Begin to listen."""
        self._link.start()
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stop.set()
        self._link.stop()

    def alive(self) -> bool:
        """Whether its thread still runs; it ends by itself only where something went wrong that nobody expected."""
        return self._thread.is_alive()

    def healthy(self) -> bool:
        """Whether the socket is open and heard of lately."""
        return self._open and time.monotonic() - self._heard < QUIET_SECONDS

    def _run(self) -> None:
        try:
            self._listen()
        finally:
            connection.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Empty):
                self._hear(self._inbox.get(timeout=WAIT_SECONDS))
            self._feed.tick(unix_ms())
            self._speak()
            try:
                self._apply()
            except (*DATABASE_GONE, *REDIS_GONE) as error:
                log.warning("facts not applied: the database or Redis is away", extra={"error": str(error)})
                connection.close()
                self._ask_again = True
                self._stop.wait(1.0)

    def _hear(self, arrival: Arrival) -> None:
        self._heard = time.monotonic()
        if arrival.kind == "opened":
            self._open = True
            self._feed.opened(arrival.at_ms)
        elif arrival.kind == "frame":
            self._feed.receive(arrival.raw, arrival.at_ms)
        elif arrival.kind == "closed":
            if self._open:
                log.warning(
                    "private channels lost", extra={"platform": self.platform, "why": self._link.error}
                )
            self._open = False
            self._feed.closed(arrival.at_ms)

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
        reconnected, told.reconnected = told.reconnected, False
        self._ask_again = self._ask_again or reconnected
        now = timezone.now()
        if orders:
            facts.orders_told(orders, mode=self.mode, platform=self.platform, now=now)
        if fills:
            facts.fills_told(fills, mode=self.mode, platform=self.platform, now=now)
        if self._ask_again:
            from execution import reconcile

            self._ask_again = False
            reconcile.run(self.platform, Reconciliation.RECONNECT, now=now, mode=self.mode)
