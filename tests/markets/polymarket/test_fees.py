"""Polymarket's fees to the last digit, and the facts of a market that an order needs."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import store
from markets.books import Level
from markets.platforms.base import MarketInfo
from markets.platforms.polymarket import amounts, parse, wire
from markets.platforms.polymarket.fees import NO_FEE, PolymarketFees
from signals.findings import Listing
from signals.sizing import cent_step
from tests.factories import NOW
from tests.markets.polymarket.test_rest import gamma
from tests.markets.polymarket.values import recorded

D = Decimal
UNIT = D("0.00001")

prices = st.integers(1, 9_999).map(lambda n: D(n).scaleb(-4))
sizes = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-6))
fills = st.lists(st.builds(Level, prices, sizes), min_size=1, max_size=6)
schedules = st.builds(
    PolymarketFees,
    st.integers(0, 1_000).map(lambda n: D(n).scaleb(-4)),
    st.sampled_from([D(1), D(2)]),
    st.booleans(),
)
sides = st.sampled_from(["BUY", "SELL"])


def read(**changes: Any) -> MarketInfo:
    return parse.market_info(msgspec.json.decode(json.dumps(gamma(**changes)), type=wire.GammaMarket))


# --- fees


@pytest.mark.parametrize(
    ("rate", "category_fee_at_half"),
    [("0.07", "1.75"), ("0.05", "1.25"), ("0.03", "0.75"), ("0.04", "1"), ("0", "0")],
)
def test_the_published_rates_at_fifty_cents(rate, category_fee_at_half):
    assert PolymarketFees(D(rate)).match_fee(D("0.5"), D(100)) == D(category_fee_at_half)


def test_the_smallest_fee_is_the_smallest_unit():
    fees = PolymarketFees(D("0.05"))
    assert fees.match_fee(D("0.5"), D("0.000001")) == UNIT
    assert NO_FEE.match_fee(D("0.5"), D("0.000001")) == 0
    assert fees.match_fee(D("0.5"), D("0.0012")) == D("0.00002"), "0.000015: half a unit goes up"


def test_each_match_is_rounded_by_itself():
    fees = PolymarketFees(D("0.07"))
    parts = [Level(D("0.33"), D(1))] * 3  # 0.015477 each
    assert fees.order_cost("BUY", parts).fee == D("0.04644")
    assert fees.order_cost("BUY", [Level(D("0.33"), D(3))]).fee == D("0.04643")


@given(schedules, fills, sides, st.booleans())
def test_cash_is_notional_with_the_fee_on_top_or_taken_off(fees, parts, side, maker):
    cost = fees.order_cost(side, parts, maker=maker)
    assert cost.notional == sum(part.price * part.size for part in parts)
    assert cost.cash == (cost.notional + cost.fee if side == "BUY" else cost.notional - cost.fee)
    assert cost.fee >= 0
    assert cost.fee % UNIT == 0
    if maker and fees.taker_only:
        assert cost.fee == 0
    else:
        exact = sum(fees.marginal_fee(part.price) * part.size for part in parts)
        assert abs(cost.fee - exact) <= len(parts) * UNIT
        assert (cost.fee == 0) == (fees.rate == 0)


@given(
    schedules, st.lists(st.builds(Level, prices, sizes), min_size=5, max_size=5), st.permutations(range(5))
)
def test_neither_the_order_of_matches_nor_the_side_changes_the_fee(fees, parts, order):
    cost = fees.order_cost("BUY", parts)
    assert fees.order_cost("BUY", [parts[at] for at in order]).fee == cost.fee
    assert fees.order_cost("SELL", parts).fee == cost.fee
    assert fees.order_cost("BUY", [Level(1 - part.price, part.size) for part in parts]).fee == cost.fee


@given(schedules, prices, sizes, sizes)
def test_more_shares_never_pay_less(fees, price, size, more):
    assert fees.match_fee(price, size + more) >= fees.match_fee(price, size)


@given(prices, sizes, st.integers(0, 500), st.integers(0, 500))
def test_a_higher_rate_never_pays_less(price, size, rate, more):
    lower, higher = (PolymarketFees(D(n).scaleb(-4)) for n in (rate, rate + more))
    assert higher.match_fee(price, size) >= lower.match_fee(price, size)


@given(schedules, prices, st.lists(sizes, min_size=1, max_size=8))
def test_an_order_in_many_matches_differs_by_their_rounding_only(fees, price, parts):
    whole = fees.order_cost("BUY", [Level(price, sum(parts))]).fee
    split = fees.order_cost("BUY", [Level(price, part) for part in parts]).fee
    assert abs(split - whole) <= (len(parts) + 1) * UNIT


# --- which schedule a market has


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({}, "0.05"),
        ({"feesEnabled": False, "feeSchedule": None}, "0"),
        ({"feesEnabled": True, "feeSchedule": None}, None),
        ({"feesEnabled": None, "feeSchedule": None}, None),
        ({"feesEnabled": False}, "0.05"),  # two members that differ: the dearer counts
        ({"feeSchedule": {"exponent": 1, "rate": -1, "takerOnly": True}}, None),
    ],
)
def test_the_listing_says_the_fees_or_they_are_unknown(changes, rate):
    found = read(**changes).fees
    assert found is None if rate is None else found == PolymarketFees(D(rate))


def test_no_fee_on_the_order_books_side_does_not_outweigh_a_listing_that_says_fees_are_on():
    on, silent = (read(feesEnabled=flag, feeSchedule=None) for flag in (True, None))
    assert parse.agreed_fees(on, NO_FEE) is None
    assert parse.agreed_fees(silent, NO_FEE) == NO_FEE
    assert parse.agreed_fees(on, PolymarketFees(D("0.04"))) == PolymarketFees(D("0.04"))


def test_recorded_markets_have_the_schedules_they_name():
    rows = json.loads(recorded("pmvl_2026-07/polymarket_markets.json").read_text())
    rows = rows if isinstance(rows, list) else rows.get("markets") or rows["data"]
    seen = 0
    for row in rows:
        market = msgspec.json.decode(json.dumps(row), type=wire.GammaMarket)
        fees = parse.market_fees(market)
        if row.get("feeSchedule"):
            seen += 1
            assert fees == PolymarketFees(
                D(str(row["feeSchedule"]["rate"])), D(row["feeSchedule"]["exponent"])
            )
        elif row.get("feesEnabled") is False:
            assert fees == NO_FEE
    assert seen


# --- what an order must keep to


def test_orders_that_trade_at_once_are_for_whole_cents_and_a_dollar():
    listing = Listing.of(read())
    assert (listing.whole_cents, listing.min_value, listing.min_size, listing.size_step) == (
        True,
        1,
        5,
        D("0.01"),
    )
    assert listing.fault == ""


@pytest.mark.django_db
def test_these_facts_survive_the_table():
    info = read()
    store.upsert([info], now=NOW)
    listing = Listing.of(store.info_of(store.Market.objects.get(pk=info.id)))
    assert (listing.whole_cents, listing.min_value) == (True, 1)
    assert listing == Listing.of(info)


@given(st.sampled_from(sorted(amounts.DECIMALS)), st.integers(1, 9_999), st.integers(1, 100_000))
def test_a_size_on_the_step_is_signed_as_whole_cents_for_exactly_that_many_shares(tick, at, count):
    """What the platform checks of a FAK or FOK buy: cash of two decimals, shares of at most the tick's decimals."""
    price = tick * (at % int(1 / tick))
    if not tick <= price <= 1 - tick:
        return
    step = cent_step(int(price * 10**6), 10_000)
    size = D(step * count).scaleb(-6)
    assert amounts.whole_cents(price, size)
    signed = amounts.limit_amounts("BUY", price, size, tick)
    assert signed.maker % 10_000 == 0, "the cash is whole cents"
    assert signed.taker == size * 10**6, "the shares are those that were asked for"
    assert D(signed.maker) / signed.taker == price
