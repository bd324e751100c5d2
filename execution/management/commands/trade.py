"""`manage.py trade`: works plans until it is stopped."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.stopping import stop_event


class Command(BaseCommand):
    """The executor."""

    help = "Work plans and orders, listen to the platforms, reconcile and keep watch, until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether to stay."""
        parser.add_argument("--once", action="store_true", help="work what waits now, then end")

    def handle(self, *_: Any, **options: Any) -> None:
        """Refuse to begin where something is missing; else work."""
        from execution.executor import Executor
        from execution.plans import working

        mode = settings.ARBSITE.trading.mode
        problems = self._problems(mode)
        if problems:
            raise CommandError(f"{mode} trading cannot begin:\n  " + "\n  ".join(problems))
        if options["once"]:
            self._compare(mode)
            self.stdout.write(f"{working.work_all(mode)} plans looked at")
            return
        self.stdout.write(f"trading in {mode} mode; end with Ctrl-C")
        Executor(mode, stop_event()).run()

    @staticmethod
    def _compare(mode: str) -> None:
        """No order before the books were compared, however short the visit; where they differ, the halt stays."""
        from execution.halting import starting

        now = timezone.now()
        starting.stand(mode, now=now)
        if mode != starting.PAPER:
            starting.compare(mode, now)

    @staticmethod
    def _problems(mode: str) -> list[str]:
        if mode != "live":
            return []
        from execution.halting import live_checks

        return live_checks.problems(timezone.now())
