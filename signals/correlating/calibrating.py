"""Parameters of a source and kind from its scored past: a calibration curve, a half-life, a weight.

Strength becomes probability by isotonic regression (pool adjacent violators; Ayer and others 1955): the only thing assumed
is that a stronger word is not less often right. Small numbers are shrunk, first to the source's own accuracy, and that to
the base rate. Strengths, probabilities and levels are fractions; times are milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from signals.correlating import weighing
from signals.scoring import intervals

SHRINK = 20.0  # made-up results at the prior, for every bin and for the whole
BINS = 20  # of about equal numbers, before pooling: keeps the curve short and its ends calm
FEWEST = 10  # results without which nothing is fitted
SHORTEST = 0.1  # of the horizon: no half-life is less

Curve = tuple[tuple[float, float], ...]  # (strength, probability), both rising


@dataclass(frozen=True, slots=True)
class Sample:
    """One scored prediction. `delay_ms` is from the event to when we saw it, `lag_ms` from the event to the move, None for
    a miss; `base_hit` whether the control was right, None where there was none; `cluster` names what depends on each other.
    """

    strength: float
    delay_ms: int
    horizon_ms: int
    half_life_ms: int
    hit: bool
    base_hit: bool | None
    lag_ms: int | None
    cluster: str


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learned. `lower` and `upper` bound the accuracy; None, as the base rate, while too little is scored."""

    samples: int
    hits: int
    base_hits: int
    lower: float | None
    upper: float | None
    base_rate: float | None
    weight: float
    half_life_ms: int
    curve: Curve


def fit(samples: Sequence[Sample], *, level: float, fewest: int) -> Fit | None:
    """Fit one source and kind; None below `FEWEST` results. Below `fewest` it has a curve, but neither bounds nor a say."""
    if len(samples) < FEWEST:
        return None
    hits = sum(sample.hit for sample in samples)
    controls = [(sample.cluster, sample.base_hit) for sample in samples if sample.base_hit is not None]
    base_hits = sum(right for _, right in controls)
    base = base_hits / len(controls) if controls else None
    half_life = fitted_half_life(samples)
    prior = base if base is not None else hits / len(samples)
    strengths = [at_sight(sample.strength, sample.delay_ms, half_life) for sample in samples]
    curve = calibrated([(one, sample.hit) for one, sample in zip(strengths, samples, strict=True)], prior)
    lower = upper = None
    say = 0.0
    results = [(sample.cluster, sample.hit) for sample in samples]
    occasions = len({sample.cluster for sample in samples})
    if len(samples) >= fewest and len(controls) >= fewest / 2 and occasions >= intervals.FEWEST_CLUSTERS:
        lower, upper = intervals.wilson(*intervals.effective(results), level)
        # Beside their own controls: a market too new to have one may be livelier than the others
        beside = [(sample.cluster, sample.hit) for sample in samples if sample.base_hit is not None]
        say = weighing.weight(*intervals.effective(beside), *intervals.effective(controls), level)
    return Fit(len(samples), hits, base_hits, lower, upper, base, say, half_life, curve)


def at_sight(strength: float, delay_ms: int, half_life_ms: int) -> float:
    """What is left of a word's strength when it is first seen: a late one is a weaker one. It is what curves start from."""
    return strength * weighing.decay(delay_ms, half_life_ms)


def fitted_half_life(samples: Sequence[Sample]) -> int:
    """The half-life by where moves happen, in milliseconds: the median time from the event to the move, among the hits.

    So many made-up results as `SHRINK` say what was stated before. It is kept between a tenth of the horizon and the whole.
    """
    stated = median(sample.half_life_ms for sample in samples)
    horizon = median(sample.horizon_ms for sample in samples)
    lags = [
        sample.lag_ms for sample in samples if sample.hit and sample.lag_ms is not None and sample.lag_ms > 0
    ]
    seen = median(lags) if lags else stated
    mixed = (len(lags) * seen + SHRINK * stated) / (len(lags) + SHRINK)
    return max(1, int(min(max(mixed, SHORTEST * horizon), horizon)))


def calibrated(results: Sequence[tuple[float, bool]], prior: float) -> Curve:
    """The calibration curve of (strength, right or not). Bins are shrunk to the mean, the mean to `prior`, then pooled."""
    hits = sum(right for _, right in results)
    mean = (hits + SHRINK * prior) / (len(results) + SHRINK)
    points, values, weights = [], [], []
    for part in _bins(sorted(results)):
        points.append(sum(strength for strength, _ in part) / len(part))
        values.append((sum(right for _, right in part) + SHRINK * mean) / (len(part) + SHRINK))
        weights.append(len(part) + SHRINK)
    return tuple(zip(points, pooled(values, weights), strict=True))


def _bins(ordered: Sequence[tuple[float, bool]]) -> list[list[tuple[float, bool]]]:
    """Results of about equal numbers; the same strength stays together."""
    most = max(1, -(-len(ordered) // BINS))
    found: list[list[tuple[float, bool]]] = []
    for one in ordered:
        if found and (len(found[-1]) < most or found[-1][-1][0] == one[0]):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def pooled(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising values next to these in weighted least squares: neighbours that fall are joined until none do."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, heavy in zip(values, weights, strict=True):
        mean, total, count = value, heavy, 1
        while blocks and blocks[-1][0] > mean:
            other, its_weight, its_count = blocks.pop()
            mean = (other * its_weight + mean * total) / (its_weight + total)
            total, count = its_weight + total, its_count + count
        blocks.append((mean, total, count))
    return [mean for mean, _, count in blocks for _ in range(count)]


def read(curve: Sequence[Sequence[float]], strength: float) -> float:
    """The probability of a strength: straight between the curve's points, level beyond them.

    Raises ValueError for an empty curve.
    """
    if not curve:
        raise ValueError("an empty curve says nothing")
    before: Sequence[float] | None = None
    for point in curve:
        if strength <= point[0]:
            if before is None or point[0] == before[0]:
                return point[1]
            share = (strength - before[0]) / (point[0] - before[0])
            return before[1] + share * (point[1] - before[1])
        before = point
    return curve[-1][1]
