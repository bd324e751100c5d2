"""Numbers against numbers, and what swaps YES and NO."""

from typing import TYPE_CHECKING

from markets.matching import numbers
from markets.matching.facts import Facts

if TYPE_CHECKING:
    from markets.matching.gate import Findings


def values(found: "Findings", a: Facts, b: Facts) -> None:
    """Numbers, units, comparison; complementary intervals are one bet with YES and NO swapped."""
    one, two = _without_editions(a, b), _without_editions(b, a)
    for bound in list(one):
        twin = next((other for other in two if numbers.equal(bound, other)), None)
        if twin is not None:
            two.remove(twin)
            one.remove(bound)
            found.agree("number", str(bound))
    if not one and not two:
        _unread_comparison(found, a, b)
        return
    if len(one) == len(two) == 1:
        _one_against_one(found, one[0], two[0], counts=a.counts or b.counts)
    elif one and two:
        found.veto("number", f"{'; '.join(map(str, one))} against {'; '.join(map(str, two))}")
    else:
        side = a if one else b
        found.doubt("number", f"{'; '.join(map(str, one or two))} is said by {side.question.platform} only")


def _without_editions(facts: Facts, other: Facts) -> list[numbers.Bound]:
    """`Survivor 50` is `Survivor Season 50`: a bare number that the other side calls an edition."""
    editions = other.kinds.get("edition", set()) - facts.kinds.get("edition", set())
    return [b for b in facts.bounds if not (b.low == b.high and not b.unit and f"{b.low:f}" in editions)]


def _unread_comparison(found: "Findings", a: Facts, b: Facts) -> None:
    if a.bounds and (a.assumed_bound or b.assumed_bound):
        found.doubt("comparator", "the comparison is not written, only the number in the ticker")


def _one_against_one(found: "Findings", one: numbers.Bound, two: numbers.Bound, *, counts: bool) -> None:
    if numbers.complementary(one, two, counts=counts or not (one.unit or two.unit)):
        found.flips += 1
        found.agree("number", f"{one} is the opposite of {two}")
    elif not numbers.same_unit(one, two):
        found.veto("unit", f"{one} against {two}")
    elif one.values != two.values:
        found.veto("number", f"{one} against {two}")
    elif one.low == one.high or two.low == two.high:
        found.veto("comparator", f"{one} against {two}: one of them is a single value")
    else:
        found.veto("comparator", f"{one} against {two}")


def polarity(found: "Findings", a: Facts, b: Facts) -> None:
    """`Will it not happen` is the same bet, inverted."""
    if a.negated != b.negated:
        found.flips += 1
        found.agree("polarity", "one of the questions is negated")
