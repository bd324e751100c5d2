"""Doors of the correlation engine."""

from celery import shared_task
from django.utils import timezone

from signals.returns import services


@shared_task(name="signals.correlations")
def correlations() -> None:
    """Compute how markets move together from the stored prices."""
    services.refresh(now=timezone.now())
