"""What is at risk: positions of the markets asked about, open orders, groups; and the plan that fits into the rest."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution import limits
from execution.ledger import BUY, Entry
from execution.models import CashMovement, Order
from execution.plans import fitting
from execution.plans.planning import NoPlan, Plan, Ticket
from execution.portfolio import booking, holdings
from execution.portfolio.booking import Movement
from execution.risk import services as risk
from markets import live, store
from markets.books import YES
from markets.models import Bet, Market
from markets.platforms.base import KALSHI, POLYMARKET
from signals import catalogue, rules
from signals.deciding.decision import Context
from signals.detection import detector
from tests import factories
from tests.factories import IDS

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _fresh(redis):
    catalogue.forget()
    yield
    catalogue.forget()


def known():
    return catalogue.current()


def listed(platform, suffix) -> None:
    if not Market.objects.filter(id=IDS[platform] + suffix).exists():
        store.upsert([factories.info(platform, IDS[platform] + suffix)], now=NOW)


def hold(platform=KALSHI, suffix="", quantity="100", price="0.50", mode="paper", number=0) -> None:
    listed(platform, suffix)
    entry = Entry(platform, IDS[platform] + suffix, YES, BUY, D(quantity), D(price), D(0))
    booking.book([Movement(entry, f"t{platform}{suffix}{number}")], mode=mode, now=NOW)


def order(name="o", status="OPEN", suffix="", **more) -> Order:
    listed(KALSHI, suffix)
    given = {
        "platform": KALSHI, "market_id": IDS[KALSHI] + suffix, "outcome": YES, "side": "BUY", "quantity": D(100),
        "price": D("0.50"), "status": status, "mode": "paper", "client_order_id": name, "role": "HAND",
    } | more  # fmt: skip
    return Order.objects.create(id=name, **given)


def held(**more):
    return holdings.held("paper", known(), **more)


def test_only_what_is_asked_about_is_read_and_totals_are_whole():
    for suffix in ("", "2", "3"):
        factories.a_pair(suffix, event_id=f"EV{suffix}", resolution_source="")
        hold(suffix=suffix)
    bet = Bet.objects.get(outcomes__market_id=IDS[KALSHI] + "2", outcomes__outcome="YES")
    found = held(bets=[bet.id])
    assert found.by_market == {(KALSHI, IDS[KALSHI] + "2"): 50} and found.by_bet == {bet.id: 50}
    assert found.notional == 150 and found.cash == {KALSHI: 9_850, POLYMARKET: 10_000}
    assert found.bankroll == 20_000
    assert held().by_bet == dict.fromkeys(known().bets, 50)
    assert held(markets=[(KALSHI, IDS[KALSHI] + "2")]).by_bet == {bet.id: 50}


def test_it_takes_as_many_queries_however_much_is_held(django_assert_num_queries):
    factories.a_pair()
    (bet_id,) = known().bets
    held(bets=[bet_id])
    with django_assert_num_queries(
        5
    ):  # accounts, opening, positions, orders, sent (late ones are kept a minute)
        held(bets=[bet_id])


@pytest.mark.parametrize("status", Order.OPEN_STATUSES)
def test_open_orders_have_spoken_for_what_they_may_still_cost(status):
    factories.a_pair()
    order(status=status, filled_qty=D(40))
    found = held()
    assert found.by_market[KALSHI, IDS[KALSHI]] == found.by_platform[KALSHI] == 30
    assert found.open_orders == 1
    fee = D("0.07") * 60 * D("0.25")
    assert 10_000 - 30 - fee - D("0.01") <= found.cash[KALSHI] <= 10_000 - 30 - fee
    assert list(found.by_bet.values()) == [30]


@pytest.mark.parametrize("status", ["FILLED", "CANCELLED", "REJECTED", "ABANDONED", "FAILED"])
def test_orders_that_are_done_have_not(status):
    order(status=status)
    found = held()
    assert (found.notional, found.open_orders, found.cash[KALSHI]) == (0, 0, 10_000)


def test_what_has_matched_and_is_not_booked_yet_still_counts():
    order(status="FILLED", matched_qty=D(100), filled_qty=D(40), sent_at=timezone.now())
    assert held().notional == 30
    Order.objects.update(sent_at=timezone.now() - timedelta(minutes=11))
    assert held().notional == 0


def test_an_order_by_cash_reserves_its_cash():
    order(cash=D(45), filled_qty=D(50), avg_fill_price=D("0.40"))
    assert held().notional == 25


def test_a_sale_is_an_open_order_and_reserves_nothing():
    order(side="SELL")
    found = held()
    assert (found.notional, found.open_orders, found.cash[KALSHI]) == (0, 1, 10_000)


def test_the_order_that_is_asked_about_is_left_out():
    order("a")
    order("b")
    assert held(without=["a"]).notional == 50 and held(without=["a"]).open_orders == 1


def test_orders_of_the_last_minute():
    order("a", "FILLED", sent_at=timezone.now() - timedelta(seconds=59))
    order("b", "FILLED", sent_at=timezone.now() - timedelta(seconds=61))
    order("c", "FILLED", sent_at=timezone.now(), mode="live")
    assert held().sent == 1


def test_another_mode_is_another_matter():
    hold(mode="live")
    order(mode="sandbox")
    assert held().notional == 0


def test_bets_of_one_event_or_of_one_source_and_day_are_a_group():
    factories.a_pair("1", event_id="EV1", resolution_source="")
    factories.a_pair("2", event_id="EV1", resolution_source="")
    factories.a_pair("3", event_id="EV3", resolution_source="https://www.NOAA.gov/")
    factories.a_pair("4", event_id="EV4", resolution_source="noaa.gov")
    factories.a_pair("5", event_id="EV5", resolution_source="noaa.gov", settles=NOW + timedelta(days=40))
    for suffix in "12345":
        hold(suffix=suffix)
    bets = {
        suffix: Bet.objects.filter(outcomes__market_id=IDS[KALSHI] + suffix).distinct().get().id
        for suffix in "12345"
    }

    def beside(suffix) -> dict[str, D]:
        found = held(bets=[bets[suffix]])
        return {name: found.by_group[name] for name in found.groups[bets[suffix]]}

    assert beside("1") == {"event:kalshi:EV1": 100, "event:polymarket:EV1": 100}
    day = f"{NOW + timedelta(days=10):%Y-%m-%d}"
    assert beside("3") == {"event:kalshi:EV3": 50, "event:polymarket:EV3": 50, f"source:noaa.gov@{day}": 100}
    assert max(beside("5").values()) == 50


def test_what_pays_late_is_counted_apart(redis):
    factories.a_pair("1", settles=NOW + timedelta(days=91), event_id="", resolution_source="")
    factories.a_pair("2", event_id="", resolution_source="")
    hold(suffix="1")
    hold(suffix="2")
    found = held()
    assert found.locked_late == 50
    assert found.late == {(platform, IDS[platform] + "1") for platform in (KALSHI, POLYMARKET)}
    hold(suffix="1", number=1)
    assert held().locked_late == 50  # at most a minute old
    redis.delete("cache:locked:paper")
    assert held().locked_late == 100


# --- a plan inside what is left


@pytest.fixture
def gap():
    """A pair ten cents apart, its bet, finding and books."""
    factories.a_pair(event_id="", resolution_source="")
    now_ms = factories.unix_ms()
    factories.a_gap(now_ms, size="1000")
    bet = next(iter(known().bets.values()))
    views = live.book_views(bet.markets)
    finding = detector.find(bet, views, known().listings, rules.rules(), now_ms).findings[0]
    return bet, finding, views, now_ms


def fit(gap, m0="0", found=None) -> Plan | NoPlan:
    bet, finding, views, now_ms = gap
    found = found or held(bets=[bet.id])
    return fitting.plan(bet, finding, known(), views, found, now_ms, Context(m0=D(0), m0_upper=D(m0)))


def change(name, value, scope=""):
    person = factories.a_person()
    person.is_superuser = True
    person.save()
    risk.set_limit(name, scope, D(value), person, "a test", now=NOW)


def stake_of(planned) -> D:
    return planned.finding.outlay


def test_kelly_cuts_a_plan_and_says_so(gap):
    whole = fit(gap)
    assert whole.finding.limited_by != "kelly"
    change("kelly_fraction", "0.01")
    planned = fit(gap)
    assert planned.finding.limited_by == "kelly"
    assert 190 < stake_of(planned) <= 200  # one per cent of 20,000 for a bet that cannot lose
    edge = planned.finding.edge
    half = fit(gap, m0=str(edge / 2))
    assert half.finding.limited_by == "kelly" and 90 < stake_of(half) <= 101


def test_no_stake_where_everything_may_be_lost_as_likely_as_the_edge_is_wide(gap):
    refused = fit(gap, m0="0.09")
    assert isinstance(refused, NoPlan) and refused.code == "kelly" and "0.09" in refused.sentence


def test_what_stands_on_the_same_source_is_taken_off():
    factories.a_pair(event_id="EV", resolution_source="")
    factories.a_pair("2", event_id="EV", resolution_source="")
    now_ms = factories.unix_ms()
    factories.a_gap(now_ms, size="1000")
    bet = next(bet for bet in known().bets.values() if (KALSHI, IDS[KALSHI]) in bet.markets)
    views = live.book_views(bet.markets)
    gap = bet, detector.find(bet, views, known().listings, rules.rules(), now_ms).findings[0], views, now_ms
    change("kelly_fraction", "0.01")
    assert 190 < stake_of(fit(gap)) <= 200
    hold(suffix="2", quantity="200", price="0.75")
    assert 40 < stake_of(fit(gap)) <= 51


def test_each_limit_on_money_cuts_a_plan_and_names_itself(gap):
    bet = gap[0]
    wanted = stake_of(fit(gap))
    for name, code, value, scope in (
        ("max_bet_notional", "max_bet_notional", wanted / 2, f"bet:{bet.id}"),
        ("max_market_notional", "max_market_notional", 50, f"market:{IDS[KALSHI]}"),
        ("max_order_notional", "max_order_notional", 40, f"market:{IDS[KALSHI]}"),
        ("max_order_contracts", "max_order_contracts", 60, ""),
        ("max_locked_pct", "max_locked_pct", "0.002", ""),
    ):
        change("max_late_pct", "0.001")
        change(name, str(value), scope)
        planned = fit(gap)
        assert isinstance(planned, Plan) and planned.finding.limited_by == code, planned
        loose = replace(holdings.limits(), collar=None)
        assert limits.check_plan(planned.tickets, held(bets=[bet.id]), loose, [None, None]) == []


def test_cash_of_a_platform_is_a_cap_of_the_search(gap):
    change("min_cash", "9950", KALSHI)
    planned = fit(gap)
    assert planned.finding.limited_by == f"cash:{KALSHI}"
    spent = sum(ticket.cash for ticket in planned.tickets if ticket.platform == KALSHI)
    assert 45 < spent <= 50


def test_a_ticket_knows_its_shard():
    factories.a_pair(event_id="", resolution_source="", extra={"exchange_index": 2})
    now_ms = factories.unix_ms()
    factories.a_gap(now_ms, size="1000")
    bet = next(iter(known().bets.values()))
    views = live.book_views(bet.markets)
    finding = detector.find(bet, views, known().listings, rules.rules(), now_ms).findings[0]
    for shard, amount in ((0, 5_000), (2, 80)):
        booking.move_cash(
            "sandbox", KALSHI, D(amount), CashMovement.DEPOSIT, f"d{shard}", now=NOW, shard=shard
        )
    booking.move_cash("sandbox", POLYMARKET, D(5_000), CashMovement.DEPOSIT, "d", now=NOW, shard=2)
    found = holdings.held("sandbox", known(), bets=[bet.id])
    planned = fit((bet, finding, views, now_ms), found=found)
    assert {ticket.shard for ticket in planned.tickets} == {2}
    assert planned.finding.limited_by == f"cash:{KALSHI}"
    assert sum(ticket.cash for ticket in planned.tickets if ticket.platform == KALSHI) <= 80


def test_a_ticket_by_hand_counts_in_every_bet_of_its_market():
    factories.a_pair(event_id="", resolution_source="")
    hold(quantity="900")
    by_hand = Ticket("", KALSHI, IDS[KALSHI], YES, BUY, D(110), D("0.50"), D(55), D(57))
    found = held(markets=[(KALSHI, IDS[KALSHI])])
    codes = [one.code for one in limits.check(by_hand, found, holdings.limits(), best=D("0.50"))]
    assert codes == ["max_market_notional", "max_bet_notional"]
