"""Signals over the API: opportunities now and then, normalised whale alerts and news, and the analyzer's health."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite import health
from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from markets.api import Normalize, RawSerializer
from signals import normalize
from signals.models import ARBITRAGE, Signal

CURRENT = (Signal.PENDING, Signal.ACTIONABLE, Signal.EXECUTED)  # open, and not refused
QUEUE_CRITICAL = 500  # the specification's 7.5.2

_LEG_PRICES = ("price", "limit_price", "best_price", "size", "depth", "notional", "fee", "cash")


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
    found = []
    for stored in (signal.metadata or {}).get("legs", []):
        leg = {name: stored[name] for name in ("platform", "market_id", "outcome", "side") if name in stored}
        leg["price"] = _decimal(stored.get("best_price"))
        for name in _LEG_PRICES[1:]:
            leg[name] = _decimal(stored.get(name))
        found.append(leg)
    return found


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class OpportunitySerializer(serializers.ModelSerializer):
    """An arbitrage opportunity. Ratios are fractions, money dollars, sizes contracts, times Unix milliseconds."""

    market_a = serializers.SerializerMethodField()
    market_b = serializers.SerializerMethodField()
    expected_profit = serializers.DecimalField(10, 6, source="profit_pct", allow_null=True)
    recommended_action = serializers.SerializerMethodField()
    bet_id = serializers.CharField(allow_null=True)
    sources = serializers.JSONField()
    reasons = serializers.JSONField()
    created_at = Millis()
    refreshed_at = Millis()
    closed_at = Millis(allow_null=True)

    class Meta:
        model = Signal
        fields = [
            "id", "type", "status", "market_a", "market_b", "profit_pct", "expected_profit", "confidence", "sources",
            "recommended_action", "direction", "bet_id", "size", "outlay", "net_profit", "edge", "annualised",
            "reasons", "created_at", "refreshed_at", "closed_at", "close_reason",
        ]  # fmt: skip

    @extend_schema_field(LegSerializer(allow_null=True))
    def get_market_a(self, signal: Signal) -> dict[str, Any] | None:
        """The first leg's market."""
        return _market(signal, 0, signal.market_a)

    @extend_schema_field(LegSerializer(allow_null=True))
    def get_market_b(self, signal: Signal) -> dict[str, Any] | None:
        """The second leg's market."""
        return _market(signal, 1, signal.market_b)

    @extend_schema_field(OpenApiTypes.STR)
    def get_recommended_action(self, signal: Signal) -> str:
        """What to do with each leg, like BUY_A_BUY_B: selling an outcome is buying the other one."""
        return "_".join(
            f"{leg.get('side', 'BUY')}_{chr(ord('A') + at)}" for at, leg in enumerate(legs_of(signal))
        )


def _market(signal: Signal, at: int, market_id: str | None) -> dict[str, Any] | None:
    legs = legs_of(signal)
    if at < len(legs):
        return {
            name: legs[at][name] for name in ("platform", "market_id", "outcome", "price") if name in legs[at]
        }
    return {"market_id": market_id} if market_id else None


class OpportunityDetailSerializer(OpportunitySerializer):
    """With its legs and the whole computation."""

    legs = serializers.SerializerMethodField()
    metadata = serializers.JSONField()
    plan_id = serializers.SerializerMethodField()

    class Meta(OpportunitySerializer.Meta):
        fields = [*OpportunitySerializer.Meta.fields, "legs", "plan_id", "metadata"]

    @extend_schema_field(LegSerializer(many=True))
    def get_legs(self, signal: Signal) -> list[dict[str, Any]]:
        """Every leg with its prices, size and fee."""
        return legs_of(signal)

    @extend_schema_field(OpenApiTypes.STR)
    def get_plan_id(self, signal: Signal) -> str | None:
        """The plan that acts on it, if there is one."""
        plan = getattr(signal, "plan", None)
        return plan.pk if plan else None


class Opportunities(ListEndpoint):
    """What could be earned now, newest first: open and not refused, unless `status` asks for another."""

    scope, permission = READ, "signals.view_signal"
    queryset = Signal.objects.filter(type=ARBITRAGE)
    serializer_class = OpportunitySerializer
    filters = {"status": ("status", Signal.STATUSES), "bet": ("bet_id", str), **PERIOD}

    def get_queryset(self) -> QuerySet[Signal]:
        """The current ones, or those of the status asked for."""
        found = super().get_queryset()
        return found if "status" in self.request.query_params else found.filter(status__in=CURRENT)


class History(ListEndpoint):
    """What was there and is gone, newest first."""

    scope, permission = READ, "signals.view_signal"
    queryset = Signal.objects.filter(type=ARBITRAGE, status__in=(Signal.CLOSED, Signal.EXPIRED))
    serializer_class = OpportunitySerializer
    filters = {"bet": ("bet_id", str), **PERIOD}


class Opportunity(DetailEndpoint):
    """One opportunity with its legs and the whole computation, open or not."""

    scope, permission = READ, "signals.view_signal"
    queryset = Signal.objects.filter(type=ARBITRAGE).select_related("plan")
    serializer_class = OpportunityDetailSerializer


# --- normal forms


class WhaleEventSerializer(serializers.Serializer):
    """The specification's whale alert. `amount` is dollars, `sentiment_score` from -1 to 1."""

    event_type = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Unix milliseconds")
    transaction_hash = serializers.CharField()
    block_number = serializers.IntegerField(allow_null=True)
    from_address = serializers.CharField()
    to_address = serializers.CharField()
    token_symbol = serializers.CharField()
    amount = serializers.DecimalField(30, 2)
    direction = serializers.ChoiceField([normalize.INFLOW, normalize.OUTFLOW, normalize.NEUTRAL])
    exchange = serializers.CharField()
    category = serializers.ChoiceField(normalize.CATEGORIES)
    sentiment_score = serializers.DecimalField(5, 4)
    related_markets = serializers.ListField(child=serializers.CharField())
    source = serializers.CharField()


class NewsEventSerializer(serializers.Serializer):
    """The specification's news event. `source` is the outlet, `via` who brought the story."""

    event_type = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Unix milliseconds")
    headline = serializers.CharField()
    source = serializers.CharField()
    url = serializers.CharField()
    sentiment = serializers.ChoiceField(["positive", "negative", "neutral"])
    sentiment_score = serializers.DecimalField(5, 4)
    categories = serializers.ListField(child=serializers.CharField())
    related_markets = serializers.ListField(child=serializers.CharField())
    urgency = serializers.ChoiceField(normalize.URGENCIES)
    impact_estimate = serializers.DecimalField(5, 4)
    via = serializers.CharField()


class NormalizeWhale(Normalize):
    """A raw transfer as a whale alert."""

    permission = "signals.view_whalealert"

    def rule(self, source: str, raw: dict[str, Any]) -> dict[str, Any]:
        """Whale alerts."""
        return normalize.whale(source, raw)

    @extend_schema(
        request=RawSerializer,
        responses=inline_serializer("NormalizedWhale", {"normalized": WhaleEventSerializer()}),
        tags=["normalize"],
    )
    def post(self, request: Request) -> Response:
        """Normalise a transfer; nothing is stored."""
        return self.normalized(request)


class NormalizeNews(Normalize):
    """A raw story as a news event."""

    permission = "signals.view_newsevent"

    def rule(self, source: str, raw: dict[str, Any]) -> dict[str, Any]:
        """News events."""
        return normalize.news(source, raw)

    @extend_schema(
        request=RawSerializer,
        responses=inline_serializer("NormalizedNews", {"normalized": NewsEventSerializer()}),
        tags=["normalize"],
    )
    def post(self, request: Request) -> Response:
        """Normalise a story; nothing is stored."""
        return self.normalized(request)


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
    path("opportunities", Opportunities.as_view(), name="opportunities"),
    path("opportunities/<str:id>", Opportunity.as_view(), name="opportunity"),
    path("history", History.as_view(), name="history"),
    path("normalize/whale", NormalizeWhale.as_view(), name="normalize-whale"),
    path("normalize/news", NormalizeNews.as_view(), name="normalize-news"),
]
