"""What every endpoint shares (exact JSON, closed by default, cursors without COUNT, filters) and the frame's own endpoints."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import DataError, models
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpRequest
from django.urls import path
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arbsite.auth import READ
from arbsite.exact_json import ExactJSONParser, ExactJSONRenderer
from arbsite.models import Component, Notice
from arbsite.models import SEVERITIES
from arbsite.problems import problem
from arbsite.throttles import CallerThrottle

__all__ = ["Cursor", "problem"]  # named by settings.REST_FRAMEWORK


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
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), self.results_key: data})

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
        wanted: dict[str, Any] = {}
        errors: dict[str, list[str]] = {}
        for name, text in request.query_params.items():
            if name in (Cursor.cursor_query_param, Cursor.page_size_query_param):
                continue
            if name not in view.filters:
                errors[name] = ["This parameter is unknown here."]
                continue
            lookup, kind = view.filters[name]
            try:
                wanted[lookup] = _parsed(text, kind)
            except ValueError as error:
                errors[name] = [str(error)]
        if errors:
            raise ValidationError(errors)
        return queryset.filter(**wanted)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters for the API description."""
        return [
            {"name": name, "in": "query", "required": False, "schema": _schema(kind)}
            for name, (_, kind) in view.filters.items()
        ]


def _parsed(text: str, kind: Any) -> Any:
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
    return {bool: {"type": "boolean"}, datetime: {"type": "string", "format": "date-time"}}.get(kind, {"type": "string"})


PERIOD = {"since": ("created_at__gte", datetime), "until": ("created_at__lt", datetime)}


@extend_schema_field({"type": "integer", "format": "int64", "description": "Unix milliseconds"})
class Millis(serializers.Field):
    """A time as Unix milliseconds, where the specification shows it so."""

    def to_representation(self, value: datetime) -> int:
        """Aware time to whole milliseconds."""
        return int(value.timestamp()) * 1000 + value.microsecond // 1000


class Endpoint(APIView):
    """The base of every endpoint. A subclass names its `scope` and `permission`, or nobody may call it."""

    scope = ""
    permission = ""
    renderer_classes = [ExactJSONRenderer]
    parser_classes = [ExactJSONParser]
    throttle_classes = [CallerThrottle]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, then the text of the address: no column can hold NUL."""
        super().initial(request, *args, **kwargs)
        if any("\x00" in str(value) for value in [*kwargs.values(), *request.query_params.dict().values()]):
            raise ParseError("The address contains a NUL character.")


class ListEndpoint(Endpoint, ListAPIView):
    """Rows, filtered and paged."""

    pagination_class = Cursor
    filter_backends = [Filters]
    filters: Mapping[str, tuple[str, Any]] = {}


class DetailEndpoint(Endpoint, RetrieveAPIView):
    """One row by its id."""

    lookup_url_kwarg = "id"
    lookup_field = "pk"


class ComponentSerializer(serializers.ModelSerializer):
    """The health row of a running part."""

    detail = serializers.JSONField()

    class Meta:
        model = Component
        fields = ["name", "state", "detail", "started_at", "updated_at"]


class NoticeSerializer(serializers.ModelSerializer):
    """Something that happened."""

    data = serializers.JSONField()

    class Meta:
        model = Notice
        fields = ["id", "kind", "severity", "subject", "message", "data", "created_at"]


class Components(ListEndpoint):
    """Every running part and how it is."""

    scope, permission = READ, "arbsite.view_component"
    queryset = Component.objects.all()
    serializer_class = ComponentSerializer
    filters = {"state": ("state", (Component.RUNNING, Component.DEGRADED, Component.STOPPED))}

    class ByName(Cursor):
        """In the order of their names."""

        ordering = "name"

    pagination_class = ByName


class Notices(ListEndpoint):
    """What happened, newest first."""

    scope, permission = READ, "arbsite.view_notice"
    queryset = Notice.objects.all()
    serializer_class = NoticeSerializer
    filters = {"kind": ("kind", str), "severity": ("severity", SEVERITIES), "subject": ("subject", str), **PERIOD}


class UnknownPath(APIView):
    """An address below /api/ that does not exist: a problem document, also where Django would show a page."""

    authentication_classes: Sequence[Any] = []
    permission_classes: Sequence[Any] = []
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(exclude=True)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """404, whatever the method."""
        self.http_method_not_allowed = self._unknown  # type: ignore[method-assign]
        return super().dispatch(request, *args, **kwargs)

    def _unknown(self, *_: Any, **__: Any) -> Response:
        raise NotFound("There is no such address.")


urlpatterns = [
    path("components", Components.as_view(), name="components"),
    path("notices", Notices.as_view(), name="notices"),
]
