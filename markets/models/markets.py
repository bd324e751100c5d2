"""Markets, prices and universe rules. Prices are dollars per contract (0 to 1), sizes contracts, money dollars."""

from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models.constraints import ID_LENGTH, between_0_and_1, not_negative
from markets.platforms.base import PLATFORMS, STATUSES


class Market(models.Model):
    """One question on one platform."""

    id = models.CharField(max_length=ID_LENGTH, primary_key=True)
    platform = models.CharField(max_length=32)
    slug = models.CharField(max_length=255)
    question = models.TextField(null=True)
    outcome_type = models.CharField(max_length=16, null=True)
    start_date = models.DateTimeField(null=True)
    end_date = models.DateTimeField(null=True)
    status = models.CharField(max_length=32, null=True)
    volume = models.DecimalField(max_digits=20, decimal_places=2, null=True)  # as the platform counts it
    liquidity = models.DecimalField(max_digits=20, decimal_places=2, null=True)  # dollars
    metadata = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    volume_24h = models.DecimalField(max_digits=20, decimal_places=2, null=True)
    settles_at = models.DateTimeField(null=True)  # when cash is expected
    event_id = models.CharField(max_length=ID_LENGTH, blank=True)
    category = models.CharField(max_length=128, blank=True)
    rules = models.TextField(blank=True)
    resolution_source = models.TextField(blank=True)
    outcomes = models.JSONField(default=list)  # [{name, label, token_id}], YES first
    ticks = models.JSONField(default=list)  # [[start, end, step]] as decimal strings
    min_size = models.DecimalField(max_digits=20, decimal_places=8, default=Decimal(0))  # contracts
    size_step = models.DecimalField(max_digits=20, decimal_places=8, default=Decimal("0.01"))
    fees = models.JSONField(
        null=True
    )  # the platform's schedule for this market; null: unknown, so not traded
    result = models.CharField(max_length=16, blank=True)
    settlement_value = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # dollars one YES pays
    pinned = models.BooleanField(default=False)  # picked by hand: always followed
    followed = models.BooleanField(default=False)
    follow_reasons = models.JSONField(default=list)
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "markets"
        indexes = [
            models.Index(fields=["platform"], name="idx_markets_platform"),
            models.Index(fields=["status"], name="idx_markets_status"),
            models.Index(fields=["end_date"], name="idx_markets_end_date"),
            models.Index(fields=["platform"], condition=Q(followed=True), name="idx_markets_followed"),
            models.Index(fields=["event_id"], name="idx_markets_event"),
        ]
        constraints = [
            one_of("platform", PLATFORMS, "markets_platform_known"),
            one_of("status", STATUSES, "markets_status_known"),
            not_negative("volume", "volume_24h", "min_size", name="markets_sizes_not_negative"),
            between_0_and_1("settlement_value", name="markets_settlement_value_0_1"),
        ]

    def __str__(self) -> str:
        return self.question or self.id

    def token(self, outcome: str) -> str:
        """Polymarket's asset id of an outcome; empty on Kalshi."""
        return next((row.get("token_id", "") for row in self.outcomes if row.get("name") == outcome), "")


class Price(models.Model):
    """One price of one outcome and second. Partitioned by day; made and dropped by `markets.partitions`."""

    id = models.BigAutoField(primary_key=True)  # in the database the key is (id, timestamp)
    market = models.ForeignKey(Market, models.DO_NOTHING, db_constraint=False, related_name="prices")
    outcome = models.CharField(max_length=16)
    bid = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    ask = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    mid_price = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    spread = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    volume = models.DecimalField(max_digits=20, decimal_places=2, null=True)
    timestamp = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "prices"
        managed = False

    def __str__(self) -> str:
        return f"{self.outcome} {self.bid}/{self.ask}"


class PriceCursor(models.Model):
    """The last entry of a price stream that is stored: written with the rows, so none is stored twice."""

    platform = models.CharField(max_length=32, primary_key=True)
    stream_id = models.CharField(max_length=64)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "price_cursors"


class UniverseRule(models.Model):
    """A rule that makes a connector follow markets; a market is followed when any enabled rule takes it."""

    name = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True)
    platform = models.CharField(max_length=32, blank=True)  # empty: both
    category = models.CharField(max_length=128, blank=True)
    min_liquidity = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    min_volume_24h = models.DecimalField(max_digits=20, decimal_places=2, null=True, blank=True)
    closes_within_days = models.PositiveIntegerField(null=True, blank=True)
    max_markets = models.PositiveIntegerField(default=1_000)  # the most active first

    class Meta:
        db_table = "universe_rules"

    def __str__(self) -> str:
        return self.name


def as_row(market: Market) -> dict[str, Any]:
    """A market's columns for a bulk upsert."""
    return {field.attname: getattr(market, field.attname) for field in Market._meta.concrete_fields}
