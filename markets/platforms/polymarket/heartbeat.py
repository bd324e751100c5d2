"""The dead man's switch: while we beat, our resting orders stand; when we fall silent the platform cancels them all.

The first beat arms it, and there is no way to disarm it; so once begun it goes on for as long as the process lives: a
silence of ten to fifteen seconds would take an order with it that was placed just then.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from markets.platforms.base import PlatformError
from markets.platforms.polymarket.account_wire import Beat
from markets.platforms.polymarket.replies import Reply

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=5)
TOO_OLD = timedelta(seconds=9)  # after ten the platform may cancel
BEGUN_BY = 2  # an answer may name another id to go on with; that much patience has one beat

Send = Callable[[bytes], Reply]  # one POST of the heartbeat; raises PlatformError


class Heartbeat:
    """Call `beat` every second or so from one thread; `healthy` may be read from any.

    `armed` once the platform has taken a beat, `failure` says why the last one did not count.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._id = ""
        self._next: datetime | None = None
        self._counted: datetime | None = None
        self.armed = False
        self.failure = ""

    def healthy(self, now: datetime) -> bool:
        """Whether a resting order would stand: not armed yet, or a beat counted a moment ago."""
        if not self.armed:
            return not self.failure
        return self._counted is not None and now - self._counted < TOO_OLD

    def beat(self, now: datetime, *, resting: bool) -> None:
        """Beat when it is time: from the first moment that an order rests. Never raises; see `failure`."""
        if not (resting or self.armed) or (self._next is not None and now < self._next):
            return
        self._next = now + EVERY
        try:
            self.failure = self._once()
        except PlatformError as error:
            self.failure = str(error)
        if self.failure:
            self._next = now + EVERY / 5  # the platform's patience is short: sooner than usual
            log.warning("a heartbeat did not count", extra={"platform": "polymarket", "why": self.failure})
        else:
            self.armed, self._counted = True, now

    def _once(self) -> str:
        """Why it did not count; empty where it did."""
        why = ""
        for _ in range(BEGUN_BY):
            reply = self._send(msgspec.json.encode({"heartbeat_id": self._id}))
            found = _read(reply)
            if found is None:
                return f"Polymarket answers the heartbeat with {reply.status}, which cannot be read"
            if reply.status == 200 and found.heartbeat_id:
                self._id = found.heartbeat_id
                return ""
            why = f"Polymarket answers the heartbeat with {reply.status}: {found.error_msg[:200]}"
            if reply.status != 400:
                return why
            self._id = found.heartbeat_id  # the one that it expects: of our last life, or none at all
        return why


def _read(reply: Reply) -> Beat | None:
    try:
        return msgspec.json.decode(reply.content, type=Beat)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
