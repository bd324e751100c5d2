"""Positions, cash and profit on the database: every view of random ledgers adds up to the cent."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from arbsite.models import Notice
from execution import ledger
from execution.models import CashMovement, Difference, EquityPoint, Fill, Order, Position, Settling
from execution.portfolio import (
    calendar,
    equity,
    exposure,
    freeing,
    holders,
    holdings,
    made_of,
)
from execution.portfolio import (
    services as portfolio,
)
from execution.portfolio.apportioning import CENT
from markets.models import Market
from markets.platforms.base import DETERMINED, DISPUTED, KALSHI, POLYMARKET, SETTLED
from tests.execution.ledgers import NOW, a_market, a_neg_risk, a_pair, an_order, cash, exact_profit, trade

pytestmark = pytest.mark.django_db(transaction=True)
SOON = NOW + timedelta(seconds=1)


def settled(market_id, pays):
    Market.objects.filter(pk=market_id).update(status=SETTLED, settlement_value=D(pays))


def summary(mode="paper"):
    return portfolio.summary(now=SOON, mode=mode)


# --- between two marks


def test_a_position_agrees_with_itself_right_after_a_fill(redis):
    def unrealised():
        return Position.objects.get(market_id="PM-1").unrealized_pnl

    a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", "1.20")
    assert unrealised() == D("-1.20")  # at the price paid
    Position.objects.update(current_price=D("0.50"))
    trade("PM-1", "YES", "BUY", 100, "0.60", "1.20")
    assert unrealised() == D("-2.40")  # 200 at 0.50, for 102.40
    portfolio.mark()
    assert unrealised() == D("-2.40")
    trade("PM-1", "YES", "SELL", 200, "0.50")
    assert unrealised() == 0


# --- settlement


def test_a_pair_settles_and_the_profit_is_the_payoff_less_what_was_paid(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", "1.20", bet=bet)
    trade("KX-1", "NO", "BUY", 100, "0.50", "1.75", bet=bet)
    settled("PM-1", "1")
    settled("KX-1", "1")
    assert portfolio.settle(now=SOON) == 2
    found = summary()
    assert found["realized_pnl"] == found["pnl"] == found["pnl_from_fills"] == D("7.05")  # 100 - 92.95
    assert found["exact"] and found["differences"] == [] and found["open_positions"] == 0
    assert found["equity"] == found["moved"] + found["pnl"] == D("20007.05")


def test_what_has_settled_is_worth_its_payoff_before_the_platform_has_paid(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", "1.20", bet=bet, mode="sandbox")
    trade("KX-1", "NO", "BUY", 100, "0.50", "1.75", bet=bet, mode="sandbox")
    settled("PM-1", "1")
    settled("KX-1", "1")
    assert summary("sandbox")["pnl"] == D("7.05")


@pytest.mark.parametrize(
    ("pays", "yes", "no"), [("0.5", "50", "50"), ("0.37", "37", "63"), ("0", "0", "100")]
)
def test_a_half_or_scalar_settlement_is_a_settlement_like_any_other(redis, pays, yes, no):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    trade("PM-1", "NO", "BUY", 100, "0.55", bet=bet, at=NOW)
    settled("PM-1", pays)
    assert portfolio.settle(now=SOON) == 1
    paid = {fill.outcome: fill.cash for fill in Fill.objects.filter(kind=Fill.SETTLEMENT)}
    assert paid == {"YES": D(yes), "NO": D(no)}
    assert summary()["pnl"] == D("5.00")


def test_a_settlement_is_booked_once_whoever_hears_of_it_first(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet, mode="live")
    settled("PM-1", "1")
    assert portfolio.settle_market(POLYMARKET, "PM-1", D(1), now=SOON, mode="live")
    assert not portfolio.settle_market(POLYMARKET, "PM-1", D(1), now=SOON, mode="live")
    assert portfolio.settle(now=SOON, mode="live") == 0 and portfolio.settle(now=SOON) == 0
    assert Fill.objects.filter(kind=Fill.SETTLEMENT).count() == 1
    assert Notice.objects.filter(kind="market_settled").count() == 1


def test_a_fill_found_after_the_settlement_is_settled_too(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    settled("PM-1", "1")
    portfolio.settle(now=SOON)
    trade("PM-1", "YES", "BUY", 7, "0.40", bet=bet, at=SOON)
    assert portfolio.settle(now=SOON) == 1
    ids = list(Fill.objects.filter(kind=Fill.SETTLEMENT).order_by("id").values_list("trade_id", flat=True))
    assert ids == ["settlement:PM-1:YES", "settlement:PM-1:YES:2"]


def test_a_value_that_no_contract_can_pay_is_refused(redis):
    trade("PM-1", "YES", "BUY", 1, "0.40", bet=a_pair())
    with pytest.raises(ledger.LedgerError):
        portfolio.settle_market(POLYMARKET, "PM-1", D("1.01"), now=SOON)
    assert not Fill.objects.filter(kind=Fill.SETTLEMENT).exists()


# --- baskets


def test_a_basket_of_no_is_money_at_once_on_paper(redis):
    bet = a_neg_risk()
    for name, size in (("N-1", 10), ("N-2", 10), ("N-3", 12)):
        trade(name, "NO", "BUY", size, "0.62", bet=bet)
    before = equity.cash("paper")[POLYMARKET, 0]
    assert freeing.free(now=SOON) == 20
    assert equity.cash("paper")[POLYMARKET, 0] == before + 20
    assert {
        (row.market_id, row.outcome): row.quantity for row in Position.objects.filter(quantity__gt=0)
    } == {("N-3", "NO"): D(2)}
    assert freeing.free(now=SOON) == 0
    found = summary()
    assert found["exact"] and found["realized_pnl"] == D("1.40") and found["differences"] == []
    assert Notice.objects.get(kind="basket_converted").message.startswith("10.00000000 NO of 3 markets")


def test_part_of_an_event_becomes_dollars_and_yes_of_the_rest(redis):
    bet = a_neg_risk(names=("N-1", "N-2", "N-3", "N-4"))
    trade("N-1", "NO", "BUY", 10, "0.80", bet=bet)
    trade("N-2", "NO", "BUY", 10, "0.90", bet=bet)
    assert freeing.free(now=SOON) == 10
    held = {(one.row.market_id, one.row.outcome): one.by_bet for one in holders.open_positions("paper")}
    assert held == {("N-3", "YES"): {bet.id: D(10)}, ("N-4", "YES"): {bet.id: D(10)}}
    for name, pays in (("N-1", 0), ("N-2", 0), ("N-3", 1), ("N-4", 0)):
        settled(name, pays)
    portfolio.settle(now=SOON)
    assert summary()["pnl"] == D("3.00")  # 20 paid in that state, 17 spent


def test_no_that_covers_another_platforms_yes_is_left_alone(redis):
    a_neg_risk()
    pair, other = a_pair("pair:1", "N-1", "KX-1"), a_pair("pair:2", "N-2", "KX-2")
    trade("N-1", "NO", "BUY", 10, "0.62", bet=pair)
    trade("N-2", "NO", "BUY", 10, "0.62", bet=other)
    assert freeing.free(now=SOON) == 0 and not Fill.objects.filter(kind=Fill.CONVERSION).exists()


def test_outside_paper_nothing_is_converted_before_it_happened(redis):
    bet = a_neg_risk()
    for name in ("N-1", "N-2", "N-3"):
        trade(name, "NO", "BUY", 10, "0.62", bet=bet, mode="live")
    assert freeing.free(now=SOON) == 0
    assert [layer.frees for layer in freeing.baskets("live")] == [D(20)]


# --- what a summary tells


def test_money_that_is_not_confirmed_is_provisional(redis):
    bet = a_pair()
    for status, price in (("MATCHED", "0.40"), ("MINED", "0.41"), ("CONFIRMED", "0.42"), ("FAILED", "0.43")):
        fill = trade("PM-1", "YES", "BUY", 10, price, "0.1", bet=bet, mode="live")
        Settling.objects.create(fill=fill, trade_id=fill.trade_id, status=status)
    sale = trade("PM-1", "YES", "SELL", 10, "0.50", bet=bet, mode="live")
    Settling.objects.create(fill=sale, trade_id=sale.trade_id, status="RETRYING")
    found = summary("live")["provisional"]
    assert found[POLYMARKET] == {"fills": 3, "paid": D("8.30"), "received": D("5.00")}
    assert found[KALSHI] == {"fills": 0, "paid": 0, "received": 0}


def test_cash_is_told_by_platform_and_shard_and_deposits_are_no_profit(redis):
    cash(1000, KALSHI, CashMovement.OPENING, mode="live")
    cash(250, KALSHI, mode="live", shard=2)
    cash(-50, KALSHI, CashMovement.WITHDRAWAL, mode="live")
    found = summary("live")
    assert [one for one in found["shards"] if one["platform"] == KALSHI] == [
        {"platform": KALSHI, "shard": 0, "cash": D(950)}, {"platform": KALSHI, "shard": 2, "cash": D(250)},
    ]  # fmt: skip
    assert (found["equity"], found["moved"], found["pnl"], found["cash"][KALSHI]) == (1200, 1200, 0, 1200)


def test_a_correction_is_no_deposit_but_money_won_or_lost(redis):
    cash(1000, KALSHI, CashMovement.OPENING, mode="live")
    cash("-0.02", KALSHI, CashMovement.CORRECTION, mode="live")
    found = summary("live")
    assert (found["equity"], found["moved"], found["corrections"], found["pnl"]) == (
        D("999.98"),
        1000,
        D("-0.02"),
        0,
    )
    assert found["day_profit"] == D("-0.02") and found["differences"] == []


def test_margin_is_what_positions_lock_and_open_purchases_reserve(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", "1.2", bet=bet)
    an_order(bet, "KX-1", status="OPEN", quantity=D(50), filled_qty=D(10), price=D("0.30"))
    an_order(bet, "PM-1", status="PLANNED", quantity=D(50), price=D("0.30"), cash=D("14.2"))
    an_order(bet, "PM-1", status="OPEN", side="SELL")
    found = summary()["margin"]
    assert found[POLYMARKET] == {"positions": D(40), "orders": D("14.20")}
    assert found[KALSHI] == {"positions": 0, "orders": D(12)} and found["total"] == D("66.20")


def point(at, money, positions, moved=0, high=0, mode="paper"):
    return EquityPoint.objects.create(
        mode=mode, at=at, cash=D(money), positions=D(positions), moved=D(moved), high_water=D(high)
    )


def test_the_days_profit_leaves_out_what_was_deposited(redis):
    cash(1000, KALSHI, CashMovement.OPENING, mode="live", at=NOW - timedelta(days=3))
    point(NOW - timedelta(hours=13), 1000, 0, 1000, mode="live")
    point(NOW - timedelta(hours=2), 900, 90, 1000, 5, mode="live")  # once 5 up, now 10 down
    cash(500, KALSHI, mode="live", at=NOW - timedelta(hours=1))
    bet = a_pair()
    trade("KX-1", "YES", "BUY", 100, "0.40", "2", bet=bet, mode="live")
    found = summary("live")
    assert (found["day_profit"], found["equity"], found["drawdown"]) == (D("-2.00"), D(1498), D("7.00"))
    assert [one.profit for one in equity.curve("live", NOW - timedelta(days=1), NOW)] == [0, -10]


def test_a_day_that_nobody_watched_has_no_profit_that_one_could_know(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 10, "0.40", bet=bet, at=NOW - timedelta(days=3))
    assert summary()["day_profit"] is None
    assert equity.profit_at("sandbox", NOW) == 0  # nothing was ever traded there


def test_the_curve_is_thinned_to_the_last_of_each_span(redis):
    for minute in range(60):
        point(NOW - timedelta(minutes=60 - minute), 20_000 + minute, 0)
    found = equity.curve("paper", NOW - timedelta(minutes=60), NOW, points=6)
    assert [one.cash for one in found] == [20009, 20019, 20029, 20039, 20049, 20059]


def test_open_differences_are_counted(redis):
    Difference.objects.create(mode="paper", platform=KALSHI, kind="cash", subject="0", sentence="differs")
    assert summary()["open_differences"] == 1


# --- the calendar


def entries(mode="paper"):
    return {entry.bet_id or entry.label: entry for entry in calendar.look(mode, NOW).entries}


def test_a_pair_comes_free_with_its_later_leg_and_pays_what_its_worst_state_pays(redis):
    bet = a_pair(m0_upper=D("0.02"))
    Market.objects.filter(pk="KX-1").update(settles_at=NOW + timedelta(days=20))
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    trade("KX-1", "NO", "BUY", 90, "0.50", bet=bet)
    entry = entries()[bet.id]
    assert (entry.day, entry.kind) == (date(2026, 12, 16), calendar.EXPECTED)
    assert (entry.sure, entry.most, entry.cost, entry.chance) == (90, 100, 85, D("0.98"))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": DISPUTED}, calendar.IN_DISPUTE), ({"settles_at": None}, calendar.UNKNOWN),
        ({"settles_at": NOW - timedelta(days=1)}, calendar.OVERDUE), ({"status": DETERMINED}, calendar.DECIDED),
    ],
)  # fmt: skip
def test_how_sure_the_day_is(redis, changes, kind):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 10, "0.40", bet=bet)
    Market.objects.filter(pk="PM-1").update(**changes)
    entry = entries()[bet.id]
    assert entry.kind == kind and (entry.day is None) == (kind == calendar.UNKNOWN)


def test_a_leg_that_has_settled_waits_for_its_money_and_decides_what_the_other_pays(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    trade("KX-1", "NO", "BUY", 100, "0.50", bet=bet)
    settled("PM-1", 0)
    found = calendar.look("paper", NOW).entries
    assert [(one.kind, one.sure, one.cost) for one in found] == [
        (calendar.PAID, 0, 40), (calendar.EXPECTED, 100, 50),
    ]  # fmt: skip


def test_what_nobody_planned_is_sure_of_nothing(redis):
    a_market("HAND")
    trade("HAND", "YES", "BUY", 10, "0.40", kind="HAND")
    (entry,) = calendar.look("paper", NOW).entries
    assert (entry.sure, entry.most, entry.bet_id) == (0, 10, "")


# --- what the profit is made of


def test_a_complete_set_locks_its_profit_in_and_what_no_leg_covers_is_at_risk(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", "1", bet=bet)
    trade("KX-1", "NO", "BUY", 80, "0.50", bet=bet)
    for market, price in (("PM-1", "0.30"), ("KX-1", "0.48")):
        Position.objects.filter(market_id=market).update(current_price=D(price))
    found = summary()
    assert found["sure"] == {"pays": D(80), "cost": D("72.80")}  # 80 of the 100 YES, and the NO
    assert found["lone"] == {"cost": D("8.20"), "worth": D(6)}
    assert found["made_of"] == {
        "realized_pnl": 0, "locked_in": D("7.20"), "until_settlement": D("-17.60"), "at_risk": D("-2.20"),
    }  # fmt: skip


@pytest.mark.parametrize(("pays", "free"), [("1", "0.01"), ("0", "0.99")])
def test_once_one_leg_has_settled_the_other_hangs_on_nothing_any_more(redis, pays, free):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    trade("KX-1", "NO", "BUY", 100, "0.50", bet=bet)
    settled("PM-1", pays)
    assert portfolio.settle(now=SOON) == 1
    Position.objects.filter(market_id="KX-1").update(current_price=D(free))
    found = summary()
    assert found["lone"] == {"cost": 0, "worth": 0}
    assert found["made_of"]["realized_pnl"] + found["made_of"]["locked_in"] == D(10)


def test_what_was_realised_is_told_by_what_realised_it(redis):
    bet = a_pair()
    trade("PM-1", "YES", "BUY", 100, "0.40", bet=bet)
    sale = trade("PM-1", "YES", "SELL", 20, "0.35", bet=bet)
    Order.objects.filter(pk=sale.order_id).update(role=Order.UNWIND)
    trade("PM-1", "YES", "SELL", 10, "0.50", kind="HAND")
    settled("PM-1", 1)
    portfolio.settle(now=SOON)
    total = summary()["realized_pnl"]
    assert made_of.realised("paper", total) == {
        "settled": 42, "merged_or_converted": 0, "sold_back": -1, "left_early": 0, "otherwise": 1,
    }  # fmt: skip


# --- everything adds up


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("trade"), st.integers(0, 4), st.sampled_from(["YES", "NO"]), st.sampled_from(["BUY", "BUY", "SELL"]),
            st.decimals("0.01", "300", places=2), st.decimals("0.01", "0.99", places=3), st.decimals("-1", "3", places=5),
            st.integers(0, 3), st.sampled_from(["TRADE", "TRADE", "HAND", "REVERSAL"]),
        ),
        st.tuples(
            st.just("cash"), st.decimals("-500", "900", places=6), st.sampled_from([KALSHI, POLYMARKET]), st.integers(0, 2),
            st.sampled_from(["DEPOSIT", "CORRECTION"]),
        ),
        st.tuples(st.just("settle"), st.integers(0, 4), st.sampled_from(["0", "1", "0.5", "0.333333"])),
        st.tuples(st.just("free")),
        st.tuples(st.just("mark"), st.integers(0, 4), st.decimals("0.001", "0.999", places=3)),
    ),
    max_size=25,
)  # fmt: skip
MARKETS = ("N-1", "N-2", "N-3", "PM-1", "KX-1")


def play(steps, mode):
    bets = [a_neg_risk(), a_pair(), a_pair("pair:2", "N-1", "KX-1"), None]
    for step in steps:
        match step:
            case ("trade", market, outcome, side, size, price, fee, bet, kind):
                held = holdings.rows_of(mode, [MARKETS[market]])
                row = next((row for row in held.values() if row.outcome == outcome), None)
                if side == "SELL":
                    size = min(size, row.quantity if row else D(0))
                if size:
                    trade(
                        MARKETS[market], outcome, side, size, price, fee, bet=bets[bet], mode=mode, kind=kind
                    )
            case ("cash", amount, platform, shard, kind):
                cash(amount, platform, kind, mode=mode, shard=shard)
            case ("settle", market, pays):
                platform = KALSHI if MARKETS[market].startswith("KX") else POLYMARKET
                portfolio.settle_market(platform, MARKETS[market], D(pays), now=NOW, mode=mode)
            case ("free",):
                freeing.free(now=NOW, mode=mode)
            case ("mark", market, price):
                Position.objects.filter(mode=mode, market_id=MARKETS[market]).update(current_price=price)


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS, st.sampled_from(["paper", "live"]))
def test_every_view_of_a_random_ledger_adds_up_to_the_cent(redis, steps, mode):
    empty()
    play(steps, mode)
    found = summary(mode)
    assert found["exact"] and found["differences"] == []
    assert portfolio.reconcile(now=NOW, mode=mode) == []
    # The truth: cash movements, and profit from cash and contracts alone
    moved = sum(CashMovement.objects.filter(mode=mode).values_list("amount", flat=True), D(0))
    opening = CashMovement.objects.filter(kind=CashMovement.OPENING).exists() or mode != "paper"
    moved += D(0) if opening else D(20_000)
    truth = moved + exact_profit(mode)
    assert found["equity"] == truth.quantize(CENT)
    assert found["equity"] == found["moved"] + found["corrections"] + found["pnl"]
    assert found["equity"] == sum(found["cash"].values()) + found["positions"]
    assert found["pnl"] == found["realized_pnl"] + found["unrealized_pnl"] == found["pnl_from_fills"]
    assert sum(one["cash"] for one in found["shards"]) == sum(found["cash"].values())
    # Every view of what is held
    seen = exposure.look(mode, SOON)
    assert seen.total.cost == found["invested"]
    assert seen.total.paid == found["margin"]["total"]
    for lines in seen.views.values():
        for field in ("paid", "cost", "worth", "unrealised"):
            assert sum(getattr(line, field) for line in lines) == getattr(seen.total, field)
    planned = calendar.look(mode, SOON)
    assert planned.locked == seen.total.cost
    assert sum(day["cost"] for day in planned.as_json()["days"]) == planned.locked
    assert all(0 <= entry.sure <= entry.most for entry in planned.entries)
    for one in holders.open_positions(mode):
        assert sum(one.by_bet.values()) == one.row.quantity
    # What the profit is made of
    assert sum(found["made_of"].values()) == found["pnl"]
    assert sum(made_of.realised(mode, found["realized_pnl"]).values()) == found["realized_pnl"]
    rows = {key: row for key, row in holdings.rows_of(mode).items() if row.quantity}
    marks = holdings.marks(rows)
    held = made_of.look(mode, marks, SOON)
    unrealised = sum((row.quantity * marks[key] - row.cost for key, row in rows.items()), D(0))
    assert held.locked_in + held.until_settlement + held.at_risk == unrealised  # to the last digit
    assert held.pays >= planned.as_json()["sure"] and held.lone_worth >= 0
    assert sum(made_of.by_name(mode).values()) == sum(
        Position.objects.filter(mode=mode).values_list("realized_pnl", flat=True), D(0)
    )


def empty():
    """As the database was: each example begins anew."""
    from django.db import connection

    tables = ("settling", "fills", "positions", "orders", "plans", "cash_movements", "accounts", "equity_points",
              "notices", "bet_outcomes", "bets", "markets")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def test_costs_follow_who_bought(redis):
    one, two = a_pair(), a_pair("pair:2", "PM-1", "KX-2")
    trade("PM-1", "YES", "BUY", 30, "0.40", bet=one)
    trade("PM-1", "YES", "BUY", 10, "0.60", bet=two)
    lines = {line.name: line for line in exposure.look("paper", NOW).views["bet"]}
    assert {name: line.cost for name, line in lines.items()} == {
        one.id: D("13.50"),
        two.id: D("4.50"),
    }  # one average
    groups = exposure.look("paper", NOW).views["group"]
    assert [(line.name, line.cost) for line in groups] == [("event:kalshi:KXEV", D("18.00"))]
