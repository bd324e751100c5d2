"""One road leads to a platform, and every gate, halt and limit stands on it."""

import ast
import inspect
from decimal import Decimal as D
from functools import cache
from pathlib import Path

import pytest
from django.utils import timezone

from execution import limits
from execution.halting import halts
from execution.models import Order, Position, RiskLimit, StopLoss
from execution.orders import checking, ordering
from execution.plans import storing
from execution.portfolio import booking, holdings
from execution.risk import gates, stops
from execution.risk import services as risk
from markets import store
from markets.models import Market
from markets.platforms.base import CLOSED, KALSHI, POLYMARKET
from markets.platforms.trading import SIGNER_REFUSED, Declined
from tests import factories
from tests.execution.a_plan import *  # noqa: F403
from tests.execution.a_plan import a_plan, by_role, order_of, show, worked

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("arbsite", "markets", "signals", "execution", "alerts")
POOLS = {"pool", "_pool"}  # threads, not platforms
DOORS = {"manual"}  # where people ask for orders: intents, sent by nobody there


# --- the source


@cache
def trees() -> list[tuple[Path, ast.AST]]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    # The sandbox is the other side: its engine takes the orders that came over the wire
    ours = [
        path
        for path in files
        if "sandbox" not in path.relative_to(ROOT).parts and "migrations" not in path.parts
    ]
    return [(path.relative_to(ROOT), ast.parse(path.read_text())) for path in ours]


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def receiver(node: ast.Attribute) -> str:
    return node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")


def calls(function: ast.FunctionDef) -> list[str]:
    """Names called in a function, dotted where they belong to a module, in the order of the text."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return [ast.unparse(node.func) for node in found]


def test_a_submit_is_reached_from_one_function_only():
    found = [
        (str(path), function.name)
        for path, tree in trees()
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "submit" and receiver(node) not in POOLS | DOORS
    ]
    assert found == [("execution/orders/ordering.py", "_submit")]


def test_nobody_reaches_it_by_its_name():
    for path, tree in trees():
        for node in ast.walk(tree):
            by_name = isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "getattr",
                "attrgetter",
                "methodcaller",
            )
            assert not (by_name and "'submit'" in ast.unparse(node)), path


def the_road() -> dict[str, list[str]]:
    tree = ast.parse(inspect.getsource(ordering))
    return {function.name: calls(function) for function in functions(tree)}


def callers(name: str) -> set[str]:
    return {function for function, called in the_road().items() if name in called}


def test_the_road_passes_halts_gates_and_limits():
    road = the_road()
    assert callers("_submit") == {"_ship"}
    assert callers("_ship") == {"send", "resend"}
    for name in ("send", "resend"):
        assert road[name].index("_claim") < road[name].index("_ship")
    assert "halts.blocking" in road["_claim"] and "halts.blocking" in road["_again"]
    assert road["send"].index("checking.refusal") < road["send"].index("_claim")
    # What is sent again passes again, under the same id: only a row that was sent
    assert road["resend"].index("checking.refusal") < road["resend"].index("_claim")
    assert "lifecycle.UNKNOWN" in inspect.getsource(ordering.resend)
    asked = calls(functions(ast.parse(inspect.getsource(checking.refusal)))[0])
    assert "gates.check" in asked and "limits.check" in asked and "holdings.limits" in asked


def test_no_other_module_walks_a_part_of_the_road():
    private = {"_submit", "_ship", "_claim", "_again"}
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in private and receiver(node) == "ordering":
                raise AssertionError(f"{path}:{node.lineno} calls ordering.{node.attr}")


def test_every_limit_that_there_is_is_asked():
    written = {
        name for name, one in inspect.getmembers(limits, inspect.isfunction) if name.startswith("within_")
    }
    asked = {limit.__name__ for limit in limits.ALL} | {"within_collar"}
    assert written == asked
    assert "within_collar" in inspect.getsource(limits.check)


# --- what happens


def tighten(name: str, value: str) -> None:
    """As if a person had set it a moment ago: after the plan was made, before its orders go out."""
    RiskLimit.objects.create(name=name, scope="", value=D(value), why="a test", set_by=factories.a_person())


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("max_order_notional", "1", "max_order_notional"),
        ("max_order_contracts", "1", "max_order_contracts"),
        ("max_market_notional", "1", "max_market_notional"),
        ("max_bet_notional", "1", "max_bet_notional"),
        ("max_group_notional", "1", "max_group_notional"),
        ("max_platform_notional", "1", "max_platform_notional"),
        ("max_notional", "1", "max_notional"),
        ("max_locked_pct", "0.0001", "max_locked_pct"),
        ("max_open_orders", "0", "max_open_orders"),
        ("max_orders_per_minute", "0", "max_orders_per_minute"),
        ("min_cash", "9999", "cash"),
    ],
)
def test_a_limit_that_was_tightened_stops_what_was_planned(venues, name, value, code):
    plan = a_plan()
    tighten(name, value)
    worked(plan)
    nothing_left(venues)
    assert code in codes()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("max_order_notional", "1", "max_order_notional"),
        ("max_order_contracts", "1", "max_order_contracts"),
        ("max_market_notional", "1", "max_market_notional"),
        ("max_bet_notional", "1", "max_bet_notional"),
        ("max_group_notional", "1", "max_group_notional"),
        ("max_platform_notional", "1", "max_platform_notional"),
        ("max_notional", "1", "max_notional"),
        ("max_locked_pct", "0.0001", "max_locked_pct"),
        ("max_open_orders", "0", "max_open_orders"),
        ("max_orders_per_minute", "1", "max_orders_per_minute"),
        ("min_cash", "9999", "cash"),
    ],
)
def test_a_limit_that_is_tightened_between_the_legs_stops_the_later_one(venues, name, value, code):
    """The leg that is alone then is sold back, or held where even a sale is one order too many."""
    plan = a_plan()
    first, second = order_of(plan)
    venues[first].on_submit = lambda request: None if RiskLimit.objects.exists() else tighten(name, value)
    worked(plan)
    assert not venues[second].sent
    assert code in codes()
    assert plan.status == ("PARTIAL" if name in ("max_open_orders", "max_orders_per_minute") else "UNWOUND")


def test_a_book_that_ran_away_between_the_legs_stops_the_later_one(venues):
    plan = a_plan()
    first, second = order_of(plan)
    far = {"kalshi": ("0.80", "0.81")} if second == KALSHI else {"poly": ("0.30", "0.31")}
    venues[first].on_submit = lambda request: show(number=2, **far) if len(venues[first].sent) == 1 else None
    worked(plan)
    assert by_role(plan, "LEG", 1)[0].error_code == "price_collar"
    assert [order.status for order in by_role(plan, "COMPLETE")] == [
        "FILLED"
    ]  # at the price of now, which is better
    assert plan.status == "FILLED"


def test_a_book_that_is_away_between_the_legs_leaves_none_alone(venues, redis):
    plan = a_plan()
    first, second = order_of(plan)
    venues[first].on_submit = lambda request: redis.flushdb()
    worked(plan)
    assert plan.status == "FILLED"
    assert len(venues[second].sent) == 1


def test_no_later_leg_is_refused_for_what_its_own_plan_has_reserved_and_paid(venues):
    plan = a_plan()
    notional = sum(D(leg["notional"]) for leg in plan.legs)
    tighten("max_notional", str(notional))
    tighten("max_bet_notional", str(notional))
    tighten("max_locked_pct", str((notional / D(20_000)).quantize(D("0.000001"), "ROUND_UP")))
    tighten("max_open_orders", "2")
    tighten("max_orders_per_minute", "2")
    assert worked(plan).status == "FILLED", codes()


def test_a_plan_begins_only_where_all_its_legs_may_leave_within_the_minute(venues):
    plan = a_plan()
    tighten("max_orders_per_minute", "1")
    worked(plan)
    nothing_left(venues)
    assert codes() == {"max_orders_per_minute"}


def test_what_is_sent_again_passes_every_limit_again(venues):
    plan = a_plan()
    _, second = order_of(plan)
    venues[second].answers.append("drop")
    venues[second].on_submit = lambda request: (
        None if RiskLimit.objects.exists() else tighten("max_bet_notional", "1")
    )
    worked(plan)
    assert len(venues[second].sent) == 1  # it never arrived
    assert by_role(plan, "LEG", 1)[0].error_code == "max_bet_notional"
    assert plan.status == "UNWOUND"


def test_what_the_signer_does_not_sign_again_does_not_hold_its_plan_for_ever(venues, monkeypatch):
    plan = a_plan()
    _, second = order_of(plan)
    venue = venues[second]
    venue.answers.append("drop")
    prepare = venue.prepare

    def once(request):
        return Declined(SIGNER_REFUSED, "the signer is halted") if venue.sent else prepare(request)

    monkeypatch.setattr(venue, "prepare", once)
    worked(plan)
    assert len(venue.sent) == 1
    assert by_role(plan, "LEG", 1)[0].error_code == SIGNER_REFUSED
    assert plan.status == "UNWOUND"  # what was alone is dealt with


def test_nothing_is_sold_that_another_order_sells_already(venues):
    worked(a_plan())
    position = Position.objects.get(platform=KALSHI, quantity__gt=0)
    key = (KALSHI, position.market_id, position.outcome)
    assert holdings.sellable("sandbox", key) == position.quantity
    like = Order.objects.filter(platform=KALSHI).first()
    other = ordering.follower(
        like, now=timezone.now(), side="SELL", role="UNWIND", quantity=position.quantity - 1, cash=None
    )
    other.save()
    assert holdings.sellable("sandbox", key) == 1
    assert holdings.sellable("sandbox", key, without=other.pk) == position.quantity
    stop = StopLoss.objects.create(
        mode="sandbox", platform=KALSHI, market_id=position.market_id, outcome=position.outcome, set_by="paula",
        trigger_price=D("0.40"), limit_price=D("0.30"),
    )  # fmt: skip
    Order.objects.filter(pk=other.pk).update(status="ABANDONED")
    show(kalshi=("0.61", "0.62"))
    (plan,) = stops.look("sandbox", timezone.now())
    stop.refresh_from_db()
    rival = ordering.follower(
        like, now=timezone.now(), side="SELL", role="UNWIND", attempt=9, quantity=D(1), cash=None
    )
    rival.save()
    sent = len(venues[KALSHI].sent)
    ordering_of_stop = Order.objects.get(plan=plan)
    refused = checking.refusal(
        ordering_of_stop, storing.tickets_of(plan.legs)[0], store.info_of(ordering_of_stop.market), "stop",
        now=timezone.now(),
    )  # fmt: skip
    assert refused is not None and refused.code == gates.NOT_HELD
    assert len(venues[KALSHI].sent) == sent


def test_what_was_sold_and_is_not_booked_yet_is_not_sold_again(venues):
    worked(a_plan())
    position = Position.objects.get(platform=KALSHI, quantity__gt=0)
    like = Order.objects.filter(platform=KALSHI).first()
    sale = ordering.follower(
        like, now=timezone.now(), side="SELL", role="UNWIND", quantity=position.quantity, cash=None
    )
    sale.save()
    for status in ("SUBMITTED", "FILLED"):
        Order.objects.filter(pk=sale.pk).update(
            status=status, sent_at=timezone.now(), matched_qty=position.quantity
        )
    assert holdings.sellable("sandbox", (KALSHI, position.market_id, position.outcome)) == 0


def codes() -> set[str]:
    return set(Order.objects.filter(status="REJECTED").values_list("error_code", flat=True))


def nothing_left(venues) -> None:
    assert not any(venue.sent for venue in venues.values())
    assert not Order.objects.filter(sends__gt=0).exists()


def test_what_pays_late_stops_too(venues, redis):
    plan = a_plan()
    tighten("late_days", "1")
    tighten("max_late_pct", "0.0001")
    redis.flushdb()
    show()
    worked(plan)
    nothing_left(venues)


def test_cash_that_is_gone(venues):
    plan = a_plan()
    RiskLimit.objects.create(name="max_locked_pct", value=None, why="lifted", set_by=factories.a_person())
    for platform in (POLYMARKET, KALSHI):
        booking.move_cash("sandbox", platform, D(-9_999), "WITHDRAWAL", "gone", now=timezone.now())
    worked(plan)
    nothing_left(venues)
    assert codes() == {"cash"}


def test_a_price_that_is_far_from_the_book_by_now(venues):
    plan = a_plan()
    show(poly=("0.20", "0.21"), kalshi=("0.80", "0.81"))
    worked(plan)
    nothing_left(venues)
    assert codes() == {"price_collar"}


def test_a_market_that_closed_meanwhile(venues):
    plan = a_plan()
    Market.objects.update(status=CLOSED)
    worked(plan)
    nothing_left(venues)
    assert codes() == {"market_closed"}


def test_a_halt(venues):
    plan = a_plan()
    halts.trip("manual", "a test", by="paula", now=timezone.now())
    worked(plan, seconds=2)
    nothing_left(venues)


def test_a_stop_goes_the_same_road_and_sells_what_is_held(venues):
    worked(a_plan())
    position = Position.objects.get(platform=KALSHI, quantity__gt=0)
    stop = StopLoss.objects.create(
        mode="sandbox", platform=KALSHI, market_id=position.market_id, outcome=position.outcome, set_by="paula",
        trigger_price=D("0.40"), limit_price=D("0.30"),
    )  # fmt: skip
    show(kalshi=("0.61", "0.62"))  # NO, which is held, is bid 0.38
    (plan,) = stops.look("sandbox", timezone.now())
    worked(plan)
    order = Order.objects.get(role="STOP")
    assert (order.status, order.filled_qty, order.price) == ("FILLED", position.quantity, D("0.33"))
    position.refresh_from_db()
    assert position.quantity == 0
    stop.refresh_from_db()
    assert stop.plan == plan
    assert holdings.accounts_differ("sandbox") == []


def test_limits_hold_when_a_person_has_just_widened_them_again(venues):
    plan = a_plan()
    tighten("max_order_notional", "1")
    tighten("max_order_notional", "250")
    risk.forget()
    worked(plan)
    assert all(venue.sent for venue in venues.values())
