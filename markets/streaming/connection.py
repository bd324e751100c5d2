"""One WebSocket in a thread of its own: reads frames into the connector's inbox, reconnects with jitter.

The thread does nothing but read; books, subscriptions and decisions belong to the connector's loop.
"""

import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import websocket

from markets.platforms.base import PlatformError

log = logging.getLogger(__name__)

GONE = (websocket.WebSocketException, OSError, ValueError)
FIRST_WAIT, LONGEST_WAIT = 0.25, 15.0  # seconds between attempts, before jitter
READ_TIMEOUT = 20.0  # seconds without any frame, pongs included, after which a socket counts as dead


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a connection tells the connector: `opened`, a `frame`, `alive` (a control frame) or `closed`."""

    connection: str
    kind: Literal["opened", "frame", "alive", "closed"]
    at_ms: int
    raw: bytes = b""


def unix_ms() -> int:
    """The receiver's clock."""
    return time.time_ns() // 1_000_000


class Connection(threading.Thread):
    """Keeps one socket open until `stop` is called."""

    def __init__(
        self,
        name: str,
        url: str,
        inbox: "queue.SimpleQueue[Arrival]",
        headers: Callable[[], list[str]] | None = None,
    ) -> None:
        super().__init__(name=f"ws-{name}", daemon=True)
        self.label = name
        self.error = ""  # why the last attempt failed
        self._url = url
        self._inbox = inbox
        self._headers = headers or list
        self._socket: websocket.WebSocket | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Connect, read until the socket dies, wait, connect again."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._socket = websocket.create_connection(
                    self._url, header=self._headers(), timeout=READ_TIMEOUT, enable_multithread=True,
                    skip_utf8_validation=True,  # pure Python and slow; the JSON decoder checks anyway
                )  # fmt: skip
                self.error = ""
                failures = 0
                self._tell("opened")
                self._read(self._socket)
            except (*GONE, PlatformError) as error:  # the latter: no handshake without the signer or a login
                self.error = f"{type(error).__name__}: {error}"
            finally:
                self._close()
                self._tell("closed")
            failures += 1
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 8))
            self._stopping.wait(wait * random.uniform(0.5, 1.0))

    def _read(self, socket: websocket.WebSocket) -> None:
        while not self._stopping.is_set():
            opcode, data = socket.recv_data(control_frame=True)
            if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                self._inbox.put(Arrival(self.label, "frame", unix_ms(), data))
            elif opcode == websocket.ABNF.OPCODE_CLOSE:
                self.error = "the platform closed the connection"
                return
            else:
                self._tell("alive")

    def _tell(self, kind: Literal["opened", "alive", "closed"]) -> None:
        self._inbox.put(Arrival(self.label, kind, unix_ms()))

    def send(self, text: str) -> bool:
        """Send a text frame; False where the socket is gone (the reader will notice and reconnect)."""
        return self._try(lambda socket: socket.send(text))

    def ping(self) -> bool:
        """Ask for a sign of life."""
        return self._try(lambda socket: socket.ping())

    def _try(self, action: Callable[[websocket.WebSocket], object]) -> bool:
        socket = self._socket
        if socket is None:
            return False
        try:
            action(socket)
        except GONE as error:
            self.error = f"{type(error).__name__}: {error}"
            self._abort(socket)
            return False
        return True

    def reconnect(self) -> None:
        """Drop the socket; the thread opens a new one."""
        if self._socket is not None:
            self._abort(self._socket)

    def stop(self) -> None:
        """Close for good."""
        self._stopping.set()
        self.reconnect()

    @staticmethod
    def _abort(socket: websocket.WebSocket) -> None:
        with contextlib.suppress(*GONE):  # gone already is what we want
            socket.shutdown()

    def _close(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            self._abort(socket)
