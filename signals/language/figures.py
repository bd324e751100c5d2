"""Prices, economic figures and central banks' decisions: what a headline's number or movement does to a question's YES."""

from collections.abc import Iterable, Sequence, Set
from decimal import Decimal

from markets.matching.numbers import PERCENT, USD, Bound
from signals.language import denials, tables
from signals.language.items import Items
from signals.language.texts import Said

CERTAIN, CLEAR, LIKELY, FAINT = Decimal("0.9"), Decimal("0.7"), Decimal("0.5"), Decimal("0.3")
NOTHING = (0, Decimal(0), "")
Opinion = tuple[int, Decimal, str]  # direction, strength, why
VALUED = ("coin:", "index:", "commodity:", "fx:", "measure:")
COUNTED = (*VALUED, "polity:", "stat:", "game:")


def comparator(items: Items) -> int:
    """1 where YES needs a high value, -1 where it needs a low one, 0 where it needs one between, or is not said."""
    moves = items.facts.kinds.get("move", set())
    sides = {(one.low is not None) - (one.high is not None) for one in items.bounds if one.low != one.high}
    if len(sides) == 1 and (side := next(iter(sides))):
        return side
    if sides or not moves:
        return 0
    if moves & {"touch_high", "up", "up_or_down"}:
        return 1
    return -1 if moves & {"touch_low", "down"} else 0


def figure(said: Said, items: Items) -> Opinion:
    """A number against the question's bound; a number that only names the bound, and none, leave it to the movement.

    `CPI 3.4 %` decides `above 3.3 %`. `surges toward $81,000` beside `above $81,000` tells which way, not that it is there;
    `unlikely to be above $81,000` says the opposite of what it names.
    """
    side = comparator(items)
    reach = moved(said, items)
    if "outperform" in items.facts.folded:
        return (reach, LIKELY, "its price moves") if reach else NOTHING
    exact = not any(key.startswith("coin:") for key in items.subjects)  # a price is another one in a minute
    told = tuple(_whole(_signed(bound, said, items), items) for bound in heard(said, items))
    other = tuple(bound for bound in told if not _names(bound, items.bounds))
    opinion = against(other, items.bounds, CERTAIN if exact else CLEAR)
    if opinion[0]:
        return opinion
    if side and reach:
        return side * reach, LIKELY if len(other) == 0 else FAINT, "it moves"
    if side and told and all(bound.low == bound.high for bound in told):
        return _reached(said, side)
    sign, strength, why = against(
        tuple(bound for bound in told if bound.low != bound.high), items.bounds, LIKELY
    )
    if not sign:
        return NOTHING
    if any(f" {phrase} " in said.flat for phrase in tables.words("cues.yaml", "doubts")):
        return -sign, strength, f"{why}, doubted"
    return sign, strength, why


def _reached(said: Said, side: int) -> Opinion:
    """What is said of the question's own number: `will not be reached`, `within reach`."""
    for key, sign in (("doubts", -1), ("arrivals", 1)):
        if any(f" {phrase} " in said.flat for phrase in tables.words("cues.yaml", key)):
            return sign * side, LIKELY, "its bound is named" + (", doubted" if sign < 0 else "")
    return NOTHING


def heard(said: Said, items: Items) -> list[Bound]:
    """The headline's numbers of the question's unit; the summary's where the headline has none."""
    unit = USD if any(key.startswith("coin:") for key in items.subjects) else None
    own = [bound for bound in said.title_bounds if _fits(bound, items.bounds, unit)]
    return own or [bound for bound in said.bounds if _fits(bound, items.bounds, unit)]


def _names(told: Bound, asked: Iterable[Bound]) -> bool:
    """Whether a number is the question's own bound; of things that are counted, `above 50` is `at least 51`."""
    mine = {value for value in (told.low, told.high) if value is not None}
    if len(mine) != 1:
        return False
    value = mine.pop()
    for one in asked:
        steps = (0, 1) if told.unit == one.unit == "" else (0,)
        if any(value + step == one.low or value - step == one.high for step in steps):
            return True
    return False


def _whole(told: Bound, items: Items) -> Bound:
    """A told count as the matcher writes counts: `above 50` is `at least 51`."""
    if not items.facts.counts or told.unit != "":
        return told
    low = told.low + 1 if told.low is not None and not told.low_inclusive else told.low
    high = told.high - 1 if told.high is not None and not told.high_inclusive else told.high
    return Bound(low, low is not None, high, high is not None, told.unit)


def _fits(bound: Bound, asked: Iterable[Bound], unit: str | None) -> bool:
    units = {one.unit for one in asked}
    if unit == USD:
        return bound.unit == USD or (bound.unit == "" and _size(bound) > 500)
    return bound.unit in units or (bound.unit == PERCENT and PERCENT in units)


def _size(bound: Bound) -> Decimal:
    return max((abs(value) for value in (bound.low, bound.high) if value is not None), default=Decimal(0))


def _signed(bound: Bound, said: Said, items: Items) -> Bound:
    """`shrank 0.3%` is -0.3 %; `slides below $58,000` is at most 58,000."""
    if (
        "measure:gdp" in items.subjects
        and bound.unit == PERCENT
        and _falls(said)
        and bound.low is not None
        and bound.low >= 0
    ):
        return Bound(-(bound.high or bound.low), True, -bound.low, True, bound.unit)
    if (
        bound.low == bound.high
        and bound.low is not None
        and bound.unit in (USD, "")
        and bound.unit != PERCENT
    ):
        words = said.flat
        if any(
            f" {word} " in words
            for word in ("tops", "past", "breaks", "above", "crosses", "reclaims", "over")
        ):
            return Bound(bound.low, True, None, False, bound.unit)
    return bound


def _falls(said: Said) -> bool:
    return any(
        f" {word} " in said.flat
        for word in (
            "fell",
            "falls",
            "shrank",
            "shrinks",
            "contracts",
            "contracted",
            "drops",
            "dropped",
            "declines",
            "declined",
            "down",
        )
    )


def against(told: Sequence[Bound], asked: Sequence[Bound], strength: Decimal) -> Opinion:
    """Whether what is told lies inside what is asked (1), outside (-1), or cannot be said (0)."""
    for bound in told:
        for one in asked:
            inside, outside = _inside(bound, one), _outside(bound, one)
            if inside or outside:
                return (1 if inside else -1), strength, f"{bound} against {one}"
    return NOTHING


def _inside(told: Bound, asked: Bound) -> bool:
    """Whether everything that is told lies inside what is asked."""
    low = asked.low is None or (
        told.low is not None
        and (
            told.low > asked.low
            or (told.low == asked.low and (asked.low_inclusive or not told.low_inclusive))
        )
    )
    high = asked.high is None or (
        told.high is not None
        and (
            told.high < asked.high
            or (told.high == asked.high and (asked.high_inclusive or not told.high_inclusive))
        )
    )
    return low and high


def _outside(told: Bound, asked: Bound) -> bool:
    """Whether nothing that is told lies inside what is asked."""
    under = (
        asked.low is not None
        and told.high is not None
        and (
            told.high < asked.low
            or (told.high == asked.low and not (asked.low_inclusive and told.high_inclusive))
        )
    )
    over = (
        asked.high is not None
        and told.low is not None
        and (
            told.low > asked.high
            or (told.low == asked.high and not (asked.high_inclusive and told.low_inclusive))
        )
    )
    return under or over


def moved(said: Said, items: Items) -> int:
    """Which way what the market measures went: the sign of its own noun, not of the news."""
    measure = any(key.startswith("measure:") for key in items.subjects)
    noun, measures = nouns(items), tables.document("signs.yaml")["measures"]
    total = 0.0
    for finding in said.findings:
        words = finding.words.split()
        value = measures.get(" ".join(words[:-1])) or measures.get(words[0])
        if value is not None and noun & set(words):
            total += finding.sign * int(value) * finding.weight
        elif not measure and any(key.startswith("coin:") for key in items.subjects):
            total += finding.sign * finding.weight * 0.5  # the news about an asset is the news of its price
    if total:
        return (total > 0.1) - (total < -0.1)
    return verb_behind(said, noun)


def verb_behind(said: Said, noun: Set[str], within: int = 100) -> int:
    """The first verb of rising or falling so many words behind the noun, in the same part of the headline."""
    up, down = tables.words("signs.yaml", "up"), tables.words("signs.yaml", "down")
    met, far = False, 0
    for token in said.title:
        far += 1
        if token.first or token.word in tables.words("signs.yaml", "asides"):
            met = met and not token.first
            if met:
                return 0
        if token.word in noun:
            met, far = True, 0
        elif met and far <= within and (token.word in up) != (token.word in down):
            return 1 if token.word in up else -1
    return 0


def nouns(items: Items) -> set[str]:
    """What a headline calls the thing that is measured or traded."""
    found = {key.partition(":")[2] for key in items.subjects if key.startswith("word:")}
    for key, alias in items.facts.aliases.items():
        if key.startswith(COUNTED):
            found |= set(alias)
    for key in items.subjects:
        found |= set(tables.document("cues.yaml")["nouns"].get(key, ()))
    return found


def decision(said: Said, items: Items) -> Opinion:
    asked = items.facts.kinds.get("move", set()) & {"cut", "hike", "hold"}
    told = said.kinds.get("move", set()) & {"cut", "hike", "hold"}
    if not asked and items.bounds:
        values = tuple(bound for bound in said.bounds if bound.unit == PERCENT and _size(bound) > 1)
        return against(values, items.bounds, LIKELY) if values else NOTHING
    if len(asked) != 1 or len(told) != 1:
        return NOTHING
    move, want = next(iter(told)), next(iter(asked))
    denied = denials.denied(said, said.aliases.get(f"move:{move}", ()))
    if denied:
        return (-1, CLEAR, f"no {move}") if move == want else NOTHING
    if move != want:
        return -1, CLEAR, f"{move}, not {want}"
    steps = [
        bound for bound in said.bounds if (bound.unit == PERCENT and _size(bound) <= 1) or bound.unit == "bps"
    ]
    sizes = [bound for bound in items.bounds if bound.unit == PERCENT]
    if steps and sizes:
        return against(steps, sizes, CLEAR)
    return 1, CLEAR, move
