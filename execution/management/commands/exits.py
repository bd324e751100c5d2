"""`manage.py exits`: offers to leave a bet early, and taking one."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from arbsite.exact_json import encode
from execution.by_hand import asking
from execution.limits import Refusal
from execution.models import MODES
from execution.plans import exits
from execution.portfolio import services as portfolio


class Command(BaseCommand):
    """Look at the books, list what is open; or take one."""

    help = "List the offers to leave a bet early as the books are now; with --take and --user, act on one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which offer, and who takes it."""
        parser.add_argument("--take", metavar="ID")
        parser.add_argument("--user", metavar="NAME", help="who takes it; needs the permission to trade")
        parser.add_argument("--mode", choices=MODES, help="the current one unless said")
        parser.add_argument("--json", action="store_true")

    def handle(
        self, *_: Any, take: str | None, user: str | None, mode: str | None, json: bool, **__: Any
    ) -> None:
        """List or take. Raises CommandError with the code of what stands in the way."""
        if take is not None:
            self._take(take, user)
            return
        mode = mode or portfolio.trading_mode()
        offers = [exits.offer_json(row) for row in exits.refresh(mode, timezone.now())]
        if json:
            self.stdout.write(encode(offers).decode())
            return
        for one in offers:
            self.stdout.write(
                f"{one['id']}  {one['bet'] or one['bet_id']}: ${one['proceeds']:.2f} today for ${one['payoff']:.2f} of"
                f" payoff, waiting is worth ${one['worth']:.2f}"
            )
        self.stdout.write(f"{len(offers)} offers are open in {mode} mode.")

    def _take(self, offer_id: str, name: str | None) -> None:
        person = get_user_model().objects.filter(username=name or "", is_active=True).first()
        if person is None or not person.has_perm("execution.can_trade"):
            asking.tell_refused(name or "nobody", now=timezone.now())
            raise CommandError("Name with --user somebody who may trade (permission execution.can_trade).")
        taken = exits.take(offer_id, person.get_username(), timezone.now())
        if isinstance(taken, Refusal):
            raise CommandError(f"{taken.code}: {taken.sentence}")
        self.stdout.write(f"{taken.id} is planned; the executor (manage.py trade) sells its legs.")
