"""What goes wrong at the REST doors: late, refused, lost after acceptance, accepted late, modes, limits."""

import time
from typing import Any

import pytest
import requests

from markets.sandbox.context import SandboxConfig
from markets.sandbox.market import SandboxMarket
from markets.sandbox.server import Running
from tests.markets.sandbox.polymarket.helpers import User, book, markets, standing, until


@pytest.fixture
def market(running: Running) -> SandboxMarket:
    chosen = next(m for m in markets(running) if m.p.tick == "0.01" and not m.p.neg_risk)
    book(running, chosen, {40: 100}, {45: 50})
    return chosen


def fault(running: Running, **settings: Any) -> None:
    running.call(lambda: running.sandbox.faults.set({"platform": "polymarket", **settings}))


def open_orders(user: User) -> list[str]:
    return [row["id"] for row in user.send("GET", "/data/orders").json()["data"]]


def test_answers_come_late(running: Running, user: User) -> None:
    fault(running, kind="latency", ms=200, endpoint="GET /time")
    struck, began = running.call(lambda: running.sandbox.faults.fired.get("latency", 0)), time.monotonic()
    requests.get(user.url("/time"), timeout=60)
    assert time.monotonic() - began >= 0.2
    requests.get(user.url("/ok"), timeout=60)
    assert running.call(lambda: running.sandbox.faults.fired["latency"]) == struck + 1


@pytest.mark.parametrize("status", [425, 500, 502, 503, 429])
def test_an_error_before_acceptance(running: Running, user: User, market: SandboxMarket, status: int) -> None:
    fault(running, kind="status", status=status, endpoint="POST /order", count=1)
    answer = user.place(market, 0, "BUY", "0.3", "10")
    assert answer.status_code == status and answer.json()["error"] and open_orders(user) == []
    assert user.place(market, 0, "BUY", "0.3", "10").json()["status"] == "live"


@pytest.mark.parametrize("status", [425, 500, 504])
def test_an_error_after_acceptance(running: Running, user: User, market: SandboxMarket, status: int) -> None:
    fault(running, kind="status", status=status, when="after", endpoint="POST /order", count=1)
    post = user.signed(market, 0, "BUY", "0.3", "10")
    assert user.send("POST", "/order", post).status_code == status
    assert len(open_orders(user)) == 1
    assert user.send("POST", "/order", post).json()["error"].endswith("Duplicated.")


@pytest.mark.parametrize(("when", "placed"), [("before", 0), ("after", 1)])
def test_the_answer_is_lost(
    running: Running, user: User, market: SandboxMarket, when: str, placed: int
) -> None:
    fault(running, kind="drop_response", when=when, endpoint="POST /order", count=1)
    with pytest.raises(requests.ConnectionError):
        user.place(market, 0, "BUY", "0.3", "10")
    assert len(open_orders(user)) == placed


def test_accepted_long_after_the_error(running: Running, user: User, market: SandboxMarket) -> None:
    fault(running, kind="late_accept", ms=300, status=504, endpoint="POST /order", count=1)
    assert user.place(market, 0, "BUY", "0.3", "10").status_code == 504
    assert open_orders(user) == []
    assert until(lambda: open_orders(user), "the late order")


def test_a_bare_429_and_one_with_headers(running: Running, user: User) -> None:
    fault(running, kind="status", status=429, count=1)
    bare = requests.get(user.url("/ok"), timeout=60)
    assert bare.status_code == 429 and not any(name.startswith("Poly-") for name in bare.headers)
    fault(running, kind="status", status=429, headers=True, retry_after=3, count=1)
    told = requests.get(user.url("/ok"), timeout=60)
    assert told.headers["Retry-After"] == "3" and told.headers["Poly-RateLimit-Remaining"] == "0"
    assert int(told.headers["Poly-RateLimit-Reset"]) > time.time() - 5


def test_an_error_of_ones_own(running: Running, user: User) -> None:
    fault(running, kind="status", status=400, body="invalid nonce", code="bad", count=1)
    assert requests.get(user.url("/ok"), timeout=60).json() == {"error": "invalid nonce", "code": "bad"}


def test_a_fault_of_one_market_only(running: Running, user: User, market: SandboxMarket) -> None:
    other = next(m for m in markets(running) if m.id != market.id)
    fault(running, kind="status", status=500, market=market.id)

    def status(path: str, **query: str) -> int:
        return requests.get(user.url(path), params=query, timeout=60).status_code

    assert status("/book", token_id=market.p.token_ids[1]) == 500
    assert status(f"/markets/{market.id}") == 500
    assert status("/book", token_id=other.p.token_ids[0]) == 200
    assert user.place(market, 0, "BUY", "0.3", "10").status_code == 500


@pytest.mark.parametrize(
    ("mode", "status", "text", "cancels"),
    [
        ("post_only", 503, "post-only mode", 200), ("cancel_only", 503, "cancel-only", 200),
        ("disabled", 503, "trading is disabled", 503), ("restarting", 425, "restarting", 425),
        ("paused", 503, "trading is disabled", 200),
    ],
)  # fmt: skip
def test_modes(
    running: Running, user: User, market: SandboxMarket, mode: str, status: int, text: str, cancels: int
) -> None:
    order_id = user.place(market, 0, "BUY", "0.3", "10").json()["orderID"]
    fault(running, kind="mode", mode=mode, seconds=60)
    refused = user.place(market, 0, "BUY", "0.31", "10")
    assert refused.status_code == status and text in refused.json()["error"]
    if mode == "post_only":
        assert refused.json()["code"] == "post_only_mode" and 0 < refused.json()["retry_after_seconds"] <= 60
        assert user.place(market, 0, "BUY", "0.32", "10", postOnly=True).json()["status"] == "live"
    assert user.send("DELETE", "/order", {"orderID": order_id}).status_code == cancels
    assert requests.get(user.url("/ok"), timeout=60).status_code == 200


def test_a_signer_has_only_so_many_orders() -> None:
    with standing(config=SandboxConfig()) as running:
        user, chosen = User.of(running), markets(running)[0]
        rubbish = {"orderID": "0x1"}
        first = user.send("DELETE", "/order", rubbish)
        assert first.headers["Poly-RateLimit-Tier"] == "standard"
        assert int(first.headers["Poly-RateLimit-Remaining"]) == 119
        whole = user.send("DELETE", "/orders", [f"0x{n}" for n in range(1000)])
        assert whole.status_code == 429 and int(whole.headers["Retry-After"]) >= 1
        batch = [user.signed(chosen, 0, "BUY", "0.01", "5")] * 15
        answers = [user.send("POST", "/orders", batch).status_code for _ in range(8)]
        assert answers[:3] == [200] * 3 and 429 in answers
        busy = [
            requests.get(user.url("/tick-size"), params={"token_id": "1"}, timeout=60) for _ in range(205)
        ]
        assert busy[0].status_code == 404 and busy[-1].status_code == 429
