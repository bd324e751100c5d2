"""A plan's rows as the saga reads them: orders as lines, and as tickets."""

from collections.abc import Sequence
from decimal import Decimal

from django.db.models import DecimalField, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from execution.models import Fill, Order, Plan
from execution.orders import ordering
from execution.plans import saga, storing
from execution.plans.planning import Ticket
from execution.plans.saga import Line

ZERO = Decimal(0)


def orders_of(plan: Plan) -> list[Order]:
    """A plan's orders with the contracts of each that were undone (`undone_qty`), in one query."""
    undone = (
        Fill.objects.filter(order_id=OuterRef("pk"), kind=Fill.REVERSAL)
        .values("order_id")
        .annotate(sum=Sum("quantity"))
    )
    rows = Order.objects.filter(plan_id=plan.pk).annotate(
        undone_qty=Coalesce(Subquery(undone.values("sum")), Value(ZERO), output_field=DecimalField())
    )
    return list(rows.order_by("leg", "attempt", "id"))


def line_of(order: Order) -> Line:
    """An order as the saga sees it."""
    undone = getattr(order, "undone_qty", ZERO)
    return Line(
        id=order.id, leg=order.leg, role=order.role, status=order.status or "", size=order.quantity or ZERO,
        filled=max(ZERO, order.matched_qty - undone), time_in_force=order.time_in_force, created_at=order.created_at,
        sent_at=order.sent_at, answered_at=order.answered_at, sends=order.sends,
        attempt=order.attempt, slips=order.max_slippage_pct is not None and order.error_code != ordering.ON_REQUEST,
    )  # fmt: skip


def ticket_of(order: Order) -> Ticket:
    """An order's row as a ticket; its cash is what it costs at its limit, without fees."""
    size, price = order.quantity or ZERO, order.price or ZERO
    notional = size * price
    return Ticket(
        bet_id="", platform=order.platform, market_id=order.market_id or "", outcome=order.outcome or "",
        side=order.side or "", size=size, limit_price=price, notional=notional,
        cash=notional if order.side == Order.BUY else ZERO, time_in_force=order.time_in_force, shard=order.shard,
        spend=order.cash,
    )  # fmt: skip


def tickets_of(plan: Plan, orders: Sequence[Order]) -> tuple[Ticket, ...]:
    """The planned tickets; an order by hand has none but itself."""
    if plan.legs:
        return storing.tickets_of(plan.legs)
    first = {order.leg: order for order in reversed(orders) if order.role in saga.LEGS}
    return tuple(ticket_of(first[leg]) for leg in sorted(first))
