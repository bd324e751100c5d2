"""Who calls, and whether they may. Nothing is open unless its view says so.

A caller proves who they are with an API key (`X-Clawdbot-Key: prefix.secret`), a JWT (`Authorization: Bearer …`) or
the admin's session. A view names a `scope`, which an API key must carry, and a `permission`, which the user must hold
in the database at that moment. A view that names neither is closed to everybody.
"""

import hmac
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from arbsite.models import ApiKey, digest_of

HEADER = "X-Clawdbot-Key"
READ, TRADE, ADMIN, INGEST = "read", "trade", "admin", "ingest"  # the last: to send events, nothing else
SCOPES = (READ, TRADE, ADMIN, INGEST)
_TOUCH_EVERY = timedelta(minutes=1)
_NOBODY = digest_of("")  # compared with when the prefix is unknown, so that both answers take as long


def key_of(text: str, *, now: datetime) -> ApiKey | None:
    """The usable key that `prefix.secret` names, or None; the same time is spent either way."""
    prefix, _, secret = text.partition(".")
    known = "\x00" not in prefix and len(prefix) <= 16
    key = ApiKey.objects.select_related("user").filter(prefix=prefix).first() if known else None
    matches = hmac.compare_digest(digest_of(secret), key.digest if key else _NOBODY)
    return key if key and secret and matches and key.usable(now) and key.user.is_active else None


def touch(key: ApiKey, *, now: datetime) -> None:
    """Remember that a key was used, at most once a minute and in one statement that races with nobody."""
    earlier = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - _TOUCH_EVERY)
    if key.last_used_at is None or key.last_used_at <= now - _TOUCH_EVERY:
        ApiKey.objects.filter(earlier, pk=key.pk).update(last_used_at=now)


def proven(text: str) -> tuple[Any, ApiKey]:
    """The user of a key that was sent just now, and the key. Raises AuthenticationFailed."""
    now = timezone.now()
    key = key_of(text, now=now)
    if key is None:
        raise AuthenticationFailed("The API key is unknown, expired or revoked.", code="bad_api_key")
    touch(key, now=now)
    return key.user, key


class ApiKeyAuthentication(BaseAuthentication):
    """The `X-Clawdbot-Key` header; a wrong key is refused even where another proof came along."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """The key's user and the key; None without the header. Raises AuthenticationFailed."""
        text = request.headers.get(HEADER)
        return None if text is None else proven(text)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return f'ApiKey realm="arbsite", header="{HEADER}", Bearer realm="arbsite"'


class MayCall(BasePermission):
    """Closed by default: an active user, the view's permission, and the view's scope where a key is used."""

    message = "You may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """True only when everything that the view names is there."""
        user = request.user
        scope, permission = getattr(view, "scope", ""), getattr(view, "permission", "")
        if user is None or not user.is_authenticated or not user.is_active:
            return False
        if scope not in SCOPES or not permission:
            return False
        if isinstance(request.auth, ApiKey) and scope not in request.auth.scopes:
            self.message = f"This API key lacks the scope {scope!r}: make one with `manage.py apikey create`."
            return False
        self.message = (
            f"{user.get_username()} lacks the permission {permission}: give it in the admin, Users."
        )
        return bool(user.has_perm(permission))


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the API description names the key header."""

    target_class = "arbsite.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An OpenAPI security scheme."""
        return {"type": "apiKey", "in": "header", "name": HEADER, "description": "prefix.secret"}
