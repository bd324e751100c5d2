"""Numbers with their comparison and unit, as exact intervals: `5 or fewer`, `above $99,999.99`, `between 2% and 3%`."""

import re
from dataclasses import dataclass
from decimal import Decimal

USD, PERCENT, DEGREES, COUNT = "$", "%", "degrees", ""
_SCALE = {"k": 3, "thousand": 3, "m": 6, "mm": 6, "mn": 6, "million": 6, "b": 9, "bn": 9, "billion": 9, "t": 12,
          "trillion": 12}  # fmt: skip
_UNIT = {"%": PERCENT, "percent": PERCENT, "pct": PERCENT, "percentage points": PERCENT, "pp": PERCENT,
         "bps": "bps", "bp": "bps", "basis points": "bps", "basis point": "bps", "degrees": DEGREES, "deg": DEGREES,
         "f": DEGREES, "c": "celsius", "deg f": DEGREES, "deg c": "celsius", "degrees fahrenheit": DEGREES,
         "degrees celsius": "celsius", "inches": "inches", "inch": "inches", "in": COUNT, "mph": "mph",
         "dollars": USD, "usd": USD}  # fmt: skip
_NUMBER = (
    r"(?P<cur{0}>[$€£]?) ?(?P<num{0}>\d[\d,]*(?:\.\d+)?|\.\d+) ?"
    r"(?P<scale{0}>(?:thousand|million|billion|trillion|mm|mn|bn|[kmbt])(?![a-z0-9]))? ?"
    r"(?P<unit{0}>%|percentage points|percent|pct|basis points?|bps?|pp|deg [fc]|degrees (?:fahrenheit|celsius)"
    r"|degrees|deg|inches|inch|mph|dollars|usd|[fc](?![a-z0-9]))?(?![a-z0-9_])"
)
_ONE = _NUMBER.format("")
_MORE = r"(?:or|and) (?:more|above|higher|greater|over|later|better|taller|hotter|warmer)"
_LESS = r"(?:or|and) (?:fewer|less|below|lower|under|cooler|colder)"
_BETWEEN = re.compile(
    r"(?:between |from )?(?<![\w.$])"
    + _NUMBER.format("A")
    + r"(?: ?- ?| and | to | through )"
    + _NUMBER.format("B")
)
_AT_LEAST = re.compile(
    r"(?:at least|no less than|no fewer than|minimum of|>=|at or above|equal to or (?:above|greater than)|"
    r"greater than or equal to|more than or equal to) ?" + _ONE
)
_AT_MOST = re.compile(
    r"(?:at most|no more than|maximum of|<=|up to|at or below|less than or equal to|equal to or below) ?"
    + _ONE
)
_BETWEEN_WORDS = r"(?P<mid>(?: (?!(?:or|and|to)\b)[a-z]+){0,5}?)"  # `54 seats or fewer`
_OR_MORE = re.compile(
    _ONE
    + r"(?: ?\+ ?(?P<after>bps?|basis points?|%|percent)?|"
    + _BETWEEN_WORDS
    + " "
    + _MORE
    + r")(?![\da-z])"
)
_OR_LESS = re.compile(_ONE + _BETWEEN_WORDS + " " + _LESS + r"\b")
_ABOVE = re.compile(
    r"(?:strictly )?(?:above|over|more than|greater than|higher than|exceeds?|exceeding|>|larger than|surpass(?:es)?)"
    r" ?(?:of )?" + _ONE
)
_BELOW = re.compile(r"(?:strictly )?(?:below|under|less than|fewer than|lower than|<|smaller than) ?" + _ONE)
_LINE = re.compile(r"(?:o/u|over/under) ?" + _ONE)
_EXACT = re.compile(r"(?:exactly |equal to )?(?<![\w.])" + _ONE)


@dataclass(frozen=True, slots=True)
class Bound:
    """An interval. `low` and `high` are None where it is open; both equal means exactly this number."""

    low: Decimal | None
    low_inclusive: bool
    high: Decimal | None
    high_inclusive: bool
    unit: str = COUNT

    def __str__(self) -> str:
        unit = {USD: "", PERCENT: "%", COUNT: ""}.get(self.unit, f" {self.unit}")
        lead = "$" if self.unit == USD else ""

        def say(value: Decimal) -> str:
            return f"{lead}{value.normalize():,f}{unit}"

        if self.low is not None and self.low == self.high:
            return say(self.low)
        if self.low is not None and self.high is not None:
            return f"{say(self.low)} to {say(self.high)}"
        if self.low is not None:
            return f"{'at least' if self.low_inclusive else 'above'} {say(self.low)}"
        assert self.high is not None
        return f"{'at most' if self.high_inclusive else 'below'} {say(self.high)}"

    @property
    def values(self) -> frozenset[Decimal]:
        """The numbers it names."""
        return frozenset(value for value in (self.low, self.high) if value is not None)


def at_least(value: Decimal, unit: str = COUNT) -> Bound:
    """value and more."""
    return Bound(value, True, None, False, unit)


def above(value: Decimal, unit: str = COUNT) -> Bound:
    """More than value. `above 99,999.99` is how Kalshi writes `at least 100,000`."""
    if unit in (USD, COUNT) and value >= 10 and value % 1 == Decimal("0.99"):
        return at_least(value + Decimal("0.01"), unit)
    if unit in (USD, COUNT) and value < 10 and value.as_tuple().digits[-3:] == (9, 9, 9):
        return at_least(value + Decimal(1).scaleb(int(value.as_tuple().exponent)), unit)
    return Bound(value, False, None, False, unit)


def at_most(value: Decimal, unit: str = COUNT) -> Bound:
    """value and less. `at most 99,999.99` is `below 100,000`."""
    if unit in (USD, COUNT) and value >= 10 and value % 1 == Decimal("0.99"):
        return Bound(None, False, value + Decimal("0.01"), False, unit)
    return Bound(None, False, value, True, unit)


def below(value: Decimal, unit: str = COUNT) -> Bound:
    """Less than value."""
    return Bound(None, False, value, False, unit)


def exactly(value: Decimal, unit: str = COUNT) -> Bound:
    """Just this number."""
    return Bound(value, True, value, True, unit)


def _value(match: re.Match[str], tag: str = "", borrow: str | None = None) -> tuple[Decimal, str]:
    digits = match[f"num{tag}"].replace(",", "")
    scale = match[f"scale{tag}"] or (match[f"scale{borrow}"] if borrow else None)
    after = match.groupdict().get("after")
    unit = match[f"unit{tag}"] or after or (match[f"unit{borrow}"] if borrow else None)
    currency = match[f"cur{tag}"] or (match[f"cur{borrow}"] if borrow else "")
    value = Decimal(digits).scaleb(_SCALE[scale] if scale else 0)
    name = USD if currency else _UNIT.get(unit or "", COUNT)
    if name == "bps":  # a basis point is a hundredth of a per cent
        value, name = value / 100, PERCENT
    return value, name


def read(text: str) -> tuple[tuple[Bound, ...], str]:
    """The intervals of a folded text without dates, and the text without them."""
    if not any(map(str.isdigit, text)):
        return (), text
    found: dict[Bound, None] = {}

    def between(match: re.Match[str]) -> str:
        low, _ = _value(match, "A", "B")
        high, unit = _value(match, "B")
        if low >= high:
            return match.group()
        found[Bound(low, True, high, True, unit)] = None
        return " "

    text = _BETWEEN.sub(between, text)
    for pattern, make in (
        (_LINE, above), (_AT_LEAST, at_least), (_AT_MOST, at_most), (_OR_MORE, at_least), (_OR_LESS, at_most),
        (_ABOVE, above), (_BELOW, below), (_EXACT, exactly),
    ):  # fmt: skip

        def take(match: re.Match[str], make: object = make) -> str:
            value, unit = _value(match)
            found[make(value, unit)] = None  # type: ignore[operator]
            return f" {match.groupdict().get('mid') or ''} "

        text = pattern.sub(take, text)
    return tuple(found), text


def whole(bound: Bound) -> Bound:
    """The interval of a count: `above 6` and `over 6.5` are `at least 7`, `below 6` is `at most 5`."""
    low, high = bound.low, bound.high
    if low is not None and low == high:
        return bound
    if low is not None and (low % 1 or not bound.low_inclusive):
        low = low // 1 + 1
    if high is not None and (high % 1 or not bound.high_inclusive):
        high = high // 1 if high % 1 else high - 1
    return Bound(low, low is not None, high, high is not None, bound.unit)


def stepped(bound: Bound, step: Decimal) -> Bound:
    """The same for a quantity that moves in steps: the Fed's `more than 25 bps` is `at least 50`."""
    scaled = Bound(
        None if bound.low is None else bound.low / step, bound.low_inclusive,
        None if bound.high is None else bound.high / step, bound.high_inclusive, bound.unit,
    )  # fmt: skip
    back = whole(scaled)
    return Bound(
        None if back.low is None else back.low * step, back.low_inclusive,
        None if back.high is None else back.high * step, back.high_inclusive, back.unit,
    )  # fmt: skip


def same_unit(one: Bound, two: Bound) -> bool:
    """Whether the units can be the same: an unnamed unit fits any."""
    return not one.unit or not two.unit or one.unit == two.unit


def equal(one: Bound, two: Bound) -> bool:
    """Whether both are the same interval."""
    return (
        (one.low, one.high) == (two.low, two.high)
        and same_unit(one, two)
        and (one.low is None or one.low_inclusive == two.low_inclusive)
        and (one.high is None or one.high_inclusive == two.high_inclusive)
    )


def complementary(one: Bound, two: Bound, *, counts: bool) -> bool:
    """Whether each is exactly what the other leaves out; `counts`: only whole numbers can happen."""
    if one.low is None:
        one, two = two, one
    if one.low is None or one.high is not None or two.high is None or two.low is not None:
        return False
    if not same_unit(one, two):
        return False
    if counts:
        low, high = whole(one).low, whole(two).high
        return low is not None and high is not None and low == high + 1
    return one.low == two.high and one.low_inclusive != two.high_inclusive
