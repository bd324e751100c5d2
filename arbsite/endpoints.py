"""The bases of every endpoint, closed by default, and the frame's own: status, components, notices, tokens, docs."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView

from arbsite import health
from arbsite.api import PERIOD, Cursor, Filters, Millis
from arbsite.auth import READ
from arbsite.exact_json import ExactJSONParser, ExactJSONRenderer
from arbsite.models import SEVERITIES, Component, Notice
from arbsite.throttles import CallerThrottle, LoginThrottle


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


# --- what runs and what happened


class ComponentSerializer(serializers.ModelSerializer):
    """The health row of a running part. Times are Unix milliseconds."""

    detail = serializers.JSONField()
    started_at = Millis()
    updated_at = Millis()

    class Meta:
        model = Component
        fields = ["name", "state", "detail", "started_at", "updated_at"]


class NoticeSerializer(serializers.ModelSerializer):
    """Something that happened. Times are Unix milliseconds."""

    data = serializers.JSONField()
    created_at = Millis()

    class Meta:
        model = Notice
        fields = ["id", "kind", "severity", "subject", "message", "data", "created_at"]


class ByName(Cursor):
    """In the order of their names."""

    ordering = "name"


class Components(ListEndpoint):
    """Every running part and how it is."""

    scope, permission = READ, "arbsite.view_component"
    queryset = Component.objects.all()
    serializer_class = ComponentSerializer
    filters = {"state": ("state", (Component.RUNNING, Component.DEGRADED, Component.STOPPED))}
    pagination_class = ByName


class Notices(ListEndpoint):
    """What happened, newest first."""

    scope, permission = READ, "arbsite.view_notice"
    queryset = Notice.objects.all()
    serializer_class = NoticeSerializer
    filters = {
        "kind": ("kind", str),
        "severity": ("severity", SEVERITIES),
        "subject": ("subject", str),
        **PERIOD,
    }


class StatusSerializer(serializers.Serializer):
    """The system at a glance."""

    status = serializers.ChoiceField(["healthy", "unhealthy"])
    time = serializers.IntegerField(help_text="Unix milliseconds")
    mode = serializers.CharField(help_text="paper, sandbox or live")
    parts = serializers.DictField(child=serializers.JSONField())
    components = ComponentSerializer(many=True)


class Status(Endpoint):
    """Every part's health, and every component's row. Answers 200 whatever the state: `status` tells it."""

    scope, permission = READ, "arbsite.view_component"

    @extend_schema(responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        """The system at a glance."""
        parts = {name: health.report(look) for name, look in health.parts.items()}
        healthy = all(part["status"] == health.HEALTHY for part in parts.values())
        now = timezone.now()
        return Response(
            {
                "status": health.HEALTHY if healthy else health.UNHEALTHY,
                "time": Millis().to_representation(now),
                "mode": health.trading_mode(),
                "parts": parts,
                "components": ComponentSerializer(Component.objects.order_by("name"), many=True).data,
            }
        )


# --- tokens


class _Tokens:
    """What the token endpoints share: exact JSON, problem documents, few attempts a minute."""

    renderer_classes: ClassVar = [ExactJSONRenderer]
    parser_classes: ClassVar = [ExactJSONParser]
    throttle_classes: ClassVar = [LoginThrottle]


class Token(_Tokens, TokenObtainPairView):
    """A user name and password for an access token (5 minutes) and a refresh token (a day)."""


class Refresh(_Tokens, TokenRefreshView):
    """A refresh token for a new pair; the old one ends."""


class Revoke(_Tokens, TokenBlacklistView):
    """End a refresh token."""


# --- the description of the API


class SignedIn(BasePermission):
    """Any active user: the description shows each caller what that caller may use."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True for whoever proved who they are."""
        return request.user is not None and request.user.is_authenticated and request.user.is_active


class Schema(SpectacularAPIView):
    """This API as an OpenAPI 3 document in JSON."""

    permission_classes = [SignedIn]
    renderer_classes = [ExactJSONRenderer]
    throttle_classes = [CallerThrottle]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The part of the description that the caller may use."""
        return Response(
            self.generator_class(patterns=self.patterns).get_schema(request=request, public=False)
        )


class Docs(SpectacularAPIView):
    """The same for people: one page without scripts, served by us."""

    permission_classes = [SignedIn]
    renderer_classes = [ExactJSONRenderer]
    throttle_classes = [CallerThrottle]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Every operation with its parameters and answers."""
        schema = self.generator_class(patterns=self.patterns).get_schema(request=request, public=False)
        return render(
            request._request, "arbsite/docs.html", {"info": schema["info"], "groups": _operations(schema)}
        )


def _operations(schema: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for address, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = next(iter(operation.get("tags", [])), "other")
            groups.setdefault(tag, []).append({"method": method.upper(), "path": address, **operation})
    return sorted(groups.items())


class UnknownPath(APIView):
    """An address below /api/ that does not exist: a problem document, also where Django would show a page."""

    authentication_classes: Sequence[Any] = []
    permission_classes: Sequence[Any] = []
    renderer_classes = [ExactJSONRenderer]

    def initial(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """404, whatever the method."""
        raise NotFound("There is no such address.")

    @extend_schema(exclude=True, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Never reached; an APIView without a method would answer 405."""
        raise NotFound


urlpatterns = [
    path("status", Status.as_view(), name="status"),
    path("components", Components.as_view(), name="components"),
    path("notices", Notices.as_view(), name="notices"),
    path("token", Token.as_view(), name="token"),
    path("token/refresh", Refresh.as_view(), name="token-refresh"),
    path("token/revoke", Revoke.as_view(), name="token-revoke"),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", Docs.as_view(), name="docs"),
]
