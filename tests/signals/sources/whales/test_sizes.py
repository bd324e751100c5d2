"""How unusual a transfer is, and what sign, size and age make of it."""

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.normalize import transfer_score
from signals.sources.whales import sizes
from tests.signals.sources.whales.given import NOW

HOUR = timedelta(hours=1)
dollars = st.decimals(min_value=1, max_value=10**12, places=2)


def learned(amounts, apart=timedelta(0)):
    usual, at = sizes.Usual(), NOW
    for amount in amounts:
        usual, at = sizes.learn(usual, Decimal(amount), at), at + apart
    return usual


@given(st.lists(dollars, min_size=1, max_size=40))
def test_without_time_passing_the_moments_are_those_of_all(amounts):
    logs = [math.log10(amount) for amount in amounts]
    mean = sum(logs) / len(logs)
    usual = learned(amounts)
    assert usual.weight == len(logs)
    assert usual.mean == pytest.approx(mean, abs=1e-9)
    assert usual.variance == pytest.approx(sum((value - mean) ** 2 for value in logs) / len(logs), abs=1e-9)


def test_what_was_before_counts_half_after_a_week():
    usual = sizes.learn(learned([1_000] * 8), Decimal(1_000), NOW + sizes.HALF_LIFE)
    assert usual.weight == pytest.approx(5)


def test_a_late_one_takes_nothing_away():
    usual = learned([1_000])
    later = sizes.learn(usual, Decimal(1_000), NOW - HOUR)
    assert later.weight == 2 and later.at == NOW


def test_nothing_is_learned_from_nothing():
    assert sizes.learn(sizes.Usual(), Decimal(0), NOW) == sizes.Usual()


def test_one_function_serves_the_prior_and_the_stored_alerts():
    amount = Decimal(5_000_000)
    assert (
        sizes.share(amount) == sizes.share(amount, sizes.Usual()) == transfer_score("USDC", "INFLOW", amount)
    )
    assert sizes.share(Decimal(100_000)) == 0 and sizes.share(Decimal(10**9)) == 1


def test_the_same_dollars_are_much_for_one_asset_and_usual_for_another():
    busy = learned([Decimal(10**7)] * 500 + [Decimal(2 * 10**7)] * 500)
    quiet = learned([Decimal(600_000)] * 500 + [Decimal(700_000)] * 500)
    assert (
        sizes.share(Decimal(10**7), busy)
        < Decimal("0.1")
        < Decimal("0.9")
        < sizes.share(Decimal(10**7), quiet)
    )


@given(dollars, dollars, st.lists(dollars, max_size=20))
def test_more_is_never_less(one, two, amounts):
    usual = learned(amounts)
    small, large = sorted((one, two))
    assert 0 <= sizes.share(small, usual) <= sizes.share(large, usual) <= 1


def test_a_sentiment_fades_with_age_and_has_its_sign():
    full = sizes.sentiment(1, Decimal("0.8"), timedelta(0), HOUR)
    assert (full, sizes.sentiment(-1, Decimal("0.8"), HOUR, HOUR)) == (Decimal("0.8000"), Decimal("-0.4000"))
    assert sizes.sentiment(0, Decimal(1), timedelta(0), HOUR) == 0
    assert sizes.sentiment(1, Decimal(1), -HOUR, HOUR) == 1  # a clock that is ahead gives nothing more


def test_only_stablecoins_have_a_sign_and_every_sign_its_evidence():
    signs = {(sign.asset_class, sign.direction): sign for sign in sizes.DEFAULT_SIGNS}
    assert {name for name, sign in signs.items() if sign.sign} == {
        ("stablecoin", "INFLOW"),
        ("stablecoin", "OUTFLOW"),
    }
    assert signs["stablecoin", "INFLOW"].sign == 1 and signs["stablecoin", "OUTFLOW"].sign == -1
    assert (
        all(sign.evidence for sign in signs.values())
        and "lower ETH returns" in signs["eth", "INFLOW"].evidence
    )
    assert len(signs) == 8
