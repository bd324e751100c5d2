"""The sandbox's own pairs, taken over as approved by the user `sandbox`: on loopback only, never for a real platform.

Its other markets are followed as well, by a rule of the universe that anybody may switch off: without them nothing is
built of its wide events, and its near misses are not watched.
"""

import ipaddress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from django.contrib.auth import get_user_model
from django.db import transaction

from markets import services
from markets.models import Market, Pair, UniverseRule
from markets.models.bets import CLEAN
from markets.pairing import pairs
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET, PlatformError

USER = "sandbox"
RULE = "sandbox"  # follows what the sandbox offers beside its pairs
MOST_FOLLOWED = 500
TIMEOUT_SECONDS = 10


class NotLoopback(ValueError):
    """The address is not this machine."""


def import_pairs(control_url: str, *, now: datetime) -> int:
    """Read the sandbox's open pairs, make their markets known and approve them; returns how many are new."""
    _check_loopback(control_url)
    listed = _listed(control_url)
    UniverseRule.objects.get_or_create(name=RULE, defaults={"max_markets": MOST_FOLLOWED})
    known = set(Pair.objects.values_list("polymarket_id", "kalshi_id"))
    new = [row for row in listed if (row["polymarket"], row["kalshi"]) not in known]
    if not new:
        return 0
    for platform in PLATFORMS:
        wanted = [row[platform] for row in new]
        have = set(Market.objects.filter(id__in=wanted).values_list("id", flat=True))
        services.refresh(platform, [market_id for market_id in wanted if market_id not in have], now=now)
    user, count = sandbox_user(), 0
    for row in new:
        count += _take(row, user, now)
    for platform in PLATFORMS:
        services.choose(platform, now=now)
    return count


def _take(row: dict[str, Any], user: Any, now: datetime) -> bool:
    """Another worker, or `manage.py match`, may have been quicker: then the pair is there already."""
    with transaction.atomic():
        pair, made = Pair.objects.get_or_create(
            polymarket_id=row[POLYMARKET], kalshi_id=row[KALSHI],
            defaults={
                "inverted": row["inverted"], "origin": Pair.SANDBOX, "settlement": CLEAN, "created_at": now,
                "updated_at": now,
            },
        )  # fmt: skip
        if made:
            pairs.approve(pair, user, now=now, note="the sandbox's own pair")
    return made


def sandbox_user() -> Any:
    """The user in whose name the sandbox's pairs are approved; nobody can log in as it."""
    user, made = get_user_model().objects.get_or_create(username=USER)
    if made:
        user.set_unusable_password()
        user.save()
    return user


def _check_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise NotLoopback(
            f"SANDBOX_CONTROL_URL={url} is not on this machine: only the local sandbox may bring pairs."
        )


def _listed(control_url: str) -> list[dict[str, Any]]:
    try:
        response = requests.get(f"{control_url.rstrip('/')}/control/pairs", timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return list(response.json()["pairs"])
    except (requests.RequestException, ValueError, KeyError) as error:
        raise PlatformError(f"The sandbox at {control_url} does not list its pairs: {error}") from error
