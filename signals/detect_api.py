"""The scan, lifetimes and the refusal ledger over the API."""

import time
from datetime import datetime
from decimal import Decimal

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite.api import Cursor, Millis, asked
from arbsite.auth import READ
from arbsite.endpoints import Endpoint, ListEndpoint
from markets.platforms.base import PLATFORMS
from signals import scanning
from signals.deciding import fates
from signals.models import Refusal
from signals.records import history

TIMES = {"since": datetime, "until": datetime}


class DetectSerializer(serializers.Serializer):
    """What a scan should look for; every field may be left out."""

    min_profit_threshold = serializers.DecimalField(
        10, 6, required=False, min_value=Decimal(0), max_value=Decimal(1),
        help_text="least net profit over outlay, a fraction",
    )  # fmt: skip
    max_positions = serializers.IntegerField(
        required=False, min_value=1, max_value=500, help_text="opportunities at most"
    )
    time_window_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=86_400, help_text="confirmed within so many seconds"
    )
    platforms = serializers.ListField(
        child=serializers.ChoiceField(PLATFORMS), required=False, allow_empty=False, max_length=len(PLATFORMS)
    )


class DetectedSerializer(serializers.Serializer):
    """The specification's detect response; each opportunity has more fields than it asks for."""

    opportunities = serializers.ListField(child=serializers.DictField())
    scan_duration_ms = serializers.IntegerField()
    bets = serializers.IntegerField()
    signals_changed = serializers.IntegerField()


class Detect(Endpoint):
    """Look at every active bet on the live books, now."""

    scope, permission = READ, "signals.view_signal"

    @extend_schema(request=DetectSerializer, responses=DetectedSerializer)
    def post(self, request: Request) -> Response:
        """Scan and answer the best open opportunities, as the five-minute scan would find them."""
        asked = DetectSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        unknown = sorted(set(request.data) - set(asked.fields))
        if unknown:
            raise ValidationError({name: ["This field is unknown here."] for name in unknown})
        wanted = asked.validated_data
        scan = scanning.run(
            clock=lambda: time.time_ns() // 1_000_000,
            platforms=wanted.get("platforms", PLATFORMS),
            min_profit=wanted.get("min_profit_threshold"),
            most=wanted.get("max_positions", 50),
            within_seconds=wanted.get("time_window_seconds"),
        )
        return Response(scanning.as_json(scan, timezone.now()))


_TIMES = [OpenApiParameter(name, datetime, required=False) for name in TIMES]


class LifetimeSerializer(serializers.Serializer):
    """The gaps of one kind of bet and day: how many, and percentiles of their lives in milliseconds."""

    kind = serializers.CharField(required=False)
    day = serializers.DateField(required=False)
    signals = serializers.IntegerField()
    p10_ms = serializers.IntegerField()
    p50_ms = serializers.IntegerField()
    p90_ms = serializers.IntegerField()
    p99_ms = serializers.IntegerField()
    longest_ms = serializers.IntegerField()
    expired = serializers.IntegerField(help_text="their life is counted up to the last confirmation")
    mean_edge = serializers.DecimalField(10, 6, allow_null=True)
    mean_net_profit = serializers.DecimalField(20, 6, allow_null=True)


class LifetimesSerializer(serializers.Serializer):
    """Lifetimes, and what they are grouped by."""

    by = serializers.ListField(child=serializers.ChoiceField(history.GROUPS))
    results = LifetimeSerializer(many=True)


class Lifetimes(Endpoint):
    """How long gaps live: percentiles by kind of bet and day."""

    scope, permission = READ, "signals.view_signal"

    @extend_schema(
        parameters=[*_TIMES, OpenApiParameter("by", str, description="kind, day or kind,day (default)")],
        responses=LifetimesSerializer,
    )
    def get(self, request: Request) -> Response:
        """Milliseconds from found to gone, of the gaps that ended in the period."""
        period = asked(request, TIMES, beside=("by",))
        try:
            by = request.query_params.get("by", ",".join(history.GROUPS)).split(",")
            rows = history.lifetimes(by=by, **period)
        except ValueError as error:
            raise ValidationError({"by": [str(error)]}) from error
        return Response({"by": by, "results": rows})


# --- refusals


class RefusalSerializer(serializers.ModelSerializer):
    """One reason for which a bet's direction was refused within an hour, and what became of it."""

    hour = Millis()
    first_seen = Millis()
    last_seen = Millis()
    settled_at = Millis(allow_null=True)

    class Meta:
        model = Refusal
        fields = [
            "id", "code", "stage", "bet_id", "direction", "hour", "count", "first_seen", "last_seen", "sentence",
            "signal_id", "best_edge", "best_profit", "best_size", "fate", "lived_ms", "settled_profit", "settled_at",
        ]  # fmt: skip


class NewestFirst(Cursor):
    """By the last time it was seen."""

    ordering = "-last_seen"


class Refusals(ListEndpoint):
    """What was refused, newest first."""

    scope, permission = READ, "signals.view_refusal"
    queryset = Refusal.objects.all()
    serializer_class = RefusalSerializer
    pagination_class = NewestFirst
    filters = {
        "code": ("code", str), "stage": ("stage", Refusal.STAGES), "fate": ("fate", Refusal.FATES), "bet": ("bet_id", str),
        "signal": ("signal_id", str), "since": ("last_seen__gte", datetime), "until": ("last_seen__lt", datetime),
    }  # fmt: skip


class ReasonSerializer(serializers.Serializer):
    """One reason: how often it refused, how many gaps, and what became of them. Money is dollars."""

    code = serializers.CharField()
    stage = serializers.ChoiceField(Refusal.STAGES)
    refused = serializers.IntegerField()
    gaps = serializers.IntegerField(help_text="rows: a bet, direction and hour")
    bets = serializers.IntegerField()
    open = serializers.IntegerField()
    vanished = serializers.IntegerField()
    lasted = serializers.IntegerField()
    best_edge = serializers.DecimalField(10, 6, allow_null=True)
    settled = serializers.IntegerField(help_text="gaps that lasted and have settled")
    would_have = serializers.DecimalField(20, 6, allow_null=True, help_text="what those would have earned")
    lost = serializers.IntegerField(help_text="how many of those would have lost")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    example = serializers.CharField()


class ReasonsSerializer(serializers.Serializer):
    """The report."""

    results = ReasonSerializer(many=True)


class RefusalReport(Endpoint):
    """Refusals by reason."""

    scope, permission = READ, "signals.view_refusal"

    @extend_schema(parameters=_TIMES, responses=ReasonsSerializer)
    def get(self, request: Request) -> Response:
        """How often each reason refused, how many gaps vanished or lasted, and what those would have earned."""
        return Response({"results": fates.report(**asked(request, TIMES))})


urlpatterns = [
    path("detect", Detect.as_view(), name="detect"),
    path("history/lifetimes", Lifetimes.as_view(), name="lifetimes"),
    path("refusals", Refusals.as_view(), name="refusals"),
    path("refusals/report", RefusalReport.as_view(), name="refusal-report"),
]
