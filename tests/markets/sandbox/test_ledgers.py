"""The exchange's own books of an account, other hands in it, and somebody who is quicker."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.market import WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.traders import TraderSpec

SPEC = WorldSpec(pairs=2, short_lived=0, extra_kalshi=0, extra_polymarket=0, inverted_share=0)


@pytest.fixture
def box() -> Iterator[Running]:
    with running_sandbox(SPEC, traders=TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)) as running:
        yield running


def ask(box: Running, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = requests.request(method, f"{box.urls['control']}/control/{path}", json=body, timeout=60)
    return answer.status_code, answer.json()


def books(box: Running) -> dict[str, Any]:
    return ask(box, "GET", "accounts/arbsite")[1]


@pytest.mark.parametrize("platform", [KALSHI, POLYMARKET])
def test_a_trade_by_hand_is_in_the_books_to_the_cent(box: Running, platform: str) -> None:
    ask(box, "POST", "gap", {"pair": 0, "cents": 0, "size": 50, "ask": "0.40"})
    status, order = ask(
        box, "POST", "hand",
        {"pair": 0, "platform": platform, "side": "BUY", "outcome": "YES", "price": "0.40", "size": "10"},
    )  # fmt: skip
    assert (status, order["filled"]) == (200, "10"), order
    ours = books(box)[platform]
    (fill,) = ours["fills"]
    assert (fill["order_id"], fill["price"], fill["size"], fill["side"]) == (order["id"], "0.4", "10", "BUY")
    assert [one["id"] for one in ours["orders"]] == [order["id"]]
    if platform == KALSHI:
        assert ours["cash"] == {"0": "9995.832"}  # ten at 40 cents, and 0.07 x 10 x 0.4 x 0.6 of fees
        assert ours["positions"] == [
            {"market": order["market"], "outcome": "YES", "size": "10", "subaccount": 0}
        ]
    else:
        assert (fill["status"], ours["cash"], ours["positions"]) == ("MATCHED", {"0": "10000"}, [])


def test_money_that_comes_and_goes_is_listed_where_the_platform_lists_it(box: Running) -> None:
    assert ask(box, "POST", "cash", {"platform": KALSHI, "amount": "250"})[1]["cash"] == "10250"
    assert ask(box, "POST", "cash", {"platform": KALSHI, "amount": "-50"})[1]["cash"] == "10200"
    assert ask(box, "POST", "cash", {"platform": POLYMARKET, "amount": "-9000.5"})[1]["cash"] == "999.5"
    assert {name: books(box)[name]["cash"]["0"] for name in (KALSHI, POLYMARKET)} == {
        KALSHI: "10200", POLYMARKET: "999.5",
    }  # fmt: skip
    user = box.sandbox.shared[KALSHI].users["arbsite"]
    assert [row["amount_cents"] for row in user.deposits] == [25_000]
    assert [row["amount_cents"] for row in user.withdrawals] == [5_000]


@pytest.mark.parametrize(
    ("action", "body", "sentence"),
    [
        ("cash", {"platform": KALSHI, "amount": "0.001"}, "whole cents"),
        ("cash", {"platform": KALSHI, "amount": "-10001"}, "has only"),
        ("cash", {"platform": "nyse", "amount": "1"}, "'platform' is"),
        ("cash", {"platform": POLYMARKET, "amount": "1", "account": "nobody"}, "no Polymarket wallet"),
        ("hand", {"pair": 0, "platform": KALSHI, "side": "HOLD", "price": "0.4", "size": 1}, "needs 'side'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    box: Running, action: str, body: Any, sentence: str
) -> None:
    status, answer = ask(box, "POST", action, body)
    assert status == 400 and sentence in answer["error"]


def test_an_account_that_nobody_has_is_404(box: Running) -> None:
    status, answer = ask(box, "GET", "accounts/nobody")
    assert status == 404 and "arbsite" in answer["error"]


@pytest.mark.parametrize(("leave", "filled"), [(0, "0"), (30, "15")])
def test_somebody_quicker_leaves_a_part_or_nothing(box: Running, leave: int, filled: str) -> None:
    ask(box, "POST", "gap", {"pair": 0, "cents": 0, "size": 50, "ask": "0.40"})
    ask(box, "POST", "faults", {"kind": "front_run", "platform": KALSHI, "leave_pct": leave, "count": 1})
    pair = ask(box, "GET", "pairs")[1]["pairs"][0]
    sandbox = box.sandbox

    def send() -> Any:
        from markets.sandbox.kalshi import desk

        exchange = sandbox.shared[KALSHI]
        body = {
            "ticker": pair["kalshi"], "side": "bid", "price": "0.4000", "count": "50.00", "client_order_id": "one",
            "time_in_force": "immediate_or_cancel", "self_trade_prevention_type": "taker_at_cross",
        }  # fmt: skip
        return desk.place(exchange, exchange.users["arbsite"], desk.read_order(body), 0, sandbox.now_ms())

    box.call(send)
    (order,) = books(box)[KALSHI]["orders"]
    assert (order["client_id"], order["filled"]) == ("one", filled)
