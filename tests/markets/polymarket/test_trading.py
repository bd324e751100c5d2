"""Our order side against the running sandbox, whose signature checks are a second implementation."""

import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from markets.clients import polymarket_buckets
from markets.platforms.base import PlatformError, Refused
from markets.platforms.polymarket.account_wire import Activity
from markets.platforms.polymarket.contracts import EXCHANGE
from markets.platforms.polymarket.replies import Reply
from markets.platforms.polymarket.trading import PolymarketTrading
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    CANCELLED,
    CONFIRMED,
    DELAYED,
    DUPLICATE,
    FAILED,
    FILLED,
    FOK,
    FORBIDDEN,
    GTC,
    GTD,
    INSUFFICIENT_BALANCE,
    INVALID,
    NOT_FILLABLE,
    OFF_TICK,
    OPEN,
    PARTIAL,
    POST_ONLY_WOULD_CROSS,
    RATE_LIMITED,
    SELL,
    SIGNER_REFUSED,
    TRADING_PAUSED,
    UNAUTHORISED,
    UNREACHABLE,
    Accepted,
    Declined,
    Holding,
    OrderRef,
    Prepared,
    Unsure,
)  # fmt: skip
from markets.sandbox.context import PolymarketAccount
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.server import Running
from tests.markets.polymarket.trading_help import ask, client, ready, ref_of, sent, together
from tests.markets.sandbox.polymarket.helpers import MICRO, User, book, hit, markets, standing, until

WORLD = WorldSpec(pairs=3, short_lived=0, extra_kalshi=0, extra_polymarket=3, protocol_v2=1)
SAFE_KEY, DEPOSIT_KEY, PROXY_KEY = ("0x" + "a7" * 32, "0x" + "b7" * 32, "0x" + "c7" * 32)
FUNDERS = {1: "0x" + "11" * 20, 2: "0x" + "22" * 20, 3: "0x" + "33" * 20}
KEYS = {1: PROXY_KEY, 2: SAFE_KEY, 3: DEPOSIT_KEY}


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    from markets.platforms.polymarket import signing

    accounts = [
        PolymarketAccount(f"type-{kind}", signing.address(KEYS[kind]), 1_000 * MICRO, FUNDERS[kind])
        for kind in KEYS
    ]
    with standing(spec=WORLD, polymarket_accounts=accounts) as running:
        yield running


@pytest.fixture
def running(exchange: Running) -> Iterator[Running]:
    yield exchange

    def reset() -> None:
        exchange.sandbox.faults.clear()
        exchange.sandbox.config.polymarket_blocked = exchange.sandbox.config.polymarket_closed_only = False
        for wallet in face_of(exchange.sandbox).wallets.values():
            wallet.unapproved.clear()

    exchange.call(reset)


@pytest.fixture
def trading(running: Running) -> Iterator[PolymarketTrading]:
    made = client(running)
    yield made
    running.call(running.sandbox.faults.clear)
    made.cancel_all()


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(
        m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk and m.p.version == "v1"
    )
    book(running, chosen, {40: 100}, {45: 50, 50: 50})
    return chosen


def fault(running: Running, **settings: Any) -> None:
    running.call(lambda: running.sandbox.faults.set({"platform": "polymarket", **settings}))


def settled(trading: PolymarketTrading, ref: OrderRef) -> list[Any]:
    """The order's fills once all of them are final."""

    def look() -> Any:
        fills = trading.fills([ref])
        return fills if fills and all(fill.status in (CONFIRMED, FAILED) for fill in fills) else None

    return until(look, "settlement")


# --- orders


def test_an_immediate_purchase_from_its_hash_to_its_settlement(trading, market, running):
    before = trading.balances()[0].cash
    answer, ref = sent(trading, ask(market, "0.45", "20"))
    assert (answer.status, answer.matched, answer.average_price) == (FILLED, Decimal(20), Decimal("0.45"))
    (fill,) = settled(trading, ref)
    assert (fill.side, fill.outcome, fill.price, fill.size, fill.taker) == (
        BUY,
        "YES",
        Decimal("0.45"),
        20,
        True,
    )
    assert (fill.trade_id,) == answer.trade_ids and fill.status == CONFIRMED and fill.transaction_hash
    found = trading.find(ref)
    assert (found.status, found.matched, found.size) == (FILLED, Decimal(20), None)
    fees = trading.account._terms_of(market.id)
    assert fees.token_ids == market.p.token_ids
    spent = before - trading.balances()[0].cash
    from markets.platforms.polymarket.fees import PolymarketFees

    fee = PolymarketFees(Decimal(market.p.fee_rate)).match_fee(Decimal("0.45"), Decimal(20))
    assert spent == 9 + fee
    assert Holding(market.id, "YES", trading.account.shares(market.p.token_ids[0])) in trading.holdings()


def test_a_sweep_of_two_levels_costs_no_more_than_its_cash(trading, market):
    answer, ref = sent(trading, ask(market, "0.50", "60", cash=Decimal("24.999")))
    fills = settled(trading, ref)
    assert [(fill.price, fill.size) for fill in sorted(fills, key=lambda fill: fill.price)] == [
        (Decimal("0.45"), Decimal(50)), (Decimal("0.5"), Decimal("4.98")),
    ]  # fmt: skip
    assert sum(fill.price * fill.size for fill in fills) <= Decimal("24.99")
    assert answer.matched == Decimal("54.98") == trading.find(ref).matched


def test_what_an_immediate_order_leaves_is_gone(trading, market):
    answer, ref = sent(trading, ask(market, "0.45", "80"))
    assert (answer.status, answer.matched) == (CANCELLED, Decimal(50))
    assert trading.find(ref).status == CANCELLED and trading.open_orders() == []


def test_a_resting_order_fills_as_a_maker_and_is_cancelled(trading, market, running):
    answer, ref = sent(trading, ask(market, "0.41", "10", outcome="YES", time_in_force=GTC, post_only=True))
    assert answer.status == OPEN and [one.platform_order_id for one in trading.open_orders()] == [
        ref.platform_order_id
    ]
    reserved = trading.balances()[0]
    assert reserved.cash - reserved.free == Decimal("4.1")
    hit(running, market, "SELL", 41, 4)
    found = trading.find(ref)
    assert (found.status, found.matched, found.size, found.limit_price) == (PARTIAL, 4, 10, Decimal("0.41"))
    (fill,) = settled(trading, ref)
    assert (fill.taker, fill.price, fill.size, fill.side) == (False, Decimal("0.41"), Decimal(4), BUY)
    report = trading.cancel([ref, OrderRef("never", "", market.id)])
    assert report.gone == (ref.client_order_id,) and set(report.kept) == {"never"}
    assert (trading.find(ref).status, trading.find(ref).matched) == (CANCELLED, Decimal(4))
    again = trading.cancel([ref])
    assert again.gone == () and "can't be found" in again.kept[ref.client_order_id]


def test_a_maker_of_no_is_filled_on_its_own_token(trading, market, running):
    _, ref = sent(trading, ask(market, "0.58", "10", outcome="NO", time_in_force=GTC))
    hit(running, market, "BUY", 42, 10)
    (fill,) = settled(trading, ref)
    assert (fill.outcome, fill.side, fill.price, fill.taker) == ("NO", BUY, Decimal("0.58"), False)


def test_a_sale_is_by_shares(trading, market):
    settled(trading, sent(trading, ask(market, "0.45", "20"))[1])
    answer, ref = sent(trading, ask(market, "0.40", "12.345", side=SELL))
    assert (answer.status, answer.matched, answer.average_price) == (FILLED, Decimal("12.34"), Decimal("0.4"))
    (fill,) = settled(trading, ref)
    assert (fill.side, fill.price, fill.size) == (SELL, Decimal("0.4"), Decimal("12.34"))


def test_protocol_v2_is_signed_for_its_own_exchange(trading, running):
    chosen = next(m for m in markets(running) if m.p.version == "v2")
    tick = Decimal(chosen.p.tick)
    book(running, chosen, {40: 100}, {45: 50})
    answer, ref = sent(trading, ask(chosen, "0.45", "20"))
    (fill,) = settled(trading, ref)
    assert answer.status == FILLED and fill.market_id == chosen.id and tick > 0
    assert Holding(chosen.id, "YES", Decimal(20)) in trading.holdings()
    wrong = ask(chosen, "0.45", "20")
    wrong = ready(trading, ask(chosen, "0.45", facts=dict(wrong.facts) | {"version": "v1"}))
    assert "order_version_mismatch" in trading.submit(wrong).sentence
    # Terms asked of the platform
    _, bare = sent(trading, ask(chosen, "0.30", "10", time_in_force=GTC, facts={}))
    assert trading.find(bare).status == OPEN


def test_neg_risk_markets_have_their_own_exchange(trading, running):
    chosen = next(m for m in markets(running) if m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50})
    assert sent(trading, ask(chosen, "0.45", "20"))[0].status == FILLED


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_wallets_of_every_kind(running, market, kind):
    mine = client(running, key=KEYS[kind], signature_type=kind, funder=FUNDERS[kind])
    answer, ref = sent(mine, ask(market, "0.45", "10"))
    assert answer.status == FILLED and len(settled(mine, ref)) == 1
    assert mine.balances()[0].cash < 1_000
    mine.cancel_all()


def test_a_wallet_without_its_funder_is_refused_at_once(running):
    with pytest.raises(ValueError, match="POLYMARKET_FUNDER"):
        client(running, signature_type=2)


def test_the_same_request_is_the_same_order_and_is_never_placed_twice(trading, market):
    request = ask(market, "0.41", time_in_force=GTC)
    first, second = ready(trading, request), ready(trading, request)
    assert first.platform_order_id == second.platform_order_id
    assert isinstance(trading.submit(first), Accepted)
    again = trading.submit(second)
    assert isinstance(again, Declined) and again.code == DUPLICATE and not again.passing
    assert len(trading.open_orders()) == 1


def test_a_signed_order_is_not_shown(trading, market):
    prepared = ready(trading, ask(market, "0.41"))
    secret = prepared.payload.signature
    assert secret.startswith("0x") and secret not in repr(prepared) and secret not in repr(prepared.payload)


def test_good_till_date_ends_when_it_is_told(trading, market, running):
    expires = datetime.now(UTC) + timedelta(minutes=5)
    _, ref = sent(trading, ask(market, "0.41", time_in_force=GTD, expires_at=expires))
    order = running.call(lambda: running.sandbox.engine.orders[ref.platform_order_id])
    assert order.expires_ms == int(expires.timestamp()) * 1_000


@pytest.mark.parametrize(
    ("price", "size", "changes", "code"),
    [
        ("0.455", "10", {}, OFF_TICK),
        ("0.41", "4", {"time_in_force": GTC}, BELOW_MINIMUM),
        ("0.45", "2", {}, BELOW_MINIMUM),
        ("0.45", "60", {"time_in_force": FOK}, NOT_FILLABLE),
        ("0.44", "10", {}, NOT_FILLABLE),
        ("0.45", "10", {"time_in_force": GTC, "post_only": True}, POST_ONLY_WOULD_CROSS),
        ("0.40", "900000", {"side": SELL}, INSUFFICIENT_BALANCE),
        ("0.41", "9000000", {"time_in_force": GTC}, INSUFFICIENT_BALANCE),
    ],
)
def test_refusals(trading, market, price, size, changes, code):
    prepared = trading.prepare(ask(market, price, size, **changes))
    answer = trading.submit(prepared) if isinstance(prepared, Prepared) else prepared
    assert isinstance(answer, Declined) and answer.code == code, answer


def test_an_order_for_an_unknown_market_cannot_be_made(trading, market):
    found = trading.prepare(ask(market, "0.45", facts={}, market_id="0x" + "99" * 32))
    assert isinstance(found, Declined) and found.code == INVALID


def test_a_batch_is_answered_one_by_one(trading, market):
    batch = [
        ready(trading, ask(market, "0.30", time_in_force=GTC)),
        ready(trading, ask(market, "0.46", time_in_force=GTC, post_only=True)),
        ready(trading, ask(market, "0.45", "20")),
    ]
    resting, refused, taken = trading.submit_many(batch)
    assert resting.status == OPEN and refused.code == POST_ONLY_WOULD_CROSS and taken.status == FILLED
    with pytest.raises(ValueError, match="15"):
        trading.submit_many(batch * 6)


def test_many_cancels_and_a_market_at_once(trading, market):
    refs = [sent(trading, ask(market, f"0.{cents}", time_in_force=GTC))[1] for cents in range(20, 25)]
    report = trading.cancel(refs[:3])
    assert set(report.gone) == {ref.client_order_id for ref in refs[:3]}
    trading.cancel_market(market.id)
    assert trading.open_orders() == []


def test_two_threads_share_one_client(trading, market):
    answers = together(
        *(lambda n=n: sent(trading, ask(market, f"0.{n}", time_in_force=GTC))[0] for n in range(20, 28))
    )
    assert len({answer.platform_order_id for answer in answers}) == 8 == len(trading.open_orders())


# --- what goes wrong on the way


@pytest.mark.parametrize(
    ("settings", "placed"),
    [
        ({"kind": "drop_response", "when": "before"}, False),
        ({"kind": "drop_response", "when": "after"}, True),
        ({"kind": "status", "status": 425, "when": "before"}, False),
        ({"kind": "status", "status": 425, "when": "after"}, True),
        ({"kind": "status", "status": 500, "when": "after"}, True),
        ({"kind": "status", "status": 503, "when": "after"}, True),
        ({"kind": "status", "status": 429, "when": "before"}, False),
        ({"kind": "status", "status": 504, "when": "after", "body": "<html>"}, True),
    ],
)
def test_a_lost_answer_is_unsure_sent_once_and_found_by_its_hash(trading, market, running, settings, placed):
    fault(running, endpoint="POST /order", **settings)
    prepared = ready(trading, ask(market, "0.45", "20"))
    answer = trading.submit(prepared)
    assert isinstance(answer, Unsure), answer
    rule = running.call(lambda: [rule.fired for rule in running.sandbox.faults.rules])
    assert rule == [1]
    running.call(running.sandbox.faults.clear)
    found = trading.find(ref_of(prepared))
    assert (found is not None and found.matched == 20) if placed else found is None


def test_an_order_accepted_late_is_found_later(trading, market, running):
    fault(running, kind="late_accept", ms=250, status=504, endpoint="POST /order", count=1)
    prepared = ready(trading, ask(market, "0.45", "20"))
    assert isinstance(trading.submit(prepared), Unsure)
    assert trading.find(ref_of(prepared)) is None
    assert until(lambda: trading.find(ref_of(prepared)), "the late order").matched == 20
    again = trading.submit(prepared)
    assert isinstance(again, Declined) and again.code == DUPLICATE


def test_a_timeout_is_unsure(running, market):
    slow = client(running, timeout=0.2)
    prepared = ready(slow, ask(market, "0.45", "20"))
    slow.login.credentials()
    fault(running, kind="latency", ms=800, endpoint="POST /order", count=1)
    assert isinstance(slow.submit(prepared), Unsure)
    assert until(lambda: slow.find(ref_of(prepared)), "the slow order").matched == 20


def test_no_connection_at_all_is_declined_and_may_be_tried_again(running, market, trading):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        trading.login.credentials()
        trading._clob._base_url = f"http://127.0.0.1:{port}"
        prepared = ready(trading, ask(market, "0.45", "20"))
        answer = trading.submit(prepared)
        assert isinstance(answer, Declined) and answer.code == UNREACHABLE and answer.passing
        report = trading.cancel([ref_of(prepared)])
        assert report.unsure == () and "nothing was sent" in report.kept[prepared.request.client_order_id]
        with pytest.raises(PlatformError):
            trading.find(ref_of(prepared))
        with pytest.raises(PlatformError):
            trading.open_orders()
    trading._clob._base_url = running.urls["clob"]
    assert isinstance(trading.submit(prepared), Accepted)


def test_a_429_with_headers_proves_that_nothing_was_taken(trading, market, running):
    fault(running, kind="status", status=429, headers=True, retry_after=3, endpoint="POST /order", count=1)
    answer = trading.submit(ready(trading, ask(market, "0.45")))
    assert (answer.code, answer.retry_after, answer.passing) == (RATE_LIMITED, 3.0, True)


@pytest.mark.parametrize("mode", ["post_only", "cancel_only", "disabled", "paused"])
def test_trading_modes_pause_and_cancels_are_tried_all_the_same(trading, market, running, mode):
    _, ref = sent(trading, ask(market, "0.41", time_in_force=GTC))
    assert trading.state().takes_orders
    fault(running, kind="mode", mode=mode)
    answer = trading.submit(ready(trading, ask(market, "0.45")))
    assert isinstance(answer, Declined) and answer.code == TRADING_PAUSED and answer.passing
    told = trading.state()
    assert not told.takes_orders and told.takes_cancels and told.why and told.resumes
    report = trading.cancel([ref])
    assert bool(report.gone) == (mode != "disabled")
    running.call(running.sandbox.faults.clear)
    sent(trading, ask(market, "0.41", time_in_force=GTC))
    assert trading.state().takes_orders


def test_while_the_engine_restarts_nothing_is_sure(trading, market, running):
    _, ref = sent(trading, ask(market, "0.41", time_in_force=GTC))
    fault(running, kind="mode", mode="restarting")
    assert isinstance(trading.submit(ready(trading, ask(market, "0.45"))), Unsure)
    assert trading.cancel([ref]).unsure == (ref.client_order_id,)
    with pytest.raises(PlatformError):
        trading.cancel_all()


def test_a_cancel_whose_answer_is_lost_is_unsure(trading, market, running):
    _, ref = sent(trading, ask(market, "0.41", time_in_force=GTC))
    fault(running, kind="drop_response", when="after", endpoint="DELETE /order", count=1)
    assert trading.cancel([ref]).unsure == (ref.client_order_id,)
    assert trading.find(ref).status == CANCELLED


def test_a_delayed_order_is_told_so_and_found_when_it_matched(trading, market, running):
    fault(running, kind="match_delay", ms=300)
    answer, ref = sent(trading, ask(market, "0.45", "20"))
    assert (answer.status, answer.matched) == (DELAYED, 0)
    assert trading.find(ref).status == DELAYED
    assert "delayed" in trading.cancel([ref]).kept[ref.client_order_id]
    assert until(lambda: trading.find(ref).status == FILLED)


def test_a_trade_that_fails_is_told_as_failed_and_is_no_holding(trading, market, running):
    began = datetime.now(UTC) - timedelta(minutes=5)
    until(
        lambda: all(fill.status in (CONFIRMED, FAILED) for fill in trading.fills_since(began)),
        "earlier trades",
    )
    held = trading.account.shares(market.p.token_ids[0])
    fault(running, kind="trade_fail", retries=2)
    _, ref = sent(trading, ask(market, "0.45", "20"))
    assert [fill.status for fill in settled(trading, ref)] == [FAILED]
    assert trading.account.shares(market.p.token_ids[0]) == held


def test_a_filled_order_that_only_its_trades_remember_is_found(trading, market, running):
    _, ref = sent(trading, ask(market, "0.45", "20"))
    running.call(lambda: face_of(running.sandbox).notes.pop(ref.platform_order_id))
    found = trading.find(ref)
    assert (found.matched, found.status, found.side, found.outcome) == (20, CANCELLED, BUY, "YES")
    assert trading.find(OrderRef("x", "0x" + "00" * 32, market.id, datetime.now(UTC))) is None


def test_an_order_that_rests_is_not_over_because_it_is_not_told_yet(trading, market, running, monkeypatch):
    """Found by its trades alone it would be over; the list of open orders knows better."""
    _, ref = sent(trading, ask(market, "0.47", "70", time_in_force=GTC))
    clob = trading.account._clob
    get = clob.get

    def lags(endpoint, path, kind, params=()):
        if path.startswith("/data/order/"):
            raise Refused("not found", status=404)
        return get(endpoint, path, kind, params)

    monkeypatch.setattr(clob, "get", lags)
    found = trading.find(ref)
    assert (found.status, found.matched) == (PARTIAL, 50)


def test_fills_of_an_order_that_was_sent_again_are_asked_for_from_its_beginning(trading, market):
    """Had the first sending been taken, its trades are older than the second one."""
    _, ref = sent(trading, ask(market, "0.45", "20"))
    later = datetime.now(UTC) + timedelta(minutes=10)
    assert trading.fills([replace(ref, sent_at=later)]) == []
    assert len(trading.fills([replace(ref, sent_at=later, created_at=ref.sent_at)])) == 1


def test_cancels_go_out_in_batches_that_the_rate_limit_takes(trading, monkeypatch):
    most = polymarket_buckets()["clob-cancel"].capacity
    costs = []

    def send(endpoint, method, path, body=None, *, cost=1):
        assert cost <= most, "more at once than the bucket holds would never go out"
        costs.append(cost)
        return Reply(200, {}, json.dumps({"canceled": json.loads(body), "not_canceled": {}}).encode())

    with monkeypatch.context() as patched:
        patched.setattr(trading._clob, "send", send)
        gone = cancelled(trading)
    assert gone == 250 and sum(costs) == 250


def cancelled(trading):
    refs = [OrderRef(f"c{number}", f"0x{number:064x}", "m") for number in range(250)]
    return len(trading.cancel(refs).gone)


def test_money_that_came_is_named_alike_in_every_list(trading, monkeypatch):
    """By what it is: not by its place in the list, nor by a transaction that pays several rewards at once."""
    at = 1_790_000_000
    rows = [
        Activity(type="DEPOSIT", timestamp=at - 5, usdc_size=Decimal(9)),
        Activity(
            type="REWARD", timestamp=at, usdc_size=Decimal(1), transaction_hash="0xa", condition_id="0x1"
        ),
        Activity(
            type="REWARD", timestamp=at, usdc_size=Decimal(1), transaction_hash="0xa", condition_id="0x2"
        ),
        Activity(type="YIELD", timestamp=at, usdc_size=Decimal("0.50")),
        Activity(type="YIELD", timestamp=at, usdc_size=Decimal("0.5")),
    ]
    monkeypatch.setattr(trading.account, "_activity", lambda kinds, since: iter(rows))
    long = {row.reference for row in trading.account.cash_since(datetime.now(UTC))}
    rows = rows[1:][::-1]  # a later look: the first has left the window
    short = {row.reference for row in trading.account.cash_since(datetime.now(UTC))}
    assert len(long) == 5 and short < long and len(short) == 4
    assert max(map(len, long)) <= 128


# --- who we are


def test_credentials_are_derived_once_and_kept_in_memory(running, market):
    mine = client(running, key="0x" + secrets.token_hex(32))  # a wallet that never was here: they are created
    first = mine.login.credentials()
    assert mine.login.credentials() == first and mine.hand.asked == ["polymarket_login", "polymarket_login"]
    again = client(running, key=mine.hand.key)
    assert again.login.credentials() == first
    assert first.secret not in repr(mine.login.__dict__.get("_known")) and first.passphrase not in repr(first)


def test_a_refused_login_is_renewed_without_a_restart(trading, market, running):
    old = trading.login.credentials()
    _, ref = sent(trading, ask(market, "0.41", time_in_force=GTC))
    owner = User.of(running)
    owner.send("DELETE", "/auth/api-key")
    assert trading.find(ref).status == OPEN  # asked again under the new login
    assert trading.login.credentials() != old and "reload" in trading.hand.asked
    User.of(running).send("DELETE", "/auth/api-key")
    prepared = ready(trading, ask(market, "0.45"))
    answer = trading.submit(prepared)
    assert isinstance(answer, Declined) and answer.code == UNAUTHORISED
    assert isinstance(trading.submit(prepared), Accepted)
    User.of(running).send("DELETE", "/auth/api-key")
    trading.cancel_all()
    assert trading.open_orders() == []


def test_a_signer_that_refuses_or_is_away_stops_the_order_before_anything_is_sent(trading, market):
    ready(trading, ask(market, "0.45"))
    trading.hand.refusal = OSError("The signer refuses: more than 500 dollars")
    found = trading.prepare(ask(market, "0.45"))
    trading.hand.refusal = None
    assert isinstance(found, Declined) and found.code == SIGNER_REFUSED and "500 dollars" in found.sentence


def test_a_signer_that_answers_with_another_order_is_not_believed(running, market):
    from tests.markets.polymarket.trading_help import HandSigner

    hand = HandSigner(running.keys.polymarket_private_key)

    def lying(request: Any) -> Any:
        return dict(hand(request)) | (
            {"order_id": "0x" + "00" * 32} if request["op"] == "polymarket_order" else {}
        )

    found = client(running, sign=lying).prepare(ask(market, "0.45"))
    assert isinstance(found, Declined) and found.code == SIGNER_REFUSED


def test_the_region_is_asked_and_a_blocked_one_takes_nothing(trading, market, running):
    running.sandbox.config.polymarket_blocked = True
    told = trading.state()
    assert not told.takes_orders and told.takes_cancels and "US NY" in told.why
    answer = trading.submit(ready(trading, ask(market, "0.45")))
    assert isinstance(answer, Declined) and answer.code == FORBIDDEN


def test_a_closed_only_account(trading, market, running):
    running.sandbox.config.polymarket_closed_only = True
    assert "closed-only" in trading.state().why
    assert trading.submit(ready(trading, ask(market, "0.45"))).code == FORBIDDEN


def test_a_missing_approval_is_said_clearly(trading, market, running):
    wallet = running.call(lambda: face_of(running.sandbox).wallet(running.keys.polymarket_address))
    wallet.unapproved.add(EXCHANGE)
    told = trading.state()
    assert not told.takes_orders and EXCHANGE in told.why and "manage.py wallet" in told.why
    answer = trading.submit(ready(trading, ask(market, "0.45")))
    assert answer.code == INSUFFICIENT_BALANCE and "allowance" in answer.sentence
    wallet.unapproved.clear()
    trading.refresh_balances([market.p.token_ids[0]])


def test_a_resting_order_needs_a_heartbeat_that_counts(trading, market, running):
    now = datetime.now(UTC)
    trading.heart.beat(now, resting=True)
    assert trading.heart.armed and trading.heart.failure == ""
    fault(running, kind="status", status=500, endpoint="POST /v1/heartbeats")
    trading.heart.beat(now + timedelta(seconds=5), resting=True)
    assert not trading.heart.healthy(now + timedelta(seconds=10))
    trading._now = lambda: now + timedelta(seconds=10)
    found = trading.prepare(ask(market, "0.41", time_in_force=GTC))
    assert isinstance(found, Declined) and found.code == TRADING_PAUSED and "heartbeat" in found.sentence
    assert isinstance(trading.prepare(ask(market, "0.45")), Prepared)  # what is over at once needs none
    trading._now = lambda: datetime.now(UTC)


# --- the account


def test_a_settled_market_pays_and_is_told():
    with standing(spec=WORLD) as own:
        mine, world, now = client(own), own.sandbox.world, own.sandbox.now_ms
        won, lost = [m for m in markets(own) if m.p.tick == "0.01"][:2]
        began = datetime.now(UTC) - timedelta(seconds=2)
        for chosen in (won, lost):
            book(own, chosen, {40: 100}, {45: 50})
            settled(mine, sent(mine, ask(chosen, "0.45", "20"))[1])
            value = MICRO if chosen is won else 0
            own.call(lambda chosen=chosen, value=value: world.determine(chosen.id, value, now()))
            own.call(lambda chosen=chosen: world.settle(chosen.id, now()))
        found = {row.market_id: (row.yes_pays, row.revenue) for row in mine.settlements_since(began)}
        assert found == {won.id: (Decimal(1), Decimal(20)), lost.id: (Decimal(0), Decimal(0))}
        assert mine.holdings() == []
        assert mine.settlements_since(datetime.now(UTC) + timedelta(hours=1)) == []


def test_deposits_and_withdrawals_are_listed(trading, running):
    began = datetime.now(UTC) - timedelta(seconds=2)
    face = running.call(lambda: face_of(running.sandbox))
    wallet = face.wallet(running.keys.polymarket_address)
    running.call(lambda: (face.move_cash(wallet, 25 * MICRO), face.move_cash(wallet, -5 * MICRO)))
    rows = trading.cash_since(began)
    assert sorted((row.amount, row.kind) for row in rows) == [
        (Decimal(-5), "WITHDRAWAL"),
        (Decimal(25), "DEPOSIT"),
    ]
    assert len({row.reference for row in rows}) == 2
    assert trading.cash_since(datetime.now(UTC) + timedelta(hours=1)) == []


def test_fills_since_tells_hand_placed_trades_too_and_turns_pages(trading, market, running, monkeypatch):
    from markets.sandbox.polymarket import orders_api

    monkeypatch.setattr(orders_api, "PAGE", 2)
    began = datetime.now(UTC)
    by_hand = User.of(running)
    for _ in range(3):
        by_hand.take(market, 0, "4.5", "0.45")
    found = [fill for fill in trading.fills_since(began) if fill.at >= began - timedelta(seconds=1)]
    assert len({fill.fill_id for fill in found}) >= 3
    assert {fill.side for fill in found if fill.market_id == market.id} >= {BUY}


def test_the_clock(trading, running):
    assert abs(trading.clock().timestamp() * 1_000 - running.sandbox.now_ms()) < 2_000


def test_an_answer_of_another_shape_is_an_error_never_nothing(trading, running, market):
    for endpoint, call in (
        ("GET /data/orders", trading.open_orders),
        ("GET /data/trades", lambda: trading.fills_since(datetime.now(UTC))),
        ("GET /balance-allowance", trading.balances),
        ("GET /v2/positions", trading.holdings),
    ):
        fault(running, kind="status", status=404, endpoint=endpoint)
        with pytest.raises(PlatformError):
            call()
        running.call(running.sandbox.faults.clear)


def test_nothing_secret_is_logged(trading, market, caplog):
    caplog.set_level("DEBUG")
    prepared = ready(trading, ask(market, "0.45"))
    trading.submit(prepared)
    credentials = trading.login.credentials()
    text = "\n".join(json.dumps(str(record.__dict__)) for record in caplog.records)
    for secret in (prepared.payload.signature, credentials.secret, credentials.passphrase, trading.hand.key):
        assert secret not in text
