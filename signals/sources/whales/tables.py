"""Signs, triggers and usual sizes as the database has them, as plain values."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from signals.models import AssetFlow, FlowSign, WhaleTrigger
from signals.sources.whales import assets, sizes
from signals.sources.whales.triggering import Trigger

_EIGHT = Decimal("1e-8")


def signs() -> dict[tuple[str, str], int]:
    """(asset class, direction) → sign."""
    rows = FlowSign.objects.values_list("asset_class", "direction", "sign")
    return {(asset_class, direction): sign for asset_class, direction, sign in rows}


def triggers() -> list[Trigger]:
    """Those that are switched on."""
    return [
        Trigger(row.name, row.above_usd, row.action, row.priority, row.category, row.direction, row.asset)
        for row in WhaleTrigger.objects.filter(enabled=True).order_by("name")
    ]


def usual(names: Iterable[str], now: datetime) -> dict[str, sizes.Usual]:
    """The usual sizes of these assets, their rows locked until the transaction ends: two workers may learn at once."""
    wanted = sorted({name for name in names if name})
    AssetFlow.objects.bulk_create(
        [AssetFlow(asset=name, asset_class=assets.class_of(name), updated_at=now) for name in wanted],
        ignore_conflicts=True,
    )
    rows = AssetFlow.objects.select_for_update().filter(asset__in=wanted).order_by("asset")
    return {
        row.asset: sizes.Usual(float(row.weight), float(row.mean), float(row.variance), row.updated_at)
        for row in rows
    }


def learned(found: Mapping[str, sizes.Usual]) -> None:
    """Write the usual sizes."""
    AssetFlow.objects.bulk_update(
        [
            AssetFlow(
                asset=name,
                weight=_exact(one.weight),
                mean=_exact(one.mean),
                variance=_exact(one.variance),
                updated_at=one.at,
            )
            for name, one in found.items()
        ],
        ["weight", "mean", "variance", "updated_at"],
    )


def _exact(value: float) -> Decimal:
    return Decimal(value).quantize(_EIGHT)
