"""What still stands between this system and real orders. The executor asks before it starts, the doctor at any time.

Each problem is a stable code and a sentence (`code: sentence`); an empty list means that orders may go out.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from arbsite import checks
from execution.halting import halts
from execution.models import RiskLimit
from markets import region, signer_client

PAPER, LIVE = "paper", "live"
# Limits that a person must have set, everywhere: the defaults of the settings are nobody's decision
NEEDED = ("max_order_notional", "max_notional", "daily_loss_pct")

SETTINGS, NO_SIGNER, SIGNER_HALTED, NO_KEY, WRONG_KEY, NO_LIMITS, REGION_BLOCKED, REGION_UNKNOWN, HALTED = CODES = (
    "settings", "no_signer", "signer_halted", "no_key", "wrong_key", "no_limits", "region_blocked", "region_unknown",
    "halted",
)  # fmt: skip


def problems(now: datetime) -> list[str]:
    """Everything that keeps the mode of the settings from sending orders; nothing in paper mode."""
    mode = settings.ARBSITE.trading.mode
    if mode == PAPER:
        return []
    found = [*_settings(), *_signer()]
    if mode == LIVE:
        found += [*_limits(), *_region()]
    return [f"{code}: {sentence}" for code, sentence in found]


def notes() -> list[str]:
    """What a person should know beside it: halts that stand. They stop orders, not the start."""
    return [f"{HALTED}: {halt} ({halt.why}), by {halt.by}" for halt in halts.standing()]


Found = Iterator[tuple[str, str]]


def _settings() -> Found:
    for error in [*checks.live_trading(), *checks.sandbox_trading()]:
        yield SETTINGS, f"{error.msg} {error.hint}"


def _signer() -> Found:
    """It is there, not halted, and holds the keys that the settings speak of."""
    config = settings.ARBSITE
    try:
        held = signer_client.status()
    except signer_client.SignerError as error:
        yield NO_SIGNER, str(error)
        return
    if held.get("halted"):
        yield (
            SIGNER_HALTED,
            f"the signer is halted ({held['halted']}). Release it: python manage.py signer release",
        )
    for platform in ("kalshi", "polymarket"):
        if config.platform(platform).enabled and not held[platform]:
            yield (
                NO_KEY,
                (
                    f"the signer holds no key of {platform}: set {platform.upper()}_PRIVATE_KEY_FILE or"
                    " SIGNER_SECRET_COMMAND where it runs"
                ),
            )
    key_id = config.kalshi.key_id.get_secret_value()
    if config.kalshi.enabled and held["kalshi"] and key_id and held["kalshi"] != key_id:
        yield WRONG_KEY, "the signer signs with another Kalshi key than KALSHI_KEY_ID: reload or restart it"
    funder = config.polymarket.funder
    if config.polymarket.enabled and held["polymarket"]:
        if config.polymarket.signature_type == 0 and funder and funder.lower() != held["polymarket"].lower():
            yield (
                WRONG_KEY,
                (
                    f"POLYMARKET_FUNDER is {funder}, but signature type 0 trades from the key's own wallet"
                    f" {held['polymarket']}"
                ),
            )
        if config.polymarket.signature_type != 0 and not funder:
            yield (
                WRONG_KEY,
                (
                    f"POLYMARKET_SIGNATURE_TYPE {config.polymarket.signature_type} needs POLYMARKET_FUNDER, the wallet that"
                    " holds the money"
                ),
            )


def _limits() -> Found:
    """A person has set the limits that matter most, and none of them is lifted. The newest row of a name counts."""
    rows = RiskLimit.objects.filter(name__in=NEEDED, scope="").order_by("name", "-id").distinct("name")
    standing = {row.name for row in rows if row.value is not None}
    missing = [name for name in NEEDED if name not in standing]
    if missing:
        yield (
            NO_LIMITS,
            f"nobody has set {', '.join(missing)}: python manage.py limits set NAME VALUE --why TEXT",
        )


def _region() -> Found:
    if not settings.ARBSITE.polymarket.enabled:
        return
    try:
        place = region.blocked()
    except region.RegionUnknown as error:
        yield REGION_UNKNOWN, str(error)
        return
    if place:
        yield (
            REGION_BLOCKED,
            f"Polymarket takes no orders from {place}; switch it off (POLYMARKET_ENABLED=false)",
        )
