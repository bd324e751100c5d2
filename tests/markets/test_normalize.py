"""A raw price becomes the specification's price event, or names every wrong field."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.normalize import Wrong, price, price_event

RAW = {
    "market_id": "0x4bab",
    "outcome": "YES",
    "bid": Decimal("0.652"),
    "ask": Decimal("0.658"),
    "ts": 1706275200000,
}
prices = st.decimals(min_value=0, max_value=1, places=6)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_the_specifications_own_example():
    assert price("polymarket", RAW) == {
        "event_type": "price_update",
        "timestamp": 1706275200000,
        "market_id": "0x4bab",
        "outcome": "YES",
        "best_bid": Decimal("0.652"),
        "best_ask": Decimal("0.658"),
        "mid_price": Decimal("0.655"),
        "spread": Decimal("0.006"),
        "spread_pct": Decimal("0.916"),
        "source": "polymarket",
    }


def test_what_the_source_adds_is_kept_or_ignored():
    found = price(
        "kalshi", {**RAW, "last_price": "0.655", "volume_24h": 125000, "liquidity": "45000.00", "new": 1}
    )
    assert (found["last_price"], found["volume_24h"], found["liquidity"]) == (Decimal("0.655"), 125000, 45000)
    assert "new" not in found


def test_one_empty_side_leaves_the_middle_unknown():
    found = price("kalshi", {**RAW, "ask": None})
    assert (found["best_bid"], found["best_ask"], found["mid_price"], found["spread_pct"]) == (
        Decimal("0.652"), None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("market_id", ""), ("market_id", 7), ("market_id", None), ("market_id", "x" * 129), ("market_id", "a\x00b"),
        ("outcome", "MAYBE"), ("outcome", None), ("outcome", ["YES"]),
        ("bid", Decimal("-0.01")), ("bid", Decimal("1.01")), ("bid", "NaN"), ("bid", Decimal("NaN")),
        ("bid", Decimal("Infinity")), ("bid", True), ("bid", 0.5), ("bid", "0,5"), ("bid", "1_0"), ("bid", [1]),
        ("bid", Decimal("0.1234567")), ("ask", "٠.٥"),
        ("ts", None), ("ts", 1706275200), ("ts", -1), ("ts", "soon"), ("ts", 10**18), ("ts", Decimal("1.5")),
        ("volume_24h", -1), ("volume_24h", "1e999"), ("liquidity", {}),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(name, value):
    with pytest.raises(Wrong) as caught:
        price("kalshi", {**RAW, name: value})
    assert list(caught.value.errors) == [f"raw_data.{name}"]
    assert caught.value.errors[f"raw_data.{name}"].endswith(".")


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(Wrong) as caught:
        price("betfair", {"outcome": "x", "bid": 2})
    assert set(caught.value.errors) == {
        "source", "raw_data.market_id", "raw_data.outcome", "raw_data.bid", "raw_data.ts",
    }  # fmt: skip


def test_a_price_needs_a_side_and_sides_that_do_not_cross():
    for raw in ({**RAW, "bid": None, "ask": None}, {**RAW, "bid": Decimal("0.7")}):
        with pytest.raises(Wrong, match=r"raw_data\.bid"):
            price("kalshi", raw)


@given(prices, prices)
def test_the_middle_lies_between_and_the_spread_adds_up(one, two):
    bid, ask = min(one, two), max(one, two)
    found = price("kalshi", {**RAW, "bid": bid, "ask": ask})
    assert bid <= found["mid_price"] <= ask
    assert found["best_bid"] + found["spread"] == ask
    assert found["mid_price"] * 2 == bid + ask


@given(st.dictionaries(st.sampled_from([*RAW, "last_price", "volume_24h"]), anything), anything)
def test_nothing_that_json_can_hold_breaks_it(raw, source):
    try:
        found = price(source if isinstance(source, str) else "kalshi", raw)
    except Wrong as wrong:
        assert wrong.errors
    else:
        assert 0 <= (found["best_bid"] or 0) <= 1


def test_the_hot_path_judges_nothing():
    found = price_event(
        source="kalshi", market_id="m", outcome="NO", timestamp=1, best_bid=Decimal("0.6"), best_ask=Decimal("0.4"),
        volume_24h=Decimal(0),
    )  # fmt: skip
    assert found["spread"] == Decimal("-0.2") and found["volume_24h"] == 0 and "liquidity" not in found
    empty = price_event(
        source="kalshi", market_id="m", outcome="NO", timestamp=1, best_bid=None, best_ask=None
    )
    assert empty["mid_price"] is None and empty["spread"] is None
