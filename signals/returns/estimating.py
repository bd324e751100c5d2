"""How series move together: correlation with an interval, beta, and which of them moves first.

**Refresh times** (Barndorff-Nielsen, Hansen, Lunde, Shephard 2011) keep stale quotes out: the next sample of a pair is
taken once *both* have moved since the last one. A market that stands still is not taken for one that moves on its own,
and no move is lost. Where only one of the two moved at that very step, the other's quote is older, and the rest of a
common move falls into the other's next sample; the covariance counts that too, which makes it Hayashi's and Yoshida's
(2005). With `a_k`, `b_k` 1 where x, y did not move at the step that ends sample k:

    C = Σ x_k·y_k + a_k·x_{k+1}·y_k + b_k·x_k·y_{k+1},   r = C / sqrt(Σ x_k² · Σ y_k²),   beta of y on x = C / Σ x_k²

**Runs** of samples keep flicker out: a book whose best level comes and goes by a tick fills both variances with moves that
are taken back, and of what two markets share little would be left. A pair with many samples is compared over runs of m
of them, at every place where a run can begin, so that no choice of a place shakes the result (Zhang, Mykland,
Aït-Sahalia 2005); x_k and y_k above are then sums over a run, and the stale rests those at its end. m is the number of
samples over `ENOUGH`: below twice as many, it is 1.

**Interval**: the wider of Fisher's (`1 / sqrt(n/m - 3)` of z) and `r ± z·se` with a standard error from the influence of
each run (the delta method), summed with a Bartlett window over those that share moves. Prices move in bursts, and two
series with a common burst look better known than they are.

    ψ_k = c_k/s - r/2·(x_k²/m20 + y_k²/m02),   c_k: the terms of C that belong to run k,   s = sqrt(m20·m02)

Moments are about zero: `series.settled` has taken the drift out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from signals.returns.series import Floats, Grid, Ints

FEWEST = 30  # samples below which nothing is said of a pair
LONGEST_STEPS = (
    240  # a sample that took longer (4 hours on the usual clock) is a jump over a hole, and left out
)
ENOUGH = 200  # samples that say enough of a pair; with more of them, longer ones are taken
CLOSE_TO_ONE = 0.999999
AT_ONCE = 500  # pairs whose samples are held in memory together
NEIGHBOURS = 3  # samples before and after a run that share moves with it


@dataclass(frozen=True, slots=True)
class Together:
    """How two series move together. `beta`: change of two's log-odds for one of one's. Bounds are of `rho`.

    `samples` are those that do not overlap: runs, where runs were compared.
    """

    one: str
    two: str
    rho: float
    lower: float
    upper: float
    samples: int
    beta: float

    @property
    def sure(self) -> bool:
        """Whether the interval excludes 0."""
        return self.lower > 0.0 or self.upper < 0.0

    @property
    def strength(self) -> float:
        """The least size of the correlation that the interval leaves, 0 where it holds 0."""
        return max(0.0, self.lower, -self.upper)


@dataclass(frozen=True, slots=True)
class Lead:
    """Which of two moves first: `steps` > 0 says that `one` leads `two` by so many ticks of the clock.

    `sure` where the correlation there is larger in size than what chance gives at any of the lags looked at.
    """

    one: str
    two: str
    steps: int
    rho: float
    samples: int
    sure: bool


def pairs(
    grid: Grid, chosen: Sequence[tuple[int, int]] | None = None, *, level: float = 0.99, fewest: int = FEWEST
) -> list[Together]:
    """Every pair of a grid's series (or the `chosen` rows) with at least `fewest` samples, strongest first.

    Hundreds of pairs take their next sample at once, as arrays; the cost is the busiest pair's samples times the pairs.
    Raises ValueError for a level that is no chance.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    if chosen is None:
        left, right = np.triu_indices(len(grid.names), 1)
    else:
        left = np.array([one for one, _ in chosen], dtype=np.int64)
        right = np.array([two for _, two in chosen], dtype=np.int64)
    if not left.size:
        return []
    ahead, found = _next_move(grid), []
    for begin in range(0, left.size, AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        found += _look(grid, ahead, left[part], right[part], level, max(fewest, 4))
    return sorted(found, key=lambda pair: (-pair.strength, -abs(pair.rho), pair.one, pair.two))


def _look(
    grid: Grid, ahead: Ints, left: NDArray[np.intp], right: NDArray[np.intp], level: float, fewest: int
) -> list[Together]:
    """Some pairs at a time: their samples side by side are what takes memory."""
    x, y, x_old, y_old = _samples(grid, ahead, left, right)
    found = []
    for place, count in enumerate((x != 0.0).sum(axis=0)):
        run = max(1, int(count) // ENOUGH)
        if count < fewest:
            continue
        own, other, crossed = _runs(x[:, place], y[:, place], x_old[:, place], y_old[:, place], run)
        n = int(count) - run + 1
        m20, m02, m11 = float(own @ own) / n, float(other @ other) / n, float(crossed.sum()) / n
        scale = math.sqrt(m20 * m02)
        if scale == 0.0:
            continue
        raw = m11 / scale  # the covariance of two clocks may pass what the variances allow
        influence = crossed / scale - raw / 2.0 * (own**2 / m20 + other**2 / m02)
        samples, error = int(count) // run, math.sqrt(_spread(influence, 2 * (run - 1) + NEIGHBOURS)) / n
        lower, upper = interval(raw, samples, error, level)
        rho = max(-1.0, min(1.0, raw))
        one, two, base = grid.names[left[place]], grid.names[right[place]], m20
        if one > two:
            one, two, base = two, one, m02
        found.append(Together(one, two, rho, lower, upper, samples, m11 / base))
    return found


def _samples(
    grid: Grid, ahead: Ints, left: NDArray[np.intp], right: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats, Floats]:
    """The changes of each pair (a column each) from one refresh time to the next, zeros below the last one.

    Then, for each of the two, 1 where its own quote did not move at the step that ends the sample.
    """
    last = grid.steps
    at = np.maximum(grid.first[left], grid.first[right])
    alive = np.flatnonzero(at < last)
    at = at[alive]
    rows: list[Floats] = []
    while alive.size:
        one, two = left[alive], right[alive]
        after = np.maximum(ahead[one, at], ahead[two, at])
        going = after < last
        alive, one, two, at, after = alive[going], one[going], two[going], at[going], after[going]
        if not alive.size:
            break
        near = after - at <= LONGEST_STEPS
        row = np.zeros((4, left.size))
        row[0, alive] = np.where(near, grid.levels[one, after] - grid.levels[one, at], 0.0)
        row[1, alive] = np.where(near, grid.levels[two, after] - grid.levels[two, at], 0.0)
        row[2, alive] = ~grid.moved[one, after]
        row[3, alive] = ~grid.moved[two, after]
        rows.append(row)
        at = after
    x, y, x_old, y_old = np.array(rows or [np.zeros((4, left.size))]).transpose(1, 0, 2)
    return x, y, x_old, y_old


def _runs(x: Floats, y: Floats, x_old: Floats, y_old: Floats, run: int) -> tuple[Floats, Floats, Floats]:
    """Sums over every `run` of samples in a row, and their products with the rests that lie in the sample behind them."""
    end = slice(run - 1, None)
    late = x_old[end] * _after(x, run) * y[end] + y_old[end] * _after(y, run) * x[end]
    own, other = _windowed(x, run), _windowed(y, run)
    return own, other, own * other + late


def _windowed(values: Floats, size: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(total[size:] - total[:-size])


def _after(values: Floats, size: int) -> Floats:
    """The sample behind each run, nothing behind the last one."""
    return np.append(values[size:], 0.0)


def _spread(influence: Floats, reach: int) -> float:
    """The variance of a sum whose terms hang together with the `reach` ones on each side, by a Bartlett window.

    Which is the mean square of all sums over `reach` + 1 terms in a row, counted from outside the ends.
    """
    sums = _windowed(np.pad(influence, reach), reach + 1)
    return float(sums @ sums) / (reach + 1)


def _next_move(grid: Grid) -> Ints:
    """For each series and step, the next later step in which it moves; `steps` where it never does again."""
    last = grid.steps
    places = np.where(grid.moved, np.arange(last), last)
    following = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([following[:, 1:], np.full((len(grid.names), 1), last)], axis=1)


def interval(rho: float, n: int, error: float, level: float) -> tuple[float, float]:
    """The bounds of a correlation of `n` samples; `error` is the standard error of `rho`, which may lie outside -1…1.

    `level` is the chance that they hold the true one. A perfect correlation has an interval too: n samples cannot tell
    1 from a little less.
    """
    quantile = NormalDist().inv_cdf(0.5 + level / 2.0)
    z = math.atanh(max(-CLOSE_TO_ONE, min(CLOSE_TO_ONE, rho)))
    reach, own = quantile / math.sqrt(n - 3), quantile * error
    lower, upper = min(math.tanh(z - reach), rho - own), max(math.tanh(z + reach), rho + own)
    return max(-1.0, min(1.0, lower)), max(-1.0, min(1.0, upper))


# --- which moves first


def lead(grid: Grid, one: int, two: int, *, most_steps: int = 10, level: float = 0.99) -> Lead | None:
    """The lag, up to `most_steps` ticks either way, at which two series' changes go together best; None for too few.

    Only steps count in which both moved (the later one at its lag). The level is shared among all lags looked at
    (Bonferroni), so that the best of twenty is not believed because it is the best.
    """
    returns = np.diff(grid.levels, axis=1, prepend=grid.levels[:, :1])
    x, y = np.where(grid.moved, returns, 0.0)[one], np.where(grid.moved, returns, 0.0)[two]
    best: Lead | None = None
    for steps in sorted(range(-most_steps, most_steps + 1), key=abs):
        early, late = (x, y) if steps >= 0 else (y, x)
        size = grid.steps - abs(steps)
        if size <= 0:
            break
        first, second = early[:size], late[abs(steps) :]
        both = (first != 0.0) & (second != 0.0)
        n = int(both.sum())
        if n < FEWEST:
            continue
        a, b = first[both], second[both]
        scale = math.sqrt(float(a @ a) * float(b @ b))
        rho = max(-1.0, min(1.0, float(a @ b) / scale)) if scale > 0.0 else 0.0
        lower, upper = interval(
            rho, n, (1.0 - rho * rho) / math.sqrt(n), 1.0 - (1.0 - level) / (2 * most_steps + 1)
        )
        if best is None or abs(rho) > abs(best.rho):
            best = Lead(grid.names[one], grid.names[two], steps, rho, n, lower > 0.0 or upper < 0.0)
    return best
