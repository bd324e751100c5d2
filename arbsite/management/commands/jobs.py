"""`manage.py jobs`: run queued jobs as processes of their own, outside Celery's time limits."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from arbsite import jobs
from arbsite.components import DATABASE_GONE, report
from arbsite.stopping import stop_event


class Command(BaseCommand):
    """Claim rows and run them, one at a time, until SIGTERM."""

    help = "Run queued jobs (scans, reports, reconciliation) as processes of their own. --queue ID queues one now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Queue one, or serve until nothing is left."""
        parser.add_argument("--queue", metavar="JOB", help="queue this job for the current minute and exit")
        parser.add_argument("--drain", action="store_true", help="exit when no job is waiting")

    def handle(self, *_: Any, queue: str | None, drain: bool, **__: Any) -> None:
        """Serve."""
        if queue:
            try:
                made = jobs.queue(queue, now=timezone.now())
            except jobs.UnknownJob as error:
                raise CommandError(str(error)) from error
            self.stdout.write("queued" if made else "already queued for this minute")
            return
        stop = stop_event()
        runner = f"{socket.gethostname()}:{os.getpid()}"
        started_at = timezone.now()
        while not stop.is_set():
            try:
                row = jobs.claim(runner, now=timezone.now())
                if row is not None:
                    jobs.run(row, runner, stop)
                    continue
            except DATABASE_GONE as error:
                self.stderr.write(f"jobs: the database is away ({str(error).splitlines()[0]}), waiting")
                connection.close()
            if drain:
                return
            report("jobs", started_at=started_at, now=timezone.now())
            stop.wait(2)
