"""Polymarket's number and id texts, turned into our integers and ids; with bounded caches for the hot path.

Numbers in books are JSON strings without trailing zeros ("0.5", "92790"); ids are 0x hex or long decimal
strings.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from markets.books import MICRO

MAX_CACHED = 100_000
_SCALE = (1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)
_CONDITION = re.compile(r"0x(?:[0-9a-f]{62}|[0-9a-f]{64})")


def micro_text(value: int) -> str:
    """An integer of 1e-6 as the platform prints it: no exponent, no trailing zeros."""
    whole, part = divmod(value, MICRO)
    return f"{whole}.{part:06d}".rstrip("0") if part else str(whole)


def to_micro(text: str) -> int:
    """A plain decimal text as an integer of 1e-6; ValueError for anything else (signs, exponents, NaN, 7 decimals)."""
    whole, dot, part = text.partition(".")
    digits = whole + part
    if digits.isdigit() and digits.isascii() and whole and (part or not dot):
        places = len(part)
        if places > 6:
            part = part.rstrip("0")
            digits, places = whole + part, len(part)
        if places <= 6 and len(whole) <= 18:
            return int(digits) * _SCALE[places]
        raise ValueError(f"{text[:40]!r} does not fit: at most 18 digits before the point and six after it")
    raise ValueError(f"{text[:40]!r} is not a plain non-negative decimal number")


def level_price(text: str) -> int:
    """A level's price in micro-dollars; ValueError unless it lies strictly between 0 and 1."""
    price = to_micro(text)
    if not 0 < price < MICRO:
        raise ValueError(f"price {text[:40]} is not between 0 and 1")
    return price


class PriceCache(dict[str, int]):
    """Texts of valid level prices to micro-dollars; raises ValueError for a text that is none."""

    def __missing__(self, text: str) -> int:
        price = level_price(text)
        if len(self) >= MAX_CACHED:
            self.clear()
        self[text] = price
        return price


class MicroTexts(dict[int, str]):
    """Integers of 1e-6 as the platform prints them: what book hashes are made of.

    Sizes are only cached this way round: a table of the texts that come in costs more than reading them.
    """

    def __missing__(self, value: int) -> str:
        if len(self) >= MAX_CACHED:
            self.clear()
        text = self[value] = micro_text(value)
        return text


TEXTS = MicroTexts()


def unix_ms(text: str) -> int:
    """A time of the market channel, Unix milliseconds in decimal; ValueError for anything else."""
    if not (text.isdigit() and text.isascii() and len(text) <= 15):
        raise ValueError(f"timestamp {text[:40]!r} is not a time in milliseconds")
    return int(text)


def condition_id(text: str) -> str:
    """A condition id as 0x and 64 lower-case hex digits (62 digits, a V2 id, are padded on the right).

    Raises ValueError for anything else.
    """
    lowered = text.lower()
    if not _CONDITION.fullmatch(lowered):
        raise ValueError(f"{text[:80]!r} is not a condition id (0x and 64 hex digits)")
    return lowered.ljust(66, "0")


def token_id(text: str) -> str:
    """A token or position id, a decimal number of up to 78 digits; ValueError otherwise."""
    if not (text.isascii() and text.isdigit() and len(text) <= 78):
        raise ValueError(f"{text[:90]!r} is not a token id (a decimal number)")
    return text


def v2_condition_of(position_id: str) -> str:
    """The V2 condition id that a position id belongs to: the id without its last byte, padded to 64 digits."""
    return "0x" + format(int(token_id(position_id)) >> 8, "062x") + "00"


def moment(text: str | None) -> datetime | None:
    """A time in either of Gamma's spellings ("…Z" and "2026-01-09 01:00:00+00"), aware UTC; ValueError if
    neither.
    """
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def plain(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros: how ticks and sizes stand in book hashes."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
