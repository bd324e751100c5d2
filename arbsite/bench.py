"""Measuring: a worker beside us, repeated runs, percentiles; and the empty chain that others are compared with."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from celery import chain, shared_task

from arbsite import lifeline
from arbsite.celery import QUEUES, app
from arbsite.config import BASE_DIR
from arbsite.connections import redis_client
from arbsite.pipeline import step

CHANNEL = "cache:bench"
READY_SECONDS = 60.0


@shared_task(name="arbsite.nothing")
def nothing(*, mark: str = "") -> None:
    """An empty link of a chain; the last one says that it ran."""
    if mark:
        redis_client().publish(CHANNEL, mark)


@shared_task(name="markets.nothing")
def nothing_in_markets(*, mark: str = "") -> None:
    """The same on the queue of the markets room."""
    nothing(mark=mark)


def empty_chain(links: int, mark: str) -> None:
    """Ring a chain of tasks that do nothing, on the queue that the real one begins on."""
    names = [step("markets.nothing")] * (links - 1)
    chain(*names, step("markets.nothing", mark=mark)).apply_async()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def best_of(run: Callable[[], object], *, times: int = 5) -> float:
    """Seconds of the fastest of several runs: the others met the machine's noise."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)


@contextmanager
def worker(data: Path, *, processes: int = 2) -> Iterator[None]:
    """A real worker for all queues, in the environment of this process."""
    command = [
        sys.executable, "-m", "celery", "-A", "arbsite", "worker", "-Q", ",".join(QUEUES), "-c", str(processes), "-l",
        "WARNING", "-n", f"bench{os.getpid()}@%h", "--without-mingle",
    ]  # fmt: skip
    with (data / "bench-worker.log").open("ab") as log:
        process = subprocess.Popen(
            lifeline.command(command), cwd=BASE_DIR, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not app.control.ping(timeout=0.3):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the worker does not start: read {data / 'bench-worker.log'}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
