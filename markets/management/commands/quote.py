"""`manage.py quote`: what an order would cost, with every rounding step."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from markets import quoting
from markets.clients import fees_from_json
from markets.models import Market
from markets.platforms.base import FeeSchedule
from markets.quoting import Quote, QuoteError

SCHEDULE = ("fee_multiplier", "fee_type", "balance_grid", "fee_rate", "fee_exponent")


class Command(BaseCommand):
    """Work out one order."""

    help = "Print notional, fee, cash and the rounding steps of an order. Needs no database, except with --market."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """All as text: the core says in one sentence what is wrong with a number."""
        parser.add_argument("--platform", help="polymarket or kalshi")
        parser.add_argument("--side", help="buy or sell")
        parser.add_argument("--price", help="dollars per contract of the outcome traded, between 0 and 1")
        parser.add_argument("--count", help="contracts")
        parser.add_argument("--fills", metavar="P:N,P:N", help="several fills of one order, in their order")
        parser.add_argument("--maker", action="store_true", help="the order rested before it was filled")
        parser.add_argument("--fee-multiplier", help="Kalshi: of the series or event; default 1")
        parser.add_argument("--fee-type", help="Kalshi: of the series or event; default quadratic")
        parser.add_argument("--balance-grid", help="Kalshi: direct ($0.0001, default) or broker ($0.01)")
        parser.add_argument("--fee-rate", help="Polymarket: the market's feeSchedule.rate, 0.05 for example")
        parser.add_argument("--fee-exponent", help="Polymarket: the market's feeSchedule.exponent; default 1")
        parser.add_argument("--market", metavar="ID", help="take the schedule of this stored market")
        parser.add_argument("--json", action="store_true", help="print JSON, decimals as text")
        parser.called_from_command_line = False  # an unknown option, too, is one sentence and exit status 1

    def run_from_argv(self, argv: list[str]) -> None:
        """As ever, but what the parser refuses ends like any other bad input."""
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(1)

    def handle(self, *_: Any, **options: Any) -> None:
        """Read the schedule, reckon, print."""
        try:
            quote = _quote(options)
        except QuoteError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(quote.as_json(), indent=2))
            return
        for step in quote.steps:
            self.stdout.write(f"{quoting.text(step.value):>14}  {step.what}")
        for name, value in (
            ("notional", quote.cost.notional), ("fee", quote.cost.fee), ("cash", quote.cost.cash),
        ):  # fmt: skip
            self.stdout.write(f"{name:<9} ${quoting.text(value)}")


def _quote(options: dict[str, Any]) -> Quote:
    platform = quoting.known_platform(options["platform"])
    side = options["side"]
    if side is None:
        raise QuoteError("Give --side buy or --side sell.")
    fills = quoting.fills_of(platform, options["price"], options["count"], options["fills"])
    given = {name: options[name] for name in SCHEDULE}
    market = options["market"]
    if market is None:
        fees = quoting.schedule_of(platform, given)
    elif any(value is not None for value in given.values()):
        raise QuoteError("With --market the schedule is the market's own: leave the fee options away.")
    else:
        fees = _stored(platform, market)
    return quoting.quote(platform, side, fills, fees, maker=options["maker"])


def _stored(platform: str, market_id: str) -> FeeSchedule:
    try:
        row = Market.objects.filter(pk=market_id, platform=platform).first()
    except DatabaseError as error:
        raise QuoteError("The database, which --market is read from, cannot be reached.") from error
    if row is None:
        raise QuoteError(f"No market {market_id!r} of {platform} is stored; `manage.py sync` reads them.")
    fees = fees_from_json(platform, row.fees)
    if fees is None:
        raise QuoteError(f"The fees of {market_id} are not known, so it is not traded.")
    return fees
