"""The CLOB's public reads: books, prices, parameters of markets. Best prices come last in every book."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.platforms.base import OPEN, POLYMARKET, SETTLED, UNOPENED
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, SELL
from markets.sandbox.polymarket import gamma_records as records
from markets.sandbox.polymarket.answers import (
    Answer,
    Refusal,
    Request,
    number,
    ok,
    page,
    plain_number,
    text,
)
from markets.sandbox.polymarket.books import NO_PLACE
from markets.sandbox.polymarket.door import Endpoint
from markets.sandbox.polymarket.face import Face

NO_BOOK = "No orderbook exists for the requested token id"
MAX_BATCH = 500
PAGE = 500
INTERVALS_S = {"1h": 3_600, "6h": 21_600, "1d": 86_400, "1w": 604_800, "max": 10**12}
Rows = list[dict[str, Any]]


# --- the platform


def is_ok(face: Face, request: Request) -> Answer:
    """GET /ok"""
    return ok("OK")


def time(face: Face, request: Request) -> Answer:
    """GET /time: whole seconds"""
    return ok(face.now_ms // 1000)


def version(face: Face, request: Request) -> Answer:
    """GET /version"""
    return ok({"version": 2})


# --- books and prices


def book(face: Face, request: Request) -> Answer:
    """GET /book"""
    market, place = _token(face, request.one("token_id"))
    return Answer(face.books.of(market).rest(place).encode())


def books(face: Face, request: Request) -> Answer:
    """POST /books: unknown tokens are left out"""
    found = []
    for row in _batch(request):
        known = face.token(row["token_id"])
        if known is not None:
            found.append(face.books.of(known[0]).rest(known[1]))
    return Answer(f"[{','.join(found)}]".encode())


def price(face: Face, request: Request) -> Answer:
    """GET /price: BUY is the best bid, SELL the best ask"""
    market, place = _token(face, request.one("token_id"))
    side = _side(request.one("side"))
    bid, ask = best(face, market, place)
    chosen = bid if side == BUY else ask
    if chosen is None:
        raise Refusal(404, NO_BOOK)
    return ok({"price": text(chosen)})


def prices(face: Face, request: Request) -> Answer:
    """POST /prices"""
    answer: dict[str, dict[str, str]] = {}
    for row in _batch(request):
        known, side = face.token(row["token_id"]), _side(str(row.get("side", "")))
        if known is None:
            continue
        bid, ask = best(face, *known)
        chosen = bid if side == BUY else ask
        if chosen is not None:
            answer.setdefault(row["token_id"], {})[side] = text(chosen)
    return ok(answer)


def midpoint(face: Face, request: Request) -> Answer:
    """GET /midpoint"""
    return ok({"mid": _of_one(face, request, _middle)})


def midpoints(face: Face, request: Request) -> Answer:
    """POST /midpoints"""
    return ok(_of_many(face, request, _middle))


def spread(face: Face, request: Request) -> Answer:
    """GET /spread"""
    return ok({"spread": _of_one(face, request, lambda bid, ask: ask - bid)})


def spreads(face: Face, request: Request) -> Answer:
    """POST /spreads"""
    return ok(_of_many(face, request, lambda bid, ask: ask - bid))


def last_trade(face: Face, request: Request) -> Answer:
    """GET /last-trade-price: side is empty where the market never traded"""
    return ok(_last(face, *_token(face, request.one("token_id"))))


def last_trades(face: Face, request: Request) -> Answer:
    """POST /last-trades-prices"""
    rows = []
    for row in _batch(request):
        known = face.token(row["token_id"])
        if known is not None and known[0].last_price is not None:
            rows.append({**_last(face, *known), "token_id": row["token_id"]})
    return ok(rows)


def prices_history(face: Face, request: Request) -> Answer:
    """GET /prices-history: the trades there were, oldest first"""
    market, place = _token(face, request.one("market"))
    now_s = face.now_ms // 1000
    start = _seconds(request.one("startTs")) or now_s - INTERVALS_S.get(request.one("interval"), 86_400)
    end = _seconds(request.one("endTs")) or now_s
    points = [
        {"t": trade.at_ms // 1000, "p": number(_own(trade.price, place))}
        for trade in face.tape.get(market.id, ())
        if start <= trade.at_ms // 1000 <= end
    ]
    return ok({"history": points})


# --- parameters of markets


def tick_size(face: Face, request: Request) -> Answer:
    """GET /tick-size: a number"""
    market, _ = _token(face, request.one("token_id"))
    return ok({"minimum_tick_size": plain_number(market.p.tick)})


def neg_risk(face: Face, request: Request) -> Answer:
    """GET /neg-risk"""
    market, _ = _token(face, request.one("token_id"))
    return ok({"neg_risk": market.p.neg_risk})


def fee_rate(face: Face, request: Request) -> Answer:
    """GET /fee-rate: a number that is not the fee"""
    market, _ = _token(face, request.one("token_id"))
    return ok({"base_fee": _base_fee(market)})


def markets(face: Face, request: Request) -> Answer:
    """GET /markets"""
    return _listing(face, request, full_record, sampling=False)


def simplified_markets(face: Face, request: Request) -> Answer:
    """GET /simplified-markets"""
    return _listing(face, request, simple_record, sampling=False)


def sampling_markets(face: Face, request: Request) -> Answer:
    """GET /sampling-markets: only those that trade"""
    return _listing(face, request, full_record, sampling=True)


def sampling_simplified(face: Face, request: Request) -> Answer:
    """GET /sampling-simplified-markets"""
    return _listing(face, request, simple_record, sampling=True)


def market(face: Face, request: Request) -> Answer:
    """GET /markets/{condition_id}"""
    return ok(full_record(face, _market(face, request.args[0])))


def market_by_token(face: Face, request: Request) -> Answer:
    """GET /markets-by-token/{token_id}"""
    found = face.token(request.args[0])
    if found is None:
        raise Refusal(404, "market not found")
    yes, no = found[0].p.token_ids
    return ok({"condition_id": found[0].id, "primary_token_id": yes, "secondary_token_id": no})


def compact_market(face: Face, request: Request) -> Answer:
    """GET /clob-markets/{condition_id}: `nr` and `fd` are left out where they say nothing"""
    found = _market(face, request.args[0])
    p = found.p
    record: dict[str, Any] = {
        "c": found.id,
        "t": [{"t": token, "o": name} for token, name in zip(p.token_ids, found.outcomes, strict=True)],
        "v": p.version,
        "mos": number(found.min_size),
        "mts": plain_number(p.tick),
        "mbf": _base_fee(found),
        "tbf": _base_fee(found),
        "ao": found.state == OPEN,
        "aot": records.iso(found.open_ms),
        "cbos": False,
        "r": {"mi": 0, "ma": 0, "moas": 0},
    }
    if p.neg_risk:
        record["nr"] = True
    if Decimal(p.fee_rate):
        record["fd"] = {"r": plain_number(p.fee_rate), "e": p.fee_exponent, "to": True}
    return ok(record)


def builder_fees(face: Face, request: Request) -> Answer:
    """GET /fees/builder-fees/{code}: the sandbox knows no builders"""
    raise Refusal(404, "builder not found")


ENDPOINTS = [
    Endpoint("GET /", is_ok),
    Endpoint("GET /ok", is_ok),
    Endpoint("GET /time", time),
    Endpoint("GET /version", version),
    Endpoint("GET /book", book, limits=("book",)),
    Endpoint("POST /books", books, limits=("books",)),
    Endpoint("GET /price", price, limits=("book",)),
    Endpoint("POST /prices", prices, limits=("books",)),
    Endpoint("GET /midpoint", midpoint, limits=("book",)),
    Endpoint("POST /midpoints", midpoints, limits=("books",)),
    Endpoint("GET /spread", spread),
    Endpoint("POST /spreads", spreads),
    Endpoint("GET /last-trade-price", last_trade),
    Endpoint("POST /last-trades-prices", last_trades),
    Endpoint("GET /prices-history", prices_history, limits=("prices_history",)),
    Endpoint("GET /tick-size", tick_size, limits=("tick_size",)),
    Endpoint("GET /neg-risk", neg_risk),
    Endpoint("GET /fee-rate", fee_rate),
    Endpoint("GET /markets", markets),
    Endpoint("GET /simplified-markets", simplified_markets),
    Endpoint("GET /sampling-markets", sampling_markets),
    Endpoint("GET /sampling-simplified-markets", sampling_simplified),
    Endpoint("GET /markets/{condition_id}", market),
    Endpoint("GET /markets-by-token/{token_id}", market_by_token),
    Endpoint("GET /clob-markets/{condition_id}", compact_market),
    Endpoint("GET /fees/builder-fees/{code}", builder_fees),
]


# --- records


def full_record(face: Face, found: SandboxMarket) -> dict[str, Any]:
    """A market as the CLOB lists it."""
    p, done = found.p, records.is_closed(found)
    event = face.sandbox.world.event_of(found)
    return {
        "enable_order_book": True,
        "active": found.state != UNOPENED,
        "closed": done,
        "archived": False,
        "accepting_orders": found.state == OPEN,
        "accepting_order_timestamp": records.iso(found.open_ms),
        "minimum_order_size": number(found.min_size),
        "minimum_tick_size": plain_number(p.tick),
        "condition_id": found.id,
        "question_id": p.question_id,
        "question": found.question,
        "description": found.rules,
        "market_slug": p.slug,
        "end_date_iso": records.iso(found.close_ms),
        "game_start_time": None,
        "seconds_delay": p.seconds_delay,
        "fpmm": "",
        "maker_base_fee": _base_fee(found),
        "taker_base_fee": _base_fee(found),
        "notifications_enabled": True,
        "neg_risk": p.neg_risk,
        "neg_risk_market_id": records.neg_risk_id(event) if p.neg_risk else "",
        "neg_risk_request_id": p.question_id if p.neg_risk else "",
        "icon": "",
        "image": "",
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
        "is_50_50_outcome": found.state == SETTLED and found.settlement_value == MICRO // 2,
        "tokens": _tokens(face, found),
        "tags": [found.category, "All"],
    }


def simple_record(face: Face, found: SandboxMarket) -> dict[str, Any]:
    """A market in the short listings."""
    return {
        "condition_id": found.id,
        "rewards": {"rates": None, "min_size": 0, "max_spread": 0},
        "tokens": _tokens(face, found),
        "active": found.state != UNOPENED,
        "closed": records.is_closed(found),
        "archived": False,
        "accepting_orders": found.state == OPEN,
    }


def best(face: Face, found: SandboxMarket, place: int) -> tuple[int | None, int | None]:
    """Best bid and ask of a token, micro-dollars; None for an empty side."""
    ladders = face.books.of(found).book
    bid = ladders.best_bid if ladders.bids.prices else None
    ask = ladders.best_ask if ladders.asks.prices else None
    if place == NO_PLACE:
        return (None if ask is None else MICRO - ask), (None if bid is None else MICRO - bid)
    return bid, ask


# --- small parts


def _tokens(face: Face, found: SandboxMarket) -> Rows:
    display = records.display_price(face, found)
    final = found.settlement_value if found.state == SETTLED else None
    rows = []
    for place, (token, name) in enumerate(zip(found.p.token_ids, found.outcomes, strict=True)):
        winner = final is not None and _own(final, place) == MICRO
        rows.append(
            {"token_id": token, "outcome": name, "price": number(_own(display, place)), "winner": winner}
        )
    return rows


def _listing(
    face: Face, request: Request, record: Callable[[Face, SandboxMarket], dict[str, Any]], *, sampling: bool
) -> Answer:
    every = [m for m in face.sandbox.world.on(POLYMARKET) if not sampling or m.state == OPEN]
    rows, cursor = page(every, request.one("next_cursor"), PAGE)
    data = [record(face, found) for found in rows]
    return ok({"data": data, "next_cursor": cursor, "limit": PAGE, "count": len(data)})


def _token(face: Face, token_id: str) -> tuple[SandboxMarket, int]:
    if not token_id.isdecimal() or not token_id.isascii():
        raise Refusal(400, "Invalid token id")
    found = face.token(token_id)
    if found is None:
        raise Refusal(404, NO_BOOK)
    return found


def _market(face: Face, condition_id: str) -> SandboxMarket:
    found = face.market(condition_id)
    if found is None:
        raise Refusal(404, "market not found")
    return found


def _batch(request: Request) -> Rows:
    rows = request.json()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(400, "Invalid payload")
    if len(rows) > MAX_BATCH:
        raise Refusal(400, "Payload exceeds the limit")
    if not all(isinstance(row.get("token_id"), str) for row in rows):
        raise Refusal(400, "Invalid token id")
    return rows


def _side(side: str) -> str:
    if side not in (BUY, SELL):
        raise Refusal(400, "Invalid side")
    return side


def _middle(bid: int, ask: int) -> int:
    return (bid + ask) // 2


def _of_one(face: Face, request: Request, do: Callable[[int, int], int]) -> str:
    bid, ask = best(face, *_token(face, request.one("token_id")))
    if bid is None or ask is None:
        raise Refusal(404, NO_BOOK)
    return text(do(bid, ask))


def _of_many(face: Face, request: Request, do: Callable[[int, int], int]) -> dict[str, str]:
    answer = {}
    for row in _batch(request):
        known = face.token(row["token_id"])
        bid, ask = best(face, *known) if known is not None else (None, None)
        if bid is not None and ask is not None:
            answer[row["token_id"]] = text(do(bid, ask))
    return answer


def _last(face: Face, found: SandboxMarket, place: int) -> dict[str, str]:
    tape = face.tape.get(found.id)
    if found.last_price is None:
        return {"price": "0.5", "side": ""}
    side = tape[-1].taker.side if tape else BUY
    if place == NO_PLACE:
        side = SELL if side == BUY else BUY
    return {"price": text(_own(found.last_price, place)), "side": side}


def _own(price: int, place: int) -> int:
    return MICRO - price if place == NO_PLACE else price


def _base_fee(found: SandboxMarket) -> int:
    return records.BASE_FEE if Decimal(found.p.fee_rate) else 0


def _seconds(given: str) -> int:
    return int(given) if given.isdecimal() else 0
