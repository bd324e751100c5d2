"""The market channel: frames as they stand in the recordings, and a feed that stays in step with the books."""

import json
import time
from typing import Any

import pytest
import requests
import websocket

from markets.platforms.base import FeedMarket
from markets.platforms.polymarket.bookhash import Members, book_hash
from markets.platforms.polymarket.stream import PolymarketFeed
from markets.platforms.polymarket.units import to_micro
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.server import Running
from markets.sandbox.traders import TraderSpec
from tests.markets.sandbox.polymarket.helpers import (
    MICRO,
    Listener,
    book,
    hit,
    markets,
    standing,
    until,
)


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


def fault(running: Running, **settings: Any) -> None:
    running.call(lambda: running.sandbox.faults.set({"platform": "polymarket", **settings}))


def quote(running: Running, market: SandboxMarket, side: str, cents: int, shares: int, **more: Any) -> Any:
    sandbox = running.sandbox
    return running.call(
        lambda: sandbox.engine.submit(
            market.id, "control", side, cents * 10_000, shares * MICRO, at_ms=sandbox.now_ms(), **more
        )
    )


def rest_book(running: Running, token: str) -> dict[str, Any]:
    return requests.get(f"{running.urls['clob']}/book", params={"token_id": token}, timeout=60).json()


# --- frames


def test_the_first_answer_is_an_array_of_books(running: Running, market: SandboxMarket) -> None:
    ear = Listener.market(running, *market.p.token_ids, "12345")
    dump = ear.until(lambda: ear.heard and ear.heard[0])
    assert [one["asset_id"] for one in dump] == list(market.p.token_ids)
    assert list(dump[0]) == [
        "market", "asset_id", "timestamp", "hash", "bids", "asks", "tick_size", "event_type", "last_trade_price",
    ]  # fmt: skip
    assert ear.raw[0].endswith("]\n") and " " not in ear.raw[0]
    assert dump[0]["hash"] == rest_book(running, market.p.token_ids[0])["hash"]
    ear.close()


def test_ping_is_answered_in_text(running: Running, market: SandboxMarket) -> None:
    ear = Listener.market(running, market.p.token_ids[0])
    ear.say("PING")
    ear.until(lambda: "PONG" in ear.raw)
    ear.say("rubbish")
    ear.say({"operation": "dance", "assets_ids": []})
    ear.sync()
    ear.close()


def test_a_change_comes_with_its_mirror_and_both_hashes(running: Running, market: SandboxMarket) -> None:
    yes, no = market.p.token_ids
    ear = Listener.market(running, yes)
    ear.until(lambda: ear.heard)
    quote(running, market, "BUY", 42, 7)
    frame = ear.until_kind("price_change")[0]
    assert list(frame) == ["market", "price_changes", "timestamp", "event_type"]
    first, mirror = frame["price_changes"]
    books = [rest_book(running, token) for token in (yes, no)]
    assert first == {
        "asset_id": yes, "price": "0.42", "size": "7", "side": "BUY", "hash": books[0]["hash"], "best_bid": "0.42",
        "best_ask": "0.45",
    }  # fmt: skip
    assert mirror == {
        "asset_id": no, "price": "0.58", "size": "7", "side": "SELL", "hash": books[1]["hash"], "best_bid": "0.55",
        "best_ask": "0.58",
    }  # fmt: skip
    assert frame["timestamp"] == books[0]["timestamp"]
    assert '", "' in ear.raw[-1] and '": ' not in ear.raw[-1]
    running.call(
        lambda: running.sandbox.engine.cancel_all(at_ms=running.sandbox.now_ms(), market_id=market.id)
    )
    ear.until(lambda: len(ear.kind("price_change")) >= 4)
    batch = ear.kind("price_change")[1:]
    assert all(frame["price_changes"][0]["size"] == "0" for frame in batch)
    assert (
        len(
            {
                frame["price_changes"][0]["hash"]
                for frame in batch
                if frame["price_changes"][0]["asset_id"] == yes
            }
        )
        == 1
    )
    assert {frame["price_changes"][0]["best_ask"] for frame in batch} == {"1"}
    ear.close()


def test_after_a_trade_come_both_books_and_then_the_trade(running: Running, market: SandboxMarket) -> None:
    ear = Listener.market(running, *market.p.token_ids)
    ear.until(lambda: ear.heard)
    hit(running, market, "BUY", 45, 10)
    ear.until_kind("last_trade_price")
    frames = [one for one in ear.heard if isinstance(one, dict)]
    assert [one["event_type"] for one in frames] == ["book", "book", "last_trade_price"]
    for frame, token in zip(frames, market.p.token_ids, strict=False):
        assert list(frame) == ["market", "asset_id", "bids", "asks", "hash", "timestamp", "event_type"]
        sides = [
            {to_micro(x["price"]): to_micro(x["size"]) for x in frame[side]} for side in ("bids", "asks")
        ]
        members = Members("5", "0.01", False, "0.450")
        assert frame["hash"] == book_hash(market.id, token, frame["timestamp"], *sides, members)
    trade = frames[2]
    assert (trade["price"], trade["size"], trade["side"]) == ("0.45", "10", "BUY")
    assert trade["asset_id"] == market.p.token_ids[0] and trade["transaction_hash"].startswith("0x")
    ear.close()


def test_another_tick(running: Running) -> None:
    with standing() as own:
        chosen = next(m for m in markets(own) if m.p.tick == "0.01")
        ear = Listener.market(own, *chosen.p.token_ids)
        ear.until(lambda: ear.heard)
        own.call(lambda: own.sandbox.world.set_tick(chosen.id, "0.001", own.sandbox.now_ms()))
        frames = ear.until_kind("tick_size_change", 2)
        assert [(f["old_tick_size"], f["new_tick_size"]) for f in frames] == [("0.01", "0.001")] * 2
        assert {f["asset_id"] for f in frames} == set(chosen.p.token_ids)
        shown = rest_book(own, chosen.p.token_ids[0])
        assert shown["tick_size"] == "0.001"
        ear.close()


def test_features_are_only_for_those_who_ask(running: Running) -> None:
    spec = WorldSpec(pairs=2, short_lived=1, short_seconds=(600, 601), extra_kalshi=0, extra_polymarket=0)
    with standing(spec=spec) as own:
        short = next(m for m in markets(own) if own.sandbox.world.pairs[m.pair_id].short_lived)
        keen = Listener.market(own, short.p.token_ids[0], custom_feature_enabled=True)
        plain = Listener.market(own, short.p.token_ids[0])
        for ear in (keen, plain):
            ear.until(lambda ear=ear: ear.heard)
        now, world = own.sandbox.now_ms, own.sandbox.world
        own.call(lambda: world.determine(short.id, MICRO, now()))
        own.call(lambda: world.settle(short.id, now()))
        born = keen.until_kind("new_market")[0]
        assert born["assets_ids"] == born["clob_token_ids"] and born["condition_id"] in world.markets
        best = keen.kind("best_bid_ask")[-1]
        assert (best["best_bid"], best["best_ask"], best["spread"]) == ("0", "1", "1")
        done = keen.until_kind("market_resolved")[0]
        assert done["winning_asset_id"] == short.p.token_ids[0] and done["winning_outcome"] == "Yes"
        plain.sync()
        assert {one["event_type"] for one in plain.heard if isinstance(one, dict)} == {"price_change"}
        keen.close()
        plain.close()


def test_subscriptions_come_and_go(running: Running, market: SandboxMarket) -> None:
    other = next(m for m in markets(running) if m.id != market.id)
    ear = Listener.market(running, market.p.token_ids[0])
    ear.until(lambda: len(ear.heard) == 1)
    ear.say({"operation": "subscribe", "assets_ids": [market.p.token_ids[0], other.p.token_ids[1]]})
    ear.until(lambda: len(ear.heard) == 2)
    assert [one["asset_id"] for one in ear.heard[1]] == [
        other.p.token_ids[1]
    ]  # the known one is not repeated
    ear.say({"operation": "unsubscribe", "assets_ids": [market.p.token_ids[0]]})
    ear.sync()
    quote(running, market, "BUY", 41, 5)
    ear.sync()
    assert ear.kind("price_change") == []
    ear.say({"assets_ids": ["1"] * 1001, "type": "market"})
    ear.until(lambda: ear.ended, "the end")


# --- our own feed on it


def follow(running: Running, feed: PolymarketFeed, seconds: float, done: Any = lambda: False) -> None:
    """Drive a feed on a real connection, as its owner does."""
    socket = websocket.create_connection(running.urls["clob_ws"], timeout=0.1)
    feed.opened(_now())
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not done():
        for text in feed.outbox:
            socket.send(text)
        feed.outbox.clear()
        try:
            feed.receive(socket.recv().encode(), _now())
        except websocket.WebSocketTimeoutException:
            pass
        except websocket.WebSocketConnectionClosedException:
            break
        feed.tick(_now())
    socket.close()


def _now() -> int:
    return int(time.time() * 1000)


def feed_market(market: SandboxMarket) -> FeedMarket:
    return FeedMarket(
        market_id=market.id, token_id=market.p.token_ids[0], tick=market.p.tick, min_size="5",
        neg_risk=market.p.neg_risk, version=market.p.version,
    )  # fmt: skip


def test_every_hash_on_a_lively_stream_is_ours() -> None:
    spec = WorldSpec(pairs=4, short_lived=0, extra_kalshi=0, extra_polymarket=3, protocol_v2=1)
    lively = TraderSpec(rate=600, taker_every_s=1, gap_every_s=3)
    with standing(spec=spec, traders=lively) as running:
        feed = PolymarketFeed(hash_check_ms=0)
        followed = [feed_market(market) for market in markets(running)]
        feed.follow(followed)
        follow(running, feed, 15, lambda: feed.hash_checks >= 400 and feed.stats.trades >= 3)
        assert feed.hash_checks >= 400 and feed.hash_matches == feed.hash_checks
        assert feed.stats.gaps == feed.stats.malformed == feed.stats.crossed == 0
        assert feed.stats.trades >= 3 and feed.stats.unknown == 0
        assert all(one.trusted for one in feed.books.values())


def test_a_lost_frame_is_noticed_by_its_hash(running: Running, market: SandboxMarket) -> None:
    feed = PolymarketFeed(hash_check_ms=0)
    feed.follow([feed_market(market)])
    step = iter(range(1_000))

    def nudge() -> bool:
        number = next(step)
        if number == 2:
            fault(running, kind="ws_drop", endpoint="market", count=1)
        if feed.books[market.id].trusted or number > 2:
            quote(running, market, "BUY", 10 + number % 25, 5 + number)
        return feed.stats.gaps > 0

    follow(running, feed, 10, nudge)
    assert feed.stats.gaps > 0 and "hash differs" in feed.last_gap


# --- faults


def test_silence_while_pong_goes_on(running: Running, market: SandboxMarket) -> None:
    ear = Listener.market(running, market.p.token_ids[0])
    ear.until(lambda: ear.heard)
    fault(running, kind="ws_silence", endpoint="market")
    quote(running, market, "BUY", 41, 5)
    ear.sync()
    assert ear.kind("price_change") == [] and "PONG" in ear.raw
    running.call(running.sandbox.faults.clear)
    quote(running, market, "BUY", 42, 5)
    assert ear.until_kind("price_change")[0]["price_changes"][0]["price"] == "0.42"  # nothing is replayed
    ear.close()


def test_one_market_goes_silent(running: Running, market: SandboxMarket) -> None:
    other = next(m for m in markets(running) if m.id != market.id and m.p.tick == "0.01")
    book(running, other, {40: 10}, {60: 10})
    ear = Listener.market(running, market.p.token_ids[0], other.p.token_ids[0])
    ear.until(lambda: ear.heard)
    fault(running, kind="ws_silence", market=market.id)
    quote(running, market, "BUY", 41, 5)
    quote(running, other, "BUY", 41, 5)
    ear.sync()
    assert {frame["market"] for frame in ear.kind("price_change")} == {other.id}
    ear.close()


@pytest.mark.parametrize(
    ("kind", "prices"),
    [
        ("ws_drop", ["0.12", "0.13"]),
        ("ws_duplicate", ["0.11", "0.11", "0.12", "0.13"]),
        ("ws_swap", ["0.12", "0.11", "0.13"]),
    ],
)
def test_frames_are_lost_doubled_and_swapped(
    running: Running, market: SandboxMarket, kind: str, prices: list[str]
) -> None:
    ear = Listener.market(running, market.p.token_ids[0])
    ear.until(lambda: ear.heard)
    fault(running, kind=kind, endpoint="market", count=1)
    for cents in (11, 12, 13):
        quote(running, market, "BUY", cents, 5)
    ear.sync()
    assert [frame["price_changes"][0]["price"] for frame in ear.kind("price_change")] == prices
    ear.close()


@pytest.mark.parametrize("close_frame", [True, False])
def test_connections_end(running: Running, market: SandboxMarket, close_frame: bool) -> None:
    ear = Listener.market(running, market.p.token_ids[0])
    ear.until(lambda: ear.heard)
    fault(running, kind="ws_disconnect", endpoint="market", close_frame=close_frame)
    ear.until(lambda: ear.ended)
    until(lambda: running.call(lambda: not running.sandbox.faults.connections.get("polymarket")))
    quote(running, market, "BUY", 41, 5)  # nobody is left, and nothing breaks


def test_refused_connections_and_malformed_frames(running: Running, market: SandboxMarket) -> None:
    ear = Listener.market(running, market.p.token_ids[0])
    ear.until(lambda: ear.heard)
    fault(running, kind="ws_raw", endpoint="market", text='{"event_type":"book","bids":')
    ear.socket.settimeout(5)
    assert ear.socket.recv() == '{"event_type":"book","bids":'
    fault(running, kind="ws_refuse", status=503)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Listener.market(running, market.p.token_ids[0])
    assert refused.value.status_code == 503
    ear.close()


def test_a_frame_is_made_once_for_all(running: Running, market: SandboxMarket) -> None:
    ears = [Listener.market(running, market.p.token_ids[0]) for _ in range(3)]
    for ear in ears:
        ear.until(lambda ear=ear: ear.heard)
    hub = running.sandbox.shared["polymarket hub"]
    before = hub.frames
    quote(running, market, "BUY", 41, 5)
    for ear in ears:
        ear.until_kind("price_change")
        ear.close()
    assert hub.frames == before + 1
    assert len({ear.raw[-1] for ear in ears}) == 1 and json.loads(ears[0].raw[-1])
