"""What is coming, for people: one row for each occasion, with what it does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from signals.models import CalendarEvent
from signals.sources.calendar import guarding
from signals.sources.calendar.effects import Guard, Scheduled, guards_of, merged
from signals.sources.calendar.topics import LOW

MOST_LOW = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """An occasion with the number of bets it touches, the zone of its source, and its guards."""

    event: Scheduled
    time_zone: str
    bets: int
    guards: Sequence[Guard]


def coming(*, now: datetime, ahead: timedelta, low: bool = False) -> list[Shown]:
    """The occasions that start within `ahead` or go on now, the soonest first; `low`: those of low importance as well."""
    found = merged(guarding.scheduled(now=now, ahead=ahead))
    if low:
        rows = CalendarEvent.objects.filter(
            importance=LOW, cancelled_at__isnull=True, starts_at__range=(now, now + ahead)
        )
        events = list(rows.order_by("starts_at", "pk")[:MOST_LOW])
        markets = guarding.markets_of(events)
        found += [guarding.value_of(row, markets.get(row.pk, frozenset())) for row in events]
    found = [one for one in found if (one.ends_at or one.starts_at) >= now and one.starts_at <= now + ahead]
    ids = [one.id for one in found]
    zones = dict(CalendarEvent.objects.filter(pk__in=ids).values_list("pk", "time_zone"))
    bets = Counter(
        CalendarEvent.bets.through.objects.filter(calendarevent_id__in=ids).values_list(
            "calendarevent_id", flat=True
        )
    )
    held = guarding.bounds()
    return [
        Shown(
            one, zones.get(one.id, "UTC"), bets[one.id], guards_of(one, [("", "")], held, now).get(("", ""), ())
        )
        for one in sorted(found, key=lambda one: (one.starts_at, one.id))
    ]  # fmt: skip


def guards_for(event: CalendarEvent, now: datetime) -> Sequence[Guard]:
    """The guards that one row asks for by itself."""
    value = guarding.value_of(event, frozenset())
    return guards_of(value, [("", "")], guarding.bounds(), now).get(("", ""), ())


def as_json(shown: Sequence[Shown], now: datetime) -> dict[str, Any]:
    """The same as a document; times are Unix milliseconds."""
    return {
        "as_of": _ms(now),
        "events": [
            {
                "id": one.event.id,
                "name": one.event.name,
                "source": one.event.source,
                "topic": one.event.topic,
                "kind": one.event.kind,
                "starts_at": _ms(one.event.starts_at),
                "ends_at": _ms(one.event.ends_at) if one.event.ends_at else None,
                "time_zone": one.time_zone,
                "certainty": one.event.certainty,
                "importance": one.event.importance,
                "markets": sorted(market_id for _, market_id in one.event.markets),
                "bets": one.bets,
                "guards": [
                    {
                        "level": guard.level,
                        "from": guard.from_ms,
                        "until": guard.until_ms,
                        "hurdle": str(guard.hurdle),
                    }
                    for guard in one.guards
                ],
            }
            for one in shown
        ],
    }


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
