"""What a second look must not overlook: the past of the prices, and doubts that arose while a platform was asked."""

from decimal import Decimal

import pytest

from markets.platforms.base import KALSHI, POLYMARKET
from signals.deciding import rechecking
from signals.deciding.doubts import Evidence, Point
from signals.models import Signal
from tests import factories
from tests.factories import IDS
from tests.signals.deciding.test_rechecking import answers, look, quarantined, rung  # noqa: F401
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import HUGE, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


def parted(markets, now_ms):
    """Mids that stood together for minutes and have been twenty cents apart for the last half of one."""

    def track(old, new):
        past = [Point(now_ms - 300_000 + n * 1_000, Decimal(old)) for n in range(20)]
        return [*past, *(Point(now_ms - 30_000 + n * 1_000, Decimal(new)) for n in range(20))]

    return Evidence(
        {(POLYMARKET, IDS[POLYMARKET]): track("0.50", "0.30"), (KALSHI, IDS[KALSHI]): track("0.50", "0.50")}
    )


def test_a_second_look_over_rest_sees_that_the_mids_parted(redis, answers, rung, monkeypatch):  # noqa: F811
    factories.a_pair()
    row = quarantined()
    monkeypatch.setattr("signals.deciding.tracks.recent", parted)
    assert look(row) == 0, "only a person answers that"
    row.refresh_from_db()
    assert row.status == Signal.QUARANTINED
    assert "mids_apart" in {reason["code"] for reason in row.reasons}


def test_a_doubt_that_arose_while_rest_was_asked_stays(redis, answers, rung, monkeypatch):  # noqa: F811
    factories.a_pair()
    row = quarantined()
    asked = rechecking.read_books

    def slowly(markets, clock):
        found = asked(markets, clock)
        Signal.objects.update(
            status="QUARANTINED", reasons=[{"code": "mids_apart", "sentence": "they parted"}]
        )
        return found

    monkeypatch.setattr("signals.deciding.rechecking.read_books", slowly)
    assert look(row) == 0
    row.refresh_from_db()
    assert (row.status, [reason["code"] for reason in row.reasons]) == ("QUARANTINED", ["mids_apart"])


def test_a_second_look_answers_for_the_edge_it_saw_and_no_larger_one(redis, answers, rung):  # noqa: F811
    factories.a_pair()
    row = quarantined()
    assert look(row) == 1
    detect_and_judge(*show(factories.unix_ms(), ("0.09", "0.10"), HUGE[1], number=2))
    row.refresh_from_db()
    assert (row.status, [reason["code"] for reason in row.reasons]) == ("QUARANTINED", ["suspicious_edge"])
