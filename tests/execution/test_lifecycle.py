"""The tables of states: what ends stays ended, nothing is sent twice, and the database knows the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import lifecycle, models
from execution.lifecycle import (
    ABANDONED,
    AT_PLATFORM,
    CANCELLED,
    CANCELLING,
    FILLED,
    NEXT,
    OPEN,
    PARTIAL,
    PLAN_NEXT,
    PLAN_TERMINAL,
    PLANNED,
    REJECTED,
    SUBMITTED,
    TERMINAL,
    UNKNOWN,
    before,
    can_move,
)  # fmt: skip

TABLES = [NEXT, PLAN_NEXT]


def test_the_states_that_end():
    assert {FILLED, CANCELLED, REJECTED, ABANDONED} == TERMINAL
    assert {FILLED, ABANDONED} == PLAN_TERMINAL


@pytest.mark.parametrize("table", TABLES)
def test_every_state_named_is_in_the_table_and_can_be_reached(table):
    reached, frontier = {PLANNED}, {PLANNED}
    while frontier:
        frontier = set().union(*(table[state] for state in frontier)) - reached
        reached |= frontier
    assert reached == set(table)


@pytest.mark.parametrize("table", TABLES)
def test_staying_is_no_move_and_an_unknown_state_permits_nothing(table):
    for state in table:
        assert not can_move(state, state, table)
        assert not can_move("INVENTED", state, table)
        assert not can_move(state, "INVENTED", table)


@pytest.mark.parametrize("table", TABLES)
def test_before_is_the_table_read_backwards(table):
    for new in table:
        assert before(new, table) == {old for old in table if can_move(old, new, table)}


@given(st.sampled_from(TABLES), st.lists(st.sampled_from(lifecycle.ORDER_STATES + lifecycle.PLAN_STATES)))
def test_whatever_is_tried_what_has_ended_stays_as_it_is(table, tries):
    state, ended, sent = PLANNED, "", 0
    for new in tries:
        if can_move(state, new, table):
            assert not ended
            state = new
            sent += new == SUBMITTED
        ended = state if state in lifecycle.terminal(table) else ""
    assert sent <= 1


def test_no_order_is_sent_twice():
    """Nothing leads back to PLANNED or, once the answer is lost, to SUBMITTED."""
    assert before(PLANNED) == frozenset()
    assert before(SUBMITTED) == {PLANNED}


def test_a_fill_beats_a_cancel():
    assert can_move(CANCELLING, FILLED)
    assert can_move(CANCELLING, PARTIAL)
    assert not can_move(CANCELLED, FILLED)


def test_what_may_still_fill_is_neither_planned_nor_ended():
    assert set(NEXT) - TERMINAL - {PLANNED} == AT_PLATFORM
    assert {OPEN, PARTIAL, UNKNOWN} < AT_PLATFORM
    assert all(NEXT[state] & {FILLED, PARTIAL} for state in AT_PLATFORM)


def test_the_database_knows_the_same_states():
    assert set(models.Order.STATUSES) == set(lifecycle.ORDER_STATES)
    assert set(models.Order.OPEN_STATUSES) == set(NEXT) - TERMINAL
    assert set(models.Plan.STATUSES) == set(lifecycle.PLAN_STATES)
