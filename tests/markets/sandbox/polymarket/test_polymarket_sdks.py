"""Both official clients against the sandbox: discovery, books, orders, fills, both channels. Nothing leaves loopback."""

import asyncio
import dataclasses
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from markets.sandbox.market import SandboxMarket
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import MICRO, User, book, hit, markets, until

polymarket = pytest.importorskip("polymarket")
clob_v2 = pytest.importorskip("py_clob_client_v2")


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50, 50: 50})
    return chosen


def environment(running: Running) -> Any:
    from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

    urls = running.urls
    known = {
        "clob_url": urls["clob"], "gamma_url": urls["gamma"], "data_url": urls["data"],
        "clob_market_ws_url": urls["clob_ws"], "clob_user_ws_url": urls["clob_ws_user"],
    }  # fmt: skip
    every = {
        field.name: known.get(field.name, "http://127.0.0.1:9")
        for field in dataclasses.fields(PRODUCTION_CONFIG)
        if field.name.endswith("_url")
    }
    return create_environment(name="sandbox", config=dataclasses.replace(PRODUCTION_CONFIG, **every))


@pytest.fixture
def client(running: Running) -> Iterator[Any]:
    from polymarket.clients.secure import SecureClient

    keys = running.keys
    client = SecureClient.create(
        private_key=keys.polymarket_private_key,
        wallet=keys.polymarket_address,
        environment=environment(running),
    )
    yield client
    client.cancel_all()
    client.close()


@pytest.fixture
def old_client(running: Running) -> Iterator[Any]:
    client = clob_v2.ClobClient(running.urls["clob"], 137, key=running.keys.polymarket_private_key)
    client.set_api_creds(client.create_or_derive_api_key())
    yield client
    client.cancel_all()


# --- polymarket-client


def test_discovery(client: Any, running: Running) -> None:
    found = list(client.list_markets(page_size=2).iter_items())
    assert {one.condition_id for one in found} == {market.id for market in markets(running)}
    by_id = {market.id: market for market in markets(running)}
    for one in found:
        assert one.outcomes.yes.token_id == by_id[one.condition_id].p.token_ids[0]
        assert one.trading.minimum_tick_size == Decimal(by_id[one.condition_id].p.tick)
        assert one.state.accepting_orders is True
    events = list(client.list_events().iter_items())
    assert sum(len(event.markets) for event in events) == len(found)
    assert client.get_market(slug=markets(running)[0].p.slug).condition_id == markets(running)[0].id


def test_books_and_prices(client: Any, market: SandboxMarket) -> None:
    yes, no = market.p.token_ids
    shown = client.get_order_book(asset_id=yes)
    assert [(level.price, level.size) for level in shown.asks] == [
        (Decimal("0.5"), 50),
        (Decimal("0.45"), 50),
    ]
    assert [one.asset_id for one in client.get_order_books(asset_ids=[yes, no])] == [yes, no]
    assert client.get_midpoint(asset_id=yes) == Decimal("0.425")
    assert client.get_spread(asset_id=no) == Decimal("0.05")
    assert client.get_price(asset_id=yes, side="BUY") == Decimal("0.4")
    assert client.estimate_market_price(asset_id=yes, side="BUY", amount=30) == Decimal("0.5")
    client.get_last_trade_price(asset_id=yes)


def test_a_limit_order_from_placing_to_cancelling(client: Any, market: SandboxMarket) -> None:
    placed = client.place_limit_order(asset_id=market.p.token_ids[1], price="0.3", size="10", side="BUY")
    assert placed.ok and placed.status == "live"
    order = client.get_order(order_id=placed.order_id)
    assert (order.status, order.price, order.outcome) == ("LIVE", Decimal("0.3"), market.outcomes[1])
    assert [one.id for one in client.list_open_orders(market=market.id).iter_items()] == [placed.order_id]
    assert client.cancel_order(order_id=placed.order_id).canceled == (placed.order_id,)
    assert list(client.list_open_orders().iter_items()) == []


def test_a_market_order_from_matching_to_settlement(client: Any, market: SandboxMarket) -> None:
    token = market.p.token_ids[0]
    before = client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=token).balance
    placed = client.place_market_order(asset_id=token, side="BUY", amount="9", max_price="0.45")
    assert placed.ok and placed.status == "matched" and placed.transactions_hashes == ()
    assert (placed.making_amount, placed.taking_amount) == (Decimal(9), Decimal(20))
    hashes = client.wait_for_order_fill_settlement(placed, timeout_s=10)
    assert len(hashes) == 1 and hashes[0].startswith("0x")
    assert (
        client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=token).balance == before + 20 * MICRO
    )
    trade = next(iter(client.list_account_trades(id=placed.trade_ids[0]).iter_items()))
    assert trade.status == "CONFIRMED" and trade.trader_side == "TAKER"
    position = next(p for p in client.list_positions(user=client.wallet).iter_items() if p.asset_id == token)
    assert position.current_size * MICRO == before + 20 * MICRO
    assert client.get_portfolio_value(user=client.wallet).value > 0
    public = next(iter(client.list_trades(condition_id=market.id).iter_items()))
    assert (public.side, public.price) == ("BUY", Decimal("0.45"))
    sold = client.place_market_order(asset_id=token, side="SELL", shares="20", min_price="0.4")
    assert sold.ok and sold.taking_amount == Decimal(8)
    client.wait_for_order_fill_settlement(sold, timeout_s=10)


def test_a_batch_and_its_refusals(client: Any, market: SandboxMarket) -> None:
    token = market.p.token_ids[0]
    good = client.create_limit_order(asset_id=token, price="0.2", size="10", side="BUY")
    crossing = client.create_limit_order(asset_id=token, price="0.5", size="10", side="BUY", post_only=True)
    first, second = client.post_orders([good, crossing])
    assert first.ok and not second.ok and second.code == "post_only_would_cross"
    assert client.cancel_market_orders(market=market.id).canceled == (first.order_id,)
    beat = client.send_order_heartbeat()
    assert client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id).heartbeat_id
    assert client.get_resolutions(condition_ids=market.id)[0].status == "posed"


def test_both_channels_through_the_async_client(running: Running, market: SandboxMarket) -> None:
    from polymarket.clients.async_secure import AsyncSecureClient
    from polymarket.streams import MarketSpec, UserSpec

    seen: list[Any] = []

    async def listen() -> None:
        client = await AsyncSecureClient.create(
            private_key=running.keys.polymarket_private_key, wallet=running.keys.polymarket_address,
            environment=environment(running),
        )  # fmt: skip
        token = market.p.token_ids[0]
        async with client:
            books = await client.subscribe(MarketSpec(asset_ids=[token], custom_feature_enabled=True))
            mine = await client.subscribe(UserSpec())
            await asyncio.wait_for(_until(books, seen, "book"), 10)
            # The user channel greets nobody: place until something is heard
            heard = asyncio.create_task(_until(mine, seen, "order"))
            while not heard.done():
                placed = await client.place_limit_order(asset_id=token, price="0.41", size="5", side="BUY")
                assert placed.ok
                await client.cancel_order(order_id=placed.order_id)
                await asyncio.sleep(0.05)
            await asyncio.wait_for(_until(books, seen, "price_change"), 10)
            taken = await client.place_market_order(asset_id=token, side="BUY", amount="9", max_price="0.45")
            assert taken.ok
            await asyncio.wait_for(_until(mine, seen, "trade", "CONFIRMED"), 10)
            await asyncio.wait_for(_until(books, seen, "last_trade_price"), 10)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(listen())
    assert {"book", "price_change", "last_trade_price", "order", "trade"} <= {event.type for event in seen}


async def _until(handle: Any, seen: list[Any], kind: str, status: str = "") -> None:
    async for event in handle:
        seen.append(event)
        if event.type == kind and (not status or event.payload.status == status):
            return


# --- py-clob-client-v2


def test_the_other_client_reads(old_client: Any, market: SandboxMarket, running: Running) -> None:
    yes, no = market.p.token_ids
    assert old_client.get_ok() == "OK" and old_client.get_version() == 2
    assert abs(int(old_client.get_server_time()) - running.sandbox.now_ms() // 1000) <= 1
    assert old_client.get_tick_size(yes) == "0.01" and old_client.get_neg_risk(yes) is False
    shown = old_client.get_order_book(yes)
    shown = shown if isinstance(shown, dict) else dataclasses.asdict(shown)
    assert shown["asset_id"] == yes and shown["bids"][-1]["price"] == "0.4"
    assert old_client.get_midpoint(no) == {"mid": "0.575"}
    assert len(old_client.get_markets()["data"]) == len(markets(running))
    assert old_client.get_market(market.id)["condition_id"] == market.id


def test_the_other_client_trades(old_client: Any, market: SandboxMarket, running: Running) -> None:
    from py_clob_client_v2.clob_types import (
        MarketOrderArgsV2,
        OpenOrderParams,
        OrderArgsV2,
        OrderPayload,
        OrderType,
    )

    token = market.p.token_ids[0]
    resting = old_client.create_and_post_order(OrderArgsV2(token_id=token, price=0.41, size=10, side="BUY"))
    assert resting["status"] == "live"
    assert [row["id"] for row in old_client.get_open_orders(OpenOrderParams(market=market.id))] == [
        resting["orderID"]
    ]
    hit(running, market, "SELL", 41, 10)
    assert old_client.get_order(resting["orderID"])["status"] == "MATCHED"
    taken = old_client.create_and_post_market_order(
        MarketOrderArgsV2(token_id=token, amount=9, side="BUY", price=0.45, order_type=OrderType.FAK),
        order_type=OrderType.FAK,
    )
    assert taken["status"] == "matched" and taken["takingAmount"] == "20"
    assert taken["transactionsHashes"]  # the client waited for the settlement
    trades = old_client.get_trades()
    assert {"TAKER", "MAKER"} <= {trade["trader_side"] for trade in trades}
    again = old_client.create_and_post_order(OrderArgsV2(token_id=token, price=0.2, size=10, side="BUY"))
    assert old_client.cancel_order(OrderPayload(orderID=again["orderID"]))["canceled"] == [again["orderID"]]


def test_the_other_client_on_a_neg_risk_market(old_client: Any, running: Running) -> None:
    from py_clob_client_v2.clob_types import OrderArgsV2

    grouped = next(m for m in markets(running) if m.p.neg_risk)
    book(running, grouped, {20: 100}, {30: 100})
    tick = grouped.p.tick
    answer = old_client.create_and_post_order(
        OrderArgsV2(token_id=grouped.p.token_ids[1], price=0.6, size=10, side="BUY")
    )
    assert answer["status"] == "live" and tick in ("0.01", "0.001")
    mine = User.of(running)
    until(lambda: mine.send("GET", "/data/orders", asset_id=grouped.p.token_ids[1]).json()["data"])


def test_the_other_client_reads_refusals(old_client: Any, market: SandboxMarket) -> None:
    from py_clob_client_v2.clob_types import OrderArgsV2
    from py_clob_client_v2.exceptions import PolyApiException

    with pytest.raises(PolyApiException) as refused:
        old_client.create_and_post_order(
            OrderArgsV2(token_id=market.p.token_ids[0], price=0.2, size=4, side="BUY")
        )
    assert refused.value.status_code == 400 and "lower than the minimum" in str(refused.value.error_msg)
