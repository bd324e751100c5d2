"""The sources as the settings make them, and what is asked of them."""

import copy
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from signals.models import NewsEvent, Source
from signals.sources import polling, registry
from signals.sources.base import NEWS, Answer, Cursor
from signals.sources.news.specs import specs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOKEN = "tok-en-tok-en"  # not a real one


class Asked:
    """A `Fetch` that answers what it is told and remembers what was asked."""

    def __init__(self, body=b"", status=200):
        self.body, self.status, self.calls = body, status, []

    def get(self, url, *, params=None, headers=None, budget="all"):
        self.calls.append((url, dict(params or {}), dict(headers or {})))
        return Answer(self.status, self.body, {})


@pytest.fixture
def change(settings):
    """Change one section of the settings for a test."""

    def changed(section, **values):
        config = copy.copy(settings.ARBSITE)
        setattr(config, section, getattr(config, section).model_copy(update=values))
        settings.ARBSITE = config

    return changed


def named(name):
    return {spec.name: spec for spec in specs()}[name]


def test_every_source_of_the_settings_is_there():
    found = {spec.name: spec for spec in specs()}
    assert {"coindesk", "theblock", "fed_news", "okx", "binance", "cryptopanic", "newsapi", "gdelt"} <= set(
        found
    )
    assert all(
        spec.kind == NEWS and spec.hosts and spec.budgets and spec.every_seconds >= 1
        for spec in found.values()
    )
    assert set(found) <= set(registry.all_specs())  # and they are polled
    assert found["coindesk"].off == "" and found["coindesk"].hosts == ("www.coindesk.com", "coindesk.com")


def test_without_a_key_a_source_says_what_to_set():
    assert "CRYPTOPANIC_TOKEN" in named("cryptopanic").off and "NEWSAPI_API_KEY" in named("newsapi").off


def test_newsapis_developer_plan_is_off_in_production(change, settings):
    change("newsapi", api_key=SecretStr("k"))
    assert named("newsapi").off == ""
    settings.PRODUCTION = True
    assert "NEWSAPI_PLAN=business" in named("newsapi").off
    change("newsapi", plan="business")
    assert named("newsapi").off == ""


def test_quotas_are_known_before_the_call(change):
    free = named("cryptopanic")
    assert (free.budgets[0].calls, free.budgets[0].seconds) == (100, 30 * 86_400)
    assert 7 * 3_600 < free.every_seconds < 8 * 3_600  # 91 calls in 30 days
    newsapi = named("newsapi")
    assert [(budget.calls, budget.seconds) for budget in newsapi.budgets] == [(100, 86_400), (50, 43_200)]
    assert 86_400 / newsapi.every_seconds < 100
    gdelt = named("gdelt")
    assert [(budget.calls, budget.seconds) for budget in gdelt.budgets] == [
        (1, 5)
    ] and gdelt.timeout_seconds >= 20
    change("cryptopanic", calls_per_month=100_000)
    assert named("cryptopanic").every_seconds == 60


def test_cryptopanic_has_its_plan_in_the_path_and_its_token_in_no_cursor(change):
    change("cryptopanic", token=SecretStr(TOKEN), plan="enterprise")
    body = json.dumps(
        {"next": f"https://cryptopanic.com/api/enterprise/v2/posts/?auth_token={TOKEN}&page=2", "results": []}
    )
    asked, cursor = Asked(body.encode()), Cursor()
    named("cryptopanic").poll(asked, cursor, NOW)
    named("cryptopanic").poll(asked, cursor, NOW)
    (first, second) = asked.calls
    assert first[0] == "https://cryptopanic.com/api/enterprise/v2/posts/" and first[1]["auth_token"] == TOKEN
    assert "last_pull" not in first[1] and second[1]["last_pull"] == NOW.isoformat(timespec="seconds")
    assert TOKEN not in repr(cursor)


def test_newsapis_key_is_in_a_header(change):
    change("newsapi", api_key=SecretStr(TOKEN))
    asked = Asked(b'{"status": "ok", "articles": []}')
    named("newsapi").poll(asked, Cursor(), NOW)
    ((url, params, headers),) = asked.calls
    assert headers == {"X-Api-Key": TOKEN} and TOKEN not in repr((url, params)) and params["pageSize"] == 100


def test_gdelt_is_asked_once_for_everything(settings):
    asked = Asked(b"{}")
    assert named("gdelt").poll(asked, Cursor(), NOW).records == ()
    ((_, params, _),) = asked.calls
    assert (
        params["query"] == settings.ARBSITE.gdelt.query
        and params["timespan"] == "30min"
        and params["maxrecords"] == 250
    )


def test_a_page_that_has_not_changed_brings_nothing():
    batch = named("coindesk").poll(Asked(status=304), Cursor(), NOW)
    assert batch.unchanged and batch.records == ()


def test_a_feed_may_be_coindesks_data_service(recorded):
    body = (recorded / "sources/other/coindesk_news_articles.json").read_bytes()
    batch = named("coindesk").poll(Asked(body), Cursor(), NOW)
    assert len(batch.records) == 2 and batch.dropped == 1


def test_a_delayed_plan_never_makes_a_fresh_story(db, change):
    change("cryptopanic", token=SecretStr(TOKEN))
    post = {"id": 1, "slug": "a", "title": "Rates held in Reykjavik", "published_at": "2026-11-24T11:59:00Z"}
    spec = named("cryptopanic")
    spec.keep(spec.poll(Asked(json.dumps({"results": [post]}).encode()), Cursor(), NOW).records, NOW)
    assert not NewsEvent.objects.get().fresh


# --- over the wire


@pytest.fixture
def server():
    """A local server that answers what the test says; yields (address, answers)."""
    answers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, headers = answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Quiet."""

    one = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=one.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{one.server_port}", answers
    one.shutdown()
    one.server_close()
    thread.join(10)


def test_a_token_is_in_no_row_log_or_exception(db, redis, change, server, caplog):
    address, answers = server
    change("cryptopanic", url=address, token=SecretStr(TOKEN), plan="growth")
    post = {
        "id": 1,
        "title": "Rates are held",
        "published_at": NOW.isoformat(),
        "url": f"https://cryptopanic.com/news/1?auth_token={TOKEN}",
    }
    answers += [
        (401, b'{"error": "Invalid auth token"}', {}),
        (429, b'{"error": "Rate limited"}', {"Retry-After": "60"}),
        (200, b"<html>", {}),
        (200, json.dumps({"next": f"{address}?auth_token={TOKEN}", "results": [post]}).encode(), {}),
    ]
    states = []
    for step in range(5):  # at last nobody answers
        if step == 4:
            change("cryptopanic", url="http://127.0.0.1:9")
        states.append(polling.poll("cryptopanic", now=NOW + timedelta(seconds=step), force=True).state)
        redis.flushdb()
    assert states == [Source.BROKEN, Source.LIMITED, Source.BROKEN, Source.OK, Source.BROKEN]
    row = Source.objects.get(pk="cryptopanic")
    story = NewsEvent.objects.get()
    assert TOKEN not in repr((row.__dict__, caplog.text, story.__dict__, list(story.carriers.values())))


def test_a_feed_over_two_megabytes_is_refused(db, redis, change, server):
    address, answers = server
    change("news", feeds=f"big={address}/feed")
    answers.append((200, b"<rss>" + b"x" * 2_100_000, {}))
    polled = polling.poll("big", now=NOW, force=True)
    assert polled.state == Source.BROKEN and "larger than" in polled.why


def test_a_feed_is_asked_conditionally_and_read_once(db, redis, change, server):
    address, answers = server
    change("news", feeds=f"wire={address}/feed")
    body = b"""<rss version="2.0"><channel><item><title>Rates are held</title><guid>1</guid>
    <pubDate>Tue, 24 Nov 2026 11:59:00 GMT</pubDate></item></channel></rss>"""
    answers += [(200, body, {"ETag": '"a"'}), (304, b"", {}), (200, body, {})]
    kept = []
    for step in range(3):
        kept.append(polling.poll("wire", now=NOW + timedelta(minutes=step), force=True).kept)
        redis.delete(*redis.keys("ratelimit:*"))  # the real minute is still the same
    assert [one.new for one in kept] == [1, 0, 0] and kept[2].repeats == 1
    row = Source.objects.get(pk="wire")
    assert (row.items, row.repeats, row.latency_ms is not None) == (1, 1, True)


def test_when_all_are_down_nothing_stands_and_the_rows_say_so(db, redis, change):
    change("news", feeds="one=http://127.0.0.1:9/a,two=http://127.0.0.1:9/b")
    for name in ("one", "two"):
        polling.poll(name, now=NOW, force=True)
    assert set(Source.objects.values_list("state", flat=True)) == {Source.BROKEN}
    assert not NewsEvent.objects.exists()
