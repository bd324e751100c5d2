"""`manage.py replay FILE…`: recorded frames through the live code, with a digest over everything that was decided."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from arbsite.exact_json import encode
from markets.platforms.base import PLATFORMS
from markets.recordings import Damage, Unreadable
from signals.replay import files as replay_files
from signals.replay.replaying import Replay


class Command(BaseCommand):
    """Replay files in the order of their recorded times."""

    help = "Feed recorded frames through parse, books and detection; report counts and a digest over all decisions."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Files and how to read them."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording, plain or gzip")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--speed", default="max", help="times the recorded speed, or max (default)")
        parser.add_argument("--platform", choices=PLATFORMS, help="default: seen from the frames")
        parser.add_argument(
            "--shared-seq",
            action="store_true",
            help="per-market extracts of a shared subscription: seq has holes",
        )
        parser.add_argument(
            "--pair", action="append", default=[], metavar="POLYMARKET=KALSHI", help="also look at this pair"
        )

        parser.add_argument(
            "--bets",
            type=Path,
            metavar="FILE",
            help="JSON or YAML that names bets and their markets' listings",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Replay all files as one recording."""
        speed = _speed(options["speed"])
        written = replay_files.read_bets(options["bets"]) if options["bets"] else None
        damage = Damage()
        try:
            named = [(options["platform"] or replay_files.guess(path), path) for path in options["files"]]
            platforms = {name for name, _ in named}
            replay = Replay(
                replay_files.setups(platforms, options, written), written.risks if written else None
            )
            began = time.perf_counter()
            for platform, recorded in replay_files.merged(named, damage):
                if speed:
                    _keep_pace(began, recorded.at_ms, speed)
                replay.take(platform, recorded)
        except Unreadable as error:
            raise CommandError(str(error)) from error
        result = replay.finish().as_json()
        result["malformed"] += damage.lines
        if damage.truncated:
            result["truncated"] = True
            self.stderr.write("a file ends in the middle: everything before that was replayed")
        if options["json"]:
            self.stdout.write(encode(result).decode())
        else:
            for name, value in result.items():
                self.stdout.write(f"{name:<16} {_shown(value)}")


def _shown(value: Any) -> str:
    """A figure, or several on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items()) or "-"
    return f"{value:.6g}" if isinstance(value, Decimal) else "-" if value is None else str(value)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise CommandError(f"--speed {text}: give `max` or a positive number, such as 1 or 10.")
    return speed


_pace: dict[str, int] = {}


def _keep_pace(began: float, at_ms: int, speed: float) -> None:
    first = _pace.setdefault("first", at_ms)
    due = (at_ms - first) / 1_000 / speed
    time.sleep(max(0.0, due - (time.perf_counter() - began)))
