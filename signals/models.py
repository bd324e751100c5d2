"""Signals, their snapshots, and the events that will weigh on them.

Units: `profit_pct`, `edge` and `confidence` are fractions; money is in dollars, sizes in contracts.
"""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models import ID_LENGTH, Bet

ARBITRAGE, WHALE, NEWS, CALENDAR, COMPOSITE = "arbitrage", "whale", "news", "calendar", "composite"
TYPES = (ARBITRAGE, WHALE, NEWS, CALENDAR, COMPOSITE)


class Signal(models.Model):
    """A scored finding that may be acted on. One is open per bet and direction."""

    PENDING = "PENDING"  # found, not judged yet
    ACTIONABLE = "ACTIONABLE"  # passed every hurdle, waits for execution
    REFUSED = "REFUSED"  # below a hurdle; still watched
    QUARANTINED = "QUARANTINED"  # too good to be true
    EXECUTED = "EXECUTED"  # acted on; the gap is still there
    CLOSED = "CLOSED"  # the gap is gone
    EXPIRED = "EXPIRED"  # nobody confirmed it any more
    STATUSES = (PENDING, ACTIONABLE, REFUSED, QUARANTINED, EXECUTED, CLOSED, EXPIRED)
    OPEN = (PENDING, ACTIONABLE, REFUSED, QUARANTINED, EXECUTED)

    id = models.CharField(max_length=64, primary_key=True)
    type = models.CharField(max_length=32)
    market_a = models.CharField(max_length=ID_LENGTH, null=True)
    market_b = models.CharField(max_length=ID_LENGTH, null=True)
    profit_pct = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # net profit over outlay
    confidence = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    sources = models.JSONField(default=list)
    status = models.CharField(max_length=32, default=PENDING, db_default=PENDING)
    metadata = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    processed_at = models.DateTimeField(null=True)

    bet = models.ForeignKey(Bet, models.PROTECT, null=True, related_name="signals")
    direction = models.CharField(max_length=200, blank=True)
    size = models.DecimalField(max_digits=20, decimal_places=8, null=True)  # contracts of each leg
    outlay = models.DecimalField(
        max_digits=20, decimal_places=6, null=True
    )  # dollars for all legs, fees included
    net_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # dollars at that size
    edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # net dollars per $1 of payoff
    annualised = models.DecimalField(
        max_digits=14, decimal_places=6, null=True
    )  # simple interest, a fraction
    reasons = models.JSONField(default=list)  # why it was refused or quarantined
    refreshed_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "signals"
        indexes = [
            models.Index(fields=["type"], name="idx_signals_type"),
            models.Index(fields=["status"], name="idx_signals_status"),
            models.Index(fields=["-created_at"], name="idx_signals_created_at"),
        ]
        constraints = [
            one_of("type", TYPES, "signals_type_known"),
            one_of(
                "status",
                ("PENDING", "ACTIONABLE", "REFUSED", "QUARANTINED", "EXECUTED", "CLOSED", "EXPIRED"),
                "signals_status_known",
            ),
            models.UniqueConstraint(
                fields=["bet", "direction"],
                condition=Q(status__in=("PENDING", "ACTIONABLE", "REFUSED", "QUARANTINED", "EXECUTED")),
                name="signals_one_open_per_bet_and_direction",
            ),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0, confidence__lte=1),
                name="signals_confidence_0_1",
            ),
            models.CheckConstraint(
                condition=Q(size__isnull=True) | Q(size__gte=0), name="signals_size_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.direction}"


class SignalSnapshot(models.Model):
    """One entry of the signal stream, kept for backtests by the `analysis` consumer group."""

    stream_id = models.CharField(max_length=64, unique=True)
    signal_id = models.CharField(max_length=64)
    event = models.CharField(max_length=32)  # opened, refreshed, closed
    at = models.DateTimeField()
    body = models.JSONField(default=dict)

    class Meta:
        db_table = "signal_snapshots"
        indexes = [models.Index(fields=["signal_id", "at"], name="idx_snapshots_signal")]


class WhaleAlert(models.Model):
    """A large on-chain transfer; unique by chain, hash and position in the transaction."""

    chain = models.CharField(max_length=32, default="ethereum")
    transaction_hash = models.CharField(max_length=128, null=True)
    position = models.IntegerField(default=0)  # index of the transfer inside its transaction
    block_number = models.BigIntegerField(null=True)
    from_address = models.CharField(max_length=128, null=True)
    to_address = models.CharField(max_length=128, null=True)
    token_symbol = models.CharField(max_length=16, null=True)
    amount = models.DecimalField(max_digits=30, decimal_places=2, null=True)  # dollars
    direction = models.CharField(max_length=16, null=True)
    exchange = models.CharField(max_length=32, null=True)
    category = models.CharField(max_length=32, null=True)
    sentiment_score = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # -1 to 1
    related_markets = models.JSONField(default=list)
    processed = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "whale_alerts"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_whale_alerts_created_at"),
            models.Index(fields=["processed"], name="idx_whale_alerts_processed"),
            models.Index(fields=["direction"], name="idx_whale_alerts_direction"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "transaction_hash", "position"], name="whale_alerts_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gte=0), name="whale_alerts_amount_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.token_symbol}"


class NewsEvent(models.Model):
    """One story."""

    headline = models.TextField(null=True)
    source = models.CharField(max_length=64, null=True)
    url = models.CharField(max_length=512, null=True)
    sentiment = models.CharField(max_length=16, null=True)
    sentiment_score = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # -1 to 1
    categories = models.JSONField(default=list)
    related_markets = models.JSONField(default=list)
    urgency = models.CharField(max_length=16, null=True)
    impact_estimate = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # 0 to 1
    processed = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "news_events"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_news_events_created_at"),
            models.Index(fields=["sentiment"], name="idx_news_events_sentiment"),
            models.Index(fields=["processed"], name="idx_news_events_processed"),
        ]

    def __str__(self) -> str:
        return self.headline or ""


class CalendarEvent(models.Model):
    """Something that is known to happen: a release, a decision, a market's close."""

    name = models.CharField(max_length=255)
    source = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    time_zone = models.CharField(max_length=64, default="UTC")  # as the source announces it
    certainty = models.CharField(max_length=16, default="scheduled")
    bets = models.ManyToManyField(
        Bet, blank=True, related_name="calendar_events", db_table="calendar_event_bets"
    )
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "calendar_events"
        indexes = [models.Index(fields=["starts_at"], name="idx_calendar_events_starts_at")]
        constraints = [
            models.UniqueConstraint(fields=["source", "name", "starts_at"], name="calendar_events_once"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="calendar_events_end_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name
