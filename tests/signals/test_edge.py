"""The waterfall adds up to the last digit, and a year's return is simple interest."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from signals import edge

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
money = st.integers(1, 10**12).map(lambda n: D(n).scaleb(-6))


@given(money, money, money, money)
def test_gross_less_fees_less_rounding_is_net_and_so_is_payoff_less_outlay(payoff, notional, fee, formula):
    falls = edge.waterfall(payoff, notional, fee, formula)
    assert falls.net == falls.gross - falls.fees - falls.rounding == falls.payoff - falls.outlay
    assert falls.outlay == notional + fee
    assert falls.profit_pct == falls.net / falls.outlay
    assert falls.edge <= falls.gross_edge


def test_the_edge_is_per_dollar_of_payoff_and_the_profit_per_dollar_of_outlay():
    falls = edge.waterfall(payoff=D(100), notional=D(90), fee=D(2), formula_fee=D("1.9"))
    assert (falls.gross, falls.fees, falls.rounding, falls.outlay, falls.net) == (
        10,
        D("1.9"),
        D("0.1"),
        92,
        8,
    )
    assert (falls.gross_edge, falls.edge, falls.profit_pct) == (D("0.1"), D("0.08"), D(8) / 92)


def test_a_year_is_365_days_of_simple_interest():
    assert edge.annualised(D("0.02"), D(73)) == D("0.1")
    assert edge.annualised(D("0.02"), D(730)) == D("0.01")


def test_what_returns_at_once_has_no_return_per_year():
    assert edge.annualised(D("0.02"), D(0)) is None
    assert edge.annualised(D("0.02"), D(-1)) is None


@given(st.integers(946_684_800_000, 7_258_118_400_000), st.integers(-14, 14))
def test_milliseconds_are_exact_in_any_zone(ms, hours):
    there = timezone(timedelta(hours=hours))
    assert edge.unix_ms((EPOCH + timedelta(milliseconds=ms)).astimezone(there)) == ms


def test_days_run_from_now_to_then():
    then = datetime(2026, 1, 2, 12, tzinfo=UTC)
    now = edge.unix_ms(datetime(2026, 1, 1, tzinfo=UTC))
    assert edge.days_between(now, then) == D("1.5")
    assert edge.days_between(edge.unix_ms(then) + 86_400_000, then) == -1
