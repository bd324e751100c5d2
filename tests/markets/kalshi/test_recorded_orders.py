"""Orders, fills, settlements and balances as the real platform sent them: all are read, to the last digit."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from markets.books import NO, YES
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi import orders, reports
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    DUPLICATE,
    FILLED,
    GTC,
    INSUFFICIENT_BALANCE,
    IOC,
    OPEN,
    SELL,
    UNAUTHORISED,
    Accepted,
    Declined,
    OrderRequest,
)
from tests.conftest import SHARED
from tests.markets.kalshi.account import CREATED

REST = SHARED / "recorded" / "kalshi" / "rest"
D = Decimal
TIMES = {words: ours for ours, words in orders.TIMES.items() if ours in (GTC, IOC)}


def files(folder: str, pattern: str) -> list[Path]:
    found = [one for one in sorted((REST / folder).glob(pattern)) if not one.name.endswith(".meta.json")]
    if not found:
        pytest.skip(
            f"no recordings in {REST / folder}: put the shared folder beside the checkout (ARBSITE_SHARED)"
        )
    return found


def read(folder: str, name: str) -> bytes:
    return files(folder, name)[0].read_bytes()


def exchanges() -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Recorded creates: name, what was asked and answered, and the body of the answer."""
    for path in files("demo_jun2026", "orders__*.json"):
        meta = json.loads(path.with_suffix("").with_suffix(".meta.json").read_text())
        if meta["method"] == "POST" and meta["path"].endswith("/portfolio/events/orders"):
            yield path.stem, meta, path.read_bytes()


def request_of(body: dict[str, Any]) -> OrderRequest:
    """A recorded body as the order of ours that makes it."""
    side = BUY if body["side"] == "bid" else SELL
    return OrderRequest(
        client_order_id=body["client_order_id"], created_at=CREATED, market_id=body["ticker"], outcome=YES, side=side,
        size=D(body["count"]), limit_price=D(body["price"]), time_in_force=TIMES[body["time_in_force"]],
    )  # fmt: skip


def test_every_recorded_create_is_what_we_would_send() -> None:
    seen = 0
    for name, meta, _ in exchanges():
        ours = orders.payload(request_of(meta["request_body"]))
        assert isinstance(ours, dict), name
        ours.pop("cancel_order_on_pause", None)
        assert {**ours, "post_only": False} == {**meta["request_body"], "post_only": False}, name
        seen += 1
    assert seen == 5


def test_every_recorded_answer_to_a_create_is_classed() -> None:
    expected = {
        "orders__create_v2_maker": Accepted("2597b999-f887-4195-8bac-c3f97a1f2021", OPEN, D(0)),
        "orders__create_v2_taker_ioc": Accepted(
            "97ec18b7-10d3-4557-9de0-8598aad625f0", FILLED, D(1), D("0.52")
        ),
        "orders__duplicate_client_order_id": DUPLICATE,
        "orders__reuse_canceled_client_id": DUPLICATE,
        "orders__insufficient_balance": INSUFFICIENT_BALANCE,
    }
    found = {}
    for name, meta, raw in exchanges():
        answer = orders.answer(meta["status"], raw, request_of(meta["request_body"]))
        found[name] = answer.code if isinstance(answer, Declined) else answer
    assert found == expected


def test_recorded_refusals_of_keys_and_clocks() -> None:
    seen = 0
    for path in files("demo_jun2026", "auth__*.json"):
        meta = json.loads(path.with_suffix("").with_suffix(".meta.json").read_text())
        if meta["status"] == 401:
            answer = orders.refusal(401, path.read_bytes())
            assert isinstance(answer, Declined)
            assert answer.code == UNAUTHORISED
            seen += 1
        else:
            balance = msgspec.json.decode(path.read_bytes(), type=wire.Balance)
            assert [(row.exchange_index, D(row.balance)) for row in balance.balance_breakdown or ()] == [
                (0, D("98.0186"))
            ]
    assert seen >= 4


def test_recorded_orders_and_cancels() -> None:
    stale = msgspec.json.decode(read("demo_jun2026", "orders__get_after_cancel.json"), type=wire.OrderBody)
    report = reports.order(stale.order)
    assert (report.status, report.matched, report.limit_price) == (OPEN, D(0), D("0.01"))
    cancelled = msgspec.json.decode(read("demo_jun2026", "orders__cancel_v2.json"), type=wire.Cancelled)
    assert (cancelled.order_id, D(cancelled.reduced_by)) == (report.platform_order_id, D(1))
    page = msgspec.json.decode(read("demo_jun2026", "portfolio__orders_list.json"), type=wire.OrdersPage)
    told = [reports.order(one) for one in page.orders or ()]
    assert len(told) >= 2
    assert (told[0].status, told[0].matched, told[0].client_order_id) == (
        FILLED,
        D(1),
        "2b8394e0-515e-4b89-b624-f34067756855",
    )
    first_version = msgspec.json.decode(
        read("demo_jun2026", "orders__legacy_create.json"), type=wire.OrderBody
    )
    assert reports.order(first_version.order).status == OPEN


def old_orders() -> Iterator[tuple[str, dict[str, Any]]]:
    """Orders of before March 2026, from whole exchanges and from bodies."""
    for path in files("legacy_v1_jan2026/orders", "*.json"):
        document = json.loads(path.read_text())["response"]
        if document["status"] == 201:
            yield path.stem, json.loads(document["body_raw"])["order"]
    for name in ("create_order", "amend_order"):
        response = json.loads(read("legacy_v1_jan2026/golden", f"{name}_response.json"))["response"]
        for key in ("order", "old_order"):
            if key in response:
                yield f"{name} {key}", response[key]
    batch = json.loads(read("legacy_v1_jan2026/golden", "batch_create_orders_response.json"))["response"]
    for number, row in enumerate(batch["orders"]):
        yield f"batch {number}", row["order"]


def test_old_orders_are_read_as_what_they_are_and_never_as_new_ones() -> None:
    found = {}
    for name, document in old_orders():
        found[name] = reports.old_order(msgspec.convert(document, wire.OldOrder))
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(document, wire.Order)  # a count of another name must not be read as zero
    assert len(found) == 8
    full, partial = found["kalshi_full_fill_real"], found["kalshi_partial_fill_real"]
    assert (full.status, full.matched, full.limit_price) == (FILLED, D(1), D("0.09"))
    assert (partial.status, partial.matched, partial.size) == (CANCELLED, D(114), D(200))
    sold = found["kalshi_sell_no_fill_real"]
    assert (sold.side, sold.outcome, sold.limit_price, sold.matched) == (SELL, YES, D("0.95"), D(0))
    refused = json.loads(read("legacy_v1_jan2026/orders", "kalshi_sell_insufficient_position_real.json"))[
        "response"
    ]
    answer = orders.refusal(refused["status"], refused["body_raw"].encode())
    assert isinstance(answer, Declined)
    assert answer.code == INSUFFICIENT_BALANCE


def fills() -> list[wire.Fill]:
    found = (
        msgspec.json.decode(read("demo_jun2026", "fills__after_taker.json"), type=wire.FillsPage).fills or []
    )
    redacted = json.loads(read("aug2026", "portfolio_fills_redacted.json"))["payload"]
    return found + (msgspec.convert(redacted, wire.FillsPage).fills or [])


def test_every_recorded_fill_costs_what_our_schedule_says() -> None:
    """Fee to the last digit: price, size and outcome were read rightly, or it could not come out."""
    from markets.books import Level

    rows = fills()
    assert len(rows) >= 19
    for row in rows:
        report = reports.fill(row)
        assert report.outcome == (YES if row.outcome_side == "yes" else NO)
        candidates = {
            KalshiFees(fee_type="quadratic", multiplier=multiplier)
            .order_cost("BUY", [Level(report.price, report.size)])
            .fee
            for multiplier in (D(1), D("0.5"))
        }
        assert report.fee in candidates, (row, candidates)
    assert len({one.trade_id for one in rows}) == len(rows)


def test_every_recorded_settlement_is_read() -> None:
    payload = json.loads(read("aug2026", "portfolio_settlements_redacted.json"))["payload"]
    rows = msgspec.convert(payload, wire.SettlementsPage).settlements or []
    told = [reports.settlement(row) for row in rows]
    assert len(told) == 11
    assert sum(one.revenue for one in told) == D(20)
    for row, one in zip(payload["settlements"], told, strict=True):
        won = D(row["yes_count_fp"]) * one.yes_pays + D(row["no_count_fp"]) * (1 - one.yes_pays)
        assert won == one.revenue
