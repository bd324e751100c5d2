"""Opportunities, and the normal forms of whales and news, over HTTP."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signals.models import Signal, SignalSnapshot
from tests.arbsite.callers import reader

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MILLIS = 1795521600000


def leg(platform, market_id, outcome, best):
    return {
        "platform": platform, "market_id": market_id, "outcome": outcome, "side": "BUY", "size": "100",
        "limit_price": "0.66", "best_price": best, "depth": "250", "notional": "65.00", "fee": "1.75", "cash": "66.75",
        "fills": [[best, "100"]], "confirmed_ms": MILLIS, "book_age_ms": 3,
    }  # fmt: skip


def signal(name, status=Signal.ACTIONABLE, type="arbitrage", **fields):
    return Signal.objects.create(
        id=name, type=type, status=status, market_a="0xabc", market_b="KX-ABC", profit_pct=Decimal("0.098"),
        confidence=Decimal("0.92"), direction=f"polymarket:YES+kalshi:NO {name}", sources=["price"],
        metadata={"legs": [leg("polymarket", "0xabc", "YES", "0.65"), leg("kalshi", "KX-ABC", "NO", "0.28")]},
        size=Decimal(100), outlay=Decimal("93"), net_profit=Decimal("7"), edge=Decimal("0.07"), created_at=NOW, **fields,
    )  # fmt: skip


@pytest.fixture
def headers(db):
    return reader("signals.view_signal", "signals.view_whalealert", "signals.view_newsevent")


def exact(response):
    assert response.status_code == 200, response.content
    return json.loads(response.content, parse_float=Decimal)


def test_an_opportunity_has_the_specifications_fields(client, headers):
    signal("sig_1")
    (found,) = exact(client.get("/api/v1/opportunities", headers=headers))["results"]
    assert found["id"] == "sig_1" and found["created_at"] == MILLIS
    assert found["market_a"] == {
        "platform": "polymarket", "market_id": "0xabc", "outcome": "YES", "price": Decimal("0.65"),
    }  # fmt: skip
    assert found["market_b"]["platform"] == "kalshi" and found["market_b"]["price"] == Decimal("0.28")
    assert (found["profit_pct"], found["confidence"]) == (Decimal("0.098"), Decimal("0.92"))
    assert found["recommended_action"] == "BUY_A_BUY_B"


def test_a_list_recommends_what_detect_recommends(client, headers):
    row = signal("sig_1")
    Signal.objects.filter(pk=row.pk).update(metadata=row.metadata | {"recommended_action": "BUY_A_SELL_B"})
    (found,) = exact(client.get("/api/v1/opportunities", headers=headers))["results"]
    assert found["recommended_action"] == "BUY_A_SELL_B"


def test_refused_and_gone_ones_are_shown_only_when_asked_for(client, headers):
    for status in Signal.STATUSES:
        signal(f"sig_{status}", status)
    signal("sig_whale", type="whale")
    shown = exact(client.get("/api/v1/opportunities", headers=headers))["results"]
    assert {row["status"] for row in shown} == {"PENDING", "ACTIONABLE", "EXECUTED"}
    refused = exact(client.get("/api/v1/opportunities?status=REFUSED", headers=headers))["results"]
    assert [row["id"] for row in refused] == ["sig_REFUSED"]
    gone = exact(client.get("/api/v1/history", headers=headers))["results"]
    assert {row["status"] for row in gone} == {"CLOSED", "EXPIRED"}


def test_the_detail_shows_legs_and_computation(client, headers):
    signal("sig_1", Signal.CLOSED)
    found = exact(client.get("/api/v1/opportunities/sig_1", headers=headers))
    assert [row["outcome"] for row in found["legs"]] == ["YES", "NO"]
    assert found["legs"][0]["fee"] == Decimal("1.75") and found["plan_id"] is None
    assert found["metadata"]["legs"][0]["fills"] == [["0.65", "100"]]
    assert client.get("/api/v1/opportunities/sig_2", headers=headers).json()["code"] == "not_found"


def test_a_signal_without_legs_is_still_shown(client, headers):
    Signal.objects.create(id="bare", type="arbitrage", market_a="0xabc", created_at=NOW)
    (found,) = exact(client.get("/api/v1/opportunities", headers=headers))["results"]
    assert found["market_a"] == {"market_id": "0xabc"} and found["market_b"] is None


def test_a_list_costs_few_statements(client, headers, django_assert_max_num_queries):
    for number in range(20):
        signal(f"sig_{number}")
    with django_assert_max_num_queries(6):
        client.get("/api/v1/opportunities", headers=headers)


def test_whales_and_news_are_normalised(client, headers):
    raw = {"symbol": "USDT", "amount": "2000000", "timestamp": MILLIS, "direction": "OUTFLOW"}
    body = {"source": "webhook", "raw_data": raw}
    found = exact(client.post("/api/v1/normalize/whale", body, "application/json", headers=headers))[
        "normalized"
    ]
    assert found["category"] == "large_transfer" and found["sentiment_score"] == Decimal("-0.4337")
    raw = {"headline": "Rates held", "url": "https://example.com/x", "timestamp": MILLIS}
    body = {"source": "gdelt", "raw_data": raw}
    found = exact(client.post("/api/v1/normalize/news", body, "application/json", headers=headers))[
        "normalized"
    ]
    assert (found["event_type"], found["headline"], found["via"]) == ("news_event", "Rates held", "gdelt")


@pytest.mark.parametrize(("kind", "field"), [("whale", "raw_data.amount"), ("news", "raw_data.headline")])
def test_what_is_missing_is_named(client, headers, kind, field):
    body = {"source": "x", "raw_data": {}}
    response = client.post(f"/api/v1/normalize/{kind}", body, "application/json", headers=headers)
    assert response.status_code == 400 and field in response.json()["errors"]


def test_the_waterfall_is_part_of_every_answer(client, headers):
    metadata = {
        "legs": [leg("polymarket", "0xabc", "YES", "0.65"), leg("kalshi", "KX-ABC", "NO", "0.28")],
        "waterfall": {"payoff": "100", "gross": "8.5", "fees": "1.4", "rounding": "0.1", "outlay": "93", "net": "7"},
        "expected": {"leg_risk": "1", "rule_risk": "0.2", "capital": "0.3", "expected": "5.5"}, "limited_by": "depth",
    }  # fmt: skip
    signal("sig_1", label="arbitrage", kind="pair", half_profit=Decimal("3.6"))
    Signal.objects.update(metadata=metadata, expected_edge=Decimal("0.055"))
    (found,) = exact(client.get("/api/v1/opportunities", headers=headers))["results"]
    steps = {step["step"]: (step["dollars"], step["per_dollar"]) for step in found["waterfall"]}
    assert list(steps) == [
        "gross",
        "fees",
        "rounding",
        "edge",
        "leg_risk",
        "rule_risk",
        "capital",
        "expected",
    ]
    assert steps["fees"] == (Decimal("-1.4"), Decimal("-0.014")) and steps["expected"][1] == Decimal("0.055")
    assert found["capital"] == {"polymarket": Decimal("66.75"), "kalshi": Decimal("66.75")}
    assert (found["limited_by"], found["half_profit"], found["expected_edge"]) == (
        "depth",
        Decimal("3.6"),
        Decimal("0.055"),
    )
    assert found["estimated_fill_time_ms"] == 819 and found["seconds_alive"] > 0


def test_a_spread_is_shown_only_to_who_asks_for_it(client, headers):
    signal("sig_1", label="arbitrage")
    signal("sig_2", Signal.REFUSED, type="composite", label="spread")
    shown = exact(client.get("/api/v1/opportunities?status=REFUSED", headers=headers))["results"]
    assert shown == []
    (spread,) = exact(client.get("/api/v1/opportunities?status=REFUSED&label=spread", headers=headers))[
        "results"
    ]
    assert (spread["id"], spread["type"], spread["label"]) == ("sig_2", "composite", "spread")
    assert exact(client.get("/api/v1/opportunities/sig_2", headers=headers))["label"] == "spread"


def test_the_detail_shows_how_it_went(client, headers):
    signal("sig_1", Signal.CLOSED, lifetime_ms=2_500)
    for number, edge in enumerate(("0.05", "0.04")):
        SignalSnapshot.objects.create(
            stream_id=f"{number}-0",
            signal_id="sig_1",
            event="refreshed",
            at=NOW,
            edge=edge,
            size="100",
            net_profit="5",
        )
    found = exact(client.get("/api/v1/opportunities/sig_1", headers=headers))
    assert [point["edge"] for point in found["series"]] == [Decimal("0.05"), Decimal("0.04")]
    assert (found["seconds_alive"], found["lifetime_ms"]) == (Decimal("2.5"), 2_500)
