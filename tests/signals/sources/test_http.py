"""The one road to a source: only listed hosts, bounded answers, no key in any message or log."""

import gzip
import logging
import threading
import time
import traceback

import pytest

from signals.sources import http
from signals.sources.base import Budget, Cursor, KeyRefused, LimitReached, Malformed, SourceError, Unavailable
from signals.sources.http import Fetcher, retry_after, user_agent
from tests.signals.sources.local import Server, limits, serving, spec

KEY = "topsecretkey123"
pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture(scope="module")
def shared():
    with serving() as made:
        yield made


@pytest.fixture
def server(shared: Server) -> Server:
    shared.replies.clear()
    shared.seen.clear()
    return shared


def fetcher(server: Server, cursor: Cursor | None = None, **changes) -> Fetcher:
    return Fetcher(spec(hosts=(server.host,), **changes), cursor)


def test_an_answer_comes_whole_with_lower_case_headers(server):
    server.replies["/a"] = lambda asked: asked.give(
        200, b"hello", {"X-Thing": "1", "Content-Type": "text/plain"}
    )
    answer = fetcher(server).get(server.url("/a"), params={"q": "x y"}, headers={"X-Api-Key": KEY})
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (200, b"hello", "1")
    assert answer.content_type == "text/plain"
    path, headers = server.seen[0]
    assert path == "/a?q=x+y" and headers["X-Api-Key"] == KEY


def test_we_say_who_we_are(server, monkeypatch):
    limits(monkeypatch, contact="ops@example.com")
    server.replies["/a"] = lambda asked: asked.give()
    fetcher(server).get(server.url("/a"))
    assert server.seen[0][1]["User-Agent"] == user_agent() == "Arbsite/0.1 (ops@example.com)"


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/a", "http://127.0.0.1:1/a", "file:///etc/passwd", "ftp://127.0.0.1/a", "/a", "", "http://[::1",
        "http://user:pw@{host}/a", "http://{host}.evil.example/a", "http://{host}@evil.example/a",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_before_anything_is_sent(server, url):
    with pytest.raises(Malformed, match=r"list of hosts|address that is none"):
        fetcher(server).get(url.replace("{host}", server.host))
    assert server.seen == []


def test_a_refused_address_costs_nothing_of_the_quota(server):
    server.replies["/a"] = lambda asked: asked.give()
    asker = fetcher(server, budgets=(Budget(1, 3_600),))
    with pytest.raises(Malformed):
        asker.get("http://evil.example/a")
    assert asker.get(server.url("/a")).status == 200


def test_redirects_stay_on_the_list(server):
    server.replies["/a"] = lambda asked: asked.give(302, headers={"Location": "/b"})
    server.replies["/b"] = lambda asked: asked.give(301, headers={"Location": server.url("/c?x=1")})
    server.replies["/c"] = lambda asked: asked.give(200, b"there")
    assert fetcher(server).get(server.url("/a"), params={"key": KEY}).body == b"there"
    assert [path for path, _ in server.seen] == [f"/a?key={KEY}", "/b", "/c?x=1"]


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/?k=1",
        "//evil.example/",
        "file:///etc/passwd",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_off_the_list_is_refused(server, target):
    server.replies["/a"] = lambda asked: asked.give(302, headers={"Location": target})
    with pytest.raises(Malformed):
        fetcher(server).get(server.url("/a"))
    assert len(server.seen) == 1


def test_the_body_of_a_redirect_is_not_read(server):
    followed = threading.Event()

    def endless(asked):
        asked.send_response(302)
        asked.send_header("Location", "/b")
        asked.send_header("Content-Length", "100000000")
        asked.end_headers()
        followed.wait(60)

    def there(asked):
        followed.set()
        asked.give(200, b"there")

    server.replies["/a"] = endless
    server.replies["/b"] = there
    assert fetcher(server, timeout_seconds=30).get(server.url("/a")).body == b"there"


def test_a_redirect_in_circles_ends(server):
    server.replies["/a"] = lambda asked: asked.give(302, headers={"Location": "/a"})
    with pytest.raises(Unavailable, match="more than 3 redirects"):
        fetcher(server).get(server.url("/a"))
    assert len(server.seen) == 4


def test_https_is_not_left_for_http():
    asker = Fetcher(spec(hosts=("a.example",)))
    with pytest.raises(Malformed, match="https to http"):
        asker._listed("https://a.example/x", "http://a.example/x")
    assert asker._listed("https://A.example/x", "/y?z=1") == "https://A.example/y?z=1"


def test_an_answer_that_is_too_large_is_cut_off(server, monkeypatch):
    limits(monkeypatch, max_bytes=100_000)
    server.replies["/a"] = lambda asked: asked.give(200, b"x" * 100_001)
    with pytest.raises(Malformed, match="larger than 100000"):
        fetcher(server).get(server.url("/a"))
    server.replies["/a"] = lambda asked: asked.give(200, b"x" * 100_000)
    assert len(fetcher(server).get(server.url("/a")).body) == 100_000


def test_a_small_body_that_unpacks_to_a_large_one_is_cut_off(server, monkeypatch):
    limits(monkeypatch, max_bytes=100_000)
    packed = gzip.compress(b"\0" * 5_000_000)
    assert len(packed) < 10_000
    server.replies["/a"] = lambda asked: asked.give(200, packed, {"Content-Encoding": "gzip"})
    with pytest.raises(Malformed, match="larger than"):
        fetcher(server).get(server.url("/a"))
    server.replies["/a"] = lambda asked: asked.give(200, gzip.compress(b"fine"), {"Content-Encoding": "gzip"})
    assert fetcher(server).get(server.url("/a")).body == b"fine"
    server.replies["/a"] = lambda asked: asked.give(200, b"not gzip", {"Content-Encoding": "gzip"})
    with pytest.raises(Unavailable, match="no answer"):
        fetcher(server).get(server.url("/a"))


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_drips_is_given_up(server, chunked):
    def drip(asked):
        asked.send_response(200)
        asked.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "1000")))
        asked.end_headers()
        for _ in range(900):
            asked.wfile.write(b"1\r\nx\r\n" if chunked else b"x")
            asked.wfile.flush()
            time.sleep(0.02)
        ended.append(True)

    ended = []
    server.replies["/a"] = drip
    with pytest.raises(Unavailable, match=r"longer than 0\.7 s"):
        fetcher(server, timeout_seconds=0.7).get(server.url("/a"))
    assert not ended


def test_chunks_are_put_together(server):
    def chunks(asked):
        asked.send_response(200)
        asked.send_header("Transfer-Encoding", "chunked")
        asked.end_headers()
        asked.wfile.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")

    server.replies["/a"] = chunks
    asker = fetcher(server)
    assert [asker.get(server.url("/a")).body for _ in range(2)] == [b"abcdefg"] * 2


@pytest.mark.parametrize(
    "broken",
    [
        lambda asked: time.sleep(1),
        lambda asked: asked.wfile.write(b"nonsense\r\n\r\n"),
        lambda asked: asked.finish(),
    ],
)
def test_no_answer_is_unavailable_and_names_no_address(server, broken):
    server.replies["/a"] = broken
    with pytest.raises(Unavailable) as caught:
        fetcher(server, timeout_seconds=0.2).get(server.url("/a"), params={"api_key": KEY})
    assert str(caught.value).startswith("made: no answer")
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 418, 429, 500, 502, 503])
def test_no_key_in_any_message_or_log(server, caplog, status):
    caplog.set_level(logging.INFO)
    server.replies["/a"] = lambda asked: asked.give(status, f"your key {KEY} is bad".encode())
    with pytest.raises(SourceError) as caught:
        fetcher(server).get(
            server.url("/a"), params={"api_key": KEY, "auth_token": KEY}, headers={"X-Api-Key": KEY}
        )
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text


def test_not_even_the_librarys_own_lines_hold_a_key(server, capsys):
    """urllib3 writes whole addresses at level DEBUG: our formatter blots them out."""
    from arbsite.logs import JsonFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("urllib3")
    level, _ = logger.level, logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        server.replies["/a"] = lambda asked: asked.give()
        for name in ("apikey", "api_key", "auth_token", "apiKey", "key_token"):
            fetcher(server).get(server.url("/a"), params={name: KEY, "q": "bitcoin"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    said = capsys.readouterr().err
    assert "/a?" in said and KEY not in said


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Malformed), (404, Malformed), (401, KeyRefused), (403, KeyRefused), (429, LimitReached), (418, LimitReached),
        (408, Unavailable), (500, Unavailable), (503, Unavailable), (302, Malformed),
    ],
)  # fmt: skip
def test_what_a_status_means(server, status, error):
    server.replies["/a"] = lambda asked: asked.give(status)
    with pytest.raises(error):
        fetcher(server).get(server.url("/a"))


def test_a_source_may_know_better_what_a_status_means(server):
    def explain(status, body, headers):
        return LimitReached("made: used up", 60) if b"exhausted" in body else None

    server.replies["/a"] = lambda asked: asked.give(401, b"apiKeyExhausted exhausted")
    with pytest.raises(LimitReached, match="used up"):
        fetcher(server, explain=explain).get(server.url("/a"))
    server.replies["/a"] = lambda asked: asked.give(401, b"other")
    with pytest.raises(KeyRefused):
        fetcher(server, explain=explain).get(server.url("/a"))


def test_conditional_requests_belong_to_the_first_address_of_a_poll(server):
    for path in ("/a", "/b"):
        server.replies[path] = lambda asked: asked.give(
            200, b"x", {"ETag": f'"of{asked.path}"', "Last-Modified": "Thu, 26 Nov 2026 21:00:00 GMT"}
        )
    cursor = Cursor()
    asker = fetcher(server, cursor)
    asker.get(server.url("/a"))
    asker.get(server.url("/b"))
    assert (cursor.etag, cursor.last_modified) == ('"of/a"', "Thu, 26 Nov 2026 21:00:00 GMT")
    asker = fetcher(server, cursor)
    server.replies["/a"] = lambda asked: asked.give(304)
    assert asker.get(server.url("/a")).status == 304
    asker.get(server.url("/b"))
    sent = [headers for _, headers in server.seen]
    assert [headers.get("If-None-Match") for headers in sent] == [None, None, '"of/a"', None]
    assert sent[2]["If-Modified-Since"] == "Thu, 26 Nov 2026 21:00:00 GMT"
    assert cursor.etag == '"of/a"'


def test_validators_that_cannot_be_kept_are_none(server):
    server.replies["/a"] = lambda asked: asked.give(200, b"", {"ETag": "x" * 600, "Last-Modified": "a\tb"})
    cursor = Cursor()
    fetcher(server, cursor).get(server.url("/a"))
    assert (cursor.etag, cursor.last_modified) == ("", "")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17), ({"retry-after": " 5 "}, 5), ({"retry-after": "999999999999999"}, 86_400),
        ({"retry-after": "soon"}, None), ({}, None), ({"retry-after": "-3"}, None), ({"retry-after": "٣"}, None),
        ({"retry-after": "Thu, 26 Nov 2026 21:01:30 GMT", "date": "Thu, 26 Nov 2026 21:00:00 GMT"}, 90),
        ({"retry-after": "Thu, 26 Nov 2026 20:00:00 GMT", "date": "Thu, 26 Nov 2026 21:00:00 GMT"}, 0),
    ],
)  # fmt: skip
def test_how_long_to_wait(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_limit_says_how_long(server):
    server.replies["/a"] = lambda asked: asked.give(429, b"", {"Retry-After": "30"})
    with pytest.raises(LimitReached) as caught:
        fetcher(server).get(server.url("/a"))
    assert caught.value.retry_after == 30


def test_the_quota_is_asked_first(server):
    server.replies["/a"] = lambda asked: asked.give()
    asker = fetcher(server, budgets=(Budget(2, 3_600, "slow"), Budget(3, 3_600)))
    for _ in range(2):
        asker.get(server.url("/a"), budget="slow")
    with pytest.raises(LimitReached):
        asker.get(server.url("/a"), budget="slow")
    asker.get(server.url("/a"), budget="other")
    with pytest.raises(LimitReached):
        asker.get(server.url("/a"), budget="other")
    assert len(server.seen) == 3


def test_this_machines_proxies_and_netrc_are_not_used(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setattr(http._links, "session", None, raising=False)
    server.replies["/a"] = lambda asked: asked.give()
    fetcher(server).get(server.url("/a"))
    assert "Authorization" not in server.seen[0][1]
