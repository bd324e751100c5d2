"""What everybody else hears of orders and positions: their hashes, and the channel `execution:status`."""

import json
import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from execution.models import Order, Plan, Position
from signals.models import Signal
from signals.records import publishing as signal_publishing

log = logging.getLogger(__name__)


def tell(
    plans: Iterable[Plan], orders: Iterable[Order], positions: Iterable[Position], signals: Iterable[Signal]
) -> None:
    """Write the hashes and publish the orders; one round trip after the commit."""
    pipe = redis_client().pipeline(transaction=False)
    for order in orders:
        pipe.hset(keys.order(order.id), mapping=order_fields(order))
        pipe.expire(keys.order(order.id), keys.ORDER_TTL)
        pipe.publish(keys.EXECUTION_STATUS, json.dumps({"order_id": order.id, **order_fields(order)}))
    for position in positions:
        put_position(pipe, position)
    for plan in plans:
        pipe.publish(
            keys.EXECUTION_STATUS,
            json.dumps({"plan_id": plan.id, "signal_id": plan.signal_id, "status": plan.status}),
        )
    if pipe.command_stack:
        pipe.execute()
    changed = list(signals)
    if changed:
        signal_publishing.status(changed)


def after_commit(
    *, plans: Iterable[Plan] = (), orders: Iterable[Order] = (), positions: Iterable[Position] = ()
) -> None:
    """`tell` once this transaction is committed; without Redis nobody hears, and trading goes on."""
    said = list(plans), list(orders), list(positions)

    def say() -> None:
        try:
            tell(*said, [])
        except REDIS_GONE as error:
            log.warning("nobody was told", extra={"error": str(error)})

    transaction.on_commit(say)


def put_position(pipe, position: Position) -> None:
    """An open position has a hash without an end; a closed one has none."""
    if position.quantity:
        pipe.hset(keys.position(position.id), mapping=position_fields(position))
    else:
        pipe.delete(keys.position(position.id))


def order_fields(order: Order) -> dict[str, str]:
    """An order as its hash spells it."""
    return {
        "platform": order.platform,
        "market_id": order.market_id or "",
        "outcome": order.outcome or "",
        "side": order.side or "",
        "amount": str(order.quantity),
        "price": str(order.price),
        "status": order.status or "",
        "filled": str(order.filled_qty),
        "created_at": _ms(order.created_at),
        "updated_at": _ms(order.updated_at),
    }


def position_fields(position: Position) -> dict[str, str]:
    """A position as its hash spells it."""
    return {
        "market_id": position.market_id,
        "outcome": position.outcome,
        "side": position.side,
        "quantity": str(position.quantity),
        "avg_price": str(position.avg_price),
        "current_price": "" if position.current_price is None else str(position.current_price),
        "unrealized_pnl": str(position.unrealized_pnl),
        "realized_pnl": str(position.realized_pnl),
        "opened_at": _ms(position.opened_at),
    }


def _ms(at: datetime) -> str:
    return str(int(at.timestamp() * 1_000))
