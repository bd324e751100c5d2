"""What an order itself must satisfy before it leaves, whatever is held and whoever asks. Prices dollars, sizes contracts.

The gates know no limits (`limits`) and no halts (`halts`): they refuse what the platform would refuse, with a stable
code and a sentence, so that it never gets there.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from execution.limits import Refusal, plain
from execution.plans.planning import Ticket
from markets.books import NO, YES, micro
from markets.platforms.base import OPEN
from markets.platforms.trading import BUY, GTC, GTD, SELL, TIMES_IN_FORCE
from signals.findings import Listing
from signals.sizing import buy_limit

# Stable codes: they are stored, answered and counted.
MARKET_UNKNOWN, MARKET_CLOSED, BAD_PRICE, OFF_TICK = (
    "market_unknown",
    "market_closed",
    "bad_price",
    "off_tick",
)
BAD_SIZE, OFF_STEP, BELOW_MINIMUM = "bad_size", "off_step", "below_minimum"
BAD_SIDE, BAD_OUTCOME, BAD_TIME_IN_FORCE, BAD_EXPIRY = (
    "bad_side", "bad_outcome", "bad_time_in_force", "bad_expiry",
)  # fmt: skip
NO_BALANCE, NOT_HELD = "no_balance", "not_held"

ZERO, ONE = Decimal(0), Decimal(1)


def check(
    ticket: Ticket,
    listing: Listing | None,
    *,
    now: datetime,
    free: Decimal | None = None,
    held: Decimal | None = None,
    post_only: bool = False,
    expires_at: datetime | None = None,
    times_in_force: Collection[str] = TIMES_IN_FORCE,
) -> Refusal | None:
    """The first gate that an order does not pass; None where it may go on to halts and limits.

    `free` is the cash that the order may draw on (dollars, of its platform and shard) and `held` the contracts of its
    outcome: both are asked only where given. `times_in_force` are those that this way of trading offers.
    """
    return (
        _words(ticket)
        or _market(ticket, listing, now)
        or price(ticket, listing)
        or _size(ticket, listing)
        or _standing(ticket, now, post_only, expires_at, times_in_force)
        or _means(ticket, free, held)
    )


def _words(ticket: Ticket) -> Refusal | None:
    if ticket.side not in (BUY, SELL):
        return Refusal(BAD_SIDE, f"side {ticket.side!r} is neither BUY nor SELL")
    if ticket.outcome not in (YES, NO):
        return Refusal(BAD_OUTCOME, f"outcome {ticket.outcome!r} is neither YES nor NO")
    return None


def _market(ticket: Ticket, listing: Listing | None, now: datetime) -> Refusal | None:
    name = f"{ticket.platform}:{ticket.market_id}"
    if listing is None:
        return Refusal(MARKET_UNKNOWN, f"{name} is not a market we know: read it with `manage.py sync`")
    if (listing.platform, listing.market_id) != (ticket.platform, ticket.market_id):
        return Refusal(
            MARKET_UNKNOWN, f"the listing of {listing.platform}:{listing.market_id} is not {name}'s"
        )
    if listing.fault:
        return Refusal(MARKET_UNKNOWN, f"the listing of {name} cannot be used: {listing.fault}")
    if listing.fees is None:
        return Refusal(MARKET_UNKNOWN, f"the fees of {name} are not known, so its cost is not either")
    if listing.status != OPEN:
        return Refusal(MARKET_CLOSED, f"{name} is {listing.status.lower()}: it takes no orders")
    if listing.settles is not None and listing.settles <= now:
        return Refusal(MARKET_CLOSED, f"{name} should have settled at {listing.settles:%Y-%m-%d %H:%M} UTC")
    return None


def price(ticket: Ticket, listing: Listing | None) -> Refusal | None:
    """Whether the limit price is one that the market takes."""
    assert listing is not None  # `_market` has refused
    limit = ticket.limit_price
    if not limit.is_finite() or not ZERO < limit < ONE:
        return Refusal(BAD_PRICE, f"a limit price lies between 0 and 1 dollars, {plain(limit)} does not")
    try:
        on_grid = buy_limit(micro(limit), ticket.outcome, listing.bands) == micro(limit)
    except ValueError:
        on_grid = False  # finer than any platform's grid
    if not on_grid:
        steps = ", ".join(
            f"{plain(band.step)} from {plain(band.start)} to {plain(band.end)}" for band in listing.ticks
        )
        return Refusal(
            OFF_TICK, f"{plain(limit)} is off the grid of {ticket.platform}:{ticket.market_id} ({steps})"
        )
    return None


def _size(ticket: Ticket, listing: Listing | None) -> Refusal | None:
    assert listing is not None  # `_market` has refused
    size = ticket.size
    if not size.is_finite() or size <= 0:
        return Refusal(BAD_SIZE, f"no order has the size {plain(size)}")
    if size < listing.min_size:
        return Refusal(
            BELOW_MINIMUM,
            f"{plain(size)} contracts are below {ticket.platform}'s minimum of {plain(listing.min_size)}",
        )
    value = size * ticket.limit_price
    if value < listing.min_value:
        return Refusal(
            BELOW_MINIMUM,
            f"${plain(value)} is below {ticket.platform}'s minimum value of ${plain(listing.min_value)}",
        )
    try:
        off = micro(size) % listing.step
    except ValueError:
        off = 1
    if off:
        return Refusal(
            OFF_STEP,
            f"{plain(size)} is no multiple of {plain(listing.size_step)} contracts, the market's size step",
        )
    return None


def _standing(
    ticket: Ticket,
    now: datetime,
    post_only: bool,
    expires_at: datetime | None,
    times_in_force: Collection[str],
) -> Refusal | None:
    """How long it stands, and whether that makes sense."""
    if ticket.time_in_force not in times_in_force:
        known = ", ".join(sorted(times_in_force))
        return Refusal(BAD_TIME_IN_FORCE, f"{ticket.time_in_force!r} is none of {known}")
    if post_only and ticket.time_in_force not in (GTC, GTD):
        return Refusal(BAD_TIME_IN_FORCE, f"a post-only order rests, so it cannot be {ticket.time_in_force}")
    if ticket.time_in_force == GTD and (expires_at is None or expires_at <= now):
        return Refusal(BAD_EXPIRY, "a GOOD_TILL_DATE order needs a time to come at which it ends")
    if ticket.time_in_force != GTD and expires_at is not None:
        return Refusal(BAD_EXPIRY, "only a GOOD_TILL_DATE order has a time at which it ends")
    return None


def _means(ticket: Ticket, free: Decimal | None, held: Decimal | None) -> Refusal | None:
    """Whether there is the cash, or what is to be sold."""
    if ticket.side == BUY and free is not None and ticket.cash > free:
        return Refusal(
            NO_BALANCE,
            f"{ticket.platform}: the order needs ${ticket.cash:.2f}, free are ${max(ZERO, free):.2f}",
        )
    if ticket.side == SELL and held is not None and ticket.size > held:
        return Refusal(
            NOT_HELD,
            f"{plain(ticket.size)} {ticket.outcome} of {ticket.platform}:{ticket.market_id} cannot be sold,"
            f" {plain(held)} are held",
        )
    return None
