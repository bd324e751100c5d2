"""What the executor does every so often besides working plans: one table, each entry in a thread of its own."""

import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from arbsite.components import DATABASE_GONE
from execution.orders import catching_up
from execution.orders.trading import trading
from execution.plans import working
from markets.platforms.base import PLATFORMS, POLYMARKET

log = logging.getLogger(__name__)

PAPER = "paper"

Run = Callable[[str, datetime], Any]


@dataclass(slots=True)
class Tick:
    """Called with the mode and now, `every` so many seconds; never twice at once."""

    name: str
    every: float
    run: Run
    mode: str = ""
    next: float = 0.0
    running: "Future[Any] | None" = field(default=None, repr=False)

    def maybe(self, pool: ThreadPoolExecutor, now: float) -> None:
        """Start it when it is due; what became of the last time is said in the log alone."""
        if self.running is not None:
            if not self.running.done():
                return
            error, self.running = self.running.exception(), None
            if isinstance(error, DATABASE_GONE):
                log.warning("tick skipped: the database is away", extra={"tick": self.name})
            elif error is not None:
                log.error("tick failed", extra={"tick": self.name, "error": repr(error)}, exc_info=error)
        if now >= self.next:
            self.next = now + self.every
            self.running = pool.submit(self._once)

    def _once(self) -> Any:
        try:
            return self.run(self.mode, timezone.now())
        except DATABASE_GONE:
            connection.close()
            raise


def table(mode: str) -> list[Tick]:
    """Everything that is done beside the plans in this mode."""
    ticks = [
        Tick("watch", 5, _named("execution.risk.watching:watch")),
        Tick("stops", 1, _named("execution.risk.stops:look")),
        Tick("exits", 10, _named("execution.plans.exits:look")),
        Tick("halts", 1, _enforce),
        Tick("feeds", 5, _named("execution.halting.feed_watch:look")),
        Tick("fills", 3, catching_up.fills),
        Tick("remainders", 60, lambda mode, now: working.pick_up_remainders(now, mode)),
        Tick("reconcile", 2, _reconcile),
    ]
    if mode != PAPER:
        ticks += [Tick("starting", 1, _compare), Tick("heartbeat", 1, _beat)]
    for tick in ticks:
        tick.mode = mode
    return ticks


def listened_to(mode: str) -> tuple[str, ...]:
    """Platforms whose private channels are listened to."""
    if mode == PAPER:
        return ()
    return tuple(one for one in PLATFORMS if settings.ARBSITE.platform(one).enabled)


def _named(place: str) -> Run:
    """A function of another module (`module:function`), imported when it is first due."""

    def run(mode: str, now: datetime) -> Any:
        module, _, name = place.partition(":")
        return getattr(importlib.import_module(module), name)(mode, now)

    return run


def _reconcile(mode: str, now: datetime) -> int:
    """Run what is due: open orders every minute, positions and cash every five, everything every six hours."""
    from execution.reconciling import reconcile

    ran = 0
    for platform in PLATFORMS:
        reason = reconcile.due(platform, now, mode=mode)
        if reason is not None:
            reconcile.run(platform, reason, now=now, mode=mode)
            ran += 1
    return ran


def _enforce(mode: str, now: datetime) -> int:
    """Cancel what is open where a halt stands, until the platform shows nothing."""
    from execution.halting import clearing

    return clearing.enforce(now, mode=mode)


def _compare(mode: str, now: datetime) -> int:
    from execution.halting import starting

    return starting.compare(mode, now)


def _beat(mode: str, now: datetime) -> None:
    """Keep our resting orders on Polymarket alive."""
    heart = getattr(trading(POLYMARKET, mode), "heart", None)
    if heart is not None:
        heart.beat(now, resting=catching_up.resting(mode, POLYMARKET))
