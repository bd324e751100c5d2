"""What sources claimed and what became of it; parameters fitted on the past; patterns; how markets move together."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from arbsite.models import one_of
from markets.models import Market


class Prediction(models.Model):
    """One claim of one item about one market: its YES will move this way within the horizon. Judged once, after that.

    `direction` 0 claims only that the price will move (a volatility claim, right when it moves either way).
    Prices are mids in dollars. `probability` is what we gave it before the fact, by the fit that was frozen then.
    """

    OPEN, HIT, MISS, VOID = "OPEN", "HIT", "MISS", "VOID"
    OUTCOMES = (OPEN, HIT, MISS, VOID)

    source = models.CharField(max_length=64)  # news:coindesk, whale:etherscan, price, calendar:fed
    kind = models.CharField(max_length=32)  # inflow, outflow, headline, jump, burst, one_sided, release, …
    item = models.CharField(max_length=64)  # news:123, whale:45, move:6, calendar:7
    market = models.ForeignKey(Market, models.CASCADE, related_name="predictions")
    direction = models.SmallIntegerField()
    strength = models.DecimalField(max_digits=5, decimal_places=4)  # 0 to 1
    probability = models.DecimalField(max_digits=5, decimal_places=4)  # of being right
    fit = models.ForeignKey("SourceFit", models.SET_NULL, null=True, related_name="predictions")
    note = models.CharField(max_length=255, blank=True)
    happened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    horizon_seconds = models.PositiveIntegerField()
    half_life_seconds = models.PositiveIntegerField()
    due_at = models.DateTimeField()  # when it can be judged
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())  # when it was written down
    # At `seen_at`
    mid = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    spread = models.DecimalField(max_digits=10, decimal_places=6, null=True)

    outcome = models.CharField(max_length=8, default=OPEN)
    judged_at = models.DateTimeField(null=True)
    why_void = models.CharField(max_length=64, blank=True)
    end_mid = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    peak_move = models.DecimalField(
        max_digits=10, decimal_places=6, null=True
    )  # the furthest in the direction, dollars
    moved_first = models.CharField(max_length=8, blank=True)  # item, price, or none
    lag_ms = models.BigIntegerField(null=True)  # from the item to the move; negative: the price was first
    lasted_ms = models.BigIntegerField(null=True)  # how long the move stood
    lead_ms = models.BigIntegerField(null=True)  # from `seen_at` to the move: the time there was to act
    profit = models.DecimalField(
        max_digits=10, decimal_places=6, null=True
    )  # of one contract, after spread and fees
    base_hit = models.BooleanField(
        null=True
    )  # whether the same claim was right without the item (the control)

    class Meta:
        db_table = "predictions"
        indexes = [
            models.Index(fields=["due_at"], condition=Q(outcome="OPEN"), name="idx_predictions_due"),
            models.Index(fields=["source", "kind", "-seen_at"], name="idx_predictions_source"),
            models.Index(fields=["market", "-seen_at"], name="idx_predictions_market"),
            models.Index(fields=["-seen_at"], name="idx_predictions_seen_at"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["item", "market"], name="predictions_once"),
            one_of("outcome", ("OPEN", "HIT", "MISS", "VOID"), "predictions_outcome_known"),
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1), name="predictions_probability_0_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.item} {self.market_id}"


class SourceFit(models.Model):
    """Parameters of one source and kind, fitted on a past that ended before they were used; never changed afterwards."""

    source = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    fitted_from = models.DateTimeField()
    fitted_until = models.DateTimeField()  # nothing after it was looked at
    active_from = models.DateTimeField()
    samples = models.PositiveIntegerField()
    hits = models.PositiveIntegerField()
    base_hits = models.PositiveIntegerField(default=0)
    lower = models.DecimalField(max_digits=5, decimal_places=4, null=True)  # Wilson bounds of the accuracy
    upper = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    base_rate = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    weight = models.DecimalField(max_digits=6, decimal_places=4)  # in a composite; 0: no say
    half_life_seconds = models.PositiveIntegerField()
    curve = models.JSONField(default=list)  # calibration: [[strength, probability], …], rising
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "source_fits"
        indexes = [models.Index(fields=["source", "kind", "-active_from"], name="idx_source_fits_active")]
        constraints = [
            models.UniqueConstraint(fields=["source", "kind", "active_from"], name="source_fits_once"),
            models.CheckConstraint(
                condition=Q(active_from__gte=models.F("fitted_until")), name="source_fits_out_of_sample"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.active_from:%Y-%m-%d}"


class FlowPattern(models.Model):
    """Flows that repeat: the same asset, exchange and direction more often than usual within a window."""

    asset = models.CharField(max_length=32)
    exchange = models.CharField(max_length=32)
    direction = models.CharField(max_length=16)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField()
    usd = models.DecimalField(max_digits=30, decimal_places=2)
    usual = models.DecimalField(max_digits=12, decimal_places=4)  # transfers expected in the window
    chance = models.DecimalField(max_digits=10, decimal_places=8)  # of so many by chance (Poisson)
    told = models.BooleanField(default=False)

    class Meta:
        db_table = "flow_patterns"
        indexes = [models.Index(fields=["-last_at"], name="idx_flow_patterns_last_at")]
        constraints = [
            models.UniqueConstraint(
                fields=["asset", "exchange", "direction", "began_at"], name="flow_patterns_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.asset} {self.direction} {self.exchange}"


class MarketCorrelation(models.Model):
    """How two markets (or groups, or an asset) move together: correlation of log-odds changes on a common clock."""

    one = models.CharField(
        max_length=160
    )  # market:<platform>:<id>, asset:<name>, group:<name>; the lesser name first
    two = models.CharField(max_length=160)
    clock_seconds = models.PositiveIntegerField()
    rho = models.DecimalField(max_digits=7, decimal_places=6)
    lower = models.DecimalField(max_digits=7, decimal_places=6)
    upper = models.DecimalField(max_digits=7, decimal_places=6)
    samples = models.PositiveIntegerField()  # steps in which both could move: stale ones do not count
    beta = models.DecimalField(
        max_digits=12, decimal_places=6, null=True
    )  # log-odds of two per log-odds of one
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "market_correlations"
        constraints = [
            models.UniqueConstraint(fields=["one", "two", "clock_seconds"], name="market_correlations_once")
        ]

    def __str__(self) -> str:
        return f"{self.one} ~ {self.two}"
