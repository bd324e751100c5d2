"""The second look: a quarantined signal's books are read over REST before anything is sent.

It runs on the queue `rest`, away from the windows: a platform may take seconds to answer, and our own rate limit may
make us wait for longer. Fresh books answer doubts about prices only (`decision.REST_CLEARS`); a doubt about the match
ends with a person, through `release`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from arbsite import bulk
from arbsite.models import HIGH, INFO, Notice
from markets import clients
from markets.bets import MarketKey
from markets.books import BookView
from markets.models import Market
from markets.platforms.base import PlatformError
from markets.store import info_of
from signals import catalogue, rules, services
from signals.deciding import bearing, decision, judging, refusing, tracks
from signals.deciding.bearing import Heard
from signals.deciding.decision import DOUBTS, REST_CLEARS, WAS_DOUBTED, Reason, Verdict
from signals.deciding.doubts import Evidence
from signals.detection import detector
from signals.findings import Finding
from signals.models import Refusal, Signal
from signals.records import filling, publishing
from signals.times import unix_ms, utc

GONE = "recheck_gap_gone"
LOOKED = {"rechecked_at": "timestamptz", "recheck": "jsonb", "cleared": "jsonb"}


class ReleaseError(ValueError):
    """A signal that cannot be released; the message says why."""


def recheck(signal_ids: Iterable[str], *, clock: Callable[[], int]) -> int:
    """Read the books of these quarantined signals and release what they confirm; returns how many were released."""
    known = catalogue.current()
    rows = [
        row
        for row in Signal.objects.filter(
            Q(status=Signal.QUARANTINED) | Q(status=Signal.PENDING), id__in=list(signal_ids)
        )
        if row.bet_id in known.bets
    ]
    if not rows:
        return 0
    asked = {row.id: _doubts(row) for row in rows}
    markets = {market for row in rows for market in known.bets[str(row.bet_id)].markets}
    books, failed = read_books(markets, clock)
    now_ms = clock()
    # A signal that was held for its figures has never been judged by the past of its prices
    heard = bearing.of(markets, now_ms=now_ms)
    seen = bearing.prices(markets, heard, now_ms=now_ms)
    released = []
    for row in rows:
        silent = sorted({platform for platform, _ in known.bets[str(row.bet_id)].markets} & failed.keys())
        if silent:
            row.rechecked_at, row.recheck = utc(now_ms), {"error": failed[silent[0]][:500]}
        elif _look(row, known, books, seen, heard, now_ms):
            released.append(row)
    released = _write(rows, released, asked, utc(now_ms))
    refusing.push(now_ms, at_once=True)
    return len(released)


def _doubts(row: Signal) -> set[str]:
    return {reason["code"] for reason in row.reasons} & DOUBTS


def read_books(
    markets: Iterable[MarketKey], clock: Callable[[], int]
) -> tuple[dict[MarketKey, BookView], dict[str, str]]:
    """Fresh books over REST, as of when the answer came; and why a platform did not answer."""
    infos = [info_of(row) for row in Market.objects.filter(id__in=[market_id for _, market_id in markets])]
    books: dict[MarketKey, BookView] = {}
    failed: dict[str, str] = {}
    for platform in sorted({info.platform for info in infos}):
        wanted = [clients.feed_market(info) for info in infos if info.platform == platform]
        try:
            found = clients.rest(platform).books(wanted)
        except PlatformError as error:
            failed[platform] = str(error)
            continue
        at_ms = clock()
        for book in found:
            books[platform, book.market_id] = BookView(
                platform, book.market_id, book.bids, book.asks, at_ms, at_ms
            )
    return books, failed


def _look(
    row: Signal,
    known: catalogue.Catalogue,
    books: dict[MarketKey, BookView],
    seen: Evidence,
    heard: Heard,
    now_ms: int,
) -> bool:
    """Judge one signal on fresh books; True where it may be acted on. Its row is changed, not written."""
    bet, before = known.bets[str(row.bet_id)], judging.finding_of(row)
    result = detector.find(bet, books, known.listings, rules.rules(), now_ms)
    fresh = next((found for found in result.findings if found.direction == row.direction), None)
    row.rechecked_at = utc(now_ms)
    if fresh is None:
        why = next((no.sentence for no in result.refusals if no.direction in (row.direction, "")), "no gap")
        sentence = f"over REST there is nothing to be had: {why}"
        row.recheck = {"seen": sentence}
        _refuse(row, before, Reason(GONE, sentence), now_ms)
        return False
    joined = bearing.on(fresh, heard, seen, now_ms=now_ms)
    lately = seen.since(tracks.usual(now_ms)) if heard.standings else seen
    context = judging.context_of(row, known, now_ms=now_ms, joined=joined, seen=lately)
    doubts = context.doubted
    row.recheck = _seen(fresh)
    verdict = decision.decide(fresh, rules.hurdles(), now_ms, context)
    if verdict.state == decision.REFUSED:
        _refuse(row, fresh, verdict.reasons[0], now_ms)
        return False
    asked = Verdict(
        decision.QUARANTINED, tuple(Reason(code, "") for code in sorted(doubts - context.cleared))
    )
    for one in (verdict, asked):
        if not decision.clearable(one, fresh, context):
            refusing.judged(fresh, verdict, row.id, now_ms, Refusal.RECHECK)
            _hold(row, verdict)
            return False
    answered = ({reason.code for reason in verdict.reasons} | doubts | {WAS_DOUBTED}) & REST_CLEARS
    until = now_ms + settings.ARBSITE.signals.recheck_valid_seconds * 1_000
    row.cleared = {**row.cleared, **dict.fromkeys(sorted(answered), until)}
    # Until the next window looks, it is worth what REST has shown: no more than that is planned
    filling.fill_in(row, fresh, known, rules.charges(), utc(now_ms), joined)
    row.recheck[judging.ANSWERED_EDGE] = str(fresh.edge)
    row.status, row.reasons, row.processed_at = Signal.ACTIONABLE, [], utc(now_ms)
    return True


def _hold(row: Signal, verdict: Verdict) -> None:
    """Doubts that came up only now join those it is held for."""
    held = _doubts(row)
    row.status = Signal.QUARANTINED
    row.reasons = row.reasons + [
        {"code": reason.code, "sentence": reason.sentence}
        for reason in verdict.reasons
        if reason.code not in held
    ]


def _refuse(row: Signal, finding: Finding, reason: Reason, now_ms: int) -> None:
    kept = [old for old in row.reasons if old["code"] in DOUBTS]
    row.status, row.processed_at = Signal.REFUSED, utc(now_ms)
    row.reasons = [{"code": reason.code, "sentence": reason.sentence}, *kept]
    refusing.judged(finding, Verdict(decision.REFUSED, (reason,)), row.id, now_ms, Refusal.RECHECK)


def _seen(finding: Finding) -> dict[str, Any]:
    return {
        "seen": "the gap is there over REST",
        "edge": str(finding.edge),
        "size": str(finding.size),
        "net_profit": str(finding.net_profit),
        "prices": {f"{leg.platform}:{leg.market_id}": str(leg.best_price) for leg in finding.legs},
    }


def _write(
    rows: list[Signal], released: list[Signal], asked: dict[str, set[str]], now: datetime
) -> list[Signal]:
    """What was seen goes to every row that nobody has executed or closed meanwhile; returns those really released.

    A platform may take seconds to answer. Where a doubt has come up since then, the verdict knew nothing of it: the
    row stays held, and is looked at again.
    """
    with transaction.atomic():
        waiting = {
            row.pk: row
            for row in Signal.objects.select_for_update(of=("self",))
            .filter(pk__in=asked, status__in=(Signal.QUARANTINED, Signal.PENDING))
            .order_by("pk")
        }
        rows = [row for row in rows if row.id in waiting and _doubts(waiting[row.id]) <= asked[row.id]]
        released = [row for row in released if row in rows]
        refused = [row for row in rows if row.status == Signal.REFUSED]
        held = [row for row in rows if row.status == Signal.QUARANTINED and _doubts(row) > asked[row.id]]
        bulk.update(Signal, rows, LOOKED)
        bulk.update(Signal, [*refused, *held], judging.VERDICT)
        bulk.update(Signal, released, {**services.FIGURES, **judging.VERDICT})
        bulk.insert(
            [
                Notice(kind="signal_released", severity=INFO, subject=row.id, created_at=now, data=row.recheck,
                       message=f"{row.direction}: confirmed over REST, edge {row.edge:.4f}")
                for row in released
            ]
        )  # fmt: skip
    publishing.status([*refused, *held])
    publishing.tell(released=released, now_ms=unix_ms(now))
    return released


def release(signal_id: str, user: Any, *, now: datetime) -> Signal:
    """A person has read both markets and lets a quarantined signal be judged without its doubts for a while.

    Raises ReleaseError where it is not held. Every hurdle still applies, and the figures must still be there.
    """
    with transaction.atomic():
        row = Signal.objects.select_for_update(of=("self",)).filter(pk=signal_id).first()
        if row is None or row.status != Signal.QUARANTINED:
            raise ReleaseError("Only a signal in quarantine can be released.")
        until = unix_ms(now + timedelta(minutes=settings.ARBSITE.signals.release_minutes))
        codes = sorted(_doubts(row) | {WAS_DOUBTED})
        row.cleared = {**row.cleared, **dict.fromkeys(codes, until)}
        row.recheck.pop(judging.ANSWERED_EDGE, None)  # a person answers for any edge
        row.status = Signal.PENDING
        row.save(update_fields=["cleared", "recheck", "status"])
        Notice.objects.record(
            "signal_released", row.id, f"{user} released it from quarantine: {', '.join(codes)}",
            severity=HIGH, at=now, user=str(user),
        )  # fmt: skip
    return row
