"""Intervals of shares: Wilson's for one, Newcombe's for the difference of two, and what dependence costs.

Shares and levels are fractions. Floats are good enough here: no money passes through.
"""

from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from math import sqrt
from statistics import NormalDist

Interval = tuple[float, float]
EVERYTHING: Interval = (0.0, 1.0)
FEWEST_CLUSTERS = 10  # independent occasions without which no interval means anything


@cache
def quantile(level: float) -> float:
    """Standard deviations on each side that hold `level` of a normal distribution: 2.576 for 0.99.

    Raises ValueError for a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level is between 0 and 1, not {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(hits: float, total: float, level: float) -> Interval:
    """The share behind `hits` of `total`, with confidence `level`: Wilson's score interval (1927).

        centre ± z·sqrt(p(1−p)/n + z²/4n²), both over 1 + z²/n, centre = p + z²/2n

    It holds its level for small numbers and shares near 0 or 1, where the textbook's p ± z·sqrt(p(1−p)/n) does not. `total`
    may be an effective number, so neither has to be whole; of nothing everything is possible.
    Raises ValueError for hits outside 0 to total.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total} is no share")
    if total == 0:
        return EVERYTHING
    z = quantile(level)
    share, square = hits / total, z * z
    middle = share + square / (2 * total)
    half = z * sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def difference(one: tuple[float, float], two: tuple[float, float], level: float) -> Interval:
    """How much larger the first share is than the second, each given as (hits, total): Newcombe's method 10 (1998).

    The base rate is a count as well: a share whose own interval excludes the counted base rate may still be chance,
    twenty times as often as it should be at 99.9 %. With this interval it is not.
    """
    if not one[1] or not two[1]:
        return -1.0, 1.0
    (low, high), (other_low, other_high) = wilson(*one, level), wilson(*two, level)
    share, other = one[0] / one[1], two[0] / two[1]
    gap = share - other
    return (
        gap - sqrt((share - low) ** 2 + (other_high - other) ** 2),
        gap + sqrt((high - share) ** 2 + (other - other_low) ** 2),
    )


def design_effect(outcomes: Iterable[tuple[Hashable, bool]]) -> float:
    """How many dependent results are worth one independent one: 1 or more. Each result comes with its cluster's name.

    One story that moves ten markets is hardly ten successes. The variance of the share is estimated between clusters
    (Kish 1965; the linearised ratio estimator) and compared with that of independent results:

        deff = k/(k−1) · Σ_c (Σ_{i in c} (y_i − p))² / (n·p(1−p))

    It is never taken below 1. Where everything is right or wrong, or one cluster, there is nothing to compare: every
    cluster counts as one result.
    """
    clusters: dict[Hashable, tuple[int, int]] = {}
    for cluster, right in outcomes:
        count, hits = clusters.get(cluster, (0, 0))
        clusters[cluster] = count + 1, hits + right
    total = sum(count for count, _ in clusters.values())
    share = sum(hits for _, hits in clusters.values()) / total if total else 0.0
    if len(clusters) < 2 or share in (0.0, 1.0):
        return max(1.0, total / max(len(clusters), 1))
    between = sum((hits - count * share) ** 2 for count, hits in clusters.values())
    usual = total * share * (1 - share)
    return max(1.0, len(clusters) / (len(clusters) - 1) * between / usual)


def effective(outcomes: Sequence[tuple[Hashable, bool]]) -> tuple[float, float]:
    """(hits, total) in independent results, of dependent ones with the names of their clusters."""
    worth = 1 / design_effect(outcomes)
    return sum(right for _, right in outcomes) * worth, len(outcomes) * worth
