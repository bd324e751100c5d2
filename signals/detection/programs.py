"""The linear programs of wide bets, solved by HiGHS. Floats throughout: what comes out is a proposal, never a
figure that is stored or traded.

`best`: how many contracts of every level of every claim, so that what is paid in the worst state, less what is
paid for, is largest. `best_whole`: the same where sizes are multiples of steps and have minimums.
`weights`: weights of the states that prove that no purchase can gain, where there are such.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

# Branch and bound ends here even when it could go on: by count, not by time, so that the same books give the
# same orders.
MOST_NODES = 500
MOST_STEPS = 1e5  # the largest bound HiGHS takes of a variable that may also be 0
INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER = 1, 2, 3  # SciPy's codes of variables; semi: or 0

Floats = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True, slots=True)
class Column:
    """One claim: the states it pays in, and what is on offer of it, best first."""

    rows: Rows
    sizes: Floats  # contracts
    costs: Floats  # dollars per contract with the marginal fee
    budget: int = -1  # which budget it draws on; -1: none


@dataclass(frozen=True, slots=True)
class Program:
    """A matrix in HiGHS's own layout: variables are all levels in order, then the payoff; rows are the states,
    then the budgets.
    """

    objective: Floats
    matrix: Any  # scipy.sparse.csc_matrix
    limits: Floats  # right-hand sides
    upper: Floats
    starts: tuple[int, ...]  # first variable of each claim, and one past the last


@dataclass(frozen=True, slots=True)
class Plan:
    """What the solver proposes."""

    contracts: tuple[float, ...]  # of each claim
    profit: float  # dollars, before any rounding


def build(
    columns: Sequence[Column], states: int, budgets: Sequence[float] = (), max_payoff: float = np.inf
) -> Program:
    """Maximise payoff - cost, where in every state at least the payoff is paid."""
    from scipy import sparse

    levels = np.array([len(column.sizes) for column in columns])
    # Each claim's pattern once, its budget last, then repeated for every level: no loop over levels
    patterns = [
        column.rows if column.budget < 0 else np.append(column.rows, np.int32(states + column.budget))
        for column in columns
    ]
    patterns.append(np.arange(states, dtype=np.int32))  # of the payoff
    sizes = np.array([len(pattern) for pattern in patterns])
    claim_of = np.append(np.repeat(np.arange(len(columns)), levels), len(columns))
    lengths = sizes[claim_of]
    pointers = np.concatenate(([0], np.cumsum(lengths)))
    shift = (np.cumsum(sizes) - sizes)[claim_of] - pointers[:-1]
    indices = np.concatenate(patterns)[np.arange(pointers[-1]) + np.repeat(shift, lengths)]
    data = np.full(pointers[-1], -1.0)
    data[pointers[-2] :] = 1.0
    costs = np.concatenate([column.costs for column in columns])
    drawing = np.repeat(np.array([column.budget >= 0 for column in columns]), levels)
    data[pointers[1:-1][drawing] - 1] = costs[drawing]
    matrix = sparse.csc_matrix(
        (data, indices, pointers.astype(np.int32)), shape=(states + len(budgets), len(costs) + 1)
    )
    return Program(
        objective=np.append(costs, -1.0),
        matrix=matrix,
        limits=np.concatenate([np.zeros(states), np.asarray(budgets, dtype=float)]),
        upper=np.append(np.concatenate([column.sizes for column in columns]), max_payoff),
        starts=(0, *np.cumsum(levels).tolist()),
    )


def solve(program: Program) -> Any:
    """The bare solver call: HiGHS through SciPy. Presolve costs more than it saves at this size."""
    # Imported where it is used: SciPy takes most of a second to load, and most processes never meet a wide bet.
    from scipy.optimize import linprog

    bounds = np.column_stack([np.zeros(len(program.upper)), program.upper])
    return linprog(
        program.objective, A_ub=program.matrix, b_ub=program.limits, bounds=bounds,
        method="highs-ds", options={"presolve": False},
    )  # fmt: skip


def best(program: Program) -> Plan | None:
    """The best purchase; None where the solver finds no answer."""
    result = solve(program)
    if result.status != 0 or result.x is None:
        return None
    # Not reduceat: a claim without a level would be given its neighbour's sum
    running = np.concatenate(([0.0], np.cumsum(result.x[:-1])))
    edges = running[list(program.starts)]
    return Plan(tuple(np.diff(edges).tolist()), -float(result.fun))


@dataclass(frozen=True, slots=True)
class Lot:
    """In which sizes a claim is accepted, in contracts: a multiple of `step`, from `least` to `most`, or 0."""

    step: float
    least: float
    most: float


def best_whole(program: Program, lots: Sequence[Lot]) -> Plan | None:
    """The best purchase in accepted sizes only, by branch and bound; None where none was found.

    A claim with more steps on offer than the solver counts is proposed as a fraction, to be rounded.
    """
    from scipy import sparse
    from scipy.optimize import Bounds, LinearConstraint, milp

    claims, variables = len(lots), len(program.upper)
    steps = [lot.step if lot.most / lot.step <= MOST_STEPS else 1.0 for lot in lots]
    kinds, low, high = [], [], []
    for lot, step in zip(lots, steps, strict=True):
        counted, least, most = step == lot.step, round(lot.least / step, 9), lot.most / step
        least, most = (float(np.ceil(least)), float(np.floor(most + 1e-9))) if counted else (least, most)
        optional = least > 1 or not counted
        kinds.append(
            0 if most <= 0 else (SEMI_INTEGER if counted else SEMI_CONTINUOUS) if optional else INTEGER
        )
        low.append(least if optional and most > 0 else 0.0)
        high.append(min(max(most, 0.0), MOST_STEPS))
    levels = np.diff(program.starts)
    link = sparse.csc_matrix(
        (np.ones(variables - 1), (np.repeat(np.arange(claims), levels), np.arange(variables - 1))),
        shape=(claims, variables),
    )
    counts = sparse.diags([-np.asarray(steps)], [0])
    empty = sparse.csc_matrix((program.matrix.shape[0], claims))
    with _said_as_an_error():
        result = milp(
            np.concatenate([program.objective, np.zeros(claims)]),
            integrality=np.concatenate([np.zeros(variables), kinds]),
            bounds=Bounds(
                np.concatenate([np.zeros(variables), low]), np.concatenate([program.upper, high])
            ),
            constraints=[
                LinearConstraint(sparse.hstack([program.matrix, empty]), -np.inf, program.limits),
                LinearConstraint(sparse.hstack([link, counts]), 0, 0),
            ],
            options={"node_limit": MOST_NODES, "mip_rel_gap": 1e-6},
        )  # fmt: skip
    if result.x is None:
        return None
    contracts = [
        float(np.rint(count)) * step if kind in (INTEGER, SEMI_INTEGER) else float(count) * step
        for count, step, kind in zip(result.x[variables:], steps, kinds, strict=True)
    ]
    return Plan(tuple(contracts), -float(result.fun))


@contextmanager
def _said_as_an_error() -> Iterator[None]:
    """Let what the solver prints go to standard error: a line of its own among a command's JSON would spoil it.

    Below Python's streams, since HiGHS prints from C now and then, whatever its options say.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def weights(rows: Sequence[Rows], prices: Sequence[float], states: int) -> Floats | None:
    """Weights of the states, of the largest sum at which no claim's states weigh more than its price.

    A sum of 1 or more proves that nothing can be gained at these prices; None where the solver has no answer.
    Every state must be in one of `rows`.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    pointers = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int32)
    indices = np.concatenate(rows)
    matrix = sparse.csr_matrix((np.ones(len(indices)), indices, pointers), shape=(len(rows), states))
    result = linprog(
        -np.ones(states), A_ub=matrix, b_ub=np.asarray(prices), method="highs-ds", options={"presolve": False}
    )
    return None if result.status != 0 or result.x is None else result.x
