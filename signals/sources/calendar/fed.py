"""The Federal Reserve's calendar.json. Plain Python.

The file begins with a byte-order mark, holds empty rows, several days in one string ("1, 8" or "27-28"), titles with spaces
around them and times as "2:00 p.m." of New York, or none.
"""

import re
from collections.abc import Iterator
from datetime import date, time
from typing import Any

import msgspec

from signals.sources.base import Malformed, Occasion
from signals.sources.calendar import times, topics
from signals.sources.calendar.times import NEW_YORK
from signals.sources.clean import plain

SOURCE = "fed"
# What the Fed does beyond the topics we trade, by the calendar's own type
_MEDIUM = frozenset({"testimony"})
_RANGE = re.compile(r"^(\d{1,2})\s*[-–]\s*(\d{1,2})$")


def occasions(body: bytes) -> tuple[list[Occasion], int]:
    """The calendar's events, and how many rows could not be read. Raises Malformed where it is no such calendar."""
    try:
        document = msgspec.json.decode(body.decode("utf-8-sig"))
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise Malformed("fed: the calendar is not JSON") from None
    rows = document.get("events") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise Malformed("fed: the calendar has no list of events")
    read: list[tuple[str, date, time | None, dict[str, Any]]] = []
    dropped = 0
    for row in rows:
        if not row:
            continue  # the last rows are empty
        try:
            read += _days(row)
        except (TypeError, ValueError, KeyError, AttributeError):
            dropped += 1
    names = times.stable_ids((title, day) for title, day, _, _ in read)
    return [_occasion(name, *one) for name, one in zip(names, read, strict=True)], dropped


def _days(row: dict[str, Any]) -> Iterator[tuple[str, date, time | None, dict[str, Any]]]:
    title = plain(row["title"], longest=255)
    if not title:
        raise ValueError("an event without a title")
    year, month = (int(part) for part in row["month"].split("-"))
    clock = times.clock_of(row.get("time") or "")
    days = [day for part in row["days"].split(",") for day in _between(part.strip())]
    topic = topics.of_event(title)
    if topic is not None and topic.kind == topics.DECISION:
        days = days[-1:]  # a meeting of two days decides on the last
    for day in days:
        yield title, date(year, month, day), clock, row


def _between(text: str) -> list[int]:
    found = _RANGE.match(text)
    if found is None:
        return [int(text)]
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first <= 7:
        raise ValueError(f"{text!r} is no range of days")
    return list(range(first, last + 1))


def _occasion(name: str, title: str, day: date, clock: time | None, row: dict[str, Any]) -> Occasion:
    topic = topics.of_event(title)
    kind = plain(row.get("type"), longest=40)
    low = topics.MEDIUM if kind.lower() in _MEDIUM else topics.LOW
    begin, end = (
        times.whole_day(day, NEW_YORK) if clock is None else (times.in_utc(day, clock, NEW_YORK), None)
    )
    return Occasion(
        source=SOURCE,
        external_id=name,
        name=title,
        kind=topic.kind if topic else topics.RELEASE,
        starts_at=begin,
        ends_at=end,
        time_zone=NEW_YORK,
        certainty="exact" if clock else "date_only",
        importance=topic.importance if topic else low,
        about=(topic.name,) if topic else (),
        metadata={"type": kind},
    )
