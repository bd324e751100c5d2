"""Occasions become rows: one for each (source, external id), moved when its date moves, cancelled when it is gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from arbsite.models import MEDIUM, Notice
from signals.models import CalendarEvent
from signals.sources.base import Keep, Kept, Occasion
from signals.sources.calendar import linking_occasions, topics

MOVED = "calendar_event_moved"
CANCELLED = "calendar_event_cancelled"
_WHEN = "%Y-%m-%d %H:%M"
MOST_MOVES = 10  # former dates that a row remembers
_FIELDS = [
    "name", "starts_at", "ends_at", "time_zone", "certainty", "kind", "importance", "metadata", "seen_at", "cancelled_at",
    "external_id",
]  # fmt: skip


def keeper(source: str, every_seconds: int) -> Keep:
    """What keeps a calendar's occasions. What is missing for longer than one reading is cancelled."""
    patience = timedelta(seconds=1.5 * every_seconds)

    def keep(records: Sequence[Any], now: datetime) -> Kept:
        return store(source, records, now=now, patience=patience)

    return keep


def store(source: str, records: Sequence[Occasion], *, now: datetime, patience: timedelta) -> Kept:
    """Write one reading of a calendar, which is in the order of its times. Safe to repeat.

    A coming row that the reading leaves out is cancelled, but only up to the reading's last time (it may be cut there),
    and not by an empty reading: a calendar without any event is more likely broken than empty.
    """
    with transaction.atomic():
        new, changed = _write(source, records, now)
        if records:
            _cancel_missing(source, records, now, patience)
    touched = [*new, *changed]
    named = {event.pk: one.markets for event, one in touched if one.markets}
    linking_occasions.link([event for event, _ in touched], named)
    return Kept(new=len(new), repeats=len(records) - len(new))


Written = list[tuple[CalendarEvent, Occasion]]


def _write(source: str, records: Sequence[Occasion], now: datetime) -> tuple[Written, Written]:
    rows = CalendarEvent.objects.select_for_update().filter(source=source)
    by_id = {
        row.external_id: row for row in rows.filter(external_id__in=[one.external_id for one in records])
    }
    slots = {
        (row.name, row.starts_at): row
        for row in rows.filter(starts_at__in={one.starts_at for one in records}).order_by("pk")
    }
    new: Written = []
    changed: Written = []
    held: list[CalendarEvent] = []
    taken: set[int] = set()  # rows that have their occasion
    for one in {one.external_id: one for one in records}.values():
        row = by_id.get(one.external_id)
        row = None if row is not None and row.pk in taken else row
        occupant = slots.get((one.name, one.starts_at))
        if occupant is not None and occupant is not row:
            # The same event under a new id, or two of a name that changed places: the row at that time is the one
            if row is not None:
                _retire(row, now)
            if occupant.pk in taken:
                continue  # the same event twice in one reading
            row = occupant
        before = None if row is None else (row.name, row.starts_at, row.cancelled_at)
        if row is None:
            row = CalendarEvent(source=source, created_at=now)
        elif row.starts_at != one.starts_at:
            slots.pop((row.name, row.starts_at), None)
            _moved(row, one, now)
        _fill(row, one, now)
        slots[one.name, one.starts_at] = row
        if row.pk is None:
            row.save()
            new.append((row, one))
        else:
            held.append(row)
            if before != (row.name, row.starts_at, None):
                changed.append((row, one))
                row.save(update_fields=_FIELDS)  # at once: the place it left may be taken by the next one
        taken.add(row.pk)
    CalendarEvent.objects.bulk_update(held, _FIELDS, batch_size=500)
    return new, changed


def _fill(row: CalendarEvent, one: Occasion, now: datetime) -> None:
    topic = next((name for name in one.about if name in topics.BY_NAME), "")
    told = {name: value for name, value in row.metadata.items() if name in _OURS}
    row.external_id, row.name, row.kind = one.external_id, one.name, one.kind
    row.starts_at, row.ends_at, row.time_zone = one.starts_at, one.ends_at, one.time_zone
    row.certainty, row.importance = one.certainty, one.importance
    row.seen_at, row.cancelled_at = now, None
    events = [name for name in one.about if name.startswith("event:")]
    row.metadata = {
        **one.metadata,
        **told,
        **({"topic": topic} if topic else {}),
        **({"events": events} if events else {}),
    }


_OURS = ("moves", "moved_ms", "told_ms", "claimed_ms")


def _moved(row: CalendarEvent, one: Occasion, now: datetime) -> None:
    moves = [*row.metadata.get("moves", []), {"from": row.starts_at.isoformat(), "seen": now.isoformat()}]
    row.metadata = {**row.metadata, "moves": moves[-MOST_MOVES:], "moved_ms": int(now.timestamp() * 1_000)}
    if one.importance == topics.HIGH:
        Notice.objects.record(
            MOVED, str(row.pk), f"{one.name} moved from {row.starts_at:{_WHEN}} to {one.starts_at:{_WHEN}} UTC",
            severity=MEDIUM, at=now, source=row.source,
        )  # fmt: skip


def _retire(row: CalendarEvent, now: datetime) -> None:
    """A row whose event is another row now: it keeps no name of its source."""
    row.cancelled_at, row.external_id = row.cancelled_at or now, ""
    row.save(update_fields=["cancelled_at", "external_id"])


def _cancel_missing(source: str, records: Sequence[Occasion], now: datetime, patience: timedelta) -> None:
    last = max(one.starts_at for one in records)
    missing = CalendarEvent.objects.filter(
        source=source,
        cancelled_at__isnull=True,
        starts_at__gt=now,
        starts_at__lte=last,
        seen_at__lt=now - patience,
    ).exclude(external_id__in=[one.external_id for one in records])
    for row in missing.filter(importance=topics.HIGH):
        Notice.objects.record(
            CANCELLED, str(row.pk), f"{row.name} of {row.starts_at:{_WHEN}} UTC is not in {source}'s calendar any more",
            severity=MEDIUM, at=now, source=source,
        )  # fmt: skip
    missing.update(cancelled_at=now)
