"""Flows that repeat: more transfers of one asset, exchange and direction than usual within an hour.

Usual is the rate of the day before that hour. Under it the number within the hour is Poisson distributed (transfers that
do not know of each other); so many or more by chance is that distribution's tail. Times are Unix milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import gammainc  # not scipy.stats, which takes every process a second to import

HOUR_MS = 3_600_000
WINDOW_MS = HOUR_MS
USUAL_MS = 24 * HOUR_MS  # looked back on for the usual rate; bounded, so that a long history costs nothing
FEWEST = 3  # transfers that can be called repeated
RARE = 0.0001  # chance below which it is told


@dataclass(frozen=True, slots=True)
class Repeated:
    """A pattern: how many within the window, how many are usual, and the chance of so many."""

    began_ms: int
    last_ms: int
    count: int
    usual: float
    chance: float


def tail(count: int, expected: float) -> float:
    """The chance of `count` or more where `expected` are usual: the Poisson tail, which is a regularised gamma function.

    Raises ValueError for an expectation below 0.
    """
    if expected < 0:
        raise ValueError(f"nobody expects {expected}")
    return 1.0 if count <= 0 else float(gammainc(count, expected))


def found(times: Sequence[int]) -> Repeated | None:
    """Whether the transfers up to the newest one repeat unusually; `times` are those of the last `USUAL_MS` before it.

    One made-up transfer is added to what was usual: a day without any does not make the first three a wonder.
    """
    if len(times) < FEWEST:
        return None
    last = max(times)
    inside = [at for at in times if at > last - WINDOW_MS]
    before = sum(1 for at in times if last - USUAL_MS < at <= last - WINDOW_MS)
    usual = (before + 1) * WINDOW_MS / (USUAL_MS - WINDOW_MS)
    chance = tail(len(inside), usual)
    if len(inside) < FEWEST or chance >= RARE:
        return None
    return Repeated(min(inside), last, len(inside), usual, chance)
