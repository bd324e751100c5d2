"""Baskets of NO in a neg-risk event, turned into dollars: exactly one of its markets pays YES.

NO of k of the n markets converts into YES of the other n - k and k - 1 dollars; a full set into n - 1 dollars. A basket
of different sizes converts in layers, and gives in all its sum less its largest: what it pays in its worst state.

In the ledger the NOs are sold and the YES bought at prices that differ by k - 1 dollars in sum. They are chosen so that
the profit is booked now, for the money is here now: what the NOs cost beyond the dollars goes over to the YES, and what
the dollars pay beyond their cost is the NOs' profit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.ledger import BUY, SELL, ZERO, Entry, LedgerError, PositionKey, Positions
from execution.ledger import Position as Held
from markets.books import MICRO, NO, YES, dollars

CONVERSION = "CONVERSION"


@dataclass(frozen=True, slots=True)
class Layer:
    """One conversion: `quantity` NO of each of these markets. `frees` is dollars."""

    platform: str
    markets: tuple[str, ...]
    others: tuple[str, ...]  # whose YES one gets
    quantity: Decimal

    @property
    def frees(self) -> Decimal:
        """Dollars that come at once."""
        return self.quantity * (len(self.markets) - 1)


def layers(platform: str, members: Sequence[str], basket: Mapping[str, Decimal]) -> list[Layer]:
    """The conversions of a basket (NO contracts by market), the widest first.

    One NO alone converts into YES of all others without a dollar, so it stays. Raises LedgerError for markets outside
    the event.
    """
    strangers = sorted(set(basket) - set(members))
    if strangers:
        raise LedgerError(f"{strangers[0]} is no market of that event")
    held = sorted(((size, market) for market, size in basket.items() if size > 0), key=lambda one: one[1])
    held.sort(key=lambda one: one[0])  # the smallest first, ties by name
    found, used = [], ZERO
    for at, (size, _) in enumerate(held[:-1]):
        if size > used:
            taken = tuple(sorted(market for _, market in held[at:]))
            others = tuple(market for market in members if market not in taken)
            found.append(Layer(platform, taken, others, size - used))
            used = size
    return found


def entries(layer: Layer, held: Positions) -> list[Entry]:
    """A conversion as the ledger books it: sales of NO, purchases of YES, `layer.frees` dollars between them."""
    costs = [_average(held, (layer.platform, market, NO)) for market in layer.markets]
    cash = (len(layer.markets) - 1) * MICRO
    over = max(0, sum(costs) - cash) if layer.others else 0
    sold = spread(costs, cash + over)
    bought = spread([0] * len(layer.others), over)
    return [
        Entry(layer.platform, market, outcome, side, layer.quantity, dollars(price), kind=CONVERSION)
        for outcome, side, markets, prices in (
            (NO, SELL, layer.markets, sold),
            (YES, BUY, layer.others, bought),
        )
        for market, price in zip(markets, prices, strict=True)
    ]


def spread(prices: Sequence[int], total: int) -> list[int]:
    """Prices (micro-dollars) moved as evenly as possible until they sum to `total`, each from 0 to a dollar.

    Raises LedgerError where that cannot be.
    """
    if not 0 <= total <= len(prices) * MICRO:
        raise LedgerError(f"{len(prices)} prices cannot sum to {dollars(total)}")
    found = list(prices)
    while missing := total - sum(found):
        step = 1 if missing > 0 else -1
        free = [at for at, price in enumerate(found) if 0 <= price + step <= MICRO]
        each, rest = divmod(abs(missing), len(free))
        for count, at in enumerate(free):
            moved = found[at] + step * (each + (1 if count < rest else 0))
            found[at] = min(MICRO, max(0, moved))
    return found


def _average(held: Positions, key: PositionKey) -> int:
    average = held.get(key, Held()).average_price or ZERO
    return min(MICRO, max(0, round(average * MICRO)))
