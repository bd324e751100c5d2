"""The data API: a wallet's positions and value, public trades, resolutions. Second version, and the first's arrays."""

from collections.abc import Iterator
from typing import Any

from markets.books import MICRO, YES
from markets.platforms.base import DETERMINED, DISPUTED, POLYMARKET, SETTLED
from markets.sandbox.market import AMENDED, SandboxMarket
from markets.sandbox.orders import Order, Trade
from markets.sandbox.polymarket import gamma_records as gamma
from markets.sandbox.polymarket.answers import (
    Answer,
    Refusal,
    Request,
    cursor_of,
    number,
    offset_of,
    ok,
    ratio,
    text,
)
from markets.sandbox.polymarket.door import Endpoint
from markets.sandbox.polymarket.face import Face
from markets.sandbox.polymarket.money import Account
from markets.sandbox.polymarket.records import stranger

MAX_PAGE, DEFAULT_PAGE = 1_000, 100
NOT_SET = "69"  # how the oracle says "no price yet"
HUNDRED = 100
Json = dict[str, Any]


# --- endpoints


def trades_v2(face: Face, request: Request) -> Answer:
    """GET /v2/trades: newest first"""
    return _page([_trade_v2(face, *row) for row in _trades(face, request)], request)


def trades_v1(face: Face, request: Request) -> Answer:
    """GET /trades: a bare array"""
    rows = [_trade_v1(face, *row) for row in _trades(face, request)]
    return ok(_slice(rows, request))


def positions_v2(face: Face, request: Request) -> Answer:
    """GET /v2/positions"""
    return _page([_position_v2(face, *row) for row in _positions(face, request)], request)


def positions_v1(face: Face, request: Request) -> Answer:
    """GET /positions: a bare array"""
    return ok(_slice([_position_v1(face, *row) for row in _positions(face, request)], request))


def value_v2(face: Face, request: Request) -> Answer:
    """GET /v2/value"""
    return ok({"data": {"proxy_wallet": _user(request), "value": number(_value(face, request))}})


def value_v1(face: Face, request: Request) -> Answer:
    """GET /value"""
    return ok([{"user": _user(request), "value": number(_value(face, request))}])


def resolutions(face: Face, request: Request) -> Answer:
    """GET /v2/resolutions"""
    wanted = request.many("condition_id") + request.many("question_id") + request.many("event_id")
    if not wanted:
        raise Refusal(400, "condition_id, question_id or event_id is required")
    chosen = set(wanted)
    rows = [
        _resolution(market)
        for market in face.sandbox.world.on(POLYMARKET)
        if chosen & {market.id, market.p.question_id, market.event_id}
    ]
    return ok({"data": rows})


def activity(face: Face, request: Request) -> Answer:
    """GET /v2/activity: newest first; trades are not listed here"""
    user, kinds, start = _user(request).lower(), request.many("type"), request.one("start")
    since_ms = int(start) * 1000 if start.isdecimal() else 0
    rows = [
        _activity(row)
        for row in reversed(face.activity)
        if row["user"] == user and (not kinds or row["type"] in kinds) and row["at_ms"] >= since_ms
    ]
    return _page(rows, request)


def is_ok(face: Face, request: Request) -> Answer:
    """GET /"""
    return ok({"data": "OK"})


ENDPOINTS = [
    Endpoint("GET /", is_ok),
    Endpoint("GET /v2/trades", trades_v2, limits=("data_trades",)),
    Endpoint("GET /trades", trades_v1, limits=("data_trades",)),
    Endpoint("GET /v2/positions", positions_v2, limits=("data_positions",)),
    Endpoint("GET /positions", positions_v1, limits=("data_positions",)),
    Endpoint("GET /v2/value", value_v2),
    Endpoint("GET /value", value_v1),
    Endpoint("GET /v2/resolutions", resolutions),
    Endpoint("GET /v2/activity", activity),
]


def _activity(row: Json) -> Json:
    more = {"condition_id": row["market"], "is_combo": False} if row["market"] else {}
    return {
        "proxy_wallet": row["user"], "type": row["type"], "timestamp": row["at_ms"] // 1000,
        "usdc_size": number(row["amount"]), "transaction_hash": f"0x{row['number'] + 1:064x}", **more,
        **({"outcome_index": row["outcome_index"]} if "outcome_index" in row else {}),
    }  # fmt: skip


# --- trades


def _trades(face: Face, request: Request) -> list[tuple[Trade, Order]]:
    """Public trades from their taker's side, or those of `user` from its own; newest first."""
    wanted = request.many("market") + request.many("condition_id")
    tapes = [face.tape.get(one.lower(), ()) for one in wanted] if wanted else list(face.tape.values())
    side, user = request.one("side"), request.one("user").lower()
    found = []
    for trade in (trade for tape in tapes for trade in tape):
        for order in (trade.taker, trade.maker):
            theirs = _address(face, order).lower() == user if user else order is trade.taker
            if theirs and side in ("", order.action):
                found.append((trade, order))
    found.sort(key=lambda row: row[0].at_ms, reverse=True)
    return found


def _address(face: Face, order: Order) -> str:
    wallet = face.by_name.get(order.account)
    return wallet.shown if wallet else stranger(order.account)[0]


def _hash(face: Face, trade: Trade) -> str:
    fill = face.fills.get(trade.id)
    return fill.hash if fill is not None and fill.hash else f"0x{trade.id.replace('-', '') * 2}"


def _trade_v2(face: Face, trade: Trade, order: Order) -> Json:
    market = face.sandbox.world.markets[trade.market_id]
    place = 0 if order.outcome == YES else 1
    price = MICRO - trade.price if place else trade.price
    return {
        "proxy_wallet": _address(face, order), "token_id": market.p.token_ids[place],
        "condition_id": market.id, "side": order.action,
        "size": number(trade.size), "price": number(price), "timestamp": trade.at_ms // 1000,
        "transaction_hash": _hash(face, trade), "title": market.question, "slug": market.p.slug, "icon": "",
        "event_slug": face.sandbox.world.event_of(market).slug, "outcome": market.outcomes[place],
        "outcome_index": place,
    }  # fmt: skip


def _trade_v1(face: Face, trade: Trade, order: Order) -> Json:
    row = _trade_v2(face, trade, order)
    return {
        "proxyWallet": row["proxy_wallet"], "asset": row["token_id"], "conditionId": row["condition_id"],
        "side": row["side"], "size": row["size"], "price": row["price"], "timestamp": row["timestamp"],
        "transactionHash": row["transaction_hash"], "title": row["title"], "slug": row["slug"],
        "eventSlug": row["event_slug"], "outcome": row["outcome"], "outcomeIndex": row["outcome_index"],
        "icon": "", "name": "", "pseudonym": "", "bio": "", "profileImage": "",
    }  # fmt: skip


# --- positions


def _positions(face: Face, request: Request) -> Iterator[tuple[Account, str, str]]:
    """Tokens that a wallet holds: its account, its address as asked, the token."""
    user = _user(request)
    account = face.ledger.accounts.get(user.lower())
    wanted = {one.lower() for one in request.many("market") + request.many("condition_id")}
    for token, size in list(account.tokens.items()) if account is not None else ():
        found = face.token(token)
        if account is not None and size and found is not None and (not wanted or found[0].id in wanted):
            yield account, user, token


def _held(face: Face, account: Account, token: str) -> dict[str, int]:
    """A position's money in micro-dollars, its size in micro-shares."""
    found = face.token(token)
    assert found is not None
    market, place = found
    price = gamma.display_price(face, market)
    price = MICRO - price if place else price
    size, cost = account.tokens[token], account.spent.get(token, 0)
    return {
        "size": size, "price": price, "cost": cost, "value": size * price // MICRO,
        "average": ratio(cost, size), "fees": account.fees.get(token, 0),
        "realized": account.realized.get(token, 0), "place": place,
    }  # fmt: skip


def _position_v2(face: Face, account: Account, user: str, token: str) -> Json:
    found = face.token(token)
    assert found is not None
    market, held = found[0], _held(face, account, token)
    other = 1 - held["place"]
    unrealized = held["value"] - held["cost"]
    total = unrealized + held["realized"]
    return {
        "proxy_wallet": user, "token_id": token, "condition_id": market.id,
        "current_size": number(held["size"]), "avg_price": number(held["average"]),
        "entry_cost_usdc": number(held["cost"]), "entry_fees_usdc": number(held["fees"]),
        "total_cost_usdc": number(held["cost"] + held["fees"]), "current_price": number(held["price"]),
        "current_value": number(held["value"]), "total_size": number(held["size"]),
        "realized_pnl": number(held["realized"]), "unrealized_pnl": number(unrealized),
        "total_pnl": number(total), "percent_pnl": number(ratio(total * HUNDRED, held["cost"])),
        "percent_realized_pnl": number(ratio(held["realized"] * HUNDRED, held["cost"])), "status": "OPEN",
        "redeemable": market.state == SETTLED,
        "mergeable": bool(account.tokens.get(market.p.token_ids[other], 0)),
        "negative_risk": market.p.neg_risk, "archived": False, "verified": True, "title": market.question,
        "slug": market.p.slug, "event_slug": face.sandbox.world.event_of(market).slug,
        "event_id": market.event_id, "outcome": market.outcomes[held["place"]],
        "outcome_index": held["place"], "opposite_outcome": market.outcomes[other],
        "opposite_token_id": market.p.token_ids[other], "end_date": gamma.day(market.close_ms),
    }  # fmt: skip


def _position_v1(face: Face, account: Account, user: str, token: str) -> Json:
    row = _position_v2(face, account, user, token)
    names = {
        "proxyWallet": "proxy_wallet", "asset": "token_id", "conditionId": "condition_id",
        "size": "current_size", "avgPrice": "avg_price", "initialValue": "entry_cost_usdc",
        "currentValue": "current_value", "cashPnl": "total_pnl", "percentPnl": "percent_pnl",
        "totalBought": "total_size", "realizedPnl": "realized_pnl",
        "percentRealizedPnl": "percent_realized_pnl", "curPrice": "current_price", "redeemable": "redeemable",
        "mergeable": "mergeable", "title": "title", "slug": "slug", "eventSlug": "event_slug",
        "eventId": "event_id", "outcome": "outcome", "outcomeIndex": "outcome_index",
        "oppositeOutcome": "opposite_outcome", "oppositeAsset": "opposite_token_id", "endDate": "end_date",
        "negativeRisk": "negative_risk",
    }  # fmt: skip
    return {new: row[old] for new, old in names.items()} | {"icon": ""}


def _value(face: Face, request: Request) -> int:
    return sum(_held(face, account, token)["value"] for account, _, token in _positions(face, request))


# --- resolutions


def _resolution(market: SandboxMarket) -> Json:
    status = {
        DETERMINED: "proposed", AMENDED: "reproposed", DISPUTED: "disputed", SETTLED: "resolved",
    }.get(market.state, "posed")  # fmt: skip
    value = market.settlement_value
    said = text(value) if value is not None else NOT_SET
    final = market.state == SETTLED and value is not None
    return {
        "question_id": market.p.question_id,
        "condition_id": market.id,
        "status": status,
        "extended_review": False,
        "expected_settlement_time": gamma.iso(
            market.determined_ms + market.settle_after_ms if market.determined_ms else market.close_ms
        ),
        "was_disputed": market.disputed_once,
        "new_version_q": False,
        "proposed_price": said,
        "reproposed_price": said if market.disputed_once and market.state in (AMENDED, SETTLED) else NOT_SET,
        "price": said if final else NOT_SET,
        "last_update_timestamp": market.updated_ms // 1000,
        "payouts": [value, MICRO - value] if final and value is not None else None,
        "reporter": "UMA_OO",
    }


# --- small parts


def _user(request: Request) -> str:
    user = request.one("user")
    if not user:
        raise Refusal(400, "required query param 'user' not provided")
    return user


def _limit(request: Request) -> int:
    given = request.one("limit")
    return min(int(given), MAX_PAGE) if given.isdecimal() and int(given) else DEFAULT_PAGE


def _slice(rows: list[Json], request: Request) -> list[Json]:
    offset = request.one("offset")
    start = int(offset) if offset.isdecimal() else 0
    return rows[start : start + _limit(request)]


def _page(rows: list[Json], request: Request) -> Answer:
    start = max(offset_of(request.one("cursor")), 0)
    end = start + _limit(request)
    more = end < len(rows)
    pagination = {"has_more": more, "next_cursor": cursor_of(end) if more else None}
    return ok({"data": rows[start:end], "pagination": pagination})
