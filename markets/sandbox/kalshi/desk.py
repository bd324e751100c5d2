"""The order desk: Kalshi's rules for creating, cancelling, amending and decreasing orders. Raises ApiError or Rejected."""

from dataclasses import dataclass
from typing import Any

from markets.books import MICRO
from markets.platforms.base import KALSHI, OPEN, PAUSED
from markets.sandbox import orders as o
from markets.sandbox import rushing
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.accounts import Notes, User
from markets.sandbox.kalshi.errors import not_found, refused
from markets.sandbox.kalshi.exchange import DRAFT, Draft, Exchange
from markets.sandbox.kalshi.money import order_cost
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, SELL, Order

SIDES = {"bid": BUY, "ask": SELL}
TIMES = {"good_till_canceled": o.GTC, "immediate_or_cancel": o.IOC, "fill_or_kill": o.FOK}
SELF_TRADES = (o.STP_TAKER, o.STP_MAKER)
CLOSED_DOORS = ("disabled", "restarting")  # modes in which nothing works
NO_NEW = ("paused", "cancel_only")  # modes in which only cancels work
ANY_SHARD = -1
MAX_CLIENT_ID = 200


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as asked for: YES terms, micro units."""

    ticker: str
    side: str
    price: int
    size: int
    tif: str
    stp: str
    client_id: str
    expires_ms: int
    post_only: bool
    reduce_only: bool
    cancel_on_pause: bool
    group: str
    subaccount: int | None
    shard: int


def read_order(body: dict[str, Any]) -> NewOrder:
    """The body of a create request. Raises ApiError."""
    tif = TIMES[f.read_word(body, "time_in_force", tuple(TIMES))]
    expires = f.read_integer(body, "expiration_time", 0)
    wanted = NewOrder(
        ticker=f.read_word(body, "ticker"),
        side=SIDES[f.read_word(body, "side", tuple(SIDES))],
        price=f.read_price(body, "price"),
        size=f.read_count(body, "count"),
        tif=o.GTD if expires else tif,
        stp=f.read_word(body, "self_trade_prevention_type", SELF_TRADES),
        client_id=f.read_word(body, "client_order_id", default=""),
        expires_ms=expires * 1000,
        post_only=f.read_flag(body, "post_only"),
        reduce_only=f.read_flag(body, "reduce_only"),
        cancel_on_pause=f.read_flag(body, "cancel_order_on_pause"),
        group=f.read_word(body, "order_group_id", default=""),
        subaccount=f.read_integer(body, "subaccount", -1) if "subaccount" in body else None,
        shard=f.read_integer(body, "exchange_index", ANY_SHARD),
    )
    immediate = tif in (o.IOC, o.FOK)
    if (
        expires < 0
        or (expires and immediate)
        or (wanted.post_only and immediate)
        or (wanted.reduce_only and tif != o.IOC)
        or len(wanted.client_id) > MAX_CLIENT_ID
    ):
        raise refused(400, "invalid_parameters")
    return wanted


def check_mode(exchange: Exchange, *, cancel: bool = False) -> str:
    """The trading mode. Raises ApiError 409 where it does not allow this."""
    mode = exchange.sandbox.faults.mode(KALSHI)
    if mode in CLOSED_DOORS:
        raise refused(409, "exchange_is_paused")
    if mode in NO_NEW and not cancel:
        raise refused(409, "trading_is_paused")
    return mode


def place(exchange: Exchange, user: User, wanted: NewOrder, subaccount: int, now_ms: int) -> dict[str, Any]:
    """Create an order; the flat answer of a 201. Raises ApiError or Rejected."""
    mode = check_mode(exchange)
    market = exchange.catalog.market(wanted.ticker)
    if wanted.shard not in (ANY_SHARD, market.k.exchange_index):
        raise refused(404, "market_not_found")
    if wanted.client_id and exchange.engine.by_client(user.name, wanted.client_id) is not None:
        # Before everything that money or the book decide: a retry must learn that the first one arrived
        raise refused(409, "order_already_exists")
    if mode == "post_only" and not wanted.post_only:
        raise refused(409, "trading_is_paused")
    check_group(user, wanted.group, market)
    if market.state == OPEN:
        if not 0 < wanted.price < MICRO or not o.on_grid(market.bands, wanted.price):
            raise refused(400, "invalid_price")
        _check_money(exchange, user, subaccount, market, wanted)
    rushing.front_run(exchange.sandbox, market, wanted.side, wanted.price)
    position = user.positions.get((subaccount, market.id))
    closable = position.closes(wanted.side, wanted.size) if position else 0
    order = exchange.engine.submit(
        market.id, user.name, wanted.side, wanted.price, wanted.size,
        at_ms=now_ms, tif=wanted.tif, expires_ms=wanted.expires_ms, post_only=wanted.post_only,
        stp=wanted.stp, max_size=closable if wanted.reduce_only else None, client_id=wanted.client_id,
        meta={DRAFT: Draft(subaccount, wanted.group, wanted.cancel_on_pause)},
    )  # fmt: skip
    if order.closed_reason == o.FOK_KILLED:
        raise refused(409, "fill_or_kill_insufficient_resting_volume")
    return {
        **identity(order), "fill_count": f.count(order.taker_filled), "remaining_count": f.count(order.remaining),
        **averages(user.orders[order.id]), "ts_ms": now_ms,
    }  # fmt: skip


def cancel(
    exchange: Exchange, user: User, order_id: str, ticker: str, shard: int, now_ms: int
) -> dict[str, Any]:
    """Cancel one order. Raises ApiError 404 for everything that is not open, or not where it was looked for."""
    check_mode(exchange, cancel=True)
    notes = open_notes(exchange, user, order_id)
    check_route(notes, ticker, shard)
    reduced = notes.order.remaining
    exchange.engine.cancel(order_id, at_ms=now_ms)
    return {**identity(notes.order), "reduced_by": f.count(reduced), "ts_ms": now_ms}


def cancel_all(exchange: Exchange, user: User, subaccount: int, now_ms: int) -> int:
    """Cancel every open order of a subaccount; returns how many."""
    check_mode(exchange, cancel=True)
    # One by one: the engine's own "all of an account" would reach the account's orders on the other platform
    found = exchange.open_orders(user, subaccount)
    for order in found:
        exchange.engine.cancel(order.id, at_ms=now_ms)
    return len(found)


def amend(exchange: Exchange, user: User, order_id: str, body: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """Another price, size or expiry; `count` is what was filled plus what shall remain."""
    check_mode(exchange)
    price, total = f.read_price(body, "price"), f.read_count(body, "count")
    side = SIDES[f.read_word(body, "side", tuple(SIDES))]
    ticker = f.read_word(body, "ticker")
    notes = open_notes(exchange, user, order_id)
    order = notes.order
    check_route(notes, ticker, f.read_integer(body, "exchange_index", ANY_SHARD))
    named = f.read_word(body, "client_order_id", default=order.client_id)
    if side != order.side or named != order.client_id:
        raise refused(400, "invalid_parameters")
    filled, remaining = order.filled, total - order.filled
    if remaining <= 0:
        raise refused(400, "invalid_order")
    _check_amended_money(exchange, notes, price, remaining)
    expires = f.read_integer(body, "expiration_time", 0)
    size_before = order.remaining
    exchange.engine.amend(
        order_id, at_ms=now_ms, price=price, remaining=remaining,
        expires_ms=expires * 1000 if expires else None,
        client_id=f.read_word(body, "updated_client_order_id", default=""),
    )  # fmt: skip
    answer: dict[str, Any] = {**identity(order), "ts_ms": now_ms}
    if order.filled != filled or order.remaining != size_before:
        answer |= {
            "remaining_count": f.count(order.remaining), "fill_count": f.count(order.filled - filled),
            **(averages(notes) if order.filled != filled else {}),
        }  # fmt: skip
    return answer


def decrease(
    exchange: Exchange, user: User, order_id: str, body: dict[str, Any], now_ms: int
) -> dict[str, Any]:
    """Take some of an order away, or leave some; its place in the queue stays."""
    check_mode(exchange)
    sizes = {
        name: f.read_count(body, name) for name in ("reduce_by", "reduce_to") if body.get(name) is not None
    }
    if len(sizes) != 1:
        raise refused(400, "invalid_parameters")
    notes = open_notes(exchange, user, order_id)
    ticker = f.read_word(body, "market_ticker", default="")
    check_route(notes, ticker, f.read_integer(body, "exchange_index", ANY_SHARD))
    by, to = sizes.get("reduce_by"), sizes.get("reduce_to")
    if by is not None:
        by = min(by, notes.order.remaining)
    exchange.engine.decrease(order_id, at_ms=now_ms, by=by, to=to)
    remaining = notes.order.remaining
    return {**identity(notes.order), "remaining_count": f.count(remaining), "ts_ms": now_ms}


# --- parts


def identity(order: Order) -> dict[str, str]:
    """How every answer names an order."""
    named = {"client_order_id": order.client_id} if order.client_id else {}
    return {"order_id": order.id, **named}


def averages(notes: Notes) -> dict[str, str]:
    """Average price (YES terms) and fee per contract of everything filled; nothing where nothing is."""
    order = notes.order
    if not order.filled:
        return {}
    fees = (notes.taker_fees + notes.maker_fees) * MICRO // order.filled
    return {
        "average_fill_price": f.dollars4(order.notional // order.filled),
        "average_fee_paid": f.dollars4(fees),
    }


def open_notes(exchange: Exchange, user: User, order_id: str) -> Notes:
    """The notes of a user's open order. Raises ApiError 404, whatever else the order is."""
    notes = user.orders.get(order_id)
    if notes is None or not notes.order.open:
        raise not_found()
    market = exchange.catalog.market(notes.order.market_id)
    if market.state not in (OPEN, PAUSED):
        raise refused(400, "market_inactive", details="MARKET_INACTIVE")
    return notes


def check_route(notes: Notes, ticker: str, shard: int) -> None:
    """A request without ticker and shard goes to shard 0 and finds nothing that lies elsewhere."""
    if ticker:
        if ticker != notes.order.market_id:
            raise not_found()
    elif (shard if shard != ANY_SHARD else 0) != notes.shard:
        raise not_found()


def check_group(user: User, group_id: str, market: SandboxMarket) -> None:
    """An order's group must exist, lie on the market's shard and not have been triggered."""
    if not group_id:
        return
    group = user.groups.get(group_id)
    if group is None or group.shard != market.k.exchange_index:
        raise not_found("order_group_not_found")
    if group.triggered:
        raise refused(400, "order_group_limit_exceeded", details="EXCEEDED_ORDER_GROUP_RISK_LIMIT")


def _check_money(
    exchange: Exchange, user: User, subaccount: int, market: SandboxMarket, wanted: NewOrder
) -> None:
    position = user.positions.get((subaccount, market.id))
    same_side = sum(
        order.remaining
        for order in exchange.open_orders(user, subaccount, market.id)
        if order.side == wanted.side
    )
    size = wanted.size
    if wanted.reduce_only:
        size = position.closes(wanted.side, wanted.size) if position else 0
    cost = order_cost(
        position, wanted.side, wanted.price, size, same_side, maker=wanted.post_only,
        fee_type=market.k.fee_type, multiplier=market.k.fee_multiplier,
    )  # fmt: skip
    if cost > user.wallet(subaccount, market.k.exchange_index).available:
        raise refused(400, "insufficient_balance")


def _check_amended_money(exchange: Exchange, notes: Notes, price: int, remaining: int) -> None:
    order, user = notes.order, notes.user
    market = exchange.catalog.market(order.market_id)
    position = user.positions.get((notes.subaccount, market.id))
    terms = {"fee_type": market.k.fee_type, "multiplier": market.k.fee_multiplier}
    now = order_cost(position, order.side, order.price, order.remaining, 0, maker=True, **terms)  # type: ignore[arg-type]
    then = order_cost(position, order.side, price, remaining, 0, maker=order.post_only, **terms)  # type: ignore[arg-type]
    if then - now > user.wallet(notes.subaccount, notes.shard).available:
        raise refused(400, "insufficient_balance")
