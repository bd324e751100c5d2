"""From notices to messages. In this release there is one channel, the log; the others come with their own change."""

import json
import logging
from datetime import datetime

from django.db import transaction

from alerts.models import Alert
from arbsite import groups, keys
from arbsite.connections import redis_client
from arbsite.models import HIGH, INFO, LOW, MEDIUM, SEVERITIES, Notice

log = logging.getLogger(__name__)

GROUP = "alert"
LOG_CHANNEL = "log"
BATCH = 200
TOLD = tuple(severity for severity in SEVERITIES if severity != INFO)  # INFO is for the record only
LEVELS = {LOW: logging.INFO, MEDIUM: logging.WARNING, HIGH: logging.ERROR}


def deliver(*, now: datetime) -> int:
    """Tell about every notice that has not been told yet; returns how many. A notice is told once on each channel."""
    with transaction.atomic():
        notices = list(
            Notice.objects.select_for_update(skip_locked=True)
            .filter(severity__in=TOLD)
            .exclude(alerts__channel=LOG_CHANNEL)
            .order_by("id")[:BATCH]
        )
        Alert.objects.bulk_create(
            [
                Alert(notice=notice, channel=LOG_CHANNEL, status=Alert.SENT, created_at=now, sent_at=now)
                for notice in notices
            ],
            ignore_conflicts=True,
        )
    for notice in notices:
        log.log(
            LEVELS.get(notice.severity, logging.CRITICAL), notice.message,
            extra={"notice": notice.pk, "kind": notice.kind, "subject": notice.subject},
        )  # fmt: skip
    _publish(notices)
    return len(notices)


def _publish(notices: list[Notice]) -> None:
    pipe = redis_client().pipeline(transaction=False)
    for notice in notices:
        body = {
            "notice": notice.pk,
            "kind": notice.kind,
            "severity": notice.severity,
            "subject": notice.subject,
            "message": notice.message,
            "at": notice.created_at.isoformat(),
        }
        pipe.publish(keys.NOTIFICATIONS, json.dumps(body))
    if notices:
        pipe.execute()


def serve_signals(consumer: str, *, now: datetime) -> int:
    """Read the signal stream for the group `alert`: a new entry rings delivery."""
    entries = groups.take(keys.SIGNAL_STREAM, GROUP, consumer)
    told = deliver(now=now)
    groups.acknowledge(keys.SIGNAL_STREAM, GROUP, entries)
    return told
