"""The refusal ledger: every reason counted once an hour and gap, with what became of it."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from arbsite import keys
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED
from signals import services, tasks
from signals.deciding import fates, judging, refusing
from signals.deciding.refusing import Tally
from signals.findings import BOOK_STALE, EMPTY_SIDE, Result
from signals.findings import Refusal as Why
from signals.models import Refusal, Signal
from signals.records import closing
from tests import factories
from tests.arbsite.callers import reader
from tests.factories import IDS
from tests.signals.windows import *  # noqa: F403
from tests.signals.windows import GAP, backdate, detect_and_judge, show

SMALL = (("0.45", "0.46"), ("0.50", "0.51"))  # four cents: about one after fees


def stored() -> list[Refusal]:
    refusing.push(factories.unix_ms(), at_once=True)
    refusing.store()
    return list(Refusal.objects.order_by("code", "bet_id"))


def test_absence_is_counted_for_the_hour_and_everything_else_for_its_bet(redis, db):
    now_ms = 1_790_856_000_000
    for number in range(1_000):
        refusing.detected(
            [
                Why("b", EMPTY_SIDE, f"nobody sells {number}", "d"),
                Why(f"b{number % 2}", BOOK_STALE, "old", "d"),
            ],
            now_ms + number,
        )
    assert not Refusal.objects.exists(), "nothing is written on the way"
    rows = stored()
    assert [(row.code, row.bet_id, row.count) for row in rows] == [
        (BOOK_STALE, "b0", 500), (BOOK_STALE, "b1", 500), (EMPTY_SIDE, "", 1_000),
    ]  # fmt: skip
    assert rows[2].sentence == "nobody sells 999" and rows[2].fate == Refusal.NONE
    refusing.detected([Why("b0", BOOK_STALE, "older", "d"), Why("b0", BOOK_STALE, "x", "e")], now_ms + 5_000)
    rows = stored()
    assert [(row.bet_id, row.direction, row.count) for row in rows][:2] == [("b0", "d", 501), ("b0", "e", 1)]
    assert rows[0].sentence == "older"


def test_counts_go_to_redis_about_once_a_second(redis, db):
    for at_ms in (10_000, 10_500, 10_999, 11_000):
        refusing.detected([Why("b", BOOK_STALE, "old")], at_ms)
        refusing.push(at_ms)
    assert redis.llen(keys.REFUSALS) == 2 and 0 < redis.ttl(keys.REFUSALS) <= keys.REFUSALS_TTL
    refusing.store()
    assert Refusal.objects.get().count == 4


tallies = st.builds(
    Tally, st.just("decide"), st.integers(1, 9), st.integers(0, 99), st.integers(0, 99), st.text(max_size=3), st.just("s"),
    st.none(), st.one_of(st.none(), st.integers(-9, 9).map(D)),
)  # fmt: skip


@given(st.lists(tallies, min_size=1, max_size=6))
def test_counting_in_parts_is_counting(parts):
    total = Tally("decide", 0, 10**6, -1, "")
    for part in parts:
        total.add(part)
    assert total.count == sum(part.count for part in parts)
    assert total.first_ms == min(part.first_ms for part in parts)
    assert total.last_ms == max(part.last_ms for part in parts)
    assert total.profit == max((part.profit for part in parts if part.profit is not None), default=None)


def test_a_window_that_finds_nothing_hands_its_refusals_on_all_the_same(redis, transactional_db):
    factories.a_pair()
    at_ms = factories.unix_ms()
    services.detect(show(at_ms, *GAP)[0], now_ms=at_ms + 60_000)  # long stale by then
    refusing.store()
    assert Refusal.objects.get().code == "book_stale" and not Signal.objects.exists()


def test_what_execution_leaves_alone_is_counted_too(redis, transactional_db):
    factories.a_pair()
    detect_and_judge(*show(factories.unix_ms(), *GAP))
    row = Signal.objects.get()
    refusing.left(judging.finding_of(row), "max_bet_notional", "no room is left", row.id, factories.unix_ms())
    (one,) = stored()
    assert (one.code, one.stage, one.signal_id, one.best_profit) == (
        "max_bet_notional", "execute", row.id, row.net_profit,
    )  # fmt: skip


# --- fates


@pytest.fixture
def refused(redis, transactional_db):
    """A signal that was refused for its profit, as a row of the ledger."""
    factories.a_pair()
    at_ms = factories.unix_ms()
    detect_and_judge(*show(at_ms, *SMALL))
    assert Signal.objects.get().status == Signal.REFUSED
    (row,) = [row for row in stored() if row.code == "below_min_profit"]
    return row


def test_a_refusal_knows_the_finding_it_refused(refused):
    signal = Signal.objects.get()
    assert (refused.signal_id, refused.best_profit, refused.best_size) == (
        signal.id,
        signal.net_profit,
        signal.size,
    )
    assert D(refused.orders["outlay"]) == signal.outlay and len(refused.orders["legs"]) == 2
    assert "the minimum" in refused.sentence


@pytest.mark.parametrize(("ago", "fate"), [(0.0, Refusal.VANISHED), (60.0, Refusal.LASTED)])
def test_a_gap_that_is_gone_before_the_legs_could_fill_was_no_loss(refused, ago, fate):
    now = datetime.now(UTC)
    fates.follow(now=now)
    refused.refresh_from_db()
    assert refused.fate == Refusal.OPEN
    signal = Signal.objects.get()
    backdate(signal, seconds=ago)
    moved = refused.first_seen - timedelta(seconds=ago)
    Refusal.objects.filter(pk=refused.pk).update(first_seen=moved)
    signal.refresh_from_db()
    closing.end(signal, "gap_gone", signal.created_at + timedelta(seconds=ago, milliseconds=300)).save()
    fates.follow(now=now)
    refused.refresh_from_db()
    assert refused.fate == fate
    assert refused.lived_ms == pytest.approx(ago * 1_000 + 300, abs=5)


def test_what_is_refused_again_has_no_fate_yet(refused):
    Refusal.objects.update(fate=Refusal.LASTED, lived_ms=5_000)
    detect_and_judge(*show(factories.unix_ms(), *SMALL, size="90", number=2))
    rows = [row for row in stored() if row.code == "below_min_profit"]
    assert [(row.fate, row.lived_ms) for row in rows] == [(Refusal.OPEN, None)]


def test_a_gap_that_never_became_a_signal_lived_from_first_to_last_sight(redis, db):
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for code, seconds in (("fees_unknown", 20), ("book_stale", 0)):
        Refusal.objects.create(
            bet_id="b", code=code, hour=at, stage="detect", count=1, first_seen=at,
            last_seen=at + timedelta(seconds=seconds),
        )  # fmt: skip
    assert fates.follow(now=at + timedelta(seconds=35)) == 1, "the other one may still be seen again"
    assert fates.follow(now=at + timedelta(minutes=5)) == 1
    found = {row.code: (row.fate, row.lived_ms) for row in Refusal.objects.all()}
    assert found == {"fees_unknown": ("lasted", 20_000), "book_stale": ("vanished", 0)}


@pytest.mark.parametrize(("poly", "kalshi"), [("1", "1"), ("0", "0"), ("0.5", "0.5"), ("0", "1")])
def test_what_it_would_have_earned_is_told_by_the_actual_settlement(refused, poly, kalshi):
    fates.follow(now=datetime.now(UTC))
    refused.refresh_from_db()
    assert refused.settled_profit is None
    for platform, value in ((POLYMARKET, poly), (KALSHI, kalshi)):
        Market.objects.filter(pk=IDS[platform]).update(status=SETTLED, settlement_value=D(value))
    fates.follow(now=datetime.now(UTC))
    refused.refresh_from_db()
    paid = D(poly) + 1 - D(kalshi)  # YES there, NO here
    assert refused.settled_profit == refused.best_size * paid - D(refused.orders["outlay"])
    if poly == kalshi:
        assert refused.settled_profit == refused.best_profit
    else:
        assert refused.settled_profit < -refused.best_size / 2, "two bets, not one: a loss that was spared"


# --- the report


@pytest.fixture
def ledger(db):
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for number, (code, fate, profit) in enumerate(
        [("below_hurdle", "lasted", "12.5"), ("below_hurdle", "lasted", "-90"), ("below_hurdle", "vanished", "7"),
         ("book_stale", "open", None)]
    ):  # fmt: skip
        Refusal.objects.create(
            bet_id=f"b{number}", code=code, hour=at, stage="decide", count=10 + number, first_seen=at, last_seen=at,
            fate=fate, settled_profit=profit, best_edge=D("0.01") * number, sentence=f"because {number}",
        )  # fmt: skip
    return at


def test_the_report_is_by_reason(ledger):
    hurdle, stale = fates.report()
    assert (hurdle["code"], hurdle["refused"], hurdle["gaps"], hurdle["vanished"], hurdle["lasted"]) == (
        "below_hurdle", 33, 3, 1, 2,
    )  # fmt: skip
    assert (hurdle["settled"], hurdle["would_have"], hurdle["lost"]) == (2, D("-77.5"), 1), (
        "vanished gaps earn nothing"
    )
    assert (stale["code"], stale["open"], stale["would_have"]) == ("book_stale", 1, None)
    assert fates.report(since=ledger + timedelta(seconds=1)) == []


def report(*arguments):
    out = io.StringIO()
    call_command("refusals", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_table_and_json(ledger, redis):
    assert "below_hurdle" in report() and "Nothing" not in report()
    assert [row["code"] for row in json.loads(report("--json"))["reasons"]] == ["below_hurdle", "book_stale"]
    assert json.loads(report("--since", "2026-11-25", "--json"))["reasons"] == []
    assert "Nothing was refused" in report("--since", "2026-11-25")


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "0x", "-1d", "99999999999999d", ""])
def test_a_wrong_since_says_what_is_right(ledger, redis, since):
    if since:
        with pytest.raises(CommandError, match="24h"):
            report(f"--since={since}")


def test_the_api_lists_and_reports(ledger, client):
    headers = reader("signals.view_refusal")
    rows = client.get("/api/v1/refusals?code=below_hurdle&fate=lasted", headers=headers).json()["results"]
    assert len(rows) == 2 and {row["count"] for row in rows} == {10, 11}
    (hurdle, _) = client.get("/api/v1/refusals/report", headers=headers).json()["results"]
    assert hurdle["would_have"] == -77.5
    assert client.get("/api/v1/refusals/report?since=now", headers=headers).status_code == 400
    assert client.get("/api/v1/refusals?cod=x", headers=headers).status_code == 400


def test_the_oldest_are_forgotten(ledger):
    assert fates.forget_before(ledger) == 0
    assert fates.forget_before(ledger + timedelta(days=1)) == 4


def test_no_trade_waits_for_counts(monkeypatch):
    def full(*_args, **_more):
        raise ResponseError("OOM command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr("redis.client.Pipeline.execute", full)
    refusing.detected([Why("b", BOOK_STALE, "old")], 10_000)
    refusing.push(10_000, at_once=True)
    assert not refusing._counted, "and nothing piles up"


def test_every_reason_of_a_wide_bet_is_counted(redis, db, monkeypatch):
    factories.a_pair()
    both = (Why("w", "rules_missing", "one has no rules", "cover"), Why("w", "no_profit", "fees", "cover"))
    monkeypatch.setattr("signals.detection.detector.find", lambda *_: Result(refusals=both))
    at_ms = factories.unix_ms()
    services.detect(show(at_ms, *GAP)[0], now_ms=at_ms)
    assert {row.code for row in stored()} == {"rules_missing", "no_profit"}


def test_a_signal_that_cannot_be_judged_still_ends(redis, db, monkeypatch):
    factories.a_pair()
    at_ms = factories.unix_ms()
    for window_id in show(at_ms, *GAP):
        services.detect(window_id, now_ms=at_ms)
    row = Signal.objects.get()
    backdate(row, seconds=90)
    Signal.objects.update(metadata={})
    tasks.sweep()
    row.refresh_from_db()
    assert row.status == Signal.EXPIRED
