"""A plan inside every limit: made on the books of now, and cut once to the room that is left."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from execution import holdings, limits, planning
from execution.limits import Held
from execution.planning import NoPlan, Plan, Ticket
from markets.bets import Bet, MarketKey
from markets.books import MICRO, BookView, dollars
from signals import rules
from signals.catalogue import Catalogue
from signals.decision import Context
from signals.findings import Finding


def plan(
    bet: Bet,
    finding: Finding,
    known: Catalogue,
    books: Mapping[MarketKey, BookView],
    held: Held,
    now_ms: int,
    context: Context,
) -> Plan | NoPlan:
    """What to send for a finding, or why nothing. `context` is what the verdict on it depends on besides."""
    base, hurdles, risk = rules.rules(), rules.hurdles(), holdings.limits()

    def look(at: Finding) -> Plan | NoPlan:
        return planning.plan(bet, at, books, known.listings, base, hurdles, now_ms, context)

    planned = look(finding)
    for _ in range(2):
        if isinstance(planned, NoPlan):
            return planned
        refusals = limits.check_plan(planned.tickets, held, risk, _bests(planned.tickets, books))
        if not refusals:
            return planned
        room = limits.plan_room(planned.tickets, held, risk)
        if room <= 0:
            break
        fresh = planned.finding
        planned = look(replace(fresh, size=_part(fresh.size, room), limited_by=finding.limited_by))
    return NoPlan(refusals[0].code, "; ".join(refusal.sentence for refusal in refusals))


def _part(size: Decimal, share: Fraction) -> Decimal:
    return dollars(int(Fraction(size) * share * MICRO))


def _bests(tickets: Sequence[Ticket], books: Mapping[MarketKey, BookView]) -> list[Decimal | None]:
    found: list[Decimal | None] = []
    for ticket in tickets:
        view = books.get((ticket.platform, ticket.market_id))
        ladder = view.asks_for(ticket.outcome) if view is not None else ()
        found.append(dollars(ladder[0][0]) if ladder else None)
    return found
