"""Every answer of the REST side against the platform's OpenAPI file."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.markets.sandbox.kalshi.rig import Client, Rig, rig
from tests.markets.sandbox.kalshi.schemas import check_rest

PUBLIC = (
    "/exchange/status", "/exchange/schedule", "/exchange/user_data_timestamp", "/series", "/series?include_volume=true",
    "/series/fee_changes", "/series/{series}", "/events", "/events?with_nested_markets=true&limit=2",
    "/events?with_milestones=true", "/events/multivariate", "/events/fee_changes", "/events/{event}",
    "/events/{event}?with_nested_markets=true", "/events/{event}/metadata", "/markets", "/markets?status=open&limit=2",
    "/markets?status=settled", "/markets/trades", "/markets/trades?ticker={market}", "/markets/{market}",
    "/markets/{market}/orderbook", "/markets/orderbooks?tickers={market}&tickers={other}",
    "/account/endpoint_costs", "/historical/cutoff",
)  # fmt: skip
PRIVATE = (
    "/portfolio/orders", "/portfolio/orders/{order}", "/portfolio/orders/{order}/queue_position",
    "/portfolio/orders/queue_positions?market_tickers={market}", "/portfolio/balance", "/portfolio/positions",
    "/portfolio/positions?settlement_status=all", "/portfolio/fills", "/portfolio/settlements", "/portfolio/deposits",
    "/portfolio/withdrawals", "/portfolio/summary/total_resting_order_value", "/portfolio/order_groups",
    "/portfolio/order_groups/{group}", "/portfolio/intra_exchange_instance_transfers",
    "/portfolio/intra_exchange_instance_transfers/{transfer}", "/portfolio/subaccounts/balances", "/account/limits",
    "/api_keys",
)  # fmt: skip


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture(scope="module")
def names(place: Rig) -> dict[str, str]:
    """A lived-in account: a resting order, fills, a settled position, a group, a transfer."""
    alice, bob = place.client(), place.bob()
    ticker, over = place.empty_market(0), place.empty_market(1)
    for name in (ticker, over):
        bob.placed(name, "ask", "0.60", "10")
        alice.placed(name, "bid", "0.60", "4")
    resting = alice.placed(ticker, "bid", "0.40", "2", expiration_time=place.now_ms() // 1000 + 600)
    place.world("determine", over, 1_000_000)
    place.world("settle", over)
    group = call(alice, "POST", "/portfolio/order_groups/create", {"contracts_limit_fp": "10.00"}, 201)
    moved = call(
        alice, "POST", "/portfolio/intra_exchange_instance_transfer",
        {"source": "event_contract", "destination": "event_contract", "amount": 10_000,
         "destination_exchange_shard": 2, "client_transfer_id": str(uuid.uuid4())}, 200,
    )  # fmt: skip
    market = place.exchange.catalog.market(ticker)
    return {
        "market": ticker, "other": over, "event": market.event_id, "series": market.k.series_ticker,
        "order": resting["order_id"], "group": group["order_group_id"], "transfer": moved["transfer_id"],
    }  # fmt: skip


def call(client: Client, method: str, path: str, body: Any, status: int) -> Any:
    """A request whose answer must have this status and be as the specification says."""
    answer = client.ask(method, path, body=body)
    assert answer.status_code == status, answer.text
    found = answer.json() if answer.content else None
    check_rest(method, path.split("?")[0], status, found)
    return found


@pytest.mark.parametrize("path", PUBLIC)
def test_public_answers(place: Rig, names: dict[str, str], path: str) -> None:
    path = path.format(**names)
    answer = place.client().ask("GET", path, sign=False)
    assert answer.status_code == 200, answer.text
    check_rest("GET", path.split("?")[0], 200, answer.json())


@pytest.mark.parametrize("path", PRIVATE)
def test_private_answers(place: Rig, names: dict[str, str], path: str) -> None:
    call(place.client(), "GET", path.format(**names), None, 200)


def test_what_was_lived_through_is_in_the_answers(place: Rig, names: dict[str, str]) -> None:
    alice = place.client()
    assert len(alice.get("/portfolio/orders")["orders"]) == 3
    assert len(alice.get("/portfolio/fills")["fills"]) == 2
    [paid] = alice.get("/portfolio/settlements")["settlements"]
    assert (paid["ticker"], paid["market_result"], paid["revenue"], paid["value"]) == (
        names["other"],
        "yes",
        400,
        100,
    )
    assert alice.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 80


def test_writes(place: Rig, names: dict[str, str]) -> None:
    alice, ticker = place.client(), names["market"]
    place.bob().placed(ticker, "ask", "0.70", "3")

    def body(price: str, count: str) -> dict[str, Any]:
        return {
            "ticker": ticker, "side": "bid", "price": price, "count": count, "client_order_id": uuid.uuid4().hex,
            "time_in_force": "good_till_canceled", "self_trade_prevention_type": "maker",
        }  # fmt: skip

    base = "/portfolio/events/orders"
    made = call(alice, "POST", base, body("0.30", "12"), 201)
    one = f"{base}/{made['order_id']}"
    call(alice, "POST", f"{one}/decrease", {"reduce_by": "1.00", "market_ticker": ticker}, 200)
    amended = {"ticker": ticker, "side": "bid", "price": "0.31", "count": "11"}
    call(alice, "POST", f"{one}/amend", amended, 200)
    met = call(alice, "POST", f"{one}/amend", {**amended, "price": "0.70"}, 200)
    assert (met["fill_count"], met["remaining_count"]) == ("9.00", "2.00")  # 6 at 0.60, 3 at 0.70
    assert met["average_fill_price"] == "0.6333"
    refused = call(alice, "DELETE", f"{one}?market_ticker={names['other']}", None, 404)
    assert refused["error"]["code"] == "not_found"
    call(alice, "DELETE", f"{one}?market_ticker={ticker}", None, 200)
    batch = {"orders": [body("0.20", "1"), {**body("0.20", "1"), "ticker": "NONE"}]}
    rows = call(alice, "POST", f"{base}/batched", batch, 201)["orders"]
    assert [row.get("error", {}).get("code") for row in rows] == [None, "market_not_found"]
    gone = {"orders": [{"order_id": rows[0]["order_id"], "market_ticker": ticker}, {"order_id": "none"}]}
    rows = call(alice, "DELETE", f"{base}/batched", gone, 200)["orders"]
    assert [row["reduced_by"] for row in rows] == ["1.00", "0.00"]
    group = f"/portfolio/order_groups/{names['group']}"
    for verb in ("trigger", "reset"):
        call(alice, "PUT", f"{group}/{verb}", {}, 200)
    call(alice, "PUT", f"{group}/limit", {"contracts_limit": 5}, 200)
    call(alice, "DELETE", group, None, 200)
    call(alice, "DELETE", base, None, 204)
    assert not alice.get("/portfolio/orders", status="resting")["orders"]
