"""Stop-losses: what is held of an outcome is sold when its best bid has fallen to a trigger, not below a limit.

A stop triggers once: its state moves by a conditional update in the transaction that writes the plan and its order, and
the executor works that plan like any other. It never sells more than is held and not offered for sale already.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from arbsite.models import HIGH, MEDIUM, Notice
from execution import lifecycle
from execution.halting import halts
from execution.limits import market_scope
from execution.models import Order, Plan, Position, StopLoss
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
    """Trigger the stops whose bid has fallen far enough; returns the plans that were made, for the executor to work."""
    rows = list(
        StopLoss.objects.filter(mode=mode, status=StopLoss.ACTIVE).select_related("market").order_by("id")
    )
    if not rows:
        return []
    views = live.book_views({(row.platform, row.market_id) for row in rows})
    made = []
    for row in rows:
        bid = _bid(views.get((row.platform, row.market_id)), row.outcome, now)
        # Where trading is halted the stop waits: an order would be refused, and the stop be spent
        if bid is None or bid > row.trigger_price or halts.blocking(row.platform, row.market_id):
            continue
        plan = _trigger(row, bid, now)
        if plan is not None:
            made.append(plan)
    return made


def _bid(view: BookView | None, outcome: str, now: datetime) -> Decimal | None:
    """The best bid of a book that is fresh; None without one: nothing could be sold, and an old price says nothing."""
    if view is None or unix_ms(now) - view.confirmed_ms > rules.rules().max_book_age_ms:
        return None
    bids = view.bids_for(outcome)
    return dollars(bids[0][0]) if bids else None


def _trigger(row: StopLoss, bid: Decimal, now: datetime) -> Plan | None:
    """The plan and the order of a stop, once; None where somebody was quicker, or nothing can be sold."""
    with transaction.atomic():
        holdings.lock_ledger()
        moved = StopLoss.objects.filter(pk=row.pk, status=StopLoss.ACTIVE).update(
            status=StopLoss.TRIGGERED, triggered_at=now
        )
        if not moved:
            return None
        listing = Listing.of(store.info_of(row.market))
        ticket = _sale(row, bid, listing)
        refusal = gates.check(ticket, listing, now=now)
        if refusal is not None:
            Notice.objects.record(
                "stop_failed",
                str(row.pk),
                f"{_words(row)}: {refusal.sentence}",
                severity=HIGH,
                at=now,
                code=refusal.code,
            )
            return None
        plan = _write(row, ticket, bid, now)
        StopLoss.objects.filter(pk=row.pk).update(plan=plan)
        Notice.objects.record(
            "stop_triggered", str(row.pk), f"{_words(row)}: the best bid is {bid:f}, {ticket.size:f} are sold down to"
            f" {ticket.limit_price:f}", severity=MEDIUM, at=now, plan=plan.id,
        )  # fmt: skip
    return plan


def _sale(row: StopLoss, bid: Decimal, listing: Listing) -> Ticket:
    """What is sold: no more than is held and not offered already, in the market's steps, inside the price collar."""
    left = holdings.sellable(row.mode, (row.platform, row.market_id, row.outcome))
    wanted = left if row.quantity is None else min(left, row.quantity)
    size = dollars(sizing.down(max(0, int(wanted * MICRO)), max(1, listing.step)))
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


def _write(row: StopLoss, ticket: Ticket, bid: Decimal, now: datetime) -> Plan:
    plan = Plan.objects.create(
        id=f"plan_{secrets.token_hex(8)}", kind=Plan.STOP, mode=row.mode, status=lifecycle.PLANNED,
        reason=f"stop-loss {row.pk}: the best bid fell to {bid:f}", requested_by=row.set_by, created_at=now,
        legs=storing.tickets_json([ticket]),
    )  # fmt: skip
    order_id = f"ord_{secrets.token_hex(8)}"
    Order.objects.create(
        id=order_id, client_order_id=order_id, plan=plan, role=Order.STOP, mode=row.mode, platform=row.platform,
        market_id=row.market_id, outcome=row.outcome, side=Order.SELL, quantity=ticket.size, price=ticket.limit_price,
        order_type="LIMIT", time_in_force=IOC, status=lifecycle.PLANNED, shard=ticket.shard, created_at=now, updated_at=now,
    )  # fmt: skip
    return plan


def _held(mode: str, market_id: str, outcome: str) -> Decimal:
    rows: Sequence[Decimal] = Position.objects.filter(
        mode=mode, market_id=market_id, outcome=outcome
    ).values_list("quantity", flat=True)
    return sum(rows, ZERO)


def _words(row: StopLoss) -> str:
    what = "everything" if row.quantity is None else f"{row.quantity:f}"
    return (
        f"stop-loss on {row.outcome} of {row.platform}:{row.market_id}: {what} at {row.trigger_price:f}, not below"
        f" {row.limit_price:f}"
    )
