"""Doors of the signals room. Each finds its work by itself and may run twice."""

import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from markets.pairing import pair_evidence
from signals import pair_gaps, services
from signals.compositing import tasks as compositing_tasks  # noqa: F401
from signals.correlating import tasks as correlating_tasks  # noqa: F401 - the same
from signals.deciding import fates, judging, rechecking, refusing
from signals.moves import tasks as move_tasks  # noqa: F401 - as source_tasks
from signals.records import analysis, closing
from signals.returns import tasks as return_tasks  # noqa: F401 - likewise
from signals.sources import tasks as source_tasks  # noqa: F401 - its tasks are found through this module
from signals.sources.calendar import tasks as calendar_tasks  # noqa: F401 - as source_tasks

LATE = timedelta(seconds=3)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@shared_task(name="signals.detect")
def detect(*, window_id: str) -> None:
    """Look at the bets that a window touched."""
    services.detect(window_id, now_ms=_now_ms())


@shared_task(name="signals.decide")
def decide(*, window_id: str) -> None:
    """Judge the signals that a window touched."""
    judging.decide(window_id, now_ms=_now_ms())


@shared_task(name="signals.sweep")
def sweep() -> None:
    """Judge what was forgotten, close what nobody confirms any more and what lost its bet."""
    now = timezone.now()
    # First what must not be acted on: a signal that cannot be judged then ends like any other
    closing.close_suspended(now=now)
    closing.expire(now=now)
    judging.judge(services.unserved(now=now, older_than=LATE), now_ms=_now_ms())


@shared_task(name="signals.close_suspended")
def close_suspended() -> None:
    """Close the signals of bets that are not active any more."""
    closing.close_suspended(now=timezone.now())


@shared_task(name="signals.recheck")
def recheck(*, signal_ids: str) -> None:
    """Read the books of quarantined signals (ids, comma-separated) again over REST."""
    rechecking.recheck(signal_ids.split(","), clock=_now_ms)


@shared_task(name="signals.pair_gaps")
def note_pair_gaps() -> None:
    """Tell the pairs of gaps that speak against them."""
    now = timezone.now()
    for gap in pair_gaps.found(now_ms=_now_ms()):
        pair_evidence.note_gap(gap.pair_id, gap.gap, now)


@shared_task(name="persist.signal_snapshots")
def store_snapshots() -> None:
    """Store the signal stream for backtests."""
    analysis.store_new("analysis")


@shared_task(name="persist.refusals")
def store_refusals() -> None:
    """Write the counted refusals into the ledger."""
    refusing.store()


@shared_task(name="persist.refusal_fates")
def follow_refusals() -> None:
    """Fill in what became of refusals, and forget the oldest."""
    now = timezone.now()
    fates.follow(now=now)
    fates.forget_before(now - timedelta(days=settings.ARBSITE.archive.price_days))
