"""Orders: what is refused and with which words, what matches, what rests, what it costs."""

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.platforms.polymarket.fees import PolymarketFees
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.polymarket.limits import Bucket
from markets.sandbox.polymarket.money import Ledger, movement, taker_fee
from markets.sandbox.polymarket.records import FAK_TEXT, FOK_TEXT
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import (
    EXCHANGES,
    MICRO,
    User,
    book,
    hit,
    markets,
    standing,
    stranger,
    until,
)


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    """A market on the cent grid, bid 0.40 x 100, ask 0.45 x 50 and 0.50 x 50."""
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50, 50: 50})
    return chosen


def cash_fee(market: SandboxMarket, size: int, cents: int) -> int:
    return taker_fee(size, cents * 10_000, int(float(market.p.fee_rate) * MICRO), 1)


# --- life of an order


def test_an_order_rests_is_read_and_cancelled(user: User, market: SandboxMarket) -> None:
    answer = user.place(market, 0, "BUY", "0.41", "10").json()
    assert answer | {"orderID": ""} == {
        "success": True, "errorMsg": "", "orderID": "", "status": "live", "makingAmount": "", "takingAmount": "",
        "transactionsHashes": [], "tradeIDs": [],
    }  # fmt: skip
    order_id = answer["orderID"]
    got = user.send("GET", f"/data/order/{order_id}").json()
    assert (got["status"], got["original_size"], got["size_matched"], got["price"]) == (
        "LIVE",
        "10",
        "0",
        "0.41",
    )
    assert (
        isinstance(got["created_at"], int)
        and got["expiration"] == "0"
        and got["outcome"] == market.outcomes[0]
    )
    page = user.send("GET", "/data/orders", market=market.id).json()
    assert [row["id"] for row in page["data"]] == [order_id] and page["next_cursor"] == "LTE="
    gone = user.send("DELETE", "/order", {"orderID": order_id}).json()
    assert gone == {"canceled": [order_id], "not_canceled": {}}
    assert user.send("GET", f"/data/order/{order_id}").json()["status"] == "CANCELED"
    again = user.send("DELETE", "/order", {"orderID": order_id}).json()
    assert again["canceled"] == [] and order_id in again["not_canceled"]
    assert user.send("GET", "/data/order/0x12").status_code == 404


def test_a_limit_order_takes_what_it_can_and_rests(user: User, market: SandboxMarket) -> None:
    cash, before = user.balance(), user.balance(market.p.token_ids[0])
    answer = user.place(market, 0, "BUY", "0.46", "60").json()
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "22.5", "50")
    assert len(answer["tradeIDs"]) == 1 and answer["transactionsHashes"] == []
    assert user.balance() == cash  # matched is not settled
    order = user.send("GET", f"/data/order/{answer['orderID']}").json()
    assert order["status"] == "LIVE" and order["size_matched"] == "50"
    trade_id = answer["tradeIDs"][0]
    trade = until(lambda: (t := user.trade(trade_id))["status"] == "TRADE_STATUS_CONFIRMED" and t)
    assert trade["transaction_hash"].startswith("0x") and trade["trader_side"] == "TAKER"
    assert user.balance(market.p.token_ids[0]) == before + 50 * MICRO
    assert user.balance() == cash - 22_500_000 - cash_fee(market, 50 * MICRO, 45)


def test_buying_no_mints_against_a_bid_for_yes(user: User, market: SandboxMarket) -> None:
    answer = user.place(market, 1, "BUY", "0.6", "20", orderType="FAK").json()
    assert (answer["makingAmount"], answer["takingAmount"]) == ("12", "20")
    trade = user.trade(answer["tradeIDs"][0])
    assert (trade["side"], trade["price"], trade["asset_id"]) == ("BUY", "0.6", market.p.token_ids[1])
    maker = trade["maker_orders"][0]
    assert (maker["side"], maker["price"], maker["asset_id"]) == ("BUY", "0.4", market.p.token_ids[0])


def test_cash_buys_more_where_it_is_cheaper(user: User, market: SandboxMarket) -> None:
    answer = user.place(
        market, 0, "BUY", "0.5", "40", orderType="FAK"
    ).json()  # spends 20 dollars, first at 0.45
    assert answer["makingAmount"] == "20" and answer["takingAmount"].startswith("44.4444")
    order = user.send("GET", f"/data/order/{answer['orderID']}").json()
    assert order["original_size"] == "20" and order["status"] == "MATCHED"


def test_all_or_nothing(user: User, market: SandboxMarket) -> None:
    refused = user.place(market, 0, "BUY", "0.45", "60", orderType="FOK")
    assert refused.status_code == 400 and refused.json()["error"] == FOK_TEXT
    order = user.send("GET", f"/data/order/{refused.json()['orderID']}").json()
    assert order["status"] == "CANCELED" and order["size_matched"] == "0"
    assert user.place(market, 0, "BUY", "0.5", "60", orderType="FOK").json()["status"] == "matched"
    nothing = user.place(market, 0, "BUY", "0.41", "100", orderType="FAK")
    assert nothing.status_code == 400 and nothing.json()["error"] == FAK_TEXT


def test_selling_needs_settled_shares(user: User, market: SandboxMarket, running: Running) -> None:
    other = stranger(running, balance=100 * MICRO)
    short = other.place(market, 0, "SELL", "0.4", "10")
    assert short.status_code == 400 and "not enough balance / allowance" in short.json()["error"]
    running.call(lambda: running.sandbox.faults.set({"kind": "settle_delay", "ms": 60_000, "count": 1}))
    bought = other.place(market, 0, "BUY", "0.45", "10").json()
    assert bought["status"] == "matched"
    assert "not enough balance" in other.place(market, 0, "SELL", "0.4", "10").json()["error"]
    other.take(market, 0, "4.5", "0.45")
    sold = other.place(market, 0, "SELL", "0.4", "10", orderType="FAK").json()
    assert (sold["makingAmount"], sold["takingAmount"]) == ("10", "4")
    until(lambda: other.balance(market.p.token_ids[0]) == 0, "the sale")


def test_open_orders_reserve_their_cash(running: Running, market: SandboxMarket) -> None:
    user = stranger(running, balance=5 * MICRO)
    first = user.place(market, 0, "BUY", "0.3", "10").json()
    assert first["status"] == "live"
    refused = user.place(market, 0, "BUY", "0.3", "10")
    assert refused.json()["error"].endswith("balance: 2000000, order amount: 3000000")
    user.send("DELETE", "/cancel-all")
    assert user.place(market, 0, "BUY", "0.3", "10").json()["status"] == "live"


def test_the_fee_must_be_covered_too(running: Running) -> None:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and m.p.fee_rate != "0")
    book(running, chosen, {40: 100}, {50: 100})
    user = stranger(running, balance=5 * MICRO)
    assert "not enough balance" in user.place(chosen, 0, "BUY", "0.5", "10").json()["error"]
    assert user.place(chosen, 0, "BUY", "0.49", "10").json()["status"] == "live"


def test_maker_fills_change_the_order(user: User, market: SandboxMarket, running: Running) -> None:
    order_id = user.place(market, 0, "BUY", "0.41", "10").json()["orderID"]
    before = user.balance()
    hit(running, market, "SELL", 41, 4)
    order = user.send("GET", f"/data/order/{order_id}").json()
    assert order["size_matched"] == "4" and len(order["associate_trades"]) == 1
    trade = user.trade(order["associate_trades"][0])
    assert trade["trader_side"] == "MAKER" and trade["maker_orders"][0]["order_id"] == order_id
    until(lambda: user.balance() == before - 1_640_000, "a maker pays no fee")


def test_failed_trades_give_everything_back(running: Running, user: User, market: SandboxMarket) -> None:
    cash, shares = user.balance(), user.balance(market.p.token_ids[0])
    running.call(
        lambda: running.sandbox.faults.set({"kind": "trade_fail", "platform": "polymarket", "retries": 2})
    )
    trade_id = user.place(market, 0, "BUY", "0.45", "10").json()["tradeIDs"][0]
    until(lambda: user.trade(trade_id)["status"] == "TRADE_STATUS_FAILED", "the failure")
    assert (user.balance(), user.balance(market.p.token_ids[0])) == (cash, shares)


def test_what_a_failed_trade_held_may_be_spent_again(running: Running, market: SandboxMarket) -> None:
    user = stranger(running, balance=6 * MICRO)
    running.call(lambda: running.sandbox.faults.set({"kind": "settle_delay", "ms": 300}))
    running.call(lambda: running.sandbox.faults.set({"kind": "trade_fail", "count": 1}))
    trade_id = user.place(market, 0, "BUY", "0.45", "10").json()["tradeIDs"][0]
    assert (
        "not enough balance" in user.place(market, 0, "BUY", "0.45", "10").json()["error"]
    )  # held until it ends
    until(lambda: user.trade(trade_id)["status"] == "TRADE_STATUS_FAILED", "the failure")
    assert user.place(market, 0, "BUY", "0.45", "10").json()["status"] == "matched"


def test_shares_that_settle_after_the_payout_are_paid_too() -> None:
    with standing() as own:
        user, chosen = User.of(own), markets(own)[0]
        book(own, chosen, {}, {50: 100})
        own.call(lambda: own.sandbox.faults.set({"kind": "settle_delay", "ms": 300}))
        before = user.balance()
        assert user.place(chosen, 0, "BUY", "0.5", "10").json()["status"] == "matched"
        own.call(lambda: own.sandbox.world.determine(chosen.id, MICRO, own.sandbox.now_ms()))
        own.call(lambda: own.sandbox.world.settle(chosen.id, own.sandbox.now_ms()))
        until(lambda: user.balance() > before, "the money")
        assert user.balance() == before - 5 * MICRO - cash_fee(chosen, 10 * MICRO, 50) + 10 * MICRO


def test_orders_of_the_same_account_elsewhere_are_left_alone(user: User, running: Running) -> None:
    with standing(spec=WorldSpec(pairs=1, short_lived=0)) as own:
        mine, sandbox = User.of(own), own.sandbox
        ticker = own.call(lambda: sandbox.world.on("kalshi")[0].id)
        name = sandbox.polymarket_accounts[0].name
        order = own.call(
            lambda: sandbox.engine.submit(ticker, name, "BUY", 10_000, MICRO, at_ms=sandbox.now_ms())
        )
        assert mine.send("DELETE", "/cancel-all").json() == {"canceled": [], "not_canceled": {}}
        assert mine.send("GET", "/data/orders").json()["data"] == [] and order.open


def test_payout_pays_winners(running: Running) -> None:
    with standing() as own:
        user, chosen = User.of(own), markets(own)[0]
        book(own, chosen, {}, {50: 100})
        user.take(chosen, 0, "5", "0.5")
        resting = user.place(chosen, 0, "BUY", "0.1", "20").json()["orderID"]
        cash, shares = user.balance(), user.balance(chosen.p.token_ids[0])
        own.call(lambda: own.sandbox.world.determine(chosen.id, MICRO, own.sandbox.now_ms()))
        assert user.balance() == cash
        own.call(lambda: own.sandbox.world.settle(chosen.id, own.sandbox.now_ms()))
        assert user.balance() == cash + shares and user.balance(chosen.p.token_ids[0]) == 0
        order = user.send("GET", f"/data/order/{resting}").json()
        assert order["status"] == "CANCELED_MARKET_RESOLVED"
        late = user.place(chosen, 0, "BUY", "0.1", "20")
        assert late.status_code == 400 and "does not exist" in late.json()["error"]


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"price": "0.415"}, "breaks minimum tick size rule: 0.01"),
        ({"size": "4"}, "lower than the minimum: 5"),
        ({"size": "5.001"}, "max accuracy"),
        ({"price": "0.45", "postOnly": True}, "invalid post-only order: order crosses book"),
        ({"orderType": "FAK", "postOnly": True}, "invalid post-only order"),
        ({"orderType": "GTD", "expiration": 1}, "invalid expiration"),
        ({"orderType": "GTD"}, "invalid expiration"),
        ({"expiration": 4_000_000_000}, "invalid expiration"),
        ({"orderType": "IOC"}, "invalid order type"),
        ({"owner": "somebody"}, "owner of the API KEY"),
        ({"maker": "0x" + "11" * 20}, "signer address"),
        ({"signatureType": 9}, "invalid signature type"),
        ({"exchange": EXCHANGES["v1", True]}, "invalid signature"),
        ({"exchange": ("3", "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa")}, "order_version_mismatch"),
        ({"size": "10000000"}, "not enough balance / allowance"),
        ({"price": "0.4", "size": "30.01", "orderType": "FAK"}, "max accuracy"),
    ],
)  # fmt: skip
def test_refusals(user: User, market: SandboxMarket, changes: dict[str, Any], error: str) -> None:
    given = {"price": "0.41", "size": "10"} | changes
    answer = user.place(market, 0, "BUY", given.pop("price"), given.pop("size"), **given)
    assert answer.status_code == 400 and error in answer.json()["error"], answer.text
    assert user.send("GET", "/data/orders").json()["data"] == []


def test_a_signature_covers_every_amount(user: User, market: SandboxMarket) -> None:
    post = user.signed(market, 0, "BUY", "0.41", "10")
    post["order"]["takerAmount"] = "20000000"
    post["order"]["makerAmount"] = "8200000"
    assert user.send("POST", "/order", post).json() == {"error": "invalid signature"}


def test_the_same_order_twice_is_known(user: User, market: SandboxMarket) -> None:
    post = user.signed(market, 0, "BUY", "0.41", "10")
    assert user.send("POST", "/order", post).json()["status"] == "live"
    again = user.send("POST", "/order", post)
    assert again.status_code == 400 and again.json()["error"].endswith("Duplicated.")


def test_a_tiny_marketable_order(running: Running, user: User, market: SandboxMarket) -> None:
    book(running, market, {}, {10: 100})
    answer = user.place(market, 0, "BUY", "0.1", "5")
    assert answer.status_code == 400 and "marketable BUY order ($0.5), min size: $1" in answer.json()["error"]


def test_unknown_tokens_old_structs_and_rubbish(user: User, market: SandboxMarket) -> None:
    post = user.signed(market, 0, "BUY", "0.41", "10")
    unknown = post | {"order": post["order"] | {"tokenId": "12"}}
    assert "the orderbook 12 does not exist" in user.send("POST", "/order", unknown).json()["error"]
    old = {"order": {"salt": 1, "nonce": "0", "feeRateBps": "0"}, "owner": "x", "orderType": "GTC"}
    assert user.send("POST", "/order", old).json() == {"error": "order_version_mismatch"}
    assert user.send("POST", "/order", {"order": 1}).status_code == 400
    assert user.send("POST", "/order", [1]).status_code == 400


def test_a_paused_market_is_not_ready(running: Running, user: User, market: SandboxMarket) -> None:
    world, now = running.sandbox.world, running.sandbox.now_ms
    running.call(lambda: world.pause(market.id, now()))
    answer = user.place(market, 0, "BUY", "0.41", "10").json()
    running.call(lambda: world.resume(market.id, now()))
    assert answer["error"] == "the market is not yet ready to process new orders"


# --- many at once


def test_a_batch_answers_each_for_itself(user: User, market: SandboxMarket) -> None:
    good, off = user.signed(market, 0, "BUY", "0.39", "10"), user.signed(market, 0, "BUY", "0.395", "10")
    answers = user.send("POST", "/orders", [good, off, good]).json()
    assert [row["status"] for row in answers] == ["live", "", ""]
    assert answers[1]["success"] is True and "tick size" in answers[1]["errorMsg"]
    assert "Duplicated" in answers[2]["errorMsg"]
    too_many = user.send("POST", "/orders", [good] * 16)
    assert too_many.status_code == 400 and "Too many orders in payload" in too_many.json()["error"]


def test_cancelling_many(running: Running, user: User, market: SandboxMarket) -> None:
    other_market = next(m for m in markets(running) if m.id != market.id and m.p.tick == "0.01")
    book(running, other_market, {40: 5}, {60: 5})
    here = [user.place(market, 0, "BUY", price, "10").json()["orderID"] for price in ("0.11", "0.12")]
    no = user.place(market, 1, "BUY", "0.11", "10").json()["orderID"]
    there = user.place(other_market, 0, "BUY", "0.11", "10").json()["orderID"]
    by_token = user.send(
        "DELETE", "/cancel-market-orders", {"market": market.id, "asset_id": market.p.token_ids[1]}
    ).json()
    assert by_token["canceled"] == [no]
    assert user.send("DELETE", "/orders", [here[0], "0x99"]).json() == {
        "canceled": [here[0]], "not_canceled": {"0x99": "order can't be found - already canceled or matched"},
    }  # fmt: skip
    assert user.send("DELETE", "/cancel-market-orders", {"market": market.id}).json()["canceled"] == [here[1]]
    assert user.send("DELETE", "/cancel-all").json()["canceled"] == [there]
    assert user.send("DELETE", "/orders", ["0x1"] * 1001).status_code == 400
    assert user.send("DELETE", "/cancel-market-orders", {}).status_code == 400


def test_an_order_of_somebody_else_is_not_mine(running: Running, user: User, market: SandboxMarket) -> None:
    order_id = user.place(market, 0, "BUY", "0.41", "10").json()["orderID"]
    other = stranger(running)
    assert other.send("GET", f"/data/order/{order_id}").status_code == 404
    assert other.send("DELETE", "/order", {"orderID": order_id}).json()["canceled"] == []
    assert other.send("GET", "/data/orders").json()["data"] == []


def test_a_dated_order_expires(running: Running, user: User, market: SandboxMarket) -> None:
    soon = int(time.time()) + 200
    order_id = user.place(market, 0, "BUY", "0.41", "10", orderType="GTD", expiration=soon).json()["orderID"]
    order = user.send("GET", f"/data/order/{order_id}").json()
    assert order["expiration"] == str(soon) and order["order_type"] == "GTD"
    engine = running.sandbox.engine
    assert running.call(lambda: engine.orders[order_id].expires_ms) == (soon - 60) * 1000
    running.call(lambda: engine.expire((soon - 60) * 1000))
    assert user.send("GET", f"/data/order/{order_id}").json()["status"] == "CANCELED_EXPIRED_ORDER"


def test_the_dead_mans_switch(
    running: Running, market: SandboxMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markets.sandbox.polymarket.orders_api.HEARTBEAT_MS", 300)
    user = stranger(running, balance=100 * MICRO)
    order_id = user.place(market, 0, "BUY", "0.41", "10").json()["orderID"]
    first = user.send("POST", "/v1/heartbeats", {"heartbeat_id": ""}).json()["heartbeat_id"]
    stale = user.send("POST", "/v1/heartbeats", {"heartbeat_id": "old"})
    assert stale.status_code == 400
    assert stale.json() == {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": first}
    assert user.send("POST", "/v1/heartbeats", {"heartbeat_id": first}).status_code == 200
    until(lambda: user.send("GET", f"/data/order/{order_id}").json()["status"] == "CANCELED", "the switch")


# --- properties of the money


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 10**9), st.integers(1, 99), st.booleans()),
        max_size=12,
    )
)
def test_money_is_neither_made_nor_lost(trades: list[tuple[str, int, int, bool]]) -> None:
    """Two wallets trade one token: cash and shares only change hands, fees aside; a failed trade changes nothing."""
    ledger = Ledger(10**15)
    for action, size, cents, fails in trades:
        other = "SELL" if action == "BUY" else "BUY"
        moves = [
            movement("a", "t", action, size, cents * 10_000, rate=50_000),
            movement("b", "t", other, size, cents * 10_000),
        ]
        ledger.hold(moves)
        ledger.undo(moves) if fails else ledger.settle(moves)
    a, b = ledger.account("a"), ledger.account("b")
    assert a.cash + b.cash + a.fees["t"] + b.fees["t"] == 2 * 10**15
    assert a.tokens["t"] + b.tokens["t"] == 0
    assert a.held_cash == b.held_cash == a.held_tokens["t"] == b.held_tokens["t"] == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**10), st.integers(1, 999), st.sampled_from(["0.04", "0.05", "0.07"]))
def test_our_fee_model_and_the_venues_agree(size: int, mills: int, rate: str) -> None:
    ours = PolymarketFees(Decimal(rate)).match_fee(Decimal(mills) / 1000, Decimal(size) / MICRO)
    assert taker_fee(size, mills * 1_000, int(Decimal(rate) * MICRO), 1) == ours * MICRO


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 20)), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate(asks: list[tuple[int, int]]) -> None:
    bucket, now, given_out = Bucket(40, 60, 60_000, 0), 0, 0
    for wait, cost in asks:
        now += wait
        given_out += cost if bucket.take(cost, now) else 0
        assert given_out <= 60 + 40 * now / 1000
