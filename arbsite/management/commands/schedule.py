"""`manage.py schedule`: load the cron table into the database."""

from typing import Any

from django.core.management.base import BaseCommand

from arbsite import schedule


class Command(BaseCommand):
    """Write the table of `arbsite.schedule`."""

    help = "Load the cron table into the database; run it after each update."

    def handle(self, *_: Any, **__: Any) -> None:
        """Load it."""
        self.stdout.write(f"{schedule.load()} rows")
