"""Fees that change between two discoveries: announced for a time, or an event's own, told by the stream."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from arbsite import keys
from arbsite.connections import redis_client
from markets import services
from markets.clients import kalshi_rest_client
from markets.models import Market
from markets.platforms.base import KALSHI, MarketChange
from markets.platforms.kalshi import feechanges
from markets.platforms.kalshi.feechanges import Announced

FEES = "fees"
EVENT = "event:"
KNOWN_FOR = timedelta(days=2)


def stale_name(change: MarketChange) -> str:
    """How a market that the stream has news about waits to be read again: fee news names an event, not a market."""
    return f"{EVENT}{change.market_id}" if change.what == FEES else change.market_id


def market_ids(platform: str, names: Sequence[str]) -> list[str]:
    """The markets that these names stand for; of an event those that we follow or bet on."""
    events = {name.removeprefix(EVENT) for name in names if name.startswith(EVENT)}
    found = [name for name in names if not name.startswith(EVENT)]
    if events:
        found += _in_use(Market.objects.filter(platform=platform, event_id__in=events))
    return list(dict.fromkeys(found))


def check(*, now: datetime) -> int:
    """Read again the markets in use whose fees change within a day; returns how many. Each change is served once.

    Raises PlatformError; what failed is tried again the next time.
    """
    rest = kalshi_rest_client()
    series = _news(rest.fee_changes(), now)
    events = _news(rest.event_fee_changes(), now)
    if not series and not events:
        return 0
    touched = Q(metadata__series_ticker__in=[change.ticker for change in series]) | Q(
        event_id__in=[change.ticker for change in events]
    )
    infos = rest.markets_by_id(_in_use(Market.objects.filter(touched, platform=KALSHI)))
    services.store_markets(infos, now=now)
    client = redis_client()
    client.sadd(keys.fee_changes(), *(_name(change) for change in (*series, *events)))
    client.expire(keys.fee_changes(), KNOWN_FOR)
    return len(infos)


def _news(changes: Iterable[Announced], now: datetime) -> list[Announced]:
    """The changes that count already and have not been served."""
    soon = [change for change in changes if feechanges.counts(change, now)]
    if not soon:
        return []
    known = redis_client().smismember(keys.fee_changes(), [_name(change) for change in soon])
    return [change for change, old in zip(soon, known, strict=True) if not old]


def _name(change: Announced) -> str:
    """One announcement: put off or corrected, it is another one."""
    return f"{change.id}:{change.ticker}:{change.at.isoformat()}:{change.fee_type or ''}:{change.multiplier or ''}"


def _in_use(markets: QuerySet[Market]) -> list[str]:
    used = markets.filter(Q(followed=True) | Q(bet_outcomes__isnull=False))
    return list(used.values_list("id", flat=True).distinct())
