"""Stories over the API."""

from datetime import datetime

from django.db.models import Prefetch
from django.urls import path
from rest_framework import serializers

from arbsite.api import PERIOD, Millis
from arbsite.auth import READ
from arbsite.endpoints import DetailEndpoint, ListEndpoint
from signals.models import NewsCarrier, NewsEvent
from signals.normalize import URGENCIES


class CarrierSerializer(serializers.ModelSerializer):
    """One item of one source that tells the story."""

    published_at = Millis(allow_null=True)
    seen_at = Millis()

    class Meta:
        model = NewsCarrier
        fields = ["via", "outlet", "owner", "title", "url", "published_at", "seen_at"]


class NewsSerializer(serializers.ModelSerializer):
    """One story, however many carry it. Scores: sentiment -1 to 1, impact 0 to 1. Times: Unix milliseconds."""

    categories = serializers.ListField(child=serializers.CharField())
    entities = serializers.ListField(child=serializers.CharField())
    related_markets = serializers.ListField(child=serializers.CharField())
    published_at = Millis(allow_null=True)
    seen_at = Millis(allow_null=True)
    created_at = Millis()

    class Meta:
        model = NewsEvent
        fields = [
            "id", "headline", "source", "via", "url", "sentiment", "sentiment_score", "categories", "entities",
            "related_markets", "urgency", "impact_estimate", "fresh", "owners", "published_at", "exact_time", "seen_at",
            "processed", "created_at",
        ]  # fmt: skip


class StorySerializer(NewsSerializer):
    """With its summary and who carries it."""

    carriers = CarrierSerializer(many=True)

    class Meta(NewsSerializer.Meta):
        fields = [*NewsSerializer.Meta.fields, "summary", "carriers"]


class News(ListEndpoint):
    """Stories, newest first."""

    scope, permission = READ, "signals.view_newsevent"
    queryset = NewsEvent.objects.all()
    serializer_class = NewsSerializer
    filters = {
        "via": ("via", str), "source": ("source", str), "urgency": ("urgency", URGENCIES), "fresh": ("fresh", bool),
        "sentiment": ("sentiment", ("positive", "negative", "neutral")), "published_since": ("published_at__gte", datetime),
        **PERIOD,
    }  # fmt: skip


class Story(DetailEndpoint):
    """One story with everybody who carries it."""

    scope, permission = READ, "signals.view_newsevent"
    queryset = NewsEvent.objects.prefetch_related(
        Prefetch("carriers", NewsCarrier.objects.order_by("seen_at", "pk"))
    )
    serializer_class = StorySerializer


urlpatterns = [
    path("news", News.as_view(), name="news"),
    path("news/<int:id>", Story.as_view(), name="story"),
]
