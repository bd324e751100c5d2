"""What the whales measure: transfers through everything, beside bare bulk inserts of the same rows."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from arbsite import bulk
from arbsite.registry import Figure
from signals.models import WhaleAlert
from signals.sources.base import Transfer
from signals.sources.whales import defaults, storing

COUNT = 10_000
A_MINUTE = 10_000  # the figure, on one worker
TARGET = 8.0
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
    """Transfers a second from parsed to committed, told and published, and the same rows only inserted."""
    now = datetime.now(UTC)
    defaults.ensure(now)
    began = time.perf_counter()
    kept = storing.keep(transfers(COUNT, now, "a" * 8), now, links=lambda asset, at: [])
    spent = time.perf_counter() - began
    assert kept.new == COUNT
    rows = list(WhaleAlert.objects.filter(transaction_hash__startswith="0x" + "a" * 8))
    for row in rows:
        row.transaction_hash = str(row.transaction_hash).replace("a" * 8, "b" * 8, 1)
        row.key = str(row.key)[::-1]
    began = time.perf_counter()
    with transaction.atomic():
        for start in range(0, COUNT, storing.CHUNK):
            bulk.insert(rows[start : start + storing.CHUNK])
    bare = time.perf_counter() - began
    again = time.perf_counter()
    storing.keep(transfers(COUNT, now, "a" * 8), now, links=lambda asset, at: [])
    repeated = time.perf_counter() - again
    WhaleAlert.objects.filter(transaction_hash__regex="^0x(aaaaaaaa|bbbbbbbb)").delete()
    rate = COUNT / spent * 60
    return [
        Figure("whale transfers kept", spent / bare, "ratio", f"bare inserts, {COUNT / bare:,.0f} rows/s",
               f"≤ {TARGET}", spent / bare <= TARGET),
        Figure("whale transfers a minute", rate, "transfers/min", "one worker", f"≥ {A_MINUTE:,}", rate >= A_MINUTE),
        Figure("repeated transfers", repeated / spent, "ratio", "the same for the first time"),
    ]  # fmt: skip
