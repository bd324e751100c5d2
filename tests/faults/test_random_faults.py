"""Random faults against the pure core: whatever happens, at most one order an intent, and an end that adds up."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.faults import saga_machine as m

PARTS = st.sampled_from([Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.25"), Decimal(0)])
FATES = st.lists(st.sampled_from(m.FATES), min_size=4, max_size=8)


class Machine(m.Desk, RuleBasedStateMachine):
    """Rules are what can happen at any moment."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        m.Desk.__init__(self)

    @rule(
        fate=st.sampled_from(m.FATES), part=PARTS, dies=st.sampled_from(["", "", "", "submitted", "answered"])
    )
    def executor_steps(self, fate, part, dies):
        try:
            self.step(fate, part, dies)
        except m.Crash:
            self.crash()

    @rule(fate=st.sampled_from(m.FATES), part=PARTS)
    def executor_steps_on(self, fate, part):
        for _ in range(3):
            self.step(fate, part)
            self.wait(0.05)

    @initialize(fates=FATES, part=PARTS, dear=st.booleans())
    def the_night_begins(self, fates, part, dear):
        self.dear = dear
        self.each_request_has_its_fate(fates, part)

    @rule(fates=FATES, part=PARTS)
    def each_request_has_its_fate(self, fates, part):
        """One leg is there and the next is not: what this is all about."""
        for fate in (m.OK, *fates):
            self.step(fate, part)
            self.wait(0.05)

    @rule(seconds=st.sampled_from([0.1, 0.5, 3, 15, 40]))
    def time_passes(self, seconds):
        self.wait(seconds)

    @rule()
    def executor_is_killed(self):
        self.crash()

    @rule(minutes=st.sampled_from([-5, 5]))
    def clock_jumps(self, minutes):
        self.skew += m.timedelta(minutes=minutes) if abs(self.skew) < m.timedelta(minutes=10) else -self.skew

    @rule(duplicated=st.booleans())
    def private_channels_tell(self, duplicated):
        self.private_news(duplicated)

    @rule(name=st.sampled_from(["kalshi", "polymarket"]))
    def platform_goes_or_comes(self, name):
        self.platforms[name].away = not self.platforms[name].away

    @rule()
    def trading_is_halted_or_resumed(self):
        self.halted = not self.halted

    @rule()
    def books_empty_or_fill(self):
        self.thin = not self.thin

    @rule()
    def books_turn(self):
        self.dear = not self.dear

    @rule()
    def a_trade_fails(self):
        self.fail_a_trade()

    @rule()
    def other_plans_buy_the_same(self):
        """What they hold can be sold by an order of ours, too: the platform sees one account."""
        self.platforms[m.POLYMARKET].others = m.Decimal(100)

    @rule()
    def the_next_plan(self):
        """Once this one is done: what a done plan leaves behind must add up at every moment, not only at the end."""
        if self.finished:
            self.end()
            self.platforms = {name: m.Platform(name) for name in self.platforms}
            self.held = []
            self.begin()

    @invariant()
    def holds(self):
        self.check()

    def teardown(self):
        self.end()


def _run(machine: type[Machine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=50, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False, phases=(Phase.generate,),
        ),
    )  # fmt: skip


def test_the_core_survives_random_faults():
    m.Desk.ended.clear()
    _run(Machine, 250)
    assert all(m.Desk.ended[end] > 5 for end in ("FILLED", "UNWOUND", "ABANDONED", "Resend", "Cancel")), (
        m.Desk.ended
    )


@pytest.mark.long
def test_the_core_survives_random_faults_for_long():
    _run(Machine, 2_000)


class GivesUpAtOnce(Machine):
    """A mutant: one look that finds nothing is enough."""

    patience = replace(m.PATIENCE, look_up=timedelta(0))


class RetriesBlindly(Machine):
    """A mutant: an order whose answer was lost is sent again under a new id, without a look."""

    def step(self, fate=m.OK, part=m.ONE, dies=m.NOWHERE):
        for row in list(self.rows):
            if row.status == m.UNKNOWN and row.role != "LEG" and row.sends < 3 and not self.halted:
                row.move(m.ABANDONED)
                again = m.Row(
                    f"{row.id}-again",
                    row.leg,
                    row.role,
                    row.ticket,
                    self.now(),
                    sends=row.sends,
                    intent=row.intent,
                )
                self.rows.append(again)
                self._send(again, row.ticket, m.OK, part, m.NOWHERE)
                return "Retry"
        return super().step(fate, part, dies)


@pytest.mark.parametrize("mutant", [GivesUpAtOnce, RetriesBlindly])
def test_a_mutant_is_caught(mutant):
    with pytest.raises(AssertionError):
        _run(mutant, 300)


def test_a_clock_that_jumps_is_no_proof_that_an_order_is_not_there():
    """The next leg's answer is lost, the clock jumps by five minutes, and only then does the platform take the order."""
    desk = m.Desk()
    desk.step(m.OK)
    desk.step(m.LATE)
    desk.skew = timedelta(minutes=5)
    for _ in range(40):
        desk.step()
        desk.check()
        desk.wait(1)
    desk.end()


def a_sale_is_prepared_and_then_the_purchase_fails(others):
    """Half of the plan fills on Polymarket and less on Kalshi; before the rest is sold, the purchase fails, unheard of."""
    desk = Machine()
    desk.platforms[m.POLYMARKET].others = Decimal(others)
    desk.executor_steps_on("ok", Decimal("0.5"))
    desk.executor_steps_on("ok", Decimal("0.25"))
    desk.a_trade_fails()
    desk.executor_steps_on("refused", Decimal("0.25"))
    return desk


def test_what_was_sold_before_its_purchase_failed_is_bought_again():
    """The account took the sale, for another plan holds the same outcome: what is missing there is owed."""
    desk = a_sale_is_prepared_and_then_the_purchase_fails(others=100)
    desk.end()
    (sale,) = [row for row in desk.rows if row.role == "UNWIND" and row.leg == 0 and row.matched]
    again, *_ = [row for row in desk.rows if row.role == "COMPLETE" and row.leg == 0]
    assert (sale.ticket.side, again.ticket.side) == ("SELL", "BUY")
    assert abs(again.matched - sale.matched) <= m.DUST and again.created_at > sale.created_at
    assert desk.finished == "UNWOUND" and not desk.held


def test_what_is_owed_and_cannot_be_bought_is_held_with_its_reason():
    desk = a_sale_is_prepared_and_then_the_purchase_fails(others=100)
    for _ in range(40):
        desk.step()
    assert desk.finished == "UNWOUND"
    desk.thin = True
    desk.private_news(duplicated=False)
    desk.wait(30)
    desk.step()
    assert desk.finished == "PARTIAL" and desk.held[-1].startswith("owed, ")


def test_a_platform_sells_nothing_that_has_failed():
    desk = a_sale_is_prepared_and_then_the_purchase_fails(others=0)
    desk.end()
    assert not any(row.role == "UNWIND" and row.leg == 0 and row.matched for row in desk.rows)
