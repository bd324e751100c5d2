"""The executor: a long-lived process that works plans, listens to the platforms' private channels, and keeps watch.

Plans are worked in threads, one at a time each (an advisory lock says so, whoever else runs). A ring from whoever made
or changed a plan wakes it; a look at the table every second finds what was not rung for. Everything else is a tick: a
function called every so often in a thread of its own, whose failure is its own.
"""

import logging
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from arbsite.components import DATABASE_GONE, report
from arbsite.connections import REDIS_GONE
from arbsite.lease import Lease
from arbsite.models import HIGH, Component, Notice
from execution import lifecycle, ringing, ticking
from execution.halting import feed_watch, starting
from execution.models import Order
from execution.orders.listening import Listener
from execution.plans import working
from execution.ticking import Tick

log = logging.getLogger(__name__)

NAME = "trade"
LOOK_SECONDS = 1.0  # between two looks at the table
HEALTH_SECONDS = 5.0
LEASE_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # before a plan that failed is tried again, seconds
SAY_AFTER = 3  # failures in a row after which a plan's trouble is a notice


@dataclass(slots=True)
class Executor:
    """One process's work. `run` returns when `stop` is set and what was being sent has its answer."""

    mode: str
    stop: threading.Event
    started_at: datetime = field(default_factory=timezone.now)
    due: dict[str, float] = field(default_factory=dict)  # plan → monotonic seconds
    busy: dict[str, "Future[datetime | None]"] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    woken: "queue.SimpleQueue[list[str]]" = field(default_factory=queue.SimpleQueue)
    looked: float = 0.0
    told: float = 0.0
    listeners: list[Listener] = field(default_factory=list)

    def run(self) -> None:
        """Start, work, stop."""
        workers = settings.ARBSITE.execution.workers
        working.stopping.clear()
        lease = Lease(f"{NAME}:{self.mode}", LEASE_SECONDS)
        if not self._stand_by(lease):
            return
        ticks = ticking.table(self.mode)
        starting.stand(self.mode, now=timezone.now())
        with suppress(*REDIS_GONE):
            feed_watch.begin(timezone.now())
        threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (("rings", self._listen), ("lease", lambda: self._keep(lease)))
        ]
        for thread in threads:
            thread.start()
        with (
            ThreadPoolExecutor(workers, "plan") as pool,
            ThreadPoolExecutor(threads_of(ticks), "tick") as tickers,
        ):
            self.listeners = [Listener(platform, self.mode) for platform in ticking.listened_to(self.mode)]
            for listener in self.listeners:
                listener.start()
            try:
                self._loop(pool, tickers, ticks)
            finally:
                working.stopping.set()
                for listener in self.listeners:
                    listener.stop()
                close_connections(pool, workers)
                close_connections(tickers, threads_of(ticks))
        report(NAME, started_at=self.started_at, now=timezone.now(), state=Component.STOPPED, mode=self.mode)
        connection.close()
        release(lease)

    def _loop(self, pool: ThreadPoolExecutor, tickers: ThreadPoolExecutor, ticks: list[Tick]) -> None:
        while not self.stop.is_set():
            now = time.monotonic()
            self._reap(now)
            if now - self.looked >= LOOK_SECONDS:
                self.looked = now
                self._look(now)
            self._start_due(pool, now)
            for tick in ticks:
                tick.maybe(tickers, now)
            self._health(now)
            self._wait(now)

    def _hear_again(self) -> None:
        """Listen anew where a listener's thread has ended: what it could not use must not leave us deaf for ever."""
        for number, listener in enumerate(self.listeners):
            if not listener.alive():
                log.error("listening anew", extra={"platform": listener.platform})
                listener.stop()
                self.listeners[number] = Listener(listener.platform, self.mode, ask_again=True)
                self.listeners[number].start()

    # --- plans

    def _look(self, now: float) -> None:
        """Whatever waits in the table and is not known here yet."""
        try:
            for plan_id in working.claim(mode=self.mode):
                if plan_id not in self.busy:
                    self.due.setdefault(plan_id, now)
        except DATABASE_GONE as error:
            log.warning("plans not read: the database is away", extra={"error": str(error)})
            connection.close()

    def _start_due(self, pool: ThreadPoolExecutor, now: float) -> None:
        for plan_id in [one for one, at in self.due.items() if at <= now and one not in self.busy]:
            del self.due[plan_id]
            future = pool.submit(work_safely, plan_id)
            self.busy[plan_id] = future
            future.add_done_callback(lambda _: self.woken.put([]))

    def _reap(self, now: float) -> None:
        for plan_id in [one for one, future in self.busy.items() if future.done()]:
            future = self.busy.pop(plan_id)
            error = future.exception()
            if error is not None:
                self._failed(plan_id, error, now)
                continue
            self.failures.pop(plan_id, None)
            again = future.result()
            if again is not None:
                self.due[plan_id] = min(
                    self.due.get(plan_id, float("inf")),
                    now + max(0.0, (again - timezone.now()).total_seconds()),
                )

    def _failed(self, plan_id: str, error: BaseException, now: float) -> None:
        """A plan whose step failed is tried again, later each time; nothing is sent meanwhile."""
        count = self.failures[plan_id] = self.failures.get(plan_id, 0) + 1
        self.due[plan_id] = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (count - 1))
        if isinstance(error, (*DATABASE_GONE, *REDIS_GONE)):
            log.warning(
                "plan waits: the database or Redis is away", extra={"plan": plan_id, "error": str(error)}
            )
            return
        log.error("plan failed", extra={"plan": plan_id, "error": repr(error)}, exc_info=error)
        if count == SAY_AFTER:
            try:
                Notice.objects.record(
                    "plan_stuck", plan_id, f"Its next step fails ({error!r}): read the log of `manage.py trade`.",
                    severity=HIGH, at=timezone.now(),
                )  # fmt: skip
            except DATABASE_GONE:
                connection.close()

    def _wait(self, now: float) -> None:
        """Until a ring, a plan that is done, or the next thing that is due."""
        # A plan that is rung for while it is worked waits for that: its end wakes us
        due = [at - now for plan_id, at in self.due.items() if plan_id not in self.busy]
        pause = min([self.looked + LOOK_SECONDS - now, *due])
        pause = min(max(pause, 0.002), 0.25)  # ticks are due by the quarter of a second
        try:
            rung = self.woken.get(timeout=pause)
        except queue.Empty:
            return
        for plan_id in rung:
            self.due[plan_id] = 0.0

    def _listen(self) -> None:
        """Hear the rings; without Redis the table is looked at anyway."""
        while not self.stop.is_set():
            try:
                rung = ringing.wait(1.0)
            except REDIS_GONE as error:
                log.warning("no rings are heard: Redis is away", extra={"error": str(error)})
                self.stop.wait(1.0)
                continue
            if rung:
                self.woken.put(rung)

    # --- being the one, and being well

    def _stand_by(self, lease: Lease) -> bool:
        """Wait until no other executor runs; without Redis nobody can say so, and two are safe."""
        said = False
        while not self.stop.is_set():
            try:
                if lease.acquire():
                    return True
            except REDIS_GONE as error:
                log.warning("the lease cannot be asked for: trading without it", extra={"error": str(error)})
                return True
            if not said:
                log.info("another executor runs: waiting as a stand-by", extra={"mode": self.mode})
                said = True
            self.stop.wait(LEASE_SECONDS / 4)
        return False

    def _keep(self, lease: Lease) -> None:
        while not self.stop.wait(LEASE_SECONDS / 3):
            try:
                if lease.renew() == Lease.LOST:
                    log.warning("another executor has taken over: stopping", extra={"mode": self.mode})
                    self.stop.set()
            except REDIS_GONE as error:
                log.warning("the lease was not renewed", extra={"error": str(error)})

    def _health(self, now: float) -> None:
        if now - self.told < HEALTH_SECONDS:
            return
        self.told = now
        self._hear_again()
        try:
            statuses = list(
                Order.objects.filter(mode=self.mode, status__in=Order.OPEN_STATUSES).values_list(
                    "status", flat=True
                )
            )
        except DATABASE_GONE:
            connection.close()
            return
        deaf = [one.platform for one in self.listeners if not one.healthy()]
        unwell = bool(deaf) or bool(self.failures)
        report(
            NAME, started_at=self.started_at, now=timezone.now(),
            state=Component.DEGRADED if unwell else Component.RUNNING, mode=self.mode, open_orders=len(statuses),
            unknown_orders=statuses.count(lifecycle.UNKNOWN), plans=len(self.busy) + len(self.due), deaf=deaf,
            failing=len(self.failures),
        )  # fmt: skip


def work_safely(plan_id: str) -> datetime | None:
    """Work a plan in a thread of the pool, whose connection is given up where it is broken."""
    try:
        return working.work(plan_id)
    except DATABASE_GONE:
        connection.close()
        raise


def threads_of(ticks: list[Tick]) -> int:
    """One for each, so that none waits for another: the heart must beat while platforms hang."""
    return max(1, len(ticks))


def close_connections(pool: ThreadPoolExecutor, threads: int) -> None:
    """Give up every thread's connection, once what it does now is done."""
    together = threading.Barrier(threads)

    def close() -> None:
        together.wait()
        connection.close()

    for future in [pool.submit(close) for _ in range(threads)]:
        future.result()


def release(lease: Lease) -> None:
    """Give the role back; it ends by itself where Redis is away."""
    try:
        lease.release()
    except REDIS_GONE as error:
        log.warning("the lease was not given back", extra={"error": str(error)})
