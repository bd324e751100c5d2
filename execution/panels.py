"""What the demo shows of this room: the newest orders, positions and profit."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from arbsite.registry import Panel
from execution.halting import halts
from execution.models import ExitOffer, Fill, Order, Plan, Position
from execution.portfolio import calendar, made_of
from execution.portfolio import services as portfolio

SHOWN = 6


def orders(now: datetime) -> Panel:
    """The newest orders of the mode that trades."""
    mode = settings.ARBSITE.trading.mode
    rows = [
        (f"{order.created_at:%H:%M:%S}", order.platform, f"{order.side} {order.outcome}", (order.market_id or "")[:24],
         f"{order.filled_qty:.0f}/{order.quantity:.0f}", f"{order.avg_fill_price or 0:.4f}", f"${order.fee:.4f}",
         _state(order))
        for order in Order.objects.filter(mode=mode).order_by("-created_at")[:SHOWN]
    ]  # fmt: skip
    return Panel(
        f"{mode.capitalize()} orders",
        ("time", "platform", "order", "market", "filled", "price", "fee", "state"),
        rows,
    )


def _state(order: Order) -> str:
    """What the platform says of it, and whether the fills that it spoke of are still to be booked."""
    waits = " (fills to come)" if order.matched_qty > order.filled_qty else ""
    return f"{order.status or ''}{waits}"


def halted(now: datetime) -> Panel:
    """Whether new orders may go out, and how plans have ended."""
    mode = portfolio.trading_mode()
    plans = dict(
        Plan.objects.filter(mode=mode, shadow_of=None).values_list("status").annotate(Count("id")).order_by("status")
    )  # fmt: skip
    ended = ", ".join(f"{count} {status.lower()}" for status, count in plans.items()) or "none yet"
    rows = [
        (halt.market_id or halt.platform or "everything", halt.code, f"{halt.created_at:%H:%M:%S}", halt.by, halt.why)
        for halt in halts.standing()[:SHOWN]
    ]  # fmt: skip
    state = "HALTED: manage.py resume lets it go on" if rows else "no halt stands: new orders may go out"
    return Panel(f"Trading · {state} · plans: {ended}", ("halted", "code", "since", "by", "why"), rows)


def positions(now: datetime) -> Panel:
    """The largest open positions, and the totals."""
    totals = portfolio.summary(now=now)
    rows = [
        (row.platform, row.outcome, row.market_id[:24], f"{row.quantity:.0f}", f"{row.avg_price:.4f}",
         f"${row.unrealized_pnl:.2f}")
        for row in Position.objects.filter(mode=totals["mode"], quantity__gt=0).order_by("-cost")[:SHOWN]
    ]  # fmt: skip
    made = totals["made_of"]
    title = (
        f"Positions ({totals['open_positions']} open) · P&L ${totals['pnl']} = realised ${totals['realized_pnl']}"
        f" + locked in ${made['locked_in']} + bids until settlement ${made['until_settlement']}"
        f" + at risk ${made['at_risk']} · from fills ${totals['pnl_from_fills']}"
    )
    return Panel(title, ("platform", "outcome", "market", "contracts", "average", "unrealised"), rows)


def money(now: datetime) -> Panel:
    """Where the money is and when the locked part of it comes free."""
    mode = portfolio.trading_mode()
    totals = portfolio.summary(now=now, mode=mode)
    coming = calendar.look(mode, now)
    offers = ExitOffer.objects.filter(mode=mode, status=ExitOffer.OPEN).count()
    title = (
        f"Money · equity ${totals['equity']} · locked ${totals['margin']['total']} · below the peak ${totals['drawdown']}"
        f" · {offers} early exits offered"
    )
    rows = [
        (platform, f"${amount:.2f}", f"${totals['exposure'][platform]['paid']:.2f}", "", "")
        for platform, amount in totals["cash"].items()
    ]
    rows += [
        ("comes free", f"{day['day'] or 'day unknown'}", "", f"${day['sure']:.2f}", f"${day['cost']:.2f}")
        for day in coming.as_json()["days"][: SHOWN // 2]
    ]
    return Panel(title, ("", "cash, day", "invested", "sure to come", "paid with fees"), rows)


def summary(began: datetime) -> dict[str, Any]:
    """Plans, fills, the profit computed in two ways, and what it is made of."""
    totals = portfolio.summary(now=timezone.now())
    made = {name: str(amount) for name, amount in totals["made_of"].items()}
    realised = made_of.realised(totals["mode"], totals["realized_pnl"])
    return {
        "plans_filled": Plan.objects.filter(
            mode=totals["mode"], created_at__gte=began, status=Plan.FILLED
        ).count(),
        "fills": Fill.objects.filter(mode=totals["mode"], created_at__gte=began, kind=Fill.TRADE).count(),
        "pnl": str(totals["pnl"]),
        "pnl_from_fills": str(totals["pnl_from_fills"]),
        "pnl_made_of": {**made, "realized_by": {name: str(amount) for name, amount in realised.items()}},
        "uncovered": {name: str(amount) for name, amount in totals["lone"].items()},
    }
