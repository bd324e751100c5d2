"""The WebSocket: signed handshake, heartbeat, and an outbox that goes to the socket in one piece per turn of the loop.

Frames are put together here instead of by Tornado, whose `write_message` makes a task for each: a busy book sends
thousands a second.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol

from markets.platforms.base import KALSHI
from markets.sandbox.kalshi.accounts import User
from markets.sandbox.kalshi.commands import Commands, Refused, error
from markets.sandbox.kalshi.errors import ApiError
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.hub import Sub

PING_SECONDS = 10
MAX_BACKLOG = 16_000_000  # bytes a slow reader may be behind before its subscriptions end with error 25
TEXT, BINARY = 0x81, 0x82


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unmasked WebSocket frame."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65_536:
        return bytes((opcode, 126)) + size.to_bytes(2) + payload
    return bytes((opcode, 127)) + size.to_bytes(8) + payload


def _stream_of(connection: WebSocketProtocol) -> IOStream:
    stream = connection.stream
    assert stream is not None, "a connection has its stream from the handshake on"
    return stream


class Socket(WebSocketHandler):
    """One connection of one user. It is the `Line` of its subscriptions and a `Connection` of the faults."""

    platform = KALSHI
    channel = "ws"

    def initialize(self, exchange: Exchange) -> None:
        """Tornado's hook for the arguments of a route."""
        self.exchange = exchange
        self.faults = exchange.sandbox.faults
        self.user: User
        self.commands: Commands | None = None
        self._outbox: list[bytes] = []
        self._waiting = 0  # bytes in the outbox
        self._busy = False  # a write is under way, or about to be
        self._heart: asyncio.TimerHandle | None = None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake: refused by a fault, refused for want of a signature, or taken."""
        status = self.faults.refuse_connect(KALSHI, self.channel)
        if status:
            self.set_status(status)
            self.finish(f"<html><body><h1>{status}</h1></body></html>")
            return
        try:
            self.user = self._authenticated()
        except ApiError as refusal:
            self.set_status(refusal.status)
            self.finish(refusal.body)
            return
        await super().get(*args, **kwargs)

    def _authenticated(self) -> User:
        exchange = self.exchange
        exchange.refresh_accounts()
        sandbox = exchange.sandbox
        key = exchange.keyring.check(
            self.request.headers, "GET", self.request.path, sandbox.now_ms(),
            window_ms=sandbox.config.clock_skew_ms,
        )  # fmt: skip
        return exchange.user(key)

    def open(self, *args: str, **kwargs: str) -> None:
        """The connection is up."""
        self.set_nodelay(True)
        self._loop = asyncio.get_running_loop()
        self.commands = Commands(self.exchange.hub, self, self.reply)
        self.faults.connect(self)
        self._heart = self._loop.call_later(PING_SECONDS, self._beat)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """A command."""
        if self.commands is not None:
            self.commands.receive(message)
        return None

    def on_close(self) -> None:
        """The connection is gone."""
        self.faults.disconnect(self)
        if self.commands is not None:
            self.commands.close()
            self.commands = None
        if self._heart is not None:
            self._heart.cancel()
        self._outbox.clear()

    def _beat(self) -> None:
        try:
            self.ping(b"heartbeat")
        except WebSocketClosedError:
            return
        self._heart = self._loop.call_later(PING_SECONDS, self._beat)

    # --- what goes out

    def reply(self, message: dict[str, Any]) -> None:
        """A control frame: the answer to a command."""
        message["sending_ts_ms"] = self.exchange.sandbox.now_ms()
        self._put(framed(msgspec.json.encode(message)))

    def data(self, sub: Sub, payload: str, market_id: str) -> None:
        """A data frame, through the faults."""
        for frame in self.faults.outgoing(
            self, framed(payload.encode()), market_id=market_id, channel=sub.channel
        ):
            self._put(frame if isinstance(frame, bytes) else frame.encode())

    def skipped(self, market_id: str) -> int:
        """How many sequence numbers a fault uses up now."""
        return self.faults.skip_seq(self, market_id)

    def send_raw(self, data: str | bytes) -> None:
        """Put a text or a binary frame on the wire as it is."""
        self._put(framed(data.encode()) if isinstance(data, str) else framed(data, BINARY))

    def drop(self, *, close_frame: bool) -> None:
        """End the connection, with a close frame or by cutting the socket."""
        if self.ws_connection is None:
            return
        if close_frame:
            self._flush()
            self.close(1001, "going away")
        else:
            _stream_of(self.ws_connection).close()

    def _put(self, frame: bytes) -> None:
        self._outbox.append(frame)
        self._waiting += len(frame)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._flush)
        elif self._waiting > MAX_BACKLOG:
            self._overflow()

    def _flush(self, _: Any = None) -> None:
        """Hand everything that waits to the socket; while it has not taken that, the outbox grows."""
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            self._outbox.clear()
            return
        if not self._outbox:
            self._busy = False
            return
        block = b"".join(self._outbox)
        self._outbox.clear()
        self._waiting = 0
        try:
            written = _stream_of(connection).write(block)
        except StreamClosedError:
            return  # `on_close` follows
        if written.done():
            self._busy = False
        else:
            written.add_done_callback(self._flush)

    def _overflow(self) -> None:
        """A reader that is too slow loses its subscriptions and what it has not read."""
        self._outbox.clear()
        self._waiting = 0
        if self.commands is not None:
            for sub in list(self.commands.subs.values()):
                self.commands.end(sub)
                self.reply(error(Refused(25, sub), None))
