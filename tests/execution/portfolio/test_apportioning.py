"""Splitting positions and cents: nothing is made or lost."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from execution.portfolio.apportioning import CENT, Owned, owners, split, to_cents

KEY = ("kalshi", "KX", "YES")
amounts = st.decimals(min_value=0, max_value=10**6, places=12)
contracts = st.decimals(min_value="0.00000001", max_value=10**5, places=8)


def move(side, quantity, bet="", own_first=True):
    return Owned(KEY, side, D(quantity), bet, own_first)


def test_a_sale_takes_from_its_own_bet_first():
    found = owners([move("BUY", 10, "a"), move("BUY", 30, "b"), move("SELL", 15, "a")])
    assert found[KEY] == {"b": D(25)}


def test_a_merge_takes_from_everybody_in_proportion():
    found = owners([move("BUY", 10, "a"), move("BUY", 30, "b"), move("SELL", 20, "", own_first=False)])
    assert found[KEY] == {"a": D(5), "b": D(15)}


def test_a_split_that_does_not_come_out_even_leaves_the_rest_with_the_heaviest():
    assert split(D("1"), {"a": D(1), "b": D(2), "c": D(3)}, D("0.01")) == {
        "a": D("0.16"),
        "b": D("0.33"),
        "c": D("0.51"),
    }
    assert split(D(1), {}) == {} and split(D(1), {"a": D(0)}) == {}


def test_cents_add_up_as_shown():
    found = to_cents({"a": D("0.333"), "b": D("0.333"), "c": D("0.334")})
    assert found == {"a": D("0.33"), "b": D("0.33"), "c": D("0.34")}
    assert to_cents({"a": D("-0.005"), "b": D("0.005")}) == {"a": 0, "b": 0}


@given(st.dictionaries(st.text(max_size=3), amounts, min_size=1), amounts)
def test_a_split_sums_exactly(weights, amount):
    parts = split(amount, weights)
    assert not any(weights.values()) or sum(parts.values()) == amount
    assert all(part >= 0 for part in parts.values())


@given(
    st.dictionaries(
        st.text(max_size=3), st.decimals(min_value=-(10**6), max_value=10**6, places=12), min_size=1
    )
)
def test_cents_sum_to_the_rounded_total_and_none_is_off_by_a_cent(values):
    found = to_cents(values)
    assert sum(found.values()) == sum(values.values()).quantize(CENT)
    assert all(abs(found[name] - values[name]) < CENT for name in values)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]), contracts, st.sampled_from(["", "a", "b", "c"]), st.booleans()
        ),
        max_size=30,
    )
)
def test_shares_always_sum_to_the_position(moves):
    held, made = D(0), []
    for side, quantity, bet, own_first in moves:
        if side == "SELL":
            quantity = min(quantity, held)
            if not quantity:
                continue
        held += quantity if side == "BUY" else -quantity
        made.append(Owned(KEY, side, quantity, bet, own_first))
    shares = owners(made).get(KEY, {})
    assert sum(shares.values(), D(0)) == held
    assert all(share > 0 for share in shares.values())
