"""What a story's time is worth: fresh, late, a lie. Plain Python.

Published is not seen: a delayed source, or one that tells no time, must never make a signal that looks fresh.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from signals.sources.base import Item


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings NEWS_LATE_MINUTES and SOURCES_FUTURE_SECONDS."""

    late: timedelta
    future: timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """When it was so, as far as that is believed. `lie`: it was told with a zone and cannot be."""

    published_at: datetime | None
    exact: bool
    fresh: bool
    lie: bool = False

    def at(self, item: Item) -> datetime:
        """Its time for decay and comparison: never after it was seen."""
        return min(self.published_at or item.seen_at, item.seen_at)


def judge(item: Item, limits: Limits, *, delayed: bool, followed: bool) -> Timing:
    """Whether a story may make a signal.

    `delayed`: its source's plan is a day late, whatever the item says. `followed`: the source was read within the last
    minutes, so that what is new there is new; only then is an item without a time taken as fresh.
    """
    published = item.published_at
    if published is None:
        return Timing(None, False, followed and not delayed)
    if published - item.seen_at > limits.future:
        # Without a zone it may simply be another zone's clock; with one it is a lie
        return Timing(None, False, False, lie=item.exact)
    return Timing(published, item.exact, not delayed and item.seen_at - published <= limits.late)
