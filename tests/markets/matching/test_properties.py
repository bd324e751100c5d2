"""What must hold for any text."""

import re
from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from markets.matching import Question, judge, match
from markets.matching_benchmarks import invented
from markets.matching_labels import own_rows

ROWS = list(own_rows())
TEXT = st.text(max_size=200)
FRAGMENTS = [
    "will",
    "win",
    "by",
    "before",
    "June",
    "30",
    "2027",
    "2026-27",
    "at",
    "least",
    "5",
    "or",
    "fewer",
    "$100k",
    "3.1%",
    "vs.",
    "the",
    "Fed",
    "Knicks",
    "Ohio-9",
    "OH-09",
    "||",
    "above",
    "not",
    "12:00",
    "ET",
    "UTC",
    "nomination",
    "primary",
    "Bitcoin",
    "||",
    "between",
    "and",
    "50/50",
]
WORDISH = st.lists(
    st.sampled_from(FRAGMENTS),
    max_size=25,
).map(" ".join)  # fmt: skip
FOUND = ("same", "inverted")


@given(
    title=TEXT | WORDISH,
    rules=TEXT | WORDISH,
    other=TEXT | WORDISH,
    label=st.text(max_size=20),
    close=st.text(max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_judge(title, rules, other, label, close):
    one = Question("polymarket", "p", title, rules, close, outcome_label=label)
    two = Question("kalshi", "KXBTCD-27JUL0117-T5", other, rules, close)
    candidate = judge(one, two)
    assert candidate.verdict in ("same", "inverted", "review", "different")
    assert candidate.settlement in ("clean", "correlated", "timing", "unknown")
    assert 0 <= candidate.score <= 1
    if candidate.vetoes:
        assert candidate.verdict not in FOUND


@given(
    low=st.integers(1, 10**7),
    other=st.integers(1, 10**7),
    how=st.sampled_from(("at least {}", "{} or fewer", "{}+")),
)
@settings(deadline=None)
def test_another_number_is_never_the_same(low, other, how):
    assume(low != other)
    texts = [f"Will Mira Holt score {how.format(value)} goals in 2027?" for value in (low, other)]
    assert (
        judge(Question("polymarket", "p", texts[0]), Question("kalshi", "k", texts[1])).verdict not in FOUND
    )


DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2059, 12, 31))


@given(one=DAYS, two=DAYS, lead=st.sampled_from(("by", "before", "on")))
@settings(deadline=None)
def test_another_date_is_never_the_same(one, two, lead):
    assume(one != two)
    texts = [f"Will the bridge open {lead} {day:%B} {day.day}, {day.year}?" for day in (one, two)]
    assert (
        judge(Question("polymarket", "p", texts[0]), Question("kalshi", "k", texts[1])).verdict not in FOUND
    )


@given(row=st.sampled_from([row for row in ROWS if row.label == "same"]), shift=st.integers(1, 9))
@settings(deadline=None)
def test_a_changed_figure_in_a_true_pair_is_never_the_same(row, shift):
    digits = list(re.finditer(r"\d+", row.kalshi.title))
    assume(digits)
    last = digits[-1]
    changed = row.kalshi.title[: last.start()] + str(int(last[0]) + shift) + row.kalshi.title[last.end() :]
    assume(" .99" not in changed and ".9" not in row.kalshi.title)
    assert judge(row.polymarket, _with(row.kalshi, changed)).verdict not in FOUND


@given(row=st.sampled_from(ROWS), how=st.sampled_from((str.upper, str.lower, str.title, str.swapcase)),
       ending=st.sampled_from(("", "?", "!", " ?", "  ")))  # fmt: skip
@settings(deadline=None)
def test_case_and_punctuation_change_no_verdict(row, how, ending):
    plain = judge(row.polymarket, row.kalshi).verdict
    title = re.sub(" ", "   ", how(row.polymarket.title).rstrip("?")) + ending
    other = how(row.kalshi.title)
    changed = judge(_with(row.polymarket, title), _with(row.kalshi, other)).verdict
    assert changed == plain


def _with(question: Question, title: str) -> Question:
    return Question(**{name: getattr(question, name) for name in question.__slots__} | {"title": title})


@given(order=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_lists_changes_nothing(order):
    left, right = invented(60, "polymarket", 3), invented(60, "kalshi", 4)
    left += [row.polymarket for row in ROWS]
    right += [row.kalshi for row in ROWS]
    first = match(left, right)
    order.shuffle(left)
    order.shuffle(right)
    assert match(left, right) == first
