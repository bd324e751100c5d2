"""What `manage.py doctor` says of the sources, and what the demo shows: one line for each kind, one row for each source."""

from collections import Counter
from datetime import datetime

from arbsite.components import DATABASE_GONE
from arbsite.connections import REDIS_GONE
from arbsite.models import Heartbeat
from arbsite.registry import Broken, Panel
from signals import unreadable
from signals.models import Source
from signals.sources import registry
from signals.sources.base import CALENDAR, NEWS, WHALES

KINDS = (WHALES, NEWS, CALENDAR)
ILL = (Source.BROKEN, Source.STALE, Source.SUSPECT)
SHOWN = 20


def kind(name: str) -> str:
    """The sources of a kind by state. Raises Broken where none of those that are on can be read."""
    specs = [spec for spec in registry.all_specs().values() if spec.kind == name]
    on = [spec.name for spec in specs if not spec.off]
    if not on:
        return f"off ({len(specs)} sources: see manage.py source list)"
    try:
        rows = list(Source.objects.filter(name__in=on))
    except DATABASE_GONE as error:
        raise Broken("the database is away", "Start it, or set DATABASE_URL.") from error
    states = Counter(row.state for row in rows if row.asked_at is not None)
    waiting = len(on) - sum(states.values())
    said = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    if states and not states[Source.OK] and not states[Source.LIMITED] and not waiting:
        worst = next(row for row in rows if row.state in ILL)
        raise Broken(f"{said}: {worst.why}", f"Read: python manage.py source show {worst.name}")
    return ", ".join(part for part in (said, f"{waiting} not asked yet" if waiting else "") if part)


def keep_counting(now: datetime) -> int:
    """Heartbeats of sources that are well in a minute without a poll; returns how many were written.

    A poll writes a heartbeat, and most sources are asked more seldom than once a minute: between two answers that could be
    read one is as well as the row says, and a calendar that is asked every six hours was not down all day.
    """
    minute = now.replace(second=0, microsecond=0)
    names = {f"source-{name}" for name, spec in registry.all_specs().items() if not spec.off}
    well = Source.objects.filter(state=Source.OK, asked_at__isnull=False).values_list("name", flat=True)
    told = Heartbeat.objects.filter(minute=minute, component__in=names).values_list("component", flat=True)
    missing = sorted(({f"source-{name}" for name in well} & names) - set(told))
    rows = [Heartbeat(component=name, minute=minute, healthy=True) for name in missing]
    return len(Heartbeat.objects.bulk_create(rows, ignore_conflicts=True))


def whales() -> str:
    """Transfers."""
    return kind(WHALES)


def news() -> str:
    """Stories."""
    return kind(NEWS)


def calendar() -> str:
    """Scheduled events."""
    return kind(CALENDAR)


def evidence() -> str:
    """Whether what stands can be read. Raises Broken where a value could not be within the day."""
    try:
        spoilt = unreadable.counted()
    except REDIS_GONE as error:
        raise Broken("Redis is away", "Start it, or set REDIS_URL.") from error
    if spoilt:
        raise Broken(
            f"{spoilt} reads of unreadable values within the day; they count as unknown",
            "See the notice evidence_unreadable; do all workers run the same version?",
        )
    return "all that stands can be read"


def sources(now: datetime) -> Panel:
    """The sources that are on, those in trouble first, then the busiest."""
    found = list(Source.objects.exclude(state=Source.OFF))
    found.sort(key=lambda row: (row.state == Source.OK, -row.items, row.name))
    rows = [
        (
            row.name, row.kind, row.state, f"{row.items:,}", f"{row.repeats:,}", str(row.late), str(row.lies),
            "-" if row.latency_ms is None else f"{row.latency_ms / 1000:.1f} s",
            "-" if row.answered_at is None else f"{(now - row.answered_at).total_seconds():.0f} s", row.why[:60],
        )
        for row in found[:SHOWN]
    ]  # fmt: skip
    columns = ("source", "kind", "state", "items", "known", "late", "lies", "latency", "answered", "why")
    healthy = sum(row.state == Source.OK for row in found)
    return Panel(f"Sources ({healthy} of {len(found)} well)", columns, rows)
