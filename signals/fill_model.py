"""How often legs fill, from what was counted and what was believed before; and whether to send both at once.

Chances are fractions of 1, edges and losses dollars per $1 of payoff (one contract of each leg).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from signals.edge import FillBands

ZERO, ONE = Decimal(0), Decimal(1)
STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Count:
    """What became of legs: how many were sent, and the sum of the parts of them that filled (each 0 to 1)."""

    sent: int = 0
    filled: Decimal = ZERO

    def __add__(self, other: "Count") -> "Count":
        return Count(self.sent + other.sent, self.filled + other.filled)


def blended(prior: FillBands, counts: Sequence[Count], weight: int) -> FillBands:
    """The chance of each band: the prior's counts as `weight` legs beside those that were sent.

    Never rises with the edge: the bigger the edge on the screen, the likelier it is stale, and a chance that rose by
    accident would have us chase such edges. Bands that rise are taken together, weighed by what stands behind them.
    """
    pools: list[tuple[Decimal, Decimal, int]] = []  # filled, of so many legs, and how many bands share it
    for (_, chance), count in zip(prior, counts, strict=True):
        filled, legs, bands = chance * weight + count.filled, Decimal(weight + count.sent), 1
        while pools and filled * pools[-1][1] > pools[-1][0] * legs:
            before = pools.pop()
            filled, legs, bands = filled + before[0], legs + before[1], bands + before[2]
        pools.append((filled, legs, bands))
    chances = [_chance(filled, legs) for filled, legs, bands in pools for _ in range(bands)]
    return tuple((start, chance) for (start, _), chance in zip(prior, chances, strict=True))


def _chance(filled: Decimal, legs: Decimal) -> Decimal:
    """Never nothing: a hurdle divides by it."""
    return min(ONE, max(STEP, (filled / legs).quantize(STEP)))


@dataclass(frozen=True, slots=True)
class AtOnce:
    """What an attempt may be expected to bring, in both ways of sending two legs; per $1 of payoff."""

    one_after_other: Decimal
    together: Decimal

    @property
    def better(self) -> bool:
        """Whether both legs at once bring more."""
        return self.together > self.one_after_other


def both_at_once(
    first: Decimal,
    next_after: Decimal,
    next_now: Decimal,
    edge: Decimal,
    loss_first: Decimal,
    loss_next: Decimal,
) -> AtOnce:
    """Compare the two ways by chances that were measured.

    `first`: that the first leg fills; `next_after`: that the next one does once the first has filled (some hundred
    milliseconds later); `next_now`: that it does when it is sent at once. `loss_…`: what selling a lone leg back loses.

        one after the other: first · (next_after · edge - (1 - next_after) · loss_first)
        together:            first · next_now · edge - first · (1 - next_now) · loss_first
                             - (1 - first) · next_now · loss_next

    The last term is what one after the other never risks: the next leg alone. So it pays to send both at once only
    where waiting costs the next leg more fills than that.
    """
    alone = first * (next_after * edge - (ONE - next_after) * loss_first)
    together = (
        first * next_now * edge - first * (ONE - next_now) * loss_first - (ONE - first) * next_now * loss_next
    )
    return AtOnce(alone, together)
