"""`manage.py halt`: stop new orders at once, and cancel what is open."""

import getpass
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from execution.halting import clearing, halts
from execution.models import Halt
from markets.platforms.base import PLATFORMS

EVERY_SECONDS = 0.5


class Command(BaseCommand):
    """Needs no permission: whoever reaches this machine may stop trading. `resume` needs one."""

    help = "Stop new orders and cancel open ones until somebody resumes: everywhere, on a platform, or on a market."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where, why, and what becomes of open orders."""
        parser.add_argument("--platform", choices=PLATFORMS, default="")
        parser.add_argument("--market", default="", help="a market's id")
        parser.add_argument("--why", default="", help="what the others should know")
        parser.add_argument("--keep-open", action="store_true", help="leave open orders alone")
        parser.add_argument("--user", default="", help="who you are; the system's user name if not given")
        parser.add_argument(
            "--wait", type=float, default=30.0, help="seconds to wait for open orders to be gone"
        )
        parser.add_argument("--list", action="store_true", help="only show the halts that stand")

    def handle(self, *_: Any, **options: Any) -> None:
        """Halt, and see it through."""
        if options["list"]:
            for line in [describe(halt) for halt in halts.standing()] or ["Nothing is halted."]:
                self.stdout.write(line)
            return
        try:
            halt = halts.halt(
                options["why"], by=options["user"] or getpass.getuser(), now=timezone.now(),
                platform=options["platform"], market_id=options["market"], cancel_open=not options["keep_open"],
            )  # fmt: skip
        except halts.HaltError as error:
            raise CommandError(f"Nothing was halted: {error}.") from None
        self.stdout.write(describe(halt))
        if halt.cancel_open:
            self._see_through(options["wait"])

    def _see_through(self, seconds: float) -> None:
        """Cancel here as well, in case the executor is not running."""
        until = time.monotonic() + seconds
        while True:
            left = clearing.enforce(timezone.now())
            if not left:
                self.stdout.write("No order is open there.")
                return
            if time.monotonic() >= until:
                raise CommandError(
                    f"{left} orders may still be open. New ones are stopped; the executor and the sweep go on cancelling."
                    " Look at the platform's order page."
                )
            time.sleep(EVERY_SECONDS)


def describe(halt: Halt) -> str:
    """One halt in a line."""
    if not halt.cancel_open:
        state = "open orders are kept"
    else:
        state = "open orders are gone" if halt.cleared_at else "open orders are being cancelled"
    place = halt.market_id or halt.platform or "everything"
    since = f"{halt.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"[{halt.pk}] {place} is halted ({halt.code}) by {halt.by} since {since}: {halt.why} ({state})"
