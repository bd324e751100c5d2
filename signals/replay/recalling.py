"""What bore on findings at moments that are past: claims and guards as they stood then, from what is stored.

Nothing that was known later has a say: a claim counts from when it was written down, with the probability and the fit that
were frozen with it, until it is due; an event as its calendar had it at that moment, before it was moved or cancelled;
prices answer a claim up to the moment. Not stored, and so taken as today: which markets an event touches, its name, weight
and certainty. Whether a source was doubted then is not stored either: all are believed.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter

from django.db.models import Q

from markets.bets import Bet, MarketKey
from markets.books import YES
from markets.models import Price
from signals.correlating import publishing
from signals.correlating.standing import Standing
from signals.deciding import bearing
from signals.deciding.bearing import Heard
from signals.deciding.doubts import Evidence, Point
from signals.deciding.joining import Joined
from signals.findings import Finding
from signals.models import CalendarEvent, Prediction
from signals.sources.calendar import guarding
from signals.sources.calendar.effects import Guard, Scheduled, merged
from signals.sources.calendar.topics import HIGH, MEDIUM
from signals.times import unix_ms, utc

HOUR_MS = 3_600_000  # guards are written so long before they hold (`guarding.AHEAD`)
BEFORE = timedelta(days=1)  # in which the price is looked for that stood when a claim's item happened
_time_of = attrgetter("at_ms")


@dataclass(frozen=True, slots=True)
class Known:
    """An event with all that was known of its time: from when on (Unix ms), and when it was to start."""

    event: Scheduled
    starts: tuple[tuple[int, datetime], ...]
    cancelled_ms: int | None

    def at(self, now_ms: int) -> Scheduled | None:
        """The event as it was known then; None before it was."""
        start = next((start for since, start in reversed(self.starts) if since <= now_ms), None)
        if start is None:
            return None
        ends = self.event.ends_at and start + (self.event.ends_at - self.event.starts_at)
        gone = self.cancelled_ms is not None and self.cancelled_ms <= now_ms
        return replace(self.event, starts_at=start, ends_at=ends, cancelled=gone)


@dataclass(slots=True)
class Past:
    """The claims and events of a period, and the prices that may have answered the claims."""

    claims: Mapping[tuple[MarketKey, int], Sequence[tuple[int, Standing]]] = field(default_factory=dict)
    events: Sequence[Known] = ()
    tracks: Mapping[MarketKey, Sequence[Point]] = field(default_factory=dict)
    claimed: int = (
        0  # claims by number; `claims` has them by market and hour, with the moment they stood from
    )
    _changes: list[int] = field(default_factory=list)  # when what was known of the calendar changed
    _planned: tuple[int, dict[MarketKey, list[Guard]]] = (-1, {})  # as of a moment: that of the last look

    def __post_init__(self) -> None:
        """Put the changes in order."""
        told = {since for one in self.events for since, _ in one.starts}
        self._changes = sorted(
            told | {one.cancelled_ms for one in self.events if one.cancelled_ms is not None}
        )

    def __bool__(self) -> bool:
        """Whether anything could bear on anything."""
        return bool(self.claims or self.events)

    def bear(self, finding: Finding, now_ms: int) -> Joined:
        """What evidence did to a finding at that moment, by the settings: `joining.join`, as ever."""
        markets = bearing.markets_of((finding,))
        heard = self.heard(markets, now_ms)
        return bearing.on(finding, heard, self._answers(markets, heard, now_ms), now_ms=now_ms)

    def heard(self, markets: Iterable[MarketKey], now_ms: int) -> Heard:
        """What stood for these markets, and the guards that were in force."""
        found, planned = Heard(), self._guards(now_ms)
        for market in markets:
            rows = self.claims.get((market, now_ms // HOUR_MS), ())
            said = tuple(row for since, row in rows if since <= now_ms < row.due_ms)
            held = tuple(guard for guard in planned.get(market, ()) if guard.holds(now_ms))
            if said:
                found.standings[market] = said
            if held:
                found.guards[market] = held
        return found

    def _guards(self, now_ms: int) -> dict[MarketKey, list[Guard]]:
        """As they were written last; once for each hour and change of the calendar."""
        changed = bisect_right(self._changes, now_ms)
        moment = max(now_ms - now_ms % HOUR_MS, self._changes[changed - 1] if changed else 0)
        if self._planned[0] != moment:
            now = utc(moment)
            known = [event for one in self.events if (event := one.at(moment)) is not None]
            near = [event for event in known if abs(event.starts_at - now) <= guarding.AROUND]
            self._planned = moment, guarding.planned(near, merged(near), guarding.bounds(), now)
        return self._planned[1]

    def _answers(self, markets: Iterable[MarketKey], heard: Heard, now_ms: int) -> Evidence:
        """The mids of these markets from before the oldest claim about a direction, up to the moment."""
        happened = [row.happened_ms for rows in heard.standings.values() for row in rows if row.direction]
        if not happened:
            return Evidence()
        found = {}
        for market in markets:
            track = self.tracks.get(market, ())
            begin = max(0, bisect_right(track, min(happened), key=_time_of) - 1)
            found[market] = track[begin : bisect_right(track, now_ms, key=_time_of)]
        return Evidence(found)


def recall(bets: Iterable[Bet], since: datetime, until: datetime) -> Past:
    """What stood at any moment of a period for the markets of these bets."""
    together: dict[MarketKey, set[MarketKey]] = defaultdict(set)
    for bet in bets:
        for market in bet.markets:
            together[market].update(bet.markets)
    platforms = {market_id: platform for platform, market_id in together}
    rows = list(
        Prediction.objects.filter(market_id__in=list(platforms), seen_at__lt=until, due_at__gt=since)
        .select_related("fit")
        .order_by("seen_at", "pk")
    )
    claims: dict[tuple[MarketKey, int], list[tuple[int, Standing]]] = defaultdict(list)
    answer: set[MarketKey] = set()  # markets whose prices are needed
    for row in rows:
        market, said = (platforms[row.market_id], row.market_id), publishing.stands(row, publishing.Ill())
        from_ms = max(said.seen_ms, unix_ms(row.created_at))
        for hour in range(from_ms // HOUR_MS, said.due_ms // HOUR_MS + 1):
            claims[market, hour].append((from_ms, said))
        if said.direction:
            answer |= together[market]
    oldest = min((row.happened_at for row in rows if row.direction), default=since)
    return Past(
        dict(claims), _events(set(together), since, until), _tracks(answer, oldest - BEFORE, until), len(rows)
    )


def _tracks(markets: set[MarketKey], since: datetime, until: datetime) -> dict[MarketKey, list[Point]]:
    platforms = {market_id: platform for platform, market_id in markets}
    rows = Price.objects.filter(
        market_id__in=list(platforms), outcome=YES, timestamp__gte=since, timestamp__lt=until,
        bid__isnull=False, ask__isnull=False,
    )  # fmt: skip
    found: dict[MarketKey, list[Point]] = defaultdict(list)
    told = rows.order_by("timestamp").values_list("market_id", "timestamp", "bid", "ask")
    for market_id, at, bid, ask in told.iterator(chunk_size=5_000):
        found[platforms[market_id], market_id].append(Point(unix_ms(at), (bid + ask) / 2))
    return dict(found)


def _events(markets: set[MarketKey], since: datetime, until: datetime) -> list[Known]:
    """The events of some weight that may have been near; of those without a topic only such as touch these markets."""
    around = Q(starts_at__range=(since - guarding.AROUND, until + guarding.AROUND))
    moved = Q(metadata__moved_ms__gte=unix_ms(since))
    rows = list(
        CalendarEvent.objects.filter(
            around | moved, importance__in=(HIGH, MEDIUM), created_at__lt=until
        ).order_by("pk")
    )
    touched = guarding.markets_of(rows)
    found = []
    for row in rows:
        event = guarding.value_of(row, touched.get(row.pk, frozenset()) & markets)
        if event.topic or event.markets:
            found.append(Known(event, _starts(row), unix_ms(row.cancelled_at) if row.cancelled_at else None))
    return found


def _starts(row: CalendarEvent) -> tuple[tuple[int, datetime], ...]:
    """What was known of its start, and from when on: each move says what it replaced."""
    since, found = row.created_at, []
    for move in (row.metadata or {}).get("moves", []):
        found.append((unix_ms(since), datetime.fromisoformat(move["from"])))
        since = datetime.fromisoformat(move["seen"])
    return (*found, (unix_ms(since), row.starts_at))
