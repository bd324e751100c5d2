"""Signals of every type over the API, as the specification's document (3.4) spells them."""

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from rest_framework import serializers

from arbsite.api import PERIOD
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from signals.deciding import joining
from signals.models import TYPES, Signal
from signals.records import document

OPEN = (*Signal.OPEN, Signal.PROPOSED)


class VoiceSerializer(serializers.Serializer):
    """One piece of evidence: `direction` is that of YES (0: it will move), `probability` as of when it was judged."""

    source = serializers.CharField()
    kind = serializers.CharField()
    item = serializers.CharField()
    market = serializers.CharField(help_text="platform:market")
    direction = serializers.IntegerField()
    probability = serializers.DecimalField(7, 6, allow_null=True)
    note = serializers.CharField()
    effect = serializers.CharField(help_text=", ".join((*joining.EFFECTS, "supports", "against")))


class MarketSerializer(serializers.Serializer):
    """A market as the specification names it."""

    platform = serializers.CharField()
    market_id = serializers.CharField()


class DocumentSerializer(serializers.Serializer):
    """The specification's signal. `expected_profit` is a fraction of the outlay, `time_to_expiry` seconds."""

    signal_id = serializers.CharField()
    type = serializers.ChoiceField(TYPES)
    market_a = MarketSerializer(allow_null=True)
    market_b = MarketSerializer(allow_null=True)
    expected_profit = serializers.DecimalField(10, 6, allow_null=True)
    confidence = serializers.DecimalField(5, 4, allow_null=True)
    sources = serializers.ListField(child=serializers.ChoiceField(joining.SOURCES))
    recommended_action = serializers.CharField(help_text="BUY_A_SELL_B, …; of one leg BUY_A or SELL_A")
    time_to_expiry = serializers.IntegerField()
    metadata = serializers.DictField()

    def to_representation(self, instance: Signal) -> dict[str, Any]:
        """The document as of now."""
        return document.document(instance, timezone.now())


class Signals(ListEndpoint):
    """Signals of all types, newest first: those that are open or proposed, unless `status` asks for another."""

    scope, permission = READ, "signals.view_signal"
    queryset = Signal.objects.all()
    serializer_class = DocumentSerializer
    filters = {
        "type": ("type", TYPES), "status": ("status", Signal.STATUSES), "kind": ("kind", str), "bet": ("bet_id", str),
        "source": ("sources__contains", joining.SOURCES), "market_a": ("market_a", str), "market_b": ("market_b", str),
        **PERIOD,
    }  # fmt: skip

    def get_queryset(self) -> QuerySet[Signal]:
        """The current ones, or those of the status asked for."""
        rows = super().get_queryset()
        return rows if "status" in self.request.query_params else rows.filter(status__in=OPEN)


class OneSignal(DetailEndpoint):
    """One signal of any type, open or not."""

    scope, permission = READ, "signals.view_signal"
    queryset = Signal.objects.all()
    serializer_class = DocumentSerializer


urlpatterns = [
    path("signals", Signals.as_view(), name="signals"),
    path("signals/<str:id>", OneSignal.as_view(), name="signal"),
]
