"""What an event costs does not grow with history: every query of the correlator finds its rows by an index.

Time is the benchmark's matter (`manage.py bench correlator`); here the plans are read.
"""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from markets import partitions
from signals.correlating import following, judging, predictions
from signals.models import WhaleAlert
from tests.signals.correlating.stored import HOUR, NOW, claim, fit, market, prediction, price

WAITING = "idx_whale_alerts_unfollowed"
GROWING = "prices|predictions|whale_alerts|source_fits|news_events|flow_patterns"


def round_of_events():
    """Claims recorded, published, judged; transfers looked at for patterns."""
    predictions.record([claim(), claim("news:2")], now=NOW)
    following.follow(now=NOW)
    WhaleAlert.objects.create(
        transaction_hash="h", asset="USDC", exchange="binance", direction="INFLOW", amount=Decimal(2_000_000),
        happened_at=NOW, seen_at=NOW,
    )  # fmt: skip
    following.follow(now=NOW + timedelta(seconds=5))
    judging.judge_due(now=NOW + HOUR + timedelta(minutes=1))


@pytest.mark.django_db
def test_no_query_reads_a_whole_table(redis):
    partitions.ensure((NOW - timedelta(days=2)).date(), 4)
    market()
    fit()
    price("KXRAIN-1", -5, "0.50", "0.52")
    prediction("news:old", seen_at=NOW - 3 * HOUR, outcome="MISS")
    seen = []

    def remember(execute, sql, params, many, context):
        if sql.lstrip().startswith(("SELECT", "UPDATE")):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(remember):
        round_of_events()
    assert len(seen) > 15
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql, params in seen:
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert not re.search(rf"Seq Scan on ({GROWING})", plan), plan
            # Neither may an index be walked from end to end, save the one that holds nothing but what is waiting
            for node in plan.split("->"):
                walked = re.search(rf"Index (Only )?Scan using (?!{WAITING}\b)\S+ on ({GROWING})", node)
                assert not walked or "Index Cond" in node, plan
