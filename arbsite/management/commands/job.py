"""`manage.py job ID`: run a job of the cron table by hand, as the scheduler's runner would; `--list` shows them."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from arbsite import jobs, registry, schedule
from arbsite.stopping import stop_event

WIDE = 140  # columns, where nobody looks at a terminal


class Command(BaseCommand):
    """Run one job to its end, with its time limit and its retries; print what it printed, end as it ended."""

    help = "Run a job of the cron table now, with its time limit and retries. --list shows all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which job."""
        parser.add_argument("job", nargs="?", metavar="ID", help="such as price-sync; see --list")
        parser.add_argument("--list", action="store_true", help="list the jobs, their times and limits")

    def handle(self, *_: Any, job: str | None, list: bool, **__: Any) -> None:
        """Run, or list."""
        if list or job is None:
            if not list:
                raise CommandError("Name a job, such as `manage.py job price-sync`, or ask for --list.")
            self._list()
            return
        runner = f"by-hand:{socket.gethostname()}:{os.getpid()}"
        try:
            row = jobs.run_now(job, runner, stop_event(), now=timezone.now())
        except jobs.UnknownJob as error:
            raise CommandError(str(error)) from error
        if row.output:
            self.stdout.write(row.output.rstrip("\n"))
        if row.exit_status:
            raise CommandError(
                f"{job} ended with status {row.exit_status}, after {row.attempts} of"
                f" {registry.jobs[job].retries} attempts.",
                returncode=row.exit_status if row.exit_status > 0 else 1,
            )

    def _list(self) -> None:
        lines = {row.job: row.line for row in (*schedule.SPECIFIED, *schedule.SUBAGENTS)}
        shown = Table()
        for name in ("job", "cron (UTC)", "limit", "retries", "manage.py", "about"):
            shown.add_column(name)
        for one in sorted(registry.jobs.values(), key=lambda found: found.id):
            shown.add_row(
                one.id, lines.get(one.id, "-"), f"{one.timeout_seconds} s", str(one.retries), " ".join(one.command),
                one.about,
            )  # fmt: skip
        out = self.stdout._out
        Console(file=out, width=None if out.isatty() else WIDE).print(shown)
