"""Items become stories: which row each belongs to, decided by one worker at a time.

All workers share the decision: it is made inside the transaction that writes it, under one advisory lock, and first takes
in what others have committed since. So two workers that bring one story at the same moment make one row of it. The index is
each worker's own memory of the last days' carriers; whatever in it is not in the table any more is dropped when met.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q

from signals.models import NewsCarrier, NewsEvent
from signals.sources.base import Item
from signals.sources.news import addresses, outlets, titles
from signals.sources.news.stories import Stories
from signals.sources.news.timing import Timing
from signals.sources.news.titles import Title

LOCK = 0x6E657773  # "news": held from the decision to the commit
TRIES = 3
CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a batch: new rows, rows that a further owner confirmed, and the items that were stored."""

    new: list[NewsEvent] = field(default_factory=list)
    confirmed: list[tuple[int, Item]] = field(
        default_factory=list
    )  # (event, the item that brought the second owner)
    stored: list[Item] = field(default_factory=list)
    again: int = 0  # of those stored: stories that the same outlet of the same source had told before


class Index:
    """This process's memory of the stories, filled from the table. `seen` is the newest carrier it has taken in."""

    def __init__(self, *, ratio: int, span: timedelta) -> None:
        self.ratio, self.span = ratio, span
        self.stories = Stories(ratio=ratio, span=span)
        self.seen = 0

    def refresh(self, now: datetime) -> None:
        """Take in what was committed since. Call it under the lock: then no lower number can still appear."""
        rows = NewsCarrier.objects.filter(pk__gt=self.seen, seen_at__gte=now - self.span)
        for pk, event, title, outlet, url, published, seen in rows.order_by("pk").values_list(
            "pk", "event_id", "title", "outlet", "url", "event__published_at", "event__seen_at"
        ).iterator(CHUNK):  # fmt: skip
            at = min(published or seen or now, seen or now)
            self.stories.add(event, read(title, outlet), addresses.name_of(url), at)
            self.seen = pk
        self.stories.forget_before(now - self.span - timedelta(days=1))


_index: Index | None = None


def shared(now: datetime) -> Index:
    """The index of this process; a new one where its settings changed."""
    global _index
    config = settings.ARBSITE.news
    span = timedelta(hours=config.same_story_hours)
    if _index is None or (_index.ratio, _index.span) != (config.same_story_ratio, span):
        _index = Index(ratio=config.same_story_ratio, span=span)
    _index.refresh(now)
    return _index


@lru_cache(maxsize=4_096)
def read(title: str, outlet: str) -> Title:
    """A headline as it is compared, without its own outlet's name or any that is known."""
    return titles.read(title, outlet, outlets.names())


def place(items: Sequence[tuple[Item, Timing]], *, now: datetime) -> Placed:
    """Store these items: each joins its story or begins one. What is there already is left as it is.

    Bulk statements in one transaction; safe to repeat, and for several workers at once.
    """
    if not items:
        return Placed()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        fresh = _unknown(items)
        index = shared(now)
        for _ in range(TRIES):
            decided = _decide(fresh, index.stories)
            gone = _gone(index.stories, {story for story in decided if story > 0})
            if not gone:
                break
        return _write(fresh, decided)


def content_hash(title: Title, headline: str, at: datetime) -> str:
    """SHA-256 of the plain title and its day (UTC), hexadecimal: the same headline of one day is one story."""
    return hashlib.sha256(f"{title.text or headline.casefold()}|{at:%Y-%m-%d}".encode()).hexdigest()


# --- the decision


def _unknown(items: Sequence[tuple[Item, Timing]]) -> list[tuple[Item, Timing]]:
    """Items that are not stored yet, each once."""
    once = {(item.source, item.external_id): (item, timing) for item, timing in reversed(items)}
    known: set[tuple[str, str]] = set()
    for source in {source for source, _ in once}:
        ids = [external for name, external in once if name == source]
        found = NewsCarrier.objects.filter(via=source, external_id__in=ids).values_list("via", "external_id")
        known.update(found)
    return [pair for key, pair in reversed(once.items()) if key not in known]


def _decide(items: Sequence[tuple[Item, Timing]], stories: Stories) -> list[int]:
    """For each item the row it joins; a negative number names a story that begins with this batch."""
    decided: list[int] = []
    begun: list[int] = []
    hashes = [content_hash(*_hashed(item, timing)) for item, timing in items]
    by_hash: dict[str, int] = dict(
        NewsEvent.objects.filter(content_hash__in=hashes).values_list("content_hash", "pk")
    )
    try:
        for (item, timing), digest in zip(items, hashes, strict=True):
            title, address, at = (
                read(item.title, item.outlet),
                addresses.name_of(item.url),
                timing.at(item),
            )
            story = stories.find(title, address, at) or by_hash.get(digest)
            if story is None:
                story = -1 - len(begun)
                begun.append(story)
                by_hash[digest] = story
            if story < 0:
                stories.add(story, title, address, at)
            decided.append(story)
    finally:  # they get their numbers from the table, and are taken in once they are committed
        for story in begun:
            stories.forget(story)
    return decided


def _hashed(item: Item, timing: Timing) -> tuple[Title, str, datetime]:
    return read(item.title, item.outlet), item.title, timing.at(item)


def _gone(stories: Stories, joined: set[int]) -> set[int]:
    """Rows that were to be joined and are not in the table (removed as old, or never committed): forgotten now."""
    known = set(NewsEvent.objects.filter(pk__in=joined).values_list("pk", flat=True)) if joined else set()
    for story in joined - known:
        stories.forget(story)
    return joined - known


# --- the rows


def _write(items: Sequence[tuple[Item, Timing]], decided: Sequence[int]) -> Placed:
    begun: dict[int, NewsEvent] = {}
    for (item, timing), story in zip(items, decided, strict=True):
        if story < 0 and story not in begun:
            begun[story] = _event(item, timing)
    NewsEvent.objects.bulk_create(begun.values())
    before = dict(
        NewsEvent.objects.filter(pk__in={story for story in decided if story > 0}).values_list("pk", "owners")
    )
    again = _told_again(items, decided)
    NewsCarrier.objects.bulk_create(
        [
            NewsCarrier(
                event_id=begun[story].pk if story < 0 else story, via=item.source, external_id=item.external_id,
                outlet=item.outlet, owner=item.owner, title=item.title, url=item.url, published_at=timing.published_at,
                seen_at=item.seen_at,
            )
            for (item, timing), story in zip(items, decided, strict=True)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    several = [story for story in begun if decided.count(story) > 1]
    touched = {**before, **{begun[story].pk: 1 for story in several}}
    counted = _count_owners(touched)
    confirmed = []
    for (item, _), story in zip(items, decided, strict=True):
        pk = begun[story].pk if story < 0 else story
        if touched.get(pk, 2) < 2 <= counted.get(pk, 0):
            touched[pk] = 2  # told once
            confirmed.append((pk, item))
    return Placed(list(begun.values()), confirmed, [item for item, _ in items], again)


def _told_again(items: Sequence[tuple[Item, Timing]], decided: Sequence[int]) -> int:
    """How many of these items tell what their outlet had told before by the same source; before they are stored.

    An aggregator that carries one story of ten outlets repeats nobody.
    """
    joined = {story for story in decided if story > 0}
    carriers = NewsCarrier.objects.filter(event_id__in=joined) if joined else NewsCarrier.objects.none()
    told = set(carriers.values_list("event_id", "via", "outlet"))
    again = 0
    for (item, _), story in zip(items, decided, strict=True):
        name = (story, item.source, item.outlet)
        again += name in told
        told.add(name)
    return again


def _event(item: Item, timing: Timing) -> NewsEvent:
    title = read(item.title, item.outlet)
    return NewsEvent(
        headline=item.title, source=item.outlet, url=item.url, via=item.source, summary=item.summary,
        content_hash=content_hash(title, item.title, timing.at(item)), title_plain=title.text,
        categories=list(item.hints),  # what the source says, until it is read
        published_at=timing.published_at, exact_time=timing.exact, seen_at=item.seen_at, fresh=timing.fresh,
        created_at=item.seen_at,
    )  # fmt: skip


def _count_owners(touched: dict[int, int]) -> dict[int, int]:
    """Distinct owners of these rows' carriers, written where they changed. An aggregator's empty owner counts nothing."""
    if not touched:
        return {}
    counted = {
        pk: max(1, owners)
        for pk, owners in NewsCarrier.objects.filter(event_id__in=touched)
        .values_list("event_id")
        .annotate(owners=Count("owner", distinct=True, filter=~Q(owner="")))
    }
    for owners in set(counted.values()):
        changed = [pk for pk, count in counted.items() if count == owners and touched[pk] != owners]
        if changed:
            NewsEvent.objects.filter(pk__in=changed).update(owners=owners)
    return counted
