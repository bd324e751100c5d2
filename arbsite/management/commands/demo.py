"""`manage.py demo`: the whole system against the sandbox exchange, on embedded services."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Start everything, show it, stop everything."""

    help = "Run the whole system on this machine against the sandbox exchange until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How long, how big; the rest is between the demo's own processes."""
        parser.add_argument("--seconds", type=int, help="end by itself after so many seconds")
        parser.add_argument("--pairs", type=int, default=20, help="pairs of markets on the sandbox")
        parser.add_argument("--rate", type=float, default=60, help="book changes a second on the sandbox")
        parser.add_argument(
            "--news-every", type=float, default=6.0, metavar="SECONDS",
            help="between two acts of the sandbox's newsroom: news, transfers, scheduled events; 0: none",
        )  # fmt: skip
        parser.add_argument(
            "--mode",
            choices=("paper", "sandbox"),
            default="paper",
            help="own fills, or orders to the sandbox exchange",
        )
        for name in ("--prepare", "--view"):
            parser.add_argument(name, action="store_true", help="(used by the demo itself)")
        for name in ("--began", "--web", "--flower"):
            parser.add_argument(name, help="(used by the demo itself)")

    def handle(self, *_: Any, **options: Any) -> None:
        """One of the three parts of the demo."""
        data = settings.ARBSITE.core.data_dir
        if options["prepare"]:
            from arbsite.demo.prepare import prepare

            prepare()
        elif options["view"]:
            from arbsite.demo import view

            sys.exit(
                view.show(
                    seconds=options["seconds"], data=data, began=view.began_at(options["began"]),
                    web=int(options["web"]), flower=int(options["flower"]),
                )
            )  # fmt: skip
        else:
            self._launch(data, options)

    def _launch(self, data: Any, options: dict[str, Any]) -> None:
        from arbsite.demo import launch

        try:
            status = launch.run(
                data, seconds=options["seconds"], pairs=options["pairs"], rate=options["rate"], web_port=8000,
                flower_port=5555, mode=options["mode"], news_every=options["news_every"],
                say=lambda text: self.stdout.write(f"· {text}"),
            )  # fmt: skip
        except launch.DemoError as error:
            raise CommandError(str(error)) from error
        sys.exit(status)
