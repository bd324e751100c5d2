"""A seeded world without servers: markets that wander, items of which some truly move them, and the road that is scored.

The same core is driven as in production: claims are judged by prices, a fit is made of the first half, and the second half,
with probabilities of that frozen fit, is scored. What the fit sees ends before the first claim that it speaks on. That the
tables in between change nothing is the matter of `test_stored_world.py`.
"""

from dataclasses import dataclass

import numpy as np

from signals.correlating import calibrating, outcomes
from signals.correlating.calibrating import Sample
from signals.correlating.outcomes import HIT, VOID, Asked
from signals.correlating.windows import Path, Point
from signals.scoring import card
from signals.scoring.card import Scored

MINUTE_MS = 60_000
DAYS, MARKETS = 5, 24
HORIZON_MS = 20 * MINUTE_MS
HALF_LIFE_MS = 10 * MINUTE_MS
CENT = 10_000
BEGAN = 1_790_000_000_000
LEVEL = 0.999

WIRE, CHAIN, ECHO, RUMOUR, WHALES, LATE, LIAR = (
    "news:wire", "whale:chain", "news:echo", "news:rumour", "whale:crowd", "news:late", "news:liar",
)  # fmt: skip
INFORMATIVE, NOISE = (WIRE, CHAIN), (RUMOUR, WHALES, LATE)


@dataclass(frozen=True)
class Said:
    """One claim of the world. There is one for each item and market: who is second with it is a duplicate."""

    source: str
    item: str
    market: int
    direction: int
    strength: float
    happened_ms: int
    seen_ms: int


def claims_and_paths(seed, scale=1):
    """What is claimed, in the order in which it is seen, and each market's prices."""
    draw = np.random.default_rng(seed)
    minutes = DAYS * 24 * 60
    markets = int(MARKETS * scale)
    jumps = np.zeros((markets, minutes))
    said = []
    for source, count, chance in (
        (WIRE, 500, lambda s: 0.15 + 0.6 * s), (CHAIN, 600, lambda s: 0.1 + 0.5 * s), (LIAR, 300, lambda s: 0.5),
        (RUMOUR, 500, None), (WHALES, 500, None),
    ):  # fmt: skip
        for number in range(int(count * scale)):
            minute, market = int(draw.integers(180, minutes - 60)), int(draw.integers(markets))
            way, strength = int(draw.choice((-1, 1))), float(draw.uniform(0.1, 1))
            at = BEGAN + minute * MINUTE_MS
            one = Said(
                source, f"{source}:{number}", market, way, strength, at, at + int(draw.integers(20_000))
            )
            said.append(one)
            if chance is not None and draw.random() < chance(strength):
                when = min(minutes - 1, minute + 1 + int(draw.exponential(3)))
                jumps[market, when] += way * (1 if source != LIAR else -1) * draw.uniform(3, 6)
            if source == WIRE:
                said += _again(one, draw)
    wander = draw.normal(0, 0.35, (markets, minutes)) + jumps
    mids = np.empty((markets, minutes))
    level = draw.uniform(30, 70, markets)
    for minute in range(minutes):  # a pull to the middle keeps them from the edges
        level = level + wander[:, minute] - 0.003 * (level - 50)
        mids[:, minute] = level
    bids = np.clip(np.round(mids * CENT), 3 * CENT, 95 * CENT).astype(int) - CENT
    paths = [
        Path([Point(BEGAN + n * MINUTE_MS, bid, bid + 2 * CENT) for n, bid in enumerate(row.tolist())])
        for row in bids
    ]
    return sorted(said, key=lambda one: one.seen_ms), paths


def _again(one, draw):
    """Some of the wire's items are carried again: at once under the same name (a duplicate), or when all is over (late)."""
    if draw.random() < 0.3:
        yield Said(
            ECHO, one.item, one.market, one.direction, one.strength, one.happened_ms, one.seen_ms + 5_000
        )
    if draw.random() < 0.8:
        late = one.happened_ms + 19 * MINUTE_MS
        yield Said(LATE, f"late:{one.item}", one.market, one.direction, one.strength, one.happened_ms, late)


@dataclass(frozen=True)
class Run:
    """What came of a world: the card of its second half, and the forecasts that were scored there."""

    scores: dict
    forecasts: list
    duplicates: int


def run(seed, *, scale=1, level=LEVEL, fewest=100):
    """Drive the core over one world."""
    said, paths = claims_and_paths(seed, scale)
    first = {}  # one prediction for each item and market, as the table has it
    for one in said:
        first.setdefault((one.item, one.market), one)
    judged = [(one, *_judged(one, paths[one.market])) for one in first.values()]
    frozen = BEGAN + DAYS * 12 * 60 * MINUTE_MS
    past = [row for row in judged if row[0].seen_ms + HORIZON_MS <= frozen]
    fits = {}
    for source in {one.source for one, *_ in past}:
        samples = [_sample(*row) for row in past if row[0].source == source and row[1].outcome != VOID]
        fits[source] = calibrating.fit(samples, level=level, fewest=fewest)
    rows = [_scored(*row, fits.get(row[0].source)) for row in judged if row[0].seen_ms > frozen]
    scores = {name: whole for name, (whole, _) in card.by_source(rows, level=level, fewest=fewest).items()}
    forecasts = [
        (row.probability, row.outcome == HIT)
        for row in rows
        if row.source in INFORMATIVE and row.outcome != VOID
    ]
    return Run(scores, forecasts, len(said) - len(first))


def _judged(one, path):
    asked = Asked(one.direction, one.happened_ms, one.seen_ms, HORIZON_MS)
    found = outcomes.judge(asked, path)
    moment = outcomes.control_moment(f"{one.item} {one.market}", asked)
    base = outcomes.controlled(asked, moment, path)
    if base is None:
        base = outcomes.controlled(asked, outcomes.preceding(asked), path)
    return found, base


def _cluster(one):
    return f"{one.source} {one.seen_ms // HORIZON_MS}"


def _sample(one, found, base):
    delay = one.seen_ms - one.happened_ms
    return Sample(
        one.strength, delay, HORIZON_MS, HALF_LIFE_MS, found.outcome == HIT, base, found.lag_ms, _cluster(one)
    )


def _scored(one, found, base, fit):
    probability = 0.5
    if fit is not None:
        strength = calibrating.at_sight(one.strength, one.seen_ms - one.happened_ms, fit.half_life_ms)
        probability = calibrating.read(fit.curve, strength)
    return Scored(
        one.source, "headline", found.outcome, probability, fit is not None, _cluster(one), base, found.profit,
        found.lead_ms, found.moved_first, found.peak_move, found.lasted_ms, found.why,
    )  # fmt: skip
