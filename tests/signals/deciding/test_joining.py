"""Evidence and a hedged bet: against it always, for it only where a proven source was answered by every platform."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.correlating.standing import Standing
from signals.deciding import decision, joining
from signals.deciding.decision import ACTIONABLE, REFUSED, Context, Hurdles
from signals.deciding.doubts import Evidence, Point
from signals.deciding.joining import EVENT_NEAR, EVIDENCE_VETO, NEUTRAL, Belief, Joined
from signals.edge import Charges
from signals.findings import Finding
from signals.records import storing
from signals.sources.calendar.guards import MARK, SUSPEND, WIDEN, Guard
from tests.signals.values import NOW, A, B, D, book, listings, look, plain

BELIEF = Belief()
MINUTE = 60_000
NO_PRICES = Evidence()


def finding(**changes) -> Finding:
    """YES at 0.42 on A (bid 0.40), NO at 0.50 on B (bid 0.49): eight cents, no fees."""
    a = book(A, bids=[("0.40", 100)], asks=[("0.42", 100)])
    b = book(B, bids=[("0.50", 100)], asks=[("0.51", 100)])
    (found,) = look(a, b, listings(plain(), plain())).findings
    return replace(found, **changes)


def said(**changes) -> Standing:
    """A fresh headline of a source that is right in 85 of 100 cases, at least in 75, where 30 would be chance."""
    values = {
        "source": "news:fed", "kind": "headline", "item": "news:1", "direction": 1, "strength": 0.9, "probability": 0.85,
        "base_rate": 0.3, "weight": 1.0, "lower": 0.75, "happened_ms": NOW - MINUTE, "seen_ms": NOW,
        "due_ms": NOW + 30 * MINUTE, "half_life_ms": 15 * MINUTE, "note": "Rates cut",
    }  # fmt: skip
    return Standing(**{**values, **changes})


def unscored(**changes) -> Standing:
    return said(**{"lower": None, "probability": 0.5, "base_rate": 0.5, "weight": 0.0, **changes})


def prices(a_after="0.41", b_after="0.505") -> Evidence:
    """Mids of both markets: where they stood before the story, and after it."""
    return Evidence(
        {
            A: [Point(NOW - 5 * MINUTE, D("0.41")), Point(NOW - 1_000, D(a_after))],
            B: [Point(NOW - 5 * MINUTE, D("0.505")), Point(NOW - 1_000, D(b_after))],
        }
    )


def guard(level=WIDEN, event_id=7, hurdle="0.01", **changes) -> Guard:
    return Guard(level, event_id, "FOMC", NOW + MINUTE, NOW - MINUTE, NOW + 2 * MINUTE, D(hurdle), **changes)


def join(standings=None, guards=None, *, seen=NO_PRICES, of=None, now=NOW, belief=BELIEF) -> Joined:
    return joining.join(of or finding(), standings or {}, guards or {}, belief, now, seen)


def codes(joined: Joined) -> list[str]:
    return [veto.code for veto in joined.vetoes]


# --- nothing


def test_no_evidence_is_neutral():
    assert join() is NEUTRAL and join({A: ()}, {B: ()}) is NEUTRAL
    assert (NEUTRAL.factor, NEUTRAL.hurdle, NEUTRAL.sure, NEUTRAL.sources) == (1, 0, 1, ("price",))


def test_what_stands_for_other_markets_is_no_evidence():
    assert join({("kalshi", "KX-OTHER"): [said()]}) is NEUTRAL


@given(st.sampled_from(["0.01", "0.05", "0.079", "0.09"]), st.integers(0, 5_000), st.booleans())
def test_without_evidence_every_decision_is_as_it_was(least, age, crossed):
    one = finding(cautions=("crossed",) if crossed else ())
    hurdles = Hurdles(min_profit_pct=D(least), charges=Charges(fill_bands=((D(0), D("0.8")),)))
    before = Context(m0=D("0.001"))
    after = replace(before, joined=join())
    assert decision.decide(one, hurdles, NOW + age, after) == decision.decide(one, hurdles, NOW + age, before)
    assert decision.confidence(one, D(0), NOW, 2_000, NEUTRAL) == decision.confidence(one, D(0), NOW, 2_000)


# --- against


def test_a_strong_story_that_no_price_has_answered_is_a_veto_and_says_why():
    joined = join({A: [said()]})
    assert codes(joined) == [EVIDENCE_VETO]
    sentence = joined.vetoes[0].sentence
    assert (
        "news:fed" in sentence and "news:1" in sentence and "kalshi and polymarket has not moved" in sentence
    )
    assert joined.sources == ("price", "news") and joined.voices[0].effect == "veto"
    verdict = decision.decide(finding(), Hurdles(), NOW, Context(joined=joined))
    assert verdict.state == REFUSED and [reason.code for reason in verdict.reasons] == [EVIDENCE_VETO]


@pytest.mark.parametrize("direction", [1, -1])
def test_either_direction_leaves_one_leg_behind(direction):
    assert codes(join({A: [said(direction=direction)]})) == [EVIDENCE_VETO]
    assert codes(join({B: [said(direction=direction)]})) == [EVIDENCE_VETO]


def test_one_platform_that_has_not_moved_is_named():
    joined = join({A: [said()]}, seen=prices(a_after="0.45"))
    assert codes(joined) == [EVIDENCE_VETO] and "kalshi has not moved" in joined.vetoes[0].sentence


def test_a_move_the_other_way_or_within_the_spread_is_no_answer():
    assert codes(join({A: [said()]}, seen=prices("0.43", "0.515"))) == [EVIDENCE_VETO]  # exactly the spreads
    assert codes(join({A: [said()]}, seen=prices("0.37", "0.46"))) == [EVIDENCE_VETO]
    assert codes(join({A: [said(direction=-1)]}, seen=prices("0.37", "0.46"))) == []


def test_prices_that_do_not_reach_back_to_the_story_answer_nothing():
    assert codes(join({A: [said(happened_ms=NOW - 6 * MINUTE)]}, seen=prices("0.45", "0.53"))) == [
        EVIDENCE_VETO
    ]


def test_two_legs_on_the_same_outcome_answer_in_opposite_ways():
    one = finding()
    flipped = replace(one, legs=(one.legs[0], replace(one.legs[1], outcome="YES")))
    rose_and_fell = prices("0.45", "0.47")
    assert codes(join({A: [said()]}, of=flipped, seen=rose_and_fell)) == []
    assert codes(join({A: [said()]}, seen=rose_and_fell)) == [EVIDENCE_VETO]


def test_in_a_basket_only_its_own_market_could_answer_so_it_never_counts_as_answered():
    one = finding()
    three = replace(one, legs=(*one.legs, replace(one.legs[1], market_id="KX-C")))
    assert codes(join({A: [said()]}, of=three, seen=prices("0.45", "0.53"))) == [EVIDENCE_VETO]


def test_a_moderate_claim_shrinks_and_raises_the_hurdle():
    joined = join({A: [said(probability=0.65)]})
    assert joined.vetoes == () and joined.voices[0].effect == "shrink"
    assert joined.shrink == D("0.6250")  # half of what chance leaves: 1 - 0.75 * 0.5
    assert joined.hurdle == D("0.010000") and joined.sure == D("0.5000") and joined.enlarge == 1


def test_age_takes_it_away():
    young, old = (join({A: [said()]}, now=NOW + minutes * MINUTE) for minutes in (0, 20))
    assert codes(young) == [EVIDENCE_VETO] and codes(old) == []
    assert young.shrink < old.shrink < 1 and young.hurdle > old.hurdle > 0
    assert join({A: [said()]}, now=NOW + 31 * MINUTE) is NEUTRAL


def test_a_claim_that_it_will_move_raises_the_hurdle_only():
    joined = join({A: [said(direction=0)]})
    assert joined.vetoes == () and joined.shrink == 1 and joined.hurdle > 0
    assert joined.voices[0].effect == "hurdle"


def test_a_source_without_a_score_is_taken_at_its_word_against_a_trade():
    assert codes(join({A: [unscored(strength=0.9)]})) == [EVIDENCE_VETO]
    joined = join({A: [unscored(strength=0.4)]})
    assert codes(joined) == [] and joined.shrink == D("0.7000") and joined.voices[0].probability == D("0.7")


def test_scored_noise_has_no_say():
    joined = join({A: [said(weight=0.0), said(item="news:2", probability=0.2)]})
    assert (joined.vetoes, joined.shrink, joined.hurdle, joined.sources) == ((), 1, 0, ("price",))
    assert {voice.effect for voice in joined.voices} == {"noted"}


def test_price_moves_wait_for_a_score_and_never_veto():
    move = {"source": "price", "kind": "jump", "item": "move:1"}
    assert join({A: [unscored(**move)]}).factor == 1
    joined = join({A: [said(**move)]})
    assert joined.vetoes == () and joined.shrink < 1 and joined.sources == ("price",)


def test_a_source_that_repeats_itself_counts_once_and_two_sources_twice():
    one = join({A: [said(probability=0.5)]})
    flood = join({A: [said(probability=0.5, item=f"news:{n}") for n in range(50)]})
    two = join({A: [said(probability=0.5), said(probability=0.5, source="whale:chain", item="whale:1")]})
    assert one.shrink == flood.shrink and one.hurdle == flood.hurdle
    assert two.shrink < one.shrink and two.sources == ("price", "whale", "news")


# --- scheduled events


def test_one_story_has_one_say_however_many_tell_it():
    one = said(probability=0.5, base_rate=0.3, item="news:5")
    again = said(source="news:sec", probability=0.5, base_rate=0.3, item="confirmed:5", kind="confirmed")
    other = said(source="news:sec", probability=0.5, base_rate=0.3, item="news:6")
    alone, copied, two = (join({A: list(claims)}) for claims in ((one,), (one, again), (one, other)))
    assert alone.hurdle == copied.hurdle < two.hurdle


def test_an_event_suspends_widens_or_only_marks():
    near = join(guards={A: [guard(SUSPEND, hurdle="0")], B: [guard(SUSPEND, hurdle="0")]})
    assert codes(near) == [EVENT_NEAR] and near.sources == ("price", "calendar")
    wide = join(guards={A: [guard()], B: [guard()]})
    assert (wide.vetoes, wide.hurdle, wide.shrink) == ((), D("0.01"), 1)  # one event, counted once
    assert join(guards={A: [guard(), guard(event_id=8)]}).hurdle == D("0.02")
    mark = join(guards={A: [guard(MARK)]})
    assert (mark.vetoes, mark.hurdle, mark.factor, mark.voices[0].effect) == ((), 0, 1, "noted")


def test_what_passes_its_own_hurdle_may_fail_by_evidence_alone_and_says_so():
    slim = Hurdles(min_profit_pct=D(0), charges=Charges(fill_bands=((D(0), D("0.8")),)))
    wide = join(guards={A: [guard(hurdle="0.09")]})
    verdict = decision.decide(finding(), slim, NOW, Context(joined=wide))
    assert [reason.code for reason in verdict.reasons] == ["below_evidence_hurdle"]
    assert "evidence" in verdict.reasons[0].sentence
    hopeless = Context(m0=D("0.09"), joined=wide)
    assert [reason.code for reason in decision.decide(finding(), slim, NOW, hopeless).reasons] == [
        "below_hurdle"
    ]
    assert decision.decide(finding(), slim, NOW).state == ACTIONABLE


# --- for


def test_a_proven_story_that_every_platform_has_answered_enlarges():
    joined = join({A: [said(lower=0.80)]}, seen=prices("0.45", "0.53"))
    assert joined.vetoes == () and joined.hurdle == 0 and joined.shrink == 1 and joined.sure == 1
    assert joined.enlarge == D("1.2500")  # half of what lies above 0.60, of half as much again
    assert joined.voices[0].effect == "enlarge" and joined.sources == ("price", "news")
    most = join({A: [said(lower=1.0)]}, seen=prices("0.45", "0.53"))
    assert most.enlarge == BELIEF.enlarge_most


@pytest.mark.parametrize(
    "changes",
    [{"lower": 0.60}, {"lower": None}, {"weight": 0.0}, {"source": "price"}, {"direction": 0}],
    ids=["not above the setting", "no score", "noise", "prices themselves", "no direction"],
)
def test_nothing_less_enlarges(changes):
    assert join({A: [said(**changes)]}, seen=prices("0.45", "0.53")).enlarge == 1


@pytest.mark.parametrize(
    "beside", [{"guards": {B: [guard()]}}, {"standings": {A: [said()], B: [unscored(direction=-1)]}}]
)
def test_whatever_speaks_against_it_keeps_it_from_being_enlarged(beside):
    arguments = {"standings": {A: [said()]}, **beside}
    assert join(arguments["standings"], arguments.get("guards"), seen=prices("0.45", "0.53")).enlarge == 1


# --- what holds for all

SCORED = st.one_of(st.none(), st.floats(0, 1))
STANDINGS = st.builds(
    said,
    source=st.sampled_from(["news:fed", "news:other", "whale:chain", "calendar:bls", "price"]),
    item=st.integers(0, 9).map(lambda n: f"item:{n}"), direction=st.sampled_from([-1, 0, 1]), strength=st.floats(0, 1),
    probability=st.floats(0, 1), base_rate=st.floats(0, 1), weight=st.floats(0, 1), lower=SCORED,
    seen_ms=st.integers(NOW - 60 * MINUTE, NOW + MINUTE), happened_ms=st.integers(NOW - 60 * MINUTE, NOW),
    half_life_ms=st.integers(0, 60 * MINUTE), due_ms=st.integers(NOW - MINUTE, NOW + 60 * MINUTE),
)  # fmt: skip
HEARD = st.dictionaries(st.sampled_from([A, B]), st.lists(STANDINGS, max_size=4), max_size=2)
EVENTS = st.builds(
    guard, level=st.sampled_from([WIDEN, SUSPEND, MARK]), event_id=st.integers(1, 3),
    hurdle=st.sampled_from(["0", "0.01", "0.05"]),
)  # fmt: skip
GUARDED = st.dictionaries(st.sampled_from([A, B]), st.lists(EVENTS, max_size=3), max_size=2)
SEEN = st.sampled_from([NO_PRICES, prices(), prices("0.45", "0.53"), prices("0.37", "0.46"), prices("0.45")])


@dataclass
class Weighed:
    joined: Joined
    passes: bool


def weigh(standings, guards, seen) -> Weighed:
    joined = join(standings, guards, seen=seen)
    hurdles = Hurdles(charges=Charges(fill_bands=((D(0), D("0.8")),)))
    state = decision.decide(finding(), hurdles, NOW, Context(joined=joined)).state
    return Weighed(joined, state == ACTIONABLE)


def no_more_permissive(after: Weighed, before: Weighed) -> bool:
    one, two = after.joined, before.joined
    return (
        one.shrink <= two.shrink
        and one.hurdle >= two.hurdle
        and one.factor <= two.factor
        and one.sure <= two.sure
        and set(codes(one)) >= set(codes(two))
        and after.passes <= before.passes
    )


@given(HEARD, GUARDED, SEEN)
def test_every_effect_keeps_its_bounds(standings, guards, seen):
    joined = join(standings, guards, seen=seen)
    scheduled = sum(
        {
            event.event_id: max(
                D(other.hurdle)
                for rows in guards.values()
                for other in rows
                if other.event_id == event.event_id and other.level != MARK
            )
            for rows in guards.values()
            for event in rows
            if event.level != MARK
        }.values()
    )
    assert BELIEF.shrink_least <= joined.shrink <= 1 <= joined.enlarge <= BELIEF.enlarge_most
    assert scheduled <= joined.hurdle <= BELIEF.most_hurdle + scheduled
    assert 0 <= joined.sure <= 1 and (joined.shrink == 1 or joined.factor == joined.shrink)


@given(HEARD, GUARDED, SEEN)
def test_without_a_score_nothing_enlarges(standings, guards, seen):
    blind = {
        market: [said(**{name: getattr(row, name) for name in row.__struct_fields__ if name != "lower"}, lower=None)
                 for row in rows]
        for market, rows in standings.items()
    }  # fmt: skip
    joined = join(blind, guards, seen=seen)
    assert joined.enlarge == 1 and joined.factor <= 1
    assert no_more_permissive(weigh(blind, guards, seen), weigh({}, {}, seen))


@given(HEARD, GUARDED, SEEN, st.sampled_from([A, B]), STANDINGS, EVENTS)
def test_more_evidence_against_it_never_lets_more_through(standings, guards, seen, market, more, event):
    """What can speak for a trade is a proven claim that every price has answered: anything else only takes away."""
    before = weigh(standings, guards, seen)
    blind = said(
        **{name: getattr(more, name) for name in more.__struct_fields__ if name != "lower"}, lower=None
    )
    for against, at in ((blind, seen), (more, NO_PRICES)):
        base = before if at is seen else weigh(standings, guards, NO_PRICES)
        fuller = {**standings, market: [*standings.get(market, []), against]}
        assert no_more_permissive(weigh(fuller, guards, at), base)
    tighter = {**guards, market: [*guards.get(market, []), event]}
    assert no_more_permissive(weigh(standings, tighter, seen), before)


@given(HEARD, GUARDED, SEEN)
def test_what_is_stored_reads_back(standings, guards, seen):
    joined = join(standings, guards, seen=seen)
    assert storing.joined_of(storing.joined_json(joined)) == joined


def test_every_effect_has_its_sentence():
    joined = join({A: [said(), said(item="news:2", direction=0)]}, {B: [guard()]})
    assert len(joined.sentences) == 3 and "Rates cut" in joined.sentences[0]
    assert Decimal(storing.joined_json(joined)["evidence"][0]["probability"]) == D("0.85")
