"""A person's word on a signal: executing it as the pipeline would, and why it may not be acted on."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from execution import lifecycle, services
from execution.by_hand import asking, previews
from execution.by_hand.asking import Refused
from execution.limits import Refusal
from execution.models import Order, Plan, PlanStep
from execution.plans import planning
from execution.plans.planning import Ticket
from execution.risk import gates
from signals.deciding import judging
from signals.models import Signal


def execute(
    signal_id: str,
    person: Any,
    now: datetime,
    *,
    size: Decimal | None = None,
    dry_run: bool = False,
    key: str = "",
) -> dict[str, Any]:
    """Act on a signal as the pipeline would, on the books of now; `size` is dollars of payoff, at most the signal's.

    A dry run changes nothing and tells what would be done. Raises Refused; one that was meant leaves a row.
    """
    user = asking.allow(person, now=now)
    key, body = (
        asking.key_of(user, key),
        asking.digest_of({"signal": signal_id, "size": size, "dry_run": dry_run}),
    )
    with asking.one_at_a_time(key):
        before = asking.answered(key, body)
        if before is not None:
            return before
        try:
            return _execute(signal_id, user, now, size, dry_run, key, body)
        except Refused as refused:
            if not dry_run:
                _keep(refused, signal_id, user, now, key, body)
            raise


def _execute(
    signal_id: str, user: Any, now: datetime, size: Decimal | None, dry_run: bool, key: str, body: str
) -> dict[str, Any]:
    now_ms = int(now.timestamp() * 1_000)
    judging.judge([signal_id], now_ms=now_ms)
    signal = Signal.objects.select_related("bet").filter(pk=signal_id).first()
    refusal = why_not(signal, signal_id, now)
    if refusal is None and signal is not None:
        refusal = _size_refusal(signal, size)
    if refusal is None and not dry_run:
        refusal = asking.unready(now)
    if refusal is not None or signal is None:
        assert refusal is not None
        raise Refused(refusal.code, refusal.sentence)
    asked = services.Asked(by=user.get_username(), most=size, key=key or None)
    planned, held, joined = services.look(signal, now_ms=now_ms, asked=asked)
    if isinstance(planned, planning.NoPlan):
        raise Refused(planned.code, planned.sentence)
    shown = previews.of(signal, planned, held, joined)
    if dry_run:
        return {"signal_id": signal_id, "dry_run": True, "status": "DRY_RUN", **shown}
    services.act_on([signal_id], now_ms=now_ms, asked=asked)
    plan = Plan.objects.filter(signal_id=signal_id, requested_by=asked.by, created_at__gte=now).first()
    if plan is None:
        raise Refused(*_lost(signal_id, now))
    orders = list(plan.orders.order_by("leg").values_list("id", flat=True))
    answer = {
        "signal_id": signal_id, "dry_run": False, "status": plan.status, "plan_id": plan.id, "order_ids": orders, **shown
    }  # fmt: skip
    asking.remember(plan, f"{asked.by} executes {signal_id}", body, answer).save()
    return answer


def _size_refusal(signal: Signal, size: Decimal | None) -> Refusal | None:
    if size is None or (size > 0 and (signal.size is None or size <= signal.size)):
        return None
    return Refusal(
        gates.BAD_SIZE, f"size {size}: above 0, and at most the {signal.size} that the signal offers"
    )


def _lost(signal_id: str, now: datetime) -> tuple[str, str]:
    """Why no plan came of it after all: somebody else was quicker, or the books have moved."""
    signal = Signal.objects.filter(pk=signal_id).first()
    refusal = why_not(signal, signal_id, now)
    if refusal is not None:
        return refusal.code, refusal.sentence
    return planning.GAP_GONE, "the books moved while it was planned; look again"


def _keep(refused: Refused, signal_id: str, user: Any, now: datetime, key: str, body: str) -> None:
    """The row of an execution that was refused."""
    refusal = Refusal(refused.code, refused.sentence)
    plan = asking.plan_by_hand(user, key, now, settings.ARBSITE.trading.mode, refusal)
    signal = Signal.objects.filter(pk=signal_id).only("bet_id").first()
    plan.bet_id = signal.bet_id if signal is not None else None
    refused.plan_id = plan.id
    answer = {"code": refused.code, "sentence": refused.sentence, "plan_id": plan.id}
    said = PlanStep(
        plan=plan, at=now, what="refused", sentence=refused.sentence, figures={"code": refused.code, "signal": signal_id}
    )  # fmt: skip
    with transaction.atomic():
        plan.save(force_insert=True)
        step = asking.remember(plan, f"{plan.requested_by} executes {signal_id}"[:200], body, answer)
        PlanStep.objects.bulk_create([step, said])


# --- why not


def why_not(
    signal: Signal | None, signal_id: str, now: datetime, *, ticket: Ticket | None = None
) -> Refusal | None:
    """Why a signal may not be acted on by hand; None where it may.

    With a `ticket` one leg of it is traded: then another leg may have been traded by hand before, and figures below a
    hurdle are the person's own affair.
    """
    if signal is None:
        return Refusal(asking.SIGNAL_UNKNOWN, f"there is no signal {signal_id}")
    if Plan.objects.filter(signal=signal).exists():
        return Refusal(asking.SIGNAL_EXECUTED, f"{signal_id} was executed already; a signal is acted on once")
    if signal.status == Signal.EXPIRED or signal.refreshed_at < now - _expiry():
        return Refusal(asking.SIGNAL_EXPIRED, f"{signal_id} has expired: nobody confirms its prices any more")
    if signal.status == Signal.CLOSED:
        return Refusal(
            asking.SIGNAL_CLOSED, f"{signal_id} is closed: the gap is gone ({signal.close_reason})"
        )
    if signal.status == Signal.QUARANTINED:
        return Refusal(
            asking.SIGNAL_QUARANTINED, f"{signal_id} is held back: {_why(signal)}. Release it first"
        )
    if ticket is None and signal.status == Signal.PROPOSED:
        return Refusal(
            asking.SIGNAL_PROPOSED,
            f"{signal_id} is one leg on evidence alone: no machine places it. Place it yourself:"
            f" {signal.metadata.get('command') or 'manage.py order submit'}",
        )
    by_hand = _legs_by_hand(signal)
    if ticket is None:
        return _whole(signal, by_hand)
    if (ticket.platform, ticket.market_id, ticket.outcome, ticket.side) in by_hand:
        return Refusal(asking.SIGNAL_EXECUTED, f"this leg of {signal_id} was traded by hand already")
    return None


def _whole(signal: Signal, by_hand: set[tuple[Any, ...]]) -> Refusal | None:
    if signal.status == Signal.EXECUTED or by_hand:
        return Refusal(asking.SIGNAL_EXECUTED, f"{signal.id} was executed already; a signal is acted on once")
    if signal.status == Signal.REFUSED:
        return Refusal(asking.SIGNAL_REFUSED, f"{signal.id} is below a hurdle: {_why(signal)}")
    if signal.status == Signal.PENDING:
        return Refusal(asking.SIGNAL_PENDING, f"{signal.id} is not judged yet; ask again in a moment")
    return None


def _expiry() -> timedelta:
    return timedelta(seconds=settings.ARBSITE.signals.expire_seconds)


def _why(signal: Signal) -> str:
    return "; ".join(reason.get("sentence", "") for reason in signal.reasons) or "no reason is kept"


def _legs_by_hand(signal: Signal) -> set[tuple[Any, ...]]:
    rows = Order.objects.filter(signal=signal, role=Order.MANUAL).exclude(
        status__in=(lifecycle.REJECTED, lifecycle.ABANDONED)
    )
    return set(rows.values_list("platform", "market_id", "outcome", "side"))
