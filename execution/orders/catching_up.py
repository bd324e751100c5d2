"""Fills that nobody has brought: asked for until they are booked, and final where a platform settles later."""

import logging
from datetime import datetime

from django.conf import settings

from execution import lifecycle
from execution.models import Order
from execution.orders import facts, ordering
from execution.orders.trading import trading
from markets.platforms.base import PLATFORMS

log = logging.getLogger(__name__)


def fills(mode: str, now: datetime) -> int:
    """Ask for the fills of orders that miss some, or of which some are not final; returns how many orders there were.

    In sandbox and live mode paper twins are caught up with, too.
    """
    modes = [mode] if mode == "paper" or not settings.ARBSITE.trading.shadow else [mode, "paper"]
    asked = 0
    for one in modes:
        for platform in PLATFORMS:
            rows = facts.unsettled(one, platform)
            if not rows:
                continue
            asked += len(rows)
            try:
                told = trading(platform, one).fills([ordering.ref(row) for row in rows])
            except ordering.NOT_ASKED as error:
                log.warning("fills not read", extra={"platform": platform, "error": str(error)})
                continue
            facts.fills_told(told, mode=one, platform=platform, now=now)
    return asked


def resting(mode: str, platform: str) -> bool:
    """Whether an order of ours rests on a platform."""
    open_states = (lifecycle.OPEN, lifecycle.PARTIAL, lifecycle.CANCELLING)
    return Order.objects.filter(mode=mode, platform=platform, status__in=open_states).exists()
