"""`manage.py sync`: read the platforms' markets into the table and choose which are followed."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from markets import services
from markets.pairing import sandbox_pairs
from markets.platforms.base import PLATFORMS, PlatformError


class Command(BaseCommand):
    """Discover markets."""

    help = (
        "Read both platforms' open markets (or one's), refresh what ended, and choose the followed universe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which platform."""
        parser.add_argument("platform", nargs="?", choices=PLATFORMS, help="default: both")

    def handle(self, *_: Any, platform: str | None, **__: Any) -> None:
        """Discover, then take over the sandbox's pairs where it stands for the platforms."""
        failed = []
        for name in (platform,) if platform else PLATFORMS:
            try:
                self.stdout.write(f"{name}: {services.discover(name, now=timezone.now())} markets")
            except PlatformError as error:
                failed.append(f"{name}: {error}")
        url = settings.ARBSITE.sandbox.control_url
        if url and not failed:
            try:
                self.stdout.write(f"sandbox: {sandbox_pairs.import_pairs(url, now=timezone.now())} new pairs")
            except (PlatformError, ValueError) as error:
                failed.append(str(error))
        if failed:
            raise CommandError("\n".join(failed))
