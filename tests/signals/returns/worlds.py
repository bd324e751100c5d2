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
