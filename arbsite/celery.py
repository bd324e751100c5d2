"""The Celery application: one queue per app, `persist` for bulk writers, `rest` for what waits on platforms; small
messages, living database connections.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, setup_logging, task_prerun
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arbsite.settings")

APPS = ("arbsite", "markets", "signals", "execution", "alerts")
QUEUES = (*APPS, "persist", "rest")
# Seconds, which no window can spare
WAITS_ON_PLATFORMS = frozenset({"markets.watch_ended", "signals.recheck", "signals.poll_source"})
MAX_MESSAGE_BYTES = 1_024


class MessageTooLarge(ValueError):
    """A task was given data instead of ids."""


app = Celery("arbsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in QUEUES]


def _route(name: str, *_: Any, **__: Any) -> dict[str, str]:
    """A task is served on its app's queue; what writes in bulk is kept out of the way of orders."""
    if name.startswith("persist."):
        return {"queue": "persist"}
    if name in WAITS_ON_PLATFORMS:
        return {"queue": "rest"}
    head = name.split(".", 1)[0]
    return {"queue": head if head in APPS else "arbsite"}


app.conf.task_routes = (_route,)
app.autodiscover_tasks(APPS)


@setup_logging.connect
def _django_logs(**_: Any) -> None:
    """Keep Django's logging (structured, redacted) instead of Celery's own."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@before_task_publish.connect
def _only_ids(sender: str | None = None, body: Any = None, **_: Any) -> None:
    """Refuse messages that carry data: they would sit in the broker's memory and in its unacked table."""
    size = len(repr(body[:2])) if body else 0
    if size > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{sender}: {size} bytes of arguments; pass an id instead.")


@task_prerun.connect
def _living_connections(**_: Any) -> None:
    """Drop database connections that died since the last task.

    Connections are reused over tasks (`CELERY_DB_REUSE_MAX`); without this a worker that outlived a database restart
    would fail every task from then on.
    """
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
