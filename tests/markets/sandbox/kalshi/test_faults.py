"""What goes wrong on demand: at the REST door, at the WebSocket door, at the desk."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import websocket

from tests.markets.sandbox.kalshi.rig import Rig, Stream, rig, until

ORDERS = "/portfolio/events/orders"


@pytest.fixture(scope="module")
def whole() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture
def place(whole: Rig) -> Iterator[Rig]:
    yield whole
    whole.clear()
    whole.client().ask("DELETE", ORDERS)


def ids(place: Rig, ticker: str) -> list[str]:
    """Client ids of the orders that really exist."""
    return [
        order["client_order_id"] for order in place.client().get("/portfolio/orders", ticker=ticker)["orders"]
    ]


def follow(stream: Stream, ticker: str) -> int:
    """Subscribe to a book; returns the sid."""
    stream.send("subscribe", channels=["orderbook_delta"], market_tickers=[ticker])
    sid = stream.read()["msg"]["sid"]
    assert stream.read()["type"] == "orderbook_snapshot"
    return sid


def deltas(stream: Stream) -> list[tuple[int, str]]:
    """Sequence numbers and prices of the deltas that arrived by now."""
    return [
        (frame["seq"], frame["msg"]["price_dollars"])
        for frame in stream.drain()
        if frame["type"] == "orderbook_delta"
    ]


# --- REST


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_errors_before_and_after_acceptance(place: Rig, status: int) -> None:
    alice, ticker = place.client(), place.empty_market()
    before, after = f"before-{status}", f"after-{status}"
    place.fault(kind="status", status=status, endpoint=f"POST {ORDERS}", count=1)
    assert alice.order(ticker, "bid", "0.10", "1", client_order_id=before).status_code == status
    place.fault(kind="status", status=status, when="after", endpoint=f"POST {ORDERS}", count=1)
    answer = alice.order(ticker, "bid", "0.10", "1", client_order_id=after)
    assert answer.status_code == status
    assert before not in ids(place, ticker) and after in ids(place, ticker)
    # The platform's advice works: the same id again tells whether it was there
    assert alice.order(ticker, "bid", "0.10", "1", client_order_id=before).status_code == 201
    assert alice.order(ticker, "bid", "0.10", "1", client_order_id=after).status_code == 409


def test_bodies_of_errors(place: Rig) -> None:
    alice = place.client()
    for fault, wanted in (
        ({"status": 429}, '{"error":"too many requests"}'),
        ({"status": 502}, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        ({"status": 503, "code": "exchange_unavailable"}, '"code":"exchange_unavailable"'),
        ({"status": 500, "body": "oops"}, "oops"),
    ):
        place.fault(kind="status", count=1, **fault)
        answer = alice.ask("GET", "/markets")
        assert answer.status_code == fault["status"] and wanted in answer.text
    place.fault(kind="status", status=429, headers=True, retry_after=3, count=1)
    assert alice.ask("GET", "/markets").headers["Retry-After"] == "3"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_socket_that_closes_without_an_answer(place: Rig, when: str) -> None:
    alice, ticker = place.client(), place.empty_market()
    place.fault(kind="drop_response", when=when, endpoint=f"POST {ORDERS}", count=1)
    with pytest.raises(requests.ConnectionError):
        alice.order(ticker, "bid", "0.10", "1", client_order_id=f"dropped-{when}")
    assert (f"dropped-{when}" in ids(place, ticker)) == (when == "after")


def test_late_acceptance(place: Rig) -> None:
    alice, ticker, began = place.client(), place.empty_market(), place.now_ms()
    place.fault(kind="late_accept", ms=200, status=504, endpoint=f"POST {ORDERS}", count=1)
    assert alice.order(ticker, "bid", "0.10", "1", client_order_id="late").status_code == 504
    until(lambda: "late" in ids(place, ticker), "the order that was accepted late")
    order = place.do(lambda: place.exchange.engine.by_client("arbsite", "late"))
    assert order.created_ms >= began + 200


def test_latency_of_one_market(place: Rig) -> None:
    alice, slow, quick = place.client(), place.empty_market(0), place.empty_market(1)
    place.fault(kind="latency", ms=300, market=slow)
    struck, began = place.fired("latency"), time.monotonic()
    alice.get(f"/markets/{slow}/orderbook")
    alice.placed(slow, "bid", "0.10", "1")  # the market stands in the body
    assert time.monotonic() - began >= 0.6
    alice.get(f"/markets/{quick}/orderbook")
    alice.placed(quick, "bid", "0.10", "1")
    assert place.fired("latency") == struck + 2


def test_marketable_orders_are_held(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market()
    ask = bob.placed(ticker, "ask", "0.50", "1")["order_id"]
    place.fault(kind="match_delay", ms=1500)
    assert alice.placed(ticker, "bid", "0.40", "1")["remaining_count"] == "1.00"
    assert place.fired("match_delay") == 0
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(alice.placed, ticker, "bid", "0.50", "1", time_in_force="immediate_or_cancel")
        until(lambda: place.fired("match_delay"), "the order to be held")
        place.do(lambda: place.exchange.engine.cancel(ask, at_ms=place.now_ms()))
        assert held.result()["fill_count"] == "0.00"  # the ask was gone before the bid was matched


@pytest.mark.parametrize(
    ("mode", "create", "cancel", "flags"),
    [
        ("paused", "trading_is_paused", 200, (True, False)),
        ("cancel_only", "trading_is_paused", 200, (True, False)),
        ("disabled", "exchange_is_paused", 409, (False, False)),
        ("restarting", "exchange_is_paused", 409, (False, False)),
        ("post_only", "trading_is_paused", 200, (True, True)),
    ],
)
def test_trading_modes(place: Rig, mode: str, create: str, cancel: int, flags: tuple[bool, bool]) -> None:
    alice, ticker = place.client(), place.empty_market()
    made = alice.placed(ticker, "bid", "0.10", "1")["order_id"]
    place.fault(kind="mode", mode=mode, seconds=60)
    refused = alice.order(ticker, "bid", "0.10", "1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, create)
    status = alice.get("/exchange/status")
    assert (status["exchange_active"], status["trading_active"]) == flags
    assert status["exchange_estimated_resume_time"]
    answer = alice.ask("DELETE", f"{ORDERS}/{made}", market_ticker=ticker)
    assert answer.status_code == cancel


# --- WebSocket


def test_dropped_doubled_and_swapped_frames(place: Rig) -> None:
    alice, ticker = place.client(), place.empty_market()
    with place.stream() as stream:
        follow(stream, ticker)
        alice.placed(ticker, "bid", "0.10", "1")
        assert deltas(stream) == [(2, "0.1000")]
        for kind, seen in (("ws_drop", [4]), ("ws_duplicate", [5, 5, 6]), ("ws_swap", [8, 7])):
            place.fault(kind=kind, count=1)
            for _ in range(2):
                alice.placed(ticker, "bid", "0.10", "1")
            assert [seq for seq, _ in deltas(stream)] == seen


def test_skipped_numbers(place: Rig) -> None:
    alice, ticker = place.client(), place.empty_market()
    with place.stream() as stream:
        follow(stream, ticker)
        place.fault(kind="ws_seq_gap", numbers=5, count=1)
        for _ in range(2):
            alice.placed(ticker, "bid", "0.10", "1")
        assert [seq for seq, _ in deltas(stream)] == [7, 8]


def test_silence_of_the_data_while_pings_and_replies_live(place: Rig) -> None:
    alice, quiet, loud = place.client(), place.empty_market(0), place.empty_market(1)
    with place.stream() as stream:
        sid = follow(stream, quiet)
        stream.send("update_subscription", sid=sid, action="add_markets", market_tickers=[loud])
        stream.until(type="orderbook_snapshot")
        place.fault(kind="ws_silence", market=quiet)
        for ticker in (quiet, loud):
            alice.placed(ticker, "bid", "0.10", "1")
        assert [seq for seq, _ in deltas(stream)] == [
            5
        ]  # the reply and its snapshot took 2 and 3, the lost one 4
        place.fault(kind="ws_silence")
        alice.placed(loud, "bid", "0.10", "1")
        assert deltas(stream) == []
        stream.socket.ping("are you there")
        opcode, frame = stream.socket.recv_data_frame(control_frame=True)
        assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"are you there")
        place.clear()
        alice.placed(loud, "bid", "0.10", "1")
        assert [seq for seq, _ in deltas(stream)] == [7]


def test_heartbeats(place: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markets.sandbox.kalshi.stream.PING_SECONDS", 0.05)
    with place.stream() as stream:
        opcode, frame = stream.socket.recv_data_frame(control_frame=True)
        assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PING, b"heartbeat")


@pytest.mark.parametrize("close_frame", [True, False])
def test_connections_that_end(place: Rig, close_frame: bool) -> None:
    with place.stream() as stream:
        follow(stream, place.empty_market())
        place.fault(kind="ws_disconnect", close_frame=close_frame)
        if close_frame:
            opcode, data = stream.socket.recv_data()
            assert opcode == websocket.ABNF.OPCODE_CLOSE and int.from_bytes(data[:2], "big") == 1001
        else:
            with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
                stream.socket.recv_data()
    until(
        lambda: not place.do(lambda: place.running.sandbox.faults.connections["kalshi"]),
        "the socket to be forgotten",
    )
    assert place.do(lambda: not place.exchange.hub.fans["orderbook_delta"].by_market)


def test_reconnects_that_are_refused(place: Rig) -> None:
    place.fault(kind="ws_refuse", status=502, count=1)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught, place.stream():
        raise AssertionError("it connected")
    assert caught.value.status_code == 502
    with place.stream() as stream:
        assert stream.drain() == []


def test_malformed_frames(place: Rig) -> None:
    with place.stream() as stream:
        stream.drain()
        place.fault(kind="ws_raw", text="{not json")
        place.fault(kind="ws_raw", base64="AP8=")
        assert [stream.socket.recv(), stream.socket.recv()] == ["{not json", b"\x00\xff"]


def test_a_slow_reader_loses_its_subscriptions(place: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markets.sandbox.kalshi.stream.MAX_BACKLOG", 5_000)
    ticker = place.empty_market()
    with place.stream() as stream:
        sid = follow(stream, ticker)

        def burst() -> None:
            engine, now = place.exchange.engine, place.now_ms()
            for _ in range(50):  # all within one turn of the loop: nothing can be written in between
                order = engine.submit(ticker, "control", "BUY", 100_000, 1_000_000, at_ms=now)
                engine.cancel(order.id, at_ms=now)

        place.do(burst)
        frame = stream.until(type="error")
        assert (frame["msg"]["code"], frame["sid"]) == (25, sid)
        assert stream.drain() == []
        sid = follow(stream, ticker)  # subscribing anew works
        assert sid == 2


def test_facts_for_the_state_page(place: Rig) -> None:
    facts: dict[str, Any] = place.do(lambda: place.running.sandbox.facts["kalshi"]())
    assert facts["users"]["bob"]["cash"] and facts["frames"] >= 0
