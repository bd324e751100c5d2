"""What happens to markets and pairs: discovery, approval, and what a change of rules does to an approval."""

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from arbsite.models import HIGH, INFO, MEDIUM, Notice
from markets import bets, catalogue_version, clients, store, universe
from markets.models import Bet, BetOutcome, Market, Pair
from markets.platforms.base import KALSHI, OTHER_STATUS, POLYMARKET, SETTLED, Malformed, MarketInfo, Refused

log = logging.getLogger(__name__)

SETTLED_WATCH = timedelta(days=30)  # how long a closed market is asked for its result


class PairError(ValueError):
    """A change of a pair that cannot be; the message says why and what to do."""


# --- pairs


def rules_digest(pair: Pair) -> str:
    """What an approval was given for: both questions, rule texts and sources."""
    parts = [
        text
        for market in (pair.polymarket, pair.kalshi)
        for text in (market.question or "", market.rules, market.resolution_source)
    ]
    return hashlib.sha256("\x1f".join([*parts, str(pair.inverted)]).encode()).hexdigest()


def approve_pair(pair: Pair, user: Any, *, now: datetime) -> Pair:
    """A person says that both markets are the same bet: from now on it is traded."""
    with transaction.atomic():
        pair = (
            Pair.objects.select_for_update(of=("self",))
            .select_related("polymarket", "kalshi")
            .get(pk=pair.pk)
        )
        if pair.status == Pair.APPROVED:
            raise PairError("This pair is approved already.")
        bet = _bet_of(pair, now=now)
        pair.status, pair.bet, pair.rules_digest = Pair.APPROVED, bet, rules_digest(pair)
        pair.approved_by, pair.approved_at, pair.updated_at = user, now, now
        pair.save()
        _tell(pair, "pair_approved", f"{user} approved it", INFO, now)
    return pair


def reject_pair(pair: Pair, user: Any, *, now: datetime) -> Pair:
    """A person says that these are not the same bet."""
    return _end(pair, Pair.REJECTED, f"{user} rejected it", now=now)


def suspend_pair(pair: Pair, user: Any, *, now: datetime, why: str = "") -> Pair:
    """Stop trading a pair until somebody has looked at it again."""
    return _end(pair, Pair.SUSPENDED, why or f"{user} suspended it", now=now)


def _end(pair: Pair, status: str, why: str, *, now: datetime) -> Pair:
    with transaction.atomic():
        pair = Pair.objects.select_for_update(of=("self",)).get(pk=pair.pk)
        pair.status, pair.note, pair.updated_at = status, why, now
        pair.save(update_fields=["status", "note", "updated_at"])
        if pair.bet_id:
            Bet.objects.filter(pk=pair.bet_id).update(status=Bet.SUSPENDED, updated_at=now)
        _tell(pair, f"pair_{status.lower()}", why, MEDIUM, now)
    return pair


def _bet_of(pair: Pair, *, now: datetime) -> Bet:
    """The pair's bet, made anew: an inverted pair that was corrected must not keep the old states."""
    bet_id = f"pair:{pair.pk}"
    value = bets.pair(bet_id, (POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id), pair.inverted)
    bet, _ = Bet.objects.update_or_create(
        id=bet_id,
        defaults={
            "kind": Bet.PAIR, "name": (pair.polymarket.question or "")[:500], "states": list(value.states),
            "status": Bet.ACTIVE, "updated_at": now,
        },
    )  # fmt: skip
    bet.outcomes.all().delete()
    BetOutcome.objects.bulk_create(
        BetOutcome(bet=bet, market_id=claim.market_id, outcome=claim.outcome, pays_in=sorted(claim.pays_in))
        for claim in value.claims
    )
    return bet


def _tell(pair: Pair, kind: str, message: str, severity: str, now: datetime) -> None:
    Notice.objects.record(kind, str(pair), message, severity=severity, at=now, pair=pair.pk)
    catalogue_version.changed()


# --- markets


def store_markets(infos: Iterable[MarketInfo], *, now: datetime) -> int:
    """Write what a platform says of its markets; suspend the approved pairs whose texts changed."""
    infos = list(infos)
    with transaction.atomic():
        count = store.upsert(infos, now=now)
        ids = [info.id for info in infos]
        _suspend_changed(ids, now=now)
        # An ended market has no book any more; a pause keeps its place
        Market.objects.filter(id__in=ids, followed=True).exclude(status__in=universe.LIVE).update(
            followed=False, follow_reasons=[], updated_at=now
        )
        catalogue_version.changed()
    return count


def _suspend_changed(market_ids: list[str], *, now: datetime) -> None:
    touched = Pair.objects.filter(
        Q(polymarket_id__in=market_ids) | Q(kalshi_id__in=market_ids), status=Pair.APPROVED
    ).select_related("polymarket", "kalshi")
    for pair in touched:
        if pair.rules_digest != rules_digest(pair):
            _end(pair, Pair.SUSPENDED, "the rules changed after the approval: read both texts again", now=now)


def discover(platform: str, *, now: datetime, batch: int = 500) -> int:
    """Read a platform's open markets into the table and choose the universe; returns how many were read."""
    config = settings.ARBSITE.universe
    rest = clients.rest(platform)
    horizon = now + timedelta(days=config.discover_days)
    count, part = 0, []
    for info in rest.markets(closing_before=horizon, limit=config.discover_limit):
        part.append(info)
        if len(part) >= batch:
            count += store_markets(part, now=now)
            part = []
    count += store_markets(part, now=now)
    refresh_ended(platform, now=now)
    universe.select(platform, now=now)
    catalogue_version.changed()
    return count


def refresh_ended(platform: str, *, now: datetime, limit: int = 500) -> int:
    """Read again the markets that should have ended: discovery lists open ones only."""
    ended = (
        Market.objects.filter(platform=platform, end_date__lt=now, end_date__gt=now - SETTLED_WATCH)
        .exclude(status__in=(SETTLED, OTHER_STATUS))
        .filter(Q(followed=True) | Q(bet_outcomes__isnull=False))
        .values_list("id", flat=True)
        .distinct()
    )
    return refresh(platform, list(ended[:limit]), now=now)


def refresh(platform: str, market_ids: Iterable[str], *, now: datetime) -> int:
    """Read single markets again over REST; returns how many the platform knew."""
    rest = clients.rest(platform)
    infos = []
    for market_id in market_ids:
        try:
            infos.append(rest.market(market_id))
        except Malformed as error:
            log.warning("market cannot be read", extra={"market": market_id, "error": str(error)})
        except Refused as refusal:
            if refusal.status != 404:
                raise
            Notice.objects.record(
                "market_gone",
                market_id,
                f"{platform} does not know this market any more.",
                severity=HIGH,
                at=now,
            )
            Market.objects.filter(pk=market_id).update(status=OTHER_STATUS, followed=False, updated_at=now)
    return store_markets(infos, now=now) if infos else 0
