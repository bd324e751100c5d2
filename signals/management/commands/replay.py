"""`manage.py replay FILE…`: recorded frames through the live code, with a digest over everything that was decided."""

import heapq
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from arbsite.exact_json import encode
from markets import bets, clients, recordings
from markets.platforms.base import KALSHI, OPEN, PLATFORMS, POLYMARKET, TickBand
from markets.recordings import Damage, Recorded, Unreadable
from signals import betfiles, rules
from signals.betfiles import BetFile, BetFileError
from signals.decision import Hurdles
from signals.findings import Listing
from signals.replaying import Replay, Setup

GUESS_LINES = 50
# What a recording of frames does not hold: the widest listing of each platform, so that nothing is hidden by it
CENT, FINE = Decimal("0.01"), Decimal("0.0001")


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
        written = _bets(options["bets"]) if options["bets"] else None
        damage = Damage()
        try:
            named = [(options["platform"] or _guess(path), path) for path in options["files"]]
            platforms = {name for name, _ in named}
            replay = Replay(_setups(platforms, options, written), written.risks if written else None)
            began = time.perf_counter()
            for platform, recorded in _merged(named, damage):
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


def _bets(path: Path) -> BetFile:
    """The bets that a file names."""
    try:
        return betfiles.parse(yaml.safe_load(path.read_text()), clients.fees_from_json)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--bets {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise CommandError(f"--bets {path} is neither JSON nor YAML: {error}") from error
    except BetFileError as error:
        raise CommandError(f"--bets {path}: {error}.") from error


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


def _guess(path: Path) -> str:
    """The platform whose words the first frames use."""
    for number, recorded in enumerate(recordings.read(path, Damage())):
        if b'"sid"' in recorded.raw or b'"market_ticker"' in recorded.raw:
            return KALSHI
        if b'"event_type"' in recorded.raw or b'"asset_id"' in recorded.raw:
            return POLYMARKET
        if number > GUESS_LINES:
            break
    raise CommandError(
        f"{path}: no frame of a known platform in its first lines; give --platform if you know it."
    )


def _merged(named: list[tuple[str, Path]], damage: Damage) -> Iterator[tuple[str, Recorded]]:
    """All files as one: one platform's files one after the other by their first time, two platforms by receive time."""
    lanes: dict[str, list[Path]] = {}
    for platform, path in named:
        lanes.setdefault(platform, []).append(path)

    def lane(platform: str) -> Iterator[tuple[int, str, Recorded]]:
        for path in sorted(lanes[platform], key=_first_ms):
            for recorded in recordings.read(path, damage):
                # Connections of different files are different connections
                name = f"{path.name}:{recorded.connection}"
                yield recorded.at_ms, platform, Recorded(recorded.at_ms, name, recorded.raw, recorded.control)

    merged = heapq.merge(*(lane(platform) for platform in sorted(lanes)), key=lambda item: item[0])
    for _, platform, recorded in merged:
        yield platform, recorded


def _first_ms(path: Path) -> int:
    return next((recorded.at_ms for recorded in recordings.read(path, Damage())), 0)


def _setups(platforms: set[str], options: dict[str, Any], written: BetFile | None) -> list[Setup]:
    named = [*(_pair(text) for text in options["pair"]), *(written.bets if written else ())]
    missing = {
        platform for bet in (written.bets if written else ()) for platform, _ in bet.markets
    } - platforms
    if missing:
        raise CommandError(
            f"a bet needs markets on {', '.join(sorted(missing))}, of which no file was given."
        )

    def known(platform: str, market_id: str) -> Listing:
        widest = listing(platform, market_id)
        return written.listing(widest) if written else widest

    return [
        Setup(
            platform=platform,
            feed=lambda platform=platform: clients.replay_feed(platform, shared_seq=options["shared_seq"]),  # type: ignore[misc]
            listing=known,
            window_ms={KALSHI: 100, POLYMARKET: 50}[platform],
            bets=tuple(named) if number == 0 else (),
            # With listings of its own a replay is judged as live; without, what is not known should hide nothing
            hurdles=rules.hurdles(settings_only=True) if written else Hurdles(),
        )
        for number, platform in enumerate(sorted(platforms))
    ]


def _pair(text: str) -> bets.Bet:
    polymarket, separator, kalshi = text.partition("=")
    if not separator:
        raise CommandError(f"--pair {text}: write POLYMARKET=KALSHI, the two market ids.")
    return bets.pair(f"pair:{text}", (POLYMARKET, polymarket), (KALSHI, kalshi))


def listing(platform: str, market_id: str) -> Listing:
    """What a market is taken for of which only frames are known."""
    return Listing(
        platform=platform, market_id=market_id, status=OPEN, ticks=(TickBand(Decimal(0), Decimal(1), FINE),),
        min_size=Decimal(0), size_step=CENT, fees=clients.standard_fees(platform), settles=None,
    )  # fmt: skip
