"""The merge of two ladders, what caps it, and grids: against slow and plain ways to the same numbers."""

from decimal import Decimal as D
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from markets.books import MICRO, NO, YES, dollars, levels, take
from signals import sizing
from signals.sizing import ATTO, CASH, DEPTH, EDGE, MAX_CONTRACTS, MAX_OUTLAY, Caps
from tests.signals.values import A, kalshi, listing, plain, polymarket

CENTS = st.integers(1, 99).map(lambda n: n * 10_000)
ladders = st.dictionaries(CENTS, st.integers(1, 400).map(lambda n: n * 250_000), min_size=1, max_size=6).map(
    lambda levels: tuple(sorted(levels.items()))
)
rates = st.sampled_from(["0", "0.04", "0.07"])


def spent(ladder, size: int, rate: str) -> int:
    """Atto-dollars for `size`, level by level, by fractions."""
    total, k = Fraction(0), Fraction(rate)
    for price, on_offer in ladder:
        part, p = min(on_offer, size), Fraction(price, MICRO)
        total += (p + k * p * (1 - p)) * Fraction(part, MICRO)
        size -= part
    assert size == 0
    assert (total * ATTO).denominator == 1
    return int(total * ATTO)


def walk_of(one, two, rate_one="0", rate_two="0"):
    return sizing.merge(one, two, unit_cost(plain(rate_one)), unit_cost(plain(rate_two)))


def unit_cost(fees):
    return listing(A, fees).unit_cost


@st.composite
def paying(draw):
    """Two ladders whose best prices add up to less than a dollar."""
    one, two = draw(ladders), draw(ladders)
    assume(one[0][0] + two[0][0] < MICRO)
    return one, two


QUARTER = 250_000


@given(paying(), rates, rates, st.data())
def test_the_merge_costs_what_buying_level_by_level_costs(pair, rate_one, rate_two, data):
    one, two = pair
    walk = walk_of(one, two, rate_one, rate_two)
    assert walk.sizes == sorted(set(walk.sizes))
    inside = st.integers(1, walk.sizes[-1] // QUARTER).map(lambda n: n * QUARTER)
    size = data.draw(st.sampled_from(walk.sizes) | inside)
    costs = spent(one, size, rate_one), spent(two, size, rate_two)
    assert (walk.cash_at(0, size), walk.cash_at(1, size)) == costs
    assert walk.net_at(size) == size * 10**12 - sum(costs)
    for leg, ladder in enumerate((one, two)):
        before = [on_offer for price, on_offer in ladder if price < walk.limits_at(size)[leg]]
        upto = [on_offer for price, on_offer in ladder if price <= walk.limits_at(size)[leg]]
        assert sum(before) < size <= sum(upto)


@given(ladders, ladders)
def test_the_merge_holds_every_size_that_gains_before_fees(one, two):
    walk = walk_of(one, two)
    depth = min(sum(size for _, size in one), sum(size for _, size in two))
    end = walk.sizes[-1] if walk.sizes else 0
    gained = 0
    for at in range(0, depth, QUARTER):
        gained += MICRO - price_at(one, at) - price_at(two, at)
        assert at < end or gained <= 0
    assert walk.ran_out == (end == depth)


def price_at(ladder, contracts: int) -> int:
    """The price of the next contract after `contracts` of them."""
    for price, on_offer in ladder:
        if contracts < on_offer:
            return price
        contracts -= on_offer
    raise AssertionError("beyond the depth")


@given(paying(), rates, rates, st.data())
def test_no_rounding_takes_the_exact_profit_above_its_bound(pair, rate_one, rate_two, data):
    one, two = pair
    fees = polymarket(rate_one), data.draw(st.sampled_from([polymarket(rate_two), kalshi(rate_two)]))
    walk = sizing.merge(one, two, unit_cost(fees[0]), unit_cost(fees[1]))
    size = data.draw(st.integers(1, walk.sizes[-1]))
    cash = [
        fee.order_cost("BUY", exact_fills(ladder, size)).cash
        for fee, ladder in zip(fees, (one, two), strict=True)
    ]
    assert (dollars(size) - sum(cash)).scaleb(18) <= walk.best_possible(size)


def exact_fills(ladder, size: int):
    return take(levels(ladder), dollars(size))


@given(paying(), rates, st.integers(0, 200).map(lambda n: D(n) / 4), st.sampled_from([[0], [1], [0, 1]]))
def test_a_budget_buys_all_it_can_and_never_more(pair, rate, budget, legs):
    one, two = pair
    walk = walk_of(one, two, rate, rate)
    limit = int(budget * ATTO)
    size = walk.affordable(legs, limit)
    if size is None:
        assert sum(walk.cash[leg][-1] for leg in legs) <= limit
    else:
        assert size < walk.sizes[-1]
        assert size == 0 or sum(walk.cash_at(leg, size) for leg in legs) <= limit
        assert sum(walk.cash_at(leg, size + 1) for leg in legs) > limit


TWO = ((400_000, 10 * MICRO), (450_000, 10 * MICRO))
ONE = ((500_000, 15 * MICRO),)


@pytest.mark.parametrize(
    ("caps", "size", "why"),
    [
        (Caps(), "15", DEPTH),
        (Caps(max_contracts=D(12)), "12", MAX_CONTRACTS),
        (Caps(max_contracts=D(-1)), "0", MAX_CONTRACTS),
        (Caps(max_contracts=D(15)), "15", DEPTH),
        (Caps(cash={"kalshi": D(5)}), "10", f"{CASH}:kalshi"),
        (Caps(cash={"kalshi": D(5)}, max_outlay={"kalshi": D(4)}), "8", f"{MAX_OUTLAY}:kalshi"),
        (Caps(cash={"polymarket": D(4), "kalshi": D(6)}), "10", f"{CASH}:polymarket"),
        (Caps(cash={"polymarket": D("4.45")}), "11", f"{CASH}:polymarket"),
        (Caps(cash={"polymarket": D(-3)}), "0", f"{CASH}:polymarket"),
    ],
)
def test_the_ceiling_is_the_lowest_of_all_caps_and_says_which(caps, size, why):
    found = sizing.ceiling(walk_of(TWO, ONE), ("polymarket", "kalshi"), caps)
    assert (dollars(found.size), found.why) == (D(size), why)


def test_two_legs_on_one_platform_share_its_budget():
    found = sizing.ceiling(walk_of(TWO, ONE), ("kalshi", "kalshi"), Caps(cash={"kalshi": D(9)}))
    assert (dollars(found.size), found.why) == (10, f"{CASH}:kalshi")


def test_a_walk_that_ends_for_want_of_profit_says_so():
    walk = walk_of((*TWO, (500_000, MICRO)), ((580_000, 30 * MICRO),))
    assert sizing.ceiling(walk, ("polymarket", "kalshi"), Caps()) == sizing.Ceiling(20 * MICRO, EDGE)


@given(st.integers(1, 999).map(lambda n: n * 1_000), st.integers(1, 200).map(lambda n: n * 10_000))
def test_the_cent_step_is_the_smallest_size_in_whole_cents(price, step):
    first = next(n for n in range(1, 2_000) if n * step * price % 10**10 == 0)
    assert sizing.cent_step(price, step) == first * step


@given(st.integers(0, 10**8), st.integers(1, MICRO - 1))
def test_the_least_size_is_just_worth_the_value(value, price):
    size = sizing.least_size(value, price)
    assert size * price >= value * MICRO
    assert size == 0 or (size - 1) * price < value * MICRO


@given(st.integers(0, 10**9), st.integers(1, 10**7))
def test_rounding_to_a_step_stays_within_one(size, step):
    assert sizing.down(size, step) <= size <= sizing.up(size, step)
    assert sizing.down(size, step) % step == sizing.up(size, step) % step == 0
    assert size - sizing.down(size, step) < step > sizing.up(size, step) - size


TAPERED = sizing.bands_of(
    [(D("0"), D("0.1"), D("0.001")), (D("0.1"), D("0.9"), D("0.01")), (D("0.9"), D("1"), D("0.001"))]
)


@given(st.integers(1, MICRO - 1), st.sampled_from([YES, NO]))
def test_a_limit_is_the_next_price_on_the_grid_toward_not_trading(price, outcome):
    grid = {*range(1_000, 100_000, 1_000), *range(100_000, 900_001, 10_000), *range(901_000, MICRO, 1_000)}
    own = grid if outcome == YES else {MICRO - at for at in grid}
    allowed = [at for at in own if at <= price]
    assert sizing.buy_limit(price, outcome, TAPERED) == (max(allowed) if allowed else None)


def test_no_band_no_limit():
    bands = sizing.bands_of([(D("0.2"), D("0.8"), D("0.01"))])
    assert sizing.buy_limit(100_000, YES, bands) is None
    assert sizing.buy_limit(900_000, NO, bands) is None


@pytest.mark.parametrize(
    "ticks",
    [
        [],
        [(D(0), D(1), D(0))],
        [(D(1), D(0), D("0.01"))],
        [(D(0), D(1), D("1e-7"))],
        [(D(0), D("NaN"), D("0.1"))],
    ],
)
def test_ticks_that_make_no_grid_are_refused(ticks):
    with pytest.raises(ValueError):
        sizing.bands_of(ticks)


@given(paying(), rates, rates, st.integers(-50, 200))
def test_the_walk_to_a_hurdle_ends_where_a_pair_gains_less(pair, rate_one, rate_two, mills):
    one, two = pair
    walk = walk_of(one, two, rate_one, rate_two)
    hurdle = mills * 10**9  # pico-dollars
    end = walk.worth_until(hurdle)
    steps = [0, *walk.sizes]
    assert end in steps
    gains = [
        Fraction(walk.net_at(after) - (walk.net_at(before) if before else 0), after - before)
        for before, after in pairwise(steps)
    ]
    assert all(gain >= hurdle for gain in gains[: steps.index(end)])
    assert end == walk.sizes[-1] or gains[steps.index(end)] < hurdle


def test_a_hurdle_is_a_ceiling_but_not_below_the_least_size():
    one = ((400_000, 100 * MICRO), (480_000, 100 * MICRO))
    two = ((500_000, 200 * MICRO),)
    walk = walk_of(one, two)  # 100 pairs gain ten cents, 100 more gain two
    platforms = ("polymarket", "kalshi")
    assert sizing.ceiling(walk, platforms, Caps(hurdle=D("0.02"))).size == 200 * MICRO
    cut = sizing.ceiling(walk, platforms, Caps(hurdle=D("0.021")))
    assert (cut.size, cut.why) == (100 * MICRO, sizing.HURDLE)
    least = sizing.ceiling(walk, platforms, Caps(hurdle=D("0.021")), 150 * MICRO)
    assert (least.size, least.why) == (150 * MICRO, sizing.HURDLE)


@given(st.integers(1, MICRO - 1), st.sampled_from([YES, NO]), st.sampled_from(["0.01", "0.001", "0.0025"]))
def test_a_sale_is_rounded_up_to_the_grid(price, outcome, step):
    bands = sizing.bands_of([(D(0), D(1), D(step))])
    found = sizing.sell_limit(price, outcome, bands)
    if found is None:
        assert price > MICRO - int(D(step) * MICRO)
    else:
        assert found - int(D(step) * MICRO) < price <= found and found % int(D(step) * MICRO) == 0
