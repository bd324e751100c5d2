"""One order at a time: sent, looked for, cancelled. The only place that reaches a `Trading.submit`.

An order is prepared (signed, its id known where it can be), its row is moved to SUBMITTED and committed, and then it is
sent, once. The answer is one of three: the platform has it, has proved that it does not have it, or nobody knows. Only
what is proved not to be there, and may pass by itself, is tried again. What nobody knows is looked up, patiently.
"""

import logging
import random
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from execution import crashpoints, lifecycle, publishing, ringing
from execution.halting import feed_watch, halts
from execution.limits import Refusal
from execution.models import Order, Plan, PlanStep, Settling
from execution.orders import checking, facts, playbook
from execution.orders.trading import trading
from execution.plans.planning import Ticket
from markets import signer_client
from markets.platforms.base import MarketInfo, PlatformError
from markets.platforms.trading import (
    CANCELLED,
    DUPLICATE,
    FILLED,
    FORBIDDEN,
    Accepted,
    Answer,
    Declined,
    OrderRef,
    OrderReport,
    OrderRequest,
    Trading,
    Unsure,
)

log = logging.getLogger(__name__)

# What became of a sending
ACCEPTED, DECLINED, UNSURE, REFUSED, HELD, TAKEN = (
    "accepted",
    "declined",
    "unsure",
    "refused",
    "held",
    "taken",
)
CLAIMED, ON_REQUEST = "claimed", "cancel_requested"
GIVEN_UP, CHANGED = "given_up", "market_changed"
NOT_ASKED = (PlatformError, OSError)  # a platform or the signer that cannot be reached
LONGEST_BACKOFF = 4.0  # seconds


# --- sending


def send(order: Order, ticket: Ticket, place: str, info: MarketInfo, *, edge: Decimal | None = None) -> str:
    """Send a PLANNED order for what `ticket` says; returns what became of it.

    REFUSED by our own checks (the order is REJECTED), HELD by a halt (nothing is changed, unless it is the first of its
    plan), TAKEN where it is not PLANNED any more.
    """
    trade = trading(order.platform, order.mode)
    order.quantity, order.cash = ticket.size, ticket.spend
    refusal = checking.refusal(order, ticket, info, place, now=timezone.now())
    if refusal is not None:
        return _refuse(order, refusal, place)
    prepared = trade.prepare(request_of(order, info, edge))
    if isinstance(prepared, Declined):
        return _refuse(order, Refusal(prepared.code, prepared.sentence), place)
    claimed = _claim(order, place, prepared.platform_order_id, lifecycle.PLANNED)
    if isinstance(claimed, Refusal):
        return _refuse(order, claimed, place)
    if claimed != CLAIMED:
        return claimed
    return _ship(trade, order, prepared, place)


def resend(order: Order, ticket: Ticket, place: str, info: MarketInfo, *, edge: Decimal | None = None) -> str:
    """Send an UNKNOWN order, which the platform does not have, again: the very same one, under the same id.

    It passes every gate and limit again (`ticket` is its row's). What may not go out again is given up, or its plan would
    wait for it for ever: what it was to make whole is a remainder then.
    """
    trade = trading(order.platform, order.mode)
    refusal = checking.refusal(order, ticket, info, place, now=timezone.now())
    if refusal is not None:
        give_up([order], refusal.code, f"it is not sent again: {refusal.sentence}")
        return GIVEN_UP
    prepared = trade.prepare(request_of(order, info, edge))
    if isinstance(prepared, Declined):
        give_up([order], prepared.code, f"it cannot be sent again: {prepared.sentence}")
        return GIVEN_UP
    if order.platform_order_id and prepared.platform_order_id != order.platform_order_id:
        # The market's tick or exchange has changed since: this would be another order, and the first may still arrive
        give_up(
            [order], CHANGED, "its market has changed since it was sent, so it cannot be sent again as it was"
        )
        return GIVEN_UP
    claimed = _claim(order, place, prepared.platform_order_id, lifecycle.UNKNOWN)
    if claimed != CLAIMED:
        return HELD if isinstance(claimed, Refusal) else claimed
    return _ship(trade, order, prepared, place)


def request_of(order: Order, info: MarketInfo, edge: Decimal | None = None) -> OrderRequest:
    """What is asked of the platform: all of it from the row, so that the same row is the same order."""
    about: dict[str, Any] = {
        **info.extra,
        "token_ids": [outcome.token_id for outcome in info.outcomes],
        "tick": str(info.ticks[0].step) if info.ticks else "",
        "min_size": str(info.min_size),
    }
    if edge is not None:
        about["edge"] = str(edge)  # paper alone reads it: the larger, the likelier the book was stale
    return OrderRequest(
        client_order_id=order.client_order_id, created_at=order.created_at, market_id=order.market_id or "",
        outcome=order.outcome or "", side=order.side or "", size=order.quantity or Decimal(0),
        limit_price=order.price or Decimal(0), time_in_force=order.time_in_force, post_only=order.post_only,
        expires_at=order.expires_at, cash=order.cash, facts=about,
    )  # fmt: skip


def _claim(order: Order, place: str, platform_order_id: str, expected: str) -> str | Refusal:
    """Commit that it is about to be sent. CLAIMED: send it; a halt's refusal; HELD or TAKEN."""
    now = timezone.now()
    with transaction.atomic():
        halt = halts.blocking(order.platform, order.market_id or "")
        if halt is not None:
            return halt if place == "first" else HELD
        changes: dict[str, Any] = {"platform_order_id": platform_order_id} if platform_order_id else {}
        moved = Order.objects.filter(pk=order.pk, status=expected).update(
            status=lifecycle.SUBMITTED, quantity=order.quantity, cash=order.cash, sent_at=now, sends=F("sends") + 1,
            updated_at=now, **changes,
        )  # fmt: skip
        if not moved:
            return TAKEN
        Plan.objects.filter(pk=order.plan_id, status=lifecycle.PLANNED).update(status=lifecycle.EXECUTING)
        _step(order, "sent", now, f"{place}: {order.side} {order.quantity} {order.outcome} at {order.price}"
              f" on {order.platform}", order=order.id, cash=order.cash)  # fmt: skip
    order.status, order.sent_at, order.sends = lifecycle.SUBMITTED, now, order.sends + 1
    order.platform_order_id = platform_order_id or order.platform_order_id
    return CLAIMED


def _ship(trade: Trading, order: Order, prepared: Any, place: str) -> str:
    """Send a claimed order; again only after a refusal that proves that it is not there, and that may pass."""
    reloaded = False
    while True:
        crashpoints.reach(f"{place}:submitted")
        answer = _submit(trade, prepared)
        crashpoints.reach(f"{place}:answered")
        if isinstance(answer, Declined):
            what = playbook.after(
                answer, sends=order.sends, max_sends=settings.ARBSITE.execution.max_sends, reloaded=reloaded
            )
            if what == playbook.RELOAD:
                reloaded = _reload_keys(order)
            if (what == playbook.AGAIN or (reloaded and what == playbook.RELOAD)) and _again(
                order, answer.retry_after
            ):
                continue
        became = record(order, answer)
        crashpoints.reach(f"{place}:recorded")
        return became


def _submit(trade: Trading, prepared: Any) -> Answer:
    try:
        return trade.submit(prepared)
    except NOT_ASKED as error:
        return Unsure(str(error))


def _again(order: Order, retry_after: float) -> bool:
    """Wait, and say whether the order may be sent once more: not too often, still fresh, not halted, still ours."""
    config = settings.ARBSITE.execution
    if order.sends >= config.max_sends:
        return False
    pause = playbook.backoff_ms(order.sends, config.retry_backoff_ms) / 1_000 * random.uniform(0.8, 1.2)
    pause = min(LONGEST_BACKOFF, max(pause, retry_after))
    left = config.intent_seconds - Decimal((timezone.now() - order.created_at).total_seconds())
    if Decimal(pause) > left and order.role == Order.LEG:
        return False
    time.sleep(pause)
    now = timezone.now()
    with transaction.atomic():
        if halts.blocking(order.platform, order.market_id or "") is not None:
            return False
        moved = Order.objects.filter(pk=order.pk, status=lifecycle.SUBMITTED).update(
            sends=F("sends") + 1, sent_at=now, updated_at=now
        )
        if moved:
            order.sends, order.sent_at = order.sends + 1, now
            _step(order, "retried", now, f"sending {order.sends}, after {pause:.2f} s", order=order.id)
    return bool(moved)


def _reload_keys(order: Order) -> bool:
    """Have the signer read its keys again; the platform did not know who we are."""
    try:
        signer_client.ask({"op": "reload"})
    except NOT_ASKED as error:
        log.warning("keys not read again", extra={"order": order.id, "error": str(error)})
        return False
    return True


def record(order: Order, answer: Answer) -> str:
    """Write down what the platform answered. A fact that came before it is not overwritten."""
    now = timezone.now()
    if isinstance(answer, Accepted):
        facts.answered(order.id, answer.status, answer.matched, answer.platform_order_id, now=now)
        return ACCEPTED
    if isinstance(answer, Declined) and answer.code != DUPLICATE:
        _move(
            order,
            lifecycle.REJECTED,
            now,
            error_code=answer.code,
            error_message=answer.sentence,
            answered_at=now,
        )
        if answer.code == FORBIDDEN:
            feed_watch.forbidden(order.platform, answer.sentence, now)
        return DECLINED
    _move(order, lifecycle.UNKNOWN, now, error_code=DUPLICATE if isinstance(answer, Declined) else "",
          error_message=answer.sentence)  # fmt: skip
    return UNSURE


def _refuse(order: Order, refusal: Refusal, place: str) -> str:
    """Our own checks stand in the way: nothing has left."""
    if refusal.code == halts.HALTED and place != "first":
        return HELD
    _move(order, lifecycle.REJECTED, timezone.now(), error_code=refusal.code, error_message=refusal.sentence)
    return REFUSED


def _move(order: Order, status: str, now: datetime, **changes: Any) -> bool:
    """A permitted move of an order's row, told to everybody; False where it has moved otherwise meanwhile."""
    with transaction.atomic():
        moved = Order.objects.filter(pk=order.pk, status__in=lifecycle.before(status)).update(
            status=status, updated_at=now, **changes
        )
        if not moved:
            return False
        order.status, order.updated_at = status, now
        for name, value in changes.items():
            setattr(order, name, value)
        if status == lifecycle.REJECTED:
            _step(order, "refused", now, order.error_message or "", order=order.id, code=order.error_code)
        publishing.after_commit(orders=[order])
    return True


def _step(of: Order, what: str, now: datetime, sentence: str, **figures: Any) -> None:
    if of.plan_id:
        PlanStep.objects.create(plan_id=of.plan_id, at=now, what=what, sentence=sentence, figures=figures)


# --- what became of it


def ref(order: Order) -> OrderRef:
    """How the platform is asked for it."""
    return OrderRef(
        order.client_order_id, order.platform_order_id, order.market_id or "", order.sent_at, order.created_at
    )


def lost(order: Order) -> None:
    """Nobody waits for this order's answer any more: it is UNKNOWN."""
    _move(order, lifecycle.UNKNOWN, timezone.now(), error_message="the answer was lost")


def look_up(order: Order) -> bool:
    """Ask the platform once for an order, and for its fills; False where it has neither. Raises PlatformError, OSError."""
    trade = trading(order.platform, order.mode)
    report = trade.find(ref(order))
    if report is not None:
        facts.orders_told(
            [_ours(report, order)], mode=order.mode, platform=order.platform, now=timezone.now()
        )
        return True
    # A platform may know active orders only: one that has filled is found by its trades
    fills = trade.fills([ref(order)])
    if not fills:
        return False
    theirs = next(
        (fill.platform_order_id for fill in fills if fill.platform_order_id), order.platform_order_id
    )
    matched = sum((fill.size for fill in fills), Decimal(0))
    quantity = order.quantity or Decimal(0)
    facts.answered(
        order.id, FILLED if matched >= quantity else CANCELLED, matched, theirs, now=timezone.now()
    )
    facts.fills_told(fills, mode=order.mode, platform=order.platform, now=timezone.now())
    return True


def _ours(report: OrderReport, order: Order) -> OrderReport:
    """A report with our own id, where the platform tells only its own."""
    if report.client_order_id:
        return report
    return replace(report, client_order_id=order.client_order_id)


def gone(order: Order) -> None:
    """It was there and is not any more: cancelled, with what had matched by then."""
    facts.answered(order.id, CANCELLED, order.matched_qty, order.platform_order_id, now=timezone.now())


def give_up(orders: Iterable[Order], code: str, sentence: str) -> None:
    """Abandon orders that were not sent, or that the platform has proved for long enough not to have."""
    now = timezone.now()
    for order in orders:
        _move(order, lifecycle.ABANDONED, now, error_code=code, error_message=sentence)


def read_fills(orders: Sequence[Order], *, final: bool = False) -> bool:
    """Ask for the fills of these orders of one plan that are not booked yet; with `final` also for those that have not
    settled, without which nothing can be sold back. False where a platform cannot be asked.
    """
    missing: dict[tuple[str, str], list[Order]] = {}
    pending = _not_final(orders) if final else set()
    for order in orders:
        if order.status != lifecycle.FAILED and (order.matched_qty > order.filled_qty or order.pk in pending):
            missing.setdefault((order.platform, order.mode), []).append(order)
    asked = True
    for (platform, mode), rows in missing.items():
        try:
            fills = trading(platform, mode).fills([ref(row) for row in rows])
        except NOT_ASKED as error:
            log.warning("fills not read", extra={"platform": platform, "error": str(error)})
            asked = False
            continue
        facts.fills_told(fills, mode=mode, platform=platform, now=timezone.now())
    return asked


def _not_final(orders: Sequence[Order]) -> set[str]:
    """Those of them of which a trade has matched and not settled."""
    on_the_way = (Settling.MATCHED, Settling.MINED, Settling.RETRYING)
    rows = Settling.objects.filter(fill__order__in=[order.pk for order in orders], status__in=on_the_way)
    return set(rows.values_list("fill__order_id", flat=True))


# --- cancelling


def cancel(order: Order) -> None:
    """Have an order cancelled and look what is left of it. It stays CANCELLING until the platform says that it is gone."""
    if order.status != lifecycle.CANCELLING and not _move(order, lifecycle.CANCELLING, timezone.now()):
        return
    crashpoints.reach("cancel:marked")
    report = trading(order.platform, order.mode).cancel([ref(order)])
    crashpoints.reach("cancel:answered")
    kept = report.kept.get(order.client_order_id)
    if kept is not None:
        log.info("not cancelled", extra={"order": order.id, "why": kept})
    if not look_up(order) and order.client_order_id in report.gone:
        gone(order)


def request_cancel(order_id: str, now: datetime) -> str:
    """Mark an order to be cancelled and ring the executor, which sends it; returns the order's state.

    What was not sent is ABANDONED at once. An order that is not open any more is left as it is.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status == lifecycle.PLANNED:
            _move(
                order,
                lifecycle.ABANDONED,
                now,
                error_code="cancelled",
                error_message="cancelled before it was sent",
            )
        elif lifecycle.can_move(order.status or "", lifecycle.CANCELLING):
            _move(order, lifecycle.CANCELLING, now, error_code=ON_REQUEST)
        plan_id = order.plan_id
    if plan_id:
        ringing.ring(plan_id)
    return order.status or ""


def replacement(order: Order, price: Decimal, now: datetime) -> Order | None:
    """A new PLANNED order at another price for what of this one the platform has proved not to be filled; None where
    nothing is left, or where it may still fill. The caller saves it, inside the transaction that decided it.
    """
    if order.status not in lifecycle.DONE or order.quantity is None:
        return None
    left = order.quantity - order.matched_qty
    if left <= 0:
        return None
    return follower(order, quantity=left, price=price, now=now, replaces=order)


def follower(order: Order, *, now: datetime, **changes: Any) -> Order:
    """A new order row like this one, not sent yet."""
    values = {
        field.attname: getattr(order, field.attname)
        for field in Order._meta.concrete_fields
        if field.name in {
            "signal", "platform", "market", "outcome", "side", "quantity", "price", "order_type", "plan", "leg", "role",
            "mode", "time_in_force", "cash", "post_only", "expires_at", "max_slippage_pct", "shard",
        }
    }  # fmt: skip
    order_id = new_id()
    return Order(**{
        **values, "id": order_id, "client_order_id": order_id, "status": lifecycle.PLANNED, "attempt": order.attempt + 1,
        "created_at": now, "updated_at": now, **changes,
    })  # fmt: skip


def new_id() -> str:
    """An order's id, which is its client id too; written before anything is sent, so it is the same after a crash."""
    return f"ord_{secrets.token_hex(8)}"


def seconds(value: Decimal) -> timedelta:
    """A setting in seconds."""
    return timedelta(seconds=float(value))
