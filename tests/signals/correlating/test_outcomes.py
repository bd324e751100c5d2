"""Judging claims: right, wrong, void; who was first; what it earned; the control."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from signals.correlating import outcomes, windows
from signals.correlating.outcomes import HIT, MISS, VOID, Asked
from signals.correlating.windows import Path, Point

CENT = 10_000
SEEN, HORIZON = 1_000_000_000, 600_000
FREE = PolymarketFees(rate=Decimal(0))


def at(seconds, bid, ask):
    """A price so many seconds after the item was seen, in cents."""
    return Point(
        SEEN + seconds * 1_000,
        None if bid is None else int(bid * CENT),
        None if ask is None else int(ask * CENT),
    )


def asked(direction=1, delay=0, **changes):
    return Asked(direction, SEEN - delay * 1_000, SEEN, HORIZON, **changes)


def judged(*points, direction=1, delay=0, fees=None):
    return outcomes.judge(asked(direction, delay), Path(points), fees=fees)


def test_a_move_beyond_the_spread_is_right():
    found = judged(at(-900, 50, 52), at(60, 54, 56), at(300, 55, 57))
    assert found.outcome == HIT and found.peak_move == Decimal("0.05") and found.mid == Decimal("0.51")
    assert found.lead_ms == found.lag_ms == 60_000 and found.moved_first == windows.ITEM
    assert found.lasted_ms == 540_000 and found.end_mid == Decimal("0.56") and found.spread == Decimal("0.02")


def test_a_move_of_just_the_spread_is_not():
    assert judged(at(-900, 50, 52), at(60, 52, 54)).outcome == MISS


def test_the_other_way_is_wrong_and_right_for_the_other_claim():
    points = at(-900, 50, 52), at(60, 40, 42)
    assert judged(*points).outcome == MISS
    assert judged(*points, direction=-1).outcome == HIT
    assert judged(*points, direction=0).outcome == HIT


def test_a_move_after_the_horizon_comes_too_late():
    assert judged(at(-900, 50, 52), at(601, 70, 72)).outcome == MISS
    assert judged(at(-900, 50, 52), at(600, 70, 72)).outcome == HIT


def test_a_quiet_market_did_not_move():
    found = judged(at(-900, 50, 52))
    assert found.outcome == MISS and found.peak_move == 0 and found.moved_first == windows.NONE


def test_a_price_that_knew_before_was_first():
    found = judged(at(-900, 50, 52), at(-120, 58, 60), at(200, 62, 64), delay=60)
    assert found.moved_first == windows.PRICE and found.lag_ms == -60_000
    assert found.outcome == HIT  # it went on moving: right is counted from where we saw it


def test_a_move_that_was_over_before_we_saw_the_item_leaves_no_time_to_act():
    found = judged(at(-900, 50, 52), at(-30, 58, 60), delay=60)
    assert found.outcome == MISS and found.moved_first == windows.ITEM
    assert found.lag_ms == 30_000 and found.lead_ms == -30_000


def test_a_move_that_comes_back_did_not_last():
    assert judged(at(-900, 50, 52), at(60, 56, 58), at(90, 51, 52)).lasted_ms == 30_000


@pytest.mark.parametrize(
    ("points", "direction", "why"),
    [
        ([], 1, outcomes.NO_PRICE),
        ([at(60, 50, 52)], 1, outcomes.NO_PRICE),
        ([at(-900, 50, None), at(60, 50, 52)], 1, outcomes.NO_SPREAD),
        ([at(-900, 52, 52)], 1, outcomes.CROSSED),
        ([at(-900, 98.9, 99.2)], 1, outcomes.NO_ROOM),
        ([at(-900, 0.6, 0.9)], -1, outcomes.NO_ROOM),
        ([at(-900, 60, 98)], 1, outcomes.NO_ROOM),
    ],
)
def test_what_cannot_be_judged_is_void_and_says_why(points, direction, why):
    found = judged(*points, direction=direction)
    assert (found.outcome, found.why) == (VOID, why)


def test_the_price_that_was_noted_wins_over_the_stored_one():
    path = Path([at(-900, 10, 12), at(60, 54, 56)])
    quote = outcomes.noted(SEEN, Decimal("0.51"), Decimal("0.02"))
    assert outcomes.judge(asked(quote=quote), path).peak_move == Decimal("0.04")
    assert outcomes.noted(SEEN, None, Decimal(1)) is None


def test_profit_is_bought_at_the_ask_and_sold_at_the_bid():
    points = at(-900, 50, 52), at(60, 55, 57)
    assert judged(*points, fees=FREE).profit == Decimal("0.03")
    assert judged(*points, direction=-1, fees=FREE).profit == Decimal("-0.07")
    assert judged(*points, direction=0, fees=FREE).profit is None
    assert judged(*points).profit is None  # an unknown schedule


def test_fees_are_the_market_s_own():
    points = at(-900, 50, 52), at(60, 55, 57)
    kalshi = KalshiFees("quadratic", Decimal(1))
    # 100 contracts: 0.07 x 100 x 0.52 x 0.48 = 1.7472 and 0.07 x 100 x 0.55 x 0.45 = 1.7325
    assert judged(*points, fees=kalshi).profit == Decimal("0.03") - Decimal("0.034797")


def test_a_bid_that_is_gone_has_no_profit_to_tell():
    assert judged(at(-900, 50, 52), at(60, None, 57), fees=FREE).profit is None


PRICES = st.lists(st.tuples(st.integers(-3_000, 3_000), st.integers(2, 96), st.integers(1, 3)), max_size=25)


@given(PRICES, PRICES, st.sampled_from([-1, 0, 1]), st.integers(0, 300))
def test_prices_outside_the_windows_change_nothing(inside, outside, direction, delay):
    first, last = -delay - 600, 600
    near = [at(when, bid, bid + wide) for when, bid, wide in inside if first < when <= last]
    near.append(at(first, 50, 52))
    far = [at(when, bid, bid + wide) for when, bid, wide in outside if when < first or when > last]
    alone = judged(*near, direction=direction, delay=delay, fees=FREE)
    assert judged(*near, *far, direction=direction, delay=delay, fees=FREE) == alone


@given(PRICES, st.integers(0, 300))
def test_yes_and_no_are_mirrored(prices, delay):
    there = [at(when, bid, bid + wide) for when, bid, wide in [(-3_001, 50, 2), *prices]]
    mirrored = [at(when, 100 - bid - wide, 100 - bid) for when, bid, wide in [(-3_001, 50, 2), *prices]]
    assert judged(*there, delay=delay, fees=FREE) == _turned(
        judged(*mirrored, direction=-1, delay=delay, fees=FREE)
    )


def _turned(found):
    from dataclasses import replace

    def other(mid):
        return None if mid is None else 1 - mid

    return replace(found, mid=other(found.mid), end_mid=other(found.end_mid))


# --- the control


@given(st.text(), st.integers(0, 100_000), st.integers(60, 50_000))
def test_a_control_is_over_before_the_item_at_its_time_of_day(name, delay, horizon):
    one = Asked(1, SEEN - delay * 1_000, SEEN, horizon * 1_000)
    moment = outcomes.control_moment(name, one)
    assert moment + one.horizon_ms <= one.happened_ms
    day_before = SEEN - outcomes.DAY_MS
    assert moment == outcomes.preceding(one) or abs(moment - day_before) <= outcomes.AROUND_MS
    assert moment == outcomes.control_moment(name, one)


def test_controls_differ_from_claim_to_claim():
    assert len({outcomes.control_moment(str(number), asked()) for number in range(100)}) == 100


def test_a_control_is_the_same_claim_elsewhere():
    path = Path([at(-5_000, 50, 52), at(-4_000, 55, 57), at(-2_000, 55, 56)])
    before = SEEN - 4_100_000
    assert outcomes.controlled(asked(), before, path) is True
    assert outcomes.controlled(asked(-1), before, path) is False
    assert outcomes.controlled(asked(), SEEN - 9_000_000, path) is None  # no price then


def test_a_move_before_the_price_was_noted_is_none_away_from_it():
    """Seen, then the market jumps, then we note the price: claims of the opposite did not come true."""
    path = Path([at(-900, 50, 52), at(1, 50, 52), at(10, 60, 62)])
    late = outcomes.noted(SEEN + 30_000, Decimal("0.61"), Decimal("0.02"))
    found = outcomes.judge(asked(-1, quote=late), path)
    assert found.outcome == MISS and found.peak_move == 0
    assert outcomes.judge(asked(1, quote=late), path).outcome == MISS
