"""Correlations of log-odds changes: what was planted is found, what is independent is not, stale quotes say nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.returns import estimating, series
from tests.signals.returns.worlds import CLOCK, news, twins

SEEDS = 100


def pair_of(quotes, level=0.99):
    end = max(at for known in quotes.values() for at, _ in known)
    found = estimating.pairs(series.on_clock(quotes, 0, end, CLOCK), level=level)
    return found[0] if found else None


@pytest.mark.parametrize(("rho", "quiet"), [(0.3, 0.5), (0.6, 0.0), (0.6, 0.8), (0.9, 0.5), (-0.7, 0.5)])
def test_a_planted_correlation_lies_in_its_interval(rho, quiet):
    found = [pair_of(twins(seed, rho, quiet=quiet)) for seed in range(SEEDS)]
    assert sum(one.lower <= rho <= one.upper for one in found) >= 95
    assert np.mean([one.rho for one in found]) == pytest.approx(rho, abs=0.05)


@pytest.mark.parametrize("quiet", [0.0, 0.5])
def test_independent_markets_are_called_so_as_often_as_the_level_says(quiet):
    found = [pair_of(twins(seed, 0.0, quiet=quiet), level=0.95) for seed in range(3 * SEEDS)]
    share = sum(one.lower <= 0 <= one.upper for one in found) / len(found)
    assert 0.91 <= share <= 0.985


def test_bursts_that_two_share_do_not_make_them_sure():
    """Common volatility without a common direction: the normal standard error would be far too small."""
    wrong = 0
    for seed in range(SEEDS):
        chance = np.random.default_rng(seed)
        burst = np.exp(chance.standard_normal(800))
        changes = chance.standard_normal((2, 800)) * burst * 0.01
        levels = np.cumsum(changes, axis=1)
        grid = series.Grid(("a", "b"), levels, changes != 0, np.zeros(2, dtype=np.int64))
        wrong += estimating.pairs(grid, level=0.95)[0].sure
    assert wrong <= 12


quotes = st.lists(
    st.tuples(st.integers(0, 3_600).map(float), st.integers(1, 99).map(lambda cents: cents / 100)),
    min_size=40, max_size=80, unique_by=lambda quote: quote[0],
)  # fmt: skip


@given(quotes, quotes, st.data())
@settings(max_examples=40)
def test_symmetric_bounded_and_deaf_to_repeats(one, two, data):
    def look(first, second):
        grid = series.on_clock({"a": first, "b": second}, 0, 3_600, CLOCK)
        return estimating.pairs(grid, fewest=4)

    found = look(one, two)
    swapped = look(two, one)
    assert len(found) == len(swapped)
    for pair, mirror in zip(found, swapped, strict=True):
        assert -1 <= pair.lower <= pair.rho <= pair.upper <= 1
        assert pair.rho == pytest.approx(mirror.rho, abs=1e-9) and pair.samples == mirror.samples
        assert pair.rho**2 == pytest.approx(abs(pair.beta * mirror.beta), abs=1e-6) or abs(pair.rho) == 1
    repeated = []
    known = sorted(one)
    for (at, mid), (until, _) in zip(known, [*known[1:], (3_600.0, 0)], strict=True):
        times = data.draw(st.integers(0, 3))
        repeated += [(at, mid), *((at + (until - at) * n / 4, mid) for n in range(1, times + 1))]
    assert look(repeated, two) == found


@pytest.mark.parametrize("flicker", [0.1, 0.5])
def test_a_book_that_flickers_does_not_hide_what_two_markets_share(flicker):
    """The same news moved both; half a tick that comes and goes made 0.2 of it, and no group."""
    found = [pair_of(news(seed, flicker=flicker)) for seed in range(5)]
    assert min(one.rho for one in found) > 0.8 and min(one.strength for one in found) > 0.7


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_a_long_record_keeps_its_level(rho):
    """More samples than are needed are compared in runs; the interval holds the truth as before."""
    found = [pair_of(twins(seed, rho, steps=5_000)) for seed in range(SEEDS)]
    assert sum(one.lower <= rho <= one.upper for one in found) >= 95
    assert np.mean([one.rho for one in found]) == pytest.approx(rho, abs=0.02)
    assert all(estimating.ENOUGH <= one.samples < 2 * estimating.ENOUGH for one in found)


def test_an_estimate_does_not_shake_while_its_window_moves():
    """Links have a threshold: hour by hour nearly the same prices have to give nearly the same bound."""
    quotes = twins(7, 0.65, steps=5_000 + 24 * 60, quiet=0.3)
    bounds = []
    for hour in range(24):
        start = hour * 3_600
        window = {
            name: [one for one in known if start <= one[0] <= start + 5_000 * CLOCK]
            for name, known in quotes.items()
        }
        grid = series.on_clock(window, start, start + 5_000 * CLOCK, CLOCK)
        bounds.append(estimating.pairs(grid)[0].lower)
    assert max(abs(one - two) for one, two in pairwise(bounds)) < 0.05


def test_a_frozen_market_has_no_correlation():
    quotes = twins(1, 0.9, quiet=0.0)
    quotes["b"] = [(at, 0.5) for at, _ in quotes["b"]]
    assert pair_of(quotes) is None


def test_one_fat_finger_changes_little():
    quotes = twins(3, 0.6, quiet=0.0)
    before = pair_of(quotes).rho
    for name in quotes:
        quotes[name][300] = (quotes[name][300][0], 0.99)
    assert abs(pair_of(quotes).rho - before) < 0.1


def test_drift_alone_is_no_correlation():
    """Two questions that run out at a date both fall, day after day; that does not tie them."""
    found = []
    for seed in range(50):
        quotes = twins(seed, 0.0, quiet=0.0)
        for name, known in quotes.items():
            odds = series.log_odds(np.array([mid for _, mid in known])) - 0.02 * np.arange(len(known)) / 3
            quotes[name] = [
                (at, float(mid)) for (at, _), mid in zip(known, 1 / (1 + np.exp(-odds)), strict=True)
            ]
        found.append(pair_of(quotes, level=0.95))
    assert sum(one.sure for one in found) <= 8


def test_too_few_samples_say_nothing():
    assert pair_of(twins(1, 0.9, steps=20, quiet=0.0)) is None


def test_what_leads_is_seen_and_by_how_much():
    found = twins(5, 0.9, quiet=0.0, lag=3)
    grid = series.on_clock(found, 0, 600 * CLOCK, CLOCK)
    first = estimating.lead(grid, 0, 1)
    assert (first.steps, first.sure) == (3, True) and first.rho > 0.8
    assert estimating.lead(grid, 1, 0).steps == -3
    nothing = series.on_clock(twins(5, 0.0, quiet=0.0), 0, 600 * CLOCK, CLOCK)
    assert estimating.lead(nothing, 0, 1).sure is False


def test_wrong_arguments_are_named():
    grid = series.on_clock(twins(1, 0.5), 0, 6_000, CLOCK)
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimating.pairs(grid, level=99)
    with pytest.raises(ValueError, match="does not tick"):
        series.on_clock({}, 10, 5, CLOCK)
