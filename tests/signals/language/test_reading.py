"""Reading a text as a whole; hostile text is cut before anything looks at it."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from markets import catalogue_version, store
from markets.platforms.base import KALSHI
from signals.language import agreement, items, linker, linking, mentions, reading, signs, texts
from signals.language.index import Index
from signals.language.items import MarketText
from tests import factories

NOW = datetime(2026, 6, 17, 18, tzinfo=UTC)


TITLES = ("Will the Fed cut rates in June 2026?", "Will the price of Bitcoin be above $95,000 on July 1?")


@pytest.fixture(scope="module")
def read():
    """Reading against a small index, without a database."""
    index = Index()
    for number, title in enumerate(TITLES):
        index.add(items.read(MarketText(KALSHI, str(number), title)))

    def one(title, summary="", **more):
        return reading.read_with(partial(linker.links, index=index, now=NOW), title, summary, now=NOW, **more)

    return one


@pytest.mark.django_db(transaction=True)
def test_the_specifications_own_headline(redis):
    """`Federal Reserve signals potential rate hike in March`: categories, names, a market, and which way."""
    linking.forget()
    store.upsert(
        [factories.info(KALSHI, "KXFED", question="Will the Fed raise interest rates in March?")],
        now=timezone.now(),
    )
    catalogue_version.changed()
    found = reading.read(
        "Federal Reserve signals potential rate hike in March", outlet="reuters", now=timezone.now()
    )
    assert {"economy", "federal-reserve", "interest-rates"} <= set(found.topics)
    assert found.entities == ("Federal Reserve",)
    assert found.urgency in ("low", "medium", "high")
    assert 0 < found.impact <= 1
    assert [(link.market_id, link.direction) for link in found.links] == [("KXFED", 1)]
    assert "March" in found.facts["dates"] or "03" in found.facts["dates"]


def test_hints_add_names_and_topics(read):
    found = read("Price jumps 9% in an hour", hints=("BTC", "economy", "<script>"))
    assert "BTC" in found.entities
    assert {"crypto", "economy"} <= set(found.topics)


def test_nothing_says_nothing(read):
    assert read("") == reading.Reading()
    assert read("¿¡…!?") == reading.Reading()


HOSTILE = [
    "a" * 20_000,
    "Fed " * 5_000,
    "not " * 5_000 + "cut",
    "Will " + "A B " * 5_000,
    "$1" + ",000" * 5_000,
    "9" * 20_000,
    "by the end of " * 1_500,
    "(" * 10_000 + ")" * 10_000,
    "x.x'x&" * 3_000,
    "İ" * 20_000,
    "\u202e" + "Bitcoin " * 2_500,
    "January 1 2026 - " * 1_200,
    "between 1 and " * 1_500,
    "Aa-" * 6_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].encode("unicode_escape").decode())
def test_twenty_thousand_hostile_characters_are_cut_first(read, text):
    found = read(text, text, hints=(text,) * 100, outlet=text)
    assert -1 <= found.sentiment_score <= 1
    assert 0 <= found.impact <= 1
    assert len(found.topics) <= reading.MOST_TOPICS
    assert len(found.links) <= agreement.values()["most"]
    assert all(len(told) <= 200 for told in found.facts.values())
    said = texts.read(text, text, at=NOW)
    assert len(said.title) <= texts.MOST_TOKENS
    assert len(said.flat) <= 2 * texts.LONGEST_TITLE + 2


def test_every_reader_looks_at_a_bounded_part_alone():
    """What lies behind the limit changes nothing: the work cannot grow with the length."""
    head = "Fed cuts rates as inflation falls. " * 9
    for tail in ("", "x" * 20_000, "Bitcoin crashes " * 1_000):
        title = head[: texts.LONGEST_TITLE].ljust(texts.LONGEST_TITLE) + tail
        assert texts.read(title, at=NOW).kinds == texts.read(head[: texts.LONGEST_TITLE], at=NOW).kinds
    assert signs.read("y" * 700 + " profits fall") == ()
    assert mentions.entities(" " * (mentions.LONGEST + 1) + "Bitcoin") == ()


def test_hostile_text_takes_no_more_than_ordinary_text_of_the_same_length(read):
    """Processor time against ordinary text, not a clock: a pattern that looks back would take thousands of times."""

    def spent(text):
        began = time.process_time()
        for _ in range(3):
            read(text, text)
        return time.process_time() - began

    ordinary = "Federal Reserve cuts rates by 25 basis points as inflation cools and Bitcoin tops $100,000 in June 2026. "
    spent(ordinary)
    usual = spent(ordinary * 200)
    assert max(spent(text) for text in HOSTILE) < 30 * usual + 1


def test_scores_are_exact_decimals(read):
    found = read("Stocks plunge as recession fears mount")
    assert isinstance(found.sentiment_score, Decimal)
    assert found.sentiment == "negative"
    assert found.sentiment_score.as_tuple().exponent >= -4
