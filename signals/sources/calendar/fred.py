"""FRED's release dates. Plain Python.

A date without a time, and future ones only with their flag. Its releases are the agencies', so a date is a day of New York.
Release 101 (FOMC) has a date every day: the decision is not taken from here.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from signals.sources.base import KeyRefused, LimitReached, Malformed, Occasion, SourceError
from signals.sources.calendar import times, topics
from signals.sources.calendar.times import NEW_YORK
from signals.sources.clean import plain

SOURCE = "fred"
PAGE = 1_000  # its own maximum


def page(body: bytes) -> tuple[list[dict[str, Any]], int]:
    """The rows of one page, and how many there are on all. Raises Malformed."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Malformed("fred: the answer is not JSON") from None
    rows = document.get("release_dates") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise Malformed("fred: the answer has no release_dates")
    count = document.get("count")
    return [row for row in rows if isinstance(row, dict)], count if isinstance(count, int) else len(rows)


def occasions(rows: list[dict[str, Any]]) -> tuple[list[Occasion], int]:
    """The releases of our table among these rows, and how many of them could not be read."""
    read: list[tuple[str, date]] = []
    dropped = 0
    for row in rows:
        release = row.get("release_id")
        if release not in topics.FRED_RELEASES:
            continue
        try:
            read.append((str(release), date.fromisoformat(str(row.get("date")))))
        except ValueError:
            dropped += 1
    named = {
        str(row.get("release_id")): plain(row.get("release_name"), longest=255)
        for row in rows
        if row.get("release_name")
    }
    unique = list(dict.fromkeys(read))
    ids = times.stable_ids(unique)
    return [
        _occasion(name, release, day, named) for name, (release, day) in zip(ids, unique, strict=True)
    ], dropped


def _occasion(external_id: str, release: str, day: date, names: Mapping[str, str]) -> Occasion:
    topic = topics.BY_NAME[topics.FRED_RELEASES[int(release)]]
    begin, end = times.whole_day(day, NEW_YORK)
    return Occasion(
        source=SOURCE,
        external_id=external_id,
        name=names.get(release) or topic.name.upper(),
        kind=topic.kind,
        starts_at=begin,
        ends_at=end,
        time_zone=NEW_YORK,
        certainty="date_only",
        importance=topic.importance,
        about=(topic.name,),
        metadata={"release_id": int(release)},
    )


def explain(status: int, body: bytes, _: Mapping[str, str]) -> SourceError | None:
    """What FRED means: a bad key is a 400 with a sentence about api_key; too many calls are a 429."""
    if status == 400 and b"api_key" in body:
        return KeyRefused("fred: the key is refused; set FRED_API_KEY to a free key of 32 letters and digits")
    return LimitReached("fred: more than 120 calls a minute", 60) if status == 429 else None
