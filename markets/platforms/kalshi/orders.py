"""An order as Kalshi takes it, and what Kalshi's answer to it proves.

Kalshi has one book per market, in YES terms: buying NO at n is an ask at 1 - n, selling NO a bid at 1 - n. It nets by
itself: an ask first closes YES that is held, and what is over opens NO. There is no market order and no order by cash.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from markets.books import NO, YES
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi.errors import UNREADABLE, error_of
from markets.platforms.kalshi.reports import number, size
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    CANCELLED,
    DUPLICATE,
    FILLED,
    FOK,
    FORBIDDEN,
    GTC,
    GTD,
    INSUFFICIENT_BALANCE,
    INVALID,
    IOC,
    MARKET_CLOSED,
    NOT_FILLABLE,
    OFF_TICK,
    OPEN,
    PARTIAL,
    POST_ONLY_WOULD_CROSS,
    RATE_LIMITED,
    SELL,
    TRADING_PAUSED,
    UNAUTHORISED,
    Accepted,
    Answer,
    Declined,
    OrderRequest,
    Unsure,
)

BID, ASK = "bid", "ask"
TIMES = {
    GTC: "good_till_canceled",
    GTD: "good_till_canceled",
    IOC: "immediate_or_cancel",
    FOK: "fill_or_kill",
}
TAKER_AT_CROSS = (
    "taker_at_cross"  # an order that would meet our own is cancelled instead, the resting one stays
)
ONE = Decimal(1)
PRICE_STEP, SIZE_STEP = Decimal("0.0001"), Decimal("0.01")  # the finest that any market has

# Kalshi's words for what it has refused, and the class that it is to us
CLASSES = {
    "insufficient_balance": INSUFFICIENT_BALANCE,
    "invalid_price": OFF_TICK,
    "fill_or_kill_insufficient_resting_volume": NOT_FILLABLE,
    "order_already_exists": DUPLICATE,
    "trading_is_paused": TRADING_PAUSED,
    "exchange_is_paused": TRADING_PAUSED,
    "market_not_found": MARKET_CLOSED,
    "market_inactive": MARKET_CLOSED,
    "market_closed": MARKET_CLOSED,
    "market_not_open": MARKET_CLOSED,
    "market_not_active": MARKET_CLOSED,
    "order_group_not_found": TRADING_PAUSED,  # passes: the next try makes a new group
    "order_group_limit_exceeded": FORBIDDEN,
    "exceeded_order_group_risk_limit": FORBIDDEN,
    "forbidden": FORBIDDEN,
    "invalid_order": INVALID,
    "invalid_parameters": INVALID,
    "missing_parameters": INVALID,
    "bad_request": INVALID,
    "deprecated_v1_order_endpoint": INVALID,
    "too_many_requests": RATE_LIMITED,
}
# The same where the code says less than its details
DETAILS = {
    "post only cross": POST_ONLY_WOULD_CROSS,
    "market_inactive": MARKET_CLOSED,
    "order_group_risk_limit": FORBIDDEN,
}
BY_STATUS = {401: UNAUTHORISED, 403: FORBIDDEN, 429: RATE_LIMITED}
REFUSING = frozenset({400, 404, 405, 409, 410, 413, 415, 422})
HINTS = {
    FORBIDDEN: "Look at the key's scopes, the location attestation and the order group (docs/trading-kalshi.md).",
    UNAUTHORISED: "Check KALSHI_KEY_ID, the key file and this machine's clock.",
    INSUFFICIENT_BALANCE: "The money must lie on the market's own shard.",
}


def book_terms(outcome: str, side: str, price: Decimal) -> tuple[str, Decimal]:
    """Side and price in the YES book. Raises ValueError for an outcome or a side that is none."""
    if outcome not in (YES, NO) or side not in (BUY, SELL):
        raise ValueError(f"{side} {outcome} is no order: use BUY or SELL, YES or NO")
    bids = (outcome == YES) == (side == BUY)
    return (BID if bids else ASK), (price if outcome == YES else ONE - price)


def payload(
    request: OrderRequest, *, subaccount: int = 0, self_trade: str = TAKER_AT_CROSS
) -> dict[str, Any] | Declined:
    """The body of a create, strings for every number; Declined where no market of Kalshi takes such an order."""
    refusal = _unfit(request)
    if refusal is not None:
        return refusal
    side, price = book_terms(request.outcome, request.side, request.limit_price)
    body: dict[str, Any] = {
        "ticker": request.market_id,
        "client_order_id": request.client_order_id,
        "side": side,
        "count": f"{request.size:.2f}",
        "price": f"{price:.4f}",
        "time_in_force": TIMES[request.time_in_force],
        "self_trade_prevention_type": self_trade,
    }
    if request.time_in_force in (GTC, GTD):
        # An order that rests through a pause wakes up with an old price
        body["cancel_order_on_pause"] = True
        body["post_only"] = request.post_only
    if request.side == SELL and request.time_in_force == IOC:
        # A sale of more than is held would open the other side; and the signer need not take it for a purchase of it
        body["reduce_only"] = True
    if request.expires_at is not None:
        body["expiration_time"] = int(request.expires_at.timestamp())
    if subaccount:
        body["subaccount"] = subaccount
    shard = shard_of(request.facts)
    if shard is not None:
        body["exchange_index"] = shard
    return body


def shard_of(facts: Mapping[str, Any]) -> int | None:
    """The market's shard; None where it is not known, and Kalshi then finds it by the ticker."""
    shard = facts.get("exchange_index", facts.get("shard"))
    return shard if isinstance(shard, int) and not isinstance(shard, bool) else None


def _unfit(request: OrderRequest) -> Declined | None:
    """Why this is no order for Kalshi; the market's own grid and state are for the platform to judge."""
    if (
        request.time_in_force not in TIMES
        or request.side not in (BUY, SELL)
        or request.outcome not in (YES, NO)
    ):
        return Declined(
            INVALID, f"{request.side} {request.outcome} {request.time_in_force} is no order that Kalshi knows"
        )
    if not request.client_order_id or not request.market_id:
        return Declined(INVALID, "An order needs a client order id and a market")
    if not request.size.is_finite() or request.size < SIZE_STEP:
        return Declined(BELOW_MINIMUM, f"{request.size} contracts; the least is {SIZE_STEP}")
    if request.size % SIZE_STEP:
        return Declined(INVALID, f"{request.size} contracts are no multiple of {SIZE_STEP}")
    price = request.limit_price
    if not price.is_finite() or not 0 < price < 1 or price % PRICE_STEP:
        return Declined(OFF_TICK, f"{price} is no price between 0 and 1 in steps of {PRICE_STEP}")
    immediate = request.time_in_force in (IOC, FOK)
    if request.post_only and immediate:
        return Declined(INVALID, "An immediate order cannot be post-only")
    if (request.expires_at is not None) != (request.time_in_force == GTD):
        return Declined(INVALID, "GOOD_TILL_DATE needs a time of expiry, and no other order has one")
    return None


# --- answers


def answer(status: int, raw: bytes, request: OrderRequest) -> Answer:
    """What the answer to a create proves. Whatever is not documented proves nothing."""
    if status == 201:
        try:
            return accepted(msgspec.json.decode(raw, type=wire.Created), request)
        except (*UNREADABLE, ValueError) as error:
            return Unsure(f"Kalshi answers 201 with something that cannot be read ({error})"[:300])
    return refusal(status, raw)


def accepted(body: wire.Created, request: OrderRequest) -> Accepted:
    """A create that was taken. A 201 has no status, and does not mean that anything filled or rests.

    Raises ValueError for counts that are missing or impossible, and for the answer to another order.
    """
    if not body.order_id or body.fill_count is None or body.remaining_count is None:
        raise ValueError("order_id, fill_count or remaining_count is missing")
    if (body.client_order_id or request.client_order_id) != request.client_order_id:
        raise ValueError("it is about another order")
    filled, rests = size(body.fill_count), size(body.remaining_count)
    if filled + rests > request.size:
        raise ValueError(f"{filled} filled and {rests} resting of {request.size}")
    average = number(body.average_fill_price) if body.average_fill_price and filled > 0 else None
    if average is not None and request.outcome == NO:
        average = ONE - average
    return Accepted(body.order_id, status_after(filled, rests, request.size), filled, average)


def status_after(filled: Decimal, rests: Decimal, wanted: Decimal) -> str:
    """The status that the counts of a fresh order mean."""
    if filled >= wanted:
        return FILLED
    if rests == 0:
        return CANCELLED  # an immediate order's rest, or stopped before it met an order of our own
    return PARTIAL if filled > 0 else OPEN


def refusal(status: int, raw: bytes) -> Declined | Unsure:
    """What an answer other than a success proves."""
    code, said = error_of(raw)
    words = f"{status} {code} {said}".strip()
    known = BY_STATUS.get(status) or (_class(code, said) if status in REFUSING else None)
    if known is None and status in REFUSING - {409} and (code or said) and _is_document(raw):
        known = INVALID  # a refusal in the documented shape, with a word that we have not met yet
    if known is None:
        return Unsure(f"Kalshi answers {words[:200] or status}: the order may be there or not")
    return Declined(known, f"Kalshi refuses: {words[:200]}. {HINTS.get(known, '')}".strip())


def item_refusal(raw: bytes) -> Declined | Unsure:
    """The same for one item of a batch, which has no status of its own: only words that we know prove anything."""
    code, said = error_of(raw)
    known = _class(code, said)
    if known is None:
        return Unsure(f"Kalshi says {code or said or 'nothing'} of this one: it may be there or not"[:300])
    return Declined(known, f"Kalshi refuses: {code} {said}. {HINTS.get(known, '')}".strip())


def _class(code: str, said: str) -> str | None:
    text = f"{code} {said}".lower()
    for words, known in DETAILS.items():
        if words in text:
            return known
    return CLASSES.get(code.lower())


def _is_document(raw: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(raw), dict)
    except UNREADABLE:
        return False
