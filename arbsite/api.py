"""What answers are made of: cursors without COUNT, filters, times.

`settings.REST_FRAMEWORK` names this module, so Django REST framework imports it while its own `generics` is loading:
views live in `arbsite.endpoints`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, models
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.problems import problem

__all__ = ["PERIOD", "Cursor", "Filters", "Millis", "problem"]  # named by settings.REST_FRAMEWORK


class Cursor(CursorPagination):
    """Pages by position instead of number: nothing is counted, and rows that arrive meanwhile shift nothing."""

    ordering = "-created_at"
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 500
    results_key = "results"
    page_size_query_description = "Rows a page, at most 500."
    cursor_query_description = "Where the page begins: follow `next` and `previous`."

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """One page; raises NotFound for a cursor that this API did not make."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, DataError, ValueError) as error:
            if self.cursor_query_param in request.query_params:
                raise NotFound("The cursor is not one of ours.", code="bad_cursor") from error
            raise

    def get_paginated_response(self, data: Any) -> Response:
        """The page between the addresses of its neighbours."""
        return Response(
            {"next": self.get_next_link(), "previous": self.get_previous_link(), self.results_key: data}
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same, for the API description."""
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": [self.results_key, "next", "previous"],
            "properties": {"next": link, "previous": link, self.results_key: schema},
        }


class Filters(BaseFilterBackend):
    """Query parameters that a view lists in `filters`; an unknown one is refused, since a typo would show too much.

    `filters` maps a parameter to (lookup, kind): kind is `str`, `bool`, `datetime` or a tuple of allowed words.
    """

    def filter_queryset(self, request: Request, queryset: models.QuerySet, view: Any) -> models.QuerySet:
        """The rows that every given parameter lets through. Raises ValidationError naming the wrong ones."""
        kinds = {name: kind for name, (_, kind) in view.filters.items()}
        pages = (Cursor.cursor_query_param, Cursor.page_size_query_param)
        wanted = asked(request, kinds, beside=pages)
        return queryset.filter(**{view.filters[name][0]: value for name, value in wanted.items()})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters for the API description."""
        return [
            {"name": name, "in": "query", "required": False, "schema": _schema(kind)}
            for name, (_, kind) in view.filters.items()
        ]


def asked(request: Request, kinds: Mapping[str, Any], *, beside: Iterable[str] = ()) -> dict[str, Any]:
    """The address's parameters, each by its kind; those named `beside` are read elsewhere.

    Raises ValidationError naming every one that is wrong or unknown.
    """
    found: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, text in request.query_params.items():
        if name in beside:
            continue
        if name not in kinds:
            errors[name] = ["This parameter is unknown here."]
            continue
        try:
            found[name] = parsed(text, kinds[name])
        except ValueError as error:
            errors[name] = [str(error)]
    if errors:
        raise ValidationError(errors)
    return found


def parsed(text: str, kind: Any) -> Any:
    """The value of a query parameter. Raises ValueError with a sentence for the caller."""
    if isinstance(kind, tuple):
        if text not in kind:
            raise ValueError(f"Must be one of {', '.join(kind)}.")
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError("Must be true or false.")
        return text == "true"
    if kind is datetime:
        moment = parse_datetime(text)
        if moment is None or moment.tzinfo is None:
            raise ValueError("Must be a time with its zone, like 2030-01-31T12:00:00Z.")
        return moment
    return text


def _schema(kind: Any) -> dict[str, Any]:
    if isinstance(kind, tuple):
        return {"type": "string", "enum": list(kind)}
    return {bool: {"type": "boolean"}, datetime: {"type": "string", "format": "date-time"}}.get(
        kind, {"type": "string"}
    )


PERIOD = {"since": ("created_at__gte", datetime), "until": ("created_at__lt", datetime)}


@extend_schema_field({"type": "integer", "format": "int64", "description": "Unix milliseconds"})
class Millis(serializers.Field):
    """A time as Unix milliseconds, where the specification shows it so."""

    def to_representation(self, value: datetime) -> int:
        """Aware time to whole milliseconds."""
        return int(value.timestamp()) * 1000 + value.microsecond // 1000
