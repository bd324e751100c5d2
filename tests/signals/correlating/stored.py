"""Markets, prices, claims and fits in the database, for the correlator's tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from markets import store
from markets.models import Market, Price
from markets.platforms.base import KALSHI
from signals.models import Prediction, SourceFit
from signals.sources.base import Claim
from tests.factories import info

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def market(name="KXRAIN-1", platform=KALSHI, **changes):
    """A stored market."""
    store.upsert([info(platform, name, **changes)], now=NOW)
    return Market.objects.get(pk=name)


def price(market_id, minutes, bid, ask):
    """A stored price so many minutes after NOW, in dollars."""
    bid, ask = (None if side is None else Decimal(side) for side in (bid, ask))
    Price.objects.create(
        market_id=market_id, outcome="YES", bid=bid, ask=ask, timestamp=NOW + timedelta(minutes=minutes)
    )


def claim(item="news:1", market_id="KXRAIN-1", **changes):
    """A claim that was seen at NOW, about a market for the next hour."""
    values = {
        "source": "news:wire", "kind": "headline", "direction": 1, "strength": Decimal("0.8"), "happened_at": NOW,
        "seen_at": NOW, "horizon": HOUR, "half_life": HOUR / 2,
    }  # fmt: skip
    return Claim(item=item, market_id=market_id, **(values | changes))


def fit(active_from=NOW - timedelta(days=1), **changes):
    """A stored fit of the same source."""
    values = {
        "source": "news:wire", "kind": "headline", "fitted_from": active_from - timedelta(days=30),
        "fitted_until": active_from, "active_from": active_from, "samples": 500, "hits": 300, "base_hits": 100,
        "lower": Decimal("0.54"), "upper": Decimal("0.66"), "base_rate": Decimal("0.2"), "weight": Decimal("0.7"),
        "half_life_seconds": 600, "curve": [[0.0, 0.2], [1.0, 0.7]],
    }  # fmt: skip
    return SourceFit.objects.create(**(values | changes))


def prediction(item="news:1", market_id="KXRAIN-1", **changes):
    """A stored prediction as `claim` would leave it."""
    values = {
        "source": "news:wire", "kind": "headline", "direction": 1, "strength": Decimal("0.8"),
        "probability": Decimal("0.5"), "happened_at": NOW, "seen_at": NOW, "horizon_seconds": 3_600,
        "half_life_seconds": 1_800,
    }  # fmt: skip
    values |= changes
    values.setdefault("created_at", values["seen_at"])
    values.setdefault("due_at", values["seen_at"] + timedelta(seconds=values["horizon_seconds"]))
    return Prediction.objects.create(item=item, market_id=market_id, **values)
