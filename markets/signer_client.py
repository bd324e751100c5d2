"""Asks the signer process (`manage.py signer`) for signatures. The private keys never enter this process."""

import json
import socket
from typing import Any

from django.conf import settings

TIMEOUT_SECONDS = 3.0


class SignerError(OSError):
    """The signer is not there or refuses; the message says what to do."""


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the signer and return its answer. Raises SignerError."""
    path = settings.ARBSITE.connector.signer_path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(TIMEOUT_SECONDS)
            link.connect(path)
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as answers:
                line = answers.readline(65_536)
    except OSError as error:
        raise SignerError(
            f"The signer does not answer ({error.strerror or error}). Start it: python manage.py signer"
        ) from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise SignerError("The signer closed the connection without an answer.") from error
    if "error" in answer:
        raise SignerError(f"The signer refuses: {answer['error']}")
    return answer


def kalshi_headers(method: str, path: str) -> dict[str, str]:
    """Kalshi's three authentication headers for a request of `method` to `path` now."""
    return ask({"op": "kalshi_headers", "method": method, "path": path})["headers"]


def status() -> dict[str, Any]:
    """Which keys the signer holds: key id and address, never a key."""
    return ask({"op": "status"})
