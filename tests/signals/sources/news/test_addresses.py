"""One page has one address, however it is spelt; nothing that may be a key stays in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.news.addresses import LONGEST, canonical, name_of, site_of
from signals.sources.news.outlets import names, owner_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://WWW.Mondaq.com:443/a/B?x=1#top", "https://www.mondaq.com/a/B?x=1"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("https://example.com/a?utm_source=x&id=7&fbclid=y&UTM_Medium=z", "https://example.com/a?id=7"),
        ("https://example.com/story/amp/", "https://example.com/story"),
        ("https://example.com/amp/story", "https://example.com/story"),
        ("https://example.com/story.amp.html", "https://example.com/story.html"),
        ("https://amp.example.com/story?amp=1", "https://example.com/story"),
        ("https://www.google.com/amp/s/www.example.com/story", "https://www.example.com/story"),
        ("https://www-example-com.cdn.ampproject.org/c/s/www.example.com/story", "https://www.example.com/story"),
        ("https://example.com/story%20title=Rates", "https://example.com/story"),
        ('https://example.com/story title="Rates"', "https://example.com/story"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("https://example.com/a?auth_token=abc&apiKey=def&page=2", "https://example.com/a?page=2"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com//a//b", "https://example.com/a/b"),
        (" https://example.com/a ", "https://example.com/a"),
        ("javascript:alert(1)", ""), ("//example.com/a", ""), ("ftp://example.com/a", ""), ("https://", ""), ("", ""),
        ("https://exa mple.com/", ""), ("https://example.com/a\nb", ""), ("https://[::1/a", ""),
        ("https://example.com:x/", ""),
        (None, ""), (7, ""), ("https://[::1]:443/a", "https://[::1]/a"),
    ],
)  # fmt: skip
def test_one_spelling(url, expected):
    assert canonical(url) == expected


def test_a_long_address_loses_its_query_or_is_none():
    assert canonical(f"https://example.com/a?x={'y' * 600}") == "https://example.com/a"
    assert canonical(f"https://example.com/{'y' * 600}") == ""


@given(st.text(max_size=200))
def test_it_is_made_once(text):
    once = canonical(f"https://example.com/{text}")
    assert canonical(once) == once and len(once) <= LONGEST


def test_pages_have_one_name():
    same = [
        "https://www.ft.com/a/b/",
        "http://ft.com/a/b",
        "https://m.ft.com/a/b?utm_campaign=x",
        "https://amp.ft.com/a/b",
    ]
    assert len({name_of(canonical(url)) for url in same}) == 1
    assert (
        name_of("https://a.com/x?b=2&a=1") == name_of("https://a.com/x?a=1&b=2") != name_of("https://a.com/x")
    )


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.news.bbc.co.uk/x", "bbc.co.uk"), ("https://finance.yahoo.com/x", "yahoo.com"),
        ("reuters.com", "reuters.com"),
        ("http://localhost/x", ""), ("", ""), ("https://[::1/", ""), ("https://a.com.br/x", "a.com.br"),
    ],
)  # fmt: skip
def test_the_site_of_an_address(url, site):
    assert site_of(url) == site


@pytest.mark.parametrize(
    ("outlet", "url", "owner"),
    [
        ("CNBC", "https://www.cnbc.com/x", "versant"), ("MSNBC", "", "versant"), ("The Block", "", "foresight-ventures"),
        ("coindesk", "https://www.coindesk.com/x", "bullish"), ("mondaq.com", "https://www.mondaq.com/x", "mondaq"),
        ("Some Paper", "https://www.somepaper.com/x", "somepaper.com"), ("Some Paper", "", "some paper"),
        ("CryptoPanic", "https://cryptopanic.com/news/1/x", ""), ("CryptoPanic", "https://decrypt.co/1", "dastan"),
        ("GDELT", "", ""),
        ("wire", "https://wire.sandbox.example/a", "sandbox-wire"),
        ("newsapi", "https://unknown.example.org/x", "example.org"),
    ],
)  # fmt: skip
def test_owners(outlet, url, owner):
    assert owner_of(outlet, url) == owner


def test_no_name_is_a_word_that_headlines_end_in():
    assert "cnbc" in names() and not {"", "x", "ap", "fed", "sec", "binance"} & names()
