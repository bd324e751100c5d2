"""Signals from live books: open, refresh, close, judge. Two small transactions a window, none where nothing is found.

A signal is no money: its commits do not wait for the disk (`synchronous_commit` off). A crash of PostgreSQL loses at
most the last moments of signals, which the next window finds again; the order that acts on one is committed for sure,
and with it everything before.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from arbsite import bulk, keys
from arbsite.connections import redis_client
from arbsite.models import INFO, MEDIUM, Notice
from markets import live
from markets.bets import Bet as BetValue
from signals import catalogue, decision, detection, publishing, rules, storing
from signals.findings import Finding, Refusal
from signals.models import ARBITRAGE, Signal

REFRESH_AFTER = timedelta(seconds=1)  # a row that says nearly the same is not written more often
FOUND_TTL = 60
GAP_GONE = "gap_gone"
FIGURES = {
    "profit_pct": "numeric", "confidence": "numeric", "metadata": "jsonb", "size": "numeric", "outlay": "numeric",
    "net_profit": "numeric", "edge": "numeric", "annualised": "numeric", "refreshed_at": "timestamptz",
}  # fmt: skip
VERDICT = {"status": "text", "reasons": "jsonb", "processed_at": "timestamptz"}
WAITING = (Signal.PENDING, Signal.ACTIONABLE, Signal.REFUSED, Signal.QUARANTINED)


def detect(window_id: str, *, now_ms: int) -> int:
    """Look at every bet that a window touched; returns how many signals were opened, refreshed or closed."""
    markets = live.touched(window_id)
    if not markets:
        return 0
    known = catalogue.current()
    bets = known.touched(live.platform_of(window_id), markets)
    return examine(bets, known, now_ms=now_ms, window_id=window_id)


def scan(*, now_ms: int) -> int:
    """Look at every active bet, as the five-minute job does; returns how many signals changed."""
    known = catalogue.current()
    bets = list(known.bets.values())
    return sum(
        examine(bets[start : start + 500], known, now_ms=now_ms, window_id=f"scan:{now_ms}:{start}")
        for start in range(0, len(bets), 500)
    )


def examine(bets: Sequence[BetValue], known: catalogue.Catalogue, *, now_ms: int, window_id: str) -> int:
    """Detect on these bets' live books and write what came out."""
    if not bets:
        return 0
    books = live.book_views(market for bet in bets for market in bet.markets)
    limits = rules.rules()
    findings: list[Finding] = []
    refusals: dict[tuple[str, str], Refusal] = {}
    for bet in bets:
        result = detection.find(bet, books, known.listings, limits, now_ms)
        findings += result.findings
        refusals |= {(refusal.bet_id, refusal.direction): refusal for refusal in result.refusals}
    return _write([bet.id for bet in bets], findings, refusals, known, now_ms, window_id)


def _write(
    bet_ids: list[str],
    findings: list[Finding],
    refusals: dict[tuple[str, str], Refusal],
    known: catalogue.Catalogue,
    now_ms: int,
    window_id: str,
) -> int:
    standing = {
        (row.bet_id, row.direction): row
        for row in Signal.objects.filter(bet_id__in=bet_ids, status__in=Signal.OPEN)
    }
    if not findings and not standing:
        return 0
    now = _utc(now_ms)
    found = {(finding.bet_id, finding.direction): finding for finding in findings}
    fresh = [_row(finding, known, now) for key, finding in found.items() if key not in standing]
    renewed = [
        _renew(row, found[key], known, now)
        for key, row in standing.items()
        if key in found and _worth_writing(row, found[key], now)
    ]
    gone = [_close(row, refusals.get(key), now) for key, row in standing.items() if key not in found]
    if fresh or renewed or gone:
        fresh = _store(fresh, renewed, gone, now)
        publishing.tell(fresh, renewed, gone, now_ms=now_ms)
    live_ids = [row.id for row in (*fresh, *renewed)]
    if live_ids:
        redis_client().set(keys.found(window_id), ",".join(live_ids), ex=FOUND_TTL)
    return len(fresh) + len(renewed) + len(gone)


def _store(fresh: list[Signal], renewed: list[Signal], gone: list[Signal], now: datetime) -> list[Signal]:
    """One transaction; returns those of `fresh` that nobody else had opened in the meantime."""
    with transaction.atomic():
        _do_not_wait_for_the_disk()
        if fresh:
            ours = {row_id for (row_id,) in bulk.insert(fresh, suffix="ON CONFLICT DO NOTHING RETURNING id")}
            fresh = [row for row in fresh if row.id in ours]
        if renewed:
            bulk.update(Signal, renewed, FIGURES)
            # Judged again on the new figures, unless it was executed or closed since it was read
            Signal.objects.filter(id__in=[row.id for row in renewed], status__in=WAITING).update(
                status=Signal.PENDING
            )
        if gone:
            Signal.objects.filter(id__in=[row.id for row in gone], status__in=Signal.OPEN).update(
                status=Signal.CLOSED, closed_at=now, refreshed_at=now, close_reason=GAP_GONE
            )
        bulk.insert(
            [_notice("signal_opened", row, now) for row in fresh]
            + [_notice("signal_closed", row, now) for row in gone]
        )
    return fresh


def _do_not_wait_for_the_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")


def _notice(kind: str, row: Signal, now: datetime) -> Notice:
    text = f"{row.direction}: {row.size} contracts, net ${row.net_profit:.2f} ({row.profit_pct:.2%})"
    return Notice(
        kind=kind, severity=INFO, subject=row.id, message=text, data={"bet": row.bet_id}, created_at=now
    )


def _row(finding: Finding, known: catalogue.Catalogue, now: datetime) -> Signal:
    one, two = finding.legs[0], finding.legs[-1]
    row = Signal(
        id=f"sig_{secrets.token_hex(8)}",
        type=ARBITRAGE,
        market_a=one.market_id,
        market_b=two.market_id,
        sources=["price"],
        bet_id=finding.bet_id,
        direction=finding.direction,
        created_at=now,
    )
    return _fill_in(row, finding, known, now)


def _renew(row: Signal, finding: Finding, known: catalogue.Catalogue, now: datetime) -> Signal:
    if row.status in WAITING:
        row.status = Signal.PENDING
    return _fill_in(row, finding, known, now)


def _fill_in(row: Signal, finding: Finding, known: catalogue.Catalogue, now: datetime) -> Signal:
    m0 = known.m0.get(finding.bet_id, decision.ZERO)
    max_age_ms = int(settings.ARBSITE.signals.max_book_age_seconds * 1_000)
    now_ms = int(now.timestamp() * 1_000)
    row.profit_pct = _fits(finding.profit_pct, 4)
    row.confidence = decision.confidence(finding, m0, now_ms, max_age_ms).quantize(decision.ONE.scaleb(-4))
    row.size, row.outlay, row.net_profit = finding.size, finding.outlay, finding.net_profit
    row.edge = finding.edge
    row.annualised = None if finding.annualised is None else _fits(finding.annualised, 8)
    row.metadata = {**storing.as_json(finding), "recommended_action": decision.recommended_action(finding)}
    row.refreshed_at = now
    return row


def _fits(ratio: Any, digits: int) -> Any:
    """A ratio cut to what its column holds before the point: 9999 times the outlay is not a signal, but no crash."""
    return min(ratio, decision.ONE.scaleb(digits) - 1)


def _worth_writing(row: Signal, finding: Finding, now: datetime) -> bool:
    return row.size != finding.size or row.edge != finding.edge or now - row.refreshed_at >= REFRESH_AFTER


def _close(row: Signal, refusal: Refusal | None, now: datetime) -> Signal:
    row.status, row.closed_at, row.refreshed_at = Signal.CLOSED, now, now
    row.close_reason = refusal.code if refusal is not None else GAP_GONE
    return row


# --- judging


def decide(window_id: str, *, now_ms: int) -> int:
    """Judge the signals that a window touched; returns how many may be acted on."""
    return judge(found_in(window_id), now_ms=now_ms)


def found_in(window_id: str) -> list[str]:
    """The signals that detection opened or refreshed in a window."""
    raw = redis_client().get(keys.found(window_id))
    return raw.decode().split(",") if raw else []


def judge(signal_ids: Iterable[str], *, now_ms: int) -> int:
    """Move these signals from PENDING to what the hurdles say; returns how many became actionable."""
    ids = list(signal_ids)
    if not ids:
        return 0
    hurdles = rules.hurdles()
    judged: list[Signal] = []
    for row in Signal.objects.filter(id__in=ids, status=Signal.PENDING):
        finding = storing.finding_of(row.bet_id or "", row.direction, row.size, row.annualised, row.metadata)
        verdict = decision.decide(finding, hurdles, now_ms)
        row.status = verdict.state
        row.reasons = [{"code": reason.code, "sentence": reason.sentence} for reason in verdict.reasons]
        row.processed_at = _utc(now_ms)
        judged.append(row)
    if not judged:
        return 0
    with transaction.atomic():
        _do_not_wait_for_the_disk()
        # Only what is still pending: somebody else may have judged or executed it meanwhile
        bulk.update(Signal, judged, VERDICT, where="AND t.status = 'PENDING'")
        doubted = [row for row in judged if row.status == Signal.QUARANTINED]
        if doubted:
            _tell_doubts(doubted, _utc(now_ms))
    publishing.status(judged)
    return sum(row.status == Signal.ACTIONABLE for row in judged)


def _tell_doubts(doubted: list[Signal], now: datetime) -> None:
    """Say once for each signal that it is held back."""
    told = set(
        Notice.objects.filter(kind="signal_quarantined", subject__in=[row.id for row in doubted]).values_list(
            "subject", flat=True
        )
    )
    Notice.objects.bulk_create(
        Notice(
            kind="signal_quarantined", severity=MEDIUM, subject=row.id, created_at=now,
            message="; ".join(reason["sentence"] for reason in row.reasons),
        )
        for row in doubted
        if row.id not in told
    )  # fmt: skip


# --- what nobody confirms any more


def expire(*, now: datetime) -> int:
    """Close the open signals whose books have been silent for too long; returns how many."""
    limit = now - timedelta(seconds=settings.ARBSITE.signals.expire_seconds)
    with transaction.atomic():
        rows = list(
            Signal.objects.select_for_update(skip_locked=True).filter(
                status__in=Signal.OPEN, refreshed_at__lt=limit
            )[:500]
        )
        for row in rows:
            row.status, row.closed_at, row.close_reason = Signal.EXPIRED, now, "unconfirmed"
        Signal.objects.bulk_update(rows, ["status", "closed_at", "close_reason"])
    publishing.tell([], [], rows, now_ms=int(now.timestamp() * 1_000))
    return len(rows)


def unserved(*, now: datetime, older_than: timedelta) -> list[str]:
    """Signals that wait to be judged or executed although their window should have done it."""
    late = Q(status=Signal.PENDING) | Q(status=Signal.ACTIONABLE)
    ids = Signal.objects.filter(late, refreshed_at__lt=now - older_than).values_list("id", flat=True)
    return list(ids[:200])


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1_000, UTC).replace(microsecond=ms % 1_000 * 1_000)
