"""What the matcher reaches on real pairs. Skips where the recordings are not at hand."""

import pytest

from markets.matching import judge
from markets.matching_benchmarks import EVENT, MARKET, candidate_recall, tally
from markets.matching_labels import LABELLED_IN, Split, load


@pytest.fixture(scope="module")
def rows(recorded):
    return load(recorded / "pairs")


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("level, precision, recall", [(EVENT, 0.90, 0.85), (MARKET, 0.98, 0.95)])
def test_precision_and_recall(rows, split, level, precision, recall):
    seen = tally([row for row in rows if row.split is split and row.level == level])
    assert seen.precision >= precision
    assert seen.recall >= recall
    assert seen.inverted_found == seen.inverted


@pytest.mark.parametrize("split", list(Split))
def test_true_pairs_are_among_five_candidates(rows, split):
    assert candidate_recall([row for row in rows if row.split is split]) >= 0.98


def test_no_same_where_a_fact_contradicts(rows):
    wrong = [row.id for row in rows if row.label in ("different", "related", "bundle")
             and judge(row.polymarket, row.kalshi, this_year=LABELLED_IN).verdict in ("same", "inverted")]  # fmt: skip
    assert wrong == []
