"""Every recorded payload parses, and every error body that the services document is understood."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest

from signals.sources.base import KeyRefused, LimitReached, Malformed, Unavailable
from signals.sources.news import announcements, coindesk, cryptopanic, feeds, gdelt, newsapi
from signals.sources.news.parts import moment

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def read(folder, name):
    return (folder / "sources" / name).read_bytes()


def rss(*items):
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{"".join(items)}</channel></rss>'.encode()


def entry(
    title="Rates are held", link="https://example.com/a", date="Tue, 24 Nov 2026 11:59:00 GMT", more=""
):
    return f"<item><title>{title}</title><link>{link}</link><pubDate>{date}</pubDate>{more}</item>"


# --- what was recorded


def test_the_feed(recorded):
    parsed = feeds.parse("sample", read(recorded, "other/rss_sample_synthetic.xml"), seen_at=NOW)
    assert [item.title for item in parsed.items] == [
        "Iran escalation drives oil higher",
        "Unrelated story",
        "Hormuz shipping delays mount",
    ]
    assert parsed.items[2].summary == "Vessels diverting around the strait. Read more"
    assert parsed.items[0].published_at == datetime(2026, 3, 2, 10, tzinfo=UTC) and parsed.items[0].exact
    assert parsed.items[0].external_id == "https://example.com/rss-1" and parsed.items[0].outlet == "sample"


@pytest.mark.parametrize(
    ("name", "items", "dropped"),
    [
        ("v1_posts_2017.json", 20, 0),
        ("v1_posts_2018_hot.json", 10, 0),
        ("v1_posts_traps_synthetic.json", 2, 1),  # one id twice, one unreadable date
        ("v2_posts_shape_reconstructed.json", 1, 0),
    ],
)
def test_cryptopanic(recorded, name, items, dropped):
    parsed = cryptopanic.parse(read(recorded, f"cryptopanic/{name}"), seen_at=NOW)
    body = json.loads(read(recorded, f"cryptopanic/{name}"))
    posts = body if isinstance(body, list) else body["results"]
    assert parsed.dropped == dropped
    assert len(parsed.items) == len({post["id"] for post in posts}) - dropped
    for item in parsed.items:
        assert item.published_at is not None and item.url and "<" not in item.title
        assert "REDACTED" not in repr(item)


def test_a_post_of_v2_has_its_source_and_coins(recorded):
    (post,) = cryptopanic.parse(
        read(recorded, "cryptopanic/v2_posts_shape_reconstructed.json"), seen_at=NOW
    ).items
    assert (post.external_id, post.outlet, post.owner, post.hints) == (
        "12345",
        "Example",
        "example.com",
        ("BTC",),
    )
    assert post.url == "https://example.com/a"


def test_a_title_with_markup_is_plain(recorded):
    posts = cryptopanic.parse(read(recorded, "cryptopanic/v1_posts_2018_hot.json"), seen_at=NOW).items
    assert posts[0].title == "NEO ($NEO) price is up 20.99%"


def test_the_free_plan_has_no_address_so_it_is_made():
    body = json.dumps(
        {"next": "https://cryptopanic.com/api/developer/v2/posts/?auth_token=abc&page=2", "results": [
            {"id": 7, "slug": "rates-held", "title": "Rates held", "published_at": "2026-11-23T11:00:00Z",
             "created_at": "2026-11-23T11:00:01Z", "kind": "news"},
            {"id": 8, "title": "", "published_at": "2026-11-23T11:00:00Z"}, {"id": True, "title": "x"}, "nonsense",
        ]}
    ).encode()  # fmt: skip
    parsed = cryptopanic.parse(body, seen_at=NOW)
    (post,) = parsed.items
    assert post.url == "https://cryptopanic.com/news/7/rates-held" and parsed.dropped == 3
    assert (post.outlet, post.owner) == ("cryptopanic", "")  # it wrote nothing itself
    assert "auth_token" not in repr(parsed)


@pytest.mark.parametrize(
    "name", ["everything_bitcoin_2020.json", "everything_synthetic_2026-03.json", "top_headlines_2022.json"]
)
def test_newsapi(recorded, name):
    body = read(recorded, f"newsapi/{name}")
    parsed = newsapi.parse(body, seen_at=NOW)
    assert parsed.dropped == 0 and len(parsed.items) == len(json.loads(body)["articles"])
    for item in parsed.items:
        assert (
            item.published_at is not None and item.exact and item.url.startswith("https://") and item.outlet
        )
        assert not item.title.endswith(f" - {item.outlet}")


def test_a_tombstone_is_left_out():
    body = json.dumps({"status": "ok", "totalResults": 2, "articles": [
        {"source": {"id": None, "name": "[Removed]"}, "title": "[Removed]", "description": "[Removed]",
         "url": "https://removed.com", "publishedAt": "1970-01-01T00:00:00Z", "content": "[Removed]"},
        {"source": {"id": None, "name": "CNBC"}, "title": "Stocks fall - CNBC", "description": None,
         "url": "https://www.cnbc.com/a?utm_source=x", "publishedAt": "2026-11-24T11:58:00Z", "content": None},
    ]}).encode()  # fmt: skip
    parsed = newsapi.parse(body, seen_at=NOW)
    (item,) = parsed.items
    assert (item.title, item.owner, item.url, parsed.dropped) == (
        "Stocks fall",
        "versant",
        "https://www.cnbc.com/a",
        1,
    )


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("artlist_2026-08-28.json", 2),
        ("artlist_synthetic_2026-03.json", 2),
        ("artlist_synthetic_2026.json", 2),
    ],
)
def test_gdelt(recorded, name, count):
    parsed = gdelt.parse(read(recorded, f"gdelt/{name}"), seen_at=NOW)
    assert len(parsed.items) == count and parsed.dropped == 0
    assert all(
        item.published_at is not None and not item.exact and ":443" not in item.url for item in parsed.items
    )


def test_a_title_of_gdelt_has_no_space_before_its_comma(recorded):
    items = gdelt.parse(read(recorded, "gdelt/artlist_2026-08-28.json"), seen_at=NOW).items
    assert items[1].title == "After six months, the Iran war has reached its endgame"
    assert items[0].published_at == datetime(2026, 8, 28, 9, 15, tzinfo=UTC)


def test_coindesks_data_service(recorded):
    parsed = coindesk.parse("coindesk", read(recorded, "other/coindesk_news_articles.json"), seen_at=NOW)
    assert [item.external_id for item in parsed.items] == ["1000001", "1000002"] and parsed.dropped == 1
    assert parsed.items[1].outlet == "The Block" and parsed.items[1].hints == ("BTC",)


def test_announcements_of_both_exchanges():
    okx = {"code": "0", "msg": "", "data": [{"totalPage": "7", "details": [
        {"annType": "announcements-new-listings", "title": "OKX to list ACME", "pTime": "1795521540000",
         "businessPTime": "1795521600000", "url": "https://www.okx.com/en-sg/help/okx-to-list-acme"},
        {"annType": "x", "title": "", "pTime": "1", "url": ""}]}]}  # fmt: skip
    parsed = announcements.parse("okx", json.dumps(okx).encode(), seen_at=NOW)
    (item,) = parsed.items
    assert item.published_at == NOW - timedelta(minutes=1) and parsed.dropped == 1
    assert (item.url, item.owner) == ("https://www.okx.com/help/okx-to-list-acme", "okx")
    binance = {"code": "000000", "message": None, "success": True, "data": {"catalogs": [
        {"catalogId": 48, "catalogName": "New Cryptocurrency Listing", "catalogs": [], "articles": [
            {"id": 282552, "code": "0872245db74c4daaabd4f11984ba52c1", "title": "Binance Will List ACME", "type": 1,
             "releaseDate": 1795521540000}]}]}}  # fmt: skip
    (item,) = announcements.parse("binance", json.dumps(binance).encode(), seen_at=NOW).items
    assert item.external_id == "282552" and item.published_at == NOW - timedelta(minutes=1)
    assert item.url.endswith("/en/support/announcement/0872245db74c4daaabd4f11984ba52c1")
    older = {
        "code": "000000",
        "data": {"articles": [{"id": 1, "code": "ab", "title": "Binance Adds ACME", "publishDate": None}]},
    }
    (item,) = announcements.parse("binance", json.dumps(older).encode(), seen_at=NOW).items
    assert item.published_at is None and not item.exact


# --- what is wrong


@pytest.mark.parametrize("body", [b'{"code": "50011", "data": []}', b'{"code": "50061"}'])
def test_okx_is_busy(body):
    with pytest.raises(LimitReached):
        announcements.parse("okx", body, seen_at=NOW)


@pytest.mark.parametrize(
    "body", [b"<html>Access denied</html>", b"", b"[]", b'{"code": "000002", "data": null}', b'{"code": "0"}']
)
def test_announcements_that_are_none(body):
    with pytest.raises(Malformed):
        announcements.parse("binance", body, seen_at=NOW)


def test_every_bad_body_of_gdelt(recorded):
    for case in json.loads(read(recorded, "gdelt/bad_bodies.json")):
        body = case["body"].encode()
        if case["http"] == 429:
            said = gdelt.explain(429, body, {})
            assert isinstance(said, LimitReached) and said.retry_after >= 60
        elif body == b"{}":
            assert gdelt.parse(body, seen_at=NOW).items == ()
        else:
            with pytest.raises(Malformed) as caught:
                gdelt.parse(body, seen_at=NOW)
            assert "gdelt" in str(caught.value) and "<" not in str(caught.value)


def test_gdelt_may_say_its_limit_with_a_200():
    with pytest.raises(LimitReached):
        gdelt.parse(b"Please limit requests to one every 5 seconds or contact the operators.", seen_at=NOW)


def test_control_characters_inside_json_are_forgiven():
    body = b'\xef\xbb\xbf{"articles": [{"url": "https://a.com/x", "title": "Line\nbreak \x01 here"}]}'
    (item,) = gdelt.parse(body, seen_at=NOW).items
    assert item.title == "Line break here"
    with pytest.raises(Malformed):
        gdelt.parse(rb'{"articles": [{"title": "illegal \x escape"}]}', seen_at=NOW)


def test_every_recorded_error_of_cryptopanic(recorded):
    kinds = {401: KeyRefused, 429: LimitReached}
    for case in json.loads(read(recorded, "cryptopanic/errors.json")):
        headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
        said = cryptopanic.explain(case["http"], json.dumps(case["body"]).encode(), headers)
        assert isinstance(said, kinds[case["http"]])
        assert getattr(said, "retry_after", None) in (None, 60.0)


@pytest.mark.parametrize(
    ("status", "kind"), [(403, KeyRefused), (404, KeyRefused), (500, Unavailable), (503, Unavailable)]
)
def test_other_refusals_of_cryptopanic(status, kind):
    assert isinstance(cryptopanic.explain(status, b'{"error": "Plan restricted"}', {}), kind)


@pytest.mark.parametrize(
    "body", [b'{"error": "Invalid auth token"}', b'{"results": null}', b"null", b"oops", b"", b"5"]
)
def test_a_page_of_cryptopanic_that_is_none(body):
    with pytest.raises(Malformed):
        cryptopanic.parse(body, seen_at=NOW)


def test_every_recorded_error_of_newsapi(recorded):
    kinds = {"apiKeyInvalid": KeyRefused, "rateLimited": LimitReached}
    for case in json.loads(read(recorded, "newsapi/errors.json")):
        said = newsapi.explain(case["http"], json.dumps(case["body"]).encode(), {})
        assert isinstance(said, kinds[case["body"]["code"]])


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "apiKeyMissing", KeyRefused), (401, "apiKeyDisabled", KeyRefused), (401, "apiKeyExhausted", LimitReached),
        (429, "rateLimited", LimitReached), (426, "maximumResultsReached", LimitReached),
        (400, "parametersMissing", Malformed),
        (400, "parameterInvalid", Malformed), (400, "sourcesTooMany", Malformed), (400, "sourceDoesNotExist", Malformed),
        (500, "unexpectedError", type(None)), (400, "somethingNew", type(None)),
    ],
)  # fmt: skip
def test_newsapi_is_understood_by_its_code(status, code, kind):
    body = json.dumps({"status": "error", "code": code, "message": "any wording"}).encode()
    assert isinstance(newsapi.explain(status, body, {}), kind)
    with pytest.raises(kind if kind is not type(None) else Malformed):  # the same inside a 200
        newsapi.parse(body, seen_at=NOW)


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"", b"[]", b'{"status": "ok"}', b'{"status": "ok", "articles": {}}']
)
def test_a_page_of_newsapi_that_is_none(body):
    assert newsapi.explain(502, b"<html>Bad gateway</html>", {}) is None
    with pytest.raises(Malformed):
        newsapi.parse(body, seen_at=NOW)


@pytest.mark.parametrize("body", [b'{"Data": null, "Err": {"message": "no key"}}', b"{}", b"[]", b"x"])
def test_a_page_of_coindesk_that_is_none(body):
    with pytest.raises(Malformed):
        coindesk.parse("coindesk", body, seen_at=NOW)


# --- feeds


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Just a moment...</body></html>", b"Forbidden", b'{"error": 1}']
)
def test_what_is_no_feed_is_refused(body):
    with pytest.raises(Malformed):
        feeds.parse("fed", body, seen_at=NOW)


def test_a_feed_without_items_is_a_feed():
    assert feeds.parse("fed", rss(), seen_at=NOW).items == ()


def test_a_broken_feed_is_read_as_far_as_it_goes():
    body = rss(entry(), entry("Ups & downs", "https://example.com/b")).replace(b"</channel></rss>", b"")
    assert [item.title for item in feeds.parse("x", body, seen_at=NOW).items] == [
        "Rates are held",
        "Ups & downs",
    ]


def test_an_atom_feed():
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><entry>
    <title type="html">A &lt;b&gt;bold&lt;/b&gt; move</title>
    <id>urn:1</id><link href="https://example.com/x#top"/><updated>2026-11-24T11:00:00+02:00</updated>
    <summary type="html">&lt;script&gt;alert(1)&lt;/script&gt;Text</summary></entry></feed>"""
    (item,) = feeds.parse("x", body, seen_at=NOW).items
    assert (item.title, item.external_id, item.url, item.summary) == (
        "A bold move",
        "urn:1",
        "https://example.com/x",
        "Text",
    )
    assert item.published_at == datetime(2026, 11, 24, 9, tzinfo=UTC) and item.exact


@pytest.mark.parametrize(
    ("date", "at", "exact"),
    [
        ("2026-11-24 11:00:00", datetime(2026, 11, 24, 11, tzinfo=UTC), False),
        ("Tue, 24 Nov 2026 11:00:00", datetime(2026, 11, 24, 11, tzinfo=UTC), False),
        ("Tue, 24 Nov 2026 06:00:00 -0500", datetime(2026, 11, 24, 11, tzinfo=UTC), True),
        ("yesterday", None, False),
        ("", None, False),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None, False),
    ],
)
def test_dates_without_a_zone_are_utc_and_inexact(date, at, exact):
    (item,) = feeds.parse("x", rss(entry(date=date)), seen_at=NOW).items
    assert (item.published_at, item.exact) == (at, exact)


def test_an_item_without_a_name_is_dropped_and_the_rest_beyond_the_limit():
    body = rss(
        "<item><title>No link</title></item>",
        "<item><link>https://a.com/x</link></item>",
        entry(),
        entry(link="https://a.com/y"),
    )
    parsed = feeds.parse("x", body, seen_at=NOW, most=3)
    assert len(parsed.items) == 1 and parsed.dropped == 3


def test_a_guid_names_an_item_and_a_long_one_keeps_its_own_name():
    long = "g" * 300
    body = rss(entry(more="<guid>g-1</guid>"), *(entry(more=f"<guid>{long}{end}</guid>") for end in "ab"))
    ids = [item.external_id for item in feeds.parse("x", body, seen_at=NOW).items]
    assert ids[0] == "g-1" and len(set(ids)) == 3 and max(map(len, ids)) <= 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_that_grow_are_refused_before_they_do(encoding):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    types = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "{"ha" * 50}">{laughs}]>'
    body = f'{types}<rss version="2.0"><channel><item><title>&l9;</title>'
    tracemalloc.start()
    with pytest.raises(Malformed):
        feeds.parse("x", (body + "</item></channel></rss>").encode(encoding), seen_at=NOW)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_two_megabytes_of_one_item_cost_little():
    body = rss(entry("x" * 1_900_000))
    tracemalloc.start()
    (item,) = feeds.parse("x", body, seen_at=NOW).items
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(item.title) == 1_000 and peak < 60_000_000


# --- times


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("20261124T120000Z", NOW), (1795521600, NOW), ("1795521600000", NOW), (1795521600000.0, NOW),
        ("2026-11-24T12:00:00Z", NOW), ("2026-11-24T07:00:00-05:00", NOW),
        (None, None), (True, None), ([], None), ("", None), ("not-a-date", None), (float("nan"), None),
        (float("inf"), None),
        ("9" * 25, None), (-5, None), ("20261324T120000Z", None), ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T00:00:00Z", None),
        ("Tue, 24 Nov 2026 12:00:00 +9999", None),
    ],
)  # fmt: skip
def test_times_as_sources_write_them(value, at):
    assert moment(value)[0] == at


def test_a_time_of_another_zone_is_the_same_moment():
    assert moment(NOW.astimezone(timezone(timedelta(hours=9))).isoformat()) == (NOW, True)
