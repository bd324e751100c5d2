"""What is published stays true: emptied Redis, silent sources, words that run out; and patterns of flows."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest

from arbsite.models import Notice
from markets.platforms.base import KALSHI
from signals import subagents
from signals.correlating import flows, following, predictions, standing
from signals.correlating import tasks as correlating_tasks
from signals.deciding import joining
from signals.models import FlowPattern, NewsEvent, Prediction, Source, WhaleAlert
from signals.sources.news import telling
from signals.sources.whales import publishing as whale_stream
from signals.times import unix_ms
from tests.signals.correlating.stored import HOUR, NOW, claim, fit, market, prediction

pytestmark = pytest.mark.django_db
KEY = (KALSHI, "KXRAIN-1")
SOON = NOW + timedelta(seconds=5)


@pytest.fixture(autouse=True)
def _a_market(db):
    market()


def stands(now=SOON):
    return standing.of([KEY], now_ms=unix_ms(now)).get(KEY, ())


def test_an_emptied_redis_is_filled_again(redis):
    predictions.record([claim()], now=NOW)
    following.follow(now=SOON)
    redis.flushdb()
    assert stands() == ()
    assert following.follow(now=SOON).markets == 1
    assert len(stands()) == 1


def test_a_source_that_is_doubted_loses_its_say_and_gets_it_back(redis):
    fit()
    source = Source.objects.create(name="wire", kind="news", state=Source.OK)
    predictions.record([claim()], now=NOW)
    following.follow(now=NOW)
    assert stands()[0].weight == 0.7
    for state, weight in ((Source.SUSPECT, 0.0), (Source.OK, 0.7), (Source.OFF, 0.0), (Source.OK, 0.7)):
        Source.objects.filter(pk=source.pk).update(state=state)
        following.follow(now=SOON)
        assert stands()[0].weight == weight


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("state", [Source.STALE, Source.BROKEN, Source.LIMITED])
def test_what_a_source_said_while_it_was_well_stands_until_it_is_due(redis, state, scored):
    if scored:
        fit()
    Source.objects.create(name="wire", kind="news", state=Source.OK)
    predictions.record([claim()], now=NOW)
    following.follow(now=NOW)
    (before,) = stands()
    Source.objects.update(state=state)
    following.follow(now=SOON)
    (said,) = stands()
    # As doubtful for a trade as before, but nothing that would enlarge one
    assert joining.doubt_of(said, joining.chance(said, unix_ms(SOON))) > 0 and said.weight == before.weight
    assert said.lower == (0.0 if scored else None) and before.lower == (0.54 if scored else None)
    Source.objects.update(state=Source.OK)
    following.follow(now=SOON)
    assert stands() == (before,)
    following.follow(now=NOW + HOUR)
    assert stands(NOW + HOUR) == ()  # and then nothing does: where all are down, that is neutral


def test_our_own_prices_are_always_believed(redis):
    fit(source="price", kind="jump")
    Source.objects.create(name="price", kind="prices", state=Source.OFF)
    predictions.record([claim(source="price", kind="jump")], now=NOW)
    assert stands()[0].weight == 0.7


def test_a_word_that_has_run_out_is_taken_away(redis):
    predictions.record([claim(horizon=timedelta(seconds=30))], now=NOW)
    following.follow(now=NOW)
    late = NOW + timedelta(seconds=33)
    assert stands(late) == ()
    following.follow(now=late)
    assert redis.keys("cache:evidence:kalshi:*") == []


def test_where_nothing_changed_nothing_is_read_again(redis, django_assert_max_num_queries):
    for number in range(50):
        prediction(f"news:{number}", seen_at=NOW - timedelta(minutes=10))
    assert following.follow(now=NOW).markets == 1
    assert following.follow(now=NOW + timedelta(seconds=20)).markets == 0
    with django_assert_max_num_queries(9):
        following.follow(now=NOW + timedelta(seconds=25))


def test_everything_is_published_again_before_its_keys_expire(redis):
    prediction(seen_at=NOW - HOUR, horizon_seconds=86_400)
    following.follow(now=NOW)
    assert following.follow(now=NOW + HOUR).markets == 0
    assert following.follow(now=NOW + 7 * HOUR).markets == 1


def test_each_mark_belongs_to_who_does_the_work(redis):
    NewsEvent.objects.create(headline="Rates held")
    transfer(1)
    following.follow(now=NOW)
    assert not WhaleAlert.objects.filter(followed=False)
    # Who reads stories and tells the stream finds its work by `processed`: nobody else may set it
    assert NewsEvent.objects.filter(processed=False) and WhaleAlert.objects.filter(processed=False)


def test_a_story_that_a_crash_left_unread_is_still_read_after_a_look(redis):
    source = Source.objects.create(name="wire", kind="news", state=Source.OK)
    story = NewsEvent.objects.create(
        headline="Rates held", via=source.name, source="wire", seen_at=NOW, published_at=NOW, fresh=True
    )
    following.follow(now=NOW)
    assert telling.serve((), now=NOW, began=time.monotonic()) == 1
    story.refresh_from_db()
    assert story.processed


def test_transfers_that_were_told_to_the_stream_still_make_patterns(redis):
    for number in range(3):
        row = transfer(number, number - 10, key=f"k{number}")
    assert whale_stream.publish(NOW) == 3
    row.refresh_from_db()
    assert row.processed
    assert len(flows.follow(now=NOW)) == 1


def test_the_doors_open(redis):
    price_task = (correlating_tasks.correlate, correlating_tasks.judge_predictions, correlating_tasks.fit_sources,
                  correlating_tasks.forget)  # fmt: skip
    prediction()
    for task in price_task:
        task()
        task()
    assert Prediction.objects.get().outcome == "VOID"  # due long ago by the real clock, and without a price


# --- repeated flows


def transfer(number, minutes=0, **changes):
    values = {
        "source": "whale_alert", "transaction_hash": f"h{number}", "position": number, "asset": "USDC",
        "exchange": "binance", "direction": "INFLOW", "amount": Decimal(2_000_000),
        "happened_at": NOW + timedelta(minutes=minutes), "seen_at": NOW + timedelta(minutes=minutes),
    }  # fmt: skip
    return WhaleAlert.objects.create(**(values | changes))


def test_flows_that_repeat_are_told_once(redis):
    for number in range(3):
        transfer(number, number - 10)
    (found,) = flows.follow(now=NOW)
    assert (found.count, found.usd) == (3, Decimal(6_000_000)) and found.chance < Decimal("0.0001")
    assert not Notice.objects.exists()  # the whale monitor tells, nobody else
    assert subagents.watch(now=NOW)["pattern_detected"]
    transfer(4, -2)
    assert flows.follow(now=NOW) == []
    found.refresh_from_db()
    assert found.count == 4 and found.last_at == NOW - timedelta(minutes=2)
    assert flows.follow(now=NOW) == []
    assert not subagents.watch(now=NOW)["pattern_detected"]
    notice = Notice.objects.get(kind="pattern_detected")
    assert notice.message.startswith("3 transfers of USDC INFLOW binance where 0.0 are usual, $6,000,000")


@pytest.mark.parametrize(
    "changes",
    [
        {"exchange": None}, {"asset": ""}, {"direction": "NEUTRAL"}, {"fresh": False}, {"gone_at": NOW},
        {"happened_at": None},
    ],
)  # fmt: skip
def test_what_is_no_fresh_flow_of_an_exchange_is_no_pattern(redis, changes):
    for number in range(5):
        transfer(number, number - 10, **changes)
    assert flows.follow(now=NOW) == [] and not WhaleAlert.objects.filter(followed=False)


def test_a_busy_exchange_is_no_pattern(redis):
    for number in range(80):
        transfer(number, -20 * number)
    assert flows.follow(now=NOW) == []


def test_links_of_one_chain_are_one_movement(redis):
    head = transfer(1, -3)
    for number in (2, 3, 4):
        transfer(number, -number, chained_to=head)
    assert flows.follow(now=NOW) == []


def test_a_pattern_says_again_what_its_transfers_said(redis):
    rows = [transfer(number, number - 10) for number in range(3)]
    for row, strength in zip(rows, ("0.4", "0.6", "0.5"), strict=True):
        prediction(f"whale:{row.pk}", source="whale:whale_alert", kind="inflow", strength=Decimal(strength))
    (found,) = flows.follow(now=NOW)
    said = Prediction.objects.get(kind="pattern")
    assert said.item == f"pattern:{found.pk}" and said.source == "whale:whale_alert"
    assert said.strength == Decimal("0.9") and said.direction == 1
    assert FlowPattern.objects.count() == 1


def test_a_flow_costs_the_same_however_many_days_are_stored(redis, django_assert_num_queries):
    for number in range(300):
        transfer(1_000 + number, -60 * 25 - 60 * number, followed=True)
    transfer(1)
    with django_assert_num_queries(5):  # savepoint, new ones, ticked off, one day of theirs, release
        flows.follow(now=NOW)
