"""Bets: states of the world, and the outcomes on any platform that pay in some of them.

A **bet** is a set of mutually exclusive states, declared exhaustive or not. A **claim** is one outcome of one
market with the states in which it pays $1. A **cover** is a set of claims of which exactly one pays in every
state: one contract of each is worth $1 whatever happens, so a cover that costs less than $1 is an arbitrage.

The pair (same question, two platforms) and YES + NO of one market are built here; wider bets use the same
values.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from markets.books import NO, OTHER, YES
from markets.platforms.base import PLATFORMS

PAIR, YES_NO = "pair", "yes_no"

# States of the bets that have two of them.
HAPPENS, FAILS = "happens", "fails"

# Why a bet cannot be used.
NO_STATES, DUPLICATE_STATE, NOT_EXHAUSTIVE = "no_states", "duplicate_state", "not_exhaustive"
PAYS_NEVER, UNKNOWN_STATE, DUPLICATE_CLAIM, UNKNOWN_OUTCOME = (
    "pays_never", "unknown_state", "duplicate_claim", "unknown_outcome",
)  # fmt: skip

MarketKey = tuple[str, str]  # platform, market id


@dataclass(frozen=True, slots=True)
class Claim:
    """One outcome of one market, and the states of the bet in which a contract of it pays $1."""

    platform: str
    market_id: str
    outcome: str  # YES or NO
    pays_in: frozenset[str]
    market: MarketKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Kept, not computed: detection looks books up by it on every tick.
        object.__setattr__(self, "market", (self.platform, self.market_id))

    @property
    def rank(self) -> tuple[int, str, str, int]:
        """A fixed order of claims, so that a bet means the same however its markets were listed."""
        platform = PLATFORMS.index(self.platform) if self.platform in PLATFORMS else len(PLATFORMS)
        return platform, self.platform, self.market_id, 0 if self.outcome == YES else 1


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a bet cannot be used: a stable code and a sentence."""

    code: str
    sentence: str


Cover = tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Bet:
    """States and claims. `faults` says what is wrong with it, `covers` what can be bought against every
    state, and `directions` what each cover is called: with the bet, the stable key of an opportunity.

    Nothing is raised for a wrong bet: it simply has faults, and detection refuses it by their names.
    """

    id: str
    kind: str
    states: tuple[str, ...]
    exhaustive: bool
    claims: tuple[Claim, ...]
    faults: tuple[Fault, ...] = field(init=False, repr=False, compare=False)
    covers: tuple[Cover, ...] = field(init=False, repr=False, compare=False)
    directions: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = tuple(_faults(self))
        object.__setattr__(self, "faults", faults)
        covers = () if faults else _covers(self)
        object.__setattr__(self, "covers", covers)
        object.__setattr__(self, "directions", tuple(_direction(self, cover) for cover in covers))

    @property
    def markets(self) -> tuple[MarketKey, ...]:
        """The markets of this bet, each once, in a fixed order."""
        return tuple(
            dict.fromkeys(claim.market for claim in sorted(self.claims, key=lambda claim: claim.rank))
        )


def pair(bet_id: str, a: MarketKey, b: MarketKey, inverted: bool = False) -> Bet:
    """The same question on two markets. `inverted`: YES on `a` means NO on `b`."""
    yes_on_b = FAILS if inverted else HAPPENS
    return Bet(bet_id, PAIR, (HAPPENS, FAILS), True, (*_both(a, HAPPENS), *_both(b, yes_on_b)))


def yes_no(bet_id: str, platform: str, market_id: str) -> Bet:
    """YES and NO of one market."""
    return Bet(bet_id, YES_NO, (HAPPENS, FAILS), True, _both((platform, market_id), HAPPENS))


def _both(market: MarketKey, yes_pays_in: str) -> tuple[Claim, Claim]:
    no_pays_in = FAILS if yes_pays_in == HAPPENS else HAPPENS
    return (
        Claim(*market, YES, frozenset({yes_pays_in})),
        Claim(*market, NO, frozenset({no_pays_in})),
    )


def _faults(bet: Bet) -> Iterable[Fault]:
    states = set(bet.states)
    if not states:
        yield Fault(NO_STATES, "the bet has no states")
    if len(states) < len(bet.states):
        yield Fault(DUPLICATE_STATE, "a state is listed twice")
    if not bet.exhaustive:
        yield Fault(
            NOT_EXHAUSTIVE, "the states are not declared exhaustive, so buying all of them guarantees nothing"
        )
    seen: set[tuple[str, str, str]] = set()
    for claim in bet.claims:
        name = f"{claim.outcome} of {claim.platform}:{claim.market_id}"
        if claim.outcome not in OTHER:
            yield Fault(UNKNOWN_OUTCOME, f"{name}: an outcome is YES or NO")
        if not claim.pays_in:
            yield Fault(PAYS_NEVER, f"{name} pays in no state")
        for state in sorted(claim.pays_in - states):
            yield Fault(UNKNOWN_STATE, f"{name} pays in {state!r}, which is no state of this bet")
        if (*claim.market, claim.outcome) in seen:
            yield Fault(DUPLICATE_CLAIM, f"{name} is listed twice")
        seen.add((*claim.market, claim.outcome))


def _covers(bet: Bet) -> tuple[Cover, ...]:
    """Every two claims whose paying states split all states between them, in a fixed order.

    Where a bet spans several markets, YES + NO of one of them is left to that market's own bet: the same two
    orders would otherwise be found twice.
    """
    everything = set(bet.states)
    several = len(bet.markets) > 1
    found = []
    for one, two in combinations(sorted(bet.claims, key=lambda claim: claim.rank), 2):
        splits = not (one.pays_in & two.pays_in) and one.pays_in | two.pays_in == everything
        if splits and not (several and one.market == two.market):
            found.append((one, two))
    return tuple(found)


def _direction(bet: Bet, cover: Cover) -> str:
    """The name of a cover, each time the same and never shared: `polymarket:YES+kalshi:NO`.

    A claim is named by its market too where the bet has several markets on that platform.
    """
    on = Counter(platform for platform, _ in bet.markets)
    return "+".join(
        f"{claim.platform}:{claim.market_id}:{claim.outcome}"
        if on[claim.platform] > 1
        else f"{claim.platform}:{claim.outcome}"
        for claim in cover
    )
