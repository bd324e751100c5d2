"""One leg after the other, or all together: EXECUTION_AT_ONCE, and what was measured."""

from django.conf import settings

from execution import planning
from signals import fill_rates


def both(planned: planning.Plan, mode: str) -> bool:
    """Whether the legs of this plan go out together.

    `measured` asks the fill rates of this mode; where nothing was measured, one after the other is the safe way.
    """
    wanted = settings.ARBSITE.execution.at_once
    if wanted != "measured" or len(planned.tickets) < 2:
        return wanted == "always" and len(planned.tickets) > 1
    measured = getattr(fill_rates, "both_at_once", None)
    if measured is None:
        return False
    first, second = planned.tickets[0].platform, planned.tickets[1].platform
    return len(planned.tickets) == 2 and bool(measured(first, second, mode=mode, edge=planned.finding.edge))
