"""Doors of the alerts room."""

from celery import shared_task
from django.utils import timezone

from alerts import services


@shared_task(name="alerts.read_signals")
def read_signals() -> None:
    """Read the signal stream for the group `alert` and tell about new notices."""
    services.serve_signals("alert", now=timezone.now())
