"""Recording claims: what is frozen with them, what they are given, and what is published."""

from datetime import timedelta
from decimal import Decimal

import pytest

from markets.platforms.base import KALSHI
from signals.correlating import following, predictions, standing
from signals.models import Prediction, Source
from signals.times import unix_ms
from tests.factories import book, window
from tests.signals.correlating.stored import HOUR, NOW, claim, fit, market, prediction, price

pytestmark = pytest.mark.django_db
KEY = (KALSHI, "KXRAIN-1")


@pytest.fixture(autouse=True)
def _a_market(db):
    market()


def row():
    return Prediction.objects.get()


def test_without_a_fit_it_is_the_fixed_prior_and_has_no_say(redis):
    assert predictions.record([claim()], now=NOW) == 1
    assert row().probability == Decimal("0.5") and row().fit is None and row().created_at == NOW
    (said,) = standing.of([KEY], now_ms=unix_ms(NOW))[KEY]
    assert (said.weight, said.lower, said.probability, said.base_rate) == (0.0, None, 0.5, 0.5)
    assert said.due_ms == unix_ms(NOW + HOUR) and said.item == "news:1"


def test_the_fit_that_was_active_gives_probability_half_life_and_weight(redis):
    mine = fit()
    fit(NOW - timedelta(days=9), curve=[[0, 0.9]])
    fit(NOW + timedelta(seconds=1), curve=[[0, 0.1]])  # made after the item was seen: it may not speak
    fit(kind="confirmed", curve=[[0, 0.1]])
    predictions.record([claim()], now=NOW + timedelta(seconds=5))
    assert row().fit == mine and row().probability == Decimal("0.6") and row().half_life_seconds == 600
    (said,) = standing.of([KEY], now_ms=unix_ms(NOW))[KEY]
    assert (said.weight, said.lower, said.base_rate) == (0.7, 0.54, 0.2)


def test_a_late_item_is_given_less():
    fit()
    predictions.record([claim(happened_at=NOW - timedelta(seconds=600))], now=NOW)
    assert row().probability == Decimal("0.4")  # one half-life of the fit: half the strength


def test_the_live_book_is_noted():
    now_ms = unix_ms(NOW)
    window(KALSHI, {"KXRAIN-1": book([("0.38", "10")], [("0.41", "10")], now_ms)}, now_ms)
    price("KXRAIN-1", -5, "0.10", "0.20")
    predictions.record([claim()], now=NOW)
    assert (row().mid, row().spread) == (Decimal("0.395"), Decimal("0.03"))


def test_without_a_fresh_book_it_is_the_last_stored_price():
    old = unix_ms(NOW - timedelta(minutes=5))
    window(KALSHI, {"KXRAIN-1": book([("0.38", "10")], [("0.41", "10")], old)}, old)
    price("KXRAIN-1", -5, "0.10", "0.20")
    price("KXRAIN-1", 5, "0.50", "0.60")
    predictions.record([claim()], now=NOW)
    assert (row().mid, row().spread) == (Decimal("0.15"), Decimal("0.10"))


def test_without_any_price_it_is_recorded_all_the_same():
    assert predictions.record([claim()], now=NOW) == 1
    assert row().mid is None and row().spread is None


def test_no_source_waits_for_redis(redis, monkeypatch):
    from redis.exceptions import ConnectionError as RedisConnectionError

    def away(*_):
        raise RedisConnectionError

    price("KXRAIN-1", -5, "0.10", "0.20")
    with monkeypatch.context() as patch:
        patch.setattr(predictions.live, "book_views", away)
        patch.setattr(standing, "put", away)
        assert predictions.record([claim()], now=NOW) == 1
    assert row().mid == Decimal("0.15") and standing.of([KEY], now_ms=unix_ms(NOW)) == {}
    following.follow(now=NOW + timedelta(seconds=5))
    assert len(standing.of([KEY], now_ms=unix_ms(NOW))[KEY]) == 1


def test_the_price_of_now_is_not_noted_for_an_item_seen_long_ago():
    price("KXRAIN-1", -5, "0.10", "0.20")
    predictions.record([claim(seen_at=NOW - timedelta(minutes=2))], now=NOW)
    assert row().mid is None


def test_what_was_claimed_before_is_left_as_it_is():
    predictions.record([claim()], now=NOW)
    fit()
    again = [claim(direction=-1, strength=Decimal("0.1")), claim("news:2"), claim("news:2")]
    assert predictions.record(again, now=NOW) == 1
    assert Prediction.objects.get(item="news:1").direction == 1
    assert Prediction.objects.get(item="news:1").probability == Decimal("0.5")


def test_a_market_that_is_not_stored_is_left_out():
    assert predictions.record([claim(market_id="KXNONE"), claim()], now=NOW) == 1
    assert predictions.record([], now=NOW) == 0


def test_a_source_that_is_doubted_has_no_weight(redis):
    fit()
    Source.objects.create(name="wire", kind="news", state=Source.SUSPECT)
    predictions.record([claim()], now=NOW)
    assert standing.of([KEY], now_ms=unix_ms(NOW))[KEY][0].weight == 0.0
    Source.objects.filter(name="wire").update(state=Source.OK)
    predictions.record([claim("news:2")], now=NOW)
    assert [one.weight for one in standing.of([KEY], now_ms=unix_ms(NOW))[KEY]] == [0.7, 0.7]


def test_many_claims_cost_as_many_queries_as_one(django_assert_num_queries):
    for number in range(2, 12):
        market(f"KXRAIN-{number}")
    for number in range(200):
        prediction(f"news:{1000 + number}", outcome="MISS")
    queries = 7  # markets, stored claims, fits, prices, insert, sources that are not OK, what stands
    with django_assert_num_queries(queries):
        predictions.record([claim("news:1")], now=NOW)
    many = [claim(f"news:{item}", f"KXRAIN-{one}") for item in range(2, 12) for one in range(1, 12)]
    with django_assert_num_queries(queries):
        assert predictions.record(many, now=NOW) == 110
