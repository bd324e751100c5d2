"""Cancelling what a halt found open, again and again until the platform shows none.

Everything is read from the rows, so a process that dies here is followed by the next one. A halt is cleared when the
platform lists nothing open in its scope and no order of ours may still be on its way there.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from execution import facts, gathering, lifecycle
from execution.models import Halt, Order
from execution.trading import trading
from markets.platforms.base import PLATFORMS, PlatformError
from markets.platforms.trading import OrderRef, OrderReport, Trading

log = logging.getLogger(__name__)

NOT_ASKED = (PlatformError, OSError)
# An order whose sender asked for halts just before this one was written is on its way by then
SETTLE = timedelta(seconds=2)
MOST = 500  # cancels in one request
LEFT_TO_EXECUTOR = timedelta(seconds=15)


def enforce(now: datetime, *, mode: str = "") -> int:
    """Cancel what standing halts find open; returns how many orders may still be open. Call it until that is none."""
    mode = mode or settings.ARBSITE.trading.mode
    return sum(_enforce(halt, mode, now) for halt in _cancelling())


def left_undone(now: datetime) -> int:
    """The sweep: halts that nobody has cleared for a while are enforced from here. Returns how many orders are left."""
    waiting = [halt for halt in _cancelling() if halt.cleared_at is None]
    if not any(now - halt.created_at > LEFT_TO_EXECUTOR for halt in waiting):
        return 0
    return enforce(now)


def _cancelling() -> list[Halt]:
    return list(Halt.objects.filter(lifted_at__isnull=True, cancel_open=True).order_by("id"))


def _enforce(halt: Halt, mode: str, now: datetime) -> int:
    platforms = (halt.platform,) if halt.platform else PLATFORMS
    left = sum(_clear(halt, platform, mode, now) for platform in platforms)
    if not left and halt.cleared_at is None and now - halt.created_at >= SETTLE:
        Halt.objects.filter(pk=halt.pk, cleared_at__isnull=True, lifted_at__isnull=True).update(
            cleared_at=now
        )
    return left


def _clear(halt: Halt, platform: str, mode: str, now: datetime) -> int:
    """Cancel on one platform; returns how many orders may still be open there, one at least while it does not answer."""
    ours = _ours_open(halt, platform, mode)
    if halt.cleared_at is not None and not ours.exclude(role=Order.HAND).exists():
        return 0
    trade = trading(platform, mode)
    try:
        return _cancel(trade, halt, mode, now)
    except NOT_ASKED as error:
        log.warning(
            "halt not enforced yet", extra={"halt": halt.pk, "platform": platform, "error": str(error)}
        )
        return max(1, ours.count())


def _ours_open(halt: Halt, platform: str, mode: str) -> QuerySet[Order]:
    rows = Order.objects.filter(mode=mode, platform=platform, status__in=lifecycle.AT_PLATFORM)
    return rows.filter(market_id=halt.market_id) if halt.market_id else rows


def _cancel(trade: Trading, halt: Halt, mode: str, now: datetime) -> int:
    found = _open_there(trade, halt)
    ours = list(_ours_open(halt, trade.platform, mode))
    if found or ours:
        if halt.market_id is None and found:
            trade.cancel_all()
            found = _open_there(trade, halt)
        for start in range(0, len(found), MOST):
            trade.cancel(_refs(found[start : start + MOST], ours))
        found = _open_there(trade, halt)
        _learn(trade, ours, mode, now)
    shown = {report.platform_order_id for report in found}
    in_doubt = [row for row in _ours_open(halt, trade.platform, mode) if row.platform_order_id not in shown]
    return len(found) + len(in_doubt)


def _open_there(trade: Trading, halt: Halt) -> list[OrderReport]:
    reports = trade.open_orders()
    return [one for one in reports if halt.market_id is None or one.market_id == halt.market_id]


def _refs(reports: Sequence[OrderReport], ours: Sequence[Order]) -> list[OrderRef]:
    known = {row.platform_order_id: row for row in ours if row.platform_order_id}
    refs = []
    for report in reports:
        row = known.get(report.platform_order_id)
        refs.append(
            gathering.ref(row)
            if row is not None
            else OrderRef(
                report.client_order_id or report.platform_order_id, report.platform_order_id, report.market_id
            )
        )
    return refs


def _learn(trade: Trading, ours: Sequence[Order], mode: str, now: datetime) -> None:
    """What became of our orders; a fill beats a cancel. Those whose answer is lost are looked up by the executor."""
    refs = [gathering.ref(row) for row in ours if row.status not in (lifecycle.SUBMITTED, lifecycle.UNKNOWN)]
    reports = [report for ref in refs if (report := trade.find(ref)) is not None]
    facts.orders_told(reports, mode=mode, platform=trade.platform, now=now)
    if refs:
        facts.fills_told(trade.fills(refs), mode=mode, platform=trade.platform, now=now)
