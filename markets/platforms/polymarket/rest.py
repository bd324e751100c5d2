"""Polymarket's public REST side: Gamma for markets, the CLOB for books and time, the data API for trades.

Source: the venue page, sections 3, 4, 10 and 14.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import requests

from markets.platforms.base import (
    POLYMARKET,
    BookSnapshot,
    FeedMarket,
    Malformed,
    MarketInfo,
    PublicTrade,
    Refused,
    Throttle,
)
from markets.platforms.http import Client
from markets.platforms.polymarket import parse, wire

# The platform's limits per 10 seconds, by the names our throttle uses
REQUESTS_PER_10_SECONDS = {
    "gamma_markets": 300,
    "gamma_events": 500,
    "books": 500,
    "time": 500,
    "data_trades": 300,
}
MARKETS_PAGE = 100
BOOKS_AT_ONCE = 100
TRADES_PAGE = 1_000
MAX_PAGES = 5_000
T = TypeVar("T")


class PolymarketRest:
    """Markets, books and trades."""

    platform = POLYMARKET

    def __init__(
        self,
        gamma_url: str,
        clob_url: str,
        data_url: str,
        *,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._gamma, self._clob, self._data = (url.rstrip("/") for url in (gamma_url, clob_url, data_url))
        self._client = Client(
            POLYMARKET, session=session, throttle=throttle, timeout=timeout, error_of=_error_of
        )
        self.skipped = 0  # markets of discovery that cannot be traded as two outcomes

    def markets(
        self, *, closing_before: datetime | None = None, limit: int | None = None
    ) -> Iterator[MarketInfo]:
        """Open markets, the most active first. Those that cannot be used are counted and left out."""
        query: dict[str, Any] = {
            "closed": "false",
            "order": "volumeNum",
            "ascending": "false",
            "include_tag": "true",
        }
        if closing_before is not None:
            query["end_date_max"] = _rfc3339(closing_before)
        given = 0
        for page in self._pages(query):
            for raw in page.markets:
                info = self._info(raw)
                if info is None:
                    continue
                yield info
                given += 1
                if limit is not None and given >= limit:
                    return

    def market(self, market_id: str) -> MarketInfo:
        """One market by its condition id, whatever its status. Raises Refused with status 404 when there is none."""
        for closed in ("false", "true"):
            query = {"condition_ids": market_id, "closed": closed, "include_tag": "true", "limit": 1}
            for raw in self._page(query).markets:
                return parse.market_info(msgspec.json.decode(raw, type=wire.GammaMarket))
        raise Refused(f"polymarket knows no market {market_id}", status=404)

    def books(self, markets: Sequence[FeedMarket]) -> list[BookSnapshot]:
        """Whole books of the YES tokens, 100 in a request; unknown tokens are left out."""
        by_token = {market.token_id: market.market_id for market in markets if market.token_id}
        tokens = list(by_token)
        found: list[BookSnapshot] = []
        for start in range(0, len(tokens), BOOKS_AT_ONCE):
            body = [{"token_id": token} for token in tokens[start : start + BOOKS_AT_ONCE]]
            answer = self._client.post(list[wire.RestBook], f"{self._clob}/books", body, endpoint="books")
            found += [
                parse.rest_book(book, by_token[book.asset_id]) for book in answer if book.asset_id in by_token
            ]
        return found

    def trades(self, market: FeedMarket, *, limit: int = 100) -> list[PublicTrade]:
        """The newest public trades, newest first."""
        query = {"market": market.market_id, "limit": min(limit, TRADES_PAGE)}
        page = self._client.get(wire.DataPage, f"{self._data}/v2/trades", query, endpoint="data_trades")
        try:
            trades = [msgspec.json.decode(raw, type=wire.DataTrade) for raw in page.data[:limit]]
        except msgspec.DecodeError as error:
            raise Malformed(f"polymarket answers with a trade of another shape: {error}") from error
        return [parse.public_trade(trade, market) for trade in trades]

    def server_time(self) -> datetime:
        """The CLOB's clock, to the second."""
        seconds = self._client.get(int, f"{self._clob}/time", endpoint="time")
        return datetime.fromtimestamp(seconds, UTC)

    def _pages(self, query: dict[str, Any]) -> Iterator[wire.MarketsPage]:
        seen: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            page = self._page({**query, "limit": MARKETS_PAGE, "after_cursor": cursor})
            yield page
            cursor = page.next_cursor or ""
            if not cursor or cursor in seen:
                return
            seen.add(cursor)

    def _page(self, query: dict[str, Any]) -> wire.MarketsPage:
        return self._client.get(
            wire.MarketsPage, f"{self._gamma}/markets/keyset", query, endpoint="gamma_markets"
        )

    def _info(self, raw: msgspec.Raw) -> MarketInfo | None:
        try:
            return parse.market_info(msgspec.json.decode(raw, type=wire.GammaMarket))
        except (msgspec.DecodeError, Malformed):
            self.skipped += 1
            return None


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error_of(raw: bytes) -> tuple[str, str]:
    """Polymarket says `error` or `message`; the code, where there is one, stands beside it."""
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        return "", ""
    return str(body.get("code", "")), str(body.get("error") or body.get("message") or "")[:300]
