"""Every limit as people see it: its value, who set it and why, and how much of it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from execution.limits import Held
from execution.models import RiskLimit
from execution.portfolio import holdings
from execution.risk import limit_names, losses, watching
from execution.risk import services as risk
from execution.risk.limit_names import NAMES
from markets.bets import MarketKey
from signals.catalogue import Catalogue

ZERO = Decimal(0)
STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Row:
    """One limit. `used` is in the limit's own unit, None where there is nothing to use up; `by` says what uses most."""

    name: str
    scope: str
    value: Decimal | None  # None: no limit
    unit: str
    source: str
    set_by: str
    why: str
    set_at: datetime | None  # None: the setting's default
    used: Decimal | None
    by: str = ""


def rows(mode: str, known: Catalogue, *, now: datetime) -> list[Row]:
    """Every limit that holds now, in the order of `limit_names`, a scope's own after the one that holds everywhere."""
    held = holdings.held(mode, known, now=now)
    set_rows = {(row.name, row.scope): row for row in _newest()}
    lost = _lost(mode, now)
    values = risk.values()
    ordered = sorted(values, key=lambda key: (list(NAMES).index(key[0]), key[1]))
    return [_row(*key, values[key], set_rows.get(key), *_used(*key, held, lost)) for key in ordered]


def _newest() -> list[RiskLimit]:
    return list(
        RiskLimit.objects.order_by("name", "scope", "-id").distinct("name", "scope").select_related("set_by")
    )


def _row(
    name: str, scope: str, value: Decimal | None, row: RiskLimit | None, used: Decimal | None, by: str
) -> Row:
    known = NAMES[name]
    if row is None:
        source = f"RISK_{known.setting.upper()}"
        return Row(name, scope, value, known.unit, source, "", "", None, used, by)
    return Row(
        name, scope, value, known.unit, "risk_limits", str(row.set_by), row.why, row.created_at, used, by
    )


def _lost(mode: str, now: datetime) -> dict[str, Decimal]:
    """Parts of the bankroll that are lost: of the worse of today and 24 hours, and from the highest equity."""
    point = watching.value(mode).point(now)
    zone = ZoneInfo(settings.ARBSITE.risk.time_zone)
    starts = [watching.opening(mode, since) for since in (losses.midnight(now, zone), now - losses.DAY)]
    day = max(
        (
            losses.share(losses.loss(start, point), losses.bankroll_since(start, point))
            for start in starts
            if start
        ),
        default=ZERO,
    )
    peak = watching.peak(mode, point)
    return {
        "daily_loss_pct": day,
        "daily_loss_cancel_pct": day,
        "max_drawdown_pct": losses.share(max(ZERO, peak - point.profit), peak + point.moved),
    }


def _used(name: str, scope: str, held: Held, lost: Mapping[str, Decimal]) -> tuple[Decimal | None, str]:
    """How much of a limit is used, and by what."""
    of_scope = scope.partition(":")[2] if limit_names.scope_kind(scope) != limit_names.PLATFORM else scope
    if name == "max_market_notional":
        return _largest({_market(key): amount for key, amount in held.by_market.items()}, "" if scope in held.by_platform
                        else of_scope)  # fmt: skip
    if name in ("max_bet_notional", "max_group_notional", "max_platform_notional"):
        amounts = {
            "max_bet_notional": held.by_bet,
            "max_group_notional": held.by_group,
            "max_platform_notional": held.by_platform,
        }
        return _largest(amounts[name], of_scope)
    if name == "min_cash":
        return min(
            ((amount, where) for where, amount in held.cash.items() if scope in ("", where)),
            default=(None, ""),
        )
    bankroll = held.bankroll or ZERO
    plain = {
        "max_notional": held.notional,
        "max_locked_pct": losses.share(held.notional, bankroll).quantize(STEP),
        "max_late_pct": losses.share(held.locked_late, bankroll).quantize(STEP),
        "max_open_orders": Decimal(held.open_orders),
        "max_orders_per_minute": Decimal(held.sent),
        **{code: part.quantize(STEP) for code, part in lost.items()},
    }
    return plain.get(name), ""


def _largest(amounts: Mapping[str, Decimal], of: str) -> tuple[Decimal, str]:
    if of:
        return amounts.get(of, ZERO), ""
    return max(((amount, name) for name, amount in amounts.items()), default=(ZERO, ""))


def _market(key: MarketKey) -> str:
    return key[1]


def as_json(row: Row) -> dict[str, Any]:
    """A row as the API answers it, without its time."""
    return {
        "name": row.name, "scope": row.scope, "value": row.value, "unit": row.unit, "source": row.source,
        "set_by": row.set_by, "why": row.why, "used": row.used, "used_by": row.by,
    }  # fmt: skip
