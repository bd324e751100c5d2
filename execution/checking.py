"""What an order must pass at the very moment it is sent, whoever made it: gates, and limits with the live book."""

from datetime import datetime

from execution import holdings, limits
from execution.limits import Refusal
from execution.models import Order
from execution.planning import Ticket
from markets import live
from markets.books import dollars
from markets.platforms.base import MarketInfo
from signals import catalogue


def refusal(order: Order, ticket: Ticket, info: MarketInfo, *, now: datetime) -> Refusal | None:
    """Why this order may not leave; None where it may.

    The legs of a plan were reserved with all limits when the plan was made; what came after it (completing, selling
    back) is checked like any new order.
    """
    if order.role in (Order.LEG, Order.EXIT, Order.MANUAL, Order.STOP):
        return None
    held = holdings.held(order.mode, catalogue.current())
    found = limits.check(ticket, held, holdings.limits(), best=best_price(ticket))
    return found[0] if found else None


def best_price(ticket: Ticket):  # type: ignore[no-untyped-def]
    """The price that the ticket would trade at now; None without a live book."""
    view = live.book_view(ticket.platform, ticket.market_id)
    if view is None:
        return None
    ladder = view.asks_for(ticket.outcome) if ticket.side == "BUY" else view.bids_for(ticket.outcome)
    return dollars(ladder[0][0]) if ladder else None
