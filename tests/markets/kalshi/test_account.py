"""Lists that lie, money, and an account that may not trade from here: what the sandbox does not do, from a small server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from markets.platforms.base import Malformed, PlatformError
from markets.platforms.kalshi.trading import KalshiTrading
from markets.platforms.trading import BUY, OrderRef
from tests.markets.kalshi.account import request
from tests.markets.kalshi.server import Answer, Asked, Server, running

D = Decimal
SENT = datetime(2026, 11, 26, 12, 0, 5, tzinfo=UTC)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
AS_OF = "/exchange/user_data_timestamp"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as made:
        yield made


@pytest.fixture
def trading(server: Server) -> KalshiTrading:
    return KalshiTrading(server.url, authorise=lambda *_: {"KALSHI-ACCESS-KEY": "k"}, backoff=0.001)


def order(order_id: str, client: str, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id, "client_order_id": client, "ticker": "KXA-1", "status": "resting", "outcome_side": "yes",
        "book_side": "bid", "yes_price_dollars": "0.4900", "fill_count_fp": "0.00", "remaining_count_fp": "10.00",
        "initial_count_fp": "10.00", **more,
    }  # fmt: skip


def ref(**more: Any) -> OrderRef:
    return OrderRef("c-1", "", "KXA-1", **more)


# --- lists


def test_pages_that_begin_anew_are_no_proof_that_an_order_is_not_there(
    server: Server, trading: KalshiTrading
) -> None:
    server.on("/portfolio/orders", {"orders": [order("o-2", "c-2")], "cursor": "next"})
    for ask in (trading.open_orders, lambda: trading.find(ref())):
        with pytest.raises(Malformed, match="repeat themselves"):
            ask()
    server.on("/portfolio/positions", {"market_positions": [], "cursor": "next"})
    with pytest.raises(Malformed):
        trading.holdings()


def test_an_order_is_found_on_a_later_page(server: Server, trading: KalshiTrading) -> None:
    pages = {"": ("o-2", "c-2", "a"), "a": ("o-1", "c-1", "b"), "b": ("o-3", "c-3", "")}

    def page(asked: Asked) -> Answer:
        order_id, client, cursor = pages[asked.query.get("cursor", [""])[0]]
        return Answer({"orders": [order(order_id, client)], "cursor": cursor})

    server.on("/portfolio/orders", page)
    found = trading.find(ref())
    assert found is not None
    assert found.platform_order_id == "o-1"
    assert server.asked[0].query["ticker"] == ["KXA-1"]
    assert server.asked[0].query["subaccount"] == ["0"]
    assert [one.platform_order_id for one in trading.open_orders()] == ["o-2", "o-1", "o-3"]


@pytest.mark.parametrize(
    ("as_of", "known"), [("2026-11-26T12:00:04.999Z", False), ("2026-11-26T12:00:05.000Z", True)]
)
def test_not_there_is_said_only_by_a_read_side_that_can_know(
    server: Server, trading: KalshiTrading, as_of: str, known: bool
) -> None:
    server.on(AS_OF, {"as_of_time": as_of})
    server.on("/portfolio/orders", {"orders": [], "cursor": ""})
    server.on("/portfolio/orders/o-1", Answer({"error": {"code": "not_found"}}, 404))
    for asked in (ref(sent_at=SENT), OrderRef("c-1", "o-1", "KXA-1", SENT)):
        if known:
            assert trading.find(asked) is None
        else:
            with pytest.raises(PlatformError, match="ask again"):
                trading.find(asked)
    # How fresh it is must be asked before the list is read: a list may only be fresher than what was told
    assert server.paths().index(AS_OF) < server.paths().index("/portfolio/orders")


@pytest.mark.parametrize(
    "answer", [Answer("", 503), Answer(b"<html>", 200), Answer({"orders": [{}]}), Answer(hang_up=True)]
)
def test_a_platform_that_cannot_be_asked_is_never_nothing_there(
    server: Server, trading: KalshiTrading, answer: Answer
) -> None:
    for path in ("orders", "fills", "positions", "settlements", "balance", "deposits"):
        server.on(f"/portfolio/{path}", answer)
    asks = [
        trading.open_orders, trading.holdings, trading.balances, lambda: trading.find(ref()),
        lambda: trading.fills([OrderRef("c-1", "o-1", "KXA-1")]), lambda: trading.cash_since(EPOCH),
        lambda: trading.settlements_since(EPOCH),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(PlatformError):
            ask()


def test_one_row_that_cannot_be_read_spoils_the_list(server: Server, trading: KalshiTrading) -> None:
    good = {"ticker": "KXA-1", "position_fp": "3.00"}
    server.on(
        "/portfolio/positions", {"market_positions": [good, {**good, "position_fp": "many"}], "cursor": ""}
    )
    with pytest.raises(Malformed, match="position"):
        trading.holdings()


# --- money


def test_balances_are_told_by_shard_and_exactly(server: Server, trading: KalshiTrading) -> None:
    rows = [{"exchange_index": 0, "balance": "98.0186"}, {"exchange_index": 2, "balance": "0.0001"}]
    body = {
        "balance": 9801,
        "balance_dollars": "98.0187",
        "portfolio_value": 0,
        "updated_ts": 1,
        "balance_breakdown": rows,
    }
    server.on("/portfolio/balance", body)
    server.on("/portfolio/orders", {"orders": [order("o-1", "c-1", exchange_index=2)], "cursor": ""})
    assert [(one.shard, one.cash, one.free) for one in trading.balances()] == [
        (0, D("98.0186"), D("98.0186")),
        (2, None, D("0.0001")),
    ]


def test_deposits_and_withdrawals_count_once_they_are_applied(server: Server, trading: KalshiTrading) -> None:
    row = {"type": "ach", "fee_cents": 0, "created_ts": 1_790_000_000, "finalized_ts": 1_790_000_100}
    deposits = [
        {"id": "d1", "status": "applied", "amount_cents": 12_345, **row},
        {"id": "d2", "status": "pending", "amount_cents": 1, **row},
        {"id": "d3", "status": "returned", "amount_cents": 1, **row},
    ]
    server.on("/portfolio/deposits", {"deposits": deposits, "cursor": ""})
    server.on(
        "/portfolio/withdrawals",
        {"withdrawals": [{"id": "w1", "status": "applied", "amount_cents": 50, **row, "finalized_ts": None}]},
    )
    server.on("/portfolio/intra_exchange_instance_transfers", {"transfers": []})
    server.on("/portfolio/subaccounts/transfers", Answer({"error": {"code": "forbidden"}}, 403))
    told = trading.cash_since(EPOCH)
    assert [(one.reference, one.amount, one.kind, int(one.at.timestamp())) for one in told] == [
        ("withdrawal:w1", D("-0.50"), "WITHDRAWAL", 1_790_000_000),
        ("deposit:d1", D("123.45"), "DEPOSIT", 1_790_000_100),
    ]
    later = datetime.fromtimestamp(1_790_000_050, UTC)
    assert [one.reference for one in trading.cash_since(later)] == ["deposit:d1"]


def test_a_transfer_to_the_margin_exchange_leaves_us(server: Server, trading: KalshiTrading) -> None:
    transfer = {
        "transfer_id": "t1", "source": "event_contract", "destination": "margined", "source_exchange_shard": 1,
        "destination_exchange_shard": 0, "amount": "7.0000", "status": "complete", "created_ts": 1_790_000_000,
    }  # fmt: skip
    for name in ("deposits", "withdrawals", "subaccounts/transfers"):
        server.on(f"/portfolio/{name}", {name.rpartition("/")[2]: []})
    pending = {**transfer, "transfer_id": "t2", "status": "pending"}
    server.on("/portfolio/intra_exchange_instance_transfers", {"transfers": [transfer, pending]})
    [told] = trading.cash_since(EPOCH)
    assert (told.shard, told.amount, told.kind) == (1, D(-7), "TRANSFER")


# --- may we trade from here


def exchange(server: Server, **more: Any) -> None:
    server.on("/exchange/status", {"exchange_active": True, "trading_active": True, **more})


@pytest.mark.parametrize(("expires", "takes"), [(None, True), (2_000, True), (1_000, False)])
def test_an_attestation_that_lapsed_stops_orders_but_not_cancels(
    server: Server, expires: int | None, takes: bool
) -> None:
    trading = KalshiTrading(server.url, authorise=lambda *_: {}, clock=lambda: 1_500.0)
    exchange(server)
    server.on("/api_keys", {"api_keys": [], "api_key_region_expiration_ts": expires})
    state = trading.state()
    assert (state.takes_orders, state.takes_cancels) == (takes, True)
    assert ("attestation" in state.why) == (not takes)
    trading.state()
    assert server.paths().count("/api_keys") == 1  # kept for some minutes


def test_a_key_that_may_not_list_keys_still_trades(server: Server, trading: KalshiTrading) -> None:
    exchange(server)
    server.on("/api_keys", Answer({"error": {"code": "forbidden"}}, 403))
    assert trading.state().takes_orders


def test_pauses_are_told_apart(server: Server, trading: KalshiTrading) -> None:
    server.on("/api_keys", {"api_keys": []})
    exchange(server, trading_active=False, exchange_estimated_resume_time="2026-11-26T10:00:00Z")
    state = trading.state()
    assert (state.takes_orders, state.takes_cancels) == (False, True)
    assert state.resumes == datetime(2026, 11, 26, 10, tzinfo=UTC)
    exchange(server, exchange_active=False, trading_active=False)
    assert not trading.state().takes_cancels
    shards = [
        {"exchange_index": 0, "exchange_active": True, "trading_active": True},
        {"exchange_index": 2, "exchange_active": True, "trading_active": False},
    ]
    exchange(server, exchange_index_statuses=shards)
    state = trading.state()
    assert state.takes_orders
    assert "2" in state.why
    assert not trading.exchange().trades(2)


def test_the_body_of_maintenance_comes_with_an_error_and_is_read(
    server: Server, trading: KalshiTrading
) -> None:
    server.on("/exchange/status", Answer({"exchange_active": False, "trading_active": False}, 503))
    assert not trading.state().takes_orders


def test_nothing_secret_is_shown_by_what_is_kept(trading: KalshiTrading) -> None:
    prepared = trading.prepare(request("KXA-1", BUY, "YES", "0.49", "1"))
    assert "payload" not in repr(prepared)


def test_settlements_are_told_since_a_moment_and_a_scalar_one_by_its_value(
    server: Server, trading: KalshiTrading
) -> None:
    row = {
        "ticker": "KXA-1",
        "market_result": "scalar",
        "revenue": 37,
        "value": 37,
        "settled_time": "2026-11-26T12:00:05.500Z",
    }
    before = {**row, "ticker": "KXA-0", "settled_time": "2026-11-26T12:00:05.100Z"}
    server.on("/portfolio/settlements", {"settlements": [row, before], "cursor": ""})
    [told] = trading.settlements_since(SENT.replace(microsecond=300_000))
    assert (told.market_id, told.yes_pays, told.revenue) == ("KXA-1", D("0.37"), D("0.37"))
    assert server.asked[0].query["min_ts"] == [str(int(SENT.timestamp()))]
    server.on("/portfolio/settlements", {"settlements": [{**row, "value": None}], "cursor": ""})
    with pytest.raises(Malformed):
        trading.settlements_since(EPOCH)
