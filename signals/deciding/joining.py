"""What evidence does to a hedged bet: it vetoes, shrinks, raises the hurdle, and only where it is proven enlarges.

A cover pays the same whatever happens, so news about the direction earns it nothing. It can cost: the legs go out one
after the other, and a price that is about to move may be gone before the second leg. And a story that is out while one
platform has not moved says that its book is old, and the gap with it. So a claim about a leg's market counts against
the cover, in either direction (which leg goes first is decided later, so the worse order is assumed), until every
platform's price has answered it. `docs/decisions/0010-evidence-and-hedged-bets.md` derives the rules.

Probabilities are statistics and may be floats; what leaves here is Decimal, rounded against the trade.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import prod
from typing import Protocol

from markets.bets import MarketKey
from signals.correlating import weighing
from signals.deciding import doubts
from signals.deciding.doubts import Evidence
from signals.findings import Finding, Leg

# Stable codes of refusals: they are stored and counted
EVIDENCE_VETO, EVENT_NEAR = "evidence_veto", "event_near"
# What a piece of evidence did
VETO, SUSPEND, SHRINK, HURDLE, ENLARGE, NOTED = "veto", "suspend", "shrink", "hurdle", "enlarge", "noted"
EFFECTS = (VETO, SUSPEND, SHRINK, HURDLE, ENLARGE, NOTED)

PRICE, WHALE, NEWS, CALENDAR = "price", "whale", "news", "calendar"
SOURCES = (PRICE, WHALE, NEWS, CALENDAR)  # the specification's words, in its order
STORIES = ("news", "confirmed")  # kinds of items that tell a story: by its number they are one
EVEN = 0.5  # what an unscored claim is worth without its strength
ZERO, ONE = Decimal(0), Decimal(1)
FACTOR_STEP, HURDLE_STEP = Decimal("0.0001"), Decimal("0.000001")
NOTE_LENGTH = 255
WIDEN_LEVEL, SUSPEND_LEVEL = "widen", "suspend"  # levels of a guard; any other only marks


class Said(Protocol):
    """One prediction that still counts, as `signals.correlating.standing.Standing` spells it. Times are Unix ms."""

    @property
    def source(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def item(self) -> str: ...
    @property
    def direction(self) -> int: ...
    @property
    def strength(self) -> float: ...
    @property
    def probability(self) -> float: ...
    @property
    def base_rate(self) -> float: ...
    @property
    def weight(self) -> float: ...
    @property
    def lower(self) -> float | None: ...
    @property
    def happened_ms(self) -> int: ...
    @property
    def seen_ms(self) -> int: ...
    @property
    def due_ms(self) -> int: ...
    @property
    def half_life_ms(self) -> int: ...
    @property
    def note(self) -> str: ...


class Scheduled(Protocol):
    """What a scheduled event asks for, as `signals.sources.calendar.guards.Guard` spells it."""

    @property
    def level(self) -> str: ...
    @property
    def event_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def hurdle(self) -> Decimal: ...


Standings = Mapping[MarketKey, Sequence[Said]]
Guards = Mapping[MarketKey, Sequence[Scheduled]]


@dataclass(frozen=True, slots=True)
class Belief:
    """How far evidence is believed: the settings `EVIDENCE_*`."""

    veto_probability: float = 0.80
    shrink_least: Decimal = Decimal("0.25")
    most_hurdle: Decimal = Decimal("0.02")  # dollars per $1 of payoff
    enlarge_above: float = 0.60  # of a source's measured lower bound
    enlarge_most: Decimal = Decimal("1.5")


@dataclass(frozen=True, slots=True)
class Voice:
    """One piece of evidence and what it did. `probability` is as of now; None for a scheduled event."""

    source: str
    kind: str
    item: str
    market: str  # platform:market
    direction: int  # of YES: 1, -1; 0: it will move
    probability: Decimal | None
    note: str
    effect: str


@dataclass(frozen=True, slots=True)
class Veto:
    """Why a finding is not acted on: a stable code and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Joined:
    """What all evidence together does to one finding. The default changes nothing."""

    vetoes: tuple[Veto, ...] = ()
    shrink: Decimal = ONE  # of the size wanted, at most 1
    hurdle: Decimal = ZERO  # dollars per $1 of payoff that the finding must earn besides
    enlarge: Decimal = ONE  # of the size wanted, at least 1; never above what limits, Kelly and depth allow
    sure: Decimal = ONE  # what is left of the confidence, 0 to 1
    sources: tuple[str, ...] = (PRICE,)  # that had an effect, in the specification's words
    voices: tuple[Voice, ...] = ()

    @property
    def factor(self) -> Decimal:
        """What the size wanted is multiplied with. Whatever shrinks does not enlarge as well."""
        return self.shrink if self.shrink < ONE else self.enlarge

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why, for people: one for each piece of evidence that did something."""
        return tuple(_sentence(voice) for voice in self.voices if voice.effect != NOTED)


NEUTRAL = Joined()


@dataclass(slots=True)
class _Weighed:
    """One claim on its way through the rules."""

    said: Said
    market: MarketKey
    chance: float
    doubt: float  # 0 to 1: how much of what chance leaves it claims
    silent: tuple[str, ...]  # platforms whose price has not answered it
    effect: str = NOTED


def join(
    finding: Finding, standings: Standings, guards: Guards, belief: Belief, now_ms: int, seen: Evidence
) -> Joined:
    """What these standing claims and guards do to a finding. `seen` are the recent mids of its markets.

    Where no price is known, nobody has answered: the claim counts in full.
    """
    markets = list(dict.fromkeys((leg.platform, leg.market_id) for leg in finding.legs))
    claims = [
        _weigh(said, market, finding, now_ms, seen)
        for market in markets
        for said in standings.get(market, ())
        if said.due_ms > now_ms
    ]
    scheduled = [(guard, market) for market in markets for guard in guards.get(market, ())]
    if not claims and not scheduled:
        return NEUTRAL
    vetoes = [*_suspensions(scheduled), *_vetoes(claims, belief)]
    moving = _together(claim for claim in claims if claim.said.direction)
    doubt = _together(claims)
    widened = _widened(scheduled)
    for claim in claims:
        if claim.effect == NOTED and claim.doubt > 0:
            claim.effect = SHRINK if claim.said.direction else HURDLE
    calm = not vetoes and doubt == 0 and widened == 0
    enlarge = _enlarged(claims, belief, now_ms) if calm else ONE
    voices = (*_spoken(claims), *_announced(scheduled))
    return Joined(
        vetoes=tuple(vetoes),
        shrink=max(belief.shrink_least, _down(ONE - (ONE - belief.shrink_least) * _exact(moving))),
        hurdle=min(belief.most_hurdle, _up(belief.most_hurdle * _exact(doubt))) + widened,
        enlarge=enlarge,
        sure=max(ZERO, _down(ONE - _exact(doubt))),
        sources=sources_of(voice.source for voice in voices if voice.effect != NOTED),
        voices=voices,
    )


def wants_prices(finding: Finding, standings: Standings) -> bool:
    """Whether a claim about the direction stands for one of its markets, which prices may have answered."""
    return any(
        said.direction for leg in finding.legs for said in standings.get((leg.platform, leg.market_id), ())
    )


def word_of(source: str) -> str:
    """The specification's word for a source: `news` of `news:coindesk`."""
    return source.partition(":")[0]


def sources_of(names: Iterable[str]) -> tuple[str, ...]:
    """The specification's words for these sources, each once; prices are always one of them."""
    words = {word_of(name) for name in names} | {PRICE}
    return tuple(word for word in SOURCES if word in words)


# --- one claim


def left(said: Said, now_ms: int) -> float:
    """What age has left of a claim, 0 to 1: half after each half-life."""
    return weighing.decay(now_ms - said.seen_ms, max(1, said.half_life_ms))


def chance(said: Said, now_ms: int) -> float:
    """The probability of a claim as of now: it falls back to what would have happened anyway.

    A source that is not scored is taken at its word, which can only count against a trade.
    """
    base, first = _bounds(said)
    return base + (first - base) * left(said, now_ms)


def _bounds(said: Said) -> tuple[float, float]:
    """The chance without the item, and with it when it was seen."""
    if said.lower is None:
        return EVEN, min(1.0, max(said.probability, EVEN + max(0.0, said.strength) / 2, EVEN))
    return min(max(said.base_rate, 0.0), 1.0), min(max(said.probability, 0.0), 1.0)


def _weigh(said: Said, market: MarketKey, finding: Finding, now_ms: int, seen: Evidence) -> _Weighed:
    now = chance(said, now_ms)
    silent = _silent(said, market, finding, seen) if said.direction else ()
    answered = bool(said.direction) and not silent
    return _Weighed(said, market, now, 0.0 if answered else doubt_of(said, now), silent)


def doubt_of(said: Said, now: float) -> float:
    """How much of what chance leaves open a claim fills, 0 to 1.

    Noise (scored, weight 0) has no say. Our own price moves have none before they are scored: the finding is made of
    the same prices, and `decision` doubts one-sided moves by itself.
    """
    if said.weight <= 0 if said.lower is not None else word_of(said.source) == PRICE:
        return 0.0
    base, _ = _bounds(said)
    return max(0.0, (now - base) / (1.0 - base)) if base < 1.0 else 0.0


def _silent(said: Said, market: MarketKey, finding: Finding, seen: Evidence) -> tuple[str, ...]:
    """The platforms of the finding on which a market has not moved as claimed, by more than its spread."""
    silent = {
        leg.platform
        for leg in finding.legs
        if not _answered(leg, _way(leg, market, said.direction, finding), said.happened_ms, seen)
    }
    return tuple(sorted(silent))


def _way(leg: Leg, market: MarketKey, direction: int, finding: Finding) -> int:
    """Which way YES of a leg's market should move when that of `market` moves as claimed; 0: not known.

    Two legs complete each other: what makes one's outcome likelier makes the other's less so.
    """
    if (leg.platform, leg.market_id) == market:
        return direction
    if len(finding.legs) != 2:
        return 0
    own = next(one for one in finding.legs if (one.platform, one.market_id) == market)
    return -direction if own.outcome == leg.outcome else direction


def _answered(leg: Leg, way: int, since_ms: int, seen: Evidence) -> bool:
    moved = doubts.moved(seen.of(leg), since_ms)
    if not way or moved is None or leg.best_bid is None:
        return False
    return moved * way > leg.best_price - leg.best_bid


# --- all of them


def _together(claims: Iterable[_Weighed]) -> float:
    """The doubt of several claims together, with one say for each story however many tell it."""
    return 1.0 - remains((claim.said.source, claim.doubt) for claim in _once_a_story(claims))


def remains(told: Iterable[tuple[str, float]]) -> float:
    """What doubts (source, doubt) leave, 0 to 1: Π(1 - doubt), with one say for each source however often it speaks."""
    strongest: dict[str, float] = {}
    for source, doubt in told:
        strongest[source] = max(doubt, strongest.get(source, 0.0))
    return float(prod(1.0 - doubt for _, doubt in sorted(strongest.items())))


def _once_a_story(claims: Iterable[_Weighed]) -> Iterable[_Weighed]:
    """The strongest claim of each story: `news:5` and `confirmed:5` are one."""
    found: dict[str, _Weighed] = {}
    for claim in claims:
        kind, _, number = claim.said.item.partition(":")
        name = f"story:{number}" if kind in STORIES else claim.said.item + claim.said.source
        if name not in found or claim.doubt > found[name].doubt:
            found[name] = claim
    return found.values()


def _vetoes(claims: Iterable[_Weighed], belief: Belief) -> Iterable[Veto]:
    for claim in claims:
        said = claim.said
        strong = claim.doubt > 0 and claim.chance >= belief.veto_probability
        if not strong or not said.direction or word_of(said.source) == PRICE:
            continue
        claim.effect = VETO
        yield Veto(
            EVIDENCE_VETO,
            f"{said.source} ({said.kind}, {said.item}) says with {claim.chance:.2f} that {_named(claim.market)}"
            f" {_moves(said.direction)}, and {' and '.join(claim.silent)} has not moved: a leg may be left alone",
        )


def _suspensions(scheduled: Iterable[tuple[Scheduled, MarketKey]]) -> Iterable[Veto]:
    told: set[int] = set()
    for guard, _ in scheduled:
        if guard.level == SUSPEND_LEVEL and guard.event_id not in told:
            told.add(guard.event_id)
            yield Veto(EVENT_NEAR, f"{guard.name[:NOTE_LENGTH]} is near: books around it go stale")


def _widened(scheduled: Iterable[tuple[Scheduled, MarketKey]]) -> Decimal:
    """What events ask for besides, dollars per $1 of payoff; an event that touches several markets counts once."""
    asked: dict[int, Decimal] = {}
    for guard, _ in scheduled:
        if guard.level in (WIDEN_LEVEL, SUSPEND_LEVEL):
            asked[guard.event_id] = max(ZERO, guard.hurdle, asked.get(guard.event_id, ZERO))
    return sum(asked.values(), ZERO)


def _enlarged(claims: Iterable[_Weighed], belief: Belief, now_ms: int) -> Decimal:
    """What a proven claim that every platform has answered adds: both books live, and on the same question."""
    best = ONE
    room = 1.0 - belief.enlarge_above
    for claim in claims:
        said = claim.said
        if not said.direction or claim.silent or said.lower is None or word_of(said.source) == PRICE:
            continue
        if said.lower <= belief.enlarge_above or said.weight <= 0:
            continue
        share = min(1.0, (said.lower - belief.enlarge_above) / room) * left(said, now_ms)
        factor = _down(ONE + (belief.enlarge_most - ONE) * _exact(share))
        if factor > ONE:
            claim.effect = ENLARGE
        best = max(best, min(factor, belief.enlarge_most))
    return best


def _spoken(claims: Iterable[_Weighed]) -> Iterable[Voice]:
    for claim in claims:
        said = claim.said
        yield Voice(
            source=said.source, kind=said.kind, item=said.item, market=_named(claim.market), direction=said.direction,
            probability=_exact(claim.chance), note=said.note[:NOTE_LENGTH], effect=claim.effect,
        )  # fmt: skip


def _announced(scheduled: Iterable[tuple[Scheduled, MarketKey]]) -> Iterable[Voice]:
    effects = {SUSPEND_LEVEL: SUSPEND, WIDEN_LEVEL: HURDLE}
    for guard, market in scheduled:
        yield Voice(
            source=CALENDAR, kind=guard.level, item=f"calendar:{guard.event_id}", market=_named(market), direction=0,
            probability=None, note=guard.name[:NOTE_LENGTH], effect=effects.get(guard.level, NOTED),
        )  # fmt: skip


def _named(market: MarketKey) -> str:
    return f"{market[0]}:{market[1]}"


def _moves(direction: int) -> str:
    return {1: "rises", -1: "falls"}.get(direction, "moves")


def _sentence(voice: Voice) -> str:
    sure = "" if voice.probability is None else f" with {voice.probability:.2f}"
    return f"{voice.effect}: {voice.source} {voice.kind} on {voice.market} ({_moves(voice.direction)}{sure}) {voice.note}"


def _exact(share: float) -> Decimal:
    """A share as a Decimal of six digits."""
    return Decimal(repr(min(max(share, 0.0), 1.0))).quantize(HURDLE_STEP)


def _down(value: Decimal) -> Decimal:
    return value.quantize(FACTOR_STEP, ROUND_FLOOR)


def _up(value: Decimal) -> Decimal:
    return value.quantize(HURDLE_STEP, ROUND_CEILING)
