"""A small world sent through the tables comes to the same card as the core alone: the long runs speak for production."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F

from markets import partitions
from markets.models import Market
from markets.platforms.base import KALSHI
from signals.correlating import fits, judging, predictions
from signals.models import Prediction
from signals.scoring import card, reading
from signals.sources.base import Claim
from signals.times import utc
from tests.signals.scoring import world

SEED, SCALE, FEWEST, LEVEL = 3, 0.2, 30, 0.99
FROZEN = utc(world.BEGAN + world.DAYS * 12 * 60 * world.MINUTE_MS)
END = utc(world.BEGAN + world.DAYS * 24 * 60 * world.MINUTE_MS) + timedelta(hours=1)
SAME = ("hits", "total", "base_hits", "base_total", "verdict", "late", "void", "fitted")

_PRICES = """
INSERT INTO prices (market_id, outcome, bid, ask, timestamp)
SELECT %s, 'YES', bid / 1000000.0, ask / 1000000.0, to_timestamp(at)
FROM unnest(%s::int[], %s::int[], %s::bigint[]) AS p(bid, ask, at)
"""


def stored(paths):
    """The markets, named by their number, and their prices."""
    partitions.ensure(utc(world.BEGAN).date(), world.DAYS + 2)
    Market.objects.bulk_create(
        Market(id=str(number), platform=KALSHI, slug="w", status="OPEN") for number in range(len(paths))
    )
    with connection.cursor() as cursor:
        for number, path in enumerate(paths):
            points = path.points
            cursor.execute(_PRICES, [str(number), [one.bid for one in points], [one.ask for one in points],
                                     [one.at_ms // 1_000 for one in points]])  # fmt: skip


def recorded(said, *, now):
    """These claims in the table, as if each had been written down at once."""
    claims = [
        Claim(
            one.source, "headline", one.item, str(one.market), one.direction, Decimal(f"{one.strength:.4f}"),
            utc(one.happened_ms), utc(one.seen_ms), timedelta(milliseconds=world.HORIZON_MS),
            timedelta(milliseconds=world.HALF_LIFE_MS),
        )
        for one in said
    ]  # fmt: skip
    predictions.record(claims, now=now)
    Prediction.objects.filter(created_at=now).update(created_at=F("seen_at"))


@pytest.mark.django_db
def test_the_tables_change_nothing():
    said, paths = world.claims_and_paths(SEED, SCALE)
    stored(paths)
    now = FROZEN + judging.GRACE
    recorded([one for one in said if utc(one.seen_ms) <= FROZEN], now=FROZEN)
    judging.judge_due(now=now)
    fits.fit_all(now=now)
    recorded([one for one in said if utc(one.seen_ms) > FROZEN], now=END)
    judging.judge_due(now=END)
    found = card.by_source(reading.scored(now, END), level=LEVEL, fewest=FEWEST)
    alone = world.run(SEED, scale=SCALE, level=LEVEL, fewest=FEWEST).scores
    assert set(found) == set(alone) and world.ECHO not in found
    for name, (whole, _) in found.items():
        assert {one: getattr(whole, one) for one in SAME} == {one: getattr(alone[name], one) for one in SAME}
        assert whole.advantage == pytest.approx(alone[name].advantage)
        assert whole.brier == pytest.approx(alone[name].brier, abs=0.002)
    assert found[world.WIRE][0].verdict == card.INFORMATIVE
