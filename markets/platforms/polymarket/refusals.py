"""What an answer to a posted order means: accepted, declined with proof, or nobody knows.

Declined needs a documented refusal in words that can be read. Everything else that is not an acceptance leaves the
outcome unknown: 425 and other 5xx, a 429 from the edge, an answer that cannot be read.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from markets.platforms.polymarket.account_wire import Answer as WireAnswer
from markets.platforms.polymarket.replies import Reply
from markets.platforms.polymarket.reports import DUST, amount, average
from markets.platforms.trading import (
    BELOW_MINIMUM,
    BUY,
    CANCELLED,
    DELAYED,
    DUPLICATE,
    FILLED,
    FOK,
    FORBIDDEN,
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
    TRADING_PAUSED,
    UNAUTHORISED,
    Accepted,
    Answer,
    Declined,
    OrderRequest,
    Unsure,
)  # fmt: skip

# The platform's words, in lower case, the first that is found decides; and what to do, where that is ours to say
WORDS: tuple[tuple[str, str, str], ...] = (
    ("not enough balance", INSUFFICIENT_BALANCE, "Cash or an approval is missing: see the wallet."),
    ("breaks minimum tick size", OFF_TICK, "The market's tick has changed: read it again."),
    ("invalid price", OFF_TICK, "The price does not lie on the market's grid."),
    ("lower than the minimum", BELOW_MINIMUM, ""),
    ("min size", BELOW_MINIMUM, ""),
    ("duplicated", DUPLICATE, "It was sent before: look it up."),
    ("order crosses book", POST_ONLY_WOULD_CROSS, ""),
    ("fok orders are fully filled or killed", NOT_FILLABLE, ""),
    ("fak orders are partially filled or killed", NOT_FILLABLE, ""),
    ("no match is found", NOT_FILLABLE, ""),
    ("not yet ready to process", MARKET_CLOSED, "The market is opening: wait."),
    ("does not exist", MARKET_CLOSED, ""),
    ("market is closed", MARKET_CLOSED, ""),
    ("not accepting orders", MARKET_CLOSED, ""),
    ("post-only mode", TRADING_PAUSED, ""),
    ("cancel-only", TRADING_PAUSED, ""),
    ("trading is disabled", TRADING_PAUSED, ""),
    ("trading is currently disabled", TRADING_PAUSED, ""),
    ("order_version_mismatch", INVALID, "Signed for another exchange: sync the market."),
    ("address banned", FORBIDDEN, ""),
    ("closed only mode", FORBIDDEN, "The account may only reduce what it holds."),
    ("closed_only", FORBIDDEN, "The account may only reduce what it holds."),
    ("restricted in your region", FORBIDDEN, "Orders are refused from this place: stop trading here."),
    ("geoblock", FORBIDDEN, "Orders are refused from this place: stop trading here."),
    ("too many orders in payload", INVALID, ""),
    ("unauthorized", UNAUTHORISED, ""),
    ("invalid api key", UNAUTHORISED, ""),
    ("invalid l1 request headers", UNAUTHORISED, ""),
)  # fmt: skip
# Refusals that the platform documents as engine trouble: the order may be in
UNSETTLED = (
    "could not insert order", "there are no matching orders", "the trade contains rounding issues",
    "taker price discrepancy", "order match delayed",
)  # fmt: skip
BY_STATUS = {401: UNAUTHORISED, 403: FORBIDDEN}
KNOWN_STATUSES = ("live", "matched", "delayed")
RATE_HEADER = "poly-ratelimit-"


def judged(reply: Reply, request: OrderRequest, cash: Decimal) -> Answer:
    """What the answer to one posted order says. `cash`: dollars that an immediate purchase was signed for."""
    if reply.status != 200:
        return refused(reply)
    try:
        wire = msgspec.json.decode(reply.content, type=WireAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unsure("Polymarket's answer to the order cannot be read: look it up")
    return told(wire, request, cash)


def told(wire: WireAnswer, request: OrderRequest, cash: Decimal) -> Answer:
    """What a readable answer says: `success` with an error message is a refusal."""
    if wire.error_msg and wire.success and (_says_filled(wire) or _classified(wire.error_msg) is None):
        # Success and an error at once: only words that we know, and no amounts, prove that it was refused
        return Unsure(f"Polymarket says success, and {wire.error_msg[:300]!r}: look the order up")
    if wire.error_msg:
        return declined(wire.error_msg)
    status = (wire.status or "").lower()
    if not wire.success or not wire.order_id or status not in KNOWN_STATUSES:
        return Unsure(f"Polymarket's answer to the order proves nothing (status {status[:40]!r}): look it up")
    try:
        making, taking = amount(wire.making_amount), amount(wire.taking_amount)
    except ValueError as error:
        return Unsure(f"Polymarket's answer to the order cannot be read ({error}): look it up")
    spent, shares = (making, taking) if request.side == BUY else (taking, making)
    if status == "matched" and not shares:
        return Unsure("Polymarket says matched, but not how much: look the order up")
    return Accepted(
        platform_order_id=wire.order_id.lower(),
        status=_status(status, request, cash, spent, shares),
        matched=shares,
        average_price=average(spent, shares),
        trade_ids=tuple(wire.trade_ids or ()),
    )


def _says_filled(wire: WireAnswer) -> bool:
    return any(text not in (None, "", "0") for text in (wire.making_amount, wire.taking_amount))


def _status(word: str, request: OrderRequest, cash: Decimal, spent: Decimal, shares: Decimal) -> str:
    if word == "delayed":
        return DELAYED
    if request.time_in_force == FOK and shares:
        return FILLED
    if request.time_in_force == IOC:
        left = cash - spent if request.side == BUY else request.size - shares
        return FILLED if left < DUST else CANCELLED  # the rest of it is gone
    if word == "live":
        return PARTIAL if shares else OPEN
    return FILLED if request.size - shares < DUST else PARTIAL


def refused(reply: Reply) -> Answer:
    """What a status other than 200 says."""
    words, wait = _said(reply), _retry_after(reply)
    if reply.status == 429:
        if any(name.lower().startswith(RATE_HEADER) for name in reply.headers):
            return Declined(RATE_LIMITED, f"Polymarket: {words or 'rate limit exceeded'}", wait)
        return Unsure("Polymarket's edge says 429, which proves nothing: look the order up")
    if reply.status == 503 and (found := _classified(words)) and found[0] == TRADING_PAUSED:
        return Declined(TRADING_PAUSED, f"Polymarket: {words}", wait)
    if not 400 <= reply.status < 500 or reply.status in (408, 425) or not words:
        return Unsure(
            f"Polymarket says {reply.status} ({words or 'unreadable'}), which proves nothing: look the order up"
        )
    if any(mark in words.lower() for mark in UNSETTLED):
        return Unsure(f"Polymarket says {words!r}: look the order up")
    return declined(words, BY_STATUS.get(reply.status, ""), wait)


def declined(words: str, code: str = "", wait: float = 0.0) -> Declined | Unsure:
    """A refusal in the platform's words."""
    if any(mark in words.lower() for mark in UNSETTLED):
        return Unsure(f"Polymarket says {words[:300]!r}: look the order up")
    known = _classified(words)
    what, advice = known or (code or INVALID, "")
    sentence = f"Polymarket: {words[:300]}"
    return Declined(code or what, f"{sentence} {advice}".strip(), wait)


def _classified(words: str) -> tuple[str, str] | None:
    lowered = words.lower()
    return next(((code, advice) for mark, code, advice in WORDS if mark in lowered), None)


def _said(reply: Reply) -> str:
    """The reason as the platform writes it: `{"error": "..."}` (or `errorMsg`); empty for anything else."""
    document = _document(reply)
    words = document.get("error") or document.get("errorMsg") or document.get("error_msg") or ""
    return words if isinstance(words, str) else ""


def _retry_after(reply: Reply) -> float:
    told_ = _document(reply).get("retry_after_seconds")
    if isinstance(told_, int) and 0 <= told_ < 100_000:
        return float(told_)
    header = next((value for name, value in reply.headers.items() if name.lower() == "retry-after"), "")
    return float(header) if header.isascii() and header.isdigit() and len(header) < 6 else 0.0


def _document(reply: Reply) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
