"""What stands, written by the correlator and read by decisions: both must mean the same by probability, age and silence."""

from datetime import timedelta
from decimal import Decimal

import pytest

from markets.platforms.base import KALSHI
from signals.correlating import matching, predictions, standing, weighing
from signals.deciding import joining
from signals.models import Prediction, Source
from signals.times import unix_ms
from tests.signals.correlating.stored import NOW, claim, fit, market

pytestmark = pytest.mark.django_db
KEY = (KALSHI, "KXRAIN-1")
DELAY = timedelta(seconds=600)  # one half-life of the stored fit


@pytest.fixture(autouse=True)
def _a_market(db, redis):
    market()


def said():
    return standing.of([KEY], now_ms=unix_ms(NOW)).get(KEY, ())


def test_the_delay_of_a_late_item_is_counted_once():
    """The frozen probability is of when it was seen; every reader ages it from there."""
    mine = fit(weight=Decimal(1))
    predictions.record([claim(happened_at=NOW - DELAY)], now=NOW)
    (one,) = said()
    seen, later = unix_ms(NOW), unix_ms(NOW + timedelta(seconds=mine.half_life_seconds))
    frozen = float(Prediction.objects.get().probability)
    assert one.probability == frozen == 0.4 and one.base_rate == 0.2
    assert joining.chance(one, seen) == pytest.approx(frozen)
    assert joining.chance(one, later) == pytest.approx((frozen + one.base_rate) / 2)
    assert matching.together([one], now_ms=seen).up == pytest.approx(frozen)
    (part,) = matching.together([one], now_ms=later).parts
    assert part == pytest.approx((weighing.logit(frozen) - weighing.logit(0.2)) / 2)


def test_the_unscored_word_of_a_doubted_source_stops_nothing():
    source = Source.objects.create(name="wire", kind="news", state=Source.SUSPECT)
    predictions.record([claim(strength=Decimal(1))], now=NOW)
    assert said() == ()
    source.state = Source.OK
    source.save()
    predictions.record([claim("news:2", strength=Decimal(1))], now=NOW)
    assert len(said()) == 2
    assert all(joining.doubt_of(one, joining.chance(one, unix_ms(NOW))) == 1.0 for one in said())


def test_the_scored_word_of_a_doubted_source_has_no_say():
    fit()
    Source.objects.create(name="wire", kind="news", state=Source.SUSPECT)
    predictions.record([claim()], now=NOW)
    (one,) = said()
    assert joining.doubt_of(one, joining.chance(one, unix_ms(NOW))) == 0.0
