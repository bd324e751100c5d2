"""The feed: books from snapshots and deltas, and which of them may be trusted."""

from decimal import Decimal

import pytest

from markets.platforms.base import BookSnapshot, FeedMarket
from markets.platforms.kalshi.stream import KalshiFeed, handshake_path
from tests.markets.kalshi import wire

A, B = "KXRAIN-26NOV22-T1", "KXRAIN-26NOV22-T2"
YES, NO = [("0.4500", "120.00"), ("0.4700", "3.00")], [("0.4800", "2.00"), ("0.5100", "40.50")]
NOW = 1_790_856_000_000


def connected(*tickers: str, **options: bool) -> KalshiFeed:
    """A feed on a fresh connection with its three subscriptions, and a full book for every ticker."""
    feed = KalshiFeed(**options)
    feed.follow(FeedMarket(ticker) for ticker in tickers)
    feed.opened(NOW)
    for command in wire.commands(feed):
        channel = command["params"]["channels"][0]
        sid = {wire.BOOKS: 1, wire.TRADES: 2, wire.LIFECYCLE: 3}[channel]
        feed.receive(wire.subscribed(sid, channel, command["id"]), NOW)
    for seq, ticker in enumerate(tickers, 1):
        feed.receive(wire.snapshot(seq, ticker, YES, NO), NOW)
    feed.changed.clear()
    return feed


def kinds(feed: KalshiFeed) -> list[str]:
    return [bad.kind for bad in feed.bad]


def snapshots_asked(feed: KalshiFeed) -> set[str]:
    return {
        ticker
        for command in wire.commands(feed)
        if command.get("params", {}).get("action") == "get_snapshot"
        for ticker in command["params"]["market_tickers"]
    }


# --- books


def test_both_sides_are_bids_and_a_no_bid_is_a_yes_ask():
    book = connected(A).books[A]
    assert book.trusted
    assert book.bid_ladder() == ((470_000, 3_000_000), (450_000, 120_000_000))
    assert book.ask_ladder() == ((490_000, 40_500_000), (520_000, 2_000_000))
    assert (book.best_bid, book.best_ask) == (470_000, 490_000)


def test_a_delta_is_a_signed_change_and_an_emptied_level_goes():
    feed = connected(A)
    feed.receive(wire.delta(2, A, "yes", "0.4700", "-3.00"), NOW + 1)
    feed.receive(wire.delta(3, A, "no", "0.5100", "0.25"), NOW + 2)
    feed.receive(wire.delta(4, A, "no", "0.5130", "21.74"), NOW + 3)
    book = feed.books[A]
    assert book.bid_ladder() == ((450_000, 120_000_000),)
    assert book.ask_ladder() == ((487_000, 21_740_000), (490_000, 40_750_000), (520_000, 2_000_000))
    assert feed.changed == {A}
    assert (book.changed_ms, feed.last_data_ms, feed.stats.book_updates) == (NOW + 3, NOW + 3, 4)


def test_absent_sides_are_empty_and_both_absent_is_an_empty_book():
    feed = connected(A)
    feed.receive(wire.snapshot(2, A, no=NO), NOW)
    assert (feed.books[A].best_bid, feed.books[A].best_ask) == (0, 490_000)
    feed.receive(wire.snapshot(3, A), NOW)
    assert feed.books[A].trusted
    assert (feed.books[A].best_bid, feed.books[A].best_ask) == (0, 1_000_000)
    feed.receive(wire.delta(4, A, "no", "0.5100", "1.00"), NOW)
    assert feed.books[A].best_ask == 490_000


def test_yes_prices_are_asked_for_explicitly_and_not_turned_twice():
    feed = connected(A, use_yes_price=True)
    feed.receive(wire.snapshot(2, A, YES, [("0.4900", "40.50"), ("0.5200", "2.00")]), NOW)
    feed.receive(wire.delta(3, A, "no", "0.4900", "-40.50"), NOW)
    assert feed.books[A].ask_ladder() == ((520_000, 2_000_000),)
    for flag in (False, True):
        feed = KalshiFeed(use_yes_price=flag)
        feed.follow([FeedMarket(A)])
        feed.opened(NOW)
        (books,) = [one for one in wire.commands(feed) if one["params"]["channels"] == [wire.BOOKS]]
        assert books["params"] == {"channels": [wire.BOOKS], "market_tickers": [A], "use_yes_price": flag}


def test_newer_and_unknown_members_change_nothing():
    feed = connected(A)
    newer = wire.delta(
        2, A, "yes", "0.4700", "1.00", clock=12, client_order_id="x", subaccount=3, later={"deep": [1]}
    )
    feed.receive(newer[:-1] + b',"sending_ts_ms":1790856000124,"trace":"q"}', NOW)
    feed.receive(wire.delta(3, A, "yes", "0.4700", "1.00", ts=None), NOW)
    assert feed.books[A].bids[470_000] == 5_000_000
    assert feed.stats.malformed == 0


def test_deltas_that_the_snapshot_contains_already_are_left_out():
    feed = connected(A)
    feed.receive(wire.snapshot(2, A, YES, NO, clock=50), NOW)
    feed.receive(wire.delta(3, A, "yes", "0.4700", "1.00", clock=50), NOW)
    assert feed.books[A].bids[470_000] == 3_000_000
    feed.receive(wire.delta(4, A, "yes", "0.4700", "1.00", clock=51), NOW)
    feed.receive(wire.delta(5, A, "yes", "0.4700", "1.00", clock=51), NOW)
    assert feed.books[A].bids[470_000] == 5_000_000
    assert feed.books[A].trusted


def test_a_clock_that_fell_long_after_the_snapshot_costs_the_book_its_trust():
    feed = connected(A)
    feed.receive(wire.snapshot(2, A, YES, NO, clock=50), NOW)
    feed.receive(wire.delta(3, A, "yes", "0.4700", "1.00", clock=7), NOW + 60_000)
    assert not feed.books[A].trusted
    assert snapshots_asked(feed) == {A}


# --- continuity


def test_every_numbered_frame_counts_replies_and_errors_included():
    feed = connected(A)
    feed.receive(wire.ok(2, 99, [A]), NOW)
    feed.receive(wire.error(11, 98, sid=1, seq=3), NOW)
    feed.receive(wire.encode(type="novelty", sid=1, seq=4, msg={}), NOW)
    feed.receive(wire.delta(5, A, "yes", "0.4700", "1.00"), NOW)
    assert (feed.stats.gaps, feed.stats.unknown, feed.stats.malformed) == (0, 1, 0)
    assert feed.books[A].trusted


def test_a_hole_drops_every_book_of_the_sid_until_its_snapshot():
    feed = connected(A, B)
    feed.receive(wire.delta(4, A, "yes", "0.4700", "1.00"), NOW)
    assert feed.stats.gaps == 1
    assert feed.dropped == {A, B}
    assert not feed.changed
    assert not any(book.trusted for book in feed.books.values())
    assert snapshots_asked(feed) == {A, B}
    feed.receive(wire.delta(5, B, "yes", "0.4700", "1.00"), NOW)
    feed.receive(wire.snapshot(6, A, YES, NO), NOW)
    assert feed.books[A].trusted
    assert not feed.books[B].trusted
    assert (feed.dropped, feed.changed) == ({B}, {A})
    feed.receive(wire.snapshot(7, B, NO, YES), NOW)
    assert (feed.stats.gaps, feed.stats.resyncs, feed.stats.malformed) == (1, 2, 0)


def test_holes_of_other_channels_do_not_touch_the_books():
    feed = connected(A)
    feed.receive(wire.trade(1, A), NOW)
    feed.receive(wire.trade(5, A), NOW)
    assert feed.stats.gaps == 1
    assert feed.books[A].trusted


def test_repeated_and_late_frames_are_not_applied_again():
    feed = connected(A)
    frame = wire.delta(2, A, "yes", "0.4700", "1.00")
    for _ in range(3):
        feed.receive(frame, NOW)
    feed.receive(wire.delta(1, A, "yes", "0.4700", "9.00"), NOW)
    assert feed.books[A].bids[470_000] == 4_000_000
    assert (feed.duplicates, feed.stats.gaps, feed.stats.malformed) == (3, 0, 0)


def test_a_numbering_that_began_anew_is_no_endless_repetition():
    feed = connected(A)
    for seq in range(2, 200):
        feed.receive(wire.delta(seq, A, "yes", "0.4700", "1.00"), NOW)
    wire.commands(feed)
    for seq in range(1, 30):
        feed.receive(wire.delta(seq, A, "yes", "0.4700", "1.00"), NOW)
    assert not feed.books[A].trusted
    assert snapshots_asked(feed) == {A}
    feed.receive(wire.snapshot(30, A, YES, NO), NOW)
    assert feed.books[A].trusted


def test_shared_numbers_are_not_checked():
    feed = KalshiFeed(follow_all=True, shared_seq=True)
    feed.opened(NOW)
    feed.receive(wire.snapshot(900, A, YES, NO), NOW)
    feed.receive(wire.delta(951, A, "yes", "0.4700", "1.00"), NOW)
    feed.receive(wire.snapshot(22, A, YES, NO), NOW)
    feed.receive(wire.delta(40, A, "yes", "0.4700", "2.00"), NOW)
    assert feed.books[A].bids[470_000] == 5_000_000
    assert (feed.stats.gaps, feed.duplicates, feed.outbox) == (0, 0, [])


def test_a_reconnect_forgets_everything_and_subscribes_again():
    feed = connected(A)
    feed.closed(NOW + 1)
    assert (feed.books[A].trusted, feed.dropped) == (False, {A})
    feed.opened(NOW + 2)
    asked = [one["params"]["channels"][0] for one in wire.commands(feed)]
    assert sorted(asked) == sorted([wire.BOOKS, wire.TRADES, wire.LIFECYCLE])
    feed.receive(wire.subscribed(7, wire.BOOKS, 5), NOW + 3)
    feed.receive(wire.snapshot(1, A, YES, NO, sid=7), NOW + 3)
    assert feed.books[A].trusted
    assert (feed.stats.reconnects, feed.stats.gaps, feed.stats.resyncs) == (1, 0, 0)


def test_a_second_subscription_of_a_channel_replaces_the_first():
    feed = connected(A)
    feed.receive(wire.subscribed(9, wire.BOOKS, 77), NOW)
    assert not feed.books[A].trusted
    feed.receive(wire.snapshot(1, A, YES, NO, sid=9), NOW)
    feed.receive(wire.delta(2, A, "yes", "0.4700", "1.00", sid=1), NOW)
    assert feed.books[A].bids[470_000] == 3_000_000
    assert feed.books[A].trusted


def test_rest_books_are_taken_only_while_the_stream_is_down():
    feed = connected(A)
    rest = BookSnapshot(A, ((300_000, 5_000_000),), ((310_000, 6_000_000),), None)
    feed.receive(wire.delta(9, A, "yes", "0.4700", "1.00"), NOW)
    feed.repair(rest, NOW)
    assert not feed.books[A].trusted
    feed.closed(NOW)
    feed.repair(rest, NOW)
    assert (feed.books[A].trusted, feed.books[A].best_bid) == (True, 300_000)


# --- what cannot be used


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", "json"),
        (b"\xff\xfe{", "json"),
        (b'{"type":"orderbook_delta","sid":1,"seq":2,"msg":{"market_tick', "json"),
        (b'{"deep":' + b"[" * 5_000, "json"),
        (b"[1,2]", "shape"),
        (b'{"type":7}', "shape"),
        (wire.encode(type="orderbook_delta", msg={}), "shape"),
        (wire.delta(2, A, "maybe", "0.4700", "1.00"), "shape"),
        (wire.encode(type="orderbook_delta", sid=1, seq=2, msg={"market_ticker": A}), "shape"),
        (wire.encode(type="orderbook_delta", sid=1, seq=2, msg=[]), "shape"),
        (wire.delta(2, A, "yes", "47", "1.00"), "number"),
        (wire.delta(2, A, "yes", "1.0000", "1.00"), "number"),
        (wire.delta(2, A, "yes", "0.0000", "1.00"), "number"),
        (wire.delta(2, A, "yes", "0.4700", "1e3"), "number"),
        (wire.delta(2, A, "yes", "NaN", "1.00"), "number"),
        (wire.delta(2, A, "yes", "0.4700", "-3.01"), "negative"),
        (wire.delta(2, A, "no", "0.1000", "-0.01"), "negative"),
        (wire.delta(2, "KXOTHER", "yes", "0.4700", "1.00"), "unknown_market"),
        (wire.snapshot(2, "KXOTHER", YES, NO), "unknown_market"),
        (wire.snapshot(2, A, [("0.4500", "-1.00")], NO), "number"),
        (wire.snapshot(2, A, [("0.45", "x")], NO), "number"),
        (wire.snapshot(2, A, yes=[[45, 120]], no=None), "shape"),
        (wire.encode(type="orderbook_snapshot", sid=1, seq=2, msg={"market_ticker": A, "yes": [[45, 1]]}), "shape"),
        (wire.trade(1, A, taker="both"), "number"),
        (wire.trade(1, A, count_fp="0.00"), "number"),
        (wire.trade(1, A, count_fp=3), "shape"),
        (wire.trade(1, "KXOTHER"), "unknown_market"),
        (wire.encode(type="subscribed", id=1, msg={"sid": "one"}), "shape"),
        (wire.encode(type="error", id=1, msg="no"), "shape"),
    ],
)  # fmt: skip
def test_a_bad_frame_is_counted_kept_and_never_raises(frame: bytes, kind: str):
    feed = connected(A)
    feed.receive(frame, NOW + 5)
    assert kinds(feed) == [kind]
    assert (feed.bad[0].raw, feed.bad[0].at_ms) == (frame, NOW + 5)
    assert feed.stats.malformed == 1


def test_a_numbered_frame_that_cannot_be_used_costs_its_market_only():
    feed = connected(A, B)
    feed.receive(wire.delta(3, A, "yes", "0.4700", "-9.00"), NOW)
    assert (feed.books[A].trusted, feed.books[B].trusted) == (False, True)
    assert feed.dropped == {A}
    assert snapshots_asked(feed) == {A}
    feed.receive(wire.snapshot(4, A, YES, NO), NOW)
    assert feed.books[A].trusted
    assert (feed.stats.gaps, feed.stats.resyncs, feed.stats.malformed) == (0, 1, 1)


def test_a_frame_whose_market_nobody_can_tell_costs_all_books():
    feed = connected(A, B)
    feed.receive(wire.encode(type="orderbook_delta", sid=1, seq=3, msg={"side": "yes"}), NOW)
    assert not any(book.trusted for book in feed.books.values())
    assert snapshots_asked(feed) == {A, B}


def test_a_delta_before_the_first_snapshot_is_reported():
    feed = KalshiFeed()
    feed.follow([FeedMarket(A)])
    feed.opened(NOW)
    feed.receive(wire.subscribed(), NOW)
    feed.receive(wire.delta(1, A, "yes", "0.4700", "1.00"), NOW)
    assert kinds(feed) == ["level"]
    assert not feed.books[A].trusted


def test_private_and_other_known_frames_are_no_surprise():
    feed = connected(A)
    feed.receive(wire.encode(type="ticker", sid=4, msg={"market_ticker": A}), NOW + 9)
    feed.receive(wire.encode(type="fill", sid=5, msg={}), NOW)
    assert (feed.stats.unknown, feed.stats.malformed, feed.last_data_ms) == (0, 0, NOW + 9)
    feed.receive(wire.encode(type="weather", msg={}), NOW)
    assert feed.stats.unknown == 1


def test_a_crossing_counts_once_and_is_asked_about_when_it_lasts():
    feed = connected(A)
    feed.receive(wire.delta(2, A, "yes", "0.5000", "1.00"), NOW)
    feed.receive(wire.delta(3, A, "yes", "0.5000", "1.00"), NOW)
    assert feed.books[A].crossed
    assert feed.stats.crossed == 1
    feed.tick(NOW + 1_000)
    assert feed.books[A].trusted
    feed.tick(NOW + 6_000)
    assert (feed.books[A].trusted, feed.dropped) == (False, {A})
    assert snapshots_asked(feed) == {A}


def test_exchange_time_that_falls_is_reported_but_applied():
    feed = connected(A)
    feed.receive(wire.delta(2, A, "yes", "0.4700", "1.00", ts_ms=NOW), NOW)
    feed.receive(wire.delta(3, A, "yes", "0.4700", "1.00", ts_ms=NOW - 400), NOW)
    assert feed.backwards == 0
    feed.receive(wire.delta(4, A, "yes", "0.4700", "1.00", ts_ms=NOW - 9_000), NOW)
    assert (feed.backwards, kinds(feed)) == (1, ["time"])
    assert feed.books[A].bids[470_000] == 6_000_000


# --- trades and news


@pytest.mark.parametrize(("taker", "outcome", "price"), [("yes", "YES", "0.48"), ("no", "NO", "0.52")])
def test_a_trade_is_told_as_the_takers_purchase(taker: str, outcome: str, price: str):
    feed = connected(A)
    feed.receive(wire.trade(1, A, taker), NOW)
    feed.receive(wire.trade(2, A, taker, taker_outcome_side="", is_block_trade=None), NOW)
    first, second = feed.trades
    assert (first.market_id, first.outcome, first.price, first.size, first.side, first.at_ms) == (
        A, outcome, Decimal(price), Decimal("21.74"), "BUY", 1_790_856_000_620,
    )  # fmt: skip
    assert second == first
    assert feed.stats.trades == 2


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("deactivated", "paused"), ("activated", "resumed"), ("close_date_updated", "dates"),
        ("determined", "determined"), ("settled", "settled"), ("price_level_structure_updated", "tick"),
        ("something_new", "something_new"),
    ],
)  # fmt: skip
def test_news_of_followed_markets_is_passed_on(event: str, what: str):
    feed = connected(A)
    feed.receive(wire.lifecycle(1, A, event, close_ts=1_790_930_000), NOW)
    feed.receive(wire.lifecycle(2, "KXOTHER", event), NOW)
    (news,) = feed.changes
    assert (news.market_id, news.what, news.detail["close_ts"]) == (A, what, 1_790_930_000)


def test_new_markets_are_news_only_where_asked_for():
    for asked in (False, True):
        feed = connected(A, created=asked)
        feed.receive(wire.lifecycle(1, "KXNEW", "created"), NOW)
        assert [news.what for news in feed.changes] == ["created"] * asked


def test_an_events_new_fees_are_news():
    feed = connected(A)
    frame = {"event_ticker": "KXRAIN-26NOV22", "fee_type_override": None, "fee_multiplier_override": None}
    feed.receive(wire.encode(type="event_fee_update", sid=3, seq=1, msg=frame), NOW)
    assert [(news.market_id, news.what) for news in feed.changes] == [("KXRAIN-26NOV22", "fees")]


def test_the_handshake_signs_the_path_of_the_address():
    assert handshake_path("wss://example.test/trade-api/ws/v2?x=1") == "/trade-api/ws/v2"
    assert handshake_path("ws://127.0.0.1:5001") == "/trade-api/ws/v2"
