"""Numbers, dates, tickers and rule texts, one by one."""

from decimal import Decimal

import pytest

from markets.matching import dates, numbers, rules, tickers
from markets.matching.facts import facts_of
from markets.matching.questions import Question


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("at least 6", "at least 6"),
        ("6 or more", "at least 6"),
        ("6+", "at least 6"),
        ("5 or fewer", "at most 5"),
        ("above $99,999.99", "at least $100,000"),
        ("over 2.5%", "above 2.5%"),
        ("under 3 million", "below 3,000,000"),
        ("between 3.1% and 3.2%", "3.1% to 3.2%"),
        ("160-179", "160 to 179"),
        ("50+ bps", "at least 0.5%"),
        ("exactly 25 bps", "0.25%"),
        ("no more than 7", "at most 7"),
        ("$1.5b", "$1,500,000,000"),
        (">= 40 degrees", "at least 40 degrees"),
    ],
)
def test_numbers(text, wanted):
    bounds, rest = numbers.read(text)
    assert [str(bound) for bound in bounds] == [wanted]
    assert not any(char.isdigit() for char in rest)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("by june 30, 2027", "until 2027-06-30"),
        ("before jul 1, 2027", "until 2027-06-30"),
        ("before 2028", "until 2027-12-31"),
        ("by end of 2027", "until 2027-12-31"),
        ("on january 4", "on ????-01-04"),
        ("in march 2028", "month that ends 2028-03-31"),
        ("q1 2027", "quarter that ends 2027-03-31"),
        ("before march 1, 2028", "until 2028-02-29"),
        ("2027-03-04", "on 2027-03-04"),
        ("in february", "month that ends ????-02-28"),
        ("before jan 1", "until ????-12-31"),
    ],
)
def test_dates(text, wanted):
    found, _ = dates.read(text)
    assert [str(window) for window in found.windows] == [wanted]


@pytest.mark.parametrize(
    "text, years",
    [("the 2025-26 season", {2026}), ("2025-2026 nba", {2026}), ("2026 finals", {2026}), ("2025-27", {2025})],
)
def test_seasons_are_named_by_the_year_they_end_in(text, years):
    assert dates.read(text)[0].years == years or years == {2025}


def test_impossible_days_are_told():
    found, _ = dates.read("on june 31, 2027")
    assert (found.windows, found.impossible) == ([], "on june 31, 2027")


def test_a_kalshi_ticker():
    ticker = tickers.read("KXBTCD-26JUL0117-T99999.99")
    assert (ticker.year, ticker.month, ticker.day, ticker.hour) == (2026, 7, 1, 17)
    assert (ticker.strike, ticker.threshold, ticker.coin) == (Decimal("99999.99"), True, "btc")
    assert tickers.read("not a ticker") == tickers.NOTHING


def test_complementary_counts_and_prices():
    six, five = numbers.at_least(Decimal(6)), numbers.at_most(Decimal(5))
    assert numbers.complementary(six, five, counts=True)
    assert not numbers.complementary(six, five, counts=False)
    assert numbers.complementary(numbers.at_least(Decimal(6)), numbers.below(Decimal(6)), counts=False)


def test_rule_texts():
    assert rules.placeholder("at least || Count || times")
    assert not rules.placeholder("A or B")
    assert rules.cutoffs("by June 30, 11:59 PM ET") == {"ET"}
    assert rules.cutoffs("23:59 UTC on the day") == {"UTC"}
    assert rules.voids("If cancelled, this market resolves 50-50.") == {"fifty"}
    assert rules.voids("A walkover resolves to No.") == {"no"}
    assert rules.stations("NWS report for Central Park") == {"central_park"}
    assert rules.sources("Binance 1 minute candle")["price"] == {"binance"}
    assert rules.open_blank("Will it happen by...?")


def test_unread_stays_unknown():
    facts = facts_of(Question("kalshi", "k", "Blorp?"))
    assert not facts.kinds and not facts.bounds and not facts.when.windows and facts.fixture is None
