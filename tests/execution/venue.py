"""A platform in memory: takes orders, fills as much as it is told to, loses answers, and remembers everything."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markets.platforms.base import PlatformError
from markets.platforms.trading import (
    CANCELLED,
    CONFIRMED,
    DUPLICATE,
    FILLED,
    OPEN,
    PARTIAL,
    Accepted,
    Balance,
    CancelReport,
    Declined,
    FillReport,
    OrderReport,
    PlatformState,
    Prepared,
    Unsure,
)

ALL = Decimal(1_000_000)


@dataclass(slots=True)
class Known:
    """An order that the platform has."""

    request: Any
    id: str
    status: str
    fills: list[FillReport] = field(default_factory=list)

    @property
    def matched(self) -> Decimal:
        return sum((fill.size for fill in self.fills), Decimal(0))


@dataclass
class Venue:
    """`offers`: what each next order gets, in contracts (ALL when empty). `answers`: what becomes of each next sending:
    `ok`, `drop` (never arrives), `lose` (arrives, no answer), `late` (arrives after `late_finds` look-ups), or a Declined.
    """

    platform: str
    knows_id_before: bool = True
    offers: deque = field(default_factory=deque)
    answers: deque = field(default_factory=deque)
    orders: dict[str, Known] = field(default_factory=dict)
    sent: list[Any] = field(default_factory=list)  # every request that left us
    away: int = 0  # so many next questions cannot be asked
    late_finds: int = 2
    waiting: dict[str, tuple[Any, int]] = field(default_factory=dict)
    rests: bool = False  # orders rest instead of ending
    price: Decimal | None = None  # executes there instead of at the limit
    settles: str = CONFIRMED
    on_submit: Any = None
    cancels: int = 0
    free: Decimal = Decimal(0)
    most_alive: int = 0

    def prepare(self, request):
        return Prepared(request, f"v_{request.client_order_id}" if self.knows_id_before else "", request)

    def submit(self, prepared):
        request = prepared.request
        self.sent.append(request)
        if self.on_submit is not None:
            self.on_submit(request)
        answer = self.answers.popleft() if self.answers else "ok"
        if isinstance(answer, Declined):
            return answer
        if answer == "drop":
            return Unsure("no answer")
        if answer == "late":
            self.waiting[request.client_order_id] = (request, self.late_finds)
            return Unsure("no answer")
        known = self._take(request)
        if known is None:
            return Declined(DUPLICATE, "seen before")
        if answer == "lose":
            return Unsure("no answer")
        return Accepted(known.id, known.status, known.matched)

    def _take(self, request):
        if request.client_order_id in self.orders:
            return None
        most = self.offers.popleft() if self.offers else ALL
        size = min(request.size, most)
        known = Known(request, f"v_{request.client_order_id}", FILLED if size == request.size else CANCELLED)
        if self.rests and size < request.size:
            known.status = PARTIAL if size else OPEN
        self.orders[request.client_order_id] = known
        if size:
            self._fill(known, size)
        alive = sum(one.status in (OPEN, PARTIAL) for one in self.orders.values())
        self.most_alive = max(self.most_alive, alive)
        return known

    def _fill(self, known, size):
        request = known.request
        number = len(known.fills)
        known.fills.append(
            FillReport(
                f"t_{request.client_order_id}_{number}", f"t_{request.client_order_id}_{number}", known.id,
                request.market_id, request.outcome, request.side, self.price or request.limit_price, size, None,
                datetime(2026, 11, 26, tzinfo=UTC), self.settles,
            )
        )  # fmt: skip

    def fail(self, client_order_id):
        """All trades of an order fail to settle; returns the reports."""
        known = self.orders[client_order_id]
        known.fills = [replace(fill, status="FAILED") for fill in known.fills]
        return known.fills

    def _ask(self):
        if self.away > 0:
            self.away -= 1
            raise PlatformError(f"{self.platform} does not answer")

    def find(self, ref):
        self._ask()
        late = self.waiting.get(ref.client_order_id)
        if late is not None:
            request, left = late
            if left > 0:
                self.waiting[ref.client_order_id] = (request, left - 1)
            else:
                del self.waiting[ref.client_order_id]
                self._take(request)
        known = self.orders.get(ref.client_order_id)
        if known is None:
            return None
        return OrderReport(
            known.id, ref.client_order_id, known.request.market_id, known.request.outcome, known.request.side,
            known.status, known.request.size, known.matched, known.request.limit_price,
        )  # fmt: skip

    def fills(self, refs):
        self._ask()
        return [
            fill for ref in refs if (known := self.orders.get(ref.client_order_id)) for fill in known.fills
        ]

    def state(self):
        return PlatformState(True, True)

    def balances(self):
        self._ask()
        return [Balance(0, self.free, self.free)]

    def cancel(self, refs):
        self._ask()
        self.cancels += 1
        gone, kept = [], {}
        for ref in refs:
            known = self.orders.get(ref.client_order_id)
            if known is not None and known.status in (OPEN, PARTIAL):
                known.status = CANCELLED
                gone.append(ref.client_order_id)
            else:
                kept[ref.client_order_id] = "not open"
        return CancelReport(tuple(gone), kept)

    def held(self):
        """Contracts by market and outcome, from the executions themselves."""
        found: dict[tuple[str, str], Decimal] = {}
        for known in self.orders.values():
            for fill in known.fills:
                if fill.status != "FAILED":
                    signed = fill.size if fill.side == "BUY" else -fill.size
                    key = (fill.market_id, fill.outcome)
                    found[key] = found.get(key, Decimal(0)) + signed
        return {key: size for key, size in found.items() if size}
