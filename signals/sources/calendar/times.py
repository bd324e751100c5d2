"""Times of calendars: wall clocks of a zone in UTC, whole days, and names that outlive a new date. Plain Python."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NEW_YORK = "America/New_York"
# As calendars spell zones that the database of zones calls otherwise
_ALIASES = {
    "us-eastern": NEW_YORK, "us/eastern": NEW_YORK, "eastern": NEW_YORK, "eastern standard time": NEW_YORK,
    "eastern time": NEW_YORK, "et": NEW_YORK, "est5edt": NEW_YORK, "central standard time": "America/Chicago",
    "us-central": "America/Chicago", "utc": "UTC", "gmt": "UTC", "etc/utc": "UTC",
}  # fmt: skip
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})\s*([ap])\.?\s*m\b", re.IGNORECASE)


def zone_of(name: str) -> str | None:
    """The zone's name in the database of zones; None where it is not known."""
    name = name.strip().strip('"')
    known = _ALIASES.get(name.lower(), name)
    try:
        ZoneInfo(known)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return known


def in_utc(day: date, clock: time, zone: str) -> datetime:
    """A wall clock's moment in UTC. Of an hour that a change of clocks repeats it is the first; one that it skips is read
    with the offset from before, so 2:30 becomes 3:30.
    """
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def whole_day(day: date, zone: str) -> tuple[datetime, datetime]:
    """The day's midnight and the next one in UTC: 23, 24 or 25 hours."""
    return in_utc(day, time(), zone), in_utc(day + timedelta(days=1), time(), zone)


def local_day(at: datetime, zone: str) -> date:
    """The day it is in that zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def clock_of(text: str) -> time | None:
    """The first time in a text like "2:00 p.m."; None where there is none. Raises ValueError for one that cannot be."""
    found = _CLOCK.search(text)
    if found is None:
        return None
    hour, minute, half = int(found[1]), int(found[2]), found[3].lower()
    if not 1 <= hour <= 12:
        raise ValueError(f"{text[:40]!r} is no time")
    return time(hour % 12 + (12 if half == "p" else 0), minute)


def stable_ids(rows: Iterable[tuple[str, date]]) -> list[str]:
    """A name for each (title, day) that outlives a new date: title and month where that says which, else the day too."""
    given = list(rows)
    monthly = Counter((slug(title), day.year, day.month) for title, day in given)
    return [
        f"{slug(title)}:{day:%Y-%m}"
        if monthly[slug(title), day.year, day.month] == 1
        else f"{slug(title)}:{day:%Y-%m-%d}"
        for title, day in given
    ]


def slug(text: str) -> str:
    """Letters and digits with dashes, at most 120 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:120]
