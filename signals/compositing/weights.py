"""Weight calculator: how much say each source has in a window."""

from collections.abc import Iterable
from dataclasses import dataclass

from signals.deciding import joining
from signals.deciding.joining import Said


@dataclass(frozen=True, slots=True)
class Weighed:
    """A claim and its say, 0 or more."""

    said: Said
    weight: float


def weigh(claims: Iterable[Said], now_ms: int) -> list[Weighed]:
    """The say of each source: its measured weight times what age has left of its claim.

    A source has one say however often it speaks: that of its heaviest claim. Without a score it has none, nor with one
    that says noise (weight 0).
    """
    heaviest: dict[str, Weighed] = {}
    for said in claims:
        weight = 0.0 if said.lower is None else said.weight * joining.left(said, now_ms)
        best = heaviest.get(said.source)
        if weight > 0 and (best is None or weight > best.weight):
            heaviest[said.source] = Weighed(said, weight)
    return [heaviest[source] for source in sorted(heaviest)]
