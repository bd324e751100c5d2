"""Price moves of our own feeds over the API."""

from datetime import datetime

from django.urls import path
from rest_framework import serializers

from arbsite.api import Cursor, Millis
from arbsite.auth import READ
from arbsite.endpoints import ListEndpoint
from signals.models import PriceMove

KINDS = (PriceMove.JUMP, PriceMove.BURST, PriceMove.ONE_SIDED)


class MoveSerializer(serializers.ModelSerializer):
    """A move of a market's price, volume or book. Mids and spread are dollars of YES, times Unix milliseconds."""

    market_id = serializers.CharField()
    figures = serializers.JSONField()
    happened_at = Millis()
    seen_at = Millis()

    class Meta:
        model = PriceMove
        fields = [
            "id", "market_id", "kind", "direction", "before", "after", "spread", "strength", "figures", "happened_at",
            "seen_at",
        ]  # fmt: skip


class Newest(Cursor):
    """The newest first."""

    ordering = "-happened_at"


class Moves(ListEndpoint):
    """Jumps, bursts of volume and one-sided books, the newest first."""

    scope, permission = READ, "signals.view_pricemove"
    queryset = PriceMove.objects.all()
    serializer_class = MoveSerializer
    pagination_class = Newest
    filters = {
        "market": ("market_id", str),
        "kind": ("kind", KINDS),
        "since": ("happened_at__gte", datetime),
        "until": ("happened_at__lt", datetime),
    }


urlpatterns = [path("moves", Moves.as_view(), name="moves")]
