"""What goes in and out of an endpoint: plain values, so that endpoints are plain functions of face and request.

Numbers are written from integers of 1e-6 as exact JSON text; nothing here becomes a float.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from markets.books import MICRO
from markets.platforms.polymarket.units import micro_text

if TYPE_CHECKING:
    from markets.sandbox.polymarket.face import Wallet

START_CURSOR, END_CURSOR = "MA==", "LTE="  # base64 of "0" and "-1"


@dataclass(slots=True)
class Request:
    """One HTTP request. `query` keeps repeated parameters; `wallet` is set where the endpoint wants one."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    headers: dict[str, str]  # names in lower case
    args: tuple[str, ...] = ()  # what the path's groups matched
    address: str = ""  # the caller's
    wallet: "Wallet | None" = None

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter, or the default."""
        values = self.query.get(name)
        return values[-1] if values else default

    def many(self, name: str) -> list[str]:
        """Every value of a parameter, whether repeated or joined with commas."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def json(self) -> Any:
        """The body as JSON. Raises Refusal(400)."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refusal(400, "Invalid payload") from error


@dataclass(slots=True)
class Answer:
    """One HTTP answer; `body` is JSON text."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An endpoint refuses; becomes `{"error": message, ...more}` with the status."""

    def __init__(
        self, status: int, message: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.more = more

    def answer(self) -> Answer:
        """The refusal on the wire."""
        return Answer(encoded({"error": self.message, **self.more}), self.status, self.headers)


def ok(value: Any) -> Answer:
    """200 with a JSON value."""
    return Answer(encoded(value))


def encoded(value: Any) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


def text(micro: int) -> str:
    """A signed integer of 1e-6 as plain decimal text."""
    return micro_text(micro) if micro >= 0 else f"-{micro_text(-micro)}"


def number(micro: int) -> msgspec.Raw:
    """A signed integer of 1e-6 as a JSON number."""
    return msgspec.Raw(text(micro).encode())


def plain_number(decimal_text: str) -> msgspec.Raw:
    """Decimal text as a JSON number."""
    return msgspec.Raw(decimal_text.encode())


def ratio(part: int, whole: int) -> int:
    """`part / whole` in 1e-6, to the nearest; 0 where there is no whole."""
    return (2 * part * MICRO + whole) // (2 * whole) if whole else 0


def cursor_of(offset: int) -> str:
    """The CLOB's cursor for an offset: base64 of the number."""
    return base64.b64encode(str(offset).encode()).decode()


def offset_of(cursor: str) -> int:
    """The offset in a CLOB cursor; an empty one is the start. Raises Refusal(400)."""
    if not cursor:
        return 0
    try:
        return max(int(base64.b64decode(cursor, validate=True)), 0) if cursor != END_CURSOR else -1
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "invalid next_cursor") from error


def page(rows: list[Any], cursor: str, limit: int) -> tuple[list[Any], str]:
    """One page of rows and the cursor of the next."""
    start = offset_of(cursor)
    if start < 0:
        return [], END_CURSOR
    end = start + limit
    return rows[start:end], cursor_of(end) if end < len(rows) else END_CURSOR
