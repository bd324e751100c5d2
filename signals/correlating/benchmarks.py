"""What one event costs the correlator: with one day stored, and with thirty. It may not grow with history."""

import time
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from arbsite.registry import Figure
from markets import partitions
from markets.models import Market
from markets.platforms.base import KALSHI
from signals.correlating import following, judging, predictions
from signals.models import WhaleAlert
from signals.sources.base import Claim

TARGET = 1.2
DAYS = 30
MARKETS, ITEMS, TRANSFERS, FITS = 20, 2_000, 1_000, 4  # a day
EVENTS, ROUNDS = 40, 30  # claims in a round, and as many transfers
HORIZON = timedelta(minutes=30)

# One day of history: prices every five minutes, judged predictions, transfers, fits
_PRICES = """
INSERT INTO prices (market_id, outcome, bid, ask, mid_price, spread, timestamp)
SELECT 'BENCH-' || m, 'YES', 0.40 + (n %% 7) * 0.01, 0.42 + (n %% 7) * 0.01, 0.41 + (n %% 7) * 0.01, 0.02,
  %s::timestamptz + n * interval '5 minutes'
FROM generate_series(0, %s) m, generate_series(0, 287) n
"""
_PREDICTIONS = """
INSERT INTO predictions (source, kind, item, market_id, direction, strength, probability, note, happened_at, seen_at,
  horizon_seconds, half_life_seconds, due_at, outcome, why_void, moved_first, base_hit, judged_at)
SELECT 'news:bench' || n %% %s, 'headline', %s || n, 'BENCH-' || n %% %s, 1, 0.5, 0.5, '', t, t, 1800, 600,
  t + interval '30 minutes', CASE WHEN n %% 3 = 0 THEN 'HIT' ELSE 'MISS' END, '', 'none', n %% 4 = 0,
  t + interval '31 minutes'
FROM (SELECT n, %s::timestamptz + n * interval '43 seconds' AS t FROM generate_series(0, %s) n) s
"""
_TRANSFERS = """
INSERT INTO whale_alerts (chain, transaction_hash, position, token_symbol, amount, direction, exchange,
  related_markets, processed, followed, source, transaction_type, contract, asset, from_owner, to_owner, happened_at,
  seen_at, fresh)
SELECT 'bench', %s || n, 0, 'USDC', 2000000, 'INFLOW', 'exchange' || n %% 10, '[]', true, true, 'bench', 'transfer', '',
  'USDC', '', '', t, t, true
FROM (SELECT n, %s::timestamptz + n * interval '86 seconds' AS t FROM generate_series(0, %s) n) s
"""
_SOURCE_FITS = """
INSERT INTO source_fits (source, kind, fitted_from, fitted_until, active_from, samples, hits, base_hits, base_rate, weight,
  half_life_seconds, curve, created_at)
SELECT 'news:bench' || n, 'headline', t - interval '30 days', t, t, 500, 200, 100, 0.2, 0.5, 600, '[[0, 0.3], [1, 0.6]]', t
FROM generate_series(0, %s) n, (SELECT %s::timestamptz AS t) s
"""


def correlator() -> list[Figure]:
    """Milliseconds for one claim and one transfer: recorded, published, looked at for patterns, and judged."""
    now = timezone.now().replace(microsecond=0)
    partitions.ensure((now - timedelta(days=DAYS + 2)).date(), DAYS + 3)
    with transaction.atomic():
        Market.objects.bulk_create(
            Market(id=f"BENCH-{number}", platform=KALSHI, slug="bench", status="OPEN")
            for number in range(MARKETS)
        )
        _store(now, range(1))
        one, first = _cost(now, "one")
        _store(now, range(1, DAYS))
        thirty, second = _cost(now, "thirty")
        transaction.set_rollback(True)
    ratio = (thirty / second) / (one / first)
    seen = f"one day stored, {one:.2f} ms an event; {thirty:.2f} ms, the machine {second / first:.2f} times as slow"
    return [
        Figure("correlator, 30 days stored", ratio, "ratio", seen,
               f"≤ {TARGET}", ratio <= TARGET)
    ]  # fmt: skip


def _store(now: datetime, days: range) -> None:
    with connection.cursor() as cursor:
        for day in days:
            start = now - timedelta(days=day + 1)
            cursor.execute(_PRICES, [start, MARKETS - 1])
            cursor.execute(_PREDICTIONS, [FITS, f"bench:{day}-", MARKETS, start - HORIZON, ITEMS - 1])
            cursor.execute(_TRANSFERS, [f"bench{day}-", start, TRANSFERS - 1])
            cursor.execute(_SOURCE_FITS, [FITS - 1, start])
        for table in ("prices", "predictions", "whale_alerts", "source_fits"):
            cursor.execute(f"ANALYZE {table}")


def _cost(now: datetime, name: str) -> tuple[float, float]:
    """The quickest round, in milliseconds an event, and the quickest of what does not depend on history, in between.

    A busy machine slows both. Every round leaves nothing behind.
    """
    rounds, references = [], []
    for number in range(ROUNDS):
        references.append(_reference())
        rounds.append(_round(now, f"{name}{number}"))
    return min(rounds) * 1_000 / EVENTS, min(references)


def _reference() -> float:
    """Queries and arithmetic of about a round's length that read no table."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        for number in range(20):
            cursor.execute("SELECT n FROM generate_series(1, 400) n")
            sum(Decimal(row[0]) * number for row in cursor.fetchall())
    return time.perf_counter() - began


def _round(now: datetime, name: str) -> float:
    claims = [
        Claim(
            f"news:bench{number % FITS}", "headline", f"new:{name}-{number}", f"BENCH-{number % MARKETS}", 1,
            Decimal("0.5"), now - HORIZON, now - HORIZON, HORIZON, HORIZON,
        )
        for number in range(EVENTS)
    ]  # fmt: skip
    transfers = [
        WhaleAlert(
            chain="bench", transaction_hash=f"{name}-{number}", asset="USDC", exchange=f"exchange{number % 10}",
            direction="INFLOW", amount=Decimal(2_000_000), source="bench", happened_at=now, seen_at=now,
        )
        for number in range(EVENTS)
    ]  # fmt: skip
    with transaction.atomic():
        WhaleAlert.objects.bulk_create(transfers)
        began = time.perf_counter()
        predictions.record(claims, now=now - HORIZON)
        following.follow(now=now)
        assert judging.judge_due(now=now + timedelta(minutes=1)) == EVENTS
        spent = time.perf_counter() - began
        transaction.set_rollback(True)
    return spent
