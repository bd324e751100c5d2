"""Which limits there are: what each is called, its unit, whose own values it may have, and which is the wider one.

`docs/risk.md` has the same table for people; a test keeps both in step with `limits.Limits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

EVERYWHERE, PLATFORM, MARKET, BET, GROUP = "everywhere", "platform", "market", "bet", "group"
DOLLARS, CONTRACTS, COUNT, FRACTION, DAYS, SECONDS, MILLISECONDS, PER_CONTRACT = (
    "dollars", "contracts", "count", "fraction", "days", "seconds", "ms", "dollars per contract",
)  # fmt: skip
WHOLE = frozenset({COUNT, SECONDS, MILLISECONDS})  # units that come in whole numbers only


@dataclass(frozen=True, slots=True)
class Name:
    """A limit: `setting` is the field of `config.Risk` that holds its default, `scopes` whose own values it may have."""

    setting: str
    unit: str
    scopes: tuple[str, ...] = ()
    may_be_zero: bool = False
    may_be_lifted: bool = False  # a null value: no such limit there


NAMES: Mapping[str, Name] = {
    "max_order_notional": Name("max_order_notional", DOLLARS, (PLATFORM, MARKET, BET, GROUP), may_be_lifted=True),
    "max_order_contracts": Name("max_order_contracts", CONTRACTS, (PLATFORM, MARKET, BET, GROUP), may_be_lifted=True),
    "max_market_notional": Name("max_market_notional", DOLLARS, (PLATFORM, MARKET), may_be_lifted=True),
    "max_bet_notional": Name("max_bet_notional", DOLLARS, (BET,), may_be_lifted=True),
    "max_group_notional": Name("max_group_notional", DOLLARS, (GROUP,), may_be_lifted=True),
    "max_platform_notional": Name("max_platform_notional", DOLLARS, (PLATFORM,), may_be_lifted=True),
    "max_notional": Name("max_total_notional", DOLLARS, may_be_lifted=True),
    "max_locked_pct": Name("max_locked_pct", FRACTION, may_be_lifted=True),
    "max_late_pct": Name("max_late_pct", FRACTION, may_be_lifted=True),
    "late_days": Name("late_days", DAYS),
    "min_cash": Name("min_cash", DOLLARS, (PLATFORM,), may_be_zero=True),
    "max_open_orders": Name("max_open_orders", COUNT, may_be_zero=True, may_be_lifted=True),
    "max_orders_per_minute": Name("max_orders_per_minute", COUNT, may_be_zero=True, may_be_lifted=True),
    "collar": Name("price_collar", PER_CONTRACT, (PLATFORM, MARKET)),
    "kelly_fraction": Name("kelly_fraction", FRACTION),
    "daily_loss_pct": Name("daily_loss_pct", FRACTION),
    "daily_loss_cancel_pct": Name("daily_loss_cancel_pct", FRACTION),
    "max_drawdown_pct": Name("max_drawdown_pct", FRACTION),
    "position_loss_pct": Name("position_loss_pct", FRACTION),
    "max_unknown_orders": Name("max_unknown_orders", COUNT, may_be_zero=True),
    "max_stale_seconds": Name("max_stale_seconds", SECONDS),
    "max_clock_skew_ms": Name("max_clock_skew_ms", MILLISECONDS),
}  # fmt: skip

# A wider limit below a narrower one would make the narrower one mean nothing: each is at most the next
LADDERS = (
    ("max_order_notional", "max_market_notional", "max_bet_notional", "max_group_notional", "max_notional"),
    ("max_market_notional", "max_platform_notional", "max_notional"),
    ("max_late_pct", "max_locked_pct"),
    ("daily_loss_pct", "daily_loss_cancel_pct"),
)


class WrongLimit(ValueError):
    """A value that no limit may have; the message says why and what to do."""


def scope_kind(scope: str) -> str:
    """What a scope is of. Raises WrongLimit for one that is nothing."""
    if not scope:
        return EVERYWHERE
    head, colon, name = scope.partition(":")
    if colon and name and head in (MARKET, BET, GROUP):
        return head
    if not colon:
        return PLATFORM
    raise WrongLimit(
        f"{scope!r} is no scope: leave it out, or say a platform, market:ID, bet:ID or group:NAME."
    )


def check(
    name: str, scope: str, value: Decimal | None, values: Mapping[tuple[str, str], Decimal | None]
) -> None:
    """Raises WrongLimit where `name` cannot have this value in this scope, beside the `values` that hold now."""
    known = NAMES.get(name)
    if known is None:
        raise WrongLimit(f"{name!r} is no limit. There are: {', '.join(NAMES)}.")
    kind = scope_kind(scope)
    if kind != EVERYWHERE and kind not in known.scopes:
        allowed = ", ".join(known.scopes) or "no scope"
        raise WrongLimit(f"{name} cannot be set for a {kind}; it takes {allowed}, or holds everywhere.")
    _check_value(name, known, value)
    _check_ladders(name, scope, value, values)


def _check_value(name: str, known: Name, value: Decimal | None) -> None:
    if value is None:
        if not known.may_be_lifted:
            raise WrongLimit(f"{name} cannot be lifted; give it a number.")
        return
    if not value.is_finite() or value < 0 or (value == 0 and not known.may_be_zero):
        raise WrongLimit(f"{name} is a number of {known.unit} above 0, {value} is not.")
    if known.unit in (FRACTION, PER_CONTRACT) and value > 1:
        raise WrongLimit(f"{name} is a fraction of 1 (0.05 is five per cent), {value} is above 1.")
    if known.unit in WHOLE and value != value.to_integral_value():
        raise WrongLimit(f"{name} is a whole number, {value} is not.")
    if value.adjusted() > 12 or value != round(value, 6):
        raise WrongLimit(
            f"{name} takes at most 13 digits before the point and six behind it, {value} has more."
        )


def _check_ladders(
    name: str, scope: str, value: Decimal | None, values: Mapping[tuple[str, str], Decimal | None]
) -> None:
    for ladder in LADDERS:
        if name not in ladder:
            continue
        at = ladder.index(name)
        for other in ladder[:at]:
            for where in dict.fromkeys((scope, "")) if not scope else (scope,):
                narrow = values.get((other, where))
                if value is not None and narrow is not None and narrow > value:
                    raise WrongLimit(
                        f"{name} of {value} would be below {other}, which is {narrow}: lower that one first."
                    )
        for other in ladder[at + 1 :]:
            wide = values.get((other, scope)) or values.get((other, ""))
            if value is not None and wide is not None and wide < value:
                raise WrongLimit(
                    f"{name} of {value} would be above {other}, which is {wide}: raise that one first."
                )
