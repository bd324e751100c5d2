"""Confidence scorer: the calibrated probability that a window's direction comes true, and its lower bound.

Probabilities of the supporting sources are pooled in proportion to their weights (a linear pool). Sources often tell the
same story, and how far they depend on each other is not measured, so their odds are not multiplied: a pool never says
more than its surest source. Claims of the opposite take their share off.
"""

from dataclasses import dataclass

from signals.compositing.weights import Weighed, weigh
from signals.compositing.windows import Window
from signals.deciding import joining
from signals.deciding.joining import Said


@dataclass(frozen=True, slots=True)
class Confidence:
    """What a window is worth. `lower` is what the sources' measured lower bounds leave of it."""

    probability: float
    lower: float
    base_rate: float  # how often it would come true anyway
    weighed: tuple[Weighed, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that have a say, in the specification's words, each once."""
        words = {joining.word_of(one.said.source) for one in self.weighed}
        return tuple(word for word in joining.SOURCES if word in words)


def score(window: Window, now_ms: int) -> Confidence | None:
    """The confidence of a window; None where no source has a say."""
    weighed = weigh(window.supports, now_ms)
    total = sum(one.weight for one in weighed)
    if total <= 0:
        return None
    shares = [(one.said, one.weight / total) for one in weighed]
    remains = _remains(window.against, now_ms)
    return Confidence(
        probability=remains * sum(joining.chance(said, now_ms) * share for said, share in shares),
        lower=remains * sum(_lower(said, now_ms) * share for said, share in shares),
        base_rate=sum(said.base_rate * share for said, share in shares),
        weighed=tuple(weighed),
    )


def _lower(said: Said, now_ms: int) -> float:
    """The lower bound of a source's accuracy as of now, never above what is claimed now; ages like the claim itself."""
    bound = said.lower if said.lower is not None else said.base_rate
    aged = said.base_rate + (bound - said.base_rate) * joining.left(said, now_ms)
    return min(aged, joining.chance(said, now_ms))


def _remains(against: tuple[Said, ...], now_ms: int) -> float:
    """What claims of the opposite leave: each source takes its strongest doubt off, scored or not."""
    return joining.remains(
        (said.source, joining.doubt_of(said, joining.chance(said, now_ms))) for said in against
    )
