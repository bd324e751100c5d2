"""What happened beside the prices: transfers, stories, scheduled events, and the moves of prices themselves.

Units: `amount` is dollars, scores are fractions (sentiment -1 to 1, impact 0 to 1). `happened_at` is when it was so (the
block, the publication), `seen_at` when we first had it: only the first may make a signal fresh.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from markets.models import Bet, Market


class WhaleAlert(models.Model):
    """A large on-chain transfer. `key` names it for ever: chain, hash and position, or all that an alert says."""

    key = models.CharField(max_length=64, unique=True, null=True)  # SHA-256, hexadecimal
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
    processed = models.BooleanField(default=False, db_default=False)  # told to the stream
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    followed = models.BooleanField(default=False, db_default=False)  # looked at for repeated flows
    source = models.CharField(max_length=64, blank=True)
    transaction_type = models.CharField(max_length=32, blank=True)  # transfer, mint, burn, lock, …
    contract = models.CharField(max_length=128, blank=True)  # of the token, lower case: its only trusted name
    asset = models.CharField(
        max_length=32, blank=True
    )  # what it is by that contract: USDC, BTC, …; empty: unknown
    units = models.DecimalField(max_digits=60, decimal_places=18, null=True)  # tokens
    from_owner = models.CharField(max_length=64, blank=True)
    to_owner = models.CharField(max_length=64, blank=True)
    happened_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    fresh = models.BooleanField(default=True)  # young enough, when seen, to make a signal
    chained_to = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="chain_links"
    )  # one movement, cut up
    gone_at = models.DateTimeField(null=True)  # its block was replaced

    class Meta:
        db_table = "whale_alerts"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_whale_alerts_created_at"),
            models.Index(fields=["processed"], name="idx_whale_alerts_processed"),
            models.Index(fields=["direction"], name="idx_whale_alerts_direction"),
            models.Index(fields=["asset", "-happened_at"], name="idx_whale_alerts_asset"),
            models.Index(fields=["id"], condition=Q(followed=False), name="idx_whale_alerts_unfollowed"),
            models.Index(fields=["chain", "block_number"], name="idx_whale_alerts_block"),
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
        dollars = "an unknown amount" if self.amount is None else f"${self.amount:,.0f}"
        return f"{dollars} of {self.token_symbol}, {self.direction} {self.exchange}".strip()


class NewsEvent(models.Model):
    """One story, however many carry it; `carriers` says who does."""

    headline = models.TextField(null=True)
    source = models.CharField(max_length=64, null=True)  # the outlet that had it first
    url = models.CharField(max_length=512, null=True)
    sentiment = models.CharField(max_length=16, null=True)
    sentiment_score = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # -1 to 1
    categories = models.JSONField(default=list)
    related_markets = models.JSONField(default=list)
    urgency = models.CharField(max_length=16, null=True)
    impact_estimate = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # 0 to 1
    processed = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    via = models.CharField(max_length=64, blank=True)  # our source that brought it first
    summary = models.TextField(blank=True)
    content_hash = models.CharField(
        max_length=64, unique=True, null=True
    )  # SHA-256 of the plain title and day
    title_plain = models.TextField(blank=True)  # as titles are compared
    entities = models.JSONField(default=list)
    published_at = models.DateTimeField(null=True)
    exact_time = models.BooleanField(default=True)  # whether the source gave a zone
    seen_at = models.DateTimeField(null=True)
    fresh = models.BooleanField(default=True)  # young enough, when first seen, to make a signal
    owners = models.PositiveIntegerField(default=1)  # distinct owners of outlets that carry it
    calendar_event = models.ForeignKey(
        "CalendarEvent", models.SET_NULL, null=True, related_name="news"
    )  # it follows

    class Meta:
        db_table = "news_events"
        indexes = [
            models.Index(fields=["-created_at"], name="idx_news_events_created_at"),
            models.Index(fields=["sentiment"], name="idx_news_events_sentiment"),
            models.Index(fields=["processed"], name="idx_news_events_processed"),
            models.Index(fields=["-published_at"], name="idx_news_events_published"),
        ]

    def __str__(self) -> str:
        return self.headline or ""


class NewsCarrier(models.Model):
    """One item of one source: a story may have many."""

    event = models.ForeignKey(NewsEvent, models.CASCADE, related_name="carriers")
    via = models.CharField(max_length=64)  # our source
    external_id = models.CharField(max_length=200)
    outlet = models.CharField(max_length=64)
    owner = models.CharField(max_length=64)  # of the outlet: confirmation counts owners
    title = models.TextField()
    url = models.CharField(max_length=512, blank=True)  # canonical
    published_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "news_carriers"
        indexes = [
            models.Index(fields=["-seen_at"], name="idx_news_carriers_seen_at"),
            models.Index(fields=["url"], condition=~Q(url=""), name="idx_news_carriers_url"),
        ]
        constraints = [models.UniqueConstraint(fields=["via", "external_id"], name="news_carriers_once")]

    def __str__(self) -> str:
        return f"{self.outlet}: {self.title}"


class CalendarEvent(models.Model):
    """Something that is known to happen: a release, a decision, a market's close."""

    EXACT, DATE_ONLY, TENTATIVE, FORMALITY = "exact", "date_only", "tentative", "formality"

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

    external_id = models.CharField(
        max_length=200, blank=True
    )  # the source's own name, which outlives a new date
    kind = models.CharField(max_length=32, blank=True)  # decision, release, close, resolution, milestone
    importance = models.CharField(max_length=16, default="low")  # high, medium, low
    markets = models.ManyToManyField(
        Market, blank=True, related_name="calendar_events", db_table="calendar_event_markets"
    )
    seen_at = models.DateTimeField(null=True)  # when the source last had it
    cancelled_at = models.DateTimeField(null=True)  # the source does not have it any more, or moved it

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


class PriceMove(models.Model):
    """A move of one of our own feeds that says something: a jump, a burst of volume, a book with one side."""

    JUMP, BURST, ONE_SIDED = "jump", "burst", "one_sided"

    market = models.ForeignKey(Market, models.CASCADE, related_name="price_moves")
    kind = models.CharField(max_length=16)
    direction = models.SmallIntegerField()  # of YES: 1 up, -1 down, 0 neither
    before = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # mid, dollars
    after = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    spread = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    strength = models.DecimalField(max_digits=5, decimal_places=4)  # 0 to 1
    figures = models.JSONField(default=dict)
    happened_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "price_moves"
        indexes = [
            models.Index(fields=["market", "-happened_at"], name="idx_price_moves_market"),
            models.Index(fields=["-happened_at"], name="idx_price_moves_happened_at"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["market", "kind", "happened_at"], name="price_moves_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.market_id}"
