"""The signer: the one process that holds the platforms' private keys, behind a local socket.

One JSON document a line in, one a line out. It signs what it knows and nothing else; in this release that is reading:
Kalshi's handshake and GET requests, and Polymarket's authentication message. Orders are not signed yet.
"""

import json
import logging
import os
import socketserver
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markets.platforms.kalshi import signing as kalshi
from markets.platforms.polymarket import signing as polymarket

log = logging.getLogger(__name__)

SIGNATURES_PER_MINUTE = 600
KALSHI_PATHS = ("/trade-api/",)
MAX_LINE = 4_096


class Refusal(Exception):
    """The signer will not sign this; the message says why."""


class Keys:
    """The keys, read once from their files. Raises Refusal for a file that cannot be used."""

    def __init__(self, *, kalshi_key_id: str, kalshi_file: str, polymarket_file: str) -> None:
        self.kalshi_key_id = kalshi_key_id
        self._kalshi = _read(kalshi_file, lambda raw: kalshi.load_private_key(raw), "KALSHI_PRIVATE_KEY_FILE")
        self._polymarket = _read(polymarket_file, _wallet_key, "POLYMARKET_PRIVATE_KEY_FILE")
        self.address = polymarket.address(self._polymarket) if self._polymarket else ""

    def status(self) -> dict[str, Any]:
        """What is held, without the keys."""
        return {
            "kalshi": self.kalshi_key_id if self._kalshi is not None else "",
            "polymarket": self.address,
        }

    def kalshi_headers(self, method: str, path: str, at_ms: int) -> dict[str, str]:
        """Headers for a reading request."""
        if self._kalshi is None or not self.kalshi_key_id:
            raise Refusal("no Kalshi key: set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_FILE for the signer")
        if method != "GET" or not path.startswith(KALSHI_PATHS):
            raise Refusal(f"{method} {path}: only GET requests below {KALSHI_PATHS[0]} are signed")
        return kalshi.headers(self._kalshi, self.kalshi_key_id, method, path, at_ms)

    def polymarket_login(self, timestamp: int, nonce: int) -> dict[str, str]:
        """Headers that derive or create the API credentials of the wallet (level 1)."""
        if not self._polymarket:
            raise Refusal("no Polymarket key: set POLYMARKET_PRIVATE_KEY_FILE for the signer")
        return polymarket.l1_headers(self._polymarket, timestamp=timestamp, nonce=nonce)


def _read(name: str, load: Callable[[bytes], Any], variable: str) -> Any:
    if not name:
        return None
    try:
        return load(Path(name).read_bytes())
    except OSError as error:
        raise Refusal(f"{variable}: {error.strerror}") from error
    except ValueError as error:
        # The error's own text may quote the file
        raise Refusal(f"{variable}: not a private key that can be used") from error


def _wallet_key(raw: bytes) -> str:
    """A wallet's key as text. Raises ValueError for one that cannot sign."""
    key = raw.decode().strip()
    polymarket.address(key)
    return key


class Signer:
    """Answers requests, at most SIGNATURES_PER_MINUTE."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._signed: deque[float] = deque()

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line; a refusal is an answer too."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refusal("a request is a JSON object with `op`")
            return self._serve(request)
        except ValueError:
            return {"error": "that is not JSON"}
        except KeyError as error:
            return {"error": f"{error.args[0]} is missing"}
        except Refusal as error:
            return {"error": str(error)}

    def _serve(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        if operation == "status":
            return self._keys.status()
        self._count()
        now_ms = time.time_ns() // 1_000_000
        if operation == "kalshi_headers":
            return {
                "headers": self._keys.kalshi_headers(str(request["method"]), str(request["path"]), now_ms)
            }
        if operation == "polymarket_login":
            return {"headers": self._keys.polymarket_login(now_ms // 1_000, int(request.get("nonce", 0)))}
        raise Refusal(f"unknown operation {operation!r}")

    def _count(self) -> None:
        now = time.monotonic()
        with self._lock:
            while self._signed and now - self._signed[0] > 60:
                self._signed.popleft()
            if len(self._signed) >= SIGNATURES_PER_MINUTE:
                raise Refusal(f"more than {SIGNATURES_PER_MINUTE} signatures a minute")
            self._signed.append(now)


class SignerServer(socketserver.ThreadingUnixStreamServer):
    """Listens on a socket that only this user may open."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, path: str, signer: Signer) -> None:
        self.signer = signer
        self.path = path
        _clear(path)
        mask = os.umask(0o177)
        try:
            super().__init__(path, _Handler)
        finally:
            os.umask(mask)

    def server_close(self) -> None:
        """Stop listening and take the socket away."""
        super().server_close()
        Path(self.path).unlink(missing_ok=True)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, SignerServer)
        try:
            line = self.rfile.readline(MAX_LINE)
            answer = server.signer.answer(line)
            if "error" in answer:
                log.warning("signer refused", extra={"why": answer["error"]})
            self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # the asker went away


def _clear(path: str) -> None:
    """Remove the socket that a killed signer left."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and stat.S_ISSOCK(target.stat().st_mode):
        target.unlink()
