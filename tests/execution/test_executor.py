"""The long-lived process: rings wake it, the table is looked at anyway, ticks cannot hurt it, and it stops cleanly."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from arbsite.lease import Lease
from arbsite.models import Component, Notice
from execution import executor, ringing, ticking
from execution.executor import Executor
from execution.halting import feed_watch, starting
from execution.models import Halt, Order, Plan, Reconciliation
from execution.plans import working
from execution.ticking import Tick
from markets.platforms.trading import Declined, PlatformState
from tests.execution.a_plan import *  # noqa: F403
from tests.execution.a_plan import a_plan, order_of, tune

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quiet(monkeypatch):
    """An executor that does nothing but work plans."""
    monkeypatch.setattr(ticking, "table", lambda mode: [])
    monkeypatch.setattr(ticking, "listened_to", lambda mode: ())
    monkeypatch.setattr(starting, "stand", lambda mode, now: None)


@contextmanager
def running(mode="sandbox"):
    stop = threading.Event()
    made = Executor(mode, stop)

    def run():
        made.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        working.stopping.clear()


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.01)


def status(plan):
    return Plan.objects.values_list("status", flat=True).get(pk=plan.pk)


def test_a_plan_is_worked_as_soon_as_it_is_rung_for(venues, quiet, monkeypatch):
    monkeypatch.setattr(executor, "LOOK_SECONDS", 3_600)
    with running() as made:
        until(lambda: made.looked > 0)
        plan = a_plan()
        until(lambda: status(plan) == Plan.FILLED)


def test_a_plan_that_nobody_rang_for_is_found(venues, quiet, monkeypatch):
    monkeypatch.setattr(ringing, "ring", lambda *ids: None)
    monkeypatch.setattr(executor, "LOOK_SECONDS", 0.1)
    with running():
        plan = a_plan()
        until(lambda: status(plan) == Plan.FILLED)


def test_it_says_how_it_is_and_that_it_stopped(venues, quiet):
    with running():
        until(lambda: Component.objects.filter(name="trade", state="RUNNING").exists())
    row = Component.objects.get(name="trade")
    assert (row.state, row.detail["mode"]) == ("STOPPED", "sandbox")
    assert Lease("trade:sandbox", 5).acquire(), "the role is free again"


def test_a_second_one_stands_by(venues, quiet, monkeypatch):
    monkeypatch.setattr(executor, "LEASE_SECONDS", 1)
    other = Lease("trade:sandbox", 60)
    assert other.acquire()
    with running() as made:
        plan = a_plan()
        time.sleep(0.4)
        assert status(plan) == Plan.PLANNED and not made.busy
        other.release()
        until(lambda: status(plan) == Plan.FILLED)


def test_a_stop_waits_for_the_answer_and_begins_nothing(venues, quiet):
    plan = a_plan()
    first, _ = order_of(plan)
    sending, answer = threading.Event(), threading.Event()

    def slow(request):
        sending.set()
        assert answer.wait(60)

    venues[first].on_submit = slow
    with running() as made:
        assert sending.wait(60)
        made.stop.set()
        answer.set()
    assert status(plan) == Plan.FILLED, "a lone leg is not left behind by a stop"
    working.stopping.set()
    assert Order.objects.filter(plan=plan, status="FILLED").count() == 2
    again = a_second_plan(plan)
    working.work(again.id)
    working.stopping.clear()
    assert status(again) == Plan.PLANNED


def a_second_plan(plan):
    """The same legs once more, for nobody's signal."""
    orders = list(Order.objects.filter(plan=plan))
    again = Plan.objects.create(
        id="plan_again", mode=plan.mode, size=plan.size, legs=plan.legs, outlay=plan.outlay
    )
    for order in orders:
        Order.objects.create(
            id=f"{order.id}b", client_order_id=f"{order.id}b", plan=again, leg=order.leg, platform=order.platform,
            market=order.market, outcome=order.outcome, side=order.side, quantity=order.quantity, price=order.price,
            status="PLANNED", mode=order.mode,
        )  # fmt: skip
    return again


def test_no_tick_waits_for_another(venues, quiet, monkeypatch):
    """Polymarket cancels everything when its heartbeat is silent for ten seconds: platforms that hang must not do that."""
    go_on, beats = threading.Event(), []
    slow = [Tick(f"slow{number}", 1, lambda mode, now: go_on.wait(60)) for number in range(12)]
    heart = Tick("heartbeat", 0.05, lambda mode, now: beats.append(now))
    monkeypatch.setattr(ticking, "table", lambda mode: [*slow, heart])
    with running():
        try:
            until(lambda: len(beats) >= 3)
        finally:
            go_on.set()


def test_the_database_may_be_away_for_a_while(venues, quiet, monkeypatch):
    plan = a_plan()
    work, failed = working.work, []

    def away(plan_id):
        if len(failed) < 2:
            failed.append(plan_id)
            raise OperationalError("server closed the connection")
        return work(plan_id)

    monkeypatch.setattr(working, "work", away)
    monkeypatch.setattr(executor, "FIRST_PAUSE", 0.05)
    with running():
        until(lambda: status(plan) == Plan.FILLED)
    assert len(failed) == 2 and not Notice.objects.filter(kind="plan_stuck").exists()


def test_a_plan_whose_step_fails_is_tried_again_and_told_of(venues, quiet, monkeypatch):
    plan = a_plan()

    def broken(plan_id):
        raise KeyError("a bug")

    monkeypatch.setattr(working, "work", broken)
    monkeypatch.setattr(executor, "FIRST_PAUSE", 0.01)
    with running():
        until(lambda: Notice.objects.filter(kind="plan_stuck", subject=plan.id).exists())


def test_a_tick_that_fails_or_hangs_hurts_nobody():
    from concurrent.futures import ThreadPoolExecutor

    done, hang = [], threading.Event()

    def failing(mode, now):
        done.append(mode)
        raise ValueError("a bug")

    ticks = [
        Tick("failing", 0, failing, "sandbox"),
        Tick("hanging", 0, lambda mode, now: hang.wait(60), "sandbox"),
    ]
    with ThreadPoolExecutor(2) as pool:
        for turn in range(20):
            for tick in ticks:
                tick.maybe(pool, float(turn))
            time.sleep(0.005)
        assert len(done) > 2
        assert ticks[1].running is not None, "never twice at once"
        hang.set()


@pytest.mark.parametrize("mode", ["paper", "sandbox"])
def test_every_tick_can_be_run(venues, mode):
    for tick in ticking.table(mode):
        assert tick.mode == mode and tick.run is not None
        if tick.name in ("fills", "remainders"):
            tick.run(mode, timezone.now())


def test_nothing_is_sent_before_the_books_were_compared(venues, monkeypatch):
    starting.stand("sandbox", now=timezone.now())
    starting.stand("sandbox", now=timezone.now())
    assert starting.standing() == ["kalshi", "polymarket"]
    passed = {"kalshi": True, "polymarket": False}
    monkeypatch.setattr(
        starting.reconcile, "run",
        lambda platform, reason, now, mode: Reconciliation.objects.create(
            mode=mode, platform=platform, reason=reason, passed=passed[platform], finished_at=now
        ),
    )  # fmt: skip
    assert starting.compare("sandbox", timezone.now()) == 1
    assert starting.standing() == ["polymarket"]
    passed["polymarket"] = True
    assert starting.compare("sandbox", timezone.now()) == 0, (
        "a platform that did not pass is given some seconds"
    )
    assert Reconciliation.objects.filter(platform="polymarket").count() == 1
    assert starting.compare("sandbox", timezone.now() + starting.AGAIN) == 1
    assert not Halt.objects.filter(lifted_at=None).exists()
    starting.stand("paper", now=timezone.now())
    assert starting.standing() == []


def test_a_region_that_is_shut_is_known_before_the_first_order(venues, monkeypatch):
    said = PlatformState(False, True, "No orders from this place.", lasting=True)
    monkeypatch.setattr(venues["polymarket"], "state", lambda: said)
    feed_watch.forget()
    monkeypatch.setattr(
        starting.reconcile, "run",
        lambda platform, reason, now, mode: Reconciliation(mode=mode, platform=platform, reason=reason, passed=True),
    )  # fmt: skip
    starting.stand("sandbox", now=timezone.now())
    starting.compare("sandbox", timezone.now())
    assert [halt.code for halt in Halt.objects.filter(lifted_at=None)] == ["forbidden"]


def test_an_order_that_is_forbidden_halts_its_platform(venues, quiet):
    plan = a_plan()
    first, _ = order_of(plan)
    venues[first].answers.append(Declined("forbidden", "Trading restricted in your region."))
    working.work(plan.id)
    assert [(halt.code, halt.platform) for halt in Halt.objects.filter(lifted_at=None)] == [
        ("forbidden", first)
    ]


def test_live_mode_refuses_to_begin_with_its_reasons(monkeypatch, db):
    from django.core.management import CommandError, call_command

    tune(monkeypatch, "trading", mode="live")
    monkeypatch.setattr("execution.halting.live_checks.problems", lambda now: ["no key: set one"])
    with pytest.raises(CommandError, match="no key: set one"):
        call_command("trade")


def test_a_listener_that_ended_is_made_anew_and_asks_what_it_missed(venues, quiet, monkeypatch):
    """One frame that nobody expected must not leave us deaf until somebody looks."""
    made = []

    class Ends:
        def __init__(self, platform, mode, *, ask_again=False):
            self.platform, self.ask_again, self.stopped = platform, ask_again, False
            made.append(self)

        def start(self): ...

        def stop(self):
            self.stopped = True

        def alive(self):
            return len(made) > 1

        def healthy(self):
            return True

    monkeypatch.setattr(executor, "Listener", Ends)
    monkeypatch.setattr(executor, "HEALTH_SECONDS", 0.05)
    monkeypatch.setattr(ticking, "listened_to", lambda mode: ("kalshi",))
    with running():
        until(lambda: len(made) == 2)
    assert [(one.ask_again, one.stopped) for one in made] == [(False, True), (True, True)]


def test_a_short_visit_compares_first_and_sends_nothing_where_that_did_not_pass(venues, monkeypatch):
    plan = a_plan()
    asked = []
    monkeypatch.setattr(starting, "compare", lambda mode, now: asked.append(mode))
    call_command("trade", "--once")
    assert asked == ["sandbox"]
    assert not any(venue.sent for venue in venues.values())
    assert status(plan) == "ABANDONED"
