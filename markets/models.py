"""Markets, prices, bets and pairs. Prices are dollars per contract (0 to 1), sizes contracts, money dollars."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.bets import Bet as BetValue
from markets.bets import Claim
from markets.platforms.base import PLATFORMS, STATUSES

# Polymarket's condition ids have 66 characters; the specification's 64 would cut them
ID_LENGTH = 128


def between_0_and_1(*fields: str, name: str) -> models.CheckConstraint:
    """Prices are probabilities in dollars: never below 0 or above 1; empty where unknown."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 0, f"{field}__lte": 1})
    return models.CheckConstraint(condition=condition, name=name)


def not_negative(*fields: str, name: str) -> models.CheckConstraint:
    """Sizes and volumes are never negative; empty where unknown."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 0})
    return models.CheckConstraint(condition=condition, name=name)


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


class Bet(models.Model):
    """States of the world and the outcomes that pay in them: a pair, or YES and NO of one market."""

    PAIR, YES_NO = "pair", "yes_no"
    KINDS = (PAIR, YES_NO)
    ACTIVE, SUSPENDED, CLOSED = "ACTIVE", "SUSPENDED", "CLOSED"
    STATES = (ACTIVE, SUSPENDED, CLOSED)

    id = models.CharField(max_length=ID_LENGTH, primary_key=True)
    kind = models.CharField(max_length=32)
    name = models.TextField(blank=True)
    states = models.JSONField(default=list)  # names of mutually exclusive states
    exhaustive = models.BooleanField(default=True)
    status = models.CharField(max_length=16, default=ACTIVE)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "bets"
        constraints = [
            one_of("kind", ("pair", "yes_no"), "bets_kind_known"),
            one_of("status", ("ACTIVE", "SUSPENDED", "CLOSED"), "bets_status_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    def value(self) -> BetValue:
        """The bet as the core reads it."""
        claims = tuple(
            Claim(row.market.platform, row.market_id, row.outcome, frozenset(row.pays_in))
            for row in self.outcomes.all()
        )
        return BetValue(self.id, self.kind, tuple(self.states), self.exhaustive, claims)


class BetOutcome(models.Model):
    """An outcome of a market that belongs to a bet, and the states in which it pays one dollar."""

    bet = models.ForeignKey(Bet, models.CASCADE, related_name="outcomes")
    market = models.ForeignKey(Market, models.PROTECT, related_name="bet_outcomes")
    outcome = models.CharField(max_length=16)
    pays_in = models.JSONField(default=list)

    class Meta:
        db_table = "bet_outcomes"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["bet", "market", "outcome"], name="bet_outcomes_once"),
            one_of("outcome", ("YES", "NO"), "bet_outcomes_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} of {self.market_id}"


class Pair(models.Model):
    """The same question on two platforms; it trades only after a person approved it."""

    PROPOSED, APPROVED, REJECTED, SUSPENDED = "PROPOSED", "APPROVED", "REJECTED", "SUSPENDED"
    STATUSES = (PROPOSED, APPROVED, REJECTED, SUSPENDED)

    polymarket = models.ForeignKey(Market, models.PROTECT, related_name="pairs_as_polymarket")
    kalshi = models.ForeignKey(Market, models.PROTECT, related_name="pairs_as_kalshi")
    inverted = models.BooleanField(default=False)  # YES here is NO there
    status = models.CharField(max_length=16, default=PROPOSED)
    bet = models.OneToOneField(Bet, models.SET_NULL, null=True, blank=True, related_name="pair")
    rules_digest = models.CharField(max_length=64, blank=True)  # what the approval was given for
    m0 = models.DecimalField(
        max_digits=6, decimal_places=5, default=Decimal(0)
    )  # chance that it pays nothing
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="approved_pairs"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "pairs"
        permissions = [("approve_pair", "Can approve, reject or suspend a pair")]
        constraints = [
            models.UniqueConstraint(fields=["polymarket", "kalshi"], name="pairs_once"),
            one_of("status", ("PROPOSED", "APPROVED", "REJECTED", "SUSPENDED"), "pairs_status_known"),
            models.CheckConstraint(
                condition=~Q(status="APPROVED") | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="pairs_approved_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.polymarket_id} ↔ {self.kalshi_id}"


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
