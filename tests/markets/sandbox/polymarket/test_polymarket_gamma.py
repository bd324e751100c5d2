"""Discovery: JSON inside strings, keyset pages, filters, and the old listings."""

import json
from typing import Any

import msgspec
import pytest
import requests

from markets.platforms.polymarket import parse, wire
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import markets, standing


def get(running: Running, path: str, **query: Any) -> Any:
    answer = requests.get(f"{running.urls['gamma']}{path}", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_market_has_the_platforms_types(running: Running) -> None:
    market = get(running, "/markets/keyset", limit=1)["markets"][0]
    for name in ("outcomes", "outcomePrices", "clobTokenIds", "umaResolutionStatuses"):
        assert isinstance(market[name], str), name
        assert isinstance(json.loads(market[name]), list), name
    assert all(isinstance(market[name], str) for name in ("id", "volume", "liquidity", "conditionId"))
    assert all(
        isinstance(market[name], int | float)
        for name in ("volumeNum", "orderPriceMinTickSize", "orderMinSize")
    )
    assert market["acceptingOrders"] is True and market["closed"] is False and market["version"] == "v1"
    prices = [float(price) for price in json.loads(market["outcomePrices"])]
    assert sum(prices) == pytest.approx(1)


def test_our_own_parser_reads_every_market(running: Running) -> None:
    raw = requests.get(
        f"{running.urls['gamma']}/markets/keyset", params={"limit": 100, "include_tag": "true"}, timeout=60
    )
    page = msgspec.json.decode(raw.content, type=wire.MarketsPage)
    infos = [parse.market_info(msgspec.json.decode(one, type=wire.GammaMarket)) for one in page.markets]
    assert {info.id for info in infos} == {market.id for market in markets(running)}
    by_id = {market.id: market for market in markets(running)}
    for info in infos:
        market = by_id[info.id]
        assert info.status == "OPEN" and info.rules == market.rules and info.category == market.category
        assert tuple(outcome.token_id for outcome in info.outcomes) == market.p.token_ids
        assert bool(info.extra["neg_risk"]) == market.p.neg_risk
        assert info.fees is not None


@pytest.mark.parametrize("order", ["", "volumeNum", "liquidityNum", "endDate", "volume"])
@pytest.mark.parametrize("ascending", ["true", "false"])
def test_keyset_pages_give_every_market_once(running: Running, order: str, ascending: str) -> None:
    query = {"limit": 2, "ascending": ascending} | ({"order": order} if order else {})
    seen, cursor = [], ""
    while True:
        page = get(running, "/markets/keyset", **query, **({"after_cursor": cursor} if cursor else {}))
        seen += [market["conditionId"] for market in page["markets"]]
        cursor = page.get("next_cursor", "")
        if not cursor:
            break
    assert sorted(seen) == sorted(market.id for market in markets(running))


def test_filters_choose(running: Running) -> None:
    first, second, *_ = markets(running)
    both = get(running, "/markets/keyset", condition_ids=[first.id, second.id])["markets"]
    assert {market["conditionId"] for market in both} == {first.id, second.id}
    by_token = get(running, "/markets/keyset", clob_token_ids=first.p.token_ids[1])["markets"]
    assert [market["conditionId"] for market in by_token] == [first.id]
    assert [m["slug"] for m in get(running, "/markets", slug=second.p.slug)] == [second.p.slug]
    assert get(running, "/markets/keyset", closed="true")["markets"] == []
    ends = sorted(market.close_ms for market in markets(running))
    early = get(running, "/markets/keyset", end_date_max=_iso(ends[0]))["markets"]
    assert len(early) == sum(1 for end in ends if end == ends[0])
    assert get(running, "/markets/keyset", volume_num_min="1000000")["markets"] == []


def _iso(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/markets/keyset", {"offset": 10}, 422), ("/markets/keyset", {"order": "colour"}, 422),
        ("/markets/keyset", {"after_cursor": "%%%"}, 422), ("/markets/keyset", {"limit": "many"}, 422),
        ("/markets/99999999999", {}, 404), ("/markets/slug/none", {}, 404), ("/events/1", {}, 404),
        ("/nowhere", {}, 404), ("/public-search", {}, 422),
    ],
)  # fmt: skip
def test_what_gamma_refuses(running: Running, path: str, query: dict[str, Any], status: int) -> None:
    answer = requests.get(f"{running.urls['gamma']}{path}", params=query, timeout=60)
    assert answer.status_code == status and answer.json()["error"]


def test_single_items_and_old_listings(running: Running) -> None:
    market = markets(running)[0]
    assert get(running, f"/markets/{market.p.gamma_id}")["conditionId"] == market.id
    assert get(running, f"/markets/slug/{market.p.slug}")["id"] == market.p.gamma_id
    assert len(get(running, "/markets", limit=2, offset=1)) == 2
    assert get(running, "/markets", offset=2101) == []
    tag = get(running, f"/markets/{market.p.gamma_id}")["tags"][0]
    assert tag in get(running, "/tags") and get(running, f"/tags/{tag['id']}") == tag


def test_events_hold_their_markets_and_neg_risk(running: Running) -> None:
    events = get(running, "/events/keyset", limit=100)["events"]
    grouped = next(event for event in events if event["negRisk"])
    assert len(grouped["markets"]) == 3 and all(m["negRisk"] for m in grouped["markets"])
    assert {m["negRiskMarketID"] for m in grouped["markets"]} == {grouped["negRiskMarketID"]}
    assert isinstance(grouped["volume"], int | float)
    assert get(running, f"/events/{grouped['id']}")["slug"] == grouped["slug"]
    assert get(running, f"/events/slug/{grouped['slug']}")["id"] == grouped["id"]
    word = grouped["title"].split()[1]
    assert grouped["id"] in {event["id"] for event in get(running, "/public-search", q=word)["events"]}


def test_a_life_from_open_to_paid_in_gammas_words() -> None:
    with standing() as running:
        market = markets(running)[0]
        world, now = running.sandbox.world, running.sandbox.now_ms

        def shown() -> dict[str, Any]:
            return get(running, f"/markets/{market.p.gamma_id}")

        def status() -> str:
            return parse.market_status(msgspec.json.decode(json.dumps(shown()), type=wire.GammaMarket))

        running.call(lambda: world.pause(market.id, now()))
        assert status() == "PAUSED" and shown()["closed"] is False
        running.call(lambda: world.determine(market.id, 1_000_000, now()))
        assert shown()["umaResolutionStatus"] == "proposed" and status() == "CLOSED"
        assert json.loads(shown()["outcomePrices"]) == ["0.9995", "0.0005"]  # proposed is not resolved
        running.call(lambda: world.dispute(market.id, now()))
        assert status() == "DISPUTED"
        running.call(lambda: world.determine(market.id, 500_000, now()))
        running.call(lambda: world.settle(market.id, now()))
        assert status() == "SETTLED" and json.loads(shown()["outcomePrices"]) == ["0.5", "0.5"]
        assert get(running, "/markets/keyset", closed="true")["markets"][0]["conditionId"] == market.id
        assert market.id not in {m["conditionId"] for m in get(running, "/markets/keyset")["markets"]}
