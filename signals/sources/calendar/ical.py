"""iCalendar as BLS and BEA publish it. Plain Python over the library `icalendar`.

BLS writes `DTSTART;TZID=US-Eastern:20260812T083000` with a zone that it does not define. An event that cannot be read is
left out; a rule of recurrence is followed only as far as we look, and only where it is a plain one.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from dateutil.rrule import rrulestr
from icalendar import Calendar

from signals.sources.base import Malformed, Occasion
from signals.sources.calendar import times, topics
from signals.sources.calendar.times import NEW_YORK
from signals.sources.clean import plain

MOST_EVENTS = 5_000
MOST_REPEATS = 100  # of one event, within the time we look at
LONGEST_PAST = timedelta(days=3_650)  # a rule that began earlier would be followed for too long
_PLAIN_RULES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_COSTLY = ("BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS", "BYYEARDAY", "BYWEEKNO")


def occasions(source: str, body: bytes, *, now: datetime, horizon: timedelta) -> tuple[list[Occasion], int]:
    """The events of a calendar until `horizon` after now, and how many could not be read. Raises Malformed."""
    try:
        calendar: Any = Calendar.from_ical(body.decode("utf-8-sig"))
    except (ValueError, IndexError, KeyError):
        raise Malformed(f"{source}: the answer is not an iCalendar") from None
    if calendar.name != "VCALENDAR":
        raise Malformed(f"{source}: the answer is not an iCalendar")
    default = times.zone_of(str(calendar.get("X-WR-TIMEZONE", ""))) or NEW_YORK
    read: list[tuple[str, str, str, datetime | date]] = []
    dropped = 0
    for event in calendar.walk("VEVENT")[:MOST_EVENTS]:
        try:
            read += _starts(event, default, now, horizon)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            dropped += 1
    repeated = Counter(uid for uid, *_ in read if uid)
    monthly = times.stable_ids((title, _day(start)) for _, title, _, start in read)
    found = []
    for name, (uid, title, zone, start) in zip(monthly, read, strict=True):
        known = name if not uid else uid if repeated[uid] == 1 else f"{uid[:160]}:{_day(start):%Y-%m-%d}"
        found.append(_occasion(source, known, title, zone, start))
    return found, dropped


def _starts(
    event: Any, default: str, now: datetime, horizon: timedelta
) -> Iterator[tuple[str, str, str, datetime | date]]:
    """(uid, title, zone, start as a wall clock or a day) of every time it takes place."""
    title = plain(str(event["SUMMARY"]), longest=255)
    if not title or str(event.get("STATUS", "")).upper() == "CANCELLED":
        if title:
            return
        raise ValueError("an event without a title")
    uid = plain(str(event.get("UID", "")), longest=180)
    field = event["DTSTART"]
    start = field.dt
    zone = default
    if isinstance(start, datetime):
        named = field.params.get("TZID")
        if named:
            found = times.zone_of(str(named))
            if found is None:
                raise ValueError(f"the zone {str(named)[:40]} is not known")
            zone = found
        elif start.tzinfo is not None:
            zone = "UTC"
        start = start.replace(tzinfo=None)
    rule = event.get("RRULE")
    if rule is None:
        yield uid, title, zone, start
        return
    for moment in _repeats(rule, start, now, horizon, event):
        yield uid, title, zone, moment


def _repeats(
    rule: Any, start: datetime | date, now: datetime, horizon: timedelta, event: Any
) -> Iterator[datetime | date]:
    if isinstance(rule, list):
        raise ValueError("several rules of recurrence")
    if str(rule.get("FREQ", [""])[0]).upper() not in _PLAIN_RULES or any(part in rule for part in _COSTLY):
        raise ValueError("a rule of recurrence that is no plain one")
    first = start if isinstance(start, datetime) else datetime.combine(start, time())
    today = now.replace(tzinfo=None)
    if first < today - LONGEST_PAST:
        raise ValueError("a rule of recurrence that began too long ago")
    until = today + horizon
    if int((rule.get("INTERVAL") or [1])[0]) < 1:
        raise ValueError("a rule of recurrence that never gets on")
    # Bounds are set here: a rule that fits no day would be followed to the year 9999
    plainly = {name: values for name, values in rule.items() if name not in ("UNTIL", "COUNT")}
    ends = [_naive(value) for value in rule.get("UNTIL", [])]
    text = type(rule)(plainly).to_ical().decode()
    series: Any = rrulestr(f"RRULE:{text}", dtstart=first)
    series = islice(series.replace(until=min([until, *ends])), (rule.get("COUNT") or [None])[0])
    left_out = {_naive(one.dt) for one in _dates(event.get("EXDATE"))}
    given = 0
    for moment in series:
        if given >= MOST_REPEATS:
            return
        if moment >= today - timedelta(days=2) and moment not in left_out:
            given += 1
            yield moment if isinstance(start, datetime) else moment.date()


def _dates(field: Any) -> list[Any]:
    lists = field if isinstance(field, list) else [field] if field is not None else []
    return [one for each in lists for one in each.dts]


def _naive(value: datetime | date) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.combine(value, time.max)


def _day(start: datetime | date) -> date:
    return start.date() if isinstance(start, datetime) else start


def _occasion(source: str, external_id: str, title: str, zone: str, start: datetime | date) -> Occasion:
    topic = topics.of_event(title)
    if isinstance(start, datetime):
        begin, end = times.in_utc(start.date(), start.time(), zone), None
    else:
        begin, end = times.whole_day(start, zone)
    return Occasion(
        source=source,
        external_id=external_id,
        name=title,
        kind=topic.kind if topic else topics.RELEASE,
        starts_at=begin.astimezone(UTC),
        ends_at=end,
        time_zone=zone,
        certainty="exact" if end is None else "date_only",
        importance=topic.importance if topic else topics.LOW,
        about=(topic.name,) if topic else (),
    )
