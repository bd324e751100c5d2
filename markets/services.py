"""What happens to markets: discovery, refreshes, and what a change does to the bets and pairs built on them."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from arbsite.models import HIGH, Notice
from markets import catalogue_version, clients, store, universe
from markets.betting import decisions as bet_decisions
from markets.betting import events
from markets.betting import store as bet_store
from markets.models import Market
from markets.pairing import pairs, risk_history
from markets.platforms.base import OTHER_STATUS, SETTLED, Malformed, MarketInfo, PlatformError, Refused

log = logging.getLogger(__name__)

SETTLED_WATCH = timedelta(days=30)  # how long a closed market is asked for its result
ASK_AGAIN = timedelta(seconds=5)  # for it, at the earliest


def store_markets(infos: Iterable[MarketInfo], *, now: datetime) -> int:
    """Write what a platform says of its markets, and let what rests on them follow.

    Approvals whose terms changed are suspended, bets of ended markets closed, bets of whole events built anew, and what
    settled counts as history of `m0`.
    """
    infos = list(infos)
    with transaction.atomic():
        count = store.upsert(infos, now=now)
        ids = [info.id for info in infos]
        events.record(infos, now=now)
        pairs.suspend_changed(ids, now=now)
        bet_decisions.suspend_changed(ids, now=now)
        bet_store.follow_markets(ids, now=now)
        risk_history.grow(ids, now=now)
        # An ended market has no book any more; a pause keeps its place
        Market.objects.filter(id__in=ids, followed=True).exclude(status__in=universe.LIVE).update(
            followed=False, follow_reasons=[], updated_at=now
        )
        for platform in sorted({info.platform for info in infos}):
            events.rebuild_for(platform, ids, now=now)
        catalogue_version.changed()
    return count


def discover(platform: str, *, now: datetime, batch: int = 500) -> int:
    """Read a platform's open markets into the table and choose the universe; returns how many were read."""
    config = settings.ARBSITE.universe
    rest = clients.rest(platform)
    horizon = now + timedelta(days=config.discover_days)
    # It takes minutes: who keeps copies looks for what is newer than what they have
    at = _going_on(now)
    count, part = 0, []
    for info in rest.markets(closing_before=horizon, limit=config.discover_limit):
        part.append(info)
        if len(part) >= batch:
            count += store_markets(part, now=at())
            part = []
    count += store_markets(part, now=at())
    refresh_ended(platform, now=at())
    choose(platform, now=at())
    catalogue_version.changed()
    return count


def _going_on(now: datetime) -> Callable[[], datetime]:
    """`now`, and the time that has passed since."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def choose(platform: str, *, now: datetime) -> int:
    """Choose the universe, build the bets of the followed events, and follow their other markets as well."""
    universe.select(platform, now=now)
    at = _going_on(now)
    read_whole_events(platform, now=now)
    return rechoose(platform, now=at())


def read_whole_events(platform: str, *, now: datetime) -> int:
    """Ask for every market of the events that need it, closed ones too; returns how many were read."""
    rest = clients.rest(platform)
    at = _going_on(now)
    count = 0
    for event_id in events.due(platform, now=now):
        try:
            found = rest.event(event_id)
        except PlatformError as error:
            log.warning("event not read", extra={"event": event_id, "error": str(error)})
            continue
        with transaction.atomic():
            store_markets(found.markets, now=at())
            events.store_event(
                platform,
                event_id,
                member_ids=found.market_ids,
                whole=found.whole,
                now=at(),
                title=found.title,
            )
        count += 1
    return count


def rechoose(platform: str, *, now: datetime) -> int:
    """The same with what is known of events already: no platform is asked."""
    count = universe.select(platform, now=now)
    if events.rebuild_followed(platform, now=now):
        count = universe.select(platform, now=now)
    return count


def refresh_ended(platform: str, *, now: datetime, limit: int = 500) -> int:
    """Read again the markets that should have ended: discovery lists open ones only."""
    ended = _ended(platform, now).values_list("id", flat=True)
    return refresh(platform, list(ended[:limit]), now=now)


def watch_ended(platform: str, *, now: datetime, limit: int = 20) -> int:
    """Read again the ended markets whose result may have come, `limit` at most; returns how many the platform knew.

    A stream tells nothing of a market that is followed no more, so its settlement is asked for: again after an eighth of
    the time since its end, and five seconds at least. Raises PlatformError.
    """
    times = _ended(platform, now).order_by("refreshed_at").values_list("id", "end_date", "refreshed_at")
    due = [
        market_id
        for market_id, end, read in times
        if read is None or now - read >= max(ASK_AGAIN, (now - end) / 8)
    ]
    return refresh(platform, due[:limit], now=now)


def _ended(platform: str, now: datetime) -> QuerySet[Market]:
    """Markets in use that should have ended and have not settled."""
    return (
        Market.objects.filter(platform=platform, end_date__lt=now, end_date__gt=now - SETTLED_WATCH)
        .exclude(status__in=(SETTLED, OTHER_STATUS))
        .filter(Q(followed=True) | Q(bet_outcomes__isnull=False))
        .distinct()
    )


def refresh(platform: str, market_ids: Iterable[str], *, now: datetime) -> int:
    """Read single markets again over REST; returns how many the platform knew."""
    rest = clients.rest(platform)
    at = _going_on(now)
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
            Market.objects.filter(pk=market_id).update(status=OTHER_STATUS, followed=False, updated_at=at())
    return store_markets(infos, now=at()) if infos else 0
