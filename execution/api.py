"""Execution over the API: orders, positions, and the executor's health."""

from datetime import timedelta
from typing import Any

from django.urls import path
from django.utils import timezone
from rest_framework import serializers

from arbsite import health
from arbsite.api import PERIOD, Cursor, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from arbsite.models import Component
from execution.models import MODES, Fill, Order, Plan, Position
from markets.platforms.base import PLATFORMS

SILENT = timedelta(seconds=30)  # after which an executor that has not reported counts as gone


class FillSerializer(serializers.ModelSerializer):
    """Money that moved for an order. `cash` is dollars, negative where it left the account."""

    created_at = Millis()

    class Meta:
        model = Fill
        fields = ["id", "kind", "quantity", "price", "fee", "cash", "trade_id", "created_at"]


class OrderSerializer(serializers.ModelSerializer):
    """An order. Prices are dollars per contract, quantities contracts, times Unix milliseconds."""

    order_id = serializers.CharField(source="id")
    signal_id = serializers.CharField(allow_null=True)
    plan_id = serializers.CharField(allow_null=True)
    market_id = serializers.CharField(allow_null=True)
    created_at = Millis()
    updated_at = Millis()

    class Meta:
        model = Order
        fields = [
            "order_id", "signal_id", "plan_id", "leg", "mode", "platform", "market_id", "outcome", "side", "quantity",
            "price", "order_type", "time_in_force", "status", "filled_qty", "avg_fill_price", "fee", "error_message",
            "client_order_id", "platform_order_id", "created_at", "updated_at",
        ]  # fmt: skip


class OrderDetailSerializer(OrderSerializer):
    """With its fills."""

    fills = FillSerializer(many=True)

    class Meta(OrderSerializer.Meta):
        fields = [*OrderSerializer.Meta.fields, "fills"]


class Orders(ListEndpoint):
    """Orders, newest first."""

    scope, permission = READ, "execution.view_order"
    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filters = {
        "status": ("status", Order.STATUSES),
        "platform": ("platform", PLATFORMS),
        "mode": ("mode", MODES),
        "signal_id": ("signal_id", str),
        "market_id": ("market_id", str),
        **PERIOD,
    }


class OrderDetail(DetailEndpoint):
    """One order with its fills."""

    scope, permission = READ, "execution.view_order"
    queryset = Order.objects.prefetch_related("fills")
    serializer_class = OrderDetailSerializer


class PositionSerializer(serializers.ModelSerializer):
    """What is held of one outcome. `current_price` is its best bid; profit is dollars after fees."""

    position_id = serializers.CharField(source="id")
    platform = serializers.CharField(source="market.platform")
    market_id = serializers.CharField()
    question = serializers.CharField(source="market.question", allow_null=True)
    opened_at = Millis()
    updated_at = Millis()
    closed_at = Millis(allow_null=True)

    class Meta:
        model = Position
        fields = [
            "position_id", "mode", "platform", "market_id", "question", "outcome", "side", "quantity", "avg_price",
            "current_price", "cost", "fees", "unrealized_pnl", "realized_pnl", "opened_at", "updated_at", "closed_at",
        ]  # fmt: skip


class ByOpening(Cursor):
    """The last opened first."""

    ordering = "-opened_at"


class Positions(ListEndpoint):
    """Every open position, the last opened first."""

    scope, permission = READ, "execution.view_position"
    queryset = Position.objects.filter(quantity__gt=0).select_related("market")
    serializer_class = PositionSerializer
    pagination_class = ByOpening
    filters = {
        "mode": ("mode", MODES),
        "platform": ("market__platform", PLATFORMS),
        "market_id": ("market_id", str),
    }


def executor() -> dict[str, Any]:
    """Execution: orders that are not finished. Raises Unwell where an answer was lost, or where plans wait for nobody."""
    now, mode = timezone.now(), health.trading_mode()
    statuses = list(Order.objects.filter(status__in=Order.OPEN_STATUSES).values_list("status", flat=True))
    row = Component.objects.filter(name="trade").first()
    running = row is not None and row.state != Component.STOPPED and now - row.updated_at < SILENT
    fields = {"open_orders": len(statuses), "mode": mode, "running": running}
    waiting = Plan.objects.filter(
        mode=mode, status__in=(Plan.PLANNED, Plan.EXECUTING), created_at__lt=now - SILENT
    ).count()
    if waiting and not running:
        raise health.Unwell(f"{waiting} plans wait and nobody works them: start manage.py trade", **fields)
    unknown = statuses.count("UNKNOWN")
    if unknown:
        raise health.Unwell(f"{unknown} orders of unknown state wait for reconciliation", **fields)
    return fields


health.add_part("executor", executor)

urlpatterns = [
    path("orders", Orders.as_view(), name="orders"),
    path("orders/<str:id>", OrderDetail.as_view(), name="order"),
    path("positions", Positions.as_view(), name="positions"),
]
