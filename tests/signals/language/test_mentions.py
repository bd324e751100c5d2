"""Names are found as whole words, in their case where they are words otherwise, and the longest wins."""

import pytest

from signals.language import mentions


def names(text):
    return [entity.name for entity in mentions.entities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fed cuts rates", ["Federal Reserve"]),
        ("Commuters fed up with late trains", []),
        ("Fed Up With Late Trains", []),
        ("ICE agents raid plant", ["ICE"]),
        ("ice melts in the Arctic", []),
        ("SOL tops $200", ["SOL"]),
        ("El sol sale", []),
        ("$BTC and bitcoin's miners", ["BTC"]),
        ("Ethereumish coin", []),
        ("Zelenskiy meets Putin", ["Volodymyr Zelensky", "Vladimir Putin"]),
        ("Boston Celtics win in the NBA", ["Boston Celtics", "NBA"]),
        ("the federal reserve bank", ["Federal Reserve"]),
    ],
)
def test_names(text, expected):
    assert names(text) == expected


def test_topics_come_from_words_and_from_names():
    text = "Federal Reserve signals rate hike as inflation rises"
    topics = mentions.topics(text, mentions.entities(text))
    assert {"interest-rates", "inflation", "economy", "federal-reserve"} <= set(topics)


def test_letters_that_grow_in_lower_case_do_not_move_places():
    assert names("İİİİ Bitcoin İ") == ["BTC"]


def test_only_the_beginning_of_a_long_text_is_looked_at():
    assert names("x " * mentions.LONGEST + "bitcoin") == []
