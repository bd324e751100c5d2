"""Acting on signals with paper orders: plan on the books of now, check the limits, fill, book; one commit a window.

A signal is acted on once: its plan's unique key says so, whatever the queue does. Whoever moves money holds the
ledger's lock, so limits are checked against what is really held.
"""

import logging
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from arbsite import bulk
from arbsite.models import INFO, LOW, MEDIUM, Notice
from execution import booking, fitting, holdings, lifecycle, overlaps, paper, planning, publishing
from execution.booking import Movement
from execution.ledger import Entry, PositionKey, mergeable
from execution.ledger import merge as merge_entries
from execution.limits import Held
from execution.models import Order, Plan, Position
from execution.paper import PaperResult
from execution.planning import NoPlan, Ticket, Worked
from markets import live
from markets.bets import MarketKey
from markets.books import BookView, micro
from markets.models import Bet
from signals import catalogue, judging, refusing
from signals.catalogue import Catalogue
from signals.findings import Finding
from signals.judging import VERDICT, found_in
from signals.models import Signal

log = logging.getLogger(__name__)

PAPER = "paper"
ZERO = Decimal(0)
PRICE_STEP = Decimal("0.000001")


@dataclass(slots=True)
class Batch:
    """Everything one call writes, gathered first."""

    plans: list[Plan] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    held: Held = field(default_factory=Held)
    # What this batch has taken from each side: a paper trade leaves the real book as it was
    taken: dict[PositionKey, dict[int, int]] = field(default_factory=dict)
    # Sides whose contracts another signal that is still open has bought, by this batch or before it
    acted_on: dict[PositionKey, str] = field(default_factory=dict)


def execute(window_id: str, *, now_ms: int) -> int:
    """Act on the actionable signals of a window and let the window go; returns how many plans were made."""
    try:
        ids = found_in(window_id)
        return act_on(ids, now_ms=now_ms) if ids else 0
    finally:
        live.finish(window_id)


def act_on(signal_ids: Iterable[str], *, now_ms: int) -> int:
    """Plan and fill these signals, as far as they are actionable and nobody has acted on them."""
    if settings.ARBSITE.trading.mode != PAPER:
        return 0  # a system check refuses other modes in this release
    known = catalogue.current()
    began = time.monotonic()
    with transaction.atomic():
        signals = list(
            Signal.objects.select_related("bet")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id__in=list(signal_ids), status=Signal.ACTIONABLE, plan__isnull=True)
            .order_by("-net_profit")
        )
        if not signals:
            return 0
        holdings.lock_ledger()
        # Somebody else may have held the ledger for long: books are as old as they are now
        now_ms += int((time.monotonic() - began) * 1_000)
        now = datetime.fromtimestamp(now_ms / 1_000, UTC)
        batch = Batch(held=holdings.held(PAPER, known), acted_on=overlaps.acted_on(now))
        books = live.book_views(
            market
            for signal in signals
            if signal.bet_id in known.bets
            for market in known.bets[signal.bet_id].markets
        )
        for signal in signals:
            _act(signal, known, books, batch, now_ms, now)
        positions = _write(batch, now)
    refusing.push(now_ms)
    publishing.tell(batch.plans, batch.orders, positions.values(), batch.signals)
    return len(batch.plans)


def _act(
    signal: Signal,
    known: Catalogue,
    books: dict[MarketKey, BookView],
    batch: Batch,
    now_ms: int,
    now: datetime,
) -> None:
    """Plan one signal and, if it stands, fill its legs on the books of now."""
    finding = judging.finding_of(signal)
    planned = _planned(signal, finding, known, books, batch, now_ms)
    if isinstance(planned, NoPlan):
        signal.status, signal.processed_at = Signal.REFUSED, now
        signal.reasons = [{"code": planned.code, "sentence": planned.sentence}]
        batch.signals.append(signal)
        refusing.left(finding, planned.code, planned.sentence, signal.id, now_ms)
        return
    plan = Plan(
        id=f"plan_{secrets.token_hex(8)}", signal=signal, mode=PAPER, status=lifecycle.EXECUTING,
        size=planned.finding.size, outlay=planned.finding.outlay, expected_profit=planned.finding.net_profit,
        reason=f"limited by {planned.finding.limited_by}", created_at=now,
    )  # fmt: skip
    filled = _fill_legs(plan, planned.tickets, known, books, batch, now).filled
    alone = planning.uncovered(planned.tickets, filled)
    if not any(filled):
        plan.status, plan.reason = lifecycle.ABANDONED, "nothing filled"
    else:
        plan.status = lifecycle.PARTIAL if alone else lifecycle.FILLED
    plan.finished_at = now
    batch.plans.append(plan)
    batch.acted_on |= {ticket.side_of_book: signal.id for ticket in planned.tickets}
    signal.status, signal.processed_at = Signal.EXECUTED, now
    batch.signals.append(signal)
    severity = LOW if plan.status == lifecycle.FILLED else MEDIUM
    message = f"{planned.finding.size} × {signal.direction}, expected ${plan.expected_profit:.2f}"
    batch.notices.append(
        Notice(kind=f"plan_{plan.status.lower()}", severity=severity, subject=plan.id, message=message,
               data={"signal": signal.id, "uncovered": _names(alone)}, created_at=now)
    )  # fmt: skip


def _planned(
    signal: Signal,
    finding: Finding,
    known: Catalogue,
    books: dict[MarketKey, BookView],
    batch: Batch,
    now_ms: int,
) -> planning.Plan | NoPlan:
    """What to send for a signal, or why nothing."""
    bet = known.bets.get(signal.bet_id or "")
    # The row, too: without Redis nobody told this process that its copy is out of date
    if bet is None or signal.bet is None or signal.bet.status != Bet.ACTIVE:
        return NoPlan("bet_suspended", "the bet is not active any more")
    taken = overlaps.refusal(finding, batch.acted_on)
    if taken is not None:
        return taken
    context = judging.context_of(signal, known, now_ms=now_ms)
    return fitting.plan(bet, finding, known, books, batch.held, now_ms, context)


def _names(alone: Sequence[tuple[Ticket, Decimal]]) -> list[dict[str, str]]:
    return [
        {"platform": one.platform, "market": one.market_id, "outcome": one.outcome, "contracts": str(rest)}
        for one, rest in alone
    ]


def _fill_legs(
    plan: Plan,
    tickets: Sequence[Ticket],
    known: Catalogue,
    books: dict[MarketKey, BookView],
    batch: Batch,
    now: datetime,
) -> Worked:
    """Every leg in its turn, from the books of now."""
    orders: list[Order] = []

    def send(ticket: Ticket) -> Decimal:
        market = (ticket.platform, ticket.market_id)
        fees = known.listings[market].fees
        assert fees is not None  # planning refuses markets without fees
        taken = batch.taken.setdefault((*market, ticket.outcome), {})
        result = paper.fill(ticket, books[market], fees, ticket.time_in_force, taken=taken)
        for level in result.fills:
            taken[micro(level.price)] = taken.get(micro(level.price), 0) + micro(level.size)
        order = _order(plan, ticket, len(orders), result, now)
        orders.append(order)
        batch.held = batch.held.plus(ticket)
        batch.movements += _movements(order, ticket, result)
        return result.filled

    worked = planning.work_off(tickets, known.listings, send)
    if worked.stopped is not None:
        batch.notices.append(
            Notice(kind="leg_alone", severity=MEDIUM, subject=plan.id, message=worked.stopped.sentence,
                   data={"not_sent": len(tickets) - len(orders)}, created_at=now)
        )  # fmt: skip
    batch.orders += orders
    return worked


def _order(plan: Plan, ticket: Ticket, leg: int, result: PaperResult, now: datetime) -> Order:
    order_id = f"ord_{secrets.token_hex(8)}"
    average = result.average_price
    return Order(
        id=order_id,
        signal_id=plan.signal_id,
        plan=plan,
        leg=leg,
        platform=ticket.platform,
        market_id=ticket.market_id,
        outcome=ticket.outcome,
        side=ticket.side,
        quantity=ticket.size,
        price=ticket.limit_price,
        order_type="LIMIT",
        time_in_force=ticket.time_in_force,
        status=result.status,
        filled_qty=result.filled,
        avg_fill_price=average.quantize(PRICE_STEP) if average is not None else None,
        fee=result.cost.fee,
        mode=PAPER,
        client_order_id=order_id,
        created_at=now,
        updated_at=now,
    )


def _movements(order: Order, ticket: Ticket, result: PaperResult) -> list[Movement]:
    return [
        Movement(
            Entry(
                ticket.platform,
                ticket.market_id,
                ticket.outcome,
                ticket.side,
                fill.size,
                fill.price,
                fill.fee,
            ),
            trade_id=f"{order.id}:{number}",
            order_id=order.id,
        )
        for number, fill in enumerate(result.fills)
    ]


def _write(batch: Batch, now: datetime) -> dict[PositionKey, Position]:
    """All rows of a batch, in few statements."""
    bulk.insert(batch.plans)
    bulk.insert(batch.orders)
    positions = booking.book(batch.movements, mode=PAPER, now=now)
    positions |= booking.book(_merges(positions), mode=PAPER, now=now)
    bulk.update(Signal, batch.signals, VERDICT)
    batch.notices += [
        Notice(kind="order_filled", severity=INFO, subject=order.id, created_at=now, data={"plan": order.plan_id},
               message=f"{order.side} {order.filled_qty} {order.outcome} at {order.avg_fill_price}: {order.market_id}")
        for order in batch.orders if order.filled_qty
    ]  # fmt: skip
    bulk.insert(batch.notices)
    return positions


def _merges(positions: dict[PositionKey, Position]) -> list[Movement]:
    """YES and NO of one market are a dollar at once: the platforms net or merge them."""
    values = {key: holdings.value_of(row) for key, row in positions.items()}
    movements = []
    for platform, market_id in sorted({key[:2] for key in positions}):
        quantity = mergeable(values, platform, market_id)
        if quantity > 0:
            number = secrets.token_hex(8)
            movements += [
                Movement(entry, trade_id=f"merge_{number}:{entry.outcome}")
                for entry in merge_entries(values, platform, market_id, quantity)
            ]
    return movements
