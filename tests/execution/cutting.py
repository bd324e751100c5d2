"""A plan's orders sent one after the other, without a saga around them: what cutting by shares comes to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from execution.plans import planning
from execution.plans.planning import NoPlan, Ticket
from markets.bets import MarketKey
from signals.findings import Listing


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a plan's orders: contracts filled of each that was sent, and why the rest was not, if so."""

    filled: tuple[Decimal, ...]
    stopped: NoPlan | None = None


def work_off(
    planned: Sequence[Ticket], listings: Mapping[MarketKey, Listing], send: Callable[[Ticket], Decimal]
) -> Worked:
    """Send a plan's orders as the saga does: one after the other, each cut to the smallest share filled before it.

    `send` places one order and returns the contracts it filled. Where a share cannot be matched any more, what is
    left is not sent: it could only add to the contracts that are alone.
    """
    filled: list[Decimal] = []
    reached = Fraction(1)
    for ticket in planned:
        cut = planning.for_share(ticket, reached, listings[ticket.platform, ticket.market_id])
        if isinstance(cut, NoPlan):
            return Worked(tuple(filled), cut)
        filled.append(send(cut))
        reached = min(reached, planning.share(ticket, filled[-1]))
    return Worked(tuple(filled))
