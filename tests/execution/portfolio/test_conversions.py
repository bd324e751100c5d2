"""Baskets of NO into dollars: exactly what the adapter pays, and the ledger adds up."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import ledger
from execution.ledger import Entry, LedgerError
from execution.portfolio.conversions import entries, layers, spread
from markets.books import MICRO

P = "polymarket"
EVENT = ["a", "b", "c", "d"]


def bought(prices, sizes):
    """A ledger with NO of each market at a price."""
    made = [
        Entry(P, market, "NO", "BUY", size, price, D("0.01"))
        for market, price, size in zip(EVENT, prices, sizes, strict=True)
        if size
    ]
    return made, ledger.positions(made)


def test_a_full_set_gives_all_but_one_dollar():
    (layer,) = layers(P, ["a", "b", "c"], {"a": D(10), "b": D(10), "c": D(10)})
    assert (layer.markets, layer.others, layer.quantity, layer.frees) == (("a", "b", "c"), (), D(10), D(20))


def test_two_of_four_give_a_dollar_and_yes_of_the_others():
    (layer,) = layers(P, EVENT, {"b": D(5), "d": D(5)})
    assert (layer.markets, layer.others, layer.frees) == (("b", "d"), ("a", "c"), D(5))


def test_uneven_sizes_convert_in_layers_and_free_the_sum_less_the_largest():
    found = layers(P, EVENT, {"a": D(3), "b": D(7), "c": D(10)})
    assert [(layer.markets, layer.quantity) for layer in found] == [
        (("a", "b", "c"), D(3)),
        (("b", "c"), D(4)),
    ]
    assert sum(layer.frees for layer in found) == D(3 + 7)


def test_one_no_alone_stays_and_strangers_are_refused():
    assert layers(P, EVENT, {"a": D(3)}) == [] and layers(P, EVENT, {"a": D(3), "b": D(0)}) == []
    with pytest.raises(LedgerError, match="no market of that event"):
        layers(P, EVENT, {"z": D(3)})


def test_what_the_dollars_pay_beyond_the_cost_is_profit_now():
    _, held = bought([D("0.60"), D("0.62"), D("0.61"), D(0)], [D(10)] * 3 + [D(0)])
    (layer,) = layers(P, ["a", "b", "c"], dict.fromkeys("abc", D(10)))
    made = entries(layer, held)
    assert sum(one.cash for one in made) == D(20)  # cost 18.30: 1.70 profit, less three fees
    after = ledger.positions(made, held)
    assert sum(one.realised for one in after.values()) == D("1.70") - D("0.03")
    assert all(not one.quantity for one in after.values())


def test_what_the_no_cost_beyond_the_dollars_goes_over_to_the_yes():
    _, held = bought([D("0.80"), D("0.90"), D(0), D(0)], [D(10), D(10), D(0), D(0)])
    (layer,) = layers(P, EVENT, {"a": D(10), "b": D(10)})
    after = ledger.positions(entries(layer, held), held)
    assert sum(one.realised for one in after.values()) == D("-0.02")  # the fees
    assert {key[1]: one.paid for key, one in after.items() if one.quantity} == {"c": D("3.5"), "d": D("3.5")}


@given(
    st.lists(st.decimals("0.001", "0.999", places=3), min_size=4, max_size=4),
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.integers(2, 4),
)
def test_a_conversion_is_worth_the_same_in_every_state(prices, sizes, members):
    sizes = [D(size) if place < members else D(0) for place, size in enumerate(sizes)]
    event = EVENT[:members]
    before, held = bought(prices, sizes)
    cash = D(0)
    for layer in layers(P, event, {m: s for m, s in zip(EVENT, sizes, strict=True) if s}):
        made = entries(layer, held)
        assert sum((one.cash for one in made), D(0)) == layer.frees
        assert all(0 <= one.price <= 1 for one in made)
        cash += layer.frees
        held = ledger.positions(made, held)
    start = ledger.positions(before)
    for winner in event:
        assert cash + worth(held, winner) == worth(start, winner)
    assert cash == sum(sizes) - max(sizes)


def worth(held, winner):
    return sum(
        (
            one.quantity
            for (_, market, outcome), one in held.items()
            if (market == winner) == (outcome == "YES")
        ),
        D(0),
    )


@given(st.lists(st.integers(0, MICRO), min_size=1, max_size=6), st.data())
def test_prices_move_evenly_to_any_sum_that_can_be(prices, data):
    total = data.draw(st.integers(0, len(prices) * MICRO))
    found = spread(prices, total)
    assert sum(found) == total and all(0 <= price <= MICRO for price in found)


def test_a_sum_that_cannot_be_is_refused():
    with pytest.raises(LedgerError):
        spread([0, 0], 2 * MICRO + 1)
