"""Which way a headline speaks is relative to the question: the same news is YES here and NO there."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signals.language import items, linker, texts
from signals.language.index import Index
from signals.language.items import MarketText

JONES = "Will Burt Jones win the 2026 Georgia Governor Republican primary election?"
TREATY = "Will the number of countries that signed the Quorbix treaty be above 24?"
RESIGNS = "Will Keir Starmer resign before 2027?"
STRIKES = "Will Israel strike Iran by December 31, 2026?"
CEASEFIRE = "Will Russia and Ukraine sign a ceasefire by December 31, 2026?"
CHIEF = "Will Elon Musk be CEO of Tesla on December 31, 2026?"
AT = datetime(2026, 3, 18, 18, tzinfo=UTC)


def sign(headline, question, label=""):
    """The direction of the one market that there is; None where it is not linked."""
    index = Index()
    index.add(items.read(MarketText("polymarket", "m", question, label=label)))
    for number in range(50):
        index.add(
            items.read(
                MarketText("polymarket", f"other{number}", f"Will Zedd{number} Quux win the 2026 Gobble Cup?")
            )
        )
    links = linker.links(texts.read(headline, at=AT), index, AT)
    return links[0].direction if links else None


CASES = [
    # decisions
    ("Fed cuts rates by 25 basis points in March", "Will the Fed cut rates in March?", 1),
    ("Fed cuts rates by 25 basis points in March", "No change in Fed rates in March 2026?", -1),
    ("Fed leaves rates unchanged", "No change in Fed rates in March 2026?", 1),
    ("Fed leaves rates unchanged", "Will the Fed cut rates in March?", -1),
    ("Fed cuts interest rates by 50 bps in March", "Fed decision in March: cut 25bps", -1),
    ("Fed raises rates by a quarter point", "Will the Fed increase interest rates after the March 2026 meeting?", 1),
    # figures
    ("CPI rises 3.4% in June from a year earlier", "Will CPI inflation be above 3.3% in June 2026?", 1),
    ("CPI comes in at 3.2% in June, below forecasts", "Will CPI inflation be above 3.3% in June 2026?", -1),
    ("CPI rises 3.4% in June", "Will CPI inflation be below 3.3% in June 2026?", -1),
    ("Unemployment rate falls to 4.1% in February", "Will the unemployment rate be at least 4.5% in February 2026?", -1),
    ("US adds 250,000 jobs in May", "Will the US economy add more than 200,000 jobs in May 2026?", 1),
    ("US GDP shrank 0.3% in first quarter", "Will US GDP growth in Q1 2026 be above -0.5%?", 1),
    # prices
    ("Bitcoin tops $100,000", "Will the price of Bitcoin be above $95,000 on December 31?", 1),
    ("Bitcoin tops $100,000", "Will the price of Bitcoin be below $90,000 on December 31?", -1),
    ("Bitcoin slides below $58,000", "Will the price of Bitcoin be above $60,000 on July 1?", -1),
    ("Bitcoin plunges as whales sell", "Will Bitcoin dip to $50,000 in July?", 1),
    ("Bitcoin rallies", "Will Bitcoin reach $150,000 in 2026?", 1),
    # a number that only names the bound is no figure
    ("Bitcoin surges toward $95,000", "Will the price of Bitcoin be above $95,000 on March 31?", 1),
    ("Bitcoin slides away from $95,000", "Will the price of Bitcoin be above $95,000 on March 31?", -1),
    ("CPI unlikely to be above 3.3% in June", "Will CPI inflation be above 3.3% in June 2026?", -1),
    ("CPI likely to be above 3.3% in June", "Will CPI inflation be above 3.3% in June 2026?", 1),
    ("CPI forecast cut below 3.3% for June", "Will CPI inflation be above 3.3% in June 2026?", -1),
    ("Quorbix treaty: 24 countries will not be reached", TREATY, -1),
    ("Quorbix treaty: 24 countries within reach", TREATY, 1),
    # a denial of something else denies nothing
    ("Starmer resigns as pound falls", RESIGNS, 1),
    ("Starmer resigns after Labour loses by-election", RESIGNS, 1),
    ("Israel strikes Iran, kills 20", STRIKES, 1),
    ("Israel strikes Iran without warning", STRIKES, 1),
    ("Israel did not strike Iran", STRIKES, -1),
    ("Iran says Israel strike never happened", STRIKES, -1),
    ("Starmer isn’t resigning", RESIGNS, -1),
    ("Starmer rejects calls to resign", RESIGNS, -1),
    ("Nobody expects Starmer to resign", RESIGNS, -1),
    ("Russia and Ukraine sign ceasefire after months of delays", CEASEFIRE, 1),
    ("Russia, Ukraine fail to sign ceasefire", CEASEFIRE, -1),
    ("Fed cuts rates in March, rejects larger move", "Will the Fed cut rates in March?", 1),
    # who leaves an office does not hold it
    ("Musk steps down as Tesla CEO", CHIEF, -1),
    ("Musk: I am not stepping down as Tesla CEO", CHIEF, 1),
    ("Musk steps down as Tesla CEO", "Will Elon Musk remain CEO of Tesla through 2026?", -1),
    ("Musk stays as Tesla CEO", "Will Elon Musk remain CEO of Tesla through 2026?", 0),
    # under a condition nothing is said
    ("If Bitcoin falls below $60,000, miners will capitulate", "Will the price of Bitcoin be above $60,000 on July 1?", 0),
    ("If Russia and Ukraine sign ceasefire, sanctions will be lifted", CEASEFIRE, 0),
    # contests
    ("Burt Jones drops out of Georgia governor race", JONES, -1),
    ("Burt Jones leads in Georgia governor primary poll", JONES, 1),
    ("Smithson leads Burt Jones in Georgia governor poll", JONES, -1),
    ("Knicks beat Spurs to win NBA Finals", "Will the New York Knicks win the 2026 NBA Finals?", 1),
    ("Knicks beat Spurs to win NBA Finals", "Will the San Antonio Spurs win the 2026 NBA Finals?", -1),
    ("Leeds avoid relegation from Premier League", "Will Leeds be relegated from the English Premier League?", -1),
    ("Leeds relegated from Premier League", "Will Leeds be relegated from the English Premier League?", 1),
    # acts, and questions that are turned
    ("Trump rules out Maxwell pardon", "Will Trump pardon Ghislaine Maxwell by end of 2026?", -1),
    ("Trump pardons Ghislaine Maxwell", "Will Trump pardon Ghislaine Maxwell by end of 2026?", 1),
    ("Putin and Zelensky meet in Istanbul", "Will Zelenskyy and Putin not meet before 2027?", -1),
    ("Congress averts government shutdown", "Government shutdown by March 31, 2026?", -1),
    ("Ceasefire talks between Russia and Ukraine collapse", "Russia x Ukraine ceasefire by December 31, 2026?", -1),
    ("Israel and Hamas agree to ceasefire", "Israel x Hamas ceasefire by December 31?", 1),
    ("Gold tops $4,200 an ounce", "Will the price of gold be above $4,150 on March 29, 2026?", 1),
    # unclear
    ("OpenAI files for IPO", "Will OpenAI or Anthropic IPO first?", 0),
]  # fmt: skip


@pytest.mark.parametrize(("headline", "question", "expected"), CASES)
def test_direction(headline, question, expected):
    assert sign(headline, question) == expected


def test_rules_can_turn_a_question():
    market = items.read(MarketText("polymarket", "m", "Will Bitcoin reach $150,000 in 2026?"))
    link = linker.Link("polymarket", "m", Decimal(1), 1, Decimal("0.5"), "")
    plain = "This market resolves to Yes if Bitcoin reaches $150,000 or more in 2026. Otherwise it resolves to No."
    turned = "This market resolves to No if Bitcoin reaches $150,000 or more in 2026. Otherwise it resolves to Yes."
    assert linker.settled(link, market, plain).direction == 1
    assert linker.settled(link, market, turned).direction == -1
    assert linker.settled(link, market, "").direction == 1
