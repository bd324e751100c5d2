"""`manage.py source [list]|show NAME|poll NAME`: what is read besides prices, and how it is doing."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arbsite.exact_json import encode
from signals.models import Source
from signals.sources import facts, polling, registry

COLUMNS = (
    "source", "kind", "state", "every", "asked", "answered", "newest item", "latency", "items", "repeats", "late", "lies",
    "dropped", "quota", "why",
)  # fmt: skip
WORDS = {0, 1, 2, 14}  # columns to the left; the others are figures
WIDTH = 200
LIST, SHOW, POLL = "list", "show", "poll"


class Command(BaseCommand):
    """Look at sources, or ask one now."""

    help = "List the sources of whales, news and calendars, show one, or ask one now, whatever its time."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, with which source."""
        parser.add_argument("what", nargs="?", choices=(LIST, SHOW, POLL), default=LIST)
        parser.add_argument("name", nargs="?", help="the source, as `list` spells it")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, what: str, name: str | None, json: bool, **__: Any) -> None:
        """Exit status 1 where the source is unknown, is off, or could not be read."""
        now = timezone.now()
        try:
            if what == LIST:
                self._list(facts.listing(now=now), now, json)
            elif name is None:
                raise CommandError(f"Say which: python manage.py source {what} NAME (see: source list).")
            elif what == SHOW:
                self._show(facts.one(name, now=now), now, json)
            else:
                self._poll(name, now, json)
        except registry.UnknownSource as error:
            raise CommandError(str(error)) from error

    def _list(self, rows: list[dict[str, Any]], now: datetime, json: bool) -> None:
        if json:
            self.stdout.write(encode({"time": now, "sources": rows}).decode())
            return
        table = Table(title=f"Sources at {now:%Y-%m-%d %H:%M:%S} UTC")
        for number, column in enumerate(COLUMNS):
            table.add_column(column, justify="left" if number in WORDS else "right")
        for row in rows:
            table.add_row(*(Text(cell) for cell in _cells(row, now)))
        Console(file=self.stdout._out, width=WIDTH).print(table)
        if not rows:
            self.stdout.write("No source is known.")

    def _show(self, row: dict[str, Any], now: datetime, json: bool) -> None:
        if json:
            self.stdout.write(encode(row).decode())
            return
        table = Table(title=row["name"], show_header=False)
        for field, value in row.items():
            shown = _quota(row) if field == "quotas" else _ago(value, now) if field.endswith("_at") else value
            table.add_row(field, Text(", ".join(shown) if isinstance(shown, list) else str(shown)))
        Console(file=self.stdout._out, width=WIDTH).print(table)

    def _poll(self, name: str, now: datetime, json: bool) -> None:
        spec = registry.spec(name)
        if spec.off:
            raise CommandError(f"{name} is off: {spec.off}")
        done = polling.poll(name, now=now, force=True)
        if done is None:
            raise CommandError(f"Another worker is asking {name} just now: try again in a moment.")
        kept = done.kept
        if json:
            counts = {
                "new": kept.new,
                "repeats": kept.repeats,
                "late": kept.late,
                "lies": kept.lies,
                "newest": kept.newest,
            }
            self.stdout.write(encode({"name": name, "state": done.state, "why": done.why, **counts}).decode())
        else:
            self.stdout.write(
                f"{name}: {done.state}, {kept.new} new, {kept.repeats} known, {kept.late} late, {kept.lies} lies"
                + (f". {done.why}" if done.why else "")
            )
        if done.state not in (Source.OK, Source.SUSPECT):
            raise CommandError(f"{name} could not be read: {done.why}")


def _cells(row: dict[str, Any], now: datetime) -> list[str]:
    latency = row["latency_ms"]
    return [
        row["name"], row["kind"], row["state"], "-" if row["every_seconds"] is None else f"{row['every_seconds']} s",
        _ago(row["asked_at"], now), _ago(row["answered_at"], now), _ago(row["item_at"], now),
        "-" if latency is None else f"{latency / 1000:.1f} s",
        *(f"{row[name]:,}" for name in ("items", "repeats", "late", "lies", "dropped")), _quota(row), row["why"][:80],
    ]  # fmt: skip


def _quota(row: dict[str, Any]) -> str:
    """The quota that is used up the most: 17 of 100 in 24 h."""
    counted = [quota for quota in row["quotas"] if quota["used"] is not None]
    if not counted:
        return "-"
    worst = max(counted, key=lambda quota: quota["used"] / quota["calls"])
    return f"{worst['used']} of {worst['calls']} in {_span(worst['seconds'])}"


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = (now - moment).total_seconds()
    word = "ago" if seconds >= 0 else "from now"
    return f"{_round(abs(seconds))} {word}"


def _round(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
