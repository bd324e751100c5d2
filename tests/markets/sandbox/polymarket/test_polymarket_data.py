"""The data API: what a wallet holds and is worth, public trades, how a market was resolved."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from markets.sandbox.market import SandboxMarket
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import MICRO, User, book, hit, markets, standing

SHARED = Path(os.environ.get("ARBSITE_SHARED", Path(__file__).resolve().parents[4] / "../shared"))
TYPES = SHARED / "recorded/polymarket/field_types_2026-06"


def get(running: Running, path: str, **query: Any) -> Any:
    answer = requests.get(f"{running.urls['data']}{path}", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def held() -> Iterator[tuple[Running, User, SandboxMarket]]:
    """A wallet that bought 10 NO at 0.60 (against a bid for YES at 0.40), in a sandbox of its own."""
    with standing() as running:
        user = User.of(running)
        market = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
        book(running, market, {40: 100}, {50: 50})
        user.take(market, 1, "6", "0.6")
        hit(running, market, "BUY", 50, 5)
        yield running, user, market


def test_a_position_in_no(held: tuple[Running, User, SandboxMarket]) -> None:
    running, user, market = held
    page = get(running, "/v2/positions", user=user.address.lower())
    assert page["pagination"] == {"has_more": False, "next_cursor": None}
    row = page["data"][0]
    assert row["token_id"] == market.p.token_ids[1] and row["opposite_token_id"] == market.p.token_ids[0]
    assert (row["current_size"], row["avg_price"], row["entry_cost_usdc"]) == (10, 0.6, 6)
    assert row["current_price"] == 0.55 and row["current_value"] == 5.5 and row["unrealized_pnl"] == -0.5
    old = get(running, "/positions", user=user.address)[0]
    assert old["asset"] == row["token_id"] and old["outcomeIndex"] == 1 and old["size"] == 10
    assert get(running, "/v2/value", user=user.address)["data"]["value"] == 5.5
    assert get(running, "/value", user=user.address)[0]["value"] == 5.5
    assert get(running, "/v2/positions", user="0x" + "11" * 20)["data"] == []
    assert get(running, "/v2/positions", user=user.address, condition_id="0x" + "1" * 64)["data"] == []


def test_public_trades_are_their_takers(held: tuple[Running, User, SandboxMarket]) -> None:
    running, user, market = held
    rows = get(running, "/v2/trades", condition_id=market.id)["data"]
    assert [(row["side"], row["price"], row["size"], row["outcome_index"]) for row in rows] == [
        ("BUY", 0.5, 5, 0), ("BUY", 0.6, 10, 1),
    ]  # fmt: skip
    mine = get(running, "/v2/trades", user=user.address)["data"]
    assert [row["proxy_wallet"] for row in mine] == [user.address]
    assert get(running, "/trades", market=market.id, limit=1)[0]["conditionId"] == market.id
    assert get(running, "/v2/trades", condition_id=market.id, side="SELL")["data"] == []


def test_pages(held: tuple[Running, User, SandboxMarket]) -> None:
    running, _, market = held
    first = get(running, "/v2/trades", condition_id=market.id, limit=1)
    assert first["pagination"]["has_more"] is True
    second = get(
        running, "/v2/trades", condition_id=market.id, limit=1, cursor=first["pagination"]["next_cursor"]
    )
    assert second["data"] != first["data"] and second["pagination"]["has_more"] is False


def test_a_user_is_needed(held: tuple[Running, User, SandboxMarket]) -> None:
    answer = requests.get(f"{held[0].urls['data']}/v2/positions", timeout=60)
    assert answer.status_code == 400 and "user" in answer.json()["error"]


@pytest.mark.skipif(not TYPES.is_dir(), reason="the recorded field types are not there")
@pytest.mark.parametrize(("path", "file"), [("/positions", "data__positions"), ("/trades", "data__trades")])
def test_members_have_the_recorded_types(
    held: tuple[Running, User, SandboxMarket], path: str, file: str
) -> None:
    kinds = {bool: "bool", int: "number", float: "number", str: "str"}
    row = get(held[0], path, user=held[1].address)[0]
    known = set(json.loads((TYPES / f"{file}.json").read_text())["shape"])
    assert {f"$[].{name}:{kinds[type(value)]}" for name, value in row.items()} <= known


def test_a_resolution_from_posed_to_a_split() -> None:
    with standing() as running:
        market = markets(running)[0]
        world, now = running.sandbox.world, running.sandbox.now_ms

        def row() -> dict[str, Any]:
            return get(running, "/v2/resolutions", condition_id=market.id)["data"][0]

        assert (row()["status"], row()["price"], row()["payouts"]) == ("posed", "69", None)
        running.call(lambda: world.determine(market.id, MICRO, now()))
        assert (row()["status"], row()["proposed_price"], row()["payouts"]) == ("proposed", "1", None)
        running.call(lambda: world.dispute(market.id, now()))
        assert row()["status"] == "disputed" and row()["was_disputed"] is True
        running.call(lambda: world.determine(market.id, MICRO // 2, now()))
        assert (row()["status"], row()["reproposed_price"]) == ("reproposed", "0.5")
        running.call(lambda: world.settle(market.id, now()))
        assert (row()["status"], row()["payouts"]) == ("resolved", [500_000, 500_000])
