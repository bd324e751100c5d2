"""Judging the predictions that are due, by the stored prices: three queries for rows, prices and feeds of a whole batch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from arbsite import bulk
from markets import clients
from markets.models import Market
from markets.platforms.base import CLOSED, DETERMINED, DISPUTED, PAUSED, SETTLED, UNOPENED, FeeSchedule
from signals.correlating import current, feeds, outcomes
from signals.correlating.current import Span
from signals.correlating.feeds import Stretch
from signals.correlating.outcomes import Asked, Outcome
from signals.models import Prediction
from signals.times import unix_ms, utc

BATCH = 200
GRACE = timedelta(seconds=15)  # until the last prices of a horizon are stored
LONGEST_BEFORE = timedelta(days=1)
STOPPED = {
    PAUSED: outcomes.MARKET_PAUSED, UNOPENED: outcomes.MARKET_PAUSED, CLOSED: outcomes.MARKET_CLOSED,
    DETERMINED: outcomes.MARKET_CLOSED, DISPUTED: outcomes.MARKET_CLOSED, SETTLED: outcomes.MARKET_CLOSED,
}  # fmt: skip
COLUMNS = {
    "outcome": "text", "judged_at": "timestamptz", "why_void": "text", "mid": "numeric", "spread": "numeric",
    "end_mid": "numeric", "peak_move": "numeric", "moved_first": "text", "lag_ms": "bigint", "lasted_ms": "bigint",
    "lead_ms": "bigint", "profit": "numeric", "base_hit": "boolean",
}  # fmt: skip


def judge_due(*, now: datetime, batches: int = 20) -> int:
    """Judge what is due, at most so many batches; returns how many. Two workers never judge the same one."""
    judged = 0
    for _ in range(batches):
        with transaction.atomic():
            rows = list(
                Prediction.objects.select_for_update(of=("self",), skip_locked=True)
                .filter(outcome=Prediction.OPEN, due_at__lte=now - GRACE)
                .select_related("market")
                .order_by("due_at")[:BATCH]
            )
            _judge(rows, now)
            bulk.update(Prediction, rows, COLUMNS, key="bigint")
        judged += len(rows)
        if len(rows) < BATCH:
            break
    return judged


def _judge(rows: Sequence[Prediction], now: datetime) -> None:
    """Fill in what became of each."""
    asked = [_asked(row) for row in rows]
    controls = [
        utc(outcomes.control_moment(f"{row.item} {row.market_id}", one))
        for row, one in zip(rows, asked, strict=True)
    ]
    befores = [utc(outcomes.preceding(one)) for one in asked]
    spans = [_around(row) for row in rows]
    spans += [Span(row.market_id, at, at + _horizon(row)) for row, at in zip(rows, controls, strict=True)]
    paths = current.paths(spans)
    seen = [row.seen_at for row in rows]
    fed = feeds.heard([one for moments in (seen, controls, befores) for one in _stretches(rows, moments)])
    for number, (row, one) in enumerate(zip(rows, asked, strict=True)):
        found = _stopped(row.market)
        if found is None and not fed[number]:
            found = Outcome(outcomes.VOID, outcomes.NO_FEED)
        found = found or outcomes.judge(one, paths[number], fees=_fees(row.market))
        if found.outcome != Prediction.VOID:
            base = None
            if fed[len(rows) + number]:
                base = outcomes.controlled(one, unix_ms(controls[number]), paths[len(rows) + number])
            if (
                base is None and fed[2 * len(rows) + number]
            ):  # no prices at the drawn moment: the window before the item
                base = outcomes.controlled(one, outcomes.preceding(one), paths[number])
            found = replace(found, base_hit=base)
        _write(row, found, now)


def _stretches(rows: Sequence[Prediction], moments: Sequence[datetime]) -> list[Stretch]:
    return [
        Stretch(row.market.platform, at, at + _horizon(row)) for row, at in zip(rows, moments, strict=True)
    ]


def _horizon(row: Prediction) -> timedelta:
    return timedelta(seconds=row.horizon_seconds)


def _asked(row: Prediction) -> Asked:
    seen_ms = unix_ms(row.seen_at)
    return Asked(
        row.direction, unix_ms(row.happened_at), seen_ms, row.horizon_seconds * 1_000,
        outcomes.noted(unix_ms(row.created_at), row.mid, row.spread),
    )  # fmt: skip


def _around(row: Prediction) -> Span:
    """The window before the item and its horizon; of a very late item, no more than a day before it was seen."""
    horizon = _horizon(row)
    start = max(row.happened_at - horizon, row.seen_at - max(LONGEST_BEFORE, 2 * horizon))
    return Span(row.market_id, min(start, row.seen_at - horizon), row.due_at)


def _stopped(market: Market) -> Outcome | None:
    why = STOPPED.get(market.status or "")
    return Outcome(outcomes.VOID, why) if why else None


def _fees(market: Market) -> FeeSchedule | None:
    try:
        return clients.fees_from_json(market.platform, market.fees)
    except (KeyError, ValueError):  # a schedule that cannot be read is an unknown one
        return None


def _write(row: Prediction, found: Outcome, now: datetime) -> None:
    row.outcome, row.why_void, row.judged_at = found.outcome, found.why, now
    if found.outcome == Prediction.VOID:
        return
    row.mid, row.spread, row.end_mid, row.peak_move = found.mid, found.spread, found.end_mid, found.peak_move
    row.moved_first, row.lag_ms, row.lasted_ms = found.moved_first, found.lag_ms, found.lasted_ms
    row.lead_ms, row.profit, row.base_hit = found.lead_ms, found.profit, found.base_hit
