"""Bets that follow from events: what is certain, what is only proposed, and why there is none."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import bets
from markets.betting import building, strikes
from markets.betting.building import EventFacts
from markets.platforms.base import CLOSED, DISPUTED, KALSHI, POLYMARKET, SETTLED
from markets.platforms.kalshi import parse as kalshi_parse
from markets.platforms.kalshi import wire as kalshi_wire
from markets.platforms.polymarket import parse as polymarket_parse
from markets.platforms.polymarket import wire as polymarket_wire
from tests import factories

D = Decimal
NEG = EventFacts(POLYMARKET, "EV1", neg_risk=True, whole=True, member_ids=frozenset("abc"))
EXCLUSIVE = EventFacts(KALSHI, "EV1", mutually_exclusive=True)
PLAIN = EventFacts(KALSHI, "EV1")
END = factories.info(KALSHI).end


def market(market_id, platform=POLYMARKET, extra=(), **changes):
    return factories.info(platform, market_id, end=END, extra=dict(extra), **changes)


def three(**last):
    return [market("a", extra={"neg_risk": True}), market("b", extra={"neg_risk": True}),
            market("c", extra={"neg_risk": True}, **last)]  # fmt: skip


def strike(
    market_id, kind, low=None, high=None, rules="The index is {} on May 1, 2027.", words="", **changes
):
    extra = {"strike_type": kind, "custom_strike": changes.pop("custom", None)}
    extra |= {
        name: value for name, value in (("floor_strike", low), ("cap_strike", high)) if value is not None
    }
    return market(market_id, KALSHI, extra, rules=rules.format(words or f"above {low}"), **changes)


def only(found, *, certain=True):
    (one,) = found.built
    assert one.certain is certain and not one.value.faults
    return one.value


# --- exactly one, at most one


def test_a_whole_neg_risk_event_is_exhaustive():
    value = only(building.build(NEG, three()))
    assert (value.kind, len(value.states), bets.NONE in value.states) == ("neg_risk", 3, False)


def test_an_outcome_that_resolved_no_drops_its_state():
    value = only(building.build(NEG, three(status=SETTLED, result="NO")))
    assert value.states == ("polymarket:a", "polymarket:b")


@pytest.mark.parametrize(
    ("event", "members", "reason"),
    [
        (NEG, three(status=SETTLED, result="YES"), "decided"),
        (NEG, three(status=SETTLED, result="SCALAR"), "without a clear result"),
        (NEG, three(status=SETTLED, result=""), "without a clear result"),
        (NEG, three(status=DISPUTED), "disputed without a clear result"),
        (NEG, [*three(), market("d", extra={"neg_risk": True})], "was added"),
        (NEG, [*three()[:2], market("c", extra={"neg_risk": False})], "same neg-risk adapter"),
    ],
)
def test_what_is_not_clear_makes_no_bet(event, members, reason):
    found = building.build(event, members)
    assert found.built == [] and reason in found.why_not["neg_risk"]


@pytest.mark.parametrize(
    "event",
    [replace(NEG, whole=False), replace(NEG, member_ids=frozenset("abcd"))],
)
def test_an_event_that_is_not_wholly_known_is_only_exclusive(event):
    found = building.build(event, three())
    value = only(found)
    assert (
        value.kind == "exclusive" and value.states[-1] == bets.NONE and "known" in found.why_not["neg_risk"]
    )


def test_a_market_that_ended_undecided_keeps_its_state():
    assert len(only(building.build(NEG, three(status=CLOSED))).states) == 3


def test_augmented_events_are_never_exhaustive_and_leave_out_the_rest_and_nobody():
    members = [
        market(one, extra={"neg_risk": True, "group_item_title": title, "neg_risk_other": other})
        for one, title, other in (
            ("a", "Anna Smith", False), ("b", "Bob", False), ("c", "Other", False), ("d", "Person C", False),
            ("e", "x", True),
            ("f", "Another person", False), ("g", "Company AB", False),
        )
    ]  # fmt: skip
    value = only(building.build(replace(NEG, augmented=True), members))
    assert value.kind == "exclusive" and value.states == ("polymarket:a", "polymarket:b", bets.NONE)


def test_one_market_that_calls_its_event_augmented_is_enough():
    members = three()
    members[1] = replace(members[1], extra=members[1].extra | {"neg_risk_augmented": True})
    assert only(building.build(NEG, members)).states[-1] == bets.NONE


def test_kalshis_exclusive_events_have_a_state_in_which_none_pays():
    found = building.build(EXCLUSIVE, [market(one, KALSHI) for one in "abc"])
    value = only(found)
    assert value.id == "exclusive:kalshi:EV1" and value.states[-1] == bets.NONE
    yes = [claim for claim in value.claims if claim.outcome == "YES"]
    assert all(bets.NONE not in claim.pays_in and len(claim.pays_in) == 1 for claim in yes)


def test_an_exclusive_event_whose_strikes_overlap_is_not_believed():
    members = [strike("a", "greater", "100"), strike("b", "greater", "110")]
    found = building.build(EXCLUSIVE, members)
    assert found.built == [] and "can both pay" in found.why_not["exclusive"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([market("a", KALSHI, result="YES", status=SETTLED), market("b", KALSHI)], "decided"),
        ([market("a", KALSHI, status=DISPUTED), market("b", KALSHI)], "disputed"),
        ([market("a", KALSHI, status=CLOSED), market("b", KALSHI)], "Fewer than two"),
        ([market(f"m{n}", KALSHI) for n in range(building.MOST_MEMBERS + 1)], "more than"),
    ],
)
def test_exclusive_events_that_make_no_bet(members, reason):
    found = building.build(EXCLUSIVE, members)
    assert found.built == [] and reason in found.why_not["exclusive"]


def test_a_lonely_market_and_one_without_event_make_nothing():
    assert building.build(EXCLUSIVE, [market("a", KALSHI)]) == building.Outcome()
    assert (
        building.build(replace(EXCLUSIVE, event_id=""), [market("a", KALSHI), market("b", KALSHI)]).built
        == []
    )


# --- ladders


@pytest.mark.parametrize(
    ("kind", "low", "high", "inside", "outside"),
    [
        ("greater", "100", None, "100.01", "100"),
        ("greater_or_equal", "100", None, "100", "99.99"),
        ("less", None, "100", "99.99", "100"),
        ("less_or_equal", None, "100", "100", "100.01"),
        ("between", "100", "110", "110", "110.01"),
        ("between", "100", "110", "100", "99.99"),
    ],
)
def test_strikes_are_intervals_to_the_point(kind, low, high, inside, outside):
    step = strikes.step_of(strike("a", kind, low, high))
    assert pays(step, D(inside)) and not pays(step, D(outside))


def pays(step, value):
    above = step.low is None or value > step.low or (step.low_inclusive and value == step.low)
    return above and (step.high is None or value < step.high or (step.high_inclusive and value == step.high))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("greater", None, "1"), ("less", "1", None), ("between", "5", "1"), ("between", "5", None), ("greater", "NaN", None),
     ("greater", "x", None), ("custom", "1", None), (None, None, None)],
)  # fmt: skip
def test_strikes_that_are_none_are_a_sentence(kind, low, high):
    assert isinstance(strikes.step_of(strike("a", kind, low, high)), str)


@given(
    st.lists(
        st.tuples(st.sampled_from(strikes.STRUCTURED), st.integers(0, 6), st.integers(0, 4)),
        min_size=2,
        max_size=6,
        unique=True,
    ),
    st.decimals(-1, 12, places=1),
)
def test_a_ladder_pays_as_its_strikes_say(specs, value):
    """Each value lies in a state, and in it exactly those YES pay whose strikes hold it."""
    members = [
        strike(f"m{at}", kind, str(low), str(low + width), words="measured")
        for at, (kind, low, width) in enumerate(specs)
    ]
    found = building.build(PLAIN, members)
    steps = {info.id: strikes.step_of(info) for info in members}
    for built in found.built:
        claims = [claim for claim in built.value.claims if claim.outcome == "YES"]
        expected = {claim.market_id for claim in claims if pays(steps[claim.market_id], value)}
        states = [
            {claim.market_id for claim in claims if state in claim.pays_in} for state in built.value.states
        ]
        assert expected in states and set() in states


def test_ten_players_are_ten_ladders():
    members = [
        strike(
            f"{player}{low}", "greater", f"{low}.5", rules=f"If {player} records {{}} hits in the game of Jun 11, 2026.",
            words=f"{low + 1}+",
        )
        for player in ("Perdomo", "Carroll")
        for low in range(3)
    ]  # fmt: skip
    found = building.build(PLAIN, members)
    assert sorted(len(one.value.markets) for one in found.built) == [3, 3] and all(
        one.certain for one in found.built
    )
    for one in found.built:
        assert len({market_id.rstrip("012") for _, market_id in one.value.markets}) == 1


def test_ranges_and_tails_are_one_ladder():
    members = [
        strike("low", "less", None, "76", words="less than 76°"),
        strike("mid", "between", "76", "77", words="between 76-77°"),
        strike("top", "greater", "77", words="greater than 77°"),
    ]
    value = only(building.build(PLAIN, members))
    assert len(value.states) == 4  # below, the range, above, and no reading


@pytest.mark.parametrize(
    "other",
    [
        strike("b", "greater", "110", rules="The index is {} on May 2, 2027."),
        strike("b", "greater", "110", resolution_source="elsewhere"),
        replace(strike("b", "greater", "110"), end=None),
        strike("b", "greater", "110", custom={"player": "x"}),
        strike("b", "greater", "110", rules=""),
        strike("b", "greater", "110", rules="The || Count || is {} on May 1, 2027."),
        strike("b", "greater", None, words="above 110"),
        strike("b", "greater", "100"),
    ],
)
def test_what_is_not_the_same_value_is_in_no_ladder(other):
    found = building.build(PLAIN, [strike("a", "greater", "100"), other])
    assert found.built == [] and "in no ladder" in found.why_not["ladder"]


def test_one_disputed_market_keeps_an_event_out():
    found = building.build(PLAIN, [strike("a", "greater", "1"), strike("b", "greater", "2", status=DISPUTED)])
    assert found.built == [] and "disputed" in found.why_not["ladder"]


# --- from texts


def asked(market_id, question, rules="As the paper reports it.", **changes):
    return market(market_id, question=question, rules=rules, **changes)


TEXTS = EventFacts(POLYMARKET, "EV1")


def test_dates_in_texts_are_proposed():
    members = [
        asked("a", "Will X resign by June 30, 2026?", "YES if X resigns by June 30, 2026."),
        asked("b", "Will X resign by July 31, 2026?", "YES if X resigns by July 31, 2026."),
        asked("c", "Will X resign before Dec 1, 2026?", "YES if X resigns before Dec 1, 2026."),
    ]
    value = only(building.build(TEXTS, members[:2]), certain=False)
    assert value.kind == "date_ladder"
    yes = {claim.market_id: claim.pays_in for claim in value.claims if claim.outcome == "YES"}
    assert yes["a"] < yes["b"]
    found = building.build(TEXTS, members)
    assert all(not one.certain for one in found.built)


def test_thresholds_in_texts_are_proposed():
    members = [
        asked("a", "Will BTC be above $90k on Dec 31?", "Above $90,000 at noon."),
        asked("b", "Will BTC be above $100,000 on Dec 31?", "Above $100,000 at noon."),
    ]
    value = only(building.build(TEXTS, members), certain=False)
    yes = {claim.market_id: claim.pays_in for claim in value.claims if claim.outcome == "YES"}
    assert value.kind == "ladder" and yes["b"] < yes["a"] and value.id.startswith("ladder-read:")


@pytest.mark.parametrize(
    "questions",
    [
        ("Will X resign on June 30?", "Will X resign on July 31?"),
        ("Will X resign by June 30?", "Will Y resign by July 31?"),
        ("Will BTC be above $90k on May 1?", "Will BTC be above $95k on May 2?"),
        ("Will BTC be above $90k on May 1?", "Will BTC be below $95k on May 1?"),
        ("Will BTC be near $90k on May 1?", "Will BTC be near $95k on May 1?"),
        ("Will 3 cuts come with BTC above $90k?", "Will 4 cuts come with BTC above $95k?"),
        ("Will X resign by June 99?", "Will X resign by July 99?"),
    ],
)
def test_texts_that_imply_nothing_are_not_even_proposed(questions):
    assert building.build(TEXTS, [asked(str(at), text) for at, text in enumerate(questions)]).built == []


def test_the_same_step_twice_is_told():
    members = [asked("a", "Will X resign by June 30, 2026?"), asked("b", "Will X resign by June 30, 2026?")]
    found = building.build(TEXTS, members)
    assert found.built == [] and "same step" in found.why_not["date_ladder"]


# --- names and reasons


@given(st.text(min_size=1, max_size=200))
def test_ids_fit_their_column(text):
    assert len(building.bet_id("ladder", KALSHI, text)) <= 128
    assert building.bet_id("ladder", KALSHI, text) == building.bet_id("ladder", KALSHI, text)


def test_reasons_are_counted_without_their_particulars():
    one, two = (building.reason_class(f"{n} markets are in no ladder, like KX-{n}.") for n in (3, 40))
    assert one == two


# --- what the platforms really send


def test_recorded_kalshi_events_make_ladders_of_one_subject(recorded):
    """Spreads of two teams and hits of many players stand in one event; each ladder is about one of them."""
    document = json.loads((recorded / "kalshi/rest/aug2026/events_sports_nested.json").read_text())
    ladders = 0
    for raw in document["events"] if isinstance(document, dict) else document:
        event = msgspec.json.decode(json.dumps(raw), type=kalshi_wire.Event)
        bodies = [msgspec.json.decode(one, type=kalshi_wire.Market) for one in event.markets or ()]
        members = [kalshi_parse.market(body, event, None) for body in bodies]
        facts = EventFacts(KALSHI, event.event_ticker, mutually_exclusive=bool(event.mutually_exclusive))
        for built in building.build(facts, members).built:
            assert not built.value.faults and built.certain
            if built.value.kind == "ladder":
                ladders += 1
                assert len({re.sub(r"-?\d+$", "", ticker) for _, ticker in built.value.markets}) == 1
    assert ladders >= 20


def test_the_recorded_fed_decision_is_a_neg_risk_bet(recorded):
    raw = json.loads((recorded / "polymarket/fed_june_2026/gamma_event.json").read_text())
    raw = raw[0] if isinstance(raw, list) else raw
    event = msgspec.json.decode(json.dumps(raw), type=polymarket_wire.GammaEvent)
    bodies = [msgspec.json.decode(one, type=polymarket_wire.GammaMarket) for one in event.markets]
    members = [polymarket_parse.market_info(body, event) for body in bodies]
    ids = frozenset(one.id for one in members)
    facts = EventFacts(POLYMARKET, event.id, neg_risk=True, whole=True, member_ids=ids)
    value = only(building.build(facts, members))
    assert value.kind == "neg_risk" and len(value.states) == len(members) == 5
