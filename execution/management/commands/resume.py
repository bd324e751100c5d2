"""`manage.py resume`: let trading go on, by the word of a person who may."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from execution.halting import halts
from execution.management.commands.halt import describe
from execution.models import Halt
from markets.platforms.base import PLATFORMS


class Command(BaseCommand):
    """Lifts the halts that stand there; `starting` is the executor's own."""

    help = "Lift halts: all that stand in a place, or one by its number. Needs a user with the permission can_resume."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which halts, who, and why."""
        parser.add_argument("--id", type=int, help="this halt only (manage.py halt --list)")
        parser.add_argument("--platform", choices=PLATFORMS, default="")
        parser.add_argument("--market", default="", help="a market's id")
        parser.add_argument("--user", required=True, help="who says so")
        parser.add_argument("--why", required=True, help="why it is safe")

    def handle(self, *_: Any, **options: Any) -> None:
        """Lift, and tell what still stands."""
        person = get_user_model().objects.filter(username=options["user"]).first()
        if person is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        rows = self._chosen(options)
        if not rows:
            raise CommandError("No such halt stands. See manage.py halt --list.")
        try:
            lifted = halts.resume(rows, person, options["why"], now=timezone.now())
        except halts.HaltError as error:
            raise CommandError(f"Nothing was resumed: {error}.") from None
        for halt in lifted:
            self.stdout.write(f"Lifted: {describe(halt)}")
        for halt in halts.standing():
            self.stdout.write(f"Still standing: {describe(halt)}")

    def _chosen(self, options: dict[str, Any]) -> list[Halt]:
        if options["id"] is not None:
            return [halt for halt in halts.standing() if halt.pk == options["id"]]
        market, platform = options["market"] or None, options["platform"]
        return [
            halt
            for halt in halts.standing()
            if halt.code != halts.STARTING
            and halt.market_id == market
            and (market is not None or halt.platform == platform)
        ]
