"""Everything that evidence is made of goes after its days, and only that."""

from datetime import timedelta

import pytest

from arbsite import schedule
from signals.correlating import forgetting
from signals.correlating.tasks import forget
from signals.models import CalendarEvent, NewsCarrier, NewsEvent, PriceMove, WhaleAlert
from tests.signals.correlating.stored import NOW, market

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
OLD, YOUNG = NOW - 91 * DAY, NOW - 89 * DAY


def story(name, at, *carried):
    event = NewsEvent.objects.create(headline=name, seen_at=at, created_at=at)
    for number, seen in enumerate((at, *carried)):
        NewsCarrier.objects.create(
            event=event, via=f"v{number}", external_id=name, outlet="o", owner="o", title=name, seen_at=seen
        )


def test_what_is_old_goes_in_pieces_and_the_rest_stays(monkeypatch):
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    head = WhaleAlert.objects.create(key="head", created_at=OLD)
    for number in range(4):
        WhaleAlert.objects.create(key=f"old{number}", created_at=OLD, chained_to=head)
    young = WhaleAlert.objects.create(key="young", created_at=YOUNG, chained_to=head)
    story("old", OLD)
    story("young", YOUNG)
    story("told again", OLD, YOUNG)
    assert forgetting.forget(now=NOW) == 5 + 2
    young.refresh_from_db()
    assert list(WhaleAlert.objects.all()) == [young] and young.chained_to is None
    assert set(NewsEvent.objects.values_list("headline", flat=True)) == {"young", "told again"}
    assert NewsCarrier.objects.count() == 3
    assert forgetting.forget(now=NOW) == 0


def test_old_moves_are_forgotten():
    for name, at in (("KX-1", OLD), ("KX-2", YOUNG)):
        PriceMove.objects.create(
            market=market(name), kind="jump", direction=1, strength=1, happened_at=at, seen_at=at
        )
    assert forgetting.forget(now=NOW) == 1
    assert PriceMove.objects.get().market_id == "KX-2"


def test_past_closes_are_forgotten_sooner_and_decisions_never():
    for name, importance, days in (("old", "low", 31), ("new", "low", 29), ("FOMC", "high", 400)):
        CalendarEvent.objects.create(name=name, source="s", starts_at=NOW - days * DAY, importance=importance)
    assert forgetting.forget(now=NOW) == 1
    assert set(CalendarEvent.objects.values_list("name", flat=True)) == {"new", "FOMC"}


def test_it_is_done_every_hour():
    assert forget.name in {row.task for row in schedule.INTERNAL}
    forget()
