"""A headline looks only at markets that it could be about, however many others there are; what contradicts is no link."""

from datetime import UTC, datetime, timedelta

import pytest

from signals.language import index as indexing
from signals.language import items, linker, texts
from signals.language.index import Index
from signals.language.items import MarketText

AT = datetime(2026, 5, 16, 12, tzinfo=UTC)


def market(title, market_id="m", ends=None, event=""):
    return items.read(MarketText("polymarket", market_id, title, event, ends=ends))


def filled(*titles, others=300):
    index = Index()
    for number in range(others):
        index.add(market(f"Will Zedd{number} Quux{number} win the 2026 Gobble Cup?", f"other{number}"))
    for number, title in enumerate(titles):
        index.add(market(title, f"m{number}"))
    return index


def linked(index, headline, at=AT):
    return {link.market_id for link in linker.links(texts.read(headline, at=at), index, at)}


def looked_at(index, headline):
    said = texts.read(headline, at=AT)
    return index.candidates(index.named(said), AT)


def test_unrelated_markets_are_not_looked_at():
    headline = "Fed cuts rates by 25 basis points in June"
    few = filled("Will the Fed cut rates in June?", others=20)
    many = filled("Will the Fed cut rates in June?", others=600)
    assert looked_at(few, headline) == looked_at(many, headline) == {("polymarket", "m0")}


def test_of_one_subject_only_so_many_that_close_next_are_looked_at(monkeypatch):
    monkeypatch.setattr(indexing, "MOST_UNDER_ONE", 5)
    index = Index()
    for day in range(30):
        ends = AT + timedelta(days=day - 10)
        index.add(
            market(f"Will the price of Bitcoin be above ${60 + day},000 on July 1?", f"d{day:02}", ends)
        )
    found = index._nearest("coin:btc", AT, 5)
    assert [market_id for _, market_id in found] == ["d11", "d12", "d13", "d14", "d15"]


def test_what_is_taken_out_is_not_found_again():
    index = filled("Will Tucker Carlson win the 2028 Republican presidential nomination?")
    headline = "Tucker Carlson announces run for president"
    assert linked(index, headline) == {"m0"}
    index.remove(("polymarket", "m0"))
    assert linked(index, headline) == set()
    assert not any("carlson" in name for name in index.names)


def test_a_changed_question_replaces_the_old_one():
    index = filled("Will Tucker Carlson win the 2028 Republican presidential nomination?")
    index.add(market("Will Nikki Haley win the 2028 Republican presidential nomination?", "m0"))
    assert linked(index, "Tucker Carlson announces run for president") == set()
    assert linked(index, "Nikki Haley announces run for president") == {"m0"}


def test_closed_markets_are_not_linked():
    index = Index()
    index.add(market("Will the Fed cut rates in May?", ends=AT - timedelta(hours=1)))
    assert linked(index, "Fed cuts rates in May") == set()


@pytest.mark.parametrize(
    ("headline", "title"),
    [
        ("Fed cuts rates in April", "Will the Fed cut rates in June 2026?"),
        ("Burt Jones wins Senate primary in Georgia", "Will Burt Jones win the Georgia Governor primary?"),
        ("Gavin Newsom runs for president in 2032", "Will Gavin Newsom win the 2028 Democratic presidential nomination?"),
        ("Germany's GDP shrinks 0.3% in first quarter", "Will Euro area GDP growth for Q1 2026 be above 0.2%?"),
        ("Serena Williams wins award", "Will Williams win the F1 Constructors Championship?"),
        ("Bank of England cuts rates in June", "Will the Fed cut rates in June 2026?"),
        ("Commuters fed up as fares rise in June", "Will the Fed cut rates in June 2026?"),
        ("Gavin Newsom bans plastic bags", "Will Gavin Newsom win the 2028 Democratic presidential nomination?"),
        ("Ethereum Foundation names director", "Will the price of Ethereum be above $2,000 on July 1?"),
        ("Kraken lost my $12,000", "Will the Seattle Kraken win the 2026 NHL Stanley Cup?"),
        ("Shipping rates spike on Hormuz fears", "Will the Fed cut rates in June 2026?"),
        ("Hurricane nears coast as category 3 storm", "Will there be at least 6 hurricanes in 2026?"),
        ("Bitcoin miner opens data center as shipping volume falls", "Will the price of Bitcoin be above $60,000?"),
        ("Democrats favored to win the House in midterms", "Will the 2026 US House turnout be above 120 million?"),
        ("Heat wave grips Miami", "Will the Miami Heat win the 2026 NBA Finals?"),
    ],
)  # fmt: skip
def test_what_contradicts_or_says_nothing_of_it_is_no_link(headline, title):
    assert linked(filled(title), headline) == set()


def test_placeholders_are_nobody():
    assert market("Will Player X win the 2026 French Open?").nobody
    assert not market("Will Casper Ruud win the 2026 French Open?").nobody


@pytest.mark.parametrize(
    ("headline", "question"),
    [
        ("Green energy bill passes", "Will Mark Green win?"),
        ("UK CPI rises 3.5% in May", "Will CPI rise more than 3.3% in May 2026?"),
        (
            "Bitcoin rises 5% on December 31, 2024: a look back",
            "Will Bitcoin reach $150,000 by December 31, 2026?",
        ),
        ("Trump refuses to rule out Maxwell pardon", "Will Donald Trump resign as president before 2027?"),
    ],
)
def test_a_word_another_country_a_past_year_and_another_act_are_no_link(headline, question):
    assert not linked(filled(question), headline)


@pytest.mark.parametrize(
    ("headline", "question"),
    [
        ("Mark Green concedes", "Will Mark Green win?"),
        ("US CPI rises 3.5% in May", "Will CPI rise more than 3.3% in May 2026?"),
        (
            "Bitcoin slides, now seen at $150,000 in 2027",
            "Will Bitcoin reach $150,000 by December 31, 2026?",
        ),
        ("Trump says he may resign", "Will Donald Trump resign as president before 2027?"),
    ],
)
def test_and_the_full_name_the_own_country_a_later_year_and_the_act_are(headline, question):
    assert linked(filled(question), headline)
