"""`manage.py limits`: what may be at stake, who says so, how much of it is used; and how a person changes it."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from execution.risk import services as risk
from execution.risk import usage
from execution.risk.limit_names import WrongLimit
from execution.risk.usage import Row
from signals import catalogue

NO_LIMIT = "none"


class Command(BaseCommand):
    """Show the limits, or change some of them."""

    help = (
        "Show every limit with where it comes from and how much of it is used; --set NAME VALUE changes one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to change, for whom, and why."""
        parser.add_argument(
            "--set", nargs=2, action="append", metavar=("NAME", "VALUE"), default=[],
            help="change a limit; VALUE `none` lifts it; several --set are checked together",
        )  # fmt: skip
        parser.add_argument(
            "--scope", default="", help="a platform, market:ID, bet:ID or group:NAME; else everywhere"
        )
        parser.add_argument(
            "--user", default="", help="who asks for the change: needs the permission to set limits"
        )
        parser.add_argument("--why", default="", help="why, for whoever reads it later")

    def handle(self, *_: Any, **options: Any) -> None:
        """Change, then show."""
        now = timezone.now()
        if options["set"]:
            self._change(options, now)
        mode = settings.ARBSITE.trading.mode
        table = Table(title=f"Limits ({mode} trading)")
        for column in ("limit", "scope", "value", "unit", "used", "set by"):
            table.add_column(column, overflow="fold")
        for row in usage.rows(mode, catalogue.current(), now=now):
            table.add_row(
                row.name, row.scope or "everywhere", _text(row.value), row.unit, _used(row), _source(row)
            )
        Console(file=self.stdout, width=None if self.stdout.isatty() else 160).print(table)  # type: ignore[arg-type]

    def _change(self, options: dict[str, Any], now: Any) -> None:
        person = get_user_model().objects.filter(username=options["user"]).first()
        if person is None:
            raise CommandError("Say who asks for it: --user NAME, of a user that there is.")
        try:
            changes = [(name, options["scope"], _value(name, text)) for name, text in options["set"]]
            rows = risk.set_limits(changes, person, options["why"], now=now)
        except (WrongLimit, risk.NotAllowed) as error:
            raise CommandError(str(error)) from error
        for row in rows:
            self.stdout.write(f"{row.name} {row.scope or 'everywhere'}: {_text(row.value)} from now on")


def _value(name: str, text: str) -> Decimal | None:
    if text == NO_LIMIT:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise WrongLimit(f"{text!r} is no number for {name}; `{NO_LIMIT}` lifts a limit.") from None


def _text(value: Decimal | None) -> str:
    return "no limit" if value is None else f"{value.normalize():f}"


def _used(row: Row) -> str:
    if row.used is None:
        return ""
    share = f" ({row.used / row.value:.0%})" if row.value and row.name != "min_cash" else ""
    return f"{row.used.quantize(Decimal('0.0001')).normalize():f}{share}{' ' + row.by if row.by else ''}"


def _source(row: Row) -> str:
    if row.set_at is None:
        return row.source
    return f"{row.set_by}, {row.set_at:%Y-%m-%d %H:%M}: {row.why}"
