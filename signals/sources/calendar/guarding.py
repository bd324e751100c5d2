"""Guards into Redis, claims and notices of events that are near: run every half minute, safe at any time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from arbsite.models import LOW as LOW_SEVERITY
from arbsite.models import Notice
from markets.bets import MarketKey
from markets.models import BetOutcome
from signals.correlating import predictions
from signals.models import CalendarEvent
from signals.sources.base import Claim
from signals.sources.calendar import guards, topics
from signals.sources.calendar.effects import MARKED, Bounds, Guard, Scheduled, guards_of, merged
from signals.sources.calendar.topics import HIGH, MEDIUM

NEAR = "calendar_event_near"
AHEAD = timedelta(hours=1)  # guards are written this long before they hold; they live as long in Redis
AROUND = timedelta(days=16)  # how far apart two dates of one occasion may be
MOST_EVENTS = 2_000
MOST_GUARDS = 20  # of one market, the soonest
STRENGTH = {HIGH: Decimal("0.8"), MEDIUM: Decimal("0.5")}  # what we say before anything is scored


def bounds() -> Bounds:
    """What the settings say about time around an event."""
    config = settings.ARBSITE.calendars
    return Bounds(
        timedelta(minutes=config.widen_minutes), timedelta(minutes=config.suspend_before_minutes),
        timedelta(minutes=config.suspend_after_minutes), config.widen_hurdle,
    )  # fmt: skip


def refresh(*, now: datetime) -> int:
    """Write the guards of every near event, tell people once, and claim that prices will move; returns the guards.

    Markets of events that were moved or cancelled lose their guards in the same step.
    """
    found = scheduled(now=now)
    held = bounds()
    occasions = merged(found)
    by_market = planned(found, occasions, held, now)
    guards.put(by_market)
    for event in occasions:
        if event.importance == HIGH and now < event.starts_at <= now + max(held.widen, held.before):
            _tell(event, now)
    _claim([event for event in occasions if now < event.starts_at <= now + held.before], held, now)
    return sum(map(len, by_market.values()))


def planned(
    found: Iterable[Scheduled], occasions: Iterable[Scheduled], held: Bounds, now: datetime
) -> dict[MarketKey, list[Guard]]:
    """The guards that hold now or within the hour, of every market that one of these events touches."""
    by_market: dict[MarketKey, list[Guard]] = {key: [] for row in found for key in row.markets}
    for event in occasions:
        for key, rows in guards_of(event, event.markets, held, now).items():
            by_market[key] += [row for row in rows if row.from_ms <= _ms(now + AHEAD)]
    return {key: sorted(rows, key=_soonest)[:MOST_GUARDS] for key, rows in by_market.items()}


def _soonest(guard: Guard) -> tuple[int, int, str]:
    return guard.starts_ms, guard.event_id, guard.level


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


# --- what is scheduled


def scheduled(*, now: datetime, ahead: timedelta = timedelta()) -> list[Scheduled]:
    """The events of some weight around now (until `ahead` from now at least), with their markets.

    Those with a topic are read two weeks to both sides, so that one occasion which two calendars have on different days
    is recognised; the others only where they are near.
    """
    config = bounds()
    reach = max(config.widen, config.before, AHEAD) + AHEAD
    near = Q(starts_at__range=(now - max(MARKED, config.after) - timedelta(days=1), now + max(reach, ahead)))
    same = Q(starts_at__range=(now - AROUND, now + AROUND + ahead)) & (
        Q(metadata__has_key="topic") | ~Q(source__in=_OWN)
    )
    gone = Q(cancelled_at__gte=now - 2 * AHEAD) | Q(metadata__moved_ms__gte=_ms(now - 2 * AHEAD))
    rows = CalendarEvent.objects.filter(near | same | gone, importance__in=(HIGH, MEDIUM))
    events = list(rows.order_by("starts_at", "pk")[:MOST_EVENTS])
    markets = markets_of(events)
    return [value_of(row, markets.get(row.pk, frozenset())) for row in events]


_OWN = ("polymarket-times", "kalshi-times", "kalshi-milestones")


def value_of(row: CalendarEvent, markets: frozenset[MarketKey]) -> Scheduled:
    """A row as effects read it. What a person added has its topic by its name."""
    return Scheduled(
        row.pk, row.source, row.name, topic_of(row), row.kind, row.starts_at, row.ends_at, row.certainty,
        row.importance, row.cancelled_at is not None, markets,
    )  # fmt: skip


def topic_of(row: CalendarEvent) -> str:
    """The event's topic; empty where it has none."""
    known = (row.metadata or {}).get("topic", "")
    if known or row.external_id:
        return known if known in topics.BY_NAME else ""
    topic = topics.of_event(row.name)
    return topic.name if topic else ""


def markets_of(events: Sequence[CalendarEvent]) -> dict[int, frozenset[MarketKey]]:
    """Event → the markets it touches: its own, and those of its bets."""
    ids = [event.pk for event in events]
    found: dict[int, set[MarketKey]] = defaultdict(set)
    own = CalendarEvent.markets.through.objects.filter(calendarevent_id__in=ids)
    for pk, platform, market_id in own.values_list("calendarevent_id", "market__platform", "market_id"):
        found[pk].add((platform, market_id))
    of_bets = BetOutcome.objects.filter(bet__calendar_events__in=ids)
    for pk, platform, market_id in of_bets.values_list(
        "bet__calendar_events", "market__platform", "market_id"
    ):
        if pk in set(ids):
            found[pk].add((platform, market_id))
    return {pk: frozenset(markets) for pk, markets in found.items()}


# --- once each


def _tell(event: Scheduled, now: datetime) -> None:
    """One notice for each event and date, whoever comes first."""
    with transaction.atomic():
        row = CalendarEvent.objects.select_for_update(skip_locked=True).filter(pk=event.id).first()
        if row is None or (row.metadata or {}).get("told_ms") == _ms(event.starts_at):
            return
        row.metadata = {**(row.metadata or {}), "told_ms": _ms(event.starts_at)}
        row.save(update_fields=["metadata"])
        minutes = int((event.starts_at - now).total_seconds() // 60)
        when = (
            "on this day, at a time nobody gives" if event.certainty == "date_only" else f"in {minutes} min"
        )
        Notice.objects.record(
            NEAR, str(event.id), f"{event.name} {when}; {len(event.markets)} markets are guarded",
            severity=LOW_SEVERITY, at=now, starts_at=event.starts_at.isoformat(), source=event.source,
            certainty=event.certainty,
        )  # fmt: skip


def _claim(events: Iterable[Scheduled], held: Bounds, now: datetime) -> int:
    """Claim for every touched market that its price moves until the suspension ends: once for each event and date."""
    count = 0
    for event in events:
        if event.certainty in ("date_only", "tentative", "formality") or event.kind not in _CLAIMED:
            continue
        with transaction.atomic():
            row = CalendarEvent.objects.select_for_update(skip_locked=True).filter(pk=event.id).first()
            if row is None or (row.metadata or {}).get("claimed_ms") == _ms(event.starts_at):
                continue
            row.metadata = {**(row.metadata or {}), "claimed_ms": _ms(event.starts_at)}
            row.save(update_fields=["metadata"])
            count += predictions.record(_claims(event, held, now), now=now)
    return count


_CLAIMED = (topics.RELEASE, topics.DECISION)


def _claims(event: Scheduled, held: Bounds, now: datetime) -> list[Claim]:
    horizon = event.starts_at - now + max(held.after, timedelta(minutes=1))
    return [
        Claim(
            source=f"calendar:{event.source}",
            kind=event.kind,
            item=f"calendar:{event.id}",
            market_id=market_id,
            direction=0,
            strength=STRENGTH[event.importance],
            happened_at=now,  # what is known now; the event itself lies ahead
            seen_at=now,
            horizon=horizon,
            half_life=horizon,
            note=f"{event.name} at {event.starts_at:%Y-%m-%d %H:%M} UTC",
        )
        for _, market_id in sorted(event.markets)
    ]
