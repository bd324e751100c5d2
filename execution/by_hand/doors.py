"""The doors by which a person trades over the API: who is known and may not leaves a notice."""

from typing import NoReturn

from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from arbsite.endpoints import Endpoint
from execution.by_hand import asking


class TellsRefused(Endpoint):
    """An address by which trading is asked for."""

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Refused, and written down where somebody known wanted to change something."""
        if request.user is not None and request.user.is_authenticated and request.method not in SAFE_METHODS:
            asking.tell_refused(request.user.get_username(), now=timezone.now())
        super().permission_denied(request, message, code)
        raise AssertionError("unreachable")
