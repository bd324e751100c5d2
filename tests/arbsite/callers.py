"""Callers of the API for the tests: users with chosen permissions, and what they send."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from arbsite.models import ApiKey

PASSWORD = "correct horse battery"


def user(name="reader", *permissions, **fields):
    """A user who holds these permissions, like `signals.view_signal`; without a password unless one is given."""
    found = get_user_model().objects.create_user(name, **fields)
    for permission in permissions:
        app, codename = permission.split(".")
        found.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return found


def key(owner, *scopes, days=30):
    """The headers of a fresh API key."""
    row, text = ApiKey.issue(owner, "test", list(scopes), now=timezone.now())
    if days != 30:
        ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() + timedelta(days=days))
    return {"X-Clawdbot-Key": text}


def reader(*permissions):
    """The headers of a caller who may read with these permissions."""
    return key(user("reader", *permissions), "read")
