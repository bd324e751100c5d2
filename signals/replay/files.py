"""Files for a replay or a backtest: which platform they are of, in which order, and what is to be known beside them."""

import heapq
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError

from markets import bets, clients, recordings
from markets.platforms.base import KALSHI, OPEN, POLYMARKET, TickBand
from markets.recordings import Damage, Recorded
from signals import rules
from signals.deciding.decision import Hurdles
from signals.findings import Listing
from signals.replay import betfiles
from signals.replay.betfiles import BetFile, BetFileError
from signals.replay.replaying import Setup

GUESS_LINES = 50
# What a recording of frames does not hold: the widest listing of each platform, so that nothing is hidden by it
CENT, FINE = Decimal("0.01"), Decimal("0.0001")


def read_bets(path: Path) -> BetFile:
    """The bets that a file names."""
    try:
        return betfiles.parse(yaml.safe_load(path.read_text()), clients.fees_from_json)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--bets {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise CommandError(f"--bets {path} is neither JSON nor YAML: {error}") from error
    except BetFileError as error:
        raise CommandError(f"--bets {path}: {error}.") from error


def guess(path: Path) -> str:
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


def merged(named: list[tuple[str, Path]], damage: Damage) -> Iterator[tuple[str, Recorded]]:
    """All files as one: one platform's files one after the other by their first time, two platforms by receive time."""
    lanes: dict[str, list[Path]] = {}
    for platform, path in named:
        lanes.setdefault(platform, []).append(path)

    def lane(platform: str) -> Iterator[tuple[int, str, Recorded]]:
        for path in sorted(lanes[platform], key=first_ms):
            for recorded in recordings.read(path, damage):
                # Connections of different files are different connections
                name = f"{path.name}:{recorded.connection}"
                yield recorded.at_ms, platform, Recorded(recorded.at_ms, name, recorded.raw, recorded.control)

    merged = heapq.merge(*(lane(platform) for platform in sorted(lanes)), key=lambda item: item[0])
    for _, platform, recorded in merged:
        yield platform, recorded


def first_ms(path: Path) -> int:
    """When a recording begins, Unix ms; 0 for an empty one."""
    return next((recorded.at_ms for recorded in recordings.read(path, Damage())), 0)


def setups(platforms: set[str], options: dict[str, Any], written: BetFile | None) -> list[Setup]:
    """What each platform's frames are read with; `options` are `pair` (texts) and `shared_seq`. Raises CommandError."""
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
