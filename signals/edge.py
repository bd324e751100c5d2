"""From the gross edge to what is left: the waterfall of a signal, and what it is worth per year.

`net = payoff - outlay`; for one contract of each leg `gross = 1 - sum of prices`. Amounts are dollars, ratios
are fractions (0.02 is two per cent).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_PER_DAY = Decimal(86_400_000)
DAYS_PER_YEAR = Decimal(365)


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
