"""`manage.py match` on the database: it proposes, people decide, and nothing trades before that."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from markets import store
from markets.models import Bet, Market, Pair
from markets.pairing import pairs
from markets.platforms.base import KALSHI, POLYMARKET
from tests import factories
from tests.arbsite.callers import user
from tests.factories import IDS, NOW

pytestmark = pytest.mark.django_db
QUESTION = "Will Bitcoin be above $100,000 on December 31, 2026?"
RULES = "Resolves to Yes if Bitcoin is above $100,000 on December 31, 2026, according to CF Benchmarks."


def match(*arguments):
    out = StringIO()
    call_command("match", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def two_markets():
    words = {"question": QUESTION, "rules": RULES, "resolution_source": "CF Benchmarks", "category": "Crypto"}
    store.upsert([factories.info(platform, **words) for platform in (POLYMARKET, KALSHI)], now=NOW)


def test_markets_that_ask_the_same_are_proposed_and_not_traded(two_markets):
    (found,) = json.loads(match("--json"))
    assert (found["polymarket_id"], found["kalshi_id"]) == (IDS[POLYMARKET], IDS[KALSHI])
    pair = Pair.objects.get()
    assert (pair.status, pair.verdict, pair.origin) == (Pair.PROPOSED, found["verdict"], Pair.MATCHER)
    assert pair.verdict == "same" and pair.reasons == found["reasons"]
    assert not Bet.objects.filter(status=Bet.ACTIVE).exists()


def test_a_rejected_pair_is_not_proposed_again(two_markets):
    match()
    pairs.reject(Pair.objects.get(), user("r", "markets.approve_pair"), note="another source", now=NOW)
    match()
    assert Pair.objects.get().status == Pair.REJECTED


def test_a_market_that_should_have_ended_is_left_out(two_markets):
    Market.objects.filter(platform=KALSHI).update(end_date=datetime.now(UTC) - timedelta(minutes=1))
    assert json.loads(match("--json")) == [] and not Pair.objects.exists()


def test_a_pair_that_waits_hears_that_it_now_looks_different(two_markets):
    match()
    Market.objects.filter(platform=KALSHI).update(
        question=QUESTION.replace("100,000", "110,000"), rules=RULES.replace("100,000", "110,000")
    )
    match()
    assert Pair.objects.get().verdict == "different" and Pair.objects.get().vetoes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--review",), "Say who decides"),
        (("--review", "--user", "nobody"), "no user 'nobody'"),
        (("--polymarket", "a.json"), "Give both"),
        (("--per-market", "0"), "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_word(arguments, words):
    with pytest.raises(CommandError, match=words):
        match(*arguments)


def test_a_review_needs_the_permission():
    user("reader")
    with pytest.raises(CommandError, match="may not decide"):
        match("--review", "--user", "reader")
