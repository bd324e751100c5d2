"""The desk's rules: times in force, post-only, self-trades, client ids, amend, decrease, refusals, reads that lag."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from markets.sandbox.clock import ManualClock
from tests.markets.sandbox.kalshi.rig import Client, Rig, rig

START = 1_795_000_000_000


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig(clock=ManualClock(START), kalshi_read_lag_ms=0) as made:
        yield made


@pytest.fixture
def ticker(place: Rig) -> Iterator[str]:
    yield place.empty_market()
    for client in (place.client(), place.bob()):
        assert client.ask("DELETE", "/portfolio/events/orders").status_code == 204


def code(answer: object) -> tuple[int, str]:
    """Status and code of a refusal in the nested shape."""
    return answer.status_code, answer.json()["error"]["code"]  # type: ignore[attr-defined]


def status(client: Client, order_id: str) -> tuple[str, str, str]:
    """An order's status, filled and remaining counts."""
    order = client.get(f"/portfolio/orders/{order_id}")["order"]
    return order["status"], order["fill_count_fp"], order["remaining_count_fp"]


def test_a_resting_order_is_matched_at_its_own_price_in_order_of_arrival(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    first = alice.placed(ticker, "ask", "0.60", "2")
    second = alice.placed(ticker, "ask", "0.60", "2")
    assert alice.get(f"/portfolio/orders/{second['order_id']}/queue_position") == {
        "queue_position_fp": "2.00"
    }
    taken = bob.placed(ticker, "bid", "0.70", "3")
    assert (taken["fill_count"], taken["remaining_count"], taken["average_fill_price"]) == (
        "3.00",
        "0.00",
        "0.6000",
    )
    assert status(alice, first["order_id"]) == ("executed", "2.00", "0.00")
    assert status(alice, second["order_id"]) == ("resting", "1.00", "1.00")


def test_immediate_or_cancel(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    none = bob.placed(ticker, "bid", "0.50", "3", time_in_force="immediate_or_cancel")
    assert (none["fill_count"], none["remaining_count"]) == ("0.00", "0.00")
    assert "average_fill_price" not in none
    assert status(bob, none["order_id"]) == ("canceled", "0.00", "0.00")
    alice.placed(ticker, "ask", "0.50", "1.25")
    part = bob.placed(ticker, "bid", "0.50", "3", time_in_force="immediate_or_cancel")
    assert (part["fill_count"], part["remaining_count"]) == ("1.25", "0.00")
    assert status(bob, part["order_id"]) == ("canceled", "1.25", "0.00")


def test_fill_or_kill_leaves_nothing_but_its_used_id(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    alice.placed(ticker, "ask", "0.50", "2")
    killed = bob.order(ticker, "bid", "0.50", "3", time_in_force="fill_or_kill", client_order_id="fok-1")
    assert code(killed) == (409, "fill_or_kill_insufficient_resting_volume")
    again = bob.order(ticker, "bid", "0.50", "2", time_in_force="fill_or_kill", client_order_id="fok-1")
    assert code(again) == (409, "order_already_exists")
    whole = bob.placed(ticker, "bid", "0.50", "2", time_in_force="fill_or_kill")
    assert whole["fill_count"] == "2.00"


def test_a_client_id_is_used_up_for_ever_per_account(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    made = alice.placed(ticker, "bid", "0.10", "1", client_order_id="once")
    alice.ask("DELETE", f"/portfolio/events/orders/{made['order_id']}", market_ticker=ticker)
    # Also where it could not be taken for another reason: a retry must learn that the first one arrived
    assert code(alice.order(ticker, "bid", "0.10", "99999999", client_order_id="once")) == (
        409,
        "order_already_exists",
    )
    assert code(alice.order(ticker, "bid", "0.105", "1", client_order_id="once")) == (
        409,
        "order_already_exists",
    )
    bob.placed(ticker, "bid", "0.10", "1", client_order_id="once")
    refused = alice.order(ticker, "bid", "0.105", "1", client_order_id="twice")
    assert code(refused) == (400, "invalid_price")
    alice.placed(ticker, "bid", "0.10", "1", client_order_id="twice")  # a refusal uses up nothing


def test_post_only(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    alice.placed(ticker, "ask", "0.50", "2")
    crossing = bob.order(ticker, "bid", "0.50", "1", post_only=True)
    assert code(crossing) == (400, "invalid_order")
    assert crossing.json()["error"]["details"] == "post only cross"
    assert bob.placed(ticker, "bid", "0.49", "1", post_only=True)["remaining_count"] == "1.00"


def test_self_trades(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    mine = alice.placed(ticker, "ask", "0.50", "2")
    stopped = alice.placed(ticker, "bid", "0.50", "1")
    assert (stopped["fill_count"], stopped["remaining_count"]) == ("0.00", "0.00")
    assert status(alice, mine["order_id"])[0] == "resting"
    bob.placed(ticker, "ask", "0.50", "3")
    through = alice.placed(ticker, "bid", "0.50", "1", self_trade_prevention_type="maker")
    assert through["fill_count"] == "1.00"
    assert status(alice, mine["order_id"]) == ("canceled", "0.00", "0.00")


def test_reduce_only_never_opens(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market(3)
    bob.placed(ticker, "ask", "0.50", "10")
    held = Decimal(alice.placed(ticker, "bid", "0.50", "2")["fill_count"])
    before = alice.get("/portfolio/positions", ticker=ticker)["market_positions"][0]["position_fp"]
    bob.placed(ticker, "bid", "0.40", "50")
    big = str(Decimal(before) + 5)
    sold = alice.placed(ticker, "ask", "0.40", big, time_in_force="immediate_or_cancel", reduce_only=True)
    assert held and sold["fill_count"] == before
    assert alice.get("/portfolio/positions", ticker=ticker)["market_positions"][0]["position_fp"] == "0.00"
    none = alice.placed(ticker, "ask", "0.40", "1", time_in_force="immediate_or_cancel", reduce_only=True)
    assert none["fill_count"] == "0.00"


def test_an_order_expires(place: Rig, ticker: str) -> None:
    alice, clock = place.client(), place.clock
    assert clock is not None
    made = alice.placed(ticker, "bid", "0.10", "1", expiration_time=clock.at_ms // 1000 + 5)
    place.do(lambda: clock.advance(5_000))
    place.do(lambda: place.running.sandbox.world.step(clock.at_ms))
    assert status(alice, made["order_id"]) == ("canceled", "0.00", "0.00")
    assert code(alice.order(ticker, "bid", "0.10", "1", expiration_time=clock.at_ms // 1000 - 1))[0] == 400


def test_decrease_keeps_the_place_in_the_queue_and_amend_loses_it(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    first = alice.placed(ticker, "bid", "0.30", "5")["order_id"]
    second = bob.placed(ticker, "bid", "0.30", "1")["order_id"]
    path = f"/portfolio/events/orders/{first}"
    less = alice.ask("POST", f"{path}/decrease", body={"reduce_to": "4.00", "market_ticker": ticker}).json()
    assert less["remaining_count"] == "4.00"
    assert alice.get(f"/portfolio/orders/{first}/queue_position")["queue_position_fp"] == "0.00"
    body = {
        "ticker": ticker,
        "side": "bid",
        "price": "0.30",
        "count": "6",
        "updated_client_order_id": "renamed",
    }
    more = alice.ask("POST", f"{path}/amend", body=body).json()
    assert (more["remaining_count"], more["fill_count"], more["client_order_id"]) == (
        "6.00",
        "0.00",
        "renamed",
    )
    assert alice.get(f"/portfolio/orders/{first}/queue_position")["queue_position_fp"] == "1.00"
    assert bob.get(f"/portfolio/orders/{second}/queue_position")["queue_position_fp"] == "0.00"
    for bad in ({"reduce_by": "1", "reduce_to": "1"}, {}):
        assert code(alice.ask("POST", f"{path}/decrease", body={**bad, "market_ticker": ticker}))[0] == 400
    assert code(alice.ask("POST", f"{path}/amend", body={**body, "side": "ask"}))[0] == 400


def test_amend_counts_what_was_filled(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    made = alice.placed(ticker, "bid", "0.30", "5")["order_id"]
    bob.placed(ticker, "ask", "0.30", "2")
    body = {"ticker": ticker, "side": "bid", "price": "0.31", "count": "6"}
    alice.ask("POST", f"/portfolio/events/orders/{made}/amend", body=body)
    assert status(alice, made) == ("resting", "2.00", "4.00")
    too_few = alice.ask("POST", f"/portfolio/events/orders/{made}/amend", body={**body, "count": "2"})
    assert code(too_few) == (400, "invalid_order")


def test_unknown_done_and_foreign_orders_look_alike(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    made = alice.placed(ticker, "bid", "0.30", "5")["order_id"]
    foreign = bob.ask("DELETE", f"/portfolio/events/orders/{made}", market_ticker=ticker)
    first = alice.ask("DELETE", f"/portfolio/events/orders/{made}", market_ticker=ticker)
    assert first.json()["reduced_by"] == "5.00"
    again = alice.ask("DELETE", f"/portfolio/events/orders/{made}", market_ticker=ticker)
    unknown = alice.ask("DELETE", "/portfolio/events/orders/none", market_ticker=ticker)
    assert foreign.content == again.content == unknown.content
    assert again.json() == {"error": {"code": "not_found", "message": "not found"}}
    assert {foreign.status_code, again.status_code, unknown.status_code} == {404}


def test_without_its_ticker_an_order_on_another_shard_is_not_found(place: Rig) -> None:
    ticker = place.empty_market(1)
    market = place.exchange.catalog.market(ticker)
    place.do(lambda: setattr(market.k, "exchange_index", 2))
    try:
        alice = place.client()
        poor = alice.order(ticker, "bid", "0.30", "5")
        assert code(poor) == (400, "insufficient_balance")  # the money lies on shard 0
        move = {"source": "event_contract", "destination": "event_contract", "amount": 50_000,
                "destination_exchange_shard": 2, "client_transfer_id": "move-1"}  # fmt: skip
        path = "/portfolio/intra_exchange_instance_transfer"
        assert alice.ask("POST", path, body=move).status_code == 200
        assert alice.ask("POST", path, body=move).status_code == 409
        made = alice.placed(ticker, "bid", "0.30", "5")["order_id"]
        assert alice.ask("DELETE", f"/portfolio/events/orders/{made}").status_code == 404
        assert alice.ask("DELETE", f"/portfolio/events/orders/{made}", exchange_index=2).status_code == 200
    finally:
        place.do(lambda: setattr(market.k, "exchange_index", 0))


@pytest.mark.parametrize(
    ("change", "status_code", "word"),
    [
        ({"price": "0.495"}, 400, "invalid_price"),
        ({"price": "1.00"}, 400, "invalid_price"),
        ({"price": "0.00"}, 400, "invalid_price"),
        ({"price": "half"}, 400, "invalid_price"),
        ({"count": "0"}, 400, "invalid_parameters"),
        ({"count": "1.001"}, 400, "invalid_parameters"),
        ({"count": "-1"}, 400, "invalid_parameters"),
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"side": None}, 400, "missing_parameters"),
        ({"time_in_force": "day"}, 400, "invalid_parameters"),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, 400, "invalid_parameters"),
        ({"reduce_only": True}, 400, "invalid_parameters"),
        ({"ticker": "NONE"}, 404, "market_not_found"),
        ({"exchange_index": 3}, 404, "market_not_found"),
        ({"order_group_id": "none"}, 404, "order_group_not_found"),
        ({"count": "99999"}, 400, "insufficient_balance"),
    ],
)
def test_refusals(place: Rig, ticker: str, change: dict[str, object], status_code: int, word: str) -> None:
    body = {"ticker": ticker, "side": "bid", "price": "0.50", "count": "1", **change}
    assert code(place.client().order(**body)) == (status_code, word)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"price": 0.5}, {"count": 1}, {"post_only": "yes"}, {"expiration_time": "soon"}]
)
def test_numbers_for_strings_are_refused_in_the_flat_shape(
    place: Rig, ticker: str, change: dict[str, object]
) -> None:
    body = {"ticker": ticker, "side": "bid", "price": "0.50", "count": "1", **change}
    answer = place.client().order(**body)  # type: ignore[arg-type]
    assert answer.status_code == 400 and answer.json()["code"] == "bad_request"
    assert "cannot unmarshal" in answer.json()["details"]


def test_broken_json_is_refused(place: Rig) -> None:
    client = place.client()
    for raw in ("{", "[]", "\x00"):
        headers = {}
        answer = client.session.post(client.base + "/portfolio/events/orders", data=raw, headers=headers)
        assert answer.status_code == 401  # nobody reads a body before the signature
    answer = client.ask("POST", "/portfolio/events/orders", body=[])
    assert answer.status_code == 400 and answer.json()["code"] == "bad_request"


def test_lists_are_paged_and_bad_parameters_named(place: Rig, ticker: str) -> None:
    alice = place.client()
    made = [alice.placed(ticker, "bid", f"0.{price}", "1")["order_id"] for price in range(11, 18)]
    seen, cursor = [], ""
    while True:
        page = alice.get("/portfolio/orders", ticker=ticker, status="resting", limit=3, cursor=cursor)
        seen += [order["order_id"] for order in page["orders"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == made[::-1]
    first = alice.get("/portfolio/orders", ticker=ticker, limit=3)
    assert alice.get("/portfolio/orders", ticker=ticker, limit=3, cursor="garbage!") == first
    for query in ({"limit": 1001}, {"limit": "many"}, {"status": "open"}):
        answer = alice.ask("GET", "/portfolio/orders", **query)
        assert answer.status_code == 400 and answer.json()["msg"].startswith("Parameter validation failed")


def test_groups_stop_what_matches_too_much(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    made = alice.ask("POST", "/portfolio/order_groups/create", body={"contracts_limit_fp": "3.00"}).json()
    group = made["order_group_id"]
    orders = [
        alice.placed(ticker, "bid", price, "2", order_group_id=group) for price in ("0.30", "0.29", "0.28")
    ]
    bob.placed(ticker, "ask", "0.29", "4")
    assert status(alice, orders[2]["order_id"]) == ("canceled", "0.00", "0.00")
    refused = alice.order(ticker, "bid", "0.30", "1", order_group_id=group)
    assert refused.status_code == 400
    assert alice.ask("PUT", f"/portfolio/order_groups/{group}/reset", body={}).status_code == 200
    fresh = alice.placed(ticker, "bid", "0.20", "1", order_group_id=group)
    assert alice.get(f"/portfolio/order_groups/{group}")["orders"] == [fresh["order_id"]]


def test_pause_close_and_after(place: Rig) -> None:
    ticker = place.empty_market(2)
    alice = place.client()
    stays = alice.placed(ticker, "bid", "0.30", "1")["order_id"]
    goes = alice.placed(ticker, "bid", "0.30", "1", cancel_order_on_pause=True)["order_id"]
    place.world("pause", ticker)
    assert alice.get(f"/markets/{ticker}")["market"]["status"] == "inactive"
    assert (status(alice, stays)[0], status(alice, goes)[0]) == ("resting", "canceled")
    assert code(alice.order(ticker, "bid", "0.30", "1")) == (409, "trading_is_paused")
    place.world("resume", ticker)
    assert status(alice, stays)[0] == "canceled"  # resuming cancels everything
    late = alice.placed(ticker, "bid", "0.30", "1")["order_id"]
    place.world("close", ticker)
    assert status(alice, late)[0] == "canceled"
    assert code(alice.order(ticker, "bid", "0.30", "1")) == (400, "market_inactive")
    assert alice.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 0


def test_reads_lag_behind_writes() -> None:
    clock = ManualClock(START)
    with rig(clock=clock, kalshi_read_lag_ms=400) as place:
        alice, ticker = place.client(), place.empty_market()
        made = alice.placed(ticker, "bid", "0.30", "1")["order_id"]
        assert alice.ask("GET", f"/portfolio/orders/{made}").status_code == 404
        assert alice.get("/portfolio/orders")["orders"] == []
        place.do(lambda: clock.advance(400))
        assert status(alice, made)[0] == "resting"
        alice.ask("DELETE", f"/portfolio/events/orders/{made}", market_ticker=ticker)
        assert status(alice, made)[0] == "resting"
        place.do(lambda: clock.advance(400))
        assert status(alice, made)[0] == "canceled"
