"""Fill rates: what is counted moves what was believed, never upwards with the edge; and when both legs go at once."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from signals import edge, expected, fill_rates, rules
from signals.fill_model import Count, blended, both_at_once
from signals.models import LegOutcome
from tests.signals.values import A, B, book, look

PRIOR = ((D(0), D("0.9")), (D("0.06"), D("0.8")), (D("0.10"), D("0.7")))


def counts(*pairs) -> list[Count]:
    return [Count(sent, D(filled)) for sent, filled in pairs]


def chances(found) -> list[D]:
    return [chance for _, chance in found]


def test_without_legs_it_is_what_was_believed():
    assert blended(PRIOR, counts((0, 0), (0, 0), (0, 0)), 50) == PRIOR


def test_what_is_counted_weighs_by_its_number():
    assert chances(blended(PRIOR, counts((50, 50), (0, 0), (50, 10)), 50)) == [D("0.95"), D("0.8"), D("0.45")]
    # (45 + 20 + 40 + 35) of 200 in all bands together: a chance must not rise with the edge
    assert chances(blended(PRIOR, counts((50, 20), (0, 0), (0, 0)), 50)) == [D("0.7"), D("0.7"), D("0.7")]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 100)), min_size=3, max_size=3), st.integers(1, 200)
)
def test_it_never_rises_with_the_edge_and_is_a_chance(seen, weight):
    given_counts = counts(*((sent, D(sent) * share / 100) for sent, share in seen))
    found = blended(PRIOR, given_counts, weight)
    assert [start for start, _ in found] == [start for start, _ in PRIOR]
    assert all(one >= two for one, two in zip(chances(found), chances(found)[1:], strict=False))
    assert all(0 < chance <= 1 for chance in chances(found))
    # Nothing is made or lost by taking bands together
    whole = sum(
        (chance * weight + count.filled for (_, chance), count in zip(PRIOR, given_counts, strict=True)), D(0)
    )
    spread = sum(
        (chance * (weight + count.sent) for chance, count in zip(chances(found), given_counts, strict=True)),
        D(0),
    )
    assert abs(whole - spread) < D("0.0001") * (3 * weight + sum(count.sent for count in given_counts))


def test_more_fills_never_lower_a_chance():
    few, many = (chances(blended(PRIOR, counts((100, filled), (10, 5), (10, 5)), 50)) for filled in (40, 60))
    assert all(one <= two for one, two in zip(few, many, strict=True))


def test_one_after_the_other_unless_waiting_costs_more():
    # The recorded log: 39.9 % first, 63.3 % then
    waits = both_at_once(D("0.399"), D("0.633"), D("0.633"), D("0.05"), D("0.03"), D("0.03"))
    assert not waits.better
    assert waits.one_after_other == D("0.399") * (D("0.633") * D("0.05") - D("0.367") * D("0.03"))
    # A thin next leg that is gone after half a second, and a first leg that nearly always fills
    hurries = both_at_once(D("0.95"), D("0.40"), D("0.90"), D("0.05"), D("0.03"), D("0.03"))
    assert hurries.better
    # Nothing to lose and nothing to win by hurrying: the simple way stays
    assert not both_at_once(D("0.9"), D("0.9"), D("0.9"), D("0.05"), D(0), D(0)).better


def test_the_hurdle_of_one_after_the_other_is_the_known_one():
    f, u = D("0.633"), D("0.04")
    even = u * (1 - f) / f
    assert abs(both_at_once(D("0.4"), f, f, even, u, u).one_after_other) < D("1e-20")


# --- measured


@pytest.fixture
def measured(db, settings):
    fill_rates.forget()
    yield
    fill_rates.forget()


NOW = timezone.now()


def legs(
    count,
    *,
    edge="0.02",
    place=1,
    filled="10",
    platform="kalshi",
    mode="paper",
    kind="LEG",
    loss=None,
    days=1,
    start=0,
):
    name = f"{kind}{mode}{platform}{place}{edge}"
    fill_rates.record(
        [
            LegOutcome(
                mode=mode, kind=kind, plan="p", order=f"{name}{start + number}", platform=platform, place=place,
                edge=D(edge), asked=D(10), filled=D(filled), loss=loss, at=NOW - timedelta(days=days),
            )
            for number in range(count)
        ]
    )  # fmt: skip
    fill_rates.forget()


def test_the_setting_holds_until_something_is_known(measured):
    assert fill_rates.bands("paper", NOW) == rules.hurdles(settings_only=True).charges.fill_bands
    assert fill_rates.unwind_loss("paper", NOW) == 0


def test_legs_that_miss_raise_the_hurdle(measured):
    before = rules.charges()
    legs(50, filled="5")  # half of each: (0.9 * 50 + 25) / 100
    legs(50, filled="10", place=0)  # first legs are another matter
    legs(50, filled="0", mode="live")  # as is another mode
    legs(50, filled="0", days=31, start=100)  # and another month
    found = fill_rates.bands("paper", NOW)
    assert edge.fill_rate(found, D("0.02")) == D("0.7333")  # with the bands above, which must not be better
    assert rules.charges().fill_bands == found != before.fill_bands


def test_the_same_leg_counts_once(measured):
    legs(50, filled="0")
    found = fill_rates.bands("paper", NOW)
    legs(50, filled="0")
    assert fill_rates.bands("paper", NOW) == found


def test_an_edge_belongs_to_its_band(measured):
    legs(10, edge="-0.01", filled="0")
    legs(10, edge="0.06", filled="0", start=20)
    legs(10, edge="0.90", filled="0", start=40)
    counted = fill_rates.measured("paper", NOW).of(first=False)
    assert [count.sent for count in counted] == [10, 10, 0, 10]


def test_unwinding_costs_at_least_what_it_has_cost(measured):
    legs(19, kind="UNWIND", loss=D("0.40"))
    assert fill_rates.unwind_loss("paper", NOW) == 0  # too few to say
    legs(1, kind="UNWIND", loss=D("0.40"), start=50)
    assert fill_rates.unwind_loss("paper", NOW) == D("0.04")
    assert rules.charges().unwind_loss == D("0.04")


def test_a_measured_loss_is_a_floor(measured):
    (finding,) = look(
        book(A, [("0.38", 100)], [("0.40", 100)]), book(B, [("0.50", 100)], [("0.52", 100)])
    ).findings
    books = expected.of(finding, D(0), edge.Charges(fill_bands=PRIOR))
    dear = expected.of(finding, D(0), edge.Charges(fill_bands=PRIOR, unwind_loss=D("0.5")))
    cheap = expected.of(finding, D(0), edge.Charges(fill_bands=PRIOR, unwind_loss=D("0.001")))
    assert dear.leg_risk > books.leg_risk == cheap.leg_risk > 0


def test_both_at_once_only_on_evidence(measured):
    ask = ("paper", ("polymarket", "kalshi"), D("0.02"), (D("0.01"), D("0.01")), NOW)
    assert fill_rates.at_once(*ask) is None
    legs(200, place=0, platform="polymarket")
    legs(200, place=0, platform="kalshi")
    legs(49, place=1, platform="kalshi", filled="1")
    assert fill_rates.at_once(*ask) is None
    legs(200, place=1, platform="kalshi", filled="1", start=100)
    assert fill_rates.at_once(*ask).better
    assert fill_rates.both_at_once("polymarket", "kalshi", mode="paper", edge=D("0.02"), now=NOW)
    assert not fill_rates.both_at_once("kalshi", "polymarket", mode="paper", edge=D("0.02"), now=NOW)
