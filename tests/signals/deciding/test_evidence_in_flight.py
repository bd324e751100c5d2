"""What stands for a pair's markets decides on its signals, is stored with them, and everybody hears of it."""

import io
import json
from decimal import Decimal

import msgspec
import pytest
from django.core.management import call_command

from arbsite import keys
from arbsite.models import Notice
from arbsite.registry import Broken
from signals import unreadable
from signals.deciding import judging, rechecking
from signals.deciding.refusing import store
from signals.models import Refusal, Signal
from signals.records import storing
from signals.sources import checks as source_checks
from signals.sources.calendar import guards
from signals.sources.calendar.guards import SUSPEND, WIDEN
from tests import factories
from tests.arbsite.callers import reader
from tests.signals.deciding.test_rechecking import answers, quarantined, rung
from tests.signals.standings import KAL, MINUTE, POLY, said, schedule, silence, stand
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, NONE, detect_and_judge, show

__all__ = ["answers", "rung"]
pytestmark = pytest.mark.django_db(transaction=True)


def judged(gap=GAP, number=1) -> Signal:
    detect_and_judge(*show(factories.unix_ms(), *gap, number=number))
    return Signal.objects.get()


def codes(row: Signal) -> list[str]:
    return [reason["code"] for reason in row.reasons]


def steps(row: Signal) -> dict[str, Decimal]:
    return {step.name: step.dollars for step in storing.steps_of(row.metadata)}


def test_without_evidence_a_row_says_nothing_of_it(redis):
    factories.a_pair()
    row = judged()
    assert (row.status, row.sources, steps(row)["evidence"]) == (Signal.ACTIONABLE, ["price"], 0)
    assert "joined" not in row.metadata and "evidence" not in row.metadata


def test_a_veto_refuses_and_is_counted_and_ends_with_the_evidence(redis):
    factories.a_pair()
    stand(said())
    row = judged()
    assert (row.status, codes(row), row.sources) == (Signal.REFUSED, ["evidence_veto"], ["price", "news"])
    (voice,) = row.metadata["evidence"]
    assert (voice["source"], voice["item"], voice["effect"]) == ("news:fed", "news:1", "veto")
    store()
    assert Refusal.objects.get(code="evidence_veto").signal_id == row.id
    silence()
    row = judged(number=2)
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    assert (row.status, row.sources) == (Signal.ACTIONABLE, ["price"]) and "joined" not in row.metadata


@pytest.mark.parametrize(
    "spoil",
    [b"", b"\xc1", b"no message", b"\x91\x01", b"[]", b"\xff" * 40],
    ids=["empty", "no such byte", "text", "another shape", "JSON", "noise"],
)
@pytest.mark.parametrize("name", [keys.evidence, keys.guards], ids=["claims", "guards"])
def test_a_value_that_cannot_be_read_is_unknown_and_stops_nobody(redis, name, spoil):
    factories.a_pair()
    stand(said(probability=0.65), market=KAL)
    redis.set(name(*POLY), spoil)
    row = judged()
    assert row.status == Signal.ACTIONABLE and row.sources == [
        "price",
        "news",
    ]  # the other market is heard as ever


def test_unreadable_evidence_is_counted_and_told_once(redis):
    factories.a_pair()
    assert source_checks.evidence() == "all that stands can be read"
    for market in (POLY, KAL):
        redis.set(keys.evidence(*market), b"noise")
    redis.zadd(keys.prices(*POLY), {b"noise": factories.unix_ms()})
    for number in (1, 2):
        row = judged(number=number)
        Signal.objects.update(status=Signal.PENDING)
        judging.judge([row.id], now_ms=factories.unix_ms())
    (notice,) = Notice.objects.filter(kind="evidence_unreadable")
    assert notice.subject in (keys.evidence(*POLY), keys.evidence(*KAL))
    assert unreadable.counted() >= 6 and set(redis.hgetall(keys.UNREADABLE)) >= {
        name.encode() for name in (keys.evidence(*POLY), keys.evidence(*KAL), keys.prices(*POLY))
    }
    assert 0 < redis.ttl(keys.UNREADABLE) <= keys.UNREADABLE_TTL
    with pytest.raises(Broken, match="count as unknown"):
        source_checks.evidence()


def test_a_guard_whose_hurdle_is_no_number_is_unknown(redis):
    schedule(SUSPEND)
    spoilt = msgspec.msgpack.decode(redis.get(keys.guards(*POLY)))
    spoilt[0][-1] = "much"
    redis.set(keys.guards(*POLY), msgspec.msgpack.encode(spoilt))
    assert guards.of([POLY], now_ms=factories.unix_ms()) == {} and unreadable.counted() == 1


def test_an_event_that_is_near_refuses(redis):
    factories.a_pair()
    schedule(SUSPEND, market=KAL)
    row = judged()
    assert (row.status, codes(row), row.sources) == (Signal.REFUSED, ["event_near"], ["price", "calendar"])


def test_a_wider_hurdle_is_a_step_of_the_waterfall(redis):
    factories.a_pair()
    plain = steps(judged())
    schedule(WIDEN, hurdle="0.01")
    row = judged(gap=(("0.42", "0.43"), ("0.50", "0.51")), number=2)
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    falls = steps(row)
    assert row.status == Signal.ACTIONABLE
    assert falls["evidence"] == -Decimal(row.metadata["waterfall"]["payoff"]) / 100
    assert falls["expected"] == plain["expected"] + falls["evidence"]
    assert row.expected_edge == (falls["expected"] / Decimal(row.metadata["waterfall"]["payoff"])).quantize(
        Decimal("0.000001")
    )
    schedule(WIDEN, hurdle="0.06")
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms())
    row.refresh_from_db()
    assert codes(row) == ["below_evidence_hurdle"]


def test_moderate_evidence_is_kept_when_the_figures_are_refreshed(redis):
    factories.a_pair()
    stand(said(probability=0.65))
    row = judged()
    assert row.status == Signal.ACTIONABLE and Decimal(row.metadata["joined"]["shrink"]) < 1
    before = row.confidence
    row = judged(gap=(("0.41", "0.42"), GAP[1]), number=2)
    assert row.metadata["evidence"] and row.sources == ["price", "news"] and row.status == Signal.ACTIONABLE
    assert row.confidence <= Decimal("0.5") and before <= Decimal("0.5")


def test_everybody_hears_of_it_once(redis, client):
    factories.a_pair()
    judged()
    stand(said(probability=0.65))
    row = judged(gap=(("0.41", "0.42"), GAP[1]), number=2)
    heard = [fields for _, fields in redis.xrange(keys.SIGNAL_STREAM)]
    assert heard[0][b"sources"] == b"price" and heard[-1][b"sources"] == b"price,news"
    count = len(heard)
    Signal.objects.update(status=Signal.PENDING)
    judging.judge([row.id], now_ms=factories.unix_ms())
    assert redis.xlen(keys.SIGNAL_STREAM) == count  # the same items do the same
    out = io.StringIO()
    call_command("scan", "--json", stdout=out)
    (shown,) = json.loads(out.getvalue())["opportunities"]
    assert shown["sources"] == ["price", "news"] and shown["evidence"][0]["item"] == "news:1"
    out = io.StringIO()
    call_command("scan", stdout=out)
    assert "with news" in out.getvalue()
    headers = reader("signals.view_signal")
    api = client.get(f"/api/v1/opportunities/{row.id}", headers=headers).json()
    assert api["sources"] == ["price", "news"] and api["evidence"][0]["effect"] == "shrink"


def test_nothing_is_asked_where_nothing_passed(redis, monkeypatch):
    factories.a_pair()
    asked = []
    of = judging.bearing.of
    monkeypatch.setattr(
        judging.bearing,
        "of",
        lambda markets, now_ms: asked.append(list(markets)) or of(markets, now_ms=now_ms),
    )
    judged(gap=(("0.45", "0.46"), ("0.50", "0.51")))  # a cent after fees: below the hurdle
    assert asked == []
    judged(number=2)
    assert [sorted(markets) for markets in asked] == [sorted([POLY, KAL])]


def test_a_market_that_was_quiet_before_the_story_answers_it_for_good(redis):
    """Its only price of the last minutes is the answer: that it has moved is seen from the one before."""
    factories.a_pair()
    now_ms = factories.unix_ms()
    for happened in (2 * MINUTE, 25 * MINUTE):
        stand(said(happened_ms=now_ms - happened, seen_ms=now_ms - happened))
        for market, (before, after) in ((POLY, ("0.2", "0.435")), (KAL, ("0.3", "0.505"))):
            redis.delete(keys.prices(*market))
            for at, mid in ((30 * MINUTE, before), (happened - 1_000, after)):
                entry = json.dumps({"mid": mid, "at": at})
                redis.zadd(keys.prices(*market), {entry: now_ms - at})
        row = judged()
        assert (row.status, codes(row)) == (Signal.ACTIONABLE, [])
        assert row.metadata["evidence"][0]["effect"] in ("noted", "enlarge")
        Signal.objects.all().delete()


def test_what_the_gap_had_is_gone_with_it(redis):
    factories.a_pair()
    stand(said())
    judged()
    row = judged(gap=NONE, number=2)
    assert row.status == Signal.CLOSED


def test_a_second_look_does_not_release_what_evidence_vetoes(redis, answers, rung):
    factories.a_pair()
    row = quarantined()
    stand(said())
    assert rechecking.recheck([row.id], clock=factories.unix_ms) == 0
    row.refresh_from_db()
    assert row.status == Signal.REFUSED and codes(row)[0] == "evidence_veto"
