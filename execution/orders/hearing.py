"""What a platform's word makes of an order: only ever forward, so it does not matter who tells what first, or twice."""

from decimal import Decimal

from execution.lifecycle import CANCELLED, CANCELLING, FAILED, FILLED, OPEN, PARTIAL, can_move

ZERO = Decimal(0)

# How far the settlement of a trade has come. What failed is decisive, whenever it is heard.
SETTLEMENT = ("MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED")


def state(old: str, told: str, matched: Decimal, quantity: Decimal | None) -> str:
    """The order's state after the platform `told` OPEN, PARTIAL, FILLED, CANCELLED or DELAYED, with `matched` contracts.

    `quantity` is None for an order by cash, whose contracts are not known before. A cancel that is under way stays so
    until the order is gone: an order that is still open is no news. What cannot be (a finished order that opens again, a
    refused one that lives) leaves the state as it is.
    """
    if told == FILLED or (quantity is not None and matched >= quantity > 0):
        new = FILLED
    elif told == CANCELLED:
        new = CANCELLED
    else:
        new = PARTIAL if matched > 0 else OPEN
    if old == CANCELLING and new in (OPEN, PARTIAL):
        return old
    return new if can_move(old, new) else old


def undone(old: str, matched: Decimal, failed: Decimal) -> str:
    """The order's state when `failed` of its `matched` contracts were undone: FAILED once nothing is left of them."""
    return FAILED if failed >= matched > 0 and can_move(old, FAILED) else old


def settlement(old: str, told: str) -> str:
    """The later of two words about a trade's settlement."""
    return max(old, told, key=SETTLEMENT.index)
