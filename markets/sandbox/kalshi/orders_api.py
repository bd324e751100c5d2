"""Orders over REST: the current writes below /portfolio/events/orders, the reads below /portfolio/orders."""

from collections.abc import Callable
from typing import Any

from markets.platforms.base import KALSHI
from markets.sandbox.kalshi import desk
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.accounts import Notes, OrderState
from markets.sandbox.kalshi.call import Answer, Call, Endpoint, page
from markets.sandbox.kalshi.errors import ApiError, bad_json, bad_parameter, from_engine, not_found, refused
from markets.sandbox.kalshi.limits import WRITE
from markets.sandbox.kalshi.records import order_row
from markets.sandbox.orders import Rejected

SECOND = 1000
STATUSES = ("resting", "canceled", "executed")
OLD_ORDERS = "https://docs.kalshi.com/api-reference/orders/create-order-v2"

# --- writes


def create(call: Call) -> Answer:
    """POST /portfolio/events/orders"""
    wanted = desk.read_order(call.body())
    subaccount = call.allowed_subaccount(wanted.subaccount)
    return 201, desk.place(call.exchange, call.user, wanted, subaccount, call.now_ms)


def hold_ms(call: Call) -> int:
    """How long a marketable order waits before it is matched."""
    try:
        wanted = desk.read_order(call.body())
        book = call.exchange.engine.book(wanted.ticker)
    except (ApiError, Rejected):
        return 0
    if not book.would_cross(wanted.side, wanted.price):
        return 0
    return call.exchange.sandbox.faults.match_delay(KALSHI, wanted.ticker)


def batch_create(call: Call) -> Answer:
    """POST /portfolio/events/orders/batched: each by itself, refusals stand inside the 201."""

    def one(body: dict[str, Any]) -> dict[str, Any]:
        wanted = desk.read_order(body)
        subaccount = call.allowed_subaccount(wanted.subaccount)
        return desk.place(call.exchange, call.user, wanted, subaccount, call.now_ms)

    found = []
    for body in _bodies(call):
        named = body.get("client_order_id")
        row: dict[str, Any] = {"client_order_id": named if isinstance(named, str) else None}
        row.update(_attempt(one, body))
        found.append(row)
    return 201, {"orders": found}


def batch_cancel(call: Call) -> Answer:
    """DELETE /portfolio/events/orders/batched"""

    def one(body: dict[str, Any]) -> dict[str, Any]:
        ticker = f.read_word(body, "market_ticker", default="")
        shard = f.read_integer(body, "exchange_index", desk.ANY_SHARD)
        return desk.cancel(call.exchange, call.user, body["order_id"], ticker, shard, call.now_ms)

    found = []
    for body in _bodies(call):
        order_id = f.read_word(body, "order_id")
        row: dict[str, Any] = {"order_id": order_id, "reduced_by": f.count(0), "ts_ms": None}
        row.update(_attempt(one, body))
        found.append(row)
    return 200, {"orders": found}


def cancel(call: Call) -> Answer:
    """DELETE /portfolio/events/orders/{order_id}"""
    shard = call.number("exchange_index", desk.ANY_SHARD, low=desk.ANY_SHARD)
    found = desk.cancel(
        call.exchange, call.user, call.args["order_id"], call.text("market_ticker"),
        desk.ANY_SHARD if shard is None else shard, call.now_ms,
    )  # fmt: skip
    return 200, found


def cancel_all(call: Call) -> Answer:
    """DELETE /portfolio/events/orders: the kill switch."""
    desk.cancel_all(call.exchange, call.user, call.subaccount(), call.now_ms)
    return 204, None


def amend(call: Call) -> Answer:
    """POST /portfolio/events/orders/{order_id}/amend"""
    return 200, desk.amend(call.exchange, call.user, call.args["order_id"], call.body(), call.now_ms)


def decrease(call: Call) -> Answer:
    """POST /portfolio/events/orders/{order_id}/decrease"""
    return 200, desk.decrease(call.exchange, call.user, call.args["order_id"], call.body(), call.now_ms)


def gone(call: Call) -> Answer:
    """The first version's writes."""
    raise refused(410, "deprecated_v1_order_endpoint", "this endpoint is no longer available", OLD_ORDERS)


# --- reads, as of a moment that may lag behind


def orders(call: Call) -> Answer:
    """GET /portfolio/orders: newest first."""
    limit, subaccount = call.limit(100, 1000), call.subaccount()
    tickers, events = set(call.words("ticker")), set(call.words("event_ticker"))
    status, shard = call.text("status", STATUSES), call.number("exchange_index", None)
    low, high = call.number("min_ts", 0) or 0, call.number("max_ts", None)
    if len(events) > 100:
        raise bad_parameter("event_ticker", "give at most 100")

    def wanted(notes: Notes, state: OrderState) -> bool:
        order = notes.order
        return (
            notes.subaccount == subaccount
            and (not tickers or order.market_id in tickers)
            and (not events or call.exchange.catalog.market(order.market_id).event_id in events)
            and (not status or state.status == status)
            and (shard is None or notes.shard == shard)
            and low * SECOND <= order.created_ms
            and (high is None or order.created_ms <= high * SECOND)
        )

    found, cursor = page(
        ((n, (notes, state)) for n, notes, state in _known(call) if wanted(notes, state)),
        limit, call.text("cursor"), newest_first=True,
    )  # fmt: skip
    return 200, {"orders": [order_row(notes, state) for notes, state in found], "cursor": cursor}


def _known(call: Call) -> list[tuple[int, Notes, OrderState]]:
    """Orders that the read side has heard of, newest first, numbered from one."""
    read_at = call.exchange.read_at()
    rows = ((n, notes, notes.as_of(read_at)) for n, notes in enumerate(call.user.orders.values(), 1))
    return [(n, notes, state) for n, notes, state in rows if state is not None][::-1]


def order(call: Call) -> Answer:
    """GET /portfolio/orders/{order_id}"""
    notes = call.user.orders.get(call.args["order_id"])
    state = notes.as_of(call.exchange.read_at()) if notes is not None else None
    if notes is None or state is None:
        raise not_found()
    return 200, {"order": order_row(notes, state)}


def queue_position(call: Call) -> Answer:
    """GET /portfolio/orders/{order_id}/queue_position"""
    notes = call.user.orders.get(call.args["order_id"])
    if notes is None or not notes.order.open:
        raise not_found()
    return 200, {"queue_position_fp": f.count(call.exchange.engine.queue_ahead(notes.order.id))}


def queue_positions(call: Call) -> Answer:
    """GET /portfolio/orders/queue_positions"""
    tickers, event = set(call.words("market_tickers")), call.text("event_ticker")
    if not tickers and not event:
        raise bad_parameter("market_tickers", "give market_tickers or event_ticker")
    exchange = call.exchange
    found = [
        {
            "order_id": order.id, "market_ticker": order.market_id,
            "queue_position_fp": f.count(exchange.engine.queue_ahead(order.id)),
        }
        for order in exchange.open_orders(call.user, call.subaccount())
        if order.market_id in tickers or exchange.catalog.market(order.market_id).event_id == event
    ]  # fmt: skip
    return 200, {"queue_positions": found}


# --- parts


def _bodies(call: Call) -> list[dict[str, Any]]:
    found = call.body().get("orders")
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise bad_json("json: orders must be a list of objects")
    return found


def _attempt(do: Callable[[dict[str, Any]], dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    """What one item of a batch comes to; its refusal in the flat shape."""
    try:
        return do(body)
    except Rejected as error:
        refusal = from_engine(error.code)
    except ApiError as error:
        refusal = error
    inner = refusal.body.get("error", refusal.body)
    words = inner if isinstance(inner, dict) else {"message": str(inner)}
    return {"error": {"code": refusal.code, "message": words.get("message", ""), "details": refusal.details}}


def _per_item(call: Call, cost: int) -> int:
    found = call.body().get("orders")
    return cost * max(1, len(found)) if isinstance(found, list) else cost


def _shard_named(call: Call) -> int:
    """Writes that name a shard above 0 draw on its own bucket."""
    named = call.query.get("exchange_index", [""])[-1]
    if named.isdecimal():
        return int(named)
    found = call.body().get("exchange_index") if call.raw else None
    return found if isinstance(found, int) and found > 0 else 0


def _write(
    method: str,
    path: str,
    serve: Callable[[Call], Answer],
    hold: Callable[[Call], int] = lambda call: 0,
    tokens: Callable[[Call, int], int] = lambda call, cost: cost,
) -> Endpoint:
    return Endpoint(
        method, path, serve, private=True, bucket=WRITE, tokens=tokens, shard=_shard_named, hold=hold
    )


ONE = "/portfolio/events/orders/:order_id"
OLD = (
    ("POST", "/portfolio/orders"), ("POST", "/portfolio/orders/batched"), ("DELETE", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/:order_id"), ("POST", "/portfolio/orders/:order_id/amend"),
    ("POST", "/portfolio/orders/:order_id/decrease"),
)  # fmt: skip
ENDPOINTS = (
    _write("POST", "/portfolio/events/orders", create, hold_ms),
    _write("DELETE", "/portfolio/events/orders", cancel_all),
    _write("POST", "/portfolio/events/orders/batched", batch_create, tokens=_per_item),
    _write("DELETE", "/portfolio/events/orders/batched", batch_cancel, tokens=_per_item),
    _write("DELETE", ONE, cancel),
    _write("POST", f"{ONE}/amend", amend),
    _write("POST", f"{ONE}/decrease", decrease),
    Endpoint("GET", "/portfolio/orders", orders, private=True),
    Endpoint("GET", "/portfolio/orders/queue_positions", queue_positions, private=True),
    Endpoint("GET", "/portfolio/orders/:order_id", order, private=True),
    Endpoint("GET", "/portfolio/orders/:order_id/queue_position", queue_position, private=True),
    *(_write(method, path, gone) for method, path in OLD),
)
