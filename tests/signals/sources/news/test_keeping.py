"""Items become stories, claims and stream entries: once each, whoever brings them and however often."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from arbsite import keys
from arbsite.models import Notice
from markets import store
from markets.platforms.base import KALSHI
from signals import normalize
from signals.language.base import Link, Reading
from signals.models import NewsCarrier, NewsEvent, Prediction, Source
from signals.sources.base import Item
from signals.sources.news import keeping, outlets, placing, telling
from tests.factories import IDS, info

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MARKET = IDS[KALSHI]


def item(title="Fed cuts rates by 25 bps", source="coindesk", seconds=60, **fields):
    """One item that was published so many seconds before it was seen; None: the source does not say."""
    values = {
        "source": source, "external_id": f"{source}:{title}", "title": title, "seen_at": NOW,
        "url": f"https://{source}.com/{abs(hash(title))}", "outlet": source, "owner": source,
        "published_at": None if seconds is None else NOW - timedelta(seconds=seconds), "exact": seconds is not None,
    }  # fmt: skip
    return Item(**(values | fields))


@pytest.fixture(autouse=True)
def _a_new_worker(monkeypatch):
    monkeypatch.setattr(placing, "_index", None)


@pytest.fixture
def reading(monkeypatch):
    """What every text says; returned to be changed."""
    said = {"reading": Reading()}
    monkeypatch.setattr(telling.language, "read", lambda *_, **__: said["reading"])
    return said


@pytest.fixture
def market(db):
    store.upsert([info(KALSHI)], now=NOW)


def speaks(direction=1, score="0.9", strength="0.8", market_id=MARKET, **fields):
    link = Link(KALSHI, market_id, Decimal(score), direction, Decimal(strength), "it names the rate")
    return Reading(
        topics=("economy",), entities=("Federal Reserve",), sentiment="positive", sentiment_score=Decimal("0.4"),
        urgency="high", impact=Decimal("0.8"), links=(link,), **fields,
    )  # fmt: skip


# --- rows


def test_a_story_is_stored_with_what_it_says(market, reading, redis):
    reading["reading"] = speaks()
    kept = keeping.keep([item(hints=("rates",))], NOW)
    assert (kept.new, kept.repeats, kept.late, kept.lies, kept.latencies_ms) == (1, 0, 0, 0, (60_000,))
    assert kept.newest == NOW - timedelta(seconds=60)
    story = NewsEvent.objects.get()
    assert (story.headline, story.source, story.via, story.fresh) == (
        "Fed cuts rates by 25 bps",
        "coindesk",
        "coindesk",
        True,
    )
    assert (story.sentiment, story.sentiment_score, story.urgency, story.impact_estimate) == (
        "positive", Decimal("0.4"), "high", Decimal("0.8"),
    )  # fmt: skip
    assert (story.categories, story.entities, story.related_markets) == (
        ["economy"],
        ["Federal Reserve"],
        [MARKET],
    )
    assert story.processed and story.owners == 1 and len(story.content_hash) == 64
    assert story.carriers.get().external_id == "coindesk:Fed cuts rates by 25 bps"


def test_what_a_source_repeats_is_one_item(db, reading):
    for _ in range(3):
        keeping.keep([item(), item()], NOW)
    assert (NewsEvent.objects.count(), NewsCarrier.objects.count()) == (1, 1)


def test_an_outlet_that_tells_its_stories_under_new_names_repeats_itself(db, reading):
    titles = ["Fed cuts rates by 25 bps", "Oil rises after OPEC meets", "Court blocks the merger"]
    first = keeping.keep([item(title) for title in titles], NOW)
    again = keeping.keep([item(title, external_id=f"new {title}") for title in titles], NOW)
    within = keeping.keep([item("Snow closes the pass", external_id=name) for name in "ab"], NOW)
    assert (first.new, first.again) == (3, 0)
    assert (again.new, again.again) == (3, 3) and NewsEvent.objects.count() == 4
    assert (within.new, within.again) == (2, 1)
    # The same ids again are only known, and ten outlets of one aggregator are ten
    assert keeping.keep([item(title) for title in titles], NOW).again == 0
    wire = [item(titles[0], source="newsapi", external_id=name, outlet=name, owner=name) for name in "abc"]
    assert keeping.keep(wire, NOW).again == 0


def test_an_empty_redis_costs_nothing(db, reading, redis):
    keeping.keep([item()], NOW)
    redis.flushdb()
    kept = keeping.keep([item()], NOW + timedelta(minutes=1))
    assert (kept.new, kept.repeats, NewsCarrier.objects.count()) == (0, 1, 1)


def test_the_hour_s_cache_saves_the_table_a_question(db, reading, redis, django_assert_num_queries):
    keeping.keep([item()], NOW)
    (key,) = redis.keys("news:seen:*")
    assert 0 < redis.ttl(key) <= keys.NEWS_SEEN_TTL
    with django_assert_num_queries(3):  # one look for what a crash left unread, in its transaction
        assert keeping.keep([item()], NOW).repeats == 1


def test_one_story_of_three_outlets_is_one_row_with_its_owners(db, reading):
    keeping.keep([item(source="cnbc", owner=outlets.owner_of("CNBC"))], NOW)
    keeping.keep(
        [
            item(
                "FED CUTS RATES BY 25 BASIS POINTS - MSNBC",
                "msnbc",
                outlet="MSNBC",
                owner=outlets.owner_of("MSNBC"),
            )
        ],
        NOW,
    )
    assert NewsEvent.objects.get().owners == 1  # one owner confirms nothing to itself
    keeping.keep(
        [item("BREAKING: Fed cuts rates by 25 bps", "reuters", owner=outlets.owner_of("Reuters"))], NOW
    )
    story = NewsEvent.objects.get()
    assert story.owners == 2 and story.carriers.count() == 3 and story.via == "cnbc"


def test_an_aggregator_confirms_nothing(db, reading):
    keeping.keep([item()], NOW)
    keeping.keep([item(source="cryptopanic", owner="")], NOW)
    assert NewsEvent.objects.get().owners == 1


def test_within_one_batch_a_story_is_one_row_and_another_is_another(db, reading):
    batch = [
        item(),
        item("Fed cuts rates by 50 bps"),
        item("Fed cuts rates by 25 bps!", url="https://x.com/b/1", owner="x"),
    ]
    assert keeping.keep(batch, NOW).new == 3
    assert sorted(NewsEvent.objects.values_list("headline", "owners")) == [
        ("Fed cuts rates by 25 bps", 2), ("Fed cuts rates by 50 bps", 1),
    ]  # fmt: skip


def test_a_new_worker_knows_what_others_stored(db, reading, monkeypatch):
    keeping.keep([item()], NOW)
    monkeypatch.setattr(placing, "_index", None)
    keeping.keep([item("Federal Reserve cuts rates by 25 basis points", "reuters")], NOW)
    assert NewsEvent.objects.count() == 1


def test_rows_that_were_removed_are_not_joined(db, reading):
    keeping.keep([item()], NOW)
    NewsEvent.objects.all().delete()  # as old ones are, while this process still remembers them
    keeping.keep([item("Federal Reserve cuts rates by 25 basis points", "reuters")], NOW)
    assert NewsEvent.objects.get().via == "reuters"


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_bring_one_story_at_once_make_one_row(monkeypatch):
    titles = [f"Committee {number} approves treaty {number * 7} of harbour towns" for number in range(20)]
    indexes = threading.local()

    def own(now):  # each thread stands for a process: its own memory
        if not hasattr(indexes, "index"):
            indexes.index = placing.Index(ratio=90, span=timedelta(hours=48))
        indexes.index.refresh(now)
        return indexes.index

    monkeypatch.setattr(placing, "shared", own)
    errors = []

    def work(source):
        try:
            for at, title in enumerate(titles):
                keeping.keep(
                    [item(title.upper() if at % 2 else f"{title} - {source}", source, outlet=source)], NOW
                )
        except Exception as error:  # noqa: BLE001 - a thread's failure must reach the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(source,)) for source in ("reuters", "bloomberg", "afp")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert NewsEvent.objects.count() == 20 and NewsCarrier.objects.count() == 60
    assert set(NewsEvent.objects.values_list("owners", flat=True)) == {3}
    assert not NewsEvent.objects.filter(processed=False).exists()


# --- time


def test_a_late_story_is_kept_and_claims_nothing(market, reading):
    reading["reading"] = speaks()
    kept = keeping.keep([item(seconds=16 * 60)], NOW)
    assert kept.late == 1 and not NewsEvent.objects.get().fresh and not Prediction.objects.exists()


def test_a_day_late_plan_is_never_fresh(market, reading):
    reading["reading"] = speaks()
    assert keeping.keep([item(seconds=5)], NOW, delayed=True).late == 1
    assert not NewsEvent.objects.get().fresh and not Prediction.objects.exists()


def test_a_time_that_cannot_be_is_a_lie(market, reading):
    reading["reading"] = speaks()
    kept = keeping.keep([item(seconds=-301)], NOW)
    story = NewsEvent.objects.get()
    assert (kept.lies, kept.late, kept.newest, kept.latencies_ms) == (1, 0, None, ())
    assert (story.published_at, story.exact_time, story.fresh) == (None, False, False)
    assert not Prediction.objects.exists()
    assert keeping.keep([item("Another story of the minute", seconds=-299)], NOW).lies == 0  # clocks differ


def test_another_zone_s_clock_is_no_lie_but_no_time_either(db, reading):
    kept = keeping.keep([item(seconds=-3_600 * 9, exact=False)], NOW)
    story = NewsEvent.objects.get()
    assert (kept.lies, story.published_at, story.fresh) == (0, None, False)


def test_without_a_time_only_a_source_that_is_followed_is_fresh(db, reading):
    keeping.keep([item(seconds=None)], NOW)
    story = NewsEvent.objects.get()
    assert (story.published_at, story.exact_time, story.fresh, story.seen_at) == (None, False, False, NOW)
    Source.objects.create(name="coindesk", kind="news", answered_at=NOW - timedelta(minutes=1))
    keeping.keep([item("Something else happened in Reykjavik", seconds=None)], NOW)
    assert NewsEvent.objects.latest("pk").fresh


# --- claims


def test_a_fresh_story_claims_what_its_links_say(market, reading, settings):
    reading["reading"] = speaks(direction=-1)
    keeping.keep([item()], NOW)
    claim = Prediction.objects.get()
    story = NewsEvent.objects.get()
    assert (claim.source, claim.kind, claim.item) == ("news:coindesk", "headline", f"news:{story.pk}")
    assert (claim.market_id, claim.direction, claim.strength) == (MARKET, -1, Decimal("0.72"))
    assert claim.happened_at == NOW - timedelta(seconds=60)
    assert timedelta(0) <= claim.seen_at - NOW < timedelta(seconds=30)
    assert claim.horizon_seconds == settings.ARBSITE.news.horizon_minutes * 60
    assert claim.half_life_seconds == settings.ARBSITE.news.half_life_minutes * 60
    assert claim.note == "it names the rate"


@pytest.mark.parametrize(
    "said", [speaks(direction=0), speaks(strength="0"), speaks(market_id="KX-UNKNOWN"), Reading()]
)
def test_what_has_no_direction_strength_or_market_claims_nothing(market, reading, said):
    reading["reading"] = said
    keeping.keep([item()], NOW)
    assert not Prediction.objects.exists() and NewsEvent.objects.get().processed


def test_a_second_owner_confirms_once(market, reading):
    reading["reading"] = speaks()
    keeping.keep([item()], NOW)
    for source in ("reuters", "bloomberg"):
        keeping.keep([item(source=source)], NOW + timedelta(minutes=2))
    pk = NewsEvent.objects.get().pk
    assert list(Prediction.objects.order_by("pk").values_list("source", "kind", "item")) == [
        ("news:coindesk", "headline", f"news:{pk}"), ("news:reuters", "confirmed", f"confirmed:{pk}"),
    ]  # fmt: skip
    assert NewsEvent.objects.get().owners == 3


def test_a_late_confirmation_is_counted_but_claims_nothing(market, reading):
    reading["reading"] = speaks()
    keeping.keep([item()], NOW)
    keeping.keep([item(source="reuters", seen_at=NOW + timedelta(hours=2))], NOW + timedelta(hours=2))
    assert NewsEvent.objects.get().owners == 2 and Prediction.objects.count() == 1


def test_what_a_crash_left_unread_is_read_by_the_next_poll(market, reading, monkeypatch):
    reading["reading"] = speaks()

    def dies(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(telling, "serve", dies)
        with pytest.raises(SystemExit):
            keeping.keep([item()], NOW)
    assert not NewsEvent.objects.get().processed
    keeping.keep([], NOW + timedelta(minutes=1))
    assert NewsEvent.objects.get().processed and Prediction.objects.count() == 1


def test_read_too_late_it_claims_nothing(market, reading):
    reading["reading"] = speaks()
    placing.place([(item(), keeping._timings([item()], NOW, False)[0])], now=NOW)
    keeping.keep([], NOW + timedelta(minutes=30))
    assert NewsEvent.objects.get().processed and not Prediction.objects.exists()


# --- who hears of it


def test_the_stream_has_the_specifications_event(market, reading, redis):
    reading["reading"] = speaks()
    keeping.keep([item()], NOW)
    ((_, entry),) = redis.xrange(keys.NEWS_STREAM)
    entry = (
        {name.decode(): value.decode() for name, value in entry.items()}
        if isinstance(next(iter(entry)), bytes)
        else entry
    )
    story = NewsEvent.objects.get()
    made = normalize.news("coindesk", telling.document(story))
    assert set(made) | {"news_id", "fresh"} == set(entry)
    assert made == telling.document(story)
    assert entry["headline"] == story.headline and entry["timestamp"] == str(1795521540000)
    assert entry["categories"] == '["economy"]' and entry["related_markets"] == f'["{MARKET}"]'
    keeping.keep([item()], NOW)
    assert redis.xlen(keys.NEWS_STREAM) == 1


@pytest.mark.parametrize(("urgency", "impact", "seconds", "count"), [
    ("high", "0.8", 60, 1), ("high", "0.6", 60, 0), ("medium", "0.9", 60, 0), ("high", "0.9", 3_600, 0),
])  # fmt: skip
def test_only_urgent_and_large_news_that_are_fresh_are_noticed(db, reading, urgency, impact, seconds, count):
    reading["reading"] = Reading(urgency=urgency, impact=Decimal(impact))
    keeping.keep([item(seconds=seconds)], NOW)
    assert Notice.objects.filter(kind="news_urgent").count() == count


def test_a_flood_of_urgent_news_is_a_few_notices(db, reading):
    reading["reading"] = Reading(urgency="high", impact=Decimal("0.9"))
    keeping.keep([item(f"Town {number} of {number * 13} burns") for number in range(40)], NOW)
    assert Notice.objects.filter(kind="news_urgent").count() == telling.MOST_NOTICES


def test_hostile_text_is_stored_as_it_is_and_harms_nothing(market, reading):
    reading["reading"] = speaks()
    title = "'; DROP TABLE news_events; -- {{7*7}} %s \\u0000 " + "x" * 900
    keeping.keep([item(title, summary='"}]}\\', external_id="x")], NOW)
    assert NewsEvent.objects.get().headline == title


def test_a_batch_is_few_statements_whatever_its_size(market, reading, django_assert_max_num_queries):
    reading["reading"] = replace(speaks(), impact=Decimal("0.5"))
    batch = [
        item(f"Story {number} of town {number * 13}", url=f"https://a.com/story/{number}")
        for number in range(200)
    ]
    keeping.keep(batch[:1], NOW)
    with django_assert_max_num_queries(30):
        began = time.process_time()
        assert keeping.keep(batch, NOW).new == 199
    assert time.process_time() - began < 3  # 2,000 a minute would be six seconds
