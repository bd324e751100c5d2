"""Orders of a wide bet, priced exactly, and the budgets they must keep to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markets.books import Level, dollars
from markets.platforms.base import OrderCost
from signals.detection.sides import Side, formula_fee
from signals.sizing import Caps


@dataclass(frozen=True, slots=True)
class Order:
    """One leg of a purchase, priced exactly."""

    side: Side
    size: int  # micro-contracts
    limit: int  # micro-dollars
    fills: tuple[Level, ...]
    cost: OrderCost


@dataclass(frozen=True, slots=True)
class Purchase:
    """Orders that pay `payoff` in every state."""

    payoff: int  # micro-dollars
    net: Decimal  # dollars, exact
    orders: tuple[Order, ...]
    sizes: tuple[int, ...]  # of every claim, micro-contracts
    limited_by: str

    @property
    def formula_fee(self) -> Decimal:
        """Dollars of fees by the formula, unrounded."""
        return sum((formula_fee(order.side, order.size) for order in self.orders), Decimal(0))


class Budgets:
    """What may be spent on each platform, by risk limit and cash at hand. Truthy where anything is limited."""

    def __init__(self, caps: Caps, platforms: Iterable[str]) -> None:
        self._limits = {
            platform: limit for platform in sorted(platforms) if (limit := caps.budget(platform)) is not None
        }
        self._rows = {platform: row for row, platform in enumerate(self._limits)}

    def __bool__(self) -> bool:
        return bool(self._limits)

    def amounts(self) -> list[float]:
        """Dollars, for the solver, in the order of `row`."""
        return [max(0.0, float(amount)) for amount, _ in self._limits.values()]

    def row(self, platform: str) -> int:
        """Which of `amounts` a platform draws on; -1: none."""
        return self._rows.get(platform, -1)

    def excess(self, orders: Sequence[Order]) -> tuple[str, float] | None:
        """The name of the budget that orders pass by most, and the share of them that it would bear."""
        worst, found = Decimal(0), None
        for platform, (limit, name) in self._limits.items():
            spent = _spent(orders, platform)
            if spent - limit > worst:
                worst = spent - limit
                # A little less than fits, or the next rounding would pass it again
                found = f"{name}:{platform}", max(0.0, float(limit / spent)) * (1 - 1e-6)
        return found

    def exhausted(self, orders: Sequence[Order], step: int) -> Iterator[str]:
        """Names of budgets that do not bear one `step` (micro-contracts) more of each of their legs."""
        for platform, (limit, name) in self._limits.items():
            legs = sum(order.side.claim.platform == platform for order in orders)
            if limit - _spent(orders, platform) < legs * dollars(step):
                yield f"{name}:{platform}"


def _spent(orders: Sequence[Order], platform: str) -> Decimal:
    return sum((order.cost.cash for order in orders if order.side.claim.platform == platform), Decimal(0))
