"""Bets: what covers every state, what is refused, and names that never collide."""

from dataclasses import replace
from decimal import Decimal
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


def claims_in(states):
    claim = st.builds(
        Claim,
        st.sampled_from([POLYMARKET, KALSHI]),
        st.sampled_from(["m1", "m2", "m3"]),
        st.sampled_from([YES, NO]),
        st.frozensets(st.sampled_from(states), min_size=1),
    )
    return st.lists(claim, unique_by=lambda claim: (claim.market, claim.outcome), max_size=12)


@given(claims_in((HAPPENS, FAILS)), st.randoms())
def test_a_claim_of_every_cover_pays_in_every_state(found, shuffler):
    bet = Bet("b", "any", (HAPPENS, FAILS), True, tuple(found))
    assert not bet.faults
    for cover in bet.covers:
        for state in bet.states:
            assert any(state in claim.pays_in for claim in cover)
    assert len(set(bet.directions)) == len(bet.covers)
    shuffler.shuffle(found)
    again = Bet("b", "any", (HAPPENS, FAILS), True, tuple(found))
    assert (again.covers, again.directions) == (bet.covers, bet.directions)


@given(claims_in(STATES), st.randoms())
def test_a_wide_bet_has_one_cover_of_all_its_claims_or_says_what_it_cannot_cover(found, shuffler):
    bet = Bet("b", "any", STATES, True, tuple(found))
    assert bet.wide
    if all(any(state in claim.pays_in for claim in found) for state in STATES):
        assert (bet.directions, [set(cover) for cover in bet.covers]) == (("cover",), [set(found)])
    else:
        assert ([fault.code for fault in bet.faults], bet.covers) == ([bets.UNCOVERED], ())
    shuffler.shuffle(found)
    assert Bet("b", "any", STATES, True, tuple(found)).covers == bet.covers


def pays(bet: Bet, market, outcome=YES) -> frozenset[str]:
    (claim,) = [claim for claim in bet.claims if (claim.market, claim.outcome) == (market, outcome)]
    return claim.pays_in


@pytest.mark.parametrize(("exhaustive", "states"), [(True, 3), (False, 4)])
def test_of_an_event_one_market_pays_yes_and_perhaps_none(exhaustive, states):
    bet = bets.one_of("b", bets.NEG_RISK, [A, B, C], exhaustive=exhaustive)
    assert (len(bet.states), bet.faults) == (states, ())
    assert (bets.NONE in bet.states) is not exhaustive
    for state in bet.states:
        paid = [market for market in (A, B, C) if state in pays(bet, market)]
        assert paid == [market for market in (A, B, C) if state == f"{market[0]}:{market[1]}"]
    assert all(pays(bet, m, NO) == set(bet.states) - pays(bet, m) for m in (A, B, C))


def test_two_markets_of_which_exactly_one_pays_are_bought_as_two_legs():
    bet = bets.one_of("b", bets.NEG_RISK, [A, B], exhaustive=True)
    assert bet.directions == ("polymarket:YES+kalshi:YES", "polymarket:NO+kalshi:NO")


def test_an_event_that_lists_a_market_twice_is_refused():
    codes = {fault.code for fault in bets.one_of("b", bets.EXCLUSIVE, [A, A], exhaustive=False).faults}
    assert codes == {bets.DUPLICATE_STATE, bets.DUPLICATE_CLAIM}


def step(market, low=None, high=None, *, closed=(True, False)) -> bets.Step:
    bounds = [None if bound is None else Decimal(bound) for bound in (low, high)]
    return bets.Step(market, bounds[0], closed[0], bounds[1], closed[1])


def test_a_ladder_of_thresholds_has_a_state_between_each_two():
    bet = bets.ladder(
        "b", bets.LADDER, [step(A, "90"), step(B, "100.00", closed=(False, False)), step(C, None, "90.0")]
    )
    assert bet.states == ("(-inf, 90)", "[90, 100]", "(100, inf)", "none")
    assert pays(bet, A) == {"[90, 100]", "(100, inf)"}
    assert pays(bet, B) == {"(100, inf)"}
    assert pays(bet, C) == {"(-inf, 90)"}
    assert pays(bet, A, NO) == {"(-inf, 90)", "none"}


def test_a_point_that_only_one_of_two_markets_counts_is_a_state():
    bet = bets.ladder("b", bets.LADDER, [step(A, "100"), step(B, "100", closed=(False, False))])
    assert bet.states == ("(-inf, 100)", "100", "(100, inf)", "none")


@given(st.permutations([step(A, "90"), step(B, "90.0", "110"), step(C, None, "1e2", closed=(True, True))]))
def test_the_order_of_its_steps_changes_no_ladder(steps):
    bet = bets.ladder("b", bets.LADDER, steps)
    assert bet.states == ("(-inf, 90)", "[90, 100]", "(100, 110)", "[110, inf)", "none")
    assert bet.covers == bets.ladder("b", bets.LADDER, sorted(steps, key=lambda s: s.market)).covers


bounds = st.none() | st.integers(0, 6).map(Decimal)


@given(st.lists(st.tuples(bounds, st.booleans(), bounds, st.booleans()), min_size=1, max_size=4))
def test_every_value_lies_in_exactly_one_state_and_pays_what_its_markets_say(intervals):
    steps = [bets.Step((KALSHI, f"m{i}"), *interval) for i, interval in enumerate(intervals)]
    bet = bets.ladder("b", bets.LADDER, steps)
    signatures = {frozenset(s.market for s in steps if state in pays(bet, s.market)) for state in bet.states}
    seen = {frozenset[tuple[str, str]]()}  # the value is never published
    for half in range(-1, 14):
        value = Decimal(half) / 2
        seen.add(frozenset(s.market for s in steps if within(value, s)))
    assert signatures == seen


def within(value: Decimal, s: bets.Step) -> bool:
    above = s.low is None or value > s.low or (value == s.low and s.low_inclusive)
    return above and (s.high is None or value < s.high or (value == s.high and s.high_inclusive))


@pytest.mark.parametrize("wrong", [step(A, "9", "8"), step(A, "NaN"), step(A, "Infinity")])
def test_a_step_that_holds_nothing_is_refused(wrong):
    assert bets.PAYS_NEVER in {
        fault.code for fault in bets.ladder("b", bets.LADDER, [wrong, step(B, "5")]).faults
    }


P, Q, R = [(POLYMARKET, name) for name in "pqr"]
X, Y, Z = [(KALSHI, name) for name in "XYZ"]
ONE = bets.one_of("one", bets.NEG_RISK, [P, Q, R], exhaustive=True)
TWO = bets.one_of("two", bets.EXCLUSIVE, [X, Y, Z], exhaustive=False)


def test_a_mixture_keeps_the_pairs_of_states_that_its_ties_allow():
    bet = bets.join("b", bets.MIXTURE, ONE, TWO, [(P, X, False), (Y, Q, False)])
    assert bet.states == (
        "polymarket:p & kalshi:X", "polymarket:q & kalshi:Y", "polymarket:r & kalshi:Z", "polymarket:r & none",
    )  # fmt: skip
    assert (len(bet.claims), bet.faults, bet.directions) == (12, (), ("cover",))
    assert pays(bet, P) == pays(bet, X) == {"polymarket:p & kalshi:X"}
    assert pays(bet, R) == {"polymarket:r & kalshi:Z", "polymarket:r & none"}


def test_an_inverted_tie_pays_the_opposite():
    bet = bets.join("b", bets.MIXTURE, bets.yes_no("a", *P), bets.yes_no("b", *X), [(P, X, True)])
    assert pays(bet, P) == pays(bet, X, NO)
    assert len(bet.states) == 2


def test_a_market_of_both_bets_ties_them_and_is_bought_once():
    bet = bets.join("b", bets.MIXTURE, TWO, bets.yes_no("b", *X), [])
    assert (len(bet.states), len(bet.claims), bet.faults) == (4, 6, ())


def test_mixtures_that_make_no_sense_are_refused_by_name():
    unknown = bets.join("b", bets.MIXTURE, ONE, TWO, [(P, ("kalshi", "W"), False)])
    assert bets.UNKNOWN_MARKET in {fault.code for fault in unknown.faults}
    contradictory = bets.join("b", bets.MIXTURE, ONE, TWO, [(P, X, False), (P, X, True)])
    assert bets.NO_STATES in {fault.code for fault in contradictory.faults}
    many = [
        bets.one_of(p, bets.NEG_RISK, [(p, str(i)) for i in range(30)], exhaustive=True) for p in ("a", "b")
    ]
    assert bets.TOO_MANY_STATES in {fault.code for fault in bets.join("b", bets.MIXTURE, *many, []).faults}
    open_ended = replace(ONE, exhaustive=False)
    assert bets.NOT_EXHAUSTIVE in {
        fault.code for fault in bets.join("b", bets.MIXTURE, open_ended, TWO, []).faults
    }
