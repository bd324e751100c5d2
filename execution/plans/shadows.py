"""Paper twins: in sandbox and live mode a paper plan takes every plan beside it, and the difference is reported."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Sum

from execution import lifecycle
from execution.models import Fill, Order, Plan
from execution.orders.ordering import follower

PAPER = "paper"
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Twin:
    """A paper plan and its orders, not sent yet."""

    plan: Plan
    orders: list[Order]


def twin_of(plan: Plan, orders: Sequence[Order]) -> Twin | None:
    """The paper twin of a plan that trades for real; None where there is none to be."""
    if plan.mode == PAPER or not settings.ARBSITE.trading.shadow:
        return None
    twin = Plan(
        id=f"plan_{secrets.token_hex(8)}", kind=plan.kind, bet_id=plan.bet_id, shadow_of=plan, mode=PAPER,
        status=lifecycle.PLANNED, size=plan.size, outlay=plan.outlay, expected_profit=plan.expected_profit,
        reason=plan.reason, legs=plan.legs, at_once=plan.at_once, edge=plan.edge, loss_limit=plan.loss_limit,
        created_at=plan.created_at,
    )  # fmt: skip
    legs = [
        follower(order, now=plan.created_at, plan_id=twin.id, mode=PAPER, attempt=0, signal_id=None)
        for order in orders
    ]
    return Twin(twin, legs)


@dataclass(frozen=True, slots=True)
class Figures:
    """How a plan went: the share of its smallest leg that filled, dollars that went out, profit made sure of."""

    status: str
    filled: Decimal
    cost: Decimal
    profit: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A real plan beside its paper twin."""

    plan: str
    created_at: datetime
    real: Figures
    paper: Figures

    @property
    def flattered(self) -> Decimal | None:
        """Dollars by which paper did better; None where one of them is not known."""
        if self.real.profit is None or self.paper.profit is None:
            return None
        return self.paper.profit - self.real.profit


def compare(since: datetime, mode: str | None = None) -> list[Comparison]:
    """Every plan since then that is done, as its twin is, oldest first."""
    plans = Plan.objects.filter(
        shadow_of__isnull=False, shadow_of__created_at__gte=since, status__in=lifecycle.PLAN_DONE,
        shadow_of__status__in=lifecycle.PLAN_DONE,
    )  # fmt: skip
    if mode is not None:
        plans = plans.filter(shadow_of__mode=mode)
    found = []
    for twin in plans.select_related("shadow_of").order_by("shadow_of__created_at"):
        real = twin.shadow_of
        assert real is not None
        found.append(Comparison(real.id, real.created_at, _figures(real), _figures(twin)))
    return found


def summary(rows: Sequence[Comparison]) -> dict[str, Any]:
    """The report's line: how many, what filled, and by how much paper flattered."""
    known = [row for row in rows if row.flattered is not None]
    count = len(rows)
    return {
        "plans": count,
        "filled_real": sum((row.real.filled for row in rows), ZERO) / count if count else None,
        "filled_paper": sum((row.paper.filled for row in rows), ZERO) / count if count else None,
        "profit_real": sum((row.real.profit or ZERO for row in known), ZERO),
        "profit_paper": sum((row.paper.profit or ZERO for row in known), ZERO),
        "flattered": sum((row.flattered or ZERO for row in known), ZERO),
    }


def _figures(plan: Plan) -> Figures:
    shares = [
        min(Decimal(1), order.filled_qty / Decimal(leg["size"]))
        for leg, order in zip(
            plan.legs, plan.orders.filter(role=Order.LEG, attempt=0).order_by("leg"), strict=False
        )
    ]
    cash = Fill.objects.filter(order__plan=plan, kind__in=(Fill.TRADE, Fill.REVERSAL)).aggregate(
        sum=Sum("cash")
    )["sum"]
    return Figures(plan.status, min(shares, default=ZERO), -(cash or ZERO), plan.profit)
