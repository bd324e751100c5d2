"""The rules and hurdles of detection, as the settings have them."""

from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from markets.platforms.base import PLATFORMS
from signals import expected, fill_rates
from signals.deciding.decision import Hurdles
from signals.edge import Charges
from signals.findings import Rules
from signals.sizing import Caps


def rules(*, settings_only: bool = False) -> Rules:
    """What books must be like, and what one finding may cost; with `settings_only` whatever people have set since."""
    config = settings.ARBSITE
    most = config.risk.max_order_notional if settings_only else order_notional()
    return Rules(
        max_book_age_ms=int(config.signals.max_book_age_seconds * 1_000),
        max_skew_ms=int(config.signals.max_book_skew_seconds * 1_000),
        caps=Caps(max_outlay={} if most is None else dict.fromkeys(PLATFORMS, most)),
        min_open_ms=int(config.signals.min_open_seconds * 1_000),
    )


def order_notional() -> Decimal | None:
    """Dollars that one order may cost: what people have set, where the room above knows; None: no such limit."""
    return _order_notional[-1]() if _order_notional else settings.ARBSITE.risk.max_order_notional


def ask_for_order_notional(ask: Callable[[], Decimal | None]) -> None:
    """Have the limits asked that people set; they are kept above this room."""
    _order_notional[:] = [ask]


_order_notional: list[Callable[[], Decimal | None]] = []


def hurdles(*, settings_only: bool = False) -> Hurdles:
    """What a finding must pass to be acted on; with `settings_only` whatever was measured since (a replay)."""
    config = settings.ARBSITE.signals
    return Hurdles(
        min_profit_pct=config.min_profit_pct,
        min_net_profit=config.min_profit_dollars,
        suspicious_edge=config.suspicious_edge,
        max_book_age_ms=int(config.max_book_age_seconds * 1_000),
        max_skew_ms=int(config.max_book_skew_seconds * 1_000),
        charges=charges(settings_only=settings_only),
        crossed_long_ms=config.crossed_long_seconds * 1_000,
        gap_unread=config.gap_unread,
        max_drift=config.max_drift,
        one_sided_move=config.one_sided_move,
        recent_ms=config.recent_seconds * 1_000,
    )


def charges(*, settings_only: bool = False) -> Charges:
    """What the hurdle is computed with: fill rates and unwind losses as they were measured."""
    config, mode, now = settings.ARBSITE.signals, settings.ARBSITE.trading.mode, timezone.now()
    if settings_only:
        return Charges(config.fill_bands, config.cash_rate, Decimal(config.unknown_settlement_days))
    return Charges(
        fill_rates.bands(mode, now),
        config.cash_rate,
        Decimal(config.unknown_settlement_days),
        fill_rates.unwind_loss(mode, now),
    )


def fill_ms(legs: int) -> int:
    """Milliseconds until all legs of a plan are in."""
    config = settings.ARBSITE.signals
    return expected.time_to_fill(legs, config.first_leg_ms, config.next_leg_ms)
