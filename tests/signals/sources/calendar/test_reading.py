"""Calendars as their publishers write them: byte-order marks, lists in strings, unknown zones, endless rules, HTML."""

import csv
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.base import KeyRefused, LimitReached, Malformed
from signals.sources.calendar import fed, fred, ical, majors, times, topics

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
YEAR = timedelta(days=400)
BOM = b"\xef\xbb\xbf"


def event(*lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def calendar(*events: str) -> bytes:
    head = ["BEGIN:VCALENDAR", "PRODID:-//Department of Labor//Bureau of Labor Statistics//EN", "VERSION:2.0"]
    return "\n".join([*head, *events, "END:VCALENDAR"]).encode()


def read(*events: str):
    return ical.occasions("bls", calendar(*events), now=NOW, horizon=YEAR)


JOBS = event("SEQUENCE:1", "UID:f657", "DTSTART;TZID=US-Eastern:20261204T083000", "DURATION:PT0M",
             "SUMMARY:Employment Situation", "LOCATION:Washington\\, DC")  # fmt: skip


# --- times


def test_half_past_eight_in_new_york_is_another_hour_of_utc_in_summer():
    summer = times.in_utc(date(2026, 8, 12), time(8, 30), times.NEW_YORK)
    winter = times.in_utc(date(2026, 12, 10), time(8, 30), times.NEW_YORK)
    assert (summer.hour, winter.hour) == (12, 13)


@given(st.dates(date(2024, 1, 1), date(2032, 12, 31)))
def test_a_release_at_half_past_eight_is_half_past_eight_there_on_every_day(day):
    at = times.in_utc(day, time(8, 30), times.NEW_YORK)
    local = at.astimezone(ZoneInfo(times.NEW_YORK))
    assert (local.date(), local.time()) == (day, time(8, 30))
    offset = local.utcoffset()
    assert at.hour == (12 if offset == timedelta(hours=-4) else 13) and at.minute == 30


@given(
    st.dates(date(2024, 1, 1), date(2032, 12, 31)), st.sampled_from([times.NEW_YORK, "Europe/London", "UTC"])
)
def test_days_follow_one_another_without_a_gap(day, zone):
    begin, end = times.whole_day(day, zone)
    assert times.whole_day(day + timedelta(days=1), zone)[0] == end
    assert (end - begin) in (timedelta(hours=23), timedelta(hours=24), timedelta(hours=25))
    assert times.local_day(begin, zone) == day


@pytest.mark.parametrize(
    ("text", "clock"),
    [("2:00 p.m.", time(14)), ("12:00 p.m.", time(12)), ("12:15 a.m.", time(0, 15)), (" 8:30 AM ET", time(8, 30)),
     ("", None), ("noon", None)],
)  # fmt: skip
def test_clocks_as_people_write_them(text, clock):
    assert times.clock_of(text) == clock


def test_a_clock_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="is no time"):
        times.clock_of("25:00 p.m.")


@pytest.mark.parametrize("name", ["US-Eastern", "Eastern Standard Time", '"America/New_York"', "US/Eastern"])
def test_new_york_has_many_names(name):
    assert times.zone_of(name) == times.NEW_YORK


@pytest.mark.parametrize("name", ["Mars/Phobos", "../../etc/passwd", "/etc/localtime", ""])
def test_what_is_no_zone_is_none(name):
    assert times.zone_of(name) is None


# --- topics


@pytest.mark.parametrize(
    ("name", "topic"),
    [("FOMC Meeting", "fomc"), ("FOMC Minutes", "fomc_minutes"), ("FOMC Press Conference", "fomc_press"),
     ("Consumer Price Index", "cpi"), ("Employment Situation", "jobs"), ("Employment Situation of Veterans", None),
     ("State Employment and Unemployment (Monthly)", None), ("GDP (Third Estimate), 3rd Quarter 2026", "gdp"),
     ("Gross Domestic Product by County", None), ("Personal Income and Outlays, October 2026", "pce"),
     ("Advance Monthly Sales for Retail and Food Services", "retail"), ("H.4.1 - Factors", None)],
)  # fmt: skip
def test_an_event_has_the_topic_of_its_name(name, topic):
    found = topics.of_event(name)
    assert (found.name if found else None) == topic


@pytest.mark.parametrize(
    ("text", "names"),
    [("Will the Fed cut rates in December?", {"fomc"}), ("Fed decision in December? (25 bps decrease)", {"fomc"}),
     ("US unemployment rate above 4.5% in November? · KXU3-26NOV-T4.5", {"jobs"}),
        ("CPI year-over-year in November", {"cpi"}),
     ("Will Bitcoin reach $150,000 by December 31?", set()), ("Will FedEx beat estimates?", set()),
     ("Will Federer play again?", set()), ("US recession in 2027?", {"gdp"}),
        ("ECB interest rate decision in December?", set()), ("UK inflation above 3%?", set()),
        ("Interest rate cut in December?", {"fomc"}), ("Inflation above 3% in November? · KXCPI-26NOV-T3", {"cpi"}),
        ("China GDP growth in Q4?", set()), ("Fed rate cut after the ECB's?", {"fomc"})],
)  # fmt: skip
def test_a_market_is_about_what_its_words_say(text, names):
    assert {topic.name for topic in topics.in_text(text)} - {"fomc_press", "fomc_minutes"} == names


# --- the Federal Reserve


def test_the_recorded_shape_of_the_fed_is_read(recorded):
    body = BOM + (recorded / "sources/calendar/fed_calendar_shape.json").read_bytes()
    found, dropped = fed.occasions(body)
    assert dropped == 0
    assert [(one.external_id, one.starts_at.hour, one.certainty) for one in found] == [
        ("fomc-meeting:2026-10", 18, "exact"), ("fomc-minutes:2026-10", 18, "exact"),
        ("h-4-1-factors-affecting-reserve-balances:2026-10-01", 20, "exact"),
        ("h-4-1-factors-affecting-reserve-balances:2026-10-08", 20, "exact"),
    ]  # fmt: skip
    assert found[0].importance == "high" and found[0].kind == "decision" and found[0].about == ("fomc",)
    assert found[1].name == "FOMC Minutes"  # without the space before it


def fed_row(**changes):
    row = {"title": "FOMC Meeting", "time": "2:00 p.m.", "month": "2026-12", "days": "9", "type": "FOMC"}
    return row | changes


def fed_body(*rows) -> bytes:
    return json.dumps({"events": list(rows)}).encode()


def test_a_meeting_of_two_days_decides_on_the_last():
    for days in ("8-9", "8, 9", "8 – 9"):
        found, _ = fed.occasions(fed_body(fed_row(days=days)))
        assert [one.starts_at for one in found] == [datetime(2026, 12, 9, 19, tzinfo=UTC)]


def test_an_event_without_a_time_is_a_day_in_new_york():
    found, _ = fed.occasions(fed_body(fed_row(time="", title="Beige Book", type="Beige")))
    assert found[0].certainty == "date_only" and found[0].time_zone == "America/New_York"
    assert (found[0].starts_at, found[0].ends_at) == (
        datetime(2026, 12, 9, 5, tzinfo=UTC), datetime(2026, 12, 10, 5, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"days": "32"}, {"days": "x"}, {"days": None}, {"month": "soon"}, {"title": None}, {"title": "<b></b>"},
     {"time": "99:00 p.m."}, {"days": "1-30"}],
)  # fmt: skip
def test_an_unreadable_row_costs_itself_alone(changes):
    found, dropped = fed.occasions(fed_body(fed_row(**changes), fed_row(), {}, "nonsense"))
    assert len(found) == 1 and dropped == 2


def test_a_title_is_text_and_nothing_else():
    found, _ = fed.occasions(
        fed_body(fed_row(title="FOMC &lt;script&gt;alert(1)&lt;/script&gt; Meeting\u202e"))
    )
    assert found[0].name == "FOMC Meeting"


@pytest.mark.parametrize("body", [b"", b"<html>Denied</html>", b"[]", b'{"events": {}}', b"\xff\xfe"])
def test_what_is_no_calendar_of_the_fed_is_malformed(body):
    with pytest.raises(Malformed):
        fed.occasions(body)


# --- iCalendar


def test_a_release_of_bls_is_read_in_its_undefined_zone():
    (one,), dropped = read(JOBS)
    assert dropped == 0 and one.external_id == "f657" and one.importance == "high"
    assert one.starts_at == datetime(2026, 12, 4, 13, 30, tzinfo=UTC) and one.time_zone == "America/New_York"


def test_utc_floating_and_whole_days_are_told_apart():
    found, _ = read(
        event("UID:a", "DTSTART:20261222T133000Z", "SUMMARY:GDP (Third Estimate)\\, 3rd Quarter"),
        event("UID:b", "DTSTART:20261222T083000", "SUMMARY:Personal Income and Outlays"),
        event("UID:c", "DTSTART;VALUE=DATE:20261210", "SUMMARY:Producer Price Index"),
    )
    assert [one.starts_at.hour for one in found] == [13, 13, 5]
    assert [one.certainty for one in found] == ["exact", "exact", "date_only"]


def test_malformed_events_are_left_out():
    found, dropped = read(
        JOBS,
        event("UID:x", "DTSTART;TZID=US-Eastern:notatime", "SUMMARY:Broken"),
        event("UID:y", "SUMMARY:Without a time"),
        event("UID:z", "DTSTART;TZID=Mars/Phobos:20261204T083000", "SUMMARY:Elsewhere"),
        event("UID:w", "DTSTART:20261204T083000"),
    )
    assert [one.external_id for one in found] == ["f657"] and dropped == 4


def test_a_cancelled_event_is_none():
    assert read(event("UID:q", "STATUS:CANCELLED", "DTSTART:20261204T083000Z", "SUMMARY:CPI")) == ([], 0)


def test_a_rule_of_recurrence_is_followed_as_far_as_we_look():
    weekly = event("UID:r", "DTSTART;TZID=US-Eastern:20261022T083000", "RRULE:FREQ=WEEKLY",
                   "EXDATE;TZID=US-Eastern:20261203T083000", "SUMMARY:Unemployment Insurance Weekly Claims")  # fmt: skip
    found, dropped = read(weekly)
    assert dropped == 0 and len(found) == 57
    days = [one.starts_at.date() for one in found]
    assert date(2026, 12, 3) not in days and days[0] == date(2026, 11, 26) and days[-1] <= (NOW + YEAR).date()
    assert len({one.external_id for one in found}) == len(found)


@pytest.mark.parametrize(
    "rule",
    ["FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=999999999", "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2", "FREQ=NEVER",
     "FREQ=DAILY;INTERVAL=0"],
)  # fmt: skip
def test_a_rule_that_would_flood_is_refused(rule):
    found, dropped = read(event("UID:f", "DTSTART:20261122T083000Z", f"RRULE:{rule}", "SUMMARY:Flood"))
    assert (found, dropped) == ([], 1)


def test_a_daily_rule_gives_a_bounded_number_of_days():
    found, _ = read(event("UID:d", "DTSTART:20240101T083000Z", "RRULE:FREQ=DAILY", "SUMMARY:Daily"))
    assert len(found) == ical.MOST_REPEATS


def test_ids_repeated_in_one_file_are_told_apart_by_their_day():
    found, _ = read(*(event("UID:same", f"DTSTART:2026120{day}T083000Z", "SUMMARY:Thing") for day in (1, 2)))
    assert [one.external_id for one in found] == ["same:2026-12-01", "same:2026-12-02"]


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Access Denied</body></html>", b"BEGIN:VCALENDAR", b"\xff\xfe"]
)
def test_what_is_no_icalendar_is_malformed(body):
    with pytest.raises(Malformed):
        ical.occasions("bls", body, now=NOW, horizon=YEAR)


@given(st.binary(max_size=400))
def test_no_body_whatever_breaks_the_reader(body):
    for text in (body, b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + body + b"\nEND:VEVENT\nEND:VCALENDAR"):
        try:
            ical.occasions("bls", text, now=NOW, horizon=YEAR)
        except Malformed:
            continue


# --- FRED


def test_a_release_of_fred_is_a_day():
    rows, count = fred.page(
        b'{"realtime_start": "2026-01-01", "count": 2, "offset": 0, "limit": 1000, "release_dates": ['
        b'{"release_id": 10, "release_name": "Consumer Price Index", "date": "2026-12-10"},'
        b'{"release_id": 101, "release_name": "FOMC Press Release", "date": "2026-12-10"},'
        b'{"release_id": 50, "release_name": "Employment Situation", "date": "."}]}'
    )
    found, dropped = fred.occasions(rows)
    assert count == 2 and dropped == 1
    assert [(one.external_id, one.name, one.certainty) for one in found] == [
        ("10:2026-12", "Consumer Price Index", "date_only")
    ]
    assert found[0].ends_at - found[0].starts_at == timedelta(days=1)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error_code": 400}', b'{"release_dates": 3}'])
def test_what_is_no_page_of_fred_is_malformed(body):
    with pytest.raises(Malformed):
        fred.page(body)


def test_fred_says_what_is_wrong_in_its_body():
    bad = b'{"error_code":400,"error_message":"Bad Request.  The value for variable api_key is not registered."}'
    refused = fred.explain(400, bad, {})
    assert isinstance(refused, KeyRefused) and "FRED_API_KEY" in str(refused)
    assert isinstance(fred.explain(429, b"", {}), LimitReached) and fred.explain(500, b"", {}) is None


# --- by hand


def test_the_hand_kept_dates_are_whole():
    found = majors.occasions()
    days = {}
    for one in found:
        days.setdefault((one.about[0], one.starts_at.year), []).append(one)
    assert [len(days[topic, 2026]) for topic in ("fomc", "fomc_press", "cpi", "jobs")] == [8, 8, 12, 12]
    assert len(days["fomc", 2027]) == 8
    assert all(one.metadata["from"] for one in found)
    assert len({(one.external_id) for one in found}) == len(found)
    local = {one.starts_at.astimezone(ZoneInfo(times.NEW_YORK)).time() for one in days["fomc", 2026]}
    assert local == {time(14)}
    # Only what was compared with the source's own page may suspend trading by itself
    assert {one.certainty for one in found if one.about[0] in ("cpi", "jobs")} == {"tentative"}


def test_every_hand_kept_date_is_a_working_day():
    assert all(one.starts_at.weekday() < 5 for one in majors.occasions())


def test_a_bad_file_says_which_entry():
    with pytest.raises(majors.BadMajors, match="entry 1"):
        majors.read("series: [{topic: weather, time: '08:30', days: [2026-01-01]}]")


def test_a_rule_that_fits_no_day_ends_and_one_that_counts_stops():
    never = event(
        "UID:n", "DTSTART:20261122T083000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=5", "SUMMARY:N"
    )
    thrice = event("UID:t", "DTSTART:20261127T083000Z", "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:T")
    found, dropped = read(never, thrice)
    assert [one.starts_at.day for one in found] == [27, 28, 29] and dropped == 0


def test_recorded_titles_are_linked_to_their_releases_and_to_nothing_else(recorded):
    with (recorded / "kalshi/pairs/title_pairs_2026-01.csv").open() as file:
        titles = {cell for row in csv.reader(file) for cell in row if len(cell) > 15}
    for line in (recorded / "kalshi/pairs/ai_labelled_candidates_2026.jsonl").read_text().splitlines():
        titles |= {text for text in _texts(json.loads(line)) if 15 < len(text) < 200 and "?" in text}
    told = re.compile(
        r"\bfed\b|\bfomc\b|federal (reserve|funds)|\bcpi\b|\binflation\b|\bgdp\b", re.IGNORECASE
    )
    about = {title for title in titles if told.search(title)} - {"Who will Trump nominate as Fed Chair?"}
    assert len(titles) > 500 and len(about) > 25
    assert {title for title in titles if topics.in_text(title)} == about


def _texts(value):
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]
