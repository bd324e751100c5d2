"""No new order before the books were compared: a halt per platform that the executor sets when it starts, and lifts."""

import logging
from datetime import datetime, timedelta

from execution.halting import feed_watch, halts
from execution.models import Halt, Reconciliation
from execution.portfolio import services as portfolio
from execution.reconciling import reconcile
from markets.platforms.base import PLATFORMS

log = logging.getLogger(__name__)

PAPER = "paper"
AGAIN = timedelta(seconds=5)  # after a comparison that did not pass
WHY = "the executor has started and has not compared its books with the platform's yet"


def stand(mode: str, *, now: datetime) -> None:
    """Set the halts. In paper mode there is nobody to compare with but our own ledger."""
    if mode == PAPER:
        for difference in portfolio.reconcile(now=now):
            log.error("the ledger does not add up", extra={"difference": str(difference)})
        return
    Halt.objects.bulk_create(
        [
            Halt(
                platform=platform,
                code=halts.STARTING,
                why=WHY,
                by="executor",
                cancel_open=False,
                created_at=now,
            )
            for platform in PLATFORMS
        ],
        ignore_conflicts=True,  # the last life's, which was killed before it could lift them
    )


def standing() -> list[str]:
    """The platforms that wait for their first comparison."""
    rows = Halt.objects.filter(code=halts.STARTING, lifted_at__isnull=True).order_by("platform")
    return list(rows.values_list("platform", flat=True))


def compare(mode: str, now: datetime) -> int:
    """Reconcile the platforms that wait, and let those that passed trade; returns how many did."""
    lifted = 0
    for platform in standing():
        if _just_looked(platform, mode, now):
            continue
        feed_watch.place(platform, mode, now)  # a region that is shut must not wait for the first order
        row = reconcile.run(platform, Reconciliation.START, now=now, mode=mode)
        if row.passed:
            lifted += halts.started(platform, now=now, why=f"reconciliation {row.pk} passed")
        else:
            log.warning("not passed yet", extra={"platform": platform, "why": row.error or "differences"})
    return lifted


def _just_looked(platform: str, mode: str, now: datetime) -> bool:
    """Whether this life has looked a moment ago, in vain: a platform that is away is not asked every second."""
    since = Halt.objects.filter(code=halts.STARTING, platform=platform, lifted_at__isnull=True).first()
    rows = Reconciliation.objects.filter(mode=mode, platform=platform, reason=Reconciliation.START)
    last = rows.order_by("-id").values_list("finished_at", flat=True).first()
    return (
        since is not None
        and last is not None
        and since.created_at <= last
        and timedelta(0) <= now - last < AGAIN
    )
