"""From PENDING to ACTIONABLE, REFUSED or QUARANTINED: every signal's verdict, its evidence, and who hears of doubts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from celery import current_app
from django.conf import settings
from django.db import transaction

from arbsite import bulk, keys
from arbsite.connections import redis_client
from arbsite.models import MEDIUM, Notice
from signals import catalogue, rules
from signals.deciding import bearing, decision, doubts, joining, refusing, tracks
from signals.deciding.decision import DOUBTS, Context, Verdict
from signals.deciding.doubts import Evidence
from signals.deciding.joining import Joined
from signals.findings import Finding
from signals.models import Refusal, Signal
from signals.records import filling, publishing, storing
from signals.records.closing import do_not_wait_for_the_disk
from signals.times import unix_ms, utc

FOUND_TTL = 60
VERDICT = {"status": "text", "reasons": "jsonb", "processed_at": "timestamptz"}
JUDGED = {**VERDICT, "refreshed_at": "timestamptz"}  # the last is column c4, whatever follows
WAITING = (Signal.PENDING, Signal.ACTIONABLE, Signal.REFUSED, Signal.QUARANTINED)
ANSWERED_EDGE = "answered_edge"  # in `recheck`: the edge that fresh books over REST have shown
MESSAGE_IDS = 20  # signals in one doorbell: messages stay under a kilobyte


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
    rows = list(Signal.objects.filter(id__in=ids, status=Signal.PENDING))
    if not rows:
        return 0
    known = catalogue.current()
    findings = [finding_of(row) for row in rows]
    plain = [context_of(row, known, now_ms=now_ms, joined=joining.NEUTRAL) for row in rows]
    verdicts, contexts = _verdicts(findings, plain, now_ms)
    for row, context, verdict in zip(rows, contexts, verdicts, strict=True):
        _note(row, context, verdict, now_ms)
    borne, told = _bear(rows, findings, contexts, now_ms)
    with transaction.atomic():
        do_not_wait_for_the_disk()
        # Only what is still pending: somebody else may have judged or executed it meanwhile. And only on the figures
        # that were judged: whoever has refreshed them judges them.
        same = "AND t.status = 'PENDING' AND t.refreshed_at = v.c4"
        bulk.update(Signal, [row for row in rows if row.id not in borne], JUDGED, where=same)
        bulk.update(Signal, list(borne.values()), {**JUDGED, **filling.BORNE}, where=same)
        doubted = [row for row in rows if row.status == Signal.QUARANTINED]
        if doubted:
            _tell_doubts(doubted, utc(now_ms))
    judged = list(zip(rows, findings, contexts, verdicts, strict=True))
    for row, finding, _, verdict in judged:
        refusing.judged(finding, verdict, row.id, now_ms, Refusal.DECIDE)
    refusing.push(now_ms)
    _ask_for_a_second_look(
        [row.id for row, finding, context, verdict in judged
         if row.status == Signal.QUARANTINED and decision.clearable(verdict, finding, context)]
    )  # fmt: skip
    publishing.status(rows)
    publishing.tell(renewed=told, now_ms=now_ms)
    return sum(row.status == Signal.ACTIONABLE for row in rows)


def finding_of(row: Signal) -> Finding:
    """The finding that lies in a signal's row."""
    return storing.finding_of(row.bet_id or "", row.direction, row.size, row.annualised, row.metadata)


def context_of(
    row: Signal, known: catalogue.Catalogue, *, now_ms: int, joined: Joined, seen: Evidence | None = None
) -> Context:
    """What a verdict on this signal depends on besides its figures; whoever decides again must pass it on.

    `joined` is what evidence does to it now (`bearing.on`); who leaves it out says so by `joining.NEUTRAL`.
    """
    risk = known.risk(row.bet_id or "")
    return Context(
        m0=risk.m0,
        m0_upper=risk.m0_upper,
        settlement=risk.settlement,
        read_by_person=risk.read_by_person,
        origin=risk.origin,
        evidence=seen or Evidence(),
        alive_ms=max(0, now_ms - unix_ms(row.created_at)),
        cleared=frozenset(code for code, until in row.cleared.items() if until > now_ms),
        answered_edge=Decimal(row.recheck[ANSWERED_EDGE]) if ANSWERED_EDGE in row.recheck else None,
        doubted=frozenset(reason["code"] for reason in row.reasons) & DOUBTS,
        joined=joined,
    )


def _bear(
    rows: Sequence[Signal], findings: Sequence[Finding], contexts: Sequence[Context], now_ms: int
) -> tuple[dict[str, Signal], list[Signal]]:
    """Put what evidence does now into the rows where it did something else before; those rows, and those to be told of."""
    borne: dict[str, Signal] = {}
    told = []
    for row, finding, context in zip(rows, findings, contexts, strict=True):
        before = storing.joined_of(row.metadata)
        if before == context.joined:
            continue
        filling.bear(row, finding, context, context.joined, rules.charges(), now_ms)
        borne[row.id] = row
        if _effects(before) != _effects(context.joined):
            told.append(row)
    return borne, told


def _effects(joined: Joined) -> set[tuple[str, str]]:
    """What people hear of: which items do what. Their probabilities fade a little at every look."""
    return {(voice.item, voice.effect) for voice in joined.voices}


def _verdicts(
    findings: Sequence[Finding], plain: Sequence[Context], now_ms: int
) -> tuple[list[Verdict], list[Context]]:
    """A first look at the figures alone; evidence and the past of the prices are read only for what passed it.

    Returns the verdicts, and the contexts with the evidence that they were given in.
    """
    hurdles = rules.hurdles()
    contexts = list(plain)
    verdicts = [
        decision.decide(finding, hurdles, now_ms, context)
        for finding, context in zip(findings, contexts, strict=True)
    ]
    passed = [at for at, verdict in enumerate(verdicts) if verdict.state == decision.ACTIONABLE]
    if not passed:
        return verdicts, contexts
    heard = bearing.of(bearing.markets_of(findings[at] for at in passed), now_ms=now_ms)
    across = {at for at in passed if doubts.across(findings[at])}
    moved = {at for at in passed if at in across or joining.wants_prices(findings[at], heard.standings)}
    seen = bearing.prices(bearing.markets_of(findings[at] for at in sorted(moved)), heard, now_ms=now_ms)
    lately = seen.since(tracks.usual(now_ms)) if heard.standings else seen
    for at in passed:
        joined = bearing.on(findings[at], heard, seen, now_ms=now_ms)
        contexts[at] = replace(contexts[at], joined=joined)
        if joined is not joining.NEUTRAL:
            verdicts[at] = decision.decide(findings[at], hurdles, now_ms, contexts[at])
        if at not in across or verdicts[at].state != decision.ACTIONABLE:
            continue
        reasons = decision.second_thoughts(findings[at], hurdles, now_ms, contexts[at], lately)
        if reasons:
            verdicts[at] = Verdict(decision.QUARANTINED, reasons)
    return verdicts, contexts


def _note(row: Signal, context: Context, verdict: Verdict, now_ms: int) -> None:
    reasons = [{"code": reason.code, "sentence": reason.sentence} for reason in verdict.reasons]
    if verdict.state == decision.REFUSED:
        # A refusal answers no doubt: it stays with the signal until a second look has cleared it
        reasons += [old for old in row.reasons if old["code"] in context.doubted]
    row.status, row.reasons, row.processed_at = verdict.state, reasons, utc(now_ms)


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


def _ask_for_a_second_look(signal_ids: list[str]) -> None:
    """Ring for the books of these signals over REST, each at most every few seconds."""
    if not signal_ids:
        return
    pause = settings.ARBSITE.signals.recheck_every_seconds
    pipe = redis_client().pipeline(transaction=False)
    for signal_id in signal_ids:
        pipe.set(keys.ring(f"recheck:{signal_id}"), 1, nx=True, ex=pause)
    due = [signal_id for signal_id, rung in zip(signal_ids, pipe.execute(), strict=True) if rung]
    for start in range(0, len(due), MESSAGE_IDS):
        part = due[start : start + MESSAGE_IDS]
        current_app.send_task("signals.recheck", kwargs={"signal_ids": ",".join(part)})
