"""The tables of states: what may follow what, and that nothing is ever sent twice."""

import pytest

from execution import lifecycle
from execution.lifecycle import NEXT, PLAN_NEXT, before, can_move

TABLES = [pytest.param(NEXT, id="orders"), pytest.param(PLAN_NEXT, id="plans")]


def reachable(start: str, table) -> set[str]:
    """Every state that can come after `start`, however many moves away."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = set(table[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_successor_is_a_state_and_staying_is_no_move(table):
    for state, following in table.items():
        assert following <= set(table)
        assert state not in following


@pytest.mark.parametrize(
    ("table", "terminal", "expected"),
    [
        (NEXT, lifecycle.TERMINAL, {"FILLED", "CANCELLED", "REJECTED", "ABANDONED"}),
        (PLAN_NEXT, lifecycle.PLAN_TERMINAL, {"FILLED", "ABANDONED"}),
    ],
)
def test_nothing_follows_a_terminal_state(table, terminal, expected):
    assert terminal == expected
    assert not any(can_move(old, new, table) for old in terminal for new in table)
    assert all(any(can_move(old, new, table) for new in table) for old in set(table) - terminal)


@pytest.mark.parametrize("table", TABLES)
def test_before_is_the_inverse_of_the_table(table):
    for new in table:
        assert before(new, table) == {old for old in table if can_move(old, new, table)}
    assert {old: frozenset(new for new in table if old in before(new, table)) for old in table} == dict(table)


def test_the_states_before_by_hand():
    assert before("SUBMITTED") == {"PLANNED"}
    assert before("CANCELLING") == {"OPEN", "PARTIAL"}
    assert before("REJECTED") == {"SUBMITTED", "UNKNOWN"}
    assert before("PLANNED") == frozenset()
    assert before("FILLED", PLAN_NEXT) == {"EXECUTING", "PARTIAL"}


@pytest.mark.parametrize("table", TABLES)
def test_an_end_can_be_reached_from_everywhere_and_everything_from_planned(table):
    ends = lifecycle.terminal(table)
    assert reachable("PLANNED", table) | {"PLANNED"} == set(table)
    assert all(reachable(state, table) & ends for state in set(table) - ends)


def test_nothing_is_sent_twice():
    for state in set(NEXT) - {"PLANNED"}:
        assert not {"PLANNED", "SUBMITTED"} & reachable(state, NEXT), state
    for state in set(PLAN_NEXT) - {"PLANNED"}:
        assert not {"PLANNED", "EXECUTING"} & reachable(state, PLAN_NEXT), state


def test_a_fill_beats_a_cancel_and_a_lost_answer_may_turn_out_to_be_anything():
    assert can_move("CANCELLING", "FILLED")
    assert can_move("CANCELLING", "PARTIAL")
    assert {"OPEN", "PARTIAL", "FILLED", "CANCELLED", "REJECTED"} <= NEXT["UNKNOWN"]


def test_what_was_filled_is_never_called_rejected():
    for state in ("OPEN", "PARTIAL", "CANCELLING"):
        assert not {"REJECTED", "UNKNOWN", "ABANDONED"} & reachable(state, NEXT), state


def test_an_order_may_be_at_the_platform_in_every_state_that_can_still_fill():
    assert {state for state in NEXT if "FILLED" in NEXT[state]} == lifecycle.AT_PLATFORM


def test_an_unknown_state_permits_nothing():
    assert not can_move("LOST", "FILLED")
    assert not can_move("PLANNED", "LOST")
    assert before("LOST") == frozenset()
