"""Prices around an event: a market's path, which moved first, how far and how long, and in which window moves happen.

Prices are integers of a millionth of a dollar, times Unix milliseconds. Mids are kept doubled (bid + ask), so that they are
whole numbers too.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

ITEM, PRICE, NONE = "item", "price", "none"


class Point(NamedTuple):
    """One price of YES. A side that the book did not have is None."""

    at_ms: int
    bid: int | None
    ask: int | None

    @property
    def mid2(self) -> int | None:
        """Twice the mid; None without both sides."""
        return None if self.bid is None or self.ask is None else self.bid + self.ask

    @property
    def spread(self) -> int | None:
        """Ask minus bid; None without both sides."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


class Path:
    """A market's prices in time. A price holds until the next one."""

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = sorted(points, key=lambda point: point.at_ms)
        self._times = [point.at_ms for point in self.points]

    def at(self, moment: int) -> Point | None:
        """The price that held at a moment; None before the first."""
        place = bisect_right(self._times, moment)
        return self.points[place - 1] if place else None

    def between(self, after: int, until: int) -> Sequence[Point]:
        """What was new after `after`, up to and including `until`."""
        return self.points[bisect_right(self._times, after) : bisect_right(self._times, until)]


@dataclass(frozen=True, slots=True)
class First:
    """Which moved first: the item, the price before it, or nothing at all; `lag_ms` from the item to the move."""

    who: str
    lag_ms: int | None = None


def moved(direction: int, begin2: int, now2: int) -> int:
    """How far a doubled mid went the stated way; with direction 0 either way counts."""
    return abs(now2 - begin2) if direction == 0 else direction * (now2 - begin2)


def crossing(path: Path, after: int, until: int, begin2: int, direction: int, spread: int) -> int | None:
    """When the mid was first more than `spread` beyond `begin2` in the stated direction; None for never."""
    for point in path.between(after, until):
        now2 = point.mid2
        if now2 is not None and moved(direction, begin2, now2) > 2 * spread:
            return point.at_ms
    return None


def first(path: Path, direction: int, happened: int, until: int, before: int, spread: int) -> First:
    """Whether the price moved before the event, after it, or not at all, by more than the spread.

    A move before counts if it began within `before` milliseconds of the event and still stood at it: then somebody knew.
    """
    earlier, there = path.at(happened - before), path.at(happened)
    begin2 = earlier.mid2 if earlier else None
    at2 = there.mid2 if there else None
    if begin2 is not None and at2 is not None and moved(direction, begin2, at2) > 2 * spread:
        when = crossing(path, happened - before, happened, begin2, direction, spread)
        if when is not None:
            return First(PRICE, when - happened)
    if at2 is None:
        return First(NONE)
    when = crossing(path, happened, until, at2, direction, spread)
    return First(NONE) if when is None else First(ITEM, when - happened)


def lasted(path: Path, since: int, until: int, begin2: int, direction: int, spread: int) -> int:
    """How long a move stood, in milliseconds: until the mid had come half of the spread near to where it began."""
    for point in path.between(since, until):
        now2 = point.mid2
        if now2 is not None and moved(direction, begin2, now2) <= spread:
            return point.at_ms - since
    return until - since


@dataclass(frozen=True, slots=True)
class Window:
    """When the moves after a source's items happen, in milliseconds from the item: a tenth, half, nine tenths of them."""

    moves: int
    p10_ms: int
    p50_ms: int
    p90_ms: int


def measured(lags: Sequence[int]) -> Window | None:
    """The time window of a source, from its items' lags; None without any. Lags below 0 are of prices that were first."""
    ordered = sorted(lags)
    if not ordered:
        return None
    low, middle, high = (ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (10, 50, 90))
    return Window(len(ordered), low, middle, high)
