"""Jumps, bursts of volume and one-sided books, from a market's recent price points. Plain Python.

Prices are integers of 1e-6 dollars of YES, sizes and volumes of 1e-6 contracts, times Unix ms. A market's memory is a
`State` of bounded size, so that a new point costs the same whatever came before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_high, median_low

import msgspec

from markets.books import MICRO, Ladder

JUMP, BURST, ONE_SIDED = "jump", "burst", "one_sided"
MOST_POINTS = 32
OLDEST_MS = 900_000  # a price that stood longer ago is no base: the feed may have been away


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a move. `spreads` is how many spreads a jump must pass, also at least `ticks` ticks."""

    spreads: float = 4.0
    ticks: int = 2
    window_ms: int = (
        60_000  # a base is made of the points of this long, and of the price that stood before them
    )
    stand_ms: int = 2_000  # a price that nothing changed for so long has been seen twice
    fast_ms: int = 30_000  # time constants of the two volume rates
    slow_ms: int = 1_800_000
    warm_ms: int = 300_000  # a trailing rate younger than this says nothing
    burst_ratio: float = 5.0
    burst_least: int = 100 * MICRO  # contracts in a burst, decayed
    depth: int = 50_000  # dollars from the best price within which depth is compared
    share: float = 0.9  # of the depth on one side
    one_sided_ms: int = 30_000
    edge: int = 30_000  # a price nearer than this to 0 or 1 is one-sided by nature


class State(msgspec.Struct, array_like=True, gc=False):
    """What is remembered of one market."""

    points: list[tuple[int, int, int]] = msgspec.field(default_factory=list)  # ms, bid, ask; oldest first
    volume: int | None = None  # of the last 24 h, as last seen
    volume_ms: int = 0
    since_ms: int = 0  # since when the rates are counted
    fast: float = 0.0  # contracts (1e-6) a second, decayed over `fast_ms`
    slow: float = 0.0
    bursting: bool = False
    side: int = 0  # of the book: 1 bids only, -1 asks only, 0 both
    side_ms: int = 0
    side_told: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One move. Mids and spread are None where the book has one side. `strength` 0 to 1, before anything is scored."""

    kind: str
    direction: int
    happened_ms: int
    before: int | None
    after: int | None
    spread: int | None
    strength: float
    figures: dict[str, float | int | str]


# --- prices


def add_price(state: State, ms: int, bid: int | None, ask: int | None, limits: Limits) -> bool:
    """Take a new best bid and ask; False for what is none: an empty side, or the same price again."""
    if bid is None or ask is None or ask < bid:
        return False
    points = state.points
    if points and points[-1][1] == bid and points[-1][2] == ask:
        return False
    points.append((ms, bid, ask))
    # One point older than the window stays: the price that stood when the window began
    while len(points) > 3 and (len(points) > MOST_POINTS or points[1][0] < ms - limits.window_ms):
        del points[0]
    return True


def jump(state: State, now_ms: int, tick: int, limits: Limits) -> tuple[Found | None, bool]:
    """A jump of the mid that has stood for two observations, and whether one waits for its second.

    The base is the median mid of the points before, so neither one bad quote in the base nor one at the end makes a jump.
    The second observation is another point beyond the same bound, or this look when nothing has changed for a while.
    After a jump the memory begins at its new level.
    """
    points = state.points
    if len(points) < 2:
        return None, False
    last, previous = points[-1], points[-2]
    # Nearly always nothing has moved: what is within its own spreads of every point is no jump
    mids = [bid + ask for _, bid, ask in points]
    reach = 2 * limits.spreads * max(last[2] - last[1], tick)
    if max(mids) - mids[-1] <= reach and mids[-1] - min(mids) <= reach:
        return None, False
    if len(points) >= 3:
        base = points[:-2]
        bound, middle = _bound(base, (previous, last), tick, limits)
        moved, was = _double(last) - middle, _double(previous) - middle
        if _stood(base, previous[0], limits) and moved * was > 0 and min(abs(moved), abs(was)) > bound:
            return _jump(state, 2, previous[0], middle, bound), False
    base = points[:-1]
    bound, middle = _bound(base, (last,), tick, limits)
    if not _stood(base, last[0], limits) or abs(_double(last) - middle) <= bound:
        return None, False
    if now_ms - last[0] < limits.stand_ms:
        return None, True
    return _jump(state, 1, last[0], middle, bound), False


def _double(point: tuple[int, int, int]) -> int:
    """Twice the mid: whole numbers."""
    return point[1] + point[2]


def _stood(base: Sequence[tuple[int, int, int]], until_ms: int, limits: Limits) -> bool:
    """Whether a base is one: recent enough, and not a single quote that was gone at once."""
    if base[-1][0] < until_ms - OLDEST_MS:
        return False
    return len(base) > 1 or until_ms - base[0][0] >= limits.stand_ms


def _bound(
    base: Sequence[tuple[int, int, int]], new: Sequence[tuple[int, int, int]], tick: int, limits: Limits
) -> tuple[float, int]:
    """What twice the mid must pass, and the base's own: of two middle ones that which is nearer to the new price."""
    spread = max(median(ask - bid for _, bid, ask in base), *(ask - bid for _, bid, ask in new), tick)
    mids = [_double(point) for point in base]
    middle = min(median_low(mids), median_high(mids), key=lambda mid: abs(_double(new[-1]) - mid))
    return 2 * max(limits.spreads * spread, limits.ticks * tick), middle


def _jump(state: State, kept: int, since_ms: int, middle: int, bound: float) -> Found:
    last = state.points[-1]
    moved = _double(last) - middle
    points = len(state.points)
    state.points = state.points[-kept:]
    spread = last[2] - last[1]
    return Found(
        JUMP, 1 if moved > 0 else -1, since_ms, middle // 2, _double(last) // 2, spread,
        abs(moved) / (abs(moved) + bound),
        {"moved_over_bound": round(abs(moved) / bound, 3), "points": points},
    )  # fmt: skip


# --- volume


def add_volume(state: State, ms: int, volume: int | None, limits: Limits) -> bool:
    """Take the volume of the last 24 hours; False while there is no rate.

    What falls out of the day behind is no trade: a fall counts as nothing.
    """
    if volume is None:
        return False
    if state.volume is None:
        state.volume, state.volume_ms, state.since_ms = volume, ms, ms
        return False
    passed = max(0, ms - state.volume_ms)
    traded = max(0, volume - state.volume)
    # A rate decays with its time constant; what is traded adds its share of it (an exponential moving rate)
    state.fast = state.fast * math.exp(-passed / limits.fast_ms) + traded * 1_000 / limits.fast_ms
    state.slow = state.slow * math.exp(-passed / limits.slow_ms) + traded * 1_000 / limits.slow_ms
    state.volume, state.volume_ms = volume, ms
    return True


def burst(state: State, tick: int, limits: Limits) -> Found | None:
    """A rate of volume far above the trailing one; once for each burst."""
    age = state.volume_ms - state.since_ms
    if age < limits.warm_ms:
        return None
    # A rate that began at nothing is too low by the weight it has not seen yet
    usual = state.slow / (1 - math.exp(-age / limits.slow_ms))
    ratio = state.fast / usual if usual > 0 else 0.0
    if state.bursting:
        state.bursting = ratio > limits.burst_ratio / 2
        return None
    if ratio < limits.burst_ratio or state.fast * limits.fast_ms / 1_000 < limits.burst_least:
        return None
    state.bursting = True
    points = state.points
    moved = _double(points[-1]) - _double(points[0]) if points else 0
    return Found(
        BURST,
        0 if abs(moved) < 2 * tick else 1 if moved > 0 else -1,
        state.volume_ms,
        _double(points[0]) // 2 if points else None,
        _double(points[-1]) // 2 if points else None,
        points[-1][2] - points[-1][1] if points else None,
        ratio / (ratio + limits.burst_ratio),
        {"ratio": round(ratio, 2), "contracts_a_second": round(state.fast / MICRO, 3)},
    )


# --- books


def lean(bids: Ladder, asks: Ladder, limits: Limits) -> tuple[int, float]:
    """Which side of a book stands alone (1 bids, -1 asks, 0 neither), and the share of it; ladders best first.

    A price at the very edge is left out: near 0 and 1 nobody offers the other side.
    """
    best = [ladder[0][0] for ladder in (bids, asks) if ladder]
    if not best or not limits.edge <= sum(best) / len(best) <= MICRO - limits.edge:
        return 0, 0.0
    near_bids = sum(size for price, size in bids if price >= bids[0][0] - limits.depth)
    near_asks = sum(size for price, size in asks if price <= asks[0][0] + limits.depth)
    total = near_bids + near_asks
    if total <= 0:
        return 0, 0.0
    share = near_bids / total
    if share >= limits.share:
        return 1, share
    return (-1, 1 - share) if share <= 1 - limits.share else (0, max(share, 1 - share))


def one_sided(
    state: State, now_ms: int, bids: Ladder, asks: Ladder, limits: Limits
) -> tuple[Found | None, bool]:
    """A book that has stood on one side for long enough, once; and whether one is on its way there."""
    side, share = lean(bids, asks, limits)
    if side != state.side:
        state.side, state.side_ms, state.side_told = side, now_ms, False
    if side == 0 or state.side_told:
        return None, False
    if now_ms - state.side_ms < limits.one_sided_ms:
        return None, True
    state.side_told = True
    both = bool(bids and asks)
    mid = (bids[0][0] + asks[0][0]) // 2 if both else None
    # Its time is the same whoever sees it, and when
    return Found(
        ONE_SIDED, side, state.side_ms + limits.one_sided_ms, mid, mid, asks[0][0] - bids[0][0] if both else None,
        round(share, 4),
        {"share": round(share, 4), "seconds": (now_ms - state.side_ms) // 1_000},
    ), False  # fmt: skip


def no_book(state: State) -> None:
    """The live book is gone or old: what was on its way to be one-sided is nothing."""
    state.side, state.side_told = 0, False
