"""The scorecard and the predictions behind it over the API."""

from datetime import datetime
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import Cursor, Millis, asked
from arbsite.auth import READ
from arbsite.endpoints import Endpoint, ListEndpoint
from signals.models import Prediction
from signals.scoring import reading


class ScorecardSerializer(serializers.Serializer):
    """Every source's score (hits, total, accuracy, interval, base_rate, brier, …), and the four objectives measured."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    level = serializers.FloatField(help_text="confidence of the intervals, a fraction")
    fewest = serializers.IntegerField(help_text="results without which no verdict is given")
    definition = serializers.CharField(help_text="what counts as right")
    sources = serializers.DictField(child=serializers.DictField())
    objectives = serializers.DictField(child=serializers.DictField())


class Scorecard(Endpoint):
    """How often each source was right, out of sample."""

    scope, permission = READ, "signals.view_prediction"

    @extend_schema(
        parameters=[OpenApiParameter("since", datetime, required=False)], responses=ScorecardSerializer
    )
    def get(self, request: Request) -> Response:
        """The scorecard since a time, or of all that is kept."""
        since = asked(request, {"since": datetime}).get("since")
        start, until = reading.period(since, timezone.now())
        found: dict[str, Any] = reading.document(since=start, until=until)
        return Response(found)


class PredictionSerializer(serializers.ModelSerializer):
    """One claim and what became of it. Prices and profit are dollars, shares fractions, times Unix milliseconds."""

    happened_at = Millis()
    seen_at = Millis()
    due_at = Millis()
    created_at = Millis()
    judged_at = Millis(allow_null=True)

    class Meta:
        model = Prediction
        fields = [
            "id", "source", "kind", "item", "market_id", "direction", "strength", "probability", "fit_id", "note",
            "happened_at", "seen_at", "due_at", "created_at", "horizon_seconds", "half_life_seconds", "mid", "spread",
            "outcome", "judged_at", "why_void", "end_mid", "peak_move", "moved_first", "lag_ms", "lasted_ms", "lead_ms",
            "profit", "base_hit",
        ]  # fmt: skip


class NewestFirst(Cursor):
    """By the time the item was seen."""

    ordering = "-seen_at"


class Predictions(ListEndpoint):
    """What sources claimed about markets, newest first."""

    scope, permission = READ, "signals.view_prediction"
    queryset = Prediction.objects.all()
    serializer_class = PredictionSerializer
    pagination_class = NewestFirst
    filters = {
        "source": ("source", str), "kind": ("kind", str), "item": ("item", str), "market": ("market_id", str),
        "outcome": ("outcome", Prediction.OUTCOMES), "since": ("seen_at__gte", datetime),
        "until": ("seen_at__lt", datetime),
    }  # fmt: skip


urlpatterns = [
    path("scorecard", Scorecard.as_view(), name="scorecard"),
    path("predictions", Predictions.as_view(), name="predictions"),
]
