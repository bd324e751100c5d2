"""The control endpoint over real HTTP."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from markets.books import MICRO
from markets.sandbox.market import WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.traders import TraderSpec

CENT = 10_000
NO_FACES = {name: lambda _: [] for name in ("kalshi", "clob", "gamma", "data")}


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    spec = WorldSpec(pairs=6, short_lived=0, near_misses=7, wide=1)
    with running_sandbox(spec, traders=TraderSpec(rate=0), faces=NO_FACES) as running:
        yield running


@pytest.fixture
def box(shared: Running) -> Running:
    shared.call(lambda: shared.sandbox.faults.clear())
    return shared


def ask(box: Running, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
    answer = requests.request(method, f"{box.urls['control']}/control/{path}", json=body, timeout=60, **more)
    return answer.status_code, answer.json()


def test_state_shows_the_world_at_a_glance(box: Running) -> None:
    box.call(lambda: box.sandbox.facts.update(answer=lambda: 42))
    status, state = ask(box, "GET", "state")
    assert status == 200
    assert sum(state["markets"]["kalshi"].values()) == 12 + 7 + 3 + 4
    assert state["facts"]["answer"] == 42
    assert state["urls"] == box.urls
    assert state["scenario"] is None
    assert state["connections"] == {"kalshi": 0, "polymarket": 0}


def test_pairs_carry_everything_a_person_needs_to_approve_them(box: Running) -> None:
    _, listed = ask(box, "GET", "pairs")
    world = box.sandbox.world
    assert listed["pairs"]
    for row in listed["pairs"]:
        polymarket, kalshi = world.markets[row["polymarket"]], world.markets[row["kalshi"]]
        assert row["rules"]["polymarket"] == polymarket.rules
        assert row["rules"]["kalshi"].startswith(kalshi.rules)
        yes = next(each for each in row["outcomes"] if each["polymarket"] == "YES")
        assert yes["kalshi"] == ("NO" if row["inverted"] else "YES")
        assert polymarket.truth == (kalshi.truth if yes["kalshi"] == "YES" else MICRO - kalshi.truth)


def test_a_closed_pair_is_listed_only_when_asked_for(box: Running) -> None:
    pair = ask(box, "GET", "pairs")[1]["pairs"][-1]
    assert ask(box, "POST", f"markets/kalshi/{pair['kalshi']}/close")[0] == 200
    assert pair["id"] not in [row["id"] for row in ask(box, "GET", "pairs")[1]["pairs"]]
    assert pair["id"] in [row["id"] for row in ask(box, "GET", "pairs?all=1")[1]["pairs"]]


def test_a_market_walks_its_road_when_told_to(box: Running) -> None:
    pair = ask(box, "GET", "pairs")[1]["pairs"][-1]
    base = f"markets/polymarket/{pair['polymarket']}"
    seen = []
    for action, body in (
        ("pause", None), ("resume", None), ("tick", {"tick": "0.001"}), ("close", None), ("reopen", {"seconds": 600}),
        ("determine", {"result": "YES"}), ("dispute", None), ("determine", {"value": "0.5"}), ("settle", None),
    ):  # fmt: skip
        status, facts = ask(box, "POST", f"{base}/{action}", body)
        assert status == 200, facts
        seen.append(facts["state"])
    assert seen == [
        "PAUSED",
        "OPEN",
        "OPEN",
        "CLOSED",
        "OPEN",
        "DETERMINED",
        "DISPUTED",
        "AMENDED",
        "SETTLED",
    ]
    facts = ask(box, "GET", base)[1]
    assert (facts["value"], facts["result"], facts["tick"]) == ("0.5", "SCALAR", "0.001")
    assert ask(box, "POST", f"{base}/settle") == (
        400,
        {"error": f"{pair['polymarket']} is SETTLED and cannot become SETTLED"},
    )


def test_faults_are_set_listed_and_cleared(box: Running) -> None:
    fault = {"kind": "latency", "ms": 5, "platform": "kalshi", "probability": 0.5, "seconds": 1.5}
    status, rule = ask(box, "POST", "faults", fault)
    assert (status, rule["kind"], rule["settings"]) == (200, "latency", {"ms": 5})
    ask(box, "POST", "faults", {"kind": "ws_silence", "platform": "polymarket"})
    listed = ask(box, "GET", "faults")[1]
    assert [each["kind"] for each in listed["faults"]] == ["latency", "ws_silence"]
    assert "ms" in listed["kinds"]["latency"]["settings"]
    assert ask(box, "DELETE", f"faults?id={rule['id']}")[1] == {"cleared": 1}
    assert ask(box, "DELETE", "faults?platform=polymarket")[1] == {"cleared": 1}
    assert ask(box, "DELETE", "faults")[1] == {"cleared": 0}


def test_a_gap_shows_in_both_books(box: Running) -> None:
    pair = next(row for row in ask(box, "GET", "pairs")[1]["pairs"] if not row["inverted"])
    wish = {"pair": pair["id"], "cents": 7, "size": "12.5", "cheap": "kalshi", "ask": "0.40"}
    status, gap = ask(box, "POST", "gap", wish)
    assert status == 200
    assert (gap["ask"], gap["bid"], gap["size"]) == ("0.4", "0.47", "12.5")
    assert ask(box, "GET", f"markets/kalshi/{pair['kalshi']}")[1]["ask"] == "0.4"
    assert ask(box, "GET", f"markets/polymarket/{pair['polymarket']}")[1]["bid"] == "0.47"


def test_the_truth_is_told_to_those_who_judge_and_hidden_among_the_pairs(box: Running) -> None:
    truth = ask(box, "GET", "truth")[1]
    near = {row["differs"]: row for row in truth["near_misses"]}
    assert near.keys() == {"date", "strike", "source", "polarity", "comparator", "hour", "void"}
    assert near["void"]["pays"] == {"polymarket": "0.5", "kalshi": "0"}
    assert near["source"]["questions"]["polymarket"] == near["source"]["questions"]["kalshi"]
    listed = {row["polymarket"] for row in ask(box, "GET", "pairs?all=1")[1]["pairs"]}
    assert not listed & {row["polymarket"] for row in truth["near_misses"]}
    events = {event["kind"]: event for event in truth["events"]}
    assert events.keys() == {"neg_risk", "augmented", "exclusive", "ladder"}
    assert [row["other"] for row in events["augmented"]["markets"]] == [False, False, False, True]
    assert events["exclusive"]["markets"][0]["cap_strike"] == 29


def test_a_planted_gap_is_answered_as_the_truth_tells_it(box: Running) -> None:
    wish = {"kind": "no_basket", "cents": 12, "size": "15", "seconds": 60}
    status, made = ask(box, "POST", "plant", wish)
    assert (status, made["kind"], made["payoff"], made["size"]) == (200, "no_basket", "3", "15")
    assert sum(Decimal(leg["price"]) for leg in made["legs"]) == Decimal("2.88")
    assert ask(box, "GET", "truth")[1]["plants"][-1] == made
    pair = ask(box, "GET", "pairs")[1]["pairs"][1]["id"]
    status, told = ask(
        box, "POST", "stale", {"platform": "kalshi", "cents": 4, "pair": pair, "seconds": 1, "after": 0}
    )
    assert (status, told["fault"]["kind"]) == (200, "ws_silence")
    assert ask(box, "GET", "truth")[1]["silences"][-1]["platform"] == "kalshi"


def test_orders_trade_rest_and_are_cancelled(box: Running) -> None:
    pair = ask(box, "GET", "pairs")[1]["pairs"][0]
    ask(box, "POST", "gap", {"pair": pair["id"], "cents": 0, "size": 20, "ask": "0.50"})
    where = {"pair": pair["id"], "platform": "polymarket"}
    no = {"side": "BUY", "outcome": "NO", "price": "0.51", "size": 5, "tif": "IOC"}
    status, bought = ask(box, "POST", "order", {**where, **no})
    assert (status, bought["filled"], bought["reason"], bought["price"]) == (200, "5", "filled", "0.51")
    resting = ask(box, "POST", "order", {**where, "side": "BUY", "price": 0.02, "size": "7.25"})[1]
    assert (resting["open"], resting["remaining"]) == (True, "7.25")
    assert ask(box, "POST", "cancel", {"id": resting["id"]})[1]["reason"] == "cancelled"
    assert ask(box, "POST", "cancel", {"id": resting["id"]})[0] == 400


def test_the_rate_turns(box: Running) -> None:
    assert ask(box, "POST", "rate", {"rate": 0.5}) == (200, {"rate": 0.5})
    assert ask(box, "POST", "rate", {"rate": 0}) == (200, {"rate": 0})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "rate", {}, 400, "needs 'rate'"),
        ("POST", "rate", {"rate": "fast"}, 400, "'rate'"),
        ("POST", "rate", {"rate": float(10**12)}, 400, "'rate'"),
        ("POST", "rate", [1], 400, "JSON object"),
        ("POST", "gap", {"cents": 1.5}, 400, "whole cents"),
        ("POST", "gap", {"cents": 1, "pair": 77}, 400, "77"),
        ("POST", "gap", {"cents": 1, "cheap": "nasdaq"}, 400, "'cheap'"),
        ("POST", "plant", {"cents": 5}, 400, "needs 'kind'"),
        ("POST", "plant", {"kind": "ladder", "cents": 5, "event": 7}, 400, "no event 7"),
        ("POST", "stale", {"cents": 5}, 400, "needs 'platform'"),
        ("POST", "order", {"market": "no", "side": "BUY", "price": 1, "size": 1}, 400, "no market"),
        ("POST", "order", {"side": "BUY", "price": 1, "size": 1}, 400, "'market'"),
        (
            "POST",
            "order",
            {"pair": 0, "platform": "kalshi", "side": "HOLD", "price": 1, "size": 1},
            400,
            "'side'",
        ),
        (
            "POST",
            "order",
            {"pair": 0, "platform": "kalshi", "side": "BUY", "price": 2, "size": 1},
            400,
            "price",
        ),
        ("POST", "faults", {"kind": "latency"}, 400, "'ms'"),
        ("DELETE", "faults?id=x", None, 400, "'id'"),
        ("DELETE", "faults?platform=x", None, 400, "'platform'"),
        ("POST", "markets/kalshi/NOWHERE/pause", None, 404, "no such market"),
        ("GET", "markets/nasdaq/NOWHERE", None, 404, "no such market"),
        ("GET", "nothing", None, 404, ""),
    ],
)
def test_a_refusal_names_what_is_wrong(
    box: Running, method: str, path: str, body: Any, status: int, named: str
) -> None:
    answer = requests.request(method, f"{box.urls['control']}/control/{path}", json=body, timeout=60)
    assert answer.status_code == status
    assert named in answer.text


def test_bad_json_and_unknown_actions_are_refused(box: Running) -> None:
    answer = requests.post(f"{box.urls['control']}/control/rate", data=b"{", timeout=60)
    assert (answer.status_code, "not JSON" in answer.json()["error"]) == (400, True)
    ticker = ask(box, "GET", "pairs")[1]["pairs"][0]["kalshi"]
    status, refusal = ask(box, "POST", f"markets/kalshi/{ticker}/explode")
    assert (status, "pause" in refusal["error"]) == (404, True)


def test_a_web_page_may_not_reach_through(box: Running) -> None:
    assert ask(box, "GET", "state", headers={"Origin": "https://evil.example"})[0] == 403
