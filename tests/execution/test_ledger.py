"""The books: money never appears or vanishes, whatever is bought, sold, merged and settled, in any order."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import ledger
from execution.ledger import BUY, SELL, Entry, LedgerError, Pnl, Position
from markets.books import NO, YES

P, M = "kalshi", "KX-B"
MARKETS = [("polymarket", "0xa"), (P, M)]
YES_KEY, NO_KEY = (P, M, YES), (P, M, NO)

quantities = st.integers(1, 500_000_000).map(lambda n: D(n).scaleb(-6))
prices = st.integers(0, 1_000_000).map(lambda n: D(n).scaleb(-6))
fees = st.integers(-2_000_000, 5_000_000).map(lambda n: D(n).scaleb(-6))
marks = st.fixed_dictionaries({(*market, outcome): prices for market in MARKETS for outcome in (YES, NO)})


def bought(quantity="10", price="0.40", fee="0", outcome=YES) -> Entry:
    return Entry(P, M, outcome, BUY, D(quantity), D(price), D(fee))


def sold(quantity="10", price="0.40", fee="0", outcome=YES) -> Entry:
    return Entry(P, M, outcome, SELL, D(quantity), D(price), D(fee))


def part_of(draw, most: D) -> D:
    """Some micro-contracts of `most`, all of them often."""
    return most if draw(st.booleans()) else D(draw(st.integers(1, int(most.scaleb(6))))).scaleb(-6)


@st.composite
def histories(draw) -> list[Entry]:
    """Entries that can be: purchases, sales of what is held, merges and settlements."""
    entries: list[Entry] = []
    for _ in range(draw(st.integers(1, 12))):
        market = draw(st.sampled_from(MARKETS))
        outcome = draw(st.sampled_from([YES, NO]))
        held = ledger.positions(entries)
        position = held.get((*market, outcome), Position())
        what = draw(st.sampled_from(["buy", "buy", "sell", "merge", "settle"]))
        if what == "sell" and position.quantity:
            size = part_of(draw, position.quantity)
            entries.append(Entry(*market, outcome, SELL, size, draw(prices), draw(fees)))
        elif what == "merge" and ledger.mergeable(held, *market):
            entries += ledger.merge(held, *market, part_of(draw, ledger.mergeable(held, *market)))
        elif what == "settle":
            entries += ledger.settlement(held, *market, draw(prices))
        else:
            entries.append(Entry(*market, outcome, BUY, draw(quantities), draw(prices), draw(fees)))
    return entries


def test_a_round_trip_by_hand():
    held = ledger.positions(
        [bought("10", "0.40", "0.20"), bought("30", "0.60", "0.60"), sold("20", "0.70", "0.50")]
    )
    position = held[YES_KEY]
    assert (position.quantity, position.paid, position.cost) == (D(20), D(11), D("11.4"))
    assert (position.average_price, position.average_cost) == (D("0.55"), D("0.57"))
    assert position.realised == D("14") - D("0.50") - D("11.4")
    assert position.fees == D("1.30")
    assert ledger.pnl(held, {YES_KEY: D("0.50")}) == Pnl(D("2.10"), D("-1.40"))


@pytest.mark.parametrize(
    ("entry", "cash"),
    [
        (bought("10", "0.40", "0.20"), "-4.20"),
        (sold("10", "0.40", "0.20"), "3.80"),
        (bought("10", "0.40", "-0.01"), "-3.99"),  # a rebate
    ],
)
def test_cash_has_the_fee_against_us_on_both_sides(entry, cash):
    assert entry.cash == D(cash)


def test_nothing_held_has_no_average():
    assert (Position().average_price, Position().average_cost) == (None, None)


@settings(max_examples=200, deadline=None)
@given(histories(), marks)
def test_profit_is_cash_plus_worth_to_the_last_digit(entries, at):
    held = ledger.positions(entries)
    cash = sum((entry.cash for entry in entries), D(0))
    worth = sum((position.worth(at[key]) for key, position in held.items()), D(0))
    total = ledger.pnl(held, at).total
    assert total == cash + worth
    assert total == ledger.pnl_from_fills(entries, at)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_contracts_and_fees_add_up_and_what_is_closed_carries_no_cost(entries):
    for key, position in ledger.positions(entries).items():
        mine = [entry for entry in entries if entry.key == key]
        signed = sum((entry.quantity if entry.side == BUY else -entry.quantity for entry in mine), D(0))
        assert position.quantity == signed >= 0
        assert position.fees == sum((entry.fee for entry in mine), D(0))
        if not position.quantity:
            assert (position.paid, position.cost) == (0, 0)
            assert position.realised == sum((entry.cash for entry in mine), D(0))


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_the_books_can_be_continued_from_any_point(entries, data):
    cut = data.draw(st.integers(0, len(entries)))
    start = ledger.positions(entries[:cut])
    before = dict(start)
    assert ledger.positions(entries[cut:], start) == ledger.positions(entries)
    assert start == before  # the start is not written to


@settings(max_examples=150, deadline=None)
@given(quantities, quantities, prices, prices, fees, st.data())
def test_a_merge_returns_exactly_a_dollar_a_pair(yes, no, yes_price, no_price, fee, data):
    entries = [Entry(P, M, YES, BUY, yes, yes_price, fee), Entry(P, M, NO, BUY, no, no_price)]
    held = ledger.positions(entries)
    assert ledger.mergeable(held, P, M) == min(yes, no)
    pairs = part_of(data.draw, min(yes, no))
    merged = ledger.merge(held, P, M, pairs)
    assert sum(entry.cash for entry in merged) == pairs
    assert [(entry.outcome, entry.side, entry.kind) for entry in merged] == [
        (YES, SELL, ledger.MERGE), (NO, SELL, ledger.MERGE),
    ]  # fmt: skip
    after = ledger.positions(merged, held)
    assert (after[YES_KEY].quantity, after[NO_KEY].quantity) == (yes - pairs, no - pairs)


def test_both_outcomes_share_the_profit_of_a_merge():
    held = ledger.positions([bought("10", "0.40"), bought("10", "0.50", outcome=NO)])
    after = ledger.positions(ledger.merge(held, P, M, D(10)), held)
    assert [after[key].realised for key in (YES_KEY, NO_KEY)] == [D("0.5"), D("0.5")]


@pytest.mark.parametrize("pairs", ["0", "-1", "5.000001"])
def test_more_pairs_than_are_held_cannot_be_merged(pairs):
    held = ledger.positions([bought("10"), bought("5", outcome=NO)])
    with pytest.raises(LedgerError, match="cannot be merged"):
        ledger.merge(held, P, M, D(pairs))


def test_one_outcome_alone_is_no_pair():
    held = ledger.positions([bought("10")])
    assert ledger.mergeable(held, P, M) == 0
    assert ledger.mergeable({**held, ("polymarket", M, NO): Position(D(10))}, P, M) == 0


@settings(max_examples=100, deadline=None)
@given(quantities, quantities, prices)
def test_a_settlement_pays_each_outcome_and_closes_both(yes, no, pays):
    held = ledger.positions(
        [
            Entry(P, M, YES, BUY, yes, D("0.3")),
            Entry(P, M, NO, BUY, no, D("0.6")),
            replace(bought(), market_id="X"),
        ]
    )
    entries = ledger.settlement(held, P, M, pays)
    assert {entry.outcome: entry.cash for entry in entries} == {YES: yes * pays, NO: no * (1 - pays)}
    after = ledger.positions(entries, held)
    assert after[YES_KEY].quantity == after[NO_KEY].quantity == 0
    assert after[P, "X", YES] == held[P, "X", YES]
    assert after[YES_KEY].realised == yes * (pays - D("0.3"))
    assert ledger.settlement(after, P, M, pays) == []  # a second time pays nothing


@pytest.mark.parametrize("pays", ["-0.01", "1.01"])
def test_no_contract_pays_outside_0_to_1(pays):
    with pytest.raises(LedgerError, match="cannot pay"):
        ledger.settlement(ledger.positions([bought()]), P, M, D(pays))


@given(quantities, st.integers(1, 10**9))
def test_overselling_is_refused(held, excess):
    with pytest.raises(LedgerError, match="only"):
        ledger.positions(
            [replace(bought(), quantity=held), replace(sold(), quantity=held + D(excess).scaleb(-6))]
        )


def test_another_outcome_or_market_cannot_be_sold_instead():
    for other in (sold(outcome=NO), replace(sold(), market_id="X"), replace(sold(), platform="polymarket")):
        with pytest.raises(LedgerError, match="only 0 held"):
            ledger.positions([bought(), other])


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": D(0)},
        {"quantity": D(-1)},
        {"quantity": D("NaN")},
        {"quantity": D("Infinity")},
        {"price": D("-0.000001")},
        {"price": D("1.000001")},
        {"price": D("NaN")},
        {"fee": D("NaN")},
        {"side": "HOLD"},
    ],
)
def test_what_cannot_be_is_refused(changes):
    with pytest.raises(LedgerError):
        ledger.apply(Position(), replace(bought(), **changes))


def test_what_is_held_needs_a_mark_and_what_is_closed_does_not():
    open_, closed = [bought()], [bought(), sold()]
    for value in (
        lambda entries: ledger.pnl(ledger.positions(entries), {}),
        lambda e: ledger.pnl_from_fills(e, {}),
    ):
        with pytest.raises(LedgerError, match="no mark"):
            value(open_)
        value(closed)
