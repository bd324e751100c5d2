"""Asking sources when it is their time: which are due, one poll with its breaker, and what is remembered of it.

The breaker is the row itself: failures are counted there, and a source that failed too often in a row is left alone for a
while that doubles. So it holds over all workers and restarts. People are told once: when it opens, not of every failure.
"""

import copy
import json
import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import Q

from arbsite import registry as house
from arbsite.components import report
from arbsite.models import MEDIUM, Component, Notice
from signals.models import Source
from signals.sources import registry
from signals.sources.base import Batch, Cursor, Kept, KeyRefused, LimitReached, Malformed, SourceError, Spec
from signals.sources.blotting import blot
from signals.sources.http import Fetcher

log = logging.getLogger(__name__)

LONGEST_OPEN = timedelta(hours=1)
KEY_PAUSE = timedelta(hours=1)  # a refused key is not tried more often
CLAIM = timedelta(minutes=3)  # a poll that takes longer may be taken over
SHORTEST_STALE = timedelta(minutes=2)  # a busy machine is late by more than a cadence of seconds
SIGN_OF_LIFE = timedelta(minutes=2)  # a stream writes its row every 20 s; one that does not is dead
FEWEST_REPEATS = (
    5  # a publisher may rewrite a headline or two; who tells most of what he told again is no news
)
FORGOTTEN = timedelta(
    hours=1
)  # a row without a source in the settings, not written for so long, is of the past
# What a reader stumbles over in an answer that nobody foresaw: the source's trouble, and ours to mend
STUMBLES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, DataError, IntegrityError,
)  # fmt: skip
STATES_OF_HEALTH = {Source.OK: Component.RUNNING, Source.OFF: Component.STOPPED}


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did: the source's state afterwards, and its counts."""

    name: str
    state: str
    why: str
    kept: Kept


def due(*, now: datetime) -> list[str]:
    """Names of the sources whose time has come; rows are made for new ones, and those that were switched off say so."""
    specs = registry.all_specs()
    rows = {row.name: row for row in Source.objects.filter(name__in=specs)}
    missing = [
        Source(name=name, kind=spec.kind, updated_at=now) for name, spec in specs.items() if name not in rows
    ]
    Source.objects.bulk_create(missing, ignore_conflicts=True)
    rows |= {row.name: row for row in missing}
    found = []
    for name, spec in specs.items():
        row = rows[name]
        if spec.off or not settings.ARBSITE.sources.enabled:
            _switch_off(row, spec.off or "Set SOURCES_ENABLED=true.", now)
        elif row.next_at is None or row.next_at <= now:
            found.append(name)
    return found


def poll(name: str, *, now: datetime, force: bool = False) -> Polled | None:
    """Ask one source if it is its time (or `force`); None where it is not, or another worker is at it.

    Raises UnknownSource. What goes wrong with the source is written into its row and returned, never raised.
    """
    spec = registry.spec(name)
    if (spec.off or not settings.ARBSITE.sources.enabled) and not force:
        return None
    row = _claim(spec, now, force)
    if row is None:
        return None
    # A copy to the bottom: readers move nested places on while they read, and a poll that fails has moved nothing
    cursor = Cursor(row.etag, row.last_modified, copy.deepcopy(row.cursor))
    try:
        batch = spec.poll(Fetcher(spec, cursor), cursor, now)
        kept = spec.keep(batch.records[: len(batch.records) - _cut(spec, batch)], now)
        if "\\u0000" in json.dumps(cursor.place):
            raise Malformed(f"{name}: its place holds a NUL character, which no column takes")
    except SourceError as error:
        return _failed(row, spec, error, now)
    except STUMBLES as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "a reader stumbled",
            extra={"source": name, "error": type(error).__name__, "at": f"{place.name}:{place.lineno}"},
        )
        return _failed(row, spec, Malformed(f"{name}: cannot be read ({type(error).__name__})"), now)
    return _succeeded(row, spec, cursor, batch, kept, now)


def check_stale(*, now: datetime) -> int:
    """Mark the sources that have not succeeded for twice their cadence; returns how many are newly stale.

    Sources that have left the settings are switched off, once nobody has written their row for a while.
    """
    specs = registry.all_specs()
    found = 0
    for row in Source.objects.exclude(state=Source.OFF):
        spec = specs.get(row.name)
        if spec is None and now - row.updated_at > FORGOTTEN:
            _switch_off(row, _gone(row), now)
        elif row.state == Source.OK and (since := _silent_since(row, spec, now)) is not None:
            found += _become_stale(row, since, now)
    return found


def _silent_since(row: Source, spec: Spec | None, now: datetime) -> datetime | None:
    """Since when a source that was well is silent; None where it is not."""
    if spec is None:
        return row.updated_at if _is_stream(row) and now - row.updated_at > SIGN_OF_LIFE else None
    longest = max(spec.stale_after * timedelta(seconds=spec.every_seconds), SHORTEST_STALE)
    return row.answered_at if row.answered_at and now - row.answered_at > longest else None


def _is_stream(row: Source) -> bool:
    """Whether a process of its own writes this row, `manage.py stream NAME`."""
    return row.name in house.streams


def _gone(row: Source) -> str:
    """Why a row without a specification is off."""
    return f"Run: manage.py stream {row.name}." if _is_stream(row) else "It is not in the settings any more."


def _become_stale(row: Source, since: datetime, now: datetime) -> int:
    """1, or 0 where the row was written meanwhile. A stream's `updated_at` stays: it is the time of its last word."""
    why = f"no answer since {since:%Y-%m-%d %H:%M} UTC"
    same = Source.objects.filter(pk=row.pk, state=Source.OK, updated_at=row.updated_at)
    if not same.update(state=Source.STALE, why=why):
        return 0
    row.state, row.why = Source.STALE, why
    _tell(row, now)
    return 1


# --- one poll


def _claim(spec: Spec, now: datetime, force: bool) -> Source | None:
    """The row, its next time moved on, so that nobody else asks meanwhile."""
    Source.objects.get_or_create(name=spec.name, defaults={"kind": spec.kind, "updated_at": now})
    its_time = Q() if force else (Q(next_at__isnull=True) | Q(next_at__lte=now))
    with transaction.atomic():
        row = Source.objects.select_for_update(skip_locked=True).filter(its_time, pk=spec.name).first()
        if row is None:
            return None
        row.asked_at, row.next_at, row.updated_at = now, now + CLAIM, now
        row.save(update_fields=["asked_at", "next_at", "updated_at"])
    return row


def _succeeded(row: Source, spec: Spec, cursor: Cursor, batch: Batch, kept: Kept, now: datetime) -> Polled:
    row.etag, row.last_modified, row.cursor = cursor.etag, cursor.last_modified, cursor.place
    row.answered_at, row.failures = now, 0
    row.next_at = now + timedelta(seconds=spec.every_seconds)
    row.items += kept.new
    row.repeats += kept.repeats + kept.again
    row.late += kept.late
    row.lies += kept.lies
    cut = _cut(spec, batch)
    row.dropped += batch.dropped + cut
    if kept.newest is not None:
        row.item_at = max(filter(None, (row.item_at, min(kept.newest, now))))
    if kept.latencies_ms:
        row.latency_ms = int(median(kept.latencies_ms))
    before = row.state
    row.state, row.why = _judged(kept, cut, spec)
    if row.state == Source.SUSPECT:
        row.next_at = now + 4 * timedelta(seconds=spec.every_seconds)  # throttled
    return _written(row, kept, now, tell=row.state != before)


def _cut(spec: Spec, batch: Batch) -> int:
    """How many records are left out. Of a source that goes on where it stopped none may be: they would never come again."""
    return 0 if spec.whole else max(0, len(batch.records) - settings.ARBSITE.sources.max_items)


def _judged(kept: Kept, cut: int, spec: Spec) -> tuple[str, str]:
    """Whether a source lies about time, repeats itself or floods; what was cut off above a poll's limit counts as new."""
    config = settings.ARBSITE.sources
    most = config.flood_per_minute * max(spec.every_seconds, 60) / 60
    new = kept.new + cut
    if kept.lies:
        return Source.SUSPECT, f"{kept.lies} of its last items have a time that cannot be"
    if kept.again >= FEWEST_REPEATS and 2 * kept.again > kept.new:
        return (
            Source.SUSPECT,
            f"{kept.again} of its {kept.new} new items are its own stories again: it repeats itself",
        )
    if new > most:
        return Source.SUSPECT, f"{new} new items at once, more than {most:.0f}: it floods"
    return Source.OK, ""


def _failed(row: Source, spec: Spec, error: SourceError, now: datetime) -> Polled:
    before, row.why = (row.state, row.why), blot(str(error))[:500]
    if isinstance(error, LimitReached):
        pause = timedelta(seconds=error.retry_after or max(60, spec.every_seconds))
        row.state, row.next_at, tell = Source.LIMITED, now + pause, False
    elif isinstance(error, KeyRefused):
        row.failures += 1
        row.state, row.next_at = Source.BROKEN, now + KEY_PAUSE
        tell = before != (Source.BROKEN, row.why)
    else:
        row.failures += 1
        row.state, row.next_at = Source.BROKEN, now + _pause(row.failures, spec)
        tell = row.failures == settings.ARBSITE.sources.failures_to_open
    log.warning("source not read", extra={"source": spec.name, "error": row.why, "failures": row.failures})
    return _written(row, Kept(), now, tell=tell)


def _pause(failures: int, spec: Spec) -> timedelta:
    """The usual cadence while the breaker is closed; once it is open, its time, doubled with every failure more."""
    config = settings.ARBSITE.sources
    cadence = timedelta(seconds=spec.every_seconds)
    if failures < config.failures_to_open:
        return cadence
    doubled = config.open_seconds * 2 ** min(failures - config.failures_to_open, 10)
    return max(cadence, min(timedelta(seconds=doubled), LONGEST_OPEN))


def _written(row: Source, kept: Kept, now: datetime, *, tell: bool) -> Polled:
    row.updated_at = now
    row.save()
    if tell:
        _tell(row, now)
    _report(row, now)
    return Polled(row.name, row.state, row.why, kept)


def _switch_off(row: Source, why: str, now: datetime) -> None:
    if (row.state, row.why) != (Source.OFF, why):
        row.state, row.why, row.updated_at = Source.OFF, why, now
        row.save()


def _tell(row: Source, now: datetime) -> None:
    if row.state in (Source.BROKEN, Source.SUSPECT, Source.STALE):
        Notice.objects.record(f"source_{row.state.lower()}", row.name, row.why, severity=MEDIUM, at=now)


def _report(row: Source, now: datetime) -> None:
    report(
        f"source-{row.name}", started_at=row.asked_at or now, now=now,
        state=STATES_OF_HEALTH.get(row.state, Component.DEGRADED), why=row.why, items=row.items, failures=row.failures,
        latency_ms=row.latency_ms,
    )  # fmt: skip


def listing() -> Sequence[Source]:
    """Every source as it stands, by kind and name."""
    return list(Source.objects.order_by("kind", "name"))
