"""What stands for a pair's markets decides on its signals, is stored with them, and everybody hears of it."""

import io
import json
from decimal import Decimal

import pytest
from django.core.management import call_command

from arbsite import keys
from signals.deciding import judging, rechecking
from signals.deciding.refusing import store
from signals.models import Refusal, Signal
from signals.records import storing
from signals.sources.calendar.guards import SUSPEND, WIDEN
from tests import factories
from tests.arbsite.callers import reader
from tests.signals.deciding.test_rechecking import answers, quarantined, rung
from tests.signals.standings import KAL, POLY, said, schedule, silence, stand
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
