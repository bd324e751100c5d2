"""Sources over the API: where each stands, and how much of its quotas is used."""

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from arbsite.api import Millis
from arbsite.auth import READ
from arbsite.endpoints import ByName, DetailEndpoint, ListEndpoint
from signals.models import Source
from signals.sources import facts, registry
from signals.sources.base import CALENDAR, NEWS, WHALES


class SourceSerializer(serializers.ModelSerializer):
    """One source. Times are Unix milliseconds; `latency_ms` is the median from published to seen of its last items."""

    asked_at = Millis(allow_null=True)
    answered_at = Millis(allow_null=True)
    next_at = Millis(allow_null=True)
    item_at = Millis(allow_null=True)

    class Meta:
        model = Source
        fields = [
            "name", "kind", "state", "why", "asked_at", "answered_at", "next_at", "item_at", "failures", "items", "repeats",
            "late", "lies", "dropped", "latency_ms",
        ]  # fmt: skip


class QuotaSerializer(serializers.Serializer):
    """A quota: at most `calls` in `seconds`, `used` in the window of now (null while nobody can count)."""

    name = serializers.CharField()
    calls = serializers.IntegerField()
    seconds = serializers.IntegerField()
    used = serializers.IntegerField(allow_null=True)


class SourceDetailSerializer(SourceSerializer):
    """One source with its quotas; `about` and `every_seconds` are missing where it has left the settings."""

    about = serializers.SerializerMethodField()
    every_seconds = serializers.SerializerMethodField()
    quotas = serializers.SerializerMethodField()
    tells = serializers.SerializerMethodField()

    class Meta(SourceSerializer.Meta):
        fields = [*SourceSerializer.Meta.fields, "about", "every_seconds", "quotas", "tells"]

    def get_about(self, source: Source) -> str:
        """What it is."""
        spec = registry.all_specs().get(source.name)
        return spec.about if spec else ""

    def get_every_seconds(self, source: Source) -> int | None:
        """Its cadence."""
        spec = registry.all_specs().get(source.name)
        return spec.every_seconds if spec else None

    @extend_schema_field(QuotaSerializer(many=True))
    def get_quotas(self, source: Source) -> list[dict[str, Any]]:
        """How much is used."""
        spec = registry.all_specs().get(source.name)
        return facts.quotas(spec) if spec else []

    @extend_schema_field(serializers.DictField())
    def get_tells(self, source: Source) -> dict[str, Any]:
        """What it says as a whole: of `defillama`, how the supply of stablecoins changes."""
        return registry.told(source.name, timezone.now())


class Sources(ListEndpoint):
    """Everything that is read besides prices, by name."""

    scope, permission = READ, "signals.view_source"
    queryset = Source.objects.all()
    serializer_class = SourceSerializer
    filters = {"kind": ("kind", (WHALES, NEWS, CALENDAR)), "state": ("state", Source.STATES)}
    pagination_class = ByName


class OneSource(DetailEndpoint):
    """One source with its quotas."""

    scope, permission = READ, "signals.view_source"
    queryset = Source.objects.all()
    serializer_class = SourceDetailSerializer


urlpatterns = [
    path("sources", Sources.as_view(), name="sources"),
    path("sources/<str:id>", OneSource.as_view(), name="source"),
]
