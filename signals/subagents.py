"""The specification's subagents (6.1) by their duty: one run each, its output as the specification spells it, its notices.

A run is named after the notice of its start, or, for the whale monitor (which tells of what it found only, 6.1.2),
after its row in the list of jobs. Run by hand it is number 1.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from arbsite.models import HIGH, LOW, MEDIUM, SEVERITIES, Notice
from signals import scanning
from signals.deciding import decision
from signals.models import FlowPattern, Signal, WhaleAlert
from signals.sources.whales import saying, tables
from signals.sources.whales.triggering import Trigger

SCANNER, MONITOR = "arbitrage-scanner", "whale-monitor"
COMPLETED = "completed"
STARTED, DONE, FAILED = "subagent_started", "subagent_completed", "subagent_failed"
LARGE_TRANSACTION, PATTERN_DETECTED = "large_transaction", "pattern_detected"
FOUND = (Signal.PENDING, Signal.ACTIONABLE, Signal.EXECUTED)  # open, and not refused: as GET /opportunities
RESULTS = 50
LOOK_BACK = timedelta(hours=1)  # a monitor that was away for longer does not tell old transfers as news
MOST_AT_ONCE = 500
LOCK = 0x5748414C  # "WHAL"


# --- arbitrage scanner


def scan(*, clock: Callable[[], int], now: datetime) -> dict[str, Any]:
    """Run detection over every active bet; the output of 6.1.1. `clock` gives Unix ms.

    `total_expected_profit` is the sum of the opportunities' profits, fractions like each `profit_pct`.
    """
    began = time.perf_counter()
    started = Notice.objects.record(STARTED, SCANNER, "the arbitrage scanner begins", severity=LOW, at=now)
    with _failure_told(SCANNER, now):
        scanning.run(clock=clock, most=RESULTS)
        rows = [
            row
            for row in Signal.objects.filter(status__in=FOUND, label=decision.ARBITRAGE).order_by(
                "-profit_pct"
            )
            if row.profit_pct is not None
        ]
        total = sum((row.profit_pct for row in rows if row.profit_pct is not None), Decimal(0))
        output = {
            "subagent_id": f"sa_arbitrage_{started.pk:03d}",
            "status": COMPLETED,
            "opportunities_found": len(rows),
            "total_expected_profit": total,
            "execution_time_ms": round((time.perf_counter() - began) * 1_000),
            "results": [_opportunity(row) for row in rows[:RESULTS]],
        }
        Notice.objects.record(
            DONE, SCANNER, f"{len(rows)} opportunities, {total:.4f} expected in all", severity=LOW, at=now,
            subagent_id=output["subagent_id"], opportunities=len(rows), total=str(total),
        )  # fmt: skip
    return output


def _opportunity(row: Signal) -> dict[str, Any]:
    legs = row.metadata.get("legs", [])
    return {
        "opportunity_id": row.id,
        "profit_pct": row.profit_pct,
        "confidence": row.confidence,
        "markets": list(dict.fromkeys(leg["platform"] for leg in legs)),
    }


# --- whale monitor


def watch(*, now: datetime) -> dict[str, Any]:
    """Tell of large transfers and repeated flows that nobody was told of; the output in the form of 6.1.1.

    Nobody else tells people of them: transfers are stored and patterns found without a notice.

    `large_transaction`: a transfer that meets a trigger (`whale_triggers`, the thresholds of 6.1.2) whose action is more
    than to log, first seen within the hour, late ones and those whose block was replaced left out.
    `pattern_detected`: a row of `flow_patterns` (the same asset, exchange and direction more often than usual) whose
    last transfer lies within the hour. Each is told once, with a notice of that name.
    """
    began = time.perf_counter()
    with _failure_told(MONITOR, now), transaction.atomic():
        alone = _alone()
        seen = _recent(now) if alone else WhaleAlert.objects.none()
        large = _large(seen, now)
        patterns = _patterns(now) if alone else []
        Notice.objects.bulk_create(
            [*(_told(one, now) for one in large), *(_told(one, now) for one in patterns)]
        )
        FlowPattern.objects.filter(pk__in=[one["pattern_id"] for one in patterns]).update(told=True)
    return {
        "subagent_id": f"sa_whale_{int(os.environ.get('ARBSITE_JOB', '1')):03d}",
        "status": COMPLETED,
        "transactions_seen": seen.count(),
        "large_transactions": len(large),
        "pattern_detected": bool(patterns),
        "execution_time_ms": round((time.perf_counter() - began) * 1_000),
        "results": [*large, *patterns],
    }


def _alone() -> bool:
    """Whether no other monitor runs at this moment; until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _recent(now: datetime) -> QuerySet[WhaleAlert]:
    return WhaleAlert.objects.filter(
        created_at__gte=now - LOOK_BACK, created_at__lte=now, fresh=True, gone_at__isnull=True,
        chained_to__isnull=True,
    )  # fmt: skip


def _large(seen: QuerySet[WhaleAlert], now: datetime) -> list[dict[str, Any]]:
    """Transfers that meet a trigger and that nobody was told of, the largest first; the rest waits for the next run."""
    triggers = saying.telling(tables.triggers())
    if not triggers:
        return []
    told = Notice.objects.filter(
        kind=LARGE_TRANSACTION, created_at__gte=now - 2 * LOOK_BACK, subject__startswith=_name("whale", "")
    ).values_list("subject", flat=True)
    least = min(trigger.above_usd for trigger in triggers)
    large = Q(amount__gt=least) | Q(amount__isnull=True) if least == 0 else Q(amount__gt=least)
    rows = (
        seen.filter(large)
        .exclude(pk__in=[int(subject.rpartition(":")[2]) for subject in told])
        .order_by(F("amount").desc(nulls_last=True), "pk")
    )
    met = ((row, saying.pulled(row, triggers)) for row in rows.iterator(chunk_size=MOST_AT_ONCE))
    return [_transaction(row, pulled) for row, pulled in islice((one for one in met if one[1]), MOST_AT_ONCE)]


def _transaction(row: WhaleAlert, pulled: list[Trigger]) -> dict[str, Any]:
    """The most urgent trigger is the one it is told by."""
    return {
        "event": LARGE_TRANSACTION, "alert_id": row.pk, "trigger": pulled[0].name, "action": pulled[0].action,
        "priority": pulled[0].priority, "triggers": [trigger.name for trigger in pulled], "asset": row.asset,
        "amount_usd": row.amount, "direction": row.direction, "exchange": row.exchange, "category": row.category,
        "chain": row.chain, "transaction_hash": row.transaction_hash, "markets": row.related_markets,
    }  # fmt: skip


def _patterns(now: datetime) -> list[dict[str, Any]]:
    rows = list(
        FlowPattern.objects.filter(last_at__gte=now - LOOK_BACK, last_at__lte=now).order_by("chance", "pk")
    )
    told = _already(PATTERN_DETECTED, [_name("pattern", row.pk) for row in rows])
    return [
        {
            "event": PATTERN_DETECTED, "pattern_id": row.pk, "asset": row.asset, "exchange": row.exchange,
            "direction": row.direction, "count": row.count, "usual": row.usual, "amount_usd": row.usd,
            "chance": row.chance,
        }
        for row in rows[:MOST_AT_ONCE]
        if _name("pattern", row.pk) not in told
    ]  # fmt: skip


def _already(kind: str, subjects: list[str]) -> set[str]:
    return set(Notice.objects.filter(kind=kind, subject__in=subjects).values_list("subject", flat=True))


def _name(what: str, pk: int | str) -> str:
    return f"{what}:{pk}"


def _told(found: dict[str, Any], now: datetime) -> Notice:
    flow = (
        f"{found['asset'] or 'an unknown asset'} {found['direction'] or ''} {found['exchange'] or ''}".strip()
    )
    if found["event"] == LARGE_TRANSACTION:
        subject, severity = _name("whale", found["alert_id"]), found["priority"]
        usd = found["amount_usd"]
        message = f"{'an unknown value' if usd is None else f'${usd:,.0f}'} of {flow} ({found['trigger']})"
    else:
        subject, severity = _name("pattern", found["pattern_id"]), MEDIUM
        message = f"{found['count']} transfers of {flow} where {found['usual']:.1f} are usual, ${found['amount_usd']:,.0f}"
    return Notice(
        kind=found["event"], severity=severity if severity in SEVERITIES else MEDIUM, subject=subject, message=message,
        data={name: str(value) if isinstance(value, Decimal) else value for name, value in found.items()}, created_at=now,
    )  # fmt: skip


# --- both


@contextmanager
def _failure_told(name: str, now: datetime) -> Iterator[None]:
    """Whatever ends a run is told before it goes on its way; only its kind: texts of errors may hold addresses."""
    completed = False
    try:
        yield
        completed = True
    finally:
        if not completed:
            error = sys.exception()
            Notice.objects.record(
                FAILED, name, f"{name} failed: {type(error).__name__}", severity=HIGH, at=now, error=type(error).__name__
            )  # fmt: skip
