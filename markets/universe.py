"""Which markets the connectors follow, and why: pairs first, then what people picked, then what the rules take.

Last come the other markets of active bets that hold one of these: without all its books a wide bet cannot be detected.

Of hundreds of thousands of live markets only these are streamed; the rest is known from discovery alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from markets import bets
from markets.betting import events
from markets.betting import store as bet_store
from markets.betting.building import LIVE
from markets.clients import feed_market
from markets.models import Bet, Market, Pair, UniverseRule
from markets.store import info_of
from markets.streaming.given import Followed

MOST_MEMBERS = 2_000  # markets of a platform that are followed for the bets they belong to alone
MICRO = Decimal(1_000_000)
MOST_MICRO = 2**62


def select(platform: str, *, now: datetime) -> int:
    """Decide which markets of a platform are followed, store the reasons; returns how many are."""
    reasons = _reasons(platform, now)
    kept = dict(list(reasons.items())[: settings.ARBSITE.connector.max_markets])
    with transaction.atomic():
        before = dict(
            Market.objects.filter(platform=platform, followed=True).values_list("id", "follow_reasons")
        )
        dropped = [market_id for market_id in before if market_id not in kept]
        Market.objects.filter(id__in=dropped).update(followed=False, follow_reasons=[], updated_at=now)
        changed = [market_id for market_id, why in kept.items() if before.get(market_id) != why]
        rows = list(Market.objects.filter(id__in=changed).only("id"))
        for row in rows:
            row.followed, row.follow_reasons, row.updated_at = True, kept[row.id], now
        Market.objects.bulk_update(rows, ["followed", "follow_reasons", "updated_at"], batch_size=500)
        ensure_own_bets(platform, [row.id for row in rows], now=now)
    return len(kept)


def _reasons(platform: str, now: datetime) -> dict[str, list[str]]:
    """Market id → why it is followed, the most important first."""
    found: dict[str, list[str]] = defaultdict(list)
    live = Market.objects.filter(platform=platform, status__in=LIVE)
    for status in (Pair.APPROVED, Pair.PROPOSED):
        side = Q(pairs_as_polymarket__status=status) | Q(pairs_as_kalshi__status=status)
        for market_id in live.filter(side).values_list("id", flat=True).distinct():
            found[market_id].append(f"{status.lower()} pair")
    for market_id in live.filter(pinned=True).values_list("id", flat=True):
        found[market_id].append("picked by hand")
    for rule in UniverseRule.objects.filter(Q(platform=platform) | Q(platform=""), enabled=True).order_by(
        "id"
    ):
        for market_id in taken_by(rule, live, now).values_list("id", flat=True)[: rule.max_markets]:
            found[market_id].append(f"rule {rule.name}")
    for market_id, bet_id in events.followed_members(platform, found, most=MOST_MEMBERS).items():
        found[market_id].append(f"in bet {bet_id}")
    return found


def taken_by(rule: UniverseRule, live: QuerySet[Market], now: datetime) -> QuerySet[Market]:
    """The live markets that a rule takes, the most active first."""
    if rule.category:
        live = live.filter(category__iexact=rule.category)
    if rule.min_liquidity is not None:
        live = live.filter(liquidity__gte=rule.min_liquidity)
    if rule.min_volume_24h is not None:
        live = live.filter(volume_24h__gte=rule.min_volume_24h)
    if rule.closes_within_days is not None:
        live = live.filter(end_date__lte=now + timedelta(days=rule.closes_within_days))
    return live.order_by(F("volume_24h").desc(nulls_last=True), "id")


def ensure_own_bets(platform: str, market_ids: Iterable[str], *, now: datetime) -> None:
    """YES and NO of each of these markets as a bet of its own."""
    wanted = {f"own:{market_id}"[:128]: market_id for market_id in market_ids}
    known = set(Bet.objects.filter(id__in=wanted).values_list("id", flat=True))
    new = {bet_id: market_id for bet_id, market_id in wanted.items() if bet_id not in known}
    bet_store.add_new(
        [bets.yes_no(bet_id, platform, market_id) for bet_id, market_id in new.items()], now=now
    )


def followed(platform: str) -> list[Followed]:
    """What the platform's connector has to follow now."""
    return [
        Followed(
            feed_market(info_of(row)), volume_24h=_micro(row.volume_24h), liquidity=_micro(row.liquidity)
        )
        for row in Market.objects.filter(platform=platform, followed=True)
    ]


def _micro(value: Decimal | None) -> int | None:
    return None if value is None else min(int(value * MICRO), MOST_MICRO)
