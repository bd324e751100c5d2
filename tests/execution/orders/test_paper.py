"""Paper fills: never more than was on offer, never beyond the limit, never the same contracts twice."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.lifecycle import CANCELLED, FILLED, NEXT, SUBMITTED
from execution.orders.paper import fill, less
from execution.plans.planning import FOK, IOC, Ticket
from markets.books import NO, YES, BookView, Level, dollars, micro
from markets.platforms.kalshi.fees import BROKER_GRID, DIRECT_GRID, KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from tests.signals.values import A, book, books_of

NO_FEES = PolymarketFees(D(0))
DEEP = book(A, bids=[("0.38", 10), ("0.37", 30)], asks=[("0.40", 10), ("0.41", 20), ("0.45", 100)])


def order(size="15", limit="0.41", side="BUY", outcome=YES) -> Ticket:
    notional = D(size) * D(limit)
    return Ticket(
        "bet-1", *A, outcome, side, D(size), D(limit), notional, notional if side == "BUY" else D(0)
    )


def taken_of(result) -> list[tuple[D, D]]:
    return [(one.price, one.size) for one in result.fills]


@pytest.mark.parametrize(
    ("ticket", "expected"),
    [
        (order(), [("0.40", "10"), ("0.41", "5")]),
        (order(outcome=NO, limit="0.63"), [("0.62", "10"), ("0.63", "5")]),
        (order(side="SELL", limit="0.37"), [("0.38", "10"), ("0.37", "5")]),
        (order(side="SELL", outcome=NO, limit="0.59"), [("0.60", "10"), ("0.59", "5")]),
    ],
)
def test_each_side_and_outcome_meets_its_own_levels(ticket, expected):
    result = fill(ticket, DEEP, NO_FEES)
    assert taken_of(result) == [(D(price), D(size)) for price, size in expected]
    assert (result.status, result.filled) == (FILLED, 15)


def test_what_the_limit_does_not_reach_is_cancelled():
    result = fill(order("50"), DEEP, NO_FEES)
    assert (result.status, result.filled, result.cost.cash) == (CANCELLED, 30, D("12.2"))
    assert result.average_price == D("12.2") / 30


def test_nothing_within_the_limit_fills_nothing_and_costs_nothing():
    result = fill(order(limit="0.39"), DEEP, NO_FEES)
    assert (result.status, result.filled, result.fills, result.cost.cash) == (CANCELLED, 0, (), 0)
    assert result.average_price is None
    assert fill(order(), book(A), NO_FEES).filled == 0


def test_all_or_nothing():
    assert fill(order("30"), DEEP, NO_FEES, FOK).status == FILLED
    none = fill(order("30.01"), DEEP, NO_FEES, FOK)
    assert (none.status, none.filled, none.fills, none.cost.cash) == (CANCELLED, 0, (), 0)


def test_contracts_taken_before_are_not_there():
    result = fill(order("15"), DEEP, NO_FEES, taken={400_000: micro("8"), 410_000: micro("20")})
    assert taken_of(result) == [(D("0.40"), 2)]
    assert less(((400_000, 5),), {400_000: 7}) == ()


@pytest.mark.parametrize("time_in_force", ["GOOD_TILL_CANCELLED", ""])
def test_a_paper_order_cannot_rest(time_in_force):
    with pytest.raises(ValueError):
        fill(order(), DEEP, NO_FEES, time_in_force)


@pytest.mark.parametrize("size", ["0", "-1"])
def test_an_order_for_nothing_is_refused(size):
    with pytest.raises(ValueError):
        fill(order(size), DEEP, NO_FEES)


def test_the_exact_fee_of_each_platform():
    result = fill(order(), DEEP, PolymarketFees(D("0.04")))
    # .04 x 10 x .40 x .60 and .04 x 5 x .41 x .59
    assert [one.fee for one in result.fills] == [D("0.09600"), D("0.04838")]
    assert result.cost.cash == D("4.00") + D("2.05") + D("0.14438")
    result = fill(order(), DEEP, KalshiFees("quadratic", D(1)))
    # .07 x 10 x .24 = .168; .07 x 5 x .2419 = .084665, up to .0847
    assert [one.fee for one in result.fills] == [D("0.1680"), D("0.0847")]


def test_what_can_become_of_a_paper_order_can_become_of_one_that_was_sent():
    assert {FILLED, CANCELLED} <= NEXT[SUBMITTED]


schedules = st.one_of(
    st.sampled_from(["0", "0.04", "0.07"]).map(lambda rate: PolymarketFees(D(rate))),
    st.builds(
        KalshiFees, st.just("quadratic"), st.sampled_from([D(1), D("0.5")]), st.none(),
        st.sampled_from([DIRECT_GRID, BROKER_GRID]),
    ),
)  # fmt: skip
orders = st.builds(
    lambda size, limit, side, outcome: order(D(size) / 100, D(limit) / 100, side, outcome),
    st.integers(1, 15_000), st.integers(1, 99), st.sampled_from(["BUY", "SELL"]), st.sampled_from([YES, NO]),
)  # fmt: skip


@given(books_of(A, cents=False), orders, schedules, st.sampled_from([IOC, FOK]))
def test_a_fill_is_the_best_the_book_gives_within_the_limit_at_the_exact_cost(
    view, ticket, fees, time_in_force
):
    result = fill(ticket, view, fees, time_in_force)
    buying = ticket.side == "BUY"
    side = view.asks_for(ticket.outcome) if buying else view.bids_for(ticket.outcome)
    offers = [(dollars(price), dollars(size)) for price, size in side]
    limit = ticket.limit_price
    reach = [(price, size) for price, size in offers if (price <= limit if buying else price >= limit)]
    on_offer = sum((size for _, size in reach), D(0))
    expected = min(ticket.size, on_offer)
    if time_in_force == FOK and expected < ticket.size:
        expected = D(0)
    assert result.filled == expected == sum((one.size for one in result.fills), D(0))
    assert (result.status == FILLED) == (result.filled == ticket.size)
    for one, (price, size) in zip(result.fills, reach, strict=False):
        assert one.price == price
        assert 0 < one.size <= size
        assert one.price <= ticket.limit_price if buying else one.price >= ticket.limit_price
    assert all(one.size == size for one, (_, size) in zip(result.fills[:-1], reach, strict=False))
    if result.fills:
        levels = [Level(one.price, one.size) for one in result.fills]
        assert result.cost.cash == fees.order_cost(ticket.side, levels).cash
    notional = sum((one.price * one.size for one in result.fills), D(0))
    fee = sum((one.fee for one in result.fills), D(0))
    assert (result.cost.notional, result.cost.fee) == (notional, fee)
    assert result.cost.cash == (notional + fee if buying else notional - fee)


@given(books_of(A, cents=False), st.lists(orders, max_size=12))
def test_no_number_of_orders_takes_more_than_the_depth(view, tickets):
    taken: dict[tuple, dict[int, int]] = {}
    for ticket in tickets:
        mine = taken.setdefault((ticket.side, ticket.outcome), {})
        for one in fill(ticket, view, NO_FEES, taken=mine).fills:
            mine[micro(one.price)] = mine.get(micro(one.price), 0) + micro(one.size)
    for (side, outcome), prices in taken.items():
        ladder = dict(view.asks_for(outcome) if side == "BUY" else view.bids_for(outcome))
        assert all(size <= ladder[price] for price, size in prices.items())


@given(books_of(A, cents=False), orders, st.integers(1, 99))
def test_a_worse_limit_never_fills_less(view, ticket, cents):
    other = replace(ticket, limit_price=D(cents) / 100)
    keener, meaner = sorted((ticket, other), key=lambda one: one.limit_price, reverse=ticket.side == "BUY")
    assert fill(keener, view, NO_FEES).filled >= fill(meaner, view, NO_FEES).filled


def test_views_are_left_as_they_were():
    before = BookView(*A, DEEP.bids, DEEP.asks, DEEP.changed_ms, DEEP.confirmed_ms)
    fill(order(), DEEP, NO_FEES)
    assert before == DEEP
