"""Bets: states of the world, and the outcomes on any platform that pay in some of them.

A **bet** is a set of mutually exclusive states, declared exhaustive or not. A **claim** is one outcome of one
market with the states in which it pays $1. A **cover** is a set of claims that leaves no state without one
that pays: bought in the right sizes it is worth the same whatever happens, so one that costs less is an
arbitrage.

A bet of two states has covers of two claims, one contract of each. A **wide** bet has more states and one
cover, all its claims; how many contracts of which is for detection to find. Builders for every kind stand in
the middle of this file; none of them raises: a bet that makes no sense has faults.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations, pairwise

from markets.books import NO, OTHER, YES
from markets.platforms.base import PLATFORMS

# The kinds of bets. Stored, so they stay.
PAIR, YES_NO = "pair", "yes_no"
NEG_RISK, EXCLUSIVE = "neg_risk", "exclusive"  # exactly one of the markets pays; at most one
LADDER, DATE_LADDER, MIXTURE, CUSTOM = "ladder", "date_ladder", "mixture", "custom"
KINDS = (PAIR, YES_NO, NEG_RISK, EXCLUSIVE, LADDER, DATE_LADDER, MIXTURE, CUSTOM)

# States of the bets that have two of them, and the state in which no YES pays.
HAPPENS, FAILS, NONE = "happens", "fails", "none"

COVER = "cover"  # the one direction of a wide bet
MOST_STATES = 512  # of a mixture; beyond it, its events share too little to be worth joining

# Why a bet cannot be used.
NO_STATES, DUPLICATE_STATE, NOT_EXHAUSTIVE = "no_states", "duplicate_state", "not_exhaustive"
PAYS_NEVER, UNKNOWN_STATE, DUPLICATE_CLAIM, UNKNOWN_OUTCOME = (
    "pays_never", "unknown_state", "duplicate_claim", "unknown_outcome",
)  # fmt: skip
UNCOVERED, TOO_MANY_STATES, UNKNOWN_MARKET = "state_uncovered", "too_many_states", "unknown_market"

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
    built_wrong: tuple[Fault, ...] = ()  # what a builder could not make sense of
    faults: tuple[Fault, ...] = field(init=False, repr=False, compare=False)
    covers: tuple[Cover, ...] = field(init=False, repr=False, compare=False)
    directions: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = tuple(dict.fromkeys(_faults(self)))
        object.__setattr__(self, "faults", faults)
        covers = () if faults else _covers(self)
        object.__setattr__(self, "covers", covers)
        names = (COVER,) * len(covers) if self.wide else (_direction(self, cover) for cover in covers)
        object.__setattr__(self, "directions", tuple(names))

    @property
    def wide(self) -> bool:
        """True with more than two states: one direction, and sizes that may differ from leg to leg."""
        return len(self.states) > 2

    @property
    def markets(self) -> tuple[MarketKey, ...]:
        """The markets of this bet, each once, in a fixed order."""
        return tuple(
            dict.fromkeys(claim.market for claim in sorted(self.claims, key=lambda claim: claim.rank))
        )


def pair(bet_id: str, a: MarketKey, b: MarketKey, inverted: bool = False) -> Bet:
    """The same question on two markets. `inverted`: YES on `a` means NO on `b`."""
    yes_on_b = FAILS if inverted else HAPPENS
    claims = (*_both(a, HAPPENS), *_both(b, yes_on_b))
    return Bet(bet_id, PAIR, (HAPPENS, FAILS), True, claims)


def yes_no(bet_id: str, platform: str, market_id: str) -> Bet:
    """YES and NO of one market."""
    return Bet(bet_id, YES_NO, (HAPPENS, FAILS), True, _both((platform, market_id), HAPPENS))


def _both(market: MarketKey, yes_pays_in: str) -> tuple[Claim, Claim]:
    no_pays_in = FAILS if yes_pays_in == HAPPENS else HAPPENS
    return (
        Claim(*market, YES, frozenset({yes_pays_in})),
        Claim(*market, NO, frozenset({no_pays_in})),
    )


def one_of(bet_id: str, kind: str, members: Sequence[MarketKey], *, exhaustive: bool) -> Bet:
    """Markets of which at most one pays YES, or exactly one where the platform guarantees it (`exhaustive`).

    There is one state for each member, and NONE, in which no YES pays, unless one of them must.
    """
    names = [f"{platform}:{market_id}" for platform, market_id in members]
    states = (*names, *(() if exhaustive else (NONE,)))
    claims: list[Claim] = []
    for market, name in zip(members, names, strict=True):
        claims += _yes_and_no(market, frozenset({name}), states)
    return Bet(bet_id, kind, states, True, tuple(claims))


@dataclass(frozen=True, slots=True)
class Step:
    """One market of a ladder: its YES pays where the value lies in this interval; None is without bound."""

    market: MarketKey
    low: Decimal | None
    low_inclusive: bool
    high: Decimal | None
    high_inclusive: bool

    def holds(self, low: Decimal | None, high: Decimal | None) -> bool:
        """Whether the value pays when it is the point `low` == `high`, or anywhere strictly between them.

        The bounds of all steps are known to be no further in than `low` and `high`.
        """
        point = low is not None and low == high
        above = self.low is None or (
            low is not None and (low > self.low or (low == self.low and (self.low_inclusive or not point)))
        )
        below = self.high is None or (
            high is not None
            and (high < self.high or (high == self.high and (self.high_inclusive or not point)))
        )
        return above and below


def ladder(bet_id: str, kind: str, steps: Sequence[Step]) -> Bet:
    """Markets on one value: thresholds, ranges, and dates as numbers.

    States are the points and open intervals between all bounds, and NONE: the value is never published and no
    YES pays. Neighbours that no market tells apart are one state.
    """
    bounds = sorted(
        {
            bound
            for step in steps
            for bound in (step.low, step.high)
            if bound is not None and bound.is_finite()
        }
    )
    sound = [step for step in steps if all(b is None or b.is_finite() for b in (step.low, step.high))]
    runs: list[tuple[frozenset[int], list[Part]]] = []
    for part in _parts(bounds):
        # By place, not by market: a market listed twice must stay two claims, and so a fault.
        inside = frozenset(i for i, step in enumerate(sound) if step.holds(*part))
        if runs and runs[-1][0] == inside:
            runs[-1][1].append(part)
        else:
            runs.append((inside, [part]))
    pays: dict[MarketKey, set[str]] = {step.market: set() for step in steps}
    for inside, parts in runs:
        for i in inside:
            pays[sound[i].market].add(_name(parts))
    states = (*(_name(parts) for _, parts in runs), NONE)
    claims: list[Claim] = []
    for step in steps:
        claims += _yes_and_no(step.market, frozenset(pays[step.market]), states)
    return Bet(bet_id, kind, states, True, tuple(claims))


Part = tuple[Decimal | None, Decimal | None]  # a point where both are the same number, else an open interval


def _parts(bounds: Sequence[Decimal]) -> Iterable[Part]:
    """The points and open intervals that `bounds` cut the line into, from low to high."""
    for low, high in pairwise([None, *bounds, None]):
        yield low, high
        if high is not None:
            yield high, high


def _name(parts: Sequence[Part]) -> str:
    """Neighbouring parts as people write an interval: `(-inf, 90)`, `[90, 100)`, and `90` for a point."""
    (low, after_low), (before_high, high) = parts[0], parts[-1]
    if low is not None and low == high:
        return f"{low.normalize():f}"
    left = "(-inf" if low is None else f"{'[' if low == after_low else '('}{low.normalize():f}"
    right = "inf)" if high is None else f"{high.normalize():f}{']' if high == before_high else ')'}"
    return f"{left}, {right}"


Same = tuple[MarketKey, MarketKey, bool]  # one market, the other, and whether YES of one is NO of the other


def join(bet_id: str, kind: str, one: Bet, two: Bet, same: Sequence[Same]) -> Bet:
    """Two bets in one, tied together by markets that were found to be the same question.

    States are the pairs of states in which every such market pays alike on both sides (or the opposite, where
    inverted); pairs that no claim tells apart are one state. A market that both bets hold ties them too.
    """
    wrong = [fault for bet in (one, two) for fault in bet.faults if fault.code != UNCOVERED]
    ours, theirs = _yes_states(one), _yes_states(two)
    shared = [(market, market, False) for market in ours if market in theirs]
    ties = []
    for a, b, inverted in [*same, *shared]:
        a, b = (a, b) if a in ours and b in theirs else (b, a)
        if a in ours and b in theirs:
            ties.append((ours[a], theirs[b], inverted))
        else:
            wrong.append(Fault(UNKNOWN_MARKET, f"{a} and {b} are not one in each of the two bets"))
    extra = [claim for claim in two.claims if claim.market not in ours]
    kept: dict[tuple[bool, ...], tuple[str, str]] = {}
    for s in one.states:
        for t in two.states:
            if all(((s in yes) == (t in other)) != inverted for yes, other, inverted in ties):
                paid = [s in claim.pays_in for claim in one.claims] + [t in claim.pays_in for claim in extra]
                kept.setdefault(tuple(paid), (s, t))
    if len(kept) > MOST_STATES:
        wrong.append(Fault(TOO_MANY_STATES, f"{len(kept)} states, more than {MOST_STATES}"))
        kept = {}
    names = {pair: f"{pair[0]} & {pair[1]}" for pair in kept.values()}
    claims = [
        Claim(*claim.market, claim.outcome, frozenset(names[p] for p in names if p[side] in claim.pays_in))
        for side, claim in [*((0, claim) for claim in one.claims), *((1, claim) for claim in extra)]
    ]
    return Bet(
        bet_id, kind, tuple(names.values()), one.exhaustive and two.exhaustive, tuple(claims), tuple(wrong)
    )


def _yes_states(bet: Bet) -> dict[MarketKey, frozenset[str]]:
    """Where YES of each market pays, though only its NO may be among the claims."""
    everything = frozenset(bet.states)
    return {
        claim.market: claim.pays_in if claim.outcome == YES else everything - claim.pays_in
        for claim in bet.claims
    }


def _yes_and_no(market: MarketKey, pays_in: frozenset[str], states: Sequence[str]) -> tuple[Claim, Claim]:
    return Claim(*market, YES, pays_in), Claim(*market, NO, frozenset(states) - pays_in)


def _faults(bet: Bet) -> Iterable[Fault]:
    yield from bet.built_wrong
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
    if bet.wide:
        uncovered = sorted(states.difference(*(claim.pays_in for claim in bet.claims)))
        if uncovered:
            sentence = (
                f"nothing that can be bought pays in {uncovered[0]!r}, one of {len(uncovered)} such states"
            )
            yield Fault(UNCOVERED, sentence)


def _covers(bet: Bet) -> tuple[Cover, ...]:
    """Every two claims of which one or the other pays in both states, in a fixed order; of a wide bet, all.

    Where a bet spans several markets, YES + NO of one of them is left to that market's own bet: the same two
    orders would otherwise be found twice.
    """
    ranked = tuple(sorted(bet.claims, key=lambda claim: claim.rank))
    if bet.wide:
        return (ranked,)
    if len(bet.states) < 2:
        return ()
    everything = set(bet.states)
    several = len(bet.markets) > 1
    return tuple(
        (one, two)
        for one, two in combinations(ranked, 2)
        if one.pays_in | two.pays_in == everything and not (several and one.market == two.market)
    )


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
