"""True pairs are found among many markets, few are judged, and nothing is lost at the edges."""

from markets.matching import Question, match
from markets.matching.blocking import candidates
from markets.matching.facts import facts_of
from markets.matching_benchmarks import invented
from markets.matching_labels import own_rows


def test_true_pairs_are_among_the_candidates_in_a_crowd():
    rows = [row for row in own_rows() if row.label in ("same", "same_inverted")]
    left = [row.polymarket for row in rows] + invented(1_500, "polymarket", 5)
    right = [row.kalshi for row in rows] + invented(1_500, "kalshi", 6)
    got = {(c.polymarket_id, c.kalshi_id) for c in match(left, right)}
    missing = [row.id for row in rows if (row.polymarket.id, row.kalshi.id) not in got]
    assert len(missing) <= 0.02 * len(rows), missing


def test_the_right_strike_and_day_of_a_long_ladder_are_found():
    ladder = [(strike, day) for strike in range(50_000, 90_000, 500) for day in range(1, 29)]
    left = [
        Question("polymarket", f"{s}-{d}", f"Will the price of Bitcoin be above ${s:,} on July {d}, 2027?")
        for s, d in ladder
    ]
    right = [
        Question("kalshi", f"{s}-{d}", f"Bitcoin price on Jul {d}, 2027 above ${s:,}?")
        for s, d in ladder[::7]
    ]
    got = {(c.polymarket_id, c.kalshi_id) for c in match(left, right, per_market=5)}
    found = sum((q.id, q.id) in got for q in right)
    assert found >= 0.98 * len(right)


def test_only_a_few_counterparts_are_judged():
    left, right = (
        [facts_of(q) for q in invented(2_000, name, seed)]
        for seed, name in enumerate(("polymarket", "kalshi"))
    )
    assert len(candidates(left, right, 5)) <= 5 * (len(left) + len(right))


def test_empty_sides_and_repeated_ids():
    one = Question("polymarket", "p", "Will Mira Holt win the 2027 Velm Open?")
    two = Question("kalshi", "k", "Will Mira Holt win the Velm Open in 2027?")
    assert match([], [two]) == match([one], []) == []
    assert len(match([one, one], [two, two])) == 1
