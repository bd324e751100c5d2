"""Accounts: cash and what is invested, kept in step with every booking, and equal to what the history says."""

from decimal import Decimal as D

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution import ledger
from execution.ledger import BUY, HAND, SELL, Entry
from execution.models import Account, CashMovement, Fill
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from markets import store
from markets.books import NO, YES
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from tests import factories
from tests.factories import IDS, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _markets():
    store.upsert([factories.info(platform) for platform in PLATFORMS], now=NOW)


def entry(
    platform=KALSHI, side=BUY, quantity="10", price="0.40", fee="0.17", outcome=YES, kind=ledger.TRADE
) -> Entry:
    return Entry(platform, IDS[platform], outcome, side, D(quantity), D(price), D(fee), kind)


def book(*entries: Entry, mode="paper", shard=None) -> None:
    start = Fill.objects.count()
    booking.book(
        [Movement(one, f"t{start + number}", shard=shard) for number, one in enumerate(entries)],
        mode=mode,
        now=NOW,
    )


def money(mode="paper") -> dict:
    return {(one.platform, one.shard): (one.cash, one.invested) for one in holdings.accounts(mode)}


def test_paper_money_is_there_before_its_row_and_after_it():
    assert money() == {(KALSHI, 0): (10_000, 0), (POLYMARKET, 0): (10_000, 0)}
    assert not CashMovement.objects.exists()
    book(entry())
    assert money() == {(KALSHI, 0): (D("9995.83"), 4), (POLYMARKET, 0): (10_000, 0)}
    assert sorted(CashMovement.objects.values_list("platform", "kind", "amount")) == [
        (KALSHI, "OPENING", 10_000), (POLYMARKET, "OPENING", 10_000),
    ]  # fmt: skip
    book(entry(side=SELL, quantity="5", price="0.50", fee="0.09"))
    assert money()[KALSHI, 0] == (D("9998.24"), 2)
    assert CashMovement.objects.count() == 2


def test_other_modes_begin_with_what_is_there():
    assert money("sandbox") == {(KALSHI, 0): (0, 0), (POLYMARKET, 0): (0, 0)}
    booking.move_cash("sandbox", KALSHI, D(500), CashMovement.DEPOSIT, "d1", now=NOW, shard=2)
    book(entry(), mode="sandbox", shard=2)
    assert money("sandbox") == {(KALSHI, 0): (0, 0), (KALSHI, 2): (D("495.83"), 4), (POLYMARKET, 0): (0, 0)}
    assert holdings.cash("sandbox")[KALSHI] == D("495.83")
    assert holdings.accounts_differ("sandbox") == [] == holdings.accounts_differ("paper")


def test_a_movement_without_a_shard_goes_where_the_market_is_listed():
    store.upsert([factories.info(KALSHI, extra={"exchange_index": 3})], now=NOW)
    book(entry(), entry(POLYMARKET), mode="sandbox")
    assert set(money("sandbox")) == {(KALSHI, 0), (KALSHI, 3), (POLYMARKET, 0)}
    assert Fill.objects.get(platform=KALSHI).shard == 3
    book(entry(), mode="paper")  # one purse a platform
    assert money()[KALSHI, 0] == (D("9995.83"), 4)


def test_the_same_cash_movement_is_never_written_twice():
    booking.move_cash("live", KALSHI, D(5), CashMovement.DEPOSIT, "d1", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        booking.move_cash("live", KALSHI, D(5), CashMovement.DEPOSIT, "d1", now=NOW)
    assert money("live")[KALSHI, 0] == (5, 0)


def test_what_is_booked_twice_leaves_the_accounts_alone():
    book(entry())
    with pytest.raises(IntegrityError), transaction.atomic():
        booking.book([Movement(entry(), "t0")], mode="paper", now=NOW)
    assert money()[KALSHI, 0] == (D("9995.83"), 4)


def test_an_account_that_was_changed_behind_our_back_is_told():
    book(entry())
    assert holdings.accounts_differ("paper") == []
    Account.objects.filter(platform=KALSHI).update(cash=1)
    (sentence,) = holdings.accounts_differ("paper")
    assert "kalshi/0" in sentence and "9995.83" in sentence


def test_a_trade_that_failed_leaves_nothing_but_its_trace():
    book(entry(fee="0.20"), entry(price="0.60", fee="0.10"))
    undone = ledger.reversal(entry(price="0.60", fee="0.10"))
    book(undone)
    position = holdings.value_of(holdings.rows_of("paper")[entry().key])
    assert (position.quantity, position.paid, position.cost, position.realised) == (10, 4, D("4.2"), 0)
    assert money()[KALSHI, 0] == (D("9995.8"), 4)
    assert holdings.accounts_differ("paper") == []


traded = st.lists(
    st.tuples(
        st.sampled_from([KALSHI, POLYMARKET]), st.sampled_from([YES, NO]), st.sampled_from([BUY, BUY, SELL]),
        st.integers(1, 30), st.integers(1, 99), st.integers(0, 40), st.integers(0, 2),
        st.sampled_from([ledger.TRADE, HAND, ledger.REVERSAL]),
    ),
    max_size=15,
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traded)
def test_accounts_are_the_sum_of_their_history(trades):
    with transaction.atomic():
        for number, (platform, outcome, side, size, cents, fee, shard, kind) in enumerate(trades):
            one = Entry(platform, IDS[platform], outcome, side, D(size), D(cents) / 100, D(fee) / 1000, kind)
            try:
                with transaction.atomic():
                    booking.book([Movement(one, f"h{number}", shard=shard)], mode="live", now=NOW)
            except ledger.LedgerError:
                continue  # more sold than held
        assert holdings.accounts_differ("live") == []
        rows = holdings.rows_of("live").values()
        invested = sum((row.paid for row in rows), D(0))
        assert sum((one.invested for one in holdings.accounts("live")), D(0)) == invested
        assert all(row.paid >= 0 for row in rows)
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(cash), 0) FROM fills WHERE mode = 'live'")
            assert sum(holdings.cash("live").values(), D(0)) == cursor.fetchone()[0]
        transaction.set_rollback(True)
