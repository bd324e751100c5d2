"""What may be acted on and why not, how far it can be relied on, and an order of findings that never wavers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import bets
from markets.books import NO, YES, Level
from markets.platforms.base import OrderCost
from signals import decision
from signals.decision import ACTIONABLE, QUARANTINED, REFUSED, Hurdles, Verdict
from signals.detection import Rules, find
from signals.edge import waterfall
from signals.findings import CROSSED, Finding, Leg
from tests.signals.values import NOW, SETTLES, A, B, book, listings, look

NOW_AT = datetime.fromtimestamp(NOW / 1000, UTC)
FREE = Hurdles(min_profit_pct=D(-10), suspicious_edge=D(10), max_book_age_ms=2_000)


def leg(market, outcome: str, price: D, age_ms: int = 0) -> Leg:
    cost = OrderCost(price * 100, D(0), price * 100)
    level = Level(price, D(100))
    return Leg(
        *market, outcome, "BUY", D(100), price, (level,), cost, price, D(100), NOW - age_ms, age_ms
    )  # fmt: skip


def finding(net="5", ages=(0, 0), bet_id="bet-1", direction="one", payoff=D(100), **more) -> Finding:
    """Pays `payoff`, leaves `net`."""
    values = {
        "bet_id": bet_id, "kind": bets.PAIR, "direction": direction,
        "legs": (leg(A, YES, D("0.40"), ages[0]), leg(B, NO, D("0.50"), ages[1])),
        "size": payoff, "waterfall": waterfall(payoff, payoff - D(net), D(0), D(0)),
        "days_to_cash": D(30), "annualised": None, "limited_by": "depth", "frees_now": False,
        "frees_at": SETTLES, "found_ms": NOW,
    }  # fmt: skip
    return Finding(**{**values, **more})


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


# The verdict.


def test_a_finding_that_passes_every_hurdle_is_actionable_without_reasons():
    assert decision.decide(finding(), Hurdles(), NOW) == Verdict(ACTIONABLE)


def test_a_finding_of_real_books_is_judged_by_its_own_numbers():
    a = book(A, bids=[("0.38", 50)], asks=[("0.45", 50)])
    b = book(B, bids=[("0.55", 50)], asks=[("0.57", 50)])
    (found,) = look(a, b).findings
    assert decision.decide(found, Hurdles(), NOW).state == ACTIONABLE
    exactly = Hurdles(
        min_profit_pct=found.profit_pct, min_net_profit=found.net_profit, suspicious_edge=found.edge
    )
    assert decision.decide(found, exactly, NOW).state == ACTIONABLE
    above = replace(exactly, min_profit_pct=found.profit_pct + D("1e-9"))
    assert codes(decision.decide(found, above, NOW)) == ["below_min_profit"]


@pytest.mark.parametrize(
    ("found", "hurdles", "state", "code"),
    [
        (finding(ages=(2_001, 0)), Hurdles(), REFUSED, "book_stale"),
        (finding(ages=(0, 2_001)), Hurdles(), REFUSED, "book_stale"),
        (finding(frees_at=NOW_AT), Hurdles(), REFUSED, "already_settled"),
        (finding(net="1.96"), Hurdles(), REFUSED, "below_min_profit"),  # 1.96 of 98.04: 1.9992 per cent
        (finding(), Hurdles(min_net_profit=D("5.01")), REFUSED, "below_min_net"),
        (finding(net="10.01"), Hurdles(), QUARANTINED, "suspicious_edge"),
        (finding(cautions=(CROSSED,)), Hurdles(), QUARANTINED, "crossed_book"),
    ],
)
def test_each_hurdle_has_its_own_code(found, hurdles, state, code):
    verdict = decision.decide(found, hurdles, NOW)
    assert (verdict.state, codes(verdict)) == (state, [code])
    assert verdict.reasons[0].sentence


@pytest.mark.parametrize(
    ("found", "hurdles"),
    [
        (finding(ages=(2_000, 2_000)), Hurdles()),
        (finding(frees_at=NOW_AT + timedelta(milliseconds=1)), Hurdles()),
        (finding(frees_at=NOW_AT - timedelta(days=1), frees_now=True), Hurdles()),  # merged: no settlement
        (finding(frees_at=None), Hurdles()),
        (finding(net="2", payoff=D(102)), Hurdles()),  # exactly 2 per cent of 100
        (finding(), Hurdles(min_net_profit=D(5))),
        (finding(net="10"), Hurdles()),  # an edge of exactly 0.10
        (finding(cautions=(CROSSED,)), Hurdles(quarantine_crossed=False)),
    ],
)
def test_at_the_hurdle_itself_a_finding_still_passes(found, hurdles):
    assert decision.decide(found, hurdles, NOW) == Verdict(ACTIONABLE)


def test_a_verdict_ages_with_the_clock_it_is_given():
    assert decision.decide(finding(), Hurdles(), NOW + 2_000).state == ACTIONABLE
    assert codes(decision.decide(finding(), Hurdles(), NOW + 2_001)) == ["book_stale"]


def test_every_refusal_that_applies_is_named():
    found = finding(net="0.50", ages=(3_000, 0), frees_at=NOW_AT)
    verdict = decision.decide(found, Hurdles(min_net_profit=D(1)), NOW)
    assert set(codes(verdict)) == {"book_stale", "already_settled", "below_min_profit", "below_min_net"}


def test_every_doubt_that_applies_is_named():
    verdict = decision.decide(finding(net="20", cautions=(CROSSED,)), Hurdles(), NOW)
    assert (verdict.state, codes(verdict)) == (QUARANTINED, ["suspicious_edge", "crossed_book"])


def test_a_refusal_outweighs_a_quarantine_and_is_all_that_is_said():
    found = finding(net="20", ages=(2_001, 0), cautions=(CROSSED,))
    verdict = decision.decide(found, Hurdles(), NOW)
    assert (verdict.state, codes(verdict)) == (REFUSED, ["book_stale"])


nets = st.integers(-3_000, 6_000).map(lambda n: D(n) / 100)
ages = st.integers(-500, 5_000)


@given(nets, st.tuples(ages, ages), st.integers(-3, 3), st.booleans(), nets)
@settings(deadline=None)
def test_the_verdict_is_what_the_hurdles_say_one_by_one(net, old, settles, crossed, min_net):
    frees_at = NOW_AT + timedelta(milliseconds=settles)
    found = finding(net=net, ages=old, frees_at=frees_at, cautions=(CROSSED,) if crossed else ())
    verdict = decision.decide(found, Hurdles(min_net_profit=min_net), NOW)
    refused = {
        "book_stale": max(old) > 2_000,
        "already_settled": settles <= 0,
        "below_min_profit": 100 * net < 2 * (100 - net),
        "below_min_net": net < min_net,
    }
    doubted = {"suspicious_edge": net > 10, "crossed_book": crossed}
    expected = {code for code, applies in refused.items() if applies}
    state = REFUSED if expected else QUARANTINED if any(doubted.values()) else ACTIONABLE
    if state == QUARANTINED:
        expected = {code for code, applies in doubted.items() if applies}
    assert (verdict.state, set(codes(verdict))) == (state, expected)


# Confidence.


@pytest.mark.parametrize(
    ("old", "m0", "expected"),
    [
        ((0, 0), "0", "1"),
        ((500, 0), "0", "0.75"),
        ((500, 1_000), "0", "0.5"),  # the older book counts
        ((1_000, 1_000), "0.1", "0.45"),
        ((2_000, 0), "0", "0"),
        ((0, 0), "1", "0"),
    ],
)
def test_confidence_by_hand(old, m0, expected):
    assert decision.confidence(finding(ages=old), D(m0), NOW, 2_000) == D(expected)


chances = st.integers(-200, 1_200).map(lambda n: D(n) / 1_000)  # beyond 0 and 1 too: an input may be wrong


@given(st.tuples(ages, ages), chances, st.integers(-10, 5_000))
def test_confidence_stays_between_0_and_1(old, m0, most):
    assert 0 <= decision.confidence(finding(ages=old), m0, NOW, most) <= 1


@given(st.tuples(ages, ages), chances, st.integers(1, 5_000), st.integers(0, 3_000), chances)
def test_confidence_never_rises_with_age_or_with_the_chance_of_failing(old, m0, most, later, other):
    found = finding(ages=old)
    now = decision.confidence(found, m0, NOW, most)
    assert decision.confidence(found, m0, NOW + later, most) <= now
    low, high = sorted((m0, other))
    assert decision.confidence(found, high, NOW, most) <= decision.confidence(found, low, NOW, most)


@given(st.integers(0, 1_998), st.integers(0, 998), st.data())
def test_confidence_falls_strictly_while_there_is_any(age, thousandths, data):
    m0 = D(thousandths) / 1_000
    found, now = finding(ages=(age, 0)), decision.confidence(finding(ages=(age, 0)), m0, NOW, 2_000)
    later = data.draw(st.integers(1, 1_999 - age))
    assert decision.confidence(found, m0, NOW + later, 2_000) < now
    riskier = D(data.draw(st.integers(thousandths + 1, 1_000))) / 1_000
    assert decision.confidence(found, riskier, NOW, 2_000) < now


# Rank.


def test_the_expected_return_pays_nothing_with_the_chance_given():
    found = finding(net="20")  # 80 out, 100 back
    assert decision.expected_return(found, D(0)) == D("0.25") == found.profit_pct
    assert decision.expected_return(found, D("0.2")) == 0
    assert decision.expected_return(found, D(1)) == -1


def test_the_better_expected_return_comes_first_and_a_risk_can_turn_the_order():
    small, large = finding(net="4", bet_id="small"), finding(net="8", bet_id="large")
    assert decision.rank([small, large]) == [large, small]
    assert decision.rank([large, small], {"large": D("0.05")}) == [small, large]


def test_ties_go_to_the_larger_profit_then_to_the_bet_then_to_the_direction():
    big = finding(net="10", payoff=D(200), bet_id="z")
    ties = [
        finding(bet_id="a", direction="one"),
        finding(bet_id="a", direction="two"),
        finding(bet_id="b", direction="one"),
    ]
    assert big.profit_pct == ties[0].profit_pct
    assert decision.rank([*reversed(ties), big]) == [big, *ties]


keys = st.tuples(st.sampled_from("abcd"), st.sampled_from(["one", "two"]))


@given(
    st.dictionaries(
        keys, st.tuples(st.sampled_from(["2", "5", "10"]), st.sampled_from([D(100), D(200)])), max_size=8
    ),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([D(0), D("0.01"), D("0.5")])),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_the_rank_is_the_same_however_the_findings_come(made, m0, shuffler):
    found = [
        finding(net=net, payoff=payoff, bet_id=bet_id, direction=direction)
        for (bet_id, direction), (net, payoff) in made.items()
    ]
    ranked = decision.rank(found, m0)
    shuffled = list(found)
    shuffler.shuffle(shuffled)
    assert decision.rank(shuffled, m0) == ranked == decision.rank(ranked, m0)
    assert {(one.bet_id, one.direction) for one in ranked} == set(made) and len(ranked) == len(made)
    returns = [decision.expected_return(one, m0.get(one.bet_id, D(0))) for one in ranked]
    assert returns == sorted(returns, reverse=True)


# The recommended action.


@pytest.mark.parametrize(
    ("a", "b", "inverted", "expected"),
    [
        (("0.38", "0.45"), ("0.55", "0.57"), False, "BUY_A_SELL_B"),
        (("0.55", "0.57"), ("0.38", "0.45"), False, "BUY_B_SELL_A"),
        (("0.30", "0.40"), ("0.30", "0.45"), True, "BUY_A_SELL_B"),
        (("0.60", "0.70"), ("0.55", "0.70"), True, "BUY_B_SELL_A"),
    ],
)
def test_the_action_is_named_by_what_is_bought_on_the_first_market(a, b, inverted, expected):
    views = [book(market, [(bid, 50)], [(ask, 50)]) for market, (bid, ask) in ((A, a), (B, b))]
    (found,) = look(*views, bet=bets.pair("bet-1", A, B, inverted)).findings
    assert decision.recommended_action(found) == expected


def test_both_outcomes_of_one_market_are_bought_and_quarantined():
    view = book(B, bids=[("0.56", 10)], asks=[("0.50", 20)])
    (found,) = find(bets.yes_no("bet-2", *B), {B: view}, listings(), Rules(), NOW).findings
    assert decision.recommended_action(found) == "BUY_BOTH"
    assert codes(decision.decide(found, FREE, NOW)) == ["crossed_book"]
