"""The scorecard from stored rows: the command, the API, the admin's page; and nothing in it that knew the outcome."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from arbsite.models import Heartbeat
from signals.models import NewsCarrier, NewsEvent, Refusal, Signal
from signals.scoring import reading
from tests.arbsite.callers import reader, user
from tests.signals.correlating.stored import NOW, fit, market, prediction

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PERIOD = {"since": NOW - DAY, "until": NOW}


@pytest.fixture(autouse=True)
def _a_market(db):
    market()


def judged(number, outcome="HIT", now=NOW, **changes):
    """One prediction that was judged, eight minutes before the next."""
    seen = now - timedelta(minutes=61 + 8 * number)
    values = {
        "seen_at": seen, "happened_at": seen, "created_at": seen, "outcome": outcome, "judged_at": now,
        "horizon_seconds": 300, "base_hit": number % 10 < 2,
    }  # fmt: skip
    return prediction(f"news:{number}", **(values | changes))


def a_day(now=NOW):
    for number in range(150):
        judged(number, "HIT" if number % 10 < 7 else "MISS", now, profit=Decimal("0.01"), lead_ms=5_000)


def test_what_the_issue_asks_for():
    a_day()
    document = reading.document(**PERIOD)
    one = document["sources"]["news:wire"]
    assert (one["hits"], one["total"], one["accuracy"], one["base_rate"]) == (105, 150, 0.7, 0.2)
    assert one["interval"][0] < 0.7 < one["interval"][1] and document["level"] == 0.99
    assert (
        one["brier"] == 0.25
        and one["verdict"] == "informative"
        and one["profit_per_signal"] == Decimal("0.01")
    )
    assert one["kinds"]["headline"]["total"] == 150 and one["lead_ms_p50"] == 5_000
    assert set(document["objectives"]) == {"opportunities", "signal_accuracy", "news_latency", "uptime"}
    assert all({"target", "value", "met", "sentence"} <= set(one) for one in document["objectives"].values())


def test_nothing_counts_that_could_have_known():
    frozen = fit(NOW - timedelta(hours=3))
    judged(1, fit=frozen)  # seen after the fit was frozen
    judged(100, fit=frozen)  # seen before: the fit knew it
    judged(2, created_at=NOW)  # written down when it was over
    judged(200)  # before the period
    prediction("news:open", seen_at=NOW - timedelta(minutes=1))
    assert [(row.outcome, row.fitted) for row in reading.scored(**PERIOD)] == [("HIT", True)]


def test_opportunities_shown_and_executable():
    Heartbeat.objects.create(component="worker", minute=NOW - timedelta(hours=12))
    for number, (status, reasons, label) in enumerate(
        [
            ("EXECUTED", [], "arbitrage"), ("CLOSED", [], "arbitrage"), ("REFUSED", [{"code": "hurdle"}], "arbitrage"),
            ("CLOSED", [{"code": "hurdle"}], "arbitrage"), ("PENDING", [], "arbitrage"), ("CLOSED", [], "spread"),
        ]
    ):  # fmt: skip
        Signal.objects.create(
            id=f"s{number}", type="arbitrage", label=label, status=status, reasons=reasons, direction=str(number),
            created_at=NOW - timedelta(hours=1), processed_at=None if status == "PENDING" else NOW,
        )  # fmt: skip
    Refusal.objects.create(
        bet_id="b", direction="d", code="hurdle", hour=NOW - DAY, stage="decide", count=7, best_profit=1,
        first_seen=NOW - timedelta(hours=2), last_seen=NOW - timedelta(hours=1),
    )  # fmt: skip
    found = reading.counted(**PERIOD)
    assert (found.shown, found.executable, found.days, found.refused) == (6, 2, 0.5, {"hurdle": 7})


def test_latency_is_measured_by_source_from_rows():
    for number, (via, late) in enumerate([("wire", 10), ("wire", 20), ("slow", 4_000)]):
        event = NewsEvent.objects.create(headline=f"h{number}", via=via, content_hash=str(number))
        seen = NOW - timedelta(hours=2)
        NewsCarrier.objects.create(
            event=event, via=via, external_id=str(number), outlet=via, owner=via, title="t",
            published_at=seen - timedelta(seconds=late), seen_at=seen,
        )  # fmt: skip
        if via == "wire":
            prediction(f"news:{event.pk}", seen_at=seen, created_at=seen + timedelta(seconds=1))
    # What each feed held when it was first read says nothing of its delay
    for via in ("wire", "slow"):
        NewsCarrier.objects.create(
            event=event, via=via, external_id=f"old-{via}", outlet=via, owner=via, title="t",
            published_at=NOW - timedelta(days=9), seen_at=NOW - timedelta(hours=11),
        )  # fmt: skip
    # A carrier that came later, and one with a time that cannot be
    NewsCarrier.objects.create(
        event=event, via="late", external_id="x", outlet="l", owner="l", title="t", published_at=NOW,
        seen_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    found = reading.latencies(**PERIOD)
    assert set(found) == {"wire", "slow"}
    assert (found["wire"].items, found["wire"].seen_p50, found["wire"].predicted_p50) == (2, 15.0, 1.0)
    assert found["wire"].whole_p95 == pytest.approx(20.5) and found["slow"].predicted_p50 is None


def test_uptime_counts_the_minutes_since_a_component_was_first_seen():
    for minute in range(100):
        at = NOW - timedelta(minutes=100 - minute)
        Heartbeat.objects.create(component="beat", minute=at)
        if minute >= 50 and minute != 60:
            Heartbeat.objects.create(component="worker", minute=at, healthy=minute != 70)
    found = reading.alive(**PERIOD)
    assert (found["beat"].healthy, found["beat"].minutes) == (100, 100)
    assert (found["worker"].healthy, found["worker"].minutes) == (48, 50)


def test_what_was_down_when_the_period_began_was_down():
    for minute in range(100):
        at = NOW - timedelta(minutes=100 - minute)
        Heartbeat.objects.create(component="beat", minute=at)
        if minute < 20 or minute >= 70:
            Heartbeat.objects.create(component="worker", minute=at)
        if minute < 20:
            Heartbeat.objects.create(component="gone", minute=at)
    found = reading.alive(NOW - timedelta(minutes=60), NOW)
    assert (found["beat"].healthy, found["beat"].minutes) == (60, 60)
    assert (found["worker"].healthy, found["worker"].minutes) == (30, 60)
    assert (found["gone"].healthy, found["gone"].minutes) == (0, 60)


def test_the_command_prints_a_table_and_a_document():
    out = io.StringIO()
    call_command("scorecard", stdout=out)
    assert "Nothing has been judged" in out.getvalue() and "not measured" in out.getvalue()
    a_day(timezone.now())
    out = io.StringIO()
    call_command("scorecard", "--since", "7d", stdout=out)
    assert (
        "news:wire: Informative: right 70.0% of 150 times" in out.getvalue()
        and "Objectives" in out.getvalue()
    )
    out = io.StringIO()
    call_command("scorecard", "--since", "7d", "--json", stdout=out)
    assert json.loads(out.getvalue())["sources"]["news:wire"]["total"] == 150
    with pytest.raises(CommandError, match="write 90m"):
        call_command("scorecard", "--since", "soon")


def test_the_api_shows_the_card_and_the_predictions(client):
    a_day(timezone.now())
    headers = reader("signals.view_prediction")
    found = client.get("/api/v1/scorecard", headers=headers)
    assert found.status_code == 200 and found.json()["sources"]["news:wire"]["hits"] == 105
    rows = client.get("/api/v1/predictions?source=news:wire&outcome=MISS&limit=500", headers=headers).json()[
        "results"
    ]
    assert len(rows) == 45 and rows[0]["probability"] == 0.5 and rows[0]["base_hit"] is False
    late = client.get("/api/v1/scorecard?since=2999-01-01T00:00:00Z", headers=headers)
    assert late.json()["sources"] == {}


@pytest.mark.parametrize("query", ["until=2026-11-24T00:00:00Z", "since=yesterday", "since="])
def test_a_wrong_parameter_is_named(client, query):
    headers = reader("signals.view_prediction")
    answer = client.get(f"/api/v1/scorecard?{query}", headers=headers)
    assert answer.status_code == 400 and list(answer.json()["errors"]) == [query.split("=")[0]]


@pytest.mark.parametrize("address", ["/api/v1/scorecard", "/api/v1/predictions"])
def test_strangers_see_nothing(client, address):
    assert client.get(address).status_code == 401
    assert client.get(address, headers=reader("signals.view_signal")).status_code == 403


def test_the_page_shows_scores_charts_and_objectives(client):
    a_day(timezone.now())
    prediction(
        "news:odd", source="news:<script>", outcome="MISS", seen_at=timezone.now() - timedelta(hours=5)
    )
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    page = client.get(reverse("admin:signals_prediction_scorecard"))
    text = page.content.decode()
    assert (
        page.status_code == 200 and "Informative: right 70.0%" in text and "<svg" in text and "uptime" in text
    )
    assert "news:&lt;script&gt;" in text and "news:<script>" not in text


def test_the_page_is_closed_to_who_may_not_see_predictions(client):
    client.force_login(user("clerk", "signals.view_signal", is_staff=True))
    assert client.get(reverse("admin:signals_prediction_scorecard")).status_code == 403


def test_the_list_of_predictions_leads_to_the_scorecard_and_shortens_ids(client):
    row = prediction("news:7", seen_at=timezone.now() - timedelta(hours=5))
    client.force_login(user("owner", is_superuser=True, is_staff=True))
    text = client.get(reverse("admin:signals_prediction_changelist") + "?item=news:7").content.decode()
    assert reverse("admin:signals_prediction_scorecard") in text and "news:7" in text
    assert f"{row.seen_at:%Y-%m-%d %H:%M:%S} UTC" in text
