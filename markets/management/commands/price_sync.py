"""`manage.py price_sync`: read the books that no stream keeps fresh over REST, and send them through the chain."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from markets import fetching
from markets.platforms.base import PLATFORMS, PlatformError


class Command(BaseCommand):
    """Poll both platforms once."""

    help = "Read over REST the followed books that no stream keeps fresh; they pass through the same chain."

    def handle(self, *_: Any, **__: Any) -> None:
        """One window for each platform that has something to read."""
        failed = []
        for platform in PLATFORMS:
            try:
                window = fetching.poll(platform, now_ms=time.time_ns() // 1_000_000)
            except PlatformError as error:
                failed.append(f"{platform}: {error}")
            else:
                self.stdout.write(f"{platform}: {window or 'every followed book is live'}")
        if failed:
            raise CommandError("\n".join(failed))
