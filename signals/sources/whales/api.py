"""Whale alerts over the API."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from signals.models import WhaleAlert
from signals.sources.whales import saying, tables
from signals.sources.whales.triggering import PRIORITIES

DIRECTIONS = ("INFLOW", "OUTFLOW", "NEUTRAL")
CATEGORIES = ("large_transfer", "exchange", "defi", "unknown")


class WhaleSerializer(serializers.ModelSerializer):
    """A large transfer: the specification's fields, then our own. `amount` is dollars, null where nobody knows them.

    `timestamp` is when it happened; `fresh` whether it was young enough to make a signal when first seen; `chained_to` the
    alert whose movement it continues; `gone_at` when its block was replaced.
    """

    event_type = serializers.SerializerMethodField()
    timestamp = Millis(source="happened_at", allow_null=True)
    related_markets = serializers.ListField(child=serializers.CharField())
    chained_to = serializers.IntegerField(source="chained_to_id", allow_null=True)
    seen_at = Millis(allow_null=True)
    created_at = Millis()
    gone_at = Millis(allow_null=True)

    class Meta:
        model = WhaleAlert
        fields = [
            "id", "event_type", "timestamp", "transaction_hash", "block_number", "from_address", "to_address",
            "token_symbol", "amount", "direction", "exchange", "category", "sentiment_score", "related_markets", "source",
            "chain", "asset", "units", "transaction_type", "from_owner", "to_owner", "fresh", "chained_to", "seen_at",
            "created_at", "gone_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.STR)
    def get_event_type(self, alert: WhaleAlert) -> str:
        """Always `whale_alert`."""
        return "whale_alert"


class WhaleDetailSerializer(WhaleSerializer):
    """With its contract, its position in the transaction, and the triggers it pulls."""

    priority = serializers.SerializerMethodField()
    triggers = serializers.SerializerMethodField()

    class Meta(WhaleSerializer.Meta):
        fields = [*WhaleSerializer.Meta.fields, "contract", "position", "priority", "triggers"]

    @extend_schema_field(serializers.ChoiceField(PRIORITIES))
    def get_priority(self, alert: WhaleAlert) -> str:
        """As in the stream."""
        return saying.priority(saying.pulled(alert, tables.triggers()))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_triggers(self, alert: WhaleAlert) -> list[str]:
        """Names of the triggers, the most urgent first."""
        return [trigger.name for trigger in saying.pulled(alert, tables.triggers())]


FILTERS: dict[str, tuple[str, Any]] = {
    "direction": ("direction", DIRECTIONS),
    "category": ("category", CATEGORIES),
    "exchange": ("exchange", str),
    "asset": ("asset", str),
    "chain": ("chain", str),
    "source": ("source", str),
    "fresh": ("fresh", bool),
    "happened_since": ("happened_at__gte", datetime),
    "happened_until": ("happened_at__lt", datetime),
    **PERIOD,
}


class Whales(ListEndpoint):
    """Large transfers, newest first; without links of peel chains and blocks that were replaced."""

    scope, permission = READ, "signals.view_whalealert"
    queryset = WhaleAlert.objects.filter(chained_to__isnull=True, gone_at__isnull=True)
    serializer_class = WhaleSerializer
    filters = FILTERS


class Whale(DetailEndpoint):
    """One large transfer, whatever became of it."""

    scope, permission = READ, "signals.view_whalealert"
    queryset = WhaleAlert.objects.all()
    serializer_class = WhaleDetailSerializer


urlpatterns = [
    path("whales", Whales.as_view(), name="whales"),
    path("whales/<int:id>", Whale.as_view(), name="whale"),
]
