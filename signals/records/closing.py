"""How a signal ends: its gap is gone, nobody confirms it any more, or its bet was suspended. Each tells its age."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from arbsite import bulk
from arbsite.models import INFO, Notice
from signals.models import Signal
from signals.records import publishing
from signals.times import unix_ms

GAP_GONE, UNCONFIRMED, BET_SUSPENDED = "gap_gone", "unconfirmed", "bet_suspended"
GONE = {
    "status": "text", "closed_at": "timestamptz", "refreshed_at": "timestamptz", "close_reason": "text",
    "lifetime_ms": "bigint",
}  # fmt: skip
STILL_OPEN = f"AND t.status IN ({', '.join(repr(status) for status in Signal.OPEN)})"
BATCH = 500


def end(row: Signal, reason: str, now: datetime) -> Signal:
    """The row of a signal whose end was seen at `now`; nothing is written yet."""
    row.status, row.closed_at, row.refreshed_at, row.close_reason = Signal.CLOSED, now, now, reason
    row.lifetime_ms = max(0, unix_ms(now) - unix_ms(row.created_at))
    return row


def expire(*, now: datetime) -> int:
    """End the open signals whose books have been silent for too long; returns how many.

    When the gap went is not known: its life counts up to the last look that confirmed it.
    """
    limit = now - timedelta(seconds=settings.ARBSITE.signals.expire_seconds)
    with transaction.atomic():
        rows = list(
            Signal.objects.select_for_update(skip_locked=True).filter(
                status__in=Signal.OPEN, refreshed_at__lt=limit
            )[:BATCH]
        )
        for row in rows:
            row.status, row.closed_at, row.close_reason = Signal.EXPIRED, now, UNCONFIRMED
            row.lifetime_ms = max(0, unix_ms(row.refreshed_at) - unix_ms(row.created_at))
        bulk.update(Signal, rows, GONE)
    publishing.tell(gone=rows, now_ms=unix_ms(now))
    return len(rows)


def close_suspended(*, now: datetime) -> int:
    """End the open signals of bets that are not active any more; returns how many."""
    with transaction.atomic():
        rows = list(
            Signal.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(status__in=Signal.OPEN, bet__isnull=False)
            .exclude(bet__status="ACTIVE")[:BATCH]
        )
        for row in rows:
            end(row, BET_SUSPENDED, now)
        bulk.update(Signal, rows, GONE)
        bulk.insert(
            [
                Notice(kind="signal_closed", severity=INFO, subject=row.id, created_at=now, data={"bet": row.bet_id},
                       message=f"{row.direction}: its bet is not active any more")
                for row in rows
            ]
        )  # fmt: skip
    publishing.tell(gone=rows, now_ms=unix_ms(now))
    return len(rows)


def do_not_wait_for_the_disk() -> None:
    """For the current transaction: a lost signal is found again by the next window."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")
