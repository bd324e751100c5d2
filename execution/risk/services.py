"""Limits as people set them: read from their history, changed only by a person who may, never by a signal or an agent.

Where nobody has set a limit, the setting's default (`RISK_…`) holds. The newest row of a name and scope counts.
"""

import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from arbsite.models import HIGH, Notice
from execution.limits import Limits
from execution.models import RiskLimit
from execution.risk import limit_names
from execution.risk.limit_names import NAMES, WHOLE, WrongLimit
from markets.models import Bet, Market
from markets.platforms.base import PLATFORMS

PERMISSION = "execution.can_set_limits"
FRESH_SECONDS = 5.0
LIMITS_LOCK = 0x4C494D54  # one change at a time: each is checked beside all others
Values = Mapping[tuple[str, str], Decimal | None]  # by name and scope; the empty scope is everywhere


class NotAllowed(Exception):
    """Somebody who may not has tried to change a limit; the message says what is missing."""


def limits() -> Limits:
    """The limits that hold now. One query, over the rows that people have set."""
    return of(values())


def order_notional() -> Decimal | None:
    """Dollars that one order may risk everywhere, at most a few seconds old: for detection, which asks all the time."""
    global _order_notional
    if _order_notional is None or time.monotonic() - _order_notional[0] > FRESH_SECONDS:
        _order_notional = time.monotonic(), limits().max_order_notional
    return _order_notional[1]


def forget() -> None:
    """Look again at the next call."""
    global _order_notional
    _order_notional = None


_order_notional: tuple[float, Decimal | None] | None = None


def values() -> dict[tuple[str, str], Decimal | None]:
    """Every value that holds now, the defaults of the settings where nobody has set one."""
    risk = settings.ARBSITE.risk
    found: dict[tuple[str, str], Decimal | None] = {
        (name, ""): Decimal(getattr(risk, known.setting)) for name, known in NAMES.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (name, scope) name, scope, value FROM risk_limits ORDER BY name, scope, id DESC"
        )
        found |= {(name, scope): value for name, scope, value in cursor.fetchall() if name in NAMES}
    return found


def of(found: Values) -> Limits:
    """The limits that these values are."""
    everywhere: dict[str, Any] = {
        name: _typed(name, value) for (name, scope), value in found.items() if not scope
    }
    everywhere["max_platform_notional"] = {
        platform: value for platform in PLATFORMS if (value := _on_platform(found, platform)) is not None
    }
    scoped = {(name, scope): value for (name, scope), value in found.items() if scope}
    return Limits(**everywhere, scoped=scoped)


def _on_platform(found: Values, platform: str) -> Decimal | None:
    everywhere = found.get(("max_platform_notional", ""))
    return found.get(("max_platform_notional", platform), everywhere)


def _typed(name: str, value: Decimal | None) -> Decimal | int | None:
    return int(value) if value is not None and NAMES[name].unit in WHOLE else value


def set_limit(
    name: str, scope: str, value: Decimal | None, person: Any, why: str, *, now: datetime
) -> RiskLimit:
    """Change one limit from now on; a null value lifts it there.

    `person` is the user who asks for it and must hold `execution.can_set_limits`. Raises NotAllowed without it, and
    WrongLimit, with a sentence that says what to do, for what cannot be.
    """
    return set_limits([(name, scope, value)], person, why, now=now)[0]


def set_limits(
    changes: list[tuple[str, str, Decimal | None]], person: Any, why: str, *, now: datetime
) -> list[RiskLimit]:
    """Change several limits at once: they are checked beside each other, and all are set or none."""
    if person is None or not getattr(person, "is_active", False) or not person.has_perm(PERMISSION):
        raise NotAllowed("Only a person with the permission “Can change risk limits” may change a limit.")
    if not why.strip():
        raise WrongLimit("Say why: the next person has to understand the change.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LIMITS_LOCK])
        before = values()
        after = {**before, **{(name, scope): value for name, scope, value in changes}}
        for name, scope, value in changes:
            limit_names.check(name, scope, value, after)
            _check_exists(scope)
        return [_write(*change, before, person, why.strip(), now) for change in changes]


def _write(
    name: str, scope: str, value: Decimal | None, before: Values, person: Any, why: str, now: datetime
) -> RiskLimit:
    row = RiskLimit.objects.create(
        name=name, scope=scope, value=value, why=why, set_by=person, created_at=now
    )
    old = before.get((name, scope), before.get((name, "")))
    where = f" for {scope}" if scope else ""
    Notice.objects.record(
        "limit_changed", name, f"{person} set {name}{where} from {_text(old)} to {_text(value)}: {why}", severity=HIGH,
        at=now, scope=scope, old=_text(old), new=_text(value), by=str(person),
    )  # fmt: skip
    return row


def _check_exists(scope: str) -> None:
    """Raises WrongLimit for a platform, market or bet that there is not: a typo would limit nothing."""
    kind, _, name = scope.partition(":")
    if limit_names.scope_kind(scope) == limit_names.PLATFORM and scope not in PLATFORMS:
        raise WrongLimit(f"{scope!r} is no platform. There are: {', '.join(PLATFORMS)}.")
    if kind == limit_names.MARKET and not Market.objects.filter(id=name).exists():
        raise WrongLimit(f"There is no market {name!r}.")
    if kind == limit_names.BET and not Bet.objects.filter(id=name).exists():
        raise WrongLimit(f"There is no bet {name!r}.")


def _text(value: Decimal | None) -> str:
    return "no limit" if value is None else f"{value.normalize():f}"
