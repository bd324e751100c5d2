"""One leg after the other, or all together: EXECUTION_AT_ONCE, and what was measured."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings

from execution.plans import planning
from execution.plans.planning import Ticket
from signals import fill_rates
from signals.findings import Finding

ZERO = Decimal(0)
MEASURED, ALWAYS = "measured", "always"


def both(planned: planning.Plan, mode: str, now: datetime) -> bool:
    """Whether the legs of this plan go out together.

    `measured` asks the fill rates of this mode; where too little was measured, one after the other is the safe way.
    """
    wanted = settings.ARBSITE.execution.at_once
    if len(planned.tickets) < 2 or wanted != MEASURED:
        return wanted == ALWAYS and len(planned.tickets) > 1
    if len(planned.tickets) > 2:
        return False  # nobody has measured so many
    first, second = planned.tickets
    losses = _loss(planned.finding, first), _loss(planned.finding, second)
    found = fill_rates.at_once(mode, (first.platform, second.platform), planned.finding.edge, losses, now)
    return found is not None and found.better


def _loss(finding: Finding, ticket: Ticket) -> Decimal:
    """Dollars that selling one contract of a leg back would lose by the books of now; its whole price where nobody bids."""
    leg = next(
        one for one in finding.legs if (one.platform, one.market_id, one.outcome) == ticket.side_of_book
    )
    return max(ZERO, ticket.limit_price - (leg.best_bid or ZERO) + leg.exit_fee)
