"""Which markets and bets an occasion touches: those its source names, those of its topic, and those of its event.

Only markets that we follow or that are in an active bet are looked at: no other can be traded. Links are added, never taken
away: what a person chose stays, and a closed market does no harm.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from markets.models import Bet, BetOutcome, Market
from markets.platforms.base import OPEN, PAUSED, UNOPENED
from signals.models import CalendarEvent
from signals.sources.calendar import topics
from signals.sources.calendar.platform_times import Listed

MOST_MARKETS = 500  # of one occasion
MOST_LOOKED_AT = 20_000
LIVE = (OPEN, PAUSED, UNOPENED)
ENDED = timedelta(
    days=1
)  # a market that ends so long before an event is not about it; end dates are formalities
LINKED_AHEAD = timedelta(hours=36)
MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Candidate:
    """A market that could be touched: its key, its event, what it says, and when it is over at the latest."""

    id: str
    platform: str
    event_id: str
    text: str
    over_at: datetime | None


def traded() -> QuerySet[Market]:
    """The live markets that we follow or that an active bet is made of."""
    in_bets = BetOutcome.objects.filter(bet__status=Bet.ACTIVE).values("market_id")
    return Market.objects.filter(Q(followed=True) | Q(pk__in=in_bets), status__in=LIVE)


def listed(platform: str, *, since: datetime, until: datetime) -> list[Listed]:
    """The traded markets of a platform with a time of their own between these moments."""
    rows = traded().filter(platform=platform)
    # Starts of games and forecasts lie in the metadata; both are before the end or the settlement
    rows = rows.filter(
        Q(end_date__range=(since, until))
        | Q(settles_at__range=(since, until))
        | ~Q(metadata__game_start="") & Q(metadata__has_key="game_start")
        | Q(metadata__has_key="expected_expiration_time")
    )
    fields = rows.order_by("end_date", "pk").values_list(
        "platform", "id", "question", "start_date", "end_date", "settles_at", "metadata"
    )
    return [
        Listed(name, pk, question or pk, start, end, settles, extra or {})
        for name, pk, question, start, end, settles, extra in fields[:MOST_LOOKED_AT]
    ]


def followed_events(platform: str) -> frozenset[str]:
    """The events that traded markets belong to."""
    rows = traded().filter(platform=platform).exclude(event_id="")
    return frozenset(rows.values_list("event_id", flat=True)[:MOST_LOOKED_AT])


def candidates() -> list[Candidate]:
    """Every market that an occasion could touch."""
    rows = traded().annotate(event_title=KeyTextTransform("event_title", "metadata"))
    fields = rows.values_list(
        "id", "platform", "event_id", "question", "category", "event_title", "end_date", "settles_at"
    )
    return [
        Candidate(
            pk, platform, event_id, f"{question or ''} · {title or ''} · {category} · {pk}"[:1_000],
            max((at for at in (end, settles) if at is not None), default=None),
        )
        for pk, platform, event_id, question, category, title, end, settles in fields.order_by("pk")[:MOST_LOOKED_AT]
    ]  # fmt: skip


def by_topic(found: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    """Topic → the markets whose text is about it."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for one in found:
        for topic in topics.in_text(one.text):
            groups[topic.name].append(one)
    return groups


def link(events: Sequence[CalendarEvent], named: Mapping[int, Sequence[str]] | None = None) -> int:
    """Add the markets and bets that these events touch; `named`: ids that the source itself gives. Returns new links."""
    if not events:
        return 0
    found = (
        candidates() if any(event.metadata.get("topic") or _named_events(event) for event in events) else []
    )
    groups = by_topic(found)
    of_events: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found:
        of_events[one.platform, one.event_id].append(one.id)
    wanted: set[tuple[int, str]] = set()
    for event in events:
        ids = [
            one.id
            for one in groups.get(event.metadata.get("topic", ""), ())
            if one.over_at is None or one.over_at >= event.starts_at - ENDED
        ]
        ids += [pk for key in _named_events(event) for pk in of_events.get(key, ())]
        ids += (named or {}).get(event.pk, ())
        wanted |= {(event.pk, pk) for pk in list(dict.fromkeys(ids))[:MOST_MARKETS]}
    return _add(wanted)


_EVENT = re.compile(r"^event:([a-z]+):(.+)$")


def _named_events(event: CalendarEvent) -> list[tuple[str, str]]:
    names = event.metadata.get("events") or ()
    return [(found[1], found[2]) for name in names if (found := _EVENT.match(str(name)))]


def _add(wanted: set[tuple[int, str]]) -> int:
    through = CalendarEvent.markets.through
    events = {event for event, _ in wanted}
    known = set(
        through.objects.filter(calendarevent_id__in=events).values_list("calendarevent_id", "market_id")
    )
    exist = set(Market.objects.filter(pk__in={pk for _, pk in wanted}).values_list("pk", flat=True))
    new = [(event, pk) for event, pk in sorted(wanted - known) if pk in exist]
    through.objects.bulk_create(
        [through(calendarevent_id=event, market_id=pk) for event, pk in new], ignore_conflicts=True
    )
    _add_bets(wanted)
    return len(new)


def _add_bets(wanted: set[tuple[int, str]]) -> None:
    """The active bets that have an outcome of a touched market."""
    bets: dict[str, set[str]] = defaultdict(set)
    rows = BetOutcome.objects.filter(market_id__in={pk for _, pk in wanted}, bet__status=Bet.ACTIVE)
    for market_id, bet_id in rows.values_list("market_id", "bet_id"):
        bets[market_id].add(bet_id)
    through = CalendarEvent.bets.through
    links = {(event, bet_id) for event, pk in wanted for bet_id in bets.get(pk, ())}
    through.objects.bulk_create(
        [through(calendarevent_id=event, bet_id=bet_id) for event, bet_id in sorted(links)],
        ignore_conflicts=True, batch_size=2_000,
    )  # fmt: skip


def link_near(*, now: datetime) -> int:
    """Look again for markets of the events of the next day and a half: markets appear after their events."""
    rows = CalendarEvent.objects.filter(
        starts_at__range=(now - timedelta(hours=1), now + LINKED_AHEAD),
        cancelled_at__isnull=True,
        importance__in=(topics.HIGH, topics.MEDIUM),
    )
    return link(list(rows.order_by("starts_at")[:MOST_EVENTS]))
