"""Kalshi's order side: create, amend, decrease, cancel, and what Kalshi says became of our orders.

A write is sent once. The answer to it is the truth; the private stream comes next; the lists are for reconciliation, and
lag behind. So `find` says "not there" only when the read side is fresh enough to know, and an order whose cancel was
confirmed is not told as open again.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import requests

from markets.platforms.base import KALSHI, Malformed, PlatformError, Refused, Throttle
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi import orders, reports
from markets.platforms.kalshi.account import Account
from markets.platforms.kalshi.errors import UNREADABLE, error_of
from markets.platforms.kalshi.groups import OrderGroups
from markets.platforms.kalshi.http import segment
from markets.platforms.kalshi.parse import moment
from markets.platforms.kalshi.private_http import (
    Authorise,
    Outcome,
    PrivateHttp,
    Reply,
    Unsent,
    keeping_session,
    must,
    said,
)
from markets.platforms.kalshi.rest import KalshiRest
from markets.platforms.kalshi.rules import ExchangeState
from markets.platforms.trading import (
    CANCELLED,
    OPEN,
    PARTIAL,
    UNREACHABLE,
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
    Unsure,
)

WRITES = "/portfolio/events/orders"
READS = "/portfolio/orders"
CREATE_COST, CANCEL_COST = 10, 2  # tokens of the write bucket, for each order
AT_ONCE = 10  # orders in one batch: a batch must fit into the bucket (100 tokens at the lowest tier) at once
CANCELS_AT_ONCE = 20
PAGE = 1_000
LOOK_BACK = 120  # seconds before the sending from which a list is asked for: clocks differ
KEPT = 5_000  # confirmed cancels that are remembered while the lists catch up
ATTESTED_EVERY = 300.0  # seconds between two questions for the location attestation
GONE = "not open at Kalshi any more, or never was: cancelled, executed and unknown are told alike"


@dataclass(frozen=True, slots=True)
class Changed:
    """An amend or a decrease that was taken. `remaining` rests now; None where the amend changed no size."""

    platform_order_id: str
    remaining: Decimal | None


class KalshiTrading:
    """Implements `trading.Trading`; beyond it: batches, amend, decrease, order groups and the account's money.

    `authorise(method, path, body)` returns the headers that sign a request and raises `private_http.Unsigned`; `reload`
    has the signer read its keys again. `groups` is the kill switch that Kalshi itself holds, `account` the money.
    """

    platform = KALSHI
    knows_id_before = False

    def __init__(
        self,
        base_url: str,
        *,
        authorise: Authorise,
        reload: Callable[[], object] | None = None,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        write_throttle: Throttle | None = None,
        timeout: float = 10.0,
        attempts: int = 2,
        backoff: float = 0.1,
        subaccount: int = 0,
        group_contracts: int = 0,
        self_trade: str = orders.TAKER_AT_CROSS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        session = session or keeping_session()
        self._http = PrivateHttp(
            base_url, authorise=authorise, reload=reload, session=session, throttle=throttle, write_throttle=write_throttle,
            timeout=timeout, attempts=attempts, backoff=backoff, subaccount=subaccount,
        )  # fmt: skip
        # The state of the exchange is public, but over the same connections, which so stay warm
        self._public = KalshiRest(
            base_url, session=session, throttle=throttle, timeout=timeout, attempts=attempts, backoff=backoff
        )
        self.groups = OrderGroups(self._http, group_contracts)
        self.account = Account(self._http)
        self._self_trade = self_trade
        self._clock = clock
        self._gone: dict[str, Decimal] = {}  # order id -> what the cancel took away
        self._resized: set[str] = set()
        self._shards: dict[str, int] = {}
        self._attested: tuple[float, int | None] | None = None
        self._lock = threading.Lock()

    # --- orders out

    def prepare(self, request: OrderRequest) -> Prepared | Declined:
        """The body that will be sent. Kalshi's signature covers the time of sending, so it is made by `submit`."""
        body = orders.payload(request, subaccount=self._http.subaccount, self_trade=self._self_trade)
        return body if isinstance(body, Declined) else Prepared(request, "", body)

    def submit(self, prepared: Prepared) -> Answer:
        """Send it, once."""
        body = self._grouped(prepared)
        if isinstance(body, Declined):
            return body
        outcome = self._http.send("POST", WRITES, body, cost=CREATE_COST)
        if not isinstance(outcome, Reply):
            return _unanswered(outcome)
        return self._heard(orders.answer(outcome.status, outcome.raw, prepared.request), outcome)

    def submit_batch(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Send several, 10 in a request, each once; answers in the same order. Not all or nothing."""
        answers: list[Answer] = []
        for start in range(0, len(prepared), AT_ONCE):
            answers += self._batch(prepared[start : start + AT_ONCE])
        return answers

    def _batch(self, prepared: Sequence[Prepared]) -> list[Answer]:
        bodies = [self._grouped(one) for one in prepared]
        refused = next((body for body in bodies if isinstance(body, Declined)), None)
        if refused is not None:
            return [refused for _ in prepared]
        cost = CREATE_COST * len(prepared)
        outcome = self._http.send("POST", f"{WRITES}/batched", {"orders": bodies}, cost=cost)
        if not isinstance(outcome, Reply):
            return [_unanswered(outcome) for _ in prepared]
        if outcome.status != 201:
            answer = self._heard(orders.refusal(outcome.status, outcome.raw), outcome)
            return [answer for _ in prepared]
        try:
            rows = msgspec.json.decode(outcome.raw, type=wire.CreatedBatch).orders
        except UNREADABLE as error:
            return [Unsure(f"Kalshi's answer to a batch cannot be read ({error})") for _ in prepared]
        by_id = {row.client_order_id: row for row in rows}
        return [self._item(by_id.get(one.request.client_order_id), one.request) for one in prepared]

    def _item(self, row: wire.Created | None, request: OrderRequest) -> Answer:
        if row is None:
            return Unsure("Kalshi's answer to the batch leaves this order out")
        if _refused(row.error):
            return self._heard(orders.item_refusal(bytes(row.error)), None)
        try:
            return orders.accepted(row, request)
        except ValueError as error:
            return Unsure(f"Kalshi's answer for this order cannot be read ({error})")

    def amend(self, ref: OrderRef, wanted: OrderRequest) -> Changed | Declined | Unsure:
        """Give an open order another price, size or expiry. `wanted.size` is everything: filled and still to fill.

        Its client id becomes `wanted.client_order_id`. It may fill at once: look it up afterwards.
        """
        body = orders.payload(wanted, subaccount=self._http.subaccount, self_trade=self._self_trade)
        if isinstance(body, Declined):
            return body
        names = ("ticker", "side", "price", "count", "exchange_index", "expiration_time")
        kept: dict[str, Any] = {name: body.get(name) for name in names if name in body}
        kept["client_order_id"] = ref.client_order_id
        if wanted.client_order_id != ref.client_order_id:
            kept["updated_client_order_id"] = wanted.client_order_id
        return self._change(ref, "amend", kept)

    def decrease(
        self, ref: OrderRef, *, by: Decimal | None = None, to: Decimal | None = None
    ) -> Changed | Declined | Unsure:
        """Take contracts away from an open order, or leave so many; its place in the queue stays.

        Raises ValueError unless exactly one of the two is given.
        """
        if (by is None) == (to is None):
            raise ValueError("give either `by` or `to`")
        name, size = ("reduce_by", by) if by is not None else ("reduce_to", to)
        return self._change(ref, "decrease", {name: f"{size:.2f}", "market_ticker": ref.market_id})

    def _change(self, ref: OrderRef, what: str, body: Mapping[str, Any]) -> Changed | Declined | Unsure:
        self._resized.add(ref.platform_order_id)
        outcome = self._http.send(
            "POST", f"{WRITES}/{segment(ref.platform_order_id)}/{what}", body, cost=CREATE_COST,
            subaccount=self._http.subaccount,
        )  # fmt: skip
        if not isinstance(outcome, Reply):
            return _unanswered(outcome)
        if outcome.status == 404:
            return Declined(orders.INVALID, f"This order is {GONE}: look it up")
        if outcome.status != 200:
            return orders.refusal(outcome.status, outcome.raw)
        try:
            row = msgspec.json.decode(outcome.raw, type=wire.Created)
            rests = None if row.remaining_count is None else reports.size(row.remaining_count)
        except (*UNREADABLE, ValueError) as error:
            return Unsure(f"Kalshi's answer to an {what} cannot be read ({error})")
        return Changed(row.order_id or ref.platform_order_id, rests)

    # --- order groups

    def _grouped(self, prepared: Prepared) -> Mapping[str, Any] | Declined:
        """The body with the shard's order group, where groups are switched on."""
        body: Mapping[str, Any] = prepared.payload
        if not self.groups.wanted:
            return body
        try:
            group = self.groups.of(self._shard(prepared.request))
        except PlatformError as error:
            return Declined(UNREACHABLE, f"The order group is not known, so nothing was sent: {error}")
        return {**body, "order_group_id": group}

    def _shard(self, request: OrderRequest) -> int:
        """A market's shard; a group serves one shard only. Raises PlatformError."""
        known = orders.shard_of(request.facts)
        if known is None:
            known = self._shards.get(request.market_id)
        if known is None:
            known = orders.shard_of(self._public.market(request.market_id).extra) or 0
            self._shards[request.market_id] = known
        return known

    def _heard(self, answer: Answer, outcome: Reply | None) -> Answer:
        """What an answer means beyond its order: a group that Kalshi has lost is looked for anew; when to come again."""
        if isinstance(answer, Declined):
            if "order_group_not_found" in answer.sentence:
                self.groups.forget()
            if outcome is not None and outcome.retry_after:
                return replace(answer, retry_after=outcome.retry_after)
        return answer

    # --- cancels

    def cancel(self, refs: Sequence[OrderRef]) -> CancelReport:
        """Ask for these orders to be cancelled; one whose id at Kalshi is not known is looked up first."""
        gone: list[str] = []
        kept: dict[str, str] = {}
        unsure: list[str] = []
        known: list[OrderRef] = []
        for ref in refs:
            try:
                found = ref if ref.platform_order_id else self._named(ref)
            except PlatformError:
                unsure.append(ref.client_order_id)
                continue
            if found is None:
                kept[ref.client_order_id] = "Kalshi does not know this order (yet)"
            else:
                known.append(found)
        if len(known) == 1:
            self._cancel_one(known[0], gone, kept, unsure)
        else:
            for start in range(0, len(known), CANCELS_AT_ONCE):
                self._cancel_some(known[start : start + CANCELS_AT_ONCE], gone, kept, unsure)
        return CancelReport(tuple(gone), kept, tuple(unsure))

    def _named(self, ref: OrderRef) -> OrderRef | None:
        report = self.find(ref)
        return None if report is None else replace(ref, platform_order_id=report.platform_order_id)

    def _cancel_one(self, ref: OrderRef, gone: list[str], kept: dict[str, str], unsure: list[str]) -> None:
        # Without the ticker the request goes to shard 0 and finds nothing that lies elsewhere
        outcome = self._http.send(
            "DELETE", f"{WRITES}/{segment(ref.platform_order_id)}", cost=CANCEL_COST,
            market_ticker=ref.market_id, subaccount=self._http.subaccount,
        )  # fmt: skip
        if isinstance(outcome, Reply) and outcome.status == 200:
            try:
                row = msgspec.json.decode(outcome.raw, type=wire.Cancelled)
                self._remember_gone(ref.platform_order_id, reports.size(row.reduced_by))
            except (*UNREADABLE, ValueError):
                unsure.append(ref.client_order_id)
                return
            gone.append(ref.client_order_id)
        else:
            _not_cancelled([ref], outcome, kept, unsure)

    def _cancel_some(
        self, refs: Sequence[OrderRef], gone: list[str], kept: dict[str, str], unsure: list[str]
    ) -> None:
        rows = [
            {
                "order_id": ref.platform_order_id,
                "market_ticker": ref.market_id,
                "subaccount": self._http.subaccount,
            }
            for ref in refs
        ]
        outcome = self._http.send(
            "DELETE", f"{WRITES}/batched", {"orders": rows}, cost=CANCEL_COST * len(refs)
        )
        if not isinstance(outcome, Reply) or outcome.status != 200:
            _not_cancelled(refs, outcome, kept, unsure)
            return
        try:
            answered = {
                row.order_id: row for row in msgspec.json.decode(outcome.raw, type=wire.CancelledBatch).orders
            }
        except UNREADABLE:
            unsure += [ref.client_order_id for ref in refs]
            return
        for ref in refs:
            row = answered.get(ref.platform_order_id)
            if row is None:
                unsure.append(ref.client_order_id)
            elif _refused(row.error):
                code, words = error_of(bytes(row.error))
                kept[ref.client_order_id] = GONE if code == "not_found" else f"{code} {words}".strip()
            else:
                self._remember_gone(ref.platform_order_id, reports.number(row.reduced_by))
                gone.append(ref.client_order_id)

    def cancel_all(self) -> None:
        """Cancel whatever our subaccount has open, ours or not, on every shard. Raises PlatformError.

        Orders that are placed within the next minute may be cancelled too.
        """
        outcome = self._http.send("DELETE", WRITES, cost=CREATE_COST, subaccount=self._http.subaccount)
        must(outcome, 204, 200, what="the cancel of everything")

    @property
    def has_switch(self) -> bool:
        """Whether our orders are put into groups, which Kalshi itself can stop."""
        return self.groups.wanted

    def block(self) -> None:
        """Have Kalshi itself cancel what our order groups hold, and refuse more until `unblock`. Raises PlatformError."""
        self.groups.trigger()

    def unblock(self) -> None:
        """Have Kalshi take our orders again. Raises PlatformError."""
        self.groups.reset()

    def _remember_gone(self, order_id: str, reduced: Decimal) -> None:
        with self._lock:
            self._gone[order_id] = reduced
            while len(self._gone) > KEPT:
                del self._gone[next(iter(self._gone))]

    # --- what became of them

    def find(self, ref: OrderRef) -> OrderReport | None:
        """The order as Kalshi tells it now; None where it does not know it, and is fresh enough to know."""
        if ref.platform_order_id:
            try:
                body = self._http.get(wire.OrderBody, f"{READS}/{segment(ref.platform_order_id)}")
            except Refused as refusal:
                if refusal.status != 404:
                    raise
            else:
                return self._true(body.order)
        return self._search(ref)

    def _search(self, ref: OrderRef) -> OrderReport | None:
        """The order in its market's list, by either id."""
        as_of = self._as_of() if ref.sent_at is not None else None
        from_ts = None if ref.since is None else int(ref.since.timestamp()) - LOOK_BACK
        for order in self._orders(ticker=ref.market_id, min_ts=from_ts):
            if order.order_id == ref.platform_order_id or (
                ref.client_order_id and order.client_order_id == ref.client_order_id
            ):
                return self._true(order)
        if as_of is not None and ref.sent_at is not None and as_of < ref.sent_at:
            raise PlatformError(
                f"Kalshi's lists are as of {as_of:%H:%M:%S.%f}, before this order was sent: ask again."
            )
        return None

    def _orders(self, **query: Any) -> Iterator[wire.Order]:
        for page in self._http.pages(wire.OrdersPage, READS, limit=PAGE, **query):
            yield from page.orders or ()

    def _as_of(self) -> datetime:
        """How fresh the lists are. Asked for before a list is read, so that the list is at least as fresh."""
        text = self._http.get(wire.AsOf, "/exchange/user_data_timestamp").as_of_time
        try:
            found = moment(text)
        except ValueError as error:
            raise Malformed(f"Kalshi's user_data_timestamp: {error}") from error
        if found is None:
            raise PlatformError("Kalshi does not tell how fresh its lists are: ask again.")
        return found

    def _true(self, body: wire.Order) -> OrderReport:
        """A row in our words; one that has not heard of its own cancel yet is put right. Raises PlatformError."""
        try:
            report = reports.order(body)
            rests = reports.size(body.remaining_count_fp)
        except ValueError as error:
            raise Malformed(f"Kalshi's order {body.order_id[:40]} cannot be read: {error}") from error
        reduced = self._gone.get(body.order_id)
        if reduced is None or report.status not in (OPEN, PARTIAL):
            return report
        if body.order_id in self._resized:
            raise PlatformError(
                f"Kalshi's lists have not heard yet that {body.order_id[:40]} was cancelled: ask again."
            )
        # What was left when it was cancelled is known: everything else of it has filled
        return replace(report, status=CANCELLED, matched=report.matched + max(Decimal(0), rests - reduced))

    def fills(self, refs: Sequence[OrderRef]) -> list[FillReport]:
        """Every execution of these orders that Kalshi's list has by now; fills carry no client id, so by order id."""
        found: dict[str, FillReport] = {}
        for ref in refs:
            named = ref if ref.platform_order_id else self._named(ref)
            if named is not None:
                found.update((one.fill_id, one) for one in self._fills(order_id=named.platform_order_id))
        return list(found.values())

    def fills_since(self, since: datetime) -> list[FillReport]:
        """Every execution of the subaccount since then, hand-placed ones too (about three months back)."""
        found = {one.fill_id: one for one in self._fills(min_ts=int(since.timestamp()))}
        return [one for one in found.values() if one.at >= since]

    def _fills(self, **query: Any) -> list[FillReport]:
        pages = self._http.pages(wire.FillsPage, "/portfolio/fills", limit=PAGE, **query)
        try:
            return [reports.fill(row) for page in pages for row in page.fills or ()]
        except ValueError as error:
            raise Malformed(f"A fill of Kalshi cannot be read: {error}") from error

    def open_orders(self) -> list[OrderReport]:
        """Everything of the subaccount that rests, hand-placed orders too."""
        found = {order.order_id: order for order in self._orders(status="resting")}
        told = (self._true(order) for order in found.values() if order.order_id not in self._gone)
        return [report for report in told if report.status in (OPEN, PARTIAL)]

    # --- the account

    def holdings(self) -> list[Holding]:
        """Everything that is held and not settled. Kalshi nets: of one market only YES or NO is ever held."""
        return self.account.holdings()

    def balances(self) -> list[Balance]:
        """What orders may use on each shard."""
        return self.account.balances()

    def settlements_since(self, since: datetime) -> list[SettlementReport]:
        """Markets that paid out since then."""
        return self.account.settlements_since(since)

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Deposits, withdrawals and transfers since then."""
        return self.account.cash_since(since)

    # --- the exchange

    def state(self) -> PlatformState:
        """Whether Kalshi trades, and takes orders from where we are. One shard that is shut is told, and no more:
        its orders are refused by themselves."""
        exchange = self._public.exchange_status()
        shut = sorted(shard for shard, trades in exchange.shards.items() if not trades)
        if not exchange.active or not exchange.trading:
            what = "takes neither orders nor cancels" if not exchange.active else "has paused trading"
            return PlatformState(False, exchange.active, f"Kalshi {what}.", exchange.resumes)
        lapsed = self._lapsed()
        if lapsed:
            return PlatformState(False, True, lapsed, lasting=True)
        return PlatformState(True, True, f"Kalshi's shard {shut} does not trade." if shut else "")

    def exchange(self) -> ExchangeState:
        """The state of every shard."""
        return self._public.exchange_status()

    def _lapsed(self) -> str:
        """Why orders would be refused for where we are, or nothing. The attestation changes rarely, so it is kept."""
        now = self._clock()
        if self._attested is None or now - self._attested[0] > ATTESTED_EVERY:
            self._attested = (now, self._attested_until())
        until = self._attested[1]
        if until is None or until > now:
            return ""
        return (
            f"The account's location attestation ended at {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC, and "
            "Kalshi refuses orders in restricted categories: renew it on Kalshi's site."
        )

    def _attested_until(self) -> int | None:
        try:
            return self.account.attested_until()
        except Refused as refusal:
            if refusal.status != 403:
                raise
            return None  # a key that may trade but not read the list of keys

    def clock(self) -> datetime:
        """Kalshi's clock, to the second."""
        return self._public.server_time()


def _unanswered(outcome: Outcome) -> Declined | Unsure:
    """A write without an answer: it was never sent, or nobody knows."""
    if isinstance(outcome, Unsent):
        return Declined(outcome.code, outcome.sentence)
    return Unsure(said(outcome))


def _not_cancelled(
    refs: Sequence[OrderRef], outcome: Outcome, kept: dict[str, str], unsure: list[str]
) -> None:
    """Where a request to cancel was refused, its orders stay; where nobody knows, nobody knows."""
    if isinstance(outcome, Reply):
        proof = outcome.status == 404 or isinstance(orders.refusal(outcome.status, outcome.raw), Declined)
        why = GONE if outcome.status == 404 else said(outcome)
    else:
        proof, why = isinstance(outcome, Unsent), said(outcome)
    if proof:
        kept.update({ref.client_order_id: why for ref in refs})
    else:
        unsure += [ref.client_order_id for ref in refs]


def _refused(error: msgspec.Raw) -> bool:
    """Whether an item of a batch carries an error."""
    return bool(error) and bytes(error) != b"null"
