"""Acts on what a replay finds, as paper trading would: late, not always, never twice from the same level.

One plan for each gap, as live: made by the same planning within the same limits, worked by the same steps
(`execution.plans.saga`), its remainders decided as always (`execution.plans.remainders`). An order meets the book
that stands when it arrives, `latency_ms` after it was sent; it finds what the book shows with the chance of its edge,
drawn from the seed and the order's own name; levels that were taken are gone for `TAKEN_MS`.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from execution.backtesting.account import ONE, ZERO, Account
from execution.ledger import BUY, SELL, Entry
from execution.lifecycle import ABANDONED, CANCELLED, FILLED, PARTIAL, PLANNED, SUBMITTED
from execution.limits import Held
from execution.orders import paper
from execution.orders.paper import PaperFill
from execution.plans import remainders, saga
from execution.plans.planning import NoPlan, Plan, Ticket, loss_limit
from execution.plans.remainders import Act, Money
from execution.plans.saga import LEG, Line, Patience, Remainder, Standing
from markets.bets import Bet, MarketKey
from markets.books import BookView, dollars, micro
from signals.deciding.decision import ACTIONABLE, BELOW_EVIDENCE_HURDLE, Context, Verdict
from signals.deciding.joining import EVENT_NEAR, EVIDENCE_VETO, NEUTRAL, Joined
from signals.edge import FillBands
from signals.findings import Finding, Listing

TAKEN_MS = 10_000  # so long the recorded book still shows what we have taken
POINT_MS = 1_000  # between two points of the equity curve while nothing trades
PAUSE_MS = 1_000  # until a gap that was refused, or a remainder that could not be traded, is looked at again
MINUTE_MS = 60_000
DAY_MS = 86_400_000
TRIES = 5  # orders for one remainder

Planner = Callable[
    [Bet, Finding, Mapping[MarketKey, Listing], Mapping[MarketKey, BookView], Held, int, Context],
    Plan | NoPlan,
]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a recording does not hold. Money is dollars.

    `first` and `further`: by platform, the chance that an order finds what the book shows, by the edge it was planned on.
    """

    latency_ms: Mapping[str, int]
    first: Mapping[str, FillBands]
    further: Mapping[str, FillBands]
    cash: Mapping[str, Decimal]
    seed: int = 0
    loss_limit_pct: Decimal = Decimal(
        "0.05"
    )  # of a plan's outlay, that its remainders may lose beyond what is reckoned
    late_days: int = 90
    patience: Patience = field(default_factory=Patience)


GapKey = tuple[str, str, int]  # bet, direction, and since when it stood (Unix ms)
# What evidence did to a gap, the hardest first: stopped it by a claim; by an event, or a hurdle; cut or raised its size
VETOED, HELD, SHRUNK, ENLARGED = EFFECTS = ("vetoed", "held", "shrunk", "enlarged")


@dataclass(slots=True)
class Order:
    """A line of a plan with its own ticket: a remainder's order is on its own side."""

    line: Line
    ticket: Ticket
    sent_ms: int = 0
    loses: Decimal = ZERO  # dollars that it gives up if all of it fills


@dataclass(slots=True)
class Attempt:
    """One plan and what became of it."""

    number: int
    bet: Bet
    finding: Finding
    tickets: tuple[Ticket, ...]
    began_ms: int
    orders: list[Order]
    flows: Decimal = ZERO  # dollars in, less dollars out
    fees: Decimal = ZERO
    lost: Decimal = ZERO  # by remainders, so far
    end: str = ""
    sentence: str = ""
    reached: Fraction = Fraction(0)
    # Contracts that it holds, by (platform, market, outcome)
    holds: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)
    gap: GapKey = ("", "", 0)

    @property
    def one_legged(self) -> bool:
        """Whether some leg had filled for more than the others when the legs were through."""
        legs = [order.line for order in self.orders if order.line.role == LEG]
        shares = [line.filled / self.tickets[line.leg].size for line in legs]
        return bool(shares) and max(shares) > 0 and (max(shares) - min(shares)) > Decimal("0.001")


@dataclass(slots=True)
class Trader:
    """A listener of `signals.replay.replaying.Replay`."""

    assumptions: Assumptions
    planner: Planner
    listings: Mapping[MarketKey, Listing]
    account: Account
    attempts: list[Attempt] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)  # of plans, every time
    now_ms: int = 0
    began_ms: int = 0
    books: Mapping[MarketKey, BookView] = field(default_factory=dict)
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    borne: dict[GapKey, str] = field(default_factory=dict)  # what evidence did to gaps, the hardest of it
    _stood: dict[tuple[str, str], int] = field(default_factory=dict)  # gaps: since when, Unix ms
    _acted: set[tuple[str, str]] = field(default_factory=set)  # gaps that a plan was made for
    _ask_again: dict[tuple[str, str], int] = field(default_factory=dict)  # refused gaps: not before, Unix ms
    _due: list[tuple[int, int, int, int]] = field(
        default_factory=list
    )  # ms, running number, attempt, order (-1: look)
    _active: dict[int, Attempt] = field(default_factory=dict)
    _counter: int = 0
    _taken: dict[tuple[str, str, str, str], list[tuple[int, int, int]]] = field(default_factory=dict)
    _sent: list[int] = field(default_factory=list)

    # --- what a replay tells

    def moment(self, at_ms: int, books: Mapping[MarketKey, BookView]) -> None:
        """Orders that were due meet the books that stood until now."""
        self.books = books
        self.began_ms = self.began_ms or at_ms
        self.now_ms = max(self.now_ms, at_ms)
        self._work(self.now_ms)
        if not self.account.points:
            self.account.note(self.now_ms)
        elif self.account.invested and self.now_ms - self.account.points[-1].at_ms >= POINT_MS:
            self._settle()
            self.account.look(books)
            self.account.note(self.now_ms)

    def judged(self, bet: Bet, finding: Finding, verdict: Verdict, context: Context, at_ms: int) -> None:
        """Plan for a gap that may be acted on, once."""
        key = finding.bet_id, finding.direction
        gap = (*key, self._stood.setdefault(key, at_ms))
        if key in self._acted:
            return
        if context.joined is not NEUTRAL:
            self._bear(gap, verdict, context.joined)
        if verdict.state != ACTIONABLE:
            return
        self.now_ms = max(self.now_ms, at_ms)
        if self.now_ms < self._ask_again.get(key, 0):
            return
        planned = self.planner(bet, finding, self.listings, self.books, self.held(bet), self.now_ms, context)
        if isinstance(planned, NoPlan):
            self.refusals[planned.code] += 1
            if planned.code == BELOW_EVIDENCE_HURDLE:  # of what is left at the size that evidence allows
                self._remember(gap, HELD)
            self._ask_again[key] = self.now_ms + PAUSE_MS
            return
        self._acted.add(key)
        number = len(self.attempts)
        moment = _time(self.now_ms)
        orders = [
            Order(Line(f"{number}:{leg}", leg, LEG, PLANNED, ticket.size, ZERO, created_at=moment), ticket)
            for leg, ticket in enumerate(planned.tickets)
        ]
        self.attempts.append(
            Attempt(number, bet, planned.finding, planned.tickets, self.now_ms, orders, gap=gap)
        )
        self._active[number] = self.attempts[-1]
        self._advance(self.attempts[-1])

    def gone(self, bet_id: str, directions: Iterable[str], at_ms: int) -> None:
        """The next gap is another one."""
        for direction in directions:
            self._stood.pop((bet_id, direction), None)
            self._acted.discard((bet_id, direction))
            self._ask_again.pop((bet_id, direction), None)

    def _bear(self, gap: GapKey, verdict: Verdict, joined: Joined) -> None:
        """Remember the hardest that evidence did to a gap before a plan was made for it."""
        codes = {reason.code for reason in verdict.reasons}
        if EVIDENCE_VETO in codes:
            self._remember(gap, VETOED)
        elif codes & {EVENT_NEAR, BELOW_EVIDENCE_HURDLE}:
            self._remember(gap, HELD)
        elif verdict.state == ACTIONABLE and (joined.factor < ONE or joined.hurdle > ZERO):
            self._remember(gap, SHRUNK)  # a hurdle ends the walk into the books sooner
        elif verdict.state == ACTIONABLE and joined.factor > ONE:
            self._remember(gap, ENLARGED)

    def _remember(self, gap: GapKey, effect: str) -> None:
        self.borne[gap] = min(effect, self.borne.get(gap, effect), key=EFFECTS.index)

    def finish(self) -> None:
        """Let what is under way arrive, settle what is known, mark the rest."""
        while self._due:
            self.now_ms = max(self.now_ms, self._due[0][0])
            self._work(self.now_ms)
        for market in sorted({key[:2] for key in self.account.positions}):
            self.account.settle(market)
        self.account.look(self.books)
        self.account.note(self.now_ms)

    # --- orders on their way

    def _work(self, until_ms: int) -> None:
        while self._due and self._due[0][0] <= until_ms:
            at_ms, _, number, place = heapq.heappop(self._due)
            attempt = self.attempts[number]
            if place >= 0:
                self._arrive(attempt, attempt.orders[place], at_ms)
            self._advance(attempt, at_ms)

    def _later(self, at_ms: int, attempt: Attempt, place: int) -> None:
        self._counter += 1
        heapq.heappush(self._due, (at_ms, self._counter, attempt.number, place))

    def _send(self, attempt: Attempt, line_id: str, ticket: Ticket, at_ms: int) -> None:
        place = next(at for at, order in enumerate(attempt.orders) if order.line.id == line_id)
        order = attempt.orders[place]
        if order.line.role == LEG:  # cut to what the legs before it have filled
            order.ticket = ticket
        order.sent_ms = at_ms
        order.line = replace(
            order.line, status=SUBMITTED, size=order.ticket.size, sent_at=_time(at_ms), sends=1
        )
        self._sent.append(at_ms)
        self._later(at_ms + self.assumptions.latency_ms.get(order.ticket.platform, 0), attempt, place)

    def _arrive(self, attempt: Attempt, order: Order, at_ms: int) -> None:
        """An order meets the book of now, or finds that it has moved away just before."""
        ticket, market = order.ticket, (order.ticket.platform, order.ticket.market_id)
        listing, book = self.listings[market], self.books.get(market)
        key = (*market, ticket.outcome, ticket.side)
        filled: Decimal = ZERO
        fills: tuple[PaperFill, ...] = ()
        if book is not None and listing.fees is not None and not self._moved_away(attempt, order.line):
            result = paper.fill(ticket, book, listing.fees, taken=self._lately(key, at_ms))
            filled, fills = result.filled, result.fills
        status = FILLED if filled >= ticket.size else CANCELLED
        order.line = replace(order.line, status=status, filled=filled, answered_at=_time(at_ms))
        side = ticket.side_of_book
        for fill in fills:
            entry = Entry(*side, ticket.side, fill.size, fill.price, fill.fee)
            self.account.book(entry)
            attempt.flows += entry.cash
            attempt.fees += fill.fee
            self._taken.setdefault(key, []).append((at_ms, micro(fill.price), micro(fill.size)))
        attempt.lost += max(ZERO, order.loses) * filled / ticket.size
        signed = filled if ticket.side == BUY else -filled
        attempt.holds[side] = attempt.holds.get(side, ZERO) + signed
        self.digest.update(f"{at_ms} {order.line.id} {status} {filled} {attempt.flows}\n".encode())
        if fills:
            self.account.look(self.books)
            self.account.note(self.now_ms)

    def _moved_away(self, attempt: Attempt, line: Line) -> bool:
        if line.role != LEG:
            return False  # it goes for what the books show after a failure, whatever edge there was
        first = all(other.line.sent_at is None or other.line.id == line.id for other in attempt.orders)
        known = self.assumptions.first if first else self.assumptions.further
        bands = known.get(attempt.tickets[line.leg].platform, ())
        chances = [chance for start, chance in bands if attempt.finding.edge >= start]
        chance = chances[-1] if chances else ONE
        name = f"{self.assumptions.seed}:{attempt.finding.bet_id}:{attempt.finding.direction}:{attempt.began_ms}:{line.leg}"
        drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        return Decimal(drawn) / 2**64 >= chance

    def _lately(self, key: tuple[str, str, str, str], at_ms: int) -> dict[int, int]:
        kept = [taken for taken in self._taken.get(key, ()) if at_ms - taken[0] <= TAKEN_MS]
        if kept:
            self._taken[key] = kept
        else:
            self._taken.pop(key, None)
        found: dict[int, int] = {}
        for _, price, size in kept:
            found[price] = found.get(price, 0) + size
        return found

    # --- the steps of a plan

    def _advance(self, attempt: Attempt, at_ms: int | None = None) -> None:
        """Do what the saga says until an order is on its way, a pause is made, or nothing is left to do."""
        at_ms = self.now_ms if at_ms is None else at_ms
        while not attempt.end and all(order.line.status != SUBMITTED for order in attempt.orders):
            step = saga.next_step(self._standing(attempt, at_ms), self.assumptions.patience)
            if isinstance(step, saga.Send):
                self._send(attempt, step.line, step.ticket, at_ms)
            elif isinstance(step, saga.GiveUp):
                for order in attempt.orders:
                    if order.line.id in step.lines:
                        order.line = replace(order.line, status=ABANDONED)
            elif isinstance(step, Remainder):
                if not self._decide(attempt, step, at_ms):
                    return
            elif isinstance(step, saga.Finish):
                self._end(attempt, step.status, step.sentence)
            else:
                raise RuntimeError(f"a paper order cannot lead to {type(step).__name__}")

    def _standing(self, attempt: Attempt, at_ms: int) -> Standing:
        lines = tuple(order.line for order in attempt.orders)
        return Standing(
            saga.ARBITRAGE,
            False,
            attempt.tickets,
            lines,
            _time(attempt.began_ms),
            _time(at_ms),
            self.listings,
        )

    def _decide(self, attempt: Attempt, rest: Remainder, at_ms: int) -> bool:
        """Complete or sell back what is alone, or look again later; False where nothing is to be done now."""
        tried = [order for order in attempt.orders if order.line.role != LEG]
        act = remainders.decide(rest, self._money(attempt, rest), self.books, self.listings)
        if isinstance(act, Act) and len(tried) < TRIES:
            line = Line(
                f"{attempt.number}:{act.role}:{len(tried)}", act.leg, act.role, PLANNED, act.ticket.size, ZERO,
                created_at=_time(at_ms), attempt=len(tried),
            )  # fmt: skip
            attempt.orders.append(Order(line, act.ticket, loses=act.loses))
            return True
        if rest.patient and len(tried) < TRIES:
            self._later(at_ms + PAUSE_MS, attempt, -1)
            return False
        self._end(attempt, PARTIAL, "what no other leg completed is held")
        return True

    def _money(self, attempt: Attempt, rest: Remainder) -> Money:
        paid = ZERO
        for piece in rest.alone:
            key = piece.ticket.side_of_book
            position = self.account.positions.get(key)
            if position is not None and position.quantity:
                paid += piece.contracts * position.cost / position.quantity
        payoff = dollars(int(rest.share * micro(attempt.finding.size)))
        limit = loss_limit(attempt.finding, self.assumptions.loss_limit_pct, ZERO) - attempt.lost
        return Money(paid, payoff, max(ZERO, limit))

    def _end(self, attempt: Attempt, status: str, sentence: str) -> None:
        attempt.end, attempt.sentence = status, sentence
        self._active.pop(attempt.number, None)
        attempt.reached = min(Fraction(1), saga.reached(self._standing(attempt, self.now_ms)))
        for market in attempt.bet.markets:
            pairs = self.account.merge(market)
            if pairs > 0:
                self._merged(attempt, market, pairs)
        self.account.note(self.now_ms)
        self.digest.update(f"{attempt.number} {status} {attempt.flows}\n".encode())

    def _merged(self, attempt: Attempt, market: MarketKey, pairs: Decimal) -> None:
        """The dollars of a merge belong to whose plan brought the second half."""
        attempt.flows += pairs
        for outcome in ("YES", "NO"):
            key = (*market, outcome)
            attempt.holds[key] = attempt.holds.get(key, ZERO) - pairs

    def _settle(self) -> None:
        """Pay out markets whose day has come, where their end is known."""
        now = _time(self.now_ms)
        for market in sorted(
            {key[:2] for key, position in self.account.positions.items() if position.quantity}
        ):
            settles = self.listings[market].settles
            if settles is not None and settles <= now:
                self.account.settle(market)

    # --- what is at stake

    def held(self, bet: Bet) -> Held:
        """What is at risk, for the limits: positions, and what orders on their way may still cost."""
        self._sent = [at for at in self._sent if at > self.now_ms - MINUTE_MS]
        by_market: dict[MarketKey, Decimal] = {}
        cash = dict(self.account.cash)
        by_platform: dict[str, Decimal] = dict.fromkeys(cash, ZERO)
        bankroll = sum(cash.values(), ZERO)
        for key, position in self.account.positions.items():
            if position.quantity:
                by_market[key[:2]] = by_market.get(key[:2], ZERO) + position.paid
                by_platform[key[0]] += position.paid
                bankroll += position.paid
        working = [
            order
            for attempt in self._active.values()
            for order in attempt.orders
            if order.line.status in (PLANNED, SUBMITTED)
        ]
        for order in working:
            ticket = order.ticket
            if ticket.side != SELL:
                market = ticket.platform, ticket.market_id
                by_market[market] = by_market.get(market, ZERO) + ticket.notional
                by_platform[ticket.platform] = by_platform.get(ticket.platform, ZERO) + ticket.notional
                cash[ticket.platform] = cash.get(ticket.platform, ZERO) - ticket.cash
        groups = frozenset(name for market in bet.markets for name in self._groups(market))
        of_group: dict[str, Decimal] = dict.fromkeys(groups, ZERO)
        for market, amount in by_market.items():
            for name in self._groups(market) if groups else ():
                if name in groups:
                    of_group[name] += amount
        late = frozenset(market for market in {*bet.markets, *by_market} if self._late(market))
        return Held(
            by_market=by_market, by_bet={bet.id: sum((by_market.get(market, ZERO) for market in bet.markets), ZERO)},
            by_platform=by_platform, cash=cash, open_orders=len(working), by_group=of_group, groups={bet.id: groups},
            bets={market: frozenset((bet.id,)) for market in bet.markets}, sent=len(self._sent), bankroll=bankroll,
            late=late, locked_late=sum((by_market.get(market, ZERO) for market in late), ZERO),
        )  # fmt: skip

    def _groups(self, market: MarketKey) -> tuple[str, ...]:
        """Of a market of which no frame has been seen nothing is known."""
        listing = self.listings.get(market)
        return listing.groups if listing is not None else ()

    def _late(self, market: MarketKey) -> bool:
        listing = self.listings.get(market)
        settles = listing.settles if listing is not None else None
        return settles is None or settles > _time(self.now_ms) + timedelta(days=self.assumptions.late_days)


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC)
