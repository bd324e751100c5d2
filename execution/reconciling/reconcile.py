"""Reconciliation: ours beside the platform's, repaired where it is safe, and blocking where it is not.

A platform that cannot be asked is *unknown*: the run has neither passed nor failed, and what was known stays known.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from arbsite.models import HIGH, MEDIUM, Notice
from execution.halting import halts
from execution.ledger import Entry
from execution.models import CashMovement, Difference, Fill, Reconciliation
from execution.orders.trading import trading
from execution.portfolio import booking, holdings
from execution.portfolio import services as portfolio
from execution.reconciling import comparing, difference_rows, gathering, repairing
from execution.reconciling.comparing import Finding, Ours, Theirs
from execution.reconciling.difference_rows import blocking
from execution.reconciling.repairing import Place
from markets.platforms.base import PlatformError

__all__ = ["CannotAccept", "accept", "blocking", "due", "run"]

log = logging.getLogger(__name__)

PAPER = "paper"
START, ORDERS, POSITIONS, FULL, RECONNECT, DEMAND = Reconciliation.REASONS
OVERLAP = timedelta(minutes=10)  # of one look with the next: lists lag
LONG = timedelta(days=1)  # how far a full look reaches back beyond the last one
ROUNDS = 3
FEW = 3  # more differences than these, and the platform is halted
NOT_ASKED = (PlatformError, OSError)


def run(platform: str, reason: str, *, now: datetime, mode: str = "") -> Reconciliation:
    """Compare, repair what is safe, write what is left. Never raises for a platform that cannot be asked.

    Call it outside of any transaction: nothing stays locked while a platform is asked.
    """
    mode = mode or settings.ARBSITE.trading.mode
    with _alone(mode, platform):
        row = Reconciliation.objects.create(mode=mode, platform=platform, reason=reason, started_at=now)
        if mode == PAPER:
            return _finish(row, _ledger_only(row, now), now)
        try:
            counts = _Run(row, now).work()
        except NOT_ASKED as error:
            return _unknown(row, str(error), now)
        return _finish(row, counts, now)


def _listed_before(row: Reconciliation) -> list[str]:
    """What the platform listed when our books of it began."""
    rows = Reconciliation.objects.filter(
        mode=row.mode, platform=row.platform, counts__has_key=repairing.LISTED
    )
    return next(
        (list(one[repairing.LISTED]) for one in rows.order_by("id").values_list("counts", flat=True)), []
    )


@contextmanager
def _alone(mode: str, platform: str) -> Iterator[None]:
    """One reconciliation of a platform at a time, whoever asks for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"reconcile:{mode}:{platform}"])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [f"reconcile:{mode}:{platform}"])


class _Run:
    """One comparison of a platform that can be asked."""

    def __init__(self, row: Reconciliation, now: datetime) -> None:
        self.row, self.now = row, now
        self.place = Place(trading(row.platform, row.mode), row.mode, now)
        self.stocks = row.reason != ORDERS
        self.opened = repairing.is_open(row.mode, row.platform)
        self.terms = gathering.terms(row.platform, self.opened or now, _listed_before(row))

    def work(self) -> dict[str, int]:
        """Look, repair, look again, write down. Raises PlatformError."""
        if self.opened is None:
            self.stocks = True
        said = self._ask()
        opened = 0
        if self.opened is None:
            opened = repairing.open_books(said, self.place, self.row)
            self.terms = gathering.terms(self.row.platform, self.now, _listed_before(self.row))
        repaired = self._until_quiet(said)
        left = self._left(self._ours(said), said)
        again = self._second_looks(left)
        repaired |= self._repaired(again)
        if again:
            left = self._left(self._ours(said), said)
        self._write(left, [one for one in repaired.values() if not one.quiet])
        return {
            "orders": len(said.orders), "fills": len(said.fills), "positions": len(said.holdings or ()),
            "cash_movements": len(said.moves), "opened": opened, "repaired": len(repaired), "left": len(left),
        }  # fmt: skip

    def _until_quiet(self, said: Theirs) -> dict[tuple[str, str], Finding]:
        """Repair what happened, again while one repair shows the next: two trades by hand are a pair that was netted."""
        repaired: dict[tuple[str, str], Finding] = {}
        for _ in range(ROUNDS):
            found = [
                one for one in self._events(self._ours(said), said) if (one.kind, one.subject) not in repaired
            ]
            done = self._repaired(found)
            if not done:
                break
            repaired |= done
        return repaired

    def _ask(self) -> Theirs:
        return gathering.theirs(
            self.place.trade,
            self.row.mode,
            since=self._since(),
            stocks=self.stocks,
            terms=self.terms,
            now=self.now,
        )

    def _since(self) -> datetime:
        """How far back their lists are read: from the last look that got an answer, with an overlap."""
        last = (
            Reconciliation.objects.filter(
                mode=self.row.mode, platform=self.row.platform, passed__isnull=False
            )
            .exclude(reason=ORDERS if self.stocks else "")
            .order_by("-id")
            .values_list("started_at", flat=True)
            .first()
        )
        back = LONG if self.row.reason in (START, FULL, DEMAND) else OVERLAP
        return (last or self.opened or self.now) - back

    def _ours(self, said: Theirs) -> Ours:
        return gathering.ours(self.row.mode, self.row.platform, said, terms=self.terms, now=self.now)

    def _events(self, ours: Ours, said: Theirs) -> list[Finding]:
        return comparing.events(ours, said, now=self.now, terms=self.terms)

    def _left(self, ours: Ours, said: Theirs) -> list[Finding]:
        found = comparing.compare(ours, said, now=self.now, terms=self.terms)
        if self.row.reason in (START, FULL, DEMAND):
            found += _ledger_findings(self.row.mode, self.row.platform, self.now)
        return [one for one in found if not one.quiet]

    def _repaired(self, findings: Sequence[Finding]) -> dict[tuple[str, str], Finding]:
        """What was put right, each with what was done."""
        done = {}
        for finding in findings:
            how = repairing.repair(finding, self.place)
            if how and finding.repair != comparing.CANCEL:  # that is seen next time
                done[finding.kind, finding.subject] = replace(finding, repair=how)
        return done

    def _second_looks(self, left: list[Finding]) -> list[Finding]:
        old = self.now - self.terms.in_flight
        waited = {
            (row.kind, row.subject): (row.ours, row.theirs)
            for row in difference_rows.open_ones(self.row.mode, self.row.platform)
            if row.found_at <= old
        }
        return repairing.second_looks(left, waited, self.place)

    def _write(self, left: list[Finding], repaired: list[Finding]) -> None:
        kinds = set(comparing.ORDERS_KINDS)
        if self.stocks:
            kinds |= comparing.STOCK_KINDS
        if self.row.reason in (START, FULL, DEMAND):
            kinds.add(comparing.LEDGER)
        still = {(one.kind, one.subject) for one in left}
        repaired = [one for one in repaired if (one.kind, one.subject) not in still]
        rows = difference_rows.keep(
            left, repaired, mode=self.row.mode, platform=self.row.platform, kinds=kinds, now=self.now
        )
        _halt_for(rows, self.row.platform, self.now, self.now - self.terms.in_flight)


def _halt_for(rows: Sequence[Difference], platform: str, now: datetime, old: datetime) -> None:
    """Stop the whole platform where its cash differs, or more than a few things do, and a second look saw it again."""
    lasting = [row for row in rows if row.found_at <= old]
    cash = [row for row in lasting if row.kind == comparing.CASH]
    if cash:
        halts.trip(
            "cash_differs", f"{cash[0].sentence} Compare the platform's account page with the report, then accept the"
            " difference and resume.", by=difference_rows.OURSELVES, platform=platform, now=now,
        )  # fmt: skip
    if len(lasting) > FEW:
        halts.trip(
            "differences", f"{len(lasting)} differences could not be repaired; the first is: {lasting[0].sentence}",
            by=difference_rows.OURSELVES, platform=platform, now=now,
        )  # fmt: skip


# --- our own tables


def _ledger_only(row: Reconciliation, now: datetime) -> dict[str, int]:
    """In paper mode there is nobody to ask: our tables beside each other."""
    found = _ledger_findings(row.mode, row.platform, now)
    difference_rows.keep(found, [], mode=row.mode, platform=row.platform, kinds={comparing.LEDGER}, now=now)
    return {"left": len(found), "repaired": 0}


def _ledger_findings(mode: str, platform: str, now: datetime) -> list[Finding]:
    """Positions that are not the sum of their fills, accounts that are not the sum of their movements."""
    sentences = [*portfolio.reconcile(now=now, mode=mode), *_account_sentences(mode)]
    return [
        Finding(comparing.LEDGER, sentence.split(": ", 1)[0], None, "", "", sentence)
        for sentence in sentences
        if sentence.startswith(platform)
    ]


def _account_sentences(mode: str) -> list[str]:
    return list(holdings.accounts_differ(mode))


# --- ends


def _finish(row: Reconciliation, counts: dict[str, Any], now: datetime) -> Reconciliation:
    row.counts = {**row.counts, **counts, "open": len(difference_rows.open_ones(row.mode, row.platform))}
    row.passed = not row.counts["open"]
    row.finished_at = timezone.now()
    row.save(update_fields=["counts", "passed", "finished_at"])
    if not row.passed and row.reason == START:
        Notice.objects.record(
            "reconciliation_failed", row.platform,
            f"{row.counts['open']} differences with {row.platform} are open: no orders go there before they are gone.",
            severity=HIGH, at=now,
        )  # fmt: skip
    return row


def _unknown(row: Reconciliation, why: str, now: datetime) -> Reconciliation:
    """Nothing was learnt. Told once, when it begins."""
    before = (
        Reconciliation.objects.filter(mode=row.mode, platform=row.platform, pk__lt=row.pk)
        .order_by("-id")
        .first()
    )
    row.error, row.finished_at = why, timezone.now()
    row.save(update_fields=["error", "finished_at"])
    if before is None or before.passed is not None:
        Notice.objects.record(
            "reconciliation_unknown", row.platform,
            f"{row.platform} could not be asked ({why}); what we hold there is as it was known before.",
            severity=MEDIUM, at=now,
        )  # fmt: skip
    return row


def due(platform: str, now: datetime, *, mode: str = "") -> str | None:
    """What is to be looked at now: positions and cash, or open orders; None where both were lately.

    A look that got no answer is tried again with the orders' rhythm. Paper mode has nobody to ask.
    """
    mode = mode or settings.ARBSITE.trading.mode
    if mode == PAPER:
        return None
    config = settings.ARBSITE.execution
    rows = Reconciliation.objects.filter(mode=mode, platform=platform).order_by("-id")
    last = rows.values_list("started_at", flat=True).first()
    if last is None:
        return START
    if now - last < timedelta(seconds=config.reconcile_orders_seconds):
        return None
    thorough = (
        rows.exclude(reason=ORDERS).filter(passed__isnull=False).values_list("started_at", flat=True).first()
    )
    if thorough is None or now - thorough >= timedelta(seconds=config.reconcile_positions_seconds):
        return POSITIONS
    return ORDERS


# --- a person's word


class CannotAccept(ValueError):
    """The difference cannot be accepted; the message says why."""


def accept(difference: Difference, person: Any, why: str, *, now: datetime) -> Difference:
    """Take the platform's word: our books are set to what it says, and trading on the market may go on.

    Raises CannotAccept without the permission or a reason, and for what is closed. Contracts come or go at no price,
    for what they cost or brought is in the cash, which is compared by itself.
    """
    if not person.has_perm("execution.can_resume"):
        raise CannotAccept(
            f"{person.get_username()} may not accept differences: that needs the permission can_resume"
        )
    if not why.strip():
        raise CannotAccept("say why the platform is right")
    how = f"accepted by {person.get_username()}: {why.strip()}"
    with transaction.atomic():
        holdings.lock_ledger()
        row = Difference.objects.select_for_update().get(pk=difference.pk)
        if row.closed_at is not None:
            raise CannotAccept(f"it was closed by {row.closed_by} already")
        _take_their_word(row, how, now)
        difference_rows.close(row, how, person.get_username(), now=now)
        row.refresh_from_db()
    return row


def _take_their_word(row: Difference, how: str, now: datetime) -> None:
    amount = difference_rows.gap(row)
    if row.kind == comparing.CASH and amount:
        booking.move_cash(
            row.mode, row.platform, amount, CashMovement.CORRECTION, f"difference:{row.pk}", now=now,
            shard=int(row.subject.removeprefix("shard ")), why=how,
        )  # fmt: skip
    elif row.kind in (comparing.CASH, comparing.POSITION) and amount is None:
        raise CannotAccept(
            "orders or trades are still in flight; reconcile again and accept what is left then"
        )
    elif row.kind == comparing.POSITION and amount and row.market_id:
        _correct_position(row, amount, now)


def _correct_position(row: Difference, amount: Decimal, now: datetime) -> None:
    outcome = row.subject.rsplit(":", 1)[1]
    held = {key[2]: one.quantity for key, one in holdings.rows_of(row.mode, [str(row.market_id)]).items()}
    movements = [
        booking.Movement(
            Entry(
                row.platform,
                str(row.market_id),
                piece.outcome,
                piece.side,
                piece.contracts,
                Decimal(0),
                kind=Fill.HAND,
            ),
            trade_id=f"difference:{row.pk}:{piece.outcome}",
        )
        for piece in comparing.correction(outcome, amount, held, nets=row.platform in gathering.NETS)
    ]
    booking.book(movements, mode=row.mode, now=now)
