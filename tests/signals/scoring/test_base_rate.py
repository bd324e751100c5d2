"""The base rate is of the hours at which a source speaks: noise by day is noise."""

from decimal import Decimal

import numpy as np
import pytest

from signals.correlating import outcomes
from signals.correlating.outcomes import Asked
from signals.correlating.windows import Path, Point
from signals.scoring import card
from signals.scoring.card import Scored

MINUTE_MS, DAY = 60_000, 1_440
HORIZON_MS = 20 * MINUTE_MS
BEGAN = 20_000 * outcomes.DAY_MS
CENT = 10_000
MARKETS, DAYS, CLAIMS = 6, 4, 400


def lively(minute):
    """From 13 to 21 o'clock markets move four times as far as at other hours."""
    return (minute % DAY) // 60 in range(13, 21)


def prices(draw):
    minutes = DAYS * DAY
    steps = draw.normal(0, 1, minutes) * [0.6 if lively(minute) else 0.15 for minute in range(minutes)]
    mid = 50.0
    for minute, step in enumerate(steps):
        mid += step - 0.003 * (mid - 50)
        bid = round(mid) * CENT - CENT
        yield Point(BEGAN + minute * MINUTE_MS, bid, bid + 2 * CENT)


@pytest.mark.parametrize("seed", range(3))
def test_noise_that_speaks_at_lively_hours_is_noise(seed):
    draw = np.random.default_rng(seed)
    paths = [Path(prices(draw)) for _ in range(MARKETS)]
    hours = [minute for minute in range(DAY, DAYS * DAY - 60) if lively(minute)]
    rows = []
    for number in range(CLAIMS):
        minute, market = int(draw.choice(hours)), int(draw.integers(MARKETS))
        at = BEGAN + minute * MINUTE_MS
        asked = Asked(int(draw.choice((-1, 1))), at, at, HORIZON_MS)
        found = outcomes.judge(asked, paths[market])
        base = outcomes.controlled(asked, outcomes.control_moment(f"{number}", asked), paths[market])
        rows.append(Scored("n", "k", found.outcome, 0.5, False, f"{minute // 20}", base, profit=Decimal(0)))
    score = card.score(rows, level=0.99, fewest=100)
    assert score.verdict == card.NOISE, score.sentence
