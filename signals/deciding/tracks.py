"""The recent mids of markets, from the price cache in Redis, as evidence for a verdict."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from django.conf import settings

from arbsite import keys
from arbsite.connections import redis_client
from markets.bets import MarketKey
from signals import unreadable
from signals.deciding.doubts import Evidence, Point


class CachedPrice(msgspec.Struct, gc=False):
    """What is needed of an entry of the price cache."""

    mid: Decimal | None = None


_price = msgspec.json.Decoder(CachedPrice).decode
_NO_PRICE = CachedPrice()


def recent(markets: Iterable[MarketKey], now_ms: int, *, since_ms: int | None = None) -> Evidence:
    """The mids of these markets over the last minutes, in one round trip; `since_ms` may reach further back.

    With `since_ms` a track begins with what stood at that moment: of a market that was quiet before it moved, nothing
    else says that it has moved. The cache keeps the newest hundred prices of a market: of a busy one that is less than
    the minutes asked for.
    """
    wanted = list(dict.fromkeys(markets))
    if not wanted:
        return Evidence()
    since = usual(now_ms) if since_ms is None else min(since_ms, usual(now_ms))
    pipe = redis_client().pipeline(transaction=False)
    for platform, market_id in wanted:
        name = keys.prices(platform, market_id)
        pipe.zrangebyscore(name, since, "+inf", withscores=True)
        # What stood before; nothing where nobody asked for it
        pipe.zrevrangebyscore(
            name, f"({since}", "-inf", start=0, num=int(since_ms is not None), withscores=True
        )
    found = pipe.execute()
    told = zip(wanted, found[1::2], found[::2], strict=True)
    return Evidence({market: _track(market, [*before, *entries]) for market, before, entries in told})


def usual(now_ms: int) -> int:
    """From when on prices are looked at, Unix ms."""
    return now_ms - int(settings.ARBSITE.signals.evidence_minutes * 60_000)


def _track(market: MarketKey, entries: list[tuple[bytes, float]]) -> list[Point]:
    points = []
    for raw, at_ms in entries:
        mid = unreadable.decoded(_price, raw, keys.prices(*market), _NO_PRICE).mid
        if mid is not None:
            points.append(Point(int(at_ms), mid))
    return points
