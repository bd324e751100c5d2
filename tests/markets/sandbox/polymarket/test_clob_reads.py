"""Books and prices: two mirrored tokens of one book, best last, with the platform's own hash."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.platforms.polymarket.bookhash import Members, book_hash
from markets.platforms.polymarket.units import to_micro
from markets.sandbox.engine import Engine
from markets.sandbox.market import Band, WorldSpec
from markets.sandbox.polymarket.books import WireBook
from markets.sandbox.server import Running, build
from tests.markets.sandbox.polymarket.helpers import STANDING, User, book, hit, markets

SHARED = Path(os.environ.get("ARBSITE_SHARED", Path(__file__).resolve().parents[4] / "../shared"))
TYPES = SHARED / "recorded/polymarket/field_types_2026-06"


def get(running: Running, path: str, **query: Any) -> Any:
    answer = requests.get(f"{running.urls['clob']}{path}", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(running: Running, path: str, body: Any) -> Any:
    answer = requests.post(f"{running.urls['clob']}{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def hash_of(wire: dict[str, Any]) -> str:
    """The hash that our own adapter computes for a REST book."""
    sides = [{to_micro(x["price"]): to_micro(x["size"]) for x in wire[side]} for side in ("bids", "asks")]
    members = Members(
        wire["min_order_size"],
        wire["tick_size"],
        wire["neg_risk"],
        wire["last_trade_price"],
        wire.get("version", ""),
    )
    return book_hash(wire["market"], wire["asset_id"], wire["timestamp"], *sides, members)


def test_a_book_and_its_mirror(running: Running) -> None:
    market = markets(running)[0]
    book(running, market, {40: 100, 38: 7}, {45: 30, 60: 5})
    yes, no = (get(running, "/book", token_id=token) for token in market.p.token_ids)
    assert [level["price"] for level in yes["bids"]] == ["0.38", "0.4"]
    assert [level["price"] for level in yes["asks"]] == ["0.6", "0.45"]
    assert no["bids"] == [{"price": "0.4", "size": "5"}, {"price": "0.55", "size": "30"}]
    assert no["asks"] == [{"price": "0.62", "size": "7"}, {"price": "0.6", "size": "100"}]
    for one in (yes, no):
        assert one["hash"] == hash_of(one)
        assert one["market"] == market.id and one["last_trade_price"] == ""
    hit(running, market, "BUY", 45, 10)
    after = [get(running, "/book", token_id=token) for token in market.p.token_ids]
    assert [one["last_trade_price"] for one in after] == ["0.450", "0.450"]  # the market's, on both tokens
    assert all(one["hash"] == hash_of(one) for one in after)
    assert post(running, "/books", [{"token_id": t} for t in (*market.p.token_ids, "123")]) == after


def test_time_of_a_quiet_book_stands_still(running: Running) -> None:
    market = markets(running)[1]
    book(running, market, {40: 100}, {45: 30})
    first = get(running, "/book", token_id=market.p.token_ids[0])
    assert get(running, "/book", token_id=market.p.token_ids[0]) == first
    assert int(first["timestamp"]) <= running.sandbox.now_ms()


def test_prices_of_both_tokens(running: Running) -> None:
    market = markets(running)[0]
    book(running, market, {40: 100}, {46: 30})
    yes, no = market.p.token_ids
    assert get(running, "/price", token_id=yes, side="BUY") == {"price": "0.4"}
    assert get(running, "/price", token_id=no, side="SELL") == {"price": "0.6"}
    assert get(running, "/midpoint", token_id=yes) == {"mid": "0.43"}
    assert get(running, "/spread", token_id=no) == {"spread": "0.06"}
    rows = [{"token_id": yes, "side": "SELL"}, {"token_id": no, "side": "BUY"}]
    assert post(running, "/prices", rows) == {yes: {"SELL": "0.46"}, no: {"BUY": "0.54"}}
    assert post(running, "/midpoints", rows) == {yes: "0.43", no: "0.57"}
    assert post(running, "/spreads", rows) == {yes: "0.06", no: "0.06"}
    hit(running, market, "SELL", 40, 10)
    assert get(running, "/last-trade-price", token_id=yes) == {"price": "0.4", "side": "SELL"}
    assert get(running, "/last-trade-price", token_id=no) == {"price": "0.6", "side": "BUY"}
    assert post(running, "/last-trades-prices", rows)[1] == {"price": "0.6", "side": "BUY", "token_id": no}
    assert get(running, "/prices-history", market=yes, interval="1h")["history"][-1]["p"] == 0.4


def test_parameters(running: Running) -> None:
    plain, grouped = markets(running)[0], next(m for m in markets(running) if m.p.neg_risk)
    token = plain.p.token_ids[0]
    assert get(running, "/tick-size", token_id=token) == {"minimum_tick_size": float(plain.p.tick)}
    assert get(running, "/neg-risk", token_id=grouped.p.token_ids[1]) == {"neg_risk": True}
    assert get(running, "/fee-rate", token_id=token)["base_fee"] in (0, 1000)
    compact = get(running, f"/clob-markets/{plain.id}")
    assert [row["t"] for row in compact["t"]] == list(plain.p.token_ids)
    assert "nr" not in compact and get(running, f"/clob-markets/{grouped.id}")["nr"] is True
    assert ("fd" in compact) == (plain.p.fee_rate != "0")
    assert get(running, f"/markets-by-token/{token}")["condition_id"] == plain.id
    assert get(running, "/version") == {"version": 2} and get(running, "/ok") == "OK"
    assert abs(get(running, "/time") - running.sandbox.now_ms() // 1000) <= 1


def test_listings_have_the_platforms_cursor(running: Running) -> None:
    for path in ("/markets", "/simplified-markets", "/sampling-markets", "/sampling-simplified-markets"):
        page = get(running, path, next_cursor="MA==")
        assert page["count"] == len(page["data"]) == len(markets(running)) and page["next_cursor"] == "LTE="
    assert get(running, "/markets", next_cursor="LTE=")["data"] == []


@pytest.mark.skipif(not TYPES.is_dir(), reason="the recorded field types are not there")
@pytest.mark.parametrize(
    ("path", "file"), [("/book", "clob__book"), ("/markets/{}", "clob__markets_condition_id")]
)
def test_members_have_the_recorded_types(running: Running, path: str, file: str) -> None:
    market = markets(running)[0]
    book(running, market, {40: 100}, {46: 30})
    got = get(
        running, path.format(market.id), **({"token_id": market.p.token_ids[0]} if path == "/book" else {})
    )
    known = json.loads((TYPES / f"{file}.json").read_text())["shape"]
    assert _shape(got, "$") <= set(known)
    if path == "/book":
        assert _shape(got, "$") == set(known)


def _shape(value: Any, at: str) -> set[str]:
    if isinstance(value, dict):
        return {f"{at}:object"}.union(*(_shape(v, f"{at}.{k}") for k, v in value.items()))
    if isinstance(value, list):
        return {f"{at}:array"}.union(*(_shape(v, f"{at}[]") for v in value))
    kinds = {bool: "bool", int: "number", float: "number", str: "str", type(None): "null"}
    return {f"{at}:{kinds[type(value)]}"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", "/book?token_id=abc", None, 400, "Invalid token id"),
        ("GET", "/book?token_id=1", None, 404, "No orderbook exists for the requested token id"),
        ("GET", "/price?token_id=1&side=UP", None, 404, "No orderbook exists"),
        ("POST", "/books", {"token_id": "1"}, 400, "Invalid payload"),
        ("POST", "/books", [{"token_id": "1"}] * 501, 400, "Payload exceeds the limit"),
        ("POST", "/prices", [{"token_id": "1", "side": "UP"}], 400, "Invalid side"),
        ("GET", "/markets/0x12", None, 404, "market not found"),
        ("GET", "/clob-markets/0x12", None, 404, "market not found"),
        ("GET", "/nowhere", None, 404, "not found"),
        ("GET", "/data/orders", None, 401, "Unauthorized/Invalid api key"),
    ],
)
def test_refusals(running: Running, method: str, path: str, body: Any, status: int, error: str) -> None:
    answer = requests.request(method, f"{running.urls['clob']}{path}", json=body, timeout=60)
    assert answer.status_code == status and error in answer.json()["error"]


def test_an_empty_side_has_no_price(running: Running, user: User) -> None:
    market = markets(running)[2]
    book(running, market, {}, {46: 30})
    yes, no = market.p.token_ids
    assert get(running, "/book", token_id=yes)["bids"] == []
    assert get(running, "/book", token_id=no)["asks"] == []
    for path in ("/midpoint", "/spread"):
        assert (
            requests.get(f"{running.urls['clob']}{path}", params={"token_id": yes}, timeout=60).status_code
            == 404
        )
    assert post(running, "/midpoints", [{"token_id": yes}]) == {}


LEVELS = st.dictionaries(st.integers(1, 99), st.integers(1, 10**9), max_size=8)
MARKET = build(
    WorldSpec(pairs=1, short_lived=0, extra_kalshi=0, extra_polymarket=0), traders=STANDING
).world.on("polymarket")[0]


@settings(max_examples=60, deadline=None)
@given(below=LEVELS, above=LEVELS, gap=st.integers(2, 98))
def test_any_book_has_the_hash_that_we_compute(
    below: dict[int, int], above: dict[int, int], gap: int
) -> None:
    engine = Engine()
    engine.add_market(MARKET.id, bands=(Band(0, 1_000_000, 10_000),), min_size=1, lot=1)
    wire = WireBook(MARKET, engine.book(MARKET.id))
    for side, levels in (("BUY", below), ("SELL", above)):
        for cents, size in levels.items():
            if (cents < gap) == (side == "BUY"):
                engine.submit(MARKET.id, "a", side, cents * 10_000, size, at_ms=5)
                wire.touched(side, 5)
                wire.hashes()
    for place in (0, 1):
        shown = json.loads(wire.rest(place))
        assert shown["hash"] == wire.hashes()[place] == hash_of(shown)
