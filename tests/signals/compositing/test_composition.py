"""The four parts of the compositor: what falls together, who has a say, what it is worth, what may be proposed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.kalshi.fees import BROKER_GRID, KalshiFees
from signals import kelly
from signals.compositing import confidence, opportunities, weights, windows
from signals.compositing.opportunities import Moves, Stake
from signals.correlating.standing import Standing
from tests.signals.values import NOW, A, B, D, book, kalshi, listing, plain

MINUTE = 60_000
STAKE = Stake(D(200), D("0.25"))
MOVES = Moves(hit=D("0.10"), miss=D("0.02"), samples=500)


def said(**changes) -> Standing:
    values = {
        "source": "news:fed", "kind": "headline", "item": "news:1", "direction": 1, "strength": 0.9, "probability": 0.85,
        "base_rate": 0.3, "weight": 1.0, "lower": 0.75, "happened_ms": NOW - MINUTE, "seen_ms": NOW,
        "due_ms": NOW + 30 * MINUTE, "half_life_ms": 15 * MINUTE, "note": "",
    }  # fmt: skip
    return Standing(**{**values, **changes})


def scored(*rows, now=NOW, direction=1):
    found = {window.direction: window for window in windows.together({A: rows}, now)}
    return confidence.score(found[direction], now)


def proposal(*rows, moves=MOVES, view=None, fees=None, stake=STAKE, direction=1, **changes):
    (window,) = (
        one
        for one in windows.together({A: rows or (said(direction=direction),)}, NOW)
        if one.direction == direction
    )
    market = listing(A, fees or plain(), **changes)
    found = opportunities.quote(
        market, view or book(A, bids=[("0.41", 1_000)], asks=[("0.42", 1_000)]), direction
    )
    return opportunities.propose(window, confidence.score(window, NOW), moves, market, found, stake)


# --- windows


def test_each_direction_has_its_window_and_a_claim_of_mere_movement_none():
    up, down, moves = said(), said(direction=-1, item="news:2"), said(direction=0, item="news:3")
    one, two = windows.together({A: (up, down, moves)}, NOW)
    assert (one.direction, one.supports, one.against) == (-1, (down,), (up,))
    assert (two.direction, two.supports, two.against) == (1, (up,), (down,))


def test_what_is_due_or_three_half_lives_old_falls_together_with_nothing():
    assert windows.together({A: (said(),)}, NOW + 30 * MINUTE) == []
    old = said(due_ms=NOW + 120 * MINUTE)
    assert windows.together({A: (old,)}, NOW + 45 * MINUTE) != []
    assert windows.together({A: (old,)}, NOW + 46 * MINUTE) == []


def test_a_window_ends_with_the_first_of_its_claims():
    (one,) = windows.together({B: (said(), said(item="w:1", due_ms=NOW + MINUTE, happened_ms=NOW - 9))}, NOW)
    assert (one.market, one.expires_ms, one.opened_ms) == (B, NOW + MINUTE, NOW - MINUTE)


# --- weights


def test_a_source_has_one_say_and_only_a_scored_one_has_any():
    rows = [
        said(),
        said(item="news:2", weight=0.5),
        said(source="news:new", lower=None),
        said(source="x", weight=0),
    ]
    (only,) = weights.weigh(rows, NOW)
    assert (only.said.item, only.weight) == ("news:1", 1.0)


def test_age_halves_the_say():
    (now,), (later,) = weights.weigh([said()], NOW), weights.weigh([said()], NOW + 15 * MINUTE)
    assert later.weight == pytest.approx(now.weight / 2)


# --- confidence


def test_one_source_is_worth_what_it_is_calibrated_to():
    found = scored(said())
    assert (found.probability, found.lower, found.base_rate) == pytest.approx((0.85, 0.75, 0.3))
    later = scored(said(), now=NOW + 15 * MINUTE)
    assert (later.probability, later.lower) == pytest.approx((0.575, 0.525))  # half way back to chance


def test_two_sources_are_pooled_by_their_say():
    found = scored(
        said(), said(source="whale:chain", item="whale:1", probability=0.55, lower=0.5, weight=0.5)
    )
    assert found.probability == pytest.approx((0.85 + 0.5 * 0.55) / 1.5)
    assert found.sources == ("whale", "news")


def test_without_a_score_there_is_nothing_to_be_confident_in():
    assert scored(said(lower=None)) is None and scored(said(weight=0.0)) is None


ROWS = st.builds(
    said, source=st.sampled_from(["news:a", "news:b", "whale:c"]), item=st.integers(0, 99).map(str),
    probability=st.floats(0, 1), base_rate=st.floats(0, 0.99), weight=st.floats(0.01, 2), lower=st.floats(0, 1),
    seen_ms=st.integers(NOW - 40 * MINUTE, NOW), strength=st.floats(0, 1),
)  # fmt: skip


@given(st.lists(ROWS, min_size=1, max_size=6), ROWS)
def test_a_pool_never_says_more_than_its_surest_source_and_contradiction_only_takes_away(rows, more):
    window = windows.Window(A, 1, tuple(rows), (), NOW, NOW)
    found = confidence.score(window, NOW)
    surest = max(max(row.probability, row.base_rate) for row in rows)
    assert 0 <= found.lower <= found.probability + 1e-9 and found.probability <= surest + 1e-9
    against = windows.Window(A, 1, tuple(rows), (more,), NOW, NOW)
    less = confidence.score(against, NOW)
    assert less.probability <= found.probability + 1e-9 and less.lower <= found.lower + 1e-9


def test_a_contradiction_without_a_score_counts_too():
    alone, doubted = (
        scored(said()),
        scored(said(), said(direction=-1, item="n:2", source="news:new", lower=None)),
    )
    assert doubted.probability < 0.2 < alone.probability


# --- opportunities


def test_a_proposal_by_hand():
    """YES at 0.42, bid 0.41, no fees: 0.85 · 10 c - 0.15 · 2 c - 1 c = 7.2 c a contract."""
    found = proposal()
    per_contract = {step.name: step.per_dollar for step in found.steps}
    assert per_contract == {"move": D("0.082"), "spread": D("-0.01"), "fees": 0, "expected": D("0.072")}
    assert found.expected == found.size * D("0.072") and found.profit_pct == D("0.072") / D("0.42")
    # Kelly at the lower bound: 0.75 / 0.03 - 0.25 / 0.09 = 22.2 contracts a dollar, above all of it at 0.42
    assert found.size == D("119.04") and found.cost.cash <= 50  # a quarter of $200


def test_the_other_direction_buys_no():
    found = proposal(direction=-1)
    assert (found.quote.outcome, found.quote.ask, found.quote.bid) == ("NO", D("0.59"), D("0.58"))
    assert [opportunities.recommended_action(way) for way in (1, -1)] == ["BUY_A", "SELL_A"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"moves": Moves(D("0.02"), D("0.02"), 500)}, "0.75 · 2 c does not pay 1 c and 0.25 · 2 c"),
        ({"fees": kalshi()}, None),
        ({"stake": Stake(D(1), D("0.25"))}, "a quarter of a dollar buys less than one contract"),
        ({"min_size": D(500)}, "the platform wants more"),
        ({"min_value": D(60)}, "the platform wants more dollars"),
    ],
)
def test_what_does_not_clear_its_costs_at_the_lower_bound_is_no_proposal(changes, why):
    assert (proposal(**changes) is None) == (why is not None)


def test_the_lower_bound_decides_not_the_probability():
    """At 0.85 it would earn 2.2 cents, at the lower bound of 0.4 it loses: nothing is proposed."""
    moves = Moves(D("0.04"), D("0.02"), 500)
    assert proposal(moves=moves) is not None
    assert proposal(said(lower=0.4), moves=moves) is None


def test_the_rounding_of_both_orders_is_paid_at_the_lower_bound_too():
    """One contract: 0.75 · 7.3 c - 0.25 · 2 c = 4.975 c. By the formula it costs 1 c and 3.4 c, by the platform 5 c."""
    one = book(A, bids=[("0.41", 1_000)], asks=[("0.42", 1)])
    fees = KalshiFees("quadratic", D(1), balance_grid=BROKER_GRID)
    assert proposal(view=one, moves=Moves(D("0.073"), D("0.02"), 500), fees=fees) is None
    found = proposal(view=one, moves=Moves(D("0.074"), D("0.02"), 500), fees=fees)
    assert {step.name: step.dollars for step in found.steps}["fees"] == D("-0.04")


def test_it_takes_no_more_than_the_best_level_and_whole_cents_where_they_must_be():
    thin = book(A, bids=[("0.41", 1_000)], asks=[("0.42", "7.7"), ("0.43", 900)])
    assert proposal(view=thin).size == D("7.7")
    assert proposal(view=thin, whole_cents=True).size == D("7.5")


@pytest.mark.parametrize(
    "view",
    [
        book(A, asks=[("0.42", 10)]),
        book(A, bids=[("0.42", 10)]),
        book(A, bids=[("0.5", 1)], asks=[("0.4", 1)]),
    ],
    ids=["nobody would buy it back", "nobody sells", "crossed"],
)
def test_without_both_sides_there_is_no_price(view):
    assert opportunities.quote(listing(A, plain()), view, 1) is None


def test_a_market_that_is_not_open_or_whose_fees_are_unknown_is_not_proposed():
    view = book(A, bids=[("0.41", 10)], asks=[("0.42", 10)])
    assert opportunities.quote(listing(A, plain(), status="PAUSED"), view, 1) is None
    assert opportunities.quote(listing(A, None), view, 1) is None


def test_kelly_of_a_swing_is_where_growth_is_greatest():
    from math import log

    share = float(kelly.swing(D("0.6"), D("0.1"), D("0.1")))

    def growth(at):
        return 0.6 * log(1 + at * 0.1) + 0.4 * log(1 - at * 0.1)

    assert share == pytest.approx(2) and growth(share) > max(growth(share * 0.99), growth(share * 1.01))
    assert kelly.swing(D("0.4"), D("0.1"), D("0.1")) == 0 == kelly.swing(D(1), D(0), D("0.1"))


@given(st.floats(0, 1), st.integers(1, 20), st.integers(0, 20), st.integers(1, 98), st.integers(1, 5))
def test_no_proposal_can_be_expected_to_lose_and_none_stakes_more_than_its_part(p, hit, miss, bid, spread):
    ask = min(99, bid + spread)
    if ask == bid:
        return
    view = book(A, bids=[(str(D(bid) / 100), 10_000)], asks=[(str(D(ask) / 100), 10_000)])
    found = proposal(
        said(lower=p, probability=min(1.0, p + 0.05)),
        moves=Moves(D(hit) / 100, D(miss) / 100, 500),
        view=view,
        fees=kalshi(),
    )
    if found is None:
        return
    assert found.expected > 0 and Decimal(found.lower) <= found.probability
    assert found.cost.cash <= STAKE.bankroll * STAKE.part + D("0.01")
    assert sum(step.dollars for step in found.steps[:-1]) == found.expected
