"""The platform's own Python SDK against our exchange: discovery, book, place, cancel, fills."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.markets.sandbox.kalshi.rig import Rig, rig

sdk = pytest.importorskip("kalshi_python_sync", reason="the platform's SDK is not installed")


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture(scope="module")
def client(place: Rig) -> Any:
    config = sdk.Configuration(host=place.running.urls["kalshi_rest"])
    config.api_key_id = place.running.keys.kalshi_key_id
    config.private_key_pem = place.running.keys.kalshi_private_pem
    return sdk.KalshiClient(config)


def order(
    client: Any, ticker: str, side: str, price: str, count: str, tif: str = "good_till_canceled"
) -> Any:
    return client.create_order_v2(
        ticker=ticker, side=side, count=count, price=price, time_in_force=tif,
        self_trade_prevention_type="taker_at_cross", client_order_id=uuid.uuid4().hex,
    )  # fmt: skip


def test_discovery(place: Rig, client: Any) -> None:
    seen, cursor = [], None
    while cursor != "":
        page = client.get_markets(limit=4, status="open", cursor=cursor)
        seen += [market.ticker for market in page.markets]
        cursor = page.cursor
    assert seen == [market.id for market in place.markets if market.state == "OPEN"]
    market = client.get_market(seen[0]).market
    event = client.get_event(market.event_ticker, with_nested_markets=True).event
    assert [nested.ticker for nested in event.markets] == [market.ticker]
    series = client.get_series(event.series_ticker).series
    assert series.fee_type.value.startswith("quadratic")
    assert client.get_exchange_status().trading_active
    assert client.get_exchange_schedule().schedule.standard_hours


def test_book_place_cancel_and_fills(place: Rig, client: Any) -> None:
    ticker, bob = place.empty_market(), place.bob()
    bob.placed(ticker, "ask", "0.60", "5")
    book = client.get_market_orderbook(ticker).orderbook_fp
    assert book.no_dollars == [["0.4000", "5.00"]] and book.yes_dollars == []

    resting = order(client, ticker, "bid", "0.55", "2")
    assert (resting.fill_count, resting.remaining_count) == ("0.00", "2.00")
    assert client.get_order(resting.order_id).order.status.value == "resting"
    cancelled = client.cancel_order_v2(resting.order_id, market_ticker=ticker)
    assert cancelled.reduced_by == "2.00"
    assert client.get_order(resting.order_id).order.status.value == "canceled"

    bought = order(client, ticker, "bid", "0.65", "3", "immediate_or_cancel")
    assert (bought.fill_count, bought.average_fill_price) == (
        "3.00",
        "0.6000",
    )  # the resting price, not the limit
    [fill] = client.get_fills(order_id=bought.order_id).fills
    assert (fill.count_fp, fill.yes_price_dollars, fill.is_taker) == ("3.00", "0.6000", True)
    assert Decimal(fill.fee_cost) == Decimal("0.0504")  # 0.07 * 3 * 0.6 * 0.4
    [position] = client.get_positions(ticker=ticker).market_positions
    assert position.position_fp == "3.00"
    assert [o.order_id for o in client.get_orders(ticker=ticker, status="executed").orders] == [
        bought.order_id
    ]
    balance = Decimal(client.get_balance().balance_dollars)
    assert balance == Decimal(10_000) - Decimal("1.8504")
