"""The search for the best exact purchase of a wide bet: a linear program proposes, integers and the platforms' own
fee schedules decide.

What the solver proposes is rounded to sizes that the platforms accept, cut wherever a state is paid more than the
worst one, and priced exactly: at the optimum, and scaled down to points where some leg finishes a level, while
that could still be better. Where steps or minimum sizes cost more than a cent against the solver's bound,
branch and bound over whole steps proposes again.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

import numpy as np

from markets.books import MICRO, dollars
from signals import sizing
from signals.detection import programs
from signals.detection.holdings import Holding
from signals.detection.programs import Lot, Plan, Program, Rows
from signals.detection.purchases import Budgets, Order, Purchase
from signals.detection.sides import Side, Why, taken
from signals.findings import BELOW_MINIMUM, BUY, CAPPED, NO_PROFIT, NO_SOLUTION, OFF_TICK
from signals.sizing import ATTO, Caps

CENT = Decimal("0.01")  # dollars; where less could still be gained, the search ends
NOTHING = 1e-9  # dollars; a gain below it is the solver's own rounding
MOST_LOOKS = 8  # exact looks at one proposal


class WideSearch:
    """One look at a wide bet. `sides` are its claims that may be bought, in a fixed order."""

    def __init__(self, states: Sequence[str], sides: Sequence[Side], caps: Caps) -> None:
        self.states = tuple(sorted(states))
        self.sides = sides
        self.caps = caps
        self.budgets = Budgets(caps, {side.claim.platform for side in sides})
        self.most = None if caps.max_payoff is None else max(0, int(caps.max_payoff * MICRO))
        self.strayed = ""  # the sentence of a limit that was off its market's grid
        self._hold(on_grid=False)

    def _hold(self, *, on_grid: bool) -> None:
        self.on_grid = on_grid
        cap = None if self.caps.max_contracts is None else max(0, int(self.caps.max_contracts * MICRO))
        self.holdings = [
            Holding(side, _rows(self.states, side.claim.pays_in), cap, on_grid) for side in self.sides
        ]
        self.pays = np.zeros((len(self.states), len(self.holdings)), dtype=np.int64)
        for claim, holding in enumerate(self.holdings):
            self.pays[holding.rows, claim] = 1

    def best(self) -> Purchase | Why:
        """The most profitable purchase, or why there is none."""
        found = self._search()
        if not self.strayed:
            return found
        # Rare: a level off its market's grid cannot be a limit. What lies before it is still on offer.
        self._hold(on_grid=True)
        again = self._search()
        return again if isinstance(again, Purchase) or again[0] != NO_PROFIT else (OFF_TICK, self.strayed)

    def half(self, purchase: Purchase) -> Decimal | None:
        """Net dollars at half of the purchase, or at the nearest below it that the platforms accept."""
        smaller = self._judge([size / 2 / MICRO for size in purchase.sizes])
        return smaller.net if isinstance(smaller, Purchase) else None

    def _search(self) -> Purchase | Why:
        program = self.program()
        plan = programs.best(program)
        if plan is None:
            return NO_SOLUTION, "the solver found no answer for these books"
        if plan.profit <= NOTHING:
            return self._no_gain()
        found = self._around(plan)
        if self.strayed and not self.on_grid:
            return found
        reached = self._unrounded(found.sizes) if isinstance(found, Purchase) else 0
        if plan.profit - reached / ATTO > CENT:
            whole = self._whole(program)
            if whole is not None and whole.profit > NOTHING:
                found = _better(found, self._around(whole))
        return found

    def program(self) -> Program:
        """What the solver is asked: all levels of all claims, and the dollars of every budget."""
        columns = [holding.column(self.budgets.row(holding.side.claim.platform)) for holding in self.holdings]
        most = np.inf if self.most is None else self.most / MICRO
        return programs.build(columns, len(self.states), self.budgets.amounts(), most)

    def _whole(self, program: Program) -> Plan | None:
        """Proposed in accepted sizes. The step of a claim is that of its best price."""
        lots = []
        for holding in self.holdings:
            step, least = holding.step(0) if holding.prices else MICRO, holding.least
            most = 0 if least is None else holding.depth
            lots.append(Lot(step / MICRO, (least or 0) / MICRO, most / MICRO))
        return programs.best_whole(program, lots)

    def _no_gain(self) -> Why:
        caps = self.caps
        if self.budgets or caps.max_contracts is not None or self.most is not None:
            free = programs.best(programs.build(
                [Holding(h.side, h.rows, None, h.on_grid).column(-1) for h in self.holdings], len(self.states)
            ))  # fmt: skip
            if free is not None and free.profit > NOTHING:
                return CAPPED, "the caps and budgets leave nothing to buy"
        return NO_PROFIT, "fees take the whole gap"

    def _around(self, plan: Plan) -> Purchase | Why:
        """The best exact purchase at the proposal and scaled down from it, while that could be better."""
        best: Purchase | None = None
        why: Why | None = None
        for scale in self._scales(plan):
            wanted = [contracts * scale for contracts in plan.contracts]
            if best is not None and not self._worth_another(best, plan, wanted):
                break
            found = self._judge(wanted)
            if not isinstance(found, Purchase):
                why = why or found
            elif found.net > (best.net if best else 0):
                best = found
        return best or why or (NO_PROFIT, "fees and rounding take the whole gap")

    def _worth_another(self, best: Purchase, plan: Plan, wanted: Sequence[float]) -> bool:
        """Whether a cent more may be found at what is wanted, or at less of it.

        Nothing passes the solver's profit but by rounding, and profit rises along the way to its optimum: once a
        bound is too low, so are all that follow.
        """
        if plan.profit - float(best.net) <= CENT:
            return False
        return self._bound(self._settle(wanted)) > best.net + CENT

    def _scales(self, plan: Plan) -> Iterator[float]:
        """1, one step less, and where legs finish levels, largest first."""
        yield 1.0
        found = set()
        for holding, contracts in zip(self.holdings, plan.contracts, strict=True):
            size = contracts * MICRO
            if size < 1:
                continue
            found |= {end / size for end in holding.ends if end < size}
            if size > (step := holding.step(holding.at(min(int(size), holding.depth)))):
                found.add(1 - step / size)
        yield from sorted(found, reverse=True)[:MOST_LOOKS]

    def _settle(self, wanted: Sequence[float]) -> list[int]:
        """Accepted sizes near the wanted ones, and no more of any claim than the worst state needs."""
        sizes = [holding.fit(contracts) for holding, contracts in zip(self.holdings, wanted, strict=True)]
        for claim, holding in enumerate(self.holdings):
            if sizes[claim]:
                least = holding.least
                sizes[claim] = 0 if least is None else max(sizes[claim], least)
        paid = self.pays @ np.array(sizes, dtype=np.int64)
        payoff = int(paid.min())
        for claim in self._dearest_first(sizes):
            holding = self.holdings[claim]
            spare = int(paid[holding.rows].min()) - payoff
            if spare <= 0:
                continue
            fewer = 0 if spare >= sizes[claim] else holding.not_below(sizes[claim] - spare)
            if fewer is not None and fewer < sizes[claim]:
                paid[holding.rows] -= sizes[claim] - fewer
                sizes[claim] = fewer
        return sizes

    def _dearest_first(self, sizes: Sequence[int]) -> list[int]:
        used = [claim for claim, size in enumerate(sizes) if size]
        return sorted(
            used, key=lambda claim: -self.holdings[claim].units[self.holdings[claim].at(sizes[claim])]
        )

    def _payoff(self, sizes: Sequence[int]) -> int:
        return int((self.pays @ np.array(sizes, dtype=np.int64)).min())

    def _unrounded(self, sizes: Sequence[int]) -> int:
        """Profit before any rounding, atto-dollars."""
        cash = sum(holding.cash(size) for holding, size in zip(self.holdings, sizes, strict=True) if size)
        return self._payoff(sizes) * sizing.PICO_PER_DOLLAR - cash

    def _bound(self, sizes: Sequence[int]) -> Decimal:
        """Dollars of profit that no rounding can pass at these sizes."""
        fills = sum(holding.at(size) + 1 for holding, size in zip(self.holdings, sizes, strict=True) if size)
        return Decimal(self._unrounded(sizes) + fills * sizing.ROUNDING_GAIN) / ATTO

    def _judge(self, wanted: Sequence[float]) -> Purchase | Why:
        """The exact purchase at what is wanted, or at a little less where rounding passes a budget."""
        held_by = ""
        for _ in range(MOST_LOOKS):
            sizes = self._settle(wanted)
            payoff = self._payoff(sizes)
            if payoff <= 0:
                return self._nothing_accepted(held_by)
            if self.most is not None and payoff > self.most:
                return CAPPED, f"the smallest accepted orders pay more than {dollars(self.most)}"
            orders = self._orders(sizes)
            if not isinstance(orders, list):
                return orders
            excess = self.budgets.excess(orders)
            if excess is None:
                return self._purchase(payoff, orders, wanted, sizes, held_by)
            held_by, share = excess
            wanted = [size / MICRO * share for size in sizes]
        return CAPPED, f"{held_by} allows no order that the platforms accept"

    def _nothing_accepted(self, held_by: str) -> Why:
        if held_by:
            return CAPPED, f"{held_by} allows no order that the platforms accept"
        if self.budgets or self.most is not None or any(holding.capped for holding in self.holdings):
            return CAPPED, "the caps and budgets allow no order that the platforms accept"
        return BELOW_MINIMUM, "what is on offer is less than the platforms accept"

    def _orders(self, sizes: Sequence[int]) -> list[Order] | Why:
        orders = []
        for holding, size in zip(self.holdings, sizes, strict=True):
            if not size:
                continue
            side, limit = holding.side, holding.prices[holding.at(size)]
            if sizing.buy_limit(limit, side.claim.outcome, side.listing.bands) != limit:
                self.strayed = f"{dollars(limit)} is off the price grid of {side.name}"
                return OFF_TICK, self.strayed
            fills = taken(side.asks, size)
            orders.append(Order(side, size, limit, fills, side.fees.order_cost(BUY, fills)))
        return orders

    def _purchase(
        self, payoff: int, orders: list[Order], wanted: Sequence[float], sizes: Sequence[int], held_by: str
    ) -> Purchase:
        net = dollars(payoff) - sum((order.cost.cash for order in orders), Decimal(0))
        limited_by = held_by or next(self._limits(payoff, orders, wanted, sizes), sizing.EDGE)
        return Purchase(payoff, net, tuple(orders), tuple(sizes), limited_by)

    def _limits(
        self, payoff: int, orders: list[Order], wanted: Sequence[float], sizes: Sequence[int]
    ) -> Iterator[str]:
        """What leaves no room for one step more, the most telling first."""
        used = [(claim, self.holdings[claim], size) for claim, size in enumerate(sizes) if size]
        step = max(holding.step(holding.at(size)) for _, holding, size in used)
        yield from self.budgets.exhausted(orders, step)
        if self.most is not None and payoff + step > self.most:
            yield sizing.MAX_PAYOFF
        full = [holding for _, holding, size in used if size + step > holding.depth]
        if any(size > wanted[claim] * MICRO + 2 and size == holding.least for claim, holding, size in used):
            yield sizing.MIN_SIZE
        if any(holding.capped for holding in full):
            yield sizing.MAX_CONTRACTS
        if full:
            yield sizing.DEPTH


@lru_cache(maxsize=16_384)
def _rows(states: tuple[str, ...], pays_in: frozenset[str]) -> Rows:
    """The rows of the states a claim pays in. Kept, for every look at a bet would sort the same names again."""
    return np.array([row for row, state in enumerate(states) if state in pays_in], dtype=np.int32)


def _better(one: Purchase | Why, two: Purchase | Why) -> Purchase | Why:
    if not isinstance(two, Purchase):
        return one
    return two if not isinstance(one, Purchase) or two.net > one.net else one
