"""`manage.py correlate`: what was said, which moved first, what stands, which flows repeat."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from signals.correlating import matching
from signals.models import FlowPattern, NewsEvent, Prediction, SourceFit
from tests.signals.correlating.stored import NOW, claim, fit, market, prediction, price

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_market(db):
    market()


def correlate(*arguments):
    out = io.StringIO()
    call_command("correlate", *arguments, stdout=out)
    return out.getvalue()


def test_matches_tell_which_moved_first_how_far_and_how_long(redis):
    story = NewsEvent.objects.create(headline="It will rain")
    price("KXRAIN-1", -90, "0.50", "0.52")
    price("KXRAIN-1", 10, "0.60", "0.62")
    prediction(f"news:{story.pk}")
    found = matching.report(since=NOW - timedelta(hours=1), now=NOW + timedelta(minutes=20))
    (match,) = found["matches"]
    assert match["label"] == "It will rain" and match["question"] == "Will it rain?"
    assert match["outcome"] == "OPEN" and match["so_far"] == "HIT"
    assert (match["moved_first"], match["lag_ms"], match["lasted_ms"]) == ("item", 600_000, 600_000)
    assert match["peak_move"] == Decimal("0.10")
    assert Prediction.objects.get().outcome == "OPEN"  # only looked at


def test_judged_ones_make_the_windows(redis):
    for number in range(10):
        prediction(f"news:{number}", outcome="HIT", lag_ms=1_000 * (number - 2))
    found = matching.report(since=NOW, now=NOW)["windows"]
    assert found["news:wire headline"] == {
        "moves": 10, "price_first": 2, "p10_ms": -1_000, "p50_ms": 3_000, "p90_ms": 7_000,
    }  # fmt: skip


def test_what_stands_is_put_together(redis):
    from signals.correlating import predictions

    fit()
    predictions.record([claim(), claim("news:2", direction=-1, strength=Decimal("0.1"))], now=NOW)
    (found,) = matching.report(since=NOW, now=NOW)["standing"]
    assert found["words"] == found["with_a_say"] == 2 and found["up"] > found["base_rate"] > found["down"]
    assert found["sources"] == ["news:wire"]


def test_the_command_judges_fits_and_prints(redis):
    now = timezone.now()
    for number in range(120):
        seen = now - timedelta(hours=2, minutes=number)
        prediction(
            f"news:{number}", seen_at=seen, happened_at=seen, outcome="HIT" if number % 2 else "MISS",
            base_hit=number % 5 == 0, judged_at=now - timedelta(minutes=1), horizon_seconds=60,
        )  # fmt: skip
    due = now - timedelta(hours=2)
    prediction("news:due", seen_at=due, happened_at=due)
    document = json.loads(correlate("--since", "7d", "--json", "--fit"))
    assert document["judged"] == 1 and len(document["matches"]) == 121
    assert document["fits"][0]["samples"] == 120 and SourceFit.objects.count() == 1
    FlowPattern.objects.create(
        asset="USDC", exchange="binance", direction="INFLOW", began_at=now, last_at=now, count=5, usd=10_000_000,
        usual=Decimal("0.5"), chance=Decimal("0.00002"),
    )  # fmt: skip
    text = correlate("--since", "7d")
    assert "Matches" in text and "USDC INFLOW binance" in text and "121 matches since" in text


def test_what_comes_from_outside_is_shown_as_it_is(redis):
    now = timezone.now()
    story = NewsEvent.objects.create(headline="[/red] Rates [bold]held")
    prediction(f"news:{story.pk}", seen_at=now, happened_at=now)
    assert "[/red] Rates [bold]held" in " ".join(correlate().split())


def test_a_period_that_is_none_is_refused():
    with pytest.raises(CommandError, match="write 90m, 24h, 7d"):
        correlate("--since", "yesterday")
