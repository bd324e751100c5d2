"""Plans: looked at again on the books of now, equal in shares, and worth exactly what was promised when they fill."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import ledger
from execution.ledger import Entry
from execution.lifecycle import FILLED
from execution.orders import paper
from execution.plans import planning
from execution.plans.planning import NoPlan, Plan, for_filled, plan
from markets import bets
from markets.platforms.base import TickBand
from markets.platforms.kalshi.fees import BROKER_GRID, DIRECT_GRID, KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from signals.deciding.decision import Hurdles
from signals.detection.detector import Rules, find
from tests.execution.cutting import work_off
from tests.signals.values import NOW, PAIR, A, B, book, books_of, capped, listing, listings, look

FEES = {A: PolymarketFees(D("0.04")), B: KalshiFees("quadratic", D(1))}
KNOWN = listings(FEES[A], FEES[B])
HURDLES = Hurdles(suspicious_edge=D(1))


def books(a_size=50, b_size=40, yes="0.40", bid="0.55"):
    return {
        A: book(A, bids=[("0.30", 50)], asks=[(yes, a_size), ("0.70", 500)]),
        B: book(B, bids=[(bid, b_size)], asks=[("0.80", 50)]),
    }


def found_in(views, known=KNOWN, rules=None):
    (found,) = look(views[A], views[B], known, rules).findings
    return found


def planned(views, finding, known=KNOWN, rules=None, hurdles=HURDLES, now=NOW):
    return plan(PAIR, finding, views, known, rules or Rules(), hurdles, now)


def test_the_thinner_leg_goes_first_and_legs_are_equal_in_shares():
    made = planned(books(), found_in(books()))
    assert [(one.platform, one.outcome, one.side, one.size) for one in made.tickets] == [
        ("kalshi", "NO", "BUY", 40), ("polymarket", "YES", "BUY", 40),
    ]  # fmt: skip
    assert [one.platform for one in planned(books(20, 40), found_in(books(20, 40))).tickets] == [
        "polymarket",
        "kalshi",
    ]
    assert [one.platform for one in planned(books(40, 40), found_in(books(40, 40))).tickets] == [
        "polymarket",
        "kalshi",
    ]


def test_a_ticket_says_what_it_risks_and_what_it_may_cost():
    made = planned(books(), found_in(books()))
    for one in made.tickets:
        assert (one.bet_id, one.time_in_force) == ("bet-1", "IMMEDIATE_OR_CANCEL")
        assert one.notional == one.size * one.limit_price
    # 40 x .45 + .07 x 40 x .45 x .55, and 40 x .40 + .04 x 40 x .40 x .60
    assert [one.cash for one in made.tickets] == [D("18.693"), D("16.384")]


def test_a_plan_never_grows_beyond_its_finding_or_the_cap():
    old = found_in(books(20, 40))
    assert planned(books(50, 40), old).finding.size == 20
    assert planned(books(50, 40), old, rules=capped(max_contracts=D(7))).finding.size == 7
    assert planned(books(50, 40), replace(old, size=D("3.5"))).finding.size == D("3.5")


def test_a_plan_shrinks_with_the_books():
    assert planned(books(50, 12), found_in(books())).finding.size == 12


def test_a_plan_says_what_really_held_its_size_back():
    assert planned(books(), found_in(books())).finding.limited_by == "depth"
    assert (
        planned(books(), found_in(books()), rules=capped(max_contracts=D(7))).finding.limited_by
        == "max_contracts"
    )
    capped_before = found_in(books(), rules=capped(max_outlay={"kalshi": D(5)}))
    assert planned(books(), capped_before).finding.limited_by == "max_outlay:kalshi"


@pytest.mark.parametrize(
    ("views", "code"),
    [
        (books(yes="0.55"), "gap_gone"),
        (books(yes="0.53"), "no_profit"),
        ({A: books()[A]}, "book_missing"),
        ({**books(), B: book(B, bids=[("0.55", 40)], asks=[("0.80", 50)], age_ms=3_000)}, "book_stale"),
        ({**books(), B: book(B, bids=[("0.55", 40)], asks=[("0.54", 50)])}, "book_crossed"),
        (books(b_size="0.5"), "below_minimum"),
    ],
)
def test_what_changed_since_is_a_named_reason_to_leave_it(views, code):
    made = planned(views, found_in(books()))
    assert isinstance(made, NoPlan)
    assert made.code == code
    assert made.sentence


def test_hurdles_are_asked_again():
    made = planned(books(), found_in(books()), hurdles=Hurdles(min_net_profit=D(1000)))
    assert (type(made), made.code) == (NoPlan, "below_min_net")
    made = planned(books(), found_in(books()), hurdles=Hurdles(suspicious_edge=D("0.01")))
    assert (type(made), made.code) == (NoPlan, "suspicious_edge")


def test_a_suspended_bet_is_left_alone():
    wrong = replace(PAIR, exhaustive=False)
    made = plan(wrong, found_in(books()), books(), KNOWN, Rules(), HURDLES, NOW)
    assert (type(made), made.code) == (NoPlan, "not_exhaustive")


def test_the_other_direction_is_never_planned_instead():
    turned = {
        A: book(A, bids=[("0.55", 50)], asks=[("0.57", 50)]),
        B: book(B, bids=[("0.30", 50)], asks=[("0.40", 50)]),
    }
    assert planned(turned, found_in(books())).code == "gap_gone"
    assert isinstance(planned(turned, found_in(turned)), Plan)


# The second leg, when the first has filled in part.

KALSHI_LEG = planned(books(), found_in(books())).tickets[0]


def test_a_whole_fill_leaves_the_second_leg_as_it_is():
    assert for_filled(KALSHI_LEG, D(40), KNOWN[B]) is KALSHI_LEG
    assert for_filled(KALSHI_LEG, D(41), KNOWN[B]) is KALSHI_LEG


def test_a_partial_fill_cuts_the_second_leg_to_it():
    rest = for_filled(KALSHI_LEG, D("12.345678"), KNOWN[B])
    assert (rest.size, rest.limit_price, rest.notional) == (D("12.34"), D("0.45"), D("12.34") * D("0.45"))
    assert (
        rest.cash == FEES[B].order_cost("BUY", [planning.Level(D("0.45"), D("12.34"))]).cash < KALSHI_LEG.cash
    )


@pytest.mark.parametrize(
    ("filled", "terms", "code"),
    [
        ("0", KNOWN[B], "no_fill"),
        ("-1", KNOWN[B], "no_fill"),
        ("0.99", KNOWN[B], "below_minimum"),
        ("2", replace(KNOWN[B], min_value=D(1)), "below_minimum"),  # 2 x 0.45
        ("39", replace(KNOWN[B], size_step=D(40)), "below_minimum"),
        ("9", replace(KNOWN[B], fees=None), "fees_unknown"),
        ("9", replace(KNOWN[B], ticks=()), "listing_faulty"),
    ],
)
def test_a_fill_that_cannot_be_matched_is_named(filled, terms, code):
    rest = for_filled(KALSHI_LEG, D(filled), terms)
    assert (type(rest), rest.code) == (NoPlan, code)


@given(st.integers(1, 50_000_000).map(lambda n: D(n).scaleb(-6)), st.booleans(), st.integers(1, 99))
def test_the_second_leg_is_never_larger_than_the_first_fill(filled, whole_cents, limit):
    terms = replace(KNOWN[B], whole_cents=whole_cents)
    leg = replace(KALSHI_LEG, limit_price=D(limit) / 100, notional=40 * D(limit) / 100)
    rest = for_filled(leg, filled, terms)
    if isinstance(rest, NoPlan):
        assert filled < 2 or whole_cents
        return
    assert rest.size <= filled or rest is leg
    assert rest.size <= leg.size
    assert (rest.limit_price, rest.outcome, rest.side) == (leg.limit_price, leg.outcome, leg.side)
    assert rest.notional == rest.size * rest.limit_price <= leg.notional
    if rest is not leg:
        assert rest.size % terms.size_step == 0
        assert not whole_cents or rest.notional * 100 % 1 == 0


@given(st.integers(0, 50_000_000).map(lambda n: D(n).scaleb(-6)), st.booleans())
def test_two_equal_legs_are_cut_to_the_contracts_of_the_first_fill(filled, whole_cents):
    first, second = planned(books(), found_in(books())).tickets
    known = {A: replace(KNOWN[A], whole_cents=whole_cents), B: KNOWN[B]}
    sent = []

    def send(order):
        sent.append(order)
        return min(filled, order.size)

    worked = work_off((first, second), known, send)
    expected = for_filled(second, min(filled, first.size), known[A])
    assert sent[0] is first
    assert (worked.stopped or sent[1]) == expected


# From books to the ledger.

some_fees = st.tuples(
    st.sampled_from(["0", "0.04", "0.07"]).map(lambda rate: PolymarketFees(D(rate))),
    st.builds(
        KalshiFees, st.just("quadratic"), st.sampled_from([D(1), D("0.5")]), st.none(),
        st.sampled_from([DIRECT_GRID, BROKER_GRID]),
    ),
)  # fmt: skip


@given(books_of(A, cents=False), books_of(B, cents=False), some_fees, st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_plan_that_fills_is_worth_exactly_what_it_promised_in_every_state(a, b, fees, inverted, cents):
    bet = bets.pair("bet-1", A, B, inverted)
    known = {A: listing(A, fees[0], whole_cents=cents, min_value=D(1), min_size=D(5)), B: listing(B, fees[1])}
    views = {A: a, B: b}
    for finding in find(bet, views, known, Rules(), NOW).findings:
        made = plan(bet, finding, views, known, Rules(), Hurdles(D(0), D(0), D(1)), NOW)
        assert made.finding == finding
        entries = fills_of(made, views, known)
        assert sum((one.cash for one in entries), D(0)) == -finding.outlay
        for state in bet.states:
            assert settled(bet, state, entries) == finding.net_profit > 0


def fills_of(made, views, known) -> list[Entry]:
    entries = []
    for ticket in made.tickets:
        market = (ticket.platform, ticket.market_id)
        # By contracts: what part of a cent an order by cash adds is another test's matter
        result = paper.fill(replace(ticket, spend=None), views[market], known[market].fees)
        assert result.status == FILLED
        assert result.cost.cash <= ticket.cash
        entries += [
            Entry(*market, ticket.outcome, ticket.side, one.size, one.price, one.fee) for one in result.fills
        ]
    return entries


def settled(bet, state, entries) -> D:
    """What is realised once every market of the bet has paid."""
    held = ledger.positions(entries)
    for claim in bet.claims:
        if claim.outcome == "YES":
            held = ledger.positions(ledger.settlement(held, *claim.market, D(state in claim.pays_in)), held)
    return ledger.pnl(held, {}).total


def test_yes_and_no_of_one_market_are_merged_for_the_same_profit():
    bet = bets.yes_no("b", *B)
    views = {B: book(B, bids=[("0.60", 10)], asks=[("0.50", 20)])}
    (finding,) = find(bet, views, KNOWN, Rules(), NOW).findings
    made = plan(bet, finding, views, KNOWN, Rules(), Hurdles(D(0), D(0), D(1), quarantine_crossed=False), NOW)
    held = ledger.positions(fills_of(made, views, KNOWN))
    assert ledger.mergeable(held, *B) == 10
    done = ledger.positions(ledger.merge(held, *B, D(10)), held)
    assert ledger.pnl(done, {}).total == finding.net_profit


def test_a_plan_is_made_on_the_grid_of_thousandths():
    ticks = (TickBand(D(0), D(1), D("0.001")),)
    known = {A: replace(KNOWN[A], ticks=ticks), B: KNOWN[B]}
    views = books(yes="0.403")
    made = planned(views, found_in(views, known), known)
    assert made.tickets[1].limit_price == D("0.403")
