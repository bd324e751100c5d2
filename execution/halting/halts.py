"""The kill switch: halts stand in the database until a person lifts them, and every path to a platform asks them.

Anybody who may halt can stop trading; few may let it go on. What is stopped stays stopped over restarts, crashes and
midnight. `starting` alone is no person's business: the executor sets it, and lifts it when its first reconciliation
has passed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from arbsite.models import CRITICAL, HIGH, Notice
from execution import crashpoints
from execution.limits import Refusal
from execution.models import Halt
from execution.reconciling import difference_rows
from markets.models import Market
from markets.platforms.base import PLATFORMS

HALTED = difference_rows.BLOCKED
MANUAL, STARTING = "manual", "starting"


class HaltError(ValueError):
    """What was asked cannot be done; the message says why, and nothing was changed."""


class NotPermitted(HaltError):
    """The person lacks the permission."""


def standing() -> list[Halt]:
    """Every halt that is not lifted, the oldest first."""
    return list(Halt.objects.filter(lifted_at__isnull=True).order_by("id"))


def whole_platform(platform: str) -> list[Halt]:
    """The standing halts of everything on a platform."""
    return list(Halt.objects.filter(platform__in=("", platform), market__isnull=True, lifted_at__isnull=True))


def blocking(platform: str, market_id: str) -> Refusal | None:
    """What forbids a new order on this market: a halt, or an open difference. None where trading goes on.

    Two short queries; the tables hold few open rows.
    """
    place = Q(platform__in=("", platform), market__isnull=True) | Q(market_id=market_id)
    halt = Halt.objects.filter(place, lifted_at__isnull=True).order_by("id").first()
    if halt is not None:
        return Refusal(HALTED, f"trading is halted ({halt.code}, by {halt.by}): {halt.why}")
    return difference_rows.blocking(platform, market_id)


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
    crashpoints.reach("halt:set")
    return halt


# --- people


def halt(
    why: str, *, by: str, now: datetime, platform: str = "", market_id: str = "", cancel_open: bool = True
) -> Halt:
    """Pull the switch by hand: everywhere, on a platform, or on a market. The one that stands already is returned.

    Raises HaltError without a reason, and for a platform or market that is not known. A second halt that shall cancel
    what the first left open makes the first one cancel.
    """
    if not why.strip():
        raise HaltError("say why trading is halted")
    platform, market = _place(platform, market_id)
    made = trip(
        MANUAL, why.strip(), by=by, now=now, platform=platform, market_id=market, cancel_open=cancel_open
    )
    if made is not None:
        return made
    there = Halt.objects.filter(platform=platform, market_id=market, code=MANUAL, lifted_at__isnull=True)
    if cancel_open:
        there.filter(cancel_open=False).update(cancel_open=True, cleared_at=None)
    return there.get()


def _place(platform: str, market_id: str) -> tuple[str, str | None]:
    if platform and platform not in PLATFORMS:
        raise HaltError(f"there is no platform {platform!r}; there are {', '.join(PLATFORMS)}")
    if not market_id:
        return platform, None
    market = Market.objects.filter(pk=market_id).only("id", "platform").first()
    if market is None:
        raise HaltError(f"there is no market {market_id!r}; halt the platform instead")
    if platform and platform != market.platform:
        raise HaltError(f"market {market_id} is on {market.platform}, not on {platform}")
    return market.platform, market.pk


def resume(rows: Sequence[Halt], person: Any, why: str, *, now: datetime) -> list[Halt]:
    """Lift halts by a person's word; returns those that were lifted by this call.

    Raises NotPermitted, and HaltError without a reason or for `starting`.
    """
    _needs(person, "execution.can_resume", "let trading go on")
    if not why.strip():
        raise HaltError("say why trading may go on")
    if any(row.code == STARTING for row in rows):
        raise HaltError(
            "the executor itself lifts `starting`, when its reconciliation has passed: look at the differences"
        )
    return [row for row in rows if _lift(row, person.get_username(), why.strip(), now)]


def started(platform: str, *, now: datetime, why: str) -> bool:
    """Lift the platform's `starting`: its first reconciliation has passed. For the executor alone."""
    rows = Halt.objects.filter(code=STARTING, platform=platform, market__isnull=True, lifted_at__isnull=True)
    return sum(_lift(row, "executor", why, now) for row in rows) > 0


def _needs(person: Any, permission: str, to_do: str) -> None:
    if not (person.is_active and person.has_perm(permission)):
        raise NotPermitted(
            f"{person.get_username()} may not {to_do}: that needs the permission {permission.partition('.')[2]}"
        )


def _lift(row: Halt, by: str, why: str, now: datetime) -> bool:
    with transaction.atomic():
        lifted = Halt.objects.filter(pk=row.pk, lifted_at__isnull=True).update(
            lifted_at=now, lifted_by=by, lifted_why=why
        )
        if lifted:
            row.lifted_at, row.lifted_by, row.lifted_why = now, by, why
            Notice.objects.record(
                "trading_resumed", row.market_id or row.platform or "everything",
                f"{by} lifted the halt {row.code} ({row.why}): {why}", severity=HIGH, at=now, halt=row.pk,
            )  # fmt: skip
    return bool(lifted)
