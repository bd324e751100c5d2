"""Signals over the API: opportunities now and then, and the analyzer's health."""

from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from arbsite import health
from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from signals import detect_api, normalize_api, rules, scanning, signal_api
from signals.deciding import decision
from signals.models import ARBITRAGE, Signal, SignalSnapshot
from signals.moves import api as move_api
from signals.records import history, storing
from signals.returns import api as returns_api
from signals.scoring import api as score_api
from signals.signal_api import VoiceSerializer
from signals.sources import api as source_api
from signals.sources.calendar import api as calendar_api
from signals.sources.news import api as news_api
from signals.sources.whales import api as whale_api
from signals.sources.whales import webhook_api

CURRENT = (Signal.PENDING, Signal.ACTIONABLE, Signal.EXECUTED)  # open, and not refused
FOUND = Signal.objects.filter(Q(type=ARBITRAGE) | Q(label=decision.SPREAD))
KINDS = {
    "bet": ("bet_id", str),
    "kind": ("kind", str),
    "label": ("label", (decision.ARBITRAGE, decision.SPREAD)),
}
QUEUE_CRITICAL = 500  # the specification's 7.5.2


class LegSerializer(serializers.Serializer):
    """One leg: what is bought where. `price` is the best price in dollars, `size` contracts."""

    platform = serializers.CharField()
    market_id = serializers.CharField()
    outcome = serializers.CharField()
    side = serializers.CharField()
    price = serializers.DecimalField(10, 6)
    limit_price = serializers.DecimalField(10, 6)
    size = serializers.DecimalField(20, 8)
    fee = serializers.DecimalField(20, 6)


def legs_of(signal: Signal) -> list[dict[str, Any]]:
    """The legs as stored with the signal, numbers as exact decimals; `price` is the best one."""
    return [scanning.leg_json(stored) for stored in (signal.metadata or {}).get("legs", [])]


class StepSerializer(serializers.Serializer):
    """One line of a waterfall; costs are negative."""

    step = serializers.ChoiceField(storing.STEPS)
    dollars = serializers.DecimalField(20, 6)
    per_dollar = serializers.DecimalField(12, 8, help_text="of payoff")


class OpportunitySerializer(serializers.ModelSerializer):
    """An arbitrage opportunity. Ratios are fractions, money dollars, sizes contracts, times Unix milliseconds."""

    market_a = serializers.SerializerMethodField()
    market_b = serializers.SerializerMethodField()
    expected_profit = serializers.DecimalField(10, 6, source="profit_pct", allow_null=True)
    recommended_action = serializers.SerializerMethodField()
    bet_id = serializers.CharField(allow_null=True)
    sources = serializers.JSONField()
    evidence = serializers.SerializerMethodField()
    reasons = serializers.JSONField()
    waterfall = serializers.SerializerMethodField()
    capital = serializers.SerializerMethodField()
    limited_by = serializers.SerializerMethodField()
    seconds_alive = serializers.SerializerMethodField()
    estimated_fill_time_ms = serializers.SerializerMethodField()
    created_at = Millis()
    refreshed_at = Millis()
    closed_at = Millis(allow_null=True)
    rechecked_at = Millis(allow_null=True)

    class Meta:
        model = Signal
        fields = [
            "id", "type", "status", "market_a", "market_b", "profit_pct", "expected_profit", "confidence", "sources",
            "recommended_action", "direction", "bet_id", "size", "outlay", "net_profit", "edge", "annualised",
            "reasons", "created_at", "refreshed_at", "closed_at", "close_reason", "label", "kind", "expected_edge",
            "half_profit", "waterfall", "capital", "limited_by", "seconds_alive", "lifetime_ms", "estimated_fill_time_ms",
            "rechecked_at", "evidence",
        ]  # fmt: skip

    @extend_schema_field(LegSerializer(allow_null=True))
    def get_market_a(self, signal: Signal) -> dict[str, Any] | None:
        """The first leg's market."""
        return _market(signal, 0, signal.market_a)

    @extend_schema_field(LegSerializer(allow_null=True))
    def get_market_b(self, signal: Signal) -> dict[str, Any] | None:
        """The last leg's market."""
        return _market(signal, max(1, len(legs_of(signal)) - 1), signal.market_b)

    @extend_schema_field(OpenApiTypes.STR)
    def get_recommended_action(self, signal: Signal) -> str:
        """As `detect` and `scan` say it, like BUY_A_SELL_B: selling a market is buying its other outcome."""
        said = (signal.metadata or {}).get("recommended_action")
        return said or "_".join(
            f"{leg.get('side', 'BUY')}_{chr(ord('A') + at)}" for at, leg in enumerate(legs_of(signal))
        )

    @extend_schema_field(StepSerializer(many=True))
    def get_waterfall(self, signal: Signal) -> list[dict[str, Any]]:
        """From the gross edge to the expected one, in dollars and per $1 of payoff."""
        return scanning.waterfall(signal)

    @extend_schema_field(serializers.DictField(child=serializers.DecimalField(20, 6)))
    def get_capital(self, signal: Signal) -> dict[str, Decimal]:
        """Dollars that each platform's account needs."""
        return storing.capital_of(signal.metadata or {})

    @extend_schema_field(VoiceSerializer(many=True))
    def get_evidence(self, signal: Signal) -> list[dict[str, Any]]:
        """What whales, news, calendar and scored price moves said, and what it did."""
        return (signal.metadata or {}).get("evidence", [])

    @extend_schema_field(OpenApiTypes.STR)
    def get_limited_by(self, signal: Signal) -> str | None:
        """What keeps the size from being larger."""
        return (signal.metadata or {}).get("limited_by")

    @extend_schema_field(serializers.DecimalField(14, 3))
    def get_seconds_alive(self, signal: Signal) -> Decimal:
        """Seconds from found to gone, or until now."""
        return Decimal(history.lifetime_ms(signal, timezone.now())).scaleb(-3)

    @extend_schema_field(OpenApiTypes.INT)
    def get_estimated_fill_time_ms(self, signal: Signal) -> int:
        """Milliseconds until all its legs are in."""
        return rules.fill_ms(max(scanning.FIRST_LEGS, len((signal.metadata or {}).get("legs", []))))


def _market(signal: Signal, at: int, market_id: str | None) -> dict[str, Any] | None:
    legs = legs_of(signal)
    if at < len(legs):
        return scanning.short(legs[at])
    return {"market_id": market_id} if market_id else None


class SeriesSerializer(serializers.ModelSerializer):
    """The figures of a signal at one moment."""

    at = Millis()

    class Meta:
        model = SignalSnapshot
        fields = ["at", "event", "edge", "expected_edge", "size", "net_profit"]


class OpportunityDetailSerializer(OpportunitySerializer):
    """With its legs and the whole computation."""

    legs = serializers.SerializerMethodField()
    metadata = serializers.JSONField()
    recheck = serializers.JSONField()
    plan_id = serializers.SerializerMethodField()
    series = serializers.SerializerMethodField()

    class Meta(OpportunitySerializer.Meta):
        fields = [*OpportunitySerializer.Meta.fields, "legs", "plan_id", "recheck", "series", "metadata"]

    @extend_schema_field(LegSerializer(many=True))
    def get_legs(self, signal: Signal) -> list[dict[str, Any]]:
        """Every leg with its prices, size and fee."""
        return legs_of(signal)

    @extend_schema_field(OpenApiTypes.STR)
    def get_plan_id(self, signal: Signal) -> str | None:
        """The plan that acts on it, if there is one."""
        plan = getattr(signal, "plan", None)
        return plan.pk if plan else None

    @extend_schema_field(SeriesSerializer(many=True))
    def get_series(self, signal: Signal) -> list[dict[str, Any]]:
        """Its figures over time, oldest first, as far as they are stored."""
        return list(SeriesSerializer(history.series(signal.pk), many=True).data)


class Opportunities(ListEndpoint):
    """What could be earned now, newest first: open and not refused, unless `status` asks for another."""

    scope, permission = READ, "signals.view_signal"
    queryset = FOUND
    serializer_class = OpportunitySerializer
    filters = {"status": ("status", Signal.STATUSES), **KINDS, **PERIOD}

    def get_queryset(self) -> QuerySet[Signal]:
        """The current ones, or those of the status asked for; spreads only where they are asked for."""
        found = super().get_queryset()
        if "label" not in self.request.query_params:
            found = found.filter(type=ARBITRAGE)
        return found if "status" in self.request.query_params else found.filter(status__in=CURRENT)


class History(ListEndpoint):
    """What was there and is gone, newest first."""

    scope, permission = READ, "signals.view_signal"
    queryset = FOUND.filter(status__in=(Signal.CLOSED, Signal.EXPIRED))
    serializer_class = OpportunitySerializer
    filters = {**KINDS, **PERIOD}


class Opportunity(DetailEndpoint):
    """One opportunity with its legs and the whole computation, open or not."""

    scope, permission = READ, "signals.view_signal"
    queryset = FOUND.select_related("plan")
    serializer_class = OpportunityDetailSerializer


# --- health


def analyzer() -> dict[str, Any]:
    """Detection and decision: how many doorbells wait. Raises Unwell where far too many do."""
    depths = health.queue_depths()
    depth = sum(depths.values())
    if depth > QUEUE_CRITICAL:
        raise health.Unwell(f"more than {QUEUE_CRITICAL} tasks wait", queue_depth=depth, queues=depths)
    return {"queue_depth": depth, "queues": depths}


health.add_part("analyzer", analyzer)

urlpatterns = [
    *normalize_api.urlpatterns,
    *detect_api.urlpatterns,
    *signal_api.urlpatterns,
    *score_api.urlpatterns,
    *calendar_api.urlpatterns,
    *move_api.urlpatterns,
    *whale_api.urlpatterns,
    *webhook_api.urlpatterns,
    *news_api.urlpatterns,
    *returns_api.urlpatterns,
    *source_api.urlpatterns,
    path("opportunities", Opportunities.as_view(), name="opportunities"),
    path("opportunities/<str:id>", Opportunity.as_view(), name="opportunity"),
    path("history", History.as_view(), name="history"),
]
