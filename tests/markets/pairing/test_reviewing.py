"""The review in a terminal, without a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from markets import store
from markets.models import Market, Pair
from markets.pairing import pairs, reviewing
from markets.platforms.base import KALSHI, POLYMARKET
from tests import factories
from tests.arbsite.callers import user
from tests.factories import IDS, NOW


@pytest.fixture
def reviewer(db):
    return user("reviewer", "markets.approve_pair")


def make(suffix, score):
    store.upsert(
        [
            factories.info(POLYMARKET, IDS[POLYMARKET] + suffix),
            factories.info(KALSHI, IDS[KALSHI] + suffix, rules="It [rains] a lot."),
        ],
        now=NOW,
    )  # fmt: skip
    return Pair.objects.create(
        polymarket_id=IDS[POLYMARKET] + suffix, kalshi_id=IDS[KALSHI] + suffix, settlement="clean", score=score,
        verdict="review", reasons=["the same date"], origin=Pair.MATCHER,
    )  # fmt: skip


def review(reviewer, *answers, limit=None):
    """Run it with these answers; returns how many were decided and what was printed."""
    console = Console(file=StringIO(), width=160)
    lines = iter(answers)

    def ask(_):
        try:
            line = next(lines)
        except StopIteration:
            raise EOFError from None
        return line() if callable(line) else line

    count = reviewing.run(user=reviewer, console=console, ask=ask, now=lambda: NOW, limit=limit)
    return count, console.file.getvalue()


def statuses():
    return list(Pair.objects.order_by("-score").values_list("status", "inverted", "note"))


def test_the_surest_comes_first_and_each_answer_counts(reviewer):
    for suffix, score in (("-1", "0.5"), ("-2", "0.9"), ("-3", "0.7"), ("-4", "0.6")):
        make(suffix, score)
    count, shown = review(reviewer, "s", "", "read both", "i", "timing", "turned", "r", "another date", "k")
    assert count == 3 and "3 decided, 1 wait." in shown
    assert statuses() == [
        ("APPROVED", False, "read both"), ("APPROVED", True, "turned"), ("REJECTED", False, "another date"),
        ("PROPOSED", False, ""),
    ]  # fmt: skip
    assert Pair.objects.get(inverted=True).settlement == "timing"
    assert Pair.objects.get(note="read both").versions.get().user == reviewer


def test_the_dossier_is_shown_with_brackets_and_reasons(reviewer):
    make("", "0.5")
    _, shown = review(reviewer, "q")
    for text in (
        "It [rains] a lot.",
        "+ the same date",
        "Matcher: review, score 0.5",
        "no feed vouches",
        "m0 0",
    ):
        assert text in shown


def test_nonsense_is_asked_again_and_the_end_quits(reviewer):
    make("", "0.5")
    count, shown = review(reviewer, "perhaps")
    assert count == 0 and "one of the letters" in shown and statuses() == [("PROPOSED", False, "")]


def test_a_text_that_changed_while_reading_is_shown_again(reviewer):
    make("", "0.5")

    def change():
        Market.objects.filter(platform=KALSHI).update(rules="It snows now.")
        return "s"

    count, shown = review(reviewer, change, "", "", "q")
    assert count == 0 and "texts changed since you read them" in shown and "It snows now." in shown
    assert statuses() == [("PROPOSED", False, "")]


def test_a_rejection_without_a_note_is_asked_again(reviewer):
    make("", "0.5")
    count, shown = review(reviewer, "r", "", "r", "other gauge")
    assert count == 1 and "note must say why" in shown and statuses()[0][0] == "REJECTED"


def test_what_somebody_else_decided_meanwhile_is_passed_over(reviewer):
    make("-1", "0.9"), make("-2", "0.5")

    def elsewhere():
        pairs.reject(Pair.objects.get(score="0.5"), factories.a_person(), now=NOW, note="no")
        return "k"

    assert review(reviewer, elsewhere)[0] == 0


def test_a_limit_and_an_empty_queue(reviewer):
    assert "No pair waits" in review(reviewer)[1]
    make("-1", "0.9"), make("-2", "0.5")
    assert review(reviewer, "k", limit=1)[1].count("of 1") == 1


@pytest.mark.parametrize("active", [True, False])
def test_who_may_not_decide_sees_nothing(db, active):
    clerk = user("clerk", *(() if active else ("markets.approve_pair",)), is_active=active)
    with pytest.raises(reviewing.NotAllowed, match=r"markets\.approve_pair"):
        review(clerk)


def test_foreign_text_does_not_drive_the_terminal(reviewer):
    make("-1", "0.5")
    hidden = "It rains.\x1b[2J\u202e evil\u200b"
    Market.objects.filter(platform=KALSHI).update(rules=hidden, question="\x1b]0;x\x07 Rain?")
    _, shown = review(reviewer, "k")
    assert "\x1b" not in shown and "\u202e" not in shown and "⟨U+001B⟩" in shown and "⟨U+200B⟩" in shown


def test_pairs_of_markets_that_have_ended_wait_for_nobody(reviewer):
    make("-1", "0.9")
    make("-2", "0.5")
    Market.objects.filter(pk=IDS[KALSHI] + "-1").update(status="SETTLED")
    _, shown = review(reviewer, "k")
    assert "1 of 1" in shown and "0 decided, 1 wait." in shown
