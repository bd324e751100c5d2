"""Faults on demand: each door does what its rules say, as often as they say, where they say."""

from typing import Any

import pytest

from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.clock import ManualClock
from markets.sandbox.faults import FaultError, Faults, RestPlan

START = 1_790_000_000_000


class Socket:
    """A connection as a face registers it."""

    def __init__(self, platform: str = KALSHI, channel: str = "ws") -> None:
        self.platform, self.channel = platform, channel
        self.raw: list[str | bytes] = []
        self.dropped: list[bool] = []

    def send_raw(self, data: str | bytes) -> None:
        self.raw.append(data)

    def drop(self, *, close_frame: bool) -> None:
        self.dropped.append(close_frame)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def faults(clock: ManualClock) -> Faults:
    return Faults(clock, seed=1)


def test_without_rules_every_door_is_open(faults: Faults) -> None:
    assert faults.rest(KALSHI, "GET /markets").clean
    assert faults.mode(KALSHI) == "normal"
    assert faults.match_delay(KALSHI, "m") == 0
    assert faults.trade_path(POLYMARKET, "m") == (False, 0, None)
    assert faults.refuse_connect(KALSHI, "ws") == 0
    assert faults.skip_seq(Socket()) == 0
    assert faults.outgoing(Socket(), "frame") == ("frame",)


@pytest.mark.parametrize(
    ("fault", "plan"),
    [
        ({"kind": "latency", "ms": 50}, RestPlan(delay_ms=50)),
        ({"kind": "status", "status": 503}, RestPlan(status=503)),
        (
            {"kind": "status", "status": 429, "headers": True, "retry_after": 3},
            RestPlan(status=429, with_headers=True, retry_after=3),
        ),
        ({"kind": "status", "status": 500, "when": "after"}, RestPlan(status=500, accept_first=True)),
        ({"kind": "drop_response"}, RestPlan(drop=True)),
        ({"kind": "late_accept", "ms": 900, "hold_ms": 10}, RestPlan(late_ms=900, delay_ms=10)),
    ],
)
def test_rest_faults_become_plans(faults: Faults, fault: dict[str, Any], plan: RestPlan) -> None:
    faults.set(fault)
    assert faults.rest(KALSHI, "POST /portfolio/orders") == plan
    assert faults.fired == {fault["kind"]: 1}


def test_a_rule_strikes_only_where_it_is_meant_to(faults: Faults) -> None:
    faults.set(
        {"kind": "status", "status": 500, "platform": KALSHI, "endpoint": "POST /order*", "market": "m1"}
    )
    assert faults.rest(KALSHI, "POST /orders", market_id="m1").status == 500
    for where in (
        (POLYMARKET, "POST /orders", "m1"),
        (KALSHI, "GET /orders", "m1"),
        (KALSHI, "POST /orders", "m2"),
    ):
        assert faults.rest(where[0], where[1], market_id=where[2]).clean


def test_a_rule_ends_by_count_by_time_or_when_cleared(faults: Faults, clock: ManualClock) -> None:
    faults.set({"kind": "status", "status": 500, "count": 2})
    assert [faults.rest(KALSHI, "GET /").status for _ in range(3)] == [500, 500, 0]
    faults.set({"kind": "mode", "mode": "cancel_only", "seconds": 5})
    assert (faults.mode(KALSHI), faults.retry_after(KALSHI)) == ("cancel_only", 5)
    clock.advance(5_000)
    assert faults.mode(KALSHI) == "normal"
    kept = faults.set({"kind": "match_delay", "ms": 70, "platform": KALSHI})
    faults.set({"kind": "match_delay", "ms": 90, "platform": POLYMARKET})
    assert len(faults.current()) == 2
    assert faults.clear(platform=POLYMARKET) == 1
    assert faults.match_delay(KALSHI, "m") == 70
    assert faults.clear(kept.id) == 1
    assert faults.clear() == 0


def test_chance_comes_from_the_seed(clock: ManualClock) -> None:
    def strikes(seed: int) -> list[int]:
        faults = Faults(clock, seed=seed)
        faults.set({"kind": "status", "status": 500, "probability": 0.5})
        return [faults.rest(KALSHI, "GET /").status for _ in range(100)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 25 < strikes(1).count(500) < 75


def test_frames_are_lost_doubled_swapped_or_silenced(faults: Faults) -> None:
    socket = Socket()
    faults.set({"kind": "ws_drop", "count": 1})
    assert [faults.outgoing(socket, f) for f in "ab"] == [(), ("b",)]
    faults.set({"kind": "ws_duplicate", "count": 1})
    assert [faults.outgoing(socket, f) for f in "cd"] == [("c", "c"), ("d",)]
    faults.set({"kind": "ws_swap", "count": 1})
    assert [faults.outgoing(socket, f) for f in "efg"] == [(), ("f", "e"), ("g",)]
    faults.set({"kind": "ws_silence", "market": "m1"})
    assert faults.outgoing(socket, "h", market_id="m1") == ()
    assert faults.outgoing(socket, "i", market_id="m2") == ("i",)
    faults.clear()
    assert faults.outgoing(socket, "j", market_id="m1") == ("j",)


def test_sequence_numbers_skip_and_connections_are_refused(faults: Faults) -> None:
    faults.set({"kind": "ws_seq_gap", "numbers": 4, "count": 1})
    assert [faults.skip_seq(Socket()) for _ in range(2)] == [4, 0]
    faults.set({"kind": "ws_refuse", "status": 503, "platform": KALSHI})
    assert (faults.refuse_connect(KALSHI, "ws"), faults.refuse_connect(POLYMARKET, "market")) == (503, 0)


def test_open_sockets_are_cut_or_spoken_through_at_once(faults: Faults) -> None:
    kalshi, market, user = Socket(), Socket(POLYMARKET, "market"), Socket(POLYMARKET, "user")
    for socket in (kalshi, market, user):
        faults.connect(socket)
    faults.set({"kind": "ws_raw", "text": "{", "platform": POLYMARKET, "endpoint": "market"})
    faults.set({"kind": "ws_raw", "base64": "AAE="})
    assert (market.raw, user.raw) == (["{", b"\x00\x01"], [b"\x00\x01"])
    faults.set({"kind": "ws_disconnect", "platform": KALSHI, "close_frame": False})
    assert (kalshi.dropped, market.dropped) == ([False], [])
    faults.disconnect(kalshi)
    faults.disconnect(kalshi)
    faults.set({"kind": "ws_disconnect"})
    assert (kalshi.dropped, market.dropped) == ([False], [True])
    assert faults.rules == []


def test_a_trade_can_fail_or_settle_late(faults: Faults) -> None:
    faults.set({"kind": "trade_fail", "retries": 2, "count": 1})
    faults.set({"kind": "settle_delay", "ms": 5_000})
    assert faults.trade_path(POLYMARKET, "m") == (True, 2, 5_000)
    assert faults.trade_path(POLYMARKET, "m") == (False, 0, 5_000)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({}, "unknown kind"),
        ({"kind": "earthquake"}, "earthquake"),
        ({"kind": "latency"}, "'ms'"),
        ({"kind": "latency", "ms": "5"}, "'ms'"),
        ({"kind": "latency", "ms": True}, "'ms'"),
        ({"kind": "status", "status": 200}, "'status'"),
        ({"kind": "status", "status": 500, "colour": 1}, "'colour'"),
        ({"kind": "mode", "mode": "odd"}, "'mode'"),
        ({"kind": "ws_drop", "platform": "nasdaq"}, "'platform'"),
        ({"kind": "ws_drop", "count": 0}, "'count'"),
        ({"kind": "ws_drop", "probability": 2}, "'probability'"),
        ({"kind": "ws_drop", "seconds": -1}, "'seconds'"),
        ({"kind": "ws_drop", "market": 5}, "'market'"),
        ({"kind": "ws_raw"}, "'text'"),
        ({"kind": "ws_raw", "base64": "%"}, "'base64'"),
    ],
)
def test_a_wrong_fault_names_what_is_wrong(faults: Faults, fault: dict[str, Any], named: str) -> None:
    with pytest.raises(FaultError, match=named):
        faults.set(fault)
    assert faults.rules == []


def test_a_private_channel_of_a_shared_socket_is_hit_alone(faults: Faults) -> None:
    faults.set({"kind": "ws_duplicate", "platform": KALSHI, "endpoint": "fill"})
    faults.set({"kind": "ws_swap", "platform": KALSHI, "endpoint": "user_orders"})
    socket = Socket()
    assert faults.outgoing(socket, "book", channel="orderbook_delta") == ("book",)
    assert faults.outgoing(socket, "fill", channel="fill") == ("fill", "fill")
    assert faults.outgoing(socket, "order", channel="user_orders") == ()
    assert faults.outgoing(socket, "later", channel="fill") == ("later", "later", "order")


def test_somebody_quicker_is_asked_for_by_market(faults: Faults) -> None:
    faults.set({"kind": "front_run", "platform": POLYMARKET, "market": "m", "leave_pct": 40, "count": 1})
    assert faults.front_run(POLYMARKET, "other") is None
    assert [faults.front_run(POLYMARKET, "m") for _ in range(2)] == [40, None]


def test_a_fault_may_let_the_first_ones_pass(faults: Faults) -> None:
    faults.set(
        {"kind": "drop_response", "platform": KALSHI, "endpoint": "POST /order", "skip": 2, "count": 1}
    )
    dropped = [faults.rest(KALSHI, "POST /order").drop for _ in range(4)]
    assert dropped == [False, False, True, False]
    with pytest.raises(FaultError, match="'skip' must be"):
        faults.set({"kind": "drop_response", "skip": -1})
