"""Kelly's criterion: the part of the bankroll whose stake makes it grow fastest. Fractions of 1; dollars where said.

Too much is far worse than too little, and chances are estimates: callers stake a fraction of it (`RISK_KELLY_FRACTION`)
and give the upper bound of what can go wrong.
"""

from decimal import Decimal

ZERO, ONE = Decimal(0), Decimal(1)


def pair(edge: Decimal, m0: Decimal) -> Decimal:
    """For a cover that pays $1 unless everything is lost, with chance `m0`: `1 - m0 / edge`.

    `edge` is net dollars per $1 of payoff, so the cover costs `1 - edge`. With odds b = edge / (1 - edge) it is the
    classical ((1 - m0)·b - m0) / b. Nothing where m0 is not below the edge: then nothing can be expected of it.
    """
    if edge <= 0 or m0 >= edge:
        return ZERO
    return ONE - m0 / edge


def classical(probability: Decimal, cost: Decimal) -> Decimal:
    """For one contract that costs `cost` dollars, fees included, and pays $1 with this chance: `(p - c) / (1 - c)`.

    Nothing where the chance is not above the cost.
    """
    if not ZERO < cost < ONE or probability <= cost:
        return ZERO
    return (min(ONE, probability) - cost) / (ONE - cost)


def swing(probability: Decimal, gain: Decimal, loss: Decimal) -> Decimal:
    """Contracts for each dollar of bankroll of a trade that gains or loses so many dollars a contract: `p/l - q/g`.

    It is where the growth `p·log(1 + n·g) + q·log(1 - n·l)` is greatest; nothing where that is not above 0.
    """
    if gain <= 0 or loss <= 0:
        return ZERO
    return max(ZERO, probability / loss - (ONE - probability) / gain)


def stake(full: Decimal, part: Decimal, bankroll: Decimal, beside: Decimal = ZERO) -> Decimal:
    """Dollars that may be staked: `part` of what Kelly stakes in full, less what is at stake `beside` it already.

    `beside` is what stands on bets that share the rule source: one event spoils them together, so they share one stake.
    """
    return max(ZERO, full * part * max(ZERO, bankroll) - beside)
