"""`manage.py apikey create|list|revoke`: keys for the API's clients."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from arbsite.auth import HEADER, READ, SCOPES
from arbsite.models import ApiKey


class Command(BaseCommand):
    """Makes, lists and revokes API keys."""

    help = "Make a key for a client of the API (shown once), list keys, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and show it once")
        create.add_argument("username")
        create.add_argument("--name", required=True, help="what the key is for")
        create.add_argument("--scopes", nargs="+", choices=SCOPES, default=[READ])
        actions.add_parser("list", help="all keys, newest first")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("prefix")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the subcommand."""
        getattr(self, f"_{options['action']}")(**options)

    def _create(self, *, username: str, name: str, scopes: list[str], **_: Any) -> None:
        user = get_user_model().objects.filter(username=username).first()
        if user is None or not user.is_active:
            raise CommandError(
                f"There is no active user {username}. Make one with `manage.py createsuperuser`."
            )
        key, text = ApiKey.issue(user, name, sorted(set(scopes)), now=timezone.now())
        self.stdout.write(text)
        self.stderr.write(
            f"Send it as `{HEADER}: …`. It is not shown again; it ends on {key.expires_at:%Y-%m-%d}."
        )
        if not user.is_superuser and not user.get_all_permissions():
            self.stderr.write(
                f"{username} holds no permission yet, so every call will be refused; give some in the admin."
            )

    def _list(self, **_: Any) -> None:
        now = timezone.now()
        for key in ApiKey.objects.select_related("user").order_by("-created_at"):
            state = "active" if key.usable(now) else ("revoked" if key.revoked_at else "expired")
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
            self.stdout.write(
                f"{key.prefix}  {state:8} {key.user.get_username():16} {','.join(key.scopes):16} "
                f"ends {key.expires_at:%Y-%m-%d}  used {used}  {key.name}"
            )

    def _revoke(self, *, prefix: str, **_: Any) -> None:
        now = timezone.now()
        if not ApiKey.objects.filter(prefix=prefix, revoked_at__isnull=True).update(revoked_at=now):
            raise CommandError(
                f"There is no key {prefix} that could be revoked. See `manage.py apikey list`."
            )
        self.stdout.write(f"{prefix} is revoked.")
