"""Numbers against numbers, and what swaps YES and NO."""

from typing import TYPE_CHECKING

from markets.matching import numbers
from markets.matching.facts import Facts
from markets.matching.polarity import Polarity
from markets.matching.strikes import touched

if TYPE_CHECKING:
    from markets.matching.gate import Findings


def values(found: "Findings", a: Facts, b: Facts) -> None:
    """Numbers, units, comparison; complementary intervals are one bet with YES and NO swapped."""
    one, two = _without_editions(a, b), _without_editions(b, a)
    if a.counts != b.counts:  # one title says that it counts, so both do
        one, two = ([b if b.unit else numbers.whole(b) for b in side] for side in (one, two))
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
    """`Will it not happen` is the same bet, inverted; so are rules that say NO where the others say YES."""
    if a.negated != b.negated:
        found.flips += 1
        found.agree("polarity", "one of the questions is negated")
    if a.main.text and a.main.text == b.main.text and a.question.rules == b.question.rules:
        return  # whatever it means, it means the same
    for facts in (a, b):
        if facts.main.polarity is Polarity.SWAPPED:
            found.flips += 1
            found.agree("polarity", f"by the rules of {facts.question.platform} its YES is the title's NO")
        elif facts.main.polarity is Polarity.UNCLEAR:
            told = facts.main.text[:120]
            found.doubt(
                "polarity", f"by the rules of {facts.question.platform} YES may not be the title's: {told}"
            )


def main_clause(found: "Findings", a: Facts, b: Facts) -> None:
    """Numbers and days in the rules' main condition, which the titles may leave out or blur."""
    _rule_numbers(found, a, b)
    days = [{(w.month, w.day) for w in facts.main.windows} for facts in (a, b)]
    years = [{w.year for w in facts.main.windows if w.year} for facts in (a, b)]
    if all(days) and (days[0].isdisjoint(days[1]) or (all(years) and years[0].isdisjoint(years[1]))):
        said = [", ".join(map(str, facts.main.windows)) for facts in (a, b)]
        found.doubt("date", f"by the rules {said[0]} against {said[1]}", "timing")


def _rule_numbers(found: "Findings", a: Facts, b: Facts) -> None:
    if a.main.bound is None and b.main.bound is None:
        return
    one, two = (_meant(facts) for facts in (a, b))
    if one is None or two is None or not numbers.same_unit(one, two) or numbers.equal(one, two):
        return
    counts = a.counts or b.counts or not (one.unit or two.unit)
    if counts and numbers.equal(numbers.whole(one), numbers.whole(two)):
        return
    if not numbers.complementary(one, two, counts=counts):
        found.doubt(
            "comparator" if one.values == two.values else "number",
            f"by the rules {one} against {two}",
            "terms",
        )


def _meant(facts: Facts) -> numbers.Bound | None:
    """The rules' number where it is of the title's kind, else the title's."""
    title = facts.bounds[0] if len(facts.bounds) == 1 else None
    said = facts.main.bound
    if said is None or (title is not None and not numbers.same_unit(said, title)):
        return title
    return touched(said, facts.kinds.get("move", set()))
