"""Both faces' market-data connections without sockets: what a client sends goes in, the frames it would get come out.

Made for days at speed: the sandbox is stepped by hand, and the frames are byte for byte those of the servers, faults
included. A wire is a `Connection` of the faults, and whoever drives it reads `frames` until they are used up.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Any

import msgspec

from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.context import Sandbox
from markets.sandbox.kalshi.accounts import User
from markets.sandbox.kalshi.app import exchange_of
from markets.sandbox.kalshi.commands import Commands
from markets.sandbox.kalshi.hub import Sub
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.polymarket.frames import unframed
from markets.sandbox.polymarket.stream import MARKET, hub_of


class Wire(ABC):
    """One connection. `frames` are the bytes for the client, oldest first; `up` is false once it was cut."""

    platform: str
    channel: str

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.frames: deque[bytes] = deque()
        self.up = True
        sandbox.faults.connect(self)

    @abstractmethod
    def take(self, text: str) -> None:
        """The client sends a text frame."""

    def close(self) -> None:
        """The client hangs up."""
        self.up = False
        self.sandbox.faults.disconnect(self)

    def send_raw(self, data: str | bytes) -> None:
        """Put anything on the wire, for faults."""
        self.frames.append(data.encode() if isinstance(data, str) else data)

    def drop(self, *, close_frame: bool) -> None:
        """The server ends the connection; it makes no difference here how."""
        self.close()


class KalshiWire(Wire):
    """A connection of the sandbox's first Kalshi account, which must exist."""

    platform, channel = KALSHI, "ws"

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        exchange = exchange_of(sandbox)
        self.user: User = next(iter(exchange.users.values()))
        self._commands = Commands(exchange.hub, self, self._reply)

    def take(self, text: str) -> None:
        """A command."""
        self._commands.receive(text)

    def close(self) -> None:
        """Its subscriptions end with it."""
        super().close()
        self._commands.close()

    def data(self, sub: Sub, payload: str, market_id: str) -> None:
        """A data frame of the hub, through the faults."""
        for frame in self.sandbox.faults.outgoing(self, payload.encode(), market_id=market_id):
            self.send_raw(frame)

    def skipped(self, market_id: str) -> int:
        """How many sequence numbers a fault uses up now."""
        return self.sandbox.faults.skip_seq(self, market_id)

    def _reply(self, message: dict[str, Any]) -> None:
        message["sending_ts_ms"] = self.sandbox.now_ms()
        self.send_raw(msgspec.json.encode(message))


class PolymarketWire(Wire):
    """A connection to the market channel."""

    platform, channel = POLYMARKET, MARKET

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.places: dict[str, set[int]] = {}
        self.features = False
        self._hub = hub_of(face_of(sandbox))

    def take(self, text: str) -> None:
        """PING, or a subscription."""
        if text == "PING":
            self.send_raw("PONG")
        else:
            self._hub.asked(self, msgspec.json.decode(text))

    def close(self) -> None:
        """Its subscriptions end with it."""
        super().close()
        self._hub.forget(self)

    def send(self, data: bytes, market_id: str) -> None:
        """A framed text of the hub, through the faults."""
        for frame in self.sandbox.faults.outgoing(self, unframed(data), market_id=market_id):
            self.send_raw(frame)


WIRES: dict[str, type[Wire]] = {KALSHI: KalshiWire, POLYMARKET: PolymarketWire}
