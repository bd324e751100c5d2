"""Hedges: exact ones first, sizes from beta, costs from the book, nothing where the interval holds 0."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from markets import bets
from markets.books import NO, YES
from signals.returns import hedging
from signals.returns.estimating import Together
from signals.returns.hedging import CORRELATED, EXACT, Stake
from tests.signals.values import PAIR, A, B, book, listing, plain

OTHER = ("kalshi", "KX-OTHER")
SEEN = {
    A: book(A, [("0.48", 500)], [("0.52", 500)]),
    B: book(B, [("0.47", 500)], [("0.53", 500)]),
    OTHER: book(OTHER, [("0.78", 500)], [("0.82", 60), ("0.84", 500)]),
}
LISTED = {market: listing(market, plain()) for market in SEEN}
TIE = Together(hedging.name_of(OTHER), hedging.name_of(A), 0.8, 0.6, 0.9, 200, 1.6)


def found(stake, correlations=(TIE,), **changes):
    return offer(stake, correlations, **changes).hedges


def offer(stake, correlations=(TIE,), **changes):
    return hedging.hedges(
        [stake], [PAIR], correlations, changes.get("books", SEEN), changes.get("listings", LISTED),
        least=changes.get("least", D(0)),
    )  # fmt: skip


def test_exact_hedges_come_first_and_the_cheapest_of_them():
    made = found(Stake(*A, YES, D(100)))
    assert [(one.kind, (one.platform, one.market_id), one.outcome) for one in made] == [
        (EXACT, A, NO), (EXACT, B, NO), (CORRELATED, OTHER, NO),
    ]  # fmt: skip
    assert [one.cost for one in made[:2]] == [
        D("2.00"),
        D("3.00"),
    ]  # half a spread of 4 and 6 cents on 100 contracts
    assert made[0].takes == 1 and made[1].bet_id == PAIR.id


def test_a_correlated_hedge_is_sized_by_beta_and_costs_what_the_book_says():
    hedge = found(Stake(*A, YES, D(100)))[-1]
    # 100 · 0.25 · 1.6 / 0.16: the position moves 1.6 log-odds for one of the hedge
    assert hedge.wanted == hedge.contracts == 250 and hedge.outcome == NO
    assert hedge.cost == D("5.00") and hedge.price == D("0.22")  # NO asks 0.22 for 500, its mid is 0.20
    assert (hedge.takes, hedge.takes_at_least, hedge.rho) == (D("0.6400"), D("0.3600"), D("0.8000"))


def test_the_other_way_round_uses_the_other_beta():
    turned = Together(hedging.name_of(A), hedging.name_of(OTHER), 0.8, 0.6, 0.9, 200, 0.4)
    assert found(Stake(*A, YES, D(100)), [turned])[-1].wanted == 250  # rho² / 0.4 is 1.6 again


def test_what_moves_against_the_position_is_bought_on_its_own_side():
    against = replace(TIE, rho=-0.8, lower=-0.9, upper=-0.6, beta=-1.6)
    assert found(Stake(*A, YES, D(100)), [against])[-1].outcome == YES
    assert found(Stake(*A, NO, D(100)), [against])[-1].outcome == NO


@pytest.mark.parametrize("lower", [-0.01, 0.01, 0.31])
def test_no_hedge_from_a_correlation_that_may_be_next_to_nothing(lower):
    """Of a hundred unrelated markets one or two exclude 0 by chance, and would be shown as hedges."""
    assert all(one.kind == EXACT for one in found(Stake(*A, YES, D(100)), [replace(TIE, lower=lower)]))


def test_no_hedge_where_prices_are_beyond_those_that_were_compared():
    """One cent in a thousand: beta of clipped log-odds would ask for forty contracts for one."""
    far = SEEN | {OTHER: book(OTHER, [("0.991", 5000)], [("0.995", 5000)])}
    assert all(one.kind == EXACT for one in found(Stake(*A, YES, D(100)), books=far))


def test_a_thin_book_gives_a_part_and_says_how_much_of_the_risk_it_takes():
    thin = SEEN | {OTHER: book(OTHER, [("0.78", 125)], [("0.82", 60)])}
    hedge = found(Stake(*A, YES, D(100)), books=thin)[-1]
    assert (hedge.wanted, hedge.contracts) == (250, 125)
    assert hedge.takes == D("0.4800")  # half of the best size takes three quarters of what it would


@pytest.mark.parametrize("missing", [{OTHER: book(OTHER, [], [("0.82", 60)])}, {OTHER: book(OTHER)}])
def test_a_book_of_one_side_offers_nothing(missing):
    assert all(one.kind == EXACT for one in found(Stake(*A, YES, D(100)), books=SEEN | missing))


def test_what_other_positions_complete_needs_no_hedge():
    held = {(*A, YES): D(100), (*B, NO): D(70), (*A, NO): D(20), (*OTHER, YES): D(5)}
    assert hedging.uncovered(held, [PAIR]) == [Stake(*OTHER, YES, D(5)), Stake(*A, YES, D(10))]
    inverted = bets.pair("bet-2", A, B, inverted=True)
    assert hedging.uncovered({(*A, YES): D(9), (*B, YES): D(4)}, [inverted]) == [Stake(*A, YES, D(5))]


def test_relief_is_what_surely_goes_of_the_standard_deviation_at_settlement():
    made = found(Stake(*A, YES, D(100)))
    # 100 contracts at a half: 50 dollars, all of them with an exact hedge; 1 - √(1 - 0.36) of them by correlation
    assert [one.relief for one in made] == [D(50), D(50), D(10)]


def test_dust_is_left_out_and_counted():
    stake = Stake(*A, YES, D(100))
    assert [one.kind for one in offer(stake, least=D("10.01")).hedges] == [EXACT, EXACT]
    assert (len(offer(stake, least=D(10)).hedges), offer(stake, least=D(10)).dust) == (3, 0)
    assert (offer(stake, least=D(51)).hedges, offer(stake, least=D(51)).dust) == ((), 3)
    few = LISTED | {A: replace(LISTED[A], min_size=D(101)), B: replace(LISTED[B], min_value=D(60))}
    left = offer(stake, listings=few)  # 100 contracts; 100 at 0.53
    assert ([one.kind for one in left.hedges], left.dust) == ([CORRELATED], 2)
