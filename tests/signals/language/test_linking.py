"""The index follows the catalogue: new, changed and closed markets are seen at the next look; rules can turn a question."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from markets import catalogue_version, store
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED, OutcomeInfo
from signals.language import linking, texts
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
TURNED = (
    'This market will resolve to "No" if Bitcoin reaches $150,000 or more in 2026. '
    'Otherwise, this market will resolve to "Yes".'
)


@pytest.fixture(autouse=True)
def _fresh_process(redis):
    linking.forget()
    yield
    linking.forget()


def put(platform, market_id, question, rules="", **changes):
    store.upsert(
        [factories.info(platform, market_id, question=question, rules=rules, **changes)], now=timezone.now()
    )
    catalogue_version.changed()


def linked(title):
    now = timezone.now()
    said = texts.read(title, at=now)
    return {link.market_id: link for link in linking.of(said, now=now)}


def test_markets_of_both_platforms_are_linked_with_direction_and_reason():
    put(POLYMARKET, "0xbtc", "Will Bitcoin reach $150,000 by the end of the year?")
    put(KALSHI, "KXRAIN", "Will it rain in Paris?")
    put(KALSHI, "KXBTC", "Will Bitcoin dip to $50,000 by the end of the year?")
    found = linked("Bitcoin plunges as miners sell")
    assert {market_id: link.direction for market_id, link in found.items()} == {"0xbtc": -1, "KXBTC": 1}
    link = found["KXBTC"]
    assert link.platform == KALSHI
    assert 0 < link.score <= 1
    assert 0 < link.strength <= 1
    assert "btc" in link.why


def test_new_changed_and_closed_markets_are_seen_at_the_next_look():
    put(POLYMARKET, "0xa", "Will Tucker Carlson win the 2028 Republican presidential nomination?")
    headline = "Tucker Carlson announces run for president"
    assert linked(headline).keys() == {"0xa"}
    put(POLYMARKET, "0xb", "Will Tucker Carlson win the 2028 US Presidential Election?")
    assert linked(headline).keys() == {"0xa", "0xb"}
    put(POLYMARKET, "0xa", "Will Nikki Haley win the 2028 Republican presidential nomination?")
    assert linked(headline).keys() == {"0xb"}
    Market.objects.filter(id="0xb").update(status=SETTLED, followed=False, updated_at=timezone.now())
    catalogue_version.changed()
    assert linked(headline) == {}


def test_an_unchanged_question_is_not_read_again(monkeypatch):
    put(POLYMARKET, "0xa", "Will Tucker Carlson win the 2028 Republican presidential nomination?")
    linking.current()
    monkeypatch.setattr(linking.items, "read", lambda market: pytest.fail("read again"))
    put(
        POLYMARKET,
        "0xa",
        "Will Tucker Carlson win the 2028 Republican presidential nomination?",
        volume=Decimal(7),
    )
    linking.current()


def test_a_market_past_its_close_is_not_linked():
    put(POLYMARKET, "0xa", "Will Bitcoin reach $150,000 this year?", end=timezone.now() - timedelta(hours=1))
    assert linked("Bitcoin tops $120,000") == {}
    assert linking.about_asset("BTC", timezone.now()) == []


def test_rules_that_turn_the_question_turn_the_direction():
    put(POLYMARKET, "0xa", "Will Bitcoin reach $150,000 in 2026?", rules=TURNED)
    assert linked("Bitcoin rallies")["0xa"].direction == -1
    (link,) = linking.about_asset("BTC", timezone.now())
    assert link.direction == -1


def test_an_assets_price_markets_with_what_a_rise_does():
    put(POLYMARKET, "0xup", "Will Bitcoin reach $150,000 by the end of the year?")
    put(POLYMARKET, "0xdown", "Will Bitcoin dip to $50,000 by the end of the year?")
    put(KALSHI, "KXETH", "Will the price of Ethereum be below $2,000 on December 31?")
    put(KALSHI, "KXBAND", "Will the price of Bitcoin be between $90,000 and $95,000 on December 31?")
    put(KALSHI, "KXETF", "Will a Bitcoin ETF be approved in Japan this year?")
    put(KALSHI, "KXSOL", "Will the price of Solana be above $300 on December 31?")

    def signs(asset):
        return {link.market_id: link.direction for link in linking.about_asset(asset, timezone.now())}

    assert signs("btc") == {"0xup": 1, "0xdown": -1, "KXBAND": 0}
    assert signs("WETH") == {"KXETH": -1}
    assert signs("SOL") == {"KXSOL": 1}
    assert signs("USDC") == signs("btc") | signs("ETH")
    assert signs("NOSUCH") == {}
    assert (
        linking.about_asset("USDT", timezone.now())[0].score
        < linking.about_asset("BTC", timezone.now())[0].score
    )


def test_hints_of_the_source_name_what_the_headline_does_not():
    put(POLYMARKET, "0xbtc", "Will Bitcoin reach $150,000 by the end of the year?")
    assert linked("Price jumps 9% in an hour") == {}
    assert linked("Price of bitcoin jumps 9% in an hour").keys() == {"0xbtc"}


def test_the_outcomes_name_is_part_of_the_question():
    outcomes = (OutcomeInfo("YES", "Tucker Carlson", ""), OutcomeInfo("NO", "No", ""))
    put(KALSHI, "KXNOM-TC", "Who will be the Republican nominee in 2028?", outcomes=outcomes)
    assert linked("Tucker Carlson announces run for president as Republican").keys() == {"KXNOM-TC"}
