"""Who sits at the command line: a user of the database, whose permissions count there as they do everywhere."""

from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from execution.by_hand.asking import PERMISSION


def add_user(parser: ArgumentParser) -> None:
    """The option that names the person."""
    parser.add_argument("--user", metavar="NAME", help="who asks; needed where several people may trade")


def who(name: str | None) -> Any:
    """The user of that name; without one, the only person who may trade. Raises CommandError."""
    users = get_user_model().objects
    if name is not None:
        found = users.filter(username=name, is_active=True).first()
        if found is None:
            raise CommandError(f"There is no active user {name}.")
        return found
    able = list(users.with_perm(PERMISSION, backend="django.contrib.auth.backends.ModelBackend")[:2])
    if len(able) != 1:
        raise CommandError(
            "Nobody may trade: give a user the permission “Can place, cancel and execute orders” in the admin."
            if not able else "Several people may trade: say who asks with --user NAME."
        )  # fmt: skip
    return able[0]


def decimal(text: str) -> Decimal:
    """A number of the command line, exact. Raises ArgumentTypeError."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is no number") from None
    if not value.is_finite():
        raise ArgumentTypeError(f"{text!r} is no number")
    return value
