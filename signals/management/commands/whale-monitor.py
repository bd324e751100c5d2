"""`manage.py whale-monitor`: one run of the specification's subagent (6.1.2), rung every minute."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from arbsite.exact_json import encode
from signals import subagents


class Command(BaseCommand):
    """Look at what the whales did and print it in the form of 6.1.1."""

    help = "Tell of large transfers and repeated flows that nobody was told of; prints one JSON document."

    def handle(self, *_: Any, **__: Any) -> None:
        """Run."""
        self.stdout.write(encode(subagents.watch(now=timezone.now())).decode())
