"""Jobs: work that may outlast a task. The scheduler writes a row, `manage.py jobs` claims it and runs a process.

A row is one slot of one job, so a second scheduler or a repeated message changes nothing. A runner says every few
seconds that it is alive; a row whose runner fell silent is taken again.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from arbsite import lifeline, registry
from arbsite.config import BASE_DIR
from arbsite.models import HIGH, JobRun, Notice

log = logging.getLogger(__name__)

ALIVE_SECONDS = 5
LOST_AFTER = timedelta(seconds=30)
OUTPUT_KEPT = 8_000  # characters: the end of what a job printed


class UnknownJob(ValueError):
    """No such job; the message lists those there are."""


def queue(job: str, *, now: datetime) -> bool:
    """Queue a job for this minute; False when that slot is there already. Raises UnknownJob."""
    if job not in registry.jobs:
        raise UnknownJob(_unknown(job))
    slot = now.replace(second=0, microsecond=0)
    _, made = JobRun.objects.get_or_create(job=job, scheduled_for=slot)
    return made


def claim(runner: str, *, now: datetime) -> JobRun | None:
    """The oldest row that waits or was lost, claimed for `runner`; None when there is none."""
    lost = Q(state=JobRun.RUNNING, alive_at__lt=now - LOST_AFTER)
    with transaction.atomic():
        row = (
            JobRun.objects.select_for_update(skip_locked=True)
            .filter(Q(state=JobRun.QUEUED) | lost)
            .order_by("scheduled_for", "id")
            .first()
        )
        if row is None:
            return None
        row.state, row.claimed_by, row.started_at, row.alive_at = JobRun.RUNNING, runner, now, now
        row.attempts = F("attempts") + 1
        row.save()
    row.refresh_from_db()
    return row


def run_now(job: str, runner: str, stop: threading.Event, *, now: datetime) -> JobRun:
    """Run a job by hand to its end, beside the cron table's slots, and again as often as it may; returns its row.

    Raises UnknownJob. Between two attempts any runner may take the row; then it is waited for.
    """
    if job not in registry.jobs:
        raise UnknownJob(_unknown(job))
    row = JobRun.objects.create(
        job=job, scheduled_for=now, state=JobRun.RUNNING, attempts=1, claimed_by=runner, started_at=now, alive_at=now
    )  # fmt: skip
    ours = True
    while True:
        if ours:
            run(row, runner, stop)
        row.refresh_from_db()
        if row.state in (JobRun.DONE, JobRun.FAILED):
            return row
        if stop.is_set():
            JobRun.objects.filter(pk=row.pk, state=JobRun.QUEUED).update(state=JobRun.FAILED)
            return row
        at = timezone.now()
        ours = bool(
            JobRun.objects.filter(pk=row.pk, state=JobRun.QUEUED).update(
                state=JobRun.RUNNING,
                claimed_by=runner,
                started_at=at,
                alive_at=at,
                attempts=F("attempts") + 1,
            )
        )
        row.refresh_from_db()
        if not ours:
            stop.wait(1)


def _unknown(job: str) -> str:
    return f"No job is called {job!r}; there are: {', '.join(sorted(registry.jobs))}."


def run(row: JobRun, runner: str, stop: threading.Event) -> bool:
    """Run a claimed row's command to its end, its time limit or `stop`; returns whether it succeeded."""
    job = registry.jobs.get(row.job)
    if job is None:
        return _finish(row, runner, 1, f"no job is called {row.job}", retry=False)
    command = [sys.executable, str(BASE_DIR / "manage.py"), *job.command]
    process = subprocess.Popen(
        lifeline.command(command), cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True, env={**os.environ, "ARBSITE_JOB": str(row.pk)},
    )  # fmt: skip
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.append(process.stdout.read() if process.stdout else ""))
    reader.start()
    why = _wait(process, row, runner, job.timeout_seconds, stop)
    reader.join(timeout=5)
    text = ("".join(output) + (f"\n{why}" if why else ""))[-OUTPUT_KEPT:]
    status = process.returncode if process.returncode is not None else 1
    retry = bool(status) and (row.attempts < job.retries or stop.is_set())
    return _finish(row, runner, status, text, retry=retry)


def _wait(process: subprocess.Popen, row: JobRun, runner: str, timeout: int, stop: threading.Event) -> str:
    """Wait for the process, saying that we live; returns why it had to be ended, if it had."""
    deadline = time.monotonic() + timeout
    said = time.monotonic()
    while process.poll() is None:
        if stop.is_set() or time.monotonic() > deadline:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return "stopped with the runner" if stop.is_set() else f"ended after its limit of {timeout} s"
        if time.monotonic() - said > ALIVE_SECONDS:
            said = time.monotonic()
            JobRun.objects.filter(pk=row.pk, claimed_by=runner).update(alive_at=timezone.now())
        time.sleep(0.05)
    return ""


def _finish(row: JobRun, runner: str, status: int, output: str, *, retry: bool) -> bool:
    now = timezone.now()
    state = JobRun.DONE if status == 0 else JobRun.QUEUED if retry else JobRun.FAILED
    with transaction.atomic():
        ours = JobRun.objects.filter(pk=row.pk, claimed_by=runner, state=JobRun.RUNNING).update(
            state=state, exit_status=status, output=output, finished_at=now, alive_at=now
        )
        if ours and state == JobRun.FAILED:
            message = output.strip().splitlines()[-1:] or ["no output"]
            Notice.objects.record("job_failed", row.job, message[0][:500], severity=HIGH, at=now, run=row.pk)
    log.info("job ended", extra={"job": row.job, "status": status, "state": state})
    return status == 0
