"""Tickets as they lie in a plan's row, and back again. Decimals travel as text, so they stay exact."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from execution.plans.planning import Ticket

TEXTS = ("bet_id", "platform", "market_id", "outcome", "side", "time_in_force")
DECIMALS = ("size", "limit_price", "notional", "cash", "spend")


def ticket_json(ticket: Ticket) -> dict[str, Any]:
    """A ticket as a JSON document."""
    document: dict[str, Any] = {name: getattr(ticket, name) for name in TEXTS}
    for name in DECIMALS:
        value = getattr(ticket, name)
        document[name] = None if value is None else str(value)
    return document | {"shard": ticket.shard}


def ticket_of(document: dict[str, Any]) -> Ticket:
    """The ticket of a stored document."""
    values: dict[str, Any] = {name: document[name] for name in TEXTS}
    for name in DECIMALS:
        values[name] = Decimal(document[name]) if document.get(name) is not None else None
    return Ticket(**values, shard=int(document.get("shard", 0)))


def tickets_json(tickets: Sequence[Ticket]) -> list[dict[str, Any]]:
    """Tickets in the order of sending."""
    return [ticket_json(ticket) for ticket in tickets]


def tickets_of(documents: Sequence[dict[str, Any]]) -> tuple[Ticket, ...]:
    """What `tickets_json` wrote."""
    return tuple(ticket_of(document) for document in documents)
