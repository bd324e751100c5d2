"""Gates: an order that the platform would refuse never gets there, and says why."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.plans.planning import Ticket
from execution.risk import gates
from markets.platforms.base import KALSHI, PAUSED, POLYMARKET, SETTLED, TickBand
from signals.findings import Listing
from tests import factories
from tests.factories import IDS, NOW

LISTING = Listing.of(factories.info(KALSHI, ticks=(TickBand(D(0), D(1), D("0.01")),), min_size=D(5)))
TICKET = Ticket("bet", KALSHI, IDS[KALSHI], "YES", "BUY", D(10), D("0.40"), D(4), D("4.17"))


def code(ticket=TICKET, listing=LISTING, **more) -> str | None:
    refusal = gates.check(ticket, listing, now=NOW, **more)
    assert refusal is None or refusal.sentence
    return refusal and refusal.code


def test_a_sound_order_passes():
    assert code() is None
    assert code(replace(TICKET, side="SELL"), held=D(10)) is None
    assert code(free=D("4.17")) is None


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"limit_price": D(0)}, "bad_price"),
        ({"limit_price": D(1)}, "bad_price"),
        ({"limit_price": D("-0.01")}, "bad_price"),
        ({"limit_price": D("NaN")}, "bad_price"),
        ({"limit_price": D("Infinity")}, "bad_price"),
        ({"limit_price": D("0.405")}, "off_tick"),
        ({"limit_price": D("0.4000000001")}, "off_tick"),
        ({"size": D(0)}, "bad_size"),
        ({"size": D(-1)}, "bad_size"),
        ({"size": D("NaN")}, "bad_size"),
        ({"size": D("4.99")}, "below_minimum"),
        ({"size": D("10.005")}, "off_step"),
        ({"size": D("10.00000001")}, "off_step"),
        ({"side": "HOLD"}, "bad_side"),
        ({"outcome": "Up"}, "bad_outcome"),
        ({"time_in_force": "WHENEVER"}, "bad_time_in_force"),
        ({"time_in_force": "GOOD_TILL_DATE"}, "bad_expiry"),
        ({"market_id": "another"}, "market_unknown"),
        ({"platform": POLYMARKET}, "market_unknown"),
    ],
)
def test_what_no_platform_would_take(changes, found):
    assert code(replace(TICKET, **changes)) == found


@pytest.mark.parametrize("status", [PAUSED, SETTLED])
def test_a_market_that_is_not_open(status):
    assert code(listing=replace(LISTING, status=status)) == "market_closed"


def test_a_market_that_nobody_knows_or_that_should_have_settled():
    assert code(listing=None) == "market_unknown"
    assert code(listing=replace(LISTING, fees=None)) == "market_unknown"
    assert code(listing=replace(LISTING, size_step=D(0))) == "market_unknown"
    assert code(listing=replace(LISTING, settles=NOW)) == "market_closed"
    assert code(listing=replace(LISTING, settles=None)) is None


def test_worth_less_than_the_platform_takes():
    assert code(listing=replace(LISTING, min_value=D(4))) is None
    assert code(listing=replace(LISTING, min_value=D("4.01"))) == "below_minimum"


def test_cash_and_contracts_are_asked_where_they_are_given():
    assert code(free=D("4.16")) == "no_balance"
    assert code(free=D("-3")) == "no_balance"
    sale = replace(TICKET, side="SELL")
    assert code(sale, held=D("9.99")) == "not_held"
    assert code(sale, free=D(0)) is None


def test_how_long_it_stands():
    later = NOW + timedelta(minutes=1)
    resting = replace(TICKET, time_in_force="GOOD_TILL_DATE")
    assert code(resting, expires_at=later) is None
    assert code(resting, expires_at=NOW) == "bad_expiry"
    assert code(TICKET, expires_at=later) == "bad_expiry"
    assert code(TICKET, post_only=True) == "bad_time_in_force"
    assert code(resting, post_only=True, expires_at=later) is None
    assert code(resting, expires_at=later, times_in_force={"FILL_OR_KILL"}) == "bad_time_in_force"


@given(st.decimals(allow_nan=True, allow_infinity=True), st.decimals(allow_nan=True, allow_infinity=True))
def test_no_number_is_too_strange_to_be_refused(price, size):
    found = code(replace(TICKET, limit_price=price, size=size))
    if found is None:
        assert 0 < price < 1 and price * 100 == int(price * 100)
        assert size >= 5 and size * 100 == int(size * 100)
