"""Signals, their snapshots and refusals, and what became of legs.

Units: `profit_pct`, `edge` and `confidence` are fractions; money is in dollars, sizes in contracts.
"""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
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
    PROPOSED = "PROPOSED"  # one leg, on evidence alone: for a person, never for the machine
    STATUSES = (PENDING, ACTIONABLE, REFUSED, QUARANTINED, EXECUTED, CLOSED, EXPIRED, PROPOSED)
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
    # Dollars for all legs, fees included
    outlay = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    net_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # dollars at that size
    half_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # dollars at half of it
    edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # net dollars per $1 of payoff
    # What is left per $1 of payoff after leg risk, rule risk and capital cost: the waterfall's end
    expected_edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    kind = models.CharField(max_length=32, blank=True)  # of the bet
    label = models.CharField(max_length=16, blank=True)  # arbitrage, or spread where settlement is not clean
    # Simple interest, a fraction
    annualised = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    reasons = models.JSONField(default=list)  # why it was refused or quarantined
    refreshed_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=64, blank=True)
    # From found to gone; an expired one: to its last confirmation
    lifetime_ms = models.BigIntegerField(null=True)
    rechecked_at = models.DateTimeField(null=True)  # its books were read again over REST
    recheck = models.JSONField(default=dict)  # what was seen there
    # Doubt → Unix ms until when a second look or a person has answered it
    cleared = models.JSONField(default=dict)

    class Meta:
        db_table = "signals"
        permissions = [("release_signal", "Can release a signal from quarantine")]
        indexes = [
            models.Index(fields=["closed_at"], name="idx_signals_closed_at"),
            models.Index(fields=["type"], name="idx_signals_type"),
            models.Index(fields=["status"], name="idx_signals_status"),
            models.Index(fields=["-created_at"], name="idx_signals_created_at"),
        ]
        constraints = [
            one_of("type", TYPES, "signals_type_known"),
            one_of(
                "status",
                (
                    "PENDING",
                    "ACTIONABLE",
                    "REFUSED",
                    "QUARANTINED",
                    "EXECUTED",
                    "CLOSED",
                    "EXPIRED",
                    "PROPOSED",
                ),
                "signals_status_known",
            ),
            models.UniqueConstraint(
                fields=["bet", "direction"],
                condition=Q(status__in=("PENDING", "ACTIONABLE", "REFUSED", "QUARANTINED", "EXECUTED")),
                name="signals_one_open_per_bet_and_direction",
            ),
            models.UniqueConstraint(
                fields=["market_a", "direction"],
                condition=Q(kind="proposal", status__in=("PROPOSED", "EXECUTED")),
                name="signals_one_proposal_per_market_and_direction",
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
    event = models.CharField(max_length=32)  # opened, refreshed, released, closed
    at = models.DateTimeField()
    edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)  # net dollars per $1 of payoff
    expected_edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    size = models.DecimalField(max_digits=20, decimal_places=8, null=True)  # contracts of each leg
    net_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # dollars
    body = models.JSONField(default=dict)

    class Meta:
        db_table = "signal_snapshots"
        indexes = [models.Index(fields=["signal_id", "at"], name="idx_snapshots_signal")]


class Refusal(models.Model):
    """What was not done, and what would have become of it: one row for a bet, direction, reason and hour.

    What only says that nothing is on offer (an empty side, no book) has no bet: it is counted for the whole hour.
    """

    DETECT, DECIDE, RECHECK, EXECUTE = "detect", "decide", "recheck", "execute"
    STAGES = (DETECT, DECIDE, RECHECK, EXECUTE)
    OPEN = "open"  # the gap is there, or nobody has looked yet
    VANISHED = "vanished"  # gone before the legs could have filled
    LASTED = "lasted"  # long enough to have been filled
    NONE = "none"  # there was no gap
    FATES = (OPEN, VANISHED, LASTED, NONE)

    bet_id = models.CharField(max_length=ID_LENGTH, blank=True)
    direction = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=64)
    hour = models.DateTimeField()
    stage = models.CharField(max_length=16)
    count = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    sentence = models.TextField(blank=True)  # of the last time
    signal_id = models.CharField(max_length=64, blank=True)
    # Net dollars per $1 of payoff
    best_edge = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    # Net dollars of that finding
    best_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    best_size = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    # Of the best: {"outlay": text, "legs": [[platform, market, outcome, size]]}
    orders = models.JSONField(default=dict)
    fate = models.CharField(max_length=16, default=OPEN)
    lived_ms = models.BigIntegerField(null=True)  # from the first refusal until the gap was gone
    # Dollars, by actual settlement
    settled_profit = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    settled_at = models.DateTimeField(null=True)  # when that was computed

    class Meta:
        db_table = "refusals"
        indexes = [
            models.Index(fields=["-last_seen"], name="idx_refusals_last_seen"),
            models.Index(fields=["code", "-hour"], name="idx_refusals_code"),
            models.Index(fields=["last_seen"], condition=Q(fate="open"), name="idx_refusals_open"),
            models.Index(
                fields=["last_seen"], condition=Q(settled_at__isnull=True, best_profit__isnull=False),
                name="idx_refusals_unsettled",
            ),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["bet_id", "direction", "code", "hour"], name="refusals_once_an_hour"
            ),
            one_of("stage", ("detect", "decide", "recheck", "execute"), "refusals_stage_known"),
            one_of("fate", ("open", "vanished", "lasted", "none"), "refusals_fate_known"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.bet_id}"


class LegOutcome(models.Model):
    """What became of one order of a plan, or of a remainder that was sold back: what fill rates are measured from.

    Written by execution through `signals.fill_rates`. `loss` is dollars lost by selling back, for UNWIND only.
    """

    LEG, UNWIND = "LEG", "UNWIND"

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=16)
    kind = models.CharField(max_length=16, default=LEG)
    plan = models.CharField(max_length=64)
    order = models.CharField(max_length=64, unique=True)
    platform = models.CharField(max_length=32)
    place = models.PositiveSmallIntegerField()  # 0: the first leg sent
    # That the finding showed, dollars per $1 of payoff
    edge = models.DecimalField(max_digits=10, decimal_places=6)
    asked = models.DecimalField(max_digits=20, decimal_places=8)  # contracts
    filled = models.DecimalField(max_digits=20, decimal_places=8)
    took_ms = models.PositiveIntegerField(null=True)  # from sending to the answer
    loss = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "leg_outcomes"
        indexes = [models.Index(fields=["mode", "-at"], name="idx_leg_outcomes_at")]
        constraints = [one_of("kind", ("LEG", "UNWIND"), "leg_outcomes_kind_known")]

    def __str__(self) -> str:
        return f"{self.filled} of {self.asked} on {self.platform}"
