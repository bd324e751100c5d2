"""Polymarket's order side (CLOB V2): orders, cancels, and what the platform says became of them. See `Trading`.

An order's id is the hash that its wallet signs, so it is known before anything is sent; and the same request gives the
same hash, so an order that goes out twice is refused as a duplicate. Writes are sent once, whatever happens.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import requests

from markets.platforms.base import POLYMARKET, Malformed, PlatformError, Refused, Throttle
from markets.platforms.polymarket import refusals
from markets.platforms.polymarket.account import Account
from markets.platforms.polymarket.account_wire import Answer as WireAnswer
from markets.platforms.polymarket.account_wire import CancelAnswer, ClosedOnly, Geoblock, Position
from markets.platforms.polymarket.credentials import Login, SignerAway
from markets.platforms.polymarket.heartbeat import Heartbeat
from markets.platforms.polymarket.http import JsonHttp, NoAnswer, NotSent, private_session
from markets.platforms.polymarket.orders import EOA, exchange_of, order_id
from markets.platforms.polymarket.preparing import Signed, Wallet, unsigned
from markets.platforms.polymarket.replies import Reply, reason_in
from markets.platforms.polymarket.reports import Owner
from markets.platforms.polymarket.terms import Terms, from_facts
from markets.platforms.trading import (
    GTC,
    GTD,
    INVALID,
    SIGNER_REFUSED,
    TRADING_PAUSED,
    UNAUTHORISED,
    UNREACHABLE,
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
    Sign,
    Unsure,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_BATCH, MAX_CANCELS = 15, 80  # a batch is taken whole or not at all: at most what a second allows
STATE_STANDS = timedelta(seconds=30)  # how long what the platform said of our place and account is believed
ORDER, CANCEL = "clob-order", "clob-cancel"  # rate limits


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the platform is."""

    clob: str
    data: str
    geoblock: str


class PolymarketTrading:
    """See `Trading`. `heart` is the dead man's switch: whoever keeps orders resting calls `heart.beat`.

    `terms_of` tells a market's tokens and grid where a request's facts do not; it raises PlatformError or ValueError.
    """

    platform = POLYMARKET
    knows_id_before = True

    def __init__(
        self,
        hosts: Hosts,
        sign: Sign,
        terms_of: Callable[[str], Terms],
        *,
        signature_type: int = EOA,
        funder: str = "",
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        timeout: float = 10.0,
        attempts: int = 3,
        backoff: float = 0.25,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`timeout` and `backoff` in seconds. `funder`: the wallet that holds the funds, for signature types 1 to 3."""
        if signature_type != EOA and not funder:
            raise ValueError(
                f"signature type {signature_type} needs POLYMARKET_FUNDER, the wallet that holds the funds"
            )
        session = session or private_session()
        how = {"timeout": timeout, "attempts": attempts, "backoff": backoff}

        def host(url: str, auth: bool = False) -> JsonHttp:
            headers = self.login.headers if auth else None
            return JsonHttp(url, session, throttle, auth=headers, **how)  # type: ignore[arg-type]

        self.login = Login(hosts.clob, sign, session=session, throttle=throttle, now=now, **how)  # type: ignore[arg-type]
        self._sign, self._terms_of, self._now = sign, terms_of, now
        self._signature_type, self._funder = signature_type, funder
        self._clob, self._public = host(hosts.clob, auth=True), host(hosts.clob)
        self._geoblock = host(hosts.geoblock)
        self.account = Account(
            self._clob, host(hosts.data), terms_of=terms_of, owner=self._owner, signature_type=signature_type
        )
        self.heart = Heartbeat(lambda body: self._write("clob", "POST", "/v1/heartbeats", body))
        self._paused: tuple[str, datetime] | None = None
        self._said: tuple[datetime, PlatformState] | None = None

    # Orders

    def prepare(self, request: OrderRequest) -> Prepared | Declined:
        """The signed order and its id. Talks to the signer, and to `terms_of` where the request lacks facts."""
        try:
            terms = from_facts(request.facts) or self._terms_of(request.market_id)
            version, contract = exchange_of(terms.version, neg_risk=terms.neg_risk)
            wallet = self._wallet()
            found = unsigned(request, terms, wallet, self._now())
            if isinstance(found, Declined):
                return found
            ours = order_id(found.order, version, contract)
        except SignerAway as error:
            return Declined(SIGNER_REFUSED, str(error))
        except (PlatformError, ValueError) as error:
            return Declined(INVALID, f"The order cannot be made: {error}")
        if request.time_in_force in (GTC, GTD) and not self.heart.healthy(self._now()):
            why = f"The heartbeat does not count ({self.heart.failure or 'silent'}): a resting order would be cancelled."
            return Declined(TRADING_PAUSED, why)
        asked = {
            "op": "polymarket_order",
            "order": found.order.as_json(),
            "domain": {"version": version, "contract": contract},
        }
        try:
            answer = self._sign(asked)
        except OSError as error:
            return Declined(SIGNER_REFUSED, str(error))
        signature = str(answer.get("signature", ""))
        if not signature or str(answer.get("order_id", ours)).lower() != ours:
            return Declined(SIGNER_REFUSED, "The signer answers with another order than the one asked for.")
        return Prepared(request, ours, found.signed(signature))

    def submit(self, prepared: Prepared) -> Answer:
        """Send it, once. A refused login is renewed for the next order, not for this one."""
        signed: Signed = prepared.payload
        try:
            reply = self._post("/order", lambda owner: signed.post(owner))
        except NoAnswer as error:
            return Unsure(str(error))
        except PlatformError as error:
            return _not_sent(error)
        answer = refusals.judged(reply, prepared.request, signed.cash)
        self._learn(answer)
        return _checked(answer, prepared)

    def submit_many(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Send up to fifteen in one request; each is accepted or refused for itself, in the same order.

        Raises ValueError for more.
        """
        if not 0 < len(batch) <= MAX_BATCH:
            raise ValueError(f"a batch holds 1 to {MAX_BATCH} orders, not {len(batch)}")
        try:
            reply = self._post(
                "/orders", lambda owner: [one.payload.post(owner) for one in batch], cost=len(batch)
            )
        except NoAnswer as error:
            return [Unsure(str(error))] * len(batch)
        except PlatformError as error:
            return [_not_sent(error)] * len(batch)
        if reply.status != 200:
            answer = refusals.refused(reply)
            self._learn(answer)
            return [answer] * len(batch)
        try:
            rows = msgspec.json.decode(reply.content, type=list[WireAnswer])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = []
        if len(rows) != len(batch):
            return [Unsure("Polymarket's answer to the batch cannot be read: look the orders up")] * len(
                batch
            )
        answers = [
            refusals.told(row, one.request, one.payload.cash) for row, one in zip(rows, batch, strict=True)
        ]
        return [_checked(answer, one) for answer, one in zip(answers, batch, strict=True)]

    def _post(self, path: str, document: Callable[[str], object], *, cost: int = 1) -> Reply:
        """One POST with the present login. Raises NoAnswer where the outcome is unknown, else nothing was sent."""
        credentials = self.login.credentials()
        body = msgspec.json.encode(document(credentials.api_key))
        reply = self._clob.send(ORDER, "POST", path, body, cost=cost)
        if reply.status == 401:
            self._renewed(credentials)
        return reply

    def _renewed(self, refused: object) -> bool:
        """Log in again after a 401; False where that does not work either."""
        try:
            self.login.renew(refused)  # type: ignore[arg-type]
        except PlatformError as error:
            log.warning("no new login", extra={"platform": POLYMARKET, "why": str(error)})
            return False
        return True

    def _learn(self, answer: Answer) -> None:
        """Remember that the platform pauses: `state` has no other way to know."""
        if isinstance(answer, Declined) and answer.code == TRADING_PAUSED:
            until = self._now() + timedelta(seconds=max(answer.retry_after, 5.0))
            self._paused = (answer.sentence, until)
        elif isinstance(answer, Accepted):
            self._paused = None

    # Cancels

    def cancel(self, refs: Sequence[OrderRef]) -> CancelReport:
        """Ask for these orders to be cancelled, many in one request."""
        known = {ref.platform_order_id.lower(): ref.client_order_id for ref in refs if ref.platform_order_id}
        kept = {ref.client_order_id: "it was never sent" for ref in refs if not ref.platform_order_id}
        gone: list[str] = []
        unsure: list[str] = []
        ids = list(known)
        for start in range(0, len(ids), MAX_CANCELS):
            part = ids[start : start + MAX_CANCELS]
            found = self._cancelled(part)
            gone += [known[one] for one in part if one in found.gone]
            kept |= {known[one]: why for one, why in found.kept.items() if one in known}
            unsure += [known[one] for one in part if one not in found.gone and one not in found.kept]
        return CancelReport(tuple(gone), kept, tuple(unsure))

    def _cancelled(self, ids: list[str]) -> CancelReport:
        """What became of a cancel, by platform order id; an id that is in none of the three is unsure."""
        path, body = ("/order", {"orderID": ids[0]}) if len(ids) == 1 else ("/orders", ids)
        try:
            reply = self._write(CANCEL, "DELETE", path, msgspec.json.encode(body), cost=len(ids))
        except NotSent as error:
            return CancelReport(kept=dict.fromkeys(ids, str(error)))
        except PlatformError:
            return CancelReport()
        if reply.status != 200:
            why = refusals.refused(reply)
            return CancelReport(kept=dict.fromkeys(ids, why.sentence) if isinstance(why, Declined) else {})
        try:
            found = _cancel_answer(reply)
        except Malformed:
            return CancelReport()
        kept = {one.lower(): why for one, why in (found.not_canceled or {}).items()}
        return CancelReport(tuple(one.lower() for one in found.canceled or ()), kept)

    def cancel_all(self) -> None:
        """Cancel whatever is open, ours or not. Raises PlatformError where that is not sure."""
        self._cancel_many("/cancel-all", None)

    def cancel_market(self, market_id: str) -> None:
        """Cancel whatever is open on one market. Raises PlatformError."""
        self._cancel_many("/cancel-market-orders", {"market": market_id})

    def _cancel_many(self, path: str, body: object) -> None:
        raw = None if body is None else msgspec.json.encode(body)
        reply = self._write(CANCEL, "DELETE", path, raw)
        if reply.status != 200:
            words = reason_in(reply.content)
            raise Refused(
                f"Polymarket refuses {path}: {reply.status} {words}", status=reply.status, code=words
            )
        left = _cancel_answer(reply).not_canceled
        if left:
            log.warning("orders that were not cancelled", extra={"platform": POLYMARKET, "orders": len(left)})

    def _write(self, endpoint: str, method: str, path: str, body: bytes | None, *, cost: int = 1) -> Reply:
        """A write that may be repeated without harm (a cancel, a heartbeat): once more after a new login."""
        credentials = self.login.credentials()
        reply = self._clob.send(endpoint, method, path, body, cost=cost)
        if reply.status == 401 and self._renewed(credentials):
            reply = self._clob.send(endpoint, method, path, body, cost=cost)
        return reply

    # Reading

    def find(self, ref: OrderRef) -> OrderReport | None:
        """The order by its hash; by its trades where only they are left; None where neither is there (yet)."""
        return self._read(lambda: self.account.order(ref))

    def fills(self, refs: Sequence[OrderRef]) -> list[FillReport]:
        """Every execution of these orders that the platform knows of by now."""
        return self._read(lambda: self.account.fills(refs))

    def fills_since(self, since: datetime) -> list[FillReport]:
        """Every execution of the account since then, hand-placed ones too."""
        return self._read(lambda: self.account.fills_since(since))

    def open_orders(self) -> list[OrderReport]:
        """Everything that is open, hand-placed orders too."""
        return self._read(self.account.open_orders)

    def holdings(self) -> list[Holding]:
        """Everything that is held and not settled; what a trade brings shows once it is confirmed."""
        return self._read(lambda: self.account.holdings(self._now()))

    def positions(self) -> list[Position]:
        """What the data API lists, settled positions too: what can be redeemed or merged."""
        return self._read(lambda: self.account.positions(self._now()))

    def balances(self) -> list[Balance]:
        """Cash on the chain, and what open purchases leave of it."""
        return self._read(self.account.balances)

    def settlements_since(self, since: datetime) -> list[SettlementReport]:
        """Markets that paid out since then."""
        return self._read(lambda: self.account.settlements_since(since, self._now()))

    def cash_since(self, since: datetime) -> list[CashReport]:
        """Deposits, withdrawals, and what the platform gave."""
        return self._read(lambda: self.account.cash_since(since))

    def refresh_balances(self, tokens: Sequence[str] = ()) -> None:
        """Make the platform read cash (and these tokens) from the chain again: after a deposit, approval or merge."""
        for token in ("", *tokens):
            self._read(lambda token=token: self.account.refresh_balance(token))  # type: ignore[misc]

    def clock(self) -> datetime:
        """The order book's clock, whole seconds."""
        seconds = self._public.get("clob", "/time", int)
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise Malformed(f"Polymarket's clock says {seconds}, which is no time") from error

    def state(self) -> PlatformState:
        """Whether orders are taken now, from us, from here. Raises PlatformError where it cannot be known."""
        now = self._now()
        if self._paused is not None and now < self._paused[1]:
            return PlatformState(False, True, self._paused[0], self._paused[1])
        if self._said is None or now - self._said[0] >= STATE_STANDS:
            self._said = (now, self._read(self._state))
        return self._said[1]

    def _state(self) -> PlatformState:
        place = self._geoblock.get("clob", "", Geoblock)
        if place.blocked:
            where = " ".join(part for part in (place.country, place.region) if part) or "this place"
            return PlatformState(
                False, True, f"Polymarket takes no orders from {where}: do not trade from here.", lasting=True
            )
        if self._clob.get("clob", "/auth/ban-status/closed-only", ClosedOnly).closed_only:
            return PlatformState(
                False,
                True,
                "The Polymarket account is closed-only: it may only reduce what it holds.",
                lasting=True,
            )
        missing = self.account.missing_approvals()
        return PlatformState(not missing, True, " ".join(missing))

    def _read(self, ask: Callable[[], T]) -> T:
        """Ask; once more after a new login where the present one is refused."""
        credentials = self.login.credentials()
        try:
            return ask()
        except Refused as error:
            if error.status != 401 or not self._renewed(credentials):
                raise
            return ask()

    # Who we are

    def _wallet(self) -> Wallet:
        return Wallet(self.login.address, self._signature_type, self._funder)

    def _owner(self) -> Owner:
        return Owner(self._wallet().maker, self.login.credentials().api_key)


def _not_sent(error: PlatformError) -> Declined:
    if isinstance(error, SignerAway):
        return Declined(SIGNER_REFUSED, str(error))
    if isinstance(error, Refused) and error.status == 401:
        return Declined(UNAUTHORISED, str(error))
    return Declined(UNREACHABLE, f"{error} Nothing was sent.")


def _checked(answer: Answer, prepared: Prepared) -> Answer:
    """An acceptance must be of the order that we signed."""
    if isinstance(answer, Accepted) and answer.platform_order_id != prepared.platform_order_id:
        log.error("the platform names another order", extra={"ours": prepared.platform_order_id})
        return Unsure("Polymarket accepted an order under another id than its hash: look both up")
    return answer


def _cancel_answer(reply: Reply) -> CancelAnswer:
    try:
        return msgspec.json.decode(reply.content, type=CancelAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(
            f"Polymarket's answer to a cancel does not have the documented shape: {error}"
        ) from error
