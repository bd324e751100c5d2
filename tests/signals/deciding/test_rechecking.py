"""Nothing quarantined is executed before its books were read again over REST, or a person said so."""

import pytest
from django.utils import timezone

from arbsite.models import Notice
from execution import services as execution
from execution.models import Plan
from markets.books import micro
from markets.platforms.base import KALSHI, POLYMARKET, BookSnapshot, PlatformError
from signals.deciding import judging, rechecking
from signals.deciding.decision import BetRisk
from signals.deciding.refusing import store
from signals.models import Refusal, Signal
from tests import factories
from tests.arbsite.callers import user
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, HUGE, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


class Rest:
    """A platform that answers with these books; None: it does not answer."""

    def __init__(self, platform, sides):
        self.platform, self.sides = platform, sides

    def books(self, markets):
        if self.sides is None:
            raise PlatformError("the platform is away; try again")
        bid, ask = ((micro(price), micro("100")) for price in self.sides)
        return [BookSnapshot(market.market_id, (bid,), (ask,), None) for market in markets]


@pytest.fixture
def answers(monkeypatch):
    """Set what REST says: platform → (bid, ask)."""
    sides = dict(zip((POLYMARKET, KALSHI), HUGE, strict=True))
    monkeypatch.setattr(
        "signals.deciding.rechecking.clients.rest", lambda platform: Rest(platform, sides[platform])
    )
    return sides


@pytest.fixture
def rung(monkeypatch):
    """What was sent to the queues."""
    sent = []
    monkeypatch.setattr(
        "signals.deciding.judging.current_app.send_task", lambda name, kwargs: sent.append((name, kwargs))
    )
    return sent


def quarantined():
    detect_and_judge(*show(factories.unix_ms(), *HUGE))
    row = Signal.objects.get()
    assert (row.status, [reason["code"] for reason in row.reasons]) == ("QUARANTINED", ["suspicious_edge"])
    return row


def look(row):
    return rechecking.recheck([row.id], clock=factories.unix_ms)


def test_a_quarantine_rings_for_a_second_look_and_is_not_executed(redis, rung):
    factories.a_pair()
    row = quarantined()
    assert rung == [("signals.recheck", {"signal_ids": row.id})]
    assert execution.act_on([row.id], now_ms=factories.unix_ms()) == 0 and not Plan.objects.exists()
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms())
    assert len(rung) == 1, "not more often than every few seconds"


def test_what_rest_confirms_is_released_and_says_what_was_seen(redis, answers, rung):
    factories.a_pair()
    row = quarantined()
    assert look(row) == 1
    row.refresh_from_db()
    assert row.status == Signal.ACTIONABLE and row.rechecked_at is not None and row.reasons == []
    assert row.recheck["seen"] == "the gap is there over REST" and "suspicious_edge" in row.cleared
    assert Notice.objects.filter(kind="signal_released", subject=row.id).exists()
    # The next window finds the same figures and does not doubt them again
    detect_and_judge(*show(factories.unix_ms(), ("0.29", "0.31"), HUGE[1], number=2))
    row.refresh_from_db()
    assert row.status == Signal.ACTIONABLE


def test_what_rest_does_not_show_is_refused(redis, answers, rung):
    factories.a_pair()
    row = quarantined()
    answers[POLYMARKET] = ("0.50", "0.51")
    assert look(row) == 0
    row.refresh_from_db()
    assert (row.status, row.reasons[0]["code"]) == (Signal.REFUSED, "recheck_gap_gone")
    store()
    assert Refusal.objects.get(code="recheck_gap_gone").stage == Refusal.RECHECK


def test_rest_that_does_not_answer_releases_nothing(redis, answers, rung):
    factories.a_pair()
    row = quarantined()
    answers[KALSHI] = None
    assert look(row) == 0
    row.refresh_from_db()
    assert row.status == Signal.QUARANTINED and "away" in row.recheck["error"]


def test_a_refusal_in_between_does_not_end_a_quarantine(redis, rung, settings):
    factories.a_pair()
    row = quarantined()
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms() + 60_000)  # by then its books are stale
    row.refresh_from_db()
    assert [reason["code"] for reason in row.reasons] == ["book_stale", "suspicious_edge"]
    detect_and_judge(*show(factories.unix_ms(), *GAP, number=2))
    row.refresh_from_db()
    assert (row.status, row.reasons[0]["code"]) == (Signal.QUARANTINED, "was_doubted")


def test_a_gap_on_a_pair_that_nobody_read_waits_for_a_person(redis, answers, rung, monkeypatch):
    monkeypatch.setattr("signals.catalogue.risk_of", lambda row: BetRisk(read_by_person=False))
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), ("0.36", "0.38"), ("0.50", "0.51")))
    row = Signal.objects.get()
    assert (row.status, [reason["code"] for reason in row.reasons]) == ("QUARANTINED", ["gap_unread"])
    assert rung == [], "no book answers that"
    assert look(row) == 0
    row.refresh_from_db()
    assert row.status == Signal.QUARANTINED


def test_a_person_releases_and_the_hurdles_still_stand(redis, rung):
    factories.a_pair()
    row = quarantined()
    rechecking.release(row.id, factories.a_person(), now=timezone.now())
    judging.judge([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    assert row.status == Signal.ACTIONABLE
    assert Notice.objects.filter(kind="signal_released", data__user="paula").exists()
    with pytest.raises(rechecking.ReleaseError, match="quarantine"):
        rechecking.release(row.id, factories.a_person(), now=timezone.now())


def test_recent_prices_hold_a_price_that_only_one_platform_has_moved_to(redis, rung):
    from markets import prices

    factories.a_pair()
    at_ms = factories.unix_ms()
    for number, mid in enumerate(("0.60", "0.60")):
        for window in show(at_ms - 20_000 + number, (mid, mid + "1"), ("0.50", "0.51"), number=number):
            prices.normalize(window, now_ms=at_ms - 20_000 + number * 1_000)
    windows = show(at_ms, *GAP, number=7)
    for window in windows:
        prices.normalize(window, now_ms=at_ms)
    detect_and_judge(*windows, now_ms=at_ms)
    row = Signal.objects.get()
    assert (row.status, [reason["code"] for reason in row.reasons]) == ("QUARANTINED", ["one_sided_move"])
    assert ("signals.recheck", {"signal_ids": row.id}) in rung


def test_a_recheck_is_kept_off_the_windows_queues():
    from arbsite.celery import _route

    assert _route("signals.recheck") == {"queue": "rest"} and _route("signals.decide") == {"queue": "signals"}


def test_the_admin_releases_for_those_who_may(redis, rung, client):
    factories.a_pair()
    row = quarantined()
    page, body = "/admin/signals/signal/", {"action": "release", "_selected_action": [row.id]}
    client.force_login(user("clerk", "signals.view_signal", is_staff=True))
    client.post(page, body)
    row.refresh_from_db()
    assert row.status == Signal.QUARANTINED
    client.force_login(user("trader", "signals.view_signal", "signals.release_signal", is_staff=True))
    assert b"judged again" in client.post(page, body, follow=True).content
    row.refresh_from_db()
    assert row.status == Signal.PENDING and row.cleared
    assert b"Only a signal in quarantine" in client.post(page, body, follow=True).content
