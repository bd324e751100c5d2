"""`manage.py scorecard`: how often each source was right, what that was worth, and the four objectives."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from arbsite.exact_json import encode
from arbsite.moments import since_when
from signals.scoring import objectives, reading


class Command(BaseCommand):
    """The scorecard of a period."""

    help = "Score every source out of sample, with intervals and base rates, and measure the four objectives."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which period."""
        parser.add_argument(
            "--since",
            metavar="D",
            help="90m, 24h, 7d, or a date or time such as 2026-11-24; default: all kept",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, since: str | None, json: bool, **__: Any) -> None:
        """Print it."""
        now = timezone.now()
        start, end = reading.period(since_when(since, now) if since else None, now)
        document = reading.document(since=start, until=end)
        if json:
            self.stdout.write(encode(document).decode())
            return
        console = Console(file=self.stdout._out, width=200)
        shown = Table(title=f"Scorecard since {start:%Y-%m-%d %H:%M} UTC ({document['level']:.4g} intervals)")
        for name in reading.COLUMNS:
            shown.add_column(name, justify="left" if name in ("source", "verdict") else "right")
        for row in reading.lines(document):
            shown.add_row(*row)
        console.print(shown)
        if not document["sources"]:
            self.stdout.write("Nothing has been judged in this period.")
        for name, one in document["sources"].items():
            self.stdout.write(f"{name}: {one['sentence']}")
        table = Table(title="Objectives")
        for name in ("objective", "target", "", "what was measured"):
            table.add_column(name)
        for name, one in document["objectives"].items():
            table.add_row(name.replace("_", " "), one["target"], objectives.word(one), one["sentence"])
        console.print(table)
