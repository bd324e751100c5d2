"""Fits are made of the past alone, once a day, and are never changed."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from signals.correlating import fits, forgetting, predictions
from signals.models import FlowPattern, Prediction, SourceFit
from tests.signals.correlating.stored import HOUR, NOW, claim, fit, market, prediction

pytestmark = pytest.mark.django_db


@pytest.fixture
def _scored(db):
    """A day of a source that is right six times out of ten, where three are usual."""
    market()
    for number in range(150):
        seen = NOW - timedelta(minutes=61 + 8 * number)
        prediction(
            f"news:{number}", seen_at=seen, happened_at=seen, judged_at=seen + HOUR, base_hit=number % 10 < 2,
            outcome="HIT" if number % 10 < 7 else "MISS", lag_ms=300_000 if number % 10 < 7 else None,
            horizon_seconds=300, half_life_seconds=200,
        )  # fmt: skip


@pytest.mark.usefixtures("_scored")
def test_a_fit_is_made_of_what_was_judged_before_it():
    prediction("news:open")
    prediction("news:later", outcome="HIT", judged_at=NOW + timedelta(seconds=1))
    prediction("news:void", outcome="VOID", judged_at=NOW)
    past = NOW - 2 * HOUR
    prediction(
        "news:knew", outcome="HIT", seen_at=past, created_at=NOW, judged_at=NOW
    )  # written when it was over
    prediction("news:old", outcome="HIT", seen_at=NOW - timedelta(days=61), judged_at=NOW)
    (made,) = fits.fit_all(now=NOW)
    assert (made.samples, made.hits, made.base_hits) == (150, 105, 30)
    assert made.fitted_until == made.active_from == NOW
    assert made.base_rate == Decimal("0.2") and made.lower < Decimal("0.7") < made.upper and made.weight > 0
    assert 0.5 < made.curve[0][1] < 0.7  # shrunk to the base rate
    assert 200 < made.half_life_seconds <= 300


@pytest.mark.usefixtures("_scored")
def test_a_young_fit_is_kept():
    assert len(fits.fit_all(now=NOW, every=timedelta(hours=23))) == 1
    assert fits.fit_all(now=NOW + HOUR, every=timedelta(hours=23)) == []
    assert len(fits.fit_all(now=NOW + timedelta(days=1), every=timedelta(hours=23))) == 1


@pytest.mark.usefixtures("_scored")
def test_two_beats_make_one_fit():
    fits.fit_all(now=NOW)
    fits.fit_all(now=NOW)
    assert SourceFit.objects.count() == 1


def test_a_fit_that_speaks_on_what_it_saw_is_refused_by_the_database(db):
    with pytest.raises(IntegrityError):
        fit(NOW, fitted_until=NOW + timedelta(seconds=1))


def test_the_active_fit_costs_one_query(db, django_assert_num_queries):
    for days in range(30):
        fit(NOW - timedelta(days=days))
    newest = fit(kind="confirmed", active_from=NOW - timedelta(days=3))
    with django_assert_num_queries(1):
        moments = {("news:wire", "headline"): NOW - timedelta(days=2, hours=1), ("news:wire", "confirmed"): NOW,
                   ("news:other", "headline"): NOW}  # fmt: skip
        found = fits.active(moments)
    assert found[("news:wire", "headline")].active_from == NOW - timedelta(days=3)
    assert found[("news:wire", "confirmed")] == newest and len(found) == 2
    assert fits.active({}) == {}


def test_a_circumstance_is_fitted_by_itself_and_teaches_the_plain_kind(db):
    market()
    flows = {"source": "whale:etherscan", "judged_at": NOW, "base_hit": False}
    for number in range(60):
        seen = NOW - timedelta(hours=number + 2)
        for kind, right in (("inflow:expanding", True), ("inflow:contracting", False), ("inflow", True)):
            prediction(
                f"{kind} {number}",
                kind=kind,
                seen_at=seen,
                happened_at=seen,
                outcome=("MISS", "HIT")[right],
                **flows,
            )
    made = {row.kind: (row.samples, row.hits) for row in fits.fit_all(now=NOW)}
    assert made == {"inflow": (180, 120), "inflow:expanding": (60, 60), "inflow:contracting": (60, 0)}


@pytest.mark.parametrize(("scored", "speaks"), [(99, "inflow"), (100, "inflow:expanding")])
def test_a_circumstance_speaks_for_itself_once_enough_of_it_is_scored(db, redis, scored, speaks):
    """Until the scorecard has shown it a regime changes nothing: the fit of all flows speaks."""
    market()
    for kind, samples in (("inflow", 500), ("inflow:expanding", scored)):
        fit(source="whale:etherscan", kind=kind, samples=samples, hits=samples // 2)
    predictions.record([claim("whale:1", source="whale:etherscan", kind="inflow:expanding")], now=NOW)
    row = Prediction.objects.get()
    assert (row.kind, row.fit.kind) == ("inflow:expanding", speaks)


def test_old_ones_are_forgotten_and_the_newest_fit_stays(db):
    market()
    long_ago = NOW - timedelta(days=91)
    used, unused = fit(NOW - timedelta(days=95)), fit(NOW - timedelta(days=94))
    only = fit(NOW - timedelta(days=200), source="news:asleep")
    prediction("news:1", seen_at=long_ago, outcome="HIT")
    prediction("news:2", seen_at=long_ago)  # open still
    kept = prediction("news:3", outcome="MISS", fit=used)
    newest = fit(NOW - timedelta(days=93))
    FlowPattern.objects.create(
        asset="USDC", exchange="a", direction="INFLOW", began_at=long_ago, last_at=long_ago, count=3, usd=1, usual=1,
        chance=0,
    )  # fmt: skip
    assert forgetting.forget(now=NOW) == 3
    assert set(Prediction.objects.values_list("item", flat=True)) == {"news:2", kept.item}
    assert set(SourceFit.objects.all()) == {used, only, newest} and unused not in SourceFit.objects.all()
