"""Numbers and times as Kalshi spells them, from and to micro-dollars, micro-contracts and Unix milliseconds.

Prices have four decimals, counts two, money and fees six; all are strings. What no Kalshi client may send (a JSON
number for a price, a third decimal of a count) is refused here.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from markets.books import MICRO
from markets.sandbox.kalshi.errors import ApiError, bad_json, refused

CENT = 10_000  # micro-dollars, and micro-contracts in a hundredth of a contract
FEE_UNIT = 100  # $0.0001
_PRICES = tuple(f"{p // 10_000}.{p % 10_000:04d}" for p in range(10_001))
_COUNT = re.compile(r"\d{1,12}(\.\d{0,2})?")
_PRICE = re.compile(r"\d{1,6}(\.\d{0,4})?")


def price(micro: int) -> str:
    """A price between 0 and 1 dollar: four decimals."""
    return _PRICES[micro // FEE_UNIT]


def count(micro: int) -> str:
    """Contracts with two decimals, signed."""
    sign, hundredths = ("-", -micro // CENT) if micro < 0 else ("", micro // CENT)
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


def dollars4(micro: int) -> str:
    """Money with four decimals, signed; what is below is cut off."""
    sign, units = ("-", -micro // FEE_UNIT) if micro < 0 else ("", micro // FEE_UNIT)
    return f"{sign}{units // 10_000}.{units % 10_000:04d}"


def dollars6(micro: int) -> str:
    """Money with six decimals, signed."""
    sign, units = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{units // MICRO}.{units % MICRO:06d}"


def cents(micro: int) -> int:
    """Whole cents, cut off towards zero."""
    return -(-micro // CENT) if micro < 0 else micro // CENT


@lru_cache(maxsize=4096)
def moment(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def read_price(body: dict[str, Any], name: str) -> int:
    """A price of a request in micro-dollars. Raises ApiError."""
    text = _text(body, name)
    if not _PRICE.fullmatch(text):
        raise refused(400, "invalid_price")
    return _scaled(text)


def read_count(body: dict[str, Any], name: str) -> int:
    """A count of a request in micro-contracts. Raises ApiError."""
    text = _text(body, name)
    if not _COUNT.fullmatch(text):
        raise refused(400, "invalid_parameters")
    return _scaled(text)


def read_word(
    body: dict[str, Any], name: str, allowed: tuple[str, ...] = (), default: str | None = None
) -> str:
    """A string of a request, one of `allowed` where given. Raises ApiError."""
    if default is not None and body.get(name) in (None, ""):
        return default
    text = _text(body, name)
    if allowed and text not in allowed:
        raise refused(400, "invalid_parameters")
    return text


def read_flag(body: dict[str, Any], name: str) -> bool:
    """A boolean of a request, false by default. Raises ApiError."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong_type(name, value, "bool")
    return value


def read_integer(body: dict[str, Any], name: str, default: int | None = None) -> int:
    """An integer of a request. Raises ApiError; without a default the field is required."""
    value = body.get(name)
    if value is None:
        if default is None:
            raise refused(400, "missing_parameters")
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, value, "int64")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None or value == "":
        raise refused(400, "missing_parameters")
    if not isinstance(value, str):
        raise _wrong_type(name, value, "string")
    return value


def _wrong_type(name: str, value: object, wanted: str) -> ApiError:
    kind = {bool: "bool", int: "number", float: "number", str: "string"}.get(type(value), "object")
    return bad_json(f"json: cannot unmarshal {kind} into field {name} of type {wanted}")


def _scaled(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * MICRO + int(fraction.ljust(6, "0")[:6] or 0)
