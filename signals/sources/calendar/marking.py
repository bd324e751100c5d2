"""News that follows a scheduled event: a sweep that marks each story with the event that it is about."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from signals.models import CalendarEvent, NewsEvent
from signals.sources.calendar import guarding, topics
from signals.sources.calendar.effects import DATE_ONLY, FORMALITY, MARKED, merged
from signals.sources.calendar.times import NEW_YORK, local_day
from signals.sources.calendar.topics import Topic

EARLY = timedelta(minutes=1)  # a clock of theirs that is ahead, or an embargo that ends a moment too soon
SWEPT = timedelta(hours=3)
MOST_STORIES = 500


def sweep(*, now: datetime) -> int:
    """Mark the stories of the last hours that follow an event; returns how many are newly marked."""
    stories = NewsEvent.objects.filter(
        seen_at__gte=now - SWEPT, calendar_event__isnull=True, published_at__isnull=False
    ).order_by("-seen_at")[:MOST_STORIES]
    told = [
        (story, about)
        for story in stories
        if (about := _topics([*story.categories, *story.entities], story.headline or ""))
    ]
    if not told:
        return 0
    moments = [story.published_at for story, _ in told if story.published_at is not None]
    every = {topic for _, about in told for topic in about}
    events = _events(min(moments), max(moments), every)
    marked = []
    for story, about in told:
        names = {topic.name for topic in about}
        for event in events:
            if guarding.topic_of(event) in names and _follows(event, story.published_at):
                story.calendar_event = event
                marked.append(story)
                break
    NewsEvent.objects.bulk_update(marked, ["calendar_event"])
    return len(marked)


def _topics(words: Iterable[str], text: str) -> set[Topic]:
    given = frozenset(word.lower() for word in words if isinstance(word, str))
    return {*topics.in_words(given), *topics.in_text(text[:1_000])}


def _events(first: datetime, last: datetime, about: Iterable[Topic]) -> Sequence[CalendarEvent]:
    """The events of these topics that stories between two moments may follow, the most important and newest first."""
    names = {topic.name for topic in about}
    rows = {
        row.pk: row
        for row in CalendarEvent.objects.filter(
            starts_at__range=(first - MARKED - timedelta(days=1), last + EARLY), cancelled_at__isnull=True
        ).exclude(importance=topics.LOW)[:MOST_STORIES]
        if guarding.topic_of(row) in names
    }
    # One occasion has one row here as well: the one that its guards carry
    best = merged(guarding.value_of(row, frozenset()) for row in rows.values())
    return sorted(
        (rows[value.id] for value in best),
        key=lambda row: (row.importance != topics.HIGH, -row.starts_at.timestamp()),
    )


def _follows(event: CalendarEvent, published_at: datetime | None) -> bool:
    if published_at is None or event.certainty == FORMALITY:
        return False
    if event.certainty == DATE_ONLY:
        return local_day(published_at, NEW_YORK) == local_day(event.starts_at, NEW_YORK)
    return event.starts_at - EARLY <= published_at <= event.starts_at + MARKED
