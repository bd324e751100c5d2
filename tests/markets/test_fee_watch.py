"""Fees that change between two discoveries reach the stored markets, and each announcement is served once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from markets import clients, fee_watch, store
from markets.models import Market
from markets.platforms.base import KALSHI, MarketChange
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.kalshi.rest import KalshiRest
from tests import factories
from tests.markets.kalshi import payloads as p
from tests.markets.kalshi.server import Answer, Asked, running

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
EVENT, SIBLING, OTHER = "KXRAIN-26NOV22", "KXRAIN-26NOV22-T2", "KXSNOW-26NOV22-T1"


def stored(market_id: str, *, series: str = "KXRAIN", followed: bool = True, event: str = EVENT) -> None:
    """A market as discovery left it: with the series' usual fees."""
    info = factories.info(KALSHI, market_id, event_id=event, extra={"series_ticker": series})
    store.upsert([info], now=NOW)
    Market.objects.filter(pk=market_id).update(followed=followed)


@pytest.fixture
def server(monkeypatch):
    with running() as one:
        one.on("/series/KXRAIN", {"series": p.series()})
        one.on("/events", {"events": [p.event()], "cursor": ""})

        def listed(asked: Asked) -> Answer:
            rows = [p.market(ticker) for ticker in asked.query["tickers"][0].split(",")]
            return Answer({"markets": rows, "cursor": ""})

        one.on("/markets", listed)
        one.on("/series/fee_changes", {"series_fee_change_arr": []})
        one.on("/events/fee_changes", {"event_fee_changes": [], "cursor": ""})
        rest = KalshiRest(one.url, backoff=0.001, timeout=5, now=lambda: NOW)
        monkeypatch.setattr(fee_watch, "kalshi_rest_client", lambda: rest)
        yield one


def announce(server, hours: float, multiplier: float, name: str = "1") -> None:
    at = (NOW + timedelta(hours=hours)).isoformat()
    row = {"id": name, "series_ticker": "KXRAIN", "fee_type": "quadratic", "fee_multiplier": multiplier}
    server.on("/series/fee_changes", {"series_fee_change_arr": [row | {"scheduled_ts": at}]})


def fees(market_id: str) -> KalshiFees:
    return clients.fees_from_json(KALSHI, Market.objects.get(pk=market_id).fees)


def test_an_announced_rise_reaches_the_markets_in_use_once(redis, server):
    for market_id, options in {
        f"{EVENT}-T1": {}, SIBLING: {"followed": False}, OTHER: {"series": "KXSNOW", "event": "KXSNOW-26NOV22"},
    }.items():  # fmt: skip
        stored(market_id, **options)
    assert fee_watch.check(now=NOW) == 0
    announce(server, 30, 2)
    assert fee_watch.check(now=NOW) == 0, "more than a day away"
    announce(server, 20, 2)
    assert fee_watch.check(now=NOW) == 1
    assert fees(f"{EVENT}-T1") == KalshiFees("quadratic", Decimal(2))
    assert fees(SIBLING) == fees(OTHER) == KalshiFees("quadratic", Decimal(1))
    asked = len(server.asked)
    assert fee_watch.check(now=NOW) == 0
    assert len(server.asked) == asked + 2, "the markets are not read again"


def test_a_corrected_announcement_is_a_new_one(redis, server):
    stored(f"{EVENT}-T1")
    announce(server, 20, 2)
    assert fee_watch.check(now=NOW) == 1
    announce(server, 20, 3)
    fee_watch.kalshi_rest_client()._announced = None
    assert fee_watch.check(now=NOW) == 1
    assert fees(f"{EVENT}-T1").multiplier == 3


def test_an_announcement_that_failed_to_be_served_is_served_later(redis, server):
    from markets.platforms.base import PlatformError

    stored(f"{EVENT}-T1")
    announce(server, 20, 2)
    server.on("/markets", Answer({"error": {"code": "internal", "message": "x"}}, 500))
    with pytest.raises(PlatformError):
        fee_watch.check(now=NOW)
    server.on("/markets", {"markets": [p.market()], "cursor": ""})
    assert fee_watch.check(now=NOW) == 1


def test_fee_news_of_an_event_are_about_its_markets(redis):
    stored(f"{EVENT}-T1")
    stored(SIBLING)
    stored(f"{EVENT}-T3", followed=False)
    stored(OTHER, event="KXSNOW-26NOV22")
    names = [
        fee_watch.stale_name(MarketChange(EVENT, "fees", {})),
        fee_watch.stale_name(MarketChange("KXNEW-1", "created", {})),
        fee_watch.stale_name(MarketChange("KXNOBODY", "fees", {})),
    ]
    assert sorted(fee_watch.market_ids(KALSHI, names)) == sorted(["KXNEW-1", f"{EVENT}-T1", SIBLING])
    assert fee_watch.market_ids(KALSHI, ["event:KXNOBODY"]) == []
