"""Stories in the admin and over the API: closed by default, escaped, with who carries them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from signals.models import NewsCarrier, NewsEvent
from tests.arbsite.callers import reader, user

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVIL = "Rates <script>alert(1)</script>"


@pytest.fixture
def story(db):
    event = NewsEvent.objects.create(
        headline=EVIL, source="CoinDesk", via="coindesk", url="https://www.coindesk.com/a", urgency="high",
        sentiment="negative",
        sentiment_score=Decimal("-0.5"), impact_estimate=Decimal("0.8"), categories=["economy"],
        entities=["Fed"],
        related_markets=["KX-1"], seen_at=NOW, published_at=NOW - timedelta(minutes=1), created_at=NOW, owners=2,
        summary=EVIL,
    )  # fmt: skip
    for number, (via, outlet) in enumerate((("coindesk", "CoinDesk"), ("newsapi", "<b>Evil</b>"))):
        NewsCarrier.objects.create(
            event=event, via=via, external_id=str(number), outlet=outlet, owner=outlet, title=EVIL, url="https://x.com/a",
            seen_at=NOW + timedelta(seconds=number),
        )  # fmt: skip
    NewsEvent.objects.create(
        headline="Old", via="gdelt", fresh=False, urgency="low", created_at=NOW - timedelta(days=2)
    )
    return event


@pytest.fixture
def headers(db):
    return reader("signals.view_newsevent")


def test_stories_over_the_api(client, headers, story):
    rows = client.get("/api/v1/news", headers=headers).json()["results"]
    assert [row["headline"] for row in rows] == [EVIL, "Old"]
    assert (
        rows[0]["published_at"] == 1795521540000
        and rows[0]["owners"] == 2
        and rows[0]["related_markets"] == ["KX-1"]
    )
    for query, count in (
        ("fresh=true", 1), ("fresh=false", 1), ("urgency=high", 1), ("via=gdelt", 1), ("sentiment=negative", 1),
        ("since=2026-11-24T00:00:00Z", 1), ("published_since=2026-11-24T11:59:30Z", 0),
    ):  # fmt: skip
        assert len(client.get(f"/api/v1/news?{query}", headers=headers).json()["results"]) == count, query


def test_one_story_has_its_carriers(client, headers, story):
    found = client.get(f"/api/v1/news/{story.pk}", headers=headers).json()
    assert [carrier["via"] for carrier in found["carriers"]] == ["coindesk", "newsapi"]
    assert found["carriers"][0]["published_at"] is None and found["summary"] == EVIL
    assert client.get("/api/v1/news/999999", headers=headers).status_code == 404


@pytest.mark.parametrize("query", ["urgency=LOUD", "fresh=yes", "since=soon", "headline=x"])
def test_a_wrong_filter_is_refused(client, headers, query):
    assert client.get(f"/api/v1/news?{query}", headers=headers).status_code == 400


def test_it_is_closed_to_others(client, story):
    assert client.get("/api/v1/news").status_code in (401, 403)
    assert client.get(f"/api/v1/news/{story.pk}", headers=reader("signals.view_signal")).status_code == 403


def test_the_admin_shows_stories_escaped_with_their_carriers(client, story):
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    listing = reverse("admin:signals_newsevent_changelist")
    for query in ("", "?fresh__exact=1", "?urgency=high", "?via=coindesk", "?q=Rates"):
        page = client.get(listing + query).content.decode()
        assert "<script>alert(1)" not in page and "Rates &lt;script&gt;" in page, query
    page = client.get(reverse("admin:signals_newsevent_change", args=[story.pk])).content.decode()
    assert "<script>alert(1)" not in page and "&lt;b&gt;Evil&lt;/b&gt;" in page and "newsapi" in page
    assert 'href="https://x.com' not in page


def test_the_admin_changes_nothing(client, story):
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    page = reverse("admin:signals_newsevent_change", args=[story.pk])
    assert client.post(page, {"headline": "x"}).status_code == 403
