"""Kalshi's number strings as exact integers of 1e-6, remembered because the same few come again and again."""

import re
from collections.abc import Callable

from markets.books import MICRO

_FIXED_POINT = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")


def micro(text: str) -> int:
    """A fixed-point string ("0.4700", "-3.00") as an integer of 1e-6; raises ValueError for anything else."""
    match = _FIXED_POINT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no fixed-point number")
    sign, whole, fraction = match.groups()
    value = int(whole) * MICRO + int((fraction or "").ljust(6, "0"))
    return -value if sign else value


def price(text: str) -> int:
    """The price of a book level, above 0 and below 1 dollar, in micro-dollars; raises ValueError otherwise."""
    value = micro(text)
    if not 0 < value < MICRO:
        raise ValueError(f"the price {text[:40]!r} is not between 0 and 1")
    return value


def mirrored_price(text: str) -> int:
    """What a bid of the other side at this price asks: one dollar less it, in micro-dollars."""
    return MICRO - price(text)


class Remembered:
    """A reader of number strings that keeps at most `limit` answers; only valid strings are ever kept.

    `known` is always the same plain dict: the hot path looks there first, without a call.
    """

    __slots__ = ("_limit", "_read", "known")

    def __init__(self, read: Callable[[str], int], limit: int) -> None:
        self._read, self._limit = read, limit
        self.known: dict[str, int] = {}

    def read(self, text: str) -> int:
        """The number; raises ValueError where the text is none."""
        value = self.known.get(text)
        if value is None:
            value = self._read(text)
            if len(self.known) >= self._limit:
                self.known.clear()
            self.known[text] = value
        return value


PRICES = Remembered(price, 20_000)
MIRRORED = Remembered(mirrored_price, 20_000)
SIZES = Remembered(micro, 50_000)
