"""Rules between settings, as Django system checks: a wrong combination names itself at start."""

from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from arbsite.config import Config


@register(Tags.security)
def live_trading(**_: Any) -> list[CheckMessage]:
    """Live trading needs an explicit confirmation, keys, and real addresses over TLS."""
    config: Config = settings.ARBSITE
    if config.trading.mode != "live":
        return []
    problems: list[CheckMessage] = []
    if not config.trading.live_confirmed:
        problems.append(
            Error("TRADING_MODE is live, but TRADING_LIVE_CONFIRMED is not set.",
                  hint="Set TRADING_LIVE_CONFIRMED=true to send real orders, or TRADING_MODE=paper.", id="arbsite.E001")
        )  # fmt: skip
    problems += [
        Error(f"TRADING_MODE is live, but neither {variable} nor SIGNER_SECRET_COMMAND is set.",
              hint="Name the key's file, or the command that prints it; `manage.py signer` alone reads it.",
              id="arbsite.E002")
        for variable in _keys_wanted(config)
    ]  # fmt: skip
    problems += [
        Error(f"TRADING_MODE is live, but {variable} is not a real address over TLS.",
              hint="Leave it unset to use the platform's own.", id="arbsite.E004")
        for variable, url in platform_urls(config)
        if _loopback(url) or urlsplit(url).scheme not in ("https", "wss")
    ]  # fmt: skip
    return problems


@register(Tags.security)
def sandbox_trading(**_: Any) -> list[CheckMessage]:
    """Sandbox orders may never leave this machine, whatever key signs them."""
    config: Config = settings.ARBSITE
    if config.trading.mode != "sandbox":
        return []
    return [
        Error(f"TRADING_MODE is sandbox, but {variable} is not on this machine.",
              hint="Point it at the sandbox exchange (python manage.py sandbox prints its addresses).", id="arbsite.E005")
        for variable, url in platform_urls(config)
        if not _loopback(url)
    ]  # fmt: skip


def platform_urls(config: Config) -> list[tuple[str, str]]:
    """Every address of every enabled platform, with the variable that sets it."""
    return [
        (f"{name.upper()}_{field.upper()}", str(value))
        for name in ("polymarket", "kalshi")
        if config.platform(name).enabled
        for field, value in config.platform(name)
        if field.endswith("_url")
    ]


def _keys_wanted(config: Config) -> list[str]:
    """The variables of keys that nobody has named a source for."""
    if config.signer.secret_command:
        return []
    names = [name for name in ("kalshi", "polymarket") if config.platform(name).enabled]
    return [
        f"{name.upper()}_PRIVATE_KEY_FILE" for name in names if not config.platform(name).private_key_file
    ]


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
