"""The specification's playbook "Order Execution Failure" (7.3.3) as code. Pure.

1. *Retry with exponential back-off, at most 3 attempts*: only what is proved not to be there and may pass by itself.
2. *Authentication error: refresh the credentials*: the signer reads its keys again, once, and the order is sent again.
3. *Liquidity or balance error: reduce the size or skip*: to what the money is enough for; our immediate orders take less
   by themselves where less is on offer, so a book that is too thin is skipped.
4. *Timeout: cancel and re-submit with an updated price*: **not** like that. A lost answer is looked up, patiently; only
   what the platform proves that it does not have is sent again, under the same id. An order that rests too long is
   cancelled, and what of it is proved unfilled goes out again at the price of now.
"""

from decimal import Decimal

from execution.plans.planning import Ticket, most_cash, spend
from markets.books import dollars, micro
from markets.platforms.trading import DUPLICATE, INSUFFICIENT_BALANCE, UNAUTHORISED, Declined
from signals import sizing
from signals.findings import BUY, Listing

AGAIN, RELOAD, SMALLER, LOOK_UP, SKIP = "again", "reload", "smaller", "look_up", "skip"


def after(answer: Declined, *, sends: int, max_sends: int, reloaded: bool) -> str:
    """What to do about a refusal."""
    if answer.code == DUPLICATE:
        return LOOK_UP  # the first one may have filled
    if sends < max_sends:
        if answer.code == UNAUTHORISED and not reloaded:
            return RELOAD
        if answer.passing:
            return AGAIN
    return SMALLER if answer.code == INSUFFICIENT_BALANCE else SKIP


def backoff_ms(sends: int, first_ms: int) -> int:
    """Milliseconds before the next sending: doubled with each one."""
    return first_ms * 2 ** max(0, sends - 1)


def smaller(ticket: Ticket, free: Decimal, listing: Listing) -> Ticket | None:
    """A purchase cut to `free` dollars, fees included; None where nothing is left that the platform takes."""
    if ticket.side != BUY or listing.fees is None or listing.fault or free <= 0:
        return None
    step = listing.step
    if listing.whole_cents:
        step = sizing.cent_step(micro(ticket.limit_price), step)
    least, most = 0, micro(ticket.size) // step
    while least < most:  # the largest number of steps that is paid for
        middle = (least + most + 1) // 2
        if most_cash(BUY, dollars(middle * step), ticket.limit_price, listing.fees) <= free:
            least = middle
        else:
            most = middle - 1
    size = dollars(least * step)
    notional = size * ticket.limit_price
    if size <= 0 or size >= ticket.size or size < listing.min_size or notional < listing.min_value:
        return None
    return Ticket(
        bet_id=ticket.bet_id, platform=ticket.platform, market_id=ticket.market_id, outcome=ticket.outcome,
        side=ticket.side, size=size, limit_price=ticket.limit_price, notional=notional,
        cash=most_cash(BUY, size, ticket.limit_price, listing.fees), time_in_force=ticket.time_in_force,
        shard=ticket.shard,
        spend=None if ticket.spend is None else spend(ticket.platform, BUY, ticket.spend * size / ticket.size, notional),
    )  # fmt: skip


def new_price(ticket: Ticket, best: Decimal | None, slippage: Decimal) -> Decimal | None:
    """The price of now for an order that rested too long, as far as `slippage` (a fraction) of its first price allows;
    None where that is further away, or no news.
    """
    if best is None:
        return None
    if ticket.side == BUY:
        wanted = best if best <= ticket.limit_price * (1 + slippage) else None
    else:
        wanted = best if best >= ticket.limit_price * (1 - slippage) else None
    return wanted if wanted is not None and wanted != ticket.limit_price else None
