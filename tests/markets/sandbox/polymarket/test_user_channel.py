"""The user channel: orders and trades of one wallet, from MATCHED to the end."""

import pytest

from markets.sandbox.market import SandboxMarket
from markets.sandbox.polymarket.records import FOK_TEXT
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import Listener, User, book, hit, markets, stranger, until


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


@pytest.fixture
def ear(user: User) -> Listener:
    listener = Listener.user(user)
    listener.sync()
    return listener


def test_only_the_owner_may_listen(user: User, running: Running, market: SandboxMarket) -> None:
    wrong = Listener(running.urls["clob_ws_user"], {"type": "user", "auth": user.creds | {"secret": "x"}})
    wrong.until(lambda: wrong.ended, "the end")
    nothing = Listener(running.urls["clob_ws_user"], {"type": "user"})
    nothing.until(lambda: nothing.ended, "the end")
    other = Listener.user(stranger(running))
    other.sync()
    user.place(market, 0, "BUY", "0.45", "10")
    other.sync()
    assert other.kind("order") == other.kind("trade") == []
    other.close()


def test_placed_changed_and_cancelled(
    user: User, running: Running, market: SandboxMarket, ear: Listener
) -> None:
    order_id = user.place(market, 0, "BUY", "0.41", "10").json()["orderID"]
    hit(running, market, "SELL", 41, 4)
    user.send("DELETE", "/order", {"orderID": order_id})
    events = ear.until_kind("order", 3)
    assert [(e["type"], e["status"], e["size_matched"]) for e in events] == [
        ("PLACEMENT", "LIVE", "0"), ("UPDATE", "LIVE", "4"), ("CANCELLATION", "CANCELED", "4"),
    ]  # fmt: skip
    first = events[0]
    assert first["owner"] == user.creds["apiKey"] and first["created_at"].isdigit()
    assert first["expiration"] == "0" and len(first["timestamp"]) == 13 and first["order_type"] == "GTC"
    ear.close()


def test_a_taker_sees_its_trade_to_the_end(user: User, market: SandboxMarket, ear: Listener) -> None:
    answer = user.place(market, 0, "BUY", "0.45", "10", orderType="FAK").json()
    trades = ear.until_kind("trade", 3)
    assert [t["status"] for t in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert {t["id"] for t in trades} == set(answer["tradeIDs"])
    assert (trades[0]["trader_side"], trades[0]["price"], trades[0]["size"]) == ("TAKER", "0.45", "10")
    assert trades[0]["transaction_hash"] == "" and trades[2]["transaction_hash"].startswith("0x")
    assert ear.kind("order")[0]["status"] == "MATCHED"
    ear.close()


def test_a_maker_finds_its_part_on_its_own_token(
    user: User, running: Running, market: SandboxMarket, ear: Listener
) -> None:
    order_id = user.place(market, 1, "BUY", "0.58", "10").json()["orderID"]  # an offer of YES at 0.42
    hit(running, market, "BUY", 42, 10)
    trade = ear.until_kind("trade")[0]
    assert (trade["trader_side"], trade["side"], trade["price"]) == ("MAKER", "BUY", "0.42")
    part = trade["maker_orders"][0]
    assert (part["order_id"], part["asset_id"], part["price"]) == (order_id, market.p.token_ids[1], "0.58")
    ear.until(lambda: [e["type"] for e in ear.kind("order")] == ["PLACEMENT", "UPDATE"])
    assert ear.kind("order")[-1]["status"] == "MATCHED"
    ear.close()


def test_a_killed_order_says_why_in_its_status(user: User, market: SandboxMarket, ear: Listener) -> None:
    user.place(market, 0, "BUY", "0.45", "60", orderType="FOK")
    event = ear.until_kind("order")[0]
    assert (event["type"], event["status"], event["size_matched"]) == (
        "CANCELLATION",
        f"CANCELED_{FOK_TEXT}",
        "",
    )
    assert event["created_at"] == ""
    ear.close()


def test_a_trade_that_fails(user: User, running: Running, market: SandboxMarket, ear: Listener) -> None:
    running.call(lambda: running.sandbox.faults.set({"kind": "trade_fail", "retries": 2}))
    user.place(market, 0, "BUY", "0.45", "10")
    trades = ear.until_kind("trade", 5)
    assert [t["status"] for t in trades] == ["MATCHED", "MINED", "RETRYING", "RETRYING", "FAILED"]
    ear.close()


def test_one_market_only(user: User, running: Running, market: SandboxMarket) -> None:
    other = next(m for m in markets(running) if m.id != market.id and m.p.tick == "0.01")
    book(running, other, {40: 10}, {60: 10})
    ear = Listener.user(user, markets=[other.id])
    ear.sync()
    user.place(market, 0, "BUY", "0.11", "10")
    user.place(other, 0, "BUY", "0.11", "10")
    assert ear.until_kind("order")[0]["market"] == other.id
    ear.say({"operation": "subscribe", "markets": [market.id]})
    ear.sync()
    user.place(market, 0, "BUY", "0.12", "10")
    assert ear.until_kind("order", 2)[1]["market"] == market.id
    ear.close()


def test_a_delayed_order_waits_cannot_be_cancelled_and_then_matches(
    user: User, running: Running, market: SandboxMarket, ear: Listener
) -> None:
    running.call(lambda: running.sandbox.faults.set({"kind": "match_delay", "ms": 400}))
    answer = user.place(market, 0, "BUY", "0.45", "10").json()
    order_id = answer["orderID"]
    assert answer["status"] == "delayed" and answer["success"] is True
    assert user.send("GET", f"/data/order/{order_id}").json()["status"] == "DELAYED"
    refused = user.send("DELETE", "/order", {"orderID": order_id}).json()
    assert refused["canceled"] == [] and "delayed" in refused["not_canceled"][order_id]
    until(lambda: user.send("GET", f"/data/order/{order_id}").json()["status"] == "MATCHED", "the match")
    assert ear.until_kind("trade")[0]["taker_order_id"] == order_id
    assert user.place(market, 0, "BUY", "0.1", "10").json()["status"] == "live"  # rests, so nothing to delay
    ear.close()


def test_a_delayed_order_may_come_to_nothing(user: User, running: Running, market: SandboxMarket) -> None:
    running.call(lambda: running.sandbox.faults.set({"kind": "match_delay", "ms": 300}))
    order_id = user.place(market, 0, "BUY", "0.45", "10").json()["orderID"]
    world, now = running.sandbox.world, running.sandbox.now_ms
    running.call(lambda: world.pause(market.id, now()))
    until(lambda: user.send("GET", f"/data/order/{order_id}").json()["status"] == "UNMATCHED", "the end")
    running.call(lambda: world.resume(market.id, now()))


def test_a_delayed_order_reserves_its_cash(running: Running, market: SandboxMarket) -> None:
    user = stranger(running, balance=6_000_000)
    running.call(lambda: running.sandbox.faults.set({"kind": "match_delay", "ms": 300}))
    order_id = user.place(market, 0, "BUY", "0.45", "10").json()["orderID"]
    assert "not enough balance" in user.place(market, 0, "BUY", "0.3", "10").json()["error"]
    until(lambda: user.send("GET", f"/data/order/{order_id}").json()["status"] == "MATCHED", "the match")
