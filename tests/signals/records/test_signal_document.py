"""Every signal is one document, over the API and in the stream, as the specification's 3.4 spells it."""

import pytest
from django.utils import timezone

from arbsite import keys
from markets.platforms.base import KALSHI, POLYMARKET
from signals.models import Signal
from signals.records import document
from tests import factories
from tests.arbsite.callers import reader
from tests.factories import IDS
from tests.signals.standings import said, stand
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signal(redis) -> Signal:
    factories.a_pair()
    stand(said(probability=0.65))
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    return Signal.objects.get()


def test_an_arbitrage_is_the_document_of_the_specification(signal):
    found = document.document(signal, signal.refreshed_at)
    assert list(found) == [
        "signal_id", "type", "market_a", "market_b", "expected_profit", "confidence", "sources", "recommended_action",
        "time_to_expiry", "metadata",
    ]  # fmt: skip
    assert found["type"] == "arbitrage" and found["recommended_action"] == "BUY_A_SELL_B"
    assert found["market_a"] == {"platform": POLYMARKET, "market_id": IDS[POLYMARKET]}
    assert found["market_b"] == {"platform": KALSHI, "market_id": IDS[KALSHI]}
    assert (found["expected_profit"], found["sources"]) == (signal.profit_pct, ["price", "news"])
    assert found["time_to_expiry"] == 30  # when nobody confirms it any more
    falls = {step["step"]: step["dollars"] for step in found["metadata"]["waterfall"]}
    costs = ("fees", "rounding", "leg_risk", "rule_risk", "capital", "evidence")
    assert falls["expected"] == falls["gross"] + sum(falls[name] for name in costs) and falls["evidence"] < 0
    assert found["metadata"]["evidence"][0]["effect"] == "shrink"


def test_the_stream_says_the_same(signal, redis):
    _, entry = redis.xrange(keys.SIGNAL_STREAM)[-1]
    assert (entry[b"sources"], entry[b"recommended_action"]) == (b"price,news", b"BUY_A_SELL_B")
    assert 25 <= int(entry[b"time_to_expiry"]) <= 30
    assert redis.hget(keys.signal(signal.id), "sources") == b"price,news"


def test_all_types_are_listed_and_filtered(signal, client):
    now = timezone.now()
    Signal.objects.create(id="old", type="whale", status="CLOSED", closed_at=now, sources=["whale"])
    Signal.objects.create(id="asked", type="whale", status="PROPOSED", sources=["whale"], market_a="m")
    headers = reader("signals.view_signal")

    def ids(query=""):
        found = client.get(f"/api/v1/signals{query}", headers=headers)
        assert found.status_code == 200, found.content
        return {row["signal_id"] for row in found.json()["results"]}

    assert ids() == {signal.id, "asked"}
    assert ids("?type=whale") == {"asked"} and ids("?status=CLOSED") == {"old"}
    assert ids("?source=news") == {signal.id} and ids("?market_a=m") == {"asked"}
    assert client.get("/api/v1/signals?type=moon", headers=headers).status_code == 400
    assert client.get("/api/v1/signals/nobody", headers=headers).status_code == 404
    empty = client.get("/api/v1/signals/old", headers=headers).json()
    assert (empty["market_a"], empty["time_to_expiry"], empty["metadata"]["waterfall"]) == (None, 0, [])


def test_a_stranger_reads_no_signal(signal, client):
    assert client.get("/api/v1/signals").status_code == 401
    assert client.get(f"/api/v1/signals/{signal.id}", headers=reader()).status_code == 403
