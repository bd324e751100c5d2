"""What platforms say, in any order and as often as they like: the same rows in the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from random import Random

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from arbsite import keys
from arbsite.models import Notice
from execution import lifecycle
from execution.models import CashMovement, Fill, Halt, Order, Plan, Position, Settling
from execution.orders import facts, hearing
from execution.portfolio import holdings
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.trading import FillReport, OrderReport
from tests import factories
from tests.execution.a_plan import *  # noqa: F403
from tests.factories import IDS

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 26, tzinfo=UTC)
MARKET = IDS[POLYMARKET]


def order(name="o1", platform=POLYMARKET, status="SUBMITTED", **fields):
    plan, _ = Plan.objects.get_or_create(id="plan_1", defaults={"mode": "sandbox"})
    values = {
        "plan": plan, "platform": platform, "market_id": IDS[platform], "outcome": "YES", "side": "BUY", "mode": "sandbox",
        "quantity": D(10), "price": D("0.50"), "platform_order_id": f"v_{name}", "sent_at": timezone.now(),
        "attempt": Order.objects.count(),
    }  # fmt: skip
    return factories.an_order(name, status, **(values | fields))


def fill(number=0, of="o1", size="4", price="0.40", status="MATCHED", **more):
    values = FillReport(
        f"t{number}_{of}", f"t{number}_{of}", f"v_{of}", MARKET, "YES", "BUY", D(price), D(size), D("0.01"),
        AT + timedelta(seconds=number), status,
    )  # fmt: skip
    return replace(values, **more)


def report(status="PARTIAL", matched="4", of="o1", **more):
    values = OrderReport(f"v_{of}", "", MARKET, "YES", "BUY", status, D(10), D(matched), D("0.50"))
    return replace(values, **more)


def tell(one, platform=POLYMARKET):
    tell_it = facts.fills_told if isinstance(one, FillReport) else facts.orders_told
    return tell_it([one], mode="sandbox", platform=platform, now=timezone.now())


def rows():
    """Everything that facts may change, without times."""
    return (
        sorted(
            Order.objects.values_list("id", "status", "matched_qty", "filled_qty", "avg_fill_price", "fee")
        ),
        sorted(Fill.objects.values_list("trade_id", "kind", "side", "quantity", "price", "fee")),
        sorted(Settling.objects.values_list("trade_id", "status")),
        sorted(Position.objects.values_list("market_id", "outcome", "quantity", "cost", "realized_pnl")),
    )


def clear():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE settling, fills, positions, plan_steps, orders, plans, accounts, notices CASCADE"
        )


STORIES = {
    "filled": [
        report("OPEN", "0"), report("PARTIAL", "4"), report("FILLED", "10"),
        fill(0), fill(1, size="6"), fill(0, status="MINED"), fill(0, status="CONFIRMED"),
        fill(1, size="6", status="CONFIRMED"),
    ],
    "cancelled": [report("OPEN", "0"), report("CANCELLED", "4"), fill(0), fill(0, status="CONFIRMED")],
    "failed": [report("FILLED", "10"), fill(0, size="10"), fill(0, size="10", status="RETRYING"),
               fill(0, size="10", status="FAILED")],
    "half_failed": [report("FILLED", "10"), fill(0, status="FAILED"), fill(1, size="6", status="CONFIRMED"), fill(0)],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_any_order_and_any_number_of_times_leaves_the_same_rows(venues, story):
    factories.a_pair()
    seen = set()
    for seed in range(12):
        clear()
        order()
        told = STORIES[story] * (1 + seed % 2)
        Random(seed).shuffle(told)
        for one in told:
            assert tell(one) == []
        seen.add(repr(rows()))
    assert len(seen) == 1, seen
    (one,) = Order.objects.all()
    expected = {
        "filled": ("FILLED", 10),
        "cancelled": ("CANCELLED", 4),
        "failed": ("FAILED", 0),
        "half_failed": ("FILLED", 6),
    }
    assert (one.status, one.filled_qty) == expected[story]
    held = sum((row.quantity for row in Position.objects.all()), D(0))
    assert held == one.filled_qty


@pytest.mark.parametrize("seed", range(6))
def test_a_sale_may_be_told_before_its_purchase(venues, seed):
    factories.a_pair()
    order()
    order("o2", side="SELL")
    told = [
        fill(0, size="10"),
        fill(0, of="o2", size="10", side="SELL", price="0.45"),
        report("FILLED", "10", "o2"),
    ]
    Random(seed).shuffle(told)
    for one in told * 2:  # what could not be booked is told again: `unsettled` asks for it
        tell(one)
    assert sorted(Fill.objects.values_list("side", flat=True)) == ["BUY", "SELL"]
    assert not Position.objects.filter(quantity__gt=0).exists()


def test_what_could_not_be_booked_is_asked_for_again(venues):
    factories.a_pair()
    order()
    order("o2", side="SELL")
    tell(report("FILLED", "10", "o2"))
    tell(fill(0, of="o2", size="10", side="SELL", price="0.45"))
    assert [one.id for one in facts.unsettled("sandbox", POLYMARKET)] == ["o2"]


def test_the_same_order_told_from_the_other_side_is_ours_in_our_words(venues):
    factories.a_pair()
    order(platform=KALSHI, outcome="NO", market_id=IDS[KALSHI])
    told = fill(0, market_id=IDS[KALSHI], outcome="YES", side="SELL", price="0.60")
    assert tell(told, KALSHI) == []
    row = Fill.objects.get()
    assert (row.outcome, row.side, row.price) == ("NO", "BUY", D("0.40"))


def test_what_is_not_ours_is_handed_back_and_not_booked(venues):
    factories.a_pair()
    stranger = fill(0, of="somebody")
    assert tell(stranger) == [stranger]
    foreign = report("OPEN", "0", "somebody")
    assert tell(foreign) == [foreign]
    assert not Fill.objects.exists()


def test_what_may_be_ours_is_neither_booked_nor_handed_back(venues):
    factories.a_pair()
    order(status="UNKNOWN", platform_order_id="")
    assert tell(fill(0, of="nameless")) == [] and not Fill.objects.exists()
    told = report("FILLED", "4", "nameless", client_order_id="o1")
    assert tell(told) == []
    assert Order.objects.get().platform_order_id == "v_nameless"
    assert tell(fill(0, of="nameless")) == [] and Fill.objects.count() == 1


def test_fees_that_are_not_told_come_from_the_schedule(venues):
    factories.a_pair()
    order()
    tell(fill(0, fee=None, size="10"))
    assert Order.objects.get().fee == D("0.05") * 10 * D("0.4") * D("0.6")


def test_yes_and_no_of_a_kalshi_market_are_a_dollar_at_once(venues):
    factories.a_pair()
    for name, outcome in (("o1", "YES"), ("o2", "NO")):
        order(name, KALSHI, outcome=outcome)
        tell(fill(0, of=name, size="10", outcome=outcome, market_id=IDS[KALSHI]), KALSHI)
    assert Fill.objects.filter(kind=Fill.MERGE).count() == 2
    assert not Position.objects.filter(quantity__gt=0).exists()
    deposit = sum(CashMovement.objects.values_list("amount", flat=True))
    assert deposit > 0


def test_a_refused_order_that_lives_is_told_of_and_counted(venues):
    from arbsite.models import Notice

    factories.a_pair()
    order(status="REJECTED")
    tell(report("FILLED", "10"))
    row = Order.objects.get()
    assert (row.status, row.matched_qty) == ("REJECTED", 10)
    assert Notice.objects.get(kind="refused_order_lives").severity == "CRITICAL"


def test_news_open_a_plan_that_was_done_and_ring_for_it(venues, redis):
    factories.a_pair()
    order(status="ABANDONED")
    Plan.objects.update(status="ABANDONED")
    tell(report("FILLED", "10"))
    assert Plan.objects.get().status == "EXECUTING"
    assert redis.lrange(keys.TRADE_RING, 0, -1) == [b"plan_1"]
    Plan.objects.update(status="FILLED")
    tell(report("FILLED", "10"))
    assert Plan.objects.get().status == "FILLED", "no news"


def test_everybody_hears_of_an_order(venues, redis):
    factories.a_pair()
    order()
    tell(report("FILLED", "10"))
    assert redis.hget(keys.order("o1"), "status") == b"FILLED"


def test_an_order_by_cash_may_bring_more_than_was_counted_on(venues):
    factories.a_pair()
    order(cash=D(5))
    tell(fill(0, size="12", price="0.41"))
    tell(report("FILLED", "12", size=None))
    row = Order.objects.get()
    assert (row.status, row.filled_qty, row.matched_qty) == ("FILLED", 12, 12)


# --- the states alone


states = st.sampled_from(lifecycle.ORDER_STATES)
words = st.sampled_from(["OPEN", "PARTIAL", "FILLED", "CANCELLED", "DELAYED"])


@given(states, st.lists(st.tuples(words, st.integers(0, 10)), max_size=6), st.booleans())
def test_a_state_only_moves_as_permitted(old, told, by_cash):
    matched = D(0)
    for word, contracts in told:
        matched = max(matched, D(contracts))
        new = hearing.state(old, word, matched, None if by_cash else D(10))
        assert new == old or lifecycle.can_move(old, new)
        old = new


@given(st.permutations([("OPEN", 0), ("PARTIAL", 3), ("CANCELLED", 3), ("DELAYED", 0)]))
def test_the_order_of_words_does_not_matter(told):
    state, matched = "UNKNOWN", D(0)
    for word, contracts in told:
        matched = max(matched, D(contracts))
        state = hearing.state(state, word, matched, D(10))
    assert state == "CANCELLED"


def hand(**fields):
    """An order that somebody placed on the platform itself, as reconciliation adopts it."""
    return order("h1", role="HAND", status="OPEN", plan=None, **fields)


def test_a_fill_of_an_order_placed_by_hand_is_one_by_hand(venues):
    factories.a_pair()
    row = hand()
    assert tell(fill(of="h1")) == []
    assert tell(fill(of="h1")) == []
    assert Fill.objects.values_list("kind", "side", "quantity").get() == ("HAND", "BUY", D(4))
    row.refresh_from_db()
    assert (row.status, row.matched_qty, row.filled_qty, row.fee) == ("PARTIAL", D(4), D(4), D("0.01"))


def test_a_trade_by_hand_that_fails_is_undone_too_and_one_that_never_was_booked_is_nothing(venues):
    factories.a_pair()
    row = hand()
    tell(fill(1, of="h1", status="FAILED"))
    assert not Fill.objects.exists()
    tell(fill(of="h1"))
    tell(fill(of="h1", status="FAILED"))
    assert sorted(Fill.objects.values_list("kind", flat=True)) == ["HAND", "REVERSAL"]
    assert Position.objects.get().quantity == 0
    row.refresh_from_db()
    assert row.filled_qty == 0
    assert holdings.accounts_differ("sandbox") == []


def test_a_sale_by_hand_of_more_than_is_held_buys_the_other_outcome(venues):
    """As the platform that nets tells it, and as reconciliation books it: in two parts."""
    factories.a_pair()
    bought = order("o1", platform=KALSHI)
    tell(fill(market_id=IDS[KALSHI], size="4"), KALSHI)
    assert bought is not None
    hand(platform=KALSHI, side="SELL")
    tell(fill(5, of="h1", side="SELL", size="10", price="0.60", market_id=IDS[KALSHI]), KALSHI)
    held = dict(Position.objects.values_list("outcome", "quantity"))
    assert held == {"YES": D(0), "NO": D(6)}
    assert holdings.accounts_differ("sandbox") == []


def test_a_failed_trade_whose_contracts_are_sold_is_told_and_stops_its_market(venues):
    factories.a_pair()
    order("o1", status="FILLED", quantity=D(4))
    order("o2", status="FILLED", side="SELL", quantity=D(4))
    tell(fill())
    tell(fill(of="o2", side="SELL", price="0.45"))
    for _ in range(3):
        tell(fill(status="FAILED"))
    notice = Notice.objects.get(kind=facts.NOT_UNDONE)
    assert (notice.severity, notice.subject) == ("HIGH", "o1")
    halt = Halt.objects.get()
    assert (halt.code, halt.market_id, halt.lifted_at) == (facts.NOT_UNDONE, MARKET, None)
    assert not Fill.objects.filter(kind="REVERSAL").exists()
    Halt.objects.update(lifted_at=timezone.now(), lifted_by="rita")
    tell(fill(status="FAILED"))
    assert not Halt.objects.filter(lifted_at__isnull=True).exists()  # a person knows by now
