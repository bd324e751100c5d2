"""The kill switch: halts stand in the database until a person lifts them, and every path to a platform asks them."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from arbsite.models import CRITICAL, Notice
from execution.limits import Refusal
from execution.models import Halt

HALTED = "halted"


def standing() -> list[Halt]:
    """Every halt that is not lifted, the oldest first."""
    return list(Halt.objects.filter(lifted_at__isnull=True).order_by("id"))


def blocking(platform: str, market_id: str) -> Refusal | None:
    """The halt that forbids a new order on this market, as a refusal; None where trading goes on. One short query."""
    place = Q(platform="") | Q(platform=platform, market__isnull=True) | Q(market_id=market_id)
    halt = Halt.objects.filter(place, lifted_at__isnull=True).order_by("id").first()
    if halt is None:
        return None
    return Refusal(HALTED, f"trading is halted ({halt.code}, by {halt.by}): {halt.why}")


def trip(
    code: str,
    why: str,
    *,
    by: str,
    now: datetime,
    platform: str = "",
    market_id: str | None = None,
    cancel_open: bool = True,
) -> Halt | None:
    """Stop new orders there; None where the same halt stands already. Tells everybody, CRITICAL."""
    try:
        with transaction.atomic():
            halt = Halt.objects.create(
                platform=platform, market_id=market_id, code=code, why=why, by=by, cancel_open=cancel_open, created_at=now
            )  # fmt: skip
            Notice.objects.record(
                "trading_halted",
                market_id or platform or "everything",
                f"{code}: {why}",
                severity=CRITICAL,
                at=now,
            )
    except IntegrityError:
        return None
    return halt
