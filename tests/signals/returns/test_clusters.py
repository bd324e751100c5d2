"""Groups of what moves together: stars around an anchor, names that stay, links that do not flap."""

from hypothesis import given
from hypothesis import strategies as st

from signals.returns import clusters, matrix
from signals.returns.estimating import Together

A, B, C, D = (f"market:kalshi:{name}" for name in "ABCD")


def tie(one, two, strength, sign=1):
    low, high = sorted((sign * strength, sign * min(0.99, strength + 0.2)))
    one, two = sorted((one, two))
    return Together(one, two, (low + high) / 2, low, high, 100, 1.0)


def groups_of(found, before=None):
    before = before or {}
    made = {}
    for member in clusters.stars(clusters.links(found, before), before):
        made.setdefault(member.group, set()).add(member.market)
    return made


def test_a_chain_does_not_become_one_group_but_every_link_is_in_one():
    made = groups_of([tie(A, B, 0.7), tie(B, C, 0.7), tie(C, D, 0.7)])
    assert made == {"corr:kalshi:B": {A, B, C}, "corr:kalshi:C": {C, D, B}}


def test_moving_against_each_other_binds_too():
    assert groups_of([tie(A, B, 0.8, sign=-1)]) == {"corr:kalshi:A": {A, B}}


def test_a_link_joins_above_one_threshold_and_leaves_below_another():
    assert groups_of([tie(A, B, 0.45)]) == {}
    before = {"corr:kalshi:A": frozenset({A, B})}
    assert groups_of([tie(A, B, 0.45)], before) == {"corr:kalshi:A": {A, B}}
    assert groups_of([tie(A, B, 0.39)], before) == {}


def test_an_anchor_keeps_its_group_whoever_has_more_links_now():
    before = {"corr:kalshi:D": frozenset({A, D})}
    made = groups_of([tie(A, D, 0.6), tie(A, B, 0.9), tie(A, C, 0.9)], before)
    assert made == {"corr:kalshi:D": {A, D}, "corr:kalshi:A": {A, B, C, D}}


pairs = st.lists(
    st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from("ABCDEFG"), st.floats(0.1, 0.9)), max_size=15
)


@given(pairs)
def test_the_same_look_again_changes_no_group(drawn):
    found = [
        tie(f"market:kalshi:{one}", f"market:kalshi:{two}", strength)
        for one, two, strength in drawn
        if one != two
    ]
    first = groups_of(found)
    assert groups_of(found, {name: frozenset(markets) for name, markets in first.items()}) == first
    for one, two in clusters.links(found, {}):
        assert any({one, two} <= markets for markets in first.values())


def test_a_matrix_is_square_symmetric_and_puts_likes_together():
    found = [tie(A, B, 0.8), tie(C, D, 0.9), tie(A, C, 0.1)]
    made = matrix.of(found)
    assert made.names in ((A, B, C, D), (B, A, C, D), (C, D, A, B), (D, C, A, B), (C, D, B, A), (D, C, B, A))
    for i in range(4):
        assert made.rho[i][i] == 1.0
        for j in range(4):
            assert made.rho[i][j] == made.rho[j][i] and made.sure[i][j] == made.sure[j][i]
    assert set(matrix.of(found[:2], most=2).names) == {C, D}
    assert matrix.of([]).names == ()
