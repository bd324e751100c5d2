"""What becomes of the items of one poll: rows, claims, the stream. See `base.Keep`."""

import hashlib
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from signals.models import Source
from signals.sources.base import Item, Kept
from signals.sources.news import placing, telling
from signals.sources.news.timing import Limits, Timing, judge


def keep(items: Sequence[Item], now: datetime, *, delayed: bool = False) -> Kept:
    """Store and read what is new of these items, which one source brought. `delayed`: its plan is a day late.

    Safe to repeat, and for several workers at once. Nothing is read twice that came within the last hour.
    """
    began = time.monotonic()
    unseen = _unseen(items)
    timed = list(zip(unseen, _timings(unseen, now, delayed), strict=True))
    placed = placing.place(timed, now=now)
    telling.serve(placed.confirmed, now=now, began=began)
    _remember(unseen)
    return _counted(items, timed, placed)


def _counted(items: Sequence[Item], timed: Sequence[tuple[Item, Timing]], placed: placing.Placed) -> Kept:
    stored = {id(item) for item in placed.stored}
    new = [(item, timing) for item, timing in timed if id(item) in stored]
    believed = [timing.published_at for _, timing in new if timing.published_at is not None]
    latest = max((item.seen_at for item, _ in new), default=None)
    return Kept(
        new=len(new),
        repeats=len(items) - len(new),
        late=sum(not timing.fresh and not timing.lie for _, timing in new),
        lies=sum(timing.lie for _, timing in new),
        again=placed.again,
        newest=min(max(believed), latest) if believed and latest else None,
        latencies_ms=tuple(
            max(0, (item.seen_at - timing.published_at) // timedelta(milliseconds=1))
            for item, timing in new
            if timing.exact and timing.published_at is not None
        ),
    )


def _timings(items: Sequence[Item], now: datetime, delayed: bool) -> list[Timing]:
    late = timedelta(minutes=settings.ARBSITE.news.late_minutes)
    limits = Limits(late, timedelta(seconds=settings.ARBSITE.sources.future_seconds))
    undated = {item.source for item in items if item.published_at is None}
    followed = set(
        Source.objects.filter(pk__in=undated, answered_at__gte=now - late).values_list("pk", flat=True)
    )
    return [judge(item, limits, delayed=delayed, followed=item.source in followed) for item in items]


# --- the hour's cache: in front of the table, never instead of it


def _unseen(items: Sequence[Item]) -> list[Item]:
    """Items that did not come within the last hour; all of them where Redis is away."""
    if not items:
        return []
    try:
        known = redis_client().mget([keys.news_seen(_digest(item)) for item in items])
    except REDIS_GONE:
        return list(items)
    return [item for item, found in zip(items, known, strict=True) if found is None]


def _remember(items: Sequence[Item]) -> None:
    pipe = redis_client().pipeline(transaction=False)
    for item in items:
        pipe.set(keys.news_seen(_digest(item)), 1, ex=keys.NEWS_SEEN_TTL)
    try:
        if items:
            pipe.execute()
    except REDIS_GONE:
        return  # the table finds repeats as well


def _digest(item: Item) -> str:
    return hashlib.sha256(f"{item.source}|{item.external_id}|{item.title}".encode()).hexdigest()
