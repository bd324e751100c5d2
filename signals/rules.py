"""The rules and hurdles of detection, as the settings have them."""

from django.conf import settings

from markets.platforms.base import PLATFORMS
from signals.decision import Hurdles
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
    )
