"""The order side as the settings make it: hosts, wallet, the market's row, the signer's socket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings

from markets import clients, signer_client
from markets.models import Market
from markets.platforms.polymarket.private import PolymarketPrivateFeed
from markets.platforms.polymarket.trading import PolymarketTrading
from markets.platforms.trading import Accepted, PrivateFeed, Trading
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.server import Running
from tests.markets.polymarket.trading_help import HandSigner, ask, ready
from tests.markets.sandbox.polymarket.helpers import book, markets, standing

pytestmark = pytest.mark.django_db
WORLD = WorldSpec(pairs=2, short_lived=0, extra_kalshi=0, extra_polymarket=0)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    with standing(spec=WORLD) as running:
        yield running


@pytest.fixture
def running(exchange: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    urls = exchange.urls
    where = {
        "gamma_url": urls["gamma"], "clob_url": urls["clob"], "data_url": urls["data"],
        "user_ws_url": urls["clob_ws_user"], "geoblock_url": urls["geoblock"],
    }  # fmt: skip
    section = settings.ARBSITE.polymarket.model_copy(update=where)
    monkeypatch.setattr(settings.ARBSITE, "polymarket", section)
    monkeypatch.setattr(signer_client, "ask", HandSigner(exchange.keys.polymarket_private_key))
    return exchange


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01")
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


def stored(market: SandboxMarket, **changes) -> None:
    tokens = zip(("YES", "NO"), market.p.token_ids, strict=True)
    given = {
        "outcomes": [{"name": name, "token_id": token} for name, token in tokens],
        "ticks": [["0.01", "0.99", "0.01"]],
        "min_size": Decimal(5),
        "metadata": {"neg_risk": False, "version": "v1"},
    }
    Market.objects.create(id=market.id, platform="polymarket", slug="s", **given | changes)


def test_an_order_by_the_settings_with_the_markets_row(running: Running, market: SandboxMarket) -> None:
    stored(market)
    trading: Trading = clients.polymarket_trading_client()
    answer = trading.submit(ready(trading, ask(market, "0.45", facts={})))  # type: ignore[arg-type]
    assert isinstance(answer, Accepted)
    assert trading.state().takes_orders and abs((trading.clock() - datetime.now(UTC)).total_seconds()) < 3
    assert isinstance(trading, PolymarketTrading) and trading.account._terms_of(market.id).min_size == 5


def test_a_market_that_is_not_stored_is_asked_of_the_platform(
    running: Running, market: SandboxMarket
) -> None:
    trading = clients.polymarket_trading_client()
    assert isinstance(trading.submit(ready(trading, ask(market, "0.45", facts={}))), Accepted)


def test_a_row_that_cannot_be_traded_is_declined_not_guessed(running: Running, market: SandboxMarket) -> None:
    stored(market, ticks=[["0.03", "0.97", "0.03"]])
    trading = clients.polymarket_trading_client()
    found = trading.prepare(ask(market, "0.45", facts={}))
    assert "tick" in found.sentence  # type: ignore[union-attr]


def test_the_feed_by_the_settings(running: Running) -> None:
    feed: PrivateFeed = clients.polymarket_private_feed()
    assert isinstance(feed, PolymarketPrivateFeed) and feed.url == running.urls["clob_ws_user"]
    assert feed.handshake() == []
    feed.opened(1)
    assert '"type":"user"' in feed.outbox[0]
