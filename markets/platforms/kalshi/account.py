"""What the account has and what moved it: balances per shard, settlements, deposits, transfers, subaccounts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from markets.platforms.base import Malformed, Refused
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi import orders, reports
from markets.platforms.kalshi.errors import UNREADABLE
from markets.platforms.kalshi.private_http import Lost, PrivateHttp, Reply, Unsent, must
from markets.platforms.trading import Balance, CashReport, Declined, Holding, SettlementReport, Unsure

T = TypeVar("T")
V = TypeVar("V")
CASH_PAGE = 500  # deposits, withdrawals and transfers in a page
PAGE = 1_000
CENTICENT = Decimal("0.0001")
TRANSFERS = "/portfolio/intra_exchange_instance_transfers"


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer that Kalshi has: by its own id, or, where it was sent before, by ours."""

    transfer_id: str
    before: bool = False  # it was there already: the id had been used


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens a second that Kalshi grants the account."""

    tier: str
    read: int
    write: int


class Account:
    """The account's money and holdings, of one subaccount. Reads raise PlatformError."""

    def __init__(self, http: PrivateHttp) -> None:
        self._http = http

    # --- what is there

    def balances(self) -> list[Balance]:
        """What orders may use on each shard. The endpoint has a bucket of its own, one a second.

        Kalshi tells no cash apart from it: what resting orders reserve is off already. Where nothing rests on a shard,
        both before and after, the two are the same.
        """
        resting = self._resting_shards()
        self._http.pay("balance", 1)
        body = self._http.mine(wire.Balance, "/portfolio/balance")
        resting |= self._resting_shards()
        rows = body.balance_breakdown
        if rows is None:
            rows = [wire.ShardBalance(0, body.balance_dollars)]
        return _read("balance", rows, lambda row: _balance(row, resting))

    def _resting_shards(self) -> set[int]:
        pages = self._http.pages(wire.OrdersPage, "/portfolio/orders", status="resting", limit=PAGE)
        return {order.exchange_index or 0 for page in pages for order in page.orders or ()}

    def holdings(self) -> list[Holding]:
        """Everything that is held and not settled."""
        pages = self._http.pages(
            wire.PositionsPage, "/portfolio/positions", count_filter="position", limit=PAGE
        )
        rows = [row for page in pages for row in page.market_positions or ()]
        held = _read("position", rows, lambda row: reports.holding(row.ticker, row.position_fp))
        return [one for one in held if one.size]

    # --- what happened

    def settlements_since(self, since: datetime) -> list[SettlementReport]:
        """Markets that paid out since then."""
        pages = self._http.pages(
            wire.SettlementsPage, "/portfolio/settlements", min_ts=int(since.timestamp()), limit=PAGE
        )
        rows = [row for page in pages for row in page.settlements or ()]
        return [one for one in _read("settlement", rows, reports.settlement) if one.at >= since]

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Deposits, withdrawals, and transfers between shards or subaccounts, as our subaccount sees them.

        Bank money and shard transfers are the primary account's alone. None of these lists can be asked for by time.
        """
        found = self._subaccount_transfers()
        if self._http.subaccount == 0:
            found += [*self._deposits(), *self._withdrawals(), *self._shard_transfers()]
        return sorted((one for one in found if one.at >= since), key=lambda one: (one.at, one.reference))

    def _deposits(self) -> list[CashReport]:
        pages = self._http.all_pages(wire.DepositsPage, "/portfolio/deposits", limit=CASH_PAGE)
        rows = [row for page in pages for row in page.deposits or ()]
        found = _read("deposit", rows, lambda row: reports.cash(row, reports.DEPOSIT))
        return [one for one in found if one is not None]

    def _withdrawals(self) -> list[CashReport]:
        pages = self._http.all_pages(wire.WithdrawalsPage, "/portfolio/withdrawals", limit=CASH_PAGE)
        rows = [row for page in pages for row in page.withdrawals or ()]
        found = _read("withdrawal", rows, lambda row: reports.cash(row, reports.WITHDRAWAL))
        return [one for one in found if one is not None]

    def _shard_transfers(self) -> list[CashReport]:
        rows = [row for page in self._transfer_pages() for row in page.transfers or ()]
        return [one for both in _read("transfer", rows, reports.shard_transfer) for one in both]

    def _transfer_pages(self) -> Iterable[wire.ShardTransfersPage]:
        return self._http.all_pages(wire.ShardTransfersPage, TRANSFERS, limit=CASH_PAGE)

    def _subaccount_transfers(self) -> list[CashReport]:
        pages = self._http.all_pages(
            wire.SubaccountTransfersPage, "/portfolio/subaccounts/transfers", limit=CASH_PAGE
        )
        try:
            rows = [row for page in pages for row in page.transfers or ()]
        except Refused as refusal:
            if refusal.status not in (403, 404):
                raise
            return []  # subaccounts come with a higher tier
        ours = self._http.subaccount
        found = _read("transfer", rows, lambda row: reports.subaccount_transfer(row, ours))
        return [one for both in found for one in both]

    # --- moving money

    def move(self, amount: Decimal, source: int, target: int, transfer_id: str) -> Moved | Declined | Unsure:
        """Move dollars of the primary account from one shard to another.

        `transfer_id` (a UUID of ours) makes it safe to ask again: Kalshi refuses an id that it has seen, and moves
        nothing twice.
        """
        if amount <= 0 or amount % CENTICENT:
            return Declined(
                orders.INVALID, f"{amount} dollars cannot be moved: give a multiple of {CENTICENT} above 0"
            )
        body = {
            "source": "event_contract", "destination": "event_contract",
            "source_exchange_shard": source, "destination_exchange_shard": target,
            "amount": int(amount / CENTICENT), "client_transfer_id": transfer_id,
        }  # fmt: skip
        outcome = self._http.send("POST", "/portfolio/intra_exchange_instance_transfer", body)
        if isinstance(outcome, Unsent):
            return Declined(outcome.code, outcome.sentence)
        if isinstance(outcome, Lost):
            return Unsure(f"{outcome.sentence}: ask again with the same id")
        if outcome.status == 200:
            try:
                return Moved(msgspec.json.decode(outcome.raw, type=wire.TransferMade).transfer_id)
            except UNREADABLE as error:
                return Unsure(f"Kalshi's answer to a transfer cannot be read ({error})")
        if outcome.status == 409:
            return Moved(transfer_id, before=True)
        return orders.refusal(outcome.status, outcome.raw)

    # --- subaccounts

    def subaccounts(self) -> list[tuple[int, Balance]]:
        """Every subaccount with what it may use on each shard."""
        body = self._http.get(wire.SubaccountBalances, "/portfolio/subaccounts/balances")
        return _read(
            "subaccount", body.subaccount_balances,
            lambda row: (row.subaccount_number, Balance(row.exchange_index, None, reports.number(row.balance))),
        )  # fmt: skip

    def create_subaccount(self) -> int:
        """A new subaccount; its number. Raises PlatformError."""
        raw = must(self._http.send("POST", "/portfolio/subaccounts", {}), 201, what="a new subaccount")
        return self._decoded(raw, wire.SubaccountMade).subaccount_number

    def move_between(self, cents: int, source: int, target: int, transfer_id: str, *, shard: int = 0) -> None:
        """Move whole cents between subaccounts; an id that was used before moves nothing twice. Raises PlatformError."""
        body = {
            "client_transfer_id": transfer_id, "from_subaccount": source, "to_subaccount": target,
            "amount_cents": cents, "exchange_index": shard,
        }  # fmt: skip
        outcome = self._http.send("POST", "/portfolio/subaccounts/transfer", body)
        if isinstance(outcome, Reply) and outcome.status == 409:
            return
        must(outcome, 200, what="the transfer between subaccounts")

    # --- the account itself

    def attested_until(self) -> int | None:
        """Until when our location is attested (Unix seconds); None where Kalshi asks for no attestation."""
        return self._http.get(wire.ApiKeys, "/api_keys").api_key_region_expiration_ts

    def limits(self) -> Limits:
        """What the account's tier allows."""
        body = self._http.get(wire.AccountLimits, "/account/limits")
        return Limits(body.usage_tier, body.read.refill_rate, body.write.refill_rate)

    def _decoded(self, raw: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except UNREADABLE as error:
            raise Malformed(f"Kalshi's answer does not have the documented shape: {error}") from error


def _balance(row: wire.ShardBalance, resting: set[int]) -> Balance:
    free = reports.number(row.balance)
    return Balance(row.exchange_index, None if row.exchange_index in resting else free, free)


def _read(what: str, rows: Iterable[Any], read: Callable[[Any], V]) -> list[V]:
    """Rows in our words. One that cannot be read spoils the list: what is left out would pass for "not there"."""
    try:
        return [read(row) for row in rows]
    except ValueError as error:
        raise Malformed(f"A {what} of Kalshi cannot be read: {error}") from error
