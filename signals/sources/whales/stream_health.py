"""The row, the notices and the counts of Whale Alert's stream: up, lost (with the gap), refused, stopped."""

import logging
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from arbsite.components import DATABASE_GONE, report
from arbsite.models import HIGH, MEDIUM, Component, Notice
from signals.models import Source
from signals.sources.base import WHALES, Kept, Transfer
from signals.sources.whales import frames, storing

log = logging.getLogger(__name__)
NAME = frames.SOURCE
MINUTE = timedelta(minutes=1)
DOUBTED = 4 * MINUTE  # as long as a polled source is left alone that is asked every minute
STATES = {Source.OK: Component.RUNNING, Source.OFF: Component.STOPPED}


def keep(transfers: list[Transfer], now: datetime) -> Kept:
    """Store alerts."""
    return storing.keep(transfers, now)


def close_database() -> None:
    """Let go of a connection that is gone."""
    connection.close()


class Health:
    """How the stream is. Nothing here may stop it: while the database is away, the newest word is written later."""

    def __init__(self, started_at: datetime) -> None:
        self.subscribed = False
        self.dropped = 0
        self._started_at = started_at
        self._state, self._why = Source.STALE, "not connected yet"
        self._lost_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._pending: list[Notice] = []
        self._kept = Kept()
        self._taken: deque[tuple[datetime, int]] = deque()  # alerts of the last minute
        self._suspect_until, self._suspected = started_at, ""

    def up(self, now: datetime) -> None:
        """The subscription is confirmed; a gap that ends here is told."""
        self.subscribed = True
        self._answered_at = now
        if self._lost_at is not None:
            gap = now - self._lost_at
            self._notice(
                "source_gap", f"Nothing was heard for {gap.total_seconds():.0f} s; what was sent then is missed for good.",
                MEDIUM, now, seconds=int(gap.total_seconds()), since=self._lost_at.isoformat(),
            )  # fmt: skip
            self._lost_at = None
        self._become(Source.OK, "", now)

    def lost(self, kind: str, now: datetime) -> None:
        """The connection ended; the source counts as stale from here on."""
        was_up, self.subscribed = self.subscribed, False
        if was_up:
            self._lost_at = now
            self._notice("source_stale", "The stream is down; what happens now is missed.", MEDIUM, now)
        self._become(Source.STALE, f"no connection ({kind})", now)

    def refused(self, why: str, now: datetime) -> None:
        """The other side says no; somebody has to change the settings."""
        if self.subscribed:
            self._lost_at = now
        self.subscribed = False
        self._notice("source_broken", f"Whale Alert refuses us ({why}); asked again in an hour.", HIGH, now)
        self._become(Source.BROKEN, f"refused: {why}; check WHALE_ALERT_API_KEY and the filters", now)

    def stopped(self, now: datetime) -> None:
        """We were told to end."""
        self.subscribed = False
        self._become(Source.STALE, "the process was stopped", now)

    def room(self, asked: int, now: datetime) -> int:
        """How many of so many alerts may be taken at this moment; a source that sends more in a minute floods."""
        while self._taken and now - self._taken[0][0] >= MINUTE:
            self._taken.popleft()
        most = settings.ARBSITE.sources.flood_per_minute
        taken = min(asked, max(0, most - sum(count for _, count in self._taken)))
        self._taken.append((now, taken))
        if taken < asked:
            self._doubt(f"more than {most} alerts within a minute: it floods", now)
        return taken

    def count(self, kept: Kept, now: datetime) -> None:
        """Add what became of alerts."""
        before = self._kept
        if kept.lies:
            self._doubt(f"{kept.lies} of its last alerts have a time that cannot be", now)
        self._kept = Kept(
            before.new + kept.new, before.repeats + kept.repeats, before.late + kept.late, before.lies + kept.lies,
            kept.newest or before.newest, kept.latencies_ms or before.latencies_ms,
        )  # fmt: skip

    def tell(self, now: datetime) -> None:
        """Write the row and the notices that wait."""
        state, why = self._shown(now)
        if self.subscribed:
            self._answered_at = now
        try:
            with transaction.atomic():
                self._write(now)
                Notice.objects.bulk_create(self._pending)
        except DATABASE_GONE as error:
            log.warning("state not written", extra={"source": NAME, "error": type(error).__name__})
            close_database()
            return
        self._pending, self._kept, self.dropped = [], Kept(), 0
        report(
            f"source-{NAME}", started_at=self._started_at, now=now,
            state=STATES.get(state, Component.DEGRADED), why=why,
        )  # fmt: skip

    def _write(self, now: datetime) -> None:
        Source.objects.get_or_create(name=NAME, defaults={"kind": WHALES, "updated_at": now})
        row = Source.objects.select_for_update().get(pk=NAME)
        row.state, row.why = self._shown(now)
        row.updated_at = row.asked_at = now
        row.answered_at = self._answered_at or row.answered_at
        row.items += self._kept.new
        row.repeats += self._kept.repeats
        row.late += self._kept.late
        row.lies += self._kept.lies
        row.dropped += self.dropped
        row.item_at = max(filter(None, (row.item_at, self._kept.newest)), default=None)
        if self._kept.latencies_ms:
            row.latency_ms = sorted(self._kept.latencies_ms)[len(self._kept.latencies_ms) // 2]
        row.save()

    def _shown(self, now: datetime) -> tuple[str, str]:
        """Its state as people and decisions see it: what it lied about stays doubted through a reconnect."""
        if now < self._suspect_until and self._state in (Source.OK, Source.STALE):
            return Source.SUSPECT, self._suspected
        return self._state, self._why

    def _doubt(self, why: str, now: datetime) -> None:
        """Nothing it says counts for a while; people are told when that begins."""
        if now >= self._suspect_until:
            self._notice("source_suspect", why, MEDIUM, now)
        self._suspect_until, self._suspected = now + DOUBTED, why

    def _become(self, state: str, why: str, now: datetime) -> None:
        self._state, self._why = state, why[:500]
        self.tell(now)

    def _notice(self, kind: str, text: str, severity: str, now: datetime, **data: Any) -> None:
        self._pending.append(
            Notice(kind=kind, subject=NAME, message=text, severity=severity, data=data, created_at=now)
        )
