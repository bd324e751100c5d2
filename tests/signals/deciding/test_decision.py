"""Verdicts: what is refused, what a person should look at first, and in which order the rest comes."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import bets
from signals.deciding import decision
from signals.deciding.decision import (
    ACTIONABLE,
    QUARANTINED,
    REFUSED,
    Context,
    Hurdles,
    Reason,
    Verdict,
    decide,
)
from signals.deciding.doubts import Evidence, Point
from signals.detection.detector import Rules, find
from signals.edge import Charges
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
    assert codes(decide(older, Hurdles(), NOW)) == ["book_stale", "books_apart"]
    assert codes(decide(older, Hurdles(max_skew_ms=1_901), NOW)) == ["book_stale"]


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


# --- the hurdle


HONEST = Charges(fill_bands=((D(0), D("0.8")), (D("0.06"), D("0.5"))), cash_rate=D("0.05"))


def test_an_edge_below_its_hurdle_is_refused_and_says_what_the_hurdle_is():
    one = finding(
        "0.47", "0.50"
    )  # edge 3 c, unwinding YES at its bid of 1 c loses 46 c, NO at its of 1 c 49 c
    verdict = decide(one, Hurdles(charges=HONEST), NOW)
    assert (verdict.state, codes(verdict)) == (REFUSED, ["below_hurdle"])
    assert "leg risk" in verdict.reasons[0].sentence and "capital" in verdict.reasons[0].sentence
    assert decide(one, Hurdles(), NOW).state == ACTIONABLE


def test_the_chance_that_nothing_pays_is_part_of_the_hurdle():
    one = finding()  # edge 8 c
    assert codes(decide(one, Hurdles(), NOW, Context(m0=D("0.08")))) == ["below_hurdle"]
    assert decide(one, Hurdles(), NOW, Context(m0=D("0.0799"))).state == ACTIONABLE


@pytest.mark.parametrize("settlement", ["correlated", "timing", "unknown"])
def test_what_does_not_settle_cleanly_is_never_acted_on_and_never_called_an_arbitrage(settlement):
    context = Context(settlement=settlement)
    assert codes(decide(finding(), Hurdles(), NOW, context)) == ["not_clean"]
    assert (context.label, Context().label) == ("spread", "arbitrage")


def test_a_leg_without_contracts_is_below_every_minimum():
    one = finding()
    broken = replace(one, legs=(replace(one.legs[0], size=D(0)), one.legs[1]))
    assert codes(decide(broken, Hurdles(), NOW)) == ["below_minimum"]


# --- doubts about the match


UNREAD = Context(read_by_person=False)


def test_a_wide_gap_on_a_pair_that_nobody_read_speaks_against_the_pair():
    one = with_bids(finding("0.30", "0.55"), "0.28", "0.53")  # mids .29 and .54: 17 c apart
    verdict = decide(one, Hurdles(suspicious_edge=D("0.5")), NOW, UNREAD)
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["gap_unread"])
    assert not decision.clearable(verdict, one, UNREAD)
    assert decide(one, Hurdles(suspicious_edge=D("0.5")), NOW).state == ACTIONABLE, "a person has read it"
    sandbox = Context(read_by_person=False, origin="sandbox")
    assert decide(one, Hurdles(suspicious_edge=D("0.5")), NOW, sandbox).state == ACTIONABLE
    narrow = with_bids(finding("0.42", "0.52"), "0.41", "0.51")
    assert decide(narrow, Hurdles(), NOW, UNREAD).state == ACTIONABLE


def with_bids(one, a, b):
    legs = (replace(one.legs[0], best_bid=D(a)), replace(one.legs[1], best_bid=D(b)))
    return replace(one, legs=legs)


def track(*mids, step_ms=1_000, until=NOW):
    return [Point(until - (len(mids) - 1 - at) * step_ms, D(mid)) for at, mid in enumerate(mids)]


def seen(a, b):
    return Context(evidence=Evidence({A: a, B: b}))


def test_a_price_that_only_one_platform_has_moved_to_is_looked_at_again():
    moved = track("0.60", "0.60", "0.48", "0.41")
    still = track("0.50", "0.50", "0.50", "0.51")
    verdict = decide(finding(), Hurdles(), NOW, seen(moved, still))
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["one_sided_move"])
    assert "polymarket" in verdict.reasons[0].sentence
    assert decision.clearable(verdict, finding(), Context())
    follows = track("0.70", "0.70", "0.60", "0.51")
    assert decide(finding(), Hurdles(), NOW, seen(moved, follows)).state == ACTIONABLE
    assert decide(finding(), Hurdles(), NOW, seen(moved, track("0.5"))).state == ACTIONABLE, (
        "no past, no verdict"
    )


def test_mids_whose_gap_leaves_its_old_level_for_good_are_held_for_a_person():
    old, new = ["0.50"] * 60, ["0.36"] * 60
    a, b = track(*old, *new), track(*["0.50"] * 120)
    verdict = decide(finding(), Hurdles(one_sided_move=D(1)), NOW, seen(a, b))
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["mids_apart"])
    assert not decision.clearable(verdict, finding(), Context())
    spike = track(*old, *["0.50"] * 55, *["0.36"] * 5)
    assert decide(finding(), Hurdles(one_sided_move=D(1)), NOW, seen(spike, b)).state == ACTIONABLE


def test_mids_that_move_against_each_other_are_held_for_a_person():
    up = [f"0.{40 + at}" for at in range(20)]
    assert codes(decide(finding(), Hurdles(), NOW, seen(track(*up), track(*reversed(up))))) == ["mids_apart"]
    assert decide(finding(), Hurdles(), NOW, seen(track(*up), track(*up))).state == ACTIONABLE


# --- second looks


def test_what_a_second_look_has_answered_is_not_doubted_again():
    one = finding("0.30", "0.50")
    assert decide(one, Hurdles(), NOW, Context(cleared=frozenset({"suspicious_edge"}))).state == ACTIONABLE


def test_a_doubt_that_went_away_by_itself_still_wants_its_second_look():
    held = Context(doubted=frozenset({"suspicious_edge"}))
    verdict = decide(finding(), Hurdles(), NOW, held)
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["was_doubted"])
    assert decision.clearable(verdict, finding(), held)
    assert (
        decide(finding(), Hurdles(), NOW, replace(held, cleared=frozenset({"was_doubted"}))).state
        == ACTIONABLE
    )


def test_fresh_books_cannot_vouch_for_a_match_that_nobody_read():
    held = Verdict(QUARANTINED, (Reason("suspicious_edge", ""),))
    assert decision.clearable(held, finding(), Context())
    assert not decision.clearable(held, finding(), UNREAD)
    view = book(B, bids=[("0.70", 10)], asks=[("0.48", 10)])
    (own,) = find(bets.yes_no("b", *B), {B: view}, listings(plain(), plain()), Rules(), NOW).findings
    assert decision.clearable(held, own, UNREAD), "one market cannot be two bets"


def test_a_book_that_stays_crossed_is_an_error():
    view = book(B, bids=[("0.52", 10)], asks=[("0.48", 10)])
    (found,) = find(bets.yes_no("b", *B), {B: view}, listings(plain(), plain()), Rules(), NOW).findings
    brief = decide(found, Hurdles(), NOW, Context(alive_ms=5_000))
    long = decide(found, Hurdles(), NOW, Context(alive_ms=5_001))
    assert (codes(brief), codes(long)) == (["crossed_book"], ["crossed_for_long"])
    assert decision.clearable(brief, found, Context()) and not decision.clearable(long, found, Context())


@given(st.integers(0, 100), st.integers(0, 100), st.integers(5, 49), st.integers(5, 49))
def test_more_risk_or_dearer_cash_never_makes_a_finding_actionable(risk, rate, yes, no):
    one = finding(str(D(yes) / 100), str(D(no) / 100))
    free = decide(one, Hurdles(suspicious_edge=D(1)), NOW)
    charged = decide(
        one,
        Hurdles(suspicious_edge=D(1), charges=Charges(cash_rate=D(rate) / 100)),
        NOW,
        Context(m0=D(risk) / 1_000),
    )
    if free.state != ACTIONABLE:
        assert charged.state != ACTIONABLE
