"""What is known about whales beside their transfers: wallets, usual flows, signs and triggers."""

from django.db import models
from django.utils import timezone

INFLOW, OUTFLOW, NEUTRAL = "INFLOW", "OUTFLOW", "NEUTRAL"


class ExchangeWallet(models.Model):
    """An address that somebody says belongs to an exchange (or a treasury, a bridge), and who says so, and when."""

    chain = models.CharField(max_length=32)
    address = models.CharField(max_length=128)  # lower case where the chain's addresses have no case
    owner = models.CharField(max_length=64)  # lower case, without a number: binance
    label = models.CharField(max_length=128, blank=True)  # as the source spells it
    kind = models.CharField(max_length=16, default="exchange")  # exchange, treasury, bridge, defi
    source = models.CharField(max_length=64)
    licence = models.CharField(max_length=64, blank=True)
    dated = models.DateField(null=True)  # when the source's set was made
    loaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "exchange_wallets"
        constraints = [models.UniqueConstraint(fields=["chain", "address"], name="exchange_wallets_once")]

    def __str__(self) -> str:
        return f"{self.owner} {self.address}"


class AssetFlow(models.Model):
    """The usual size of an asset's transfers: moments of log10 dollars, older ones counting less."""

    asset = models.CharField(max_length=32, primary_key=True)
    asset_class = models.CharField(max_length=16)  # stablecoin, btc, eth, other
    weight = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    mean = models.DecimalField(max_digits=12, decimal_places=8, default=0)  # of log10 dollars
    variance = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "asset_flows"

    def __str__(self) -> str:
        return self.asset


class FlowSign(models.Model):
    """What a flow of an asset class says about crypto prices: 1 up, -1 down, 0 nothing; and on which evidence."""

    asset_class = models.CharField(max_length=16)
    direction = models.CharField(max_length=16)  # INFLOW or OUTFLOW
    sign = models.SmallIntegerField(default=0)
    evidence = models.TextField(blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "flow_signs"
        constraints = [
            models.UniqueConstraint(fields=["asset_class", "direction"], name="flow_signs_once"),
            models.CheckConstraint(condition=models.Q(sign__in=(-1, 0, 1)), name="flow_signs_sign_known"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_class} {self.direction}"


class WhaleTrigger(models.Model):
    """From which size on a transfer of a kind is told (the specification's 6.1.2, as data)."""

    name = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True)
    category = models.CharField(max_length=32, blank=True)  # empty: any
    direction = models.CharField(max_length=16, blank=True)  # empty: any
    asset = models.CharField(max_length=32, blank=True)  # empty: any
    above_usd = models.DecimalField(max_digits=20, decimal_places=2, default=0)
    action = models.CharField(max_length=32)  # alert, signal, log
    priority = models.CharField(
        max_length=16, default="MEDIUM"
    )  # a notice's severity, and `priority` in the stream

    class Meta:
        db_table = "whale_triggers"

    def __str__(self) -> str:
        return self.name
