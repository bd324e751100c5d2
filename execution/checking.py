"""What an order must pass at the very moment it is sent, whoever made it: gates, and limits with the live book.

Halts are asked inside the transaction that sends it (`ordering`).
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from threading import Lock

from execution import gates, holdings, limits
from execution.limits import Refusal
from execution.models import Order
from execution.planning import Ticket, most_cash
from markets import live
from markets.books import dollars
from markets.platforms.base import MarketInfo
from signals import catalogue
from signals.findings import BUY, Listing

_catalogue = Lock()  # the process's copy is read anew by one thread at a time


def refusal(order: Order, ticket: Ticket, info: MarketInfo, place: str, *, now: datetime) -> Refusal | None:
    """Why this order may not leave; None where it may.

    Every order passes the gates. Limits are asked for all but a plan's later legs: those were reserved, with every
    limit, when the plan was made, they are never larger than that, and without them a leg would be alone.
    """
    found = gates.check(
        ticket, Listing.of(info), now=now, post_only=order.post_only, expires_at=order.expires_at
    )
    if found is not None or place == "next":
        return found
    ticket = _with_fees(ticket, info)
    with _catalogue:
        known = catalogue.current()
        held = holdings.held(
            order.mode, known, markets=[(ticket.platform, ticket.market_id)], without=[order.pk], now=now
        )
    refusals = limits.check(ticket, held, holdings.limits(), best=best_price(ticket))
    return refusals[0] if refusals else None


def _with_fees(ticket: Ticket, info: MarketInfo) -> Ticket:
    """With the fees in its cash, where the row alone was known."""
    if ticket.side != BUY or info.fees is None or ticket.cash > ticket.notional:
        return ticket
    return replace(ticket, cash=max(ticket.cash, most_cash(BUY, ticket.size, ticket.limit_price, info.fees)))


def best_price(ticket: Ticket) -> Decimal | None:
    """The price that the ticket would trade at now; None without a live book."""
    view = live.book_view(ticket.platform, ticket.market_id)
    if view is None:
        return None
    ladder = view.asks_for(ticket.outcome) if ticket.side == BUY else view.bids_for(ticket.outcome)
    return dollars(ladder[0][0]) if ladder else None
