"""Rows of a calendar: moved with their dates, cancelled when gone, linked to the markets they touch, told of once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from arbsite.models import Notice
from markets import store
from markets.models import Bet, Market
from markets.models.bets import BetOutcome
from markets.platforms.base import KALSHI, POLYMARKET
from signals.models import CalendarEvent, NewsEvent, Prediction
from signals.sources.calendar import feeds, guarding, guards, keeping, linking_occasions, listing, marking
from tests import factories
from tests.signals.sources.calendar.values import CPI, FOMC, NOW, occasion

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
BEFORE = NOW - timedelta(days=20)
FED = "KXFEDDECISION-26DEC-C25"


def keep(*records, now=NOW, source="fed"):
    return keeping.keeper(source, 3_600)(records, now)


def market(market_id=FED, question="Will the Fed cut rates in December?", platform=KALSHI, **changes):
    ends = FOMC + timedelta(days=1)
    one = factories.info(platform, market_id, question=question, category="Economics",
                         **({"end": ends, "settles": ends} | changes))  # fmt: skip
    store.upsert([one], now=NOW)
    Market.objects.filter(pk=market_id).update(followed=True)
    return market_id


def starts():
    rows = CalendarEvent.objects.order_by("pk")
    return [(row.starts_at, row.cancelled_at is not None) for row in rows]


# --- rows


def test_an_occasion_is_one_row_however_often_it_is_read():
    assert keep(occasion()).new == 1
    again = keep(occasion(), now=NOW + HOUR)
    assert (again.new, again.repeats) == (0, 1)
    row = CalendarEvent.objects.get()
    assert (
        row.seen_at == NOW + HOUR and row.time_zone == "America/New_York" and row.metadata["topic"] == "fomc"
    )


def test_a_moved_date_moves_the_row_and_is_told():
    keep(occasion(), now=BEFORE)
    keep(occasion(starts_at=FOMC + timedelta(days=1)), now=BEFORE + HOUR)
    row = CalendarEvent.objects.get()
    assert row.starts_at == FOMC + timedelta(days=1) and row.cancelled_at is None
    assert row.metadata["moves"][0]["from"] == FOMC.isoformat()
    assert Notice.objects.get().kind == keeping.MOVED


def test_what_a_calendar_does_not_have_any_more_is_cancelled_after_two_readings():
    later = occasion(external_id="z", name="Later", starts_at=FOMC + timedelta(days=30))
    keep(occasion(), later, now=BEFORE)
    keep(later, now=BEFORE + HOUR)
    assert starts()[0] == (FOMC, False)  # one reading may have dropped an unreadable row
    keep(later, now=BEFORE + 2 * HOUR)
    assert starts()[0] == (FOMC, True)
    assert Notice.objects.get().kind == keeping.CANCELLED
    keep(occasion(), later, now=BEFORE + 3 * HOUR)
    assert starts()[0] == (FOMC, False) and CalendarEvent.objects.count() == 2


def test_an_empty_or_cut_reading_cancels_nothing_beyond_it():
    keep(occasion(), now=BEFORE)
    keep(now=BEFORE + 5 * HOUR)
    keep(occasion(external_id="a", name="Sooner", starts_at=FOMC - HOUR), now=BEFORE + 9 * HOUR)
    assert not CalendarEvent.objects.filter(cancelled_at__isnull=False).exists()


def test_the_past_and_other_sources_are_left_alone():
    keep(occasion(source="bea", name="Other"), now=BEFORE, source="bea")
    keep(occasion(starts_at=BEFORE - HOUR), now=BEFORE - 2 * HOUR)
    keep(occasion(external_id="z", name="Later", starts_at=FOMC + timedelta(days=30)), now=BEFORE + 9 * HOUR)
    assert not CalendarEvent.objects.filter(cancelled_at__isnull=False).exists()


def test_two_of_a_name_may_change_places():
    first, second = (occasion(external_id=name, name="H.4.1", importance="low", about=(), starts_at=FOMC + days)
                     for name, days in (("a", timedelta(0)), ("b", timedelta(days=7))))  # fmt: skip
    keep(first, second, now=BEFORE)
    swapped = [occasion(external_id=name, name="H.4.1", importance="low", about=(), starts_at=FOMC + days)
               for name, days in (("b", timedelta(0)), ("a", timedelta(days=7)))]  # fmt: skip
    keep(*swapped, now=BEFORE + HOUR)
    moved = [occasion(external_id=name, name="H.4.1", importance="low", about=(), starts_at=FOMC + days)
             for name, days in (("b", timedelta(days=7)), ("a", timedelta(days=14)))]  # fmt: skip
    keep(*moved, now=BEFORE + 2 * HOUR)
    live = CalendarEvent.objects.filter(cancelled_at__isnull=True).order_by("starts_at")
    assert [(row.external_id, row.starts_at) for row in live] == [
        ("b", FOMC + timedelta(days=7)), ("a", FOMC + timedelta(days=14)),
    ]  # fmt: skip


def test_the_same_event_twice_in_one_file_is_one_row():
    keep(occasion(external_id="x"), occasion(external_id="y"))
    keep(occasion(external_id="x"), occasion(external_id="y"), now=NOW + HOUR)
    assert CalendarEvent.objects.count() == 1


# --- links


def test_a_decision_touches_the_markets_about_it_and_their_bets():
    market()
    market("KXBTC-1", "Will Bitcoin be above $150,000 on December 31?")
    market(
        "KXFED-OLD",
        "Will the Fed cut rates in October?",
        end=FOMC - timedelta(days=40),
        settles=FOMC - timedelta(days=39),
    )
    market("KXFED-UNFOLLOWED", "Will the Fed cut rates in January?")
    Market.objects.filter(pk="KXFED-UNFOLLOWED").update(followed=False)
    bet = Bet.objects.create(id="b1", kind="yes_no", states=["a", "b"])
    BetOutcome.objects.create(bet=bet, market_id=FED, outcome="YES", pays_in=["a"])
    keep(occasion())
    event = CalendarEvent.objects.get()
    assert [one.pk for one in event.markets.all()] == [FED] and [one.pk for one in event.bets.all()] == ["b1"]


def test_a_market_that_appears_later_is_linked_by_the_next_look(django_assert_max_num_queries):
    keep(occasion())
    market()
    with django_assert_max_num_queries(8):
        assert linking_occasions.link_near(now=NOW) == 1
    assert linking_occasions.link_near(now=NOW) == 0


def test_a_source_names_markets_and_events_itself():
    market("KXNFLGAME-26DEC09-A", "Will the Bears win?", event_id="KXNFLGAME-26DEC09")
    market("KXNFLGAME-26DEC09-B", "Will the Lions win?", event_id="KXNFLGAME-26DEC09")
    one = {
        "importance": "medium",
        "kind": "milestone",
        "name": "Bears at Lions",
        "source": "kalshi-milestones",
    }
    keep(
        occasion(external_id="m1", about=("event:kalshi:KXNFLGAME-26DEC09",), **one),
        source="kalshi-milestones",
    )
    keep(occasion(external_id="m2", about=(), markets=("KXNFLGAME-26DEC09-A", "KX-NO-SUCH"), **(one | {"name": "Kickoff"})),
         source="kalshi-milestones")  # fmt: skip
    counts = {row.external_id: row.markets.count() for row in CalendarEvent.objects.all()}
    assert counts == {"m1": 2, "m2": 1}


# --- platforms


def test_platforms_own_times_have_their_certainty():
    life = {"start": NOW - timedelta(days=9)}
    market(
        "KX-EARLY",
        "Will it?",
        extra={"can_close_early": True, "expected_expiration_time": "2026-12-10T12:00:00Z"},
        **life,
    )
    market("KX-FIXED", "Will it?", extra={"can_close_early": False}, **life)
    market(
        "KX-15M",
        "Up or down?",
        start=FOMC,
        end=FOMC + timedelta(minutes=15),
        settles=FOMC + timedelta(minutes=20),
    )
    market("0xa", "Bears vs. Lions?", POLYMARKET, extra={"game_start": "2026-12-11 01:00:00+00"}, **life)
    for platform in (KALSHI, POLYMARKET):
        spec = next(one for one in feeds.specs() if one.name == f"{platform}-times")
        batch = spec.poll(None, None, NOW)
        spec.keep(batch.records, NOW)
    rows = CalendarEvent.objects.order_by("external_id")
    assert [(row.external_id, row.certainty, row.importance, row.markets.count()) for row in rows] == [
        ("close:0xa", "formality", "low", 1), ("close:KX-EARLY", "formality", "low", 1),
        ("close:KX-FIXED", "exact", "low", 1), ("milestone:0xa", "exact", "medium", 1),
        ("resolution:KX-EARLY", "tentative", "low", 1),
    ]  # fmt: skip


# --- guards


def test_guards_are_written_and_taken_away_when_the_date_moves():
    market()
    keep(occasion())
    guarding.refresh(now=NOW)
    key, ms = (KALSHI, FED), int(FOMC.timestamp() * 1000)
    assert {one.level for one in guards.of([key], now_ms=ms)[key]} == {"widen", "suspend", "mark"}
    keep(occasion(starts_at=FOMC + timedelta(days=7)), now=NOW + timedelta(minutes=1))
    guarding.refresh(now=NOW + timedelta(minutes=1))
    assert guards.of([key], now_ms=ms) == {}


def test_a_cancelled_event_loses_its_guards():
    market()
    keep(occasion())
    guarding.refresh(now=NOW)
    CalendarEvent.objects.update(cancelled_at=NOW)
    guarding.refresh(now=NOW)
    assert guards.of([(KALSHI, FED)], now_ms=int(FOMC.timestamp() * 1000)) == {}


def test_duplicates_guard_once():
    market()
    keep(occasion())
    keep(occasion(source="majors", external_id="fomc:2026-12", certainty="tentative"), source="majors")
    guarding.refresh(now=NOW)
    found = guards.of([(KALSHI, FED)], now_ms=int(FOMC.timestamp() * 1000))[KALSHI, FED]
    assert len(found) == 3


def test_people_are_told_once_and_claims_are_made_once():
    market()
    keep(occasion())
    for minute in range(0, 40, 2):
        guarding.refresh(now=NOW + timedelta(minutes=minute))
    (notice,) = Notice.objects.filter(kind=guarding.NEAR)
    assert "FOMC Meeting in 30 min; 1 markets are guarded" in notice.message
    (claim,) = Prediction.objects.all()
    assert (claim.source, claim.kind, claim.direction, claim.market_id) == (
        "calendar:fed",
        "decision",
        0,
        FED,
    )
    assert claim.seen_at < FOMC and claim.due_at == FOMC + timedelta(minutes=15)
    assert claim.item == f"calendar:{CalendarEvent.objects.get().pk}" and claim.strength == Decimal("0.8")


def test_a_date_without_a_time_claims_nothing():
    market()
    keep(occasion(certainty="date_only", starts_at=FOMC, ends_at=FOMC + timedelta(days=1)))
    guarding.refresh(now=FOMC - timedelta(minutes=2))
    assert not Prediction.objects.exists()


def test_what_a_person_adds_guards_the_bets_it_names():
    market("KX-SPEECH", "Will he say it?")
    bet = Bet.objects.create(id="b1", kind="yes_no", states=["a", "b"])
    BetOutcome.objects.create(bet=bet, market_id="KX-SPEECH", outcome="YES", pays_in=["a"])
    event = CalendarEvent.objects.create(
        name="Speech", source="hand", starts_at=FOMC, importance="high", certainty="exact"
    )
    event.bets.add(bet)
    guarding.refresh(now=NOW)
    assert guards.of([(KALSHI, "KX-SPEECH")], now_ms=int(FOMC.timestamp() * 1000))


def test_a_refresh_costs_the_same_however_much_is_scheduled(django_assert_max_num_queries):
    market()
    keep(*(occasion(external_id=f"e{number}", name=f"Event {number}", about=()) for number in range(40)))
    CalendarEvent.objects.update(metadata={"told_ms": int(FOMC.timestamp() * 1000)})
    with django_assert_max_num_queries(8 + 40 * 4):  # a row locked for each that must be told
        guarding.refresh(now=NOW)
    with django_assert_max_num_queries(3):
        guarding.refresh(now=FOMC + timedelta(minutes=30))


# --- marks


def story(headline="Fed cuts rates by a quarter point", at=FOMC + timedelta(minutes=3), **changes):
    values = {
        "headline": headline,
        "published_at": at,
        "seen_at": at,
        "categories": ["interest-rates"],
        "entities": [],
    }
    return NewsEvent.objects.create(**(values | changes))


@pytest.mark.parametrize(
    ("words", "after", "headline", "follows"),
    [
        (["Federal Reserve"], timedelta(minutes=3), "", True),
        ([], timedelta(0), "Fed holds rates steady, sees fewer cuts", True),
        (["Federal Reserve"], timedelta(minutes=-5), "", False),
        (["Federal Reserve"], timedelta(hours=3), "", False),
        (["bitcoin"], timedelta(minutes=3), "", False),
    ],
)
def test_a_story_after_the_decision_follows_it(words, after, headline, follows):
    keep(occasion())
    told = story(headline, FOMC + after, categories=[], entities=words)
    assert marking.sweep(now=FOMC + after) == follows
    told.refresh_from_db()
    assert told.calendar_event == (CalendarEvent.objects.get() if follows else None)


def test_the_sweep_marks_each_story_once(django_assert_max_num_queries):
    keep(
        occasion(),
        occasion(source="fed", external_id="cpi", name="Consumer Price Index", starts_at=CPI, about=("cpi",)),
    )
    one, other = story(), story("Bitcoin climbs", categories=["bitcoin"])
    early = story(at=FOMC - timedelta(hours=1))
    with django_assert_max_num_queries(5):
        assert marking.sweep(now=FOMC + timedelta(minutes=5)) == 1
    assert marking.sweep(now=FOMC + timedelta(minutes=6)) == 0
    one.refresh_from_db()
    assert one.calendar_event.name == "FOMC Meeting"
    assert not NewsEvent.objects.filter(pk__in=[other.pk, early.pk], calendar_event__isnull=False).exists()


# --- for people


def test_the_list_has_one_line_for_each_occasion():
    market()
    keep(occasion())
    keep(occasion(source="majors", external_id="fomc:2026-12", certainty="tentative"), source="majors")
    keep(occasion(external_id="h", name="H.4.1", importance="low", about=()))
    shown = listing.coming(now=NOW, ahead=timedelta(days=7))
    assert [
        (one.event.name, len(one.event.markets), [guard.level for guard in one.guards]) for one in shown
    ] == [("FOMC Meeting", 1, ["widen", "suspend", "mark"])]
    assert len(listing.coming(now=NOW, ahead=timedelta(days=7), low=True)) == 2
