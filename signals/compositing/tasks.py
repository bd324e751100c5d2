"""The door of the signal compositor; it finds its work by itself and may run twice."""

from celery import shared_task
from django.utils import timezone

from signals.compositing import composing


@shared_task(name="signals.compose")
def compose() -> None:
    """Open, refresh and close proposals by what stands."""
    composing.compose(now=timezone.now())
