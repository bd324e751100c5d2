"""`manage.py scan`: look at every active bet on the live books, now; `--watch` goes on looking."""

import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.live import Live
from rich.table import Table

from arbsite.exact_json import encode
from markets.platforms.base import PLATFORMS
from signals import scanning
from signals.deciding.decision import SPREAD
from signals.deciding.joining import PRICE
from signals.models import Signal
from signals.records import document, storing, wording
from signals.scanning import Scan

SHOWN = 50
# Two figures a column, one above the other: all of it must fit a terminal
COLUMNS = (
    "buy (age of the book)", "size\nlimit", "gross ¢\nfees", "edge ¢\nhurdle", "expect. ¢", "net $\nhalf", "net %\nyear",
    "alive", "state",
)  # fmt: skip
LEFT = (COLUMNS[0], COLUMNS[-1])
HURDLE = ("leg_risk", "rule_risk", "capital", "evidence")
LEGS_SHOWN = 4
CENTS = Decimal(100)
WIDE = 140  # columns, where nobody looks at a terminal


class Command(BaseCommand):
    """Run detection over everything."""

    help = (
        "Run arbitrage detection over every active bet on the live books, and list what is open, best first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to show, and how."""
        parser.add_argument(
            "--min-profit", metavar="X", help="least net profit over outlay, a fraction such as 0.02"
        )
        parser.add_argument("--platforms", metavar="A,B", help=f"only bets on these: {','.join(PLATFORMS)}")
        parser.add_argument(
            "--limit", type=int, default=SHOWN, help=f"opportunities at most (default {SHOWN})"
        )
        parser.add_argument(
            "--json", action="store_true", help="print the detect response as one JSON document"
        )
        parser.add_argument(
            "--document", action="store_true", help="print them as the specification's signal documents (3.4)"
        )
        parser.add_argument("--watch", action="store_true", help="a live table until Ctrl-C")
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks of --watch")
        parser.add_argument("--looks", type=int, help="end --watch after so many looks")

    def handle(self, *_: Any, **options: Any) -> None:
        """Scan once, or again and again."""
        wanted = {
            "platforms": _platforms(options["platforms"]),
            "min_profit": _fraction(options["min_profit"]),
            "most": _positive("--limit", options["limit"]),
        }
        if options["watch"]:
            if options["json"] or options["document"]:
                raise CommandError("--watch draws a table; leave --json and --document out.")
            pause = _positive("--every", options["every"])
            self._watch(_looks(wanted, pause, options["looks"]))
            return
        scan = scanning.run(clock=_now_ms, **wanted)
        if options["document"]:
            now = timezone.now()
            self.stdout.write(encode([document.document(row, now) for row in scan.signals]).decode())
        elif options["json"]:
            self.stdout.write(encode(scanning.as_json(scan, timezone.now())).decode())
        else:
            self._print(scan)

    def _watch(self, scans: Iterator[Scan]) -> None:
        try:
            with Live(console=self._console(), auto_refresh=False) as screen:
                for scan in scans:
                    screen.update(table(scan), refresh=True)
        except KeyboardInterrupt:
            self.stdout.write("stopped")

    def _print(self, scan: Scan) -> None:
        self.stdout.write(
            f"{scan.bets} bets, {scan.changed} signals changed, {len(scan.signals)} open, {scan.duration_ms} ms"
        )
        if scan.signals:
            self._console().print(table(scan))

    def _console(self) -> Console:
        out = self.stdout._out
        return Console(file=out, width=None if out.isatty() else WIDE)


def table(scan: Scan) -> Table:
    """The open signals with their waterfalls, prices in cents per $1 of payoff."""
    shown = Table(
        title=f"{len(scan.signals)} open in {scan.bets} bets, {scan.duration_ms} ms", show_lines=True
    )
    for name in COLUMNS:
        shown.add_column(name, justify="left" if name in LEFT else "right")
    now = timezone.now()
    for row in scan.signals:
        shown.add_row(*_cells(row, now))
    return shown


def _cells(row: Signal, now: datetime) -> list[str]:
    figures = scanning.figures(row, now)
    cents = {step.name: step.per_dollar * CENTS for step in storing.steps_of(row.metadata)}
    hurdle = sum((cents.get(name, Decimal(0)) for name in HURDLE), Decimal(0))
    half = "-" if row.half_profit is None else f"{row.half_profit:.2f}"
    year = wording.a_year(row)
    state = row.status if row.label != SPREAD else f"{row.status} {SPREAD}"
    beside = [name for name in row.sources if name != PRICE]
    if beside:
        state += f"\nwith {', '.join(beside)}"
    return [
        _legs(row),
        f"{row.size:.0f}\n{figures['limited_by']}",
        f"{cents.get('gross', Decimal(0)):.2f}\n{cents.get('fees', Decimal(0)):.2f}",
        f"{cents.get('edge', Decimal(0)):.2f}\n{hurdle:.2f}",
        f"{cents['expected']:.2f}" if "expected" in cents else "-",
        f"{row.net_profit:.2f}\n{half}",
        f"{row.profit_pct:.2%}\n{year}",
        f"{figures['seconds_alive']:.1f} s",
        f"{state}\n{row.reasons[0]['code']}" if row.reasons else state,
    ]


def _legs(row: Signal) -> str:
    legs = row.metadata.get("legs", [])
    lines = [
        f"{leg['outcome']} {leg['platform']} {leg['market_id'][:18]} @ {Decimal(leg['best_price']).normalize():f}"
        f" ({leg.get('book_age_ms', '?')} ms)"
        for leg in legs[:LEGS_SHOWN]
    ]
    return "\n".join([*lines, f"and {len(legs) - LEGS_SHOWN} more"] if len(legs) > LEGS_SHOWN else lines)


def _looks(wanted: dict[str, Any], pause: float, looks: int | None) -> Iterator[Scan]:
    done = 0
    while looks is None or done < looks:
        if done:
            time.sleep(pause)
        yield scanning.run(clock=_now_ms, **wanted)
        done += 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _platforms(text: str | None) -> tuple[str, ...]:
    if text is None:
        return PLATFORMS
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PLATFORMS]
    if unknown or not names:
        raise CommandError(
            f"--platforms {text}: {', '.join(unknown) or 'nothing'} is no platform; known are {', '.join(PLATFORMS)}."
        )
    return names


def _fraction(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= 1:
        raise CommandError(f"--min-profit {text}: give a fraction from 0 to 1, such as 0.02 for 2 %.")
    return number


def _positive(name: str, number: Any) -> Any:
    if not number > 0:
        raise CommandError(f"{name} {number}: give a number above 0.")
    return number
