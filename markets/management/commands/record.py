"""`manage.py record [PLATFORM]`: raw frames with their receive times into compressed JSON lines."""

import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from arbsite.stopping import stop_event
from markets import clients, universe
from markets.platforms.base import KALSHI, PLATFORMS
from markets.recorder import Recorder
from markets.streaming import run
from markets.streaming.tap import Tap


class Command(BaseCommand):
    """Record until SIGTERM, or for --seconds."""

    help = "Write every frame of the followed markets to <data>/recordings; `manage.py replay` reads them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which platform, for how long."""
        parser.add_argument("platform", nargs="?", choices=PLATFORMS, help="default: both")
        parser.add_argument("--seconds", type=float, help="stop after so long")

    def handle(self, *_: Any, platform: str | None, seconds: float | None, **__: Any) -> None:
        """One thread for each platform."""
        stop = stop_event()
        folder = settings.ARBSITE.core.data_dir / "recordings"
        recorders, threads = [], []
        for name in (platform,) if platform else PLATFORMS:
            markets = [followed.market for followed in universe.followed(name)]
            if not markets:
                raise CommandError(
                    f"No {name} market is followed yet: run `python manage.py sync`, see the universe rules."
                )
            if name == KALSHI:
                run.wait_for_signer(stop)
            recorder = Recorder(folder, name)
            tap = Tap(
                name, settings.ARBSITE.platform(name).ws_url, lambda name=name: clients.feed(name),  # type: ignore[misc]
                clients.handshake(name), recorder, per_connection=clients.markets_per_connection(name),
            )  # fmt: skip
            recorders.append(recorder)
            threads.append(threading.Thread(target=tap.run, args=(markets, stop), name=f"record-{name}"))
        for thread in threads:
            thread.start()
        stop.wait(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        for recorder in recorders:
            recorder.close()
            self.stdout.write(f"{recorder.name}: {recorder.lines} lines in {folder.name}/")
