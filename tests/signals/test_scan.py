"""The manual scan, at the command line and over the API, answers as the specification says."""

import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from markets.platforms.base import KALSHI, POLYMARKET
from signals import scanning, services
from signals.models import Signal
from tests import factories
from tests.arbsite.callers import reader
from tests.factories import IDS
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, NONE, show

pytestmark = pytest.mark.django_db(transaction=True)
SPECIFIED = {
    "id", "market_a", "market_b", "profit_pct", "confidence", "estimated_fill_time_ms", "created_at",
}  # fmt: skip


@pytest.fixture
def gap(redis):
    """Two pairs on live books, one of them with a gap; nobody has looked yet."""
    factories.a_pair()
    factories.a_pair(suffix="-2")
    at_ms = factories.unix_ms()
    show(at_ms, *GAP)
    show(at_ms, *NONE, suffix="-2")


def scan(*arguments):
    out = io.StringIO()
    call_command("scan", *arguments, stdout=out)
    return out.getvalue()


def test_the_json_is_the_specification_s_response(gap):
    found = json.loads(scan("--json"), parse_float=Decimal)
    assert isinstance(found["scan_duration_ms"], int) and found["bets"] == 2
    (one,) = found["opportunities"]
    assert one.keys() >= SPECIFIED
    assert one["market_a"] == {
        "platform": "polymarket", "market_id": IDS[POLYMARKET], "outcome": "YES", "price": Decimal("0.43"),
    }  # fmt: skip
    assert one["market_b"]["outcome"] == "NO" and one["market_b"]["price"] == Decimal("0.50")
    assert one["status"] == "ACTIONABLE" and one["estimated_fill_time_ms"] == 819
    steps = {step["step"]: step["dollars"] for step in one["waterfall"]}
    costs = ("fees", "rounding", "leg_risk", "rule_risk", "capital")
    assert steps["expected"] == steps["gross"] + sum(steps[name] for name in costs) > 0
    assert steps["edge"] == Decimal(str(one["net_profit"]))
    assert {leg["platform"] for leg in one["legs"]} == {POLYMARKET, KALSHI} == one["capital"].keys()
    assert one["legs"][0]["book_age_ms"] >= 0 and one["limited_by"]


def test_only_what_the_screen_lets_pass_is_looked_at_and_what_stands_is_ended(gap, monkeypatch):
    looked = []
    examine = services.examine
    monkeypatch.setattr(
        services,
        "examine",
        lambda bets, *a, **k: looked.extend(bet.id for bet in bets) or examine(bets, *a, **k),
    )
    scan()
    signal = Signal.objects.get()
    assert looked == [signal.bet_id]
    at_ms = factories.unix_ms()
    show(at_ms, *NONE, number=2)
    scan()  # the screen drops it now, but its signal is open
    signal.refresh_from_db()
    assert looked == [signal.bet_id] * 2 and signal.status == Signal.CLOSED
    scan()
    assert len(looked) == 2


def test_what_is_below_the_threshold_is_left_out(gap):
    assert json.loads(scan("--json", "--min-profit", "0.9"))["opportunities"] == []
    assert len(json.loads(scan("--json", "--min-profit", "0.01"))["opportunities"]) == 1


def test_only_bets_that_lie_on_these_platforms_alone(gap):
    found = json.loads(scan("--json", "--platforms", "kalshi"))
    assert (found["bets"], found["opportunities"]) == (0, [])
    assert len(json.loads(scan("--json", "--platforms", "kalshi, polymarket"))["opportunities"]) == 1


def test_the_table_shows_the_waterfall(gap):
    text = scan()
    assert "2 bets" in text and "expect." in text and "ACTIONABLE" in text


def test_watching_looks_again_and_again(gap):
    text = scan("--watch", "--looks", "2", "--every", "0.01")
    assert "ACTIONABLE" in text and Signal.objects.count() == 1


def test_ctrl_c_ends_the_watch_quietly(gap, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("signals.management.commands.scan.time.sleep", interrupted)
    assert "stopped" in scan("--watch")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--platforms", "betfair"], "betfair"), (["--platforms", ","], "nothing"), (["--min-profit", "much"], "much"),
        (["--min-profit", "-1"], "fraction"), (["--min-profit", "NaN"], "fraction"), (["--min-profit", "2"], "0.02"),
        (["--limit", "0"], "--limit"), (["--watch", "--json"], "--json"), (["--watch", "--every", "0"], "--every"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_word(redis, arguments, word):
    with pytest.raises(CommandError, match=word):
        scan(*arguments)


# --- over the API


def detect(client, body, status=200):
    headers = reader("signals.view_signal")
    response = client.post("/api/v1/detect", json.dumps(body), "application/json", headers=headers)
    assert response.status_code == status, response.content
    return json.loads(response.content, parse_float=Decimal)


def test_the_specification_s_request_is_answered(gap, client):
    body = {
        "min_profit_threshold": 0.02, "max_positions": 5, "time_window_seconds": 300, "platforms": ["polymarket", "kalshi"],
    }  # fmt: skip
    (one,) = detect(client, body)["opportunities"]
    assert one.keys() >= SPECIFIED and one["profit_pct"] >= Decimal("0.02")


def test_every_field_may_be_left_out(gap, client):
    assert len(detect(client, {})["opportunities"]) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_profit_threshold", 2), ("min_profit_threshold", "x"), ("max_positions", 0), ("max_positions", 1.5),
        ("time_window_seconds", -1), ("platforms", ["betfair"]), ("platforms", []), ("platforms", "kalshi"),
        ("profit", 1),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(redis, client, field, value):
    assert field in json.dumps(detect(client, {field: value}, status=400))


def test_a_body_that_is_no_object_is_refused(redis, client):
    detect(client, [1], status=400)


def test_a_stranger_may_not_scan(db, client):
    assert client.post("/api/v1/detect", "{}", "application/json").status_code in (401, 403)


def test_lifetimes_over_the_api(redis, client):
    headers = reader("signals.view_signal")
    found = client.get("/api/v1/history/lifetimes?by=kind", headers=headers).json()
    assert found == {"by": ["kind"], "results": []}
    for query in ("by=moon", "since=now", "x=1"):
        assert client.get(f"/api/v1/history/lifetimes?{query}", headers=headers).status_code == 400


def test_the_documents_are_the_specification_s(gap):
    (one,) = json.loads(scan("--document"), parse_float=Decimal)
    assert (
        one["type"] == "arbitrage"
        and one["market_a"]["platform"] == "polymarket"
        and one["time_to_expiry"] <= 30
    )
    with pytest.raises(CommandError, match="--document"):
        scan("--document", "--watch")


def test_the_best_comes_first_by_what_is_expected_over_what_it_costs_then_by_profit():
    def row(name, edge="0.05", expected="0.04", profit="5"):
        expected_edge = None if expected is None else Decimal(expected)
        return Signal(id=name, edge=Decimal(edge), expected_edge=expected_edge, net_profit=Decimal(profit))

    dearer = row("dearer", edge="0.05")  # 4 cents for 95
    cheaper = row("cheaper", edge="0.20")  # 4 cents for 80
    risky = row("risky", edge="0.20", expected="0.01", profit="90")
    unknown = row("unknown", edge="0.50", expected=None, profit="99")
    bigger, twin = row("bigger", profit="9"), row("a-twin")
    rows = [unknown, risky, twin, dearer, bigger, cheaper]
    ranked = [cheaper, bigger, twin, dearer, risky, unknown]
    assert sorted(rows, key=scanning.rank) == ranked
