"""From a finding to its orders: looked at again, never larger, thinner leg first, equal shares."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execution import planning
from execution.planning import NoPlan, Plan, Ticket
from markets.books import NO, YES, Level
from markets.platforms.base import OrderCost
from signals.decision import Hurdles
from signals.detection import Rules
from tests.signals.values import (
    NOW,
    PAIR,
    A,
    B,
    asks_of,
    book,
    books_of,
    capped,
    cash_for,
    kalshi,
    listing,
    listings,
    look,
    polymarket,
)

ANY = Hurdles(min_profit_pct=D(0), suspicious_edge=D(1))


def books(size_a=50, size_b=30, ask="0.40", bid="0.55", age_ms=100) -> dict:
    """YES at `ask` on A, NO at 1 - `bid` on B."""
    return {
        A: book(A, bids=[("0.05", 50)], asks=[(ask, size_a)], age_ms=age_ms),
        B: book(B, bids=[(bid, size_b)], asks=[("0.95", 50)], age_ms=age_ms),
    }


def finding_in(views, **changes):
    return look(views[A], views[B], **changes).findings[0]


def plan_in(views, finding, known=None, rules=None, hurdles=ANY, now=NOW) -> Plan | NoPlan:
    return planning.plan(PAIR, finding, views, known or listings(), rules or Rules(), hurdles, now)


def test_a_ticket_says_everything_its_order_needs():
    made = plan_in(books(), finding_in(books()))
    assert isinstance(made, Plan)
    first, second = made.tickets
    assert (first.bet_id, first.platform, first.market_id, first.outcome, first.side) == (
        "bet-1",
        *B,
        NO,
        "BUY",
    )
    assert (second.bet_id, second.platform, second.market_id, second.outcome, second.side) == (
        "bet-1",
        *A,
        YES,
        "BUY",
    )
    assert (first.size, first.limit_price, first.notional) == (30, D("0.45"), D("13.50"))
    assert (second.size, second.limit_price, second.notional) == (30, D("0.40"), D("12.00"))
    assert first.cash == D("14.02")  # .07 x 30 x .45 x .55 = 0.51975 -> 0.5198, whole cents
    assert second.cash == D("12.288")  # .04 x 30 x .40 x .60
    assert first.time_in_force == "IMMEDIATE_OR_CANCEL"


@pytest.mark.parametrize(
    ("size_a", "size_b", "order"), [(50, 30, [B, A]), (30, 50, [A, B]), (40, 40, [A, B])]
)
def test_the_thinner_leg_goes_first_and_equal_depth_keeps_the_order(size_a, size_b, order):
    views = books(size_a, size_b)
    made = plan_in(views, finding_in(views))
    assert [(ticket.platform, ticket.market_id) for ticket in made.tickets] == order


def test_a_deeper_book_does_not_make_the_plan_larger():
    small = finding_in(books(10, 10))
    made = plan_in(books(500, 500), small)
    assert made.finding.size == small.size == 10
    assert {ticket.size for ticket in made.tickets} == {D(10)}


def test_a_thinner_book_and_a_lower_cap_make_it_smaller():
    large = finding_in(books(50, 50))
    assert plan_in(books(50, 20), large).finding.size == 20
    assert plan_in(books(50, 50), large, rules=capped(max_contracts=D(7))).finding.size == 7


@settings(max_examples=200, deadline=None)
@given(books_of(A), books_of(B), books_of(A), books_of(B), st.booleans())
def test_a_plan_is_never_more_than_its_finding_nor_than_the_books_of_now(then_a, then_b, now_a, now_b, same):
    then = {A: then_a, B: then_b}
    found = look(then_a, then_b).findings
    assume(found)
    now = then if same else {A: now_a, B: now_b}
    made = plan_in(now, found[0])
    if same and found[0].profit_pct >= 0:
        assert isinstance(made, Plan)
    if isinstance(made, NoPlan):
        assert made.code
        assert made.sentence
        return
    assert made.finding.direction == found[0].direction
    assert made.finding.net_profit > 0
    assert {ticket.size for ticket in made.tickets} == {made.finding.size}
    assert made.finding.size <= found[0].size
    depths = []
    for ticket in made.tickets:
        market = (ticket.platform, ticket.market_id)
        within = [
            level for level in asks_of(now[market], ticket.outcome) if level.price <= ticket.limit_price
        ]
        depths.append(sum((level.size for level in within), D(0)))
        fees = listings()[market].fees
        assert ticket.notional == ticket.size * ticket.limit_price
        assert ticket.cash >= cash_for(now[market], ticket.outcome, ticket.size, fees)
        assert ticket.cash >= fees.order_cost("BUY", [Level(ticket.limit_price, ticket.size)]).cash
    assert depths == sorted(depths)
    assert min(depths) >= made.finding.size


@pytest.mark.parametrize(
    ("views", "known", "hurdles", "code"),
    [
        (books(bid="0.35"), None, ANY, "gap_gone"),
        (books(age_ms=5_000), None, ANY, "book_stale"),
        ({A: books()[A]}, None, ANY, "book_missing"),
        (books(ask="0.54"), None, ANY, "no_profit"),
        (books(), {A: listing(A, polymarket())}, ANY, "listing_missing"),
        (books(), {A: listing(A, polymarket()), B: listing(B, None)}, ANY, "fees_unknown"),
        (books(), listings(status="CLOSED"), ANY, "market_not_open"),
        (books(), None, Hurdles(), "suspicious_edge"),
        (books(), None, replace(ANY, min_profit_pct=D("0.5")), "below_min_profit"),
        (books(), None, replace(ANY, min_net_profit=D(100)), "below_min_net"),
    ],
)
def test_why_there_is_no_plan(views, known, hurdles, code):
    made = plan_in(views, finding_in(books()), known, hurdles=hurdles)
    assert isinstance(made, NoPlan)
    assert made.code == code
    assert made.sentence


def test_a_gap_the_other_way_round_is_not_what_was_found():
    turned = {
        A: book(A, bids=[("0.55", 50)], asks=[("0.95", 50)]),
        B: book(B, bids=[("0.05", 50)], asks=[("0.40", 50)]),
    }
    assert look(turned[A], turned[B]).findings  # there is a gap, in the other direction
    assert isinstance(plan_in(turned, finding_in(books())), NoPlan)


def test_the_cash_of_a_ticket_is_the_dearer_of_plan_and_limit():
    leg = finding_in(books()).legs[0]
    dear = replace(leg, cost=OrderCost(D(1), D(98), D(99)))
    assert planning.ticket("bet-1", dear, polymarket()).cash == 99
    cheap = replace(leg, cost=OrderCost(D(1), D(0), D(1)))
    at_limit = polymarket().order_cost("BUY", [Level(leg.limit_price, leg.size)]).cash
    assert planning.ticket("bet-1", cheap, polymarket()).cash == at_limit


def test_a_sale_needs_no_cash():
    assert planning.most_cash("SELL", D(10), D("0.40"), kalshi()) == 0


# The second leg after the first.


def waiting(size="30", price="0.45") -> Ticket:
    notional = D(size) * D(price)
    return Ticket("bet-1", *B, NO, "BUY", D(size), D(price), notional, notional + 1)


def test_the_second_leg_is_cut_to_the_shares_of_the_first_not_to_its_dollars():
    second = planning.for_filled(waiting(), D("12.5"), listing(B, kalshi()))
    assert (second.size, second.notional) == (D("12.5"), D("5.625"))
    assert second.cash == kalshi().order_cost("BUY", [Level(D("0.45"), D("12.5"))]).cash
    assert (second.limit_price, second.outcome, second.market_id) == (D("0.45"), NO, B[1])


@pytest.mark.parametrize("filled", ["30", "31"])
def test_a_full_fill_leaves_the_second_leg_as_it_was(filled):
    assert planning.for_filled(waiting(), D(filled), listing(B, kalshi())) == waiting()


@pytest.mark.parametrize(
    ("filled", "changes", "code"),
    [
        ("0", {}, "no_fill"),
        ("-1", {}, "no_fill"),
        ("0.99", {}, "below_minimum"),
        ("0.4", {"min_size": D(0), "size_step": D(1)}, "below_minimum"),
        ("5", {"min_value": D("2.26")}, "below_minimum"),  # 5 x 0.45 = 2.25
        ("5", {"fees": None}, "fees_unknown"),
        ("5", {"size_step": D(0)}, "listing_faulty"),
    ],
)
def test_a_fill_that_cannot_be_matched_says_why(filled, changes, code):
    made = planning.for_filled(waiting(), D(filled), replace(listing(B, kalshi()), **changes))
    assert isinstance(made, NoPlan)
    assert made.code == code
    assert made.sentence


def test_exactly_the_minimum_is_enough():
    known = listing(B, kalshi(), min_size=D(5), min_value=D("2.25"))
    assert planning.for_filled(waiting(), D(5), known).size == 5


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40_000_000).map(lambda n: D(n).scaleb(-6)),
    st.integers(1, 99).map(lambda n: str(D(n).scaleb(-2))),
    st.sampled_from(["0.01", "0.25", "1", "3"]),
    st.booleans(),
)
def test_the_cut_is_the_largest_equal_share_on_the_markets_steps(filled, price, step, whole_cents):
    known = listing(B, kalshi(), min_size=D(0), size_step=D(step), whole_cents=whole_cents)
    made = planning.for_filled(waiting("30", price), filled, known)
    if filled >= 30:
        assert made == waiting("30", price)
        return
    # The smallest multiple of the step that is worth whole cents; 0.01 contracts at whole cents need 100 at most
    fits = (D(step) * n for n in range(1, 101) if not whole_cents or D(step) * n * D(price) * 100 % 1 == 0)
    grid = next(fits)
    expected = filled - filled % grid
    if isinstance(made, NoPlan):
        assert made.code == "below_minimum"
        assert expected == 0
    else:
        assert made.size == expected <= filled
        assert made.notional == made.size * D(price)
