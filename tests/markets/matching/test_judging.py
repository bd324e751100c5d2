"""One invented pair per failure class, and what the verdict says about it."""

import pytest

from markets import matching
from markets.matching import Question, judge
from markets.matching_labels import own_rows

WANTED = {"same": {"same"}, "same_inverted": {"inverted"}}
UNSURE = {"review", "different"}


def pair(polymarket: str, kalshi: str, **more: str) -> matching.Candidate:
    rules = more.get("rules", ""), more.get("kalshi_rules", "")
    return judge(
        Question("polymarket", "p", polymarket, rules[0]),
        Question("kalshi", more.get("ticker", "k"), kalshi, rules[1]),
    )


def codes(candidate: matching.Candidate) -> set[str]:
    return {veto.split(":")[0] for veto in candidate.vetoes}


@pytest.mark.parametrize("row", list(own_rows()), ids=lambda row: row.id)
def test_every_failure_class_gets_its_verdict(row):
    candidate = judge(row.polymarket, row.kalshi)
    assert candidate.verdict in WANTED.get(row.label, UNSURE), (candidate.vetoes, candidate.reasons)


@pytest.mark.parametrize("code, one, two", [
    ("number", "Will Mira Holt score at least 30 goals in 2027?", "Will Mira Holt score at least 35 goals in 2027?"),
    ("comparator", "Will rents rise at least 3% in 2027?", "Will rents rise above 3% in 2027?"),
    ("date", "Will the bridge open by May 31, 2027?", "Will the bridge open before May 1, 2027?"),
    ("announcement", "Will Coach Brandt retire in 2027?", "Will Coach Brandt announce retirement in 2027?"),
    ("stage", "Will Ada Corben win the 2027 Ohio Senate race?",
     "Will Ada Corben be the nominee for Senate in Ohio in 2027?"),
    ("place", "Will a Democrat win the Ohio Senate race?", "Will a Democrat win the Iowa Senate race?"),
    ("party", "Will a Democrat win the Ohio Senate race?", "Will a Republican win the Ohio Senate race?"),
    ("subject", "Will Ada Corben win the Velm Open?", "Will Bruno Feltor win the Velm Open?"),
    ("competition", "Will the Denver Nuggets win the NBA Finals?", "Will Denver win the NBA Western Conference?"),
    ("measure", "Will core CPI be above 3% in May 2027?", "Will unemployment be above 3% in May 2027?"),
    ("fixture", "Knicks vs. Celtics", "Knicks vs. Lakers"),
])  # fmt: skip
def test_a_contradiction_is_named_by_its_code(code, one, two):
    candidate = pair(one, two)
    assert candidate.verdict == "different"
    assert code in codes(candidate)


def test_a_veto_says_both_values():
    candidate = pair("Will the price of Ethereum be at least $4,000 on May 5, 2027?",
                     "Will the price of Ethereum be at least $3,500 on May 5, 2027?")  # fmt: skip
    assert "number: at least $4,000 against at least $3,500" in candidate.vetoes


def test_titles_alone_can_be_the_same_with_unknown_settlement():
    candidate = pair("Will Mira Holt win the 2027 Velm Open?", "Will Mira Holt win the Velm Open in 2027?")
    assert (candidate.verdict, candidate.settlement) == ("same", "unknown")
    assert not candidate.vetoes


def test_one_source_and_both_rules_make_it_clean():
    rules = "Resolves by the Bureau of Labor Statistics' first release."
    candidate = pair("Will unemployment in May 2027 be at least 4.1%?", "Will unemployment be at least 4.1% in May 2027?",
                     rules=rules, kalshi_rules=rules)  # fmt: skip
    assert (candidate.verdict, candidate.settlement) == ("same", "clean")


def test_another_source_is_correlated_and_never_the_same():
    candidate = pair("Will average gas prices be above $4 on May 5, 2027?", "Will gas prices be above $4 on May 5, 2027?",
                     rules="Source: AAA.", kalshi_rules="Source: Energy Information Administration.")  # fmt: skip
    assert (candidate.verdict, candidate.settlement) == ("review", "correlated")
    assert "source" in codes(candidate)


def test_coins_are_never_the_same_when_no_source_is_written():
    candidate = pair(
        "Will Cardano reach $2 in July 2027?", "How high will Cardano get in July 2027? Above $2"
    )
    assert (candidate.verdict, candidate.settlement) == ("review", "correlated")


def test_another_hour_is_another_bet_by_timing():
    candidate = pair(
        "Will gold be above $4,000 at 12:00 ET on May 5, 2027?",
        "Will gold be above $4,000 at 5pm ET on May 5, 2027?",
    )
    assert candidate.verdict == "different"
    assert candidate.settlement == "timing"


def test_a_ticker_gives_date_hour_and_strike():
    one = Question("polymarket", "p", "Will the price of Bitcoin be above $60,000 on July 2?")
    same_day = judge(one, Question("kalshi", "KXBTCD-27JUL0217-T59999.99", "Bitcoin price on Jul 2, 2027?"))
    other_strike = judge(
        one, Question("kalshi", "KXBTCD-27JUL0217-T60999.99", "Bitcoin price on Jul 2, 2027?")
    )
    other_day = judge(one, Question("kalshi", "KXBTCD-27JUL0117-T59999.99", "Bitcoin price on Jul 1, 2027?"))
    assert same_day.verdict != "same"  # another source, and the hour is not known on both
    assert "number" in codes(other_strike)
    assert "date" in codes(other_day)


def test_strike_fields_come_before_the_text_and_a_clash_is_shown():
    one = Question("polymarket", "p", "Will gas prices be at least $4.10 on May 5, 2027?")
    two = Question(
        "kalshi",
        "k",
        "Gas prices on May 5, 2027",
        strike_type="greater_or_equal",
        floor_strike=matching.questions.Decimal("4.1"),
    )
    assert judge(one, two).verdict == "same"
    odd = Question("kalshi", "k", "Will gas prices be at least $90 on May 5, 2027?", strike_type="greater_or_equal",
                   floor_strike=matching.questions.Decimal("4.1"))  # fmt: skip
    assert "strike_field" in codes(judge(one, odd))


def test_a_year_by_the_ticker_counts_and_another_year_is_a_doubt():
    title = "Will Mira Holt win the 2027 Velm Open?"
    assert pair(title, "Will Mira Holt win the Velm Open?", ticker="KXVELM-27-MHOL").verdict == "same"
    assert pair(title, "Will Mira Holt win the Velm Open?", ticker="KXVELM-29-MHOL").verdict == "review"


def test_the_order_of_the_arguments_is_free():
    one = Question("polymarket", "p", "Will Mira Holt win the 2027 Velm Open?")
    two = Question("kalshi", "k", "Will Mira Holt win the Velm Open in 2027?")
    assert judge(one, two) == judge(two, one)


def test_json_has_the_shape_of_the_contract():
    row = pair("Will it rain?", "Will it snow?").as_json()
    assert list(row) == ["polymarket_id", "kalshi_id", "score", "verdict", "settlement", "reasons", "vetoes"]
    assert 0 <= row["score"] <= 1


@pytest.mark.parametrize(
    ("this_year", "verdict"), [(2026, "review"), (2027, "same"), (2028, "same"), (None, "review")]
)
def test_in_a_year_and_before_the_next_are_one_window_once_it_has_begun(this_year, verdict):
    one = Question("polymarket", "p", "Will Mira Holt resign as mayor of Velm in 2027?")
    two = Question("kalshi", "k", "Will Mira Holt resign as mayor of Velm before 2028?")
    assert judge(one, two, this_year=this_year).verdict == verdict
