"""The end of a plan: its state, what its fills have made sure of, and what fill rates are measured from."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from arbsite.models import LOW, MEDIUM, Notice
from execution import lifecycle, publishing
from execution.models import Fill, Order, Plan, PlanStep
from execution.orders import ordering
from execution.plans import remainders, saga
from execution.plans.planning import Ticket
from signals import fill_rates
from signals.models import LegOutcome

ZERO = Decimal(0)
MONEY_STEP = Decimal("0.000001")


def finish(
    plan: Plan,
    orders: Sequence[Order],
    tickets: Sequence[Ticket],
    step: saga.Finish,
    rest: saga.Remainder | None = None,
) -> bool:
    """Write how a plan ended and tell everybody. Fills that cannot be read now are booked when they are told.

    False, and nothing is written, where a fact has come since its `orders` were read (`rows.orders_of`): what was the
    end then is none any more. `facts.reopen` takes the plan's lock, too: either it sees the end, or we see the fact.
    """
    known = _facts(orders), sum((getattr(order, "undone_qty", ZERO) for order in orders), ZERO)
    ordering.read_fills(orders)
    now = timezone.now()
    with transaction.atomic():
        before = Plan.objects.select_for_update().get(pk=plan.pk)
        orders = list(Order.objects.filter(plan_id=plan.pk).order_by("leg", "attempt", "id"))
        if (_facts(orders), _undone(plan)) != known:
            return False
        status = step.status
        if before.status == lifecycle.PLANNED and status != lifecycle.ABANDONED:  # a fact came before we sent
            Plan.objects.filter(pk=plan.pk).update(status=lifecycle.EXECUTING)
        elif not lifecycle.can_move(before.status, status, lifecycle.PLAN_NEXT):
            return True  # somebody else ended it
        profit = profit_of(before, orders, tickets, rest)
        Plan.objects.filter(pk=plan.pk).update(
            status=status, finished_at=now, profit=profit, reason=_reason(before, step, status)
        )
        plan.status, plan.profit, plan.finished_at = status, profit, now
        PlanStep.objects.create(
            plan=plan, at=now, what="finished", sentence=f"{status}: {step.sentence}",
            figures={"profit": profit, "expected": before.expected_profit},
        )  # fmt: skip
        Notice.objects.record(
            f"plan_{status.lower()}", plan.id, f"{_what(plan)}: {step.sentence}",
            severity=LOW if status == lifecycle.FILLED else MEDIUM, at=now, signal=plan.signal_id,
            uncovered=_names(rest), profit=None if profit is None else str(profit),
        )  # fmt: skip
        publishing.after_commit(plans=[plan])
        fill_rates.record(_outcomes(plan, orders, tickets, now))
    return True


def _facts(orders: Sequence[Order]) -> set[tuple[str, str | None, Decimal]]:
    """What an end is decided by, beside the contracts that were undone."""
    return {(order.id, order.status, order.matched_qty) for order in orders}


def _undone(plan: Plan) -> Decimal:
    found = Fill.objects.filter(order__plan_id=plan.pk, kind=Fill.REVERSAL).aggregate(sum=Sum("quantity"))
    return found["sum"] or ZERO


def _reason(plan: Plan, step: saga.Finish, status: str) -> str:
    return step.sentence if status != lifecycle.FILLED else plan.reason


def _what(plan: Plan) -> str:
    return f"{plan.size.normalize():f} × {plan.kind.lower()}"


def _names(rest: saga.Remainder | None) -> list[dict[str, str]]:
    if rest is None:
        return []
    return [
        {"platform": one.ticket.platform, "market": one.ticket.market_id, "outcome": one.ticket.outcome,
         "contracts": str(one.contracts)}
        for matter in rest.matters for one in matter.open
    ]  # fmt: skip


# --- money


def average_flow(orders: Sequence[Order], ticket: Ticket) -> Decimal:
    """Dollars per contract of these orders of one leg, fees included; negative where they sold.

    Before the fills are booked the limit price stands in for them: never less than what was really paid.
    """
    filled = sum((order.filled_qty for order in orders), ZERO)
    sign = 1 if ticket.side == Order.BUY else -1
    if filled <= 0:
        return sign * ticket.limit_price
    worth = sum((order.filled_qty * (order.avg_fill_price or ZERO) for order in orders), ZERO)
    fees = sum((order.fee for order in orders), ZERO)
    return (sign * worth + fees) / filled


def paid_for(rest: saga.Remainder, orders: Sequence[Order]) -> Decimal:
    """Dollars that a remainder has cost until now, fees included; negative for what was sold and is owed."""
    paid = ZERO
    for piece in rest.open:
        rows = [
            order for order in orders
            if order.leg == piece.leg and (order.role == Order.UNWIND) == rest.owed
        ]  # fmt: skip
        way = replace(piece.ticket, side=remainders.side(piece.ticket, rest.owed))
        paid += piece.contracts * average_flow(rows, way)
    return paid


def lost_so_far(orders: Sequence[Order]) -> Decimal:
    """Dollars that selling back has lost on this plan until now; never negative."""
    lost = ZERO
    for order in orders:
        if order.role == Order.UNWIND and order.filled_qty > 0:
            lost += loss_of(order, orders)
    return max(ZERO, lost)


def loss_of(unwind: Order, orders: Sequence[Order]) -> Decimal:
    """Dollars lost by one order that took contracts back, fees included."""
    legs = [order for order in orders if order.leg == unwind.leg and order.role != Order.UNWIND]
    filled = sum((order.filled_qty for order in legs), ZERO)
    if filled <= 0:
        return ZERO
    sign = 1 if legs[0].side == Order.BUY else -1
    worth = sum((order.filled_qty * (order.avg_fill_price or ZERO) for order in legs), ZERO)
    cost = (sign * worth + sum((order.fee for order in legs), ZERO)) / filled
    back = sign * unwind.filled_qty * (unwind.avg_fill_price or ZERO) - unwind.fee
    return unwind.filled_qty * cost - back


def profit_of(
    plan: Plan, orders: Sequence[Order], tickets: Sequence[Ticket], rest: saga.Remainder | None
) -> Decimal | None:
    """What the fills have made sure of, in dollars: the payoff that all legs reached, less what it cost.

    Contracts that are still alone are left out, at what they cost; so is what was got for contracts that are owed. None
    for what has no payoff of its own, and while fills are missing.
    """
    if plan.kind != Plan.ARBITRAGE or not tickets:
        return None
    if any(order.matched_qty > order.filled_qty and order.status != lifecycle.FAILED for order in orders):
        return None
    cash = Fill.objects.filter(order__plan_id=plan.pk, kind__in=(Fill.TRADE, Fill.REVERSAL)).aggregate(
        sum=Sum("cash")
    )
    alone = sum((paid_for(one, orders) for one in rest.matters), ZERO) if rest is not None else ZERO
    share = _share(orders, tickets)
    payoff = Decimal((share * Fraction(plan.size)).numerator) / (share * Fraction(plan.size)).denominator
    return (payoff + (cash["sum"] or ZERO) + alone).quantize(MONEY_STEP)


def _share(orders: Sequence[Order], tickets: Sequence[Ticket]) -> Fraction:
    shares = []
    for leg, ticket in enumerate(tickets):
        forth = sum((one.filled_qty for one in orders if one.leg == leg and one.role != Order.UNWIND), ZERO)
        back = sum((one.filled_qty for one in orders if one.leg == leg and one.role == Order.UNWIND), ZERO)
        shares.append(max(Fraction(0), Fraction(forth - back) / Fraction(ticket.size)))
    return min(shares)


# --- what was measured


def _outcomes(
    plan: Plan, orders: Sequence[Order], tickets: Sequence[Ticket], now: object
) -> list[LegOutcome]:
    if plan.edge is None:
        return []
    found = []
    for order in orders:
        if (
            order.sent_at is None
            or order.role not in (Order.LEG, Order.UNWIND)
            or order.status not in lifecycle.DONE
        ):
            continue
        took = order.answered_at - order.sent_at if order.answered_at else None
        unwinds = order.role == Order.UNWIND
        found.append(
            LegOutcome(
                mode=plan.mode, kind=LegOutcome.UNWIND if unwinds else LegOutcome.LEG, plan=plan.id, order=order.id,
                platform=order.platform, place=order.leg, edge=plan.edge, asked=order.quantity or ZERO,
                filled=min(order.matched_qty, order.quantity or order.matched_qty),
                took_ms=max(0, int(took.total_seconds() * 1_000)) if took is not None else None,
                loss=loss_of(order, orders).quantize(MONEY_STEP) if unwinds else None, at=now,
            )
        )  # fmt: skip
    return found
