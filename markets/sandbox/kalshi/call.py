"""One REST request as plain data, the table row that serves it, and what all endpoints read from a request."""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from markets.sandbox.kalshi.accounts import User
from markets.sandbox.kalshi.auth import ApiKey
from markets.sandbox.kalshi.errors import bad_json, bad_parameter, refused
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.limits import READ

T = TypeVar("T")
Answer = tuple[int, Any]  # HTTP status and body; None for no body
FIRST_SUBACCOUNT, LAST_SUBACCOUNT = 0, 63


@dataclass(slots=True)
class Call:
    """A request that has passed its authentication. `args` are the parts of the path."""

    exchange: Exchange
    args: dict[str, str]
    query: dict[str, list[str]]
    raw: bytes
    now_ms: int
    key: ApiKey | None = None

    @property
    def user(self) -> User:
        """Who asks; only for endpoints that need a signature."""
        assert self.key is not None, "this endpoint needs no signature, so nobody is known"
        return self.exchange.user(self.key)

    # --- query

    def text(self, name: str, allowed: Iterable[str] = ()) -> str:
        """A query parameter, empty when it is not there. Raises ApiError for a word that is not allowed."""
        value = self.query.get(name, [""])[-1]
        choices = tuple(allowed)
        if value and choices and value not in choices:
            raise bad_parameter(name, f"must be one of {', '.join(choices)}")
        return value

    def words(self, name: str) -> list[str]:
        """A list parameter, repeated or with commas."""
        return [word for value in self.query.get(name, []) for word in value.split(",") if word]

    def number(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**63) -> int | None:
        """An integer parameter. Raises ApiError where it is none or out of range."""
        value = self.text(name)
        if not value:
            return default
        if not value.removeprefix("-").isdecimal() or not value.isascii():
            raise bad_parameter(name, "must be an integer")
        found = int(value)
        if not low <= found <= high:
            raise bad_parameter(name, f"must be between {low} and {high}")
        return found

    def flag(self, name: str) -> bool:
        """A boolean parameter, false when it is not there."""
        return self.text(name, ("true", "false", "1", "0", "True", "False")) in ("true", "1", "True")

    def limit(self, default: int, high: int, *, low: int = 1) -> int:
        """`limit`; above the maximum it is refused, not cut."""
        return self.number("limit", default, low=low, high=high) or default

    def subaccount(self) -> int:
        """The subaccount of a read or a write by query; a key may be locked to one."""
        wanted = self.number("subaccount", None, low=FIRST_SUBACCOUNT, high=LAST_SUBACCOUNT)
        return self.allowed_subaccount(wanted)

    def allowed_subaccount(self, wanted: int | None) -> int:
        """The subaccount that a request means. Raises ApiError 403 where the key is locked to another."""
        locked = self.key.subaccount if self.key is not None else None
        if locked is not None:
            if wanted not in (None, locked):
                raise refused(403, "forbidden", "this key is locked to another subaccount")
            return locked
        found = wanted or 0
        if found not in self.user.subaccounts:
            raise refused(400, "invalid_parameters")
        return found

    # --- body

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises ApiError in the flat shape."""
        if not self.raw:
            return {}
        try:
            found = msgspec.json.decode(self.raw)
        except msgspec.DecodeError as error:
            raise bad_json(f"invalid JSON: {error}") from error
        if not isinstance(found, dict):
            raise bad_json("json: the body must be an object")
        return found


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the routing table."""

    method: str
    path: str  # below /trade-api/v2, parameters as :name
    serve: Callable[[Call], Answer]
    private: bool = False
    bucket: str = READ
    # Tokens of this request; the default is what the table of costs says.
    tokens: Callable[[Call, int], int] = lambda call, cost: cost
    # The shard whose write bucket pays; the default bucket otherwise.
    shard: Callable[[Call], int] = lambda call: 0
    # Milliseconds for which the request is held before it is served.
    hold: Callable[[Call], int] = lambda call: 0


def page(
    rows: Iterable[tuple[int, T]], limit: int, cursor: str, *, newest_first: bool = False
) -> tuple[list[T], str]:
    """One page of numbered rows and the cursor of the next, empty on the last page.

    Rows come in the order of the answer, their numbers rise (or fall, for `newest_first`). A cursor that is none
    of ours is no error: it begins anew, as the platform does.
    """
    after = _number_of(cursor)
    found: list[T] = []
    last = 0
    for number, row in rows:
        if after is not None and (number >= after if newest_first else number <= after):
            continue
        if len(found) == limit:
            return found, base64.urlsafe_b64encode(f"after:{last}".encode()).decode()
        found.append(row)
        last = number
    return found, ""


def _number_of(cursor: str) -> int | None:
    try:
        word, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return None
    return int(number) if word == "after" and number.isdecimal() else None
