"""One movement has one name, whoever tells it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from signals.sources.whales.identity import key, positioned
from tests.signals.sources.whales.given import BINANCE, STRANGER, ZERO, transfer

ALERT = transfer(
    transaction_hash="",
    from_address="",
    to_address="",
    from_owner="",
    to_owner="binance",
    channel="c",
    contract="",
)


def test_the_source_and_what_it_knows_besides_do_not_matter():
    told = transfer()
    assert key(told) == key(replace(told, source="whale_alert", usd=None, block=None, from_owner="x"))


@given(st.sampled_from(["chain", "transaction_hash", "position"]))
def test_chain_hash_and_position_matter(name):
    other = {"chain": "polygon", "transaction_hash": "cd" * 32, "position": 1}[name]
    assert key(transfer()) != key(transfer(**{name: other}))


@given(st.sampled_from(["channel", "happened_at", "to_owner", "symbol", "units"]))
def test_without_a_hash_all_that_an_alert_says_matters(name):
    other = {
        "channel": "d", "happened_at": ALERT.happened_at + timedelta(seconds=1), "to_owner": "kraken", "symbol": "DAI",
        "units": Decimal(1),
    }[name]  # fmt: skip
    assert key(ALERT) == key(replace(ALERT, usd=None)) != key(replace(ALERT, **{name: other}))


def test_numbers_are_compared_by_value():
    assert key(replace(ALERT, units=Decimal("5e6"))) == key(replace(ALERT, units=Decimal("5000000.00")))


def test_two_texts_do_not_run_into_one_another():
    assert key(replace(ALERT, from_owner="ab", to_owner="c")) != key(
        replace(ALERT, from_owner="a", to_owner="bc")
    )


def test_sources_that_count_differently_give_the_same_position():
    by_log = positioned([transfer(position=17)])[0]
    by_index = positioned([transfer(position=0, source="whale_alert_rest", units=Decimal("6000000.000"))])[0]
    assert key(by_log) == key(by_index) and 0 <= by_log.position < 2**31


def test_equal_movements_of_one_transaction_are_several():
    one, two = positioned([transfer(), transfer()])
    assert one.position != two.position
    assert positioned([transfer(), transfer()]) == [one, two]


def test_a_mint_comes_from_nobody_however_that_is_written():
    (one,), (two,) = positioned([transfer(from_address=ZERO)]), positioned([transfer(from_address="")])
    assert one.position == two.position


@given(st.permutations([(STRANGER, 1), (STRANGER, 2), (BINANCE, 1), (ZERO, 3)]))
def test_the_order_of_an_answer_changes_no_name(order):
    def names(rows):
        return {
            key(one)
            for one in positioned(transfer(from_address=giver, units=Decimal(n)) for giver, n in rows)
        }

    assert names(order) == names(sorted(order)) and len(names(order)) == 4
