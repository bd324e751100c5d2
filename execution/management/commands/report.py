"""`manage.py report`: what a day or a week brought, what is at stake, and how much of the limits is used."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.models import INFO, MEDIUM, Notice
from execution.models import MODES
from execution.portfolio import exposure
from execution.portfolio import services as portfolio
from execution.reporting import hedge_report, rendering, reports

DAILY, WEEKLY, EXPOSURE = "daily", "weekly", "exposure"
DAYS = {DAILY: 1, WEEKLY: 7}
TABLE, CSV, HTML, JSON = "table", "csv", "html", "json"


class Command(BaseCommand):
    """Print a report or write it to a file; the words of the short ones are recorded as a notice."""

    help = (
        "Report a day or week (daily, weekly, or --days N), what is at stake (exposure), or how much of the risk limits"
        " is used (--risk)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which report, how, and where to."""
        parser.add_argument("what", nargs="?", choices=[DAILY, WEEKLY, EXPOSURE])
        parser.add_argument(
            "--format", choices=[TABLE, CSV, HTML, JSON], default=TABLE, help="csv: exposure only"
        )
        parser.add_argument("--out", metavar="FILE", help="write there instead of printing")
        parser.add_argument("--days", type=int, help="a report of so many days")
        parser.add_argument("--risk", action="store_true")
        parser.add_argument("--mode", choices=MODES, help="the current one unless said")

    def handle(
        self,
        *_: Any,
        what: str | None,
        format: str,
        out: str | None,
        days: int | None,
        risk: bool,
        mode: str | None,
        **__: Any,
    ) -> None:
        """Make the report, print or write it. Raises CommandError for what cannot be."""
        if format == CSV and what != EXPOSURE:
            raise CommandError(
                "Only the exposure report comes as CSV: manage.py report exposure --format csv."
            )
        if days is not None and (what is not None or days < 1):
            raise CommandError("Give daily, weekly or --days N with N of at least 1.")
        mode = mode or portfolio.trading_mode()
        if risk:
            made = self._risk(mode)
        elif what == EXPOSURE:
            made = self._exposure(mode, format)
        else:
            made = self._period(mode, format, days or DAYS[what or DAILY])
        if out is None:
            self.stdout.write(made, ending="")
        else:
            Path(out).write_text(made, encoding="utf-8")
            self.stdout.write(f"written to {out}")

    def _period(self, mode: str, format: str, days: int) -> str:
        now = timezone.now()
        found = reports.gather(now=now, days=days, mode=mode)
        words = "\n".join(reports.headline(found))
        Notice.objects.record("profit_report", "portfolio", words, severity=INFO, at=now)
        if format == JSON:
            return rendering.as_json(found)
        if format == HTML:
            return rendering.daily_html(found)
        return rendering.text(rendering.report_title(found), found["verdict"], reports.sections(found))

    def _exposure(self, mode: str, format: str) -> str:
        seen = exposure.look(mode, timezone.now())
        if format == CSV:
            return rendering.exposure_csv(seen)
        beside = hedge_report.look(mode, seen.as_of)
        if format == JSON:
            return rendering.as_json({**seen.as_json(), **beside.as_json()})
        more = hedge_report.sections(beside)
        if format == HTML:
            return rendering.exposure_html(seen, more, hedge_report.pictures(beside))
        return rendering.text(rendering.exposure_title(seen), "", [*reports.exposure_sections(seen), *more])

    def _risk(self, mode: str) -> str:
        lines = reports.limits_used(mode, timezone.now())
        words = "\n".join(
            f"{reports.limit_label(line)}: {reports.limit_amount(line['used'], line['unit'])}"
            f" of {reports.limit_amount(line['limit'], line['unit'])} ({line['share']:.0%})"
            for line in lines
        )
        severity = MEDIUM if any(line["share"] > reports.NEAR for line in lines) else INFO
        Notice.objects.record("risk_report", "portfolio", words, severity=severity, at=timezone.now())
        return words + "\n"
