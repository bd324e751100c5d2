"""The best size, against trying every size there is.

Where nothing is rounded the search must find exactly the best; with the platforms' own rounding at most what the
rounding of one order can hide, one cent.
"""

from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from markets import bets
from markets.books import MICRO, NO, YES, BookView, Level
from markets.platforms.base import TickBand
from markets.platforms.kalshi.fees import BROKER_GRID, DIRECT_GRID, KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from signals.detection.detector import Rules, find
from signals.sizing import Caps
from tests.signals.values import NOW, A, B, asks_of, book, capped, listing, listings, look, plain

QUARTER = D("0.25")
BUYS = {"polymarket:YES+kalshi:NO": (YES, NO), "polymarket:NO+kalshi:YES": (NO, YES)}


@st.composite
def half_cent_books(draw, market):
    """A book that is not crossed, on half cents, with sizes of quarter contracts: level ends meet no step."""
    split = draw(st.integers(20, 180))
    size = st.integers(1, 32).map(lambda n: n * MICRO // 4)
    below = draw(st.lists(st.integers(1, split - 1), unique=True, min_size=1, max_size=3))
    above = draw(st.lists(st.integers(split, 199), unique=True, min_size=1, max_size=3))
    bids = tuple((price * 5_000, draw(size)) for price in sorted(below, reverse=True))
    asks = tuple((price * 5_000, draw(size)) for price in sorted(above))
    return BookView(*market, bids, asks, NOW, NOW)


@st.composite
def terms(draw, market, fees):
    """What a platform accepts."""
    return listing(
        market,
        fees,
        ticks=(TickBand(D(0), D(1), D(draw(st.sampled_from(["0.01", "0.005", "0.005"])))),),
        min_size=draw(st.sampled_from([QUARTER, D(1), D(5)])),
        size_step=draw(st.sampled_from([QUARTER, D("0.5"), D(1), D("0.75")])),
        whole_cents=draw(st.booleans()),
        min_value=D(draw(st.sampled_from([0, 0, 1, 2]))),
    )


money = st.none() | st.integers(0, 60).map(lambda n: D(n) / 4)
caps_of = st.builds(
    lambda contracts, a, b: Caps(
        max_contracts=contracts,
        max_outlay={} if a is None else {"polymarket": a},
        cash={} if b is None else {"kalshi": b},
    ),
    money, money, money,
)  # fmt: skip


def try_all(views, outcomes, known, caps: Caps) -> dict[D, D]:
    """The exact profit of each size that the platforms and the caps accept; nothing shared with the search."""
    found = {}
    ladders = [asks_of(view, outcome) for view, outcome in zip(views, outcomes, strict=True)]
    for quarters in range(1, 130):
        size = quarters * QUARTER
        cash, accepted = [], caps.max_contracts is None or size <= caps.max_contracts
        for view, ladder in zip(views, ladders, strict=True):
            terms = known[view.platform, view.market_id]
            fills, wanted = [], size
            for level in ladder:
                if wanted > 0:
                    fills.append(Level(level.price, min(level.size, wanted)))
                    wanted -= fills[-1].size
            if wanted > 0:
                return found
            worst = fills[-1].price
            accepted &= worst % terms.ticks[0].step == 0
            accepted &= size >= terms.min_size and size % terms.size_step == 0
            accepted &= size * worst >= terms.min_value
            accepted &= not terms.whole_cents or size * worst * 100 % 1 == 0
            cash.append(terms.fees.order_cost("BUY", fills).cash)
            budgets = (caps.max_outlay.get(view.platform), caps.cash.get(view.platform))
            accepted &= all(budget is None or cash[-1] <= budget for budget in budgets)
        if accepted:
            found[size] = size - sum(cash)
    return found


@given(
    st.tuples(half_cent_books(A), half_cent_books(B)),
    terms(A, plain("0.05")),
    terms(B, plain("0.07")),
    caps_of,
)
@settings(max_examples=500, deadline=None)
def test_without_rounding_the_search_finds_exactly_the_best_size(views, terms_a, terms_b, caps):
    known = {A: terms_a, B: terms_b}
    result = look(*views, known, Rules(caps=caps))
    found = {one.direction: one for one in result.findings}
    for direction, outcomes in BUYS.items():
        profits = {size: net for size, net in try_all(views, outcomes, known, caps).items() if net > 0}
        if not profits:
            assert direction not in found
        else:
            best = max(profits.values())
            assert found[direction].net_profit == best
            assert found[direction].size == min(size for size, net in profits.items() if net == best)


REAL = st.tuples(
    st.sampled_from(["0", "0.04", "0.05", "0.07"]).map(lambda rate: PolymarketFees(D(rate))),
    st.builds(
        KalshiFees, st.just("quadratic"), st.sampled_from([D(1), D("0.5"), D(0)]), st.none(),
        st.sampled_from([DIRECT_GRID, BROKER_GRID]),
    ),
)  # fmt: skip


@given(st.tuples(half_cent_books(A), half_cent_books(B)), REAL, st.data())
@settings(max_examples=300, deadline=None)
def test_with_the_platforms_own_fees_it_is_within_a_cent_of_the_best_and_exact_about_it(views, fees, data):
    known = {A: data.draw(terms(A, fees[0])), B: data.draw(terms(B, fees[1]))}
    found = {one.direction: one for one in look(*views, known).findings}
    for direction, outcomes in BUYS.items():
        profits = try_all(views, outcomes, known, Caps())
        one = found.get(direction)
        if one is not None:
            assert profits[one.size] == one.net_profit > 0
        assert (one.net_profit if one else 0) >= max(profits.values(), default=D(0)) - D("0.01")


@given(st.tuples(half_cent_books(A), half_cent_books(B)), REAL, caps_of, st.data())
@settings(max_examples=300, deadline=None)
def test_nothing_is_ever_found_beyond_depth_grid_minimum_or_budget(views, fees, caps, data):
    known = {A: data.draw(terms(A, fees[0])), B: data.draw(terms(B, fees[1]))}
    for one in look(*views, known, Rules(caps=caps)).findings:
        accepted = try_all(views, BUYS[one.direction], known, caps)
        assert accepted[one.size] == one.net_profit > 0
        for leg in one.legs:
            assert leg.size == one.size <= leg.depth
            assert sum(fill.size for fill in leg.fills) == leg.size
            assert leg.limit_price == max(fill.price for fill in leg.fills)


# By hand.


def test_a_step_that_ends_inside_a_level_is_still_taken_when_it_pays():
    """10.9 at 0.40 and then 0.62: eleven contracts cost a little of the next level and earn more than ten."""
    a = book(A, bids=[("0.01", 1)], asks=[("0.40", "10.9"), ("0.62", 50)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.90", 9)])
    result = look(a, b, listings(plain(), plain(), size_step=D(1)))
    (found,) = result.findings
    assert (found.size, found.legs[0].limit_price) == (11, D("0.62"))
    assert found.net_profit == 11 - D("10.9") * D("0.40") - D("0.1") * D("0.62") - 11 * D("0.50")


def test_the_least_order_value_is_reached_even_where_its_last_contract_costs():
    a = book(A, bids=[("0.01", 1)], asks=[("0.04", 18), ("0.06", 50)])
    b = book(B, bids=[("0.05", 100)], asks=[("0.99", 9)])
    known = {
        A: listing(A, plain(), min_value=D("1.20"), size_step=D(1)),
        B: listing(B, plain(), size_step=D(1)),
    }
    (found,) = look(a, b, known).findings
    # Only an order for 20 with its limit at 0.06 is worth 1.20; the last two cost 0.01 each.
    assert (found.size, found.limited_by) == (20, "min_size")
    assert found.net_profit == 20 - 18 * D("0.04") - 2 * D("0.06") - 20 * D("0.95")


def test_of_two_sizes_that_earn_the_same_the_smaller_is_taken():
    a = book(A, bids=[("0.01", 1)], asks=[("0.40", 10), ("0.50", 10)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.99", 9)])
    (found,) = look(a, b, listings(plain(), plain())).findings
    assert found.size == 10


def test_a_size_cut_by_rounding_at_the_budget_names_the_budget():
    a = book(A, bids=[("0.01", 1)], asks=[("0.40", 50)])
    b = book(B, bids=[("0.50", 50)], asks=[("0.99", 9)])
    known = {
        A: listing(A, plain(), size_step=D(1)),
        B: listing(B, KalshiFees("quadratic", D(1), None, BROKER_GRID), size_step=D(1)),
    }
    # Ten cost 5.175 by the formula and 5.18 once the balance moves in cents.
    (found,) = look(a, b, known, capped(cash={"kalshi": D("5.175")})).findings
    assert (found.size, found.limited_by) == (9, "cash:kalshi")


def test_a_cap_that_leaves_no_accepted_size_is_named():
    a = book(A, bids=[("0.01", 1)], asks=[("0.371", 50)])
    b = book(B, bids=[("0.50", 50)], asks=[("0.99", 9)])
    ticks = (TickBand(D(0), D(1), D("0.001")),)
    known = {A: listing(A, plain(), ticks=ticks, whole_cents=True), B: listing(B, plain())}
    (refusal,) = look(a, b, known, capped(max_contracts=D("9.99"))).refusals
    assert refusal.code == "caps_below_minimum"
    assert look(a, b, known, capped(max_contracts=D(10))).findings[0].size == 10


def test_whole_cents_that_no_size_on_offer_gives_are_named():
    a = book(A, bids=[("0.01", 1)], asks=[("0.371", 9)])
    b = book(B, bids=[("0.50", 50)], asks=[("0.99", 9)])
    ticks = (TickBand(D(0), D(1), D("0.001")),)
    known = {A: listing(A, plain(), ticks=ticks, whole_cents=True), B: listing(B, plain())}
    assert [one.code for one in look(a, b, known).refusals] == ["below_minimum"]


def test_a_cut_by_whole_cents_still_counts_as_the_depth():
    a = book(A, bids=[("0.01", 1)], asks=[("0.371", 49)])
    b = book(B, bids=[("0.50", 50)], asks=[("0.99", 9)])
    ticks = (TickBand(D(0), D(1), D("0.001")),)
    known = {A: listing(A, plain(), ticks=ticks, whole_cents=True), B: listing(B, plain())}
    (found,) = look(a, b, known).findings
    assert (found.size, found.limited_by) == (40, "depth")


def test_both_legs_of_one_market_share_the_platforms_cash():
    view = book(B, bids=[("0.60", 50)], asks=[("0.50", 50)])
    rules = capped(cash={"kalshi": D(9)})
    (found,) = find(bets.yes_no("b", *B), {B: view}, listings(plain(), plain()), rules, NOW).findings
    assert (found.size, found.outlay) == (10, 9)
