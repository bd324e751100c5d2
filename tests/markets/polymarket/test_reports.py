"""Orders and trades of the CLOB in our words, from recorded payloads and their edges."""

import json
from decimal import Decimal

import msgspec
import pytest

from markets.platforms.polymarket import account_wire as wire
from markets.platforms.polymarket import reports
from markets.platforms.polymarket.reports import Owner, fill_reports, order_report
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    CONFIRMED,
    DELAYED,
    FAILED,
    FILLED,
    MATCHED,
    MINED,
    OPEN,
    PARTIAL,
    RETRYING,
    SELL,
)  # fmt: skip
from tests.markets.polymarket.values import recorded

YES_TOKEN, NO_TOKEN = (
    "21742633143463906290569050155826241533067272736897614950488156847949938836455",
    "48331043336612883890938759509493159234755048973500640148014422747788308965732",
)
US = "0xa3D82Ed56F4c68d2328Fb8c29e568Ba2cAF7d7c8"


def outcome_of(market: str, token: str) -> str:
    return {YES_TOKEN: "YES", NO_TOKEN: "NO"}.get(token, "YES")


def load(name: str):
    return json.loads(recorded(f"nautilus_py/ws_messages/{name}.json").read_text())


def trade(document) -> wire.Trade:
    return msgspec.convert(document, wire.Trade)


def order(**changes) -> wire.Order:
    given = {
        "id": "0xAB", "market": "0x" + "cd" * 32, "asset_id": YES_TOKEN, "side": BUY, "status": "LIVE",
        "original_size": "10", "size_matched": "0", "price": "0.45", "order_type": "GTC", "created_at": 1_790_000_000,
    }  # fmt: skip
    return wire.Order(**given | changes)


def test_the_recorded_placement():
    found = order_report(msgspec.convert(load("order_placement"), wire.Order), outcome_of)
    assert (found.status, found.outcome, found.side) == (OPEN, "YES", BUY)
    assert (found.size, found.matched, found.limit_price) == (Decimal(5), Decimal(0), Decimal("0.513"))
    assert found.at is not None and found.at.microsecond == 990_000


def test_the_recorded_filled_order_over_rest():
    raw = json.loads(recorded("orders_v1_2026-01/poly_order_status_full_real.json").read_text())
    row = msgspec.json.decode(raw["response"]["body_raw"], type=wire.Order)
    found = order_report(row, outcome_of)
    assert (found.status, found.matched, found.size) == (FILLED, Decimal(5), None)
    assert found.platform_order_id == row.id


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, OPEN),
        ({"size_matched": "4"}, PARTIAL),
        ({"status": "MATCHED", "size_matched": "10"}, FILLED),
        ({"status": "MATCHED", "size_matched": "9.995"}, FILLED),
        ({"status": "MATCHED", "size_matched": "4"}, PARTIAL),
        ({"status": "MATCHED", "size_matched": "4", "order_type": "FAK", "side": SELL}, CANCELLED),
        # By cash: $10 at 0.45 and less
        ({"status": "MATCHED", "size_matched": "25", "order_type": "FAK"}, FILLED),
        ({"status": "MATCHED", "size_matched": "12", "order_type": "FAK"}, CANCELLED),
        ({"status": "DELAYED"}, DELAYED),
        ({"status": "UNMATCHED"}, CANCELLED),
        ({"status": "INVALID"}, CANCELLED),
        ({"status": "CANCELED", "size_matched": "3"}, CANCELLED),
        ({"status": "CANCELED_EXPIRED_ORDER"}, CANCELLED),
        ({"status": "LIVE", "type": "CANCELLATION"}, CANCELLED),
    ],
)
def test_an_orders_status(change, status):
    assert order_report(order(**change), outcome_of).status == status


def test_a_killed_order_tells_why_and_matched_nothing():
    words = "order couldn't be fully filled. FOK orders are fully filled or killed."
    found = order_report(order(status=f"CANCELED_{words}", size_matched="", order_type="FOK"), outcome_of)
    assert (found.status, found.reason, found.matched, found.size) == (CANCELLED, words, Decimal(0), None)


@pytest.mark.parametrize(
    "change",
    [{"status": "NEW"}, {"id": ""}, {"market": "0x12"}, {"side": ""}, {"size_matched": "-1"}, {"price": "NaN"},
     {"created_at": "soon"}],
)  # fmt: skip
def test_an_order_that_is_none(change):
    with pytest.raises(ValueError):
        order_report(order(**change), outcome_of)


def test_our_part_as_a_maker_among_many():
    (found,) = fill_reports(trade(load("user_trade1")), Owner(US.lower()), outcome_of)
    assert (found.side, found.outcome, found.price, found.size) == (SELL, "YES", Decimal("0.518"), Decimal(5))
    assert found.platform_order_id == "0xab679e56242324e15e59cfd488cd0f12e4fd71b153b9bfb57518898b9983145e"
    assert found.fill_id == f"{found.trade_id}:{found.platform_order_id}"
    assert (found.taker, found.status, found.fee) == (False, MINED, None)


def test_a_maker_of_the_other_token_bought_it():
    other = "0xFfd192468b7a05b38c37C82d09fA941289FaEB23"
    (found,) = fill_reports(trade(load("user_trade1")), Owner(other), outcome_of)
    assert (found.side, found.outcome, found.price, found.size) == (BUY, "NO", Decimal("0.482"), Decimal(10))


def test_two_orders_of_ours_in_one_trade():
    found = fill_reports(
        trade(load("user_trade4")), Owner("", "a93a3d32-74fa-dd2b-4b67-98bfa6fc5cb5"), outcome_of
    )
    assert [(fill.price, fill.side, fill.status) for fill in found] == [
        (Decimal("0.4"), BUY, CONFIRMED), (Decimal("0.3"), BUY, CONFIRMED),
    ]  # fmt: skip
    assert len({fill.fill_id for fill in found}) == 2 and len({fill.trade_id for fill in found}) == 1


def test_a_taker_gets_one_fill_for_each_maker_at_its_price_on_our_token():
    taken = load("user_trade1") | {"trader_side": "TAKER"}
    found = fill_reports(trade(taken), Owner("0xnobody"), outcome_of)
    assert len(found) == 6 and sum(fill.size for fill in found) == Decimal("1096.87")
    assert {fill.price for fill in found} == {Decimal("0.518")}  # 1 - 0.482 of the mint, and 0.518
    assert {(fill.side, fill.outcome, fill.taker) for fill in found} == {(BUY, "YES", True)}
    assert len({fill.fill_id for fill in found}) == 6
    assert {fill.platform_order_id for fill in found} == {taken["taker_order_id"]}


def test_a_taker_with_one_maker_is_known_by_the_trade():
    (found,) = fill_reports(trade(load("trades")), Owner(US), outcome_of)
    assert found.fill_id == found.trade_id and found.taker and found.price == Decimal("0.489")


def test_an_incomplete_list_of_makers_is_not_trusted():
    taken = load("user_trade1") | {"trader_side": "TAKER"}
    taken["maker_orders"] = taken["maker_orders"][:2]
    (found,) = fill_reports(trade(taken), Owner("0xnobody"), outcome_of)
    assert (found.size, found.price) == (Decimal("1096.87"), Decimal("0.518"))


def test_a_trade_with_ourselves_is_two_fills():
    taken = load("trades")
    taken["maker_orders"][0]["maker_address"] = US
    first, second = fill_reports(trade(taken), Owner(US), outcome_of)
    assert (first.side, second.side) == (BUY, SELL) and first.fill_id != second.fill_id


@pytest.mark.parametrize(
    ("word", "status"),
    [("TRADE_STATUS_CONFIRMED", CONFIRMED), ("MATCHED_NOT_BROADCASTED", MATCHED), ("matched", MATCHED), ("MINED", MINED),
     ("RETRYING", RETRYING), ("TRADE_STATUS_FAILED", FAILED)],
)  # fmt: skip
def test_both_spellings_of_a_trades_status(word, status):
    assert reports.trade_status(word) == status


def test_times_in_seconds_and_milliseconds():
    assert reports.moment("1725868885") == reports.moment(1_725_868_885_000)
    assert reports.moment("1725868885871").microsecond == 871_000
    for bad in ("", "soon", "-1", "1" * 16):
        with pytest.raises(ValueError):
            reports.moment(bad)
