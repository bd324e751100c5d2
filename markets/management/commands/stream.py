"""`manage.py stream PLATFORM`: one connector, until SIGTERM."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from arbsite import registry
from arbsite.stopping import stop_event
from markets.platforms.base import KALSHI, PLATFORMS
from markets.streaming import run
from markets.streaming.connector import LeaseTaken


class Command(BaseCommand):
    """Keep a platform's books live and ring the chain for every window of changes."""

    help = "Follow one platform's live books until SIGTERM (one process per platform, held by a lease)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The stream's name."""
        parser.add_argument("name", choices=sorted({*PLATFORMS, *registry.streams}))
        parser.add_argument("--record", action="store_true", help="also write every frame to the recordings")

    def handle(self, *_: Any, name: str, record: bool, **__: Any) -> None:
        """Run until told to stop; exit status 3 when another process holds the lease."""
        if name in registry.streams:
            registry.streams[name]()
            return
        stop = stop_event()
        if name == KALSHI:
            run.wait_for_signer(stop)
        try:
            run.run(name, stop, record=record)
        except LeaseTaken as error:
            self.stderr.write(str(error))
            sys.exit(3)
        except ValueError as error:
            raise CommandError(str(error)) from error
