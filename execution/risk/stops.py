"""Stop-losses: what is held of an outcome is sold when its best bid has fallen to a trigger, not below a limit.

A stop sells by immediate orders, one plan after the other, until what it was set for is sold: only while the best bid is
between its limit and its trigger, and with pauses between them. Each plan is written in the transaction that holds the
stop's row, under a key that no second one can have, once the plan before it is done; the executor works it like any
other. It never sells more than is held and not offered for sale already.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from arbsite.models import HIGH, LOW, MEDIUM, Notice
from execution import lifecycle
from execution.halting import halts
from execution.limits import market_scope, plain
from execution.models import Fill, Order, Plan, Position, Settling, StopLoss
from execution.plans import storing
from execution.plans.planning import Ticket
from execution.portfolio import holdings
from execution.risk import gates
from execution.risk import services as risk
from markets import live, store
from markets.books import MICRO, BookView, dollars, micro
from markets.models import Market
from signals import rules, sizing
from signals.findings import Listing
from signals.times import unix_ms

PERMISSION = "execution.can_trade"
IOC = "IMMEDIATE_OR_CANCEL"
EVERY = timedelta(seconds=5)  # between two sales of one stop; twice as long after each that sold nothing
LONGEST = timedelta(minutes=1)
ZERO = Decimal(0)


class WrongStop(ValueError):
    """A stop-loss that cannot be; the message says why and what to do."""


def place(
    mode: str,
    *,
    market_id: str,
    outcome: str,
    trigger_price: Decimal,
    limit_price: Decimal,
    person: Any,
    now: datetime,
    quantity: Decimal | None = None,
) -> StopLoss:
    """Set a stop-loss on what is held; `quantity` None means everything held when it triggers.

    Raises WrongStop, with a sentence, for what cannot be.
    """
    if not person.is_active or not person.has_perm(PERMISSION):
        raise WrongStop(
            "Only a person with the permission “Can place, cancel and execute orders” may set a stop."
        )
    market = Market.objects.filter(id=market_id).first()
    if market is None:
        raise WrongStop(f"There is no market {market_id!r}.")
    held = _held(mode, market_id, outcome)
    if held <= 0:
        raise WrongStop(f"No {outcome} of {market.platform}:{market_id} is held ({mode} trading).")
    if quantity is not None and quantity <= 0:
        raise WrongStop("A quantity is above 0; leave it out to sell everything held.")
    if limit_price > trigger_price:
        raise WrongStop(
            "The limit price is at most the trigger price: a falling bid passes the trigger first."
        )
    listing = Listing.of(store.info_of(market))
    for price in (trigger_price, limit_price):
        refusal = gates.price(_ticket(market.platform, market_id, outcome, price, held), listing)
        if refusal is not None:
            raise WrongStop(refusal.sentence)
    row = StopLoss.objects.create(
        mode=mode, platform=market.platform, market=market, outcome=outcome, quantity=quantity, trigger_price=trigger_price,
        limit_price=limit_price, set_by=str(person), created_at=now,
    )  # fmt: skip
    Notice.objects.record("stop_set", str(row.pk), _words(row), at=now, by=str(person))
    return row


def cancel(stop_id: int, *, person: Any, now: datetime) -> bool:
    """Take a stop back; False where it is not active any more."""
    done = StopLoss.objects.filter(pk=stop_id, status=StopLoss.ACTIVE).update(status=StopLoss.CANCELLED)
    if done:
        Notice.objects.record(
            "stop_cancelled", str(stop_id), f"taken back by {person}", at=now, by=str(person)
        )
    return bool(done)


def look(mode: str, now: datetime) -> list[Plan]:
    """Sell for the stops whose bid has fallen far enough; returns the plans that were made, for the executor to work."""
    rows = list(
        StopLoss.objects.filter(mode=mode, status=StopLoss.ACTIVE).select_related("market").order_by("id")
    )
    if not rows:
        return []
    views = live.book_views({(row.platform, row.market_id) for row in rows})
    made = []
    for row in rows:
        bid = _bid(views.get((row.platform, row.market_id)), row.outcome, now)
        # Where trading is halted the stop waits: an order would be refused
        holds = (
            bid is not None and bid <= row.trigger_price and not halts.blocking(row.platform, row.market_id)
        )
        if not holds and row.triggered_at is None:
            continue
        plan = _sell(row.pk, bid if holds else None, now)
        if plan is not None:
            made.append(plan)
    return made


def _bid(view: BookView | None, outcome: str, now: datetime) -> Decimal | None:
    """The best bid of a book that is fresh; None without one: nothing could be sold, and an old price says nothing."""
    if view is None or unix_ms(now) - view.confirmed_ms > rules.rules().max_book_age_ms:
        return None
    bids = view.bids_for(outcome)
    return dollars(bids[0][0]) if bids else None


@dataclass(frozen=True, slots=True)
class _Sales:
    """What a stop has done until now: plans, contracts sold, whether one is at work, and when the next may be."""

    count: int
    sold: Decimal
    at_work: bool
    next: datetime | None


def _sales(row: StopLoss) -> _Sales:
    plans = list(Plan.objects.filter(request_key__startswith=_key(row, "")).order_by("created_at", "id"))
    orders = Order.objects.filter(plan__in=plans)
    matched = dict(orders.values_list("plan_id", "matched_qty"))
    undone = Fill.objects.filter(order__plan__in=plans, kind=Fill.REVERSAL).aggregate(sum=Sum("quantity"))
    settling = Settling.objects.filter(fill__order__plan__in=plans)
    at_work = any(plan.status not in lifecycle.PLAN_DONE for plan in plans)
    at_work = at_work or settling.exclude(status__in=(Settling.CONFIRMED, Settling.FAILED)).exists()
    in_vain = 0
    while in_vain < len(plans) and not matched.get(plans[-1 - in_vain].id):
        in_vain += 1
    last = plans[-1].finished_at if plans else None
    pause = min(LONGEST, EVERY * 2 ** min(in_vain, 8))
    return _Sales(
        len(plans),
        sum(matched.values(), ZERO) - (undone["sum"] or ZERO),
        at_work,
        last + pause if last else None,
    )


def _key(row: StopLoss, number: object) -> str:
    return f"stop:{row.pk}:{number}"


def _sell(stop_id: int, bid: Decimal | None, now: datetime) -> Plan | None:
    """The next plan and order of a stop; None where somebody was quicker, or nothing is to be sold now.

    `bid` is None where the trigger does not hold: then it is only asked whether the stop is through.
    """
    with transaction.atomic():
        holdings.lock_ledger()
        rows = StopLoss.objects.select_for_update(of=("self",)).select_related("market")
        row = rows.filter(pk=stop_id, status=StopLoss.ACTIVE).first()
        if row is None:
            return None
        before = _sales(row)
        if before.at_work:
            return None
        listing = Listing.of(store.info_of(row.market))
        left = _left(row, before.sold, listing)
        if left <= 0 or _too_small(row, left, listing, now):
            _end(row, before, left, now)
            return None
        if bid is None or (before.next is not None and now < before.next):
            return None
        if bid < row.limit_price:
            _tell(
                row,
                f"the best bid is {bid:f}, below its limit: nothing is sold until it is back",
                "below_limit",
                now,
            )
            return None
        ticket = _sale(row, bid, left, listing)
        if ticket.size <= 0:
            return None  # all of it is offered by another order, or its trades have not settled yet
        refusal = gates.check(ticket, listing, now=now)
        if refusal is not None:
            _tell(row, refusal.sentence, refusal.code, now)
            return None
        return _write(row, ticket, bid, before.count, now)


def _left(row: StopLoss, sold: Decimal, listing: Listing) -> Decimal:
    """What the stop has still to sell, in the market's steps."""
    held = _held(row.mode, row.market_id, row.outcome)
    wanted = held if row.quantity is None else min(held, row.quantity - sold)
    return _in_steps(wanted, listing)


def _in_steps(contracts: Decimal, listing: Listing) -> Decimal:
    return dollars(sizing.down(max(0, int(contracts * MICRO)), max(1, listing.step)))


def _too_small(row: StopLoss, left: Decimal, listing: Listing, now: datetime) -> bool:
    """Whether no order of what is left would be taken, however far the price falls."""
    refusal = gates.check(
        _ticket(row.platform, row.market_id, row.outcome, row.trigger_price, left), listing, now=now
    )
    return refusal is not None and refusal.code == gates.BELOW_MINIMUM


def _end(row: StopLoss, before: _Sales, left: Decimal, now: datetime) -> None:
    StopLoss.objects.filter(pk=row.pk).update(status=StopLoss.TRIGGERED, triggered_at=row.triggered_at or now)
    rest = f"; {plain(left)} are fewer than the market takes" if left else ""
    if before.sold > 0:
        Notice.objects.record(
            "stop_done",
            str(row.pk),
            f"{_words(row)}: {plain(before.sold)} were sold{rest}",
            severity=LOW,
            at=now,
        )
    else:
        sentence = f"{_words(row)}: nothing is held that could be sold{rest}"
        Notice.objects.record(
            "stop_failed", str(row.pk), sentence, severity=HIGH, at=now, code=gates.NOT_HELD
        )


def _tell(row: StopLoss, why: str, code: str, now: datetime) -> None:
    """Why a stop that has been reached does not sell: once for each reason. It goes on watching."""
    if not Notice.objects.filter(kind="stop_waits", subject=str(row.pk), data__code=code).exists():
        sentence = f"{_words(row)}: {why}"
        Notice.objects.record("stop_waits", str(row.pk), sentence, severity=HIGH, at=now, code=code)


def _sale(row: StopLoss, bid: Decimal, left: Decimal, listing: Listing) -> Ticket:
    """What is sold: no more than is held, settled and not offered already, in the market's steps, inside the collar."""
    key = row.platform, row.market_id, row.outcome
    free = max(ZERO, holdings.sellable(row.mode, key) - holdings.unsettled(row.mode, key))
    size = _in_steps(min(left, free), listing)
    price = row.limit_price
    collar = risk.limits().of("collar", [market_scope(row.market_id)], [row.platform])
    if collar is not None and bid - collar > price:
        near = sizing.sell_limit(
            micro((bid - collar).quantize(Decimal("0.000001"))), row.outcome, listing.bands
        )
        price = price if near is None else max(price, dollars(near))
    return _ticket(row.platform, row.market_id, row.outcome, price, size, listing.shard)


def _ticket(
    platform: str, market_id: str, outcome: str, price: Decimal, size: Decimal, shard: int = 0
) -> Ticket:
    return Ticket("", platform, market_id, outcome, Order.SELL, size, price, size * price, ZERO, IOC, shard)


def _write(row: StopLoss, ticket: Ticket, bid: Decimal, number: int, now: datetime) -> Plan:
    plan = Plan.objects.create(
        id=f"plan_{secrets.token_hex(8)}", kind=Plan.STOP, mode=row.mode, status=lifecycle.PLANNED,
        reason=f"stop-loss {row.pk}: the best bid fell to {bid:f}", requested_by=row.set_by, created_at=now,
        legs=storing.tickets_json([ticket]), request_key=_key(row, number),
    )  # fmt: skip
    order_id = f"ord_{secrets.token_hex(8)}"
    Order.objects.create(
        id=order_id, client_order_id=order_id, plan=plan, role=Order.STOP, mode=row.mode, platform=row.platform,
        market_id=row.market_id, outcome=row.outcome, side=Order.SELL, quantity=ticket.size, price=ticket.limit_price,
        order_type="LIMIT", time_in_force=IOC, status=lifecycle.PLANNED, shard=ticket.shard, created_at=now, updated_at=now,
    )  # fmt: skip
    StopLoss.objects.filter(pk=row.pk).update(plan=plan, triggered_at=row.triggered_at or now)
    if not number:
        Notice.objects.record(
            "stop_triggered", str(row.pk), f"{_words(row)}: the best bid is {bid:f}, {ticket.size:f} are sold down to"
            f" {ticket.limit_price:f}", severity=MEDIUM, at=now, plan=plan.id,
        )  # fmt: skip
    return plan


def _held(mode: str, market_id: str, outcome: str) -> Decimal:
    rows: Sequence[Decimal] = Position.objects.filter(
        mode=mode, market_id=market_id, outcome=outcome
    ).values_list("quantity", flat=True)
    return sum(rows, ZERO)


def _words(row: StopLoss) -> str:
    what = "everything" if row.quantity is None else plain(row.quantity)
    return (
        f"stop-loss on {row.outcome} of {row.platform}:{row.market_id}: {what} at {row.trigger_price:f}, not below"
        f" {row.limit_price:f}"
    )
