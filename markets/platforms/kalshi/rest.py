"""Kalshi's public REST side. Paths are below `…/trade-api/v2`; sources: the venue page, sections 4, 5, 11 and 13."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import requests

from markets.platforms.base import (
    KALSHI,
    OPEN,
    BookSnapshot,
    EventInfo,
    FeedMarket,
    Malformed,
    MarketInfo,
    PublicTrade,
    Refused,
    Throttle,
)
from markets.platforms.kalshi import feechanges, parse, rules, wire
from markets.platforms.kalshi.feechanges import NONE_ANNOUNCED, Announced, Announcements
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.kalshi.http import UNREADABLE, Authorise, JsonHttp, segment
from markets.platforms.kalshi.rules import ExchangeState, Settlement

TIMEOUT = 10.0  # seconds
ATTEMPTS = 4
BACKOFF = 0.25  # seconds before the second attempt; doubles, with jitter
EVENTS_PAGE = 200
MARKETS_PAGE = 1_000
TRADES_PAGE = 1_000
AT_ONCE = 100  # books in one request (documented), and tickers in one address
MAX_PAGES = 5_000
T = TypeVar("T")


class KalshiRest:
    """Markets, books, trades, fees and the state of the exchange; implements `base.MarketData`.

    Every call waits for the throttle (`read`, 10 tokens a request) and is repeated while the trouble passes. All
    methods raise Refused, Malformed or another PlatformError (`http.Busy` with its hints after the last attempt).
    Without `authorise` requests go unsigned, which public data allows; with it every request is signed.
    With `now` (the clock) the fees of markets reckon with the changes that Kalshi has announced.
    `skipped` counts rows of lists that could not be read and were left out.
    """

    platform = KALSHI

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        authorise: Authorise | None = None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        backoff: float = BACKOFF,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._http = JsonHttp(
            base_url, session=session, throttle=throttle, authorise=authorise, timeout=timeout, attempts=attempts,
            backoff=backoff,
        )  # fmt: skip
        self._series: dict[str, wire.Series] = {}
        self._now = now
        self._announced: Announcements | None = None
        self.skipped = 0

    # --- markets

    def markets(
        self,
        *,
        closing_before: datetime | None = None,
        limit: int | None = None,
        status: str = OPEN,
        series_ticker: str = "",
        closing_after: datetime | None = None,
    ) -> Iterator[MarketInfo]:
        """Markets of one `status` (ours), page by page, with event and fees; combos are not among them.

        `closing_before` compares with the earlier of close and forecast, because Kalshi's close leaves room for
        postponements. `closing_after` is the platform's own filter: events with a market that closes later.
        Raises ValueError for a status that Kalshi cannot be asked for.
        """
        query = {"status": _asked(status), "with_nested_markets": "true", "limit": str(EVENTS_PAGE)}
        query["series_ticker"] = series_ticker
        if closing_after is not None:
            query["min_close_ts"] = str(int(closing_after.timestamp()))
        self._series, self._announced = {} if series_ticker else self._every_series(), None
        given: set[str] = set()
        for event in self._events(query):
            for info in self._nested(event):
                if info.status != status or info.id in given or _later(info, closing_before):
                    continue
                if limit is not None and len(given) >= limit:
                    return
                given.add(info.id)
                yield info

    def market(self, market_id: str) -> MarketInfo:
        """One market, whatever its status. Raises Refused with status 404 when there is none."""
        if not market_id:
            raise Refused("Kalshi has no market without a ticker", status=404, code="not_found")
        body = self._http.get(wire.MarketBody, f"/markets/{segment(market_id)}").market
        if body.ticker != market_id:
            raise Malformed(f"Kalshi answers {market_id[:80]} with another market, {body.ticker[:80]}")
        event = self._event(body.event_ticker)
        return parse.market(body, event, self._series_of(event), self._announcements())

    def markets_by_id(self, market_ids: Iterable[str]) -> list[MarketInfo]:
        """These markets, open or closed, 100 in a request; what is not known or cannot be read is left out."""
        wanted = list(dict.fromkeys(ticker for ticker in market_ids if ticker))
        bodies: dict[str, wire.Market] = {}
        for part in _parts(wanted):
            for raw in self._listed(part):
                body = self._row(raw, wire.Market)
                if body is not None and body.ticker in part:
                    bodies[body.ticker] = body
        events = self._events_of({body.event_ticker for body in bodies.values()})
        found = (self._info(body, events.get(body.event_ticker)) for body in bodies.values())
        return [info for info in found if info is not None]

    def event(self, event_ticker: str) -> EventInfo:
        """A whole event: every market, settled ones too. Raises Refused with status 404 when there is none.

        A market that cannot be read is named in `market_ids` only. Mutually exclusive promises at most one YES.
        """
        if not event_ticker:
            raise Refused("Kalshi has no event without a ticker", status=404, code="not_found")
        query = [("with_nested_markets", "true")]
        body = self._http.get(wire.EventBody, f"/events/{segment(event_ticker)}", query)
        event = body.event
        if event.event_ticker != event_ticker:
            raise Malformed(
                f"Kalshi answers {event_ticker[:80]} with another event, {event.event_ticker[:80]}"
            )
        names: list[str] = []
        infos: list[MarketInfo] = []
        for raw in event.markets or body.markets or ():
            market = self._row(raw, wire.Market)
            info = self._info(market, event) if market is not None else None
            names.append(market.ticker if market is not None else "unreadable")
            infos += [info] if info is not None else []
        return EventInfo(
            platform=KALSHI,
            id=event.event_ticker,
            title=event.title or "",
            mutually_exclusive=bool(event.mutually_exclusive),
            neg_risk=False,
            augmented=False,
            cumulative=False,
            market_ids=tuple(names),
            markets=tuple(infos),
        )

    def status(self, market_id: str) -> str:
        """A market's status in our words."""
        return self.market(market_id).status

    def settlement(self, market_id: str) -> Settlement:
        """How far a market's settlement is, and what a YES pays once there is a result."""
        body = self._http.get(wire.MarketBody, f"/markets/{segment(market_id)}").market
        return rules.settlement(body)

    def fees(self, market_id: str) -> KalshiFees | None:
        """A market's fee schedule as it holds now; None where it is unknown, and the market so not traded."""
        self._series.clear()
        self._announced = None
        schedule = self.market(market_id).fees
        return schedule if isinstance(schedule, KalshiFees) else None

    def fee_changes(self, series_ticker: str = "", *, past: bool = False) -> list[Announced]:
        """Scheduled changes of fees, of one series or of all; `past` adds those that have happened."""
        query = _given({"series_ticker": series_ticker, "show_historical": "true" if past else ""})
        body = self._http.get(wire.FeeChangesBody, "/series/fee_changes", query)
        return [rules.fee_change(one) for one in body.series_fee_change_arr or ()]

    def event_fee_changes(self) -> list[Announced]:
        """Scheduled changes of the events' own fees."""
        pages = self._pages(wire.EventFeeChangesPage, "/events/fee_changes", {"limit": str(MARKETS_PAGE)})
        return [rules.event_fee_change(one) for page in pages for one in page.event_fee_changes or ()]

    # --- books and trades

    def books(self, markets: Sequence[FeedMarket]) -> list[BookSnapshot]:
        """Whole books, 100 in a request; what the platform does not know or sends broken is left out."""
        found = []
        for part in _parts(list(dict.fromkeys(market.market_id for market in markets))):
            query = [("tickers", ticker) for ticker in part]
            answer = self._http.get(_Books, "/markets/orderbooks", query)
            for raw in answer.orderbooks or ():
                book = self._book(raw)
                if book is not None and book.market_id in part:
                    found.append(book)
        return found

    def book(self, market: FeedMarket, *, depth: int = 0) -> BookSnapshot:
        """One whole book, or its best `depth` levels (1 to 100). Raises Refused with status 404 when there is none."""
        path = f"/markets/{segment(market.market_id)}/orderbook"
        body = self._http.get(wire.BookBody, path, [("depth", str(depth))] if depth else ())
        return parse.book(market.market_id, body.orderbook_fp)

    def trades(self, market: FeedMarket, *, limit: int = 100) -> list[PublicTrade]:
        """The newest public trades, newest first."""
        if limit <= 0:
            return []
        found: dict[str, PublicTrade] = {}  # by id: a trade between two pages moves the later ones
        query = {"ticker": market.market_id, "limit": str(min(limit, TRADES_PAGE))}
        for page in self._pages(wire.TradesPage, "/markets/trades", query):
            for trade in page.trades or ():
                if trade.ticker == market.market_id:
                    found.setdefault(trade.trade_id, parse.trade(trade))
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    # --- the exchange

    def exchange_status(self) -> ExchangeState:
        """Whether the exchange and each of its shards trade; also readable while it answers with 5xx."""
        return rules.exchange_state(self._http.get_whatever_status(wire.ExchangeStatus, "/exchange/status"))

    def server_time(self) -> datetime:
        """The platform's clock, to the second."""
        return self._http.clock("/exchange/status")

    # --- how

    def _pages(self, kind: type[T], path: str, query: dict[str, str]) -> Iterator[T]:
        """Pages until the cursor is empty. A cursor seen before means that the platform has begun anew: stop."""
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            page: Any = self._http.get(kind, path, _given({**query, "cursor": cursor}))
            yield page
            cursor = page.cursor or ""
            if not cursor or cursor in seen:
                return
            seen.add(cursor)

    def _events(self, query: dict[str, str]) -> Iterator[wire.Event]:
        for page in self._pages(_RawEvents, "/events", query):
            for raw in page.events or ():
                event = self._row(raw, wire.Event)
                if event is not None:
                    yield event

    def _nested(self, event: wire.Event) -> Iterator[MarketInfo]:
        for raw in event.markets or ():
            body = self._row(raw, wire.Market)
            info = self._info(body, event) if body is not None else None
            if info is not None:
                yield info

    def _listed(self, tickers: list[str]) -> Iterator[msgspec.Raw]:
        query = {"tickers": ",".join(tickers), "limit": str(MARKETS_PAGE)}
        for page in self._pages(wire.MarketsPage, "/markets", query):
            yield from page.markets or ()

    def _info(self, body: wire.Market, event: wire.Event | None) -> MarketInfo | None:
        try:
            return parse.market(body, event, self._series_of(event), self._announcements())
        except Malformed:
            self.skipped += 1
            return None

    def _book(self, raw: msgspec.Raw) -> BookSnapshot | None:
        body = self._row(raw, wire.TickerBook)
        try:
            return parse.book(body.ticker, body.orderbook_fp) if body is not None else None
        except Malformed:
            self.skipped += 1
            return None

    def _row(self, raw: msgspec.Raw, kind: type[T]) -> T | None:
        """One row of a list: a broken one must not cost the others."""
        try:
            return msgspec.json.decode(raw, type=kind)
        except UNREADABLE:
            self.skipped += 1
            return None

    # --- events and series

    def _events_of(self, tickers: set[str]) -> dict[str, wire.Event]:
        """These events. Combos are in no list, so what the list leaves out is asked for by itself."""
        events: dict[str, wire.Event] = {}
        for part in _parts(sorted(tickers)):
            query = {"tickers": ",".join(part), "limit": str(EVENTS_PAGE)}
            events.update((event.event_ticker, event) for event in self._events(query))
        for ticker in tickers - events.keys():
            event = self._event(ticker)
            if event is not None:
                events[ticker] = event
        return events

    def _event(self, ticker: str) -> wire.Event | None:
        """An event without its markets; None where there is none, and the fees are then unknown."""
        if not ticker:
            return None
        try:
            body = self._http.get(wire.EventBody, f"/events/{segment(ticker)}", [("exclude_markets", "true")])
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return None
        return body.event

    def _series_of(self, event: wire.Event | None) -> wire.Series | None:
        """The series of an event, which carries the fees; read once, and anew by each discovery."""
        ticker = event.series_ticker if event is not None else ""
        if not ticker:
            return None
        if ticker not in self._series:
            try:
                self._series[ticker] = self._http.get(wire.SeriesBody, f"/series/{segment(ticker)}").series
            except Refused as refusal:
                if refusal.status != 404:
                    raise
                return None
        return self._series[ticker]

    def _announcements(self) -> Announcements:
        """Fee changes that count already; read once, and anew by each discovery."""
        if self._now is None:
            return NONE_ANNOUNCED
        if self._announced is None:
            self._announced = feechanges.announcements(
                self.fee_changes(), self.event_fee_changes(), self._now()
            )
        return self._announced

    def _every_series(self) -> dict[str, wire.Series]:
        """Every series at once: one request each would take hours."""
        answer = self._http.get(_RawSeries, "/series")
        rows = (self._row(raw, wire.Series) for raw in answer.series or ())
        return {series.ticker: series for series in rows if series is not None}


class _RawEvents(msgspec.Struct):
    """`GET /events`; events, series and books are decoded one by one, so that a bad one does not cost the page."""

    events: list[msgspec.Raw] | None
    cursor: str | None = ""


class _RawSeries(msgspec.Struct):
    """`GET /series`."""

    series: list[msgspec.Raw] | None


class _Books(msgspec.Struct):
    """`GET /markets/orderbooks`."""

    orderbooks: list[msgspec.Raw] | None


def _asked(status: str) -> str:
    word = parse.STATUS_FILTER.get(status)
    if word is None:
        raise ValueError(f"Kalshi cannot be asked for markets that are {status}")
    return word


def _later(info: MarketInfo, limit: datetime | None) -> bool:
    """True where trading is expected to go on beyond `limit`."""
    times = [at for at in (info.end, info.settles) if at is not None]
    return limit is not None and bool(times) and min(times) > limit


def _given(query: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in query.items() if value]


def _parts(tickers: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tickers), AT_ONCE):
        yield tickers[start : start + AT_ONCE]
