"""Doors of the sources: each finds its work by itself and may run twice."""

from celery import current_app, shared_task
from django.utils import timezone

from signals.sources import polling

RING_SECONDS = 10


@shared_task(name="signals.poll_sources")
def poll_sources() -> None:
    """Ring for every source whose time has come, and mark those that have gone silent."""
    now = timezone.now()
    for name in polling.due(now=now):
        # Rung for again in a few seconds: a doorbell that nobody heard by then is not worth hearing
        current_app.send_task("signals.poll_source", kwargs={"name": name}, expires=RING_SECONDS)
    polling.check_stale(now=now)


@shared_task(name="signals.poll_source")
def poll_source(*, name: str) -> None:
    """Ask one source, if it is still its time."""
    polling.poll(name, now=timezone.now())
