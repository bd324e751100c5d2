"""Which open position another market would offset, and at what cost. Positions are arguments: this room knows none.

**Exact** hedges come first: the outcome that completes the bet, on any of its markets. They take all of the risk that the
two markets share.

**By correlation**, least squares: with `dV = n·p·(1 - p)·dℓ` for n contracts at price p whose log-odds move by dℓ,

    h = n·p(1 - p)·β / (p_h(1 - p_h)),   β of the position's log-odds on the hedge's,   variance taken: rho²

and the bound of what it takes is the square of the interval's end that is nearer to 0. Only where that is `LEAST_TAKEN`: of
a hundred markets that have nothing to do with a position, one or two exclude 0 by chance. And only where both mids lie
where correlations were measured (`series.LOWEST` to `HIGHEST`): beyond, beta is none of these prices.
Cost is what is lost on the spot: the price paid above the mid, and the fee, by the live book, down to its depth.

**Relief** is what it surely takes of the position's risk at settlement, in dollars: `n·√(p(1 - p))·(1 - √(1 - taken))`.
What the market's smallest order does not allow, or what relieves of less than `least` dollars, is dust and left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from markets.bets import Bet, MarketKey
from markets.books import NO, YES, BookView, dollars, micro, take
from markets.books import levels as levels_of
from signals import sizing
from signals.findings import BUY, Listing
from signals.returns.estimating import Together
from signals.returns.series import HIGHEST, LOWEST

ZERO, ONE = Decimal(0), Decimal(1)
CENT, RATIO = Decimal("0.01"), Decimal("0.0001")
LEAST_TAKEN = Decimal("0.1")  # of the variance, surely; less is chance, and no hedge
EXACT, CORRELATED = "exact", "correlated"
OTHER = {YES: NO, NO: YES}


@dataclass(frozen=True, slots=True)
class Stake:
    """An open position: contracts of an outcome, beyond what other positions of ours complete already."""

    platform: str
    market_id: str
    outcome: str
    contracts: Decimal

    @property
    def market(self) -> MarketKey:
        """Platform and id."""
        return self.platform, self.market_id


@dataclass(frozen=True, slots=True)
class Hedge:
    """Buying `contracts` of an outcome against a position. Money is dollars.

    `takes` is the part of the position's variance that goes (1: all that the markets share), `takes_at_least` its lower
    bound; both for the contracts that the book has, of the `wanted`.
    """

    kind: str
    stake: Stake
    platform: str
    market_id: str
    outcome: str
    wanted: Decimal
    contracts: Decimal
    price: Decimal  # mean, a contract
    outlay: Decimal
    fee: Decimal
    cost: Decimal  # above the mid, and the fee
    takes: Decimal
    takes_at_least: Decimal
    relief: Decimal  # dollars of the position's standard deviation at settlement that surely go
    rho: Decimal | None
    bet_id: str

    @property
    def cost_a_contract(self) -> Decimal:
        """Dollars that each contract of the hedge loses on the spot."""
        return (self.cost / self.contracts).quantize(Decimal("0.000001"))


@dataclass(frozen=True, slots=True)
class Offer:
    """Hedges that are worth it, and how many were left out for being dust."""

    hedges: tuple[Hedge, ...]
    dust: int


def uncovered(held: Mapping[tuple[str, str, str], Decimal], bets: Iterable[Bet]) -> list[Stake]:
    """What is held beyond what other positions complete: YES and NO of one market, then the two sides of a two-state bet.

    The caller leaves out what completes a wide bet: that takes the states in which each claim pays.
    Contracts are matched in the order of their names, so the same positions give the same stakes.
    """
    left = {key: amount for key, amount in held.items() if amount > 0}

    def match(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
        both = min(left.get(one, ZERO), left.get(two, ZERO))
        if both > 0:
            left[one] -= both
            left[two] -= both

    for platform, market_id in sorted({key[:2] for key in left}):
        match((platform, market_id, YES), (platform, market_id, NO))
    for bet in sorted(bets, key=lambda bet: bet.id):
        for cover in () if bet.wide else bet.covers:
            match(*((*claim.market, claim.outcome) for claim in cover))
    return [Stake(*key, amount) for key, amount in sorted(left.items()) if amount > 0]


def hedges(
    stakes: Sequence[Stake],
    bets: Iterable[Bet],
    correlations: Iterable[Together],
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
    *,
    most: int = 5,
    least: Decimal = ZERO,
) -> Offer:
    """At most `most` hedges for each stake: exact ones first, the cheapest first; then by variance surely taken.

    Each relieves of `least` dollars at least, and is no smaller than what its market takes.
    """
    by_market: dict[MarketKey, list[Bet]] = {}
    for bet in bets:
        for market in () if bet.wide or bet.faults else bet.markets:
            by_market.setdefault(market, []).append(bet)
    beside: dict[MarketKey, list[tuple[MarketKey, Together, bool]]] = {}
    for pair in correlations:
        one, two = key_of(pair.one), key_of(pair.two)
        if one is not None and two is not None and pair.strength**2 >= LEAST_TAKEN:
            beside.setdefault(one, []).append((two, pair, False))
            beside.setdefault(two, []).append((one, pair, True))
    found: list[Hedge] = []
    dust = 0
    for stake in stakes:
        exact = _exact(stake, by_market.get(stake.market, ()), books, listings)
        taken = {(hedge.platform, hedge.market_id) for hedge in exact}
        loose = [
            hedge
            for market, pair, first_is_hedge in beside.get(stake.market, ())
            if market not in taken
            and (hedge := _correlated(stake, market, pair, first_is_hedge, books, listings)) is not None
        ]
        exact.sort(
            key=lambda hedge: (-hedge.takes, hedge.cost / hedge.contracts, hedge.platform, hedge.market_id)
        )
        loose.sort(key=lambda hedge: (-hedge.takes_at_least, hedge.cost, hedge.platform, hedge.market_id))
        worth = [one for one in (*exact, *loose) if _worth(one, listings[one.platform, one.market_id], least)]
        dust += len(exact) + len(loose) - len(worth)
        found += worth[:most]
    return Offer(tuple(found), dust)


def _worth(hedge: Hedge, listing: Listing, least: Decimal) -> bool:
    """Whether an order of it would be taken, and relieves of enough."""
    taken = hedge.contracts >= listing.min_size and hedge.outlay - hedge.fee >= listing.min_value
    return taken and hedge.relief >= least


def _relief(stake: Stake, price: Decimal, part: Decimal) -> Decimal:
    """Dollars of a position's standard deviation at settlement that go with `part` of its variance."""
    deviation = stake.contracts * (price * (ONE - price)).sqrt()
    return (deviation * (ONE - max(ZERO, ONE - part).sqrt())).quantize(CENT, ROUND_FLOOR)


def key_of(series: str) -> MarketKey | None:
    """The market of a series `market:<platform>:<id>`; None for any other series."""
    kind, _, rest = series.partition(":")
    platform, _, market_id = rest.partition(":")
    return (platform, market_id) if kind == "market" and market_id else None


def name_of(market: MarketKey) -> str:
    """The series of a market."""
    return f"market:{market[0]}:{market[1]}"


def _exact(
    stake: Stake,
    bets: Iterable[Bet],
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
) -> list[Hedge]:
    completing = {(stake.market, OTHER[stake.outcome]): ""}
    for bet in bets:
        for cover in bet.covers:
            for own, other in (cover, cover[::-1]):
                if own.market == stake.market and own.outcome == stake.outcome:
                    completing.setdefault((other.market, other.outcome), bet.id)
    found = []
    for (market, outcome), bet_id in completing.items():
        bought = _bought(market, outcome, stake.contracts, books, listings)
        if bought is not None:
            contracts, price, outlay, fee, cost = bought
            part = (contracts / stake.contracts).quantize(RATIO, ROUND_FLOOR)
            takes = (ONE - (ONE - part) ** 2).quantize(RATIO)
            # What completes it is worth a dollar less its price
            relief = _relief(stake, _mid(books[market]) or ZERO, takes)
            found.append(
                Hedge(EXACT, stake, *market, outcome, stake.contracts, contracts, price, outlay, fee, cost, takes, takes,
                      relief, None, bet_id)
            )  # fmt: skip
    return found


def _correlated(
    stake: Stake,
    market: MarketKey,
    pair: Together,
    first_is_hedge: bool,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
) -> Hedge | None:
    own, other = _mid(books.get(stake.market)), _mid(books.get(market))
    if own is None or other is None or not all(LOWEST <= float(mid) <= HIGHEST for mid in (own, other)):
        return None
    # `pair.beta` is of two on one; the other way round it is rho² / beta
    slope = pair.beta if first_is_hedge else (pair.rho**2 / pair.beta if pair.beta else 0.0)
    ratio = Decimal(repr(abs(slope))) * own * (ONE - own) / (other * (ONE - other))
    wanted = (stake.contracts * ratio).quantize(CENT, ROUND_FLOOR)
    outcome = OTHER[stake.outcome] if pair.rho > 0 else stake.outcome
    bought = _bought(market, outcome, wanted, books, listings)
    if bought is None:
        return None
    contracts, price, outlay, fee, cost = bought
    # With a part x of the best size, 1 - (1 - x)² of what the best one takes
    part = ONE - (ONE - contracts / wanted) ** 2
    takes, least = (
        (Decimal(repr(value * value)) * part).quantize(RATIO) for value in (pair.rho, pair.strength)
    )
    rho = Decimal(repr(pair.rho)).quantize(RATIO)
    return Hedge(
        CORRELATED,
        stake,
        *market,
        outcome,
        wanted,
        contracts,
        price,
        outlay,
        fee,
        cost,
        takes,
        least,
        _relief(stake, own, least),
        rho,
        "",
    )


def _mid(book: BookView | None) -> Decimal | None:
    """Dollars of one YES in the middle; None for a book of one side, or one that has ended."""
    if book is None or not book.bids or not book.asks:
        return None
    mid = dollars(book.bids[0][0] + book.asks[0][0]) / 2
    return mid if ZERO < mid < ONE else None


def _bought(
    market: MarketKey,
    outcome: str,
    wanted: Decimal,
    books: Mapping[MarketKey, BookView],
    listings: Mapping[MarketKey, Listing],
) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal] | None:
    """Contracts, mean price, outlay, fee and cost of buying as much of `wanted` as the book has; None for nothing."""
    book, listing = books.get(market), listings.get(market)
    middle = _mid(book)
    if book is None or middle is None or listing is None or listing.fees is None or listing.fault:
        return None
    if outcome == NO:
        middle = ONE - middle
    ladder = book.asks_for(outcome)
    size = dollars(sizing.down(min(micro(wanted), sum(size for _, size in ladder)), listing.step))
    if size <= 0:
        return None
    fills = take(levels_of(ladder), size)
    cost = listing.fees.order_cost(BUY, fills)
    lost = cost.cash - size * middle
    return size, (cost.notional / size).quantize(Decimal("0.000001")), cost.cash, cost.fee, lost
