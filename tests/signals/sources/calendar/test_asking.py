"""Each calendar over HTTP: who is asked, with what, and what its refusals become; the command and the API."""

import copy
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from pydantic import SecretStr

from markets import store
from markets.models import Market
from markets.platforms.base import KALSHI
from signals.models import CalendarEvent, Source
from signals.sources import polling, registry
from signals.sources.base import Answer, Cursor, LimitReached, Malformed
from signals.sources.calendar import feeds, keeping
from tests import factories
from tests.arbsite.callers import reader, user
from tests.signals.sources.calendar.test_reading import JOBS, calendar, fed_body, fed_row
from tests.signals.sources.calendar.values import CPI, FOMC, occasion

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FRED_KEY = "k" * 32


class Served:
    """Answers in the order they are asked for; remembers what was asked."""

    def __init__(self, *bodies):
        self.bodies, self.asked = list(bodies), []

    def get(self, url, *, params=None, headers=None, budget="all"):
        self.asked.append((url, dict(params or {})))
        body = self.bodies.pop(0)
        if isinstance(body, Exception):
            raise body
        return Answer(304 if body is None else 200, body or b"", {})


def having(settings, section, **values):
    """The settings with one section changed, for this test."""
    config = copy.copy(settings.ARBSITE)
    setattr(config, section, getattr(config, section).model_copy(update=values))
    settings.ARBSITE = config


def spec(name):
    return {one.name: one for one in feeds.specs()}[name]


def poll(name, *bodies):
    served, cursor = Served(*bodies), Cursor()
    return spec(name).poll(served, cursor, NOW), served


def test_every_calendar_is_a_source():
    names = {one.name for one in feeds.specs()}
    assert names == {
        "fed",
        "bls",
        "bea",
        "fred",
        "majors",
        "polymarket-times",
        "kalshi-times",
        "kalshi-milestones",
    }
    assert names <= set(registry.all_specs())


def test_without_its_key_fred_is_off_and_says_what_to_set():
    assert "FRED_API_KEY" in spec("fred").off and not spec("bls").off


def test_calendars_are_switched_off_together(settings):
    having(settings, "calendars", enabled=False)
    assert all("CALENDARS_ENABLED" in one.off for one in feeds.specs())


def test_the_fed_and_bls_are_read():
    batch, _ = poll("fed", fed_body(fed_row(), fed_row(title="Old", month="2025-01"), fed_row(month="x")))
    assert [one.name for one in batch.records] == ["FOMC Meeting"] and batch.dropped == 1
    batch, served = poll("bls", calendar(JOBS))
    assert [one.source for one in batch.records] == ["bls"] and served.asked[0][0].endswith("bls.ics")


def test_what_has_not_changed_brings_nothing():
    for name in ("fed", "bls", "bea"):
        batch, _ = poll(name, None)
        assert batch.unchanged and not batch.records


def test_low_importance_is_shown_for_a_month_only():
    rows = [
        fed_row(title="H.4.1", time="4:30 p.m.", month=f"2026-{month}", days="3", type="Stat")
        for month in (12,)
    ]
    rows += [fed_row(title="H.4.1", month="2027-02", days="3"), fed_row(month="2027-03", days="17")]
    batch, _ = poll("fed", fed_body(*rows))
    assert [(one.name, one.starts_at.month) for one in batch.records] == [("H.4.1", 12), ("FOMC Meeting", 3)]


def test_bls_answers_403_to_who_does_not_say_whom_to_write_to():
    refusal = spec("bls").explain(403, b"<HTML>Access Denied</HTML>", {})
    assert "SOURCES_CONTACT" in str(refusal) and spec("bls").explain(500, b"", {}) is None


# --- FRED


def fred_page(count, *days, release=10):
    rows = [{"release_id": release, "release_name": "Consumer Price Index", "date": day} for day in days]
    return json.dumps({"count": count, "release_dates": rows}).encode()


@pytest.fixture
def with_key(settings):
    having(settings, "fred", api_key=SecretStr(FRED_KEY))


def test_fred_is_read_page_by_page(with_key):
    batch, served = poll("fred", fred_page(3, "2026-12-10", "2027-01-13"), fred_page(3, "2027-02-10"))
    assert [one.external_id for one in batch.records] == ["10:2026-12", "10:2027-01", "10:2027-02"]
    asked = [params for _, params in served.asked]
    assert [one["offset"] for one in asked] == [0, 1_000]
    assert (
        asked[0]["include_release_dates_with_no_data"] == "true"
        and asked[0]["realtime_start"] <= "2026-11-26"
    )
    assert FRED_KEY not in served.asked[0][0]


def test_an_empty_page_of_fred_ends_it(with_key):
    batch, served = poll("fred", fred_page(9, "2026-12-10"), fred_page(9))
    assert len(batch.records) == 1 and len(served.asked) == 2


def test_endless_pages_of_fred_are_cut(with_key):
    _, served = poll("fred", *[fred_page(10**9, "2026-12-10")] * 20)
    assert len(served.asked) == feeds.FRED_PAGES


def test_freds_limit_is_a_hundred_and_twenty_a_minute(with_key):
    assert [(one.calls, one.seconds) for one in spec("fred").budgets] == [(120, 60)]


# --- Kalshi's milestones


def milestone(number, event="KXNFLGAME-26NOV30", **changes):
    row = {"id": f"m{number}", "category": "Sports", "type": "football_game", "start_date": "2026-11-30T01:15:00Z",
           "end_date": None, "related_event_tickers": [event], "primary_event_tickers": [event], "title": "Bears at Lions",
           "notification_message": "", "details": {}, "last_updated_ts": "2026-11-22T09:00:00Z"}  # fmt: skip
    return row | changes


def milestones(*rows, cursor=""):
    return json.dumps({"milestones": list(rows), "cursor": cursor}).encode()


@pytest.fixture
def followed():
    store.upsert([factories.info(KALSHI, "KXNFLGAME-26NOV30-A", event_id="KXNFLGAME-26NOV30")], now=NOW)
    Market.objects.update(followed=True)


def test_milestones_of_followed_events_are_read(followed):
    batch, served = poll(
        "kalshi-milestones",
        milestones(milestone(1), milestone(2, "KXOTHER"), milestone(3, start_date="soon"), cursor="c"),
        milestones(milestone(4, end_date="2026-11-30T05:00:00Z"), {"id": 5}, cursor="c"),
        milestones(cursor="c"),
    )
    assert [one.external_id for one in batch.records] == ["m1", "m4"] and batch.dropped == 2
    assert batch.records[1].ends_at == datetime(2026, 11, 30, 5, tzinfo=UTC)
    assert (
        served.asked[0][1]["limit"] == 500 and served.asked[1][1]["cursor"] == "c" and len(served.asked) == 2
    )


def test_without_followed_events_no_milestone_is_asked_for():
    batch, served = poll("kalshi-milestones")
    assert not batch.records and not served.asked


def test_a_local_exchange_has_no_milestones(settings):
    having(settings, "kalshi", rest_url="http://127.0.0.1:9/trade-api/v2")
    assert "local exchange" in spec("kalshi-milestones").off


def test_what_is_no_page_of_milestones_is_malformed(followed):
    with pytest.raises(Malformed):
        poll("kalshi-milestones", b"<html>")


# --- through the floor


def test_a_poll_leaves_rows_and_health():
    polled = polling.poll("majors", now=NOW)
    assert polled.state == Source.OK and polled.kept.new == CalendarEvent.objects.count() > 10
    again = polling.poll("majors", now=NOW + timedelta(days=1), force=True)
    assert again.kept.new == 0


def test_a_refused_poll_cancels_nothing(monkeypatch):
    polling.poll("majors", now=NOW)
    before = CalendarEvent.objects.count()
    monkeypatch.setattr(
        "signals.sources.calendar.majors.occasions", lambda: (_ for _ in ()).throw(LimitReached("slow"))
    )
    polled = polling.poll("majors", now=NOW + timedelta(days=2), force=True)
    assert polled.state == Source.LIMITED
    assert CalendarEvent.objects.filter(cancelled_at__isnull=True).count() == before


# --- the command


def run(*arguments):
    out = StringIO()
    call_command("calendar", *arguments, stdout=out)
    return out.getvalue()


def kept(**changes):
    start = timezone.now() + timedelta(hours=3)
    keeping.store(
        "fed", [occasion(starts_at=start, **changes)], now=timezone.now(), patience=timedelta(hours=1)
    )
    return CalendarEvent.objects.latest("pk")


def test_the_command_lists_what_comes():
    kept()
    text = run("--days", "3")
    assert "1 events in 3 days" in text and "FOMC Meeting" in text and "exact" in text and "suspend" in text


def test_the_command_prints_json():
    event = kept()
    document = json.loads(run("--json"))
    (one,) = document["events"]
    assert (one["id"], one["time_zone"], one["certainty"]) == (event.pk, "America/New_York", "exact")
    assert [guard["level"] for guard in one["guards"]] == ["widen", "suspend", "mark"]


def test_an_empty_calendar_says_what_to_do():
    assert "manage.py source" in run()


@pytest.mark.parametrize("days", ["0", "-1", "9999"])
def test_the_command_refuses_a_wrong_span(days):
    with pytest.raises(CommandError, match="give a number from 1 to 400"):
        run("--days", days)


# --- the API


@pytest.fixture
def headers():
    return reader("signals.view_calendarevent")


def test_the_api_shows_what_comes_the_soonest_first(client, headers):
    later = occasion(
        external_id="cpi", name="Consumer Price Index", kind="release", starts_at=CPI, about=("cpi",)
    )
    keeping.store("fed", [occasion(), later], now=NOW, patience=timedelta(hours=1))
    CalendarEvent.objects.create(name="gone", source="fed", starts_at=FOMC, cancelled_at=NOW)
    rows = client.get("/api/v1/calendar?since=2026-12-01T00:00:00Z", headers=headers).json()["results"]
    assert [(row["topic"], row["starts_at"]) for row in rows] == [
        ("fomc", int(FOMC.timestamp() * 1000)), ("cpi", int(CPI.timestamp() * 1000)),
    ]  # fmt: skip
    asked = client.get("/api/v1/calendar?since=2026-12-01T00:00:00Z&kind=release", headers=headers).json()
    assert [row["name"] for row in asked["results"]] == ["Consumer Price Index"]


def test_one_event_shows_what_it_touches_and_does(client, headers):
    event = kept()
    market = factories.info(KALSHI, "KXFED-1")
    store.upsert([market], now=NOW)
    event.markets.add("KXFED-1")
    body = client.get(f"/api/v1/calendar/{event.pk}", headers=headers).json()
    assert body["markets"] == ["KXFED-1"] and body["bets"] == [] and body["moves"] == []
    assert [guard["level"] for guard in body["guards"]] == ["widen", "suspend", "mark"]


def test_the_calendar_is_closed_to_strangers(client, headers):
    assert client.get("/api/v1/calendar").status_code == 401
    assert client.get("/api/v1/calendar/1").status_code == 401
    assert client.get("/api/v1/calendar/1", headers=headers).status_code == 404


# --- the admin


def test_a_person_adds_an_event_and_its_markets_are_guarded_at_once(client):
    store.upsert([factories.info(KALSHI, "KX-SPEECH")], now=NOW)
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    at = timezone.now() + timedelta(minutes=30)
    form = {
        "name": "A speech", "source": "hand", "kind": "milestone", "starts_at_0": f"{at:%Y-%m-%d}",
        "starts_at_1": f"{at:%H:%M:%S}", "time_zone": "US/Eastern", "certainty": "exact", "importance": "high",
        "markets": ["KX-SPEECH"], "bets": [],
    }  # fmt: skip
    address = reverse("admin:signals_calendarevent_add")
    assert client.post(address, form | {"time_zone": "Nowhere"}).status_code == 200
    assert not CalendarEvent.objects.exists()
    assert client.post(address, form).status_code == 302
    event = CalendarEvent.objects.get()
    assert event.time_zone == "America/New_York" and event.metadata == {"told_ms": int(at.timestamp()) * 1000}
    from signals.sources.calendar import guards

    ms = int(at.timestamp() * 1000)
    assert guards.of([(KALSHI, "KX-SPEECH")], now_ms=ms)
    client.post(reverse("admin:signals_calendarevent_delete", args=[event.pk]), {"post": "yes"})
    assert not CalendarEvent.objects.exists() and not guards.of([(KALSHI, "KX-SPEECH")], now_ms=ms)
