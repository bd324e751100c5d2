"""In a world where some sources truly move markets, the scorecard says which, and what it says comes true as often."""

import pytest

from signals.scoring import brier, card
from tests.signals.scoring import world

SHARE = 0.95  # of the seeds in which every verdict is right
MOST_ERROR, FEWEST_FORECASTS = 0.05, 5_000


def right(found):
    """Whether the card tells the informative sources from noise, and believes no liar."""
    informative = all(
        found.scores[name].verdict == card.INFORMATIVE
        and found.scores[name].interval[0] > found.scores[name].base_rate
        for name in world.INFORMATIVE
    )
    noise = all(found.scores[name].verdict == card.NOISE for name in world.NOISE)
    return informative and noise and found.scores[world.LIAR].verdict in (card.NOISE, card.WORSE)


def figures(seeds, scale=1):
    """The share of these seeds that was right, the calibration error, and how many forecasts it is of."""
    runs = [world.run(seed, scale=scale) for seed in seeds]
    assert all(found.duplicates > 50 and world.ECHO not in found.scores for found in runs)
    forecasts = [one for found in runs for one in found.forecasts]
    error = brier.calibration_error(brier.bins(forecasts))
    return sum(right(found) for found in runs) / len(runs), error, len(forecasts)


def check(share, error, count):
    """The issue's measure."""
    said = f"{share:.1%} of the seeds right; calibration error {error:.4f} of {count} forecasts"
    assert share >= SHARE, said
    assert count >= FEWEST_FORECASTS and error <= MOST_ERROR, said


def test_twenty_worlds():
    check(*figures(range(20)))


@pytest.mark.long
@pytest.mark.timeout(3600)  # two minutes of a core: a busy machine is slow, not wrong
def test_two_hundred_worlds():
    check(*figures(range(200)))


@pytest.mark.long
def test_one_large_world_is_calibrated_by_itself():
    check(*figures([1_000], scale=10))


def test_a_world_is_the_same_every_time():
    one, two = world.run(7), world.run(7)
    assert one.scores == two.scores and one.forecasts == two.forecasts
