"""Events in the database: recorded, read whole, built, built anew, mixed, and followed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from markets import clients, services, universe
from markets.betting import decisions as bet_decisions
from markets.betting import events, mixing
from markets.models import Bet, Event, Market, Pair
from markets.pairing import pairs, risk_history
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED, EventInfo, PlatformError
from tests import factories
from tests.factories import NOW

LATER = NOW + timedelta(hours=1)
NAMES = ("a", "b", "c")


def exclusive(event="KXE", names=NAMES, **changes):
    return [
        factories.info(
            KALSHI, f"{event}-{name}", event_id=event, question=f"Will {name} win?",
            extra={"event_title": "Who wins?", "mutually_exclusive": True}, **changes,
        )
        for name in names
    ]  # fmt: skip


def neg_risk(event="E9", names=NAMES, augmented=False, **changes):
    return [
        factories.info(
            POLYMARKET, f"0x{event}{name}", event_id=event, question=f"Will {name} win?",
            extra={"event_title": "Who wins?", "neg_risk": True, "neg_risk_augmented": augmented}, **changes,
        )
        for name in names
    ]  # fmt: skip


def stored(infos, follow=1):
    services.store_markets(infos, now=NOW)
    ids = [info.id for info in infos][:follow]
    Market.objects.filter(pk__in=ids).update(followed=True, pinned=True)
    events.rebuild_followed(infos[0].platform, now=NOW)
    return infos


def bet(kind):
    return Bet.objects.get(kind=kind)


def test_an_event_that_nobody_follows_gets_no_bet(db):
    stored(exclusive(), follow=0)
    assert Event.objects.get().mutually_exclusive and not Bet.objects.exists()


def test_a_followed_event_gets_its_bet_and_its_other_markets_are_followed(db):
    stored(exclusive())
    assert (bet("exclusive").status, bet("exclusive").origin, bet("exclusive").m0) == (
        "ACTIVE",
        "platform",
        0,
    )
    assert bet("exclusive").name == "Who wins?" and bet("exclusive").event.title == "Who wins?"
    universe.select(KALSHI, now=NOW)
    reasons = dict(Market.objects.filter(followed=True).values_list("id", "follow_reasons"))
    assert set(reasons) == {f"KXE-{name}" for name in NAMES}
    assert reasons["KXE-b"] == ["in bet exclusive:kalshi:KXE"]


def test_members_are_followed_within_limits_the_busiest_first(db):
    infos = exclusive(names=[f"m{n}" for n in range(6)])
    stored(infos)
    Market.objects.filter(pk="KXE-m4").update(volume_24h=Decimal(9_999))
    found = events.followed_members(KALSHI, ["KXE-m0"], most=2)
    assert len(found) == 2 and next(iter(found)) == "KXE-m4"


def test_a_refresh_builds_anew_and_the_end_closes(db):
    stored(exclusive())
    services.store_markets(exclusive(names=("c",), status=SETTLED, result="NO"), now=LATER)
    assert len(bet("exclusive").states) == 3 and bet("exclusive").status == "ACTIVE"  # a, b, none
    services.store_markets(exclusive(names=("d",)), now=LATER)
    assert "kalshi:KXE-d" in bet("exclusive").states
    services.store_markets(exclusive(names=("a",), status=SETTLED, result="YES"), now=LATER)
    assert bet("exclusive").status == "CLOSED" and Event.objects.get().why_not == {
        "exclusive": "It is decided."
    }


def test_nothing_is_written_when_nothing_changed(db):
    stored(exclusive())
    before = bet("exclusive").updated_at
    services.store_markets(exclusive(), now=LATER)
    assert bet("exclusive").updated_at == before
    assert events.rebuild_followed(KALSHI, now=LATER) == 0


class Rest:
    """A platform that knows one event."""

    def __init__(self, markets, extra_ids=(), error=None):
        self.markets, self.extra_ids, self.error = markets, extra_ids, error

    def event(self, event_id):
        if self.error:
            raise self.error
        ids = (*(info.id for info in self.markets), *self.extra_ids)
        return EventInfo(
            POLYMARKET, event_id, "Who wins?", True, True, False, False, ids, tuple(self.markets)
        )


def choose(monkeypatch, rest):
    monkeypatch.setattr(clients, "rest", lambda _: rest)
    services.choose(POLYMARKET, now=LATER)


def test_a_neg_risk_event_is_exhaustive_once_it_was_read_whole(db, monkeypatch):
    infos = stored(neg_risk())
    assert bet("exclusive").status == "ACTIVE"
    gone = neg_risk(names=("z",), status=SETTLED, result="NO")
    choose(monkeypatch, Rest([*infos, *gone]))
    assert (
        bet("neg_risk").status == "ACTIVE"
        and len(bet("neg_risk").states) == 3
        and bet("exclusive").status == "CLOSED"
    )
    assert Event.objects.get().whole and events.due(POLYMARKET, now=LATER) == []
    assert events.due(POLYMARKET, now=LATER + events.READ_AGAIN * 2) == ["E9"]
    services.store_markets(neg_risk(names=("new",)), now=LATER)
    assert (
        not Event.objects.get().whole
        and bet("neg_risk").status == "CLOSED"
        and bet("exclusive").status == "ACTIVE"
    )


@pytest.mark.parametrize(
    "rest", [Rest(neg_risk(), extra_ids=("unreadable",)), Rest([], error=PlatformError("down"))]
)
def test_what_could_not_be_read_whole_is_not_exhaustive(db, monkeypatch, rest):
    stored(neg_risk())
    choose(monkeypatch, rest)
    assert not Bet.objects.filter(kind="neg_risk").exists() and bet("exclusive").status == "ACTIVE"


def test_an_augmented_event_is_never_asked_for(db):
    stored(neg_risk(augmented=True))
    assert events.due(POLYMARKET, now=LATER) == []


def test_a_ladder_from_texts_waits_for_a_person_and_changes_only_with_its_markets(db):
    infos = [
        factories.info(POLYMARKET, f"0x{n}", event_id="E7", question=f"Will X resign by June {n}, 2027?",
                       rules=f"YES if X resigns by June {n}, 2027.", extra={"event_title": "X?"})
        for n in (10, 20)
    ]  # fmt: skip
    stored(infos)
    row = bet("date_ladder")
    assert (row.status, row.origin, row.read_by_person, row.m0) == (
        "PROPOSED",
        "texts",
        False,
        Decimal("0.005"),
    )
    assert row.versions.get().decision == "proposed"
    bet_decisions.decide(row, "approved", factories.a_person(), now=NOW)
    services.store_markets(infos, now=LATER)
    row.refresh_from_db()
    assert (row.status, row.read_by_person) == ("ACTIVE", True)
    more = factories.info(POLYMARKET, "0x30", event_id="E7", question="Will X resign by June 30, 2027?",
                          rules="YES if X resigns by June 30, 2027.", extra={"event_title": "X?"})  # fmt: skip
    services.store_markets([more], now=LATER)
    row.refresh_from_db()
    assert (row.status, row.read_by_person) == ("PROPOSED", False) and "0x30" in str(
        row.versions.first().seen
    )


def test_a_rejected_reading_is_not_proposed_again(db):
    infos = [
        factories.info(
            POLYMARKET, f"0x{n}", event_id="E7", question=f"Will it be above ${n}k?", rules=f"Above ${n}k."
        )
        for n in (90, 95)
    ]
    stored(infos)
    bet_decisions.decide(bet("ladder"), "rejected", factories.a_person(), now=NOW, note="two coins")
    services.store_markets(infos, now=LATER)
    assert bet("ladder").status == "REJECTED"


def test_a_person_may_suspend_what_a_platform_guarantees(db):
    stored(exclusive())
    bet_decisions.decide(bet("exclusive"), "suspended", factories.a_person(), now=NOW, note="odd rules")
    services.store_markets(exclusive(), now=LATER)
    assert (bet("exclusive").status, bet("exclusive").suspended_why) == ("SUSPENDED", "odd rules")


# --- mixtures


@pytest.fixture
def joined(db):
    ours, theirs = stored(neg_risk()), stored(exclusive())
    pair = pairs.enter(ours[0].id, theirs[0].id, factories.a_person(), now=NOW)
    return pairs.approve(pair, factories.a_person(), now=NOW, settlement="clean")


def test_an_approved_pair_joins_two_events(joined):
    row = bet("mixture")
    assert (row.status, row.settlement, row.read_by_person, row.origin) == ("ACTIVE", "clean", True, "pairs")
    assert (row.m0, row.m0_upper) == (joined.m0, joined.m0_upper)
    assert row.parts == {"bets": ["exclusive:polymarket:E9", "exclusive:kalshi:KXE"], "pairs": [joined.pk]}
    a = {claim.market_id: claim.pays_in for claim in row.value().claims if claim.outcome == "YES"}
    assert a["0xE9a"] == a["KXE-a"] and not row.value().faults


@pytest.mark.parametrize("settlement", ["correlated", "timing", "unknown"])
def test_only_clean_pairs_join(db, settlement):
    ours, theirs = stored(neg_risk()), stored(exclusive())
    pair = pairs.enter(ours[0].id, theirs[0].id, factories.a_person(), now=NOW)
    pairs.approve(pair, factories.a_person(), now=NOW, settlement=settlement)
    assert not Bet.objects.filter(kind="mixture").exists()


def test_a_mixture_goes_with_its_pair_and_comes_back(joined):
    pairs.suspend(joined, factories.a_person(), now=LATER, note="read again")
    assert bet("mixture").status == "SUSPENDED"
    pairs.approve(Pair.objects.get(), factories.a_person(), now=LATER)
    assert bet("mixture").status == "ACTIVE"


def test_a_mixture_goes_with_its_parts(joined):
    services.store_markets(exclusive(names=("b",), status=SETTLED, result="YES"), now=LATER)
    assert bet("mixture").status == "CLOSED"


def test_a_mixture_is_built_anew_with_its_parts(joined):
    services.store_markets(exclusive(names=("d",)), now=LATER)
    assert "KXE-d" in {claim.market_id for claim in bet("mixture").value().claims}


def test_a_mixture_without_its_pairs_market_closes(joined):
    services.store_markets(neg_risk(names=("a",), status=SETTLED, result="NO"), now=LATER)
    assert bet("mixture").status == "CLOSED"


@pytest.mark.parametrize("settlement", ["correlated", "timing", "unknown"])
def test_a_bet_that_does_not_settle_clean_joins_no_mixture(db, settlement):
    """A mixture is called clean, so none of its parts may be less."""
    ours, theirs = stored(neg_risk()), stored(exclusive())
    Bet.objects.filter(kind="exclusive", id__startswith="exclusive:kalshi").update(settlement=settlement)
    pair = pairs.enter(ours[0].id, theirs[0].id, factories.a_person(), now=NOW)
    pairs.approve(pair, factories.a_person(), now=NOW, settlement="clean")
    assert not Bet.objects.filter(kind="mixture").exists()


def test_a_mixture_closes_when_a_part_no_longer_settles_clean(joined):
    part = Bet.objects.get(pk="exclusive:kalshi:KXE")
    Bet.objects.filter(pk=part.pk).update(settlement="timing")
    mixing.rebuild_around([part.pk], now=LATER)
    assert bet("mixture").status == "CLOSED"


def test_a_mixture_keeps_the_risk_of_its_bets_when_history_grows(joined):
    Bet.objects.filter(pk="exclusive:kalshi:KXE").update(m0=Decimal("0.01"), m0_upper=Decimal("0.02"))
    Pair.objects.update(m0=Decimal("0.5"), m0_upper=Decimal("0.5"))  # not what its class says
    risk_history.renew(now=LATER)
    pair = Pair.objects.get()
    assert bet("mixture").m0 == pair.m0 + Decimal("0.01")
    assert bet("mixture").m0_upper == pair.m0_upper + Decimal("0.02")


def test_a_mixture_that_a_person_rejected_stays_so(joined):
    bet_decisions.decide(bet("mixture"), "rejected", factories.a_person(), now=NOW, note="odd")
    services.store_markets(neg_risk(names=("a",), status=SETTLED, result="NO"), now=LATER)
    assert bet("mixture").status == "REJECTED"


def test_approving_a_bet_read_from_texts_joins_it_to_others(db):
    ours, theirs = stored(neg_risk()), stored(exclusive())
    pair = pairs.enter(ours[0].id, theirs[0].id, factories.a_person(), now=NOW)
    pairs.approve(pair, factories.a_person(), now=NOW, settlement="clean")
    mixture = bet("mixture")
    bet_decisions.decide(
        Bet.objects.get(pk="exclusive:kalshi:KXE"), "suspended", factories.a_person(), now=NOW, note="look"
    )
    mixture.refresh_from_db()
    assert mixture.status == "SUSPENDED"
    bet_decisions.decide(
        Bet.objects.get(pk="exclusive:kalshi:KXE"), "approved", factories.a_person(), now=LATER
    )
    mixture.refresh_from_db()
    assert mixture.status == "ACTIVE"
