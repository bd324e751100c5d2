"""Verdicts: what is refused, what a person should look at first, and in which order the rest comes."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import bets
from signals import decision
from signals.decision import ACTIONABLE, QUARANTINED, REFUSED, Hurdles, decide
from signals.detection import Rules, find
from signals.edge import waterfall
from tests.signals.values import NOW, SETTLES, A, B, book, listings, look, plain


def finding(yes="0.42", no="0.50", size=100, **changes):
    """YES on A and NO on B, without fees."""
    a = book(A, bids=[("0.01", size)], asks=[(yes, size)])
    b = book(B, bids=[(str(1 - D(no)), size)], asks=[("0.99", size)])
    (found,) = look(a, b, listings(plain(), plain())).findings
    return replace(found, **changes)


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_finding_above_every_hurdle_may_be_acted_on():
    assert decide(finding(), Hurdles(), NOW) == decision.Verdict(ACTIONABLE)


@pytest.mark.parametrize(
    ("hurdles", "late", "code"),
    [
        (Hurdles(min_profit_pct=D("0.09")), 0, "below_min_profit"),  # 8 / 92 is 8.7 %
        (Hurdles(min_net_profit=D("8.01")), 0, "below_min_net"),
        (Hurdles(), 1_901, "book_stale"),  # the books were 100 ms old when it was found
    ],
)
def test_below_a_hurdle_it_is_refused_by_name(hurdles, late, code):
    verdict = decide(finding(), hurdles, NOW + late)
    assert (verdict.state, codes(verdict)) == (REFUSED, [code])


def test_at_a_hurdle_it_passes():
    one = finding()
    hurdles = Hurdles(min_profit_pct=one.profit_pct, min_net_profit=D(8), suspicious_edge=D("0.08"))
    assert decide(one, hurdles, NOW + 1_900).state == ACTIONABLE


def test_every_reason_is_given():
    verdict = decide(finding(), Hurdles(min_profit_pct=D("0.5"), min_net_profit=D(9)), NOW + 5_000)
    assert codes(verdict) == ["book_stale", "below_min_profit", "below_min_net"]


def test_the_older_book_decides():
    one = finding()
    older = replace(one, legs=(one.legs[0], replace(one.legs[1], confirmed_ms=NOW - 2_001)))
    assert codes(decide(older, Hurdles(), NOW)) == ["book_stale"]


def test_what_should_have_paid_by_now_is_refused_even_if_it_was_found_before():
    one = finding(frees_at=SETTLES)
    settles_ms = NOW + 30 * 86_400_000
    fresh = replace(one, legs=tuple(replace(leg, confirmed_ms=settles_ms) for leg in one.legs))
    assert codes(decide(fresh, Hurdles(), settles_ms)) == ["already_settled"]
    assert decide(fresh, Hurdles(), settles_ms - 1).state == ACTIONABLE


def test_too_good_to_be_true_goes_to_a_person():
    verdict = decide(finding("0.30", "0.50"), Hurdles(), NOW)
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["suspicious_edge"])


def test_a_crossed_book_goes_to_a_person_unless_told_otherwise():
    view = book(B, bids=[("0.52", 10)], asks=[("0.48", 10)])
    (found,) = find(bets.yes_no("b", *B), {B: view}, listings(plain(), plain()), Rules(), NOW).findings
    assert codes(decide(found, Hurdles(), NOW)) == ["crossed_book"]
    assert decide(found, Hurdles(quarantine_crossed=False), NOW).state == ACTIONABLE


def test_a_refusal_outweighs_a_quarantine():
    verdict = decide(finding("0.30", "0.50"), Hurdles(min_net_profit=D(1000)), NOW)
    assert (verdict.state, codes(verdict)) == (REFUSED, ["below_min_net"])


ratios = st.integers(0, 300).map(lambda n: D(n) / 1000)
hurdles_of = st.builds(
    Hurdles, ratios, st.integers(0, 20).map(D), ratios, st.integers(0, 3_000), st.booleans(),
)  # fmt: skip


@given(hurdles_of, st.integers(5, 49), st.integers(5, 49), st.integers(0, 4_000))
def test_what_is_actionable_passed_every_hurdle(hurdles, yes, no, late):
    one = finding(str(D(yes) / 100), str(D(no) / 100))
    verdict = decide(one, hurdles, NOW + late)
    passes = (
        one.profit_pct >= hurdles.min_profit_pct
        and one.net_profit >= hurdles.min_net_profit
        and one.edge <= hurdles.suspicious_edge
        and 100 + late <= hurdles.max_book_age_ms
    )
    assert (verdict.state == ACTIONABLE) == passes
    assert bool(verdict.reasons) != passes


def test_confidence_falls_with_age_and_with_the_chance_that_nothing_pays():
    one = finding()
    assert decision.confidence(one, D(0), NOW, 2_000) == D("0.95")  # 100 ms of 2000
    assert decision.confidence(one, D("0.2"), NOW, 2_000) == D("0.76")
    assert decision.confidence(one, D(0), NOW + 5_000, 2_000) == 0
    assert decision.confidence(one, D(0), NOW, 0) == 0
    assert decision.confidence(one, D(2), NOW, 2_000) == 0
    assert decision.confidence(one, D(0), NOW - 900, 2_000) == 1  # a clock that runs ahead adds nothing


def test_the_expected_return_loses_the_outlay_with_chance_m0():
    one = finding()  # pays 100, costs 92
    assert decision.expected_return(one, D(0)) == one.profit_pct
    assert decision.expected_return(one, D("0.08")) == 0
    assert decision.expected_return(one, D(1)) == -1


def test_rank_is_by_expected_return_then_profit_then_name():
    safe, risky = finding(bet_id="safe"), finding("0.40", "0.50", bet_id="risky")
    assert decision.rank([safe, risky]) == [risky, safe]
    assert decision.rank([risky, safe], {"risky": D("0.05")}) == [safe, risky]
    bigger = replace(safe, bet_id="bigger", waterfall=waterfall(D(200), D(184), D(0), D(0)))
    twin = replace(safe, bet_id="a-twin")
    assert decision.rank([safe, twin, bigger]) == [bigger, twin, safe]


def test_the_specification_s_words_for_what_is_bought():
    here = finding()
    assert decision.recommended_action(here) == "BUY_A_SELL_B"
    a = book(A, bids=[("0.55", 50)], asks=[("0.57", 50)])
    b = book(B, bids=[("0.38", 50)], asks=[("0.40", 50)])
    (there,) = look(a, b).findings
    assert decision.recommended_action(there) == "BUY_B_SELL_A"
    view = book(B, bids=[("0.60", 10)], asks=[("0.50", 20)])
    (both,) = find(bets.yes_no("b", *B), {B: view}, listings(), Rules(), NOW).findings
    assert decision.recommended_action(both) == "BUY_BOTH"
