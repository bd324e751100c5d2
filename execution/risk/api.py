"""Limits and stop-losses over the API: to be read by whoever may, limits changed by a person with the permission only.

A change of a limit asks for the scope `admin` of an API key: a key that may trade cannot give itself more room.
"""

from decimal import Decimal

from django.http import Http404
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite import health
from arbsite.api import PERIOD, Millis
from arbsite.auth import ADMIN, READ, TRADE
from arbsite.endpoints import Endpoint, ListEndpoint
from execution.by_hand.doors import TellsRefused
from execution.models import MODES, RiskLimit, StopLoss
from execution.risk import services as risk
from execution.risk import stops, usage
from execution.risk.limit_names import NAMES, WrongLimit
from signals import catalogue

TAGS = ["risk"]


class Unacceptable(APIException):
    """A limit or stop that cannot be, with the sentence that says what to do."""

    status_code = 409
    default_code = "wrong_limit"


class LimitEntrySerializer(serializers.Serializer):
    """A change of one limit. `value` null lifts it; `scope` is a platform, market:ID, bet:ID, group:NAME or empty."""

    name = serializers.ChoiceField(list(NAMES))
    scope = serializers.CharField(max_length=160, default="", allow_blank=True)
    value = serializers.DecimalField(20, 6, allow_null=True)
    why = serializers.CharField(max_length=2_000)


class LimitSerializer(serializers.ModelSerializer):
    """One value of one limit from `created_at` on."""

    set_by = serializers.CharField(source="set_by.username")
    created_at = Millis()

    class Meta:
        model = RiskLimit
        fields = ["id", "name", "scope", "value", "why", "set_by", "created_at"]


class TwoDoors(Endpoint):
    """One address to read and to write; writing asks for a scope and a permission of its own."""

    writing = ("", "")  # scope and permission

    def check_permissions(self, request: Request) -> None:
        """Those of the door that is used."""
        if request.method not in SAFE_METHODS:
            self.scope, self.permission = self.writing
        super().check_permissions(request)


class Limits(TwoDoors):
    """What may be at stake now, and how much of it is used; a change asks for a person who may."""

    scope, permission = READ, "execution.view_risklimit"
    writing = (ADMIN, risk.PERMISSION)

    @extend_schema(responses=OpenApiTypes.OBJECT, tags=TAGS)
    def get(self, request: Request) -> Response:
        """Every limit with its value, where it comes from, and its use."""
        now, mode = timezone.now(), health.trading_mode()
        moment = Millis()
        rows = [
            usage.as_json(row) | {"set_at": row.set_at and moment.to_representation(row.set_at)}
            for row in usage.rows(mode, catalogue.current(), now=now)
        ]
        return Response({"mode": mode, "as_of": moment.to_representation(now), "limits": rows})

    @extend_schema(request=LimitEntrySerializer, responses={201: LimitSerializer}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """One limit, from now on; the old value stays in the history."""
        asked = LimitEntrySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        try:
            row = risk.set_limit(
                given["name"], given["scope"], given["value"], request.user, given["why"], now=timezone.now()
            )
        except WrongLimit as error:
            raise Unacceptable(str(error)) from error
        except risk.NotAllowed as error:
            raise PermissionDenied(str(error)) from error
        return Response(LimitSerializer(row).data, status=201)


class LimitHistory(ListEndpoint):
    """Every value that a limit has had, newest first."""

    scope, permission = READ, "execution.view_risklimit"
    queryset = RiskLimit.objects.select_related("set_by")
    serializer_class = LimitSerializer
    filters = {"name": ("name", tuple(NAMES)), "scope": ("scope", str), **PERIOD}


# --- stop-losses


class StopSerializer(serializers.ModelSerializer):
    """A stop-loss. Prices are dollars per contract of `outcome`; a null quantity means everything held."""

    market_id = serializers.CharField()
    plan_id = serializers.CharField(allow_null=True)
    created_at = Millis()
    triggered_at = Millis(allow_null=True)

    class Meta:
        model = StopLoss
        fields = [
            "id", "mode", "platform", "market_id", "outcome", "quantity", "trigger_price", "limit_price", "status",
            "plan_id", "set_by", "created_at", "triggered_at",
        ]  # fmt: skip


class StopEntrySerializer(serializers.Serializer):
    """A stop-loss to be set."""

    market_id = serializers.CharField(max_length=128)
    outcome = serializers.ChoiceField(["YES", "NO"])
    trigger_price = serializers.DecimalField(10, 6, min_value=Decimal(0), max_value=Decimal(1))
    limit_price = serializers.DecimalField(10, 6, min_value=Decimal(0), max_value=Decimal(1))
    quantity = serializers.DecimalField(20, 8, allow_null=True, required=False)


class Stops(TellsRefused, TwoDoors, ListEndpoint):
    """Stop-losses, newest first; and the door to set one."""

    scope, permission = READ, "execution.view_stoploss"
    writing = (TRADE, "execution.can_trade")
    queryset = StopLoss.objects.all()
    serializer_class = StopSerializer
    filters = {
        "status": ("status", StopLoss.STATUSES),
        "mode": ("mode", MODES),
        "market_id": ("market_id", str),
        **PERIOD,
    }

    @extend_schema(request=StopEntrySerializer, responses={201: StopSerializer}, tags=TAGS)
    def post(self, request: Request) -> Response:
        """One stop-loss on what is held of one outcome."""
        asked = StopEntrySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            row = stops.place(
                health.trading_mode(), **asked.validated_data, person=request.user, now=timezone.now()
            )
        except stops.WrongStop as error:
            raise Unacceptable(str(error), code="wrong_stop") from error
        return Response(StopSerializer(row).data, status=201)


class CancelStop(TellsRefused):
    """Take a stop-loss back."""

    scope, permission = TRADE, "execution.can_trade"

    @extend_schema(request=None, responses=StopSerializer, tags=TAGS)
    def post(self, request: Request, id: int) -> Response:
        """It sends nothing any more; what it has sent already is worked to its end."""
        if not StopLoss.objects.filter(pk=id).exists():
            raise Http404
        if not stops.cancel(id, person=request.user, now=timezone.now()):
            raise Unacceptable("The stop is not active any more.", code="not_active")
        return Response(StopSerializer(StopLoss.objects.get(pk=id)).data)


urlpatterns = [
    path("limits", Limits.as_view(), name="limits"),
    path("limits/history", LimitHistory.as_view(), name="limit-history"),
    path("stops", Stops.as_view(), name="stops"),
    path("stops/<int:id>/cancel", CancelStop.as_view(), name="stop-cancel"),
]
