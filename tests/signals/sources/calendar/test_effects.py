"""What an event does to trading around it, and one occasion however many calendars have it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sources.calendar.effects import MARK, SUSPEND, WIDEN, guards_of, merged
from tests.signals.sources.calendar.values import BOUNDS, CPI, FOMC, NOW, scheduled

MARKET = ("kalshi", "KXFED-26DEC")
MINUTE = 60_000


def guards(event, now=NOW):
    return guards_of(event, [MARKET], BOUNDS, now).get(MARKET, ())


def levels(event, now=NOW):
    return [guard.level for guard in guards(event, now)]


def in_force(event, at):
    ms = int(at.timestamp() * 1000)
    return {guard.level for guard in guards(event, at) if guard.holds(ms)}


def test_a_decision_widens_before_it_suspends_around_it_and_marks_after_it():
    event = scheduled()
    at = {
        minutes: in_force(event, FOMC + timedelta(minutes=minutes))
        for minutes in (-61, -60, -6, -5, 0, 14, 15, 121)
    }
    assert at == {
        -61: set(), -60: {WIDEN}, -6: {WIDEN}, -5: {WIDEN, SUSPEND}, 0: {WIDEN, SUSPEND, MARK},
        14: {WIDEN, SUSPEND, MARK}, 15: {MARK}, 121: set(),
    }  # fmt: skip


def test_the_hurdle_is_the_setting_and_only_of_what_widens():
    assert {guard.level: guard.hurdle for guard in guards(scheduled())} == {
        WIDEN: Decimal("0.01"),
        SUSPEND: 0,
        MARK: 0,
    }


def test_only_high_importance_suspends():
    assert SUSPEND not in levels(scheduled(importance="medium"))
    assert levels(scheduled(importance="low")) == []


def test_a_date_only_widens_its_whole_day():
    begin = datetime(2026, 12, 9, 5, tzinfo=UTC)
    (guard,) = guards(scheduled(certainty="date_only", starts_at=begin, ends_at=begin + timedelta(days=1)))
    assert guard.level == WIDEN
    assert (guard.from_ms, guard.until_ms - guard.from_ms) == (int(begin.timestamp() * 1000), 1440 * MINUTE)


def test_a_tentative_time_widens_and_a_formality_does_nothing():
    assert levels(scheduled(certainty="tentative")) == [WIDEN]
    assert levels(scheduled(certainty="formality")) == []


def test_a_cancelled_event_does_nothing():
    assert levels(scheduled(cancelled=True)) == []


def test_what_is_over_is_left_out():
    assert levels(scheduled(), FOMC + timedelta(minutes=20)) == [MARK]
    assert guards_of(scheduled(), [MARKET], BOUNDS, FOMC + timedelta(hours=3)) == {}


def test_a_persons_word_for_a_certainty_means_exact():
    assert SUSPEND in levels(scheduled(certainty="scheduled"))


# --- merging


def cpi(number, source, **changes):
    return scheduled(
        number,
        **({"source": source, "name": "CPI", "topic": "cpi", "kind": "release", "starts_at": CPI} | changes),
    )


DAY = datetime(2026, 12, 10, 5, tzinfo=UTC)


def test_one_occasion_of_three_calendars_is_the_most_exact_with_the_markets_of_all():
    rows = [
        cpi(
            1,
            "fred",
            certainty="date_only",
            starts_at=DAY,
            ends_at=DAY + timedelta(days=1),
            markets=frozenset({("a", "1")}),
        ),
        cpi(2, "majors", certainty="tentative", markets=frozenset({("b", "2")})),
        cpi(3, "bls", markets=frozenset({("c", "3")})),
    ]
    (one,) = merged(rows)
    assert (one.id, one.certainty) == (3, "exact") and len(one.markets) == 3


def test_a_tentative_time_on_a_day_that_fred_confirms_is_exact():
    (one,) = merged([
        cpi(1, "fred", certainty="date_only", starts_at=DAY, ends_at=DAY + timedelta(days=1)),
        cpi(2, "majors", certainty="tentative"),
    ])  # fmt: skip
    assert (one.id, one.starts_at, one.certainty) == (2, CPI, "exact")


def test_a_hand_kept_date_alone_stays_tentative():
    (one,) = merged([cpi(2, "majors", certainty="tentative")])
    assert one.certainty == "tentative"


def test_a_hand_kept_date_yields_to_the_agencys_other_day():
    (one,) = merged([cpi(1, "majors"), cpi(2, "bls", starts_at=CPI + timedelta(days=5))])
    assert one.id == 2


def test_a_hand_kept_date_falls_with_the_agencys_cancellation():
    assert merged([cpi(1, "majors"), cpi(2, "bls", cancelled=True)]) == []


def test_a_moved_release_stands_where_it_moved_to():
    rows = [cpi(1, "bls", cancelled=True), cpi(2, "bls", starts_at=CPI + timedelta(days=8)), cpi(3, "majors")]
    assert [one.id for one in merged(rows)] == [2]


def test_next_months_release_is_another_occasion():
    rows = [cpi(1, "bls"), cpi(2, "majors", starts_at=CPI + timedelta(days=33))]
    assert [one.id for one in merged(rows)] == [1, 2]


def test_two_days_of_one_agency_are_two_occasions():
    assert len(merged([cpi(1, "bls"), cpi(2, "bls", starts_at=CPI + timedelta(days=3))])) == 2


def test_events_without_a_topic_are_never_joined():
    rows = [scheduled(number, topic="", name="A game", source="kalshi-milestones") for number in (1, 2)]
    assert [one.id for one in merged(rows)] == [1, 2]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_the_same_day_is_new_yorks_day_when_clocks_change(day):
    start = datetime.fromisoformat(f"{day}T05:30+00:00")
    late = datetime.fromisoformat(f"{day}T03:30+00:00")  # the evening before, there
    assert len(merged([cpi(1, "bls", starts_at=start), cpi(2, "bls", starts_at=late)])) == 2


@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order):
    rows = [
        cpi(1, "fred", certainty="date_only", starts_at=DAY), cpi(2, "majors", certainty="tentative"), cpi(3, "bls"),
        cpi(4, "bls", cancelled=True, starts_at=CPI + timedelta(days=2)), scheduled(5), scheduled(6, source="majors"),
    ]  # fmt: skip
    assert merged([rows[at] for at in order]) == merged(rows)
    assert [one.id for one in merged(rows)] == [5, 3]
