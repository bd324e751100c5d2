"""The normal forms of whale alerts and news over the API: the rules that the sources use, to be tried by hand."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from markets.api import Normalize, RawSerializer
from signals import normalize


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


urlpatterns = [
    path("normalize/whale", NormalizeWhale.as_view(), name="normalize-whale"),
    path("normalize/news", NormalizeNews.as_view(), name="normalize-news"),
]
