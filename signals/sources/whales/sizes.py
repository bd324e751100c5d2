"""How unusual a transfer is for its asset, and what that, its sign and its age make of it.

The trailing distribution of log10 dollars is an exponentially weighted mean and variance (West 1979, the incremental
form for weighted samples): O(1) for each transfer, however long the history. Moments are statistics: floats inside.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from signals.correlating import weighing

# Before anything is known of an asset: $100,000 counts nothing, $100,000,000 fully (log10 of dollars)
SCALE_FROM, SCALE_TO = Decimal(5), Decimal(8)
PRIOR_WEIGHT = 20.0  # transfers that the scale above counts as
SPREADS = 3.0  # standard deviations above the usual size at which a transfer counts fully
LEAST_SPREAD = 0.1  # of log10 dollars: an asset whose transfers are all alike still has some
HALF_LIFE = timedelta(days=7)  # of what is usual
STEP = Decimal("0.0001")
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual size of an asset's transfers: `weight` of them, their mean and variance in log10 dollars."""

    weight: float = 0.0
    mean: float = 0.0
    variance: float = 0.0
    at: datetime | None = None


def learn(usual: Usual, usd: Decimal, at: datetime) -> Usual:
    """With one transfer more; what was known before counts half after a week. One that comes late takes nothing away."""
    if usd <= 0:
        return usual
    passed = max((at - usual.at) / HALF_LIFE, 0.0) if usual.at is not None else 0.0
    before = usual.weight * 0.5**passed
    weight = before + 1.0
    off = math.log10(usd) - usual.mean
    mean = usual.mean + off / weight
    variance = (before * usual.variance + off * (math.log10(usd) - mean)) / weight
    return Usual(weight, mean, max(variance, 0.0), max(filter(None, (at, usual.at))))


def share(usd: Decimal, usual: Usual | None = None) -> Decimal:
    """How large a transfer is, 0 (nothing unusual) to 1, on a log scale.

    The scale runs from the usual size to three standard deviations above it, shrunk towards the prior scale while few
    transfers are known; without `usual` it is the prior scale alone.
    """
    if usd <= 0:
        return Decimal(0)
    low, high = SCALE_FROM, SCALE_TO
    if usual is not None and usual.weight > 0:
        spread = max(math.sqrt(usual.variance), LEAST_SPREAD)
        total = PRIOR_WEIGHT + usual.weight
        low = Decimal((PRIOR_WEIGHT * float(SCALE_FROM) + usual.weight * usual.mean) / total)
        high = Decimal(
            (PRIOR_WEIGHT * float(SCALE_TO) + usual.weight * (usual.mean + SPREADS * spread)) / total
        )
    found = (usd.log10() - low) / (high - low)
    return min(max(found, Decimal(0)), _ONE).quantize(STEP)


def decay(age: timedelta, half_life: timedelta) -> Decimal:
    """How much a transfer of this age still counts, 1 (now) to 0; the future counts as now."""
    return Decimal(weighing.decay(age.total_seconds(), half_life.total_seconds())).quantize(STEP)


def sentiment(sign: int, size: Decimal, age: timedelta, half_life: timedelta) -> Decimal:
    """What a transfer says, -1 to 1: the sign of its asset class's flow, its size, and how old it is."""
    return (sign * size * decay(age, half_life)).quantize(STEP) or Decimal(0)


# --- signs


@dataclass(frozen=True, slots=True)
class Sign:
    """What a flow says about crypto prices, 1, 0 or -1, and on which evidence."""

    asset_class: str
    direction: str
    sign: int
    evidence: str


_CHI = "Chi, Chu, Hao, arXiv 2411.06327 (2017-2023, 1 to 6 h): "
_PRESTO = " Presto Research 2025: deposits to Binance against later returns, R² 0.0017 to 0.0537."
_HERREMANS = " Herremans, Low, arXiv 2211.08281: alerts predict volatility, not direction."
_NO_SIGN = " No sign until our own scorecard earns one."
_USDT_IN = (
    _CHI + "USDT net inflow to exchanges goes with higher BTC and ETH returns after it, strongest at 1 h: "
    "money arriving to buy."
)
_ETH_IN = (
    _CHI + "ETH net inflow goes with lower ETH returns, so the specification's sign (bullish) is wrong here; "
    "one study, small effect."
)
DEFAULT_SIGNS = (
    Sign("stablecoin", "INFLOW", 1, _USDT_IN),
    Sign(
        "stablecoin",
        "OUTFLOW",
        -1,
        _CHI + "the other side of the net inflow of USDT; smaller, from the same study.",
    ),
    Sign("btc", "INFLOW", 0, _CHI + "BTC inflow not significant." + _PRESTO + _NO_SIGN),
    Sign("btc", "OUTFLOW", 0, _CHI + "not significant." + _HERREMANS + _NO_SIGN),
    Sign("eth", "INFLOW", 0, _ETH_IN + _NO_SIGN),
    Sign("eth", "OUTFLOW", 0, _CHI + "the other side of ETH net inflow; one study, small effect." + _NO_SIGN),
    Sign("other", "INFLOW", 0, "No study known." + _NO_SIGN),
    Sign("other", "OUTFLOW", 0, "No study known." + _NO_SIGN),
)


def sign_of(signs: Mapping[tuple[str, str], int], asset_class: str, direction: str) -> int:
    """The sign of a flow, 0 where the table names none."""
    return signs.get((asset_class, direction), 0)
