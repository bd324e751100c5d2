"""A platform that is not there: orders filled from live books, late and not always, so that paper does not flatter.

An order reaches the book TRADING_PAPER_*_MS after it was sent, and meets what is there then, less what our own paper
orders took lately. Some orders find that the book moved away just before them: how many, by the edge that was shown
(TRADING_PAPER_FILL_RATES); which, by their client order id, so the same order always fares the same.

What became of an order is remembered in Redis: a look-up after a crash finds it, like on a real platform.
"""

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from django.conf import settings

from arbsite import keys
from arbsite.connections import redis_client
from execution.models import Position
from execution.orders import paper
from execution.orders.paper import PaperFill
from execution.plans.planning import Ticket
from execution.portfolio import holdings
from markets import live
from markets.books import BookView, micro
from markets.clients import fees_from_json
from markets.models import Market
from markets.platforms.base import OPEN as TRADING
from markets.platforms.base import POLYMARKET, FeeSchedule
from markets.platforms.trading import (
    CANCELLED,
    CONFIRMED,
    FILLED,
    FOK,
    GTC,
    GTD,
    MARKET_CLOSED,
    NOT_FILLABLE,
    OPEN,
    PARTIAL,
    POST_ONLY_WOULD_CROSS,
    Accepted,
    Answer,
    Balance,
    CancelReport,
    CashReport,
    Declined,
    FillReport,
    Holding,
    OrderRef,
    OrderReport,
    OrderRequest,
    PlatformState,
    Prepared,
    SettlementReport,
)

PAPER = "paper"
ZERO = Decimal(0)
RESTING = frozenset({GTC, GTD})
TAKEN_SECONDS = 10.0  # so long the real book still shows what we have taken on paper


class Trade(msgspec.Struct, array_like=True):
    """One execution."""

    price: str
    size: str
    fee: str
    at: float  # Unix seconds


class Memory(msgspec.Struct, array_like=True):
    """One paper order, as its platform would know it."""

    client_order_id: str
    market_id: str
    outcome: str
    side: str
    size: str
    cash: str  # empty: by contracts
    limit_price: str
    time_in_force: str
    status: str
    expires: float  # Unix seconds, 0: never
    trades: list[Trade]

    @property
    def matched(self) -> Decimal:
        """Contracts so far."""
        return sum((Decimal(trade.size) for trade in self.trades), ZERO)

    @property
    def order_id(self) -> str:
        """The paper platform's own id."""
        return f"paper_{self.client_order_id}"


_encode = msgspec.msgpack.Encoder().encode
_order = msgspec.msgpack.Decoder(Memory).decode
_taken = msgspec.msgpack.Decoder(tuple[float, int, int]).decode  # Unix seconds, price, size


class PaperTrading:
    """See `markets.platforms.trading.Trading`."""

    knows_id_before = True

    def __init__(self, platform: str) -> None:
        self.platform = platform

    def prepare(self, request: OrderRequest) -> Prepared | Declined:
        """Nothing is signed; the id is made from ours."""
        return Prepared(request, f"paper_{request.client_order_id}", request)

    def submit(self, prepared: Prepared) -> Answer:
        """Wait as long as an order takes to get there, and meet the book of then."""
        request = prepared.request
        known = self._remembered(request.client_order_id)
        if known is not None:
            return Declined("duplicate", "this paper order was sent before")
        time.sleep(self._latency())
        market = Market.objects.filter(pk=request.market_id).first()
        fees = fees_from_json(self.platform, market.fees) if market is not None else None
        if market is None or fees is None or market.status != TRADING:
            return Declined(MARKET_CLOSED, f"{request.market_id} takes no orders")
        memory = _memory(request)
        fills = self._meet(request, memory, fees)
        if request.post_only and fills:
            return Declined(POST_ONLY_WOULD_CROSS, "the order would have traded at once")
        if request.time_in_force == FOK and not fills:
            return Declined(NOT_FILLABLE, "not enough was on offer for all of it")
        self._keep(memory, fills)
        return Accepted(memory.order_id, memory.status, memory.matched, trade_ids=tuple(
            _fill_id(memory, number) for number in range(len(memory.trades))
        ))  # fmt: skip

    def _latency(self) -> float:
        config = settings.ARBSITE.trading
        ms = config.paper_polymarket_ms if self.platform == POLYMARKET else config.paper_kalshi_ms
        return float(ms) / 1_000

    def _meet(self, request: OrderRequest, memory: Memory, fees: FeeSchedule) -> tuple[PaperFill, ...]:
        """What an order gets from the book of now."""
        if _moved_away(request):
            return ()
        book = live.book_view(self.platform, request.market_id)
        if book is None:
            return ()
        return self._fills(memory, book, fees, request.time_in_force)

    def _fills(
        self, memory: Memory, book: BookView, fees: FeeSchedule, time_in_force: str
    ) -> tuple[PaperFill, ...]:
        ticket = _ticket(memory, self.platform)
        if ticket is None:
            return ()
        kind = FOK if time_in_force == FOK else paper.IOC
        return paper.fill(ticket, book, fees, kind, taken=self._lately(memory)).fills

    def _keep(self, memory: Memory, fills: Sequence[PaperFill]) -> None:
        """Remember what filled, and what is no longer on offer to us."""
        now = time.time()
        memory.trades += [Trade(str(fill.price), str(fill.size), str(fill.fee), now) for fill in fills]
        memory.status = _status(memory, now)
        pipe = redis_client().pipeline(transaction=True)
        pipe.set(
            keys.paper_order(self.platform, memory.client_order_id), _encode(memory), ex=keys.PAPER_ORDER_TTL
        )
        if fills:
            key = keys.paper_taken(self.platform, memory.market_id, memory.outcome, memory.side)
            pipe.rpush(key, *(_encode((now, micro(fill.price), micro(fill.size))) for fill in fills))
            pipe.expire(key, keys.PAPER_TAKEN_TTL)
        pipe.execute()

    def _lately(self, memory: Memory) -> dict[int, int]:
        """Contracts (1e-6) that we took lately, by price (1e-6)."""
        key = keys.paper_taken(self.platform, memory.market_id, memory.outcome, memory.side)
        oldest = time.time() - TAKEN_SECONDS
        taken: dict[int, int] = {}
        for raw in redis_client().lrange(key, 0, -1):
            at, price, size = _taken(raw)
            if at >= oldest:
                taken[price] = taken.get(price, 0) + size
        return taken

    def _remembered(self, client_order_id: str) -> Memory | None:
        raw = redis_client().get(keys.paper_order(self.platform, client_order_id))
        return _order(raw) if raw else None

    # --- asking

    def find(self, ref: OrderRef) -> OrderReport | None:
        """The order as it is now; one that rests meets the book of now first."""
        memory = self._remembered(ref.client_order_id)
        if memory is None:
            return None
        if memory.status in (OPEN, PARTIAL):
            self._rest(memory)
        return OrderReport(
            memory.order_id, memory.client_order_id, memory.market_id, memory.outcome, memory.side, memory.status,
            None if memory.cash else Decimal(memory.size), memory.matched, Decimal(memory.limit_price),
        )  # fmt: skip

    def _rest(self, memory: Memory) -> None:
        book = live.book_view(self.platform, memory.market_id)
        market = Market.objects.filter(pk=memory.market_id).first()
        fees = fees_from_json(self.platform, market.fees) if market is not None else None
        fills = self._fills(memory, book, fees, GTC) if book is not None and fees is not None else ()
        self._keep(memory, fills)

    def fills(self, refs: Sequence[OrderRef]) -> list[FillReport]:
        """Every execution of these orders."""
        return [report for ref in refs for report in self._reports(self._remembered(ref.client_order_id))]

    def _reports(self, memory: Memory | None) -> list[FillReport]:
        if memory is None:
            return []
        return [
            FillReport(
                _fill_id(memory, number), _fill_id(memory, number), memory.order_id, memory.market_id, memory.outcome,
                memory.side, Decimal(trade.price), Decimal(trade.size), Decimal(trade.fee),
                datetime.fromtimestamp(trade.at, UTC), CONFIRMED,
            )
            for number, trade in enumerate(memory.trades)
        ]  # fmt: skip

    def cancel(self, refs: Sequence[OrderRef]) -> CancelReport:
        """Take orders out of the book that is not there."""
        gone, kept = [], {}
        for ref in refs:
            memory = self._remembered(ref.client_order_id)
            if memory is not None and memory.status in (OPEN, PARTIAL):
                memory.status = CANCELLED
                redis_client().set(
                    keys.paper_order(self.platform, memory.client_order_id),
                    _encode(memory),
                    ex=keys.PAPER_ORDER_TTL,
                )
                gone.append(ref.client_order_id)
            else:
                kept[ref.client_order_id] = "it is not open"
        return CancelReport(tuple(gone), kept)

    def cancel_all(self) -> None:
        """Nothing rests that its plan does not know of."""

    def open_orders(self) -> list[OrderReport]:
        """Paper orders are known by their plans alone."""
        return []

    def fills_since(self, since: datetime) -> list[FillReport]:
        """Nobody places paper orders by hand."""
        return []

    def holdings(self) -> list[Holding]:
        """What our ledger says: there is no other."""
        rows = Position.objects.filter(mode=PAPER, platform=self.platform, quantity__gt=0)
        return [Holding(row.market_id, row.outcome, row.quantity) for row in rows]

    def balances(self) -> list[Balance]:
        """What our ledger says."""
        cash = holdings.cash(PAPER)[self.platform]
        return [Balance(0, cash, cash)]

    def settlements_since(self, since: datetime) -> list[SettlementReport]:
        """Our own ledger settles paper positions."""
        return []

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Nobody deposits paper money."""
        return []

    def state(self) -> PlatformState:
        """Always."""
        return PlatformState(takes_orders=True, takes_cancels=True)

    def clock(self) -> datetime:
        """Ours."""
        return datetime.now(UTC)


def _memory(request: OrderRequest) -> Memory:
    return Memory(
        request.client_order_id, request.market_id, request.outcome, request.side, str(request.size),
        "" if request.cash is None else str(request.cash), str(request.limit_price), request.time_in_force, OPEN,
        request.expires_at.timestamp() if request.expires_at else 0.0, [],
    )  # fmt: skip


def _ticket(memory: Memory, platform: str) -> Ticket | None:
    """What is still wanted; None where that is nothing."""
    limit, matched = Decimal(memory.limit_price), memory.matched
    size = Decimal(memory.size) - matched
    spend = None
    if memory.cash:
        spend = Decimal(memory.cash) - sum(
            (Decimal(one.price) * Decimal(one.size) for one in memory.trades), ZERO
        )
    if size <= 0:
        return None
    return Ticket(
        "",
        platform,
        memory.market_id,
        memory.outcome,
        memory.side,
        size,
        limit,
        size * limit,
        size * limit,
        spend=spend,
    )


def _status(memory: Memory, now: float) -> str:
    matched = memory.matched
    if matched >= Decimal(memory.size):
        return FILLED
    if memory.time_in_force not in RESTING or (memory.expires and now >= memory.expires):
        return CANCELLED
    return PARTIAL if matched else OPEN


def _fill_id(memory: Memory, number: int) -> str:
    return f"{memory.client_order_id}:{number}"


def _moved_away(request: OrderRequest) -> bool:
    """Whether the book moves away before this order arrives: the larger the edge it showed, the likelier."""
    if "edge" not in request.facts or request.time_in_force in RESTING:
        return False
    edge = Decimal(request.facts["edge"])
    chances = [chance for start, chance in settings.ARBSITE.trading.paper_bands if edge >= start]
    chance = chances[-1] if chances else Decimal(1)
    digest = hashlib.sha256(request.client_order_id.encode()).digest()
    return Decimal(int.from_bytes(digest[:8], "big")) / 2**64 >= chance
