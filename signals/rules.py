"""The rules and hurdles of detection, as the settings have them."""

from decimal import Decimal

from django.conf import settings

from markets.platforms.base import PLATFORMS
from signals import expected
from signals.decision import Hurdles
from signals.edge import Charges
from signals.findings import Rules
from signals.sizing import Caps


def rules() -> Rules:
    """What books must be like, and what one finding may cost."""
    config = settings.ARBSITE
    most = config.risk.max_order_notional
    return Rules(
        max_book_age_ms=int(config.signals.max_book_age_seconds * 1_000),
        max_skew_ms=int(config.signals.max_book_skew_seconds * 1_000),
        caps=Caps(max_outlay=dict.fromkeys(PLATFORMS, most)),
    )


def hurdles() -> Hurdles:
    """What a finding must pass to be acted on."""
    config = settings.ARBSITE.signals
    return Hurdles(
        min_profit_pct=config.min_profit_pct,
        min_net_profit=config.min_profit_dollars,
        suspicious_edge=config.suspicious_edge,
        max_book_age_ms=int(config.max_book_age_seconds * 1_000),
        max_skew_ms=int(config.max_book_skew_seconds * 1_000),
        charges=charges(),
        crossed_long_ms=config.crossed_long_seconds * 1_000,
        gap_unread=config.gap_unread,
        max_drift=config.max_drift,
        one_sided_move=config.one_sided_move,
        recent_ms=config.recent_seconds * 1_000,
    )


def charges() -> Charges:
    """What the hurdle is computed with."""
    config = settings.ARBSITE.signals
    return Charges(config.fill_bands, config.cash_rate, Decimal(config.unknown_settlement_days))


def fill_ms(legs: int) -> int:
    """Milliseconds until all legs of a plan are in."""
    config = settings.ARBSITE.signals
    return expected.time_to_fill(legs, config.first_leg_ms, config.next_leg_ms)
