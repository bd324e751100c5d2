"""Terms, what changed in them, placeholders, and texts side by side."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.pairing import differences, terms
from markets.platforms.base import KALSHI, POLYMARKET, OutcomeInfo
from tests import factories

KALSHI_MARKET = factories.info(
    KALSHI,
    extra={
        "strike_type": "greater",
        "floor_strike": "100000",
        "expected_expiration_time": "2026-12-01T00:00:00Z",
    },
)


def changed(**values):
    extra = values.pop("extra", {})
    return replace(KALSHI_MARKET, extra=KALSHI_MARKET.extra | extra, **values)


@pytest.mark.parametrize(
    "market",
    [
        changed(volume=factories.Decimal(5)),
        changed(settles=KALSHI_MARKET.settles + timedelta(hours=3)),
        changed(extra={"expected_expiration_time": "2026-12-02T00:00:00Z", "updated_time": "now"}),
        changed(end=KALSHI_MARKET.end + timedelta(seconds=20) - timedelta(seconds=KALSHI_MARKET.end.second)),
        changed(rules="It \n rains. "),
        changed(category="other", slug="other"),
    ],
)
def test_what_moves_by_itself_is_no_term(market):
    assert terms.digest({"a": terms.of(market)}) == terms.digest({"a": terms.of(KALSHI_MARKET)})


@pytest.mark.parametrize(
    ("market", "named"),
    [
        (changed(question="Will it snow?"), "question"),
        (changed(rules="It rains twice."), "rules"),
        (changed(resolution_source="another gauge"), "resolution source"),
        (changed(outcomes=(OutcomeInfo("YES", "No rain"), OutcomeInfo("NO", "Rain"))), "outcomes"),
        (changed(end=KALSHI_MARKET.end + timedelta(days=1)), "end of trading"),
        (changed(extra={"floor_strike": "100001"}), "lower strike"),
        (changed(extra={"strike_type": "greater_or_equal"}), "kind of strike"),
        (changed(extra={"latest_expiration_time": "2027-01-01T00:00:00Z"}), "latest expiration"),
        (changed(extra={"custom_strike": {"player": "b"}}), "custom strike"),
    ],
)
def test_what_a_contract_says_is_a_term(market, named):
    before, after = terms.of(KALSHI_MARKET), terms.of(market)
    assert terms.digest({"a": before}) != terms.digest({"a": after})
    (sentence,) = terms.changes(before, after, "Kalshi")
    assert sentence.startswith(f"Kalshi changed its {named}: “")


def test_polarity_is_part_of_the_digest():
    read = {"a": terms.of(KALSHI_MARKET)}
    assert terms.digest(read, inverted=True) != terms.digest(read, inverted=False)


def test_a_long_change_is_shortened_around_the_difference():
    before = {"rules": "word " * 200 + "January 1" + " more" * 100}
    after = {"rules": "word " * 200 + "February 2" + " more" * 100}
    (sentence,) = terms.changes(before, after, "Kalshi")
    assert "January 1" in sentence and "February 2" in sentence and len(sentence) < 450


def test_a_term_that_appears_or_goes_is_named():
    (sentence,) = terms.changes({}, {"floor_strike": "7"}, "Kalshi")
    assert sentence == "Kalshi changed its lower strike: “nothing” became “7”"


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("", "no rules"),
        ("  TBD ", "no rules"),
        ("N/A", "no rules"),
        ("...", "no rules"),
        ("If || Count || people attend, YES.", "placeholder"),
        ("If {{ team }} wins, YES.", "placeholder"),
        ("If [insert date] comes, YES.", "placeholder"),
        ("It rains.", ""),
        ("If A or B (whichever [sic] is first) wins.", ""),
    ],
)
def test_rules_that_nobody_can_have_read(rules, problem):
    found = terms.unreadable(terms.of(changed(rules=rules)))
    assert (problem in found) if problem else found == ""


# --- side by side

texts = st.text(alphabet="ab ,.\n1<&2", max_size=40)


@given(texts, texts)
def test_the_pieces_are_the_texts_to_the_last_blank(one, two):
    left, right = differences.compare(one, two)
    assert "".join(piece.text for piece in left) == one
    assert "".join(piece.text for piece in right) == two
    common = [
        "".join(piece.text for piece in side if not piece.differs).casefold().split()
        for side in (left, right)
    ]
    assert "".join(common[0]) == "".join(common[1])


@given(texts)
def test_a_text_does_not_differ_from_itself(text):
    assert not any(piece.differs for side in differences.compare(text, text) for piece in side)


def test_a_number_that_differs_is_marked_whole():
    left, right = differences.compare("above 100,000 by June 3", "above 105,000 by June 3")
    assert [piece.text for piece in left if piece.differs] == ["100,000"]
    assert [piece.text for piece in right if piece.differs] == ["105,000"]


def test_texts_too_long_to_compare_are_marked_whole():
    long = "x" * (differences.LONGEST + 1)
    assert differences.compare(long, "y") == (
        ((differences.Piece(long, True)),),
        (differences.Piece("y", True),),
    )


def test_both_platforms_have_terms():
    assert terms.of(factories.info(POLYMARKET))["outcomes"] == "YES: Yes, NO: No"


def test_invisible_characters_are_written_out():
    assert terms.visible("a\r\nb\tc é 👍") == "a\nb\tc é 👍"
    assert terms.visible("\x1b[31m\u202e\u200b\x00") == "⟨U+001B⟩[31m⟨U+202E⟩⟨U+200B⟩⟨U+0000⟩"
    assert "\x1b" not in terms.changes({"rules": "a"}, {"rules": "a\x1b[2J"}, "Kalshi")[0]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a " * 10_000, "b a " * 5_000),
        ("a" + "(" * 19_000, "(" * 19_000 + "b"),
        (" ".join(map(str, range(3_000))), "7 " * 9_000),
    ],
)
def test_a_hostile_text_costs_no_time(one, two):
    """Rules are foreign text: one that repeats a word thousands of times held a page for minutes."""
    began = time.process_time()
    left, right = differences.compare(one, two)
    assert time.process_time() - began < 1
    assert "".join(piece.text for piece in left) == one and "".join(piece.text for piece in right) == two
    assert any(piece.differs for piece in (*left, *right))
