"""Books: exact units, both outcomes of one ladder, and a best price that is always the best price."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import (
    MICRO,
    NO,
    YES,
    Book,
    BookView,
    Level,
    cost_to_buy,
    dollars,
    levels,
    micro,
    mirrored,
    take,
)


@given(st.integers(-(10**18), 10**18))
def test_units_convert_there_and_back(value):
    assert micro(dollars(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.47", 470_000),
        ("21.74", 21_740_000),
        (D("1E+3"), 10**9),
        ("0.1230000000000", 123_000),
        ("-0", 0),
        (3, 3 * MICRO),
    ],
)
def test_what_fits_a_millionth_is_taken_exactly(value, expected):
    assert micro(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "0.0000001", "nan", "sNaN", "Infinity", "-inf", "1e19", "1e999999", "many", "",
        "0.1234560000000000000000000000000000000001",  # more digits than a decimal's context keeps
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_rather_than_rounded(value):
    with pytest.raises(ValueError):
        micro(value)


prices = st.integers(1, MICRO - 1)
sizes = st.integers(1, 10**12)
sides = st.dictionaries(prices, sizes, max_size=8)


@given(sides)
def test_the_mirror_of_a_mirror_is_the_ladder(side):
    bids = tuple(sorted(side.items(), reverse=True))
    asks = mirrored(bids)
    assert list(asks) == sorted(asks)
    assert mirrored(asks) == bids


def test_both_outcomes_are_read_from_one_book():
    view = BookView("kalshi", "KX", ((550_000, 7),), ((570_000, 9),), 0, 0)
    assert view.asks_for(YES) == ((570_000, 9),)
    assert view.asks_for(NO) == ((450_000, 7),)  # who bids 0.55 for YES sells NO at 0.45
    assert view.bids_for(YES) == ((550_000, 7),)
    assert view.bids_for(NO) == ((430_000, 9),)


steps = st.lists(
    st.tuples(
        st.sampled_from(["bid", "ask"]), st.integers(1, 6).map(lambda n: n * 100_000), st.integers(0, 3)
    ),
    max_size=40,
)


@given(sides, sides, steps)
def test_the_best_prices_are_those_of_the_levels_after_any_changes(bids, asks, changes):
    book = Book()
    book.replace(bids.items(), asks.items())
    for side, price, size in changes:
        (book.set_bid if side == "bid" else book.set_ask)(price, size)
        (bids if side == "bid" else asks)[price] = size
        assert book.best_bid == max((at for at, left in bids.items() if left), default=0)
        assert book.best_ask == min((at for at, left in asks.items() if left), default=MICRO)
    assert dict(book.bid_ladder()) == {price: size for price, size in bids.items() if size}
    assert list(book.ask_ladder()) == sorted((price, size) for price, size in asks.items() if size)
    assert book.bid_ladder(2) == book.bid_ladder()[:2]
    view = BookView("kalshi", "KX", book.bid_ladder(), book.ask_ladder(), 0, 0)
    assert view.crossed == book.crossed
    book.trusted = True
    book.drop()
    assert (book.bids, book.asks, book.best_bid, book.best_ask, book.trusted) == ({}, {}, 0, MICRO, False)


def test_a_book_without_a_side_is_not_crossed():
    book = Book()
    assert not book.crossed
    book.replace([(990_000, 5), (980_000, 0)], [])
    assert not book.crossed
    assert book.bids == {990_000: 5}
    assert not BookView("kalshi", "KX", book.bid_ladder(), (), 0, 0).crossed


@given(sides, st.integers(0, 10**13))
def test_an_order_takes_the_cheapest_contracts_and_no_more_than_there_are(side, wanted):
    asks = levels(sorted(side.items()))
    size = dollars(wanted)
    taken = take(asks, size)
    on_offer = sum((level.size for level in asks), D(0))
    assert sum((level.size for level in taken), D(0)) == min(size, on_offer)
    assert all(
        0 < part.size <= level.size and part.price == level.price
        for part, level in zip(taken, asks, strict=False)
    )
    assert all(part.size == level.size for part, level in zip(taken[:-1], asks, strict=False))
    cost = cost_to_buy(asks, size)
    assert cost == (None if size > on_offer else sum((part.price * part.size for part in taken), D(0)))


def test_a_sweep_costs_what_each_level_costs():
    asks = [Level(D("0.40"), D(10)), Level(D("0.45"), D("2.5"))]
    assert cost_to_buy(asks, D("11")) == D("4.45")
    assert cost_to_buy(asks, D("12.51")) is None
