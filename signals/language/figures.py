"""Prices, economic figures and central banks' decisions: what a headline's number or movement does to a question's YES."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from markets.matching.numbers import PERCENT, USD, Bound
from signals.language import denials, signs, tables
from signals.language.items import Items
from signals.language.texts import Said

CERTAIN, CLEAR, LIKELY, FAINT = Decimal("0.9"), Decimal("0.7"), Decimal("0.5"), Decimal("0.3")
NOTHING = (0, Decimal(0), "")
Opinion = tuple[int, Decimal, str]  # direction, strength, why
VALUED = ("coin:", "index:", "commodity:", "fx:", "measure:")


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
    """A number against the question's bound; else the movement against its comparator."""
    side = comparator(items)
    unit = USD if any(key.startswith("coin:") for key in items.subjects) else None
    reach = _moved(said, items)
    if "outperform" in items.facts.folded:
        return (reach, LIKELY, "its price moves") if reach else NOTHING
    told = [bound for bound in said.bounds if _fits(bound, items.bounds, unit)]
    if told and items.bounds:
        values = tuple(_signed(bound, said, items) for bound in told)
        opinion = against(values, items.bounds, CERTAIN if unit is None else CLEAR)
        if opinion[0]:
            return opinion
        if side and reach:
            return side * reach, FAINT, "its price moves, short of the bound"
    if side and reach:
        return side * reach, LIKELY, "it moves"
    return NOTHING


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


def count(said: Said) -> tuple[Bound, ...]:
    """Plain numbers of a headline, neither money nor percent."""
    return tuple(bound for bound in said.bounds if bound.unit == "")


def against(told: Sequence[Bound], asked: Sequence[Bound], strength: Decimal) -> Opinion:
    """Whether what is told lies inside what is asked (1), outside (-1), or cannot be said (0)."""
    for bound in told:
        for one in asked:
            inside, outside = _inside(bound, one), _outside(bound, one)
            if inside or outside:
                return (1 if inside else -1), strength, f"{bound} against {one}"
    return NOTHING


def _inside(told: Bound, asked: Bound) -> bool:
    low = asked.low is None or (
        told.low is not None and (told.low > asked.low or (told.low == asked.low and asked.low_inclusive))
    )
    high = asked.high is None or (
        told.high is not None
        and (told.high < asked.high or (told.high == asked.high and asked.high_inclusive))
    )
    return low and high


def _outside(told: Bound, asked: Bound) -> bool:
    under = (
        asked.low is not None
        and told.high is not None
        and (told.high < asked.low or (told.high == asked.low and not asked.low_inclusive))
    )
    over = (
        asked.high is not None
        and told.low is not None
        and (told.low > asked.high or (told.low == asked.high and not asked.high_inclusive))
    )
    touching = asked.low is not None and told.high is not None and told.high == asked.low and told.low is None
    return under or over or touching


def _moved(said: Said, items: Items) -> int:
    """Which way what the market measures went: the sign of its own noun, not of the news."""
    text = " ".join(token.word for token in said.title)
    measure = any(key.startswith("measure:") for key in items.subjects)
    noun = nouns(items)
    total = 0.0
    for finding in signs.read(text):
        words = finding.words.split()
        value = tables.document("signs.yaml")["measures"].get(" ".join(words[:-1])) or tables.document(
            "signs.yaml"
        )["measures"].get(words[0])
        if value is None or (noun and not noun & set(words)):
            if measure or finding.sign == 0:
                continue
            total += finding.sign * finding.weight * 0.5  # the news about an asset is the news of its price
            continue
        total += finding.sign * int(value) * finding.weight
    return (total > 0.1) - (total < -0.1)


def nouns(items: Items) -> set[str]:
    """What a headline calls the thing that is measured or traded."""
    found: set[str] = set()
    for key, alias in items.facts.aliases.items():
        if key.startswith(VALUED):
            found |= set(alias)
    if "coin:btc" in items.subjects:
        found |= {"bitcoin", "btc"}
    if "coin:eth" in items.subjects:
        found |= {"ethereum", "ether", "eth"}
    if "measure:gdp" in items.subjects:
        found |= {"economy", "gdp", "growth"}
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
    denied = denials.denied(said, ())
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
