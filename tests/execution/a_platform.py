"""A platform in memory, as truthful as a real one: what is traded moves its contracts and its cash."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from markets.platforms.base import KALSHI, PlatformError
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    FILLED,
    OPEN,
    PARTIAL,
    Accepted,
    Balance,
    CancelReport,
    CashReport,
    FillReport,
    Holding,
    OrderReport,
    PlatformState,
    Prepared,
    SettlementReport,
)  # fmt: skip

ZERO, ONE = Decimal(0), Decimal(1)


def trade_as(monkeypatch, mode):
    """Have the system trade in this mode for the time of a test."""
    from django.conf import settings

    monkeypatch.setattr(
        settings.ARBSITE, "trading", settings.ARBSITE.trading.model_copy(update={"mode": mode})
    )


class APlatform:
    """A `Trading` whose books are plain dictionaries. `away` makes every question fail."""

    knows_id_before = False

    def __init__(self, platform=KALSHI, cash="1000", *, lists_cash=None):
        self.platform = platform
        self.cash = {0: Decimal(cash)}
        self.held: dict[tuple[str, str], Decimal] = {}
        self.orders: dict[str, OrderReport] = {}
        self.trades: list[FillReport] = []
        self.moves: list[CashReport] = []
        self.settlements: list[SettlementReport] = []
        self.lists_cash = platform == KALSHI if lists_cash is None else lists_cash
        self.away = False
        self.skew = 0.0
        self.asked: list[str] = []
        self.deaf = 0  # so many cancels are swallowed

    # --- what happens there

    def trade(
        self, fill_id, order_id, market_id, side, outcome, size, price, at, *, fee="0", status="CONFIRMED"
    ):
        """An execution, with its contracts and its dollars."""
        size, price = Decimal(size), Decimal(price)
        report = FillReport(
            fill_id, fill_id, order_id, market_id, outcome, side, price, size, Decimal(fee), at, status=status
        )
        self.trades.append(report)
        if status == "FAILED":
            return report
        sign = 1 if side == BUY else -1
        self._hold(market_id, outcome, sign * size)
        self.cash[0] -= sign * size * price + Decimal(fee)
        return report

    def _hold(self, market_id, outcome, change):
        place = (market_id, outcome)
        self.held[place] = self.held.get(place, ZERO) + change
        if self.platform != KALSHI:
            return
        other = (market_id, "NO" if outcome == "YES" else "YES")
        if self.held[place] < 0:  # more sold than held is the other outcome bought
            self.held[other] = self.held.get(other, ZERO) - self.held[place]
            self.cash[0] += self.held[place]  # the purchase of the pair's other half costs its dollar
            self.held[place] = ZERO
        pairs = min(self.held[place], self.held.get(other, ZERO))
        self.held[place] -= pairs
        self.held[other] = self.held.get(other, ZERO) - pairs
        self.cash[0] += pairs

    def rest(
        self,
        order_id,
        market_id,
        side,
        outcome,
        size,
        price,
        *,
        client_id="",
        at=None,
        matched="0",
        status=OPEN,
    ):
        """An order in the book."""
        self.orders[order_id] = OrderReport(
            order_id,
            client_id,
            market_id,
            outcome,
            side,
            status,
            Decimal(size),
            Decimal(matched),
            Decimal(price),
            at=at,
        )

    def fill(self, order_id, fill_id, size, at):
        """Some of a resting order trades."""
        order = self.orders[order_id]
        matched = order.matched + Decimal(size)
        self.orders[order_id] = replace(
            order, matched=matched, status=FILLED if matched == order.size else PARTIAL
        )
        return self.trade(
            fill_id, order_id, order.market_id, order.side, order.outcome, size, order.limit_price, at
        )

    def pay(self, amount, reference, at, shard=0, kind=None):
        """Money comes or goes."""
        amount = Decimal(amount)
        self.cash[shard] = self.cash.get(shard, ZERO) + amount
        if self.lists_cash:
            word = kind or ("DEPOSIT" if amount > 0 else "WITHDRAWAL")
            self.moves.append(CashReport(reference, shard, amount, at, word))

    def settle(self, market_id, yes_pays, at):
        """A market pays out."""
        pays = {"YES": Decimal(yes_pays), "NO": ONE - Decimal(yes_pays)}
        revenue = sum((self.held.pop((market_id, outcome), ZERO) * pays[outcome] for outcome in pays), ZERO)
        self.cash[0] += revenue
        self.settlements.append(SettlementReport(market_id, Decimal(yes_pays), revenue, at))

    # --- the protocol

    def _ask(self, what):
        self.asked.append(what)
        if self.away:
            raise PlatformError("the platform does not answer")

    def prepare(self, request):
        return Prepared(request, "", request)

    def submit(self, prepared):
        self._ask("submit")
        request = prepared.request
        name = f"P-{request.client_order_id}"
        self.rest(
            name, request.market_id, request.side, request.outcome, request.size, request.limit_price,
            client_id=request.client_order_id,
        )  # fmt: skip
        return Accepted(name, OPEN, ZERO)

    def find(self, ref):
        self._ask("find")
        if ref.platform_order_id in self.orders:
            return self.orders[ref.platform_order_id]
        return next(
            (
                one
                for one in self.orders.values()
                if one.client_order_id and one.client_order_id == ref.client_order_id
            ),
            None,
        )

    def fills(self, refs):
        self._ask("fills")
        ids = {ref.platform_order_id for ref in refs}
        return [one for one in self.trades if one.platform_order_id in ids]

    def cancel(self, refs):
        self._ask("cancel")
        gone, kept = [], {}
        for ref in refs:
            if self.deaf > 0:
                self.deaf -= 1
                kept[ref.client_order_id] = "busy"
                continue
            order = self.orders.get(ref.platform_order_id)
            if order is not None and order.status in (OPEN, PARTIAL):
                self.orders[ref.platform_order_id] = replace(order, status=CANCELLED)
                gone.append(ref.client_order_id)
        return CancelReport(tuple(gone), kept)

    def cancel_all(self):
        self._ask("cancel_all")
        if self.deaf > 0:
            self.deaf -= 1
            return
        for name, order in self.orders.items():
            if order.status in (OPEN, PARTIAL):
                self.orders[name] = replace(order, status=CANCELLED)

    def open_orders(self):
        self._ask("open_orders")
        return [one for one in self.orders.values() if one.status in (OPEN, PARTIAL)]

    def fills_since(self, since: datetime):
        self._ask("fills_since")
        return [one for one in self.trades if one.at >= since]

    def holdings(self):
        self._ask("holdings")
        return [Holding(*place, size) for place, size in sorted(self.held.items()) if size]

    def balances(self):
        self._ask("balances")
        return [Balance(shard, cash, cash) for shard, cash in sorted(self.cash.items())]

    def settlements_since(self, since: datetime):
        self._ask("settlements_since")
        return [one for one in self.settlements if one.at >= since]

    def cash_since(self, since: datetime):
        self._ask("cash_since")
        return [one for one in self.moves if one.at >= since]

    def state(self):
        return PlatformState(True, True)

    def clock(self):
        from datetime import UTC, timedelta

        self._ask("clock")
        return datetime.now(UTC) + timedelta(seconds=self.skew)
