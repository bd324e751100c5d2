"""The scorecard's figures, verdicts and sentences."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.scoring import card, drawing
from signals.scoring.brier import Bin
from signals.scoring.card import Scored


def row(number, outcome="HIT", **changes):
    values = {
        "source": "news:wire",
        "kind": "headline",
        "probability": 0.5,
        "fitted": False,
        "cluster": str(number),
    }
    return Scored(outcome=outcome, **(values | changes))


def results(total, hits, base, seed=1, **changes):
    """So many results, with controls beside them, in no order."""
    draw = random.Random(seed)
    right, usual = [n < hits for n in range(total)], [n < base for n in range(total)]
    draw.shuffle(right)
    draw.shuffle(usual)
    return [
        row(n, "HIT" if one else "MISS", base_hit=two, **changes)
        for n, (one, two) in enumerate(zip(right, usual, strict=True))
    ]


def score(rows, level=0.99, fewest=100):
    return card.score(rows, level=level, fewest=fewest)


@pytest.mark.parametrize(
    ("hits", "base", "verdict"),
    [(180, 90, card.INFORMATIVE), (100, 90, card.NOISE), (40, 90, card.WORSE), (90, 90, card.NOISE)],
)
def test_the_verdict_is_against_the_base_rate(hits, base, verdict):
    found = score(results(300, hits, base))
    assert found.verdict == verdict and found.sentence.lower().startswith(verdict)
    assert (found.hits, found.total, found.base_rate) == (hits, 300, 0.3)


def test_seventy_percent_is_noise_where_seventy_percent_are_usual():
    assert score(results(300, 210, 210)).verdict == card.NOISE


@pytest.mark.parametrize(
    "rows",
    [
        [],
        results(99, 90, 10),
        [row(n, base_hit=None) for n in range(500)],  # no controls
        results(300, 280, 10, cluster="one story"),
    ],
)
def test_too_few_get_no_verdict(rows):
    found = score(rows)
    assert found.verdict == card.TOO_FEW and "never enlarge" in found.sentence


def test_lively_markets_without_a_control_do_not_make_noise_informed():
    """On markets with a past right as often as their controls; on new ones, which move more, there is none."""
    rows = [
        *results(200, 40, 40),
        *[row(n, "HIT" if n % 5 < 3 else "MISS", base_hit=None) for n in range(1_000, 1_150)],
    ]
    found = score(rows)
    assert (found.hits, found.total, found.base_rate) == (130, 350, 0.2)
    assert found.verdict == card.NOISE and found.advantage[0] < 0 < found.advantage[1]


def test_one_story_is_not_many_successes():
    rows = [one for n in range(12) for one in [row(n, "HIT" if n < 7 else "MISS", base_hit=n % 4 == 0)] * 20]
    found = score(rows)
    assert found.total == 240 and found.effective_total == pytest.approx(12, rel=0.15)
    assert found.verdict == card.NOISE  # 7 of 12, not 140 of 240


def test_void_ones_count_for_nothing_and_say_why():
    rows = [*results(120, 60, 20), *[row(n, "VOID", why_void="no_price") for n in range(1_000, 1_030)]]
    found = score(rows)
    assert found.total == 120 and found.void == {"no_price": 30}


def test_profit_lead_and_moves_are_of_the_judged_ones():
    rows = [
        row(
            1,
            profit=Decimal("0.03"),
            lead_ms=4_000,
            moved_first="item",
            peak=Decimal("0.05"),
            lasted_ms=10_000,
        ),
        row(2, "MISS", profit=Decimal("-0.02"), lead_ms=-5_000, moved_first="item", peak=Decimal("0.01")),
        row(3, "MISS", moved_first="price", peak=Decimal("0.00")),
    ]
    found = score(rows)
    assert (
        found.profit_per_signal == Decimal("0.005")
        and found.profit_total == Decimal("0.01")
        and found.traded == 2
    )
    assert found.lead_ms_p50 == 4_000 and found.late == 1 and found.moved_first == {"item": 2, "price": 1}
    assert found.peak_p50 == Decimal("0.01") and found.lasted_ms_p50 == 10_000


def test_brier_is_held_against_saying_the_base_rate_every_time():
    good = results(200, 100, 60)
    good = [row(n, one.outcome, base_hit=one.base_hit, probability=0.9 if one.outcome == "HIT" else 0.1)
            for n, one in enumerate(good)]  # fmt: skip
    found = score(good)
    assert found.brier == pytest.approx(0.01) and found.brier_base == pytest.approx(0.5 * (0.49 + 0.09))


@given(st.lists(st.tuples(st.sampled_from(["HIT", "MISS", "VOID"]), st.floats(0, 1), st.sampled_from([None, True, False]),
                          st.integers(0, 5)), max_size=60))  # fmt: skip
def test_any_history_has_a_card(history):
    rows = [
        row(0, outcome, probability=p, base_hit=base, cluster=str(cluster))
        for outcome, p, base, cluster in history
    ]
    found = card.by_source(rows, level=0.99, fewest=10)
    shown = card.sources_json(found)
    assert set(shown) == ({"news:wire"} if rows else set())
    for one in shown.values():
        assert one["hits"] <= one["total"] <= len(rows) and one["interval"][0] <= one["interval"][1]
        assert one["kinds"]["headline"]["total"] == one["total"]


def test_kinds_are_scored_apart():
    rows = [*results(200, 150, 40, kind="headline"), *results(200, 40, 40, kind="confirmed")]
    ((whole, kinds),) = card.by_source(rows, level=0.99, fewest=100).values()
    assert (
        whole.total == 400
        and kinds["headline"].verdict == card.INFORMATIVE
        and kinds["confirmed"].verdict == card.NOISE
    )


def test_a_chart_is_made_of_numbers_alone():
    from xml.etree import ElementTree

    chart = drawing.reliability([Bin(10, 0.1, 0.2), Bin(90, 0.6, 0.5)])
    tree = ElementTree.fromstring(chart)
    assert (
        len(tree.findall("{http://www.w3.org/2000/svg}circle")) == 2 and "http" not in chart.split(">", 1)[1]
    )
    ElementTree.fromstring(drawing.reliability([]))
