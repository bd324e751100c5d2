"""Alerts that are committed, told to everybody else: the stream `signals:whale` and the list of the last hundred.

`processed` says that a row was told. A crash between telling and committing that tells again: `alert_id` is the same then.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.exact_json import encode
from signals.models import WhaleAlert
from signals.sources.whales import saying, tables
from signals.sources.whales.triggering import Trigger

log = logging.getLogger(__name__)
AT_ONCE = 1_000


def publish(now: datetime) -> int:
    """Tell every alert that was not told yet; returns how many went out. Without Redis they wait for the next time.

    What is no longer fresh by then is not told as if it were: its row is there for whoever looks back.
    """
    triggers = tables.triggers()
    told = 0
    while True:
        try:
            rows, out = _some(triggers, now)
        except REDIS_GONE as error:
            log.warning("alerts not told, Redis is away", extra={"error": type(error).__name__})
            return told
        told += out
        if rows < AT_ONCE:
            return told


def _some(triggers: list[Trigger], now: datetime) -> tuple[int, int]:
    with transaction.atomic():
        rows = list(
            WhaleAlert.objects.select_for_update(skip_locked=True)
            .filter(processed=False, key__isnull=False)
            .order_by("pk")[:AT_ONCE]
        )
        # What is old, part of a chain, or gone makes no signal
        since = now - timedelta(minutes=settings.ARBSITE.whales.fresh_minutes)
        news = [
            row
            for row in rows
            if row.fresh
            and row.chained_to_id is None
            and row.gone_at is None
            and (row.happened_at or row.created_at) >= since
        ]
        pipe = redis_client().pipeline(transaction=False)
        for row in news:
            entry = fields_of(row, saying.priority(saying.pulled(row, triggers)))
            pipe.xadd(keys.WHALE_STREAM, entry, maxlen=keys.EVENT_STREAM_LENGTH, approximate=True)
        for row in news[-keys.WHALE_RECENT_LENGTH :]:
            member = recent_of(row)
            pipe.lrem(keys.WHALE_RECENT, 0, member)  # told again it stands there once
            pipe.rpush(keys.WHALE_RECENT, member)
        if news:
            pipe.ltrim(keys.WHALE_RECENT, -keys.WHALE_RECENT_LENGTH, -1)
            pipe.execute()
        WhaleAlert.objects.filter(pk__in=[row.pk for row in rows]).update(processed=True)
    return len(rows), len(news)


def event_of(row: WhaleAlert) -> dict[str, Any]:
    """An alert in the specification's shape (3.2)."""
    return {
        "event_type": "whale_alert",
        "timestamp": _ms(row.happened_at or row.created_at),
        "transaction_hash": row.transaction_hash or "",
        "block_number": row.block_number,
        "from_address": row.from_address or "",
        "to_address": row.to_address or "",
        "token_symbol": row.token_symbol or "",
        "amount": row.amount,
        "direction": row.direction or "",
        "exchange": row.exchange or "",
        "category": row.category or "",
        "sentiment_score": row.sentiment_score,
        "related_markets": row.related_markets,
        "source": row.source,
    }


def fields_of(row: WhaleAlert, priority: str) -> dict[str, str]:
    """The same as a stream entry: all text, lists as JSON, empty where unknown."""
    fields = {name: "" if value is None else str(value) for name, value in event_of(row).items()}
    fields["related_markets"] = encode(row.related_markets).decode()
    return {**fields, "priority": priority, "alert_id": str(row.pk)}


def recent_of(row: WhaleAlert) -> bytes:
    """An alert as `whale:recent` keeps it (5.1.6)."""
    return encode(
        {
            "tx_hash": row.transaction_hash or "",
            "amount": row.amount,
            "direction": row.direction,
            "ts": _ms(row.happened_at or row.created_at),
        }
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000
