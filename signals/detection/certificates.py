"""Proofs that a wide bet offers nothing, kept from one look to the next.

Give every state a weight of at least 0, together 1. If every claim's ask is at least the weight of the states it
pays in, no purchase gains: whatever is bought, in any sizes and at any depth, costs at least

    sum of ask x contracts >= sum over states of weight x (what is paid there) >= what is paid in the worst state,

and fees are never negative. So the weights turn into one threshold per claim, its **need**, and as long as no ask
has fallen below its need there is nothing to look for. Weights come from the solver as floats, but any weights
prove what they prove: needs are computed from whole numbers and rounded up, so no float is ever trusted.
"""

from collections.abc import Callable, Sequence

import numpy as np

from markets.bets import Bet, Cover
from markets.books import MICRO
from signals.detection import programs

SCALE = 10**9  # of a weight as a whole number

Needs = tuple[int, ...]  # micro-dollars, one per claim of the cover


def needs_of(cover: Cover, weights: dict[str, int]) -> Needs:
    """The least asks at which these weights prove that nothing can be gained; weights need not add up to 1."""
    whole = sum(weights.values())
    return tuple(
        -(-MICRO * sum(weights.get(state, 0) for state in claim.pays_in) // whole) for claim in cover
    )


def prove(bet: Bet, asks: Sequence[int]) -> Needs | None:
    """Needs that these best asks (micro-dollars; 1 dollar where nobody sells) fulfil, if there are such."""
    cover = bet.covers[0]
    states = sorted(bet.states)
    place = {state: row for row, state in enumerate(states)}
    sold = [(claim, ask) for claim, ask in zip(cover, asks, strict=True) if 0 < ask < MICRO]
    covered = frozenset().union(*(claim.pays_in for claim, _ in sold))
    uncovered = next((state for state in states if state not in covered), None)
    if uncovered is not None:
        found = {uncovered: 1}
    else:
        rows = [
            np.array(sorted(place[state] for state in claim.pays_in), dtype=np.int32) for claim, _ in sold
        ]
        solved = programs.weights(rows, [ask / MICRO for _, ask in sold], len(states))
        if solved is None:
            return None
        found = {
            state: max(0, round(weight * SCALE))
            for state, weight in zip(states, solved.tolist(), strict=True)
        }
    if not any(found.values()):
        return None
    needs = needs_of(cover, found)
    return needs if all(ask >= need for ask, need in zip(asks, needs, strict=True)) else None


class Certificates:
    """The needs of wide bets that were last proved to offer nothing. `told` hears of every new proof."""

    def __init__(self, told: Callable[[Bet, Needs], None] | None = None) -> None:
        self._kept: dict[str, tuple[Bet, Needs]] = {}
        self._told = told

    def proves(self, bet: Bet, asks: Sequence[int]) -> bool:
        """Whether what is kept of this very bet still shows that nothing can be gained at these asks."""
        kept = self._kept.get(bet.id)
        if kept is None or (kept[0] is not bet and kept[0] != bet):
            return False
        return all(map(int.__ge__, asks, kept[1]))

    def keep(self, bet: Bet, needs: Needs) -> None:
        """Take a proof that was just found."""
        self._kept[bet.id] = (bet, needs)
        if self._told is not None:
            self._told(bet, needs)

    def forget(self, bet_id: str) -> None:
        """The bet is gone."""
        self._kept.pop(bet_id, None)
