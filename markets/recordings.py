"""Reading recorded frames back: our own recordings and quarantine files, and the shapes in which others keep frames.

Every line is one JSON object; which members it has says what it is:

    frame as text   "frame" (ours), "payloadUtf8"            bytes as received
    frame as JSON   "frame" or "event" holding an object     its bytes as they stand in the line
    bytes           "raw_b64"
    no frame        "control", or "dir": "send"
    time            "recv_ms", "recv_ns", or RFC 3339 text in "receivedAt" or "at"
    connection      "conn", where it is given
"""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

OPENED = "opened"
GZIP_MAGIC = b"\x1f\x8b"


class Unreadable(Exception):
    """A file that is no recording; the message names it and says why."""


NOTHING = msgspec.Raw()


class _Line(msgspec.Struct):
    recv_ms: int | None = None
    recv_ns: int | None = None
    received_at: str | None = msgspec.field(name="receivedAt", default=None)
    at: str | None = None
    conn: str | int = ""
    frame: msgspec.Raw = NOTHING
    event: msgspec.Raw = NOTHING
    payload: str | None = msgspec.field(name="payloadUtf8", default=None)
    raw_b64: str | None = None
    control: str | None = None
    dir: str = "recv"


_line = msgspec.json.Decoder(_Line)
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded frame: when it came (Unix ms), on which connection, its bytes. `control` instead of bytes: no frame."""

    at_ms: int
    connection: str
    raw: bytes
    control: str = ""


@dataclass(slots=True)
class Damage:
    """What could not be read: lines that are no JSON of ours, and whether the file ends in the middle."""

    lines: int = 0
    truncated: bool = False


def read(path: Path, damage: Damage) -> Iterator[Recorded]:
    """The frames of a file in their order, damage counted. Raises Unreadable where the file cannot be opened."""
    with _open(path) as file:
        for line in _lines(file, damage):
            if not line.strip():
                continue
            try:
                found = _recorded(line)
            except (msgspec.DecodeError, ValueError):
                damage.lines += 1
                continue
            if found is not None:
                yield found


def _open(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    magic = file.read(2)
    file.seek(0)
    return gzip.open(file) if magic == GZIP_MAGIC else file  # type: ignore[return-value]


def _lines(file: IO[bytes], damage: Damage) -> Iterator[bytes]:
    while True:
        try:
            line = file.readline()
        except (EOFError, zlib.error, gzip.BadGzipFile):
            damage.truncated = True
            return
        if not line:
            return
        yield line


def _recorded(line: bytes) -> Recorded | None:
    found = _line.decode(line)
    if found.dir != "recv":
        return None
    at_ms, connection = _time(found), str(found.conn)
    if found.control is not None:
        return Recorded(at_ms, connection, b"", found.control)
    raw = _raw(found)
    return None if raw is None else Recorded(at_ms, connection, raw)


def _raw(found: _Line) -> bytes | None:
    if found.payload is not None:
        return found.payload.encode()
    if found.raw_b64 is not None:
        try:
            return base64.b64decode(found.raw_b64, validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
    body = bytes(found.frame) or bytes(found.event)
    if not body:
        return None
    return _text.decode(body).encode() if body.startswith(b'"') else body


def _time(found: _Line) -> int:
    if found.recv_ms is not None:
        return found.recv_ms
    if found.recv_ns is not None:
        return found.recv_ns // 1_000_000
    text = found.received_at or found.at
    if text is None:
        raise ValueError("no time")
    at = datetime.fromisoformat(text)
    return round(at.timestamp() * 1_000)
