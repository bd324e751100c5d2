"""Asks the signer process (`manage.py signer`) for signatures. The private keys never enter this process."""

import json
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings

TIMEOUT_SECONDS = 3.0
MAX_ANSWER = 262_144
_local = threading.local()


class SignerError(OSError):
    """The signer is not there or refuses; the message says what to do."""

    code = "no_signer"


class SignerRefused(SignerError):
    """The signer answered that it will not sign; `code` is one of docs/signer.md."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def ask(request: Mapping[str, Any]) -> dict[str, Any]:
    """Send one request to the signer and return its answer. Raises SignerError."""
    raw = json.dumps(request).encode() + b"\n"
    line = _exchange(raw)
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise SignerError("The signer closed the connection without an answer.") from error
    if "error" in answer:
        raise SignerRefused(str(answer.get("code", "")), f"The signer refuses: {answer['error']}")
    return answer


def _exchange(raw: bytes) -> bytes:
    """One line there, one back, over this thread's connection; a connection that broke is made once again.

    A request that was sent twice is signed twice, which is harmless: a signature is not an order.
    """
    kept = _kept()
    if kept is not None:
        try:
            line = kept.exchange(raw)
        except TimeoutError as error:
            _drop()
            raise _silent(error) from error
        except OSError:
            line = b""
        if line:
            return line
        _drop()  # the signer was started anew, or closed what was idle
    try:
        _local.link = _Link(settings.ARBSITE.connector.signer_path)
        return _local.link.exchange(raw)
    except OSError as error:
        _drop()
        raise _silent(error) from error


def _silent(error: OSError) -> SignerError:
    return SignerError(
        f"The signer does not answer ({error.strerror or error}). Start it: python manage.py signer"
    )


class _Link:
    """A connection to the signer, good for one thread of one process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.process = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(TIMEOUT_SECONDS)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._answers = self._socket.makefile("rb")

    def exchange(self, raw: bytes) -> bytes:
        """Send a line and read one; empty where the other side closed. Raises OSError."""
        self._socket.sendall(raw)
        return self._answers.readline(MAX_ANSWER)

    def close(self) -> None:
        """Let it go."""
        self._answers.close()
        self._socket.close()


def _kept() -> _Link | None:
    """This thread's connection, unless it was made by the process before a fork, or leads to another socket."""
    link: _Link | None = getattr(_local, "link", None)
    if link is None:
        return None
    if link.process != os.getpid() or link.path != settings.ARBSITE.connector.signer_path:
        _drop()
        return None
    return link


def _drop() -> None:
    link: _Link | None = getattr(_local, "link", None)
    _local.link = None
    if link is not None:
        link.close()


def kalshi_headers(method: str, path: str, body: Mapping[str, Any] | str | None = None) -> dict[str, str]:
    """Kalshi's three authentication headers for a request now; writes need the body that will be sent."""
    request: dict[str, Any] = {"op": "kalshi_headers", "method": method, "path": path}
    if body is not None:
        request["body"] = body
    return ask(request)["headers"]


def polymarket_login(nonce: int = 0) -> dict[str, str]:
    """Headers that derive or create the wallet's API credentials."""
    return ask({"op": "polymarket_login", "nonce": nonce})["headers"]


def polymarket_order(order: Mapping[str, Any], domain: Mapping[str, str]) -> dict[str, Any]:
    """`signature`, `order_id` and `signer` of an order; `domain` is its version and contract."""
    return ask({"op": "polymarket_order", "order": order, "domain": domain})


def status() -> dict[str, Any]:
    """Which keys the signer holds (key id and address, never a key), its limits, and whether it is halted."""
    return ask({"op": "status"})


def halt(why: str) -> dict[str, Any]:
    """Have the signer sign no more orders until it is released, whatever is restarted."""
    return ask({"op": "halt", "why": why})


def release() -> dict[str, Any]:
    """Let the signer sign orders again."""
    return ask({"op": "release"})


def reload() -> dict[str, Any]:
    """Have it read its keys again: a platform said that ours is not valid. `reloaded` is False within some seconds."""
    return ask({"op": "reload"})
