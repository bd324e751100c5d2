"""The values detection takes and gives: listings and rules in; findings and named refusals out.

Prices are dollars per contract, sizes contracts, money dollars, ratios fractions, times aware UTC or Unix ms.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from markets import rule_sources
from markets.books import Level, dollars, micro
from markets.platforms.base import FeeSchedule, MarketInfo, OrderCost, TickBand
from signals import sizing
from signals.edge import Waterfall
from signals.sizing import Caps

BUY = "BUY"

# Why there is no finding. Stable codes: they are stored and counted.
BOOK_MISSING, BOOK_STALE, BOOK_FUTURE, BOOKS_APART, BOOK_CROSSED, BOOK_MALFORMED, EMPTY_SIDE = (
    "book_missing", "book_stale", "book_future", "books_apart", "book_crossed", "book_malformed",
    "empty_side",
)  # fmt: skip
PRICE_RANGE = "price_out_of_range"
LISTING_MISSING, LISTING_FAULTY, NOT_OPEN, FEES_UNKNOWN, SETTLES_PAST, RULES_MISSING = (
    "listing_missing", "listing_faulty", "market_not_open", "fees_unknown", "settles_past", "rules_missing",
)  # fmt: skip
CLOSES_SOON = "closes_soon"
BELOW_MINIMUM, CAPPED, OFF_TICK, NO_PROFIT = "below_minimum", "caps_below_minimum", "off_tick", "no_profit"
NO_SOLUTION = "no_solution"  # the solver could not say what is best

# What a finding should be doubted for.
CROSSED = "crossed"


@dataclass(frozen=True, slots=True)
class Listing:
    """What detection must know of a market beside its book. `fault` says what is wrong with it, if anything.

    `whole_cents`: the platform takes an order only where size times limit price is in whole cents.
    `min_value`: the least such product, in dollars. `rules_known`: there is a text that says when it pays.
    """

    platform: str
    market_id: str
    status: str
    ticks: tuple[TickBand, ...]
    min_size: Decimal  # contracts
    size_step: Decimal  # contracts
    fees: FeeSchedule | None
    settles: datetime | None  # when cash is expected, aware
    whole_cents: bool = False
    min_value: Decimal = Decimal(0)
    rules_known: bool = True
    shard: int = 0  # where the platform keeps the money for it
    groups: tuple[str, ...] = ()  # of bets that share a rule source (`markets.rule_sources`)
    closes: datetime | None = None  # when trading is expected to stop, aware
    fault: str = field(init=False, default="", repr=False, compare=False)
    bands: tuple[sizing.Band, ...] = field(init=False, default=(), repr=False, compare=False)
    lowest: int = field(init=False, default=0, repr=False, compare=False)  # min_size, micro-contracts
    step: int = field(init=False, default=0, repr=False, compare=False)  # size_step, micro-contracts
    least_value: int = field(init=False, default=0, repr=False, compare=False)  # min_value, micro-dollars
    _fees_seen: dict[int, tuple[int, Decimal]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        try:
            bands = sizing.bands_of([(band.start, band.end, band.step) for band in self.ticks])
            lowest, step, least_value = micro(self.min_size), micro(self.size_step), micro(self.min_value)
            if lowest < 0 or step <= 0 or least_value < 0:
                raise ValueError("size step must be positive, minimum size and value not negative")
        except ValueError as error:
            object.__setattr__(self, "fault", str(error))
        else:
            object.__setattr__(self, "bands", bands)
            object.__setattr__(self, "lowest", lowest)
            object.__setattr__(self, "step", step)
            object.__setattr__(self, "least_value", least_value)

    def unit_cost(self, price: int) -> int:
        """Price (micro-dollars) and marginal taker fee of one contract, in pico-dollars.

        Rounded down: a bound on profit must not be too low. The fees must be known.
        """
        known = self._fees_seen.get(price)
        return known[0] if known is not None else self._see(price)[0]

    def marginal_fee(self, price: int) -> Decimal:
        """Dollars of taker fee of one contract at `price` (micro-dollars), unrounded. Fees must be known."""
        known = self._fees_seen.get(price)
        return known[1] if known is not None else self._see(price)[1]

    def _see(self, price: int) -> tuple[int, Decimal]:
        # Kept: a market has few prices, and every look at its book would compute the same decimals again.
        assert self.fees is not None
        fee = self.fees.marginal_fee(dollars(price))
        self._fees_seen[price] = (price * sizing.PICO_PER_MICRO + int(fee.scaleb(12)), fee)
        return self._fees_seen[price]

    @classmethod
    def of(cls, market: MarketInfo) -> "Listing":
        """The listing of a market; `extra` may carry `whole_cents` and `min_value`."""
        return cls(
            platform=market.platform,
            market_id=market.id,
            status=market.status,
            ticks=market.ticks,
            min_size=market.min_size,
            size_step=market.size_step,
            fees=market.fees,
            settles=market.settles,
            whole_cents=bool(market.extra.get("whole_cents", False)),
            min_value=Decimal(market.extra.get("min_value", 0)),
            rules_known=bool(market.rules.strip()),
            shard=int(market.extra.get("exchange_index") or 0),
            groups=rule_sources.groups(market),
            closes=market.end,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What books must be like, and what may be spent."""

    max_book_age_ms: int = 2_000
    max_skew_ms: int = 1_000
    caps: Caps = field(default_factory=Caps)
    min_open_ms: int = 0  # that a market must still trade for, or nothing is begun on it


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bet, or one direction of it, offers nothing: a stable code and a sentence."""

    bet_id: str
    code: str
    sentence: str
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a finding. Prices are dollars of `outcome`."""

    platform: str
    market_id: str
    outcome: str
    side: str
    size: Decimal
    limit_price: Decimal  # the worst level taken
    fills: tuple[Level, ...]  # the levels taken, best first
    cost: OrderCost
    best_price: Decimal
    depth: Decimal  # contracts on offer at the limit price or better
    confirmed_ms: int
    book_age_ms: int
    best_bid: Decimal | None = None  # of `outcome`: what the leg could be sold for at once; None: nobody bids
    exit_fee: Decimal = Decimal(0)  # taker fee of one contract sold at `best_bid`, before rounding


@dataclass(frozen=True, slots=True)
class Finding:
    """Orders that together pay more than they cost in every state of the bet."""

    bet_id: str
    kind: str
    direction: str  # `polymarket:YES+kalshi:NO`: with the bet, the stable key of the opportunity
    legs: tuple[Leg, ...]
    size: Decimal  # dollars paid in every state; with two legs the contracts of each, else see the legs
    waterfall: Waterfall
    days_to_cash: Decimal | None  # until the later leg pays; 0 where it returns at once, None where unknown
    annualised: Decimal | None  # simple interest, a fraction; None where the days are 0 or unknown
    limited_by: str  # depth, edge, min_size, max_contracts, max_outlay:<platform>, cash:<platform>
    frees_now: bool  # the contracts are money at once (merged, netted or converted)
    frees_at: datetime | None
    found_ms: int
    cautions: tuple[str, ...] = ()
    half_profit: Decimal | None = None  # net dollars at half of `size`, or as near as the platforms accept

    @property
    def payoff(self) -> Decimal:
        """Dollars paid in every state."""
        return self.waterfall.payoff

    @property
    def outlay(self) -> Decimal:
        """Dollars that leave the accounts, fees included."""
        return self.waterfall.outlay

    @property
    def net_profit(self) -> Decimal:
        """Dollars left in every state."""
        return self.waterfall.net

    @property
    def profit_pct(self) -> Decimal:
        """Net profit over outlay, a fraction."""
        return self.waterfall.profit_pct

    @property
    def gross_edge(self) -> Decimal:
        """Dollars per $1 of payoff, before fees."""
        return self.waterfall.gross_edge

    @property
    def edge(self) -> Decimal:
        """Dollars per $1 of payoff, after fees and rounding."""
        return self.waterfall.edge


@dataclass(frozen=True, slots=True)
class Result:
    """Everything one look at a bet gave. Both empty: the books simply offer no gap."""

    findings: tuple[Finding, ...] = ()
    refusals: tuple[Refusal, ...] = ()
