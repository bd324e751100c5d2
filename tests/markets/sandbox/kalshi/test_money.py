"""The exchange's own fee formula and position arithmetic, against figures that the platform really charged."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import MICRO, micro
from markets.sandbox.kalshi.money import Position, charge, trade_fee
from markets.sandbox.orders import BUY, SELL


@pytest.mark.parametrize(
    ("count", "price", "multiplier", "fee"),
    [
        ("227.27", "0.001", "1", "0.015930"),
        ("10", "0.27", "1", "0.138000"),
        ("10", "0.27", "0.5", "0.069000"),
        ("1", "0.52", "0.5", "0.008800"),
        ("1", "0.52", "1", "0.017500"),
        ("28.32", "0.033", "1", "0.063340"),
    ],
)
def test_recorded_fees(count: str, price: str, multiplier: str, fee: str) -> None:
    size, at = micro(count), micro(price)
    exact = trade_fee(at, size, maker=False, multiplier=multiplier)
    charged = charge(-(at * size // MICRO), exact, 0)
    assert Decimal(charged.fee).scaleb(-6) == Decimal(fee)


def test_rounding_beyond_a_cent_comes_back() -> None:
    first = charge(-150_000, 4_100, 0, grid=10_000)
    assert (first.fee, first.overpaid) == (10_000, 5_900)
    second = charge(-150_000, 4_100, first.overpaid, grid=10_000)
    assert (second.fee, second.overpaid) == (0, 1_800)
    third = charge(-150_000, 4_100, second.overpaid, grid=10_000)
    assert (third.fee, third.overpaid) == (10_000, 7_700)


FILLS = st.lists(
    st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 99), st.integers(1, 500)), min_size=1, max_size=30
)


@given(FILLS, st.integers(0, 100))
def test_money_is_conserved_between_both_sides_of_every_trade(
    fills: list[tuple[str, int, int]], cents: int
) -> None:
    """Two accounts that only trade with each other end with what they had, whatever the result."""
    one, two = Position("m"), Position("m")
    money = 0
    for side, price, size in fills:
        other = SELL if side == BUY else BUY
        money += one.fill(side, price * 10_000, size * MICRO, 0) + two.fill(
            other, price * 10_000, size * MICRO, 0
        )
    assert one.count == -two.count
    money += one.settle(cents * 10_000, 0) + two.settle(cents * 10_000, 0)
    assert money == 0
    assert one.realized == -two.realized


@given(FILLS, st.integers(0, 100))
def test_realized_profit_is_the_cash_that_came_in(fills: list[tuple[str, int, int]], cents: int) -> None:
    position, cash = Position("m"), 0
    for side, price, size in fills:
        cash += position.fill(side, price * 10_000, size * MICRO, 0)
    cash += position.settle(cents * 10_000, 0)
    assert abs(position.realized - cash) <= len(fills)  # the cost of a part is cut to the micro-dollar
