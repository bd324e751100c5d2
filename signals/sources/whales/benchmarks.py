"""What the whales measure: transfers through everything, beside bare bulk inserts of the same rows."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from arbsite import bulk
from arbsite.registry import Figure
from markets.models import Market
from markets.platforms.base import KALSHI
from signals.language.base import Link
from signals.models import Prediction, WhaleAlert
from signals.sources.base import Transfer
from signals.sources.whales import defaults, saying, storing

COUNT = 10_000
A_MINUTE = 10_000  # the figure, on one worker
TARGET = 8.0  # half of them make five claims each: 25,000 rows beside the 10,000
FIRST, SECOND = "a" * 8, "b" * 8  # beginnings of hashes
BINANCE = "0x28c6c06298d514db089934071355e5743bf21d60"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"


def transfers(count: int, now: datetime, mark: str) -> list[Transfer]:
    """Large transfers of USDC, half of them to an exchange."""
    return [
        Transfer(
            source="etherscan", chain="ethereum", transaction_hash=f"{mark}{number:056x}", position=number, block=number,
            happened_at=now - timedelta(seconds=number % 60), symbol="USDC", contract=USDC,
            units=Decimal(600_000 + number * 977), usd=Decimal(600_000 + number * 977),
            from_address=f"0x{number:040x}", to_address=BINANCE if number % 2 else f"0x{number + COUNT:040x}",
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def whales() -> list[Figure]:
    """Transfers from parsed to committed, told and published, with their claims, beside bare inserts of the same rows."""
    now = datetime.now(UTC)
    defaults.ensure(now)
    markets = [f"bench-whales-{number}" for number in range(saying.MOST_CLAIMS)]
    Market.objects.bulk_create(
        [Market(id=name, platform=KALSHI, slug=name, question="Bitcoin?", status="OPEN") for name in markets],
        ignore_conflicts=True,
    )
    links = [Link(KALSHI, name, Decimal(1), 1, Decimal(1), "bench") for name in markets]
    began = time.perf_counter()
    kept = storing.keep(transfers(COUNT, now, FIRST), now, links=lambda asset, at: links)
    spent = time.perf_counter() - began
    assert kept.new == COUNT
    began = time.perf_counter()
    storing.keep(transfers(COUNT, now, FIRST), now, links=lambda asset, at: links)
    repeated = time.perf_counter() - began
    bare = _bare()
    Prediction.objects.filter(market_id__in=markets).delete()
    WhaleAlert.objects.filter(transaction_hash__regex=f"^0x({FIRST}|{SECOND})").delete()
    Market.objects.filter(pk__in=markets).delete()
    rate = COUNT / spent * 60
    return [
        Figure("whale transfers kept", spent / bare, "ratio", f"bare inserts, {COUNT / bare:,.0f} rows/s",
               f"≤ {TARGET:g}", spent / bare <= TARGET),
        Figure("whale transfers a minute", rate, "transfers/min", "one worker", f"≥ {A_MINUTE:,}", rate >= A_MINUTE),
        Figure("repeated transfers", repeated / spent, "ratio", "the same for the first time"),
    ]  # fmt: skip


def _bare() -> float:
    """Seconds for inserting the same rows under other names, and nothing else."""
    rows = list(WhaleAlert.objects.filter(transaction_hash__startswith=f"0x{FIRST}"))
    for row in rows:
        row.transaction_hash = str(row.transaction_hash).replace(FIRST, SECOND, 1)
        row.key = str(row.key)[::-1]
    began = time.perf_counter()
    with transaction.atomic():
        for start in range(0, COUNT, storing.STATEMENT):
            bulk.insert(rows[start : start + storing.STATEMENT])
    return time.perf_counter() - began
