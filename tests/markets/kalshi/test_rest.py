"""The REST client against a real server: paging, filters, batches, refusals, patience, signatures."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from markets.platforms.base import (
    CLOSED,
    DISPUTED,
    OPEN,
    PAUSED,
    SETTLED,
    FeedMarket,
    Malformed,
    MarketData,
    PlatformError,
    Refused,
)
from markets.platforms.kalshi.fees import KalshiFees
from markets.platforms.kalshi.http import Busy
from markets.platforms.kalshi.rest import KalshiRest
from tests.markets.kalshi import payloads as p
from tests.markets.kalshi.server import Answer, Asked, Server, running

T1, T2, EVENT = "KXRAIN-26NOV22-T1", "KXRAIN-26NOV22-T2", "KXRAIN-26NOV22"
SCALAR = {"status": "finalized", "result": "scalar", "settlement_value_dollars": "0.3750"}
OPEN_BODY = {"exchange_active": True, "trading_active": True}
LEVELS = [["0.4500", "120.00"], ["0.4700", "3.00"]], [["0.4800", "2.00"], ["0.5100", "40.50"]]


class Counting:
    """A throttle that writes down what it is asked for."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        self.taken.append((endpoint, cost))


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        one.on("/series", {"series": [p.series()]})
        one.on("/series/KXRAIN", {"series": p.series()})
        one.on(f"/events/{EVENT}", {"event": p.event()})
        one.on(f"/markets/{T1}", {"market": p.market()})
        yield one


@pytest.fixture
def rest(server: Server) -> KalshiRest:
    return KalshiRest(server.url, backoff=0.001, timeout=60)


def pages(rows: list, size: int, key: str):
    """A listing that hands out `size` rows a page."""

    def reply(asked: Asked) -> Answer:
        start = int(asked.query.get("cursor", ["0"])[0])
        end = start + size
        return Answer({key: rows[start:end], "cursor": str(end) if end < len(rows) else ""})

    return reply


# --- discovery


def test_it_is_market_data(rest: KalshiRest):
    data: MarketData = rest
    assert data.platform == "kalshi"


def test_open_markets_come_page_by_page_with_event_and_fees(server: Server, rest: KalshiRest):
    events = [
        p.event(f"KXRAIN-{n}", [p.market(f"KXRAIN-{n}-T", event_ticker=f"KXRAIN-{n}")]) for n in range(5)
    ]
    server.on("/events", pages(events, 2, "events"))
    found = list(rest.markets())
    assert [info.id for info in found] == [f"KXRAIN-{n}-T" for n in range(5)]
    assert server.paths() == ["/series", "/events", "/events", "/events"]
    first = server.asked[1].query
    assert first == {"status": ["open"], "with_nested_markets": ["true"], "limit": ["200"]}
    info = found[0]
    assert (info.event_id, info.category, info.status) == ("KXRAIN-0", "Climate and Weather", OPEN)
    assert info.fees == KalshiFees("quadratic", Decimal(1))
    assert info.resolution_source == "Weather Bureau https://weather.test/"


def test_closed_siblings_repeats_and_broken_rows_are_left_out(server: Server, rest: KalshiRest):
    rows = [
        p.market(T1), p.market(T1), p.market(T2, status="closed"), p.market("KXP-1", status="inactive"),
        {"ticker": 7}, p.market("KXBAD-1", price_ranges=[{"start": "x", "end": "1", "step": "0.01"}]),
        p.market("KXBAD-2", close_time="soon"), p.market("KXGOOD-9"),
    ]  # fmt: skip
    server.on(
        "/events", {"events": [p.event(markets=rows), "rubbish", p.event("KXEMPTY", None)], "cursor": ""}
    )
    assert [info.id for info in rest.markets()] == [T1, "KXGOOD-9"]
    assert rest.skipped == 4


def test_the_horizon_is_measured_by_the_forecast(server: Server, rest: KalshiRest):
    late = p.market(T2, expected_expiration_time="2026-12-24T00:00:00Z", close_time="2026-12-31T00:00:00Z")
    server.on("/events", {"events": [p.event(markets=[late, p.market(T1)])], "cursor": ""})
    horizon = datetime(2026, 11, 24, tzinfo=UTC)  # T1 closes on the 25th, but is expected to end on the 23rd
    assert [info.id for info in rest.markets(closing_before=horizon)] == [T1]


def test_filters_go_to_the_platform(server: Server, rest: KalshiRest):
    rows = [p.market(T1, status="finalized", result="yes"), p.market(T2)]
    server.on("/events", {"events": [p.event(markets=rows)], "cursor": ""})
    after = datetime(2026, 11, 1, tzinfo=UTC)
    found = list(rest.markets(status=SETTLED, series_ticker="KXRAIN", closing_after=after))
    assert [info.id for info in found] == [T1]
    assert server.asked[0].query == {
        "status": ["settled"], "with_nested_markets": ["true"], "limit": ["200"], "series_ticker": ["KXRAIN"],
        "min_close_ts": [str(int(after.timestamp()))],
    }  # fmt: skip
    with pytest.raises(ValueError):
        next(rest.markets(status=PAUSED))


def test_a_limit_ends_the_paging(server: Server, rest: KalshiRest):
    server.on("/events", pages([p.event(f"E{n}", [p.market(f"M{n}")]) for n in range(9)], 1, "events"))
    assert len(list(rest.markets(limit=2))) == 2
    assert server.paths().count("/events") <= 3
    assert list(rest.markets(limit=0)) == []


def test_a_cursor_that_leads_in_a_circle_ends(server: Server, rest: KalshiRest):
    """A cursor that the platform does not understand is answered with page one and the same cursor again."""
    server.on("/events", {"events": [p.event(markets=[p.market(T1)])], "cursor": "again"})
    assert [info.id for info in rest.markets()] == [T1]
    assert server.paths().count("/events") == 2


# --- single markets


def test_one_market_in_our_words(server: Server, rest: KalshiRest):
    info = rest.market(T1)
    assert server.paths() == [f"/markets/{T1}", f"/events/{EVENT}", "/series/KXRAIN"]
    assert server.asked[1].query == {"exclude_markets": ["true"]}
    assert (info.question, info.outcomes[0].label, info.outcomes[1].label) == (
        "Will it rain in Springfield? (More than 1 inch)", "More than 1 inch", "No",
    )  # fmt: skip
    assert (info.volume, info.volume_24h, info.last_price) == (
        Decimal("66020.34"), Decimal("1200.50"), Decimal("0.48"),
    )  # fmt: skip
    assert info.settles == datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
    assert [band.step for band in info.ticks] == [Decimal("0.001"), Decimal("0.01"), Decimal("0.001")]
    assert (info.min_size, info.extra["mutually_exclusive"], info.extra["exchange_index"]) == (
        Decimal("0.01"),
        True,
        0,
    )


def test_a_market_that_is_not_there_and_one_that_is_another(server: Server, rest: KalshiRest):
    for ticker in ("KXNONE", ""):
        with pytest.raises(Refused) as refused:
            rest.market(ticker)
        assert (refused.value.status, refused.value.code) == (404, "not_found")
    server.on("/markets/KXONE", {"market": p.market(T2)})
    with pytest.raises(Malformed):
        rest.market("KXONE")


def test_fees_are_unknown_without_event_or_series(server: Server, rest: KalshiRest):
    server.on("/markets/KXORPHAN", {"market": p.market("KXORPHAN", event_ticker="KXGONE")})
    assert rest.market("KXORPHAN").fees is None
    server.on(f"/events/{EVENT}", {"event": p.event(series_ticker="KXGONE")})
    assert rest.market(T1).fees is None


def test_an_events_override_replaces_the_series_fees(server: Server, rest: KalshiRest):
    fee = {"fee_type_override": "quadratic_with_maker_fees", "fee_multiplier_override": 0.5}
    server.on(f"/events/{EVENT}", {"event": p.event(**fee)})
    assert rest.fees(T1) == KalshiFees("quadratic_with_maker_fees", Decimal("0.5"))
    server.on(f"/events/{EVENT}", {"event": p.event()})
    server.on("/series/KXRAIN", {"series": p.series(fee_type="flat")})
    assert rest.fees(T1) is None


def test_many_markets_take_few_requests(server: Server, rest: KalshiRest):
    tickers = [f"KXRAIN-26NOV22-T{n}" for n in range(150)]

    def listed(asked: Asked) -> Answer:
        (wanted,) = asked.query["tickers"]
        rows = [p.market(ticker) for ticker in wanted.split(",") if ticker != tickers[3]]
        return Answer({"markets": [*rows, p.market("KXSTRANGER")], "cursor": ""})

    server.on("/markets", listed)
    server.on("/events", {"events": [p.event()], "cursor": ""})
    found = rest.markets_by_id([*tickers, tickers[0]])
    assert [info.id for info in found] == [ticker for ticker in tickers if ticker != tickers[3]]
    assert all(info.fees for info in found)
    assert server.paths() == ["/markets", "/markets", "/events", "/series/KXRAIN"]
    assert rest.markets_by_id([]) == []


def test_events_that_no_list_has_are_asked_for_alone(server: Server, rest: KalshiRest):
    server.on("/markets", {"markets": [p.market(T1), p.market(T2, event_ticker="KXGONE")], "cursor": ""})
    server.on("/events", {"events": [], "cursor": ""})
    fees = {info.id: info.fees for info in rest.markets_by_id([T1, T2])}
    assert fees == {T1: KalshiFees("quadratic", Decimal(1)), T2: None}


@pytest.mark.parametrize(
    ("changes", "status", "final", "result", "pays"),
    [
        ({}, OPEN, False, "", None),
        ({"status": "closed", "result": ""}, CLOSED, False, "", None),
        ({"status": "finalized", "result": "yes", "settlement_value_dollars": "1.0000"}, SETTLED, True, "YES", "1"),
        ({"status": "finalized", "result": "no"}, SETTLED, True, "NO", "0"),
        ({"status": "disputed", "result": "no"}, DISPUTED, False, "NO", "0"),
        (SCALAR, SETTLED, True, "SCALAR", "0.375"),
    ],
)  # fmt: skip
def test_settlements(
    server: Server, rest: KalshiRest, changes: dict, status: str, final: bool, result: str, pays: str
):
    server.on(f"/markets/{T1}", {"market": p.market(**changes)})
    found = rest.settlement(T1)
    assert (found.status, found.final, found.result) == (status, final, result)
    assert found.yes_pays == (None if pays is None else Decimal(pays))
    assert found.disputed == (status == DISPUTED)
    assert rest.status(T1) == status


@pytest.mark.parametrize("value", ["1.2000", "x", "0.9000"])
def test_a_payout_that_cannot_be_is_malformed(server: Server, rest: KalshiRest, value: str):
    server.on(
        f"/markets/{T1}",
        {"market": p.market(status="finalized", result="yes", settlement_value_dollars=value)},
    )
    with pytest.raises(Malformed):
        rest.settlement(T1)


def test_fee_changes_to_come(server: Server, rest: KalshiRest):
    rows = [
        {"fee_type": "quadratic", "fee_multiplier": 0.5, "scheduled_ts": "2026-12-01T00:00:00Z"},
        {"fee_type": "flat", "fee_multiplier": 1, "scheduled_ts": "2026-12-02T00:00:00Z"},
    ]  # fmt: skip
    rows = [{"id": "1", "series_ticker": "KXRAIN", **row} for row in rows]
    server.on("/series/fee_changes", {"series_fee_change_arr": rows})
    first, second = rest.fee_changes("KXRAIN", past=True)
    assert (first.at, first.fee_type, first.multiplier) == (
        datetime(2026, 12, 1, tzinfo=UTC), "quadratic", Decimal("0.5"),
    )  # fmt: skip
    assert (second.ticker, second.fee_type) == ("KXRAIN", "flat")
    assert server.asked[0].query == {"series_ticker": ["KXRAIN"], "show_historical": ["true"]}


# --- books and trades


def test_books_come_a_hundred_at_once_in_yes_terms(server: Server, rest: KalshiRest):
    def books(asked: Asked) -> Answer:
        known = [one for one in asked.query["tickers"] if one != "KX-7"]
        return Answer({"orderbooks": [{"ticker": one, "orderbook_fp": p.book(*LEVELS)} for one in known]})

    server.on("/markets/orderbooks", books)
    found = rest.books([FeedMarket(f"KX-{n}") for n in range(130)])
    assert [len(one.query["tickers"]) for one in server.asked] == [100, 30]
    assert len(found) == 129
    assert found[0].bids == ((470_000, 3_000_000), (450_000, 120_000_000))
    assert found[0].asks == ((490_000, 40_500_000), (520_000, 2_000_000))
    assert rest.books([]) == []


def test_empty_sides_and_broken_books(server: Server, rest: KalshiRest):
    rows = [
        {"ticker": "KX-1", "orderbook_fp": p.book([], None)}, {"ticker": "KX-2", "orderbook_fp": {}},
        {"ticker": "KX-3", "orderbook_fp": p.book([["1.5000", "1.00"]], [])}, {"ticker": "KX-4", "orderbook": {}},
        {"ticker": "KX-5", "orderbook_fp": p.book([["0.5000", "-1.00"]], [])}, {"ticker": "KX-9", "orderbook_fp": {}},
    ]  # fmt: skip
    server.on("/markets/orderbooks", {"orderbooks": rows})
    found = rest.books([FeedMarket(f"KX-{n}") for n in range(1, 6)])
    assert [(one.market_id, one.bids, one.asks) for one in found] == [("KX-1", (), ()), ("KX-2", (), ())]
    assert rest.skipped == 3


def test_one_book_and_the_old_shape(server: Server, rest: KalshiRest):
    path = f"/markets/{T1}/orderbook"
    server.on(path, {"orderbook_fp": p.book(*LEVELS)}, {"orderbook": {"yes": [[45, 120]], "no": None}})
    assert rest.book(FeedMarket(T1), depth=5).bids[0] == (470_000, 3_000_000)
    assert server.asked[0].query == {"depth": ["5"]}
    with pytest.raises(Malformed):
        rest.book(FeedMarket(T1))


def test_trades_are_newest_first_over_pages(server: Server, rest: KalshiRest):
    rows = [p.trade(n) for n in range(7)]
    rows.insert(4, p.trade(2))  # pushed to the next page by a newer trade
    server.on("/markets/trades", pages(rows, 3, "trades"))
    found = rest.trades(FeedMarket(T1), limit=6)
    assert [one.trade_id for one in found] == [f"trade-{n}" for n in range(6)]
    assert (found[0].outcome, found[0].price, found[0].size, found[0].side) == (
        "NO", Decimal("0.52"), Decimal("3.25"), "BUY",
    )  # fmt: skip
    assert found[0].at_ms == 1_795_348_859_250
    assert server.asked[0].query == {"ticker": [T1], "limit": ["6"]}
    assert rest.trades(FeedMarket(T1), limit=0) == []


# --- the exchange


def test_the_exchange_and_its_shards(server: Server, rest: KalshiRest):
    shards = [
        {"exchange_index": 0, "exchange_active": True, "trading_active": True},
        {"exchange_index": 2, "exchange_active": True, "trading_active": False},
    ]
    server.on(
        "/exchange/status",
        {"exchange_active": True, "trading_active": True, "exchange_index_statuses": shards},
    )
    state = rest.exchange_status()
    assert (state.active, state.trading, state.shards, state.resumes) == (
        True,
        True,
        {0: True, 2: False},
        None,
    )
    assert [state.trades(shard) for shard in (0, 2, 3)] == [True, False, True]


def test_the_state_is_told_even_by_a_5xx(server: Server, rest: KalshiRest):
    body = {
        "exchange_active": False,
        "trading_active": False,
        "exchange_estimated_resume_time": "2026-11-26T10:00:00Z",
    }
    server.on("/exchange/status", Answer(body, 503))
    state = rest.exchange_status()
    assert (state.active, state.trades(), state.resumes) == (
        False,
        False,
        datetime(2026, 11, 26, 10, tzinfo=UTC),
    )
    server.on("/exchange/status", Answer(b"<html>bad gateway</html>", 502))
    with pytest.raises(Busy):
        rest.exchange_status()


def test_the_platforms_clock(server: Server, rest: KalshiRest):
    server.on("/exchange/status", OPEN_BODY)
    assert abs(datetime.now(UTC) - rest.server_time()) < timedelta(seconds=5)


# --- manners


def test_every_attempt_takes_its_tokens(server: Server):
    throttle = Counting()
    rest = KalshiRest(server.url, throttle=throttle, backoff=0.001)
    server.on(
        "/exchange/status",
        Answer({"error": "too many requests"}, 429),
        {"exchange_active": True, "trading_active": True},
    )
    rest.exchange_status()
    assert throttle.taken == [("read", 10)] * 2


def test_a_throttle_that_refuses_is_heard(server: Server):
    class Full:
        def acquire(self, endpoint: str, cost: int = 1) -> None:
            raise PlatformError("the bucket is empty for a minute")

    with pytest.raises(PlatformError, match="bucket"):
        KalshiRest(server.url, throttle=Full()).market(T1)
    assert server.asked == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_trouble_that_passes_is_waited_out(server: Server, rest: KalshiRest, status: int):
    server.on(
        f"/markets/{T1}", Answer(b"<html>", status), Answer({"error": "x"}, status), {"market": p.market()}
    )
    assert rest.market(T1).id == T1
    assert server.paths()[:3] == [f"/markets/{T1}"] * 3


def test_trouble_that_stays_is_told_with_its_hints(server: Server):
    rest = KalshiRest(server.url, attempts=3, backoff=0.001)
    server.on(f"/markets/{T1}", Answer({"error": "too many requests"}, 429))
    with pytest.raises(Busy, match="too many requests") as busy:
        rest.market(T1)
    assert (busy.value.status, busy.value.retry_after, len(server.asked)) == (429, 0.0, 3)


def test_what_the_platform_asks_us_to_wait_is_waited(server: Server):
    rest = KalshiRest(server.url, attempts=2, backoff=0.001)
    server.on(f"/markets/{T1}", Answer({}, 503, {"Retry-After": "1"}), {"market": p.market()})
    began = time.monotonic()
    rest.market(T1)
    assert time.monotonic() - began >= 1


def test_a_dropped_connection_is_tried_again(server: Server, rest: KalshiRest):
    server.on(f"/markets/{T1}", Answer(hang_up=True), {"market": p.market()})
    assert rest.market(T1).id == T1


def test_nobody_there():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # held, so that nobody else begins to listen there
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Busy, match="cannot be reached") as busy:
            KalshiRest(url, attempts=2, backoff=0.001, timeout=60).market(T1)
    assert busy.value.status == 0


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"error": {"code": "bad_key", "message": "m", "details": "NOT_FOUND"}}, "bad_key", "NOT_FOUND"),
        ({"code": "bad_request", "message": "a number is needed", "details": ""}, "bad_request", "a number is needed"),
        ({"msg": "Parameter validation failed"}, "", "Parameter validation failed"),
        ({"error": "forbidden"}, "", "forbidden"),
        (b"<html>denied</html>", "", "denied"),
        (b"", "", "401"),
    ],
)  # fmt: skip
def test_refusals_of_every_shape_are_not_repeated(
    server: Server, rest: KalshiRest, body: object, code: str, words: str
):
    server.on(f"/markets/{T1}", Answer(body, 401))
    with pytest.raises(Refused, match=words) as refused:
        rest.market(T1)
    assert (refused.value.status, refused.value.code, len(server.asked)) == (401, code, 1)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"market":{}}', b'{"market":', b"\xff", b'{"x":' + b"[" * 9_000]
)
def test_other_shapes_are_malformed(server: Server, rest: KalshiRest, body: bytes):
    server.on(f"/markets/{T1}", Answer(body))
    with pytest.raises(Malformed):
        rest.market(T1)


def test_a_redirect_is_no_answer(server: Server, rest: KalshiRest):
    server.on(f"/markets/{T1}", Answer(b"", 302, {"Location": "/elsewhere"}))
    with pytest.raises(Malformed, match="302"):
        rest.market(T1)


def test_each_attempt_is_signed_anew_over_the_path_alone(server: Server):
    signed: list[tuple[str, str]] = []

    def authorise(method: str, path: str) -> dict[str, str]:
        signed.append((method, path))
        return {"KALSHI-ACCESS-SIGNATURE": f"signature-{len(signed)}"}

    rest = KalshiRest(server.url, session=requests.Session(), authorise=authorise, backoff=0.001)
    server.on("/markets/trades", Answer({}, 500), {"trades": [], "cursor": ""})
    rest.trades(FeedMarket(T1))
    assert signed == [("GET", "/trade-api/v2/markets/trades")] * 2
    assert [one.headers["kalshi-access-signature"] for one in server.asked] == ["signature-1", "signature-2"]
    assert all(one.target.startswith("/trade-api/v2/markets/trades?") for one in server.asked)


def test_unsigned_requests_carry_no_key(server: Server, rest: KalshiRest):
    rest.market(T1)
    assert not any(name.startswith("kalshi") for one in server.asked for name in one.headers)


# --- whole events


def test_an_event_comes_whole_with_its_settled_markets(server: Server, rest: KalshiRest) -> None:
    settled = p.market(T2, status="finalized", result="no", settlement_value_dollars="0.0000")
    server.on(f"/events/{EVENT}", {"event": p.event(markets=[p.market(T1), settled]), "markets": []})
    event = rest.event(EVENT)
    assert server.asked[0].query == {"with_nested_markets": ["true"]}
    assert (event.id, event.title, event.mutually_exclusive) == (EVENT, "Rain in Springfield", True)
    assert (event.neg_risk, event.augmented, event.cumulative) == (False, False, False)
    assert event.whole and event.market_ids == (T1, T2)
    assert [market.status for market in event.markets] == [OPEN, SETTLED]
    assert all(market.event_id == EVENT and market.fees is not None for market in event.markets)


def test_markets_beside_the_event_are_read_too(server: Server, rest: KalshiRest) -> None:
    body = p.event(mutually_exclusive=False, collateral_return_type="")
    server.on(f"/events/{EVENT}", {"event": body, "markets": [p.market(T1, floor_strike=2.5)]})
    event = rest.event(EVENT)
    assert not event.mutually_exclusive and event.market_ids == (T1,)
    assert event.markets[0].extra["floor_strike"] == "2.5"


def test_a_market_that_cannot_be_read_makes_the_event_a_part(server: Server, rest: KalshiRest) -> None:
    rows = [p.market(T1), p.market(T2, close_time="soon"), {"what": "is this"}]
    server.on(f"/events/{EVENT}", {"event": p.event(markets=rows)})
    event = rest.event(EVENT)
    assert not event.whole and rest.skipped == 2
    assert event.market_ids == (T1, T2, "unreadable")
    assert [market.id for market in event.markets] == [T1]


def test_an_event_that_is_not_there_or_another_one_is_refused(server: Server, rest: KalshiRest) -> None:
    for ticker in ("", "KXNONE-1"):
        with pytest.raises(Refused) as refusal:
            rest.event(ticker)
        assert refusal.value.status == 404
    server.on("/events/KXSNOW-1", {"event": p.event()})
    with pytest.raises(Malformed, match="another event"):
        rest.event("KXSNOW-1")
    server.on(f"/events/{EVENT}", {"event": p.event()})
    assert not rest.event(EVENT).whole, "an event without markets is no whole event"
