"""The lower half of the waterfall: broken legs, rules that part, locked cash; each once, none hidden."""

from dataclasses import replace
from decimal import Decimal as D
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals import edge, expected
from signals.edge import Charges
from signals.records import storing
from tests.signals.values import A, B, book, listings, look, plain

cents = st.integers(0, 100).map(lambda n: D(n) / 100)
chances = st.integers(1, 100).map(lambda n: D(n) / 100)
amounts = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-4))


def test_two_legs_cost_what_the_formula_says():
    """u (1 - f) / f: at the measured 0.633 that is 0.58 u."""
    assert edge.leg_cost([D("0.03"), D("0.05")], D("0.8")) == D("0.05") * D("0.2") / D("0.8")
    assert round(edge.leg_cost([D(1), D(0)], D("0.633")), 2) == D("0.58")


def test_what_the_hurdle_reckons_with_is_the_dearest_leg_sold_back():
    found = look(
        book(A, bids=[("0.38", 50)], asks=[("0.40", 50)]), book(B, bids=[("0.55", 50)], asks=[("0.62", 50)]),
        listings(plain(), plain()),
    ).findings[0]  # fmt: skip
    assert found.size == 50
    # NO of B costs 0.45 and sells at 0.38, YES of A costs 0.40 and sells at 0.38
    assert expected.reckoned_loss(found) == D("3.5")
    assert expected.reckoned_loss(found, D("0.10")) == D("5")
    one, two = found.legs
    unwanted = replace(found, legs=(one, replace(two, best_bid=None)))
    assert expected.reckoned_loss(unwanted) == D("1")  # without a bid there is no price to reckon with


def simulated(losses: list[D], rate: D) -> D:
    """Every outcome of the legs after the first, one by one: what broken attempts lose for each complete one."""
    order = sorted(losses, reverse=True)
    lost = complete = D(0)
    for fills in product((True, False), repeat=len(order) - 1):
        got = 1
        for filled in fills:
            if not filled:
                break
            got += 1
        chance = D(1)
        for filled in fills:
            chance *= rate if filled else 1 - rate
        if got == len(order):
            complete += chance
        else:
            lost += chance * sum(order[:got])
    return lost / complete


@given(st.lists(cents, min_size=2, max_size=6), chances)
def test_many_legs_cost_what_enumerating_their_outcomes_gives(losses, rate):
    assert abs(edge.leg_cost(losses, rate) - simulated(losses, rate)) <= D("1e-15") * (
        1 + simulated(losses, rate)
    )


@given(st.lists(cents, min_size=2, max_size=5), chances, chances)
def test_surer_legs_never_cost_more(losses, one, two):
    low, high = sorted((one, two))
    assert edge.leg_cost(losses, high) <= edge.leg_cost(losses, low)
    assert edge.leg_cost(losses, D(1)) == 0


@pytest.mark.parametrize(
    ("paid", "bid", "fee", "loss"),
    [("0.41", "0.38", "0.01", "0.04"), ("0.41", None, "0", "0.41"), ("0.41", "0.60", "0.01", "0")],
)
def test_what_unwinding_a_contract_loses(paid, bid, fee, loss):
    assert edge.unwind_loss(D(paid), None if bid is None else D(bid), D(fee)) == D(loss)


def test_the_chance_falls_with_the_edge_band_by_band():
    bands = ((D(0), D("0.9")), (D("0.06"), D("0.8")))
    assert [edge.fill_rate(bands, D(at)) for at in ("-1", "0", "0.0599", "0.06", "1")] == [
        D("0.9"), D("0.9"), D("0.9"), D("0.8"), D("0.8"),
    ]  # fmt: skip
    assert edge.fill_rate((), D("0.5")) == 1


CHARGES = Charges(fill_bands=((D(0), D("0.8")),), cash_rate=D("0.05"))


@given(
    amounts, cents, cents, st.lists(cents, min_size=2, max_size=4), st.one_of(st.none(), st.integers(-5, 4_000).map(D)),
    st.integers(0, 1_000).map(lambda n: D(n) / 10_000),
)  # fmt: skip
def test_every_step_is_subtracted_once(payoff, cost, fee, losses, days, m0):
    falls = edge.waterfall(payoff, payoff * cost + 1, payoff * fee, payoff * fee)
    found = edge.expected(falls, losses, days, m0, CHARGES)
    assert found.expected == falls.payoff - falls.outlay - found.leg_risk - found.rule_risk - found.capital
    assert found.hurdle == found.net - found.expected
    assert all(part >= 0 for part in (found.leg_risk, found.rule_risk, found.capital))
    assert found.rule_risk - payoff * m0 < D("0.000001"), "rounded against us, by less than a millionth"


def finding(**changes):
    a = book(A, bids=[("0.40", 100)], asks=[("0.42", 100)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.51", 100)])
    (found,) = look(a, b, listings(plain(), plain())).findings
    return replace(found, **changes)


def test_a_pair_s_waterfall_by_hand():
    """YES at 0.42 (bid 0.40), NO at 0.50 (bid 0.49), 100 of each, 30 days, no fees."""
    found = expected.of(finding(), D("0.001"), CHARGES)
    assert found.net == 8
    assert found.unwind_loss == D("0.02")  # the worse of 2 c and 1 c
    assert found.leg_risk == 100 * D("0.02") * D("0.2") / D("0.8")
    assert found.rule_risk == D("0.1")
    assert found.capital == (92 * D("0.05") * 30 / 365).quantize(D("0.000001"), "ROUND_CEILING")
    assert found.expected_edge == (8 - found.hurdle) / 100


def test_money_that_returns_at_once_costs_no_interest_and_an_unknown_day_is_a_year():
    assert expected.of(finding(frees_now=True), D(0), CHARGES).capital == 0
    unknown = expected.of(finding(days_to_cash=None), D(0), CHARGES)
    assert unknown.capital == 92 * D("0.05") and unknown.days == 365


def test_the_steps_lead_from_gross_to_expected():
    one = finding()
    found = expected.of(one, D("0.001"), CHARGES)
    steps = {step.name: step for step in expected.steps(one, found)}
    assert tuple(steps) == storing.STEPS
    assert steps["gross"].dollars + steps["fees"].dollars + steps["rounding"].dollars == steps["edge"].dollars
    hurdle = sum(steps[name].dollars for name in ("leg_risk", "rule_risk", "capital"))
    assert steps["edge"].dollars + hurdle == steps["expected"].dollars
    assert steps["edge"].per_dollar == D("0.08")


def test_what_is_stored_reads_back_as_the_same_waterfall():
    one = finding(half_profit=D("4.1"))
    found = expected.of(one, D("0.001"), CHARGES)
    document = {**storing.as_json(one), "expected": storing.expected_json(found)}
    assert storing.steps_of(document) == expected.steps(one, found)
    assert storing.finding_of(one.bet_id, one.direction, one.size, one.annualised, document) == one
    assert storing.capital_of(document) == {"polymarket": D(42), "kalshi": D(50)}


def test_a_signal_of_an_older_release_still_shows_what_it_has():
    document = storing.as_json(finding())
    for leg in document["legs"]:
        del leg["best_bid"], leg["exit_fee"]
    del document["half_profit"]
    assert [step.name for step in storing.steps_of(document)] == ["gross", "fees", "rounding", "edge"]
    assert storing.finding_of("b", "d", D(1), None, document).legs[0].best_bid is None
    assert storing.steps_of({}) == []


def test_a_plan_takes_as_long_as_its_legs_one_after_the_other():
    assert [expected.time_to_fill(legs, 576, 243) for legs in (1, 2, 4)] == [576, 819, 1_305]
