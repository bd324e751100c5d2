"""The body of an order, and what each answer proves. Values only: no network."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import NO, YES
from markets.platforms.kalshi import orders
from markets.platforms.kalshi.signing import signed_text
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    CANCELLED,
    DUPLICATE,
    FILLED,
    FORBIDDEN,
    GTC,
    GTD,
    INSUFFICIENT_BALANCE,
    INVALID,
    IOC,
    MARKET_CLOSED,
    NOT_FILLABLE,
    OFF_TICK,
    OPEN,
    PARTIAL,
    POST_ONLY_WOULD_CROSS,
    RATE_LIMITED,
    SELL,
    TRADING_PAUSED,
    UNAUTHORISED,
    Accepted,
    Declined,
    Unsure,
)
from tests.markets.kalshi.account import request

prices = st.integers(1, 9_999).map(lambda n: Decimal(n) / 10_000)
sizes = st.integers(1, 10_000_000).map(lambda n: Decimal(n) / 100)


def body(*args: Any, **more: Any) -> dict[str, Any]:
    found = orders.payload(request("KXA-1", *args, **more))
    assert isinstance(found, dict), found
    return found


# --- translation


@pytest.mark.parametrize(
    ("side", "outcome", "price", "book_side", "book_price"),
    [
        (BUY, YES, "0.49", "bid", "0.4900"),
        (SELL, YES, "0.49", "ask", "0.4900"),
        (BUY, NO, "0.40", "ask", "0.6000"),
        (SELL, NO, "0.40", "bid", "0.6000"),
        (BUY, NO, "0.0013", "ask", "0.9987"),
    ],
)
def test_every_order_becomes_a_bid_or_an_ask_of_the_yes_book(
    side: str, outcome: str, price: str, book_side: str, book_price: str
) -> None:
    found = body(side, outcome, price, "10")
    assert (found["side"], found["price"], found["count"]) == (book_side, book_price, "10.00")


@given(price=prices, size=sizes)
def test_buying_no_at_n_is_an_ask_at_one_less_n_to_the_last_digit(price: Decimal, size: Decimal) -> None:
    bought = body(BUY, NO, str(price), str(size))
    sold = body(SELL, YES, str(1 - price), str(size))
    assert (bought["side"], bought["price"], bought["count"]) == (sold["side"], sold["price"], sold["count"])
    assert Decimal(bought["price"]) + price == 1
    assert Decimal(bought["count"]) == size


@given(price=prices, side=st.sampled_from((BUY, SELL)), outcome=st.sampled_from((YES, NO)))
def test_the_side_that_money_is_on_never_changes(price: Decimal, side: str, outcome: str) -> None:
    book_side, book_price = orders.book_terms(outcome, side, price)
    other_side, other_price = orders.book_terms(NO if outcome == YES else YES, side, price)
    assert {book_side, other_side} == {"bid", "ask"}
    assert book_price + other_price == 1


@given(price=prices, size=sizes)
def test_the_same_request_gives_the_same_bytes(price: Decimal, size: Decimal) -> None:
    order = request("KXA-1", BUY, YES, str(price), str(size))
    assert json.dumps(orders.payload(order)) == json.dumps(orders.payload(order))


def test_only_resting_orders_carry_what_only_they_may() -> None:
    immediate = body(BUY, YES, "0.49", "1", IOC)
    assert not {"post_only", "cancel_order_on_pause", "expiration_time"} & immediate.keys()
    assert immediate["self_trade_prevention_type"] == "taker_at_cross"
    resting = body(BUY, YES, "0.49", "1", GTC, post_only=True)
    assert (resting["post_only"], resting["cancel_order_on_pause"]) == (True, True)
    until = datetime(2026, 11, 26, 13, tzinfo=UTC)
    dated = body(BUY, YES, "0.49", "1", GTD, expires_at=until)
    assert (dated["time_in_force"], dated["expiration_time"]) == (
        "good_till_canceled",
        int(until.timestamp()),
    )


def test_shard_and_subaccount_are_named_where_they_are_known() -> None:
    order = request("KXA-1", BUY, YES, "0.49", "1", facts={"exchange_index": 2})
    found = orders.payload(order, subaccount=3)
    assert isinstance(found, dict)
    assert (found["exchange_index"], found["subaccount"]) == (2, 3)
    assert not {"exchange_index", "subaccount"} & body(BUY, YES, "0.49", "1").keys()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "0.49005"}, OFF_TICK),
        ({"price": "1"}, OFF_TICK),
        ({"price": "0"}, OFF_TICK),
        ({"price": "NaN"}, OFF_TICK),
        ({"size": "0"}, BELOW_MINIMUM),
        ({"size": "-1"}, BELOW_MINIMUM),
        ({"size": "1.005"}, INVALID),
        ({"side": "HOLD"}, INVALID),
        ({"outcome": "MAYBE"}, INVALID),
        ({"tif": "DAY"}, INVALID),
        ({"tif": IOC, "post_only": True}, INVALID),
        ({"tif": GTD}, INVALID),
        ({"tif": GTC, "expires_at": datetime(2026, 11, 26, tzinfo=UTC)}, INVALID),
    ],
)
def test_what_no_market_takes_is_declined_before_anything_is_sent(change: dict[str, Any], code: str) -> None:
    order = {"ticker": "KXA-1", "side": BUY, "outcome": YES, "price": "0.49", "size": "1", **change}
    found = orders.payload(request(**order))
    assert isinstance(found, Declined)
    assert found.code == code


def test_the_signature_covers_the_path_without_the_query_and_no_body() -> None:
    path = "/trade-api/v2/portfolio/events/orders/x"
    assert signed_text(17, "delete", f"{path}?market_ticker=KXA-1") == f"17DELETE{path}".encode()


# --- answers


def told(filled: str, rests: str, **more: Any) -> bytes:
    document = {
        "order_id": "o-1",
        "client_order_id": "c-1",
        "fill_count": filled,
        "remaining_count": rests,
        "ts_ms": 1,
    }
    return json.dumps({**document, **more}).encode()


def heard(status: int, raw: bytes, outcome: str = YES) -> Any:
    return orders.answer(status, raw, request("KXA-1", BUY, outcome, "0.60", "10", client_order_id="c-1"))


@pytest.mark.parametrize(
    ("filled", "rests", "status"),
    [
        ("10.00", "0.00", FILLED),
        ("4.00", "6.00", PARTIAL),
        ("0.00", "10.00", OPEN),
        ("4.00", "0.00", CANCELLED),  # an immediate order's rest
        ("0.00", "0.00", CANCELLED),  # nothing on offer, or it would have met our own
    ],
)
def test_a_201_is_read_by_its_counts(filled: str, rests: str, status: str) -> None:
    found = heard(201, told(filled, rests))
    assert found == Accepted("o-1", status, Decimal(filled), None)


def test_the_average_is_told_in_dollars_of_the_outcome() -> None:
    raw = told("10.00", "0.00", average_fill_price="0.4700", average_fee_paid="0.0175")
    assert heard(201, raw).average_price == Decimal("0.47")
    assert heard(201, raw, NO).average_price == Decimal("0.53")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        told("10.00", "1.00"),  # more than was asked for
        told("-1.00", "0.00"),
        told("x", "0.00"),
        told("0.00", "0.00", client_order_id="c-2"),  # another order's
        told("0.00", "0.00", order_id=""),
        json.dumps({"order_id": "o-1", "fill_count": 10, "remaining_count": 0}).encode(),
    ],
)
def test_a_201_that_cannot_be_read_leaves_nobody_sure(raw: bytes) -> None:
    assert isinstance(heard(201, raw), Unsure)


def nested(code: str, details: str = "", message: str = "") -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message or code, "details": details, "service": "exchange"}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "raw", "code", "passing"),
    [
        (409, nested("fill_or_kill_insufficient_resting_volume"), NOT_FILLABLE, False),
        (409, nested("order_already_exists"), DUPLICATE, False),
        (409, nested("trading_is_paused"), TRADING_PAUSED, True),
        (409, nested("exchange_is_paused"), TRADING_PAUSED, True),
        (400, nested("insufficient_balance"), INSUFFICIENT_BALANCE, False),
        (400, nested("invalid_price"), OFF_TICK, False),
        (400, nested("invalid_order", "post only cross"), POST_ONLY_WOULD_CROSS, False),
        (400, nested("invalid_order"), INVALID, False),
        (400, nested("market_inactive", "MARKET_INACTIVE"), MARKET_CLOSED, False),
        (400, nested("invalid_order", "MARKET_INACTIVE"), MARKET_CLOSED, False),
        (404, nested("market_not_found"), MARKET_CLOSED, False),
        (400, b'{"code":"bad_request","message":"bad request","details":"count"}', INVALID, False),
        (400, b'{"msg":"Parameter validation failed on count"}', INVALID, False),
        (410, nested("deprecated_v1_order_endpoint"), INVALID, False),
        (401, nested("authentication_error", "NOT_FOUND"), UNAUTHORISED, False),
        (403, nested("forbidden"), FORBIDDEN, False),
        (400, nested("order_group_limit_exceeded", "EXCEEDED_ORDER_GROUP_RISK_LIMIT"), FORBIDDEN, False),
        (429, b'{"error":"too many requests"}', RATE_LIMITED, True),
        (429, b"", RATE_LIMITED, True),
    ],
)
def test_documented_refusals_prove_that_nothing_was_accepted(
    status: int, raw: bytes, code: str, passing: bool
) -> None:
    found = heard(status, raw)
    assert isinstance(found, Declined)
    assert (found.code, found.passing) == (code, passing)
    assert str(status) in found.sentence


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (500, nested("internal_server_error")),
        (500, nested("insufficient_balance")),  # a word that is proof elsewhere proves nothing here
        (502, b"<html><body>502</body></html>"),
        (503, nested("exchange_is_paused")),
        (504, b""),
        (409, nested("conflict")),
        (400, b"<html>Bad Request</html>"),
        (404, b""),
        (408, nested("request_timeout")),
        (200, told("0.00", "0.00")),
        (202, b"{}"),
        (302, b""),
        (418, nested("invalid_price")),
    ],
)
def test_everything_else_leaves_nobody_sure(status: int, raw: bytes) -> None:
    assert isinstance(heard(status, raw), Unsure)


@given(status=st.integers(100, 599), raw=st.binary(max_size=60))
def test_no_answer_is_too_strange_to_be_classed(status: int, raw: bytes) -> None:
    found = heard(status, raw)
    assert isinstance(found, Unsure | Declined | Accepted)
    if status >= 500 or status < 400:
        assert not isinstance(found, Declined)
