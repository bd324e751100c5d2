"""Verdicts: what may follow what, what is kept, what a platform's change takes away, and that nothing else is traded."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from kombu.exceptions import OperationalError

from arbsite import pipeline
from arbsite.models import Notice
from markets import bets, services, store, tasks
from markets.betting import decisions as bet_decisions
from markets.betting import store as bet_store
from markets.models import Bet, BetVersion, Market, Pair, PairVersion, UniverseRule
from markets.pairing import pairs, sandbox_pairs
from markets.platforms.base import CLOSED, KALSHI, OPEN, POLYMARKET, SETTLED
from signals import catalogue
from tests import factories
from tests.factories import IDS, NOW

LATER = NOW + timedelta(hours=1)


@dataclass
class Candidate:
    """What the matcher hands over."""

    polymarket_id: str = IDS[POLYMARKET]
    kalshi_id: str = IDS[KALSHI]
    score: float = 0.9
    verdict: str = "same"
    settlement: str = "clean"
    reasons: list = field(default_factory=lambda: ["same date"])
    vetoes: list = field(default_factory=list)


@pytest.fixture
def markets(db):
    store.upsert([factories.info(POLYMARKET), factories.info(KALSHI)], now=NOW)


def person():
    return factories.a_person()


def active_bets():
    catalogue.forget()
    return set(catalogue.current().bets)


# --- proposing


def test_a_candidate_waits_for_a_person(markets):
    assert pairs.propose([Candidate()], now=NOW) == 1
    pair = Pair.objects.get()
    assert (pair.status, pair.origin, pair.score, pair.verdict) == (
        "PROPOSED",
        "matcher",
        Decimal("0.9000"),
        "same",
    )
    assert pair.risk_class == "weather/clean" and pair.m0 == Decimal("0.005")
    assert pair.versions.get().user is None
    assert pairs.propose([Candidate()], now=NOW) == 0 and pair.versions.count() == 1


def test_an_inverted_candidate_is_proposed_as_inverted(markets):
    pairs.propose([Candidate(verdict="inverted")], now=NOW)
    assert Pair.objects.get().inverted


@pytest.mark.parametrize("candidate", [Candidate(verdict="different"), Candidate(kalshi_id="KXNOTHING")])
def test_what_is_no_pair_is_not_proposed(markets, candidate):
    assert pairs.propose([candidate], now=NOW) == 0 and not Pair.objects.exists()


def test_a_rejected_pair_comes_back_only_when_a_term_changed(markets):
    pairs.propose([Candidate()], now=NOW)
    pairs.reject(Pair.objects.get(), person(), now=NOW, note="another source")
    assert pairs.propose([Candidate(score=0.99)], now=LATER) == 0
    services.store_markets([factories.info(KALSHI, resolution_source="the same source")], now=LATER)
    assert pairs.propose([Candidate(score=0.99)], now=LATER) == 1
    assert Pair.objects.get().status == "PROPOSED"


def test_the_matcher_never_touches_what_a_person_approved(db):
    pair = factories.a_pair()
    assert pairs.propose([Candidate(verdict="different", settlement="timing")], now=LATER) == 0
    pair.refresh_from_db()
    assert (pair.status, pair.settlement) == ("APPROVED", "clean")


# --- deciding


def test_each_verdict_is_a_version(db):
    pair = factories.a_pair()
    pairs.suspend(pair, person(), now=NOW, note="to be read again")
    pairs.approve(pair, person(), now=LATER, inverted=True, note="read again")
    found = pair.versions.order_by("id")
    assert [(one.decision, one.note) for one in found] == [
        ("same", ""), ("suspended", "to be read again"), ("inverted", "read again"),
    ]  # fmt: skip
    assert found[0].seen["kalshi"]["rules"] == "It rains." and found[0].digest != found[2].digest


@pytest.mark.parametrize("statement", ["UPDATE pair_versions SET note = 'x'", "DELETE FROM pair_versions"])
def test_a_version_is_never_changed_or_deleted(db, statement):
    factories.a_pair()
    with (
        pytest.raises(IntegrityError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("before", ["APPROVED", "REJECTED"])
def test_what_may_not_follow_is_refused(db, before):
    pair = factories.a_pair()
    if before == "REJECTED":
        pairs.reject(pair, person(), now=NOW, note="no")
        with pytest.raises(pairs.PairError, match="is rejected and cannot become suspended"):
            pairs.suspend(pair, person(), now=NOW, note="x")
    else:
        with pytest.raises(pairs.PairError, match="is approved and cannot become approved"):
            pairs.approve(pair, person(), now=NOW)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rules": ""}, "it has no rules"),
        ({"rules": "If || Count || come."}, "placeholder"),
        ({"status": CLOSED}, "does not trade any more"),
    ],
)
def test_what_cannot_be_approved(markets, changes, sentence):
    pairs.propose([Candidate()], now=NOW)
    store.upsert([factories.info(KALSHI, **changes)], now=NOW)
    with pytest.raises(pairs.PairError, match=sentence):
        pairs.approve(Pair.objects.get(), person(), now=NOW)
    assert Pair.objects.get().status == "PROPOSED" and not active_bets()


def test_a_veto_needs_a_word(markets):
    pairs.propose([Candidate(verdict="review", vetoes=["another date"])], now=NOW)
    with pytest.raises(pairs.PairError, match="say in a note why it is wrong"):
        pairs.approve(Pair.objects.get(), person(), now=NOW)
    assert pairs.approve(Pair.objects.get(), person(), now=NOW, note="a misprint").status == "APPROVED"


@pytest.mark.parametrize("settlement", ["correlated", "timing", "unknown"])
def test_a_settlement_that_is_not_clean_is_written_on_the_bet(markets, settlement):
    pairs.propose([Candidate(settlement=settlement)], now=NOW)
    pair = pairs.approve(Pair.objects.get(), person(), now=NOW)
    assert pair.bet.settlement == settlement and pair.bet.m0 > Decimal("0.005")


def test_a_pair_by_hand_names_what_is_wrong(markets):
    for given, sentence in (
        ((IDS[KALSHI], IDS[POLYMARKET]), "is no polymarket market"),
        ((IDS[POLYMARKET], "KXNO"), "is no kalshi market"),
    ):
        with pytest.raises(pairs.PairError, match=sentence):
            pairs.enter(*given, person(), now=NOW)
    pairs.enter(IDS[POLYMARKET], IDS[KALSHI], person(), now=NOW, note="seen")
    with pytest.raises(pairs.PairError, match="there already"):
        pairs.enter(IDS[POLYMARKET], IDS[KALSHI], person(), now=NOW)
    with pytest.raises(pairs.PairError, match="settlement is one of"):
        pairs.approve(Pair.objects.get(), person(), now=NOW, settlement="sure")


# --- what a platform changes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rules": "It snows."}, "Kalshi changed its rules: “It rains.” became “It snows.”"),
        ({"question": "Will it snow?"}, "Kalshi changed its question"),
        ({"resolution_source": "a radar"}, "“a rain gauge” became “a radar”"),
        ({"extra": {"floor_strike": "3"}}, "“nothing” became “3”"),
    ],
)
def test_a_changed_term_suspends_and_says_what(
    db, monkeypatch, django_capture_on_commit_callbacks, changes, sentence
):
    pair, rung = factories.a_pair(), []
    monkeypatch.setattr(bet_store, "_ring", lambda: rung.append(True))
    assert active_bets() == {pair.bet_id}
    with django_capture_on_commit_callbacks(execute=True):
        services.store_markets([factories.info(KALSHI, **changes)], now=LATER)
    pair.refresh_from_db()
    notice = Notice.objects.get(kind="pair_suspended")
    assert (pair.status, pair.bet.status, notice.severity) == ("SUSPENDED", "SUSPENDED", "HIGH")
    assert sentence in notice.message and sentence in pair.suspended_why
    assert pair.versions.first().user is None and rung
    assert active_bets() == set()


def test_what_moves_by_itself_suspends_nothing(db):
    pair = factories.a_pair()
    stored = store.info_of(pair.kalshi)
    moved = replace(
        stored,
        volume=Decimal(7),
        settles=stored.settles + timedelta(days=2),
        extra={"expected_expiration_time": "later"},
    )
    services.store_markets([moved], now=LATER)
    pair.refresh_from_db()
    assert pair.status == "APPROVED"


def test_an_early_end_closes_and_asks_nobody(db):
    pair = factories.a_pair()
    stored = store.info_of(pair.kalshi)
    services.store_markets([replace(stored, status=CLOSED, end=stored.end - timedelta(days=3))], now=LATER)
    pair.refresh_from_db()
    assert (pair.status, pair.bet.status) == ("APPROVED", "CLOSED") and active_bets() == set()
    services.store_markets([stored], now=LATER)
    assert active_bets() == {pair.bet_id}


def test_a_later_end_while_it_trades_suspends(db):
    pair = factories.a_pair()
    stored = store.info_of(pair.kalshi)
    services.store_markets([replace(stored, end=stored.end + timedelta(days=3))], now=LATER)
    pair.refresh_from_db()
    assert pair.status == "SUSPENDED" and "end of trading" in pair.suspended_why


def test_a_change_that_finds_the_decision_taken_costs_the_refresh_nothing(db, monkeypatch):
    """Both platforms may change at once, or a person be quicker: the second to come must not undo a whole batch."""
    pair = factories.a_pair()

    def meanwhile(found):
        pairs.reject(found, person(), now=LATER, note="I was quicker")
        return ["Kalshi changed its rules"]

    monkeypatch.setattr(pairs, "changes_since", meanwhile)
    services.store_markets([factories.info(KALSHI, rules="It snows.")], now=LATER)
    pair.refresh_from_db()
    assert pair.status == "REJECTED" and Market.objects.get(pk=IDS[KALSHI]).rules == "It snows."


@pytest.mark.parametrize("error", [OperationalError("no broker"), ConnectionError])
def test_a_missing_broker_breaks_nothing(monkeypatch, caplog, error):
    class Step:
        def apply_async(self, **_):
            raise OperationalError("no broker") if error is ConnectionError else error

    monkeypatch.setattr(pipeline, "step", lambda *_: Step())
    bet_store._ring()
    assert "the sweep does it" in caplog.text


# --- nothing else is traded


@pytest.mark.parametrize("status", [one for one in Pair.STATUSES if one != Pair.APPROVED])
def test_only_an_approved_pair_reaches_the_detector(markets, status):
    pairs.propose([Candidate()], now=NOW)
    pair = Pair.objects.get()
    if status != Pair.PROPOSED:
        pair = pairs.approve(pair, person(), now=NOW)
        assert active_bets() == {pair.bet_id}
        (pairs.reject if status == Pair.REJECTED else pairs.suspend)(pair, person(), now=LATER, note="no")
    pair.refresh_from_db()
    assert pair.status == status and active_bets() == set()


@pytest.mark.parametrize("status", [one for one in Bet.STATES if one != Bet.ACTIVE])
def test_only_an_active_bet_reaches_the_detector(db, status):
    pair = factories.a_pair()
    Bet.objects.filter(pk=pair.bet_id).update(status=status)
    assert active_bets() == set()


@pytest.mark.parametrize("origin", ["texts", "hand"])
def test_the_database_refuses_an_active_bet_that_nobody_read(db, origin):
    with pytest.raises(IntegrityError, match="bets_read_before_active"), transaction.atomic():
        Bet.objects.create(id="b", kind="custom", states=["a"], status="ACTIVE", origin=origin)


# --- bets by hand


def a_bet():
    claims = (
        bets.Claim(POLYMARKET, IDS[POLYMARKET], "YES", frozenset({"rain"})),
        bets.Claim(KALSHI, IDS[KALSHI], "NO", frozenset({"dry"})),
    )
    return bet_decisions.enter(
        bets.Bet("hand:b", "custom", ("rain", "dry"), True, claims), "b", person(), now=NOW
    )


def test_a_bet_by_hand_is_suspended_by_a_changed_term(markets):
    bet = bet_decisions.decide(a_bet(), "approved", person(), now=NOW)
    assert active_bets() == {bet.pk}
    services.store_markets([factories.info(POLYMARKET, rules="It snows.")], now=LATER)
    bet.refresh_from_db()
    notice = Notice.objects.get(kind="bet_suspended")
    assert bet.status == "SUSPENDED" and "became “It snows.”" in notice.message and notice.severity == "HIGH"
    assert active_bets() == set() and [one.decision for one in bet.versions.all()] == [
        "suspended",
        "approved",
        "proposed",
    ]


def test_a_bet_by_hand_closes_with_its_markets(markets):
    bet = bet_decisions.decide(a_bet(), "approved", person(), now=NOW)
    services.store_markets([factories.info(KALSHI, status=SETTLED, result="YES")], now=LATER)
    bet.refresh_from_db()
    assert bet.status == "CLOSED"


def test_a_bet_of_markets_that_have_ended_is_not_approved(markets):
    bet = a_bet()
    Market.objects.filter(platform=KALSHI).update(status=SETTLED)
    with pytest.raises(bet_decisions.BetError, match="Only 1 of its markets"):
        bet_decisions.decide(bet, "approved", person(), now=NOW)


@pytest.mark.parametrize("decision", ["rejected", "suspended", "waved through"])
def test_a_decision_on_a_bet_says_what_it_needs(markets, decision):
    with pytest.raises(bet_decisions.BetError):
        bet_decisions.decide(a_bet(), decision, person(), now=NOW)


def test_a_pairs_bet_is_decided_with_its_pair(db):
    with pytest.raises(bet_decisions.BetError, match="decide on the pair"):
        bet_decisions.decide(factories.a_pair().bet, "suspended", person(), now=NOW, note="x")


def test_a_bet_version_is_never_changed(markets):
    a_bet()
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        BetVersion.objects.update(note="x")


# --- the sandbox's own


def test_the_sandboxes_pairs_come_approved_and_riskless(markets, monkeypatch):
    Market.objects.update(rules="")
    row = {"polymarket": IDS[POLYMARKET], "kalshi": IDS[KALSHI], "inverted": False}
    monkeypatch.setattr(sandbox_pairs, "_listed", lambda _: [row])
    assert sandbox_pairs.import_pairs("http://127.0.0.1:1", now=NOW) == 1
    pair = Pair.objects.get()
    assert (pair.status, pair.origin, pair.settlement, pair.m0, pair.m0_upper) == (
        "APPROVED",
        "sandbox",
        "clean",
        0,
        0,
    )
    assert (pair.bet.origin, pair.bet.read_by_person, pair.approved_by.username) == (
        "sandbox",
        False,
        "sandbox",
    )
    assert PairVersion.objects.get().decision == "same" and pair.bet_id in active_bets()
    assert Market.objects.filter(status=OPEN).count() == 2


def test_what_the_sandbox_offers_beside_its_pairs_is_followed(markets, monkeypatch):
    monkeypatch.setattr(sandbox_pairs, "_listed", lambda _: [])
    sandbox_pairs.import_pairs("http://127.0.0.1:1", now=NOW)
    services.rechoose(KALSHI, now=NOW)
    assert Market.objects.get(pk=IDS[KALSHI]).followed
    UniverseRule.objects.update(enabled=False)  # a person switched it off
    sandbox_pairs.import_pairs("http://127.0.0.1:1", now=NOW)
    services.rechoose(KALSHI, now=NOW)
    assert not Market.objects.get(pk=IDS[KALSHI]).followed


def test_a_sandbox_that_is_starting_again_is_a_warning(monkeypatch, settings, caplog):
    sandbox = settings.ARBSITE.sandbox.model_copy(update={"control_url": "http://127.0.0.1:1"})
    monkeypatch.setattr(settings.ARBSITE, "sandbox", sandbox)
    tasks.take_sandbox_pairs()  # nobody listens there
    (told,) = [record for record in caplog.records if "not taken over" in record.message]
    assert told.levelname == "WARNING" and not told.exc_info and "127.0.0.1:1" in told.error


def test_a_sandbox_pair_that_came_meanwhile_is_taken_once(markets, monkeypatch):
    row = {"polymarket": IDS[POLYMARKET], "kalshi": IDS[KALSHI], "inverted": False}
    monkeypatch.setattr(sandbox_pairs, "_listed", lambda _: [row])
    user = sandbox_pairs.sandbox_user

    def meanwhile():
        pairs.propose([Candidate()], now=NOW)  # `manage.py match` beside it
        return user()

    monkeypatch.setattr(sandbox_pairs, "sandbox_user", meanwhile)
    assert sandbox_pairs.import_pairs("http://127.0.0.1:1", now=NOW) == 0
    assert Pair.objects.get().status == "PROPOSED"
