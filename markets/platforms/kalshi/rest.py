"""Kalshi's public REST side. Paths are below `…/trade-api/v2`; sources: the venue page, sections 4, 5 and 12."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec
import requests

from markets.platforms.base import (
    KALSHI,
    BookSnapshot,
    FeedMarket,
    Malformed,
    MarketInfo,
    PlatformError,
    PublicTrade,
    Throttle,
)
from markets.platforms.http import Client
from markets.platforms.kalshi import parse, wire

COST = 10  # tokens of one ordinary request
EVENTS_PAGE = 200
BOOKS_AT_ONCE = 100
TRADES_PAGE = 1_000
MAX_PAGES = 5_000
T = TypeVar("T")


class KalshiRest:
    """Markets, books and trades. One request costs 10 tokens of the account's read bucket."""

    platform = KALSHI

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._session = session or requests.Session()
        self._timeout = timeout
        self._client = Client(
            KALSHI, session=self._session, throttle=throttle, timeout=timeout, error_of=_error_of
        )
        self._series: dict[str, wire.Series | None] = {}
        self.skipped = 0  # markets of discovery that could not be read

    def markets(
        self, *, closing_before: datetime | None = None, limit: int | None = None
    ) -> Iterator[MarketInfo]:
        """Open markets with their event and series, by event. Those that cannot be read are counted and left out."""
        self._load_series()
        given = 0
        query = {"status": "open", "with_nested_markets": "true", "limit": EVENTS_PAGE}
        for page in self._pages(_NestedEvents, "/events", query):
            for raw in page.events or ():
                for info in self._nested(raw):
                    if info.status != parse.OPEN or (
                        closing_before and info.end and info.end > closing_before
                    ):
                        continue
                    yield info
                    given += 1
                    if limit is not None and given >= limit:
                        return

    def market(self, market_id: str) -> MarketInfo:
        """One market, whatever its status. Raises Refused with status 404 when there is none."""
        body = self._get(wire.MarketBody, f"/markets/{market_id}").market
        event = self._get(wire.EventBody, f"/events/{body.event_ticker}", {"exclude_markets": "true"}).event
        return parse.market(body, event, self._one_series(event.series_ticker))

    def books(self, markets: Sequence[FeedMarket]) -> list[BookSnapshot]:
        """Whole books, 100 in a request; what the platform does not know is left out."""
        found = []
        for start in range(0, len(markets), BOOKS_AT_ONCE):
            part = [("tickers", market.market_id) for market in markets[start : start + BOOKS_AT_ONCE]]
            answer = self._get(wire.BooksBody, "/markets/orderbooks", part)
            found += [parse.book(book.ticker, book.orderbook_fp) for book in answer.orderbooks or ()]
        return found

    def trades(self, market: FeedMarket, *, limit: int = 100) -> list[PublicTrade]:
        """The newest public trades, newest first."""
        found: list[PublicTrade] = []
        query = {"ticker": market.market_id, "limit": min(limit, TRADES_PAGE)}
        for page in self._pages(wire.TradesPage, "/markets/trades", query):
            found += [parse.trade(trade) for trade in page.trades or ()]
            if len(found) >= limit:
                break
        return found[:limit]

    def server_time(self) -> datetime:
        """The platform's clock, to the second, from the Date header of its status page."""
        try:
            answer = self._session.get(f"{self._base}/exchange/status", timeout=self._timeout)
            return parsedate_to_datetime(answer.headers["Date"])
        except requests.RequestException as error:
            raise PlatformError(f"kalshi cannot be reached ({type(error).__name__}): {self._base}") from error
        except (KeyError, ValueError) as error:
            raise Malformed("kalshi answers without a Date header") from error

    def _get(self, kind: type[T], path: str, params: Any = ()) -> T:
        return self._client.get(kind, self._base + path, params, endpoint="read", cost=COST)

    def _pages(self, kind: type[T], path: str, query: dict[str, Any]) -> Iterator[T]:
        """Pages until the cursor is empty. A cursor seen before means that the platform has begun anew: stop."""
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            page = self._get(kind, path, {**query, "cursor": cursor})
            yield page
            cursor = getattr(page, "cursor", "") or ""
            if not cursor or cursor in seen:
                return
            seen.add(cursor)

    def _nested(self, raw: msgspec.Raw) -> Iterator[MarketInfo]:
        try:
            event = msgspec.json.decode(raw, type=wire.Event)
        except msgspec.DecodeError:
            self.skipped += 1
            return
        for one in event.markets or ():
            try:
                body = msgspec.json.decode(one, type=wire.Market)
                yield parse.market(body, event, self._one_series(event.series_ticker))
            except (msgspec.DecodeError, Malformed):
                self.skipped += 1

    def _load_series(self) -> None:
        """Every series at once: fee types live there, and one request each would take hours."""
        answer = self._get(wire.SeriesList, "/series")
        self._series = {series.ticker: series for series in answer.series or ()}

    def _one_series(self, ticker: str | None) -> wire.Series | None:
        if not ticker:
            return None
        if ticker not in self._series:
            self._series[ticker] = self._get(wire.SeriesBody, f"/series/{ticker}").series
        return self._series[ticker]


class _NestedEvents(msgspec.Struct):
    events: list[msgspec.Raw] | None
    cursor: str | None = ""


class _ErrorFields(msgspec.Struct):
    code: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorFields | None = None
    code: str = ""
    message: str = ""
    msg: str = ""


def _error_of(raw: bytes) -> tuple[str, str]:
    """Kalshi's code and message, from either of its two shapes of error."""
    try:
        body = msgspec.json.decode(raw, type=_ErrorBody)
    except msgspec.DecodeError:
        return "", ""
    inner = body.error or _ErrorFields(body.code, body.message or body.msg)
    return inner.code, inner.message
