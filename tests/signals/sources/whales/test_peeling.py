"""Peel chains: many movements that are one."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.whales import rest_v1
from signals.sources.whales.peeling import Step, heads
from tests.signals.sources.whales.given import NOW

MINUTE = timedelta(minutes=1)


def step(name, sender, receiver, units="100", minutes=0, **fields):
    return Step(name, "bitcoin", "BTC", sender, receiver, Decimal(units), NOW + minutes * MINUTE, **fields)


# The shape of the recorded v1 file: within one block, ending at the first address
PEEL = ["139.2", "138.8", "138.3", "137.9", "137.1"]
NAMES = ["1A", "1B", "1C", "1D", "1E", "1A"]


def peel_page():
    rows = [
        {
            "blockchain": "bitcoin", "symbol": "btc", "id": str(at), "transaction_type": "transfer",
            "hash": f"{at:02x}" * 32, "timestamp": 1588578025, "transaction_count": 1,
            "from": {"address": NAMES[at], "owner_type": "unknown"},
            "to": {"address": NAMES[at + 1], "owner_type": "unknown"},
            "amount": float(amount), "amount_usd": float(amount) * 8_900,
        }
        for at, amount in enumerate(PEEL)
    ]  # fmt: skip
    return json.dumps({"result": "success", "cursor": "c", "count": 5, "transactions": rows[::-1]}).encode()


def test_the_recorded_shape_is_one_movement():
    told = rest_v1.page(peel_page()).transfers
    steps = [
        Step(
            one.transaction_hash,
            one.chain,
            one.symbol,
            one.from_address,
            one.to_address,
            one.units,
            one.happened_at,
        )
        for one in told
    ]
    found = heads(steps)
    assert set(found.values()) == {"00" * 32} and len(found) == 4


@pytest.mark.parametrize(
    "second",
    [
        step(2, "b", "c", minutes=6),  # too late
        step(2, "b", "c", minutes=-1),  # before it got anything
        step(2, "b", "c", units="101"),  # more than it got
        step(2, "b", "c", units="79"),  # it kept the greater part
        step(2, "x", "c"),  # somebody else
        step(2, "b", "c", open=False),  # it reaches somebody known: that says something by itself
        Step(2, "ethereum", "BTC", "b", "c", Decimal(100), NOW),
        Step(2, "bitcoin", "ETH", "b", "c", Decimal(100), NOW),
    ],
)
def test_what_is_no_chain(second):
    assert heads([step(1, "a", "b"), second]) == {}


def test_a_chain_that_starts_at_an_exchange_is_one_withdrawal():
    assert heads([step(1, "a", "b", open=False), step(2, "b", "c", minutes=2), step(3, "c", "d", minutes=4)]) == {
        2: 1, 3: 1,
    }  # fmt: skip


def test_alerts_without_addresses_are_never_tied():
    assert heads([step(1, "", ""), step(2, "", "")]) == {}


steps = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(90, 100), st.integers(0, 8)),
    max_size=12,
)


@given(steps)
def test_every_chain_has_a_first_that_is_no_link_itself(rows):
    made = [step(at, *row[:2], str(row[2]), row[3]) for at, row in enumerate(rows)]
    found = heads(made)
    assert not set(found) & set(found.values())
    for name, head in found.items():
        assert made[head].at <= made[name].at and made[head].units >= made[name].units


@given(steps, st.randoms())
def test_the_order_of_arrival_does_not_matter_where_times_differ(rows, random):
    made = [step(at, row[0], row[1], str(row[2]), at) for at, row in enumerate(rows)]
    shuffled = list(made)
    random.shuffle(shuffled)
    assert heads(shuffled) == heads(made)
