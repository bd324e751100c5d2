"""`manage.py bench`: every performance figure, measured beside its own reference in one run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from arbsite import registry
from arbsite.config import BASE_DIR


class Command(BaseCommand):
    """Start services of its own, measure, write `bench.json` and a table."""

    help = "Measure speed as ratios in one run, on services of its own; writes bench.json."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which benchmarks."""
        parser.add_argument("names", nargs="*", help="default: all")
        parser.add_argument("--measure", action="store_true", help="(used by the command itself)")

    def handle(self, *_: Any, names: list[str], measure: bool, **__: Any) -> None:
        """Outside: start the services. Inside: measure."""
        unknown = [name for name in names if name not in registry.benchmarks]
        if unknown:
            raise CommandError(
                f"No benchmark is called {unknown[0]}; there are: {', '.join(registry.benchmarks)}."
            )
        if measure:
            self._measure(names or list(registry.benchmarks))
            return
        from arbsite.stack import Stack

        data = BASE_DIR / ".data" / "bench"
        shutil.rmtree(data, ignore_errors=True)
        with Stack(data) as stack:
            services = stack.services()
            assert services is not None
            env = {
                **os.environ, "DATA_DIR": str(data), "DATABASE_URL": services.database_url,
                "REDIS_URL": services.redis_url, "CELERY_BROKER_URL": "", "LOG_LEVEL": "WARNING",
            }  # fmt: skip
            done = subprocess.run(
                [sys.executable, str(BASE_DIR / "manage.py"), "bench", "--measure", *names],
                env=env,
                check=False,
            )
        sys.exit(done.returncode)

    def _measure(self, names: list[str]) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        figures = []
        for name in names:
            self.stderr.write(f"· {name}")
            figures += registry.benchmarks[name]()
        path = BASE_DIR / "bench.json"
        path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
        table = Table("figure", "value", "unit", "beside", "target", "met")
        for figure in figures:
            met = {True: "yes", False: "NO", None: ""}[figure.met]
            table.add_row(
                figure.name, f"{figure.value:,.3g}", figure.unit, figure.reference, figure.target, met
            )
        Console(width=150).print(table)
