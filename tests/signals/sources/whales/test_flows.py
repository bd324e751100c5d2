"""Which way a transfer goes, and when it goes neither."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.whales import flows
from signals.sources.whales.flows import INFLOW, NEUTRAL, OUTFLOW, Owner
from tests.signals.sources.whales.given import BINANCE, BINANCE_15, OTHER, STRANGER, ZERO, transfer

WALLETS = {
    ("ethereum", BINANCE): Owner("binance", "exchange"),
    ("ethereum", BINANCE_15): Owner("binance", "exchange"),
    ("ethereum", OTHER): Owner("aave", "defi"),
}
LARGE = Decimal(2_000_000)


def flow(usd=LARGE, **fields):
    return flows.flow(transfer(**fields), usd, WALLETS)


def named(sender="", receiver="", sender_kind="", receiver_kind="", **fields):
    return flow(
        from_address="", to_address="", from_owner=sender, to_owner=receiver,
        from_kind=flows.kind_of(sender, sender_kind), to_kind=flows.kind_of(receiver, receiver_kind), **fields,
    )  # fmt: skip


def test_to_an_exchange_from_outside_is_an_inflow():
    found = flow()
    assert (found.direction, found.exchange, found.category) == (INFLOW, "binance", "exchange")


def test_from_an_exchange_to_outside_is_an_outflow():
    found = flow(from_address=BINANCE, to_address=STRANGER)
    assert (found.direction, found.exchange, found.category) == (OUTFLOW, "binance", "exchange")


@pytest.mark.parametrize(
    "found",
    [
        flow(from_address=BINANCE_15), flow(from_address=ZERO), flow(transaction_type="mint"),
        flow(transaction_type="burn"), flow(to_address=ZERO, from_address=BINANCE), flow(transaction_type="lock"),
        named("kraken", "binance"), named("binance", "binance"), named("tether treasury", "binance"),
        named("circle", "binance"),
        named("binance", "usdc treasury"), named("polygon bridge", "kraken"), named("okx", "x", "", "bridge"),
        named(), named("stuart", "stuart", "exchange", "exchange"),
    ],
)  # fmt: skip
def test_everything_else_is_neutral(found):
    assert found.direction == NEUTRAL


def test_the_two_sides_of_one_exchange_keep_its_name():
    found = named("binance", "binance")
    assert (found.exchange, found.category) == ("binance", "exchange")


def test_a_protocol_makes_it_defi_whichever_way():
    assert flow(from_address=OTHER).category == "defi"
    assert flow(from_address=STRANGER, to_address=OTHER).direction == NEUTRAL


def test_size_alone_makes_a_large_transfer_and_an_unknown_value_never():
    stranger = {"from_address": STRANGER, "to_address": "0x" + "33" * 20}
    assert flow(**stranger).category == "large_transfer"
    assert flow(Decimal("999999.99"), **stranger).category == "unknown"
    assert flow(None, **stranger).category == "unknown"


def test_the_same_address_on_another_chain_is_nobody():
    assert flow(chain="polygon").direction == NEUTRAL


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Binance 14", "binance"), ("Binance: Hot Wallet 5", "binance"), ("unknown wallet", ""), ("Unknown", ""),
        ("Kraken #3", "kraken"), ("  OKX ", "okx"), ("", ""), (None, ""), (7, ""), ("Multiple Addresses", ""),
        ("Crypto.com", "crypto.com"),
    ],
)  # fmt: skip
def test_labels_become_names(label, name):
    assert flows.owner_name(label) == name


def test_where_coins_are_made_is_not_the_exchange_of_that_name():
    assert flows.kind_of("", "coinbase") == "unknown"


@given(
    st.sampled_from([BINANCE, BINANCE_15, OTHER, STRANGER, ZERO, ""]),
    st.sampled_from([BINANCE, BINANCE_15, OTHER, STRANGER, ZERO, ""]),
    st.sampled_from(["transfer", "mint", "burn", "lock"]),
)
def test_turned_round_an_inflow_is_an_outflow(giver, taker, kind):
    there = transfer(from_address=giver, to_address=taker, transaction_type=kind)
    back = replace(there, from_address=taker, to_address=giver)
    turned = {INFLOW: OUTFLOW, OUTFLOW: INFLOW, NEUTRAL: NEUTRAL}
    one, two = (flows.flow(which, LARGE, WALLETS) for which in (there, back))
    assert two.direction == turned[one.direction]
    if one.direction != NEUTRAL:
        assert one.exchange == two.exchange == "binance"
