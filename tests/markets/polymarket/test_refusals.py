"""What an answer to a posted order proves: only a refusal in documented words is one, and only a whole yes is a yes."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.polymarket.refusals import judged
from markets.platforms.polymarket.replies import Reply
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    CANCELLED,
    DELAYED,
    DUPLICATE,
    FILLED,
    FOK,
    FORBIDDEN,
    GTC,
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
    OrderRequest,
    Unsure,
)  # fmt: skip
from tests.markets.polymarket.values import recorded

ID = "0x" + "ab" * 32


def request(side=BUY, force=IOC, size="20") -> OrderRequest:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return OrderRequest("c", at, "m", "YES", side, Decimal(size), Decimal("0.45"), time_in_force=force)


def reply(document, status=200, **headers) -> Reply:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def answer(status="matched", making="9", taking="20", **changes):
    return {
        "success": True, "errorMsg": "", "orderID": ID, "status": status, "makingAmount": making, "takingAmount": taking,
        "transactionsHashes": [], "tradeIDs": ["t-1"], **changes,
    }  # fmt: skip


def judge(document, status=200, *, asked=None, cash="9", **headers):
    return judged(reply(document, status, **headers), asked or request(), Decimal(cash))


@pytest.mark.parametrize(
    ("asked", "cash", "told", "status", "matched"),
    [
        (request(), "9", answer(), FILLED, "20"),
        (request(), "9", answer(making="4.5", taking="10"), CANCELLED, "10"),
        (request(), "9", answer(making="8.995", taking="19.98"), FILLED, "19.98"),
        (request(SELL), "0", answer(making="20", taking="9"), FILLED, "20"),
        (request(SELL), "0", answer(making="12", taking="5.4"), CANCELLED, "12"),
        (request(force=FOK), "9", answer(), FILLED, "20"),
        (request(force=GTC), "0", answer(), FILLED, "20"),
        (request(force=GTC), "0", answer(making="4.5", taking="10"), PARTIAL, "10"),
        (request(force=GTC), "0", answer("live", "", ""), OPEN, "0"),
        (request(), "9", answer("delayed", "", ""), DELAYED, "0"),
    ],
)
def test_an_acceptance(asked, cash, told, status, matched):
    found = judge(told, asked=asked, cash=cash)
    assert isinstance(found, Accepted)
    assert (found.platform_order_id, found.status, found.matched) == (ID, status, Decimal(matched))
    assert found.trade_ids == ("t-1",)
    assert found.average_price is None if matched == "0" else abs(found.average_price - Decimal("0.45")) < 1


def test_the_recorded_acceptance():
    real = json.loads(recorded("orders_v1_2026-01/poly_full_fill_real.json").read_text())["response"]
    found = judge(real["body_raw"].encode(), asked=request(size="5"), cash="2.65")
    assert isinstance(found, Accepted) and found.status == FILLED
    assert (found.matched, found.average_price) == (Decimal(5), Decimal("0.53"))


@pytest.mark.parametrize(
    "told",
    [
        answer(success=False), answer(orderID=""), answer(orderID=None), answer("unmatched"), answer(""),
        answer("new-word"),
        answer(taking=""), answer(taking="-20"), answer(making="1e3"), [], {}, b"", b"<html>ok</html>", b"\xff", b"null",
        answer(success="yes"),
    ],
)  # fmt: skip
def test_half_an_acceptance_proves_nothing(told):
    assert isinstance(judge(told), Unsure)


REFUSALS = [
    ("not enough balance / allowance: the balance is not enough -> balance: 1", INSUFFICIENT_BALANCE),
    (f"order {ID} is invalid. Price (0.455) breaks minimum tick size rule: 0.01", OFF_TICK),
    (f"order {ID} is invalid. Size (4) lower than the minimum: 5", BELOW_MINIMUM),
    ("invalid amount for a marketable BUY order ($0.9), min size: $1", BELOW_MINIMUM),
    (f"order {ID} is invalid. Duplicated.", DUPLICATE),
    ("invalid post-only order: order crosses book", POST_ONLY_WOULD_CROSS),
    ("order couldn't be fully filled. FOK orders are fully filled or killed.", NOT_FILLABLE),
    ("no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
     NOT_FILLABLE),
    ("invalid expiration", INVALID),
    ("the market is not yet ready to process new orders", MARKET_CLOSED),
    ("the orderbook 77 does not exist", MARKET_CLOSED),
    ("order_version_mismatch", INVALID),
    ("address banned", FORBIDDEN),
    ("address in closed only mode", FORBIDDEN),
    ("Too many orders in payload: 16, max allowed: 15", INVALID),
    ("something that nobody has seen", INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code"), REFUSALS)
def test_a_refusal_in_words_whether_by_status_or_beside_success(words, code):
    beside = answer("", "", "", errorMsg=words, success=code != INVALID)
    for found in (judge({"error": words}, 400), judge(beside)):
        assert isinstance(found, Declined) and found.code == code
        assert words[:100] in found.sentence


@pytest.mark.parametrize(
    ("status", "document", "headers", "code", "wait"),
    [
        (401, {"error": "Unauthorized/Invalid api key"}, {}, UNAUTHORISED, 0),
        (403, {"error": "Trading restricted in your region"}, {}, FORBIDDEN, 0),
        (404, {"error": "not found"}, {}, INVALID, 0),
        (429, {"error": "rate limit exceeded"}, {"Poly_RateLimit_Remaining": "0", "Retry_After": "3"}, RATE_LIMITED, 3),
        (429, b"", {"poly_ratelimit_reset": "1"}, RATE_LIMITED, 0),
        (503, {"error": "post-only mode: only post-only orders and cancels are allowed", "code": "post_only_mode",
               "retry_after_seconds": 79}, {}, TRADING_PAUSED, 79),
        (503, {"error": "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."}, {},
         TRADING_PAUSED, 0),
        (503, {"error": "trading is disabled"}, {"Retry_After": "7"}, TRADING_PAUSED, 7),
    ],
)  # fmt: skip
def test_a_refusal_by_status(status, document, headers, code, wait):
    found = judge(document, status, **headers)
    assert isinstance(found, Declined) and (found.code, found.retry_after) == (code, wait)
    assert found.passing == (code in (RATE_LIMITED, TRADING_PAUSED))


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (425, {"error": "the matching engine is restarting"}), (429, {"error": "Too Many Requests"}), (408, {"error": "x"}),
        (500, {"error": "could not insert order"}), (500, {"error": "there are no matching orders"}), (502, b"<html>"),
        (503, {"error": "Service Unavailable"}), (504, b""), (400, b"<html>"), (400, {"error": ""}), (400, []),
        (400, {"error": "order match delayed due to market conditions"}), (302, b""), (403, b"<html>blocked</html>"),
        (400, {"error": {"nested": 1}}),
    ],
)  # fmt: skip
def test_whatever_proves_nothing_is_unsure(status, document):
    assert isinstance(judge(document, status), Unsure)


@given(
    st.integers(200, 599),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
            lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)  # fmt: skip
def test_no_answer_breaks_the_judge_and_server_errors_never_decline(status, raw):
    found = judge(raw, status)
    assert not isinstance(found, Accepted)
    if status >= 500 and b"trading is" not in raw.lower() and b"only" not in raw.lower():
        assert isinstance(found, Unsure)


def test_success_with_an_error_in_unknown_words_proves_nothing():
    assert isinstance(
        judged(reply(answer("live", "", "", errorMsg="queued for review")), request(), Decimal(9)), Unsure
    )
    refused = reply(answer("", "", "", success=False, orderID="", errorMsg="something new"))
    assert judged(refused, request(), Decimal(9)).code == INVALID
    words = "not enough balance / allowance"
    known = reply(answer("", "", "", orderID="", errorMsg=words))
    assert judged(known, request(), Decimal(9)).code == INSUFFICIENT_BALANCE
    assert isinstance(judged(reply(answer(errorMsg=words)), request(), Decimal(9)), Unsure), (
        "it names what filled"
    )
