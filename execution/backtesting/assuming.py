"""What a backtest assumes, from the settings and from what was measured; and the planning that it shares with trading."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from execution.backtesting.trader import Assumptions, Planner
from execution.limits import Limits
from execution.plans import fitting
from execution.plans.fitting import Means
from execution.plans.planning import NoPlan, Plan
from execution.risk import limit_names
from execution.risk import services as risk
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from signals import fill_rates, rules
from signals.deciding.decision import Hurdles
from signals.findings import Rules


def assumptions(*, seed: int, measured_until: datetime | None = None) -> Assumptions:
    """TRADING_PAPER_*: latency, fill rates and cash; with a time, the fill rates that were measured by then instead."""
    config = settings.ARBSITE
    bands = config.trading.paper_bands
    first = further = dict.fromkeys(PLATFORMS, bands)
    if measured_until is not None:
        known = fill_rates.measured_by(config.trading.mode, measured_until)
        first = {name: known.bands(first=True, platform=name) for name in PLATFORMS}
        further = {name: known.bands(first=False, platform=name) for name in PLATFORMS}
    return Assumptions(
        latency_ms={POLYMARKET: config.trading.paper_polymarket_ms, KALSHI: config.trading.paper_kalshi_ms},
        first=first,
        further=further,
        cash=dict.fromkeys(PLATFORMS, config.trading.paper_cash),
        seed=seed,
        loss_limit_pct=config.execution.loss_limit_pct,
        late_days=config.risk.late_days,
    )


def default_limits() -> Limits:
    """The limits of the settings (`RISK_…`), whatever people have set since: the same backtest gives the same figures."""
    config = settings.ARBSITE.risk
    values: dict[tuple[str, str], Decimal | None] = {
        (name, ""): Decimal(getattr(config, known.setting)) for name, known in limit_names.NAMES.items()
    }
    return risk.of(values)


def planner(hurdles: Hurdles) -> Planner:
    """`execution.plans.fitting` with the settings' rules and limits."""
    means = Means(planning_rules(), hurdles, default_limits())

    def plan(bet, finding, listings, books, held, now_ms, context) -> Plan | NoPlan:  # type: ignore[no-untyped-def]
        return fitting.fit(bet, finding, listings, books, held, now_ms, context, means)

    return plan


def planning_rules() -> Rules:
    """What books must be like and what an order may cost, by the settings alone."""
    return rules.rules(settings_only=True)


def as_json(made: Assumptions) -> Mapping[str, object]:
    """The assumptions as the report prints them."""
    return {
        "seed": made.seed,
        "latency_ms": dict(made.latency_ms),
        "first_leg_fills": _bands(made.first),
        "further_leg_fills": _bands(made.further),
        "cash": dict(made.cash),
        "loss_limit_pct": made.loss_limit_pct,
    }


def _bands(chances: Mapping[str, tuple[tuple[Decimal, Decimal], ...]]) -> dict[str, list[list[Decimal]]]:
    return {platform: [[start, chance] for start, chance in bands] for platform, bands in chances.items()}
