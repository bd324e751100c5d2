"""JSON of orders, fills, positions and settlements: the REST rows, and the WebSocket messages of one's own."""

from typing import Any

from markets.books import MICRO, YES
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi.accounts import Fill, Notes, OrderState, Settlement
from markets.sandbox.kalshi.money import Position
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, Order


def direction(order: Order) -> dict[str, str]:
    """Both spellings of an order's side. An ask is the purchase of NO."""
    buys_yes = order.side == BUY
    outcome = "yes" if buys_yes else "no"
    return {
        "outcome_side": outcome, "book_side": "bid" if buys_yes else "ask",
        "side": outcome, "action": "buy",
    }  # fmt: skip


def order_row(notes: Notes, state: OrderState) -> dict[str, Any]:
    """`Order` of the REST API."""
    order = notes.order
    return {
        "order_id": order.id,
        "user_id": notes.user.user_id,
        "client_order_id": state.client_id,
        "ticker": order.market_id,
        **direction(order),
        "type": "limit",
        "status": state.status,
        "yes_price_dollars": f.price(state.price),
        "no_price_dollars": f.price(MICRO - state.price),
        "initial_count_fp": f.count(state.initial),
        "fill_count_fp": f.count(state.filled),
        "remaining_count_fp": f.count(state.remaining),
        **_costs(state),
        "expiration_time": f.moment(state.expires_ms) if state.expires_ms else None,
        "created_time": f.moment(order.created_ms),
        "last_update_time": f.moment(state.at_ms),
        "self_trade_prevention_type": order.stp,
        "order_group_id": notes.group or None,
        "cancel_order_on_pause": notes.cancel_on_pause,
        "subaccount_number": notes.subaccount,
        "exchange_index": notes.shard,
    }


def order_message(notes: Notes, state: OrderState) -> dict[str, Any]:
    """`msg` of a `user_order` frame."""
    order, way = notes.order, direction(notes.order)
    message = {
        "order_id": order.id,
        "user_id": notes.user.user_id,
        "ticker": order.market_id,
        "exchange_index": notes.shard,
        "status": state.status,
        "side": way["side"],
        "is_yes": way["side"] == "yes",
        "outcome_side": way["outcome_side"],
        "book_side": way["book_side"],
        "yes_price_dollars": f.price(state.price),
        "initial_count_fp": f.count(state.initial),
        "fill_count_fp": f.count(state.filled),
        "remaining_count_fp": f.count(state.remaining),
        **_costs(state),
        "client_order_id": state.client_id,
        "self_trade_prevention_type": order.stp,
        "created_time": f.moment(order.created_ms),
        "created_ts_ms": order.created_ms,
        "last_update_time": f.moment(state.at_ms),
        "last_updated_ts_ms": state.at_ms,
        "subaccount_number": notes.subaccount,
    }
    if notes.group:
        message["order_group_id"] = notes.group
    if state.expires_ms:
        message["expiration_time"] = f.moment(state.expires_ms)
        message["expiration_ts_ms"] = state.expires_ms
    if state.reason:
        message["last_update_reason"] = state.reason
    return message


def fill_row(fill: Fill) -> dict[str, Any]:
    """`Fill` of the REST API; it has no client_order_id."""
    order = fill.notes.order
    return {
        "fill_id": fill.trade_id,
        "trade_id": fill.trade_id,
        "order_id": order.id,
        "ticker": order.market_id,
        "market_ticker": order.market_id,
        "exchange_index": fill.notes.shard,
        **direction(order),
        "count_fp": f.count(fill.size),
        "yes_price_dollars": f.price(fill.price),
        "no_price_dollars": f.price(MICRO - fill.price),
        "is_taker": fill.taker,
        "fee_cost": f.dollars6(fill.fee),
        "created_time": f.moment(fill.at_ms),
        "ts": fill.at_ms // 1000,
        "subaccount_number": fill.notes.subaccount,
    }


def fill_message(fill: Fill) -> dict[str, Any]:
    """`msg` of a `fill` frame."""
    order, way = fill.notes.order, direction(fill.notes.order)
    message = {
        "trade_id": fill.trade_id,
        "order_id": order.id,
        "market_ticker": order.market_id,
        "exchange_index": fill.notes.shard,
        "is_taker": fill.taker,
        **way,
        "purchased_side": way["outcome_side"],
        "yes_price_dollars": f.price(fill.price),
        "count_fp": f.count(fill.size),
        "fee_cost": f.dollars6(fill.fee),
        "post_position_fp": f.count(fill.position_after),
        "ts": fill.at_ms // 1000,
        "ts_ms": fill.at_ms,
        "subaccount": fill.notes.subaccount,
    }
    if order.client_id:
        message["client_order_id"] = order.client_id
    return message


def position_row(position: Position, market: SandboxMarket, resting: int) -> dict[str, Any]:
    """`MarketPosition` of the REST API; `resting` counts the subaccount's open orders there."""
    return {
        "ticker": position.market_id,
        "exchange_index": market.k.exchange_index,
        "position_fp": f.count(position.count),
        "total_traded_dollars": f.dollars6(position.traded),
        "market_exposure_dollars": f.dollars6(position.cost),
        "realized_pnl_dollars": f.dollars6(position.realized),
        "fees_paid_dollars": f.dollars6(position.fees),
        "last_updated_ts": f.moment(position.updated_ms),
        "resting_orders_count": resting,
    }


def event_position_row(event_ticker: str, positions: list[Position]) -> dict[str, Any]:
    """`EventPosition` of the REST API: the sum over the event's markets."""
    return {
        "event_ticker": event_ticker,
        "total_cost_dollars": f.dollars6(sum(p.traded for p in positions)),
        "total_cost_shares_fp": f.count(sum(p.volume for p in positions)),
        "event_exposure_dollars": f.dollars6(sum(p.cost for p in positions)),
        "realized_pnl_dollars": f.dollars6(sum(p.realized for p in positions)),
        "fees_paid_dollars": f.dollars6(sum(p.fees for p in positions)),
    }


def position_message(user_id: str, subaccount: int, position: Position) -> dict[str, Any]:
    """`msg` of a `market_position` frame."""
    return {
        "user_id": user_id,
        "market_ticker": position.market_id,
        "position_fp": f.count(position.count),
        "position_cost_dollars": f.dollars6(position.cost),
        "realized_pnl_dollars": f.dollars6(position.realized),
        "fees_paid_dollars": f.dollars6(position.fees),
        "position_fee_cost_dollars": f.dollars6(position.held_fees),
        "volume_fp": f.count(position.volume),
        "subaccount": subaccount,
    }


def settlement_row(paid: Settlement, market: SandboxMarket) -> dict[str, Any]:
    """`Settlement` of the REST API. `revenue` and `value` are whole cents."""
    return {
        "ticker": paid.market_id,
        "exchange_index": market.k.exchange_index,
        "event_ticker": market.event_id,
        "market_result": paid.result.lower(),
        "yes_count_fp": f.count(paid.yes_count),
        "yes_total_cost_dollars": f.dollars6(paid.yes_cost),
        "no_count_fp": f.count(paid.no_count),
        "no_total_cost_dollars": f.dollars6(paid.no_cost),
        "revenue": f.cents(paid.revenue),
        "settled_time": f.moment(paid.at_ms),
        "fee_cost": f.dollars6(paid.fees),
        "value": f.cents(paid.value),
    }


def own_price(order: Order, price: int) -> int:
    """A YES price as the price of the outcome that the order buys."""
    return price if order.side == BUY else MICRO - price


def holding(position: Position) -> tuple[int, int, int, int]:
    """(YES count, YES cost, NO count, NO cost) of a position."""
    if position.side == YES:
        return position.count, position.cost, 0, 0
    return 0, 0, -position.count, position.cost


def _costs(state: OrderState) -> dict[str, str]:
    return {
        "taker_fill_cost_dollars": f.dollars6(state.taker_cost),
        "maker_fill_cost_dollars": f.dollars6(state.maker_cost),
        "taker_fees_dollars": f.dollars6(state.taker_fees),
        "maker_fees_dollars": f.dollars6(state.maker_fees),
    }
