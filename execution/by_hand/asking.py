"""What people may ask of execution, and how they are refused: codes that stay the same, who may, and repeated requests."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection

from arbsite.exact_json import decode, encode
from arbsite.models import MEDIUM, Notice
from execution import lifecycle
from execution.halting import live_checks
from execution.limits import Refusal
from execution.models import Plan, PlanStep

PERMISSION = "execution.can_trade"
ASKED = "asked"  # the step of a plan that keeps what was asked and what was answered
LOCK_SPACE = 0x41534B  # "ASK"

# Codes of this door, with the status that the API answers. Gates, halts, limits and planning have theirs: all 409
PERMISSION_MISSING, ORDER_UNKNOWN, SIGNAL_UNKNOWN, MARKET_UNKNOWN = (
    "permission_missing", "order_unknown", "signal_unknown", "market_unknown",
)  # fmt: skip
ORDER_DONE, ORDER_IN_FLIGHT, NOT_READY, NO_LIVE_PRICE, MAX_SLIPPAGE, KEY_REUSED = (
    "order_done", "order_in_flight", "not_ready", "no_live_price", "max_slippage", "idempotency_key_reused",
)  # fmt: skip
SIGNAL_EXPIRED, SIGNAL_CLOSED, SIGNAL_EXECUTED, SIGNAL_QUARANTINED, SIGNAL_REFUSED, SIGNAL_PENDING = (
    "signal_expired", "signal_closed", "signal_executed", "signal_quarantined", "signal_refused", "signal_pending",
)  # fmt: skip
SIGNAL_PROPOSED = "signal_proposed"
STATUS = {PERMISSION_MISSING: 403, ORDER_UNKNOWN: 404, SIGNAL_UNKNOWN: 404, MARKET_UNKNOWN: 404}
CODES = (
    *STATUS, ORDER_DONE, ORDER_IN_FLIGHT, NOT_READY, NO_LIVE_PRICE, MAX_SLIPPAGE, KEY_REUSED, SIGNAL_EXPIRED,
    SIGNAL_CLOSED, SIGNAL_EXECUTED, SIGNAL_QUARANTINED, SIGNAL_REFUSED, SIGNAL_PENDING, SIGNAL_PROPOSED,
)  # fmt: skip


class Refused(Exception):
    """What was asked is not done: a stable code, a sentence, and the row that keeps it, where there is one."""

    def __init__(self, code: str, sentence: str, *, plan_id: str = "", order_id: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.plan_id, self.order_id = code, sentence, plan_id, order_id

    @property
    def status(self) -> int:
        """The API's status."""
        return STATUS.get(self.code, 409)


def allow(person: Any, *, now: Any) -> Any:
    """The person as the database knows them at this moment. Raises Refused, and leaves a notice, where they may not."""
    pk = getattr(person, "pk", None)
    user = get_user_model().objects.filter(pk=pk, is_active=True).first() if pk is not None else None
    if user is None or not user.has_perm(PERMISSION):
        tell_refused(str(person), now=now)
        raise Refused(
            PERMISSION_MISSING, "Placing, cancelling and executing orders needs the permission can_trade."
        )
    return user


def tell_refused(name: str, *, now: Any) -> None:
    """Write down that somebody tried to trade who may not."""
    Notice.objects.record(
        "trade_refused", name[:100], f"{name} tried to trade without the permission can_trade", severity=MEDIUM, at=now,
        code=PERMISSION_MISSING,
    )  # fmt: skip


def unready(now: datetime) -> Refusal | None:
    """Why orders cannot go out at all in this mode."""
    found = live_checks.problems(now)
    return Refusal(NOT_READY, "; ".join(found)) if found else None


def plan_by_hand(user: Any, key: str, now: datetime, mode: str, refusal: Refusal | None) -> Plan:
    """The row (not saved) of what a person asks for, abandoned where it is refused."""
    return Plan(
        id=f"plan_{secrets.token_hex(8)}", kind=Plan.MANUAL, mode=mode, requested_by=user.get_username(),
        status=lifecycle.PLANNED if refusal is None else lifecycle.ABANDONED, request_key=key or None, created_at=now,
        reason="by hand" if refusal is None else f"{refusal.code}: {refusal.sentence}",
        finished_at=None if refusal is None else now,
    )  # fmt: skip


# --- requests that may be repeated


def key_of(person: Any, text: str) -> str:
    """What a request key is stored under: nobody meets another person's."""
    return f"{person.pk}:{hashlib.sha256(text.encode()).hexdigest()}" if text else ""


def digest_of(body: Mapping[str, Any]) -> str:
    """A body's fingerprint; the order of its names does not matter, nor how a number is spelled."""
    return hashlib.sha256(
        repr(sorted((name, _plain(value)) for name, value in body.items())).encode()
    ).hexdigest()


def _plain(value: Any) -> str:
    return format(value.normalize(), "f") if hasattr(value, "normalize") else str(value)


@contextmanager
def one_at_a_time(key: str) -> Iterator[None]:
    """Two requests with one key wait for each other, as long as this connection lives."""
    if not key:
        yield
        return
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_SPACE, number])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, number])


def answered(key: str, body: str) -> dict[str, Any] | None:
    """The first answer to this request; None where it is new. Raises Refused: the first one's, or for another body."""
    plan = Plan.objects.filter(request_key=key).first() if key else None
    if plan is None:
        return None
    step = PlanStep.objects.filter(plan=plan, what=ASKED).first()
    if step is None:  # the process died between the plan and its answer: the plan itself is the answer
        return {"plan_id": plan.id, "signal_id": plan.signal_id, "status": plan.status}
    if step.figures["body"] != body:
        raise Refused(KEY_REUSED, "this Idempotency-Key came with another request before: take a new one")
    answer = decode(step.figures["answer"].encode())
    if "code" in answer:
        raise Refused(**answer)
    return dict(answer)


def remember(plan: Plan, what: str, body: str, answer: Mapping[str, Any]) -> PlanStep:
    """The step (not saved) that keeps what was asked and the exact answer."""
    return PlanStep(
        plan=plan, at=plan.created_at, what=ASKED, sentence=what,
        figures={"body": body, "answer": encode(answer).decode()},
    )  # fmt: skip
