"""What a word is worth: decay with age, weight from measured accuracy, and several words about one market together.

Everything is counted in log-odds: independent evidence adds up there, and nothing passes 0 or 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

from signals.scoring import intervals

LEAST = 0.001  # nothing is surer than one in a thousand
SAME_GROUP = 0.5  # each further word of the same story or source counts half as much as the one before


def logit(share: float) -> float:
    """The log-odds of a share, which is first kept away from 0 and 1."""
    kept = min(max(share, LEAST), 1 - LEAST)
    return log(kept / (1 - kept))


def expit(odds: float) -> float:
    """The share of log-odds."""
    return 1 / (1 + exp(-odds)) if odds >= 0 else exp(odds) / (1 + exp(odds))


def decay(age: float, half_life: float) -> float:
    """What is left of a word after `age`: 0.5^(age/half-life), both in the same unit. What is not old yet counts whole.

    Raises ValueError for a half-life that is not positive.
    """
    if half_life <= 0:
        raise ValueError(f"a half-life is positive, not {half_life}")
    return float(0.5 ** (max(age, 0.0) / half_life))


def weight(hits: float, total: float, base_hits: float, base_total: float, level: float) -> float:
    """The say of a source, 0 to 1: which part of its measured advantage is beyond doubt.

        w = (logit(base + lower) − logit(base)) / (logit(accuracy) − logit(base))

    `lower` is the lower bound of accuracy minus base rate (Newcombe, at `level`). So a source whose interval contains
    the base rate has no say, and one with little history is shrunk to what is proven. Numbers may be effective ones.
    """
    if not total or not base_total:
        return 0.0
    lower, _ = intervals.difference((hits, total), (base_hits, base_total), level)
    base, accuracy = base_hits / base_total, hits / total
    if lower <= 0:
        return 0.0
    return (logit(base + lower) - logit(base)) / (logit(accuracy) - logit(base))


@dataclass(frozen=True, slots=True)
class Word:
    """One standing prediction. `direction` is 1 or -1; `age` and `half_life` in one unit; `group` is what it depends on:
    the story, or the source where there is none. `probability` is the calibrated one of being right, `base_rate` of the
    same claim without a reason.
    """

    group: str
    direction: int
    probability: float
    base_rate: float
    weight: float
    age: float
    half_life: float


@dataclass(frozen=True, slots=True)
class Together:
    """Several words about one market: how probable a move up and down is, and each word's part in log-odds."""

    up: float
    down: float
    base_rate: float
    parts: tuple[float, ...]  # signed: above 0 speaks for up


def together(words: Sequence[Word], prior: float = 0.5) -> Together:
    """How probable it is that a market moves up, or down, when all of these words stand.

    Naive Bayes in log-odds: each word adds `weight × decay × (logit(p) − logit(base))` in its direction, to the logit of
    the base rate. Words of one group are not independent: the strongest counts whole, the next `SAME_GROUP` of its own, the
    next that of that. A word that was found weaker than the base rate adds nothing. Words with direction 0 say nothing
    about up and down and are left out. Without any word both are the base rate, `prior`.
    """
    base = _base(words, prior)
    parts = [
        word.direction
        * word.weight
        * decay(word.age, word.half_life)
        * max(0.0, logit(word.probability) - logit(word.base_rate))
        for word in words
    ]
    seen: dict[str, int] = {}
    for place in sorted(range(len(words)), key=lambda place: -abs(parts[place])):
        if parts[place]:
            before = seen.get(words[place].group, 0)
            parts[place] *= SAME_GROUP**before
            seen[words[place].group] = before + 1
    total = sum(parts)
    return Together(expit(logit(base) + total), expit(logit(base) - total), base, tuple(parts))


def _base(words: Iterable[Word], prior: float) -> float:
    """The mean base rate of those that have a say."""
    rates = [word.base_rate for word in words if word.weight and word.direction]
    return sum(rates) / len(rates) if rates else prior
