"""The whole waterfall of a finding: its legs' unwind losses and the day of its cash, put through `signals.edge`."""

from dataclasses import dataclass
from decimal import Decimal

from signals import edge
from signals.edge import Charges, Expected
from signals.findings import Finding, Leg

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a waterfall as people read it. Costs are negative."""

    name: str
    dollars: Decimal
    per_dollar: Decimal  # of payoff


def of(finding: Finding, m0: Decimal, charges: Charges, besides: Decimal = ZERO) -> Expected:
    """What can be expected of a finding when the bet pays nothing with chance `m0`.

    `besides` is what evidence asks for, in dollars per $1 of payoff.
    """
    days = Decimal(0) if finding.frees_now else finding.days_to_cash
    losses = [unwind_loss(leg, finding.payoff, charges.unwind_loss) for leg in finding.legs]
    return edge.expected(finding.waterfall, losses, days, m0, charges, besides)


def unwind_loss(leg: Leg, payoff: Decimal, measured: Decimal = Decimal(0)) -> Decimal:
    """Dollars per $1 of payoff that are lost when this leg alone was bought and is sold again at once.

    At least what was `measured` a contract: the book that broke the attempt is not the book of now.
    """
    if leg.size <= 0:
        return Decimal(0)
    each = max(measured, edge.unwind_loss(leg.cost.cash / leg.size, leg.best_bid, leg.exit_fee))
    return each * leg.size / payoff


def reckoned_loss(finding: Finding, measured: Decimal = ZERO) -> Decimal:
    """Dollars that the hurdle reckons with when all legs but one must be sold again at once.

    A leg that nobody bids for counts nothing here: there is no price yet at which it might be sold.
    """
    losses = [unwind_loss(leg, finding.payoff, measured) for leg in finding.legs if leg.best_bid is not None]
    most = sorted(losses, reverse=True)[: len(finding.legs) - 1]
    return finding.payoff * sum(most, ZERO)


def time_to_fill(legs: int, first_ms: int, next_ms: int) -> int:
    """Milliseconds until all legs are in: they go out one after the other."""
    return first_ms + max(0, legs - 1) * next_ms


def steps(finding: Finding, found: Expected) -> list[Step]:
    """The waterfall from the gross edge to the expected one: every line but `edge` and `expected` is a difference."""
    falls = finding.waterfall
    lines = (
        ("gross", falls.gross), ("fees", -falls.fees), ("rounding", -falls.rounding), ("edge", falls.net),
        ("leg_risk", -found.leg_risk), ("rule_risk", -found.rule_risk), ("capital", -found.capital),
        ("evidence", -found.evidence), ("expected", found.expected),
    )  # fmt: skip
    return [Step(name, dollars, dollars / falls.payoff) for name, dollars in lines]
