"""Evidence at the moment of planning: it may stop a plan, make it smaller, or want more where the limits allow it."""

from decimal import Decimal

import pytest
from django.utils import timezone

from execution import services
from execution.by_hand import signals_by_hand
from execution.by_hand.asking import Refused
from execution.models import Order, Plan
from execution.plans import fitting
from signals.deciding import judging
from signals.deciding.joining import NEUTRAL
from signals.models import Signal
from signals.sources.calendar.guards import SUSPEND, WIDEN
from tests import factories
from tests.arbsite.callers import user
from tests.signals.standings import KAL, POLY, said, schedule, stand
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
EARLIER = 5 * 60_000


@pytest.fixture
def signal(redis) -> Signal:
    """YES at 0.43 on Polymarket, NO at 0.50 on Kalshi, 100 contracts: seven cents before fees."""
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    assert row.status == Signal.ACTIONABLE
    return row


def act(row: Signal) -> Plan | None:
    services.act_on([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    return Plan.objects.first()


def a_moderate_claim():
    stand(said(probability=0.65, half_life_ms=10**12))  # half of what chance leaves


def test_what_was_said_since_it_was_judged_stops_the_plan(signal):
    stand(said())
    assert act(signal) is None
    assert (signal.status, signal.reasons[0]["code"]) == (Signal.REFUSED, "evidence_veto")
    assert "news:fed" in signal.reasons[0]["sentence"]


def test_an_event_that_came_near_stops_the_plan(signal):
    schedule(SUSPEND, market=KAL)
    assert act(signal) is None and signal.reasons[0]["code"] == "event_near"


def test_a_hurdle_that_rose_stops_the_plan(signal):
    schedule(WIDEN, hurdle="0.06")
    assert act(signal) is None and "evidence" in signal.reasons[0]["sentence"]


def test_moderate_evidence_makes_the_plan_smaller_and_says_so(signal):
    a_moderate_claim()
    plan = act(signal)
    assert (
        plan.size == (signal.size * D("0.625")).quantize(plan.size) and plan.reason == "limited by evidence"
    )
    assert {order.quantity for order in Order.objects.all()} == {plan.size}


def test_without_evidence_the_plan_is_as_it_was(signal):
    plan = act(signal)
    assert plan.size == signal.size and plan.reason != "limited by evidence"


def answered(monkeypatch):
    """Both platforms have moved up since the story, by more than their spreads."""
    stand(said(lower=1.0, half_life_ms=10**12))
    monkeypatch.setattr("signals.deciding.joining._silent", lambda *_: ())


def test_a_proven_story_wants_more_and_gets_what_the_books_have(signal, monkeypatch):
    answered(monkeypatch)
    show(factories.unix_ms(), *GAP, size="400", number=2)  # deeper books than those that were judged
    plan = act(signal)
    assert plan.size == signal.size * D("1.5") and plan.reason == "limited by evidence"


def test_it_never_gets_more_than_the_depth(signal, monkeypatch):
    answered(monkeypatch)
    assert act(signal).size == signal.size


def test_it_never_gets_more_than_the_limits(signal, monkeypatch, settings):
    answered(monkeypatch)
    show(factories.unix_ms(), *GAP, size="400", number=2)
    most = signal.outlay * D("1.2")
    monkeypatch.setattr(
        "execution.portfolio.holdings.limits",
        lambda limits=fitting.holdings.limits: _tightened(limits(), most),
    )
    plan = act(signal)
    notional = sum(order.price * order.quantity for order in Order.objects.all())
    assert signal.size < plan.size and notional <= most and "bet" in plan.reason


def _tightened(found, most):
    from dataclasses import replace

    return replace(found, max_bet_notional=most)


def test_nobody_gets_more_than_a_second_look_has_seen(signal, monkeypatch):
    answered(monkeypatch)
    Signal.objects.update(recheck={judging.ANSWERED_EDGE: "0.05"})
    show(factories.unix_ms(), *GAP, size="400", number=2)
    assert act(signal).size == signal.size


def test_a_person_gets_no_more_than_asked(signal, monkeypatch):
    answered(monkeypatch)
    show(factories.unix_ms(), *GAP, size="400", number=2)
    tina = user("tina", "execution.can_trade")
    assert signals_by_hand.execute(signal.id, tina, timezone.now(), dry_run=True)["size"] == signal.size
    done = signals_by_hand.execute(signal.id, tina, timezone.now(), size=D(25))
    assert done["size"] == 25 and done["limited_by"] == "asked"


def test_a_person_is_told_of_a_veto(signal):
    stand(said(), market=POLY)
    with pytest.raises(Refused, match="has not moved") as error:
        signals_by_hand.execute(signal.id, user("tina", "execution.can_trade"), timezone.now(), dry_run=True)
    assert error.value.code == "evidence_veto"


def test_a_person_is_shown_the_waterfall_of_the_plan_not_of_the_verdict(signal):
    schedule(WIDEN, hurdle="0.01")  # since it was judged
    shown = signals_by_hand.execute(
        signal.id, user("trader", "execution.can_trade"), timezone.now(), dry_run=True
    )
    steps = {step["name"]: step["dollars"] for step in shown["waterfall"]}
    assert steps["evidence"] == -shown["size"] / 100


def test_who_decides_again_must_say_what_evidence_there_is():
    with pytest.raises(TypeError, match="joined"):
        judging.context_of(Signal(), None, now_ms=0)
    assert NEUTRAL.factor == 1
