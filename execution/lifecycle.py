"""States of orders and plans, and the moves permitted. The database enforces the very same tables (a trigger)."""

from collections.abc import Mapping

PLANNED, SUBMITTED, OPEN, PARTIAL, FILLED = "PLANNED", "SUBMITTED", "OPEN", "PARTIAL", "FILLED"
CANCELLING, CANCELLED, REJECTED, UNKNOWN, ABANDONED, FAILED = (
    "CANCELLING", "CANCELLED", "REJECTED", "UNKNOWN", "ABANDONED", "FAILED",
)  # fmt: skip
EXECUTING, UNWOUND = "EXECUTING", "UNWOUND"

Table = Mapping[str, frozenset[str]]

NEXT: Table = {
    PLANNED: frozenset({SUBMITTED, REJECTED, ABANDONED}),  # REJECTED: by our own gates, before anything left
    SUBMITTED: frozenset({OPEN, PARTIAL, FILLED, CANCELLED, REJECTED, UNKNOWN}),
    # Sent, answer lost: ask the platform. SUBMITTED only for an order that makes a lone leg whole again, after the
    # platform has proved for long enough that it does not have it, and under the same id.
    UNKNOWN: frozenset({OPEN, PARTIAL, FILLED, CANCELLED, REJECTED, ABANDONED, SUBMITTED}),
    OPEN: frozenset({PARTIAL, FILLED, CANCELLING, CANCELLED}),
    PARTIAL: frozenset({FILLED, CANCELLING, CANCELLED}),
    CANCELLING: frozenset(
        {OPEN, PARTIAL, FILLED, CANCELLED}
    ),  # a fill beats a cancel, and a cancel may be refused
    # Facts found late beat what we believed
    FILLED: frozenset({FAILED}),  # matched, but its trades were undone
    CANCELLED: frozenset({FILLED, FAILED}),
    ABANDONED: frozenset({OPEN, PARTIAL, FILLED, CANCELLED}),
    REJECTED: frozenset(),
    FAILED: frozenset(),
}

# A plan is PARTIAL when its legs ended with different fills and the rest is held; UNWOUND when the rest was sold back.
# What settles late, or is completed later, moves it on.
PLAN_NEXT: Table = {
    PLANNED: frozenset({EXECUTING, ABANDONED}),
    EXECUTING: frozenset({FILLED, PARTIAL, UNWOUND, ABANDONED}),
    PARTIAL: frozenset({EXECUTING, FILLED, UNWOUND}),
    FILLED: frozenset({EXECUTING}),
    UNWOUND: frozenset({EXECUTING}),
    ABANDONED: frozenset({EXECUTING}),
}

ORDER_STATES = tuple(NEXT)
PLAN_STATES = tuple(PLAN_NEXT)

# States in which an order may exist on the platform and may still fill.
AT_PLATFORM = frozenset({SUBMITTED, UNKNOWN, OPEN, PARTIAL, CANCELLING})
# Nobody waits for anything any more; only a fact found late moves them.
DONE = frozenset({FILLED, CANCELLED, REJECTED, ABANDONED, FAILED})
PLAN_DONE = frozenset({FILLED, PARTIAL, UNWOUND, ABANDONED})


def can_move(old: str, new: str, table: Table = NEXT) -> bool:
    """Whether `new` may follow `old`. Staying is no move; an unknown state permits nothing."""
    return new in table.get(old, frozenset())


def before(new: str, table: Table = NEXT) -> frozenset[str]:
    """The states that `new` may follow: the `WHERE status IN (...)` of a conditional update."""
    return frozenset(state for state, following in table.items() if new in following)


def moves(table: Table = NEXT) -> list[tuple[str, str]]:
    """Every permitted move, sorted."""
    return sorted((old, new) for old, following in table.items() for new in following)
