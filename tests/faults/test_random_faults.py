"""Random faults against the pure core: whatever happens, at most one order an intent, and an end that adds up."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.faults import saga_machine as m

PARTS = st.sampled_from([Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.25"), Decimal(0)])


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
    def a_trade_fails(self):
        self.fail_a_trade()

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
