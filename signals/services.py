"""Signals from live books: open, refresh, close. One small transaction a window, none where nothing is found.

A signal is no money: its commits do not wait for the disk (`synchronous_commit` off). A crash of PostgreSQL loses at
most the last moments of signals, which the next window finds again; the order that acts on one is committed for sure,
and with it everything before. Judging is in `signals.deciding.judging`, ends without a new book in `records.closing`.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from arbsite import bulk, keys
from arbsite.connections import redis_client
from arbsite.models import INFO, Notice
from markets import live
from markets.bets import Bet as BetValue
from signals import catalogue, rules
from signals.deciding import decision, judging, refusing
from signals.deciding.judging import VERDICT, WAITING, decide, found_in, judge
from signals.detection import detector
from signals.edge import Charges
from signals.findings import (
    BOOK_FUTURE,
    BOOK_MALFORMED,
    BOOK_MISSING,
    BOOK_STALE,
    BOOKS_APART,
    Finding,
    Refusal,
)
from signals.models import ARBITRAGE, COMPOSITE, Signal
from signals.records import closing, publishing
from signals.records.closing import GAP_GONE, GONE, do_not_wait_for_the_disk, expire
from signals.records.filling import fill_in
from signals.times import utc

__all__ = ["VERDICT", "decide", "detect", "examine", "expire", "found_in", "judge", "scan", "unserved"]

REFRESH_AFTER = timedelta(seconds=1)  # a row that says nearly the same is not written more often
# Nothing is known of a gap whose books cannot be read
UNSEEN = frozenset({BOOK_MISSING, BOOK_STALE, BOOK_FUTURE, BOOKS_APART, BOOK_MALFORMED})
DOUBTS_LAST = timedelta(minutes=1)  # after the signal that was held for them
BATCH = 500  # bets, or books, that a scan takes at once
FIGURES = {
    "profit_pct": "numeric", "confidence": "numeric", "metadata": "jsonb", "size": "numeric", "outlay": "numeric",
    "net_profit": "numeric", "edge": "numeric", "annualised": "numeric", "expected_edge": "numeric",
    "half_profit": "numeric", "sources": "jsonb", "refreshed_at": "timestamptz",
}  # fmt: skip


def detect(window_id: str, *, now_ms: int) -> int:
    """Look at every bet that a window touched; returns how many signals were opened, refreshed or closed."""
    markets = live.touched(window_id)
    if not markets:
        return 0
    known = catalogue.current()
    bets = known.touched(live.platform_of(window_id), markets)
    return examine(bets, known, now_ms=now_ms, window_id=window_id)


def scan(*, clock: Callable[[], int], platforms: Iterable[str] | None = None) -> int:
    """Look at every active bet (of these platforms only) and judge what came out; returns how many signals changed.

    `clock` gives Unix ms: books go on changing while a large scan runs.
    """
    known = catalogue.current()
    allowed = set(platforms) if platforms is not None else None
    bets = [
        bet
        for bet in list(known.bets.values())
        if allowed is None or all(platform in allowed for platform, _ in bet.markets)
    ]
    looked = _worth_a_look(bets, known)
    changed = 0
    for start in range(0, len(looked), BATCH):
        now_ms = clock()
        window_id = f"scan:{now_ms}:{start}"
        changed += examine(looked[start : start + BATCH], known, now_ms=now_ms, window_id=window_id)
        judging.decide(window_id, now_ms=clock())
    refusing.push(clock(), at_once=True)
    return changed


def _worth_a_look(bets: Sequence[BetValue], known: catalogue.Catalogue) -> list[BetValue]:
    """The bets that the screen lets pass on the live books of now, and those with an open signal."""
    markets = list(dict.fromkeys(market for bet in bets for market in bet.markets))
    for start in range(0, len(markets), BATCH):
        part = markets[start : start + BATCH]
        views = live.book_views(part)
        for market in part:
            known.screen.update(market, views.get(market))
    wanted = set(known.screen.survivors())
    wanted |= set(
        Signal.objects.filter(status__in=Signal.OPEN, bet__isnull=False).values_list("bet_id", flat=True)
    )
    return [bet for bet in bets if bet.id in wanted]


def examine(bets: Sequence[BetValue], known: catalogue.Catalogue, *, now_ms: int, window_id: str) -> int:
    """Detect on these bets' live books and write what came out."""
    if not bets:
        return 0
    books = live.book_views(market for bet in bets for market in bet.markets)
    limits = rules.rules()
    findings: list[Finding] = []
    refused: list[Refusal] = []
    for bet in bets:
        result = detector.find(bet, books, known.listings, limits, now_ms, known.certificates)
        findings += result.findings
        refused += result.refusals
    refusals = {(refusal.bet_id, refusal.direction): refusal for refusal in refused}
    refusing.detected(refused, now_ms)  # all of them: a wide bet has one for each market it has to leave out
    refusing.push(now_ms)
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
    now = utc(now_ms)
    found = {(finding.bet_id, finding.direction): finding for finding in findings}
    charges = rules.charges()
    fresh = [_row(finding, known, charges, now) for key, finding in found.items() if key not in standing]
    _remember_doubts(fresh, now)
    renewed = [
        _renew(row, found[key], known, charges, now)
        for key, row in standing.items()
        if key in found and row.refreshed_at <= now and _worth_writing(row, found[key], now)
    ]
    # What was confirmed later than these books were read is not ours to end: another worker saw newer ones
    gone = []
    for (bet_id, direction), row in standing.items():
        why = refusals.get((str(bet_id), direction)) or refusals.get((str(bet_id), ""))
        if (bet_id, direction) in found or row.refreshed_at > now:
            continue
        if row.status == Signal.EXECUTED and why is not None and why.code in UNSEEN:
            continue  # nobody saw its gap go: opened anew, the same levels would be bought again
        gone.append(_end(row, why, now))
    if fresh or renewed or gone:
        fresh = _store(fresh, renewed, gone, now)
        publishing.tell(fresh, renewed, gone, now_ms=now_ms)
    live_ids = [row.id for row in (*fresh, *renewed)]
    if live_ids:
        redis_client().set(keys.found(window_id), ",".join(live_ids), ex=judging.FOUND_TTL)
    return len(fresh) + len(renewed) + len(gone)


def _store(fresh: list[Signal], renewed: list[Signal], gone: list[Signal], now: datetime) -> list[Signal]:
    """One transaction; returns those of `fresh` that nobody else had opened in the meantime."""
    with transaction.atomic():
        do_not_wait_for_the_disk()
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
            bulk.update(Signal, gone, GONE, where=closing.STILL_OPEN)
        bulk.insert(
            [_notice("signal_opened", row, now) for row in fresh]
            + [_notice("signal_closed", row, now) for row in gone]
        )
    return fresh


def _notice(kind: str, row: Signal, now: datetime) -> Notice:
    text = f"{row.direction}: {row.size} contracts, net ${row.net_profit:.2f} ({row.profit_pct:.2%})"
    return Notice(
        kind=kind, severity=INFO, subject=row.id, message=text, data={"bet": row.bet_id}, created_at=now
    )


def _remember_doubts(fresh: Sequence[Signal], now: datetime) -> None:
    """A gap that flickers comes back as a new row: what the last one was held for is not answered by that."""
    if not fresh:
        return
    lately = Signal.objects.filter(
        bet_id__in={row.bet_id for row in fresh},
        status__in=(Signal.CLOSED, Signal.EXPIRED),
        closed_at__gt=now - DOUBTS_LAST,
    )
    held = {
        (row.bet_id, row.direction): row.reasons
        for row in lately.order_by("closed_at").only("bet_id", "direction", "reasons")
    }
    for row in fresh:
        reasons = held.get((row.bet_id, row.direction), [])
        row.reasons = [reason for reason in reasons if reason["code"] in decision.DOUBTS]


def _row(finding: Finding, known: catalogue.Catalogue, charges: Charges, now: datetime) -> Signal:
    one, two = finding.legs[0], finding.legs[-1]
    label = known.risk(finding.bet_id).label
    row = Signal(
        id=f"sig_{secrets.token_hex(8)}",
        # The specification has no word for a spread; `composite` is its word for what prices alone do not decide
        type=ARBITRAGE if label == decision.ARBITRAGE else COMPOSITE,
        label=label,
        kind=finding.kind,
        market_a=one.market_id,
        market_b=two.market_id,
        sources=["price"],
        bet_id=finding.bet_id,
        direction=finding.direction,
        created_at=now,
    )
    return fill_in(row, finding, known, charges, now)


def _renew(
    row: Signal, finding: Finding, known: catalogue.Catalogue, charges: Charges, now: datetime
) -> Signal:
    if row.status in WAITING:
        row.status = Signal.PENDING
    return fill_in(row, finding, known, charges, now)


def _worth_writing(row: Signal, finding: Finding, now: datetime) -> bool:
    # The column keeps six decimals of the edge: compared as stored, or every look would seem news
    edge = finding.edge.quantize(decision.ONE.scaleb(-6))
    return row.size != finding.size or row.edge != edge or now - row.refreshed_at >= REFRESH_AFTER


def _end(row: Signal, refusal: Refusal | None, now: datetime) -> Signal:
    return closing.end(row, refusal.code if refusal is not None else GAP_GONE, now)


def unserved(*, now: datetime, older_than: timedelta) -> list[str]:
    """Signals that wait to be judged or executed although their window should have done it."""
    late = Q(status=Signal.PENDING) | Q(status=Signal.ACTIONABLE)
    ids = Signal.objects.filter(late, refreshed_at__lt=now - older_than).values_list("id", flat=True)
    return list(ids[:200])
