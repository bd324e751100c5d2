"""Games: the same two sides, the side that YES stands for, and event pages that bundle many markets."""

from typing import TYPE_CHECKING

from markets.matching import fixtures
from markets.matching.facts import Facts
from markets.matching.text import say, shown

if TYPE_CHECKING:
    from markets.matching.gate import Findings


def game(found: "Findings", a: Facts, b: Facts) -> None:
    """The same two sides, and the side that YES stands for."""
    one, two = a.fixture, b.fixture
    if one is None or two is None:
        if one is not None or two is not None:
            found.doubt("fixture", f"only one side names a game: {one or two}")
        return
    order = fixtures.pairing(one, two, a.league or b.league)
    if order is None:
        found.veto("fixture", f"{one} against {two}")
        return
    found.agree("fixture", str(one))
    _yes_side(found, a, b)


def _yes_side(found: "Findings", a: Facts, b: Facts) -> None:
    one, two = a.fixture, b.fixture
    assert one is not None and two is not None
    league = a.league or b.league
    if one.yes and two.yes:
        if fixtures.alike(one.yes, two.yes, league):
            found.agree("outcome", f"YES is {shown(' '.join(one.yes))} on both")
            return
        known = [any(fixtures.alike(f.yes, side, league) for side in (f.first, f.second)) for f in (one, two)]
        two_way = any(_names_both(facts, league) for facts in (a, b))
        if all(known) and two_way:
            found.flips += 1
            found.agree(
                "outcome", f"YES is {shown(' '.join(one.yes))} here, {shown(' '.join(two.yes))} there"
            )
        else:
            found.veto("outcome", f"YES is {shown(' '.join(one.yes))} here, {shown(' '.join(two.yes))} there")
    elif one.yes or two.yes or not (a.kinds.get("game") or a.question.children or b.question.children):
        found.doubt("outcome_order", "which side YES stands for is not named on both platforms")


def _names_both(facts: Facts, league: str) -> bool:
    """Whether the market's outcomes are the two sides, so that one of them must win."""
    fixture, question = facts.fixture, facts.question
    assert fixture is not None
    other = question.other_label or ("listed" if "outcomes" in question.rules.lower() else "")
    return bool(fixture.yes and other) and "draw" not in question.rules.lower()


def bundle(found: "Findings", a: Facts, b: Facts) -> None:
    """An event page with many kinds of markets is no counterpart of one question."""
    for one, two in ((a, b), (b, a)):
        if len(one.child_kinds) > 1 and one.child_kinds != two.child_kinds:
            found.doubt("bundle", f"the {one.question.platform} event holds several kinds of markets: "
                        f"{say(one.child_kinds)}")  # fmt: skip
            return
    if (
        a.child_kinds
        and b.child_kinds
        and a.child_kinds.isdisjoint(b.child_kinds)
        and a.fixture
        and b.fixture
    ):
        found.veto("market_kind", f"{say(a.child_kinds)} against {say(b.child_kinds)}")
