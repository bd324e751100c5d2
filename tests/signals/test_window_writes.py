"""Two workers look at one bet at once: who looked at older books must not undo what newer ones showed."""

from decimal import Decimal

import pytest

from signals import services
from signals.deciding import judging
from signals.models import Signal
from signals.times import utc
from tests import factories
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, HUGE, NONE, detect_and_judge, show

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_look_at_older_books_does_not_end_what_newer_ones_showed(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *GAP), now_ms=at_ms)
    row = Signal.objects.get()
    for window_id in show(at_ms - 700, *NONE, number=9):
        services.detect(window_id, now_ms=at_ms - 500)
    row.refresh_from_db()
    assert row.status == Signal.ACTIONABLE


def test_a_verdict_on_older_figures_does_not_count_for_newer_ones(redis, monkeypatch):
    factories.a_pair()
    at_ms = factories.unix_ms()
    judge = judging._verdicts

    def meanwhile(*args):
        found = judge(*args)
        if Signal.objects.get().edge < Decimal("0.1"):
            for window_id in show(at_ms + 10, *HUGE, number=3):
                services.detect(window_id, now_ms=at_ms + 10)
        return found

    monkeypatch.setattr("signals.deciding.judging._verdicts", meanwhile)
    detect_and_judge(*show(at_ms, *GAP), now_ms=at_ms)
    row = Signal.objects.get()
    assert row.edge > Decimal("0.1") and row.status == Signal.PENDING, "it waits for its own judge"


def test_a_gap_that_flickers_is_still_held_for_what_it_was_doubted_for(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    for number, books in enumerate((HUGE, NONE, GAP)):
        detect_and_judge(*show(at_ms + 100 * number, *books, number=number), now_ms=at_ms + 100 * number)
    first, second = Signal.objects.order_by("created_at")
    assert first.status == Signal.CLOSED and second.status == Signal.QUARANTINED
    assert [reason["code"] for reason in second.reasons] == ["was_doubted"]


def test_doubts_are_forgotten_after_a_while(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    for number, books in enumerate((HUGE, NONE)):
        detect_and_judge(*show(at_ms + 100 * number, *books, number=number), now_ms=at_ms + 100 * number)
    Signal.objects.update(closed_at=utc(at_ms) - 2 * services.DOUBTS_LAST)
    detect_and_judge(*show(at_ms + 300, *GAP, number=3), now_ms=at_ms + 300)
    assert Signal.objects.latest("created_at").status == Signal.ACTIONABLE
