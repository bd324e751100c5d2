"""Identical titles whose rule texts contradict: polarity, hour, source, number, date, void. Every text is invented."""

import pytest

from markets.matching import Candidate, Question, judge, rules

RENTS = "Will rents in Trondby rise above 4% in 2027?"
RENTS_RULES = (
    "If rents in Trondby rise above 4% in 2027, according to the city register, this market resolves to "
    '"Yes". Otherwise it resolves to "No".'
)
OPEN = "Will Mira Holt win the 2027 Velm Open?"
OPEN_RULES = (
    'This market will resolve to "Yes" if Mira Holt wins the 2027 Velm Open. Otherwise, this market will '
    'resolve to "No".'
)
TIDE = "Will the tide gauge at Velm be above 40 on March 3, 2027?"
COUNT = "Will the tide gauge at Velm be above 100,000 on March 3, 2027?"
LEAVE = "Will Minister Holt resign?"
FOUND = ("same", "inverted")


def both_ways(title: str, one: str, two: str) -> Candidate:
    """The verdict, after a check that it does not hang on which platform says what."""
    first, second = (
        judge(Question("polymarket", "p", title, here), Question("kalshi", "k", title, there))
        for here, there in ((one, two), (two, one))
    )
    assert (first.verdict, first.settlement) == (second.verdict, second.settlement)
    return first


def codes(candidate: Candidate) -> set[str]:
    return {veto.split(":")[0] for veto in candidate.vetoes}


@pytest.mark.parametrize("swapped", [
    'If rents in Trondby rise above 4% in 2027, according to the city register, this market resolves to "No". '
    'Otherwise it resolves to "Yes".',
    'This market resolves to "No" if rents in Trondby rise above 4% in 2027; otherwise, Yes.',
    "This market will resolve to 'Yes' unless rents in Trondby rise above 4% in 2027.",
    "Unless rents in Trondby rise above 4% in 2027, this market resolves YES.",
    "Resolves NO in the event that rents in Trondby rise above 4% in 2027. In all other cases it resolves YES.",
    "If rents in Trondby rise above 4% in 2027, the contract settles at No. Else, Yes.",
    "If rents in Trondby do not rise above 4% in 2027 this market resolves to Yes. Otherwise No.",
    "Resolves to “Yes” if rents in Trondby rise by 4% or less in 2027, and to “No” otherwise.",
    "NO pays out if rents in Trondby rise above 4% in 2027. YES pays out otherwise.",
    "Yes = rents in Trondby rise by at most 4% in 2027. No = rents in Trondby rise above 4% in 2027.",
    "Should rents in Trondby rise above 4% in 2027, the market will be resolved as NO. If not, it will be resolved as YES.",
    "The market resolves No if the condition in the title is met and Yes otherwise.",
    'Will resolve to "Yes" if the above does not happen, "No" if it does.',
    "The outcome will be No if rents in Trondby rise above 4% in 2027 and Yes if they do not.",
    'A rise of rents in Trondby above 4% in 2027 makes this market resolve to No; otherwise it resolves to Yes.',
    "YES: rents in Trondby rise by 4% or less in 2027. NO: rents in Trondby rise above 4% in 2027.",
    '"No" if rents in Trondby rise above 4% in 2027, "Yes" otherwise.',
    "The No side wins if rents in Trondby rise above 4% in 2027; otherwise the Yes side wins.",
])  # fmt: skip
def test_rules_that_make_no_of_the_title_invert_the_pair(swapped):
    assert both_ways(RENTS, swapped, RENTS_RULES).verdict == "inverted"


@pytest.mark.parametrize("swapped", [
    "If Mira Holt wins the 2027 Velm Open, this market resolves to No. Otherwise Yes.",
    "Resolves Yes if Mira Holt does not win the 2027 Velm Open; otherwise No.",
    "Resolves Yes unless Mira Holt wins the Velm Open.",
])  # fmt: skip
def test_a_question_without_numbers_is_inverted_by_its_rules_too(swapped):
    assert both_ways(OPEN, swapped, OPEN_RULES).verdict == "inverted"


@pytest.mark.parametrize("title, odd, plain", [
    (RENTS, 'Resolves "No" should this event occur.', RENTS_RULES),
    (RENTS, "No holders are paid when rents in Trondby rise above 4% in 2027.", RENTS_RULES),
    (RENTS, 'This market will not resolve to "Yes" if rents in Trondby rise above 4% in 2027.', RENTS_RULES),
    (RENTS, "If rents in Trondby rise above 4% in 2027, holders of NO receive $1.", RENTS_RULES),
    (RENTS, 'Rents in Trondby that rise above 4% in 2027 resolve this market to "No".', RENTS_RULES),
    (RENTS, "The question resolves negatively if rents in Trondby rise above 4% in 2027.", RENTS_RULES),
    (RENTS, "Resolves to No when rents in Trondby exceed 4% in 2027, else to Yes.", RENTS_RULES),
    (RENTS, 'Resolves "Yes" if rents in Trondby stay at or below 4% in 2027.', RENTS_RULES),
    (OPEN, "Resolves Yes if anyone other than Mira Holt wins the Velm Open.", OPEN_RULES),
    (OPEN, "If Holt loses, this market resolves to Yes.", OPEN_RULES),
    (OPEN, "If Holt takes the title, this market resolves to No.", OPEN_RULES),
    (OPEN, "If Mira Holt wins the 2027 Velm Open but is stripped of it, this resolves to No. Otherwise Yes.", OPEN_RULES),
    ("Will the Fed hold rates in March 2027?", "If the Fed changes rates in March 2027, resolves to No. Otherwise Yes.",
     "If the Fed holds rates in March 2027, resolves to Yes. Otherwise No."),
])  # fmt: skip
def test_a_doubtful_polarity_goes_to_a_person(title, odd, plain):
    candidate = both_ways(title, odd, plain)
    assert candidate.verdict == "review"
    assert codes(candidate) == {"polarity"}


@pytest.mark.parametrize("ordinary", [
    "",
    RENTS_RULES,
    "Resolves Yes if the city register shows that rents rose above 4%.",
    "If rents rise above 4%, resolves to Yes; otherwise, No.",
    'If rents in Trondby rise by 4% or less in 2027, resolves to "No". Otherwise "Yes".',
    "Unless rents in Trondby rise above 4% in 2027, this market resolves to No.",
    "This market will resolve to Yes unless rents in Trondby rise by 4% or less in 2027.",
    'Resolves Yes if rents in Trondby rise above 4% in 2027 and "No" otherwise.',
    "Resolves Yes if rents in Trondby rise above 4% in 2027. If the survey is cancelled, it resolves to No.",
    "Resolves Yes if rents in Trondby rise above 4% in 2027. Resolves to No if rents rise by 4% or less.",
    "Resolves no later than March 2028. Resolves to Yes if rents rise above 4%.",
    "Resolves Yes if rents in Trondby rise above 4% in 2027 and do not fall again in December.",
])  # fmt: skip
def test_ordinary_rules_stay_the_same(ordinary):
    assert both_ways(RENTS, ordinary, RENTS_RULES).verdict == "same"


@pytest.mark.parametrize("ordinary", [
    "If Mira Holt wins the Velm Open, then the market resolves to Yes.",
    "Resolves Yes if Holt is the champion.",
    "If Mira Holt wins, the market resolves to Yes. If she withdraws before the start, it resolves to No.",
    'This market resolves to "No" if it becomes impossible for Mira Holt to win the Velm Open. Yes if she wins.',
    "If Mira Holt does not win the Velm Open, this market resolves to No. Otherwise it resolves to Yes.",
    "If Mira Holt wins the 2027 Velm Open (not including exhibition rounds), the market resolves to Yes.",
])  # fmt: skip
def test_ordinary_rules_without_numbers_stay_the_same(ordinary):
    assert both_ways(OPEN, ordinary, OPEN_RULES).verdict == "same"


def test_two_sides_that_both_swap_are_the_same():
    swapped = "If Mira Holt wins the 2027 Velm Open, this market resolves to No. Otherwise Yes."
    other = "Resolves Yes unless Mira Holt wins the 2027 Velm Open."
    assert both_ways(OPEN, swapped, other).verdict == "same"


def test_a_negated_title_and_swapping_rules_cancel_out():
    one = Question("polymarket", "p", "Will Ada Corben not run for mayor of Trondby in 2027?")
    two = Question("kalshi", "k", "Will Ada Corben run for mayor of Trondby in 2027?",
                   "Resolves Yes unless Ada Corben runs for mayor of Trondby in 2027.")  # fmt: skip
    assert judge(one, two).verdict == "same"


@pytest.mark.parametrize("text, wanted", [
    ("at 12:00 PM ET", (43_200, "ET")),
    ("at noon New York time", (43_200, "ET")),
    ("noon (Eastern Time)", (43_200, "ET")),
    ("12 noon UTC", (43_200, "UTC")),
    ("17:00 EST", (61_200, "ET")),
    ("5 p.m. EDT", (61_200, "ET")),
    ("5pm Eastern Daylight Time", (61_200, "ET")),
    ("at 1200 UTC", (43_200, "UTC")),
    ("noon in London", (43_200, "London")),
    ("at 7:00 PM Chicago Bulls", (68_400, "")),
])  # fmt: skip
def test_clock_times(text, wanted):
    assert rules.hours(text) == {wanted}


@pytest.mark.parametrize("text, zone", [
    ("by end of day Eastern", "ET"),
    ("by the end of the day (UTC)", "UTC"),
    ("before 12:00 a.m. ET", "ET"),
    ("until midnight New York time", "ET"),
    ("by 11:59 PM Pacific Time", "PT"),
])  # fmt: skip
def test_where_a_day_ends(text, zone):
    assert rules.cutoffs(text) == {zone}
    assert not rules.hours(text)


def at(hour: str) -> str:
    return f"If the tide gauge at Velm is above 40 {hour} on March 3, 2027, by the port's log, this resolves to Yes."


@pytest.mark.parametrize("one, two", [
    ("at 12:00 PM ET", "at 12:00 PM UTC"),
    ("at noon New York time", "at noon UTC"),
    ("at 17:00 EST", "at 12:00 PM ET"),
    ("at midday GMT", "at midday Eastern"),
    ("at 00:00 UTC", "at noon UTC"),
    ("at 12:00 PM ET", "at 12:00 PM Pacific Time"),
])  # fmt: skip
def test_another_hour_in_the_rules_is_never_the_same(one, two):
    candidate = both_ways(TIDE, at(one), at(two))
    assert candidate.verdict not in FOUND
    assert candidate.settlement == "timing"


@pytest.mark.parametrize("one, two", [
    ("at 12:00 PM ET", "at noon, New York time"),
    ("at 12:00 PM ET", "at 17:00 UTC"),  # winter
    ("at noon UTC", "at 12:00 GMT"),
    ("at noon UTC", ""),
])  # fmt: skip
def test_the_same_hour_in_other_words(one, two):
    assert both_ways(TIDE, at(one), at(two)).verdict == "same"


@pytest.mark.parametrize("one, two", [
    ("according to the Velm port office", "according to the Torbal survey"),
    ("as reported by Velm Daily", "as reported by the Torbal Post"),
    ("Resolution source: Velm Daily.", "Resolution source: Torbal Post."),
    ("The resolution source for this market is Velm Daily.", "The source for this market will be the Torbal Post."),
    ("Source: NOAA", "Source: Wunderground"),
    ("based on data from Velm Daily", "according to NOAA"),
    ("as determined by Velm Daily", "per the Torbal Post"),
])  # fmt: skip
def test_another_source_in_the_rules_is_never_the_same(one, two):
    candidate = both_ways(TIDE, one, two)
    assert (candidate.verdict, candidate.settlement) == ("review", "correlated")


@pytest.mark.parametrize("one, two", [
    ("according to data from the Velm port office", "According to Velm Port Office."),
    ("according to the Bureau of Labor Statistics", "as published by BLS"),
    ("according to the Velm Weather Institute", "as published by VWI"),
    ("according to a consensus of credible reporting", "according to Velm Daily"),
    ("published by June 30, 2027", "according to Velm Daily"),
])  # fmt: skip
def test_one_source_by_two_names(one, two):
    assert both_ways(TIDE, one, two).verdict == "same"


@pytest.mark.parametrize("code, one, two", [
    ("comparator", "If it is at or above 100,000, resolves to Yes.",
     "If it is strictly greater than 100,000, resolves to Yes."),
    ("comparator", "Resolves Yes if 100,000 or more.", "Resolves Yes if more than 100,000."),
    ("comparator", "Resolves Yes if it is not below 100,000.", "Resolves Yes if it is above 100,000."),
    ("comparator", "The gauge must be greater than or equal to 100,000.",
     "The gauge must be strictly greater than 100,000."),
    ("comparator", "If it is at or above 100,000, resolves to Yes.", ""),
    ("number", "If it is above 105,000, resolves to Yes.", "If it is above 100,000, resolves to Yes."),
])  # fmt: skip
def test_another_comparison_in_the_rules_is_never_the_same(code, one, two):
    candidate = both_ways(COUNT, one, two)
    assert candidate.verdict not in FOUND
    assert code in codes(candidate)


@pytest.mark.parametrize("one, two", [
    ("If the gauge is at least 100,000, resolves to Yes.", "If the gauge is above 99,999.99, resolves to Yes."),
    ("If it is above 100,000, resolves to Yes.", "If it is greater than 100,000, resolves to Yes."),
    ("If it is above 100,000, resolves to Yes.", "Above 100,000 by the log of the port."),
])  # fmt: skip
def test_the_same_comparison_in_other_words(one, two):
    assert both_ways(COUNT, one, two).verdict == "same"


def test_a_day_that_only_the_rules_name_can_contradict():
    early, late = (
        f"Resolves Yes if Minister Holt resigns by {day}, 2027." for day in ("June 30", "December 31")
    )
    before = "If Minister Holt resigns before Jul 1, 2027, this resolves to Yes."
    assert "date" in codes(both_ways(LEAVE, early, late))
    assert both_ways(LEAVE, early, before).verdict == "same"


@pytest.mark.parametrize("one, two", [
    ('If the event is cancelled, this resolves to "No".', "If the event is postponed, it resolves 50/50."),
    ('If no figure is published by then, this resolves to "No".', "If no figure is published by then, it resolves 50-50."),
    ("If the reading is not available, it resolves to No.", "If the reading is not available, all stakes are returned."),
    ("", "If the event is cancelled, this market resolves 50-50."),
])  # fmt: skip
def test_other_void_rules_are_never_the_same_and_clean(one, two):
    candidate = both_ways(TIDE, f"{at('')} {one}", f"{at('')} {two}")
    assert (candidate.verdict, candidate.settlement) not in {(verdict, "clean") for verdict in FOUND}
    if one:
        assert candidate.verdict == "review"
