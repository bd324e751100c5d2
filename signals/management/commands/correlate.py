"""`manage.py correlate`: whales, news, calendar and price moves beside the markets they speak of, and what those did."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.markup import escape  # headlines and questions come from outside
from rich.table import Table

from arbsite.exact_json import encode
from arbsite.moments import since_when
from signals.correlating import fits, following, judging, matching
from signals.models import SourceFit

ARROWS = {1: "up", -1: "down", 0: "moves"}
SHOWN = 60  # matches on the screen; JSON has them all


class Command(BaseCommand):
    """The correlator by hand: it is brought up to date first."""

    help = "Match whale, news, calendar and price events with markets: which moved first, how far, how long."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which period, and whether to fit."""
        parser.add_argument(
            "--since", metavar="D", default="24h", help="90m, 24h, 7d, or a date or time such as 2026-11-24"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--fit", action="store_true", help="fit every source on its past first")

    def handle(self, *_: Any, since: str, json: bool, fit: bool, **__: Any) -> None:
        """Judge what is due, fit if asked, then report."""
        now = timezone.now()
        start = since_when(since, now)
        judged = judging.judge_due(now=now)
        made = fits.fit_all(now=now) if fit else []
        following.follow(now=now)
        document = matching.report(since=start, now=now)
        if json:
            document["judged"] = judged
            document["fits"] = [_fit(one) for one in made]
            self.stdout.write(encode(document).decode())
            return
        console = Console(file=self.stdout._out, width=200)
        if fit:
            console.print(_fits(made))
        console.print(_matches(document["matches"][:SHOWN]))
        console.print(_standing(document["standing"][:SHOWN]))
        if document["patterns"]:
            console.print(_patterns(document["patterns"]))
        self.stdout.write(
            f"{judged} predictions were judged just now; {len(document['matches'])} matches since "
            f"{start:%Y-%m-%d %H:%M} UTC."
        )


def _fit(one: SourceFit) -> dict[str, Any]:
    names = (
        "source", "kind", "fitted_from", "fitted_until", "active_from", "samples", "hits", "base_hits", "lower", "upper",
        "base_rate", "weight", "half_life_seconds", "curve",
    )  # fmt: skip
    return {name: getattr(one, name) for name in names}


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=title)
    for name in columns:
        shown.add_column(name)
    return shown


def _fits(made: list[SourceFit]) -> Table:
    shown = _table("Fits", "source", "kind", "right", "of", "bounds", "base rate", "weight", "half-life")
    for one in made:
        bounds = "-" if one.lower is None else f"{one.lower:.1%} – {one.upper:.1%}"
        base = "-" if one.base_rate is None else f"{one.base_rate:.1%}"
        shown.add_row(
            one.source, one.kind, str(one.hits), str(one.samples), bounds, base, f"{one.weight:.2f}",
            f"{one.half_life_seconds} s",
        )  # fmt: skip
    return shown


def _matches(rows: list[dict[str, Any]]) -> Table:
    shown = _table(
        f"Matches ({len(rows)} newest)", "seen", "source", "what", "market", "says", "p", "first", "lag", "peak", "lasted",
        "outcome",
    )  # fmt: skip
    for row in rows:
        shown.add_row(
            f"{row['seen_at']:%H:%M:%S}", f"{row['source']} {row['kind']}", escape(row["label"][:50]),
            escape(row["question"][:40]),
            ARROWS[row["direction"]], f"{row['probability']:.2f}", row["moved_first"], _seconds(row["lag_ms"]),
            "-" if row["peak_move"] is None else f"{row['peak_move'] * 100:.1f} ¢", _seconds(row["lasted_ms"]),
            row["outcome"] if row["so_far"] is None else f"{row['outcome']}, so far {row['so_far']}",
        )  # fmt: skip
    return shown


def _standing(rows: list[dict[str, Any]]) -> Table:
    shown = _table("What stands", "market", "words", "with a say", "up", "down", "base rate", "sources")
    for row in rows:
        shown.add_row(
            escape(row["question"][:60]), str(row["words"]), str(row["with_a_say"]), f"{row['up']:.1%}",
            f"{row['down']:.1%}", f"{row['base_rate']:.1%}", ", ".join(row["sources"])[:60],
        )  # fmt: skip
    return shown


def _patterns(rows: list[dict[str, Any]]) -> Table:
    shown = _table("Repeated flows", "began", "flow", "times", "usual", "chance", "dollars")
    for row in rows:
        shown.add_row(
            f"{row['began_at']:%m-%d %H:%M}", escape(f"{row['asset']} {row['direction']} {row['exchange']}"),
            str(row["count"]), f"{row['usual']:.1f}", f"{row['chance']:.2g}", f"${row['usd']:,.0f}",
        )  # fmt: skip
    return shown


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1_000:.1f} s"
