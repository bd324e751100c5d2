"""Our books beside a platform's: found, repaired, told, and blocking where nothing could be repaired."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from arbsite.models import Notice
from execution.halting import halts
from execution.models import CashMovement, Difference, Fill, Halt, Order, Plan, Position, Reconciliation
from execution.orders.trading import use
from execution.portfolio import holdings
from execution.portfolio import services as portfolio
from execution.reconciling import reconcile, repairing
from markets import store
from markets.platforms.base import KALSHI, POLYMARKET
from tests.arbsite.callers import user
from tests.execution.a_platform import APlatform, trade_as
from tests.factories import IDS, NOW, info

D = Decimal
LATER = timedelta(minutes=5)
FULL, ORDERS, POSITIONS, START = "FULL", "ORDERS", "POSITIONS", "START"
KX, PM = IDS[KALSHI], IDS[POLYMARKET]


@pytest.fixture(autouse=True)
def in_sandbox_mode(db, monkeypatch):
    trade_as(monkeypatch, "sandbox")
    monkeypatch.setattr(portfolio, "with_snapshot", lambda: None)  # a test is one transaction already
    for platform in (KALSHI, POLYMARKET):
        store.upsert([info(platform)], now=NOW)


class Desk:
    """A platform, our books of it, and a clock that only we move."""

    def __init__(self, platform):
        self.there, self.now = APlatform(platform), NOW
        self.market = IDS[platform]

    def run(self, reason=POSITIONS, after=LATER):
        self.now += after
        with use({self.there.platform: self.there}):
            return reconcile.run(self.there.platform, reason, now=self.now)

    def open(self):
        row = self.run(START)
        assert row.passed, row.error
        self.now += LATER
        return self

    def cash(self):
        return sum(one.cash for one in holdings.accounts("sandbox") if one.platform == self.there.platform)

    def order(self, name="ours", **fields):
        plan = Plan.objects.get_or_create(id="plan", mode="sandbox")[0]
        values = {
            "platform": self.there.platform, "market_id": self.market, "outcome": "YES", "side": "BUY", "quantity": D(100),
            "price": D("0.40"), "status": "OPEN", "client_order_id": f"c-{name}", "platform_order_id": name, "plan": plan,
            "leg": Order.objects.count(), "mode": "sandbox", "sent_at": self.now, "updated_at": self.now,
        }  # fmt: skip
        status = (values | fields)["status"]
        row = Order.objects.create(id=name, **(values | fields | {"status": "PLANNED"}))
        for step in dict.fromkeys(("SUBMITTED", status)):
            Order.objects.filter(pk=row.pk).update(status=step)
        row.refresh_from_db()
        return row


@pytest.fixture
def desk():
    return Desk(KALSHI)


@pytest.fixture
def desks():
    return [Desk(KALSHI), Desk(POLYMARKET)]


def held(mode="sandbox"):
    return {
        (row.market_id, row.outcome): row.quantity
        for row in Position.objects.filter(mode=mode, quantity__gt=0)
    }


def open_differences():
    return list(
        Difference.objects.filter(closed_at__isnull=True).values_list("kind", flat=True).order_by("id")
    )


# --- the first look


def test_the_first_look_opens_our_books_with_what_is_there(desk):
    desk.there.held[KX, "YES"] = D(30)
    desk.there.rest("byhand", KX, "BUY", "NO", 10, "0.30", at=NOW)
    row = desk.run(START)
    assert row.passed and held() == {(KX, "YES"): D(30)}
    assert desk.cash() == D(1000)
    opening = CashMovement.objects.get(kind="OPENING")
    assert opening.amount == D(1000) + 30 * D("0.5")  # no price is known: one half
    assert Order.objects.get(role="HAND").status == "OPEN"
    assert desk.run(FULL).passed and CashMovement.objects.count() == 1


def test_what_was_traded_before_our_books_began_is_in_the_opening_balance(desk):
    desk.there.trade("old", "o", KX, "BUY", "YES", 10, "0.40", NOW - timedelta(hours=2))
    desk.open()
    assert Fill.objects.filter(trade_id="old").count() == 0 and held() == {(KX, "YES"): D(10)}
    assert desk.run(FULL).passed


# --- orders and fills of ours


def test_an_order_that_filled_while_nobody_listened_is_brought_up_to_date(desk):
    desk.open()
    order = desk.order()
    desk.there.rest("ours", KX, "BUY", "YES", 100, "0.40", client_id="c-ours")
    desk.now += LATER
    desk.there.fill("ours", "t1", 40, desk.now)
    assert desk.run(ORDERS).passed
    order.refresh_from_db()
    assert (order.status, order.matched_qty, order.filled_qty) == ("PARTIAL", D(40), D(40))
    assert held() == {(KX, "YES"): D(40)}
    repaired = Notice.objects.filter(kind="difference_repaired")
    assert repaired.exists() and set(repaired.values_list("severity", flat=True)) == {"LOW"}
    desk.there.fill("ours", "t2", 60, desk.now)
    assert desk.run(FULL).passed
    order.refresh_from_db()
    assert (order.status, held()) == ("FILLED", {(KX, "YES"): D(100)})
    assert desk.cash() == desk.there.cash[0] == D(960)


def test_an_order_just_sent_is_nobody_s_difference(desk):
    desk.open()
    desk.order(status="SUBMITTED", platform_order_id="")
    desk.there.rest("theirs", KX, "BUY", "YES", 100, "0.40", client_id="c-ours", at=desk.now)
    row = desk.run(POSITIONS, after=timedelta(seconds=1))
    assert row.passed and not Difference.objects.exists() and Order.objects.get().status == "SUBMITTED"


def test_an_order_whose_answer_was_lost_is_found_by_our_id(desk):
    desk.open()
    order = desk.order(status="UNKNOWN", platform_order_id="")
    desk.there.rest("theirs", KX, "BUY", "YES", 100, "0.40", client_id="c-ours", at=desk.now)
    desk.there.fill("theirs", "t1", 100, desk.now)
    desk.run(POSITIONS, after=timedelta(minutes=2))
    assert desk.run(POSITIONS).passed
    order.refresh_from_db()
    assert (order.status, order.platform_order_id, order.filled_qty) == ("FILLED", "theirs", D(100))
    assert held() == {(KX, "YES"): D(100)} and not Order.objects.filter(role="HAND").exists()


def test_an_order_that_the_platform_forgot_blocks_its_market_and_is_closed_on_the_second_look(desk):
    desk.open()
    order = desk.order()
    row = desk.run(ORDERS)
    assert row.passed is False and open_differences() == ["order_unknown_there"]
    assert halts.blocking(KALSHI, KX).code == halts.HALTED
    assert halts.blocking(KALSHI, "KX-OTHER") is None and halts.blocking(POLYMARKET, PM) is None
    assert desk.run(ORDERS).passed
    order.refresh_from_db()
    assert order.status == "CANCELLED" and halts.blocking(KALSHI, KX) is None


def test_an_order_that_lives_after_its_end_is_cancelled(desk):
    desk.open()
    desk.order(status="CANCELLED")
    desk.there.rest("ours", KX, "BUY", "YES", 100, "0.40", client_id="c-ours")
    assert desk.run(ORDERS).passed is False and desk.there.orders["ours"].status == "CANCELLED"
    assert desk.run(ORDERS).passed


# --- other hands


def test_an_order_placed_by_hand_becomes_a_row_once(desk):
    desk.open()
    desk.there.rest("byhand", KX, "BUY", "NO", 10, "0.30", at=desk.now)
    assert desk.run(ORDERS).passed and desk.run(ORDERS).passed
    order = Order.objects.get()
    assert (order.role, order.status, order.plan_id, order.outcome) == ("HAND", "OPEN", None, "NO")
    desk.there.fill("byhand", "t1", 10, desk.now)
    assert desk.run(POSITIONS).passed
    order.refresh_from_db()
    assert (order.status, order.filled_qty) == ("FILLED", D(10)) and held() == {(KX, "NO"): D(10)}
    assert desk.cash() == desk.there.cash[0]


@pytest.mark.parametrize("at", [0, 1])
def test_trades_by_hand_are_ledger_rows_of_their_own(desks, at):
    desk = desks[at].open()
    desk.there.trade("h1", "byhand", desk.market, "BUY", "YES", 10, "0.40", desk.now, fee="0.17")
    desk.now += LATER
    desk.there.trade("h2", "byhand2", desk.market, "SELL", "YES", 4, "0.50", desk.now, fee="0.07")
    assert desk.run(POSITIONS).passed and desk.run(FULL).passed
    assert list(Fill.objects.values_list("trade_id", "kind", "order__role").order_by("id")) == [
        ("h1", "HAND", "HAND"), ("h2", "HAND", "HAND"),
    ]  # fmt: skip
    assert held() == {(desk.market, "YES"): D(6)} and desk.cash() == desk.there.cash[0]
    assert Notice.objects.filter(kind="difference_repaired", severity="HIGH").count() == 2


def test_a_hand_that_sells_more_than_we_hold_has_bought_the_other_side(desk):
    desk.open()
    desk.there.trade("h1", "byhand", KX, "BUY", "YES", 10, "0.40", desk.now)
    desk.run(POSITIONS)
    desk.there.trade("h2", "byhand2", KX, "SELL", "YES", 25, "0.50", desk.now, fee="0.25")
    assert desk.run(POSITIONS).passed and desk.run(FULL).passed
    assert held() == {(KX, "NO"): D(15)} and desk.cash() == desk.there.cash[0]


def test_a_hand_that_buys_the_other_side_is_netted(desk):
    desk.open()
    desk.there.trade("h1", "byhand", KX, "BUY", "YES", 10, "0.40", desk.now)
    desk.run(POSITIONS)
    desk.there.trade("h2", "byhand2", KX, "BUY", "NO", 4, "0.50", desk.now)
    assert desk.run(POSITIONS).passed and desk.run(FULL).passed
    assert held() == {(KX, "YES"): D(6)} and desk.cash() == desk.there.cash[0]
    assert Fill.objects.filter(kind="MERGE").count() == 2


def test_a_trade_that_is_not_final_is_no_money_yet():
    desk = Desk(POLYMARKET).open()
    report = desk.there.trade("h1", "byhand", PM, "BUY", "YES", 10, "0.40", desk.now, status="MATCHED")
    assert desk.run(POSITIONS).passed and not Fill.objects.exists()
    desk.there.trades = [
        type(report)(**{f: getattr(report, f) for f in report.__slots__} | {"status": "CONFIRMED"})
    ]
    assert desk.run(POSITIONS).passed and held() == {(PM, "YES"): D(10)}


# --- money


def test_listed_deposits_and_withdrawals_are_booked_once(desk):
    desk.open()
    desk.there.pay("250", "dep-1", desk.now)
    desk.there.pay("-100", "wd-1", desk.now)
    assert desk.run(POSITIONS).passed and desk.run(FULL).passed
    rows = CashMovement.objects.exclude(kind="OPENING").values_list("kind", "amount", "reference")
    assert set(rows) == {("DEPOSIT", D(250), "dep-1"), ("WITHDRAWAL", D(-100), "wd-1")}
    assert desk.cash() == desk.there.cash[0] == D(1150)


@pytest.mark.parametrize("amount, kind", [("250", "DEPOSIT"), ("-250", "WITHDRAWAL")])
def test_where_nothing_is_listed_the_second_look_takes_it_for_what_it_must_be(amount, kind):
    desk = Desk(POLYMARKET).open()
    desk.there.pay(amount, "unlisted", desk.now)
    assert desk.run(POSITIONS).passed is False and open_differences() == ["cash_differs"]
    assert halts.blocking(POLYMARKET, "any market").code == halts.HALTED
    assert desk.run(POSITIONS).passed
    row = CashMovement.objects.exclude(kind="OPENING").get()
    assert (row.kind, row.amount) == (kind, D(amount)) and halts.blocking(POLYMARKET, "any market") is None
    assert Notice.objects.filter(kind="difference_repaired", severity="HIGH").exists()


def test_unlisted_cash_is_not_explained_away_while_contracts_differ():
    desk = Desk(POLYMARKET).open()
    desk.there.held[PM, "YES"] = D(100)
    desk.there.cash[0] -= 40
    assert desk.run(POSITIONS).passed is False and desk.run(POSITIONS).passed is False
    assert open_differences() == ["position_differs", "cash_differs"]
    assert CashMovement.objects.count() == 1
    assert Halt.objects.get(lifted_at__isnull=True).code == "cash_differs"


def test_cash_that_a_listing_platform_does_not_explain_halts_it(desk):
    desk.open()
    desk.there.cash[0] -= 5
    assert desk.run(POSITIONS).passed is False and not halts.standing()
    assert desk.run(POSITIONS).passed is False
    (halt,) = halts.standing()
    assert (halt.code, halt.platform) == ("cash_differs", KALSHI)


def test_money_between_shards_is_a_transfer(desk):
    desk.there.cash = {0: D(500), 1: D(500)}
    desk.open()
    desk.there.cash = {0: D(400), 1: D(600)}
    assert desk.run(POSITIONS).passed is False and desk.run(POSITIONS).passed
    rows = CashMovement.objects.filter(kind="TRANSFER").values_list("shard", "amount")
    assert set(rows) == {(0, D(-100)), (1, D(100))}


def test_a_settlement_that_we_missed_is_booked_once(desk):
    desk.open()
    desk.there.trade("h1", "byhand", KX, "BUY", "NO", 10, "0.40", desk.now)
    desk.run(POSITIONS)
    desk.there.settle(KX, "0", desk.now)
    assert desk.run(POSITIONS).passed and desk.run(FULL).passed
    fill = Fill.objects.get(kind="SETTLEMENT")
    assert (fill.outcome, fill.price, fill.cash) == ("NO", D(1), D(10)) and held() == {}
    assert desk.cash() == desk.there.cash[0] == D(1006)


def test_a_settled_market_waits_to_be_collected_without_a_false_alarm():
    from markets.models import Market

    desk = Desk(POLYMARKET).open()
    desk.there.trade("h1", "byhand", PM, "BUY", "YES", 10, "0.40", desk.now)
    desk.run(POSITIONS)
    Market.objects.filter(pk=PM).update(status="SETTLED", settlement_value=D(1))
    portfolio.settle(now=desk.now, mode="sandbox")
    for reason in (POSITIONS, FULL):  # the wallet has not redeemed yet
        assert desk.run(reason, after=timedelta(days=1)).passed
    assert desk.cash() == desk.there.cash[0] + 10
    desk.there.settle(PM, "1", desk.now)
    assert desk.run(POSITIONS).passed and desk.cash() == desk.there.cash[0]
    desk.there.cash[0] -= 10  # and now it must be there
    assert desk.run(POSITIONS).passed is False


def test_a_deposit_that_is_listed_after_it_was_inferred_is_booked_once():
    desk = Desk(POLYMARKET).open()
    paid_at = desk.now
    desk.there.pay("250", "late", paid_at)
    assert desk.run(POSITIONS).passed is False and desk.run(POSITIONS).passed
    from markets.platforms.trading import CashReport

    desk.there.moves.append(CashReport("late", 0, D(250), paid_at, "DEPOSIT"))
    assert desk.run(FULL).passed and desk.run(FULL).passed
    assert desk.cash() == D(1250) and CashMovement.objects.count() == 2
    desk.there.pay("250", "second", desk.now)
    desk.there.moves.append(CashReport("second", 0, D(250), desk.now, "DEPOSIT"))
    assert desk.run(FULL).passed and desk.cash() == D(1500)


# --- what cannot be repaired


def test_contracts_that_differ_block_their_market_until_a_person_accepts(desk):
    desk.open()
    desk.there.held[KX, "YES"] = D(7)
    assert desk.run(POSITIONS).passed is False and desk.run(POSITIONS).passed is False
    (difference,) = Difference.objects.all()
    assert (difference.kind, difference.ours, difference.theirs) == ("position_differs", "0", "7")
    assert halts.blocking(KALSHI, KX) is not None and halts.blocking(KALSHI, "KX-OTHER") is None
    assert Notice.objects.filter(kind="difference_found", severity="HIGH").count() == 1  # told once
    boss = user("boss", "execution.can_resume")
    with pytest.raises(reconcile.CannotAccept, match="may not accept"):
        reconcile.accept(difference, user("clerk", "execution.can_halt"), "it is right", now=desk.now)
    with pytest.raises(reconcile.CannotAccept, match="say why"):
        reconcile.accept(difference, boss, " ", now=desk.now)
    reconcile.accept(difference, boss, "moved in from another account", now=desk.now)
    assert held() == {(KX, "YES"): D(7)} and desk.cash() == D(1000)
    assert halts.blocking(KALSHI, KX) is None and desk.run(FULL).passed
    with pytest.raises(reconcile.CannotAccept, match="already"):
        reconcile.accept(difference, boss, "again", now=desk.now)


def test_accepted_cash_is_a_correction(desk):
    desk.open()
    desk.there.cash[0] -= 5
    desk.run(POSITIONS)
    boss = user("boss", "execution.can_resume")
    reconcile.accept(Difference.objects.get(), boss, "a fee", now=desk.now)
    assert CashMovement.objects.get(kind="CORRECTION").amount == D(-5)
    assert desk.run(FULL).passed and desk.cash() == D(995)


def test_a_difference_that_goes_away_is_closed(desk):
    desk.open()
    desk.there.held[KX, "YES"] = D(7)
    desk.run(POSITIONS)
    desk.there.held.clear()
    assert desk.run(ORDERS).passed is False  # positions were not looked at
    assert desk.run(POSITIONS).passed
    assert Difference.objects.get().closed_by == "reconciliation"


def test_more_than_a_few_differences_halt_the_platform(desk):
    desk.open()
    for number in range(4):
        store.upsert([info(KALSHI, f"KX-{number}")], now=NOW)
        desk.there.held[f"KX-{number}", "YES"] = D(1)
    desk.run(POSITIONS)
    assert not halts.standing()
    desk.run(POSITIONS)
    assert [halt.code for halt in halts.standing()] == ["differences"]


# --- a platform that cannot be asked


def test_a_platform_that_does_not_answer_is_unknown_never_flat(desk):
    desk.open()
    desk.there.trade("h1", "byhand", KX, "BUY", "YES", 10, "0.40", desk.now)
    assert desk.run(POSITIONS).passed
    desk.there.held[KX, "YES"] = D(3)
    desk.run(POSITIONS)
    desk.there.away = True
    row = desk.run(FULL)
    assert row.passed is None and "does not answer" in row.error
    assert held() == {(KX, "YES"): D(10)} and open_differences() == ["position_differs"]
    desk.run(FULL)
    assert Notice.objects.filter(kind="reconciliation_unknown").count() == 1


@pytest.mark.parametrize(
    "question", ["holdings", "balances", "fills_since", "open_orders", "cash_since", "settlements_since"]
)
def test_whichever_question_fails_nothing_is_concluded(desk, question, monkeypatch):
    desk.open()
    desk.there.trade("h1", "byhand", KX, "BUY", "YES", 10, "0.40", desk.now)
    desk.run(POSITIONS)

    def fails(*_):
        raise TimeoutError("timed out")

    monkeypatch.setattr(desk.there, question, fails)
    assert desk.run(FULL).passed is None and held() == {(KX, "YES"): D(10)} and not open_differences()


# --- rhythm


def test_what_is_due(desk):
    config = settings.ARBSITE.execution
    orders, positions = (
        timedelta(seconds=config.reconcile_orders_seconds),
        timedelta(seconds=config.reconcile_positions_seconds),
    )
    assert reconcile.due(KALSHI, desk.now) == START
    desk.run(START)
    assert reconcile.due(KALSHI, desk.now + orders / 2) is None
    assert reconcile.due(KALSHI, desk.now + orders) == ORDERS
    assert reconcile.due(KALSHI, desk.now + positions) == POSITIONS
    desk.there.away = True
    desk.run(POSITIONS, after=positions)
    assert reconcile.due(KALSHI, desk.now + orders / 2) is None
    assert reconcile.due(KALSHI, desk.now + orders) == POSITIONS  # it was not answered
    assert reconcile.due(POLYMARKET, desk.now) == START
    assert reconcile.due(KALSHI, desk.now, mode="paper") is None


# --- paper


def test_paper_compares_our_own_tables(db, monkeypatch):
    trade_as(monkeypatch, "paper")
    assert reconcile.run(KALSHI, "DEMAND", now=NOW).passed
    Position.objects.create(
        id="pos",
        platform=KALSHI,
        market_id=KX,
        outcome="YES",
        quantity=D(5),
        avg_price=D("0.5"),
        mode="paper",
    )
    row = reconcile.run(KALSHI, "DEMAND", now=NOW)
    assert row.passed is False and open_differences() == ["ledger_differs"]
    assert reconcile.run(POLYMARKET, "DEMAND", now=NOW).passed
    Position.objects.all().delete()
    assert reconcile.run(KALSHI, "DEMAND", now=NOW).passed and not open_differences()


def test_every_run_is_a_row(desk):
    desk.open()
    desk.run(ORDERS)
    assert list(Reconciliation.objects.values_list("reason", "passed").order_by("id")) == [
        (START, True),
        (ORDERS, True),
    ]
    assert repairing.is_open("sandbox", KALSHI) is not None
