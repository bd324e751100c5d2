"""Doors of the frame: the sweep that rings again for forgotten work, and the worker's sign of life."""

import os
import socket
from datetime import datetime

from celery import shared_task
from celery.signals import worker_process_init
from django.utils import timezone

from arbsite import components, jobs, registry

_started: list[datetime] = []


@worker_process_init.connect
def _remember_start(**_: object) -> None:
    _started[:] = [timezone.now()]


@shared_task(name="arbsite.sweep")
def sweep() -> None:
    """Let every room look for work that was forgotten."""
    now = timezone.now()
    for run in list(registry.sweeps.values()):
        run(now)


@shared_task(name="arbsite.heartbeat")
def heartbeat() -> None:
    """The worker is alive: its health row, and a heartbeat for this minute."""
    now = timezone.now()
    components.report(
        "worker",
        started_at=_started[0] if _started else now,
        now=now,
        host=socket.gethostname(),
        pid=os.getpid(),
    )


@shared_task(name="arbsite.queue_job")
def queue_job(*, job: str) -> None:
    """Put a job in the list of those that run as processes of their own; a second ring of one slot does nothing."""
    jobs.queue(job, now=timezone.now())
