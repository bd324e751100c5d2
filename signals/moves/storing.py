"""Moves become rows and claims: what was scheduled then, and whether the pair's other side had moved first, beside them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Q

from markets.books import dollars, micro
from markets.models import Market, Pair
from markets.platforms.base import OPEN
from signals.correlating import predictions
from signals.models import CalendarEvent, Prediction, PriceMove
from signals.moves.detecting import BURST, JUMP, Found
from signals.sources.base import Claim
from signals.sources.calendar.topics import LOW

SOURCE = "price"
LEADS = timedelta(minutes=2)  # the other side of a pair moved so short a time before: this one follows
NEAR_EVENT = timedelta(minutes=15)
CENT = 10_000  # dollars 1e-6: the tick of a market that names none
_FOUR = Decimal("0.0001")


def store(found: Sequence[tuple[str, Found]], *, now_ms: int) -> tuple[int, int]:
    """Write these moves and their claims; returns how many of each are new. What is no market of ours, or moved less
    than its own ticks ask, is left out.
    """
    now = _utc(now_ms)
    markets = {row.pk: row for row in Market.objects.filter(pk__in={pk for pk, _ in found}, status=OPEN)}
    kept = [(pk, move) for pk, move in found if pk in markets and _far_enough(move, markets[pk])]
    if not kept:
        return 0, 0
    notes = _figures(kept, now)
    known = _known(kept)
    rows = [
        PriceMove(
            market_id=pk, kind=move.kind, direction=move.direction, before=_dollars(move.before),
            after=_dollars(move.after), spread=_dollars(move.spread), strength=_strength(move),
            figures={**move.figures, **notes[pk]}, happened_at=_utc(move.happened_ms), seen_at=now,
        )
        for pk, move in kept
        if (pk, move.kind, _utc(move.happened_ms)) not in known
    ]  # fmt: skip
    PriceMove.objects.bulk_create(rows, ignore_conflicts=True)
    written = _known(kept)
    return len(written) - len(known), _claim(kept, written, now)


def _known(kept: Sequence[tuple[str, Found]]) -> dict[tuple[str, str, datetime], int]:
    rows = PriceMove.objects.filter(
        market_id__in={pk for pk, _ in kept}, happened_at__in={_utc(move.happened_ms) for _, move in kept}
    )
    return {
        (market_id, kind, at): pk
        for pk, market_id, kind, at in rows.values_list("pk", "market_id", "kind", "happened_at")
    }


def _far_enough(move: Found, market: Market) -> bool:
    """A jump by the market's own ticks; what was found by the finest tick there is may be less than two of them."""
    if move.kind != JUMP or move.before is None or move.after is None:
        return True
    return abs(move.after - move.before) >= 2 * tick_of(market, move.after)


def tick_of(market: Market, price: int) -> int:
    """The market's step at a price, both 1e-6 dollars; a cent where it names none."""
    for start, end, step in market.ticks or ():
        if micro(start) <= price <= micro(end):
            return micro(step)
    return CENT


# --- claims


def _claim(
    kept: Sequence[tuple[str, Found]], written: Mapping[tuple[str, str, datetime], int], now: datetime
) -> int:
    """That the move goes on: at most one claim for each market and kind within the horizon."""
    config = settings.ARBSITE.evidence
    horizon = timedelta(minutes=config.price_horizon_minutes)
    half_life = timedelta(minutes=config.price_half_life_minutes)
    rows = Prediction.objects.filter(
        source=SOURCE, market_id__in={pk for pk, _ in kept}, seen_at__gt=now - horizon
    )
    taken = set(rows.values_list("market_id", "kind"))
    claims = []
    for pk, move in kept:
        row = written.get((pk, move.kind, _utc(move.happened_ms)))
        if row is None or (pk, move.kind) in taken:
            continue
        taken.add((pk, move.kind))
        claims.append(
            Claim(
                source=SOURCE,
                kind=move.kind,
                item=f"move:{row}",
                market_id=pk,
                direction=move.direction,
                strength=_strength(move),
                happened_at=_utc(move.happened_ms),
                seen_at=now,
                horizon=horizon,
                half_life=half_life,
                note=_note(move),
            )
        )
    return predictions.record(claims, now=now)


def _note(move: Found) -> str:
    way = {1: "up", -1: "down", 0: "either way"}[move.direction]
    if move.kind == JUMP:
        return f"jumped {way} from {_dollars(move.before)} to {_dollars(move.after)}"
    if move.kind == BURST:
        return f"trades {move.figures['ratio']} times as fast as usual, {way}"
    return f"its book has stood on one side for {move.figures['seconds']} s, {way}"


# --- what else was so


def _figures(kept: Sequence[tuple[str, Found]], now: datetime) -> Mapping[str, dict[str, str | int]]:
    """For each market: the scheduled event it is near, and the pair's other side where that moved first."""
    ids = {pk for pk, _ in kept}
    notes: dict[str, dict[str, str | int]] = defaultdict(dict)
    events = CalendarEvent.objects.filter(
        cancelled_at__isnull=True, starts_at__range=(now - NEAR_EVENT, now + NEAR_EVENT)
    ).exclude(importance=LOW)
    for market_id, pk, name in events.filter(markets__in=ids).values_list("markets", "pk", "name"):
        if market_id in ids:
            notes[market_id] |= {"calendar_event": pk, "calendar_name": name}
    _note_leaders(kept, now, notes)
    return notes


def _note_leaders(
    kept: Iterable[tuple[str, Found]], now: datetime, notes: dict[str, dict[str, str | int]]
) -> None:
    jumps = {pk: move for pk, move in kept if move.kind == JUMP}
    others: dict[str, tuple[str, int]] = {}
    pairs = Pair.objects.filter(Q(polymarket__in=jumps) | Q(kalshi__in=jumps), status=Pair.APPROVED)
    for poly, kalshi, inverted in pairs.values_list("polymarket_id", "kalshi_id", "inverted"):
        sign = -1 if inverted else 1
        others[poly], others[kalshi] = (kalshi, sign), (poly, sign)
    rows = PriceMove.objects.filter(
        market_id__in=[other for pk, (other, _) in others.items() if pk in jumps], kind=JUMP,
        happened_at__gt=now - LEADS,
    )  # fmt: skip
    earlier = {row.market_id: (row.direction, row.happened_at) for row in rows.order_by("happened_at")}
    for pk, move in jumps.items():
        other, sign = others.get(pk, ("", 1))
        direction, at = earlier.get(other, (0, now))
        if direction * sign == move.direction and at < _utc(move.happened_ms):
            notes[pk] |= {"follows": other, "lag_ms": move.happened_ms - int(at.timestamp() * 1_000)}


def _strength(move: Found) -> Decimal:
    return Decimal(move.strength).quantize(_FOUR)


def _dollars(value: int | None) -> Decimal | None:
    return None if value is None else dollars(value)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1_000, UTC) + timedelta(milliseconds=ms % 1_000)
