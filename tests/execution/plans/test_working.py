"""Plans worked to their end on platforms that lose answers, fill in part, refuse and settle late."""

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from threading import Thread

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.utils import timezone

from arbsite.models import Notice
from execution import tasks
from execution.halting import halts
from execution.models import Fill, Order, Plan, PlanStep, Position, Settling
from execution.orders import facts, ordering
from execution.plans import finishing, saga, working
from execution.portfolio import holdings
from execution.risk import stops
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.trading import INSUFFICIENT_BALANCE, NOT_FILLABLE, RATE_LIMITED, Declined, OrderReport
from signals.models import LegOutcome
from signals.sources.calendar.guards import SUSPEND
from tests import factories
from tests.execution.a_plan import *  # noqa: F403
from tests.execution.a_plan import a_plan, by_role, ledger, legs, show, tune, worked
from tests.execution.ledgers import trade
from tests.factories import IDS
from tests.signals.standings import said, schedule, stand

pytestmark = pytest.mark.django_db(transaction=True)


def held(venues):
    return venues[POLYMARKET].held() | venues[KALSHI].held()


def same_as(venues):
    """What we believe to hold is what the platforms say."""
    assert ledger() == held(venues)


def order_of_legs(plan):
    return [leg["platform"] for leg in plan.legs]


def test_both_legs_fill_one_after_the_other(venues):
    plan = worked(a_plan())
    assert plan.status == Plan.FILLED
    first, second = by_role(plan, Order.LEG)
    assert first.answered_at <= second.sent_at
    assert {order.status for order in (first, second)} == {"FILLED"}
    assert all(order.filled_qty == order.matched_qty > 0 for order in (first, second))
    same_as(venues)
    assert plan.profit > 0 and abs(plan.profit - plan.expected_profit) < D("0.10")
    assert [step.what for step in PlanStep.objects.filter(plan=plan)] == [
        "planned",
        "sent",
        "sent",
        "finished",
    ]
    assert sorted(LegOutcome.objects.values_list("place", "filled")) == [
        (0, first.filled_qty),
        (1, second.filled_qty),
    ]


def test_the_second_leg_is_cut_to_what_the_first_filled(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].offers.append(D(31))
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    assert [request.size for request in venues[second].sent] == [D(31)]
    same_as(venues)


def test_nothing_filled_is_abandoned(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].offers.append(D(0))
    plan = worked(plan)
    assert (plan.status, plan.profit) == (Plan.ABANDONED, D(0))
    assert not venues[second].sent and not ledger()
    assert by_role(plan, Order.LEG)[1].status == "ABANDONED"


@pytest.mark.parametrize("ids", [True, False])
def test_an_order_whose_answer_was_lost_is_found_and_goes_on(venues, ids):
    plan = a_plan()
    first, second = order_of_legs(plan)
    for venue in venues.values():
        venue.knows_id_before = ids
    venues[first].answers.append("lose")
    venues[second].answers.append("lose")
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    assert len(venues[first].sent) == len(venues[second].sent) == 1, "never sent again"
    same_as(venues)


def test_an_order_that_arrives_late_is_waited_for(venues):
    plan = a_plan()
    first, _ = order_of_legs(plan)
    venues[first].answers.append("late")
    plan = worked(plan)
    assert plan.status == Plan.FILLED and len(venues[first].sent) == 1
    same_as(venues)


def test_a_first_leg_that_never_arrived_is_abandoned_and_never_sent_again(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].answers.append("drop")
    plan = worked(plan)
    assert plan.status == Plan.ABANDONED
    row = by_role(plan, Order.LEG, 0)[0]
    assert (row.status, row.error_code) == ("ABANDONED", "not_found")
    assert len(venues[first].sent) == 1 and not venues[second].sent


def test_a_second_leg_that_never_arrived_is_sent_again_under_the_same_id(venues):
    plan = a_plan()
    _, second = order_of_legs(plan)
    venues[second].answers.append("drop")
    show()
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    once, again = venues[second].sent
    assert once == again, "the very same order"
    same_as(venues)


def test_a_second_leg_that_arrives_after_it_was_sent_again_fills_once(venues):
    plan = a_plan()
    _, second = order_of_legs(plan)
    venues[second].answers.extend(["late", "ok"])
    venues[second].late_finds = 10_000

    def arrive(request):
        if len(venues[second].sent) == 2:  # the first one turns up just before the second
            venues[second]._take(request)

    venues[second].on_submit = arrive
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    same_as(venues)


def test_what_would_be_another_order_by_now_is_not_sent_again(venues, monkeypatch):
    plan = a_plan()
    _, second = order_of_legs(plan)
    venues[second].answers.append("drop")
    prepare = venues[second].prepare

    def with_another_tick(request):  # its rounding, and so its hash, has changed since the first sending
        known = prepare(request)
        sent_before = request in venues[second].sent
        return replace(known, platform_order_id=f"{known.platform_order_id}_other") if sent_before else known

    monkeypatch.setattr(venues[second], "prepare", with_another_tick)
    show()
    plan = worked(plan)
    leg = by_role(plan, Order.LEG, 1)[0]
    assert (leg.status, leg.error_code, leg.sends) == ("ABANDONED", "market_changed", 1)
    assert len({request.client_order_id for request in venues[second].sent}) == len(venues[second].sent)
    same_as(venues)


def test_a_platform_that_cannot_be_asked_is_never_nothing_there(venues):
    plan = a_plan()
    first, _ = order_of_legs(plan)
    venues[first].answers.append("lose")
    venues[first].away = 2
    assert working.work(plan.id) is not None
    assert by_role(plan, Order.LEG, 0)[0].status == "UNKNOWN"
    plan = worked(plan)
    assert plan.status == Plan.FILLED


def test_a_refusal_that_passes_is_tried_again_and_no_other(venues):
    plan = a_plan()
    first, _second = order_of_legs(plan)
    venues[first].answers.extend([Declined(RATE_LIMITED, "slow down"), Declined(RATE_LIMITED, "slow down")])
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    assert len(venues[first].sent) == 3
    assert by_role(plan, Order.LEG, 0)[0].sends == 3
    assert len({request.client_order_id for request in venues[first].sent}) == 1


def test_after_the_last_try_the_order_is_rejected(venues):
    plan = a_plan()
    first, _second = order_of_legs(plan)
    venues[first].answers.extend([Declined(RATE_LIMITED, "slow down")] * 3)
    plan = worked(plan)
    row = by_role(plan, Order.LEG, 0)[0]
    assert (plan.status, row.status, row.error_code, row.sends) == (
        Plan.ABANDONED,
        "REJECTED",
        RATE_LIMITED,
        3,
    )
    assert Notice.objects.filter(kind="plan_abandoned", subject=plan.id).exists()


def test_a_refused_second_leg_is_completed_at_the_price_of_now(venues):
    plan = a_plan()
    _, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show()
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    assert by_role(plan, Order.COMPLETE, 1)[0].status == "FILLED"
    same_as(venues)


def test_a_refused_second_leg_is_sold_back_where_completing_costs_more(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    # Both books have moved against the second leg; the first can be sold at a small loss
    if first == POLYMARKET:
        show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))
    else:
        show(poly=("0.58", "0.60"), kalshi=("0.50", "0.51"))
    venues[first].price = None
    plan = worked(plan)
    assert plan.status == Plan.UNWOUND
    (unwind,) = by_role(plan, Order.UNWIND)
    assert unwind.side == "SELL" and not ledger() and not held(venues)
    assert plan.profit < 0
    outcome = LegOutcome.objects.get(kind="UNWIND")
    assert outcome.loss > 0 and abs(outcome.loss + plan.profit) < D("0.01")


def test_neither_a_near_event_nor_a_story_keeps_a_lone_leg_from_being_sold_back(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    for leg in plan.legs:
        market = leg["platform"], leg["market_id"]
        schedule(SUSPEND, market=market)
        stand(said(), market=market)
    if first == POLYMARKET:
        show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))
    else:
        show(poly=("0.58", "0.60"), kalshi=("0.50", "0.51"))
    venues[first].price = None
    assert worked(plan).status == Plan.UNWOUND and not ledger()


def test_what_has_not_settled_is_not_offered_for_sale(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    assert first == POLYMARKET, "the platform that settles later"
    venues[first].settles = "MATCHED"
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL and "not settled" in plan.reason
    assert not by_role(plan, Order.UNWIND) and len(venues[first].sent) == 1
    (bought,) = venues[first].orders.values()
    confirmed = [replace(fill, status="CONFIRMED") for fill in bought.fills]
    facts.fills_told(confirmed, mode="sandbox", platform=first, now=timezone.now())
    show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"), number=2)
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 1
    plan = worked(plan)
    assert plan.status == Plan.UNWOUND and not ledger()


def test_no_plan_sells_what_others_have_settled_in_the_place_of_its_own(venues, monkeypatch):
    """The account holds enough for it; but if our own trade then failed, theirs would be gone."""
    monkeypatch.setattr(holdings, "sellable", lambda *_, **__: D(1000))
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].settles = "MATCHED"
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL and "not settled" in plan.reason
    assert not by_role(plan, Order.UNWIND) and len(venues[first].sent) == 1


def test_what_settles_while_it_waits_is_sold_at_once(venues):
    """Nobody else needs to bring the news: whoever wants to sell asks whether the trade is final by now."""
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].settles = "MATCHED"
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    asked = []

    def fills(refs, tell=venues[first].fills):
        asked.append(len(asked))
        return [replace(fill, status="CONFIRMED" if len(asked) > 2 else "MATCHED") for fill in tell(refs)]

    venues[first].fills = fills
    show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))
    plan = worked(plan)
    assert plan.status == Plan.UNWOUND and not ledger()


def test_what_can_neither_be_completed_nor_sold_is_held_and_taken_up_later(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show(poly=("0.02", "0.98"), kalshi=("0.02", "0.98"))
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL
    assert "lose more" in plan.reason
    assert Notice.objects.get(kind="plan_partial").data["uncovered"][0]["platform"] == first
    same_as(venues)
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 0
    show()
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 1
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    same_as(venues)


def test_a_lone_leg_that_was_netted_is_completed(venues, monkeypatch):
    """YES and NO of one market are a dollar at once: then a plan's lone contracts are gone, and another's are alone."""
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    monkeypatch.setattr(working, "short_of", lambda *_: {(first, IDS[first], plan.legs[0]["outcome"]): D(1)})
    show()
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL and "does not hold" in plan.reason  # somebody has sold it
    bought = Fill.objects.filter(order__plan=plan).earliest("id")
    Fill.objects.create(
        kind=Fill.MERGE, platform=first, market_id=bought.market_id, outcome=bought.outcome, side="SELL", quantity=D(1),
        price=D("0.5"), cash=D("0.5"), mode="sandbox", trade_id="netted", created_at=timezone.now(),
    )  # fmt: skip
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 1
    plan = worked(plan)
    assert plan.status == Plan.FILLED and not by_role(plan, Order.UNWIND)


def test_two_lone_legs_that_were_netted_against_each_other_are_left_alone(venues):
    """Neither has anything left to complete: what was bought for it would be the only thing held."""
    plan = a_plan()
    _, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show(poly=("0.02", "0.98"), kalshi=("0.02", "0.98"))
    plan = worked(plan)
    bought = Fill.objects.filter(order__plan=plan).earliest("id")
    for outcome in ("YES", "NO"):
        if outcome != bought.outcome:  # the other plan's, alone as well
            trade(bought.market_id, outcome, "BUY", bought.quantity, "0.5", mode="sandbox", at=timezone.now())
    with transaction.atomic():
        holdings.lock_ledger()
        for outcome in ("YES", "NO"):
            trade(bought.market_id, outcome, "SELL", bought.quantity, "0.5", mode="sandbox", at=timezone.now(),
                  kind=Fill.MERGE)  # fmt: skip
    assert not ledger()
    show(number=2)
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 0
    assert not ledger() and not by_role(plan, Order.COMPLETE)


def test_a_stale_intent_dies(venues, monkeypatch):
    plan = a_plan()
    tune(monkeypatch, "execution", intent_seconds=D("0.0001"))
    plan = worked(plan)
    assert plan.status == Plan.ABANDONED
    assert {order.error_code for order in legs(plan)} == {"stale"}
    assert not any(venue.sent for venue in venues.values())


def test_a_halt_stops_the_first_leg_and_keeps_what_is_held(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].on_submit = lambda request: halts.trip("manual", "look", by="paula", now=timezone.now())
    assert working.work(plan.id) is not None
    plan.refresh_from_db()
    assert plan.status == Plan.EXECUTING and not venues[second].sent
    halt = halts.standing()[0]
    halt.lifted_at = timezone.now()
    halt.save()
    plan = worked(plan)
    assert plan.status == Plan.FILLED


def test_nothing_is_planned_or_sent_while_trading_is_halted(venues):
    plan = a_plan()
    halts.trip("manual", "look", by="paula", now=timezone.now())
    plan = worked(plan)
    assert plan.status == Plan.ABANDONED and not any(venue.sent for venue in venues.values())


def test_a_second_taker_does_nothing(venues):
    plan = a_plan()
    answers = []

    def elsewhere():
        answers.append(working.work(plan.id))
        connection.close()

    with working.taken(plan.id) as got:
        assert got
        other = Thread(target=elsewhere)
        other.start()
        other.join()
    assert answers == [None] and not any(venue.sent for venue in venues.values())


def test_a_trade_that_fails_to_settle_is_reversed_and_its_plan_looked_at_again(venues):
    venues[POLYMARKET].settles = "MATCHED"
    plan = worked(a_plan())
    assert plan.status == Plan.FILLED
    (order,) = [one for one in by_role(plan, Order.LEG) if one.platform == POLYMARKET]
    assert Settling.objects.get().status == "MATCHED"
    show()
    told = venues[POLYMARKET].fail(order.client_order_id)
    for _ in range(3):
        facts.fills_told(told, mode="sandbox", platform=POLYMARKET, now=timezone.now())
    order.refresh_from_db()
    assert (order.status, order.filled_qty) == ("FAILED", 0)
    assert Fill.objects.filter(kind=Fill.REVERSAL).count() == 1
    plan.refresh_from_db()
    assert plan.status == Plan.EXECUTING
    same_as(venues)
    plan = worked(plan)
    assert plan.status in (Plan.FILLED, Plan.UNWOUND)
    same_as(venues)


def test_an_order_that_turns_up_after_it_was_given_up_opens_its_plan_again(venues):
    plan = a_plan()
    first, _ = order_of_legs(plan)
    venues[first].answers.append("late")
    venues[first].late_finds = 10_000
    plan = worked(plan)
    assert plan.status == Plan.ABANDONED
    show()
    (order,) = by_role(plan, Order.LEG, 0)
    venues[first].late_finds = 0
    venues[first].waiting[order.client_order_id] = (venues[first].sent[0], 0)
    assert ordering.look_up(order)
    plan.refresh_from_db()
    assert plan.status == Plan.EXECUTING
    plan = worked(plan)
    assert plan.status in (Plan.FILLED, Plan.UNWOUND)
    same_as(venues)


def test_legs_may_go_out_together(venues):
    plan = worked(a_plan(at_once=True))
    assert plan.status == Plan.FILLED
    _first, _second = by_role(plan, Order.LEG)
    assert len(venues[POLYMARKET].sent) == len(venues[KALSHI].sent) == 1
    same_as(venues)


def test_an_order_that_rests_too_long_is_cancelled_and_the_rest_completed(venues):
    plan = a_plan()
    _, second = order_of_legs(plan)
    Order.objects.filter(plan=plan, leg=1).update(time_in_force="GOOD_TILL_CANCELLED")
    venues[second].rests = True
    venues[second].offers.append(D(20))
    assert working.work(plan.id) is not None
    time.sleep(0.15)
    show()
    venues[second].rests = False
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    assert by_role(plan, Order.LEG, 1)[0].status == "CANCELLED"
    assert venues[second].most_alive == 1 and venues[second].cancels == 1
    same_as(venues)


def test_not_enough_money_makes_the_leg_smaller(venues):
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[first].answers.append(Declined(INSUFFICIENT_BALANCE, "not enough"))
    venues[first].free = D(20)
    plan = worked(plan)
    assert plan.status == Plan.FILLED
    refused, smaller = by_role(plan, Order.LEG, 0)
    assert (refused.status, smaller.status, smaller.replaces_id) == ("REJECTED", "FILLED", refused.id)
    assert smaller.filled_qty * smaller.price < 20
    assert venues[second].sent[0].size <= smaller.filled_qty
    same_as(venues)


def test_or_skips_it_where_that_is_nothing(venues):
    plan = a_plan()
    first, _ = order_of_legs(plan)
    venues[first].answers.append(Declined(INSUFFICIENT_BALANCE, "not enough"))
    venues[first].free = D("0.10")
    plan = worked(plan)
    assert plan.status == Plan.ABANDONED and len(venues[first].sent) == 1
    assert PlanStep.objects.filter(plan=plan, what="skipped").exists()


def by_hand(plan_of, **fields):
    """An order by hand on Polymarket, as `manual` writes it."""
    like = by_role(plan_of, Order.LEG)[0]
    plan = Plan.objects.create(id="plan_hand", kind=Plan.MANUAL, mode="sandbox")
    values = {
        "id": "ord_hand", "client_order_id": "ord_hand", "plan": plan, "role": Order.MANUAL, "platform": POLYMARKET,
        "market_id": IDS[POLYMARKET], "outcome": "YES", "side": "BUY", "quantity": D(20), "price": D("0.43"),
        "time_in_force": "GOOD_TILL_CANCELLED", "status": "PLANNED", "mode": "sandbox", "order_type": like.order_type,
    }  # fmt: skip
    return plan, Order.objects.create(**(values | fields))


def test_an_order_by_hand_rests_until_a_person_cancels_it(venues):
    venues[POLYMARKET].rests = True
    plan, order = by_hand(worked(a_plan()))
    show()
    venues[POLYMARKET].offers.append(D(5))
    assert working.work(plan.id) is not None
    time.sleep(0.15)
    assert working.work(plan.id) is not None
    order.refresh_from_db()
    assert (order.status, order.matched_qty) == ("PARTIAL", 5)
    assert ordering.request_cancel(order.id, timezone.now()) == "CANCELLING"
    assert ordering.request_cancel(order.id, timezone.now()) == "CANCELLING"
    plan = worked(plan)
    order.refresh_from_db()
    assert (plan.status, order.status, order.filled_qty) == (Plan.PARTIAL, "CANCELLED", 5)
    assert venues[POLYMARKET].cancels == 1
    assert ordering.request_cancel(order.id, timezone.now()) == "CANCELLED"


def test_an_order_that_was_not_sent_is_cancelled_at_once(venues):
    plan, order = by_hand(worked(a_plan()))
    assert ordering.request_cancel(order.id, timezone.now()) == "ABANDONED"
    sent = len(venues[POLYMARKET].sent)
    assert worked(plan).status == Plan.ABANDONED and len(venues[POLYMARKET].sent) == sent


def test_an_order_that_may_slip_goes_out_again_at_the_price_of_now_for_what_is_left(venues, monkeypatch):
    venues[POLYMARKET].rests = True
    tune(monkeypatch, "execution", rest_seconds=D(60))
    plan, order = by_hand(worked(a_plan()), max_slippage_pct=D("0.05"))
    show()
    venues[POLYMARKET].offers.append(D(5))
    assert working.work(plan.id) is not None
    tune(monkeypatch, "execution", rest_seconds=D("0.01"))  # it has rested for long enough
    show(poly=("0.43", "0.44"))
    plan = worked(plan)
    order.refresh_from_db()
    again = order.replaced_by
    assert (order.status, again.quantity, again.price, again.status) == ("CANCELLED", 15, D("0.44"), "FILLED")
    assert plan.status == Plan.FILLED
    same_as(venues)


@pytest.mark.parametrize("first_to_lock", ["end", "fact"])
def test_an_end_and_a_fact_at_the_same_moment_leave_nobody_alone(venues, first_to_lock):
    """Whoever takes the plan's lock first: the end is seen by the fact, or the fact by the end."""
    plan = a_plan()
    leg = by_role(plan, "LEG", 0)[0]
    Plan.objects.filter(pk=plan.pk).update(status="EXECUTING")
    Order.objects.filter(plan=plan).update(status="ABANDONED", sent_at=timezone.now())
    worker = working._Worker(Plan.objects.get(pk=plan.pk))
    step = saga.next_step(worker.load(), working.patience_of_settings())
    assert isinstance(step, saga.Finish)
    report = OrderReport(
        "late",
        leg.client_order_id,
        leg.market_id,
        leg.outcome,
        leg.side,
        "FILLED",
        leg.quantity,
        leg.quantity,
        leg.price,
    )

    def tell():
        facts.orders_told([report], mode="sandbox", platform=leg.platform, now=timezone.now())
        connection.close()

    if first_to_lock == "fact":
        tell()
        assert not finishing.finish(worker.plan, worker.orders, worker.tickets, step)
    else:
        with transaction.atomic():
            assert finishing.finish(worker.plan, worker.orders, worker.tickets, step)
            told = Thread(target=tell)
            told.start()
            told.join(0.5)
            assert told.is_alive()  # it waits for the plan
        told.join(10)
    assert Plan.objects.get(pk=plan.pk).status == "EXECUTING"


def test_a_book_that_shows_what_is_not_there_is_not_tried_for_ever(venues, monkeypatch):
    monkeypatch.setattr(working, "MOST_TRIES", 3)
    tune(monkeypatch, "signals", max_book_age_seconds=D(30))
    plan = a_plan()
    first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing there"))
    venues[second].offers.extend([D(0)] * 50)
    venues[first].offers.extend([D(1_000), *[D(0)] * 50])
    assert worked(plan, seconds=30).status == "PARTIAL"
    tried = [order for order in legs(plan) if order.role in ("COMPLETE", "UNWIND")]
    assert len(tried) == 3
    assert all(order.status == "CANCELLED" and not order.filled_qty for order in tried)


def test_what_is_held_is_marked_in_the_mode_that_trades(venues):
    """The watch over losses falls back on the last mark: one that nobody writes would be what was paid, for ever."""
    worked(a_plan())
    show()
    Position.objects.update(current_price=None)
    tasks.mark()
    marks = dict(Position.objects.values_list("platform", "current_price"))
    assert marks == {POLYMARKET: D("0.42"), KALSHI: D("0.49")}


def a_debt_beside_a_lone_leg(venues, monkeypatch):
    """What Polymarket sold back before its purchase failed is owed; what Kalshi bought meanwhile is alone."""
    monkeypatch.setattr(working, "not_for_sale_yet", lambda *_: False)
    plan = a_plan()
    assert order_of_legs(plan) == [POLYMARKET, KALSHI]
    trade(
        IDS[POLYMARKET], "YES", "BUY", 50, "0.40", mode="sandbox"
    )  # somebody else's, which the account sells
    venues[POLYMARKET].settles = "MATCHED"
    venues[POLYMARKET].offers.append(D(60))
    venues[KALSHI].offers.append(D(40))
    show(poly=("0.42", "0.43"), kalshi=("0.30", "0.31"))  # completing costs too much: 20 are sold back
    plan = worked(plan)
    assert plan.status == Plan.UNWOUND and sorted(ledger().values()) == [D(40), D(90)]
    (bought,) = [order for order in by_role(plan, Order.LEG) if order.platform == POLYMARKET]
    told = venues[POLYMARKET].fail(bought.client_order_id)
    facts.fills_told(told, mode="sandbox", platform=POLYMARKET, now=timezone.now())
    Plan.objects.filter(pk=plan.pk).update(loss_limit=D(5))
    plan.refresh_from_db()
    assert plan.status == Plan.EXECUTING
    return plan


@pytest.mark.parametrize("poly", [("0.02", "0.98"), None])
def test_a_debt_that_cannot_be_paid_keeps_no_other_leg_waiting(venues, monkeypatch, poly):
    plan = a_debt_beside_a_lone_leg(venues, monkeypatch)
    if poly is None:
        Market.objects.filter(pk=IDS[POLYMARKET]).update(status="CLOSED")
    show(poly=poly or ("0.42", "0.43"), kalshi=("0.50", "0.51"), number=2)
    plan = worked(plan)
    sold = by_role(plan, Order.UNWIND, 1)
    assert [(order.side, order.filled_qty) for order in sold] == [("SELL", D(40))]
    assert (IDS[KALSHI], "NO") not in ledger()
    assert plan.status == Plan.PARTIAL and plan.reason.startswith("owed, ")
    assert ("closed" if poly is None else "lose more") in plan.reason
    assert not by_role(plan, Order.COMPLETE)
    (uncovered,) = Notice.objects.filter(kind="plan_partial").latest("id").data["uncovered"]
    assert (uncovered["platform"], D(uncovered["contracts"])) == (POLYMARKET, D(20))


def test_beside_a_debt_a_lone_leg_loses_no_more_than_the_limit_and_is_held_with_its_reason(
    venues, monkeypatch
):
    plan = a_debt_beside_a_lone_leg(venues, monkeypatch)
    show(poly=("0.02", "0.98"), kalshi=("0.97", "0.98"), number=2)  # 40 NO would bring two cents each
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL and not by_role(plan, Order.UNWIND, 1)
    assert plan.reason.startswith("owed, ") and "held, for it can neither" in plan.reason
    uncovered = Notice.objects.filter(kind="plan_partial").latest("id").data["uncovered"]
    assert sorted(one["platform"] for one in uncovered) == [KALSHI, POLYMARKET]
    show(
        poly=("0.02", "0.98"), kalshi=("0.50", "0.51"), number=3
    )  # the lone leg can go by now, the debt cannot
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 1
    assert worked(plan).status == Plan.PARTIAL and (IDS[KALSHI], "NO") not in ledger()


def test_a_market_that_has_closed_keeps_no_lone_leg_on_another(venues):
    plan = a_plan()
    _first, second = order_of_legs(plan)
    venues[second].answers.append(Declined(NOT_FILLABLE, "nothing on offer"))
    show(poly=("0.02", "0.98"), kalshi=("0.02", "0.98"))
    plan = worked(plan)
    assert plan.status == Plan.PARTIAL
    Market.objects.filter(pk=IDS[second]).update(status="CLOSED")
    show(number=2)
    assert working.pick_up_remainders(timezone.now(), "sandbox") == 1
    assert worked(plan).status == Plan.UNWOUND and not ledger() and len(venues[second].sent) == 1


def test_a_stop_sells_on_until_all_of_it_is_sold_and_the_exchange_says_the_same(venues, monkeypatch):
    monkeypatch.setattr(stops, "EVERY", timedelta(0))
    worked(a_plan())
    held_there = venues[KALSHI].held()[IDS[KALSHI], "NO"]
    person = factories.a_person()
    person.user_permissions.add(Permission.objects.get(codename="can_trade"))
    person = type(person).objects.get(pk=person.pk)
    row = stops.place(
        "sandbox", market_id=IDS[KALSHI], outcome="NO", trigger_price=D("0.40"), limit_price=D("0.35"), person=person,
        now=timezone.now(),
    )  # fmt: skip
    venues[KALSHI].offers.extend([D(30), D(0), held_there - 40])
    venues[KALSHI].answers.extend(["ok", "lose"])
    sent = len(venues[KALSHI].sent)
    for _ in range(8):
        show(kalshi=("0.60", "0.61"), number=2)  # NO is bid 0.39
        for plan in stops.look("sandbox", timezone.now()):
            worked(plan)
    row.refresh_from_db()
    assert row.status == "TRIGGERED" and len(venues[KALSHI].sent) - sent == 4
    assert [request.size for request in venues[KALSHI].sent[sent:]] == [
        held_there,
        held_there - 30,
        held_there - 30,
        10,
    ]
    assert (IDS[KALSHI], "NO") not in venues[KALSHI].held()
    same_as(venues)
