"""Health rows: what runs, in which state, and one heartbeat a minute for the count of uptime."""

import logging
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from arbsite.models import Component, Heartbeat

log = logging.getLogger(__name__)
DATABASE_GONE = (OperationalError, InterfaceError)


def report(
    name: str, *, started_at: datetime, now: datetime, state: str = Component.RUNNING, **detail: Any
) -> bool:
    """Write the row of one running part and its heartbeat; False where the database is away (and nothing is raised)."""
    try:
        with transaction.atomic():
            Component.objects.bulk_create(
                [Component(name=name, state=state, detail=detail, started_at=started_at, updated_at=now)],
                update_conflicts=True,
                unique_fields=["name"],
                update_fields=["state", "detail", "started_at", "updated_at"],
            )
            Heartbeat.objects.bulk_create(
                [
                    Heartbeat(
                        component=name,
                        minute=now.replace(second=0, microsecond=0),
                        healthy=state == Component.RUNNING,
                    )
                ],
                ignore_conflicts=True,
            )
    except DATABASE_GONE as error:
        log.warning(
            "health not written: the database is away", extra={"component": name, "error": str(error)}
        )
        connection.close()
        return False
    return True
