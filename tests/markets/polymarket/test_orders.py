"""The signed order against the platform's own clients' vectors, and against the sandbox's second implementation."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.polymarket import orders
from markets.platforms.polymarket.contracts import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from markets.platforms.polymarket.orders import BUY, SELL, Order
from markets.sandbox.polymarket import eip712
from tests.markets.polymarket.values import recorded

KEY = "0x" + "42" * 32  # thrown away
WALLET = Account.from_key(KEY).address
FUNDER = "0x2222222222222222222222222222222222222222"
words = st.integers(0, 2**256 - 1)


def order(**changes) -> Order:
    given = {
        "salt": 1, "maker": WALLET, "signer": WALLET, "token_id": "77", "maker_amount": 5_000_000,
        "taker_amount": 10_000_000, "side": BUY, "signature_type": 0, "timestamp": 1_790_000_000_123,
    }  # fmt: skip
    return Order(**given | changes)


def test_the_recorded_vectors():
    vectors = json.loads(recorded("signing/vectors.json").read_text())
    assert {case["request_json"]["order"]["signatureType"] for case in vectors["orders"]} == {0, 2, 3}
    for case in vectors["orders"]:
        wire = case["request_json"]["order"]
        found = orders.order_from(wire)
        domain = case["domain_version"], case["verifying_contract"]
        assert orders.order_id(found, *domain) == case["order_id"]
        assert orders.sign_order(vectors["private_key"], found, *domain) == wire["signature"]
        assert found.as_json() == {name: wire[name] for name in found.as_json()}


@given(
    salt=st.integers(0, 2**53 - 1), token=words, amounts=st.tuples(words, words), side=st.sampled_from((BUY, SELL)),
    kind=st.integers(0, 3), stamp=st.integers(0, 2**64), raw=st.binary(min_size=32, max_size=32),
    exchange=st.sampled_from((("2", EXCHANGE), ("2", NEG_RISK_EXCHANGE), ("3", EXCHANGE_V3))),
)  # fmt: skip
def test_a_second_implementation_gives_the_same_digest_and_finds_the_signer(
    salt, token, amounts, side, kind, stamp, raw, exchange
):
    maker = WALLET if kind == 0 else FUNDER
    signer = FUNDER if kind == 3 else WALLET
    ours = order(
        salt=salt, maker=maker, signer=signer, token_id=str(token), maker_amount=amounts[0], taker_amount=amounts[1],
        side=side, signature_type=kind, timestamp=stamp, metadata="0x" + raw.hex(), builder="0x" + raw[::-1].hex(),
    )  # fmt: skip
    signature = orders.sign_order(KEY, ours, *exchange)
    theirs = eip712.SignedOrder(
        salt, maker, signer, str(token), *amounts, side, kind, stamp, ours.metadata, ours.builder, signature
    )
    assert orders.order_digest(ours, *exchange) == eip712.order_digest(theirs, *exchange)
    assert eip712.order_signer(theirs, *exchange) == WALLET.lower()


@pytest.mark.parametrize(
    ("version", "neg_risk", "exchange"),
    [
        ("v1", False, ("2", EXCHANGE)),
        ("", False, ("2", EXCHANGE)),
        ("v1", True, ("2", NEG_RISK_EXCHANGE)),
        ("v2", False, ("3", EXCHANGE_V3)),
        ("v2", True, ("3", EXCHANGE_V3)),
    ],
)
def test_the_markets_version_chooses_the_exchange(version, neg_risk, exchange):
    assert orders.exchange_of(version, neg_risk=neg_risk) == exchange


def test_an_unknown_version_is_never_signed_for():
    with pytest.raises(ValueError, match="v3"):
        orders.exchange_of("v3", neg_risk=False)


def test_a_key_made_ready_signs_the_same():
    ready = orders.private_key(KEY[2:] + "\n")
    assert orders.sign_order(ready, order(), "2", EXCHANGE) == orders.sign_order(KEY, order(), "2", EXCHANGE)


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, "0x" + "00" * 32, "0x" + "ff" * 32, "ab" * 33])
def test_what_is_no_key_is_refused_without_showing_it(key):
    with pytest.raises(ValueError, match="no private key") as caught:
        orders.sign_order(key, order(), "2", EXCHANGE)
    assert caught.value.__suppress_context__
    assert not key or key not in str(caught.value)


@given(st.text(min_size=1, max_size=64))
def test_the_salt_is_a_number_that_json_keeps_and_always_the_same(client_id):
    salt = orders.salt_of(client_id)
    assert 0 <= salt < 2**53 and salt == orders.salt_of(client_id)
    assert salt != orders.salt_of(client_id + "x")


def test_the_timestamp_is_exact():
    at = datetime(2026, 11, 26, 12, 0, 0, 999_999, tzinfo=UTC)
    assert orders.timestamp_of(at) % 1_000 == 999
    assert orders.timestamp_of(at + timedelta(microseconds=1)) % 1_000 == 0


@pytest.mark.parametrize(
    "change",
    [
        {"side": "HOLD"}, {"maker": "0x12"}, {"maker": "0x" + "zz" * 20}, {"tokenId": "1e3"}, {"tokenId": "-1"},
        {"makerAmount": "0"}, {"takerAmount": 0}, {"salt": 2**53}, {"salt": True}, {"signatureType": 4},
        {"metadata": "0x00"}, {"timestamp": "soon"}, {"builder": "0x" + "0 " * 32}, {"tokenId": str(2**256)},
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused(change):
    with pytest.raises(ValueError):
        orders.order_from(order().as_json() | change)
    missing = {name: value for name, value in order().as_json().items() if name not in change}
    with pytest.raises(ValueError, match="lacks"):
        orders.order_from(missing)
