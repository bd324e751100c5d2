"""Bets: what covers every state, what is refused, and names that never collide."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import bets
from markets.bets import FAILS, HAPPENS, Bet, Claim
from markets.books import NO, YES
from markets.platforms.base import KALSHI, POLYMARKET

A, B, C = (POLYMARKET, "0xa"), (KALSHI, "KX-B"), (KALSHI, "KX-C")


def named(bet: Bet) -> list[tuple[str, ...]]:
    return [tuple(f"{claim.market_id}:{claim.outcome}" for claim in cover) for cover in bet.covers]


def test_a_pair_is_bought_in_both_directions():
    bet = bets.pair("b", A, B)
    assert named(bet) == [("0xa:YES", "KX-B:NO"), ("0xa:NO", "KX-B:YES")]
    assert bet.directions == ("polymarket:YES+kalshi:NO", "polymarket:NO+kalshi:YES")
    assert not bet.faults


def test_an_inverted_pair_is_covered_by_the_same_outcome_of_both():
    assert bets.pair("b", A, B, inverted=True).directions == (
        "polymarket:YES+kalshi:YES", "polymarket:NO+kalshi:NO",
    )  # fmt: skip


def test_one_market_is_covered_by_its_two_outcomes():
    bet = bets.yes_no("b", *B)
    assert (named(bet), bet.directions) == ([("KX-B:YES", "KX-B:NO")], ("kalshi:YES+kalshi:NO",))
    assert bet.markets == (B,)


def test_a_pair_leaves_the_outcomes_of_one_market_to_that_market():
    for inverted in (False, True):
        for one, two in bets.pair("b", A, B, inverted).covers:
            assert one.market != two.market


def test_two_markets_of_one_platform_are_told_apart_by_name():
    assert bets.pair("b", B, C).directions == (
        "kalshi:KX-B:YES+kalshi:KX-C:NO",
        "kalshi:KX-B:NO+kalshi:KX-C:YES",
    )


def test_three_markets_on_the_same_question_have_no_two_covers_of_one_name():
    claims = tuple(
        Claim(*market, outcome, frozenset({HAPPENS if outcome == YES else FAILS}))
        for market, outcome in product((A, B, C), (YES, NO))
    )
    bet = Bet("b", "pair", (HAPPENS, FAILS), True, claims)
    assert len(bet.covers) == 6
    assert len(set(bet.directions)) == 6


def test_the_order_in_which_markets_are_named_changes_nothing():
    one, two = bets.pair("b", A, B), bets.pair("b", B, A)
    assert (one.covers, one.directions, one.markets) == (two.covers, two.directions, two.markets)


YES_A = Claim(*A, YES, frozenset({HAPPENS}))
NO_B = Claim(*B, NO, frozenset({FAILS}))
GOOD = Bet("b", "pair", (HAPPENS, FAILS), True, (YES_A, NO_B))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"states": (), "claims": ()}, bets.NO_STATES),
        ({"states": (HAPPENS, FAILS, FAILS)}, bets.DUPLICATE_STATE),
        ({"exhaustive": False}, bets.NOT_EXHAUSTIVE),
        ({"claims": (YES_A, replace(NO_B, pays_in=frozenset()))}, bets.PAYS_NEVER),
        ({"claims": (YES_A, replace(NO_B, pays_in=frozenset({FAILS, "snows"})))}, bets.UNKNOWN_STATE),
        ({"claims": (YES_A, NO_B, YES_A)}, bets.DUPLICATE_CLAIM),
        ({"claims": (YES_A, replace(NO_B, outcome="MAYBE"))}, bets.UNKNOWN_OUTCOME),
    ],
)
def test_a_wrong_bet_has_a_named_fault_and_nothing_to_buy(change, code):
    assert not GOOD.faults
    wrong = replace(GOOD, **change)
    assert [fault.code for fault in wrong.faults] == [code]
    assert (wrong.covers, wrong.directions) == ((), ())


def test_a_market_paired_with_itself_is_refused():
    assert {fault.code for fault in bets.pair("b", A, A).faults} == {bets.DUPLICATE_CLAIM}


STATES = ("s0", "s1", "s2", "s3")
claims = st.builds(
    Claim,
    st.sampled_from([POLYMARKET, KALSHI]),
    st.sampled_from(["m1", "m2", "m3"]),
    st.sampled_from([YES, NO]),
    st.frozensets(st.sampled_from(STATES), min_size=1),
)


@given(st.lists(claims, unique_by=lambda claim: (claim.market, claim.outcome), max_size=12), st.randoms())
def test_exactly_one_claim_of_every_cover_pays_in_every_state(found, shuffler):
    bet = Bet("b", "any", STATES, True, tuple(found))
    assert not bet.faults
    for cover in bet.covers:
        for state in STATES:
            assert sum(state in claim.pays_in for claim in cover) == 1
    assert len(set(bet.directions)) == len(bet.covers)
    shuffler.shuffle(found)
    again = Bet("b", "any", STATES, True, tuple(found))
    assert (again.covers, again.directions) == (bet.covers, bet.directions)
