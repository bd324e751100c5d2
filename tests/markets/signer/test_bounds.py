"""What the signer may sign, as values."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.polymarket import orders
from markets.signer import bounds
from markets.signer.bounds import CANCEL, ORDER, READ, Refusal, Signing, Wallet
from tests.markets.signer.helpers import BOUNDS, ORDERS, kalshi_order, polymarket_order

OWN = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
FUNDER = "0x" + "ab" * 20
WALLET = Wallet(OWN, orders.EOA, "")
ROOT = "/trade-api/v2/portfolio"
V2 = ("2", orders.EXCHANGE)


def refused(call, *args) -> str:
    with pytest.raises(Refusal) as error:
        call(*args)
    return error.value.code


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("GET", "/trade-api/ws/v2", None, READ),
        ("GET", f"{ROOT}/orders?limit=5", None, READ),
        ("POST", ORDERS, kalshi_order(), ORDER),
        ("POST", f"{ORDERS}/abc-1/amend", kalshi_order(), ORDER),
        ("POST", f"{ORDERS}/abc-1/decrease", {"reduce_by": "1.00"}, CANCEL),
        ("DELETE", f"{ORDERS}/abc-1?market_ticker=KXA-1", None, CANCEL),
        ("DELETE", f"{ORDERS}/batched", {"orders": []}, CANCEL),
        ("DELETE", ORDERS, None, CANCEL),
        ("POST", f"{ROOT}/order_groups/create", {"contracts_limit_fp": "100.00"}, ORDER),
        ("PUT", f"{ROOT}/order_groups/g-1/trigger", None, CANCEL),
        ("DELETE", f"{ROOT}/order_groups/g-1", None, CANCEL),
        ("PUT", f"{ROOT}/order_groups/g-1/reset", None, ORDER),
        ("POST", f"{ROOT}/subaccounts", {}, ORDER),
        ("POST", f"{ROOT}/subaccounts/transfer", {"amount_cents": 50_000}, ORDER),
    ],
)
def test_what_is_signed_for_kalshi(method, path, body, kind):
    assert bounds.kalshi(method, path, body, BOUNDS).kind == kind


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{ROOT}/orders", kalshi_order()),
        ("POST", "/trade-api/v2/api_keys", {}),
        ("POST", f"{ROOT}/subaccounts/netting", {"enabled": True}),
        ("DELETE", f"{ROOT}/subaccounts", None),
        ("POST", f"{ORDERS}/../../api_keys", kalshi_order()),
        ("POST", f"{ORDERS}/batched/extra", {"orders": [kalshi_order()]}),
        ("PATCH", ORDERS, kalshi_order()),
        ("POST", f"{ORDERS}\n", kalshi_order()),
        ("GET", "/somewhere/else", None),
        ("GET", "/trade-api/v2/portfolio/orders", {}),
    ],
)
def test_what_is_never_signed_for_kalshi(method, path, body):
    assert refused(bounds.kalshi, method, path, body, BOUNDS) == bounds.NOT_PERMITTED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"count": "1021.00"}, bounds.MAX_NOTIONAL),  # 1021 × 0.49 = 500.29
        ({"side": "ask", "count": "981.00"}, bounds.MAX_NOTIONAL),  # buys NO at 0.51
        ({"count": "10000.01", "price": "0.0100"}, bounds.MAX_CONTRACTS),
        ({"price": "0.9991"}, bounds.MAX_PRICE),
        ({"side": "ask", "price": "0.0009"}, bounds.MAX_PRICE),
        ({"price": "1.00"}, bounds.BAD_REQUEST),
        ({"price": "0"}, bounds.BAD_REQUEST),
        ({"price": "NaN"}, bounds.BAD_REQUEST),
        ({"count": "-5"}, bounds.BAD_REQUEST),
        ({"count": Decimal("5.5")}, bounds.BAD_REQUEST),  # a JSON number with a point: Kalshi takes texts
        ({"count": True}, bounds.BAD_REQUEST),
        ({"side": "buy"}, bounds.BAD_REQUEST),
    ],
)
def test_an_order_beyond_a_limit_is_not_signed_alone_nor_in_a_batch(changes, code):
    order = kalshi_order(**changes)
    assert refused(bounds.kalshi, "POST", ORDERS, order, BOUNDS) == code
    batch = {"orders": [kalshi_order(), order]}
    assert refused(bounds.kalshi, "POST", f"{ORDERS}/batched", batch, BOUNDS) == code


def test_a_batch_counts_as_its_orders():
    batch = {"orders": [kalshi_order()] * 3}
    assert bounds.kalshi("POST", f"{ORDERS}/batched", batch, BOUNDS) == Signing(ORDER, 3)
    assert refused(bounds.kalshi, "POST", f"{ORDERS}/batched", {"orders": []}, BOUNDS) == bounds.BAD_REQUEST


def test_an_order_that_can_only_close_is_held_to_its_size_alone():
    sale = kalshi_order(side="ask", count="5000.00", price="0.0400")
    assert refused(bounds.kalshi, "POST", ORDERS, sale, BOUNDS) == bounds.MAX_NOTIONAL
    assert bounds.kalshi("POST", ORDERS, sale | {"reduce_only": True}, BOUNDS).kind == ORDER
    assert (
        refused(bounds.kalshi, "POST", ORDERS, sale | {"reduce_only": "true"}, BOUNDS) == bounds.MAX_NOTIONAL
    )


def test_an_order_is_signed_with_its_body_only():
    assert refused(bounds.kalshi, "POST", ORDERS, None, BOUNDS) == bounds.BAD_REQUEST


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 5_000_001}, bounds.MAX_NOTIONAL),
        ({"destination": "margin"}, bounds.NOT_PERMITTED),
        ({"amount": 0}, bounds.BAD_REQUEST),
    ],
)
def test_money_moves_between_our_own_shards_only(changes, code):
    path = f"{ROOT}/intra_exchange_instance_transfer"
    body = {"source": "event_contract", "destination": "event_contract", "amount": 5_000_000}
    assert bounds.kalshi("POST", path, body, BOUNDS).kind == ORDER
    assert refused(bounds.kalshi, "POST", path, body | changes, BOUNDS) == code


def test_nor_between_subaccounts_beyond_the_limit():
    path = f"{ROOT}/subaccounts/transfer"
    assert refused(bounds.kalshi, "POST", path, {"amount_cents": 50_001}, BOUNDS) == bounds.MAX_NOTIONAL
    assert refused(bounds.kalshi, "POST", path, {"amount_cents": "0"}, BOUNDS) == bounds.BAD_REQUEST


def polymarket(changes, wallet=WALLET, domain=V2):
    order = orders.order_from(polymarket_order(OWN, **changes))
    return bounds.polymarket(order, *domain, wallet, BOUNDS)


@pytest.mark.parametrize("domain", [V2, ("2", orders.NEG_RISK_EXCHANGE), ("3", orders.EXCHANGE_V3.lower())])
def test_an_order_of_ours_within_the_limits_is_signed(domain):
    assert polymarket({}, domain=domain) == Signing(ORDER, 1)
    assert polymarket({"side": "SELL", "makerAmount": "10000000", "takerAmount": "10000"}, domain=domain)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"makerAmount": "500000001", "takerAmount": "1000000000"}, bounds.MAX_NOTIONAL),
        ({"takerAmount": "10000000001", "makerAmount": "100000000"}, bounds.MAX_CONTRACTS),
        ({"makerAmount": "9995000"}, bounds.MAX_PRICE),
        ({"side": "SELL", "makerAmount": "10000000001", "takerAmount": "1"}, bounds.MAX_CONTRACTS),
        ({"side": "SELL"}, bounds.BAD_REQUEST),  # ten dollars for five shares
        ({"maker": FUNDER}, bounds.NOT_PERMITTED),
        ({"signer": FUNDER}, bounds.NOT_PERMITTED),
        ({"signatureType": 2}, bounds.NOT_PERMITTED),
        ({"builder": "0x" + "01" * 32}, bounds.NOT_PERMITTED),
    ],
)
def test_an_order_beyond_a_limit_or_of_others_is_not_signed(changes, code):
    assert refused(polymarket, changes) == code


@pytest.mark.parametrize("domain", [("3", orders.EXCHANGE), ("2", "0x" + "11" * 20), ("1", orders.EXCHANGE)])
def test_only_the_exchanges_contracts_get_a_signature(domain):
    assert refused(polymarket, {}, WALLET, domain) == bounds.NOT_PERMITTED


@pytest.mark.parametrize("kind", [orders.PROXY, orders.SAFE, orders.DEPOSIT_WALLET])
def test_the_money_is_that_of_the_named_wallet(kind):
    wallet = Wallet(OWN, kind, FUNDER)
    signs = FUNDER if kind == orders.DEPOSIT_WALLET else OWN
    own = {"signatureType": kind, "maker": FUNDER, "signer": signs}
    assert polymarket(own, wallet).kind == ORDER
    assert refused(polymarket, own | {"maker": "0x" + "cd" * 20}, wallet) == bounds.NOT_PERMITTED
    assert polymarket(own, replace(wallet, funder="")).kind == ORDER  # not told whose money: any


@given(
    st.sampled_from(["bid", "ask"]),
    st.decimals("0.0001", "0.9999", places=4),
    st.decimals("0.01", "20000", places=2),
)
def test_nothing_that_is_signed_can_lose_more_than_the_limit(side, price, count):
    order = kalshi_order(side=side, price=str(price), count=str(count))
    worst = count * (price if side == "bid" else 1 - price)
    within = worst <= BOUNDS.notional and count <= BOUNDS.contracts and worst / count <= BOUNDS.price
    try:
        bounds.kalshi("POST", ORDERS, order, BOUNDS)
    except Refusal:
        assert not within
    else:
        assert within
