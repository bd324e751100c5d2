"""Whose contracts are these: a position split among the bets that its fills were for, exactly.

One position may serve several bets. Each purchase belongs to the bet whose plan made it; a sale takes from its own bet
first and from the others in proportion. What nobody planned (a hand-placed trade) belongs to the empty name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_FLOOR, Decimal

from execution.ledger import BUY, PositionKey

ZERO = Decimal(0)
CONTRACT_UNIT = Decimal("1e-8")  # what the database keeps of contracts
MONEY_UNIT = Decimal("1e-12")  # and of dollars
CENT = Decimal("0.01")

Shares = Mapping[str, Decimal]  # bet id (empty: nobody's) to contracts


@dataclass(frozen=True, slots=True)
class Owned:
    """Contracts that moved, and the bet they moved for."""

    key: PositionKey
    side: str  # BUY or SELL
    quantity: Decimal
    bet_id: str = ""
    own_first: bool = True  # False: taken from everybody alike (a merge, a settlement, somebody's hand)


def owners(moves: Iterable[Owned]) -> dict[PositionKey, dict[str, Decimal]]:
    """The contracts of each position by bet, after `moves` in their order; they sum to the position, exactly."""
    held: dict[PositionKey, dict[str, Decimal]] = {}
    for move in moves:
        shares = held.setdefault(move.key, {})
        if move.side == BUY:
            shares[move.bet_id] = shares.get(move.bet_id, ZERO) + move.quantity
        else:
            _take(shares, move)
    return {key: {name: left for name, left in shares.items() if left} for key, shares in held.items()}


def _take(shares: dict[str, Decimal], move: Owned) -> None:
    own = min(move.quantity, shares.get(move.bet_id, ZERO)) if move.own_first else ZERO
    if own:
        shares[move.bet_id] -= own
    rest = move.quantity - own
    for name, part in split(rest, shares, CONTRACT_UNIT).items():
        taken = min(part, shares[name])
        shares[name] -= taken
        rest -= taken
    # Rounding may have asked the heaviest for a crumb more than it had
    for name in sorted(shares):
        taken = min(rest, shares[name])
        shares[name] -= taken
        rest -= taken


def split(amount: Decimal, weights: Shares, unit: Decimal = MONEY_UNIT) -> dict[str, Decimal]:
    """`amount` in proportion to `weights`, rounded down to `unit`; the heaviest takes what is left. Sums exactly.

    Without any weight there is nobody to give it to, and the answer is empty.
    """
    total = sum(weights.values(), ZERO)
    if not total:
        return {}
    names = sorted(weights, key=lambda name: (-weights[name], name))
    parts = {
        name: (amount * weights[name] / total).quantize(unit, ROUND_DOWN) if weights[name] else ZERO
        for name in names[1:]
    }
    parts[names[0]] = amount - sum(parts.values(), ZERO)
    return parts


def to_cents(amounts: Mapping[str, Decimal], total: Decimal | None = None) -> dict[str, Decimal]:
    """Amounts in whole cents that sum to `total` in whole cents (their own sum, where none is given).

    Each is rounded down or up to the next cent, those with the largest part of a cent up: so a table adds up as shown.
    """
    down = {name: amount.quantize(CENT, ROUND_FLOOR) for name, amount in amounts.items()}
    wanted = sum(amounts.values(), ZERO).quantize(CENT) if total is None else total
    missing = int((wanted - sum(down.values(), ZERO)) / CENT)
    largest = sorted(amounts, key=lambda name: (down[name] - amounts[name], name))
    for name in largest[:missing]:
        down[name] += CENT
    return down
