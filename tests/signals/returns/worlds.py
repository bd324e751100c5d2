"""Seeded worlds: markets whose log-odds share a planted correlation, quoted now and then, in Decimal-free floats."""

import math

import numpy as np

CLOCK = 60


def twins(seed: int, rho: float, *, steps: int = 600, quiet: float = 0.5, lag: int = 0) -> dict:
    """Quotes of two markets whose one-step log-odds changes correlate by `rho`; each is quoted with chance 1 - quiet.

    With `lag`, b does what a did so many steps before.
    """
    chance = np.random.default_rng(seed)
    own = chance.standard_normal(steps + lag) * 0.05
    other = rho * own + math.sqrt(1 - rho * rho) * chance.standard_normal(steps + lag) * 0.05
    found = {}
    for name, changes in (("a", own[lag:]), ("b", other[:steps])):
        mids = 1 / (1 + np.exp(-np.cumsum(changes)))
        seen = chance.random(steps) >= quiet
        seen[0] = True
        found[name] = [(float(CLOCK * at), float(mids[at])) for at in range(steps) if seen[at]]
    return found


def news(seed: int, *, flicker: float, steps: int = 10_080, told: int = 40) -> dict:
    """A week of two markets that hear the same news at once, while the best level of either book comes and goes."""
    chance = np.random.default_rng(seed)
    jumps = np.zeros(steps)
    np.add.at(jumps, chance.integers(1, steps, told), chance.normal(0, 0.2, told))
    truth = 1 / (1 + np.exp(-np.cumsum(jumps)))
    found = {}
    for name in "ab":
        half_ticks = np.where(chance.random(steps) < flicker, chance.choice([-1, 1], steps) * 0.0005, 0.0)
        mids = np.clip(np.round(truth, 3) + half_ticks, 0.001, 0.999)
        found[name] = [(float(CLOCK * at), float(mid)) for at, mid in enumerate(mids)]
    return found
