"""What `find` accepts, what it refuses and why; numbers worked by hand, then rules for any books."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from markets import bets
from markets.books import MICRO, NO, YES, BookView
from signals.detection.detector import Result, Rules, find
from tests.signals.values import (
    NOW,
    PAIR,
    SETTLES,
    A,
    B,
    book,
    books_of,
    capped,
    cash_for,
    kalshi,
    ladder,
    listing,
    listings,
    look,
    plain,
    polymarket,
    profit_in,
)


def only(result: Result):
    assert len(result.findings) == 1, result
    return result.findings[0]


def codes(result: Result) -> set[str]:
    assert not result.findings
    return {refusal.code for refusal in result.refusals}


def gap_books(age_a: int = 100, age_b: int = 100):
    """YES 0.40 on A, YES bid 0.55 on B: YES on A and NO on B cost 0.85."""
    return (
        book(A, bids=[("0.38", 50)], asks=[("0.40", 50)], age_ms=age_a),
        book(B, bids=[("0.55", 50)], asks=[("0.57", 50)], age_ms=age_b),
    )


# The specification's example: YES is 0.65 on one platform and 0.72 on the other.


@pytest.mark.parametrize(
    ("rate", "percent"), [("0", "5.92"), ("0.04", "4.91"), ("0.05", "4.66"), ("0.07", "4.16")]
)
def test_the_specification_example_with_072_as_the_bid(rate, percent):
    a = book(A, bids=[("0.64", 1000)], asks=[("0.65", 1000)])
    b = book(B, bids=[("0.72", 1000)], asks=[("0.73", 1000)])
    found = only(look(a, b, listings(polymarket(rate), kalshi())))
    assert found.direction == "polymarket:YES+kalshi:NO"
    assert found.size == 1000
    assert round(found.profit_pct * 100, 2) == D(percent)


def test_the_specification_example_nets_46_dollars_78_on_1000_pairs():
    a = book(A, bids=[("0.64", 1000)], asks=[("0.65", 1000)])
    b = book(B, bids=[("0.72", 1000)], asks=[("0.73", 1000)])
    found = only(look(a, b, listings(polymarket("0.04"), kalshi())))
    falls = found.waterfall
    assert (falls.gross, falls.net) == (D("70.00"), D("46.78"))
    assert falls.fees == D("9.1") + D("14.112")  # .04 x 1000 x .65 x .35 and .07 x 1000 x .28 x .72
    assert falls.rounding == D("0.008")  # Kalshi's cash of 294.112 moves in whole cents
    assert found.outlay == D("953.22")
    assert [leg.cost.cash for leg in found.legs] == [D("659.10"), D("294.12")]
    assert round(found.annualised, 2) == D("0.60")  # 30 days


@pytest.mark.parametrize(
    ("rate", "percent"), [("0", "3.66"), ("0.04", "2.69"), ("0.05", "2.45"), ("0.07", "1.98")]
)
def test_the_specification_example_with_072_as_the_ask(rate, percent):
    a = book(A, bids=[("0.63", 1000)], asks=[("0.65", 1000)])
    b = book(B, bids=[("0.70", 1000)], asks=[("0.72", 1000)])
    found = only(look(a, b, listings(polymarket(rate), kalshi())))
    assert round(found.profit_pct * 100, 2) == D(percent)


def test_the_other_direction_is_found_too():
    a = book(A, bids=[("0.55", 50)], asks=[("0.57", 50)])
    b = book(B, bids=[("0.38", 50)], asks=[("0.40", 50)])
    found = only(look(a, b))
    assert found.direction == "polymarket:NO+kalshi:YES"
    assert [leg.best_price for leg in found.legs] == [D("0.45"), D("0.40")]


def test_an_inverted_pair_buys_the_same_outcome_twice():
    a = book(A, bids=[("0.30", 50)], asks=[("0.40", 50)])
    b = book(B, bids=[("0.30", 50)], asks=[("0.45", 50)])
    found = only(look(a, b, bet=bets.pair("bet-1", A, B, inverted=True)))
    assert found.direction == "polymarket:YES+kalshi:YES"


def test_a_leg_says_everything_its_order_needs():
    a, b = gap_books(age_a=300)
    leg = only(look(a, b)).legs[0]
    assert (leg.platform, leg.market_id, leg.outcome, leg.side) == (*A, YES, "BUY")
    assert (leg.size, leg.limit_price, leg.best_price, leg.depth) == (50, D("0.40"), D("0.40"), 50)
    assert [(level.price, level.size) for level in leg.fills] == [(D("0.40"), 50)]
    assert (leg.confirmed_ms, leg.book_age_ms) == (NOW - 300, 300)


def test_a_leg_says_what_it_could_be_sold_for_at_once():
    a, b = gap_books()
    found = only(look(a, b))
    assert [leg.best_bid for leg in found.legs] == [
        D("0.38"),
        D("0.43"),
    ]  # NO of B: nobody sells YES below 0.57
    assert found.legs[0].exit_fee == D("0.04") * D("0.38") * D("0.62")
    assert found.legs[1].exit_fee == D("0.07") * D("0.43") * D("0.57")
    nobody = only(look(replace(a, bids=()), replace(b, asks=())))
    assert [(leg.best_bid, leg.exit_fee) for leg in nobody.legs] == [(None, 0), (None, 0)]


def test_the_profit_at_half_the_size_is_exact_too():
    a = book(A, bids=[("0.10", 9)], asks=[("0.40", 10), ("0.45", 10)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.90", 9)])
    found = only(look(a, b, listings(plain(), plain())))
    assert (found.size, found.net_profit, found.half_profit) == (20, D("1.50"), D("1.00"))


def test_half_of_the_smallest_order_is_that_order():
    found = only(look(*gap_books(), listings(plain(), plain(), min_size=D(50))))
    assert (found.size, found.half_profit) == (50, found.net_profit)


def test_no_gap_means_nothing_to_say():
    a = book(A, bids=[("0.44", 50)], asks=[("0.45", 50)])
    b = book(B, bids=[("0.45", 50)], asks=[("0.46", 50)])
    assert look(a, b) == Result((), ())


def test_a_gap_of_exactly_nothing_is_no_gap():
    a = book(A, bids=[("0.44", 50)], asks=[("0.45", 50)])
    b = book(B, bids=[("0.45", 50)], asks=[("0.55", 50)])
    assert look(a, b, listings(plain(), plain())) == Result((), ())


def test_a_gap_smaller_than_the_fees_is_refused_by_name():
    a = book(A, bids=[("0.48", 50)], asks=[("0.49", 50)])
    b = book(B, bids=[("0.50", 50)], asks=[("0.52", 50)])
    assert codes(look(a, b)) == {"no_profit"}


# Depth: the second level of one side still pays, the third does not.


def test_the_walk_takes_levels_while_they_pay_and_stops_before_they_cost():
    a = book(A, bids=[("0.10", 9)], asks=[("0.40", 10), ("0.45", 10), ("0.52", 10)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.90", 9)])
    found = only(look(a, b, listings(plain("0.01"), plain("0.01"))))
    assert found.size == 20
    assert found.legs[0].limit_price == D("0.45")
    assert found.limited_by == "edge"


def test_the_walk_says_when_the_book_ran_out():
    assert only(look(*gap_books())).limited_by == "depth"


# Caps.


def test_a_cap_on_contracts_is_kept():
    found = only(look(*gap_books(), rules=capped(max_contracts=D("12.345"))))
    assert (found.size, found.limited_by) == (D("12.34"), "max_contracts")


def test_the_cap_on_outlay_of_a_platform_is_kept_with_fees_and_rounding():
    found = only(look(*gap_books(), rules=capped(max_outlay={"kalshi": D("10.00")})))
    assert found.limited_by == "max_outlay:kalshi"
    assert found.legs[1].cost.cash <= 10
    # One step more would pass it.
    assert cash_for(gap_books()[1], NO, found.size + D("0.05"), kalshi()) > 10


def test_cash_at_hand_limits_before_the_larger_risk_limit():
    rules = capped(max_outlay={"polymarket": D(100)}, cash={"polymarket": D(5)})
    found = only(look(*gap_books(), rules=rules))
    assert found.limited_by == "cash:polymarket"
    assert found.legs[0].cost.cash <= 5


def test_a_budget_that_is_met_exactly_is_not_cut():
    found = only(look(*gap_books(), listings(plain(), plain()), rules=capped(cash={"polymarket": D("8")})))
    assert (found.size, found.legs[0].cost.cash) == (20, 8)


@pytest.mark.parametrize("caps", [{"max_contracts": D("0.5")}, {"cash": {"kalshi": D(0)}}])
def test_caps_below_the_smallest_order_are_named(caps):
    assert codes(look(*gap_books(), rules=capped(**caps))) == {"caps_below_minimum"}


# What platforms accept.


def test_a_book_thinner_than_the_minimum_size_is_refused():
    assert codes(look(*gap_books(), listings(min_size=D(51)))) == {"below_minimum"}


def test_the_minimum_size_is_bought_even_where_its_last_contract_costs():
    a = book(A, bids=[("0.10", 9)], asks=[("0.30", 3), ("0.52", 10)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.90", 9)])
    found = only(look(a, b, listings(plain(), plain(), min_size=D(5))))
    assert (found.size, found.limited_by) == (5, "min_size")
    assert found.net_profit == 5 - (3 * D("0.30") + 2 * D("0.52")) - 5 * D("0.50")


def test_the_size_is_a_multiple_of_both_steps():
    a, _ = gap_books()
    b = book(B, bids=[("0.55", "41.99")], asks=[("0.57", 50)])
    known = {
        A: listing(A, polymarket(), size_step=D("0.4")),
        B: listing(B, kalshi(), size_step=D("0.6")),
    }
    assert only(look(a, b, known)).size == D("40.8")


def test_orders_are_in_whole_cents_where_a_platform_asks_for_it():
    a = book(A, bids=[("0.30", 50)], asks=[("0.371", "49.5")])
    b = book(B, bids=[("0.55", 50)], asks=[("0.57", 50)])
    thousandths = (replace(listings()[A].ticks[0], step=D("0.001")),)
    known = {**listings(), A: listing(A, polymarket(), ticks=thousandths, whole_cents=True)}
    found = only(look(a, b, known))
    assert found.size == 40  # 0.371 x 10 is the smallest product in whole cents
    assert only(look(a, b, {**known, A: replace(known[A], whole_cents=False)})).size == D("49.5")


def test_an_order_worth_less_than_the_platform_takes_is_refused():
    a = book(A, bids=[("0.01", 50)], asks=[("0.02", 20)])
    b = book(B, bids=[("0.15", 50)], asks=[("0.57", 50)])
    assert only(look(a, b)).size == 20
    assert codes(look(a, b, listings(min_value=D(1)))) == {"below_minimum"}


def test_a_level_off_the_grid_is_not_reached_for():
    a = book(A, bids=[("0.30", 50)], asks=[("0.405", 50)])
    assert codes(look(a, gap_books()[1])) == {"off_tick"}


def test_levels_before_one_off_the_grid_are_still_bought():
    a = book(A, bids=[("0.30", 50)], asks=[("0.40", 10), ("0.405", 40)])
    found = only(look(a, gap_books()[1]))
    assert (found.size, found.legs[0].limit_price) == (10, D("0.40"))


# Refusals for books and markets that must not be traded.


def test_a_missing_book_is_named():
    result = find(PAIR, {A: gap_books()[0]}, listings(), Rules(), NOW)
    assert codes(result) == {"book_missing"}
    assert "kalshi:KX-B" in result.refusals[0].sentence


def test_an_empty_side_is_named():
    a = book(A, bids=[("0.38", 50)])
    assert codes(look(a, book(B, asks=[("0.95", 5)]))) == {"empty_side"}


@pytest.mark.parametrize(
    ("ages", "code"),
    [((2001, 1999), "book_stale"), ((-2001, 0), "book_future"), ((1500, 400), "books_apart")],
)
def test_old_and_distant_books_are_refused(ages, code):
    assert codes(look(*gap_books(*ages))) == {code}


def test_books_at_the_limits_of_age_and_distance_are_used():
    assert only(look(*gap_books(2000, 1000)))


def test_a_crossed_book_is_no_opportunity_between_platforms():
    a, b = gap_books()
    crossed = replace(a, bids=ladder(("0.41", 5)))
    assert codes(look(crossed, b)) == {"book_crossed"}


def test_the_two_outcomes_of_one_market_pay_at_once_and_warn_of_the_crossed_book():
    view = book(B, bids=[("0.60", 10)], asks=[("0.50", 20)])
    found = only(find(bets.yes_no("bet-2", *B), {B: view}, listings(), Rules(), NOW))
    assert found.direction == "kalshi:YES+kalshi:NO"
    assert (found.size, found.frees_now, found.days_to_cash, found.annualised) == (10, True, 0, None)
    assert found.cautions == ("crossed",)


def test_a_pair_leaves_yes_plus_no_of_one_market_to_that_market():
    view = book(A, bids=[("0.60", 10)], asks=[("0.50", 20)])
    other = book(B, bids=[("0.49", 10)], asks=[("0.61", 20)])
    assert look(view, other) == Result((), ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "PAUSED"}, "market_not_open"),
        ({"fees": None}, "fees_unknown"),
        ({"settles": SETTLES - timedelta(days=31)}, "settles_past"),
        ({"rules_known": False}, "rules_missing"),
        ({"ticks": ()}, "listing_faulty"),
        ({"size_step": D(0)}, "listing_faulty"),
        ({"min_size": D("NaN")}, "listing_faulty"),
        ({"min_value": D("NaN")}, "listing_faulty"),
        ({"min_value": D(-1)}, "listing_faulty"),
    ],
)
def test_markets_that_must_not_be_traded_are_named(change, code):
    known = listings()
    known[B] = replace(known[B], **change)
    assert codes(look(*gap_books(), known)) == {code}


@pytest.mark.parametrize(
    ("seconds", "refused"), [(59, {"closes_soon"}), (60, set()), (0, set()), (-5, set())]
)
def test_nothing_is_begun_on_a_market_that_is_about_to_close(seconds, refused):
    known = listings()
    closes = datetime.fromtimestamp(NOW / 1000 + seconds, UTC)
    known[B] = replace(known[B], closes=closes)
    found = look(*gap_books(), known, Rules(min_open_ms=60_000))
    assert {refusal.code for refusal in found.refusals} == refused and bool(found.findings) != bool(refused)
    assert look(*gap_books(), known).findings  # where nobody asks for that much time


def test_an_unknown_listing_is_named():
    assert codes(look(*gap_books(), {A: listings()[A]})) == {"listing_missing"}


@pytest.mark.parametrize(
    "asks",
    [
        ((400_000, 5), (390_000, 5)),
        ((400_000, 5), (400_000, 5)),
        ((400_000, 0),),
        ((400_000, -1),),
    ],
)
def test_a_malformed_ladder_is_refused(asks):
    a, b = gap_books()
    assert codes(look(replace(a, asks=asks, bids=()), b)) & {"book_malformed"}


@pytest.mark.parametrize("where", ["asks", "bids"])
@pytest.mark.parametrize("price", [0, MICRO])
def test_prices_of_0_and_1_are_refused(where, price):
    a, b = gap_books()
    sides = {"bids": a.bids, "asks": a.asks}
    sides[where] = tuple(
        sorted((*sides[where], (price, 5)), reverse=where == "bids")
        if price * (where == "asks")
        else ((price, 5),)
    )
    refused = look(replace(a, **sides), b)
    assert {no.code for no in refused.refusals} & {"price_out_of_range", "book_crossed", "empty_side"}


def test_the_side_that_is_not_bought_must_be_in_order_too():
    """A bid hidden behind a worse one would make a crossed book look sound."""
    a, b = gap_books()
    hidden = replace(a, bids=ladder(("0.30", 5), ("0.41", 5)))
    assert codes(look(hidden, b)) == {"book_malformed"}


def test_three_markets_on_one_question_are_found_under_names_of_their_own():
    c = ("kalshi", "KX-C")
    claims = tuple(
        replace(claim, platform=c[0], market_id=c[1]) for claim in PAIR.claims if claim.platform == "kalshi"
    )
    bet = replace(PAIR, claims=(*PAIR.claims, *claims))
    a, b = gap_books()
    views = {A: a, B: b, c: book(c, bids=[("0.50", 20)], asks=[("0.58", 50)])}
    known = {**listings(), c: listing(c, kalshi())}
    result = find(bet, views, known, Rules(), NOW)
    assert {found.direction: found.size for found in result.findings} == {
        "polymarket:YES+kalshi:KX-B:NO": 50,
        "polymarket:YES+kalshi:KX-C:NO": 20,
    }


def test_a_bet_that_is_not_exhaustive_is_refused():
    assert codes(look(*gap_books(), bet=replace(PAIR, exhaustive=False))) == {"not_exhaustive"}


def test_without_a_settlement_date_the_return_per_year_is_unknown():
    found = only(look(*gap_books(), listings(settles=None)))
    assert (found.days_to_cash, found.annualised, found.frees_at) == (None, None, None)


def test_cash_is_expected_from_the_later_leg():
    known = listings()
    known[A] = replace(known[A], settles=SETTLES + timedelta(days=30))
    found = only(look(*gap_books(), known))
    assert (found.days_to_cash, found.frees_at) == (60, SETTLES + timedelta(days=30))


# Rules that hold for any books.

FEES = {A: polymarket("0.05"), B: kalshi()}
KNOWN = {A: listing(A, FEES[A]), B: listing(B, FEES[B])}
LINEAR = {A: listing(A, plain("0.05")), B: listing(B, plain("0.07"))}
some_books = st.tuples(books_of(A, cents=False), books_of(B, cents=False))


@given(some_books, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_finding_profits_in_every_state_to_the_last_digit(views, inverted):
    bet = bets.pair("bet-1", A, B, inverted)
    for found in look(*views, KNOWN, bet=bet).findings:
        for state in bet.states:
            assert profit_in(state, found, bet, {A: views[0], B: views[1]}, FEES) == found.net_profit > 0
        assert found.net_profit == found.waterfall.gross - found.waterfall.fees - found.waterfall.rounding


@given(some_books, st.sampled_from([A, B]))
@settings(max_examples=300, deadline=None)
def test_more_depth_never_lowers_the_profit(views, where):
    deeper = [
        replace(v, bids=doubled(v.bids), asks=doubled(v.asks)) if v.platform == where[0] else v for v in views
    ]
    before, after = profits(look(*views, LINEAR)), profits(look(*deeper, LINEAR))
    assert all(after.get(direction, 0) >= profit for direction, profit in before.items())


def doubled(levels):
    return tuple((price, 2 * size) for price, size in levels)


def profits(result: Result) -> dict:
    return {found.direction: found.net_profit for found in result.findings}


@given(some_books, st.integers(0, 7), st.integers(1, 8))
@settings(max_examples=300, deadline=None)
def test_higher_fees_never_raise_the_profit(views, rate, more):
    cheap = profits(look(*views, listings(polymarket(f"0.0{rate}"), kalshi())))
    dear = profits(look(*views, listings(polymarket(str(D(rate + more) / 100)), kalshi())))
    assert all(cheap.get(direction, 0) >= profit for direction, profit in dear.items())


@given(some_books)
@settings(max_examples=150, deadline=None)
def test_half_the_size_earns_no_more_and_is_priced_from_the_books(views):
    for found in look(*views, KNOWN).findings:
        assert found.half_profit <= found.net_profit
        books = {A: views[0], B: views[1]}
        half = found.size / 2 - (found.size / 2) % D("0.01")
        if half >= 1:
            cash = [
                cash_for(
                    books[leg.platform, leg.market_id], leg.outcome, half, FEES[leg.platform, leg.market_id]
                )
                for leg in found.legs
            ]
            assert found.half_profit == half - sum(cash)


@given(some_books, st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_order_of_the_markets_changes_nothing(views, inverted):
    here = look(*views, KNOWN, bet=bets.pair("bet-1", A, B, inverted))
    there = look(*views, KNOWN, bet=bets.pair("bet-1", B, A, inverted))
    assert here == there


@given(st.tuples(books_of(A, levels=4), books_of(B, levels=4)), st.sampled_from([None, 7, 33]))
@settings(max_examples=250, deadline=None)
def test_the_walk_is_within_a_cent_of_trying_every_size(views, cap):
    known = {A: listing(A, FEES[A], size_step=D(1)), B: listing(B, FEES[B], size_step=D(1))}
    found = profits(look(*views, known, capped(max_contracts=D(cap) if cap else None)))
    for direction, outcomes in (
        ("polymarket:YES+kalshi:NO", (YES, NO)),
        ("polymarket:NO+kalshi:YES", (NO, YES)),
    ):
        best = brute_force(views, outcomes, cap or 300)
        assert found.get(direction, D(0)) >= best - D("0.01")
        assert found.get(direction, D(0)) <= best


def brute_force(views: tuple[BookView, BookView], outcomes: tuple[str, str], most: int) -> D:
    best = D(0)
    for size in range(1, most + 1):
        one = cash_for(views[0], outcomes[0], D(size), FEES[A])
        two = cash_for(views[1], outcomes[1], D(size), FEES[B])
        if one is None or two is None:
            break
        best = max(best, size - one - two)
    return best


@given(some_books, st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_no_budget_is_ever_passed(views, dollars_each):
    budget = {"polymarket": D(dollars_each), "kalshi": D(dollars_each) / 2}
    for found in look(*views, KNOWN, capped(cash=budget)).findings:
        assert all(leg.cost.cash <= budget[leg.platform] for leg in found.legs)


@given(some_books)
@settings(max_examples=200, deadline=None)
def test_what_the_screen_drops_has_no_profit_at_any_price(views):
    result = look(*views, LINEAR)
    seen = {found.direction for found in result.findings} | {refusal.direction for refusal in result.refusals}
    for direction, outcomes in (
        ("polymarket:YES+kalshi:NO", (YES, NO)),
        ("polymarket:NO+kalshi:YES", (NO, YES)),
    ):
        if direction not in seen:
            one = cash_for(views[0], outcomes[0], D(1), plain())
            two = cash_for(views[1], outcomes[1], D(1), plain())
            assume(one is not None and two is not None)
            assert one + two >= 1


wild = st.lists(st.tuples(st.integers(-5, MICRO + 5), st.integers(-5, 10 * MICRO)), max_size=4).map(tuple)


@given(wild, wild, wild, wild)
@settings(max_examples=300, deadline=None)
def test_find_never_raises_for_what_a_book_may_hold(bids_a, asks_a, bids_b, asks_b):
    a, b = BookView(*A, bids_a, asks_a, NOW, NOW), BookView(*B, bids_b, asks_b, NOW, NOW)
    for found in look(a, b, KNOWN).findings:
        assert found.net_profit > 0
