"""Markets over the API: normalised prices, and the fetchers' health."""

from typing import Any

from django.conf import settings
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from arbsite import health, keys
from arbsite.auth import READ
from arbsite.connections import redis_client
from arbsite.endpoints import Endpoint
from markets import normalize
from markets.platforms.base import PLATFORMS


class RawSerializer(serializers.Serializer):
    """What is to be normalised, and who sent it."""

    source = serializers.CharField(max_length=64)
    raw_data = serializers.DictField()  # whatever the source sends; the rule reads it


class PriceEventSerializer(serializers.Serializer):
    """The specification's price event. Prices are dollars per contract, `spread_pct` percent of the mid price."""

    event_type = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Unix milliseconds")
    market_id = serializers.CharField()
    outcome = serializers.ChoiceField(["YES", "NO"])
    best_bid = serializers.DecimalField(10, 6, allow_null=True)
    best_ask = serializers.DecimalField(10, 6, allow_null=True)
    mid_price = serializers.DecimalField(10, 7, allow_null=True)
    spread = serializers.DecimalField(10, 6, allow_null=True)
    spread_pct = serializers.DecimalField(10, 3, allow_null=True)
    last_price = serializers.DecimalField(10, 6, required=False)
    volume_24h = serializers.DecimalField(20, 2, required=False)
    liquidity = serializers.DecimalField(20, 2, required=False)
    source = serializers.CharField()


class NormalizedPriceSerializer(serializers.Serializer):
    """The answer of `/normalize/price`."""

    normalized = PriceEventSerializer()


class Normalize(Endpoint):
    """The base of the normalising endpoints: `rule` turns a source and its raw record into the normal form.

    Nothing is stored: the same rules that the fetchers use, to be tried by hand.
    """

    scope, permission = READ, "markets.view_price"

    def rule(self, source: str, raw: dict[str, Any]) -> dict[str, Any]:
        """Price events; other rooms replace it."""
        return normalize.price(source, raw)

    def normalized(self, request: Request) -> Response:
        """The normal form, or a problem that names every wrong field."""
        asked = RawSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            found = self.rule(asked.validated_data["source"], asked.validated_data["raw_data"])
        except normalize.Wrong as wrong:
            raise ValidationError({name: [sentence] for name, sentence in wrong.errors.items()}) from wrong
        return Response({"normalized": found})


class NormalizePrice(Normalize):
    """A raw price as a price event."""

    @extend_schema(request=RawSerializer, responses=NormalizedPriceSerializer, tags=["normalize"])
    def post(self, request: Request) -> Response:
        """Normalise a price; nothing is stored."""
        return self.normalized(request)


def fetcher() -> dict[str, Any]:
    """The connectors: when each platform's feed last vouched for its books. Raises Unwell where one is silent."""
    now_ms = int(timezone.now().timestamp() * 1000)
    updates: dict[str, int | None] = {}
    silent = []
    for platform in PLATFORMS:
        section = settings.ARBSITE.platform(platform)
        if not section.enabled:
            continue
        times = [int(raw) for raw in redis_client().hvals(keys.feed(platform))]
        updates[platform] = max(times, default=None)
        # The feed's key outlives a dead connector for a while: its time tells, not its existence
        if not times or now_ms - max(times) > keys.FEED_TTL * 1000:
            silent.append(platform)
    last = max((at for at in updates.values() if at is not None), default=None)
    fields = {"last_update": last, "platforms": updates}
    if silent:
        raise health.Unwell(f"no prices from {', '.join(silent)}", **fields)
    return fields


health.add_part("fetcher", fetcher)

urlpatterns = [path("normalize/price", NormalizePrice.as_view(), name="normalize-price")]
