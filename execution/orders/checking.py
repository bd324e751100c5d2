"""What an order must pass at the very moment it is sent, whoever made it: gates, and limits with the live book.

Halts are asked inside the transaction that sends it (`ordering`).

No order is let off, a plan's later legs included: a person may have tightened a limit, or the book have run away, since
the plan was made. What a plan has done itself is never what stands in its own way: its reservation and the fees of its
legs are taken off. A later leg that is refused leaves the ones before it alone, which is a remainder like any other
(`remainders`): it is sold back, or held.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from threading import Lock

from execution import limits
from execution.lifecycle import PLANNED
from execution.limits import Held, Refusal
from execution.models import Order
from execution.plans.planning import Ticket, most_cash
from execution.portfolio import holdings
from execution.risk import gates
from markets import live
from markets.books import dollars
from markets.platforms.base import MarketInfo
from signals import catalogue, rules
from signals.findings import BUY, Listing
from signals.times import unix_ms

ZERO = Decimal(0)

_catalogue = Lock()  # the process's copy is read anew by one thread at a time


def refusal(order: Order, ticket: Ticket, info: MarketInfo, place: str, *, now: datetime) -> Refusal | None:
    """Why this order may not leave; None where it may. Every order passes every gate and every limit."""
    own = holdings.sellable(order.mode, ticket.side_of_book, without=order.pk) if ticket.side != BUY else None
    found = gates.check(
        ticket, Listing.of(info), now=now, held=own, post_only=order.post_only, expires_at=order.expires_at
    )
    if found is not None:
        return found
    ticket = _with_fees(ticket, info)
    with _catalogue:
        known = catalogue.current()
        held = holdings.held(
            order.mode, known, markets=[(ticket.platform, ticket.market_id)], without=[order.pk], now=now
        )
    siblings = _siblings(order)
    best = best_price(ticket, now)
    if best is None and siblings.begun:
        # A book that is read anew at this moment must not leave a leg alone: the plan's own limit price was inside the
        # collar when it was made, EXECUTION_INTENT_SECONDS ago at most, or the platform was asked patiently since
        best = ticket.limit_price
    refusals = limits.check(ticket, siblings.aside(held), holdings.limits(), best=best)
    return refusals[0] if refusals else None


@dataclass(frozen=True, slots=True)
class _Siblings:
    """The other orders of a plan: whether another leg has left, how many wait to, and the fees paid, in dollars."""

    begun: bool
    waiting: int
    fees: Decimal

    def aside(self, held: Held) -> Held:
        """What is held, as this order's limits see it.

        A plan begins only where all its legs may leave within the minute; and fees that its own legs have paid do not
        lower the bankroll that it was measured against.
        """
        bankroll = None if held.bankroll is None else held.bankroll + max(ZERO, self.fees)
        return replace(held, sent=held.sent + (0 if self.begun else self.waiting), bankroll=bankroll)


def _siblings(order: Order) -> _Siblings:
    others = [] if order.plan_id is None else list(
        Order.objects.filter(plan_id=order.plan_id).exclude(pk=order.pk).values_list("leg", "status", "sent_at", "fee")
    )  # fmt: skip
    return _Siblings(
        any(sent_at is not None and leg != order.leg for leg, _, sent_at, _ in others),
        sum(status == PLANNED for _, status, _, _ in others),
        sum((fee for *_, fee in others), ZERO),
    )


def _with_fees(ticket: Ticket, info: MarketInfo) -> Ticket:
    """With the fees in its cash, where the row alone was known."""
    if ticket.side != BUY or info.fees is None or ticket.cash > ticket.notional:
        return ticket
    return replace(ticket, cash=max(ticket.cash, most_cash(BUY, ticket.size, ticket.limit_price, info.fees)))


def best_price(ticket: Ticket, now: datetime) -> Decimal | None:
    """The price that the ticket would trade at now; None without a book that its feed has vouched for lately."""
    view = live.book_view(ticket.platform, ticket.market_id)
    if view is None or unix_ms(now) - view.confirmed_ms > rules.rules().max_book_age_ms:
        return None
    ladder = view.asks_for(ticket.outcome) if ticket.side == BUY else view.bids_for(ticket.outcome)
    return dollars(ladder[0][0]) if ladder else None
