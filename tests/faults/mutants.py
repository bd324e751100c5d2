"""Deliberate mistakes of the kind that lose money: the suite must find each of them, or it proves nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

GIVES_UP = "gives up at once"
BLIND = "retries blindly"
MUTANTS = (GIVES_UP, BLIND)


@contextmanager
def active(name: str) -> Iterator[None]:
    """This process makes the mistake; an empty name makes none."""
    if name == GIVES_UP:
        _gives_up_at_once()
    elif name == BLIND:
        _retries_blindly()
    elif name:
        raise ValueError(f"there is no mutant {name!r}")
    yield


def _gives_up_at_once() -> None:
    """One look that finds nothing is enough: the order is not there."""
    from execution.plans import working

    patience = working.patience_of_settings
    working.patience_of_settings = lambda: replace(patience(), look_up=timedelta(0))


def _retries_blindly() -> None:
    """No answer means no order: send it again, under a new id."""
    import secrets

    from execution.models import Order
    from execution.orders import ordering
    from markets.platforms.trading import Unsure

    record = ordering.record

    def again(order: Any, answer: Any) -> str:
        if not isinstance(answer, Unsure) or order.sends >= 3:
            return record(order, answer)
        order.client_order_id = f"ord_{secrets.token_hex(8)}"
        order.sends += 1
        order.created_at += timedelta(milliseconds=1)
        info = ordering_info(order)
        trade = ordering.trading(order.platform, order.mode)
        prepared = trade.prepare(ordering.request_of(order, info))
        Order.objects.filter(pk=order.pk).update(
            client_order_id=order.client_order_id, platform_order_id=prepared.platform_order_id
        )
        return again(order, trade.submit(prepared))

    ordering.record = again


def ordering_info(order: Any) -> Any:
    """The market of an order, as sending it needs it."""
    from markets import store
    from markets.models import Market

    return store.info_of(Market.objects.get(pk=order.market_id))
