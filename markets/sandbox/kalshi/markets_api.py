"""The public REST side: exchange, series, events, markets, books, trades. Paths below /trade-api/v2."""

from collections.abc import Iterable, Iterator
from typing import Any

from markets.platforms.base import KALSHI
from markets.sandbox.kalshi import formats as f
from markets.sandbox.kalshi import rows
from markets.sandbox.kalshi.call import Answer, Call, Endpoint, page
from markets.sandbox.kalshi.catalog import FILTERS, EventShelf
from markets.sandbox.kalshi.errors import bad_parameter
from markets.sandbox.kalshi.exchange import Exchange
from markets.sandbox.kalshi.limits import COSTS, DEFAULT_COST
from markets.sandbox.market import SandboxMarket

SECOND = 1000
TICKERS_AT_ONCE = 100
# A family of time filters: the market's moment, and the statuses it may be combined with.
FAMILIES = {
    "created": ("created_ms", ("", "unopened", "open")),
    "close": ("close_ms", ("", "closed")),
    "settled": ("settled_ms", ("", "settled")),
    "updated": ("updated_ms", ("",)),
}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALL_DAY = [{"open_time": "00:00", "close_time": "00:00"}]
THURSDAY = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "00:00"}]


# --- exchange


def exchange_mode(exchange: Exchange) -> str:
    """The trading mode that a fault sets, read without using it up."""
    faults, now = exchange.sandbox.faults, exchange.sandbox.now_ms()
    for rule in faults.rules:
        if rule.kind == "mode" and rule.platform in ("*", KALSHI) and not rule.spent(now):
            return str(rule.settings["mode"])
    return "normal"


def status(call: Call) -> Answer:
    """GET /exchange/status"""
    mode = exchange_mode(call.exchange)
    active = mode not in ("disabled", "restarting")
    flags = {
        "exchange_active": active,
        "trading_active": active and mode not in ("paused", "cancel_only"),
        "intra_exchange_transfers_active": active,
    }
    wait = call.exchange.sandbox.faults.retry_after(KALSHI)
    shards = sorted({0, *(market.k.exchange_index for market in call.exchange.catalog.world.on(KALSHI))})
    return 200, {
        **flags,
        "exchange_estimated_resume_time": f.moment(call.now_ms + wait * SECOND) if wait else None,
        "exchange_index_statuses": [
            {"exchange_index": shard, "description": f"Shard {shard}", **flags} for shard in shards
        ],
    }


def schedule(call: Call) -> Answer:
    """GET /exchange/schedule: always open but for two hours on Thursday, which the sandbox does not keep."""
    start = call.exchange.catalog.world.started_ms
    week = {day: THURSDAY if day == "thursday" else ALL_DAY for day in DAYS}
    hours = {"start_time": f.moment(start), "end_time": f.moment(start + 365 * 86_400 * SECOND), **week}
    return 200, {"schedule": {"standard_hours": [hours], "maintenance_windows": []}}


def user_data_timestamp(call: Call) -> Answer:
    """GET /exchange/user_data_timestamp: how fresh the reads of one's own data are."""
    return 200, {"as_of_time": f.moment(call.exchange.read_at())}


# --- series


def series_list(call: Call) -> Answer:
    """GET /series, not paged."""
    category, tags = call.text("category"), set(call.words("tags"))
    since, volume = call.number("min_updated_ts", 0) or 0, call.flag("include_volume")
    found = [
        rows.series_row(series, volume=volume)
        for series in call.exchange.catalog.refresh().series.values()
        if (not category or series.first.category == category)
        and (not tags or series.first.category in tags)
        and max(market.updated_ms for market in series.markets) >= since * SECOND
    ]
    return 200, {"series": found}


def one_series(call: Call) -> Answer:
    """GET /series/{series_ticker}"""
    found = call.exchange.catalog.refresh().series.get(call.args["series_ticker"])
    if found is None:
        return 404, {"error": {"code": "not_found", "message": "not found"}}
    return 200, {"series": rows.series_row(found, volume=call.flag("include_volume"))}


def series_fee_changes(call: Call) -> Answer:
    """GET /series/fee_changes: the sandbox's fees never change."""
    return 200, {"series_fee_change_arr": []}


def event_fee_changes(call: Call) -> Answer:
    """GET /events/fee_changes"""
    call.limit(100, 1000)
    return 200, {"event_fee_changes": [], "cursor": ""}


# --- events


def events(call: Call) -> Answer:
    """GET /events: paged, in order of listing; an event matches a status when any of its markets does."""
    limit, nested = call.limit(200, 200), call.flag("with_nested_markets")
    state = call.text("status", ("unopened", "open", "closed", "settled"))
    series, tickers = call.text("series_ticker"), set(call.words("tickers"))
    closes = (call.number("min_close_ts", 0) or 0) * SECOND
    updated = (call.number("min_updated_ts", 0) or 0) * SECOND

    def wanted(shelf: EventShelf) -> bool:
        return (
            (not series or shelf.event.series_ticker == series)
            and (not tickers or shelf.event.id in tickers)
            and (not state or any(market.state in FILTERS[state] for market in shelf.markets))
            and any(market.close_ms >= closes for market in shelf.markets)
            and any(market.updated_ms >= updated for market in shelf.markets)
        )

    shelves = call.exchange.catalog.refresh().events.values()
    found, cursor = page(
        ((shelf.number, shelf) for shelf in shelves if wanted(shelf)), limit, call.text("cursor")
    )
    answer = {"events": [rows.event_row(call.exchange, s, nested=nested) for s in found], "cursor": cursor}
    if call.flag("with_milestones"):
        answer["milestones"] = []
    return 200, answer


def multivariate_events(call: Call) -> Answer:
    """GET /events/multivariate: the sandbox has no combos."""
    call.limit(100, 200)
    return 200, {"events": [], "cursor": ""}


def event(call: Call) -> Answer:
    """GET /events/{event_ticker}: markets beside the event, or inside it when nested ones are asked for."""
    nested, without = call.flag("with_nested_markets"), call.flag("exclude_markets")
    if nested and without:
        raise bad_parameter("exclude_markets", "cannot be combined with with_nested_markets")
    shelf = call.exchange.catalog.event(call.args["event_ticker"])
    beside = [] if nested or without else [rows.market_row(call.exchange, m) for m in shelf.markets]
    return 200, {"event": rows.event_row(call.exchange, shelf, nested=nested), "markets": beside}


def event_metadata(call: Call) -> Answer:
    """GET /events/{event_ticker}/metadata"""
    shelf = call.exchange.catalog.event(call.args["event_ticker"])
    details = [{"market_ticker": m.id, "image_url": "", "color_code": "#000000"} for m in shelf.markets]
    sources = rows.event_row(call.exchange, shelf, nested=False)["settlement_sources"]
    return 200, {"image_url": "", "market_details": details, "settlement_sources": sources}


# --- markets


def markets(call: Call) -> Answer:
    """GET /markets: paged, in order of listing, with the platform's own filters."""
    limit = call.limit(100, 1000, low=0)
    state = call.text("status", FILTERS)
    if call.text("mve_filter", ("only", "exclude")) == "only":
        return 200, {"markets": [], "cursor": ""}
    found: Iterable[SandboxMarket] = _selected(call)
    if state:
        found = (market for market in found if market.state in FILTERS[state])
    found = _timed(call, state, found)
    chosen, cursor = page(((market.listed, market) for market in found), limit, call.text("cursor"))
    return 200, {"markets": [rows.market_row(call.exchange, m) for m in chosen], "cursor": cursor}


def _selected(call: Call) -> Iterator[SandboxMarket]:
    catalog = call.exchange.catalog.refresh()
    event_ticker, series_ticker = call.text("event_ticker"), call.text("series_ticker")
    tickers = set(call.words("tickers"))
    for market in catalog.world.on(KALSHI):
        if (
            (not event_ticker or market.event_id == event_ticker)
            and (not series_ticker or market.k.series_ticker == series_ticker)
            and (not tickers or market.id in tickers)
        ):
            yield market


def _timed(call: Call, state: str, found: Iterable[SandboxMarket]) -> Iterable[SandboxMarket]:
    """Apply the time filters. Raises ApiError for two families at once, or a status that does not go with one."""
    asked = [name for name in FAMILIES if call.text(f"min_{name}_ts") or call.text(f"max_{name}_ts")]
    if not asked:
        return found
    name = asked[0]
    attribute, statuses = FAMILIES[name]
    if len(asked) > 1:
        raise bad_parameter(f"{asked[1]}_ts", f"cannot be combined with {name}_ts")
    if state not in statuses:
        raise bad_parameter("status", f"cannot be combined with {name}_ts")
    low, high = call.number(f"min_{name}_ts", 0), call.number(f"max_{name}_ts", None)

    def within(market: SandboxMarket) -> bool:
        moment = getattr(market, attribute)
        return moment > 0 and (low or 0) * SECOND <= moment and (high is None or moment <= high * SECOND)

    return (market for market in found if within(market))


def market(call: Call) -> Answer:
    """GET /markets/{ticker}"""
    return 200, {"market": rows.market_row(call.exchange, call.exchange.catalog.market(call.args["ticker"]))}


def orderbook(call: Call) -> Answer:
    """GET /markets/{ticker}/orderbook"""
    depth = call.number("depth", 0, high=100) or 0
    found = call.exchange.catalog.market(call.args["ticker"])
    return 200, {"orderbook_fp": rows.book_row(call.exchange.engine, found.id, depth)}


def orderbooks(call: Call) -> Answer:
    """GET /markets/orderbooks: up to 100 markets; unknown ones are left out."""
    tickers = call.words("tickers")
    if not tickers or len(tickers) > TICKERS_AT_ONCE:
        raise bad_parameter("tickers", f"give 1 to {TICKERS_AT_ONCE}")
    found: list[dict[str, Any]] = [
        {"ticker": ticker, "orderbook_fp": rows.book_row(call.exchange.engine, ticker, 0)}
        for ticker in dict.fromkeys(tickers)
        if call.exchange.catalog.find(ticker) is not None
    ]
    return 200, {"orderbooks": found}


def trades(call: Call) -> Answer:
    """GET /markets/trades: newest first."""
    limit, ticker = call.limit(100, 1000, low=0), call.text("ticker")
    low, high = call.number("min_ts", 0) or 0, call.number("max_ts", None)
    tape = call.exchange.tape
    prints = tape.of(call.exchange.catalog.market(ticker).id).prints if ticker else tape.prints
    if call.flag("is_block_trade"):
        return 200, {"trades": [], "cursor": ""}
    numbered = (
        (made.number, made)
        for made in reversed(prints)
        if low * SECOND <= made.at_ms and (high is None or made.at_ms <= high * SECOND)
    )
    found, cursor = page(numbered, limit, call.text("cursor"), newest_first=True)
    return 200, {"trades": [rows.trade_row(made) for made in found], "cursor": cursor}


def endpoint_costs(call: Call) -> Answer:
    """GET /account/endpoint_costs"""
    costs = [{"method": method, "path": path, "cost": cost} for method, path, cost in COSTS]
    return 200, {"default_cost": DEFAULT_COST, "endpoint_costs": costs}


def historical_cutoff(call: Call) -> Answer:
    """GET /historical/cutoff: everything the sandbox ever had is still live."""
    start = f.moment(call.exchange.catalog.world.started_ms)
    names = (
        "market_settled_ts",
        "trades_created_ts",
        "orders_updated_ts",
        "market_positions_last_updated_ts",
    )
    return 200, dict.fromkeys(names, start)


ENDPOINTS = (
    Endpoint("GET", "/exchange/status", status),
    Endpoint("GET", "/exchange/schedule", schedule),
    Endpoint("GET", "/exchange/user_data_timestamp", user_data_timestamp),
    Endpoint("GET", "/series", series_list),
    Endpoint("GET", "/series/fee_changes", series_fee_changes),
    Endpoint("GET", "/series/:series_ticker", one_series),
    Endpoint("GET", "/events", events),
    Endpoint("GET", "/events/multivariate", multivariate_events),
    Endpoint("GET", "/events/fee_changes", event_fee_changes),
    Endpoint("GET", "/events/:event_ticker", event),
    Endpoint("GET", "/events/:event_ticker/metadata", event_metadata),
    Endpoint("GET", "/markets", markets),
    Endpoint("GET", "/markets/trades", trades),
    Endpoint("GET", "/markets/orderbooks", orderbooks),
    Endpoint("GET", "/markets/:ticker", market),
    Endpoint("GET", "/markets/:ticker/orderbook", orderbook),
    Endpoint("GET", "/account/endpoint_costs", endpoint_costs),
    Endpoint("GET", "/historical/cutoff", historical_cutoff),
)
