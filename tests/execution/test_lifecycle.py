"""The tables of states: what ends stays ended, nothing is sent twice, and the database knows the same words."""

import re

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from execution import lifecycle, models
from execution.lifecycle import (
    AT_PLATFORM,
    CANCELLED,
    CANCELLING,
    FILLED,
    NEXT,
    OPEN,
    PARTIAL,
    PLAN_NEXT,
    PLANNED,
    SUBMITTED,
    UNKNOWN,
    before,
    can_move,
)  # fmt: skip

TABLES = [NEXT, PLAN_NEXT]


def test_an_order_is_open_at_the_platform_or_done_or_not_sent():
    assert lifecycle.DONE | AT_PLATFORM | {PLANNED} == set(NEXT)
    assert not lifecycle.DONE & AT_PLATFORM
    assert {PLANNED, "EXECUTING"} | lifecycle.PLAN_DONE == set(PLAN_NEXT)


def test_what_is_done_comes_back_by_a_fact_alone():
    for state in lifecycle.DONE:
        assert not NEXT[state] & {PLANNED, SUBMITTED, UNKNOWN, "REJECTED", "ABANDONED"}


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


@given(st.lists(st.sampled_from(lifecycle.ORDER_STATES)))
def test_whatever_is_tried_an_order_is_sent_again_only_after_its_answer_was_lost(tries):
    state, sent, lost = PLANNED, 0, 0
    for new in tries:
        if can_move(state, new):
            sent += new == SUBMITTED
            lost += new == UNKNOWN
            state = new
    assert sent <= lost + 1


def test_nothing_leads_back_to_planned_and_only_a_lost_answer_back_to_submitted():
    assert before(PLANNED) == frozenset()
    assert before(SUBMITTED) == {PLANNED, UNKNOWN}


def test_a_fill_beats_a_cancel():
    assert can_move(CANCELLING, FILLED)
    assert can_move(CANCELLING, PARTIAL)
    assert can_move(CANCELLED, FILLED)


def test_what_may_still_fill():
    assert {OPEN, PARTIAL, UNKNOWN} < AT_PLATFORM
    assert all(NEXT[state] & {FILLED, PARTIAL} for state in AT_PLATFORM)


def test_the_database_knows_the_same_states():
    assert set(models.Order.STATUSES) == set(lifecycle.ORDER_STATES)
    assert set(models.Order.OPEN_STATUSES) == set(NEXT) - lifecycle.DONE
    assert set(models.Plan.STATUSES) == set(lifecycle.PLAN_STATES)


@pytest.mark.parametrize(("name", "table"), [("orders", NEXT), ("plans", PLAN_NEXT)])
@pytest.mark.django_db
def test_the_database_permits_the_very_same_moves(name, table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [f"{name}_may_move"])
        (source,) = cursor.fetchone()
    assert sorted(re.findall(r"\('(\w+)', '(\w+)'\)", source)) == lifecycle.moves(table)
