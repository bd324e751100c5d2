"""Acting on signals: plan on the books of now, check the limits, reserve, and ring the executor; one commit a window.

A signal is acted on once: its plan's unique key says so, whatever the queue does. Nothing is sent here: the plan and its
orders, all PLANNED, are the intent, and `manage.py trade` works them. Whoever makes intents holds the ledger's lock, so
limits are checked against what is really held and reserved.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from arbsite import bulk
from execution import crashpoints, lifecycle, publishing, ringing
from execution.halting import halts, pauses
from execution.ledger import PositionKey
from execution.limits import Held
from execution.models import Order, Plan, PlanStep
from execution.orders.ordering import new_id
from execution.plans import at_once, fitting, overlaps, planning, shadows, storing
from execution.plans.planning import NoPlan, Ticket
from execution.portfolio import holdings
from markets import live
from markets.bets import MarketKey
from markets.books import BookView
from markets.models import Bet
from signals import catalogue, fill_rates, scanning
from signals.catalogue import Catalogue
from signals.deciding import bearing, joining, judging, refusing
from signals.deciding.bearing import Heard
from signals.deciding.doubts import Evidence
from signals.deciding.joining import Joined
from signals.deciding.judging import VERDICT, found_in
from signals.findings import Finding
from signals.models import Signal

EDGE_STEP, MONEY_STEP = Decimal("0.000001"), Decimal("0.000001")


@dataclass(slots=True)
class Batch:
    """Everything one call writes, gathered first."""

    mode: str
    plans: list[Plan] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    steps: list[PlanStep] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    held: Held = field(default_factory=Held)
    # Sides whose contracts another signal that is still open has bought, by this batch or before it
    acted_on: dict[PositionKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Present:
    """What the markets of some signals are like at this moment: their books, and what bears on them."""

    books: dict[MarketKey, BookView]
    heard: Heard
    seen: Evidence  # their recent mids, read only where a claim about the direction stands


@dataclass(frozen=True, slots=True)
class Asked:
    """A person's wish to act on a signal: who, at most how much payoff (dollars), the key of a repeatable request."""

    by: str
    most: Decimal | None = None
    key: str | None = None


def execute(window_id: str, *, now_ms: int) -> int:
    """Act on the actionable signals of a window and let the window go; returns how many plans were made."""
    try:
        ids = found_in(window_id)
        return act_on(ids, now_ms=now_ms) if ids else 0
    finally:
        live.finish(window_id)


def act_on(signal_ids: Iterable[str], *, now_ms: int, asked: Asked | None = None) -> int:
    """Make plans for these signals, as far as they are actionable and nobody has acted on them; returns how many.

    What a person `asked` for and cannot be had leaves the signal as it is: it was their size that did not fit.
    """
    mode = settings.ARBSITE.trading.mode
    known = catalogue.current()
    began = time.monotonic()
    with transaction.atomic():
        signals = list(
            Signal.objects.select_related("bet")
            .select_for_update(of=("self",), skip_locked=True)
            .filter(id__in=list(signal_ids), status=Signal.ACTIONABLE, plan__isnull=True)
            .order_by("id")
        )
        if not signals:
            return 0
        signals.sort(
            key=scanning.rank
        )  # the best first, for what it buys and spends is not there for the next
        holdings.lock_ledger()
        # Somebody else may have held the ledger for long: books are as old as they are now
        now_ms += int((time.monotonic() - began) * 1_000)
        now = datetime.fromtimestamp(now_ms / 1_000, UTC)
        concerned = {signal.bet_id for signal in signals if signal.bet_id}
        batch = Batch(mode, held=holdings.held(mode, known, bets=concerned), acted_on=overlaps.acted_on(now))
        present = _present(signals, known, now_ms)
        for signal in signals:
            _act(signal, known, present, batch, now_ms, now, asked)
        _write(batch)
        crashpoints.reach("plan:before_commit")
    crashpoints.reach("plan:committed")
    ringing.ring(*(plan.id for plan in batch.plans))
    refusing.push(now_ms)
    publishing.tell(batch.plans, batch.orders, [], batch.signals)
    return sum(plan.shadow_of_id is None for plan in batch.plans)


def look(
    signal: Signal, *, now_ms: int, asked: Asked | None = None
) -> tuple[planning.Plan | NoPlan, Held, Joined]:
    """What would be planned for a signal at this moment, or why nothing; what is held beside it, and what evidence does.

    Changes nothing.
    """
    known = catalogue.current()
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    mode = settings.ARBSITE.trading.mode
    concerned = {signal.bet_id} if signal.bet_id else set()
    batch = Batch(mode, held=holdings.held(mode, known, bets=concerned), acted_on=overlaps.acted_on(now))
    finding = _wanted(judging.finding_of(signal), asked)
    present = _present([signal], known, now_ms)
    joined = _joined(finding, present, now_ms, asked)
    return _planned(signal, finding, known, present, batch, now_ms, joined), batch.held, joined


def _present(signals: Iterable[Signal], known: Catalogue, now_ms: int) -> Present:
    markets = [
        market
        for signal in signals
        if signal.bet_id in known.bets
        for market in known.bets[signal.bet_id].markets
    ]
    books, heard = live.book_views(markets), bearing.of(markets, now_ms=now_ms)
    claimed = [
        known.bets[bet_id].markets
        for market, rows in heard.standings.items()
        if any(row.direction for row in rows)
        for bet_id in known.by_market.get(market, ())
    ]
    asked = {market for of_bet in claimed for market in of_bet} & set(markets)
    return Present(books, heard, bearing.prices(sorted(asked), heard, now_ms=now_ms))


def _wanted(finding: Finding, asked: Asked | None) -> Finding:
    """The finding, no larger than a person wants it."""
    if asked is None or asked.most is None or asked.most >= finding.size:
        return finding
    return replace(finding, size=asked.most, limited_by="asked")


def _act(
    signal: Signal,
    known: Catalogue,
    present: Present,
    batch: Batch,
    now_ms: int,
    now: datetime,
    asked: Asked | None,
) -> None:
    """Plan one signal: the intent to send its legs, and the reservation of what they may cost."""
    finding = _wanted(judging.finding_of(signal), asked)
    joined = _joined(finding, present, now_ms, asked)
    planned = _planned(signal, finding, known, present, batch, now_ms, joined)
    if isinstance(planned, NoPlan) and asked is not None:
        return
    signal.processed_at = now
    batch.signals.append(signal)
    if isinstance(planned, NoPlan):
        signal.status = Signal.REFUSED
        signal.reasons = [{"code": planned.code, "sentence": planned.sentence}]
        refusing.left(finding, planned.code, planned.sentence, signal.id, now_ms)
        return
    signal.status = Signal.EXECUTED
    plan = _plan(signal, planned, batch.mode, now)
    if asked is not None:
        plan.requested_by, plan.request_key = asked.by, asked.key
    orders = [_order(plan, ticket, leg, now) for leg, ticket in enumerate(planned.tickets)]
    batch.plans.append(plan)
    batch.orders += orders
    batch.steps.append(_said(plan, planned))
    for ticket in planned.tickets:
        batch.held = batch.held.plus(ticket)
    batch.acted_on |= {ticket.side_of_book: signal.id for ticket in planned.tickets}
    twin = shadows.twin_of(plan, orders)
    if twin is not None:
        batch.plans.append(twin.plan)
        batch.orders += twin.orders


def _plan(signal: Signal, planned: planning.Plan, mode: str, now: datetime) -> Plan:
    finding = planned.finding
    pct = settings.ARBSITE.execution.loss_limit_pct
    return Plan(
        id=f"plan_{secrets.token_hex(8)}", signal=signal, bet_id=signal.bet_id, mode=mode, status=lifecycle.PLANNED,
        size=finding.size, outlay=finding.outlay, expected_profit=finding.net_profit,
        reason=f"limited by {finding.limited_by}", legs=storing.tickets_json(planned.tickets),
        at_once=at_once.both(planned, mode, now), edge=finding.edge.quantize(EDGE_STEP),
        loss_limit=planning.loss_limit(finding, pct, fill_rates.unwind_loss(mode, now)).quantize(MONEY_STEP),
        created_at=now,
    )  # fmt: skip


def _said(plan: Plan, planned: planning.Plan) -> PlanStep:
    legs = ", ".join(
        f"{ticket.side} {ticket.size} {ticket.outcome} at {ticket.limit_price} on {ticket.platform}"
        for ticket in planned.tickets
    )
    how = "all at once" if plan.at_once else "one after the other"
    return PlanStep(
        plan=plan, at=plan.created_at, what="planned", sentence=f"{legs}: {how}, {plan.reason}",
        figures={"outlay": plan.outlay, "expected": plan.expected_profit, "loss_limit": plan.loss_limit},
    )  # fmt: skip


def _order(plan: Plan, ticket: Ticket, leg: int, now: datetime) -> Order:
    """A leg that is not sent yet."""
    order_id = new_id()
    return Order(
        id=order_id, signal_id=plan.signal_id, plan=plan, leg=leg, role=Order.LEG, platform=ticket.platform,
        market_id=ticket.market_id, outcome=ticket.outcome, side=ticket.side, quantity=ticket.size,
        price=ticket.limit_price, cash=ticket.spend, order_type="LIMIT", time_in_force=ticket.time_in_force,
        status=lifecycle.PLANNED, mode=plan.mode, client_order_id=order_id, shard=ticket.shard, created_at=now,
        updated_at=now,
    )  # fmt: skip


def _planned(
    signal: Signal,
    finding: Finding,
    known: Catalogue,
    present: Present,
    batch: Batch,
    now_ms: int,
    joined: Joined,
) -> planning.Plan | NoPlan:
    """What to send for a signal, or why nothing."""
    bet = known.bets.get(signal.bet_id or "")
    # The row, too: without Redis nobody told this process that its copy is out of date
    if bet is None or signal.bet is None or signal.bet.status != Bet.ACTIVE:
        return NoPlan("bet_suspended", "the bet is not active any more")
    halt = next((found for key in bet.markets if (found := halts.blocking(*key)) is not None), None)
    halt = halt or next((found for platform, _ in bet.markets if (found := pauses.blocking(platform))), None)
    if halt is not None:
        return NoPlan(halt.code, halt.sentence)
    taken = overlaps.refusal(finding, batch.acted_on)
    if taken is not None:
        return taken
    context = judging.context_of(signal, known, now_ms=now_ms, joined=joined)
    return fitting.plan(bet, finding, known, present.books, batch.held, now_ms, context)


def _joined(finding: Finding, present: Present, now_ms: int, asked: Asked | None) -> Joined:
    """What evidence does to a finding as it is now, not as it was when the signal was judged."""
    joined = bearing.on(finding, present.heard, present.seen, now_ms=now_ms)
    # A person wants what the signal shows, no more
    return joined if asked is None else replace(joined, enlarge=joining.ONE)


def _write(batch: Batch) -> None:
    """All rows of a batch, in few statements."""
    bulk.insert(batch.plans)
    bulk.insert(batch.orders)
    bulk.insert(batch.steps)
    bulk.update(Signal, batch.signals, VERDICT)
