"""Evidence against proposed pairs: two live markets that are the same bet do not stand ten cents apart.

Only what people have not decided is looked at; the gap is noted on the pair, and the pair's reader sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from markets import live
from markets.books import BookView, dollars
from markets.models import Pair
from markets.platforms.base import KALSHI, POLYMARKET

BATCH = 500


@dataclass(frozen=True, slots=True)
class PairGap:
    """A proposed pair and how far its mids are apart, in dollars of the same state."""

    pair_id: int
    gap: Decimal


def found(*, now_ms: int) -> list[PairGap]:
    """The proposed pairs, both markets followed and both books fresh, whose mids are too far apart."""
    config = settings.ARBSITE.signals
    max_age_ms = int(config.max_book_age_seconds * 1_000)
    return [gap for gap in _gaps(now_ms, max_age_ms) if gap.gap > config.gap_unread]


def _gaps(now_ms: int, max_age_ms: int) -> Iterator[PairGap]:
    pairs = list(
        Pair.objects.filter(
            status=Pair.PROPOSED, polymarket__followed=True, kalshi__followed=True
        ).values_list("id", "polymarket_id", "kalshi_id", "inverted")
    )
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        books = live.book_views(
            key for _, one, two, _ in part for key in ((POLYMARKET, one), (KALSHI, two))
        )
        for pair_id, one, two, inverted in part:
            mids = [_mid(books.get(key), now_ms, max_age_ms) for key in ((POLYMARKET, one), (KALSHI, two))]
            if mids[0] is not None and mids[1] is not None:
                other = 1 - mids[1] if inverted else mids[1]
                yield PairGap(pair_id, abs(mids[0] - other))


def _mid(book: BookView | None, now_ms: int, max_age_ms: int) -> Decimal | None:
    """The mid of YES; None without a fresh book of both sides. An empty side has no price to hold against anybody."""
    if book is None or now_ms - book.confirmed_ms > max_age_ms or not book.bids or not book.asks or book.crossed:
        return None
    return (dollars(book.bids[0][0]) + dollars(book.asks[0][0])) / 2
