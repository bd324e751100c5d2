"""The CLOB's private side: post, cancel, read; balances; the dead man's switch. Every call is signed (L2)."""

import uuid
from typing import Any

import msgspec

from markets.sandbox import orders as o
from markets.sandbox.orders import BUY, Rejected
from markets.sandbox.polymarket import auth, placing, records
from markets.sandbox.polymarket.answers import Answer, Refusal, Request, encoded, ok, page, text
from markets.sandbox.polymarket.door import Endpoint
from markets.sandbox.polymarket.eip712 import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from markets.sandbox.polymarket.face import Face, Wallet
from markets.sandbox.polymarket.limits import TIER
from markets.sandbox.polymarket.records import DELAYED, UNMATCHED, Note

MAX_ORDERS, MAX_CANCELS, PAGE = 15, 1_000, 500
HEARTBEAT_MS = 10_000
ALLOWANCE = str(2**256 - 1)
SPENDERS = (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3)


# --- orders


def post_order(face: Face, request: Request) -> Answer:
    """POST /order"""
    headers = _paid(face, request, "order", 1)
    note = placing.place(face, _wallet(request), request.address, placing.decoded(request.body))
    killed = records.killed_text(note)
    if killed:
        raise Refusal(400, killed, headers=headers, orderID=note.order_id)
    return Answer(encoded(_placed(note)), headers=headers)


def post_orders(face: Face, request: Request) -> Answer:
    """POST /orders: up to fifteen, each for itself; a refused one is `success` with an `errorMsg`"""
    try:
        rows = msgspec.json.decode(request.body, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Refusal(400, "Invalid order payload") from error
    if len(rows) > MAX_ORDERS:
        raise Refusal(400, f"Too many orders in payload: {len(rows)}, max allowed: {MAX_ORDERS}")
    placing.check_mode(face, post_only=all(b'"postOnly":true' in bytes(row) for row in rows))
    headers = _paid(face, request, "order", len(rows))
    answers = []
    for row in rows:
        try:
            note = placing.place(face, _wallet(request), request.address, placing.decoded(bytes(row)))
            answers.append(_placed(note, records.killed_text(note)))
        except Refusal as refusal:
            answers.append(_nothing(refusal.message))
    return Answer(encoded(answers), headers=headers)


def cancel_order(face: Face, request: Request) -> Answer:
    """DELETE /order"""
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("orderID"), str):
        raise Refusal(400, "Invalid orderID")
    return _cancel(face, request, [body["orderID"]])


def cancel_orders(face: Face, request: Request) -> Answer:
    """DELETE /orders"""
    ids = request.json()
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Refusal(400, "Invalid order payload")
    if len(ids) > MAX_CANCELS:
        raise Refusal(400, f"Too many orders in payload, max allowed: {MAX_CANCELS}")
    return _cancel(face, request, ids)


def cancel_all(face: Face, request: Request) -> Answer:
    """DELETE /cancel-all"""
    mine = [order.id for order in face.orders_of(_wallet(request))]
    return _cancel(face, request, mine, kind="cancel_all", cost=1 + len(mine))


def cancel_market(face: Face, request: Request) -> Answer:
    """DELETE /cancel-market-orders: by market, token, or both"""
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid order payload")
    market, token = str(body.get("market") or ""), str(body.get("asset_id") or "")
    if not market and not token:
        raise Refusal(400, "market or asset_id is required")
    mine = [
        note.order_id
        for note in _open_notes(face, _wallet(request))
        if (not market or note.market.id == market.lower()) and (not token or note.token == token)
    ]
    return _cancel(face, request, mine, kind="cancel_all", cost=1 + len(mine))


# --- reading


def get_order(face: Face, request: Request) -> Answer:
    """GET /data/order/{id}: also after it is done"""
    note = face.notes.get(request.args[0].lower())
    if note is None or note.wallet != _wallet(request).name:
        raise Refusal(404, "order not found")
    return ok(records.order_record(note))


def get_orders(face: Face, request: Request) -> Answer:
    """GET /data/orders: open ones"""
    market, token, wanted = request.one("market").lower(), request.one("asset_id"), request.one("id").lower()
    rows = [
        records.order_record(note)
        for note in _open_notes(face, _wallet(request))
        if (not market or note.market.id == market)
        and (not token or note.token == token)
        and (not wanted or note.order_id == wanted)
    ]
    return _page(rows, request)


def get_trades(face: Face, request: Request) -> Answer:
    """GET /data/trades: newest first"""
    name, wanted = _wallet(request).name, request.one("id")
    market, token = request.one("market").lower(), request.one("asset_id")
    after, before = request.one("after"), request.one("before")
    known = [face.fills[wanted]] if wanted in face.fills else []
    rows = []
    for fill in known if wanted else reversed(list(face.fills.values())):
        mine = [note for note in (fill.taker, fill.maker) if note is not None and note.wallet == name]
        seconds = fill.trade.at_ms // 1000
        if (
            not mine
            or (market and fill.market.id != market)
            or (after.isdecimal() and seconds <= int(after))
            or (before.isdecimal() and seconds >= int(before))
        ):
            continue
        row = records.trade_record(fill, mine[0])
        if not token or token == row["asset_id"] or any(note.token == token for note in mine):
            rows.append(row)
    return _page(rows, request)


def balance(face: Face, request: Request) -> Answer:
    """GET /balance-allowance: what the chain says, base units"""
    account = face.ledger.account(_wallet(request).funder)
    kind, token = request.one("asset_type"), request.one("token_id")
    if kind == "COLLATERAL":
        held = account.cash
    elif kind in ("CONDITIONAL", "CONDITIONAL-V2") and face.token(token) is not None:
        held = account.tokens.get(token, 0)
    else:
        raise Refusal(400, "invalid asset type" if not kind.startswith("COND") else "Invalid token id")
    unapproved = _wallet(request).unapproved
    allowances = {spender: "0" if spender in unapproved else ALLOWANCE for spender in SPENDERS}
    return ok({"balance": str(held), "allowances": allowances})


def nothing(face: Face, request: Request) -> Answer:
    """GET /balance-allowance/update and DELETE /notifications: there is no cache to refresh"""
    return ok("OK")


def notifications(face: Face, request: Request) -> Answer:
    """GET /notifications"""
    return ok([])


def scoring(face: Face, request: Request) -> Answer:
    """GET /order-scoring"""
    return ok({"scoring": False})


def tier(face: Face, request: Request) -> Answer:
    """GET /v1/user/rate-limit-tier"""
    return ok({"tier": TIER})


def heartbeat(face: Face, request: Request) -> Answer:
    """POST /v1/heartbeats: when the next one stays out, all orders of the API key go"""
    key, wallet = request.address, _wallet(request)
    body = request.json()
    expected = face.heartbeats.get(key, "")
    given = body.get("heartbeat_id") if isinstance(body, dict) else None
    if given != expected:
        answer = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}
        return Answer(encoded(answer), 400)
    fresh = face.heartbeats[key] = str(uuid.uuid4())

    def check() -> None:
        if face.heartbeats.get(key) != fresh:
            return
        del face.heartbeats[key]
        for order in face.orders_of(wallet):
            face.sandbox.engine.cancel(order.id, at_ms=face.now_ms)

    face.sandbox.later(HEARTBEAT_MS, check)
    return ok({"heartbeat_id": fresh})


ENDPOINTS = [
    Endpoint("POST /auth/api-key", auth.create_key, limits=("auth",)),
    Endpoint("GET /auth/derive-api-key", auth.derive_key, limits=("auth",)),
    Endpoint("GET /auth/api-keys", auth.list_keys, private=True, limits=("auth",)),
    Endpoint("DELETE /auth/api-key", auth.delete_key, private=True, limits=("auth",)),
    Endpoint("GET /auth/ban-status/closed-only", auth.closed_only, private=True, limits=("auth",)),
    Endpoint("POST /order", post_order, private=True, limits=("order",)),
    Endpoint("DELETE /order", cancel_order, private=True, limits=("order",)),
    Endpoint("POST /orders", post_orders, private=True, limits=("orders",)),
    Endpoint("DELETE /orders", cancel_orders, private=True, limits=("cancels",)),
    Endpoint("DELETE /cancel-all", cancel_all, private=True, limits=("cancel_all",)),
    Endpoint("DELETE /cancel-market-orders", cancel_market, private=True, limits=("cancel_market",)),
    Endpoint("GET /data/order/{id}", get_order, private=True, limits=("ledger",)),
    Endpoint("GET /data/orders", get_orders, private=True, limits=("ledger",)),
    Endpoint("GET /data/trades", get_trades, private=True, limits=("ledger",)),
    Endpoint("GET /balance-allowance", balance, private=True, limits=("balance",)),
    Endpoint("GET /balance-allowance/update", nothing, private=True, limits=("balance_update",)),
    Endpoint("GET /notifications", notifications, private=True),
    Endpoint("DELETE /notifications", nothing, private=True),
    Endpoint("GET /order-scoring", scoring, private=True),
    Endpoint("GET /v1/user/rate-limit-tier", tier, private=True),
    Endpoint("POST /v1/heartbeats", heartbeat, private=True),
]


# --- small parts


def _wallet(request: Request) -> Wallet:
    assert request.wallet is not None, "the endpoint is private"
    return request.wallet


def _paid(face: Face, request: Request, kind: str, cost: int) -> dict[str, str]:
    """Charge the signer; the headers to send. Raises Refusal(429)."""
    paid, headers = face.limits.pay(_wallet(request).address, kind, cost, face.now_ms)
    if not paid:
        now_s = face.now_ms // 1000
        wait = max(int(headers["Poly-RateLimit-Reset"]) - now_s, 1)
        raise Refusal(429, "rate limit exceeded", headers={**headers, "Retry-After": str(wait)})
    return headers


def _placed(note: Note, error: str = "") -> dict[str, Any]:
    """The answer to an accepted order. A match carries no transaction hash: that comes with its settlement."""
    status = records.order_status(note)
    spent, got = (note.cash, note.filled) if note.action == BUY else (note.filled, note.cash)
    word = "live"
    if status in (DELAYED, UNMATCHED):
        word = status.lower()
    elif note.filled:
        word = "matched"
    elif error:
        word = ""
    return {
        "success": True,
        "errorMsg": error,
        "orderID": note.order_id,
        "status": word,
        "makingAmount": text(spent) if note.filled else "",
        "takingAmount": text(got) if note.filled else "",
        "transactionsHashes": [],
        "tradeIDs": list(note.trades),
    }


def _nothing(error: str) -> dict[str, Any]:
    return {
        "success": True, "errorMsg": error, "orderID": "", "status": "", "makingAmount": "", "takingAmount": "",
        "transactionsHashes": [], "tradeIDs": [],
    }  # fmt: skip


def _cancel(
    face: Face, request: Request, ids: list[str], *, kind: str = "cancel", cost: int | None = None
) -> Answer:
    placing.check_mode(face, cancel=True)
    headers = _paid(face, request, kind, max(len(ids), 1) if cost is None else cost)
    wallet, gone, kept = _wallet(request), list[str](), dict[str, str]()
    for order_id in dict.fromkeys(ids):
        why = _cancel_one(face, wallet, order_id.lower())
        if why:
            kept[order_id] = why
        else:
            gone.append(order_id)
    return Answer(encoded({"canceled": gone, "not_canceled": kept}), headers=headers)


def _cancel_one(face: Face, wallet: Wallet, order_id: str) -> str:
    """Cancel one order; why it cannot be, or an empty text."""
    note = face.notes.get(order_id)
    if note is None or note.wallet != wallet.name:
        return "order can't be found - already canceled or matched"
    if order_id in face.delayed:
        return "the order is delayed and can't be canceled"
    try:
        face.sandbox.engine.cancel(order_id, at_ms=face.now_ms, reason=o.CANCELLED)
    except Rejected:
        return "order can't be found - already canceled or matched"
    return ""


def _open_notes(face: Face, wallet: Wallet) -> list[Note]:
    return [face.notes[order.id] for order in face.orders_of(wallet) if order.id in face.notes]


def _page(rows: list[dict[str, Any]], request: Request) -> Answer:
    shown, cursor = page(rows, request.one("next_cursor"), PAGE)
    return ok({"data": shown, "next_cursor": cursor, "limit": PAGE, "count": len(shown)})
