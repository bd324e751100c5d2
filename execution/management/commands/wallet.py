"""`manage.py wallet`: merges, redeems and conversions that would free money on Polymarket, with their requests."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from arbsite.exact_json import encode
from execution.models import MODES
from execution.portfolio import actions
from execution.portfolio import services as portfolio


class Command(BaseCommand):
    """List, send nothing."""

    help = "List the merges, redeems and conversions that would free money now; a wallet has to send them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which mode, and how to print."""
        parser.add_argument("--mode", choices=MODES, help="the current one unless said")
        parser.add_argument("--json", action="store_true", help="with the whole calldata")

    def handle(self, *_: Any, mode: str | None, json: bool, **__: Any) -> None:
        """Print what could be done."""
        mode = mode or portfolio.trading_mode()
        found = actions.look(mode)
        if json:
            self.stdout.write(encode({"mode": mode, "actions": [one.as_json() for one in found]}).decode())
            return
        for one in found:
            self.stdout.write(one.sentence)
            if one.request is None:
                self.stdout.write(f"  no request: {one.why}")
            else:
                self.stdout.write(
                    f"  to {one.request.to}, value {one.request.value}, data {one.request.data[:74]}…"
                )
        total = sum(one.frees for one in found)
        self.stdout.write(f"{len(found)} things to do in {mode} mode would free ${total:.2f}.")
