"""The calendar over the API: what is scheduled, how sure it is, and the markets and bets it touches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from arbsite.api import Cursor, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from signals.models import CalendarEvent
from signals.sources.calendar import guarding, listing, topics
from signals.sources.calendar.effects import CERTAINTIES

MOST_SHOWN = 200


class ScheduledSerializer(serializers.ModelSerializer):
    """A scheduled event. Times are Unix milliseconds; `time_zone` is the one its source announces it in."""

    topic = serializers.SerializerMethodField()
    starts_at = Millis()
    ends_at = Millis(allow_null=True)
    seen_at = Millis(allow_null=True)
    cancelled_at = Millis(allow_null=True)

    class Meta:
        model = CalendarEvent
        fields = [
            "id", "name", "source", "kind", "topic", "starts_at", "ends_at", "time_zone", "certainty", "importance",
            "seen_at", "cancelled_at",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.STR)
    def get_topic(self, event: CalendarEvent) -> str:
        """What it is about, as fomc, cpi or jobs; empty where it is none of these."""
        return guarding.topic_of(event)


class GuardSerializer(serializers.Serializer):
    """What an event asks of trading between two moments. Times are Unix milliseconds."""

    level = serializers.ChoiceField(("widen", "suspend", "mark"))
    from_ms = serializers.IntegerField()
    until_ms = serializers.IntegerField()
    hurdle = serializers.DecimalField(6, 4, help_text="dollars per $1 of payoff that the hurdle is wider by")


class ScheduledDetailSerializer(ScheduledSerializer):
    """With the markets and bets it touches, its guards, and the dates it had before."""

    markets = serializers.SerializerMethodField()
    bets = serializers.SerializerMethodField()
    guards = serializers.SerializerMethodField()
    moves = serializers.SerializerMethodField()

    class Meta(ScheduledSerializer.Meta):
        fields = [*ScheduledSerializer.Meta.fields, "markets", "bets", "guards", "moves"]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_markets(self, event: CalendarEvent) -> Sequence[str]:
        """Ids of the markets it touches, at most 200."""
        return list(event.markets.order_by("pk").values_list("pk", flat=True)[:MOST_SHOWN])

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_bets(self, event: CalendarEvent) -> Sequence[str]:
        """Ids of the bets it touches, at most 200."""
        return list(event.bets.order_by("pk").values_list("pk", flat=True)[:MOST_SHOWN])

    @extend_schema_field(GuardSerializer(many=True))
    def get_guards(self, event: CalendarEvent) -> list[dict[str, Any]]:
        """What this row alone asks for, now and later."""
        return GuardSerializer(listing.guards_for(event, timezone.now()), many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.JSONField()))
    def get_moves(self, event: CalendarEvent) -> list[dict[str, Any]]:
        """Dates that its source gave before."""
        return (event.metadata or {}).get("moves", [])


class ByStart(Cursor):
    """The soonest first."""

    ordering = "starts_at"


class ScheduledEvents(ListEndpoint):
    """What is scheduled from now on, the soonest first; `since` shows the past as well."""

    scope, permission = READ, "signals.view_calendarevent"
    queryset = CalendarEvent.objects.all()
    serializer_class = ScheduledSerializer
    pagination_class = ByStart
    filters = {
        "since": ("starts_at__gte", datetime),
        "until": ("starts_at__lt", datetime),
        "source": ("source", str),
        "kind": ("kind", topics.KINDS),
        "importance": ("importance", (topics.HIGH, topics.MEDIUM, topics.LOW)),
        "certainty": ("certainty", CERTAINTIES),
        "market": ("markets", str),
    }

    def get_queryset(self) -> QuerySet[CalendarEvent]:
        """From now on unless a time is asked for; never what was cancelled."""
        rows = super().get_queryset().filter(cancelled_at__isnull=True)
        if "since" in self.request.query_params or "until" in self.request.query_params:
            return rows
        return rows.filter(starts_at__gte=timezone.now())


class ScheduledEvent(DetailEndpoint):
    """One scheduled event with what it touches, cancelled or not."""

    scope, permission = READ, "signals.view_calendarevent"
    queryset = CalendarEvent.objects.all()
    serializer_class = ScheduledDetailSerializer


urlpatterns = [
    path("calendar", ScheduledEvents.as_view(), name="calendar"),
    path("calendar/<int:id>", ScheduledEvent.as_view(), name="calendar-event"),
]
