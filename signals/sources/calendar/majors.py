"""The hand-kept major dates, for days on which no agency's calendar can be read: `majors.yaml`. Plain Python."""

from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from signals.sources.base import Occasion
from signals.sources.calendar import times, topics
from signals.sources.calendar.times import NEW_YORK

SOURCE = "majors"
FILE = Path(__file__).with_name("majors.yaml")


class BadMajors(ValueError):
    """The file cannot be read; the message says which entry."""


@lru_cache(maxsize=1)
def occasions() -> tuple[Occasion, ...]:
    """Every date of the file. Raises BadMajors."""
    return tuple(read(FILE.read_text()))


def read(text: str) -> list[Occasion]:
    """The occasions of such a file. A date that the file calls unconfirmed is tentative. Raises BadMajors."""
    found = []
    for number, entry in enumerate(yaml.safe_load(text)["series"], start=1):
        try:
            found += _series(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadMajors(f"majors.yaml, entry {number}: {error!r}") from None
    return found


def _series(entry: dict[str, Any]) -> list[Occasion]:
    topic = topics.BY_NAME[entry["topic"]]
    clock = time.fromisoformat(entry["time"])
    days: list[date] = [*entry["days"]]
    ids = times.stable_ids((topic.name, day) for day in days)
    return [
        Occasion(
            source=SOURCE,
            external_id=name,
            name=entry["name"],
            kind=topic.kind,
            starts_at=times.in_utc(day, clock, NEW_YORK),
            time_zone=NEW_YORK,
            certainty="exact" if entry["confirmed"] is True else "tentative",
            importance=topic.importance,
            about=(topic.name,),
            metadata={"from": entry["from"]},
        )
        for name, day in zip(ids, days, strict=True)
    ]
