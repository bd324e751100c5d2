"""`manage.py stack`: the embedded PostgreSQL and Valkey, by hand."""

import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from arbsite.stack import Stack, StackError, report
from arbsite.stopping import stop_event


class Command(BaseCommand):
    """Needs no database: it is what starts one."""

    help = "Run the embedded PostgreSQL and Valkey until Ctrl-C, or tell how they are doing (--status)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, and whether to look only."""
        parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder (default: DATA_DIR)")
        parser.add_argument(
            "--status", action="store_true", help="print the state; exit status 1 when they do not run"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run or look."""
        data: Path = (options["data"] or settings.ARBSITE.core.data_dir).absolute()
        try:
            if options["status"]:
                sys.exit(0 if self._tell(data) else 1)
            self._run(data)
        except StackError as error:
            raise CommandError(str(error)) from error

    def _run(self, data: Path) -> None:
        stop = stop_event()
        signal.signal(signal.SIGHUP, lambda *_: stop.set())  # the terminal was closed
        with Stack(data) as stack:
            self._tell(data)
            if not stack.owned:
                self.stdout.write("Another process keeps them running; there is nothing to do here.")
                return
            self.stdout.write("Ctrl-C stops them.")
            self.stdout.flush()
            stop.wait()

    def _tell(self, data: Path) -> bool:
        found = report(data)
        kept = f"running, kept by process {found.owner}" if found.owner else "not running"
        self.stdout.write(f"Embedded services of {data}: {kept}")
        for server in found.servers:
            pid = f"process {server.pid}" if server.pid else "stopped"
            self.stdout.write(f"  {server.title:<11}port {server.port or '-':<6} {pid:<16} {server.url}")
        return found.owner is not None
