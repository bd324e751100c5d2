"""Orders and executions that people and agents ask for over the API.

Scope `trade`, permission `execution.can_trade` as the database has it at that moment. `Idempotency-Key` makes a request
safe to repeat: the same key with the same body gets the first answer, with another body 409.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.auth import TRADE
from arbsite.throttles import CallerThrottle, ExecuteThrottle
from execution.by_hand import asking, manual, signals_by_hand
from execution.by_hand.doors import TellsRefused
from execution.by_hand.manual import ORDER_TYPES, OrderAsked
from markets.platforms.base import PLATFORMS

TAGS = ["trading"]
KEY_HEADER = "Idempotency-Key"
KEY_PARAMETER = OpenApiParameter(
    KEY_HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body get the first answer again.",
)


class Refusal(APIException):
    """A refusal by the rules, with its stable code and the row that keeps it."""

    def __init__(self, refused: asking.Refused) -> None:
        super().__init__(refused.sentence, refused.code)
        self.status_code = refused.status
        rows = {"order_id": refused.order_id, "plan_id": refused.plan_id}
        self.extra = {name: value for name, value in rows.items() if value}


def _money(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(28, 12, **options)


class OrderAskedSerializer(serializers.Serializer):
    """An order. `amount` is contracts, `price` dollars per contract; a MARKET order has a slippage instead of a price."""

    signal_id = serializers.CharField(max_length=64, required=False, allow_blank=True, allow_null=True)
    platform = serializers.ChoiceField(PLATFORMS)
    market_id = serializers.CharField(max_length=128)
    outcome = serializers.ChoiceField(["YES", "NO"])
    side = serializers.ChoiceField(["BUY", "SELL"])
    amount = _money()
    price = _money(required=False, allow_null=True)
    order_type = serializers.ChoiceField(ORDER_TYPES, default="LIMIT")
    time_in_force = serializers.CharField(max_length=32, default="IMMEDIATE_OR_CANCEL")
    max_slippage_pct = serializers.DecimalField(
        10, 6, min_value=Decimal(0), max_value=Decimal(1), required=False, allow_null=True
    )
    post_only = serializers.BooleanField(default=False)
    expires_at = serializers.IntegerField(
        min_value=0, max_value=10**14, required=False, allow_null=True, help_text="Unix milliseconds"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A limit order has a limit, a market order none."""
        limited = attrs["order_type"] == "LIMIT"
        if limited != (attrs.get("price") is not None):
            raise serializers.ValidationError(
                {"price": ["A LIMIT order needs a price." if limited else "A MARKET order has no price."]}
            )
        return attrs


class OrderAnswerSerializer(serializers.Serializer):
    """What became of it. `status` PLANNED: written down, the executor sends it next. Times are Unix milliseconds."""

    order_id = serializers.CharField()
    plan_id = serializers.CharField()
    status = serializers.CharField()
    submitted_at = serializers.IntegerField()
    estimated_fill_price = _money(allow_null=True)
    estimated_total = _money()
    limit_price = _money()
    most_cash = _money()


class CancelSerializer(serializers.Serializer):
    """Which order."""

    order_id = serializers.CharField(max_length=64)


class CancelAnswerSerializer(serializers.Serializer):
    """The order's state by now: CANCELLING is on its way."""

    order_id = serializers.CharField()
    status = serializers.CharField()


class ExecuteSerializer(serializers.Serializer):
    """A signal, and at most how much payoff in dollars."""

    signal_id = serializers.CharField(max_length=64)
    size = serializers.DecimalField(20, 8, required=False, allow_null=True)
    dry_run = serializers.BooleanField(default=False)


class TradingEndpoint(TellsRefused):
    """What the three have in common."""

    scope, permission = TRADE, asking.PERMISSION

    def read(self, kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
        """The checked body, without what was left out."""
        asked = kind(data=request.data)
        asked.is_valid(raise_exception=True)
        return {name: value for name, value in asked.validated_data.items() if value not in (None, "")}

    def key(self, request: Request) -> str:
        """The request's key; empty without one."""
        text = request.headers.get(KEY_HEADER, "")
        if len(text) > 255 or "\x00" in text:
            raise ParseError(f"{KEY_HEADER} has at most 255 characters.")
        return text


class SubmitOrder(TradingEndpoint):
    """Place an order by hand."""

    @extend_schema(
        request=OrderAskedSerializer,
        responses={201: OrderAnswerSerializer},
        tags=TAGS,
        parameters=[KEY_PARAMETER],
    )
    def post(self, request: Request) -> Response:
        """It is checked against every gate, halt and limit, written down, and sent by the executor."""
        told = self.read(OrderAskedSerializer, request)
        if "expires_at" in told:
            told["expires_at"] = datetime.fromtimestamp(told["expires_at"] / 1_000, UTC)
        asked = OrderAsked(**told)
        try:
            answer = manual.submit(asked, request.user, timezone.now(), key=self.key(request))
        except asking.Refused as refused:
            raise Refusal(refused) from refused
        return Response(answer, status=201)


class CancelOrder(TradingEndpoint):
    """Cancel an order."""

    @extend_schema(request=CancelSerializer, responses=CancelAnswerSerializer, tags=TAGS)
    def post(self, request: Request) -> Response:
        """One that was not sent is over at once; the executor asks the platform for the rest."""
        order_id = self.read(CancelSerializer, request)["order_id"]
        try:
            return Response(manual.cancel(order_id, request.user, timezone.now()))
        except asking.Refused as refused:
            raise Refusal(refused) from refused


class Execute(TradingEndpoint):
    """Act on a signal by hand."""

    throttle_classes = [CallerThrottle, ExecuteThrottle]

    @extend_schema(
        request=ExecuteSerializer, responses=OpenApiTypes.OBJECT, tags=TAGS, parameters=[KEY_PARAMETER]
    )
    def post(self, request: Request) -> Response:
        """The plan on the books of now, with its legs, limits and figures; carried out unless `dry_run`."""
        asked = self.read(ExecuteSerializer, request)
        try:
            answer = signals_by_hand.execute(
                asked.pop("signal_id"), request.user, timezone.now(), key=self.key(request), **asked
            )
        except asking.Refused as refused:
            raise Refusal(refused) from refused
        return Response(answer)


urlpatterns = [
    path("orders/submit", SubmitOrder.as_view(), name="order-submit"),
    path("orders/cancel", CancelOrder.as_view(), name="order-cancel"),
    path("execute", Execute.as_view(), name="execute"),
]
