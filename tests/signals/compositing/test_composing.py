"""Proposals as rows: opened by scored evidence alone, told, closed with it, and never executed by the machine."""

import io
import shlex
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from arbsite import keys
from arbsite.models import Notice
from execution import services as execution
from execution import signal_reader
from execution.by_hand import signals_by_hand
from execution.by_hand.asking import Refused
from execution.models import Order, Plan
from signals import services
from signals.compositing import composing, measured
from signals.deciding import judging
from signals.models import Prediction, Signal
from signals.records import closing, document
from signals.sources.calendar.guards import SUSPEND
from tests import factories
from tests.arbsite.callers import reader, user
from tests.factories import IDS, KALSHI, POLYMARKET
from tests.signals.standings import KAL, MINUTE, said, schedule, silence, stand
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import NONE, show

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
TRADE = "execution.can_trade"
SPECIFIED = [
    "signal_id", "type", "market_a", "market_b", "expected_profit", "confidence", "sources", "recommended_action",
    "time_to_expiry", "metadata",
]  # fmt: skip


def judged(source="news:fed", kind="headline", hits=80, misses=40, hit="0.10", miss="-0.02"):
    """Predictions of the past: how far the mid went with the claim, and against it."""
    then = timezone.now() - timedelta(days=1)
    Prediction.objects.bulk_create(
        Prediction(
            source=source, kind=kind, item=f"{source}:{number}", market_id=IDS[POLYMARKET], direction=1, strength=D("0.9"),
            probability=D("0.8"), happened_at=then, seen_at=then, horizon_seconds=1800, half_life_seconds=900, due_at=then,
            mid=D("0.50"), end_mid=D("0.50") + D(hit if number < hits else miss),
            outcome=Prediction.HIT if number < hits else Prediction.MISS,
        )
        for number in range(hits + misses)
    )  # fmt: skip


def claim(item="news:1", source="news:fed", market_id=IDS[POLYMARKET]):
    """An open prediction: without one nobody looks at the market."""
    now = timezone.now()
    Prediction.objects.create(
        source=source, kind="headline", item=item, market_id=market_id, direction=1, strength=D("0.9"),
        probability=D("0.85"), happened_at=now, seen_at=now, horizon_seconds=1800, half_life_seconds=900,
        due_at=now + timedelta(minutes=30),
    )  # fmt: skip


@pytest.fixture
def ready(redis):
    """A pair without a gap on live books, a proven source, and one of its claims about the Polymarket market."""
    measured.forget()
    factories.a_pair()
    show(factories.unix_ms(), *NONE, size="1000")
    judged()
    claim()
    stand(said())
    yield
    measured.forget()


def compose() -> int:
    return composing.compose(now=timezone.now())


def proposed() -> Signal:
    assert compose() == 1
    return Signal.objects.get()


def test_a_claim_becomes_one_leg_for_a_person(ready, redis):
    row = proposed()
    assert (row.status, row.type, row.sources, row.bet_id) == (Signal.PROPOSED, "news", ["news"], None)
    assert (row.market_a, row.market_b, row.direction) == (IDS[POLYMARKET], None, "polymarket:YES")
    assert row.net_profit > 0 and row.profit_pct > 0 and D("0.84") < row.confidence <= D("0.85")
    assert row.outlay <= 50  # a quarter of EVIDENCE_PROPOSAL_DOLLARS
    (leg,) = row.metadata["legs"]
    assert (leg["outcome"], leg["side"], leg["limit_price"]) == ("YES", "BUY", "0.500000")
    notice = Notice.objects.get(kind="signal_proposed")
    assert notice.severity == "LOW" and row.metadata["command"] in notice.message
    (entry,) = [fields for _, fields in redis.xrange(keys.SIGNAL_STREAM)]
    assert (entry[b"event"], entry[b"sources"], entry[b"recommended_action"], entry[b"market_b"]) == (
        b"opened", b"news", b"BUY_A", b"",
    )  # fmt: skip
    assert 1_790 <= int(entry[b"time_to_expiry"]) <= 1_800


def test_composing_again_changes_nothing(ready):
    row = proposed()
    refreshed = row.refreshed_at
    compose()
    row = Signal.objects.get()
    assert row.refreshed_at > refreshed and Notice.objects.filter(kind="signal_proposed").count() == 1


def test_two_kinds_of_sources_are_composite(ready):
    judged("whale:chain")
    stand(said(), said(source="whale:chain", item="whale:1"))
    row = proposed()
    assert (row.type, row.sources) == ("composite", ["whale", "news"])
    assert {voice["item"]: voice["effect"] for voice in row.metadata["evidence"]} == {
        "news:1": "supports", "whale:1": "supports",
    }  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [{"lower": None}], [{"weight": 0.0}], [{"lower": 0.2}], [{"direction": 0}], [{"source": "price", "kind": "jump"}],
        [{}, {"source": "news:new", "item": "news:9", "direction": -1, "lower": None}], [],
    ],
    ids=["no score", "noise", "below its costs", "no direction", "prices alone", "contradicted", "nothing stands"],
)  # fmt: skip
def test_nothing_less_is_proposed(ready, rows):
    judged("price", "jump")
    silence()
    if rows:
        stand(*(said(**changes) for changes in rows))
    assert compose() == 0 and not Signal.objects.exists()


def test_a_source_of_which_too_little_was_judged_proposes_nothing(ready):
    Prediction.objects.filter(outcome=Prediction.MISS).delete()
    measured.forget()
    assert compose() == 0


def test_near_an_event_nothing_is_proposed(ready):
    schedule(SUSPEND)
    assert compose() == 0


def test_switched_off_by_the_setting(ready, settings, monkeypatch):
    evidence = settings.ARBSITE.evidence.model_copy(update={"proposal_dollars": D(0)})
    monkeypatch.setattr(settings.ARBSITE, "evidence", evidence)
    assert compose() == 0


def test_it_is_closed_when_its_evidence_lapses(ready):
    row = proposed()
    silence()
    assert compose() == 1
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Signal.CLOSED, "evidence_lapsed")
    assert Notice.objects.filter(kind="signal_closed", subject=row.id).exists()
    assert document.time_to_expiry(row, timezone.now()) == 0


def test_it_is_closed_when_it_is_due(ready):
    row = proposed()
    composing.compose(now=timezone.now() + timedelta(minutes=31))
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Signal.CLOSED, "evidence_lapsed")


def test_it_is_closed_when_the_price_ran_away(ready):
    row = proposed()
    show(factories.unix_ms(), ("0.40", "0.60"), NONE[1], size="1000", number=2)  # a spread of 20 cents
    compose()
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Signal.CLOSED, "not_worth_it")


def test_while_its_book_is_silent_it_stands_for_a_while_and_then_expires(ready, redis):
    row = proposed()
    redis.delete(keys.book(POLYMARKET, IDS[POLYMARKET]))
    assert compose() == 0
    composing.compose(now=timezone.now() + timedelta(seconds=40))
    row.refresh_from_db()
    assert (row.status, row.close_reason) == (Signal.EXPIRED, "unconfirmed")


def test_one_is_open_for_each_market_and_direction(ready):
    row = proposed()
    with pytest.raises(IntegrityError), transaction.atomic():
        Signal.objects.create(id="sig_2", type="news", kind="proposal", status="PROPOSED", market_a=row.market_a,
                              direction=row.direction)  # fmt: skip


def test_a_claim_about_the_other_market_is_a_proposal_of_its_own(ready):
    claim("news:1", market_id=IDS[KALSHI])
    stand(said(direction=-1), market=KAL)
    assert compose() == 2
    row = Signal.objects.get(market_a=IDS[KALSHI])
    assert row.direction == "kalshi:NO" and row.metadata["recommended_action"] == "SELL_A"


# --- the machine leaves it alone


def test_no_part_of_the_machine_executes_it(ready, redis):
    row = proposed()
    at_ms = factories.unix_ms()
    assert judging.judge([row.id], now_ms=at_ms) == 0
    assert execution.act_on([row.id], now_ms=at_ms) == 0
    redis.set(keys.found("w"), row.id)
    assert execution.execute("w", now_ms=at_ms) == 0
    assert signal_reader.serve("test", now_ms=at_ms) == 0
    late = timezone.now() + timedelta(hours=1)
    assert row.id not in services.unserved(now=late, older_than=timedelta(seconds=3))
    assert closing.expire(now=late) == 0 and closing.close_suspended(now=late) == 0
    row.refresh_from_db()
    assert row.status == Signal.PROPOSED and not Plan.objects.exists() and not Order.objects.exists()


def test_executing_it_by_hand_is_refused_with_the_command(ready):
    row, tina = proposed(), user("tina", TRADE)
    for dry_run in (True, False):
        with pytest.raises(Refused, match=r"manage\.py order submit polymarket") as error:
            signals_by_hand.execute(row.id, tina, timezone.now(), dry_run=dry_run)
        assert error.value.code == "signal_proposed"
    row.refresh_from_db()
    assert row.status == Signal.PROPOSED and not Order.objects.exists()


def test_a_person_places_it_with_the_command_as_printed(ready, monkeypatch):
    row = proposed()
    user("tina", TRADE)
    monkeypatch.setattr("execution.by_hand.asking.unready", lambda now: None)
    _, *words = shlex.split(row.metadata["command"])
    out = io.StringIO()
    call_command(*words, stdout=out)
    order = Order.objects.get()
    assert (order.role, order.signal_id, order.quantity, order.price, order.outcome) == (
        "MANUAL", row.id, row.size, D("0.5"), "YES",
    )  # fmt: skip
    row.refresh_from_db()
    assert row.status == Signal.EXECUTED
    compose()  # its evidence still stands: it is not proposed again
    assert Signal.objects.count() == 1
    with pytest.raises(CommandError, match="signal_executed"):
        call_command(*words, stdout=out)


# --- the document


def test_the_document_is_the_specification_s(ready, client):
    row = proposed()
    now = timezone.now()
    found = document.document(row, now)
    assert list(found) == SPECIFIED
    assert (
        found["market_a"] == {"platform": "polymarket", "market_id": IDS[POLYMARKET]}
        and found["market_b"] is None
    )
    assert (found["type"], found["recommended_action"], found["sources"]) == ("news", "BUY_A", ["news"])
    assert found["expected_profit"] == row.profit_pct and found["confidence"] == row.confidence
    assert 0 < found["time_to_expiry"] <= 30 * MINUTE // 1_000
    falls = {step["step"]: step["dollars"] for step in found["metadata"]["waterfall"]}
    assert falls["move"] + falls["spread"] + falls["fees"] == falls["expected"]
    assert found["metadata"]["command"].startswith("manage.py order submit polymarket")
    headers = reader("signals.view_signal")
    shown = client.get(f"/api/v1/signals/{row.id}", headers=headers).json()
    assert list(shown) == SPECIFIED and shown["signal_id"] == row.id
    assert shown["metadata"]["evidence"][0]["note"] == "Rates <b>cut</b>"
