"""`manage.py stream whale_alert`: one process that holds Whale Alert's WebSocket, until SIGTERM.

There is no replay: what is sent while we are away is missed for good, so every gap is written down. A refused key is not
tried again for an hour. The key is part of the address: no exception's text is ever logged, only its kind.
"""

import contextlib
import logging
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import websocket
from django.conf import settings
from django.core.management.base import CommandError

from arbsite.components import DATABASE_GONE
from arbsite.connections import REDIS_GONE
from arbsite.lease import Lease
from arbsite.stopping import stop_event
from signals.sources.base import Malformed, Transfer
from signals.sources.whales import frames, stream_health
from signals.sources.whales.specs import words

log = logging.getLogger(__name__)

NAME = frames.SOURCE
GONE = (websocket.WebSocketException, OSError, ValueError)
PING_SECONDS = 20.0
SILENT_SECONDS = 60.0  # without any frame, pongs included: the socket counts as dead
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
REFUSED_PAUSE = 3_600.0  # after an error frame: the same question gets the same answer
LOOK_SECONDS = 0.5  # how often the loop looks at its other duties
LEASE_SECONDS = 30
WAITING = 5_000  # alerts kept while the database is away
HEALTH_SECONDS = 20.0
LARGEST = 1_000_000  # bytes of one frame


class KeyRefused(Exception):
    """The other side does not want us: the text says why, as it was told."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to follow. The address without the key, which is apart so that it is never printed."""

    url: str
    key: str = field(repr=False)
    chains: tuple[str, ...]
    symbols: tuple[str, ...]
    min_usd: Decimal

    @property
    def address(self) -> str:
        """With the key: for the socket alone."""
        return f"{self.url}{'&' if '?' in self.url else '?'}api_key={quote(self.key, safe='')}"


def run() -> None:
    """Follow the alerts until SIGTERM; exit status 3 when another process does. Raises CommandError without a key."""
    config = settings.ARBSITE.whale_alert
    key = config.api_key.get_secret_value()
    if not key:
        raise CommandError("WHALE_ALERT_API_KEY is not set: put the key of a Whale Alert plan there.")
    options = Options(config.ws_url, key, words(config.chains), words(config.symbols), config.min_usd)
    stop = stop_event()
    lease = Lease(f"stream:{NAME}", LEASE_SECONDS)
    if not lease.acquire():
        sys.stderr.write("Another process follows Whale Alert already.\n")
        sys.exit(3)
    try:
        Follower(options, stop, lease=lease).run()
    finally:
        with contextlib.suppress(*REDIS_GONE):
            lease.release()


class Follower:
    """The loop: connect, subscribe, read, keep; what goes wrong ends in a pause and another try."""

    def __init__(
        self,
        options: Options,
        stop: threading.Event,
        *,
        lease: Lease | None = None,
        keep: Callable[[list[Transfer], datetime], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options, self.stop, self._lease, self._clock = options, stop, lease, clock
        self._keep = keep or stream_health.keep
        self._waiting: deque[Transfer] = deque(maxlen=WAITING)
        self.health = stream_health.Health(now())
        self._renew_at = self._tell_at = 0.0

    def run(self) -> None:
        """Until told to stop."""
        failures = 0
        while not self.stop.is_set():
            try:
                heard = self._connection()
                failures = 0 if heard else failures + 1
            except KeyRefused as error:
                self.health.refused(str(error), now())
                self._pause(REFUSED_PAUSE)
                continue
            except GONE as error:
                if getattr(error, "status_code", None) in (401, 403):
                    self.health.refused(f"the handshake was refused with {error.status_code}", now())  # type: ignore[union-attr]
                    self._pause(REFUSED_PAUSE)
                    continue
                failures = 1 if self.health.subscribed else failures + 1
                self.health.lost(type(error).__name__, now())
            self._pause(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 8)))
        self._duties(force=True)
        self.health.stopped(now())

    def _connection(self) -> bool:
        """One connection, from handshake to end; whether it came as far as a subscription. Raises GONE, KeyRefused."""
        # A redirect would carry us to an address that nobody listed, and a proxy of this machine would see the key
        socket = websocket.create_connection(
            self._options.address,
            timeout=10,
            skip_utf8_validation=True,
            redirect_limit=0,
            http_no_proxy=["*"],
        )
        try:
            socket.settimeout(LOOK_SECONDS)
            options = self._options
            name = secrets.token_hex(4)
            socket.send(frames.subscription(name, options.chains, options.symbols, options.min_usd))
            self._read(socket)
        finally:
            with contextlib.suppress(*GONE):
                socket.shutdown()
        heard = self.health.subscribed
        if not self.stop.is_set():
            self.health.lost("closed", now())
        return heard

    def _read(self, socket: websocket.WebSocket) -> None:
        """Frames until the socket ends or we do."""
        heard = pinged = self._clock()
        while not self.stop.is_set():
            self._duties()
            at = self._clock()
            if at - heard > SILENT_SECONDS:
                return
            if at - pinged >= PING_SECONDS:
                socket.ping()
                pinged = at
            try:
                opcode, data = socket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                continue
            heard = self._clock()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return
            if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                self.take(bytes(data))

    def take(self, raw: bytes) -> None:
        """One frame. Raises KeyRefused for an error frame."""
        try:
            if len(raw) > LARGEST:
                raise Malformed(f"{NAME}: a frame of {len(raw)} bytes")
            frame = frames.read(raw)
        except Malformed as error:
            self.health.dropped += 1
            log.warning("malformed frame", extra={"source": NAME, "error": str(error)})
            return
        if isinstance(frame, frames.Refused):
            raise KeyRefused(frame.why.replace(self._options.key, "…"))
        if isinstance(frame, frames.Subscribed):
            self.health.up(now())
        elif isinstance(frame, frames.Alert):
            taken = frame.transfers[: self.health.room(len(frame.transfers), now())]
            self.health.dropped += len(frame.transfers) - len(taken)
            self.health.dropped += max(0, len(self._waiting) + len(taken) - WAITING)
            self._waiting.extend(taken)
            self._store()

    def _store(self) -> None:
        """Keep what waits; while the database is away it goes on waiting."""
        if not self._waiting:
            return
        batch = list(self._waiting)
        try:
            kept = self._keep(batch, now())
        except DATABASE_GONE as error:
            log.warning(
                "alerts wait, the database is away", extra={"source": NAME, "error": type(error).__name__}
            )
            stream_health.close_database()
            return
        self._waiting.clear()
        self.health.count(kept, now())

    def _duties(self, *, force: bool = False) -> None:
        """What has to be done beside reading: the lease, what waits, the health row."""
        at = self._clock()
        if self._lease is not None and at >= self._renew_at:
            self._renew_at = at + LEASE_SECONDS / 3
            try:
                if self._lease.renew() == Lease.LOST:
                    log.error("another process follows Whale Alert now", extra={"source": NAME})
                    self.stop.set()
            except REDIS_GONE as error:
                log.warning("lease not renewed", extra={"error": type(error).__name__})
        if force or at >= self._tell_at:
            self._tell_at = at + HEALTH_SECONDS
            self._store()
            self.health.tell(now())

    def _pause(self, seconds: float) -> None:
        """Wait, and go on with the duties."""
        until = self._clock() + seconds
        while not self.stop.is_set() and (left := until - self._clock()) > 0:
            self._duties()
            self.stop.wait(min(left, LOOK_SECONDS))


def now() -> datetime:
    """The clock of this process."""
    return datetime.now(UTC)
