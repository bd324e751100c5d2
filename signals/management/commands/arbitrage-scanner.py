"""`manage.py arbitrage-scanner`: one run of the specification's subagent (6.1.1), which the job `arbitrage-scan` rings."""

import time
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from arbsite.exact_json import encode
from signals import subagents


class Command(BaseCommand):
    """Scan once and print the output of 6.1.1."""

    help = "Run arbitrage detection over every active bet once; prints one JSON document, and notices tell of the run."

    def handle(self, *_: Any, **__: Any) -> None:
        """Run."""
        output = subagents.scan(clock=lambda: time.time_ns() // 1_000_000, now=timezone.now())
        self.stdout.write(encode(output).decode())
