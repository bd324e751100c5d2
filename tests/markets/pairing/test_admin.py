"""Dossiers, decisions, bets and events in the admin."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from arbsite.models import Notice
from markets import bets, live, services, store
from markets.betting import store as bet_store
from markets.books import Book
from markets.live import Change
from markets.models import Bet, Event, Market, Pair, PairVersion
from tests import factories
from tests.arbsite.callers import user

PAIRS, DECIDE = "admin:markets_pair_changelist", "admin:markets_pair_decide"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def operator(db, client):
    client.force_login(user("operator", is_superuser=True, is_staff=True))
    return client


@pytest.fixture
def clerk(db, client):
    client.force_login(
        user("clerk", "markets.view_pair", "markets.change_pair", "markets.view_bet", is_staff=True)
    )
    return client


@pytest.fixture
def pair(db):
    store.upsert(
        [
            factories.info(
                "polymarket", "polymarket-1", rules="It rains in <Paris> on June 3, says the gauge."
            ),
            factories.info("kalshi", "kalshi-1", rules="It rains in <Paris> on June 4, says the gauge."),
        ],
        now=NOW,
    )
    return Pair.objects.create(polymarket_id="polymarket-1", kalshi_id="kalshi-1", settlement="clean")


def form_of(response, **more):
    (shown,) = response.context["dossiers"]
    return {"ids": response.context["ids"], "pair": shown.pair.pk, "digest": shown.digest, **more}


def opened(client, pair):
    return client.get(reverse(DECIDE), {"ids": pair.pk})


def test_deciding_goes_through_both_texts(operator, pair):
    response = operator.post(
        reverse(PAIRS), {"action": "decide_selected", "_selected_action": [pair.pk]}, follow=True
    )
    page = response.content.decode()
    assert "&lt;Paris&gt;" in page and "<mark>3</mark>" in page and "<mark>4</mark>" in page
    assert " UTC (" in page and ("EST)" in page or "EDT)" in page)
    pair.refresh_from_db()
    assert pair.status == Pair.PROPOSED
    operator.post(
        reverse(DECIDE), form_of(response, decision="same", settlement="clean", note="read", m0="0.01")
    )
    pair.refresh_from_db()
    assert (pair.status, pair.approved_by.get_username(), pair.bet.status) == (
        "APPROVED",
        "operator",
        "ACTIVE",
    )
    assert (pair.settlement, pair.m0) == ("clean", Decimal("0.01"))
    version = pair.versions.get()
    assert (version.decision, version.note, version.user.username) == ("same", "read", "operator")
    assert "June 4" in version.seen["kalshi"]["rules"]
    assert Notice.objects.filter(kind="pair_approved").count() == 1


def test_an_inverted_pair_is_approved_as_inverted(operator, pair):
    operator.post(reverse(DECIDE), form_of(opened(operator, pair), decision="inverted", settlement="clean"))
    pair.refresh_from_db()
    assert pair.inverted and pair.versions.get().decision == "inverted"
    assert {row.outcome for row in pair.bet.outcomes.all() if row.pays_in == ["happens"]} == {"YES", "NO"}


def test_a_text_that_changed_meanwhile_is_not_approved(operator, pair):
    form = form_of(opened(operator, pair), decision="same")
    Market.objects.filter(pk="kalshi-1").update(rules="something else entirely")
    page = operator.post(reverse(DECIDE), form).content.decode()
    pair.refresh_from_db()
    assert pair.status == Pair.PROPOSED and pair.bet is None
    assert "something else entirely" in page and "texts changed" in page


@pytest.mark.parametrize(
    "change",
    [
        {"digest": ""},
        {"digest": "x"},
        {"decision": ""},
        {"decision": "approve"},
        {"pair": ""},
        {"m0": "much"},
        {"m0": "1"},
    ],
)
def test_what_is_not_a_whole_decision_changes_nothing(operator, pair, change):
    form = form_of(opened(operator, pair), decision="same", settlement="clean") | change
    assert operator.post(reverse(DECIDE), form).status_code == 200
    pair.refresh_from_db()
    assert pair.status == Pair.PROPOSED and not pair.versions.exists()


@pytest.mark.parametrize(("decision", "status"), [("reject", "REJECTED"), ("suspend", "SUSPENDED")])
def test_rejecting_and_suspending_need_a_note(operator, pair, decision, status):
    form = form_of(opened(operator, pair), decision=decision)
    assert "A note must say why" in operator.post(reverse(DECIDE), form).content.decode()
    assert operator.post(reverse(DECIDE), form | {"note": "other date"}).status_code == 302
    pair.refresh_from_db()
    assert (pair.status, pair.note) == (status, "other date")


def test_only_who_may_decide_decides(clerk, pair):
    assert clerk.get(reverse(DECIDE), {"ids": pair.pk}).status_code == 403
    assert (
        clerk.post(reverse(DECIDE), {"pair": pair.pk, "decision": "reject", "note": "x"}).status_code == 403
    )
    assert clerk.get(reverse("admin:markets_pair_add")).status_code == 403
    page = clerk.get(reverse("admin:markets_pair_change", args=[pair.pk])).content.decode()
    assert "Approve: the same bet" not in page and "&lt;Paris&gt;" in page


def test_a_pair_is_changed_by_decisions_alone(operator, pair):
    address = reverse("admin:markets_pair_change", args=[pair.pk])
    assert "Approve: the same bet" in operator.get(address).content.decode()
    assert operator.post(address, {"inverted": "on", "m0": "0.5", "status": "APPROVED"}).status_code == 403
    pair.refresh_from_db()
    assert (pair.inverted, pair.m0, pair.status) == (False, 0, "PROPOSED")


def test_the_dossier_shows_both_books_verdicts_and_what_contradicts(operator, pair, redis):
    Pair.objects.filter(pk=pair.pk).update(
        verdict="review", score="0.71", vetoes=["<b>June 3</b> against June 4"]
    )
    book, now = Book(), int(time.time() * 1000)
    book.replace([(410_000, 7_000_000)], [(430_000, 5_000_000)])
    book.changed_ms = now
    live.keep("kalshi", [Change("kalshi-1", book, "socket")], {"socket": now}, depth=50)
    page = opened(operator, pair).content.decode()
    assert "0.410000" in page and "No feed vouches for one now." in page
    assert "&lt;b&gt;June 3&lt;/b&gt; against" in page and "0.7100" in page
    form = form_of(opened(operator, pair), decision="same", settlement="clean")
    assert "say in a note why it is wrong" in operator.post(reverse(DECIDE), form).content.decode()
    operator.post(reverse(DECIDE), form | {"note": "a misprint, the series say June 3"})
    page = operator.get(reverse("admin:markets_pair_change", args=[pair.pk])).content.decode()
    assert "a misprint, the series say June 3" in page and "operator" in page
    version = PairVersion.objects.get()
    seen = operator.get(reverse("admin:markets_pairversion_change", args=[version.pk])).content.decode()
    assert "on June 4" in seen
    listed = operator.get(reverse("admin:markets_pairversion_changelist"), {"pair__id__exact": pair.pk})
    assert listed.context["cl"].result_count == 1


def test_a_suspended_pair_shows_what_changed_since_its_approval(operator, pair):
    operator.post(reverse(DECIDE), form_of(opened(operator, pair), decision="same", settlement="clean"))
    services.store_markets([factories.info("kalshi", "kalshi-1", rules="It rains on June 5.")], now=NOW)
    page = opened(operator, pair).content.decode()
    assert "Changed since the last approval" in page and "became “It rains on June 5.”" in page
    operator.post(reverse(DECIDE), form_of(opened(operator, pair), decision="same", settlement="clean"))
    pair.refresh_from_db()
    assert pair.status == "APPROVED" and "Changed since" not in opened(operator, pair).content.decode()


def test_a_placeholder_is_shown_and_cannot_be_approved(operator, pair):
    Market.objects.filter(pk="kalshi-1").update(rules="If || Count || come.")
    response = opened(operator, pair)
    assert "placeholder" in response.content.decode()
    page = operator.post(
        reverse(DECIDE), form_of(response, decision="same", settlement="clean")
    ).content.decode()
    pair.refresh_from_db()
    assert pair.status == Pair.PROPOSED and "cannot be approved" in page


def test_a_pair_is_proposed_by_hand_with_each_side_in_its_place(operator, pair):
    Pair.objects.all().delete()
    add = reverse("admin:markets_pair_add")
    select = operator.get(add).content.decode().split('name="polymarket"')[1].split("</select>")[0]
    assert select.count("<option") <= 1, "a dropdown over all markets"
    wrong = operator.post(add, {"polymarket": "kalshi-1", "kalshi": "polymarket-1", "settlement": "clean"})
    assert "This market is on kalshi." in wrong.content.decode()
    right = {"polymarket": "polymarket-1", "kalshi": "kalshi-1", "settlement": "timing", "note": "seen"}
    assert operator.post(add, right).status_code == 302
    entered = Pair.objects.get()
    assert (entered.status, entered.origin, entered.settlement) == ("PROPOSED", "hand", "timing")
    assert entered.versions.get().decision == "proposed"


@pytest.mark.parametrize("ids", ["", "x", "0", "99999999999999999999", "1,,2", "²"])
def test_ids_that_are_none_show_no_pair(operator, ids):
    assert operator.get(reverse(DECIDE), {"ids": ids}).status_code == 200


# --- bets and events

ENTRY = {
    "bet_id": "rain", "name": "Does it rain?", "kind": "custom", "states": "rain\ndry", "exhaustive": "on",
    "settlement": "clean", "outcomes": "polymarket:polymarket-1 YES: rain\nkalshi:kalshi-1 NO: dry",
}  # fmt: skip


def entered(client):
    assert client.post(reverse("admin:markets_bet_enter"), ENTRY).status_code == 302
    return Bet.objects.get(pk="hand:rain")


def test_a_bet_is_entered_read_and_approved(operator, pair):
    bet = entered(operator)
    assert (bet.status, bet.origin, bet.read_by_person) == ("PROPOSED", "hand", False)
    address = reverse("admin:markets_bet_change", args=[bet.pk])
    response = operator.get(address)
    page = response.content.decode()
    assert "<th>rain</th>" in page and "June 4" in page and "Approve: these outcomes pay as shown" in page
    form = {"bet": bet.pk, "digest": response.context["shown_digest"], "decision": "approved"}
    operator.post(reverse("admin:markets_bet_decide"), form)
    bet.refresh_from_db()
    assert (bet.status, bet.read_by_person, bet.versions.count()) == ("ACTIVE", True, 2)
    assert bet.m0 == Decimal("0.005") and Notice.objects.filter(kind="bet_active").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"states": "rain\nrain"}, "A state is listed twice."),
        ({"states": "rain"}, "which is no state of this bet."),
        ({"exhaustive": ""}, "not declared exhaustive"),
        ({"outcomes": "polymarket:polymarket-1 YES:"}, "pays in no state."),
        (
            {"outcomes": "polymarket:nothing YES: rain\nkalshi:kalshi-1 NO: dry"},
            "nothing is no polymarket market",
        ),
        ({"outcomes": "rain pays"}, "Line 1: write it like"),
        ({"outcomes": "polymarket:polymarket-1 YES: rain"}, "at least two outcomes"),
        ({"outcomes": "kalshi:polymarket-1 YES: rain\nkalshi:kalshi-1 NO: dry"}, "is no kalshi market"),
        ({"kind": "pair"}, "not one of the available choices"),
        ({"bet_id": "a b"}, "Enter a valid value."),
    ],
)
def test_what_is_wrong_with_a_bet_is_said(operator, pair, change, sentence):
    response = operator.post(reverse("admin:markets_bet_enter"), ENTRY | change)
    assert response.status_code == 200 and sentence in response.content.decode()
    assert not Bet.objects.exists()


def test_a_bet_is_rejected_with_a_note_and_decided_by_who_may(operator, pair, client):
    bet = entered(operator)
    form = {"bet": bet.pk, "digest": "old", "decision": "approved"}
    page = operator.post(reverse("admin:markets_bet_decide"), form, follow=True).content.decode()
    assert "changed since you read them" in page
    operator.post(
        reverse("admin:markets_bet_decide"),
        form | {"decision": "rejected", "note": "no", "digest": shown(operator, bet)},
    )
    bet.refresh_from_db()
    assert bet.status == "REJECTED"
    client.force_login(user("clerk", "markets.view_bet", is_staff=True))
    assert client.post(reverse("admin:markets_bet_decide"), form).status_code == 403
    assert client.get(reverse("admin:markets_bet_enter")).status_code == 403


def shown(client, bet):
    return client.get(reverse("admin:markets_bet_change", args=[bet.pk])).context["shown_digest"]


def test_events_say_why_they_made_no_bet(operator, db):
    Event.objects.create(
        platform="kalshi", event_id="E1", title="Rain", why_not={"ladder": "It has 3 markets, too many."}
    )
    Event.objects.create(platform="kalshi", event_id="E2", why_not={"ladder": "It has 4 markets, too many."})
    page = operator.get(reverse("admin:markets_event_changelist")).content.decode()
    assert "2 × ladder: It has … markets, too many." in page
    one = Event.objects.get(event_id="E1")
    assert "too many" in operator.get(reverse("admin:markets_event_change", args=[one.pk])).content.decode()
    for kind, count in (("ladder", 2), ("neg_risk", 0)):
        listed = operator.get(reverse("admin:markets_event_changelist"), {"why_not": kind})
        assert listed.context["cl"].result_count == count


def test_a_state_is_called_after_the_market_that_pays_in_it(operator):
    long = "0x" + "ab" * 32
    claims = [(long, "Will Ada win?"), ("0x" + "cd" * 32, "Will <Ben> win?")]
    store.upsert([factories.info("polymarket", one, question=text) for one, text in claims], now=NOW)
    value = bets.one_of(
        "neg_risk:polymarket:1", "neg_risk", [("polymarket", one) for one, _ in claims], exhaustive=True
    )
    bet_store.write(value, now=NOW, status="ACTIVE", origin="platform")
    page = operator.get(reverse("admin:markets_bet_change", args=[value.id])).content.decode()
    assert (
        f'<th title="polymarket:{long}">Will Ada win?</th>' in page and "Will &lt;Ben&gt; win?</th>" in page
    )
    assert f"own:{long}" not in operator.get(reverse("admin:markets_bet_changelist")).content.decode()


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("PROPOSED", {"approved", "rejected", "suspended"}),
        ("ACTIVE", {"rejected", "suspended"}),
        ("SUSPENDED", {"approved", "rejected"}),
        ("REJECTED", {"approved"}),
        ("CLOSED", set()),
    ],
)
def test_only_decisions_that_can_be_taken_are_offered(operator, pair, status, offered):
    bet = entered(operator)
    Bet.objects.update(status=status, read_by_person=True, digest="x")
    page = operator.get(reverse("admin:markets_bet_change", args=[bet.pk])).content.decode()
    words = ("approved", "rejected", "suspended")
    assert {word for word in words if f'name="decision" value="{word}"' in page} == offered


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("PROPOSED", {"same", "inverted", "reject", "suspend"}),
        ("APPROVED", {"reject", "suspend"}),
        ("SUSPENDED", {"same", "inverted", "reject"}),
        ("REJECTED", {"same", "inverted"}),
    ],
)
def test_only_verdicts_that_can_be_given_are_offered(operator, status, offered):
    pair = factories.a_pair()
    Pair.objects.update(status=status)
    page = operator.get(reverse("admin:markets_pair_change", args=[pair.pk])).content.decode()
    words = ("same", "inverted", "reject", "suspend")
    assert {word for word in words if f'name="decision" value="{word}"' in page} == offered


@pytest.mark.parametrize("model", ["bet", "betversion", "event", "pair", "pairversion"])
def test_lists_and_links_open(operator, model):
    pair = factories.a_pair()
    page = operator.get(reverse(f"admin:markets_{model}_changelist"))
    assert page.status_code == 200
    assert operator.get(reverse("admin:markets_bet_change", args=[pair.bet_id])).status_code == 200
    by_bet = operator.get(reverse("admin:markets_betversion_changelist"), {"bet__id__exact": pair.bet_id})
    assert by_bet.status_code == 200
