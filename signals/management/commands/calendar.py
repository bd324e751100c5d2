"""`manage.py calendar`: what is scheduled, how sure that is, which markets it touches and what it does to trading."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from arbsite.exact_json import encode
from signals.sources.calendar import guarding, listing, times
from signals.sources.calendar.listing import Shown

DAYS = 7
LONGEST = 400
WIDE = 140  # columns, where nobody looks at a terminal


class Command(BaseCommand):
    """List what is coming."""

    help = (
        "List the scheduled events of the coming days: when (UTC and as announced), how certain, how many markets and"
        " bets each touches, and its guards. One line for each occasion, however many calendars have it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How far, and how."""
        parser.add_argument("--days", type=int, default=DAYS, help=f"how many days ahead (default {DAYS})")
        parser.add_argument("--all", action="store_true", help="those of low importance as well")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the list."""
        days = options["days"]
        if not 0 < days <= LONGEST:
            raise CommandError(f"--days {days}: give a number from 1 to {LONGEST}.")
        now = timezone.now()
        shown = listing.coming(now=now, ahead=timedelta(days=days), low=options["all"])
        if options["json"]:
            self.stdout.write(encode(listing.as_json(shown, now)).decode())
            return
        if not shown:
            self.stdout.write(
                f"Nothing is scheduled in {days} days. Ask the calendars with `manage.py source poll`, or read why"
                " they are silent with `manage.py source`."
            )
            return
        out = self.stdout._out
        Console(file=out, width=None if out.isatty() else WIDE).print(_table(shown, days, now))


def _table(shown: list[Shown], days: int, now: datetime) -> Table:
    table = Table(title=f"{len(shown)} events in {days} days from {now:%Y-%m-%d %H:%M} UTC")
    for name in (
        "UTC",
        "as announced",
        "event",
        "source",
        "certainty",
        "importance",
        "markets",
        "bets",
        "guards",
    ):
        table.add_column(name, justify="right" if name in ("markets", "bets") else "left")
    for one in shown:
        event = one.event
        table.add_row(
            f"{event.starts_at:%Y-%m-%d %H:%M}", _local(one), event.name[:60], event.source, event.certainty,
            event.importance, str(len(event.markets)), str(one.bets), _guards(one),
        )  # fmt: skip
    return table


def _local(one: Shown) -> str:
    local = one.event.starts_at.astimezone(ZoneInfo(times.zone_of(one.time_zone) or "UTC"))
    return local.strftime("%a %d %b" if one.event.certainty == "date_only" else "%a %d %b %H:%M %Z")


def _guards(one: Shown) -> str:
    held = guarding.bounds()
    words = {
        "widen": f"widen {held.hurdle * 100:.1f} ¢", "suspend": "suspend", "mark": "mark news",
    }  # fmt: skip
    return ", ".join(words[guard.level] for guard in one.guards) or "-"
