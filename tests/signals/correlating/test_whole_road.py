"""The whole road of evidence: claims are recorded, judged, fitted, believed a little, and scored out of sample."""

from datetime import timedelta
from decimal import Decimal

import pytest

from markets.models import Price
from markets.platforms.base import KALSHI
from signals.correlating import fits, following, judging, matching, predictions, standing
from signals.models import Prediction
from signals.scoring import reading
from signals.times import unix_ms
from tests.signals.correlating.stored import NOW, claim, market

pytestmark = pytest.mark.django_db
KEY = (KALSHI, "KXRAIN-1")
ITEMS = 102
EVERY, HORIZON = timedelta(hours=3), timedelta(minutes=30)
BEGAN = NOW - ITEMS * EVERY


def moved(started):
    """Ten minutes after an item the market rises by eight cents, and forgets it after half an hour more."""
    for minutes, bid in ((-5, "0.50"), (10, "0.58"), (40, "0.50")):
        yield Price(
            market_id="KXRAIN-1", outcome="YES", bid=Decimal(bid), ask=Decimal(bid) + Decimal("0.02"),
            timestamp=started + timedelta(minutes=minutes),
        )  # fmt: skip


def said(number, source="news:wire", direction=1):
    at = BEGAN + number * EVERY
    return claim(
        f"{source}:{number}", source=source, direction=direction, happened_at=at, seen_at=at, horizon=HORIZON,
        half_life=timedelta(minutes=20),
    )  # fmt: skip


def test_a_source_earns_its_say(redis):
    market()
    Price.objects.bulk_create(row for number in range(2 * ITEMS) for row in moved(BEGAN + number * EVERY))
    for number in range(ITEMS):
        at = BEGAN + number * EVERY
        predictions.record([said(number), said(number, "news:liar", -1)], now=at)
        if number % 34 == 33:
            judging.judge_due(now=at + timedelta(hours=1))
    assert not Prediction.objects.filter(outcome="OPEN") and not Prediction.objects.exclude(fit=None)
    made = {fit.source: fit for fit in fits.fit_all(now=NOW)}
    assert made["news:wire"].hits == ITEMS and made["news:wire"].weight > Decimal("0.3")
    assert made["news:liar"].hits == 0 and made["news:liar"].weight == 0

    # What is said from now on is given what was earned, and scored on that alone
    for number in range(ITEMS, 2 * ITEMS):
        at = BEGAN + number * EVERY
        predictions.record([said(number), said(number, "news:liar", -1)], now=at)
        if number == ITEMS:
            following.follow(now=at)
            words = standing.of([KEY], now_ms=unix_ms(at))[KEY]
            both = matching.together(words, now_ms=unix_ms(at))
            assert both.up > 0.6 > both.base_rate > both.down
    end = NOW + (ITEMS + 1) * EVERY
    judging.judge_due(now=end)
    sources = reading.document(since=NOW, until=end)["sources"]
    wire, liar = sources["news:wire"], sources["news:liar"]
    assert wire["fitted"] == wire["total"] == ITEMS and wire["verdict"] == "informative"
    assert wire["brier"] < wire["brier_base"] and wire["profit_per_signal"] > 0
    assert liar["verdict"] in ("noise", "worse than nothing") and liar["hits"] == 0
    assert wire["lead_ms_p50"] == 600_000 and wire["moved_first"] == {"item": ITEMS}
