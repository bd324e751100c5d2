"""Fees that change between two discoveries reach the stored markets, and each announcement is served once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

import pytest

from arbsite import keys
from arbsite.models import Notice
from markets import clients, fee_watch, services, store, tasks
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, MarketChange
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.kalshi.rest import KalshiRest
from markets.platforms.polymarket.fees import PolymarketFees
from markets.streaming import run
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
        rest = KalshiRest(one.url, backoff=0.001, timeout=60, now=lambda: NOW)
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


def test_news_of_fees_lead_to_the_markets_being_read_again(redis, server, monkeypatch):
    stored(f"{EVENT}-T1")
    cheap = {"fee_type_override": "quadratic", "fee_multiplier_override": 0.5}
    server.on(f"/events/{EVENT}", {"event": p.event(**cheap)})
    server.on(f"/markets/{EVENT}-T1", {"market": p.market(f"{EVENT}-T1")})
    monkeypatch.setattr(services.clients, "rest", lambda platform: fee_watch.kalshi_rest_client())
    monkeypatch.setattr(run.current_app, "send_task", lambda name, kwargs: None)
    connector = object.__new__(run.Surroundings)
    connector.platform = KALSHI
    connector.changes([MarketChange(EVENT, "fees", cheap)])
    assert redis.smembers(keys.stale_markets(KALSHI)) == {f"event:{EVENT}".encode()}
    tasks.refresh(platform=KALSHI)
    assert fees(f"{EVENT}-T1") == KalshiFees("quadratic", Decimal("0.5"))
    assert not Notice.objects.filter(kind="market_gone").exists(), "an event is not asked for as a market"


def test_polymarket_is_read_again_every_hour(redis, monkeypatch):
    class Rest:
        """Answers with a rate that rose, and with a listing that has none."""

        asked: ClassVar[list[list[str]]] = []

        def markets_by_id(self, ids):
            self.asked.append(list(ids))
            rates = {"0x1": PolymarketFees(Decimal("0.05")), "0x2": None}
            return [factories.info(POLYMARKET, one, fees=rates[one]) for one in ids]

        def market(self, market_id):
            return factories.info(POLYMARKET, market_id, fees=PolymarketFees(Decimal("0.04")))

    monkeypatch.setattr(fee_watch, "polymarket_rest_client", Rest)
    for market_id in ("0x1", "0x2", "0x3"):
        store.upsert([factories.info(POLYMARKET, market_id, fees=PolymarketFees(Decimal("0.03")))], now=NOW)
    Market.objects.exclude(pk="0x3").update(followed=True)
    assert fee_watch.reread_rates(now=NOW + timedelta(minutes=59)) == 0
    assert fee_watch.reread_rates(now=NOW + timedelta(minutes=61)) == 2
    assert Rest.asked == [["0x1", "0x2"]]
    rates = [Market.objects.get(pk=one).fees["rate"] for one in ("0x1", "0x2", "0x3")]
    assert rates == ["0.05", "0.04", "0.03"]
    assert fee_watch.reread_rates(now=NOW + timedelta(minutes=62)) == 0


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
