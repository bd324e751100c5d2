"""Signed webhooks: HMAC-SHA256 over `timestamp.nonce.rawbody`, several secrets valid at a time while one is replaced."""

import hashlib
import hmac
import re
from collections.abc import Sequence

TOLERANCE_SECONDS = 300
MOST_DEPTH = 16  # of the body's JSON
_NONCE = re.compile(rb"[\x21-\x2d\x2f-\x7e]{8,128}")  # printable, no dot: it separates the parts
# One that never ends is taken to the body's end, and nothing is tried twice: the time is linear in any body
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class BadSignature(ValueError):
    """The message is not proven to be from a sender of ours, or not from now. The text says which, nothing more."""


def sign(secret: str, timestamp: int, nonce: str, body: bytes) -> str:
    """The signature of a message, as the header carries it."""
    text = b"%d.%s.%s" % (timestamp, nonce.encode(), body)
    return "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def check(
    secrets: Sequence[str], *, timestamp: str, nonce: str, signature: str, body: bytes, now: float
) -> None:
    """Raise BadSignature unless one of the secrets signed exactly this, within 300 s of `now` (Unix seconds)."""
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise BadSignature("The timestamp must be Unix seconds.")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise BadSignature(f"The timestamp is more than {TOLERANCE_SECONDS} s from now.")
    if not nonce.isascii() or not _NONCE.fullmatch(nonce.encode()):
        raise BadSignature("The nonce must be 8 to 128 printable characters without a dot.")
    given = signature.encode("utf-8", "replace")
    # Every secret is compared, whichever matched: the time tells nothing
    matches = [
        hmac.compare_digest(sign(secret, int(timestamp), nonce, body).encode(), given) for secret in secrets
    ]
    if not any(matches):
        raise BadSignature("The signature does not match.")


def depth(body: bytes) -> int:
    """How deep JSON text is nested, without reading it as JSON."""
    deepest = level = 0
    for sign_ in _STRINGS.sub(b"", body):
        if sign_ in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif sign_ in b"]}":
            level -= 1
    return deepest
