"""Ours beside theirs: what a platform and our books tell differently, and the repair that is safe.

Plain values in, findings out. Theirs is read first and ours afterwards, and what they hold is read before what they
executed. So whatever of ours is on the platform has its row here by then, and only what is *in flight* may truly differ:
orders that were sent or answered within the window, fills that were booked within it, trades that are not final. Those
make a range instead of a figure, and only what lies outside of the range is told.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from execution.lifecycle import ABANDONED, AT_PLATFORM, SUBMITTED, UNKNOWN
from execution.lifecycle import CANCELLED as OUR_CANCELLED
from execution.lifecycle import FAILED as OUR_FAILED
from execution.lifecycle import FILLED as OUR_FILLED
from execution.lifecycle import OPEN as OUR_OPEN
from execution.lifecycle import REJECTED as OUR_REJECTED
from markets.books import NO, YES
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    CONFIRMED,
    FAILED,
    FILLED,
    OPEN,
    PARTIAL,
    Balance,
    CashReport,
    FillReport,
    Holding,
    OrderReport,
    SettlementReport,
)  # fmt: skip

ZERO, ONE = Decimal(0), Decimal(1)
DEPOSIT, WITHDRAWAL, TRANSFER = "DEPOSIT", "WITHDRAWAL", "TRANSFER"
CENT = Decimal("0.01")
CLOCKS = timedelta(minutes=1)  # by which the platform's clock may be behind ours, whole seconds included
MOST_FEE = Decimal("0.02")  # dollars a contract, more than either platform charges

Place = tuple[str, str]  # market id, outcome

# What may be found
ORDER_STATE = "order_state"
ORDER_UNKNOWN_THERE = "order_unknown_there"
ORDER_UNKNOWN_HERE = "order_unknown_here"
ORDER_STILL_OPEN = "order_still_open"
FILL_MISSING = "fill_missing"
HAND_TRADE = "hand_trade"
CASH_MOVED = "cash_moved"
SETTLEMENT_MISSING = "settlement_missing"
NETTED = "netted"
POSITION = "position_differs"
CASH = "cash_differs"
CASH_BETWEEN_SHARDS = "cash_between_shards"
LEDGER = "ledger_differs"  # our own tables: positions and accounts are not the sums that they should be
MARKET_UNKNOWN = "market_unknown"
ORDERS_KINDS = frozenset(
    {ORDER_STATE, ORDER_UNKNOWN_THERE, ORDER_UNKNOWN_HERE, ORDER_STILL_OPEN, FILL_MISSING, HAND_TRADE}
)
STOCK_KINDS = frozenset(
    {MARKET_UNKNOWN, CASH_MOVED, SETTLEMENT_MISSING, NETTED, POSITION, CASH, CASH_BETWEEN_SHARDS}
)

# The repairs that are safe
TELL, ADOPT, BOOK, CANCEL, MOVE, SETTLE, NET = "tell", "adopt", "book", "cancel", "move", "settle", "net"
NOTHING = ""
"""No repair is safe by itself; the service may know more on a second look, or a person decides."""


@dataclass(frozen=True, slots=True)
class OurOrder:
    """An order of our books. Quantities are contracts, prices dollars of `outcome`."""

    id: str
    client_order_id: str
    platform_order_id: str
    market_id: str
    outcome: str
    side: str
    status: str
    size: Decimal | None
    price: Decimal | None
    matched: Decimal
    filled: Decimal
    changed_at: datetime  # the last time that we sent it or wrote it
    cash: Decimal | None = None  # dollars it may spend, where purchases are by cash
    shard: int = 0
    hand: bool = False  # placed on the platform itself

    @property
    def left(self) -> Decimal:
        """Contracts that may still be booked; more than it asked for where it spends cash and the price is low."""
        most = self.size or ZERO
        if self.cash is not None:
            most = max(most, self.cash * 1_000)
        return max(ZERO, most - self.filled)


@dataclass(frozen=True, slots=True)
class OurFill:
    """Contracts and money of our ledger that are young, not final yet, or that a wallet has still to collect."""

    market_id: str
    outcome: str
    contracts: Decimal  # negative: sold
    cash: Decimal  # negative: left the account
    shard: int = 0


@dataclass(frozen=True, slots=True)
class OurMove:
    """A deposit, a withdrawal or a transfer of our ledger that is young."""

    shard: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Ours:
    """Our books of one platform, as far as they can differ."""

    orders: Sequence[OurOrder] = ()  # at work, ended lately, or named by a report of theirs
    booked: frozenset[str] = frozenset()  # ids of fills that the ledger has
    held: Mapping[Place, Decimal] = field(default_factory=dict)
    cash: Mapping[int, Decimal] = field(default_factory=dict)  # by shard
    moved: frozenset[str] = frozenset()  # references of cash movements
    young_fills: Sequence[OurFill] = ()
    young_moves: Sequence[OurMove] = ()
    settled: frozenset[str] = frozenset()  # markets that our ledger has settled


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a platform told. None where this look did not ask."""

    orders: Sequence[OrderReport] = ()  # everything open, and those of ours that were looked up
    open_ids: frozenset[str] = frozenset()  # which of them stand in the list of open orders
    missing: frozenset[str] = frozenset()  # our ids of orders that it does not know
    fills: Sequence[FillReport] = ()
    moves: Sequence[CashReport] = ()
    settlements: Sequence[SettlementReport] = ()
    holdings: Sequence[Holding] | None = None
    balances: Sequence[Balance] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a platform is compared."""

    in_flight: timedelta  # what is younger may be on its way
    since: datetime  # when our books of it began: what happened before is in the opening balance
    # What was listed when they began. Lists tell whole seconds, so the clock alone does not tell before from after
    before: frozenset[str] = frozenset()
    nets: bool = False  # YES and NO of one market are a dollar at once
    dust: Decimal = ZERO  # contracts that do not count


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing told differently. `quiet`: on its way just now, so it is put right without a word."""

    kind: str
    subject: str
    market_id: str | None
    ours: str
    theirs: str
    sentence: str
    repair: str = NOTHING
    report: object = None  # what the repair needs: a report, or an order's id
    amount: Decimal = ZERO  # theirs less ours: contracts or dollars
    sure: bool = True  # nothing is in flight that could explain it
    quiet: bool = False
    loud: bool = False  # repaired by inference, or somebody else's hand: people should look


def compare(ours: Ours, theirs: Theirs, *, now: datetime, terms: Terms) -> list[Finding]:
    """Everything that differs: what happened first (`events`), then what is held (`stocks`)."""
    return [*events(ours, theirs, now=now, terms=terms), *stocks(ours, theirs, terms=terms)]


def events(ours: Ours, theirs: Theirs, *, now: datetime, terms: Terms) -> list[Finding]:
    """Orders, fills, settlements and cash movements that one side knows and the other does not."""
    look = _Look(ours, now, terms)
    return [
        *look.orders(theirs),
        *look.missing(theirs),
        *look.fills(theirs.fills),
        *look.moves(theirs.moves),
        *look.settlements(theirs.settlements),
        *look.nettings(theirs),
    ]


class _Look:
    """One comparison of what happened."""

    def __init__(self, ours: Ours, now: datetime, terms: Terms) -> None:
        self.ours, self.now, self.terms = ours, now, terms
        self.by_client = {order.client_order_id: order for order in ours.orders}
        self.by_theirs = {order.platform_order_id: order for order in ours.orders if order.platform_order_id}
        # Sent, and the platform's id not known yet: whatever is new in that market may belong to it
        self.nameless = {
            order.market_id
            for order in ours.orders
            if order.status in (SUBMITTED, UNKNOWN) and not order.platform_order_id
        }

    def young(self, at: datetime | None) -> bool:
        """Whether it happened within the window."""
        return at is not None and self.now - at < self.terms.in_flight

    def opened_with(self, reference: str, at: datetime) -> bool:
        """Whether it is in the opening balance."""
        return reference in self.terms.before or at < self.terms.since - CLOCKS

    def orders(self, theirs: Theirs) -> Iterator[Finding]:
        for report in theirs.orders:
            order = self.by_theirs.get(report.platform_order_id) or self.by_client.get(report.client_order_id)
            if order is not None:
                yield from self._state(order, report)
            elif report.platform_order_id in theirs.open_ids:
                yield from self._strange(report)

    def _strange(self, report: OrderReport) -> Iterator[Finding]:
        if not report.client_order_id and report.market_id in self.nameless:
            return  # probably the one whose answer we wait for
        yield Finding(
            ORDER_UNKNOWN_HERE, report.platform_order_id, report.market_id, "", told(report),
            f"An order is open that we never placed: {told(report)}.", ADOPT, report,
        )  # fmt: skip

    def _state(self, order: OurOrder, report: OrderReport) -> Iterator[Finding]:
        young = self.young(order.changed_at)
        if report.status in (OPEN, PARTIAL) and order.status in (
            OUR_CANCELLED, OUR_FILLED, OUR_REJECTED, OUR_FAILED,
        ):  # fmt: skip
            # Lists lag behind the answer to a cancel: only an old one is truly open
            if not young:
                yield Finding(
                    ORDER_STILL_OPEN, order.id, order.market_id, order.status, told(report),
                    f"Order {order.id} is {order.status} for us, and still open there: {told(report)}.", CANCEL, order.id,
                )  # fmt: skip
            return
        if order.status == SUBMITTED and young:
            return  # whoever sent it waits for the answer
        if not _tells_more(order, report):
            return
        yield Finding(
            ORDER_STATE, order.id, order.market_id, f"{order.status}, {order.matched} matched", told(report),
            f"Order {order.id} is {order.status} with {order.matched} matched for us; {told(report)} there.", TELL, report,
            quiet=young or self.young(report.at),
        )  # fmt: skip

    def missing(self, theirs: Theirs) -> Iterator[Finding]:
        for order in self.ours.orders:
            if order.id not in theirs.missing or order.status not in AT_PLATFORM:
                continue
            asked_for_long = self.now - order.changed_at >= 2 * self.terms.in_flight
            if order.status in (SUBMITTED, UNKNOWN) and not asked_for_long:
                continue  # the executor is asking, patiently
            if self.young(order.changed_at):
                continue
            yield Finding(
                ORDER_UNKNOWN_THERE, order.id, order.market_id, order.status, "unknown",
                f"Order {order.id} is {order.status} for us, and the platform does not know it. Nothing is repaired before"
                " it was asked twice.",
                report=order.id,
            )  # fmt: skip

    def fills(self, fills: Sequence[FillReport]) -> Iterator[Finding]:
        for fill in fills:
            if fill.fill_id in self.ours.booked or fill.status == FAILED:
                continue
            order = self.by_theirs.get(fill.platform_order_id)
            if order is not None and not order.hand:
                yield Finding(
                    FILL_MISSING, fill.fill_id, fill.market_id, "", traded(fill),
                    f"Order {order.id} {traded(fill)}, and our books had not heard of it.", TELL, fill,
                    quiet=self.young(fill.at) or self.young(order.changed_at),
                )  # fmt: skip
            elif not self._undecided(fill, known=order is not None):
                yield Finding(
                    HAND_TRADE, fill.fill_id, fill.market_id, "", traded(fill),
                    f"Somebody traded on the platform itself: {traded(fill)}.", BOOK, fill, loud=True,
                )  # fmt: skip

    def _undecided(self, fill: FillReport, *, known: bool) -> bool:
        """Before our books began, not final, or perhaps of an order whose id the platform has not told us yet."""
        if fill.status != CONFIRMED or (self.opened_with(fill.fill_id, fill.at) and not known):
            return True
        return not known and (self.young(fill.at) or fill.market_id in self.nameless)

    def moves(self, moves: Sequence[CashReport]) -> Iterator[Finding]:
        for move in moves:
            if move.reference in self.ours.moved or self.opened_with(move.reference, move.at):
                continue
            words = {DEPOSIT: "paid in", WITHDRAWAL: "withdrawn", TRANSFER: "moved between shards"}
            yield Finding(
                CASH_MOVED, move.reference, None, "", f"{move.kind} {move.amount}",
                f"${abs(move.amount)} were {words.get(move.kind, move.kind)} on shard {move.shard}.", MOVE, move,
                amount=move.amount,
            )  # fmt: skip

    def settlements(self, settlements: Sequence[SettlementReport]) -> Iterator[Finding]:
        for report in settlements:
            held = {
                outcome: quantity
                for outcome in (YES, NO)
                if (quantity := self.ours.held.get((report.market_id, outcome), ZERO))
            }
            if held and report.at >= self.terms.since - CLOCKS:
                yield Finding(
                    SETTLEMENT_MISSING, report.market_id, report.market_id,
                    ", ".join(f"{quantity} {outcome} held" for outcome, quantity in held.items()),
                    f"YES paid {report.yes_pays}",
                    f"The market is settled there, YES paid ${report.yes_pays}, and our books still held it.", SETTLE,
                    report,
                )  # fmt: skip

    def nettings(self, theirs: Theirs) -> Iterator[Finding]:
        """Both outcomes in our books, where the platform keeps the difference only and pays a dollar a pair."""
        if not self.terms.nets or theirs.holdings is None:
            return
        for market_id in sorted({market_id for market_id, _ in self.ours.held}):
            pairs = min(self.ours.held.get((market_id, outcome), ZERO) for outcome in (YES, NO))
            if pairs > 0:
                yield Finding(
                    NETTED, market_id, market_id, f"{pairs} pairs of YES and NO", "netted",
                    f"{pairs} pairs of YES and NO were netted to ${pairs} by the platform.", NET, report=pairs,
                    quiet=True,
                )  # fmt: skip


def _tells_more(order: OurOrder, report: OrderReport) -> bool:
    """Whether the report says something that our row does not."""
    if report.matched > order.matched:
        return True
    if report.status in (OPEN, PARTIAL):
        return order.status in (SUBMITTED, UNKNOWN, ABANDONED) or (
            order.status == OUR_OPEN and report.status == PARTIAL
        )
    if report.status == CANCELLED:
        return order.status in AT_PLATFORM | {ABANDONED}
    if report.status == FILLED:
        return order.status != OUR_FILLED
    return False


# --- what is held


@dataclass(slots=True)
class Range:
    """A figure that may be anything between two, because of what is in flight."""

    low: Decimal = ZERO
    high: Decimal = ZERO

    def add(self, amount: Decimal) -> None:
        """For certain."""
        self.low += amount
        self.high += amount

    def perhaps(self, amount: Decimal) -> None:
        """It may have come already, or not yet."""
        if amount > 0:
            self.high += amount
        else:
            self.low += amount

    def perhaps_not(self, amount: Decimal) -> None:
        """Counted, but perhaps not there yet."""
        self.perhaps(-amount)

    def mirrored(self) -> "Range":
        """The range of the negative figure."""
        return Range(-self.high, -self.low)

    @property
    def exact(self) -> bool:
        """Nothing is in flight."""
        return self.low == self.high

    def beyond(self, other: "Range", tolerance: Decimal) -> Decimal:
        """By how much this one lies beyond the other; zero where they meet."""
        if self.low > other.high + tolerance:
            return self.low - other.high
        if self.high < other.low - tolerance:
            return self.high - other.low
        return ZERO


def stocks(ours: Ours, theirs: Theirs, *, terms: Terms) -> list[Finding]:
    """Contracts and cash that differ; read ours anew after the events were repaired."""
    found: list[Finding] = []
    if theirs.holdings is not None:
        found += _positions(ours, theirs, theirs.holdings, terms)
    if theirs.balances is not None:
        found += _cash(ours, theirs, theirs.balances)
    return found


def _positions(ours: Ours, theirs: Theirs, holdings: Sequence[Holding], terms: Terms) -> Iterator[Finding]:
    expected = _expected_contracts(ours, theirs)
    told_by: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    for holding in holdings:
        if holding.market_id not in ours.settled:  # paid out in our books, and waits to be collected there
            told_by[holding.market_id, holding.outcome] += holding.size
    if terms.nets:
        expected, told_by = _netted(expected), _netted_sizes(told_by)
    for place in sorted(expected.keys() | told_by.keys()):
        figure, wanted = told_by.get(place, ZERO), expected.get(place, Range())
        gap = Range(figure, figure).beyond(wanted, terms.dust)
        if gap:
            market_id, outcome = place
            yield Finding(
                POSITION, f"{market_id}:{outcome}", market_id, _between(wanted), str(figure),
                f"We hold {_between(wanted)} {outcome} of {market_id} by our books; the platform says {figure}.",
                amount=gap, sure=wanted.exact,
            )  # fmt: skip


def _expected_contracts(ours: Ours, theirs: Theirs) -> dict[Place, Range]:
    expected: dict[Place, Range] = defaultdict(Range)
    for place, quantity in ours.held.items():
        expected[place].add(quantity)
    for fill in ours.young_fills:
        expected[fill.market_id, fill.outcome].perhaps_not(fill.contracts)
    for order, contracts in _unbooked(ours, theirs):
        sign = 1 if order.side == BUY else -1
        expected[order.market_id, order.outcome].perhaps(sign * contracts)
    for report in _unbooked_fills(ours, theirs):
        expected[report.market_id, report.outcome].perhaps(_signed(report.side, report.size))
    return expected


def _unbooked(ours: Ours, theirs: Theirs) -> Iterator[tuple[OurOrder, Decimal]]:
    """Orders that may have filled beyond our books, each with the most contracts."""
    by_id = {report.platform_order_id: report for report in theirs.orders}
    by_client = {report.client_order_id: report for report in theirs.orders if report.client_order_id}
    for order in ours.orders:
        report = by_id.get(order.platform_order_id) or by_client.get(order.client_order_id)
        matched = max(order.matched, report.matched if report is not None else ZERO)
        contracts = max(ZERO, matched - order.filled)
        if report is None and order.status in AT_PLATFORM:
            contracts = max(contracts, order.left)
        if contracts:
            yield order, contracts


def _unbooked_fills(ours: Ours, theirs: Theirs) -> Iterator[FillReport]:
    """Executions that are not booked: not final, or whose they are is not decided yet."""
    for report in theirs.fills:
        if report.fill_id not in ours.booked and report.status != FAILED:
            yield report


def _netted(expected: Mapping[Place, Range]) -> dict[Place, Range]:
    """YES less NO of each market, as a holding of YES."""
    netted: dict[Place, Range] = defaultdict(Range)
    for (market_id, outcome), one in expected.items():
        signed = one if outcome == YES else one.mirrored()
        into = netted[market_id, YES]
        into.low, into.high = into.low + signed.low, into.high + signed.high
    return netted


def _netted_sizes(sizes: Mapping[Place, Decimal]) -> dict[Place, Decimal]:
    netted: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    for (market_id, outcome), size in sizes.items():
        netted[market_id, YES] += size if outcome == YES else -size
    return netted


def _cash(ours: Ours, theirs: Theirs, balances: Sequence[Balance]) -> list[Finding]:
    expected = _expected_cash(ours, theirs)
    found = []
    for shard in sorted(expected.keys() | {balance.shard for balance in balances}):
        figure, wanted = _told_cash(shard, balances, ours, theirs), expected.get(shard, Range())
        gap = figure.beyond(wanted, CENT)
        if gap:
            sentence = (
                f"Shard {shard} has ${_between(wanted)} by our books; the platform says ${_between(figure)}."
            )
            sure = wanted.exact and figure.exact
            found.append(
                Finding(
                    CASH,
                    f"shard {shard}",
                    None,
                    _between(wanted),
                    _between(figure),
                    sentence,
                    amount=gap,
                    sure=sure,
                )
            )
    if len(found) > 1 and all(one.sure for one in found) and not sum((one.amount for one in found), ZERO):
        return [_between_shards(one) for one in found]
    return found


def _between_shards(one: Finding) -> Finding:
    sentence = (
        f"${one.amount} were moved to or from {one.subject}; all shards together have what our books say."
    )
    return replace(one, kind=CASH_BETWEEN_SHARDS, sentence=sentence)


def _expected_cash(ours: Ours, theirs: Theirs) -> dict[int, Range]:
    expected: dict[int, Range] = defaultdict(Range)
    for shard, amount in ours.cash.items():
        expected[shard].add(amount)
    for fill in ours.young_fills:
        expected[fill.shard].perhaps_not(fill.cash)
    for move in ours.young_moves:
        expected[move.shard].perhaps_not(move.amount)
    for order, contracts in _unbooked(ours, theirs):
        expected[order.shard].perhaps(_worth(order, contracts))
    known = {order.platform_order_id: order.shard for order in ours.orders}
    for report in _unbooked_fills(ours, theirs):
        fee = report.fee if report.fee is not None else MOST_FEE * report.size
        shard = known.get(report.platform_order_id, 0)
        worth = report.size * report.price
        expected[shard].perhaps(-worth - fee if report.side == BUY else worth)
    return expected


def _worth(order: OurOrder, contracts: Decimal) -> Decimal:
    """The most dollars that so many contracts of an order can move, fees included."""
    if order.side != BUY:
        return contracts
    if order.cash is not None:
        return -order.cash * (1 + MOST_FEE * 5) - CENT
    return -contracts * ((order.price if order.price is not None else ONE) + MOST_FEE) - CENT


def _told_cash(shard: int, balances: Sequence[Balance], ours: Ours, theirs: Theirs) -> Range:
    """What the platform says; a range where it tells only what is free."""
    told_of = Range()
    for balance in balances:
        if balance.shard != shard:
            continue
        if balance.cash is not None:
            told_of.add(balance.cash)
            continue
        told_of.add(balance.free)
        for worth, contracts in _reserved(shard, ours, theirs):
            told_of.add(worth)
            told_of.perhaps(contracts * MOST_FEE)
    return told_of


def _reserved(shard: int, ours: Ours, theirs: Theirs) -> Iterator[tuple[Decimal, Decimal]]:
    """Dollars and contracts of each open purchase."""
    shards = {order.platform_order_id: order.shard for order in ours.orders}
    for report in theirs.orders:
        if report.platform_order_id not in theirs.open_ids or report.side != BUY:
            continue
        if shards.get(report.platform_order_id, 0) == shard and report.size and report.limit_price:
            left = max(ZERO, report.size - report.matched)
            yield left * report.limit_price, left


# --- a trade by hand as entries of our ledger


@dataclass(frozen=True, slots=True)
class Piece:
    """A purchase or a sale of one outcome."""

    outcome: str
    side: str
    contracts: Decimal
    price: Decimal
    fee: Decimal


def pieces(report: FillReport, held: Mapping[str, Decimal], fee: Decimal) -> list[Piece]:
    """A trade as our ledger can hold it: a sale of more than is held buys the other outcome with the rest.

    That is what a platform that nets does; the dollars are the same but for the pair's dollar, which netting pays.
    """
    if report.side == BUY:
        return [Piece(report.outcome, report.side, report.size, report.price, fee)]
    sold = min(report.size, held.get(report.outcome, ZERO))
    rest = report.size - sold
    made = []
    if sold:
        made.append(
            Piece(
                report.outcome, report.side, sold, report.price, fee if not rest else fee * sold / report.size
            )
        )
    if rest:
        other = NO if report.outcome == YES else YES
        paid = sum((piece.fee for piece in made), ZERO)
        made.append(Piece(other, BUY, rest, ONE - report.price, fee - paid))
    return made


def correction(outcome: str, amount: Decimal, held: Mapping[str, Decimal], *, nets: bool) -> list[Piece]:
    """What makes our books hold `amount` more (or, negative, less) of `outcome`, at no price and no fee.

    Where the platform nets, `amount` is of YES less NO: what is held of the other outcome goes first.
    """
    other = NO if outcome == YES else YES
    grow, shrink = (outcome, other) if amount > 0 else (other, outcome)
    size = abs(amount)
    if not nets:
        side = BUY if amount > 0 else "SELL"
        size = size if amount > 0 else min(size, held.get(outcome, ZERO))
        return [Piece(outcome, side, size, ZERO, ZERO)] if size else []
    sold = min(size, held.get(shrink, ZERO))
    made = [Piece(shrink, "SELL", sold, ZERO, ZERO)] if sold else []
    return [*made, Piece(grow, BUY, size - sold, ZERO, ZERO)] if size > sold else made


# --- words


def told(report: OrderReport) -> str:
    """An order of theirs in words."""
    size = "?" if report.size is None else f"{report.size.normalize():f}"
    price = "" if report.limit_price is None else f" at {report.limit_price.normalize():f}"
    why = f" ({report.reason})" if report.reason else ""
    return f"{report.side} {size} {report.outcome}{price}, {report.status}, {report.matched.normalize():f} matched{why}"


def traded(report: FillReport) -> str:
    """An execution of theirs in words."""
    verb = "bought" if report.side == BUY else "sold"
    return f"{verb} {report.size.normalize():f} {report.outcome} at {report.price.normalize():f} ({report.fill_id})"


def _between(figure: Range) -> str:
    if figure.exact:
        return f"{figure.low.normalize():f}"
    return f"{figure.low.normalize():f} to {figure.high.normalize():f}"


def _signed(side: str, size: Decimal) -> Decimal:
    return size if side == BUY else -size
