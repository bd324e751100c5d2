"""What the tables of signs and triggers begin with; written after every migration, where nothing is."""

from datetime import UTC, datetime
from typing import Any

from django.db import connections

from signals.models import ExchangeWallet, FlowSign, WhaleTrigger
from signals.sources.whales import sizes, triggering, wallets


def ensure(now: datetime) -> None:
    """Add the signs and triggers that are missing, and the seed of wallets to an empty table; people's changes stay."""
    FlowSign.objects.bulk_create(
        [
            FlowSign(
                asset_class=one.asset_class, direction=one.direction, sign=one.sign, evidence=one.evidence, updated_at=now
            )
            for one in sizes.DEFAULT_SIGNS
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    WhaleTrigger.objects.bulk_create(
        [
            WhaleTrigger(
                name=one.name, category=one.category, direction=one.direction, asset=one.asset, above_usd=one.above_usd,
                action=one.action, priority=one.priority,
            )
            for one in triggering.DEFAULTS
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    if not ExchangeWallet.objects.exists():
        wallets.load(wallets.SEED, now=now)


def after_migrate(using: str = "default", **_: Any) -> None:
    """Django's `post_migrate`; a migration back to before these tables leaves nothing to fill."""
    if using != "default":
        return
    tables = set(connections[using].introspection.table_names())
    if {model._meta.db_table for model in (FlowSign, WhaleTrigger, ExchangeWallet)} <= tables:
        ensure(datetime.now(UTC))
