"""How likely it is that two markets called the same part company: `m0`, its upper bound, and the classes they are kept by.

`m0` is the chance that a cover pays **nothing** although it was bought, a fraction of 1 (0.005 = one in two hundred).
It is estimated for a class of pairs, since a single pair has no history: the settled pairs of the class are counted,
and stand beside a prior that says what public studies found.

The prior counts as that many settled pairs, so many of which parted (its mean is the estimate while there is no
history of our own):

- clean (one source, one rule): 1 of 200. Disputes reach about one market in a hundred, and the vote overturned the
  rule-correct winner in 3.4 % of the *disputed* ones (Wang 2026), which would be 0.03 %; the rest is for what readers
  miss: of pairs kept after a careful reading 92 % traded within five cents and large gaps were specification errors.
- correlated (another source for the same thing): 8 of 200. Crypto windows on two oracles parted in 2 to 6 % (measured).
- timing (another hour, window or cut-off): 10 of 200: no better than correlated, and nothing measured says how much worse.
- unknown (nobody judged it): 20 of 200.

The estimate is the posterior mean (prior and history together), the bound the one-sided 95 % Clopper–Pearson bound of
the same counts. Both are rounded **up** to the column's five decimals.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from scipy.special import betaincinv  # not scipy.stats, which takes every process a second to import

CONFIDENCE = 0.95  # one-sided
STEP = Decimal("0.00001")  # the column's
PRIOR = {"clean": (1, 200), "correlated": (8, 200), "timing": (10, 200), "unknown": (20, 200)}  # parted, of

# Groups that share sources and habits of resolution, by words of the platforms' categories; the first match counts
_GROUPS = (
    ("crypto", ("crypto", "bitcoin", "ethereum", "defi")),
    ("sports", ("sport", "nba", "nfl", "mlb", "nhl", "soccer", "football", "tennis", "golf", "ufc", "esports", "games")),
    ("weather", ("weather", "climate", "temperature")),
    ("economics", ("econom", "fed", "inflation", "financ", "business", "compan", "earnings", "stocks", "rates")),
    ("politics", ("politic", "election", "geopolit", "government", "world", "congress", "trump")),
    ("culture", ("entertain", "culture", "music", "movie", "awards", "mentions", "social")),
    ("science", ("science", "tech", "health", "space", "ai")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """`m0` and its upper bound, fractions; `parted` of `settled` pairs is our own history of the class."""

    m0: Decimal
    m0_upper: Decimal
    parted: int
    settled: int


NOTHING = Estimate(Decimal(0), Decimal(0), 0, 0)


def risk_class(category: str, settlement: str) -> str:
    """The class of a pair, like `crypto/clean`; an unknown category is `other`."""
    return f"{group(category)}/{settlement}"


def group(category: str) -> str:
    """The group of a platform's category."""
    words = category.lower().replace("&", " ").replace("-", " ").split()
    for name, marks in _GROUPS:
        if any(word.startswith(mark) if len(mark) > 3 else word == mark for word in words for mark in marks):
            return name
    return "other"


def estimate(settlement: str, *, parted: int = 0, settled: int = 0) -> Estimate:
    """The estimate of a class with this history. Raises ValueError for counts that cannot be."""
    if not 0 <= parted <= settled:
        raise ValueError(f"{parted} of {settled} settled pairs cannot have parted")
    prior_parted, prior_settled = PRIOR.get(settlement, PRIOR["unknown"])
    bad, total = prior_parted + parted, prior_settled + settled
    mean = Decimal(bad) / total
    upper = Decimal(str(float(betaincinv(bad + 1, total - bad, CONFIDENCE)))) if bad < total else Decimal(1)
    return Estimate(_up(mean), max(_up(mean), _up(upper)), parted, settled)


def raised(found: Estimate, by_hand: Decimal | None) -> Estimate:
    """The estimate, or what a person said where that is higher: nobody may lower it."""
    if by_hand is None or by_hand <= found.m0:
        return found
    return Estimate(_up(by_hand), max(_up(by_hand), found.m0_upper), found.parted, found.settled)


def together(*parts: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    """`m0` and bound of a bet that rests on several pairs: any of them may part, so the sum, at most 1."""
    m0 = sum((one for one, _ in parts), Decimal(0))
    upper = sum((bound for _, bound in parts), Decimal(0))
    return min(Decimal(1), m0), min(Decimal(1), upper)


def parted(a: Any, b: Any, *, inverted: bool) -> bool | None:
    """Whether two settled markets parted: each given as (result, dollars a YES pays). None while one is not known.

    A void or scalar result parts unless both pay what the relation promises.
    """
    one, two = _value(*a), _value(*b)
    if one is None or two is None:
        return None
    return one + two != 1 if inverted else one != two


def _value(result: str, settlement_value: Decimal | None) -> Decimal | None:
    if settlement_value is not None:
        return settlement_value
    return {"YES": Decimal(1), "NO": Decimal(0)}.get(result)


def _up(value: Decimal) -> Decimal:
    return min(Decimal(1), value.quantize(STEP, ROUND_CEILING))
