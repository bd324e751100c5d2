"""Quotes onto a common clock: log-odds of mids, previous tick, without what only repeats and without wild jumps.

A probability near 0.5 moves in cents, one near 0.97 in tenths of them; log-odds `ln(p / (1 - p))` move alike everywhere.
Mids are clipped to 0.01…0.99 first: beyond, a change of one tick would be the largest move of the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.01, 0.99  # dollars: a mid outside counts as at the edge
WILD = 5.0  # robust deviations beyond which one step's change is cut back
# A normal variable's median distance from its centre is so much of its standard deviation
NORMAL_MEDIAN = 0.6744897501960817

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Quotes = Sequence[tuple[float, float]]  # (seconds, mid in dollars)


@dataclass(frozen=True, slots=True)
class Grid:
    """Markets on one clock.

    `levels[i, t]` is the log-odds of series i at step t, its drift and wild jumps taken out; `moved[i, t]` tells whether
    its quote changed in the step that ends there; `first[i]` is the first step at which it has a level (at least `steps`
    where it never has).
    """

    names: tuple[str, ...]
    levels: Floats
    moved: NDArray[np.bool_]
    first: Ints

    @property
    def steps(self) -> int:
        """How many ticks of the clock there are."""
        return int(self.levels.shape[1])

    def changes(self) -> Ints:
        """In how many steps each series moved."""
        return np.asarray(self.moved.sum(axis=1), dtype=np.int64)

    def only(self, rows: Sequence[int]) -> "Grid":
        """Some of the series, in the order given."""
        at = list(rows)
        return Grid(tuple(self.names[row] for row in at), self.levels[at], self.moved[at], self.first[at])


def log_odds(mids: Floats) -> Floats:
    """`ln(p / (1 - p))` of mids in dollars, clipped to 0.01…0.99."""
    clipped = np.clip(mids, LOWEST, HIGHEST)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def on_clock(quotes: Mapping[str, Quotes], start: float, end: float, clock_seconds: int) -> Grid:
    """The quotes of each market on a clock of `clock_seconds` from `start` to `end` (Unix seconds), previous tick.

    At a tick counts the last quote at or before it; quotes need no order. A quote that repeats the one before it changes
    nothing, so however often a feed says the same, the grid is the same. Raises ValueError for a clock that does not tick.
    """
    if clock_seconds <= 0 or end <= start:
        raise ValueError(f"a clock of {clock_seconds} s from {start} to {end} does not tick")
    names = tuple(sorted(quotes))
    steps = int((end - start) // clock_seconds) + 1
    ticks = start + clock_seconds * np.arange(steps)
    levels = np.zeros((len(names), steps))
    first = np.full(len(names), steps, dtype=np.int64)
    for row, name in enumerate(names):
        known = sorted(quotes[name])
        if not known:
            continue
        times = np.array([at for at, _ in known])
        values = log_odds(np.array([mid for _, mid in known]))
        at = np.searchsorted(times, ticks, side="right") - 1
        begins = int(np.searchsorted(at, 0))
        first[row] = begins
        if begins < steps:
            levels[row, begins:] = values[at[begins:]]
            levels[row, :begins] = levels[row, begins]
    return settled(names, levels, first)


def settled(names: tuple[str, ...], levels: Floats, first: Ints) -> Grid:
    """A grid of raw levels, with wild changes cut back and each series' drift taken out.

    A change is wild beyond `WILD` robust deviations of the changes of its own series (the median of their sizes over
    0.6745): one fat finger must not be half of a covariance. Drift, the mean change over the life of the series, is
    common to every question that runs out at a date, and says nothing about what moves them together.
    """
    returns = np.diff(levels, axis=1, prepend=levels[:, :1])
    moved = returns != 0.0
    for row in range(len(names)):
        own = returns[row]
        sizes = np.abs(own[moved[row]])
        if sizes.size:
            most = WILD * float(np.median(sizes)) / NORMAL_MEDIAN
            np.clip(own, -most, most, out=own)
        begins = int(first[row])
        lived = len(own) - begins - 1
        if lived > 0:
            own[begins + 1 :] -= own[begins + 1 :].sum() / lived
    return Grid(names, np.asarray(np.cumsum(returns, axis=1)), moved, first)
