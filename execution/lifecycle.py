"""States of orders and plans, and the moves permitted. The database's constraints read these tables."""

from collections.abc import Mapping

PLANNED, SUBMITTED, OPEN, PARTIAL, FILLED = "PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED"
CANCELLING, CANCELLED, REJECTED, UNKNOWN, ABANDONED = (
    "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN", "ABANDONED",
)  # fmt: skip
EXECUTING = "EXECUTING"

Table = Mapping[str, frozenset[str]]

NEXT: Table = {
    PLANNED: frozenset({SUBMITTED, ABANDONED}),
    SUBMITTED: frozenset({OPEN, PARTIAL, FILLED, CANCELLED, REJECTED, UNKNOWN}),
    # Sent, answer lost: ask the platform. Never back to PLANNED or SUBMITTED, for nothing is sent twice.
    UNKNOWN: frozenset({OPEN, PARTIAL, FILLED, CANCELLED, REJECTED, ABANDONED}),
    OPEN: frozenset({PARTIAL, FILLED, CANCELLING, CANCELLED}),
    PARTIAL: frozenset({FILLED, CANCELLING, CANCELLED}),
    CANCELLING: frozenset({CANCELLED, PARTIAL, FILLED}),  # a fill beats a cancel
    FILLED: frozenset(),
    CANCELLED: frozenset(),
    REJECTED: frozenset(),
    ABANDONED: frozenset(),
}

# A plan is PARTIAL when its legs ended with different fills; a later completion makes it FILLED.
PLAN_NEXT: Table = {
    PLANNED: frozenset({EXECUTING, ABANDONED}),
    EXECUTING: frozenset({FILLED, PARTIAL, ABANDONED}),
    PARTIAL: frozenset({FILLED}),
    FILLED: frozenset(),
    ABANDONED: frozenset(),
}

ORDER_STATES = tuple(NEXT)
PLAN_STATES = tuple(PLAN_NEXT)


def terminal(table: Table) -> frozenset[str]:
    """The states that nothing follows."""
    return frozenset(state for state, following in table.items() if not following)


TERMINAL = terminal(NEXT)
PLAN_TERMINAL = terminal(PLAN_NEXT)

# States in which an order may exist on the platform and may still fill.
AT_PLATFORM = frozenset({SUBMITTED, UNKNOWN, OPEN, PARTIAL, CANCELLING})


def can_move(old: str, new: str, table: Table = NEXT) -> bool:
    """Whether `new` may follow `old`. Staying is no move; an unknown state permits nothing."""
    return new in table.get(old, frozenset())


def before(new: str, table: Table = NEXT) -> frozenset[str]:
    """The states that `new` may follow: the `WHERE status IN (...)` of a conditional update."""
    return frozenset(state for state, following in table.items() if new in following)
