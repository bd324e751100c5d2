"""`manage.py refusals`: why nothing was done, and what would have become of it."""

from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from arbsite.exact_json import encode
from arbsite.moments import since_when
from signals.deciding import fates, refusing

COLUMNS = (
    "reason", "stage", "refused", "gaps", "bets", "open", "vanished", "lasted", "best edge", "settled", "would have",
    "of those lost", "for example",
)  # fmt: skip


class Command(BaseCommand):
    """The refusal ledger by reason."""

    help = "Count refusals by reason, with the fate of each gap: vanished before it could fill, lasted, and its profit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which period."""
        parser.add_argument("--since", metavar="D", help="90m, 24h, 7d, or a date or time such as 2026-11-24")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, since: str | None, json: bool, **__: Any) -> None:
        """Bring the ledger up to date, then report."""
        now = timezone.now()
        start = since_when(since, now) if since else None
        refusing.store()
        fates.follow(now=now)
        rows = fates.report(since=start)
        if json:
            document = {"since": start, "until": now, "reasons": rows}
            self.stdout.write(encode(document).decode())
            return
        shown = Table(
            title=f"Refusals {'since ' + start.isoformat(timespec='minutes') if start else 'on record'}"
        )
        for name in COLUMNS:
            shown.add_column(name, justify="right" if name in COLUMNS[2:12] else "left")
        for row in rows:
            shown.add_row(*_cells(row))
        Console(file=self.stdout._out, width=200).print(shown)
        if not rows:
            self.stdout.write("Nothing was refused.")


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["code"], row["stage"], f"{row['refused']:,}",
        *(str(row[name]) for name in ("gaps", "bets", "open", "vanished", "lasted")),
        _cents(row["best_edge"]), str(row["settled"]), _dollars(row["would_have"]), str(row["lost"]), row["example"][:120],
    ]  # fmt: skip


def _cents(edge: Decimal | None) -> str:
    return "-" if edge is None else f"{edge * 100:.2f} ¢"


def _dollars(amount: Decimal | None) -> str:
    return "-" if amount is None else f"${amount:,.2f}"
