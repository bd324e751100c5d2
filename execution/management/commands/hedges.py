"""`manage.py hedges`: which markets would offset what is open, and at what cost."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from arbsite.exact_json import encode
from execution.limits import plain
from execution.models import MODES
from execution.portfolio import hedging
from execution.portfolio import services as portfolio


class Command(BaseCommand):
    """List hedges; nothing is sent."""

    help = "List the hedges of what is open and not covered, by live books: exact ones first, then by correlation."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose positions, and how to print."""
        parser.add_argument("--mode", choices=MODES, help="the current one unless said")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, mode: str | None, json: bool, **__: Any) -> None:
        """Print them."""
        seen = hedging.look(mode or portfolio.trading_mode(), timezone.now())
        if json:
            self.stdout.write(encode(seen.as_json()).decode())
            return
        for one in seen.hedges:
            stake = one.stake
            by = "exact" if one.rho is None else f"rho {one.rho:+.2f}"
            self.stdout.write(
                f"{stake.outcome} of {stake.platform}:{stake.market_id} ({plain(stake.contracts)}):"
                f" buy {plain(one.contracts)} {one.outcome} of {one.platform}:{one.market_id} at {one.price:.4f},"
                f" costs ${one.cost:.2f},"
                f" takes {one.takes:.0%} of the variance (at least {one.takes_at_least:.0%}; {by})"
            )
        if seen.left_out:
            self.stdout.write(f"{seen.left_out}.")
        self.stdout.write(f"{len(seen.stakes)} positions are not covered in {seen.mode} mode.")
