"""Claims become predictions: one row for each item and market, with the probability that was given before the fact.

What a prediction was given is frozen with it: the probability, the fit it came from, and the price that was there. Then
what stands for and against its market is published.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from arbsite.connections import REDIS_GONE
from markets import live
from markets.books import BookView, dollars
from markets.live import MarketKey
from markets.models import Market
from signals.correlating import calibrating, current, fits, publishing
from signals.models import Prediction, SourceFit
from signals.sources.base import Claim, plain_kind
from signals.times import unix_ms

log = logging.getLogger(__name__)

PRIOR = Decimal("0.5")  # of a source that has no fit: nothing is known
JUST_NOW = timedelta(seconds=60)  # a live book says what was there when an item was seen so short a time ago
FOUR, SIX = Decimal("0.0001"), Decimal("0.000001")

Quote = tuple[Decimal | None, Decimal | None]  # mid and spread, dollars


def record(claims: Sequence[Claim], *, now: datetime) -> int:
    """Store these claims; what was claimed before is left as it is. Returns how many are new.

    Claims about markets that are not stored are left out. Where a book, a price or Redis is missing, the prediction has no
    price: it is looked up when the claim is judged. The cost does not depend on how much is stored.
    """
    if not claims:
        return 0
    platforms = _platforms(claims)
    fresh = _new([claim for claim in claims if claim.market_id in platforms])
    if not fresh:
        return 0
    known = fits.active(_earliest(fresh))
    quotes = _quotes({claim.market_id for claim in fresh}, platforms, now)
    rows = [
        _row(
            claim,
            fits.of_claim(known, claim.source, claim.kind),
            quotes.get(claim.market_id, (None, None)),
            now,
        )
        for claim in fresh
    ]
    Prediction.objects.bulk_create(rows, ignore_conflicts=True)
    try:
        publishing.publish({row.market_id: platforms[row.market_id] for row in rows}, now=now)
    except REDIS_GONE as error:  # the correlator publishes what was missed as soon as Redis is back
        log.warning("evidence not published: Redis is away: %s", type(error).__name__)
    return len(rows)


def _platforms(claims: Iterable[Claim]) -> dict[str, str]:
    """Market id → platform, of those that are stored."""
    wanted = {claim.market_id for claim in claims}
    return dict(Market.objects.filter(pk__in=wanted).values_list("pk", "platform"))


def _new(claims: Sequence[Claim]) -> list[Claim]:
    """One claim for each item and market, without those that are stored."""
    found = {(claim.item, claim.market_id): claim for claim in reversed(claims)}
    stored = Prediction.objects.filter(
        item__in={item for item, _ in found}, market_id__in={market for _, market in found}
    ).values_list("item", "market_id")
    known = set(stored)
    return [claim for name, claim in reversed(found.items()) if name not in known]


def _earliest(claims: Iterable[Claim]) -> dict[tuple[str, str], datetime]:
    """When each source and kind first saw one of these: only a fit that was frozen by then may speak."""
    found: dict[tuple[str, str], datetime] = {}
    for claim in claims:
        for name in ((claim.source, claim.kind), (claim.source, plain_kind(claim.kind))):
            found[name] = min(found.get(name, claim.seen_at), claim.seen_at)
    return found


def _row(claim: Claim, fit: SourceFit | None, quote: Quote, now: datetime) -> Prediction:
    half_life = fit.half_life_seconds if fit else int(claim.half_life.total_seconds())
    mid, spread = quote if now - claim.seen_at <= JUST_NOW else (None, None)
    return Prediction(
        source=claim.source, kind=claim.kind, item=claim.item, market_id=claim.market_id, direction=claim.direction,
        strength=claim.strength, probability=_probability(claim, fit), fit=fit, note=claim.note[:255],
        happened_at=claim.happened_at, seen_at=claim.seen_at, horizon_seconds=int(claim.horizon.total_seconds()),
        half_life_seconds=max(1, half_life), due_at=claim.seen_at + claim.horizon, mid=mid, spread=spread,
        created_at=now,
    )  # fmt: skip


def _probability(claim: Claim, fit: SourceFit | None) -> Decimal:
    """By the frozen curve, of what is left of the strength when the item is seen; the prior without one."""
    if fit is None or not fit.curve:
        return PRIOR
    delay = unix_ms(claim.seen_at) - unix_ms(claim.happened_at)
    strength = calibrating.at_sight(float(claim.strength), delay, fit.half_life_seconds * 1_000)
    return Decimal(calibrating.read(fit.curve, strength)).quantize(FOUR)


def _quotes(market_ids: Iterable[str], platforms: Mapping[str, str], now: datetime) -> dict[str, Quote]:
    """Mid and spread of each market: of the live book, or else of the last stored price."""
    wanted = sorted(market_ids)
    books = _books((platforms[market_id], market_id) for market_id in wanted)
    max_age_ms = int(settings.ARBSITE.signals.max_book_age_seconds * 1_000)
    found = {
        market_id: quote
        for market_id in wanted
        if (quote := _of_book(books, (platforms[market_id], market_id), unix_ms(now), max_age_ms))
    }
    return current.last_quotes([one for one in wanted if one not in found], now) | found


def _books(wanted: Iterable[MarketKey]) -> dict[MarketKey, BookView]:
    """The live books; none while Redis is away: no source waits for it."""
    try:
        return live.book_views(wanted)
    except REDIS_GONE:
        return {}


def _of_book(
    books: Mapping[MarketKey, BookView], key: MarketKey, now_ms: int, max_age_ms: int
) -> Quote | None:
    book = books.get(key)
    if book is None or now_ms - book.confirmed_ms > max_age_ms or not book.bids or not book.asks:
        return None
    bid, ask = dollars(book.bids[0][0]), dollars(book.asks[0][0])
    return ((bid + ask) / 2).quantize(SIX), ask - bid
