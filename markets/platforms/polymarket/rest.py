"""Polymarket's public REST side: discovery (Gamma), books and parameters (CLOB), trades and resolutions (data API)."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec
import requests

from markets.platforms.base import (
    CLOSED,
    OTHER_STATUS,
    POLYMARKET,
    SETTLED,
    BookSnapshot,
    EventInfo,
    FeedMarket,
    Malformed,
    MarketInfo,
    PlatformError,
    PublicTrade,
    Refused,
    Throttle,
)  # fmt: skip
from markets.platforms.polymarket import parse, rules, wire
from markets.platforms.polymarket.http import JsonHttp
from markets.platforms.polymarket.rules import Settlement, TradingRules
from markets.platforms.polymarket.units import condition_id

log = logging.getLogger(__name__)
T = TypeVar("T")

# Documented limits per 10 s. Each call counts once against one of them; what a host has left is for its other paths,
# so that keeping each of them keeps the host's own total (Gamma 900 for both listings, CLOB 9,000, data 800) as well.
REQUESTS_PER_10_SECONDS = {
    "gamma-markets": 300,
    "gamma-events": 500,
    "clob-book": 1_500,
    "clob-books": 500,
    "clob-tick-size": 200,
    "clob-order": 400,  # 40 a second: the limit of a signer of the lowest tier
    "clob-cancel": 800,
    "clob-ledger": 500,
    "clob-balance": 150,
    "clob-balance-update": 50,
    "clob-auth": 100,
    "clob": 4_800,
    "data-trades": 300,
    "data": 500,
}
PAGE = 100  # most that a listing gives at once
MAX_PAGES = 5_000  # a cursor that never ends is a fault of the server
IDS_PER_CALL = 50  # condition ids in one address; about 100 are allowed, but addresses have their limits too
BOOKS_PER_CALL = 100
MAX_TRADES = 1_000
TIMEOUT = 10.0  # seconds


class PolymarketRest:
    """See `MarketData`. Every method raises PlatformError when the platform cannot be asked."""

    platform = POLYMARKET

    def __init__(
        self,
        gamma_url: str,
        clob_url: str,
        data_url: str,
        *,
        session: requests.Session | None = None,
        throttle: Throttle | None = None,
        timeout: float = TIMEOUT,
        attempts: int = 3,
        backoff: float = 0.25,
    ) -> None:
        """`timeout` and `backoff` in seconds; a read is tried `attempts` times in all on 429, 5xx and lost answers."""
        session = session or requests.Session()

        def host(url: str) -> JsonHttp:
            return JsonHttp(url, session, throttle, timeout=timeout, attempts=attempts, backoff=backoff)

        self._gamma, self._clob, self._data = host(gamma_url), host(clob_url), host(data_url)

    # Markets

    def markets(
        self,
        *,
        closing_before: datetime | None = None,
        limit: int | None = None,
        closing_after: datetime | None = None,
        tag_id: str = "",
        min_liquidity: Decimal | None = None,
    ) -> Iterator[MarketInfo]:
        """Open markets, the most liquid first. One that cannot be used (not two outcomes, no ids yet) is left out.

        `closing_*` look at the platform's end date, which is an expectation, not a cut-off.
        """
        params = [
            ("closed", "false"),
            ("order", "liquidityNum"),
            ("ascending", "false"),
            ("include_tag", "true"),
        ]
        params += [("end_date_max", _moment(closing_before))] if closing_before else []
        params += [("end_date_min", _moment(closing_after))] if closing_after else []
        params += [("tag_id", tag_id)] if tag_id else []
        params += [("liquidity_num_min", format(min_liquidity, "f"))] if min_liquidity is not None else []
        given: set[str] = set()
        for info in self._listed(params):
            if limit is not None and len(given) >= limit:
                return
            # Liquidity moves while we turn pages, so a market can come twice
            if info.id not in given and info.status not in (CLOSED, SETTLED, OTHER_STATUS):
                given.add(info.id)
                yield info

    def market(self, market_id: str) -> MarketInfo:
        """One market, whatever its status. Raises Refused (404) when there is none, Malformed when it is no use.

        A fee schedule that the listing lacks is read from the order book's side.
        """
        wanted = _condition(market_id)
        for raw in self._found([wanted]):
            info = _decoded(raw)
            if info.id == wanted:
                return self._with_fees(info)
        raise Refused(f"Polymarket knows no market {wanted}", status=404, code="not found")

    def markets_by_id(self, market_ids: Iterable[str]) -> list[MarketInfo]:
        """These markets, open or closed; what is not known or no use is left out."""
        wanted = list(dict.fromkeys(_condition(market_id) for market_id in market_ids))
        infos = _usable(self._found(wanted))
        return [info for info in infos if info.id in wanted]

    def event(self, event_id: str) -> EventInfo:
        """A whole event by its Gamma id: every market, closed ones too. Raises Refused (404) when there is none.

        What of its markets is no use (not deployed yet, not two outcomes) is named in `market_ids` only.
        """
        if not (event_id.isascii() and event_id.isdecimal()):
            raise PlatformError(f"Polymarket is not asked: {event_id[:80]!r} is no event id")
        found = self._gamma.get("gamma-events", f"/events/{event_id}", wire.GammaEvent)
        if found.id != event_id:
            raise Malformed(f"Polymarket answers event {event_id} with another one, {found.id[:80]}")
        raws = found.markets or []
        infos = tuple(_usable(raws, found))
        neg_risk = _neg_risk(found)
        return EventInfo(
            platform=POLYMARKET,
            id=found.id,
            title=found.title,
            mutually_exclusive=neg_risk,
            neg_risk=neg_risk,
            augmented=bool(found.neg_risk_augmented),
            cumulative=bool(found.cumulative_markets),
            market_ids=tuple(_name_of(raw) for raw in raws),
            markets=infos,
        )

    def trading_rules(self, market_id: str) -> TradingRules:
        """Tick, minimum size, fees and flags from the order book's side. Raises Refused (404) where it has no book."""
        path = f"/clob-markets/{_condition(market_id)}"
        found = rules.trading_rules(self._clob.get("clob", path, wire.CompactMarket))
        if found.market_id != _condition(market_id):
            raise Malformed(f"Polymarket answers {path} with another market, {found.market_id}")
        return found

    def status(self, market_id: str) -> str:
        """A market's status in our words."""
        return self.market(market_id).status

    def settlement(self, market_id: str) -> Settlement | None:
        """How far the resolution is; None while nobody has asked for one."""
        wanted = _condition(market_id)
        page = self._data.get("data", "/v2/resolutions", wire.DataPage, [("condition_id", wanted)])
        for raw in page.data:
            row = _row(raw, wire.Resolution)
            if not row.condition_id or _condition(row.condition_id) == wanted:
                return rules.settlement(row)
        return None

    def _with_fees(self, info: MarketInfo) -> MarketInfo:
        if info.fees is not None or info.status == SETTLED:
            return info
        try:
            return replace(info, fees=parse.agreed_fees(info, self.trading_rules(info.id).fees))
        except Refused:
            return info  # its order book is not there yet; without fees it is not traded

    def _found(self, wanted: Sequence[str]) -> Iterator[msgspec.Raw]:
        """Gamma markets by condition id: a listing shows open ones unless asked for closed ones."""
        for start in range(0, len(wanted), IDS_PER_CALL):
            part = list(wanted[start : start + IDS_PER_CALL])
            for closed in ("false", "true"):
                ids = [("condition_ids", one) for name in part for one in _spellings(name)]
                for raws in self._pages([("closed", closed), ("include_tag", "true"), *ids]):
                    for raw in raws:
                        yield raw
                        known = _condition_of(raw)
                        part = [name for name in part if name != known]
                if not part:
                    break

    def _listed(self, params: list[tuple[str, str]]) -> Iterator[MarketInfo]:
        for raws in self._pages(params):
            yield from _usable(raws)

    def _pages(self, params: list[tuple[str, str]]) -> Iterator[list[msgspec.Raw]]:
        cursor = ""
        for _ in range(MAX_PAGES):
            more = [("after_cursor", cursor)] if cursor else []
            asked = [("limit", str(PAGE)), *params, *more]
            page = self._gamma.get("gamma-markets", "/markets/keyset", wire.MarketsPage, asked)
            yield page.markets
            if not page.next_cursor:
                return
            if page.next_cursor == cursor:
                raise Malformed("Polymarket's listing gives the same cursor again: it would never end")
            cursor = page.next_cursor
        raise Malformed(f"Polymarket's listing does not end after {MAX_PAGES} pages")

    # Order books

    def books(self, markets: Sequence[FeedMarket]) -> list[BookSnapshot]:
        """Whole books in YES terms, 100 a call; unknown tokens and unusable books are left out."""
        wanted = {market.token_id: market for market in markets if market.token_id}
        found: list[BookSnapshot] = []
        tokens = list(wanted)
        for start in range(0, len(tokens), BOOKS_PER_CALL):
            for raw in self._raw_books(tokens[start : start + BOOKS_PER_CALL]):
                try:
                    found.append(_snapshot(raw, wanted))
                except Malformed as error:
                    log.warning("a book is left out", extra={"platform": POLYMARKET, "why": str(error)})
        return found

    def book(self, market: FeedMarket) -> BookSnapshot:
        """One whole book in YES terms. Raises Refused (404) where there is none."""
        raw = self._clob.get("clob-book", "/book", msgspec.Raw, [("token_id", market.token_id)])
        return _snapshot(raw, {market.token_id: market})

    def _raw_books(self, tokens: list[str]) -> list[msgspec.Raw]:
        try:
            asked = [{"token_id": token} for token in tokens]
            return self._clob.post("clob-books", "/books", list[msgspec.Raw], asked)
        except Refused as error:
            # How many fit in one call is not published
            if error.status not in (400, 413) or "limit" not in error.code.lower() or len(tokens) == 1:
                raise
        half = len(tokens) // 2
        return self._raw_books(tokens[:half]) + self._raw_books(tokens[half:])

    def tick_size(self, token_id: str) -> Decimal:
        """The present tick in dollars; it changes while a market trades."""
        answer = self._clob.get("clob-tick-size", "/tick-size", wire.TickSize, [("token_id", token_id)])
        try:
            return rules.tick_size(answer.minimum_tick_size)
        except ValueError as error:
            raise Malformed(f"Polymarket's tick of token {token_id[:90]}: {error}") from error

    def server_time(self) -> datetime:
        """The order book's clock, whole seconds, UTC."""
        seconds = self._clob.get("clob", "/time", int)
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise Malformed(f"Polymarket's clock says {seconds}, which is no time") from error

    # Trades

    def trades(self, market: FeedMarket, *, limit: int = 100) -> list[PublicTrade]:
        """The newest public trades, newest first, takers' side; at most 1,000. They lag the stream by seconds."""
        asked = [
            ("condition_id", _condition(market.market_id)),
            ("taker_only", "true"),
            ("limit", str(max(1, min(limit, MAX_TRADES)))),
        ]
        page = self._data.get("data-trades", "/v2/trades", wire.DataPage, asked)
        trades = [parse.public_trade(_row(raw, wire.DataTrade), market) for raw in page.data]
        return sorted(trades, key=lambda trade: trade.at_ms, reverse=True)[:limit]


def _condition(text: str) -> str:
    try:
        return condition_id(text)
    except ValueError as error:
        raise PlatformError(f"Polymarket is not asked: {error}") from error


def _spellings(market_id: str) -> list[str]:
    """A V2 id has 62 digits in Gamma and 64 elsewhere, and it is not said which of them the filter wants."""
    return [market_id, market_id[:-2]] if market_id.endswith("00") else [market_id]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(raw: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            f"Polymarket's {kind.__name__} does not have the documented shape: {error}"
        ) from error


def _decoded(raw: msgspec.Raw, event: wire.GammaEventRef | None = None) -> MarketInfo:
    return parse.market_info(_row(raw, wire.GammaMarket), event)


def _neg_risk(event: wire.GammaEvent) -> bool:
    """Both flags say it where both are given: one that contradicts the other promises nothing."""
    flags = [flag for flag in (event.enable_neg_risk, event.neg_risk) if flag is not None]
    return bool(flags) and all(flags)


def _name_of(raw: msgspec.Raw) -> str:
    """The condition id of a Gamma market; one without, which is not deployed yet, by its Gamma id."""
    known = _condition_of(raw)
    if known:
        return known
    try:
        return f"gamma:{_row(raw, wire.ConditionOnly).id}"
    except Malformed:
        return "unreadable"


def _condition_of(raw: msgspec.Raw) -> str:
    try:
        return condition_id(_row(raw, wire.ConditionOnly).condition_id or "")
    except (Malformed, ValueError):
        return ""


def _usable(raws: Iterable[msgspec.Raw], event: wire.GammaEventRef | None = None) -> Iterator[MarketInfo]:
    """The markets among these that can be used: one bad market costs only itself."""
    for raw in raws:
        try:
            yield _decoded(raw, event)
        except parse.Unusable as error:
            log.debug("a market is left out", extra={"platform": POLYMARKET, "why": str(error)})
        except Malformed as error:
            log.warning("a market is left out", extra={"platform": POLYMARKET, "why": str(error)})


def _snapshot(raw: msgspec.Raw, wanted: dict[str, FeedMarket]) -> BookSnapshot:
    book = _row(raw, wire.RestBook)
    market = wanted.get(book.asset_id)
    if market is None:
        raise Malformed(f"Polymarket sends the book of token {book.asset_id[:90]}, which was not asked for")
    try:
        named = condition_id(book.market)
    except ValueError as error:
        raise Malformed(f"Polymarket's book of token {book.asset_id[:90]}: {error}") from error
    if named != market.market_id:
        raise Malformed(f"Polymarket's book of token {book.asset_id[:90]} is that of another market, {named}")
    return parse.rest_book(book, market.market_id)
