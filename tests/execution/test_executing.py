"""Executing a signal by hand: shown before it is done, done once, and every refusal has a name and a row."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from execution import services
from execution.by_hand import signals_by_hand
from execution.by_hand.asking import Refused
from execution.halting import halts, live_checks
from execution.models import Order, Plan
from execution.plans import working
from markets.platforms.base import KALSHI, POLYMARKET
from signals.models import Signal
from tests import factories
from tests.arbsite.callers import user
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, backdate, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)
TRADE = "execution.can_trade"


@pytest.fixture
def person(redis):
    return user("tina", TRADE)


@pytest.fixture
def signal(person) -> Signal:
    """YES at 0.43 on Polymarket, NO at 0.50 on Kalshi, 100 contracts: seven cents before fees."""
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    assert row.status == Signal.ACTIONABLE
    return row


def execute(signal_id, person, **more):
    return signals_by_hand.execute(signal_id, person, timezone.now(), **more)


def refused(signal_id, person, **more):
    """The refusal; one that was meant has left a row, a dry run has not."""
    before = Plan.objects.count()
    with pytest.raises(Refused) as error:
        execute(signal_id, person, **more)
    if more.get("dry_run"):
        assert Plan.objects.count() == before and not error.value.plan_id
        return error.value.code
    plan = Plan.objects.get(pk=error.value.plan_id)
    assert (plan.kind, plan.status, plan.requested_by, plan.signal_id) == (
        "MANUAL",
        "ABANDONED",
        "tina",
        None,
    )
    assert plan.reason == f"{error.value.code}: {error.value.sentence}"
    assert plan.steps.get(what="refused").figures["signal"] == signal_id
    return error.value.code


def test_a_dry_run_shows_everything_and_changes_nothing(signal, person):
    shown = execute(signal.id, person, dry_run=True)
    assert (shown["status"], shown["dry_run"], shown["mode"]) == ("DRY_RUN", True, "paper")
    assert not Plan.objects.exists() and not Order.objects.exists()
    assert Signal.objects.get().status == Signal.ACTIONABLE
    assert {(leg["platform"], leg["outcome"], leg["limit_price"]) for leg in shown["legs"]} == {
        (POLYMARKET, "YES", Decimal("0.43")), (KALSHI, "NO", Decimal("0.50")),
    }  # fmt: skip
    assert sum(leg["cash"] for leg in shown["legs"]) == shown["outlay"]
    assert shown["size"] - shown["outlay"] == shown["expected_profit"] > 0
    assert {step["name"] for step in shown["waterfall"]} >= {"gross", "fees", "leg_risk", "expected"}
    checked = {one["code"]: one for one in shown["limits"]}
    assert all(one["passed"] for one in shown["limits"])
    assert {
        "max_order_notional",
        "max_bet_notional",
        "max_notional",
        "price_collar",
        "max_open_orders",
    } <= set(checked)
    assert checked["max_notional"]["wanted"] == sum(leg["size"] * leg["limit_price"] for leg in shown["legs"])


def test_what_is_executed_is_what_was_shown(signal, person):
    shown = execute(signal.id, person, dry_run=True)
    done = execute(signal.id, person)
    plan = Plan.objects.get()
    assert (plan.id, plan.signal_id, plan.kind, plan.requested_by) == (
        done["plan_id"],
        signal.id,
        "ARBITRAGE",
        "tina",
    )
    assert (plan.size, plan.outlay, plan.expected_profit) == (
        shown["size"],
        shown["outlay"],
        shown["expected_profit"],
    )
    assert (
        done["order_ids"] == list(plan.orders.order_by("leg").values_list("id", flat=True))
        and plan.orders.count() == 2
    )
    assert done["status"] == "PLANNED" and Signal.objects.get().status == Signal.EXECUTED


def test_a_smaller_size_is_what_is_bought(signal, person):
    done = execute(signal.id, person, size=Decimal(25))
    assert done["size"] == 25 and done["limited_by"] == "asked"
    assert {order.quantity for order in Order.objects.all()} == {Decimal(25)}


@pytest.mark.parametrize("size", ["0", "-5", "100000"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_size_that_is_none(signal, person, size, dry_run):
    assert refused(signal.id, person, size=Decimal(size), dry_run=dry_run) == "bad_size"


def test_too_small_to_be_worth_it_leaves_the_signal_to_the_pipeline(signal, person):
    assert refused(signal.id, person, size=Decimal(2)) not in ("", "signal_refused")
    assert Signal.objects.get().status == Signal.ACTIONABLE
    assert services.act_on([signal.id], now_ms=factories.unix_ms()) == 1


def test_a_second_execution_is_refused(signal, person):
    execute(signal.id, person)
    assert refused(signal.id, person) == "signal_executed"
    assert refused(signal.id, person, dry_run=True) == "signal_executed"
    assert Plan.objects.filter(signal=signal).count() == 1 and Order.objects.count() == 2


def test_what_the_pipeline_has_executed_is_not_executed_by_hand(signal, person):
    services.act_on([signal.id], now_ms=factories.unix_ms())
    assert refused(signal.id, person) == "signal_executed"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Signal.CLOSED, "signal_closed"),
        (Signal.EXPIRED, "signal_expired"),
        (Signal.QUARANTINED, "signal_quarantined"),
        (Signal.REFUSED, "signal_refused"),
        (Signal.EXECUTED, "signal_executed"),
    ],
)
def test_a_signal_in_another_state(signal, person, status, code):
    Signal.objects.update(status=status)
    assert refused(signal.id, person) == code


def test_an_expired_signal_is_refused_though_nobody_has_swept(signal, person):
    backdate(signal, minutes=5)
    assert refused(signal.id, person) == "signal_expired"


def test_a_signal_that_is_none(person):
    assert refused("sig_none", person) == "signal_unknown"


def test_a_gap_that_is_gone_by_now(signal, person):
    show(factories.unix_ms(), ("0.49", "0.50"), ("0.50", "0.51"), number=2)
    assert refused(signal.id, person) in ("no_profit", "gap_gone", "below_min_profit")
    assert Signal.objects.get().status == Signal.ACTIONABLE


def test_a_halt_stands_in_the_way(signal, person):
    halts.trip("manual", "a drill", by="paula", now=timezone.now(), platform=KALSHI)
    assert refused(signal.id, person) == "halted"


def test_a_mode_that_is_not_ready_may_be_looked_at_but_not_executed(signal, person, monkeypatch):
    monkeypatch.setattr(live_checks, "problems", lambda now: ["no_limits: nobody has set them"])
    assert execute(signal.id, person, dry_run=True)["status"] == "DRY_RUN"
    assert refused(signal.id, person) == "not_ready"


def test_only_who_may_trade_executes_or_looks(signal):
    for dry_run in (True, False):
        with pytest.raises(Refused) as error:
            execute(signal.id, user(f"tom{dry_run}"), dry_run=dry_run)
        assert error.value.code == "permission_missing"
    assert not Plan.objects.exists()


def test_the_same_request_again_gets_the_first_answer(signal, person):
    first = execute(signal.id, person, key="k1")
    assert execute(signal.id, person, key="k1") == first
    with pytest.raises(Refused) as error:
        execute(signal.id, person, key="k1", size=Decimal(5))
    assert error.value.code == "idempotency_key_reused" and Plan.objects.count() == 1


def test_a_process_that_died_before_it_answered_has_executed_all_the_same(signal, person, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(signals_by_hand.asking, "remember", die)
    with pytest.raises(KeyboardInterrupt):
        execute(signal.id, person, key="k1")
    monkeypatch.undo()
    again = execute(signal.id, person, key="k1")
    assert again["plan_id"] == Plan.objects.get().id and Order.objects.count() == 2


# --- the commands


def run(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_the_command_shows_a_plan_and_runs_it(signal, person):
    text = run("execute", signal.id, "--dry-run")
    assert (
        "leg 2" in text and "max_bet_notional" in text and "expected profit $" in text and "dry run" in text
    )
    done = json.loads(run("execute", signal.id, "--json", "--size", "30"))
    assert done["size"] == 30 and Plan.objects.get().id == done["plan_id"]
    with pytest.raises(CommandError, match="signal_executed"):
        call_command("execute", signal.id)


def test_the_command_waits_for_the_executor(signal, person, monkeypatch):
    import execution.management.commands.execute as command

    monkeypatch.setattr(command, "sleep", lambda _: working.work_all())
    assert json.loads(run("execute", signal.id, "--wait", "--json"))["status"] == "FILLED"


def test_the_command_asks_who_it_is_where_several_may(signal, person):
    with pytest.raises(CommandError, match="no active user"):
        call_command("execute", signal.id, user="nobody")
    user("tom", TRADE)
    with pytest.raises(CommandError, match="--user"):
        call_command("execute", signal.id)
    run("execute", signal.id, "--user", "tom")
    assert Plan.objects.get().requested_by == "tom"


def test_nobody_may_trade_until_somebody_is_allowed(db):
    with pytest.raises(CommandError, match="give a user the permission"):
        call_command("execute", "sig_1")


def test_an_order_by_hand_from_the_command_line_is_filled_by_the_executor(signal, person):
    place = [
        "order",
        "submit",
        KALSHI,
        factories.IDS[KALSHI],
        "NO",
        "BUY",
        "10",
        "--max-slippage-pct",
        "0.01",
    ]
    order_id = json.loads(run(*place))["order_id"]
    working.work_all()
    shown = json.loads(run("order", "show", order_id))
    assert (shown["status"], shown["filled"], shown["price"]) == ("FILLED", 10, 0.5)
    with pytest.raises(CommandError, match="order_done"):
        call_command("order", "cancel", order_id)
    with pytest.raises(CommandError, match="order_unknown"):
        call_command("order", "show", "ord_0")
