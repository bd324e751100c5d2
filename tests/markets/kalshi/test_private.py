"""The private feed: every frame of ours once, in whatever order it comes; and what needs a new connection."""

import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st

from markets.books import NO, YES
from markets.platforms.kalshi.private import CHANNELS, KEPT_BAD, KalshiPrivateFeed
from markets.platforms.trading import BUY, CANCELLED, FILLED, GTC, OPEN, PARTIAL
from tests.markets.kalshi.account import feed_in, request, sent, trading_in
from tests.markets.sandbox.kalshi.rig import BOB, DEADLINE_S, Rig, rig, until

D = Decimal
SIDS = {"fill": 11, "user_orders": 12, "market_positions": 13, "order_group_updates": 14}


def feed(**more: Any) -> KalshiPrivateFeed:
    made = KalshiPrivateFeed("wss://example.invalid/trade-api/ws/v2", sign=lambda: ["A: b"], **more)
    made.opened(1_000)
    return made


def hear(made: KalshiPrivateFeed, *documents: Any, at_ms: int = 2_000) -> None:
    for document in documents:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        made.receive(raw, at_ms)


def subscribed(made: KalshiPrivateFeed) -> KalshiPrivateFeed:
    for text in made.outbox:
        command = json.loads(text)
        [channel] = command["params"]["channels"]
        hear(
            made,
            {"id": command["id"], "type": "subscribed", "msg": {"channel": channel, "sid": SIDS[channel]}},
        )
    made.outbox.clear()
    return made


def fill(trade: str = "t-1", **more: Any) -> dict[str, Any]:
    msg = {
        "trade_id": trade, "order_id": "o-1", "client_order_id": "c-1", "market_ticker": "KXA-1", "exchange_index": 0,
        "is_taker": True, "side": "yes", "action": "buy", "outcome_side": "yes", "book_side": "bid",
        "purchased_side": "yes", "yes_price_dollars": "0.4900", "count_fp": "10.00", "fee_cost": "0.175000",
        "post_position_fp": "10.00", "ts": 1790856001, "ts_ms": 1790856001002, "subaccount": 0, **more,
    }  # fmt: skip
    return {"type": "fill", "sid": 11, "msg": msg}


def order(status: str, filled: str = "0.00", at_ms: int = 1_790_856_001_500, **more: Any) -> dict[str, Any]:
    msg = {
        "order_id": "o-1", "user_id": "u", "ticker": "KXA-1", "exchange_index": 0, "status": status, "side": "yes",
        "is_yes": True, "outcome_side": "yes", "book_side": "bid", "yes_price_dollars": "0.4500",
        "initial_count_fp": "10.00", "fill_count_fp": filled, "remaining_count_fp": "0.00",
        "taker_fill_cost_dollars": "0.000000", "maker_fill_cost_dollars": "0.000000", "taker_fees_dollars": "0.000000",
        "maker_fees_dollars": "0.000000", "client_order_id": "c-1", "created_ts_ms": 1_790_856_000_000,
        "last_updated_ts_ms": at_ms, "subaccount_number": 0, **more,
    }  # fmt: skip
    return {"type": "user_order", "sid": 12, "msg": msg}


# --- the four channels


def test_a_fresh_connection_subscribes_to_each_channel_and_says_when_it_stands() -> None:
    made = feed()
    commands = [json.loads(text) for text in made.outbox]
    assert [one["params"]["channels"] for one in commands] == [[name] for name in CHANNELS]
    assert not made.events.reconnected
    subscribed(made)
    assert made.events.reconnected
    made.events.reconnected = False
    made.closed(3_000)
    made.opened(4_000)
    assert len(made.outbox) == 4
    assert not made.events.reconnected
    subscribed(made)
    assert made.events.reconnected


def test_a_fill_is_told_in_our_words() -> None:
    made = subscribed(feed())
    hear(made, fill(), fill("t-2", outcome_side="no", book_side="ask", yes_price_dollars="0.6000"))
    first, second = made.events.fills
    assert (first.fill_id, first.platform_order_id, first.outcome, first.price, first.size, first.fee) == (
        "t-1",
        "o-1",
        YES,
        D("0.49"),
        D(10),
        D("0.175"),
    )
    assert (second.outcome, second.side, second.price) == (NO, BUY, D("0.40"))
    assert first.at.isoformat() == "2026-10-01T12:00:01.002000+00:00"


def test_an_order_says_why_it_was_cancelled() -> None:
    made = subscribed(feed())
    hear(made, order("canceled", "3.00", last_update_reason="SelfTradeCancel"))
    [report] = made.events.orders
    assert (report.status, report.matched, report.size, report.reason, report.limit_price) == (
        CANCELLED,
        D(3),
        D(10),
        "SelfTradeCancel",
        D("0.45"),
    )


def test_a_position_may_be_of_either_side_or_none() -> None:
    made = subscribed(feed())
    for position in ("10.00", "-3.50", "0.00"):
        hear(
            made,
            {
                "type": "market_position",
                "sid": 13,
                "msg": {"market_ticker": "KXA-1", "position_fp": position},
            },
        )
    assert [(one.outcome, one.size) for one in made.events.positions] == [
        (YES, D(10)),
        (NO, D("3.5")),
        (YES, D(0)),
    ]


def test_an_order_group_that_triggers_is_news() -> None:
    made = subscribed(feed())
    news = {"event_type": "triggered", "order_group_id": "g-1", "ts_ms": 1}
    hear(made, {"type": "order_group_updates", "sid": 14, "seq": 1, "msg": news})
    assert made.events.notes == ["order group g-1 triggered"]


def test_another_subaccount_is_not_ours() -> None:
    made = subscribed(feed(subaccount=2))
    hear(made, fill(), order("resting"), fill("t-2", subaccount=2), order("resting", subaccount_number=2))
    assert (len(made.events.fills), len(made.events.orders)) == (1, 1)


# --- any order, any number of times

STORY = [
    order("resting", at_ms=1),
    order("resting", "3.00", at_ms=2),
    order("resting", "7.00", at_ms=3),
    order("canceled", "7.00", at_ms=4),
    fill("t-1", count_fp="3.00"),
    fill("t-2", count_fp="4.00"),
]


@given(
    st.permutations(STORY).flatmap(
        lambda frames: st.lists(st.sampled_from(frames), max_size=12).map(lambda more: [*frames, *more])
    )
)
def test_the_last_word_is_the_same_in_any_order(frames: list[dict[str, Any]]) -> None:
    made = subscribed(feed())
    hear(made, *frames)
    told = made.events.orders
    assert (told[-1].status, told[-1].matched) == (CANCELLED, D(7))
    assert [one.matched for one in told] == sorted(one.matched for one in told)
    assert all(one.status not in (OPEN, PARTIAL) or one.matched < 7 for one in told[told.index(told[-1]) :])
    assert sorted(one.fill_id for one in made.events.fills) == ["t-1", "t-2"]
    assert sum(one.size for one in made.events.fills) == 7
    assert made.events.bad == []


def test_what_was_told_before_a_reconnect_is_not_told_again() -> None:
    made = subscribed(feed())
    hear(made, fill(), order("executed", "10.00"))
    made.closed(3_000)
    made.opened(4_000)
    subscribed(made)
    hear(made, fill(), order("executed", "10.00"), order("resting", "4.00"))
    assert (len(made.events.fills), len(made.events.orders)) == (1, 1)
    assert made.events.orders[0].status == FILLED
    assert (made.repeated, made.outdated) == (1, 2)


# --- what cannot be used


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 5_000,
        b'{"type":"new_kind","msg":{}}',
        json.dumps(fill(count_fp="x")).encode(),
        json.dumps(fill(count_fp=10)).encode(),
        json.dumps(fill(outcome_side="", book_side="")).encode(),
        json.dumps(fill(yes_price_dollars="1.5000")).encode(),
        json.dumps(fill(ts_ms=10**30)).encode(),
        json.dumps(order("unknown")).encode(),
        json.dumps(order("resting", "-1.00")).encode(),
        b'{"type":"fill","sid":11}',
        b'{"type":"error","msg":{}}',
        b'{"type":"subscribed","id":1,"msg":{"channel":"trade","sid":3}}',
    ],
)
def test_a_frame_that_cannot_be_used_is_kept_with_its_reason(raw: bytes) -> None:
    made = subscribed(feed())
    hear(made, raw)
    [(why, kept)] = made.events.bad
    assert kept == raw
    assert why
    assert (made.events.fills, made.events.orders) == ([], [])


@given(st.binary(max_size=80))
def test_nothing_that_a_platform_can_send_raises(raw: bytes) -> None:
    made = subscribed(feed())
    hear(made, *itertools.repeat(raw, 3))
    assert len(made.events.bad) == 3


def test_bad_frames_are_kept_up_to_a_number() -> None:
    made = subscribed(feed())
    hear(made, *itertools.repeat(b"no", KEPT_BAD + 20))
    assert len(made.events.bad) == KEPT_BAD


# --- when only a new connection helps


@pytest.mark.parametrize("code", [25, 10, 7, 9])
def test_a_subscription_that_died_wants_a_new_connection(code: int) -> None:
    made = subscribed(feed())
    hear(made, {"type": "error", "sid": 11, "msg": {"code": code, "msg": "over"}})
    assert "fill" in made.reconnect_wanted
    made.opened(9_000)
    assert made.reconnect_wanted == ""


def test_another_error_is_only_noted() -> None:
    made = subscribed(feed())
    hear(made, {"type": "error", "id": 99, "msg": {"code": 5, "msg": "unknown command"}})
    assert made.reconnect_wanted == ""
    assert "error 5" in made.events.notes[0]


def test_a_refused_subscription_wants_a_new_connection() -> None:
    made = feed()
    number = json.loads(made.outbox[1])["id"]
    hear(made, {"type": "error", "id": number, "msg": {"code": 18, "msg": "timed out"}})
    assert "user_orders" in made.reconnect_wanted


def test_a_hole_in_the_numbers_of_a_channel_wants_a_new_connection() -> None:
    made = subscribed(feed())
    news = {"event_type": "triggered", "order_group_id": "g-1", "ts_ms": 1}
    hear(made, {"type": "order_group_updates", "sid": 14, "seq": 1, "msg": news})
    hear(made, {"type": "ok", "sid": 14, "seq": 2, "id": 77, "msg": {}})  # replies are numbered too
    hear(made, {"type": "order_group_updates", "sid": 14, "seq": 3, "msg": news})
    hear(made, {"type": "order_group_updates", "sid": 14, "seq": 3, "msg": news})
    assert made.reconnect_wanted == ""
    hear(made, {"type": "order_group_updates", "sid": 14, "seq": 5, "msg": news})
    assert "lost 1 frames" in made.reconnect_wanted


def test_silence_is_probed_and_then_ends_the_connection() -> None:
    made = subscribed(feed())
    made.tick(10_000)
    assert made.outbox == []
    made.tick(18_000)
    made.tick(19_000)
    [probe] = made.outbox
    assert json.loads(probe)["cmd"] == "list_subscriptions"
    made.tick(33_000)
    assert "nothing heard" in made.reconnect_wanted


def test_an_answered_probe_goes_on_and_shows_a_lost_subscription() -> None:
    made = subscribed(feed())
    made.tick(18_000)
    alive = [{"channel": name, "sid": sid} for name, sid in SIDS.items()]
    hear(made, {"id": 5, "type": "ok", "msg": alive}, at_ms=18_100)
    made.tick(33_000)
    assert made.reconnect_wanted == ""
    hear(made, {"id": 6, "type": "ok", "msg": alive[1:]}, at_ms=33_100)
    assert made.reconnect_wanted == "not subscribed any more: fill"


def test_a_subscription_that_is_never_confirmed_ends_the_connection() -> None:
    made = feed()
    made.tick(12_000)
    assert "no reply to the subscription" in made.reconnect_wanted


# --- against the sandbox


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


class Socket:
    """Drives a feed over a real socket."""

    def __init__(self, made: KalshiPrivateFeed) -> None:
        self.feed = made
        self.socket = websocket.create_connection(made.url, header=made.handshake(), timeout=DEADLINE_S)
        made.opened(0)

    def until(self, done: Any, what: str) -> None:
        def step() -> bool:
            while self.feed.outbox:
                self.socket.send(self.feed.outbox.pop(0))
            if done():
                return True
            self.feed.receive(self.socket.recv().encode(), 0)
            return bool(done())

        until(step, what)


def test_the_sandbox_tells_an_orders_whole_life(place: Rig) -> None:
    trading, made, ticker = trading_in(place, group_contracts=50), feed_in(place), place.empty_market()
    link = Socket(made)
    link.until(lambda: made.events.reconnected, "the subscriptions")
    ref, _ = sent(trading, request(ticker, BUY, NO, "0.40", "5", GTC))
    place.client(BOB).placed(ticker, "bid", "0.60", "2", time_in_force="immediate_or_cancel")
    assert trading.cancel([ref]).gone
    link.until(lambda: made.events.orders and made.events.orders[-1].status == CANCELLED, "the cancel")
    mine = [one for one in made.events.orders if one.platform_order_id == ref.platform_order_id]
    assert [(one.status, one.matched) for one in mine] == [(OPEN, D(0)), (PARTIAL, D(2)), (CANCELLED, D(2))]
    assert {one.client_order_id for one in mine} == {ref.client_order_id}
    # The stream and the list name the same fill alike, to the last digit
    assert [replace_time(one) for one in made.events.fills] == [
        replace_time(one) for one in trading.fills([ref])
    ]
    assert made.events.positions[-1].market_id == ticker
    trading.groups.trigger()
    link.until(lambda: any("triggered" in note for note in made.events.notes), "the order group")
    trading.groups.delete()
    assert made.events.bad == []
    link.socket.close()


def replace_time(report: Any) -> Any:
    """A fill without its time: the list's is in another precision."""
    return (report.fill_id, report.platform_order_id, report.market_id, report.outcome, report.side, report.price,
            report.size, report.fee, report.taker)  # fmt: skip


def test_the_sandbox_ends_a_subscription_with_error_25(place: Rig) -> None:
    made = feed_in(place)
    link = Socket(made)
    link.until(lambda: made.events.reconnected, "the subscriptions")
    place.fault(kind="ws_raw", text='{"type":"error","sid":1,"msg":{"code":25,"msg":"overflow"}}')
    link.until(lambda: made.reconnect_wanted, "the error")
    assert "error 25" in made.reconnect_wanted
    link.socket.close()
