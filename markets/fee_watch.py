"""Fees that change between two discoveries: announced (Kalshi), told by the stream, or silently (Polymarket)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from arbsite import keys
from arbsite.connections import redis_client
from markets import services
from markets.clients import kalshi_rest_client, polymarket_rest_client
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, MarketChange
from markets.platforms.kalshi import feechanges
from markets.platforms.kalshi.feechanges import Announced

FEES = "fees"
EVENT = "event:"
KNOWN_FOR = timedelta(days=2)
RATES_STAND = timedelta(hours=1)  # Polymarket announces no change of a rate: followed markets are read again
AT_ONCE = 1_000


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


def reread_rates(*, now: datetime) -> int:
    """Read again the followed markets of Polymarket that nobody has read for an hour; returns how many.

    Raises PlatformError.
    """
    rest = polymarket_rest_client()
    old = Market.objects.filter(platform=POLYMARKET, followed=True).exclude(
        refreshed_at__gt=now - RATES_STAND
    )
    wanted = list(old.order_by("refreshed_at").values_list("id", flat=True)[:AT_ONCE])
    if not wanted:
        return 0
    # A listing without a schedule is no news: only the market by itself is asked for on the order book's side, too
    infos = [info if info.fees is not None else rest.market(info.id) for info in rest.markets_by_id(wanted)]
    return services.store_markets(infos, now=now)


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
