"""A gap between the mids of a proposed pair is evidence against the match, and is noted on it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from arbsite.models import Notice
from markets.models import Market, Pair
from markets.pairing import pair_evidence
from markets.platforms.base import KALSHI
from signals import pair_gaps, tasks
from tests import factories
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import show

pytestmark = pytest.mark.django_db(transaction=True)
APART = (("0.30", "0.32"), ("0.50", "0.52"))


@pytest.fixture
def proposed(redis):
    pair = factories.a_pair()
    Pair.objects.update(status=Pair.PROPOSED)
    pair.refresh_from_db()
    return pair


def gaps(**ago):
    return [(gap.pair_id, gap.gap) for gap in pair_gaps.found(now_ms=factories.unix_ms())]


def test_ten_cents_apart_speaks_against_a_proposed_pair(proposed):
    show(factories.unix_ms(), *APART)
    assert gaps() == [(proposed.pk, D("0.20"))]
    Pair.objects.update(inverted=True)  # then 0.31 here is 0.69 there
    assert gaps() == [(proposed.pk, D("0.18"))]


def test_near_prices_stale_books_and_markets_nobody_follows_say_nothing(proposed):
    show(factories.unix_ms(), ("0.45", "0.47"), ("0.50", "0.52"))
    assert gaps() == []
    show(factories.unix_ms() - 60_000, *APART)
    assert gaps() == []
    show(factories.unix_ms(), *APART)
    Market.objects.filter(platform=KALSHI).update(followed=False)
    assert gaps() == []


def test_what_a_person_has_decided_is_left_alone(proposed):
    show(factories.unix_ms(), *APART)
    Pair.objects.update(status=Pair.REJECTED)
    assert gaps() == [] and not pair_evidence.note_gap(proposed.pk, D("0.2"), datetime.now(UTC))


def test_it_is_noted_on_the_pair_once_a_day(proposed):
    show(factories.unix_ms(), *APART)
    tasks.note_pair_gaps()
    tasks.note_pair_gaps()
    notice = Notice.objects.get(kind="pair_gap")
    assert notice.data == {"pair": proposed.pk, "gap": "0.200000"} and notice.subject == str(proposed)
    assert pair_evidence.note_gap(proposed.pk, D("0.2"), datetime.now(UTC) + timedelta(days=2))
