"""Urgency and impact are sums that can be followed: who says it, how, and what."""

from datetime import UTC, datetime
from decimal import Decimal

from signals.language import texts, weighing
from signals.language.base import HIGH, LOW

AT = datetime(2026, 6, 17, 18, tzinfo=UTC)


def weigh(title, topics=(), sentiment="0", **more):
    return weighing.weigh(texts.read(title, at=AT), topics, Decimal(sentiment), **more)


def test_the_office_itself_announcing_a_decision_is_urgent():
    found = weigh(
        "Federal Reserve lowers rates by 25 basis points", ("interest-rates",), outlet="Federal Reserve"
    )
    assert found.urgency == HIGH
    assert set(found.why) >= {"official", "decision", "measure"}


def test_an_opinion_about_what_might_be_is_not():
    assert weigh("Why the Fed could cut rates", ("interest-rates",)).urgency == LOW


def test_a_surprise_weighs_more_and_a_hedge_less():
    plain = weigh("CPI rises 3.4% in June", ("inflation",)).impact
    assert weigh("CPI unexpectedly rises 3.4% in June", ("inflation",)).impact > plain
    assert weigh("CPI may rise 3.4% in June", ("inflation",)).impact < plain


def test_impact_stays_between_nothing_and_all():
    loud = "BREAKING: Fed unexpectedly cuts rates 50 bps as Trump, Putin, Xi and Musk meet in shock summit"
    found = weigh(loud, ("interest-rates", "geopolitics"), "1", outlet="Federal Reserve", hints=("official",))
    assert Decimal("0.8") < found.impact <= 1
    assert weigh("").impact >= 0
