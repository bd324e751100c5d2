"""The ledger: nothing is made or lost, whatever is bought, sold, merged and settled in whatever order."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import ledger
from execution.ledger import BUY, MERGE, SELL, SETTLEMENT, Entry, LedgerError, Position
from markets.books import NO, YES

M = ("kalshi", "KX")
KEY = (*M, YES)


def entry(side=BUY, quantity="10", price="0.40", fee="0", outcome=YES, market=M) -> Entry:
    return Entry(*market, outcome, side, D(quantity), D(price), D(fee))


def after(*entries: Entry) -> Position:
    return ledger.positions(entries)[KEY]


def test_a_purchase_costs_its_price_and_its_fee():
    position = after(entry(fee="0.17"), entry(price="0.50", fee="0.18"))
    assert (position.quantity, position.paid, position.cost, position.fees) == (20, 9, D("9.35"), D("0.35"))
    assert position.average_price == D("0.45")
    assert position.unrealised(D("0.5")) == D("0.65")


def test_a_sale_realises_its_share_after_both_fees():
    position = after(entry(fee="0.20"), entry(SELL, "4", "0.60", "0.05"))
    assert position.realised == D("2.4") - D("0.05") - D("4.20") * 4 / 10
    assert (position.quantity, position.paid, position.cost, position.fees) == (
        6,
        D("2.4"),
        D("2.52"),
        D("0.25"),
    )


def test_a_rebate_is_a_negative_fee():
    assert entry(fee="-0.01").cash == D("-3.99")
    assert entry(SELL, fee="-0.01").cash == D("4.01")


def test_what_is_sold_out_has_no_average_and_no_cost():
    position = after(entry(quantity="3"), entry(SELL, "1"), entry(SELL, "2"))
    assert (position.quantity, position.paid, position.cost, position.average_price) == (0, 0, 0, None)


@pytest.mark.parametrize(
    "wrong",
    [
        entry(SELL, "10.000001"), entry(quantity="0"), entry(quantity="-1"), entry(price="1.01"), entry(price="-0.01"),
        entry("HOLD"), entry(quantity="NaN"), entry(price="NaN"), entry(fee="NaN"), entry(quantity="Infinity"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(LedgerError):
        ledger.apply(after(entry()), wrong)


def test_the_crumb_left_by_a_merge_keeps_its_average():
    """10.123456 bought at 0.70; all but a millionth goes: what is left is still worth 0.70 apiece."""
    position = after(entry(quantity="10.123456", price="0.70"), entry(SELL, "10.123455", "0.70"))
    assert position.quantity == D("0.000001")
    assert position.average_price == D("0.70")


def test_a_merge_is_a_dollar_a_pair_and_the_profit_is_halved():
    held = ledger.positions([entry(), entry(price="0.50", outcome=NO, quantity="8")])
    entries = ledger.merge(held, *M, D(8))
    assert [one.kind for one in entries] == [MERGE, MERGE]
    assert sum(one.cash for one in entries) == 8
    done = ledger.positions(entries, held)
    assert (done[KEY].quantity, done[*M, NO].quantity) == (2, 0)
    assert done[KEY].realised == done[*M, NO].realised == D("0.40")  # 8 x (1 - 0.90) / 2
    assert ledger.mergeable(done, *M) == 0


@pytest.mark.parametrize("quantity", ["0", "-1", "8.000001"])
def test_no_more_is_merged_than_is_held(quantity):
    held = ledger.positions([entry(), entry(outcome=NO, quantity="8")])
    with pytest.raises(LedgerError):
        ledger.merge(held, *M, D(quantity))


def test_a_settlement_pays_each_outcome_its_part_and_closes_the_market():
    held = ledger.positions([entry(), entry(outcome=NO, quantity="4", price="0.50")])
    entries = ledger.settlement(held, *M, D("0.25"))
    assert [(one.outcome, one.side, one.quantity, one.price, one.kind) for one in entries] == [
        (YES, SELL, 10, D("0.25"), SETTLEMENT), (NO, SELL, 4, D("0.75"), SETTLEMENT),
    ]  # fmt: skip
    done = ledger.positions(entries, held)
    assert [position.quantity for position in done.values()] == [0, 0]
    assert ledger.settlement(done, *M, D(1)) == []


@pytest.mark.parametrize("pays", ["-0.01", "1.01"])
def test_a_contract_pays_between_nothing_and_a_dollar(pays):
    with pytest.raises(LedgerError):
        ledger.settlement({}, *M, D(pays))


def test_what_is_held_needs_a_mark():
    held = ledger.positions([entry()])
    with pytest.raises(LedgerError):
        ledger.pnl(held, {})
    with pytest.raises(LedgerError):
        ledger.pnl_from_fills([entry()], {})
    sold = [entry(), entry(SELL)]
    assert ledger.pnl(ledger.positions(sold), {}).total == ledger.pnl_from_fills(sold, {}) == 0


# Any history.

micros = st.integers(1, 50_000_000).map(lambda n: D(n).scaleb(-6))
prices = st.integers(0, 1_000_000).map(lambda n: D(n).scaleb(-6))
fees = st.integers(-20_000, 2_000_000).map(lambda n: D(n).scaleb(-6))
MARKETS = [M, ("polymarket", "0xa")]
moves = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(MARKETS), st.sampled_from([YES, NO]), micros, prices, fees),
    st.tuples(st.just("sell"), st.sampled_from(MARKETS), st.sampled_from([YES, NO]), prices, prices, fees),
    st.tuples(st.just("merge"), st.sampled_from(MARKETS), prices),
    st.tuples(st.just("settle"), st.sampled_from(MARKETS), prices),
)


def happen(held, move) -> list[Entry]:
    """The entries of a move, as far as what is held allows; a share of what is held is sold or merged."""
    kind, market, *rest = move
    if kind == "buy":
        outcome, quantity, price, fee = rest
        return [Entry(*market, outcome, BUY, quantity, price, fee)]
    if kind == "settle":
        return ledger.settlement(held, *market, rest[0])
    if kind == "sell":
        outcome, share, price, fee = rest
        quantity = part(held.get((*market, outcome), Position()).quantity, share)
        return [Entry(*market, outcome, SELL, quantity, price, fee)] if quantity else []
    quantity = part(ledger.mergeable(held, *market), rest[0])
    return list(ledger.merge(held, *market, quantity)) if quantity else []


def part(quantity: D, share: D) -> D:
    return (quantity * share).quantize(D("0.000001"), "ROUND_UP").min(quantity)


@given(st.lists(moves, max_size=30), prices, prices)
def test_nothing_is_made_or_lost(history, mark_yes, mark_no):
    held, entries = {}, []
    marks = {(*market, name): mark for market in MARKETS for name, mark in ((YES, mark_yes), (NO, mark_no))}
    for move in history:
        news = happen(held, move)
        before = sum((one.cash for one in entries), D(0))
        entries += news
        held = ledger.positions(news, held)
        cash = sum((one.cash for one in entries), D(0))
        if move[0] == "merge":
            assert cash - before == sum(one.quantity for one in news) / 2
        # What left the account and did not come back is either still invested or lost for good.
        invested = sum((position.cost for position in held.values()), D(0))
        realised = sum((position.realised for position in held.values()), D(0))
        assert cash == realised - invested
        assert ledger.pnl(held, marks).total == ledger.pnl_from_fills(entries, marks)
        for key, position in held.items():
            mine = [one for one in entries if one.key == key]
            signed = sum((one.quantity if one.side == BUY else -one.quantity for one in mine), D(0))
            assert position.quantity == signed >= 0
            assert position.fees == sum((one.fee for one in mine), D(0))
            if position.quantity:
                assert -D("0.000001") <= position.average_price <= D("1.000001")
            else:
                assert position.paid == position.cost == 0
    assert held == ledger.positions(entries)


@given(st.lists(moves, max_size=20), st.sampled_from([D(0), D(1), D("0.5")]))
def test_when_all_is_settled_the_profit_is_the_cash(history, pays):
    held, entries = {}, []
    for move in [*history, *(("settle", market, pays) for market in MARKETS)]:
        news = happen(held, move)
        entries += news
        held = ledger.positions(news, held)
    assert not any(position.quantity for position in held.values())
    profit = ledger.pnl(held, {})
    assert (profit.realised, profit.unrealised) == (sum((one.cash for one in entries), D(0)), 0)


# --- what is undone, converted, or placed by hand


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 99), st.integers(0, 30)), min_size=1, max_size=5),
    st.integers(0, 4),
)
def test_a_purchase_that_failed_was_never_made(trades, at):
    bought = [entry(quantity=str(q), price=str(D(p) / 100), fee=str(D(f) / 1000)) for q, p, f in trades]
    undone = bought[at % len(bought)]
    left = after(*bought, ledger.reversal(undone))
    rest = [one for number, one in enumerate(bought) if number != at % len(bought)]
    wanted = after(*rest) if rest else Position()
    assert left == wanted
    assert left.realised == 0


def test_what_failed_after_it_was_sold_cannot_be_taken_back():
    with pytest.raises(LedgerError):
        after(entry(quantity="10"), entry(SELL, "5"), ledger.reversal(entry(quantity="10")))


def test_a_sale_that_failed_is_held_again():
    sale = entry(SELL, "4", "0.60", "0.05")
    left = after(entry(fee="0.20"), sale, ledger.reversal(sale))
    assert left.quantity == 10 and left.fees == D("0.20")
    assert left.realised + left.unrealised(D("0.50")) == D("5") - D("4.20")


no_prices = st.lists(st.integers(1, 999), min_size=1, max_size=6)


@given(no_prices, st.integers(1, 6), st.integers(1, 100))
def test_a_conversion_brings_its_dollars_and_the_rest(prices, others, quantity):
    sold, rest = [f"S{n}" for n in range(len(prices))], [f"R{n}" for n in range(others)]
    start = ledger.positions(
        Entry("polymarket", name, NO, BUY, D(quantity), D(price) / 1000)
        for name, price in zip(sold, prices, strict=True)
    )
    entries = ledger.conversion(start, "polymarket", sold, rest, D(quantity))
    assert sum((one.cash for one in entries), D(0)) == quantity * (len(sold) - 1)
    assert all(0 <= one.price <= 1 for one in entries)
    done = ledger.positions(entries, start)
    assert all(done["polymarket", name, NO].quantity == 0 for name in sold)
    assert all(done["polymarket", name, YES].quantity == quantity for name in rest)
    # Whatever resolves, cash and contracts are worth what the NO were worth
    marks = {("polymarket", name, YES): D(name == rest[0]) for name in rest}
    held = sum(one.worth(marks[key]) for key, one in done.items() if one.quantity)
    assert held + quantity * (len(sold) - 1) == quantity * len(sold)


def test_what_is_not_held_is_not_converted():
    for sold, rest, quantity in ((["A"], ["B"], 1), ([], ["B"], 1), (["A"], [], 1), (["A"], ["B"], 0)):
        with pytest.raises(LedgerError):
            ledger.conversion({}, "polymarket", sold, rest, D(quantity))
