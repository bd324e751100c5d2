"""From the gross edge to what can be expected: the waterfall of a signal, and what it is worth per year.

    gross - fees - rounding = net (the edge);   net - leg risk - rule risk - capital - evidence = expected

`net = payoff - outlay`; for one contract of each leg `gross = 1 - sum of prices`. Amounts are dollars, ratios
are fractions (0.02 is two per cent). The last four steps together are the hurdle: each is subtracted here and
nowhere else. `docs/signals.md` derives them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_PER_DAY = Decimal(86_400_000)
DAYS_PER_YEAR = Decimal(365)
ZERO, ONE = Decimal(0), Decimal(1)
MICRO_DOLLAR = Decimal("0.000001")

# The chance that the other legs fill once the first did, by the edge shown: (edges from here on, chance), ascending
FillBands = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Where the dollars of a trade go: `net == gross - fees - rounding == payoff - outlay`, exactly."""

    payoff: Decimal  # what the cover pays in every state
    gross: Decimal  # payoff less the prices paid
    fees: Decimal  # by the formula, before any rounding
    rounding: Decimal  # what the platforms' rounding added to the fees; negative where it was in our favour
    outlay: Decimal  # all cash that leaves the accounts
    net: Decimal

    @property
    def gross_edge(self) -> Decimal:
        """Gross dollars per $1 of payoff."""
        return self.gross / self.payoff

    @property
    def edge(self) -> Decimal:
        """Net dollars per $1 of payoff."""
        return self.net / self.payoff

    @property
    def profit_pct(self) -> Decimal:
        """Net profit over outlay, a fraction."""
        return self.net / self.outlay


def waterfall(payoff: Decimal, notional: Decimal, fee: Decimal, formula_fee: Decimal) -> Waterfall:
    """The waterfall of a cover that pays `payoff`, whose orders cost `notional` and `fee` (with every
    rounding).

    `formula_fee` is the unrounded fee: it only splits `fee` into its two causes.
    """
    outlay = notional + fee
    return Waterfall(
        payoff=payoff,
        gross=payoff - notional,
        fees=formula_fee,
        rounding=fee - formula_fee,
        outlay=outlay,
        net=payoff - outlay,
    )


def days_between(now_ms: int, then: datetime) -> Decimal:
    """Days from Unix milliseconds to an aware time; negative when it has passed."""
    return (Decimal(unix_ms(then)) - now_ms) / MS_PER_DAY


def unix_ms(at: datetime) -> int:
    """An aware time as whole Unix milliseconds."""
    # timestamp() is a float, yet exact to the millisecond for any date a market can have.
    return round(at.timestamp() * 1000)


def annualised(profit_pct: Decimal, days: Decimal) -> Decimal | None:
    """Simple interest per year, `r = profit_pct * 365 / days`; None where cash returns at once.

    Not compounded: the same edge may not be there again.
    """
    if days <= 0:
        return None
    return profit_pct * DAYS_PER_YEAR / days


# --- from the edge to what can be expected


@dataclass(frozen=True, slots=True)
class Charges:
    """What the hurdle is computed with. Without bands every leg is taken to fill, without a rate cash costs nothing."""

    fill_bands: FillBands = ()
    cash_rate: Decimal = ZERO  # a year's interest that the cash would earn elsewhere, a fraction
    unknown_days: Decimal = DAYS_PER_YEAR  # taken where the day of settlement is not known
    unwind_loss: Decimal = (
        ZERO  # dollars a contract that unwinding has lost on average: books may promise less
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """The lower half of a waterfall, in dollars at the finding's size, each cost rounded up to a millionth.

    `expected == net - leg_risk - rule_risk - capital - evidence`, exactly.
    """

    payoff: Decimal
    net: Decimal
    leg_risk: Decimal
    rule_risk: Decimal
    capital: Decimal
    m0: Decimal  # chance that the bet pays nothing although every state is covered
    fill_rate: Decimal  # chance that one further leg fills
    unwind_loss: Decimal  # dollars per $1 of payoff, when all legs but the last must be sold again
    days: Decimal  # that the cash is locked
    evidence: Decimal = ZERO  # what claims and scheduled events ask for besides (`signals.deciding.joining`)

    @property
    def hurdle(self) -> Decimal:
        """Dollars that the net profit must exceed."""
        return self.leg_risk + self.rule_risk + self.capital + self.evidence

    @property
    def expected(self) -> Decimal:
        """Dollars that can be expected."""
        return self.net - self.hurdle

    @property
    def expected_edge(self) -> Decimal:
        """Expected dollars per $1 of payoff."""
        return self.expected / self.payoff


def expected(
    falls: Waterfall,
    losses: Sequence[Decimal],
    days: Decimal | None,
    m0: Decimal,
    charges: Charges,
    besides: Decimal = ZERO,
) -> Expected:
    """What a cover can be expected to leave.

    `losses` are the legs' unwind losses per $1 of payoff, `days` those until the later settlement (None: unknown),
    `besides` dollars per $1 of payoff that evidence asks for.
    """
    rate = fill_rate(charges.fill_bands, falls.edge)
    locked = charges.unknown_days if days is None else max(ZERO, days)
    payoff = falls.payoff
    return Expected(
        payoff=payoff,
        net=falls.net,
        leg_risk=_up(payoff * leg_cost(losses, rate)),
        rule_risk=_up(payoff * m0),
        capital=_up(falls.outlay * charges.cash_rate * locked / DAYS_PER_YEAR),
        m0=m0,
        fill_rate=rate,
        unwind_loss=sum(_worst(losses), ZERO),
        days=locked,
        evidence=_up(payoff * besides),
    )


def fill_rate(bands: FillBands, edge: Decimal) -> Decimal:
    """The chance for an edge: of the last band that begins at or below it; 1 without bands."""
    rate = bands[0][1] if bands else ONE
    for start, chance in bands:
        if edge >= start:
            rate = chance
    return rate


def unwind_loss(paid: Decimal, best_bid: Decimal | None, exit_fee: Decimal) -> Decimal:
    """Dollars lost when one contract that cost `paid`, fees included, is sold at once to the best bid.

    Without a bid everything paid is lost. Never a gain: a bid above the price paid will not be there for us.
    """
    return paid if best_bid is None else max(ZERO, paid - best_bid + exit_fee)


def leg_cost(losses: Sequence[Decimal], rate: Decimal) -> Decimal:
    """Expected loss by broken attempts that each completed cover has to bear, per $1 of payoff.

    Legs go out one after the other; each fills with chance `rate` once those before it did. With U(k) the loss of
    unwinding the k legs that cost most to unwind:

        sum over k of rate^(k-1) * (1 - rate) * U(k),  divided by rate^(n-1)

    which for two legs is u * (1 - f) / f. The worst order is assumed, since which leg goes first is decided later.
    """
    if rate >= ONE or len(losses) < 2:
        return ZERO
    total, unwound, reached = ZERO, ZERO, ONE
    for loss in _worst(losses):
        unwound += loss
        total += reached * (ONE - rate) * unwound
        reached *= rate
    return total / reached


def _worst(losses: Sequence[Decimal]) -> list[Decimal]:
    """The losses that can have to be borne: all but the smallest, the greatest first."""
    return sorted(losses, reverse=True)[:-1]


def _up(dollars: Decimal) -> Decimal:
    return dollars.quantize(MICRO_DOLLAR, ROUND_CEILING)
