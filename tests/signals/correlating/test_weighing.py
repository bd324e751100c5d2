"""Decay, weights, and several words about one market."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.correlating import weighing
from signals.correlating.weighing import Word

SHARES = st.floats(0.01, 0.99)


def word(**changes):
    values = {
        "group": "news", "direction": 1, "probability": 0.6, "base_rate": 0.3, "weight": 1.0, "age": 0.0,
        "half_life": 600.0,
    }  # fmt: skip
    return Word(**(values | changes))


@given(st.floats(0, 1e6), st.floats(0.1, 1e6))
def test_decay_halves_with_every_half_life(age, half_life):
    assert weighing.decay(age + half_life, half_life) == pytest.approx(weighing.decay(age, half_life) / 2)


def test_what_is_not_old_counts_whole_and_a_half_life_is_positive():
    assert weighing.decay(-5, 10) == weighing.decay(0, 10) == 1
    with pytest.raises(ValueError, match="positive"):
        weighing.decay(1, 0)


@given(SHARES)
def test_odds_and_shares_turn_into_each_other(share):
    assert weighing.expit(weighing.logit(share)) == pytest.approx(share)


def test_a_source_that_may_be_chance_has_no_say():
    assert weighing.weight(33, 100, 30, 100, 0.99) == 0
    assert weighing.weight(10, 100, 30, 100, 0.99) == 0  # worse than nothing is no say either
    assert weighing.weight(5, 5, 0, 0, 0.99) == 0 == weighing.weight(0, 0, 1, 2, 0.99)


def test_a_say_grows_with_what_is_proven_and_stays_below_one():
    says = [weighing.weight(0.55 * n, n, 0.3 * n, n, 0.99) for n in (50, 100, 300, 1_000, 10_000, 1_000_000)]
    assert says == sorted(says) and says[0] < 0.1 and 0.98 < says[-1] < 1


def test_one_word_with_full_weight_says_its_own_probability():
    found = weighing.together([word()])
    assert found.up == pytest.approx(0.6)
    assert found.base_rate == 0.3 and found.down < 0.3


def test_without_a_word_nothing_is_known():
    found = weighing.together([], prior=0.4)
    assert found.up == found.down == pytest.approx(0.4)
    assert weighing.together([word(weight=0.0)]).up == pytest.approx(0.5)


def test_words_of_one_story_count_less_than_independent_ones():
    alone = weighing.together([word()]).up
    same = weighing.together([word(), word()]).up
    apart = weighing.together([word(), word(group="whale")]).up
    assert alone < same < apart
    assert same < weighing.together([word()] * 50).up < apart + 1e-9  # however often it is repeated


def test_opposite_words_cancel():
    found = weighing.together([word(), word(direction=-1, group="whale")])
    assert found.up == pytest.approx(found.down) == pytest.approx(0.3)


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_an_older_word_says_less(one, two):
    younger, older = sorted((one, two))
    assert weighing.together([word(age=older)]).up <= weighing.together([word(age=younger)]).up + 1e-12


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), SHARES, SHARES, st.floats(0, 1)), max_size=8))
def test_it_is_a_probability_whatever_is_said(said):
    found = weighing.together(
        [
            word(direction=way, probability=p, base_rate=base, weight=say, group=str(n % 3))
            for n, (way, p, base, say) in enumerate(said)
        ]
    )
    assert 0 < found.up < 1 and 0 < found.down < 1
    assert all(part * way >= 0 for part, (way, *_) in zip(found.parts, said, strict=True))
