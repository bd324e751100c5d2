"""Near misses: a Kalshi and a Polymarket market that look like one question and differ in exactly one thing.

Their makers stand ten cents apart for good, so whoever pairs by the look of things sees an arbitrage all day. What
will turn out to be true is chosen such that this trade is paid less than a dollar.
"""

from dataclasses import dataclass, replace

from markets.books import MICRO
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.generate import (
    DAY_MS,
    Generator,
    Made,
    day_text,
    digest,
    question_text,
    resolves,
    rules_text,
    stamp,
    week_end,
)
from markets.sandbox.market import NearMiss, Opinion, SandboxMarket
from markets.sandbox.topics import LOOKALIKES, Topic

APART = 50_000  # micro-dollars that each maker stands off the common fair value
VOLATILITY = 300
RIVAL = "the independent rival bureau"


@dataclass(frozen=True, slots=True)
class Texts:
    """What one market asks, and what its YES will pay."""

    question: str
    rules: str
    truth: int
    later_ms: int = 0  # how much later than its partner it closes
    strike: str = ""  # Kalshi's, where it is not the common one
    secondary: str = ""  # Kalshi's second paragraph


@dataclass(frozen=True, slots=True)
class Blanks:
    """What the texts of a look-alike are filled with."""

    topic: Topic
    strike: str
    next_strike: str
    day: str
    next_day: str

    def plain(self, truth: int) -> Texts:
        """The ordinary question."""
        return Texts(
            question_text(self.topic, self.strike, self.day),
            rules_text(self.topic, self.strike, self.day),
            truth,
        )

    def condition(self, test: str = "strictly greater than", at: str = "") -> str:
        """What must be the case."""
        return f"{self.topic.subject}{at} is {test} {self.strike} on {self.day}"


def _date(b: Blanks) -> tuple[Texts, Texts]:
    other = replace(b, day=b.next_day).plain(0)
    return b.plain(MICRO), replace(other, later_ms=DAY_MS)


def _strike(b: Blanks) -> tuple[Texts, Texts]:
    return b.plain(MICRO), replace(b, strike=b.next_strike).plain(0)


def _source(b: Blanks) -> tuple[Texts, Texts]:
    other = replace(b.plain(0), rules=resolves(b.condition(), b.topic, source=RIVAL))
    return b.plain(MICRO), other


def _polarity(b: Blanks) -> tuple[Texts, Texts]:
    return b.plain(MICRO), replace(b.plain(0), rules=resolves(b.condition(), b.topic, yes="No"))


def _comparator(b: Blanks) -> tuple[Texts, Texts]:
    question = f"Will {b.topic.subject} be at least {b.strike} on {b.day}?"
    return b.plain(0), Texts(question, resolves(b.condition("greater than or equal to"), b.topic), MICRO)


def _hour(b: Blanks) -> tuple[Texts, Texts]:
    early, late = (
        resolves(b.condition(at=f" at {hour}"), b.topic) for hour in ("12:00 PM UTC", "12:00 PM ET")
    )
    return replace(b.plain(MICRO), rules=early), replace(b.plain(0), rules=late)


def _void(b: Blanks) -> tuple[Texts, Texts]:
    where = "If no figure is published by the close of the following day, this market resolves"
    one = replace(b.plain(0), secondary=f'{where} to "No".')
    other = b.plain(MICRO // 2)
    return one, replace(other, rules=f"{other.rules} {where} 50-50.")


# What differs: how the two texts are made (Kalshi's first), where YES looks cheap, and a sentence for people.
KINDS = {
    "date": (_date, POLYMARKET, "Polymarket asks about the following day"),
    "strike": (_strike, POLYMARKET, "Polymarket asks about a higher threshold"),
    "source": (_source, POLYMARKET, "another source decides on Polymarket"),
    "polarity": (_polarity, POLYMARKET, "the same condition resolves to No on Polymarket"),
    "comparator": (_comparator, KALSHI, "Polymarket counts a value equal to the threshold"),
    "hour": (_hour, POLYMARKET, "Polymarket measures at noon in New York, not at noon UTC"),
    "void": (_void, KALSHI, "without a figure Kalshi pays NO and Polymarket half"),
}


def make_near_miss(generator: Generator, number: int, now_ms: int) -> tuple[NearMiss, Made, Made]:
    """Look-alike `number`: its record, its Kalshi event and its Polymarket event, one market each."""
    differs = list(KINDS)[number % len(KINDS)]
    make, cheap, why = KINDS[differs]
    draw = digest(generator.spec.seed, "near", number)
    topic = LOOKALIKES[number % len(LOOKALIKES)]
    close_ms = week_end(now_ms, 4 + draw % 5)
    step = 3 * (number // len(LOOKALIKES)) + draw // 7 % 2  # no two of a topic share a threshold
    blanks = Blanks(
        topic,
        topic.threshold(step),
        topic.threshold(step + 1),
        day_text(close_ms),
        day_text(close_ms + DAY_MS),
    )
    here, there = make(blanks)
    key = stamp(close_ms)
    near_id = f"near-{number}-{key.lower()}"
    kalshi = generator.kalshi_market(
        topic, f"{key}-T{number}", draw, now_ms, close_ms, here.truth, blanks.strike, blanks.day, False
    )
    polymarket = generator.polymarket_market(
        topic, near_id, draw, now_ms, close_ms + there.later_ms, there.truth, there.question, there.rules, False
    )  # fmt: skip
    one, other = kalshi[1][0], polymarket[1][0]
    one.question, one.rules = here.question, here.rules
    one.rules_secondary = here.secondary or one.rules_secondary
    inverted = differs == "polarity"
    for market in (one, other):
        market.opinion = _opinion(market, near_id, cheap, inverted)
    return NearMiss(near_id, differs, other.id, one.id, cheap, inverted, why), kalshi, polymarket


def _opinion(market: SandboxMarket, near_id: str, cheap: str, inverted: bool) -> Opinion:
    """Ten cents between the makers; where the two are opposites, they simply are worth 55 and 45 cents."""
    if inverted:
        return Opinion(near_id, MICRO // 2 + APART, VOLATILITY, inverted=market.platform == POLYMARKET)
    shift = -APART if market.platform == cheap else APART
    return Opinion(near_id, MICRO // 2, VOLATILITY, shift)
