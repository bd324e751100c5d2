"""Raw transfers and stories become the specification's events, or name every wrong field."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.normalize import Wrong, news, transfer_score, whale

TRANSFER = {
    "blockchain": "ethereum",
    "symbol": "usdc",
    "hash": "AB12",
    "from": {"address": "0xAA", "owner_type": "unknown"},
    "to": {"address": "0xBB", "owner_type": "exchange", "owner": "Binance"},
    "timestamp": 1706275200,
    "amount": Decimal("4999000.5"),
    "amount_usd": Decimal("5000000.00"),
}
STORY = {
    "title": "Fed  signals <b>rate</b> hike , again",
    "url": "HTTPS://Www.Example.com:443/a?utm_source=x&id=7#top",
    "source": {"id": None, "name": "Example Wire"},
    "publishedAt": "2026-11-24T12:00:00Z",
}


def test_a_nested_transfer_becomes_a_whale_alert():
    assert whale("whale_alert", TRANSFER) == {
        "event_type": "whale_alert",
        "timestamp": 1706275200000,
        "transaction_hash": "0xab12",
        "block_number": None,
        "from_address": "0xaa",
        "to_address": "0xbb",
        "token_symbol": "USDC",
        "amount": Decimal("5000000.00"),
        "direction": "INFLOW",
        "exchange": "binance",
        "category": "exchange",
        "sentiment_score": Decimal("0.5663"),
        "related_markets": [],
        "source": "whale_alert",
    }


def test_the_specifications_own_form_stays_as_it_is():
    event = {
        "timestamp": 1706275200000, "transaction_hash": "0xabc123", "block_number": 18500000, "from_address": "0x1234",
        "to_address": "0x8765", "token_symbol": "USDC", "amount": Decimal("5000000.00"), "direction": "INFLOW",
        "exchange": "binance", "category": "large_transfer", "sentiment_score": Decimal("0.75"),
        "related_markets": ["election-2024"],
    }  # fmt: skip
    found = whale("whale_alert_api", event)
    assert found == {"event_type": "whale_alert", "source": "whale_alert_api", **event}


@pytest.mark.parametrize(
    ("giver", "taker", "direction"),
    [
        ("exchange", "unknown", "OUTFLOW"),
        ("exchange", "exchange", "NEUTRAL"),
        ("unknown", "unknown", "NEUTRAL"),
    ],
)
def test_only_one_exchange_gives_a_direction(giver, taker, direction):
    raw = {**TRANSFER, "from": {"owner_type": giver, "owner": "a"}, "to": {"owner_type": taker, "owner": "a"}}
    assert whale("whale_alert", raw)["direction"] == direction


def test_tokens_are_never_taken_for_dollars():
    raw = {name: value for name, value in TRANSFER.items() if name != "amount_usd"}
    with pytest.raises(Wrong, match=r"raw_data\.amount"):
        whale("whale_alert", raw)


def test_only_stablecoins_have_a_sign():
    for symbol, direction in (("BTC", "INFLOW"), ("ETH", "OUTFLOW"), ("USDT", "NEUTRAL")):
        assert transfer_score(symbol, direction, Decimal(10**8)) == 0
    assert transfer_score("USDT", "INFLOW", Decimal(10**9)) == 1
    assert transfer_score("USDT", "OUTFLOW", Decimal(10**9)) == -1
    assert transfer_score("USDT", "INFLOW", Decimal(1)) == 0


@given(st.decimals(min_value=0, max_value=10**17, places=2))
def test_a_score_is_a_fraction_and_mirrors(amount):
    score = transfer_score("USDC", "INFLOW", amount)
    assert 0 <= score <= 1 and transfer_score("USDC", "OUTFLOW", amount) == -score


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("amount_usd", -1, "amount_usd"), ("symbol", "", "symbol"), ("timestamp", None, "timestamp"),
        ("timestamp", "yesterday", "timestamp"), ("direction", "UP", "direction"),
        ("sentiment_score", 2, "sentiment_score"),
        ("related_markets", "x", "related_markets"), ("height", -1, "height"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_transfer_is_named(name, value, field):
    raw = {**TRANSFER, name: value}
    if name == "symbol":
        field = "token_symbol"
        raw = {**raw, "symbol": None}
    with pytest.raises(Wrong) as caught:
        whale("whale_alert", raw)
    assert f"raw_data.{field}" in caught.value.errors


def test_a_story_becomes_a_news_event():
    found = news("newsapi", STORY)
    assert found["headline"] == "Fed signals rate hike, again"
    assert found["url"] == "https://www.example.com/a?id=7"
    assert (found["source"], found["via"], found["timestamp"]) == ("Example Wire", "newsapi", 1795521600000)
    assert (found["sentiment"], found["sentiment_score"], found["urgency"]) == ("neutral", 0, "low")


def test_a_sentiment_follows_its_score():
    for score, word in (("-0.65", "negative"), ("0.65", "positive"), ("0.01", "neutral")):
        assert news("x", {**STORY, "sentiment_score": score})["sentiment"] == word


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""), ("title", "<b></b>"), ("title", 7), ("title", "x" * 1_001), ("url", "javascript:alert(1)"),
        ("url", "http://"), ("url", "http://[::1"), ("url", None), ("publishedAt", "2026-11-24T12:00:00"),
        ("publishedAt", "today"), ("urgency", "huge"), ("impact_estimate", 2), ("categories", [1]),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_story_is_named(name, value):
    with pytest.raises(Wrong) as caught:
        news("newsapi", {**STORY, name: value})
    aliases = {"title": "headline", "publishedAt": "timestamp"}
    wanted = aliases.get(name, name) if value is None else name
    assert list(caught.value.errors) == [f"raw_data.{wanted}"]


def test_credentials_in_an_address_are_dropped():
    assert news("x", {**STORY, "url": "https://me:secret@example.com/a"})["url"] == "https://example.com/a"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*TRANSFER, *STORY, "height", "exchange", "domain"]), anything))
def test_nothing_that_json_can_hold_breaks_them(raw):
    for rule, name in ((whale, "whale_alert"), (news, "gdelt")):
        try:
            rule(name, raw)
        except Wrong as wrong:
            assert wrong.errors


def test_recorded_transfers_are_understood(recorded):
    document = json.loads(
        (recorded / "sources/whale_alert/v1_transactions_ok.json").read_text(), parse_float=Decimal
    )
    found = [whale("whale_alert", row) for row in document["transactions"]]
    assert len(found) == document["count"] and {row["token_symbol"] for row in found} == {"USDT"}


@pytest.mark.parametrize("name", ["newsapi/everything_bitcoin_2020.json", "gdelt/artlist_2026-08-28.json"])
def test_recorded_stories_are_understood(recorded, name):
    articles = json.loads((recorded / "sources" / name).read_text())["articles"]
    found = [news(name.split("/")[0], row) for row in articles]
    assert found and all(row["headline"] and row["url"].startswith("http") for row in found)
