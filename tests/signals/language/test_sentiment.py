"""The method that measured best is the one in use, and it was measured on headlines that it was not written for as well."""

from pathlib import Path

import pytest
import yaml

from signals.language import sentiment

DATA = Path(__file__).parent / "data" / "sentiment.yaml"
SILENT = float(sentiment.SILENT)


def counts(rows, method):
    """(right, silent, wrong) of one method."""
    right = silent = wrong = 0
    for title, sign in rows:
        said = sentiment.METHODS[method](title)
        if abs(said) < SILENT:
            silent += 1
        elif (said > 0) == (sign > 0):
            right += 1
        else:
            wrong += 1
    return right, silent, wrong


@pytest.mark.parametrize("part", ["tuned", "held_out"])
def test_the_default_method_is_the_one_that_measured_best(part):
    rows = yaml.safe_load(DATA.read_text())[part]
    assert len(rows) >= 60
    found = {method: counts(rows, method) for method in sentiment.METHODS}
    for method, (right, silent, wrong) in found.items():
        print(f"{part}: {method}: right {right}, silent {silent}, wrong {wrong} of {len(rows)}")
    best = max(found, key=lambda method: found[method][0] - found[method][2])
    assert best == sentiment.BEST
