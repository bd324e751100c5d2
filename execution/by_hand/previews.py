"""What executing a signal would do, for a person to read: legs, limits with their figures, the waterfall."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from execution import limits
from execution.limits import Held, Limits
from execution.plans import planning
from execution.plans.planning import Ticket
from execution.portfolio import holdings
from markets.models import Market
from signals import catalogue, expected, rules
from signals.deciding.joining import Joined
from signals.findings import Leg
from signals.models import Signal

ZERO = Decimal(0)


def of(signal: Signal, planned: planning.Plan, held: Held, joined: Joined) -> dict[str, Any]:
    """A plan as a document. Dollars, contracts and fractions are Decimals; `joined` is what evidence did to the plan."""
    finding, values = planned.finding, holdings.limits()
    questions = dict(
        Market.objects.filter(id__in=[ticket.market_id for ticket in planned.tickets]).values_list(
            "id", "question"
        )
    )
    by_market = {(leg.platform, leg.market_id, leg.outcome): leg for leg in finding.legs}
    return {
        "mode": settings.ARBSITE.trading.mode,
        "bet_id": finding.bet_id,
        "direction": finding.direction,
        "size": finding.size,
        "limited_by": finding.limited_by,
        "outlay": finding.outlay,
        "expected_profit": finding.net_profit,
        "profit_pct": finding.profit_pct,
        "legs": [_leg(ticket, by_market[ticket.side_of_book], questions) for ticket in planned.tickets],
        "limits": _limits(planned.tickets, held, values, by_market),
        "waterfall": _waterfall(signal, planned, joined),
    }


def _leg(ticket: Ticket, leg: Leg, questions: dict[str, str | None]) -> dict[str, Any]:
    return {
        "platform": ticket.platform, "market_id": ticket.market_id, "question": questions.get(ticket.market_id),
        "outcome": ticket.outcome, "side": ticket.side, "size": ticket.size, "limit_price": ticket.limit_price,
        "best_price": leg.best_price, "time_in_force": ticket.time_in_force, "cost": leg.cost.notional,
        "fees": leg.cost.fee, "cash": leg.cost.cash, "most_cash": ticket.cash,
    }  # fmt: skip


def _limits(
    tickets: Sequence[Ticket], held: Held, values: Limits, legs: dict[tuple[str, str, str], Leg]
) -> list[dict[str, Any]]:
    """Every limit that was checked: what it is, what is used of it, what this plan wants."""
    found: list[dict[str, Any]] = [
        {"code": code, "limit": limit, "used": used, "wanted": wanted, "passed": limit is None or used + wanted <= limit}
        for code, limit, used, wanted in limits.figures(tickets, held, values)
    ]  # fmt: skip
    counts = (
        ("max_open_orders", values.max_open_orders, held.open_orders),
        ("max_orders_per_minute", values.max_orders_per_minute, held.sent),
    )
    found += [
        {"code": code, "limit": limit, "used": used, "wanted": len(tickets),
         "passed": limit is None or used + len(tickets) <= limit}
        for code, limit, used in counts
    ]  # fmt: skip
    for ticket in tickets:
        best = legs[ticket.side_of_book].best_price
        refusal = limits.within_collar(ticket, best, values)
        found.append(
            {"code": "price_collar", "limit": values.collar, "used": ZERO, "wanted": abs(ticket.limit_price - best),
             "passed": refusal is None}
        )  # fmt: skip
    return found


def _waterfall(signal: Signal, planned: planning.Plan, joined: Joined) -> list[dict[str, Any]]:
    """From the gross gap to what can be expected of it."""
    finding = planned.finding
    risk = catalogue.current().risk(signal.bet_id or "")
    charges = rules.hurdles().charges
    steps = expected.steps(finding, expected.of(finding, risk.m0, charges, joined.hurdle))
    return [{"name": step.name, "dollars": step.dollars, "per_dollar": step.per_dollar} for step in steps]
