"""Markets of Protocol V2 in the sandbox: packed ids, both lengths of the condition id, an exchange of their own."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from markets.platforms.polymarket.rest import PolymarketRest
from markets.platforms.polymarket.units import v2_condition_of
from markets.sandbox.generate import protocol_v2_ids
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.polymarket.face import face_of
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import MICRO, User, book, markets, standing

V3 = ("3", "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa")
V2 = ("2", "0xE111180000d2663C0091e4f400237545B87B996B")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    spec = WorldSpec(pairs=2, short_lived=0, extra_kalshi=0, extra_polymarket=0, protocol_v2=1)
    with standing(spec=spec) as exchange:
        yield exchange


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    (chosen,) = [m for m in markets(running) if m.p.version == "v2"]
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


def test_the_packing_is_the_platforms() -> None:
    protocol = pytest.importorskip("polymarket._internal.protocol")
    condition, tokens = protocol_v2_ids(2**200 + 12345)
    assert len(condition) == 66 and condition.endswith("00")
    for place, token in enumerate(tokens):
        assert v2_condition_of(token) == condition and protocol.is_v2_position_id(token)
        decoded = protocol.decode_v2_outcome_position_id(token)
        assert decoded.outcome_index == place and condition.removeprefix("0x").startswith(
            str(decoded.condition_id).removeprefix("0x")
        )


def test_our_reader_finds_it_under_either_spelling(running: Running, market: SandboxMarket) -> None:
    rest = PolymarketRest(running.urls["gamma"], running.urls["clob"], running.urls["data"])
    info = rest.market(market.id)
    assert info.extra["version"] == "v2" and [one.token_id for one in info.outcomes] == list(
        market.p.token_ids
    )
    assert [one.id for one in rest.markets_by_id([market.id])] == [market.id]
    assert rest.trading_rules(market.id).version == "v2"
    raw = requests.get(f"{running.urls['gamma']}/markets/{market.p.gamma_id}", timeout=60).json()
    assert raw["conditionId"] == market.id[:-2] and raw["clobTokenIds"] is None


def test_its_orders_are_of_exchange_v3_alone(running: Running, market: SandboxMarket) -> None:
    user = User.of(running)
    assert user.place(market, 0, "BUY", "0.45", "10", exchange=V3).json()["status"] == "matched"
    refused = user.place(market, 0, "BUY", "0.45", "10", exchange=V2)
    assert (refused.status_code, refused.json()["error"]) == (400, "order_version_mismatch")


def test_the_region_the_account_and_the_approvals(running: Running, market: SandboxMarket) -> None:
    user, config = User.of(running), running.sandbox.config
    wallet = face_of(running.sandbox).wallet(running.keys.polymarket_address)
    assert requests.get(running.urls["geoblock"], timeout=60).json()["blocked"] is False
    try:
        config.polymarket_blocked = True
        assert requests.get(running.urls["geoblock"], timeout=60).json()["blocked"] is True
        assert user.place(market, 0, "BUY", "0.45", "10", exchange=V3).status_code == 403
        config.polymarket_blocked, config.polymarket_closed_only = False, True
        assert user.send("GET", "/auth/ban-status/closed-only").json() == {"closed_only": True}
        assert "closed only" in user.place(market, 0, "BUY", "0.45", "10", exchange=V3).json()["error"]
        config.polymarket_closed_only = False
        wallet.unapproved.add(V3[1])
        assert (
            user.send("GET", "/balance-allowance", asset_type="COLLATERAL").json()["allowances"][V3[1]] == "0"
        )
        assert "allowance" in user.place(market, 0, "BUY", "0.45", "10", exchange=V3).json()["error"]
    finally:
        config.polymarket_blocked = config.polymarket_closed_only = False
        wallet.unapproved.clear()


def test_what_happens_beside_trades_is_listed_newest_first(running: Running, market: SandboxMarket) -> None:
    face = face_of(running.sandbox)
    wallet = face.wallet(running.keys.polymarket_address)
    before = face.ledger.account(wallet.funder).cash
    running.call(lambda: (face.move_cash(wallet, 3 * MICRO), face.move_cash(wallet, -MICRO)))
    assert face.ledger.account(wallet.funder).cash == before + 2 * MICRO
    url, asked = f"{running.urls['data']}/v2/activity", {"user": wallet.shown}
    rows = requests.get(url, params=asked, timeout=60).json()["data"]
    assert [(row["type"], Decimal(str(row["usdc_size"]))) for row in rows[:2]] == [
        ("WITHDRAWAL", 1),
        ("DEPOSIT", 3),
    ]
    deposits = requests.get(url, params=asked | {"type": "DEPOSIT"}, timeout=60).json()["data"]
    assert {row["type"] for row in deposits} == {"DEPOSIT"}
    assert requests.get(url, params={"user": "0x" + "11" * 20}, timeout=60).json()["data"] == []
