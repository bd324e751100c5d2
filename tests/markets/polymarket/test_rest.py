"""The REST client against a local server that answers in the platform's shape."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from markets.platforms.base import OPEN, SETTLED, FeedMarket, Malformed, PlatformError, Refused
from markets.platforms.polymarket.rest import REQUESTS_PER_10_SECONDS, PolymarketRest
from tests.markets.polymarket.exchange import Answer, Asked, Exchange
from tests.markets.polymarket.values import (
    MARKET,
    NO_TOKEN,
    OTHER_MARKET,
    OTHER_NO,
    OTHER_YES,
    YES_TOKEN,
    Venue,
)

LISTING = "/markets/keyset"


class Counting:
    """A throttle that only counts."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        assert endpoint in REQUESTS_PER_10_SECONDS
        assert cost == 1
        self.taken.append(endpoint)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange() as running:
        yield running


@pytest.fixture
def throttle() -> Counting:
    return Counting()


@pytest.fixture
def rest(exchange: Exchange, throttle: Counting) -> Iterator[PolymarketRest]:
    url = exchange.url
    with requests.Session() as session:
        yield PolymarketRest(
            url, url, url + "/", session=session, throttle=throttle, timeout=60, backoff=0.001
        )


def gamma(market: str = MARKET, yes: str = YES_TOKEN, no: str = NO_TOKEN, **changes: Any) -> dict[str, Any]:
    return {
        "id": "9001", "question": "Will it rain?", "conditionId": market, "slug": "will-it-rain",
        "description": "Yes if it rains.", "resolutionSource": "", "endDate": "2026-12-24T12:00:00Z",
        "startDate": "2026-11-01T00:00:00.123456Z", "outcomes": '["Wet", "Dry"]', "outcomePrices": '["0.5", "0.5"]',
        "clobTokenIds": json.dumps([yes, no]), "volume": "1234.5", "volumeNum": 1234.5, "liquidity": "99.25",
        "active": True, "closed": False, "archived": False, "acceptingOrders": True, "enableOrderBook": True,
        "orderPriceMinTickSize": 0.01, "orderMinSize": 5, "negRisk": False, "feesEnabled": True,
        "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25}, "version": "v1",
        "events": [{"id": "77", "slug": "rain", "title": "Rain"}], "tags": [{"label": "Weather", "slug": "weather"}],
        "newThing": {"of": ["next", "week"]},
    } | changes  # fmt: skip


def compact(**changes: Any) -> dict[str, Any]:
    return {
        "c": MARKET, "t": [{"t": YES_TOKEN, "o": "Wet"}, {"t": NO_TOKEN, "o": "Dry"}], "mos": 5, "mts": 0.001,
        "mbf": 1000, "tbf": 1000, "ao": True, "fd": {"r": 0.07, "e": 1, "to": True},
    } | changes  # fmt: skip


def pages(*markets: list[dict[str, Any]]) -> Any:
    """A listing whose cursors are page numbers."""

    def answer(asked: Asked) -> Answer:
        number = int(asked.query.get("after_cursor", ["0"])[0])
        document: dict[str, Any] = {"markets": markets[number]}
        if number + 1 < len(markets):
            document["next_cursor"] = str(number + 1)
        return Answer(document)

    return answer


class TestDiscovery:
    def test_pages_are_turned_until_there_is_no_cursor(self, exchange, rest, throttle):
        other = gamma(OTHER_MARKET, OTHER_YES, OTHER_NO)
        exchange.answers[LISTING] = pages([gamma()], [gamma(), other], [])
        found = list(rest.markets(closing_before=datetime(2027, 1, 1, tzinfo=UTC)))
        assert [info.id for info in found] == [MARKET, OTHER_MARKET]  # the one that came twice is given once
        assert throttle.taken == ["gamma-markets"] * 3
        first = exchange.asked[0].query
        assert first["closed"] == ["false"]
        assert first["limit"] == ["100"]
        assert first["end_date_max"] == ["2027-01-01T00:00:00Z"]
        assert "offset" not in first

    def test_the_fields_of_a_market(self, exchange, rest):
        exchange.answers[LISTING] = pages([gamma()])
        [info] = rest.markets()
        assert [(one.name, one.label, one.token_id) for one in info.outcomes] == [
            ("YES", "Wet", YES_TOKEN),
            ("NO", "Dry", NO_TOKEN),
        ]
        assert (info.status, info.category, info.event_id) == (OPEN, "Weather", "77")
        assert (info.volume, info.liquidity) == (Decimal("1234.5"), Decimal("99.25"))
        assert (info.end, info.ticks[0].step) == (datetime(2026, 12, 24, 12, tzinfo=UTC), Decimal("0.01"))
        assert info.fees is not None
        assert info.fees.marginal_fee(Decimal("0.5")) == Decimal("0.0125")

    def test_a_limit_stops_the_paging(self, exchange, rest):
        exchange.answers[LISTING] = pages([gamma()], [gamma(OTHER_MARKET, OTHER_YES, OTHER_NO)])
        assert len(list(rest.markets(limit=1))) == 1
        assert exchange.times(LISTING) <= 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"outcomes": '["A", "B", "C"]'}, {"outcomes": "nonsense"}, {"outcomes": 7}, {"clobTokenIds": None},
            {"clobTokenIds": '["12"]'}, {"conditionId": ""}, {"orderPriceMinTickSize": None}, {"version": "v9"},
            {"endDate": "tomorrow"}, {"closed": True}, {"volumeNum": "much"},
        ],
    )  # fmt: skip
    def test_a_market_that_is_no_use_costs_only_itself(self, exchange, rest, changes):
        exchange.answers[LISTING] = pages([gamma(**changes), gamma(OTHER_MARKET, OTHER_YES, OTHER_NO)])
        assert [info.id for info in rest.markets()] == [OTHER_MARKET]

    def test_a_v2_market_trades_its_positions(self, exchange, rest):
        market = gamma(OTHER_MARKET[:-4], version="v2", clobTokenIds=None, positionIds=[OTHER_YES, OTHER_NO])
        exchange.answers[LISTING] = pages([market | {"conditionId": OTHER_MARKET[:-2]}])
        [info] = rest.markets()
        assert info.id == OTHER_MARKET[:-2] + "00"
        assert [one.token_id for one in info.outcomes] == [OTHER_YES, OTHER_NO]

    def test_a_cursor_that_never_ends_is_noticed(self, exchange, rest):
        exchange.answers[LISTING] = Answer({"markets": [], "next_cursor": "again"})
        with pytest.raises(Malformed):
            list(rest.markets())
        assert exchange.times(LISTING) == 2


class TestSingleMarkets:
    @staticmethod
    def listing(*markets: dict[str, Any]) -> Any:
        def answer(asked: Asked) -> Answer:
            closed = asked.query["closed"] == ["true"]
            wanted = asked.query["condition_ids"]
            return Answer(
                {
                    "markets": [
                        one for one in markets if one["closed"] == closed and one["conditionId"] in wanted
                    ]
                }
            )

        return answer

    def test_an_open_one_and_a_settled_one(self, exchange, rest):
        done = gamma(OTHER_MARKET, OTHER_YES, OTHER_NO, closed=True, outcomePrices='["0", "1"]')
        exchange.answers[LISTING] = self.listing(gamma(), done)
        assert rest.market(MARKET).status == OPEN
        info = rest.market(OTHER_MARKET)
        assert (info.status, info.result, info.settlement_value) == (SETTLED, "NO", 0)
        assert [one.id for one in rest.markets_by_id([MARKET, OTHER_MARKET, MARKET])] == [
            MARKET,
            OTHER_MARKET,
        ]
        assert rest.status(MARKET) == OPEN

    def test_half_and_half(self, exchange, rest):
        exchange.answers[LISTING] = self.listing(gamma(closed=True, outcomePrices='["0.5", "0.5"]'))
        info = rest.market(MARKET)
        assert (info.status, info.result, info.settlement_value) == (SETTLED, "SCALAR", Decimal("0.5"))

    def test_an_unknown_one_is_a_404(self, exchange, rest):
        exchange.answers[LISTING] = self.listing()
        with pytest.raises(Refused) as caught:
            rest.market(MARKET)
        assert caught.value.status == 404
        assert rest.markets_by_id([MARKET]) == []

    def test_what_is_no_id_is_not_asked_for(self, exchange, rest):
        with pytest.raises(PlatformError):
            rest.market("KXRAIN")
        assert exchange.asked == []

    def test_a_v2_id_is_asked_for_in_both_spellings(self, exchange, rest):
        short = "0x" + "ab" * 31
        market = gamma(short, version="v2", positionIds=[OTHER_YES, OTHER_NO])
        exchange.answers[LISTING] = self.listing(market)
        assert rest.market(short + "00").id == short + "00"

    def test_many_ids_go_out_in_parts(self, exchange, rest, throttle):
        exchange.answers[LISTING] = self.listing()
        rest.markets_by_id(f"0x{number:064x}" for number in range(1, 121))
        assert max(len(asked.query["condition_ids"]) for asked in exchange.asked) <= 100
        assert len(throttle.taken) == len(exchange.asked) == 6

    def test_a_missing_fee_schedule_is_read_from_the_order_book_side(self, exchange, rest):
        exchange.answers[LISTING] = self.listing(gamma(feeSchedule=None))
        assert rest.market(MARKET).fees is None
        exchange.answers[f"/clob-markets/{MARKET}"] = Answer(compact())
        fees = rest.market(MARKET).fees
        assert fees is not None
        assert fees.as_json()["rate"] == "0.07"

    def test_trading_rules(self, exchange, rest):
        exchange.answers[f"/clob-markets/{MARKET}"] = Answer(compact(nr=True, itode=True))
        found = rest.trading_rules(MARKET)
        assert (found.tick, found.min_size, found.token_ids) == (Decimal("0.001"), 5, (YES_TOKEN, NO_TOKEN))
        assert (found.neg_risk, found.taker_delay, found.accepting_orders, found.version) == (
            True,
            True,
            True,
            "v1",
        )
        exchange.answers[f"/clob-markets/{MARKET}"] = Answer(compact(fd=None))
        assert rest.trading_rules(MARKET).fees.marginal_fee(Decimal("0.5")) == 0
        for broken in (compact(mts=0), compact(c=OTHER_MARKET), compact(t=[{"t": "x"}]), {"c": MARKET}, []):
            exchange.answers[f"/clob-markets/{MARKET}"] = Answer(broken)
            with pytest.raises(Malformed):
                rest.trading_rules(MARKET)

    def test_settlement(self, exchange, rest):
        rows: list[dict[str, Any]] = []
        exchange.answers["/v2/resolutions"] = lambda asked: Answer({"data": rows})
        assert rest.settlement(MARKET) is None
        rows.append({"condition_id": MARKET, "status": "proposed", "payouts": None, "was_disputed": False})
        found = rest.settlement(MARKET)
        assert (found.final, found.yes_pays, found.disputed) == (False, None, False)
        rows[0] |= {
            "status": "resolved",
            "payouts": [500_000, "500000"],
            "was_disputed": True,
            "reporter": "UMA_OO",
        }
        found = rest.settlement(MARKET)
        assert (found.final, found.yes_pays, found.disputed) == (True, Decimal("0.5"), True)
        rows[0]["payouts"] = [1_000_000, 1_000_000]
        with pytest.raises(Malformed):
            rest.settlement(MARKET)


class TestBooks:
    @staticmethod
    def serve(exchange: Exchange, *venues: Venue, most: int = 10_000) -> None:
        known = {venue.yes: venue for venue in venues}

        def answer(asked: Asked) -> Answer:
            wanted = [row["token_id"] for row in json.loads(asked.body)]
            if len(wanted) > most:
                return Answer({"error": "Payload exceeds the limit"}, 400)
            return Answer([known[token].whole(token) for token in wanted if token in known])

        exchange.answers["/books"] = answer

    def test_whole_books_best_first(self, exchange, rest):
        venue, other = Venue(), Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        self.serve(exchange, venue)
        [book] = rest.books([venue.followed, other.followed])
        assert book.market_id == MARKET
        assert book.bids == ((490_000, 35_500_000), (480_000, 120_000_000))
        assert book.asks == ((510_000, 80_000_000), (530_000, 14_250_000))
        assert int(book.changed_at.timestamp() * 1_000 + 0.5) == venue.now
        assert (book.tick, book.min_size, book.last_price, book.hash) == (
            "0.01", "5", "0.500", venue.whole(YES_TOKEN)["hash"],
        )  # fmt: skip

    def test_many_go_out_in_parts_that_are_halved_when_too_long(self, exchange, rest, throttle):
        venues = [Venue(f"0x{n:064x}", str(10**70 + n), str(2 * 10**70 + n)) for n in range(1, 131)]
        self.serve(exchange, *venues, most=60)
        books = rest.books([venue.followed for venue in venues])
        assert [book.market_id for book in books] == [venue.market for venue in venues]
        assert throttle.taken == ["clob-books"] * 4  # 100 refused, 50, 50, 30

    @pytest.mark.parametrize(
        "changes",
        [
            {"bids": [{"price": "NaN", "size": "1"}]}, {"bids": None}, {"timestamp": "then"}, {"market": OTHER_MARKET},
            {"asks": [{"price": "1.5", "size": "1"}]}, {"asset_id": NO_TOKEN}, {"market": "rain"},
        ],
    )  # fmt: skip
    def test_a_bad_book_is_left_out(self, exchange, rest, changes):
        venue, other = Venue(), Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        exchange.answers["/books"] = Answer([venue.whole(YES_TOKEN) | changes, other.whole(OTHER_YES)])
        assert [book.market_id for book in rest.books([venue.followed, other.followed])] == [OTHER_MARKET]
        exchange.answers["/book"] = Answer(venue.whole(YES_TOKEN) | changes)
        with pytest.raises(Malformed):
            rest.book(venue.followed)

    def test_a_single_book_and_its_absence(self, exchange, rest):
        venue = Venue()
        with pytest.raises(Refused) as caught:
            rest.book(venue.followed)
        assert caught.value.status == 404
        exchange.answers["/book"] = Answer(venue.whole(YES_TOKEN))
        assert rest.book(venue.followed).bids[0][0] == 490_000

    def test_no_markets_no_request(self, exchange, rest):
        assert rest.books([]) == []
        assert exchange.asked == []

    def test_tick_size_and_time(self, exchange, rest):
        exchange.answers["/tick-size"] = Answer({"minimum_tick_size": 0.0025})
        exchange.answers["/time"] = Answer(1_795_000_000)
        assert rest.tick_size(YES_TOKEN) == Decimal("0.0025")
        assert rest.server_time() == datetime.fromtimestamp(1_795_000_000, UTC)
        exchange.answers["/tick-size"] = Answer({"minimum_tick_size": 7})
        exchange.answers["/time"] = Answer(10**30)
        for call in (lambda: rest.tick_size(YES_TOKEN), rest.server_time):
            with pytest.raises(Malformed):
                call()


class TestTrades:
    def test_newest_first_with_outcome(self, exchange, rest, throttle):
        row = {"token_id": YES_TOKEN, "price": "0.5", "size": "10", "side": "BUY", "timestamp": 1_795_000_000}
        rows = [
            row | {"transaction_hash": "0xa"},
            row | {"token_id": NO_TOKEN, "price": 0.49, "size": 2.5, "side": "SELL", "timestamp": 1_795_000_009}
            | {"transaction_hash": "0xb"},
        ]  # fmt: skip
        exchange.answers["/v2/trades"] = Answer(
            {"data": rows, "pagination": {"has_more": False, "next_cursor": None}}
        )
        trades = rest.trades(FeedMarket(MARKET, YES_TOKEN), limit=5)
        assert [(one.trade_id, one.outcome, one.price, one.size) for one in trades] == [
            ("0xb", "NO", Decimal("0.49"), Decimal("2.5")),
            ("0xa", "YES", Decimal("0.5"), Decimal(10)),
        ]
        assert trades[0].at_ms == 1_795_000_009_000
        assert exchange.asked[0].query["condition_id"] == [MARKET]
        assert throttle.taken == ["data-trades"]
        assert len(rest.trades(FeedMarket(MARKET, YES_TOKEN), limit=1)) == 1

    @pytest.mark.parametrize("changes", [{"price": "1.2"}, {"side": "HOLD"}, {"size": -1}, {"price": None}])
    def test_a_trade_that_is_none(self, exchange, rest, changes):
        row = {"token_id": YES_TOKEN, "price": "0.5", "size": "10", "side": "BUY", "timestamp": 1} | changes
        exchange.answers["/v2/trades"] = Answer({"data": [row]})
        with pytest.raises(Malformed):
            rest.trades(FeedMarket(MARKET, YES_TOKEN))


class TestTrouble:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 425])
    def test_a_busy_platform_is_asked_again_and_then_believed(self, exchange, rest, throttle, status):
        answers = [
            Answer({"error": "later"}, status),
            Answer({"error": "later"}, status),
            Answer(1_795_000_000),
        ]
        exchange.answers["/time"] = lambda asked: answers[min(len(exchange.asked), 3) - 1]
        assert rest.server_time().year == 2026
        assert throttle.taken == ["clob"] * 3  # every attempt counts against the limit
        exchange.answers["/time"] = Answer({"error": "later"}, status, {"Retry-After": "0"})
        with pytest.raises(PlatformError, match=f"{status}.*later") as caught:
            rest.server_time()
        assert not isinstance(caught.value, Refused | Malformed)
        assert exchange.times("/time") == 6

    @pytest.mark.parametrize("status", [400, 401, 404])
    def test_a_refusal_is_not_asked_again(self, exchange, rest, status):
        exchange.answers["/time"] = Answer({"error": "Invalid payload"}, status)
        with pytest.raises(Refused) as caught:
            rest.server_time()
        assert (caught.value.status, caught.value.code) == (status, "Invalid payload")
        assert exchange.times("/time") == 1

    @pytest.mark.parametrize(
        "raw", [b"", b"<html>Just a moment</html>", b'"soon"', b"[" * 50_000, b"\xff", b"null"]
    )
    def test_what_is_no_answer_is_malformed(self, exchange, rest, raw):
        exchange.answers["/time"] = Answer(raw)
        exchange.answers[LISTING] = Answer(raw)
        exchange.answers["/books"] = Answer(raw)
        for call in (rest.server_time, lambda: list(rest.markets()), lambda: rest.books([Venue().followed])):
            with pytest.raises(Malformed):
                call()

    def test_a_redirect_is_no_answer(self, exchange, rest):
        exchange.answers["/time"] = Answer(None, 302, {"Location": exchange.url + "/elsewhere"})
        with pytest.raises(Malformed):
            rest.server_time()
        assert exchange.times("/elsewhere") == 0

    def test_an_unreachable_platform_is_a_platform_error(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            rest = PolymarketRest(url, url, url, timeout=1, backoff=0.001)
            with pytest.raises(PlatformError, match="cannot be reached"):
                rest.server_time()

    def test_a_throttle_that_refuses_stops_the_call(self, exchange):
        class Full:
            def acquire(self, endpoint: str, cost: int = 1) -> None:
                raise PlatformError("our own limit is used up")

        url = exchange.url
        with pytest.raises(PlatformError, match="used up"):
            PolymarketRest(url, url, url, throttle=Full(), backoff=0.001).server_time()
        assert exchange.asked == []


def test_the_limits_keep_the_platforms_totals():
    """What each path may take adds up to what its host allows."""
    total = {host: sum(n for name, n in REQUESTS_PER_10_SECONDS.items() if name.split("-")[0] == host)
             for host in ("gamma", "clob", "data")}  # fmt: skip
    assert total["gamma"] <= 900
    assert total["clob"] <= 9_000
    assert total["data"] <= 800


# Whole events


def gamma_event(*markets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "77", "slug": "rain", "title": "Where does it rain?", "negRisk": True, "enableNegRisk": True,
        "negRiskAugmented": False, "cumulativeMarkets": False, "volume": 12.5, "liquidity": 3,
        "tags": [{"id": "1", "label": "Weather", "slug": "weather"}], "markets": list(markets),
    } | changes  # fmt: skip


def nested(market: str, yes: str, no: str, **changes: Any) -> dict[str, Any]:
    found = gamma(market, yes, no, negRisk=True, **changes)
    return {name: value for name, value in found.items() if name not in ("events", "tags")}


def test_an_event_comes_whole_with_its_closed_markets(
    exchange: Exchange, rest: PolymarketRest, throttle: Counting
) -> None:
    ended = nested(
        OTHER_MARKET, OTHER_YES, OTHER_NO, closed=True, acceptingOrders=False, umaResolutionStatus="resolved",
        outcomePrices='["0", "1"]', groupItemTitle="Springfield",
    )  # fmt: skip
    exchange.answers["/events/77"] = Answer(gamma_event(nested(MARKET, YES_TOKEN, NO_TOKEN), ended))
    event = rest.event("77")
    assert throttle.taken == ["gamma-events"]
    assert (event.title, event.neg_risk, event.mutually_exclusive) == ("Where does it rain?", True, True)
    assert event.whole and event.market_ids == (MARKET, OTHER_MARKET)
    assert [(market.status, market.result) for market in event.markets] == [(OPEN, ""), (SETTLED, "NO")]
    assert all(market.event_id == "77" and market.category == "Weather" for market in event.markets)


@pytest.mark.parametrize(
    ("flags", "neg_risk", "augmented", "cumulative"),
    [
        ({"negRiskAugmented": True}, True, True, False),
        ({"enableNegRisk": False}, False, False, False),
        ({"negRisk": None}, True, False, False),
        ({"negRisk": None, "enableNegRisk": None}, False, False, False),
        ({"negRisk": False, "enableNegRisk": False, "cumulativeMarkets": True}, False, False, True),
    ],
)
def test_flags_promise_nothing_that_the_other_one_denies(
    exchange: Exchange, rest: PolymarketRest, flags: dict[str, Any], neg_risk: bool, augmented: bool,
    cumulative: bool,
) -> None:  # fmt: skip
    exchange.answers["/events/77"] = Answer(gamma_event(nested(MARKET, YES_TOKEN, NO_TOKEN), **flags))
    event = rest.event("77")
    assert (event.neg_risk, event.augmented, event.cumulative) == (neg_risk, augmented, cumulative)
    assert event.mutually_exclusive == neg_risk


def test_what_cannot_be_traded_makes_the_event_a_part(exchange: Exchange, rest: PolymarketRest) -> None:
    placeholder = nested(OTHER_MARKET, OTHER_YES, OTHER_NO, id="9002", conditionId=None, clobTokenIds=None)
    three = nested(OTHER_MARKET, OTHER_YES, OTHER_NO, outcomes='["A", "B", "C"]')
    rows = [nested(MARKET, YES_TOKEN, NO_TOKEN), placeholder, three, {"conditionId": 5}]
    exchange.answers["/events/77"] = Answer(gamma_event(*rows))
    event = rest.event("77")
    assert not event.whole
    assert event.market_ids == (MARKET, "gamma:9002", OTHER_MARKET, "unreadable")
    assert [market.id for market in event.markets] == [MARKET]


def test_an_event_that_is_not_there_or_another_one_is_refused(
    exchange: Exchange, rest: PolymarketRest
) -> None:
    with pytest.raises(Refused) as refusal:
        rest.event("78")
    assert refusal.value.status == 404
    exchange.answers["/events/79"] = Answer(gamma_event())
    with pytest.raises(Malformed, match="another one"):
        rest.event("79")
    exchange.answers["/events/77"] = Answer(gamma_event(markets=None))
    assert not rest.event("77").whole, "an event without markets is no whole event"
    asked = len(exchange.asked)
    for wrong in ("", "../markets", "77?closed=true"):
        with pytest.raises(PlatformError, match="no event id"):
            rest.event(wrong)
    assert len(exchange.asked) == asked, "nothing is asked for what is no id"
