"""`manage.py doctor`: what works, what does not, and what to do about it."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from arbsite import registry
from arbsite.components import DATABASE_GONE
from arbsite.connections import REDIS_GONE
from arbsite.logs import redact


class Command(BaseCommand):
    """Exit status 1 when something that is needed is broken."""

    help = "Check configuration, services, workers, feeds and credentials; exit status 1 when something needed is broken."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Run every check and print one line each."""
        table = Table("check", "state", "seen", "what to do", title="Arbsite doctor")
        broken = 0
        for check in registry.checks:
            try:
                table.add_row(check.name, "[green]ok[/]", check.run(), "")
            except registry.Broken as error:
                broken += check.needed
                colour = "red" if check.needed else "yellow"
                table.add_row(check.name, f"[{colour}]broken[/]", redact(str(error)), error.remedy)
            except (*DATABASE_GONE, *REDIS_GONE) as error:
                broken += check.needed
                table.add_row(
                    check.name,
                    "[red]broken[/]",
                    redact(str(error).splitlines()[0]),
                    "Mend the lines above first.",
                )
        Console(file=self.stdout._out, width=None if self.stdout.isatty() else 160).print(table)  # type: ignore[attr-defined]
        if broken:
            sys.exit(1)
