"""Cancelling what a halt found open, again and again until the platform shows none.

Everything is read from the rows, so a process that dies here is followed by the next one. A halt is cleared when the
platform lists nothing open in its scope and no order of ours may still be on its way there.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from django.conf import settings
from django.db.models import QuerySet

from arbsite.models import LOW, Notice
from execution import lifecycle
from execution.halting import halts
from execution.models import Halt, Order
from execution.orders import facts
from execution.orders.trading import trading
from execution.reconciling import gathering
from markets.platforms.base import PLATFORMS, PlatformError
from markets.platforms.trading import OrderRef, OrderReport, Trading

log = logging.getLogger(__name__)

NOT_ASKED = (PlatformError, OSError)
# An order whose sender asked for halts just before this one was written is on its way by then
SETTLE = timedelta(seconds=2)
MOST = 500  # cancels in one request
LEFT_TO_EXECUTOR = timedelta(seconds=15)
SWITCHED_OFF, SWITCHED_ON = "platform_switched_off", "platform_switched_on"

_confirmed: set[tuple[str, str]] = set()  # switches that this process has seen pulled


@runtime_checkable
class HasSwitch(Protocol):
    """A platform that can be told to refuse our orders by itself (Kalshi's order groups)."""

    has_switch: bool  # whether our orders are subject to it

    def block(self) -> None:
        """Cancel what rests and take no more. Raises PlatformError."""
        ...

    def unblock(self) -> None:
        """Take orders again. Raises PlatformError."""
        ...


def enforce(now: datetime, *, mode: str = "") -> int:
    """Cancel what standing halts find open; returns how many orders may still be open. Call it until that is none."""
    mode = mode or settings.ARBSITE.trading.mode
    left = sum(_enforce(halt, mode, now) for halt in _cancelling())
    for platform in PLATFORMS:
        _switch(platform, mode, now)
    return left


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


# --- the switch that a platform holds itself


def _switch(platform: str, mode: str, now: datetime) -> None:
    """Where a platform can be told to refuse our orders by itself, it does so while a halt of all of it stands.

    What we asked for is written before it is asked, so that whoever comes after a crash takes it back at the resume; and
    only then: a switch that the platform pulled for itself falls with the halt that its refusals bring.
    """
    trade = trading(platform, mode)
    if not isinstance(trade, HasSwitch) or not trade.has_switch:
        return
    halted = any(halt.cancel_open for halt in halts.whole_platform(platform))
    pulled = _pulled(trade.platform, mode)
    try:
        if halted and (not pulled or (platform, mode) not in _confirmed):
            if not pulled:
                _note(SWITCHED_OFF, platform, mode, now)
            trade.block()
            _confirmed.add((platform, mode))
        elif pulled and not halted:
            trade.unblock()
            _confirmed.discard((platform, mode))
            _note(SWITCHED_ON, platform, mode, now)
    except NOT_ASKED as error:
        log.warning("the platform's own switch", extra={"platform": platform, "error": str(error)})


def _pulled(platform: str, mode: str) -> bool:
    rows = Notice.objects.filter(kind__in=(SWITCHED_OFF, SWITCHED_ON), subject=f"{platform}:{mode}")
    return rows.order_by("-id").values_list("kind", flat=True).first() == SWITCHED_OFF


def _note(kind: str, platform: str, mode: str, now: datetime) -> None:
    words = {
        SWITCHED_OFF: "is told to refuse our orders by itself while the halt stands",
        SWITCHED_ON: "takes our orders again",
    }
    Notice.objects.record(kind, f"{platform}:{mode}", f"{platform} {words[kind]}.", severity=LOW, at=now)


# --- how


def _ours_open(halt: Halt, platform: str, mode: str) -> QuerySet[Order]:
    rows = Order.objects.filter(mode=mode, platform=platform, status__in=lifecycle.AT_PLATFORM)
    return rows.filter(market_id=halt.market_id) if halt.market_id else rows


def _cancel(trade: Trading, halt: Halt, mode: str, now: datetime) -> int:
    found = _open_there(trade, halt)
    ours = list(_ours_open(halt, trade.platform, mode))
    if found or ours:
        if halt.market_id is None and found:
            _cancel_all(trade)
            found = _open_there(trade, halt)
        for start in range(0, len(found), MOST):
            trade.cancel(_refs(found[start : start + MOST], ours))
        found = _open_there(trade, halt)
        _learn(trade, ours, mode, now)
    shown = {report.platform_order_id for report in found}
    in_doubt = [row for row in _ours_open(halt, trade.platform, mode) if row.platform_order_id not in shown]
    return len(found) + len(in_doubt)


def _cancel_all(trade: Trading) -> None:
    """The fast way. Where it fails there is still each order's own cancel."""
    try:
        trade.cancel_all()
    except NOT_ASKED as error:
        log.warning("not all cancelled at once", extra={"platform": trade.platform, "error": str(error)})


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
