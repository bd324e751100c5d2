"""What reading a text gives. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

NEUTRAL, POSITIVE, NEGATIVE = "neutral", "positive", "negative"
HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True, slots=True)
class Link:
    """A market that a text is about. `direction` is relative to its question: 1 makes YES likelier, -1 less, 0 unclear."""

    platform: str
    market_id: str
    score: Decimal  # 0 to 1: how surely the text is about it
    direction: int
    strength: Decimal  # 0 to 1: how strongly it speaks
    why: str  # for people


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read. Scores are fractions: sentiment -1 to 1, impact 0 to 1."""

    topics: tuple[str, ...] = ()  # economy, interest-rates, bitcoin, …
    entities: tuple[str, ...] = ()  # canonical names: Federal Reserve, BTC, …
    sentiment: str = NEUTRAL
    sentiment_score: Decimal = Decimal(0)
    urgency: str = LOW
    impact: Decimal = Decimal(0)
    links: tuple[Link, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # what was understood: verb, measure, number, date
