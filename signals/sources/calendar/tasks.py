"""Doors of the calendar: each finds its work by itself and may run twice."""

from celery import shared_task
from django.utils import timezone

from signals.sources.calendar import guarding, linking_occasions, marking


@shared_task(name="signals.guards")
def guard() -> None:
    """Write the guards of near events, tell of them, and claim that prices will move."""
    guarding.refresh(now=timezone.now())


@shared_task(name="signals.calendar_links")
def link_events() -> None:
    """Look again for the markets of events that are near."""
    linking_occasions.link_near(now=timezone.now())


@shared_task(name="signals.mark_news")
def mark_news() -> None:
    """Mark the news that follow a scheduled event."""
    marking.sweep(now=timezone.now())
