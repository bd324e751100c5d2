"""Every refusal as `application/problem+json` (RFC 9457), with a `code` that stays the same over releases."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from arbsite.connections import REDIS_GONE
from arbsite.exact_json import encode

MEDIA_TYPE = "application/problem+json"
UNAVAILABLE = (OperationalError, InterfaceError, *REDIS_GONE)
log = logging.getLogger(__name__)


class Unavailable(exceptions.APIException):
    """A part of the system that this call needs is away for the moment."""

    status_code = 503
    default_detail = "A part of the system is unavailable; try again."
    default_code = "unavailable"


def body(
    status: int, code: str, detail: str, instance: str, errors: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """A problem document. `errors` names the fields at fault, nested ones with dots."""
    found: dict[str, Any] = {
        "type": f"urn:arbsite:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
    }
    return found | {"errors": dict(errors)} if errors else found


def problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Django REST framework's exception handler; None where the error is a fault of ours (a 500, and logged)."""
    known = _known(error)
    if known is None:
        return None
    set_rollback()
    request = context.get("request")
    headers = {}
    if getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = known.auth_header
    if isinstance(known, exceptions.Throttled) and known.wait is not None:
        headers["Retry-After"] = str(max(1, round(known.wait)))
    if isinstance(known, Unavailable):
        headers["Retry-After"] = "5"
    errors = _field_errors(known.detail) if isinstance(known, exceptions.ValidationError) else None
    document = body(
        known.status_code, _code(known), _detail(known), request.path if request is not None else "", errors
    )
    document |= getattr(known, "extra", {})  # members of one kind of problem, such as the row that keeps it
    return Response(document, status=known.status_code, headers=headers, content_type=MEDIA_TYPE)


def _known(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, UNAVAILABLE):
        log.warning("a call was refused: %s", type(error).__name__)
        return Unavailable()
    if isinstance(error, DataError | DjangoValidationError):  # a text with NUL, a time that is none
        return exceptions.ParseError("A value in the request cannot be used.")
    return None


def _code(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "invalid"
    detail = error.detail
    if isinstance(detail, dict):  # simplejwt puts its code beside the text
        return str(detail.get("code", error.default_code))
    return str(getattr(detail, "code", error.default_code))


def _detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "Some fields are wrong; see errors."
    detail = error.detail
    return str(detail.get("detail", error.default_detail)) if isinstance(detail, dict) else str(detail)


def _field_errors(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested errors of a serializer as one table: `raw_data.bid` → what is wrong with it."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            found |= _field_errors(inner, f"{prefix}.{name}" if prefix else str(name))
        return found
    if isinstance(detail, list):
        if any(isinstance(item, dict) for item in detail):
            return _field_errors({str(at): item for at, item in enumerate(detail) if item}, prefix)
        return {prefix or "non_field_errors": [str(item) for item in detail]}
    return {prefix or "non_field_errors": [str(detail)]}


def answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """A problem outside Django REST framework: for the error handlers of `arbsite.urls`."""
    return HttpResponse(
        encode(body(status, code, detail, request.path)), status=status, content_type=MEDIA_TYPE
    )
