"""How good probabilities were: the Brier score, what it is made of, and whether what was said came true as often.

Probabilities are fractions; a forecast is (probability that was given, whether it came true).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import pi, sqrt

Forecast = tuple[float, bool]
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts that said nearly the same: how many, what they said on average, and how often it came true."""

    count: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Murphy's decomposition (1973): score = reliability − resolution + uncertainty + within.

    `reliability` is the loss by saying wrong numbers (0 is best), `resolution` the gain by telling cases apart,
    `uncertainty` the score of saying the overall share every time. `within` is what a bin hides when its forecasts are not
    equal (Stephenson and others 2008); without it the parts do not add up.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def score(forecasts: Sequence[Forecast]) -> float:
    """The mean squared error (Brier 1950): 0 is perfect, 0.25 is a coin. Raises ValueError for no forecasts."""
    if not forecasts:
        raise ValueError("no forecasts, no score")
    return sum((said - came) ** 2 for said, came in forecasts) / len(forecasts)


def bins(forecasts: Sequence[Forecast], count: int = BINS) -> list[Bin]:
    """Forecasts in at most `count` bins of about equal numbers, from low to high; equal forecasts stay together.

    Bins of equal width would leave most of them nearly empty: sources rarely say more than 0.6.
    """
    ordered = sorted(forecasts, key=lambda one: one[0])
    most = max(1, -(-len(ordered) // count))
    found: list[list[Forecast]] = []
    for _, equal in groupby(ordered, key=lambda one: one[0]):
        same = list(equal)
        if found and len(found[-1]) + len(same) <= most:
            found[-1] += same
        else:
            found.append(same)
    return [
        Bin(len(one), sum(said for said, _ in one) / len(one), sum(came for _, came in one) / len(one))
        for one in found
    ]


def calibration_error(found: Sequence[Bin]) -> float:
    """The mean distance between what was said and what came true, bins weighed by their size; 0 for no bins."""
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.said - one.came) for one in found) / total if total else 0.0


def chance_error(found: Sequence[Bin]) -> float:
    """The calibration error that perfectly calibrated forecasts would show in these bins, by chance alone.

    A bin's share scatters around its truth by sqrt(p(1−p)/n); the mean distance of a normal is sqrt(2/π) of that.
    """
    total = sum(one.count for one in found)
    if not total:
        return 0.0
    spread = sum(one.count * sqrt(max(0.0, one.said * (1 - one.said)) / one.count) for one in found)
    return sqrt(2 / pi) * spread / total


def decompose(forecasts: Sequence[Forecast], count: int = BINS) -> Parts:
    """The score and its parts. Raises ValueError for no forecasts."""
    whole = score(forecasts)
    found, total = bins(forecasts, count), len(forecasts)
    share = sum(came for _, came in forecasts) / total
    reliability = sum(one.count * (one.said - one.came) ** 2 for one in found) / total
    resolution = sum(one.count * (one.came - share) ** 2 for one in found) / total
    uncertainty = share * (1 - share)
    return Parts(
        whole, reliability, resolution, uncertainty, whole - (reliability - resolution + uncertainty)
    )
