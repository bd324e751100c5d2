"""Jumps, bursts and one-sided books: what counts, and what a single bad quote does not do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import MICRO
from signals.moves import detecting
from signals.moves.detecting import Limits, State

LIMITS = Limits()
CENT = 10_000
T0 = 1_795_000_000_000


def after(*quotes, step_ms=1_000, limits=LIMITS, state=None):
    """A market that had these (bid, ask) in cents, one each `step_ms`; with every jump that was seen on the way."""
    state = state or State()
    jumps = []
    for at, (bid, ask) in enumerate(quotes):
        ms = T0 + at * step_ms
        detecting.add_price(state, ms, bid * CENT, ask * CENT, limits)
        found, _ = detecting.jump(state, ms, CENT, limits)
        jumps += [found] if found else []
    return state, jumps


def look(state, ms):
    return detecting.jump(state, T0 + ms, CENT, LIMITS)


QUIET = [(40, 41), (40, 42), (40, 41), (41, 42)]


def test_a_move_of_many_spreads_that_is_seen_twice_is_a_jump():
    _, (one,) = after(*QUIET, (50, 51), (51, 52))
    assert (one.kind, one.direction) == ("jump", 1)
    assert (one.before, one.after, one.spread) == (410_000, 515_000, CENT)
    assert one.happened_ms == T0 + 4_000  # when the price first stood there


def test_down_is_the_mirror_of_up():
    _, (up,) = after(*QUIET, (50, 51), (51, 52))
    _, (down,) = after(*((100 - ask, 100 - bid) for bid, ask in [*QUIET, (50, 51), (51, 52)]))
    assert down.direction == -1 and down.strength == up.strength
    assert (down.before, down.after) == (MICRO - up.before, MICRO - up.after)


def test_one_bad_quote_is_no_jump():
    state, jumps = after(*QUIET, (90, 91), (41, 42), (40, 41))
    assert jumps == [] and look(state, 60_000) == (None, False)


def test_one_bad_quote_each_way_is_no_jump():
    assert after(*QUIET, (90, 91), (5, 6), (40, 41))[1] == []


def test_a_single_quote_that_was_gone_at_once_is_no_base():
    assert after((90, 91), (40, 41), (40, 42))[1] == []
    assert len(after((90, 91), (40, 41), (40, 42), step_ms=3_000)[1]) == 1


def test_a_bad_quote_in_the_base_makes_none_either():
    assert after((40, 41), (90, 91), (40, 41), (40, 42), (41, 42))[1] == []


def test_a_price_that_nothing_changes_has_stood_after_a_while():
    state, jumps = after(*QUIET, (50, 51))
    assert jumps == []
    assert look(state, 4_500) == (None, True)  # half a second old: wait
    found, waits = look(state, 6_500)
    assert found.direction == 1 and not waits
    assert look(state, 7_000) == (None, False)  # told once


def test_a_jump_is_told_once_and_the_next_one_again():
    _, jumps = after(*QUIET, (50, 51), (51, 52), (51, 53), (51, 52), (60, 61), (61, 62))
    assert [one.direction for one in jumps] == [1, 1]


def test_a_wide_spread_asks_for_a_wide_move():
    assert after((30, 40), (30, 41), (30, 40), (45, 55), (45, 56))[1] == []
    assert len(after((30, 31), (30, 32), (30, 31), (45, 46), (45, 47))[1]) == 1


def test_a_move_within_its_spreads_is_none():
    assert after(*QUIET, (43, 44), (43, 45))[1] == []


def test_a_price_from_long_ago_is_no_base():
    assert after((40, 41), (60, 61), (60, 62), step_ms=detecting.OLDEST_MS + 1)[1] == []


def test_a_slow_drift_is_no_jump():
    drift = [(20 + at, 21 + at) for at in range(60)]
    assert after(*drift, step_ms=20_000)[1] == []


@given(
    st.lists(st.tuples(st.integers(1, 98), st.integers(1, 5)), min_size=1, max_size=60), st.integers(1, 50)
)
def test_the_memory_stays_small_and_no_lone_quote_jumps(quotes, bad):
    state, _ = after(*((bid, min(99, bid + width)) for bid, width in quotes), step_ms=100)
    assert len(state.points) <= detecting.MOST_POINTS
    calm, jumps = after(*[(40, 41), (40, 42)] * 5, (bad, bad + 1), (40, 41), (40, 42), step_ms=100)
    assert jumps == [] and len(calm.points) <= detecting.MOST_POINTS


def test_an_empty_side_and_a_crossed_book_are_no_price():
    state = State()
    for bid, ask in ((None, CENT), (CENT, None), (50 * CENT, 40 * CENT)):
        detecting.add_price(state, T0, bid, ask, LIMITS)
    assert state.points == []


# --- volume


def traded(contracts, *, seconds=10, state=None, start=0):
    """A market whose 24-hour volume grew by these contracts, one figure each `seconds`; with every burst seen."""
    state = state or State()
    total, found = state.volume or 0, []
    for at, size in enumerate(contracts):
        total += size * MICRO
        detecting.add_volume(state, T0 + (start + at * seconds) * 1_000, total, LIMITS)
        one = detecting.burst(state, CENT, LIMITS)
        found += [one] if one else []
    return state, found


def test_volume_far_above_its_trailing_rate_is_one_burst():
    _, (one,) = traded([10] * 60 + [200] * 5 + [10] * 30)
    assert one.kind == "burst" and one.direction == 0 and one.figures["ratio"] >= LIMITS.burst_ratio


def test_a_burst_after_it_died_away_is_another():
    assert len(traded([10] * 60 + [200] * 5 + [10] * 60 + [400] * 5)[1]) == 2


def test_steady_volume_is_none_however_high():
    assert traded([5_000] * 200)[1] == []


def test_a_young_rate_says_nothing():
    assert traded([1, 1, 1, 5_000])[1] == []


def test_few_contracts_are_no_burst():
    assert traded([0] * 60 + [2] * 3)[1] == []


def test_what_falls_out_of_the_day_behind_is_no_trade():
    assert traded([10] * 60 + [-900] * 5 + [10] * 30)[1] == []
    assert traded([100_000] + [-10] * 60)[1] == []


def test_a_bursts_direction_is_that_of_the_price_meanwhile():
    state, _ = traded([10] * 60)
    for at, bid in enumerate((40, 41, 44)):
        detecting.add_price(state, T0 + 590_000 + at, bid * CENT, (bid + 1) * CENT, LIMITS)
    _, (one,) = traded([400], state=state, start=600)
    assert one.direction == 1 and one.after - one.before == 4 * CENT


# --- books


def side(price, size):
    return ((price * CENT, size * MICRO),)


@pytest.mark.parametrize(
    ("bids", "asks", "leaning"),
    [
        (side(40, 100), side(41, 100), 0), (side(40, 950), side(41, 50), 1), (side(40, 50), side(41, 950), -1),
        (side(40, 10), (), 1), ((), side(41, 10), -1), ((), (), 0),
        (side(98, 900), side(99, 1), 0), (side(98, 900), (), 0), ((), side(2, 900), 0),
        (side(40, 50), (*side(41, 50), *side(60, 9_000)), 0),  # what lies far away is no depth
    ],
)  # fmt: skip
def test_a_book_leans_where_nearly_all_near_depth_is_on_one_side(bids, asks, leaning):
    assert detecting.lean(bids, asks, LIMITS)[0] == leaning


def seen(state, ms, bids, asks=()):
    return detecting.one_sided(state, T0 + ms, bids, asks, LIMITS)


def test_a_book_that_stays_one_sided_is_told_once():
    state = State()
    assert seen(state, 0, side(40, 10)) == (None, True)
    assert seen(state, 29_999, side(40, 10)) == (None, True)
    found, waits = seen(state, 30_000, side(40, 10))
    assert (found.kind, found.direction, found.before, waits) == ("one_sided", 1, None, False)
    assert seen(state, 90_000, side(40, 10)) == (None, False)


def test_a_side_that_comes_back_begins_the_count_anew():
    state = State()
    seen(state, 0, side(40, 10))
    assert seen(state, 20_000, side(40, 10), side(41, 10)) == (None, False)
    assert seen(state, 40_000, side(40, 10)) == (None, True)
    assert seen(state, 71_000, side(40, 10))[0] is not None


def test_the_other_side_begins_the_count_anew():
    state = State()
    seen(state, 0, side(40, 10))
    assert seen(state, 31_000, (), side(41, 10)) == (None, True)


def test_a_book_that_is_gone_forgets():
    state = State()
    seen(state, 0, side(40, 10))
    detecting.no_book(state)
    assert seen(state, 60_000, side(40, 10)) == (None, True)


def test_strengths_are_fractions():
    _, (jump,) = after(*QUIET, (50, 51), (51, 52))
    _, (far,) = after(*QUIET, (90, 91), (91, 92))
    _, (burst,) = traded([10] * 60 + [20_000] * 5)
    assert 0 < jump.strength < far.strength <= 1 and 0 < burst.strength <= 1


def test_spreads_are_a_setting():
    assert after(*QUIET, (44, 45), (44, 46), limits=replace(LIMITS, spreads=1.0))[1]
    assert not after(*QUIET, (44, 45), (44, 46), limits=LIMITS)[1]
