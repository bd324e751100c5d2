"""One record of facts per question: what `gate` compares. Unknown stays empty."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from markets.matching import children, dates, fixtures, numbers, polarity, rules, settling, tickers
from markets.matching.dates import Dates
from markets.matching.fixtures import Fixture
from markets.matching.numbers import Bound
from markets.matching.polarity import MainClause
from markets.matching.questions import Question
from markets.matching.reading import canonical
from markets.matching.strikes import read_strikes
from markets.matching.text import fold, name_numbers
from markets.platforms.base import KALSHI

PRICE_KINDS = ("coin", "index", "commodity", "fx")
WEATHER = {"high_temperature", "low_temperature", "rain", "snow"}
SPORT_KINDS = ("league", "title", "conf", "div", "stat", "team", "game", "club")
_LEAGUE_OF = {"al": "mlb", "nl": "mlb", "afc": "nfl", "nfc": "nfl"}  # by the first word of a division
LONGEST_TITLE = 500  # characters
_OR = re.compile(
    r"\b([a-z]\w+) or "
    r"(?!(?:more|less|fewer|above|below|higher|lower|over|under|greater|before|later)\b)([a-z]\w+)\b"
)
_CROSS = re.compile(r"(?<=[a-z]) x (?=[a-z])")  # `Russia x Ukraine ceasefire`
_YEAR = re.compile(r"20[0-9][0-9]")


@dataclass(slots=True)
class Facts:
    """What one question says. `kinds` maps a kind of `data/*.txt` to the values found; `words` is what is left."""

    question: Question
    folded: str
    kinds: dict[str, set[str]] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # `kind:value` → the words it came from
    bounds: tuple[Bound, ...] = ()
    assumed_bound: bool = False  # from a ticker alone: the value is known, its comparison is not
    strike_clash: str = ""
    when: Dates = field(default_factory=Dates)
    hints: frozenset[int] = frozenset()  # years that ticker, closing time or rules suggest
    ticker: tickers.Ticker = tickers.NOTHING
    fixture: Fixture | None = None
    hours: frozenset[tuple[int, str]] = frozenset()
    midnights: frozenset[tuple[int, str]] = frozenset()  # `at 00:00 UTC`: a measuring hour where no day ends
    cutoffs: frozenset[str] = frozenset()
    sources: dict[str, frozenset[str]] = field(default_factory=dict)
    assumed_source: bool = False
    stated: frozenset[str] = frozenset()  # sources in the rule text's own words
    stations: frozenset[str] = frozenset()
    voids: frozenset[str] = frozenset()
    start_rule: str = ""
    terms: dict[str, frozenset[str]] = field(default_factory=dict)  # what only the rules settle
    main: MainClause = field(default_factory=MainClause)  # what the rules make of the question
    placeholder: str = ""
    blank: str = ""
    alternatives: str = ""  # `A or B`: YES is one of them, and which is not said
    negated: bool = False
    child_kinds: frozenset[str] = frozenset()
    child_facts: dict[str, set[str]] = field(default_factory=dict)
    child_words: frozenset[str] = frozenset()

    @property
    def is_price(self) -> bool:
        """Whether it is about the price of something that trades."""
        return any(kind in self.kinds for kind in PRICE_KINDS)

    @property
    def is_weather(self) -> bool:
        """Whether it is measured at a weather station."""
        return bool(self.kinds.get("measure", set()) & WEATHER)

    @property
    def is_sport(self) -> bool:
        """Whether it is about sport."""
        return self.fixture is not None or any(kind in self.kinds for kind in SPORT_KINDS)

    @property
    def counts(self) -> bool:
        """Whether only whole numbers can happen."""
        return bool(
            self.kinds.get("measure", set()) & settling.COUNTED or self.kinds.get("polity", set()) & {"seats"}
            or "stat" in self.kinds or "game" in self.kinds or "launch" in self.kinds.get("act", set())
            or {"launches", "times", "goals", "tweets", "posts", "people", "ships", "storms", "games"} & set(self.words)
        )  # fmt: skip

    @property
    def league(self) -> str:
        """The North American league whose teams may be meant; empty if unknown."""
        for kind in ("league", "title"):
            for value in sorted(self.kinds.get(kind, ())):
                if value.split("_")[0] in {"nba", "mlb", "nhl", "nfl", "wnba"}:
                    return value.split("_")[0]
        for value in sorted(self.kinds.get("div", set()) | self.kinds.get("conf", set())):
            if value.split("_")[0] in _LEAGUE_OF:
                return _LEAGUE_OF[value.split("_")[0]]
        return {"afc": "nfl", "nfc": "nfl"}.get(next(iter(sorted(self.kinds.get("title", ()))), ""), "")


@lru_cache(maxsize=8_192)
def facts_of(question: Question) -> Facts:
    """Everything that can be read from one question."""
    folded = fold(question.title[:LONGEST_TITLE])
    facts = Facts(
        question, folded, ticker=tickers.read(question.id) if question.platform == KALSHI else tickers.NOTHING
    )
    _read_title(facts, folded)
    _add_label(facts)
    read_strikes(facts)
    settling.settle(facts)
    _read_rules(facts)
    _read_children(facts)
    return facts


def _read_title(facts: Facts, folded: str) -> None:
    named = name_numbers(folded)
    facts.fixture = fixtures.read(named, name_numbers(fold(facts.question.outcome_label)))
    facts.when, rest = dates.read(named)
    facts.bounds, rest = numbers.read(rest)
    either = _OR.search(folded)
    if either and not facts.question.outcome_label and not facts.question.children:
        facts.alternatives = either.group()
    if facts.fixture:  # `Como 1907`, `Schalke 04`: years and numbers in names of clubs
        facts.bounds = tuple(b for b in facts.bounds if b.low != b.high or b.unit)
    facts.kinds, facts.words, facts.aliases = canonical(_CROSS.sub(" ", rest))


def _add_label(facts: Facts) -> None:
    """A market's own answer (Kalshi's yes_sub_title), where the title does not hold it."""
    label = fold(facts.question.outcome_label)
    if not label or facts.fixture or label in facts.folded or facts.question.children:
        return
    when, rest = dates.read(name_numbers(label))
    bounds, rest = numbers.read(rest)
    kinds, words, aliases = canonical(rest)
    if not facts.bounds:
        facts.bounds = bounds
    if not facts.when.windows:
        facts.when.windows.extend(when.windows)
    facts.when.years |= when.years if not facts.when.years else set()
    missing = [word for word in words if not any(fixtures.close(word, held) for held in facts.words)]
    facts.words += tuple(missing)
    for kind, values in kinds.items():
        facts.kinds.setdefault(kind, set()).update(values)
    facts.aliases = aliases | facts.aliases


def _read_rules(facts: Facts) -> None:
    question = facts.question
    everything = "\n".join((question.title, question.rules, question.source))
    facts.placeholder = rules.placeholder(question.rules) or rules.placeholder(question.title)
    facts.blank = rules.open_blank(question.title)
    facts.sources = rules.sources(everything) if question.rules or question.source else {}
    hints = set(facts.ticker.years)
    if _YEAR.match(question.close_time):  # trading often stops months after the event, never a year before it
        closing = int(question.close_time[:4])
        hints |= {closing, closing - 1}
    if question.rules:
        hints |= rules.years(question.rules)
        facts.start_rule = rules.start_rule(question.rules)
        facts.terms = rules.terms(question.rules)
        facts.stated = rules.stated(question.rules)
        facts.voids = rules.voids(question.rules)
        label = "" if facts.fixture else question.outcome_label
        facts.main = polarity.read(f"{question.title} {label}", question.rules, facts.bounds)
    facts.hints = frozenset(hints)
    facts.hours = rules.hours("\n".join((question.title, question.rules)))
    facts.midnights = rules.midnights(question.rules)
    facts.cutoffs = rules.cutoffs(everything)
    if facts.is_weather:
        facts.stations = rules.stations(everything)
    if facts.fixture or "walkover" in facts.folded:
        facts.voids = rules.voids(everything)
        _read_outcomes(facts)
    if facts.is_price:
        _read_price(facts)


def _read_price(facts: Facts) -> None:
    """Hour and price source. Where a coin's source is not written, the platform's usual one is taken."""
    if not facts.hours and facts.ticker.hour is not None:
        facts.hours = frozenset({(facts.ticker.hour * 3_600, "ET")})
    silent = "price" not in facts.sources and not facts.stated
    if "coin" in facts.kinds and silent and (facts.bounds or "move" in facts.kinds):
        usual = "cf_benchmarks" if facts.question.platform == KALSHI else "binance"
        facts.sources = facts.sources | {"price": frozenset({usual})}
        facts.assumed_source = True


def _read_outcomes(facts: Facts) -> None:
    """Which side YES is, where only the rules list the outcomes."""
    if facts.fixture and not facts.fixture.yes:
        first, _ = rules.outcome_names(facts.question.rules)
        if first:
            facts.fixture = replace(facts.fixture, yes=fixtures.side(fold(first)))


def _read_children(facts: Facts) -> None:
    """What an event's markets say beside its title, and a market's event beside its own."""
    facts.child_kinds = children.kinds_of(facts.question, game=facts.fixture is not None)
    listed = [line for line in facts.question.rules.splitlines() if line.rstrip().endswith("?")]
    for child in (*(facts.question.children or listed), facts.question.event_title):
        _, rest = dates.read(name_numbers(fold(child)))
        kinds, words, _ = canonical(numbers.read(rest)[1])
        facts.child_words |= frozenset(words)
        for kind, values in kinds.items():
            facts.child_facts.setdefault(kind, set()).update(values)
