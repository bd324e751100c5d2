"""The playbook for orders that fail: what is tried again, what is cut, what is looked up, and what is left."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.orders import playbook
from execution.orders.playbook import after, backoff_ms, new_price, smaller
from execution.plans.planning import Ticket, most_cash
from markets.platforms import trading
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.polymarket.fees import PolymarketFees
from markets.platforms.trading import Declined
from tests.signals.values import listing

POLY = listing((POLYMARKET, "a"), PolymarketFees(D("0.05")), whole_cents=True, min_value=D(1))


def ticket(size="100", price="0.45", platform=POLYMARKET, side="BUY"):
    size, price = D(size), D(price)
    spend = size * price if platform == POLYMARKET else None
    return Ticket("bet", platform, "a", "YES", side, size, price, size * price, size * price + 3, spend=spend)


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        (trading.RATE_LIMITED, playbook.AGAIN, playbook.SKIP),
        (trading.TRADING_PAUSED, playbook.AGAIN, playbook.SKIP),
        (trading.UNREACHABLE, playbook.AGAIN, playbook.SKIP),
        (trading.UNAUTHORISED, playbook.RELOAD, playbook.SKIP),
        (trading.INSUFFICIENT_BALANCE, playbook.SMALLER, playbook.SMALLER),
        (trading.DUPLICATE, playbook.LOOK_UP, playbook.LOOK_UP),
        (trading.NOT_FILLABLE, playbook.SKIP, playbook.SKIP),
        (trading.FORBIDDEN, playbook.SKIP, playbook.SKIP),
        (trading.INVALID, playbook.SKIP, playbook.SKIP),
    ],
)
def test_each_refusal_has_its_remedy(code, first, last):
    said = Declined(code, "so")
    assert after(said, sends=1, max_sends=3, reloaded=False) == first
    assert after(said, sends=3, max_sends=3, reloaded=False) == last


def test_keys_are_read_again_once():
    assert after(Declined(trading.UNAUTHORISED, "so"), sends=2, max_sends=3, reloaded=True) == playbook.SKIP


def test_each_wait_is_twice_the_one_before():
    assert [backoff_ms(sends, 250) for sends in (1, 2, 3)] == [250, 500, 1_000]


@given(st.integers(1, 500), st.integers(2, 98), st.integers(0, 30_000))
def test_what_is_cut_is_paid_for_and_no_larger_than_it_has_to_be(contracts, cents, free_cents):
    asked, free = ticket(str(contracts), str(D(cents) / 100)), D(free_cents) / 100
    cut = smaller(asked, free, POLY)
    if cut is None:
        return
    assert 0 < cut.size < asked.size and cut.cash <= free and cut.notional >= POLY.min_value
    assert cut.spend <= cut.notional and (cut.notional * 100) % 1 == 0
    step = D(100) / 100
    assert (
        most_cash("BUY", cut.size + step, cut.limit_price, POLY.fees) > free or cut.size + step >= asked.size
    )


def test_too_little_money_is_no_order():
    assert smaller(ticket(), D("0.50"), POLY) is None
    assert smaller(ticket(side="SELL"), D(10), POLY) is None
    assert smaller(ticket(platform=KALSHI), D(0), POLY) is None


def test_a_new_price_stays_near_the_first_one():
    assert new_price(ticket(price="0.50"), D("0.52"), D("0.05")) == D("0.52")
    assert new_price(ticket(price="0.50"), D("0.53"), D("0.05")) is None
    assert new_price(ticket(price="0.50", side="SELL"), D("0.48"), D("0.05")) == D("0.48")
    assert new_price(ticket(price="0.50", side="SELL"), D("0.47"), D("0.05")) is None
    assert new_price(ticket(price="0.50"), D("0.50"), D("0.05")) is None
    assert new_price(ticket(price="0.50"), None, D("0.05")) is None
