"""What all whale sources' answers have in common: JSON with exact numbers, and values that are not to be trusted."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from signals.sources.base import Malformed

ZERO = "0x" + "0" * 40
FIRST_SECOND, LAST_SECOND = 1_230_768_000, 4_102_444_800  # 2009, when Bitcoin began, to 2100
MOST_DIGITS = 80  # of one number: 2^256 has 78
_NUMBER = re.compile(r"[+-]?[0-9]{1,80}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{0,64}", re.ASCII)
_BARE_ADDRESS = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Za-z:_.\-]{1,128}", re.ASCII)
EVM_CHAINS = ("ethereum", "polygon", "bsc", "arbitrum", "optimism", "base", "avalanche")


def decode(raw: bytes, source: str) -> Any:
    """JSON text as values, numbers with a point as Decimal. Raises Malformed for HTML, a sentence or nothing at all."""
    try:
        return json.loads(raw, parse_float=_exact, parse_int=_whole, parse_constant=_none)
    except (ValueError, RecursionError):
        raise Malformed(f"{source}: the answer is not JSON") from None


def _exact(text: str) -> Decimal:
    if len(text) > MOST_DIGITS:
        raise ValueError("too many digits")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError("too many digits")
    return int(text)


def _none(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def number(value: object) -> Decimal | None:
    """A number, or a text that spells one in decimal, exactly; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    found = Decimal(value)
    return found if found.is_finite() and abs(found.adjusted()) <= MOST_DIGITS else None


def whole(value: object) -> int | None:
    """A whole number that is not negative and fits 63 bits; None for anything else."""
    found = number(value)
    if found is None or found != found.to_integral_value() or not 0 <= found < 2**63:
        return None
    return int(found)


def hexadecimal(value: object) -> int | None:
    """A hex string as Etherscan writes quantities: `0x1f`, and `0x` for zero; None for anything else."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        return None
    return int(value, 16) if len(value) > 2 else 0


def moment(seconds: int | None) -> datetime | None:
    """Unix seconds as a time; None where no transfer can have that time."""
    if seconds is None or not FIRST_SECOND <= seconds < LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def chain_name(value: object) -> str:
    """A chain's name, lower case; empty where it is none."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if 0 < len(text) <= 32 and text.isprintable() else ""


def transaction_hash(value: object) -> str:
    """Lower case without `0x`; empty where it is none."""
    text = value.strip().lower().removeprefix("0x") if isinstance(value, str) else ""
    return text if _ADDRESS.fullmatch(text) and len(text) <= 126 else ""


def address(value: object, chain: str) -> str:
    """An address in one spelling: lower case with `0x` where the chain has no case; empty for words and nonsense."""
    text = value.strip() if isinstance(value, str) else ""
    if not _ADDRESS.fullmatch(text):
        return ""  # "Multiple Addresses" is none
    if text[:2] in ("0x", "0X"):
        return text.lower()
    if chain in EVM_CHAINS and _BARE_ADDRESS.fullmatch(text):
        return f"0x{text.lower()}"
    return text


def mapping(value: object) -> Mapping[str, Any]:
    """The value where it is an object; an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value where it is a list; an empty one otherwise."""
    return value if isinstance(value, list) else []
