"""What becomes of contracts that no other leg completes: whichever way ends best by the books, within the loss limit."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from execution.plans.planning import Ticket
from execution.plans.remainders import Act, Hold, Money, decide, marketable
from execution.plans.saga import COMPLETE, UNWIND, Piece, Remainder
from markets.platforms.base import KALSHI, POLYMARKET
from tests.signals.values import book, listing, plain

A, B = (POLYMARKET, "a"), (KALSHI, "b")
LISTINGS = {A: listing(A, plain()), B: listing(B, plain())}


def ticket(market, outcome, size=D(100), price=D("0.45"), side="BUY"):
    return Ticket("bet", *market, outcome, side, size, price, size * price, size * price)


def rest(alone=D(60), lacking=D(60), refused=frozenset(), side="BUY"):
    return Remainder(
        Fraction(2, 5), Fraction(3, 5), (Piece(0, ticket(A, "YES", side=side), alone),),
        (Piece(1, ticket(B, "NO", side=side), lacking),), True, frozenset(refused),
    )  # fmt: skip


def money(paid="27", payoff="60", limit="3"):
    return Money(D(paid), D(payoff), D(limit))


def books(bid="0.43", no_ask="0.50", depth=100):
    """YES of A can be sold at `bid`, NO of B bought at `no_ask`."""
    return {
        A: book(A, bids=[(bid, depth)], asks=[("0.99", depth)]),
        B: book(B, bids=[(str(1 - D(no_ask)), depth)], asks=[("0.99", depth)]),
    }


def test_completing_is_better_where_it_brings_more():
    found = decide(rest(), money(), books(), LISTINGS)  # 60 - 30 = 30 back, against 25.80
    assert (found.role, found.leg, found.ticket.side) == (COMPLETE, 1, "BUY")
    assert (found.ticket.size, found.ticket.limit_price, found.ends) == (D(60), D("0.50"), D(30))
    assert found.loses == -3 and "25.80" in found.sentence


def test_selling_back_is_better_where_that_brings_more():
    found = decide(rest(), money(), books(no_ask="0.60"), LISTINGS)  # 24 back, against 25.80
    assert (found.role, found.leg, found.ticket.side, found.ticket.size) == (UNWIND, 0, "SELL", D(60))
    assert (found.ends, found.loses) == (D("25.80"), D("1.20"))


def test_beyond_the_loss_limit_it_is_held():
    found = decide(rest(), money(limit="1"), books(no_ask="0.60"), LISTINGS)
    assert isinstance(found, Hold) and found.sentence.count("lose more than 1.00") == 2


def test_without_a_book_it_is_held():
    found = decide(rest(), money(), {}, LISTINGS)
    assert isinstance(found, Hold) and "no book" in found.sentence


def test_fewer_than_a_platform_takes_are_held():
    known = {key: replace(one, min_size=D(5)) for key, one in LISTINGS.items()}
    found = decide(rest(D(3), D(3)), money("1.35", "3", "1"), books(), known)
    assert isinstance(found, Hold) and found.sentence.count("fewer than") == 2


def test_what_our_own_checks_refused_is_not_tried_again():
    found = decide(rest(refused={COMPLETE}), money(), books(), LISTINGS)
    assert found.role == UNWIND
    assert isinstance(decide(rest(refused={COMPLETE, UNWIND}), money(), books(), LISTINGS), Hold)


def test_what_was_netted_is_completed_and_never_sold():
    dear = books(no_ask="0.60")  # completing brings 24, selling would bring 25.80
    assert decide(rest(), money(limit="4"), dear, LISTINGS).role == UNWIND
    found = decide(rest(), money(limit="4"), dear, LISTINGS, netted=True)
    assert (found.role, found.ends) == (COMPLETE, D(24)) and "netted" in found.sentence
    assert isinstance(decide(rest(), money(limit="1"), dear, LISTINGS, netted=True), Hold)


def test_only_the_levels_within_the_limit_are_taken():
    deep = books(no_ask="0.99") | {A: book(A, bids=[("0.44", 20), ("0.10", 100)], asks=[("0.99", 1)])}
    found = decide(rest(), money(), deep, LISTINGS)
    assert (found.role, found.ticket.size, found.ticket.limit_price) == (UNWIND, D(20), D("0.44"))


def test_an_exit_is_the_same_with_the_signs_turned():
    """60 YES were sold for 27; the NO can be sold at 0.40, or the YES bought back at 0.47."""
    views = {
        A: book(A, bids=[("0.43", 100)], asks=[("0.47", 100)]),
        B: book(B, bids=[("0.55", 100)], asks=[("0.60", 100)]),
    }
    found = decide(rest(side="SELL"), money("-27", "-48", "30"), views, LISTINGS)
    assert (found.role, found.ticket.side, found.ends) == (COMPLETE, "SELL", D(-24))
    found = decide(rest(side="SELL"), money("-27", "-60", "30"), views, LISTINGS)
    assert (found.role, found.ticket.side, found.ends) == (UNWIND, "BUY", D("-28.20"))


def test_what_is_owed_is_had_again_within_the_loss_limit_or_held():
    owed = replace(rest(lacking=D(40)), alone=(), share=Fraction(2, 5), owed=True)
    got = money(paid="-17.60", payoff="0")  # sold at 0.44
    found = decide(owed, got, books(no_ask="0.50"), LISTINGS)
    assert (found.role, found.leg, found.ticket.side, found.ticket.size) == (COMPLETE, 1, "BUY", D(40))
    assert (found.ends, found.loses) == (D(-20), D("2.40"))
    held = decide(owed, got, books(no_ask="0.60"), LISTINGS)
    assert isinstance(held, Hold) and held.sentence.startswith("owed, ") and "unwind" not in held.sentence


def test_an_order_trades_at_its_limit_or_better():
    assert marketable(ticket(A, "YES"), D("0.45")) and not marketable(ticket(A, "YES"), D("0.46"))
    sale = ticket(A, "YES", side="SELL")
    assert marketable(sale, D("0.45")) and not marketable(sale, D("0.44"))


prices = st.integers(1, 98).map(lambda cents: D(cents) / 100)
ladders = st.lists(st.tuples(prices, st.integers(1, 80)), max_size=4)


@given(ladders, ladders, st.integers(1, 90), st.integers(0, 40), st.integers(1, 99))
def test_no_decision_loses_more_than_the_limit_or_trades_more_than_there_is(
    bids, asks, contracts, limit, cost
):
    size = D(contracts)
    paid = size * D(cost) / 100
    views = {
        A: book(
            A,
            bids=[(str(price), depth) for price, depth in sorted(dict(bids).items(), reverse=True)],
            asks=[],
        ),
        B: book(B, bids=[(str(1 - price), depth) for price, depth in sorted(dict(asks).items())], asks=[]),
    }
    found = decide(rest(size, size), Money(paid, size, D(limit)), views, LISTINGS)
    if isinstance(found, Hold):
        return
    assert isinstance(found, Act) and 0 < found.ticket.size <= size
    part = found.ticket.size / size
    assert found.loses <= D(limit) * part + D("0.00001")
    view = views[(found.ticket.platform, found.ticket.market_id)]
    ladder = view.bids_for("YES") if found.role == UNWIND else view.asks_for("NO")
    reachable = [
        (price, depth) for price, depth in ladder
        if (price <= found.ticket.limit_price * 1_000_000) == (found.role == COMPLETE)
        or price == found.ticket.limit_price * 1_000_000
    ]  # fmt: skip
    assert sum(depth for _, depth in reachable) >= found.ticket.size * 1_000_000


def test_what_was_paid_may_have_any_number_of_decimals():
    # an average price times a size, as fills over several levels give it
    found = decide(rest(), money(paid="26.82863697260360160696352"), books(), LISTINGS)
    assert found.loses == found.loses.quantize(D("0.000001"))
    exact = money(paid="26.828636").paid - found.ends
    assert exact <= found.loses <= exact + D("0.000001")  # rounded to our disadvantage
