"""How long news take, and the command that shows it with the stories."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from markets import store
from markets.platforms.base import KALSHI
from signals.models import NewsCarrier, NewsEvent, Prediction
from signals.sources.news import latency
from tests.factories import IDS, info

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def story(name="coindesk", published=30, signalled=None, at=NOW, **fields):
    """A story seen at `at`, published so many seconds before and a signal so many seconds after."""
    event = NewsEvent.objects.create(
        headline="Rates are <b>held</b>", source="CoinDesk", via=name, seen_at=at, created_at=at,
        published_at=None if published is None else at - timedelta(seconds=published), **fields,
    )  # fmt: skip
    NewsCarrier.objects.create(event=event, via=name, external_id=str(event.pk), outlet="CoinDesk", owner="bullish",
                               title="Rates are held", seen_at=at)  # fmt: skip
    if signalled is not None:
        seen = at + timedelta(seconds=signalled)
        Prediction.objects.create(
            source=f"news:{name}", kind="headline", item=f"news:{event.pk}", market_id=IDS[KALSHI], direction=1,
            strength=Decimal("0.5"), probability=Decimal("0.5"), happened_at=at, seen_at=seen, horizon_seconds=1,
            half_life_seconds=1, due_at=seen,
        )  # fmt: skip
    return event


@pytest.fixture
def market(db):
    store.upsert([info(KALSHI)], now=NOW)


def measured(**period):
    rows = latency.by_source(
        **({"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)} | period)
    )
    return {row["source"]: row for row in rows}


def test_both_spans_and_the_target(market):
    story(published=7_200, at=NOW - timedelta(minutes=50))  # backlog: published before we listened
    for minute in range(10):
        story(published=10 * minute, signalled=2, at=NOW + timedelta(minutes=minute))
    story(published=600, signalled=1, at=NOW + timedelta(minutes=20), fresh=True)
    row = measured()["news:coindesk"]
    assert (row["stories"], row["fresh"], row["signals"]) == (12, 12, 11)
    assert row["published_to_seen_ms"] == {"count": 11, "p50": 50_000, "p90": 90_000, "p99": 600_000}
    assert row["seen_to_signal_ms"] == {"count": 11, "p50": 2_000, "p90": 2_000, "p99": 2_000}
    assert row["published_to_signal_ms"]["p99"] == 601_000
    assert row["within_target"] == round(10 / 11, 4)
    json.dumps(row)


def test_inexact_and_missing_times_are_not_measured(market):
    story(published=None, exact_time=False)
    story(published=30, exact_time=False, signalled=3)
    row = measured()["news:coindesk"]
    assert row["published_to_seen_ms"] is None and row["within_target"] is None
    assert row["seen_to_signal_ms"]["count"] == 1


def test_sources_and_periods_are_kept_apart(market):
    story()
    story("gdelt", at=NOW - timedelta(hours=2))
    assert set(measured()) == {"news:coindesk"}
    assert set(measured(since=NOW - timedelta(hours=3))) == {"news:coindesk", "news:gdelt"}
    assert latency.by_source(since=NOW + timedelta(hours=2), until=NOW + timedelta(hours=3)) == []


def run(*arguments):
    out = StringIO()
    call_command("news", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_stories_and_latencies(market):
    now = timezone.now()
    story(signalled=1, at=now - timedelta(minutes=5))
    story(at=now - timedelta(minutes=5), fresh=False)
    document = json.loads(run("list", "--json", "--fresh"))
    (found,) = document["stories"]
    assert found["headline"] == "Rates are <b>held</b>" and found["carriers"][0]["owner"] == "bullish"
    assert len(json.loads(run("list", "--json", "--since", "1h"))["stories"]) == 2
    (row,) = json.loads(run("latency", "--json", "--since", "1h"))["sources"]
    assert (
        row["signals"] == 1 and row["published_to_seen_ms"] is None
    )  # both published before the first was seen
    assert "CoinDesk (coindesk)" in run("list") and "news:coindesk" in run("latency")
    assert "No story" in run("latency", "--since", "2030-01-01") and "No story" in run(
        "list", "--since", "2030-01-01"
    )


def test_a_wrong_span_is_explained(db):
    with pytest.raises(CommandError, match="90m"):
        run("latency", "--since", "soon")
