"""`manage.py sandbox`: a local exchange that speaks both platforms' protocols, with invented markets and money."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from markets.sandbox import scenario as scenarios
from markets.sandbox.context import SandboxConfig
from markets.sandbox.keys import Keys, keys_in
from markets.sandbox.market import WorldSpec
from markets.sandbox.newsroom import Newsroom
from markets.sandbox.orders import SandboxError
from markets.sandbox.planter import Planter
from markets.sandbox.server import FACES, HOST, SandboxServer, build
from markets.sandbox.sources.app import addresses
from markets.sandbox.traders import TraderSpec

GAP_EVERY_S = 1.5  # over all pairs
WORLD, TRADERS = WorldSpec(), TraderSpec()  # for their defaults
FACE_URLS = {
    "kalshi": "kalshi_rest",
    "clob": "clob",
    "gamma": "gamma",
    "data": "data",
    "control": "control",
    "sources": "sources",
}
MAX_PORT = 65_535
MOST_EXTRAS = 1_000


class Command(BaseCommand):
    """Serve until SIGTERM. Needs no database."""

    help = "Run the sandbox exchange: Polymarket's and Kalshi's wire protocols on loopback, with invented markets."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Options, all with a default that is good for a first look."""
        parser.add_argument("--host", default=HOST, help="a loopback address (default %(default)s)")
        parser.add_argument("--port-base", type=int, default=0, help="ports N to N+5; default: free ones")
        parser.add_argument(
            "--ports-file",
            type=Path,
            help="where to write the URLs and the settings of the sources; its ports are used again",
        )
        parser.add_argument("--pairs", type=int, default=WORLD.pairs, help="default %(default)s")
        parser.add_argument(
            "--short-lived", type=int, help="pairs of them that close and settle within minutes"
        )
        parser.add_argument(
            "--protocol-v2",
            type=int,
            default=1,
            help="pairs of them on Polymarket's Protocol V2 (default %(default)s)",
        )
        parser.add_argument(
            "--near-misses",
            type=int,
            default=7,
            help="pairs that look alike and are not (default %(default)s)",
        )
        parser.add_argument(
            "--wide",
            type=int,
            default=1,
            help="events of several markets, of each of four kinds (default %(default)s)",
        )
        parser.add_argument(
            "--plant-every", type=float, default=20.0, metavar="SECONDS",
            help="plant an arbitrage in one of those events; 0: never (default %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--news-every", type=float, default=0.0, metavar="SECONDS",
            help="publish news, transfers and occasions that move (or do not move) the markets; 0: never, the default",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same markets")
        parser.add_argument("--rate", type=float, default=TRADERS.rate, help="book changes a second in total")
        parser.add_argument("--scenario", type=Path, help="a YAML or JSON file of timed actions")
        parser.add_argument("--keys-dir", type=Path, help="throw-away keys; default: below the data folder")
        parser.add_argument(
            "--state-file",
            type=Path,
            help="where markets, results and accounts are kept, so that the exchange goes on after a restart",
        )
        parser.add_argument("--no-rate-limits", action="store_true", help="never answer 429, for load tests")

    def handle(self, *_: Any, **options: Any) -> None:
        """Build the world, then listen."""
        try:
            keys = keys_in(options["keys_dir"] or settings.ARBSITE.core.data_dir / "sandbox-keys")
            server = _server(keys, options)
            asyncio.run(self._serve(server, options["ports_file"]))
        except (SandboxError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error

    async def _serve(self, server: SandboxServer, ports_file: Path | None) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            urls = await server.start()
            if ports_file is not None:
                known = (
                    {"exchange": server.sandbox.memory.file.about.exchange} if server.sandbox.memory else {}
                )
                _write(ports_file, {**urls, **known, "settings": addresses(urls["sources"])})
            self.stdout.write(f"sandbox exchange on {urls['control']}/control/state")
            self.stdout.flush()
            await stop.wait()
        finally:
            await server.stop()


def _server(keys: Keys, options: dict[str, Any]) -> SandboxServer:
    pairs, short = options["pairs"], options["short_lived"]
    if not 0 <= pairs <= 20_000:
        raise ValueError(f"--pairs is a number from 0 to 20000, not {pairs}")
    if not 0 <= options["rate"] <= 100_000:
        raise ValueError(f"--rate is a number from 0 to 100000, not {options['rate']}")
    near, wide, plant_every = options["near_misses"], options["wide"], options["plant_every"]
    if not (0 <= near <= MOST_EXTRAS and 0 <= wide <= MOST_EXTRAS):
        raise ValueError(
            f"--near-misses and --wide are numbers from 0 to {MOST_EXTRAS}, not {near} and {wide}"
        )
    if plant_every and not 1 <= plant_every <= 86_400:
        raise ValueError(f"--plant-every is 0 or from 1 to 86400 seconds, not {plant_every}")
    news_every = options["news_every"]
    if news_every and not 0.5 <= news_every <= 86_400:
        raise ValueError(f"--news-every is 0 or from 0.5 to 86400 seconds, not {news_every}")
    seed = options["seed"]
    plan = scenarios.load(options["scenario"]) if options["scenario"] else None
    ports = _ports(options["port_base"], options["ports_file"])
    limits = not options["no_rate_limits"]
    sandbox = build(
        WorldSpec(
            seed=seed, pairs=pairs, short_lived=min(pairs, WORLD.short_lived if short is None else short),
            protocol_v2=min(max(options["protocol_v2"], 0), pairs), near_misses=near, wide=wide,
        ),
        traders=TraderSpec(seed=seed, rate=options["rate"], gap_every_s=max(GAP_EVERY_S * pairs, 5.0)),
        config=SandboxConfig(kalshi_rate_limits=limits, polymarket_rate_limits=limits),
        kalshi_accounts=[keys.kalshi_account()],
        polymarket_accounts=[keys.polymarket_account()],
        state=options["state_file"],
    )  # fmt: skip
    scenario = scenarios.Scenario(plan, sandbox, start_ms=sandbox.now_ms()) if plan else None
    planter = Planter(sandbox, every_s=plant_every, seed=sandbox.chance) if plant_every else None
    newsroom = Newsroom(sandbox, every_s=news_every, seed=sandbox.chance) if news_every else None
    return SandboxServer(
        sandbox, host=options["host"], ports=ports, scenario=scenario, planter=planter, newsroom=newsroom
    )


def _ports(base: int, ports_file: Path | None) -> dict[str, int]:
    """Ports asked for, or those of the last run, or 0 for free ones."""
    if base:
        if not 0 < base <= MAX_PORT - len(FACES):
            raise ValueError(f"--port-base must leave room for {len(FACES)} ports, not {base}")
        return {name: base + place for place, name in enumerate(FACES)}
    return {} if ports_file is None else ports_in(ports_file)


def ports_in(ports_file: Path) -> dict[str, int]:
    """The ports of the run that left this file; none where there is no file. Raises ValueError."""
    if not ports_file.is_file():
        return {}
    try:
        urls = json.loads(ports_file.read_text())
        urls.setdefault("sources", "")  # a file of an older version does not know that face
        return {name: urlsplit(urls[key]).port or 0 for name, key in FACE_URLS.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{ports_file} does not hold the sandbox's URLs; remove it to get new ports"
        ) from error


def _write(path: Path, urls: dict[str, Any]) -> None:
    """Whole or not at all: others wait for this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(urls, indent=1) + "\n")
    beside.replace(path)
