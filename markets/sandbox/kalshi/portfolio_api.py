"""What a member has: balance, positions, fills, settlements, money between shards; and the account's limits."""

from collections.abc import Callable
from typing import Any

from markets.books import MICRO
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi import records
from markets.sandbox.kalshi.accounts import User
from markets.sandbox.kalshi.call import Answer, Call, Endpoint, page
from markets.sandbox.kalshi.errors import bad_parameter, not_found, refused
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.limits import BALANCE, READ, WRITE
from markets.sandbox.kalshi.money import Position
from markets.sandbox.orders import BUY

SECOND = 1000
CENTICENT = 100  # micro-dollars: the unit of a transfer's amount


def balance(call: Call) -> Answer:
    """GET /portfolio/balance: what new orders may cost, per shard; it has a bucket of its own."""
    subaccount, shard = call.subaccount(), call.number("exchange_index", None)
    user = call.user
    wallets = {
        index: wallet
        for (sub, index), wallet in user.wallets.items()
        if sub == subaccount and shard in (None, index)
    }
    total = sum(wallet.available for wallet in wallets.values())
    value = sum(
        _worth(call.exchange, position)
        for position in user.held(subaccount)
        if shard in (None, call.exchange.catalog.market(position.market_id).k.exchange_index)
    )
    updated = max((wallet.updated_ms for wallet in wallets.values()), default=call.now_ms)
    return 200, {
        "balance": f.cents(total),
        "balance_dollars": f.dollars4(total),
        "portfolio_value": f.cents(value),
        "updated_ts": updated // SECOND,
        "balance_breakdown": [
            {"exchange_index": index, "balance": f.dollars4(wallet.available)}
            for index, wallet in sorted(wallets.items())
        ],
    }


def _worth(exchange: Exchange, position: Position) -> int:
    """What a position would bring at the best bid of its side."""
    book = exchange.engine.book(position.market_id)
    each = book.best_bid if position.count >= 0 else MICRO - book.best_ask
    return each * abs(position.count) // MICRO


def positions(call: Call) -> Answer:
    """GET /portfolio/positions: paged by market, with the sums of their events."""
    limit, subaccount = call.limit(100, 1000), call.subaccount()
    settled = call.text("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    filters = call.words("count_filter")
    if not set(filters) <= {"position", "total_traded", "resting_order_count"}:
        raise bad_parameter("count_filter", "must be of position, total_traded")
    ticker, event = call.text("ticker"), call.text("event_ticker")
    shard = call.number("exchange_index", None)
    catalog = call.exchange.catalog

    def wanted(position: Position) -> bool:
        market = catalog.market(position.market_id)
        return (
            settled in ("all", "settled" if position.settled else "unsettled")
            and (not ticker or market.id == ticker)
            and (not event or market.event_id == event)
            and (shard is None or market.k.exchange_index == shard)
            and ("position" not in filters or position.count != 0)
            and ("total_traded" not in filters or position.traded != 0)
        )

    numbered = ((n, p) for n, p in enumerate(call.user.held(subaccount), 1) if p.volume and wanted(p))
    found, cursor = page(numbered, limit, call.text("cursor"))
    by_event: dict[str, list[Position]] = {}
    for position in found:
        by_event.setdefault(catalog.market(position.market_id).event_id, []).append(position)
    return 200, {
        "market_positions": [_position_row(call.exchange, call.user, subaccount, p) for p in found],
        "event_positions": [records.event_position_row(name, held) for name, held in by_event.items()],
        "cursor": cursor,
    }


def _position_row(exchange: Exchange, user: User, subaccount: int, position: Position) -> dict[str, Any]:
    resting = len(exchange.open_orders(user, subaccount, position.market_id))
    return records.position_row(position, exchange.catalog.market(position.market_id), resting)


def fills(call: Call) -> Answer:
    """GET /portfolio/fills: newest first."""
    limit, subaccount = call.limit(100, 1000), call.subaccount()
    tickers, order_id = set(call.words("ticker")), call.text("order_id")
    shard, read_at = call.number("exchange_index", None), call.exchange.read_at()
    within = _between(call)
    numbered = (
        (n, fill)
        for n, fill in reversed(list(enumerate(call.user.fills, 1)))
        if fill.notes.subaccount == subaccount
        and fill.at_ms <= read_at
        and within(fill.at_ms)
        and (not tickers or fill.notes.order.market_id in tickers)
        and (not order_id or fill.notes.order.id == order_id)
        and (shard is None or fill.notes.shard == shard)
    )
    found, cursor = page(numbered, limit, call.text("cursor"), newest_first=True)
    return 200, {"fills": [records.fill_row(fill) for fill in found], "cursor": cursor}


def settlements(call: Call) -> Answer:
    """GET /portfolio/settlements: newest first."""
    limit, subaccount = call.limit(100, 1000), call.subaccount()
    ticker, event = call.text("ticker"), call.text("event_ticker")
    within, catalog = _between(call), call.exchange.catalog
    numbered = (
        (n, paid)
        for n, paid in reversed(list(enumerate(call.user.settlements, 1)))
        if paid.subaccount == subaccount
        and within(paid.at_ms)
        and (not ticker or paid.market_id == ticker)
        and (not event or catalog.market(paid.market_id).event_id == event)
    )
    found, cursor = page(numbered, limit, call.text("cursor"), newest_first=True)
    rows = [records.settlement_row(paid, catalog.market(paid.market_id)) for paid in found]
    return 200, {"settlements": rows, "cursor": cursor}


def _between(call: Call) -> Callable[[int], bool]:
    low, high = call.number("min_ts", 0) or 0, call.number("max_ts", None)
    return lambda at_ms: low * SECOND <= at_ms and (high is None or at_ms <= high * SECOND)


def resting_value(call: Call) -> Answer:
    """GET /portfolio/summary/total_resting_order_value, whole cents and per shard."""
    per_shard: dict[int, int] = {0: 0}
    for notes in call.user.orders.values():
        order = notes.order
        if order.open:
            own = order.price if order.side == BUY else MICRO - order.price
            per_shard[notes.shard] = per_shard.get(notes.shard, 0) + own * order.remaining // MICRO
    breakdown = [
        {"exchange_index": shard, "balance": f.dollars4(v)} for shard, v in sorted(per_shard.items())
    ]
    total = f.cents(sum(per_shard.values()))
    return 200, {"total_resting_order_value": total, "resting_order_value_breakdown": breakdown}


def deposits(call: Call) -> Answer:
    """GET /portfolio/deposits: newest first; the money of the start is none."""
    return 200, _paid(call, "deposits", call.user.deposits)


def withdrawals(call: Call) -> Answer:
    """GET /portfolio/withdrawals: newest first"""
    return 200, _paid(call, "withdrawals", call.user.withdrawals)


def _paid(call: Call, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    numbered = reversed(list(enumerate(rows, 1)))
    found, cursor = page(numbered, call.limit(100, 500), call.text("cursor"), newest_first=True)
    return {name: found, "cursor": cursor}


# --- money between shards


def transfer(call: Call) -> Answer:
    """POST /portfolio/intra_exchange_instance_transfer: done at once; an id used before is a 409."""
    body, user = call.body(), call.user
    for name in ("source", "destination"):
        if f.read_word(body, name, ("event_contract", "margined")) != "event_contract":
            raise refused(400, "invalid_parameters")
    amount = f.read_integer(body, "amount") * CENTICENT
    shards = [f.read_integer(body, f"{end}_exchange_shard", 0) for end in ("source", "destination")]
    subs = [f.read_integer(body, f"{end}_subaccount", 0) for end in ("source", "destination")]
    named = f.read_word(body, "client_transfer_id", default="")
    if (
        amount <= 0
        or not all(0 <= shard <= 100 for shard in shards)
        or not set(subs) <= set(user.subaccounts)
    ):
        raise refused(400, "invalid_parameters")
    if named and named in user.transfer_ids:
        raise refused(409, "transfer_already_exists")
    source, target = (user.wallet(sub, shard) for sub, shard in zip(subs, shards, strict=True))
    if amount > source.available:
        raise refused(400, "insufficient_balance")
    source.cash -= amount
    target.cash += amount
    source.updated_ms = target.updated_ms = call.now_ms
    user.transfer_ids.add(named)
    row = {
        "transfer_id": call.exchange.engine.new_id(), "client_transfer_id": named,
        "source": "event_contract", "destination": "event_contract",
        "source_exchange_shard": shards[0], "destination_exchange_shard": shards[1],
        "amount": f.dollars4(amount), "status": "complete", "created_ts": call.now_ms // SECOND,
    }  # fmt: skip
    user.shard_transfers.append(row)
    return 200, {"transfer_id": row["transfer_id"]}


def transfers(call: Call) -> Answer:
    """GET /portfolio/intra_exchange_instance_transfers: newest first."""
    rows = reversed(list(enumerate(call.user.shard_transfers, 1)))
    found, cursor = page(rows, call.limit(100, 500), call.text("cursor"), newest_first=True)
    return 200, {"transfers": found, "cursor": cursor}


def one_transfer(call: Call) -> Answer:
    """GET /portfolio/intra_exchange_instance_transfers/{transfer_id}"""
    for row in call.user.shard_transfers:
        if row["transfer_id"] == call.args["transfer_id"]:
            return 200, {"transfer": row}
    raise not_found()


def subaccount_balances(call: Call) -> Answer:
    """GET /portfolio/subaccounts/balances"""
    rows = [
        {
            "subaccount_number": sub, "exchange_index": shard, "balance": f.dollars4(wallet.available),
            "updated_ts": wallet.updated_ms // SECOND,
        }
        for (sub, shard), wallet in sorted(call.user.wallets.items())
    ]  # fmt: skip
    return 200, {"subaccount_balances": rows}


# --- the account


def limits(call: Call) -> Answer:
    """GET /account/limits"""
    found = call.user.limits
    sizes = {
        kind: dict(zip(("refill_rate", "bucket_capacity"), found.size(kind), strict=True))
        for kind in (READ, WRITE)
    }
    return 200, {"usage_tier": found.tier, **sizes, "grants": []}


def api_keys(call: Call) -> Answer:
    """GET /api_keys"""
    rows = [
        {"api_key_id": key.key_id, "name": f"{key.user}'s key", "scopes": sorted(key.scopes)}
        for key in call.exchange.keyring.keys.values()
        if key.user == call.user.name
    ]
    return 200, {"api_keys": rows, "api_key_region_expiration_ts": None}


TRANSFERS = "/portfolio/intra_exchange_instance_transfers"
ENDPOINTS = (
    Endpoint("GET", "/portfolio/balance", balance, private=True, bucket=BALANCE, tokens=lambda call, cost: 1),
    Endpoint("GET", "/portfolio/positions", positions, private=True),
    Endpoint("GET", "/portfolio/fills", fills, private=True),
    Endpoint("GET", "/portfolio/settlements", settlements, private=True),
    Endpoint("GET", "/portfolio/summary/total_resting_order_value", resting_value, private=True),
    Endpoint("GET", "/portfolio/deposits", deposits, private=True),
    Endpoint("GET", "/portfolio/withdrawals", withdrawals, private=True),
    Endpoint("GET", "/portfolio/subaccounts/balances", subaccount_balances, private=True),
    Endpoint("POST", "/portfolio/intra_exchange_instance_transfer", transfer, private=True, bucket=WRITE),
    Endpoint("GET", TRANSFERS, transfers, private=True),
    Endpoint("GET", f"{TRANSFERS}/:transfer_id", one_transfer, private=True),
    Endpoint("GET", "/account/limits", limits, private=True),
    Endpoint("GET", "/api_keys", api_keys, private=True),
)
