"""`manage.py reconcile`: compare the positions with the sum of the fills."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from execution import portfolio


class Command(BaseCommand):
    """Exit status 1 when anything differs."""

    help = "Compare every position with the sum of its fills; says what differs and exits with 1 if anything does."

    def handle(self, *_: Any, **__: Any) -> None:
        """Compare and tell."""
        differences = portfolio.reconcile(now=timezone.now())
        if differences:
            raise CommandError("\n".join(differences))
        self.stdout.write("Every position equals the sum of its fills.")
