"""Leaving early: only where the books pay more today than waiting is worth, and only as far as they do."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.plans import leaving
from execution.plans.leaving import Exit, HeldLeg, NoExit, Terms, find, payoffs, smallest_set
from markets.books import BookView, micro
from signals.findings import Listing
from tests.factories import FEES, NOW, ONE_CENT

STATES = ("happens", "fails")
AT = int(NOW.timestamp() * 1000)
A, B = ("polymarket", "A"), ("kalshi", "B")
TERMS = Terms(m0=D(0), days=D(73), cash_rate=D("0.05"), gain=D("0.01"))


def leg(market, outcome, state, contracts):
    return HeldLeg(*market, outcome, frozenset({state}), D(contracts))


PAIR = [leg(A, "YES", "happens", 100), leg(B, "NO", "fails", 100)]


def listing(market, **changes):
    values = {
        "platform": market[0], "market_id": market[1], "status": "OPEN", "ticks": ONE_CENT, "min_size": D(1),
        "size_step": D("0.01"), "fees": FEES[market[0]], "settles": NOW + timedelta(days=73),
    }  # fmt: skip
    return Listing(**(values | changes))


def book(market, bids, asks=(), at_ms=AT):
    sides = [tuple((micro(price), micro(size)) for price, size in side) for side in (bids, asks)]
    return BookView(*market, *sides, changed_ms=at_ms, confirmed_ms=at_ms)


LISTINGS = {A: listing(A), B: listing(B)}


def books(yes_a, no_b):
    """Bids for YES of A; and for NO of B, told as asks for YES."""
    turned = [(str(1 - D(price)), size) for price, size in no_b]
    return {A: book(A, yes_a), B: book(B, [], turned)}


def test_waiting_is_worth_less_by_the_chance_of_nothing_and_the_interest():
    assert Terms(D("0.02"), D(365), D("0.05"), D(0)).worth(D(100)) == D("93.333334")  # 98 / 1.05, rounded up
    assert Terms(D(0), D(-3), D("0.05"), D(0)).worth(D(100)) == 100  # overdue: no interest to win


def test_a_pair_is_left_when_the_bids_pay_more_than_waiting():
    way = find(STATES, PAIR, books([("0.60", "100")], [("0.46", "100")]), LISTINGS, TERMS, AT)
    assert isinstance(way, Exit)
    assert (way.size, way.most, way.worth) == (100, 100, D("99.009901"))  # 100 / 1.01
    by_platform = {one.leg.platform: one for one in way.legs}
    assert by_platform["polymarket"].cost.cash == D(60) - D("1.2")  # 0.05 x 100 x 0.6 x 0.4
    assert by_platform["kalshi"].cost.cash == D("44.2612")  # 46 less 0.07 x 100 x 0.46 x 0.54
    assert way.proceeds == D("103.0612") and way.gain == D("103.0612") - D("99.009901")


def test_a_pair_stays_where_the_fees_eat_the_gain():
    way = find(STATES, PAIR, books([("0.56", "100")], [("0.46", "100")]), LISTINGS, TERMS, AT)
    # 102 less 2.97 of fees: above 99.01, under 99.01 and a hundredth
    assert isinstance(way, NoExit) and way.code == leaving.NOT_WORTH


def test_only_the_part_that_the_books_pay_for_is_sold():
    view = books([("0.60", "40"), ("0.50", "60")], [("0.46", "70"), ("0.45", "30")])
    way = find(STATES, PAIR, view, LISTINGS, TERMS, AT)
    assert isinstance(way, Exit) and way.size == 40
    assert {one.size for one in way.legs} == {D(40)} and {one.limit_price for one in way.legs} == {
        D("0.60"),
        D("0.46"),
    }


def test_the_thinnest_leg_goes_first():
    way = find(STATES, PAIR, books([("0.60", "500")], [("0.46", "100")]), LISTINGS, TERMS, AT)
    assert [one.leg.platform for one in way.legs] == ["kalshi", "polymarket"]


def test_uneven_legs_leave_as_one_set():
    held = [leg(A, "YES", "happens", 100), leg(B, "NO", "fails", 60)]
    assert {one.contracts for one in smallest_set(STATES, held)} == {D(60)}
    way = find(STATES, held, books([("0.60", "100")], [("0.46", "100")]), LISTINGS, TERMS, AT)
    assert isinstance(way, Exit) and way.size == 60


def test_a_lone_leg_is_no_set():
    way = find(STATES, PAIR[:1], books([("0.99", "100")], []), LISTINGS, TERMS, AT)
    assert isinstance(way, NoExit) and way.code == leaving.NO_SET


def test_a_wide_set_counts_what_it_pays_in_its_best_state():
    states = ("low", "middle", "high")
    over = HeldLeg(*A, "YES", frozenset({"middle", "high"}), D(10))
    under = HeldLeg(*B, "NO", frozenset({"low", "middle"}), D(10))
    listings = LISTINGS
    # Worth at least 10 and in the middle 20: an offer of 15 gives 5 away
    view = books([("0.80", "10")], [("0.80", "10")])
    assert isinstance(find(states, [over, under], view, listings, TERMS, AT), NoExit)


def test_equal_legs_stay_equal_whatever_the_steps():
    held = [leg(A, "YES", "happens", "100.57"), leg(B, "NO", "fails", "100.57")]
    listings = {A: listing(A), B: listing(B, size_step=D(1))}
    way = find(STATES, held, books([("0.60", "500")], [("0.46", "500")]), listings, TERMS, AT)
    assert isinstance(way, Exit) and {one.size for one in way.legs} == {D(100)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "CLOSED"}, "market_not_open"), ({"fees": None}, "fees_unknown"), ({"ticks": ()}, "listing_faulty"),
        ({"min_size": D(101)}, "below_minimum"), ({"min_value": D(47)}, "below_minimum"),
    ],
)  # fmt: skip
def test_what_cannot_be_sold_is_refused_by_name(changes, code):
    listings = {**LISTINGS, B: listing(B, **changes)}
    way = find(STATES, PAIR, books([("0.60", "100")], [("0.46", "100")]), listings, TERMS, AT)
    assert isinstance(way, NoExit) and way.code == code


def test_old_crossed_and_missing_books_are_no_books():
    good = books([("0.60", "100")], [("0.46", "100")])
    old = replace(good[B], confirmed_ms=AT - 2_001)
    crossed = replace(good[B], bids=((micro("0.60"), 1),))
    for view, code in ((old, "book_stale"), (crossed, "book_crossed"), (None, "book_missing")):
        view_of = {A: good[A]} | ({B: view} if view is not None else {})
        way = find(STATES, PAIR, view_of, LISTINGS, TERMS, AT)
        assert isinstance(way, NoExit) and way.code == code


def test_a_bid_off_the_grid_is_not_sold_into():
    way = find(STATES, PAIR, books([("0.605", "100")], [("0.46", "100")]), LISTINGS, TERMS, AT)
    assert isinstance(way, NoExit)


prices = st.integers(1, 99)
ladder = st.lists(st.tuples(prices, st.integers(1, 200)), max_size=5, unique_by=lambda one: one[0])


def told(levels):
    return [(str(D(price) / 100), str(size)) for price, size in sorted(levels, reverse=True)]


@given(ladder, ladder, st.integers(1, 300), st.integers(1, 300))
def test_every_exit_beats_waiting_and_the_books_can_pay_it(yes, no, one, two):
    held = [leg(A, "YES", "happens", one), leg(B, "NO", "fails", two)]
    way = find(STATES, held, books(told(yes), told(no)), LISTINGS, TERMS, AT)
    if isinstance(way, NoExit):
        # Then not even the best contract pays: else a contract of each could have been sold
        best = [max(side, default=(0, 0))[0] for side in (yes, no)]
        each = sum(
            D(price) / 100 - FEES[market[0]].marginal_fee(D(price) / 100)
            for price, market in zip(best, (A, B), strict=True)
        )
        assert not all(best) or each < TERMS.worth(D(1)) * (1 + TERMS.gain) + D("0.03")
        return
    assert way.proceeds >= way.worth * D("1.01") and way.worth == TERMS.worth(way.most)
    assert {sale.size for sale in way.legs} == {way.size} and way.size <= min(one, two)
    for sale, levels in zip(sorted(way.legs, key=lambda sale: sale.leg.platform), (no, yes), strict=True):
        open_ = sum(size for price, size in levels if D(price) / 100 >= sale.limit_price)
        assert sale.size <= open_ == sale.depth


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 3), min_size=1), st.integers(1, 50)), min_size=1, max_size=6)
)
def test_the_smallest_set_pays_what_the_whole_does_and_no_leg_can_shrink(drawn):
    states = [str(number) for number in range(4)]
    held = [
        HeldLeg("polymarket", f"M{place}", "YES", frozenset(str(one) for one in pays), D(size))
        for place, (pays, size) in enumerate(drawn)
    ]
    sure = min(payoffs(states, held).values())
    kept = smallest_set(states, held)
    assert (not kept) == (not sure)
    if kept:
        paid = payoffs(states, kept)
        assert min(paid.values()) == sure
        assert all(any(paid[state] == sure for state in one.pays_in) for one in kept)


def test_the_walk_ends_where_a_part_is_worth_less_than_waiting():
    view = books([("0.60", "30"), ("0.59", "30"), ("0.10", "40")], [("0.46", "100")])
    way = find(STATES, PAIR, view, LISTINGS, TERMS, AT)
    assert isinstance(way, Exit) and way.size == 60
    assert {one.limit_price for one in way.legs} == {D("0.59"), D("0.46")}
