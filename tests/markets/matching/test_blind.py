"""Batches of pairs that were written before the matcher saw them: what it reaches on them today."""

import pytest

from markets import matching_blind

ROWS = {path.stem: list(matching_blind.rows(path)) for path in matching_blind.batches()}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("event, precision, recall", [(False, 0.98, 0.95), (True, 0.90, 0.85)])
def test_precision_and_recall(name, event, precision, recall):
    figures = matching_blind.figures(row for row in ROWS[name] if row.event == event)
    assert figures.precision >= precision
    assert figures.recall >= recall


@pytest.mark.parametrize("name", ROWS)
def test_no_look_alike_is_the_same(name):
    alike = [(row.polymarket.title, row.kalshi.title) for row in ROWS[name] if not row.wanted
             and row.verdict in ("same", "inverted")]  # fmt: skip
    assert alike == []


@pytest.mark.parametrize("name", ROWS)
def test_a_batch_is_broad(name):
    markets = [row for row in ROWS[name] if not row.event]
    assert len(markets) >= 120
    assert len({row.series for row in markets}) >= 40
