"""Rules between settings, as Django system checks: a wrong combination names itself at start."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from arbsite.config import Config


@register(Tags.security)
def live_trading(**_: Any) -> list[CheckMessage]:
    """Live trading needs keys, an explicit confirmation and real addresses."""
    config: Config = settings.ARBSITE
    if config.trading.mode != "live":
        return []
    problems: list[CheckMessage] = []
    if not config.trading.live_confirmed:
        problems.append(
            Error("TRADING_MODE is live, but TRADING_LIVE_CONFIRMED is not set.",
                  hint="Set TRADING_LIVE_CONFIRMED=true to send real orders, or TRADING_MODE=paper.", id="arbsite.E001")
        )  # fmt: skip
    for variable, path in (
        ("KALSHI_PRIVATE_KEY_FILE", config.kalshi.private_key_file),
        ("POLYMARKET_PRIVATE_KEY_FILE", config.polymarket.private_key_file),
    ):
        if not path:
            problems.append(
                Error(f"TRADING_MODE is live, but {variable} is empty.",
                      hint="Name the key's file; `manage.py signer` reads it.", id="arbsite.E002")
            )  # fmt: skip
    problems.append(
        Error(
            "This release carries out paper orders only.", hint="Set TRADING_MODE=paper.", id="arbsite.E003"
        )
    )
    return problems


@register(Tags.security)
def sandbox_trading(**_: Any) -> list[CheckMessage]:
    """Sandbox orders need an order path that this release does not have yet, and may never leave the machine."""
    if settings.ARBSITE.trading.mode != "sandbox":
        return []
    return [
        Error(
            "This release carries out paper orders only.", hint="Set TRADING_MODE=paper.", id="arbsite.E003"
        )
    ]


@register()
def limits_fit(**_: Any) -> list[CheckMessage]:
    """A wider limit below a narrower one would never be reached: almost surely a slip."""
    risk = settings.ARBSITE.risk
    order = [
        ("RISK_MAX_ORDER_NOTIONAL", risk.max_order_notional),
        ("RISK_MAX_MARKET_NOTIONAL", risk.max_market_notional),
        ("RISK_MAX_PLATFORM_NOTIONAL", risk.max_platform_notional),
        ("RISK_MAX_TOTAL_NOTIONAL", risk.max_total_notional),
    ]
    return [
        Error(
            f"{wide}={high} is below {narrow}={low}.",
            hint=f"Raise {wide} or lower {narrow}.",
            id="arbsite.E010",
        )
        for (narrow, low), (wide, high) in pairwise(order)
        if high < low
    ]


@register()
def books_fresh_enough(**_: Any) -> list[CheckMessage]:
    """A window longer than the age a book may have would make every book stale."""
    config: Config = settings.ARBSITE
    return [
        Error(f"{name.upper()}_WINDOW_MS is longer than SIGNALS_MAX_BOOK_AGE_SECONDS.",
              hint="Shorten the window.", id="arbsite.E011")
        for name in ("polymarket", "kalshi")
        if config.platform(name).window_ms >= config.signals.max_book_age_seconds * 1000
    ]  # fmt: skip


@register(Tags.security, deploy=True)
def production_services(**_: Any) -> list[CheckMessage]:
    """Production brings its own database, Redis and secrets."""
    core = settings.ARBSITE.core
    if not core.production:
        return [
            Warning(
                "PRODUCTION is off.", hint="Set PRODUCTION=true where this serves people.", id="arbsite.W020"
            )
        ]
    return [
        Error(f"{variable} must be set in production.", id="arbsite.E021")
        for variable, value in (("DATABASE_URL", core.database_url), ("REDIS_URL", core.redis_url))
        if not value.get_secret_value()
    ]


@register()
def key_files_are_private(**_: Any) -> list[CheckMessage]:
    """A private key that others can read is no secret."""
    config: Config = settings.ARBSITE
    problems: list[CheckMessage] = []
    for variable, name in (
        ("KALSHI_PRIVATE_KEY_FILE", config.kalshi.private_key_file),
        ("POLYMARKET_PRIVATE_KEY_FILE", config.polymarket.private_key_file),
    ):
        path = Path(name)
        if name and path.is_file() and path.stat().st_mode & 0o077:
            problems.append(
                Warning(f"{variable}: others on this machine can read {path.name}.", hint="chmod 600 it.",
                        id="arbsite.W030")
            )  # fmt: skip
    return problems
