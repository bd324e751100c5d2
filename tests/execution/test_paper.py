"""Paper fills: never better than the book, never beyond the limit, never the same contracts twice."""

from collections import Counter
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import paper
from execution.paper import PaperFill
from execution.planning import FOK, IOC, Ticket
from markets.books import NO, YES, BookView, Level, micro
from tests.signals.values import A, B, asks_of, book, books_of, kalshi, plain, polymarket

SCHEDULES = [kalshi(), polymarket(), plain("0.05")]


def order(size="10", price="0.50", outcome=YES, side="BUY", market=A) -> Ticket:
    notional = D(size) * D(price)
    return Ticket("bet-1", *market, outcome, side, D(size), D(price), notional, notional)


@st.composite
def orders(draw) -> Ticket:
    return order(
        str(D(draw(st.integers(1, 25_000))).scaleb(-2)),
        str(D(draw(st.integers(1, 99))).scaleb(-2)),
        draw(st.sampled_from([YES, NO])),
        draw(st.sampled_from(["BUY", "SELL"])),
    )


def facing(view: BookView, ticket: Ticket) -> list[Level]:
    """Levels within the limit, best first, the slow way: selling NO at p is buying YES at 1 - p."""
    if ticket.side == "BUY":
        return [level for level in asks_of(view, ticket.outcome) if level.price <= ticket.limit_price]
    bids = [
        Level(1 - level.price, level.size) for level in asks_of(view, NO if ticket.outcome == YES else YES)
    ]
    return [level for level in bids if level.price >= ticket.limit_price]


def remaining(levels: list[Level], taken: dict[int, int]) -> list[Level]:
    rest = [
        Level(level.price, level.size - D(taken.get(micro(level.price), 0)).scaleb(-6)) for level in levels
    ]
    return [level for level in rest if level.size > 0]


takes = st.dictionaries(
    st.integers(1, 99).map(lambda cents: cents * 10_000), st.integers(0, 80_000_000), max_size=20
)
schedules = st.sampled_from(SCHEDULES)


def test_levels_are_taken_best_first_and_the_last_one_in_part():
    view = book(A, asks=[("0.40", 5), ("0.45", 5), ("0.60", 50)])
    done = paper.fill(order("8"), view, plain("0"))
    assert done.fills == (PaperFill(D("0.40"), D(5), D(0)), PaperFill(D("0.45"), D(3), D(0)))
    assert (done.status, done.filled, done.cost.cash) == ("FILLED", 8, D("3.35"))
    assert done.average_price == D("0.41875")


def test_what_is_not_there_is_cancelled():
    done = paper.fill(order("20"), book(A, asks=[("0.40", 5), ("0.51", 50)]), plain("0"))
    assert (done.status, done.filled) == ("CANCELLED", 5)


@pytest.mark.parametrize(
    ("outcome", "side", "price", "filled"),
    [
        (YES, "BUY", "0.60", [("0.60", 7)]),
        (NO, "BUY", "0.45", [("0.45", 4)]),  # against YES bids at 0.55
        (YES, "SELL", "0.55", [("0.55", 4)]),
        (NO, "SELL", "0.40", [("0.40", 7)]),  # against YES asks at 0.60
        (YES, "BUY", "0.59", []),
        (NO, "BUY", "0.44", []),
        (YES, "SELL", "0.56", []),
        (NO, "SELL", "0.41", []),
    ],
)
def test_each_order_meets_the_side_that_faces_it(outcome, side, price, filled):
    view = book(A, bids=[("0.55", 4)], asks=[("0.60", 7)])
    done = paper.fill(order("9", price, outcome, side), view, plain("0"))
    assert [(fill.price, fill.size) for fill in done.fills] == [(D(at), D(size)) for at, size in filled]


@settings(max_examples=250, deadline=None)
@given(books_of(A), orders(), schedules, takes)
def test_an_order_takes_all_it_can_and_never_more_than_the_book_has_within_its_limit(
    view, ticket, fees, taken
):
    done = paper.fill(ticket, view, fees, IOC, taken=taken)
    there = remaining(facing(view, ticket), taken)
    depth = sum((level.size for level in there), D(0))
    assert done.filled == sum((fill.size for fill in done.fills), D(0)) == min(ticket.size, depth)
    assert done.status == ("FILLED" if done.filled == ticket.size else "CANCELLED")
    got = [(fill.price, fill.size) for fill in done.fills]
    assert [price for price, _ in got] == [
        level.price for level in there[: len(got)]
    ]  # best first, none left out
    assert [size for _, size in got[:-1]] == [level.size for level in there[: len(got)]][:-1]
    assert all(0 < size <= level.size for (_, size), level in zip(got, there, strict=False))


@settings(max_examples=250, deadline=None)
@given(books_of(A), orders(), schedules, takes)
def test_the_fees_of_the_parts_are_the_fee_of_the_order(view, ticket, fees, taken):
    done = paper.fill(ticket, view, fees, taken=taken)
    assert sum((fill.fee for fill in done.fills), D(0)) == done.cost.fee
    assert done.cost.notional == sum((fill.price * fill.size for fill in done.fills), D(0))
    if done.fills:
        whole = fees.order_cost(ticket.side, [Level(fill.price, fill.size) for fill in done.fills])
        assert done.cost == whole
    else:
        assert (done.cost.fee, done.cost.cash, done.average_price) == (0, 0, None)


@settings(max_examples=250, deadline=None)
@given(books_of(A), orders(), schedules, takes)
def test_fill_or_kill_is_all_or_nothing(view, ticket, fees, taken):
    partly = paper.fill(ticket, view, fees, IOC, taken=taken)
    done = paper.fill(ticket, view, fees, FOK, taken=taken)
    if partly.filled == ticket.size:
        assert done == partly
    else:
        assert (done.status, done.filled, done.fills) == ("CANCELLED", 0, ())
        assert (done.cost.notional, done.cost.fee, done.cost.cash) == (0, 0, 0)


@settings(max_examples=150, deadline=None)
@given(books_of(B), st.lists(orders(), min_size=2, max_size=6), st.sampled_from([YES, NO]))
def test_the_same_contracts_are_never_bought_twice(view, many, outcome):
    taken: Counter[int] = Counter()
    for ticket in many:
        mine = order(str(ticket.size), str(ticket.limit_price), outcome, "BUY", B)
        for fill in paper.fill(mine, view, plain("0"), taken=taken).fills:
            taken[micro(fill.price)] += micro(fill.size)
    depth = {micro(level.price): micro(level.size) for level in asks_of(view, outcome)}
    assert all(size <= depth.get(price, 0) for price, size in taken.items())


def test_what_was_taken_is_gone_and_the_book_is_not_touched():
    view = book(A, asks=[("0.40", 5), ("0.45", 5)])
    taken = {400_000: 5_000_000, 450_000: 2_000_000}
    done = paper.fill(order("10"), view, plain("0"), taken=taken)
    assert [(fill.price, fill.size) for fill in done.fills] == [(D("0.45"), D(3))]
    assert view == book(A, asks=[("0.40", 5), ("0.45", 5)])
    assert paper.less(view.asks, {400_000: 9_000_000}) == (
        (450_000, 5_000_000),
    )  # more gone than is there now


@pytest.mark.parametrize("size", ["0", "-1"])
def test_a_size_that_is_not_positive_is_no_order(size):
    with pytest.raises(ValueError, match="size"):
        paper.fill(order(size), book(A, asks=[("0.40", 5)]), plain())


def test_a_paper_order_cannot_rest():
    with pytest.raises(ValueError, match="GOOD_TILL_CANCELLED"):
        paper.fill(order(), book(A, asks=[("0.40", 5)]), plain(), "GOOD_TILL_CANCELLED")
