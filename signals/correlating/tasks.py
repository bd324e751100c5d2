"""Doors of the correlator: each finds its work by itself and may run twice."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from signals.correlating import fits, following, forgetting, judging

FIT_EVERY = timedelta(hours=23)


@shared_task(name="signals.correlate")
def correlate() -> None:
    """Publish what stands for and against markets, and look for patterns among new transfers."""
    following.follow(now=timezone.now())


@shared_task(name="signals.judge_predictions")
def judge_predictions() -> None:
    """Judge the predictions that are due."""
    judging.judge_due(now=timezone.now())


@shared_task(name="signals.fit_sources")
def fit_sources() -> None:
    """Fit the sources whose fit is a day old."""
    fits.fit_all(now=timezone.now(), every=FIT_EVERY)


@shared_task(name="persist.forget_evidence")
def forget() -> None:
    """Forget what is older than its days: claims, what they were made of, past events."""
    forgetting.forget(now=timezone.now())
