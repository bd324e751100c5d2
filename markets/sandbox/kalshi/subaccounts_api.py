"""Subaccounts over REST: made one by one, and money moved between them."""

from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.call import LAST_SUBACCOUNT, Answer, Call, Endpoint, page
from markets.sandbox.kalshi.errors import refused
from markets.sandbox.kalshi.limits import WRITE

SECOND = 1000
CENT = 10_000  # micro-dollars


def create(call: Call) -> Answer:
    """POST /portfolio/subaccounts"""
    number = max(call.user.subaccounts) + 1
    if number > LAST_SUBACCOUNT:
        raise refused(400, "invalid_parameters")
    call.user.subaccounts[number] = False
    return 201, {"subaccount_number": number}


def transfer(call: Call) -> Answer:
    """POST /portfolio/subaccounts/transfer: done at once; an id used before is a 409."""
    body, user = call.body(), call.user
    named = f.read_word(body, "client_transfer_id")
    source, target = (f.read_integer(body, f"{end}_subaccount") for end in ("from", "to"))
    cents, shard = f.read_integer(body, "amount_cents"), f.read_integer(body, "exchange_index", 0)
    if cents <= 0 or source == target or not {source, target} <= set(user.subaccounts):
        raise refused(400, "invalid_parameters")
    if named in user.transfer_ids:
        raise refused(409, "transfer_already_exists")
    payer, payee = user.wallet(source, shard), user.wallet(target, shard)
    if cents * CENT > payer.available:
        raise refused(400, "insufficient_balance")
    payer.cash -= cents * CENT
    payee.cash += cents * CENT
    payer.updated_ms = payee.updated_ms = call.now_ms
    user.transfer_ids.add(named)
    user.subaccount_transfers.append(
        {
            "transfer_id": call.exchange.engine.new_id(), "from_subaccount": source, "to_subaccount": target,
            "amount_cents": cents, "created_ts": call.now_ms // SECOND, "exchange_index": shard,
        }
    )  # fmt: skip
    return 200, {}


def transfers(call: Call) -> Answer:
    """GET /portfolio/subaccounts/transfers: newest first."""
    rows = reversed(list(enumerate(call.user.subaccount_transfers, 1)))
    found, cursor = page(rows, call.limit(100, 1000), call.text("cursor"), newest_first=True)
    return 200, {"transfers": found, "cursor": cursor}


ENDPOINTS = (
    Endpoint("POST", "/portfolio/subaccounts", create, private=True, bucket=WRITE),
    Endpoint("POST", "/portfolio/subaccounts/transfer", transfer, private=True, bucket=WRITE),
    Endpoint("GET", "/portfolio/subaccounts/transfers", transfers, private=True),
)
