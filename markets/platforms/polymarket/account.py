"""What the platform says of our account: orders, trades, balances, positions, payouts, and whether we may trade.

Every method raises PlatformError where the platform could not be asked or did not answer as documented: that is never
"nothing there".
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from markets.books import NO
from markets.platforms.base import Malformed, Refused
from markets.platforms.polymarket import reports, wire
from markets.platforms.polymarket.account_wire import (
    Activity,
    BalanceAllowance,
    DataPage,
    Order,
    Page,
    Position,
    Trade,
)
from markets.platforms.polymarket.contracts import NAMES
from markets.platforms.polymarket.http import JsonHttp
from markets.platforms.polymarket.reports import Owner
from markets.platforms.polymarket.rules import Settlement, settlement
from markets.platforms.polymarket.terms import Terms
from markets.platforms.polymarket.units import condition_id
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    FAILED,
    Balance,
    CashReport,
    FillReport,
    Holding,
    OrderRef,
    OrderReport,
    SettlementReport,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

LAST_CURSOR = "LTE="
MAX_PAGES = 1_000  # a cursor that never ends is a fault of the server
MARGIN = timedelta(minutes=1)  # the platform's clock and ours are not the same
RECENT = timedelta(days=1)  # positions lag; what was traded since is asked of the balances
V2_RESERVED = ((1 << 64) - 1) << 40  # these bits of a position id are zero, those of a token id never all
DEPOSIT, WITHDRAWAL = "DEPOSIT", "WITHDRAWAL"
# What a wallet is given or gives beside trading, as activity names it
CREDITS = (DEPOSIT, "REWARD", "YIELD", "MAKER_REBATE", "TAKER_REBATE", "REFERRAL_REWARD")


class Account:
    """Reads of our account. `terms_of` names a market's tokens, `owner` tells which parts of a trade are ours."""

    def __init__(
        self,
        clob: JsonHttp,
        data: JsonHttp,
        *,
        terms_of: Callable[[str], Terms],
        owner: Callable[[], Owner],
        signature_type: int,
    ) -> None:
        self._clob, self._data = clob, data
        self._terms_of, self._owner = terms_of, owner
        self._signature_type = str(signature_type)

    # Orders

    def order(self, ref: OrderRef) -> OrderReport | None:
        """The order by its id; by its trades where the platform no longer knows it; None where it knows neither."""
        if not ref.platform_order_id:
            return None
        try:
            raw = self._clob.get("clob-ledger", f"/data/order/{ref.platform_order_id}", msgspec.Raw)
        except Refused as error:
            if error.status != 404:
                raise
            return self._by_trades(ref)
        # What is answered for an id that it does not know is not documented
        if bytes(raw).strip() in (b"null", b"{}", b'""', b""):
            return self._by_trades(ref)
        found = self._order_report(raw)
        if found.platform_order_id != ref.platform_order_id.lower():
            raise Malformed(f"Polymarket answers order {ref.platform_order_id} with another one")
        return found

    def _by_trades(self, ref: OrderRef) -> OrderReport | None:
        """An order that is known from its trades only is over: how much of it filled is what counts."""
        fills = [fill for fill in self.fills([ref]) if fill.status != FAILED]
        if not fills:
            return None
        # Its rest may stand while the order itself is not told yet: that it is over, the list of open orders shows
        for report in self.open_orders():
            if report.platform_order_id == ref.platform_order_id.lower():
                return report
        first = fills[0]
        return OrderReport(
            platform_order_id=first.platform_order_id,
            client_order_id=ref.client_order_id,
            market_id=first.market_id,
            outcome=first.outcome,
            side=first.side,
            status=CANCELLED,
            size=None,
            matched=sum((fill.size for fill in fills), Decimal(0)),
            limit_price=None,
            reason="known from its trades only",
            at=max(fill.at for fill in fills),
        )

    def open_orders(self) -> list[OrderReport]:
        """Everything that is open, hand-placed orders too."""
        return [self._order_report(raw) for raw in self._pages("/data/orders", [])]

    def _order_report(self, raw: msgspec.Raw) -> OrderReport:
        order = _row(raw, Order)
        try:
            return reports.order_report(order, self.outcome_of)
        except ValueError as error:
            raise Malformed(f"Polymarket's order {order.id[:70]}: {error}") from error

    # Trades

    def fills(self, refs: Sequence[OrderRef]) -> list[FillReport]:
        """Every execution of these orders."""
        wanted = {ref.platform_order_id.lower() for ref in refs if ref.platform_order_id}
        found: list[FillReport] = []
        for market in dict.fromkeys(ref.market_id for ref in refs if ref.platform_order_id):
            sent = [ref.since for ref in refs if ref.market_id == market]
            since = None if None in sent else min(at for at in sent if at is not None)
            fills = self._fills(since, [("market", market)])
            found += [fill for fill in fills if fill.platform_order_id in wanted]
        return found

    def fills_since(self, since: datetime) -> list[FillReport]:
        """Every execution of the account since then."""
        return self._fills(since, [])

    def _fills(self, since: datetime | None, params: list[tuple[str, str]]) -> list[FillReport]:
        after = [("after", str(int((since - MARGIN).timestamp())))] if since is not None else []
        owner, found = self._owner(), dict[str, FillReport]()
        for raw in self._pages("/data/trades", [*params, *after]):
            trade = _row(raw, Trade)
            try:
                fills = reports.fill_reports(trade, owner, self.outcome_of)
            except ValueError as error:
                raise Malformed(f"Polymarket's trade {trade.id[:70]}: {error}") from error
            # Rows can come twice while pages are turned
            found |= {fill.fill_id: fill for fill in fills}
        return list(found.values())

    def outcome_of(self, market_id: str, token: str) -> str:
        """YES or NO of a token. Raises ValueError where it is none of the market's."""
        outcome = self._terms_of(market_id).outcome(token)
        if not outcome:
            raise ValueError(f"token {token[:90]} is none of market {market_id}")
        return outcome

    # Money and positions

    def collateral(self) -> BalanceAllowance:
        """Cash in base units, and what each contract may move of it."""
        return self._balance([("asset_type", "COLLATERAL")])

    def shares(self, token: str) -> Decimal:
        """Shares of a token that the wallet holds, as the order book's side knows it: settled ones only."""
        held = self._balance([("asset_type", asset_type(token)), ("token_id", token)])
        return units(held.balance)

    def _balance(self, params: list[tuple[str, str]]) -> BalanceAllowance:
        asked = [*params, ("signature_type", self._signature_type)]
        return self._clob.get("clob-balance", "/balance-allowance", BalanceAllowance, asked)

    def refresh_balance(self, token: str = "") -> None:
        """Make the platform read a balance and its approvals from the chain again: after deposits, approvals, merges."""
        asked = (
            [("asset_type", asset_type(token)), ("token_id", token)]
            if token
            else [("asset_type", "COLLATERAL")]
        )
        asked.append(("signature_type", self._signature_type))
        self._clob.get("clob-balance-update", "/balance-allowance/update", msgspec.Raw, asked)

    def balances(self) -> list[Balance]:
        """All cash, and what open purchases leave of it."""
        cash = units(self.collateral().balance)
        reserved = Decimal(0)
        for order in self.open_orders():
            if order.side == BUY and order.size is not None and order.limit_price is not None:
                reserved += (order.size - order.matched) * order.limit_price
        return [Balance(0, cash, max(cash - reserved, Decimal(0)))]

    def missing_approvals(self) -> list[str]:
        """A sentence for each contract that may not move our cash: its orders would be refused, or fail to settle."""
        return [
            f"The wallet has not approved {NAMES.get(spender.lower(), 'the contract')} ({spender}) to move its pUSD:"
            " prepare the approval (`manage.py wallet`), send it, then refresh the balance."
            for spender, allowed in (self.collateral().allowances or {}).items()
            if not units(allowed)
        ]

    def positions(self, now: datetime) -> list[Position]:
        """What the data API says is held, settled or not; it lags."""
        asked = [("user", self._owner().wallet), ("limit", "1000")]
        return [
            position for raw in self._data_pages("/v2/positions", asked) if (position := _row(raw, Position))
        ]

    def holdings(self, now: datetime) -> list[Holding]:
        """What is held and not settled: tokens by the data API and our latest trades, amounts by the balances."""
        tokens = dict[str, tuple[str, str]]()
        for position in self.positions(now):
            market = _condition(position.condition_id)
            if position.redeemable or not position.current_size:
                continue
            tokens[position.token_id] = market, self._named(market, position.token_id)
        for fill in self.fills_since(now - RECENT):
            token = self._terms_of(fill.market_id).token(fill.outcome)
            tokens.setdefault(token, (fill.market_id, fill.outcome))
        held = [(market, outcome, self.shares(token)) for token, (market, outcome) in tokens.items()]
        return [Holding(market, outcome, size) for market, outcome, size in held if size]

    def _named(self, market: str, token: str) -> str:
        try:
            return self.outcome_of(market, token)
        except ValueError as error:
            raise Malformed(f"Polymarket's position in market {market}: {error}") from error

    # Payouts and cash

    def settlements_since(self, since: datetime, now: datetime) -> list[SettlementReport]:
        """Markets that paid us out since then, and those whose tokens we hold that are worth nothing."""
        found: dict[str, SettlementReport] = {}
        for row in self._activity(("REDEEM",), since):
            market = _condition(row.condition_id or "")
            known = found.get(market)
            revenue = (row.usdc_size or Decimal(0)) + (known.revenue if known else Decimal(0))
            pays = known.yes_pays if known else self._yes_pays(market)
            if pays is not None:
                found[market] = SettlementReport(
                    market, pays, revenue, datetime.fromtimestamp(row.timestamp, UTC)
                )
        for position in self.positions(now):
            market = _condition(position.condition_id)
            if not position.redeemable or market in found:
                continue
            pays = self._yes_pays(market)
            lost = pays == (1 if self._named(market, position.token_id) == NO else 0)
            if pays is not None and lost:
                found[market] = SettlementReport(market, pays, Decimal(0), now)
        return list(found.values())

    def resolution(self, market_id: str) -> Settlement | None:
        """How far a market's resolution is."""
        page = self._data.get("data", "/v2/resolutions", wire.DataPage, [("condition_id", market_id)])
        rows = [_row(raw, wire.Resolution) for raw in page.data]
        mine = [row for row in rows if not row.condition_id or _condition(row.condition_id) == market_id]
        return settlement(mine[0]) if mine else None

    def _yes_pays(self, market_id: str) -> Decimal | None:
        found = self.resolution(market_id)
        return found.yes_pays if found is not None else None

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Deposits, withdrawals, and what the platform gave (rewards, rebates, yield)."""
        rows, seen = [], Counter[str]()
        for row in self._activity((*CREDITS, WITHDRAWAL), since):
            if not row.usdc_size:
                continue
            out = row.type == WITHDRAWAL
            amount = -abs(row.usdc_size) if out else abs(row.usdc_size)
            name = _cash_reference(row)
            seen[name] += 1
            # Rows alike are of one second, so every list has all of them or none: their count is stable
            reference = name if seen[name] == 1 else f"{name}:{seen[name]}"
            at = datetime.fromtimestamp(row.timestamp, UTC)
            rows.append(CashReport(reference, 0, amount, at, WITHDRAWAL if out else DEPOSIT))
        return rows

    def _activity(self, kinds: Sequence[str], since: datetime) -> Iterator[Activity]:
        asked = [("user", self._owner().wallet), ("limit", "1000"), ("start", str(int(since.timestamp())))]
        asked += [("type", kind) for kind in kinds]
        for raw in self._data_pages("/v2/activity", asked):
            row = _row(raw, Activity)
            if row.type in kinds and row.timestamp >= int(since.timestamp()):
                yield row

    # Pages

    def _pages(self, path: str, params: list[tuple[str, str]]) -> Iterator[msgspec.Raw]:
        cursor = ""
        for _ in range(MAX_PAGES):
            more = [("next_cursor", cursor)] if cursor else []
            page = self._clob.get("clob-ledger", path, Page, [*params, *more])
            yield from page.data
            if page.next_cursor in ("", LAST_CURSOR):
                return
            if page.next_cursor == cursor:
                break
            cursor = page.next_cursor
        raise Malformed(f"Polymarket's list at {path} does not end")

    def _data_pages(self, path: str, params: list[tuple[str, str]]) -> Iterator[msgspec.Raw]:
        cursor = ""
        for _ in range(MAX_PAGES):
            more = [("cursor", cursor)] if cursor else []
            page = self._data.get("data", path, DataPage, [*params, *more])
            yield from page.data
            following = page.pagination.next_cursor
            if not page.pagination.has_more or not following:
                return
            if following == cursor:
                break
            cursor = following
        raise Malformed(f"Polymarket's list at {path} does not end")


def _cash_reference(row: Activity) -> str:
    """What names a movement, whichever list it is read in: never its place in the list, and not the transaction alone,
    which may pay several rewards and may not be told yet.
    """
    told = (
        f"{row.transaction_hash or ''}:{row.condition_id or ''}:{(row.usdc_size or Decimal(0)).normalize():f}"
    )
    return f"{row.type}:{row.timestamp}:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def asset_type(token: str) -> str:
    """How balances name the kind of a token: position ids of Protocol V2 have a kind of their own."""
    return "CONDITIONAL" if int(token) & V2_RESERVED else "CONDITIONAL-V2"


def units(text: str) -> Decimal:
    """Base units of 1e-6 as dollars or shares. Raises PlatformError for what is no whole number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 78):
        raise Malformed(f"Polymarket's balance {text[:40]!r} is no whole number")
    return Decimal(int(text)).scaleb(-6)


def _condition(text: str) -> str:
    try:
        return condition_id(text)
    except ValueError as error:
        raise Malformed(f"Polymarket names a market {text[:80]!r}, which is no condition id") from error


def _row(raw: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            f"Polymarket's {kind.__name__} does not have the documented shape: {error}"
        ) from error
