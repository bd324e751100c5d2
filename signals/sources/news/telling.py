"""Stories are read, and told: what they are about into their rows, claims about markets, the stream, a notice of the few.

A row is `processed` once that is done, in the same transaction; whatever a crash left unread is read by the next poll.
"""

import json
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.models import MEDIUM, Notice
from markets.models import Market
from signals.correlating import predictions
from signals.language import reading as language
from signals.language.base import HIGH, Reading
from signals.models import NewsEvent
from signals.normalize import NEWS_EVENT
from signals.sources.base import Claim, Item
from signals.times import unix_ms

log = logging.getLogger(__name__)

HEADLINE, CONFIRMED = "headline", "confirmed"
LEFT_OVER = timedelta(hours=1)  # unread rows are looked for so far back
MOST = 1_000  # rows read in one go
NOTICED_FROM = Decimal("0.7")  # impact, a fraction
MOST_NOTICES = 20  # of one poll: a source that cries wolf must not drown the others
STEP = Decimal("0.0001")
_COLUMNS = (
    "sentiment text, sentiment_score numeric, categories jsonb, entities jsonb, related_markets jsonb, urgency text,"
    " impact_estimate numeric"
)
_UPDATE = (
    "UPDATE news_events t SET sentiment = v.sentiment, sentiment_score = v.sentiment_score, categories = v.categories,"
    " entities = v.entities, related_markets = v.related_markets, urgency = v.urgency,"
    " impact_estimate = v.impact_estimate, processed = TRUE"
    f" FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, {_COLUMNS}) WHERE t.id = v.id"
)


def serve(confirmed: Sequence[tuple[int, Item]], *, now: datetime, began: float) -> int:
    """Read every unread story of the last hour, record what it claims, and tell the stream. Returns how many.

    `began` is the monotonic clock's reading at `now`: claims are dated when they are made, not when the poll began.
    """
    with transaction.atomic():
        rows = list(
            NewsEvent.objects.select_for_update(skip_locked=True)
            .filter(processed=False, seen_at__gte=now - LEFT_OVER)
            .order_by("pk")[:MOST]
        )
        read = [(row, _read(row, now)) for row in rows]
        said_at = now + timedelta(seconds=time.monotonic() - began)
        _write(read)
        claims = [claim for row, seen in read for claim in claims_of(row, seen, said_at)]
        claims += _confirmations(confirmed, now, said_at)
        _record(claims, said_at)
        noticed = [
            (row, seen)
            for row, seen in read
            if row.fresh and seen.urgency == HIGH and seen.impact >= NOTICED_FROM
        ]
        for row, seen in noticed[:MOST_NOTICES]:
            Notice.objects.record(
                    "news_urgent", f"news:{row.pk}", (row.headline or "")[:500], severity=MEDIUM, at=said_at,
                    source=row.source, via=row.via, impact=str(seen.impact), markets=row.related_markets[:20],
                )  # fmt: skip
    _tell(row for row, _ in read)
    return len(read)


def claims_of(row: NewsEvent, seen: Reading, said_at: datetime) -> list[Claim]:
    """What a fresh story claims: one for each market that it moves in a direction. A late story claims nothing."""
    config = settings.ARBSITE.news
    happened = min(row.published_at or row.seen_at or said_at, row.seen_at or said_at)
    if not row.fresh or said_at - happened > timedelta(minutes=config.late_minutes):
        return []
    return _claims(
        seen,
        source=f"news:{row.via}",
        kind=HEADLINE,
        item=f"news:{row.pk}",
        happened=happened,
        said_at=said_at,
    )


def _claims(
    seen: Reading, *, source: str, kind: str, item: str, happened: datetime, said_at: datetime
) -> list[Claim]:
    config = settings.ARBSITE.news
    found = []
    for link in seen.links:
        strength = min(Decimal(1), link.score * link.strength).quantize(STEP)
        if link.direction and strength > 0:
            found.append(
                Claim(
                    source=source, kind=kind, item=item, market_id=link.market_id, direction=link.direction,
                    strength=strength, happened_at=happened, seen_at=said_at,
                    horizon=timedelta(minutes=config.horizon_minutes),
                    half_life=timedelta(minutes=config.half_life_minutes), note=link.why[:255],
                )
            )  # fmt: skip
    return found


def _confirmations(confirmed: Sequence[tuple[int, Item]], now: datetime, said_at: datetime) -> list[Claim]:
    """A second owner tells a story that is still fresh: the same markets, once, under the name of who confirmed it."""
    late = timedelta(minutes=settings.ARBSITE.news.late_minutes)
    rows = NewsEvent.objects.in_bulk([pk for pk, _ in confirmed])
    found = []
    for pk, item in confirmed:
        row = rows.get(pk)
        if row is None or not row.fresh:
            continue
        happened = min(row.published_at or row.seen_at or now, said_at)
        if said_at - happened <= late:
            found += _claims(
                _read(row, now), source=f"news:{item.source}", kind=CONFIRMED, item=f"confirmed:{pk}",
                happened=happened, said_at=said_at,
            )  # fmt: skip
    return found


def _read(row: NewsEvent, now: datetime) -> Reading:
    return language.read(
        row.headline or "", row.summary, hints=tuple(row.categories), outlet=row.source or "", now=now
    )


def _record(claims: Sequence[Claim], said_at: datetime) -> None:
    """Store the claims about markets that we have."""
    if claims:
        known = set(
            Market.objects.filter(pk__in={claim.market_id for claim in claims}).values_list("pk", flat=True)
        )
        predictions.record([claim for claim in claims if claim.market_id in known], now=said_at)


def _write(read: Sequence[tuple[NewsEvent, Reading]]) -> None:
    """What the stories say into their rows: one statement."""
    documents = []
    for row, seen in read:
        row.sentiment, row.sentiment_score = seen.sentiment, seen.sentiment_score.quantize(STEP)
        row.categories, row.entities = list(seen.topics), list(seen.entities)
        row.related_markets = list(dict.fromkeys(link.market_id for link in seen.links))
        row.urgency, row.impact_estimate = seen.urgency, seen.impact.quantize(STEP)
        row.processed = True
        documents.append(
            {
                "id": row.pk, "sentiment": row.sentiment, "sentiment_score": str(row.sentiment_score),
                "categories": row.categories, "entities": row.entities, "related_markets": row.related_markets,
                "urgency": row.urgency, "impact_estimate": str(row.impact_estimate),
            }
        )  # fmt: skip
    if documents:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [json.dumps(documents)])


# --- the stream


def document(row: NewsEvent) -> dict[str, Any]:
    """A story as the specification's news event; `via` is who brought it (docs/departures.md)."""
    return {
        "event_type": NEWS_EVENT,
        "timestamp": unix_ms(row.published_at or row.seen_at or row.created_at),
        "headline": row.headline or "",
        "source": row.source or "",
        "url": row.url or "",
        "sentiment": row.sentiment or "neutral",
        "sentiment_score": row.sentiment_score or Decimal(0),
        "categories": row.categories,
        "related_markets": row.related_markets,
        "urgency": row.urgency or "low",
        "impact_estimate": row.impact_estimate or Decimal(0),
        "via": row.via,
    }


def _tell(rows: Iterable[NewsEvent]) -> None:
    """Every new story into the stream `events:news`; a lost entry costs nothing, the row is what counts."""
    pipe = redis_client().pipeline(transaction=False)
    for row in rows:
        entry = {
            name: json.dumps(value) if isinstance(value, list) else str(value)
            for name, value in document(row).items()
        }
        entry |= {"news_id": str(row.pk), "fresh": str(row.fresh).lower()}
        pipe.xadd(keys.NEWS_STREAM, entry, maxlen=keys.EVENT_STREAM_LENGTH, approximate=True)
    try:
        if pipe.command_stack:
            pipe.execute()
    except REDIS_GONE as error:
        log.warning("stories not told: Redis is away", extra={"error": type(error).__name__})
