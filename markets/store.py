"""Market rows: from the platforms' answers into the table, and back into the values the core reads."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from markets.clients import fees_from_json
from markets.models import Market
from markets.platforms.base import MarketInfo, OutcomeInfo, TickBand

BATCH = 500
# What discovery may overwrite: everything the platform says, nothing that people or the universe decided.
FROM_PLATFORM = (
    "platform", "slug", "question", "outcome_type", "start_date", "end_date", "status", "volume", "liquidity",
    "metadata", "updated_at", "volume_24h", "settles_at", "event_id", "category", "rules", "resolution_source",
    "outcomes", "ticks", "min_size", "size_step", "fees", "result", "settlement_value", "refreshed_at",
)  # fmt: skip
MONEY_LIMIT = Decimal(10) ** 18  # the columns hold 18 digits before the point


def upsert(infos: Iterable[MarketInfo], *, now: datetime) -> int:
    """Insert or update these markets; returns how many there were."""
    count = 0
    batch: dict[str, Market] = {}
    for info in infos:
        batch[info.id] = row_of(info, now=now)
        if len(batch) >= BATCH:
            count += _write(batch)
            batch = {}
    return count + _write(batch)


def _write(batch: dict[str, Market]) -> int:
    if batch:
        Market.objects.bulk_create(
            list(batch.values()), update_conflicts=True, unique_fields=["id"], update_fields=FROM_PLATFORM
        )
    return len(batch)


def row_of(info: MarketInfo, *, now: datetime) -> Market:
    """The table's row of a market as the platform describes it now."""
    return Market(
        id=info.id,
        platform=info.platform,
        slug=info.slug[:255],
        question=info.question,
        outcome_type=info.outcome_type[:16],
        start_date=info.start,
        end_date=info.end,
        status=info.status,
        volume=_money(info.volume),
        liquidity=_money(info.liquidity),
        metadata=info.extra,
        created_at=now,
        updated_at=now,
        volume_24h=_money(info.volume_24h),
        settles_at=info.settles,
        event_id=info.event_id[:128],
        category=info.category[:128],
        rules=info.rules,
        resolution_source=info.resolution_source,
        outcomes=[asdict(outcome) for outcome in info.outcomes],
        ticks=[[str(band.start), str(band.end), str(band.step)] for band in info.ticks],
        min_size=info.min_size,
        size_step=info.size_step,
        fees=info.fees.as_json() if info.fees is not None else None,
        result=info.result,
        settlement_value=info.settlement_value,
        refreshed_at=now,
    )


def _money(value: Decimal | None) -> Decimal | None:
    """To the column's two decimals; a figure that no column can hold is unknown, not a crash."""
    if value is None or not value.is_finite() or abs(value) >= MONEY_LIMIT:
        return None
    return max(Decimal(0), value).quantize(Decimal("0.01"))


def info_of(row: Market) -> MarketInfo:
    """The value of a stored market."""
    return MarketInfo(
        platform=row.platform,
        id=row.id,
        slug=row.slug,
        question=row.question or "",
        outcome_type=row.outcome_type or "binary",
        outcomes=tuple(OutcomeInfo(**outcome) for outcome in row.outcomes),
        status=row.status or "",
        start=row.start_date,
        end=row.end_date,
        settles=row.settles_at,
        volume=row.volume,
        volume_24h=row.volume_24h,
        liquidity=row.liquidity,
        ticks=tuple(TickBand(*(Decimal(part) for part in band)) for band in row.ticks),
        min_size=row.min_size,
        size_step=row.size_step,
        fees=fees_from_json(row.platform, row.fees),
        rules=row.rules,
        resolution_source=row.resolution_source,
        category=row.category,
        event_id=row.event_id,
        result=row.result,
        settlement_value=row.settlement_value,
        extra=row.metadata,
    )
