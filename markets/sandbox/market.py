"""Values of the sandbox's world: markets, events and pairs, and the specification they are generated from.

Prices are micro-dollars, sizes micro-contracts, times Unix milliseconds.
"""

from dataclasses import dataclass, field

from markets.books import MICRO
from markets.platforms.base import (
    CLOSED,
    DETERMINED,
    DISPUTED,
    KALSHI,
    OPEN,
    PAUSED,
    POLYMARKET,
    SETTLED,
    UNOPENED,
)
from markets.sandbox.orders import Band

AMENDED = "AMENDED"  # determined again after a dispute; Kalshi has a word for it, Polymarket proposes anew

# What may follow what. Both platforms walk the same road; their words for it are the faces' business.
NEXT = {
    UNOPENED: {OPEN, CLOSED},
    OPEN: {PAUSED, CLOSED},
    PAUSED: {OPEN, CLOSED},
    CLOSED: {OPEN, DETERMINED},  # reopened by moving the close
    DETERMINED: {DISPUTED, SETTLED},
    DISPUTED: {AMENDED},
    AMENDED: {DISPUTED, SETTLED},
    SETTLED: set(),
}

CENT = (Band(0, MICRO, 10_000),)
DECI_CENT = (Band(0, MICRO, 1_000),)
TAPERED = (Band(0, 100_000, 1_000), Band(100_000, 900_000, 10_000), Band(900_000, MICRO, 1_000))

# Kalshi's labels for grids; on Polymarket a grid is one tick over the whole range.
KALSHI_GRIDS = {"linear_cent": CENT, "deci_cent": DECI_CENT, "tapered_deci_cent": TAPERED}
POLYMARKET_TICKS = {
    "0.1": 100_000, "0.01": 10_000, "0.005": 5_000, "0.0025": 2_500, "0.001": 1_000, "0.0001": 100,
}  # fmt: skip


@dataclass(slots=True)
class KalshiSide:
    """What only Kalshi says about a market. Its ticker is `SandboxMarket.id`."""

    event_ticker: str
    series_ticker: str
    market_id: str  # a UUID, in WebSocket frames
    fee_type: str
    fee_multiplier: str  # decimal text
    grid: str  # price_level_structure
    strike_type: str
    floor_strike: int | None
    yes_sub_title: str
    settlement_timer_s: int
    can_close_early: bool = True
    exchange_index: int = 0
    cap_strike: int | None = None


@dataclass(slots=True)
class PolymarketSide:
    """What only Polymarket says about a market. Its condition id is `SandboxMarket.id`."""

    gamma_id: str
    question_id: str
    event_id: str
    slug: str
    token_ids: tuple[str, str]  # YES, NO; decimal text of up to 78 digits
    tick: str  # decimal text
    neg_risk: bool
    fee_rate: str  # decimal text; "0" means no fees
    fee_exponent: int
    fee_label: str
    version: str = "v1"
    seconds_delay: int = 0
    group_item: str = ""
    neg_risk_other: bool = False  # "Other" of an augmented event


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a market's background maker believes from the start, where that is not left to chance. Micro-dollars."""

    fair_id: str  # makers with the same one share a walking fair value
    anchor: int
    volatility: int  # per square root of a second
    shift: int = 0  # how far this maker stands off the fair value, in YES terms of its own market
    inverted: bool = False  # its YES is the fair value's NO


@dataclass(slots=True, eq=False)
class SandboxMarket:
    """One question on one platform, with its state. Only `World` changes it; the faces read."""

    platform: str
    id: str  # Kalshi ticker, Polymarket condition id
    event_id: str  # key of `World.events`
    question: str
    rules: str
    rules_secondary: str
    source: str
    category: str
    outcomes: tuple[str, str]  # labels, YES first
    bands: tuple[Band, ...]
    min_size: int  # the platform's minimum order; the engine itself only checks its lot
    created_ms: int
    open_ms: int
    close_ms: int
    truth: int  # what YES will pay when nobody interferes, micro-dollars
    determine_after_ms: int
    settle_after_ms: int
    pair_id: str = ""
    place: str = ""  # what it was listed for: the exchange fills each place anew once nothing trades there
    opinion: Opinion | None = None
    kalshi: KalshiSide | None = None
    polymarket: PolymarketSide | None = None
    state: str = UNOPENED
    result: str = ""  # YES, NO, SCALAR or empty
    settlement_value: int | None = None  # micro-dollars that one YES pays, from DETERMINED on
    disputed_once: bool = False
    closed_ms: int = 0
    determined_ms: int = 0
    settled_ms: int = 0
    updated_ms: int = 0
    last_price: int | None = None  # micro-dollars per YES
    last_size: int = 0
    volume: int = 0  # micro-contracts
    notional: int = 0  # 1e-12 dollars, sum of price * size
    listed: int = 0  # rising number in order of creation, for paging

    @property
    def k(self) -> KalshiSide:
        """Kalshi's own facts; only for Kalshi markets."""
        assert self.kalshi is not None, f"{self.id} is not on {KALSHI}"
        return self.kalshi

    @property
    def p(self) -> PolymarketSide:
        """Polymarket's own facts; only for Polymarket markets."""
        assert self.polymarket is not None, f"{self.id} is not on {POLYMARKET}"
        return self.polymarket

    @property
    def trading(self) -> bool:
        """True while orders are taken."""
        return self.state == OPEN


@dataclass(slots=True)
class SandboxEvent:
    """Markets that belong together: a Kalshi event or a Polymarket event."""

    platform: str
    id: str  # Kalshi event ticker, Polymarket event id
    slug: str  # Polymarket; empty on Kalshi
    series_ticker: str  # Kalshi; empty on Polymarket
    title: str
    category: str
    mutually_exclusive: bool  # Kalshi's MECNET, Polymarket's neg-risk
    market_ids: list[str] = field(default_factory=list)
    close_ms: int = 0
    created_ms: int = 0
    kind: str = ""  # of a wide event: neg_risk, augmented, exclusive, ladder
    augmented: bool = False  # Polymarket: "Other" stands for outcomes that may still be named


@dataclass(frozen=True, slots=True)
class Pair:
    """The same question on both platforms. `inverted`: Polymarket's YES pays when Kalshi's NO does."""

    id: str
    polymarket_id: str
    kalshi_ticker: str
    inverted: bool
    short_lived: bool
    question: str
    slot: int = 0
    generation: int = 0  # of its slot: so many pairs were listed there before it


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Two markets that look like the same question and differ in exactly one thing. Nobody may trade them as a pair.

    Whoever does, buys YES where it is `cheap` and NO on the other platform, and is paid less than a dollar.
    """

    id: str
    differs: str  # date, strike, source, polarity, comparator, hour, void
    polymarket_id: str
    kalshi_ticker: str
    cheap: str
    inverted: bool  # the two are each other's opposite: no pair of the same question
    why: str


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """What to generate. The same specification and start give the same world and ids.

    Long-lived markets close at the ends of calendar weeks and their ids carry that day, so that a second start
    in the same week finds the same markets. Short-lived ones close and settle within minutes; with `rolling`,
    each is followed by a new one, so money is realised all the time.
    """

    seed: int = 1
    pairs: int = 20
    short_lived: int = 6  # of the pairs
    short_seconds: tuple[int, int] = (30, 120)  # life of a short-lived pair, from..to
    long_weeks: tuple[int, int] = (1, 8)
    extra_kalshi: int = 6  # unpaired, in events of three that exclude each other
    extra_polymarket: int = 6  # unpaired, in neg-risk events of three
    protocol_v2: int = (
        0  # of the pairs: the last ones, on Polymarket's Protocol V2 (position ids, ExchangeV3)
    )
    near_misses: int = 0  # pairs that look the same and are not
    wide: int = 0  # times one neg-risk, one augmented, one exclusive event and one ladder
    inverted_share: float = 0.2
    rolling: bool = True
    determine_seconds: int = 3  # from close to result
    settle_seconds: int = 5  # from result to payout
    start_ms: int = 0  # 0: whatever the clock says when the world is made


@dataclass(frozen=True, slots=True)
class Kept:
    """What an exchange knows of the markets that it listed before it was started again."""

    markets: list[SandboxMarket]
    events: list[SandboxEvent]
    pairs: list[Pair]
    near_misses: list[NearMiss]
