"""Which number decides: the platform's strike fields, else the text, else the ticker; and what a touch means."""

from decimal import Decimal
from typing import TYPE_CHECKING

from markets.matching import numbers
from markets.matching.numbers import Bound

if TYPE_CHECKING:
    from markets.matching.facts import Facts


_MAKE = {"greater": numbers.above, "greater_or_equal": numbers.at_least, "less": numbers.below,
         "less_or_equal": numbers.at_most}  # fmt: skip


def read_strikes(facts: "Facts") -> None:
    """Structured strikes first; the text is a check of them; the ticker comes last."""
    question = facts.question
    unit = next((bound.unit for bound in facts.bounds), numbers.COUNT)
    strike: Bound | None = None
    if (
        question.strike_type == "between"
        and question.floor_strike is not None
        and question.cap_strike is not None
    ):
        strike = Bound(question.floor_strike, True, question.cap_strike, True, unit)
    elif question.strike_type in _MAKE:
        value = question.floor_strike if question.strike_type.startswith("greater") else question.cap_strike
        strike = _MAKE[question.strike_type](value, unit) if value is not None else None
    if strike is not None:
        if (
            len(facts.bounds) == 1
            and not _near(strike, facts.bounds[0])
            and (power := _scale(strike, facts.bounds[0]))
        ):
            strike = _scaled(strike, power)
        if facts.bounds and not any(_near(strike, bound) for bound in facts.bounds):
            facts.strike_clash = f"the text says {facts.bounds[0]}, the strike field {strike}"
        if len(facts.bounds) <= 1 or facts.strike_clash:
            facts.bounds = (strike,)
        return
    if not facts.bounds and facts.ticker.strike is not None:
        coin = bool(facts.ticker.coin) and facts.ticker.threshold
        facts.bounds = ((numbers.above if coin else numbers.exactly)(facts.ticker.strike, unit),)
        facts.assumed_bound = not coin


def _near(strike: Bound, bound: Bound) -> bool:
    """Whether a text can mean the strike: same numbers, up to the cent and the whole number."""
    return any(
        abs(one - two) <= max(Decimal(1), abs(one) / 1000) for one in strike.values for two in bound.values
    )


def touched(bound: Bound, moves: set[str]) -> Bound:
    """`reach 100,000` and `how high: above 100,000` are both a touch: the boundary itself cannot be told apart."""
    if moves & {"touch_high"} and bound.low is not None and (bound.high is None or bound.low == bound.high):
        return numbers.at_least(bound.low, bound.unit)
    if moves & {"touch_low"} and bound.high is not None and (bound.low is None or bound.low == bound.high):
        return numbers.at_most(bound.high, bound.unit)
    return bound


def _scale(strike: Bound, bound: Bound) -> int:
    """The power of ten between a field and its text (basis points, thousands, millions); 0 for none."""
    for power in (-2, -3, -6, -9, 2, 3, 6, 9):
        if _scaled(strike, power).values & bound.values:
            return power
    return 0


def _scaled(bound: Bound, power: int) -> Bound:
    low = None if bound.low is None else bound.low.scaleb(power)
    high = None if bound.high is None else bound.high.scaleb(power)
    return Bound(low, bound.low_inclusive, high, bound.high_inclusive, bound.unit)
