"""The feed on frames of the market channel: books, trust, gaps, news, keep-alive."""

import json
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from markets.platforms.base import FeedMarket
from markets.platforms.polymarket import parse, wire
from markets.platforms.polymarket.parse import PolymarketBook
from markets.platforms.polymarket.stream import MAX_TOKENS_PER_CONNECTION, PolymarketFeed
from tests.markets.polymarket.values import (
    MARKET,
    NO_TOKEN,
    OTHER_MARKET,
    OTHER_NO,
    OTHER_YES,
    START_MS,
    YES_TOKEN,
    Venue,
    following,
)


def rest_book(venue: Venue) -> PolymarketBook:
    book = msgspec.convert(venue.whole(venue.yes), wire.RestBook)
    return parse.rest_book(book, venue.market)


def frames(feed: PolymarketFeed) -> list[dict]:
    sent = [json.loads(text) for text in feed.outbox if text != "PING"]
    feed.outbox.clear()
    return sent


class TestSubscribing:
    def test_the_first_frame_names_the_channel_and_later_ones_the_operation(self):
        feed = following(Venue())
        assert frames(feed) == [{"assets_ids": [YES_TOKEN], "type": "market", "custom_feature_enabled": True}]
        feed.follow([FeedMarket(OTHER_MARKET, OTHER_YES)])
        assert frames(feed) == [
            {"assets_ids": [OTHER_YES], "operation": "subscribe", "custom_feature_enabled": True}
        ]
        feed.unfollow([OTHER_MARKET])
        assert frames(feed) == [{"assets_ids": [OTHER_YES], "operation": "unsubscribe"}]
        assert set(feed.books) == {MARKET}

    def test_a_full_connection_subscribes_in_frames_of_a_hundred(self):
        feed = PolymarketFeed()
        feed.follow(FeedMarket(f"0x{n:064x}", str(10**70 + n)) for n in range(MAX_TOKENS_PER_CONNECTION))
        feed.opened(START_MS)
        sent = frames(feed)
        assert [len(frame["assets_ids"]) for frame in sent] == [100, 100]
        assert [frame.get("type") for frame in sent] == ["market", None]

    def test_a_market_followed_twice_is_subscribed_once(self):
        venue = Venue()
        feed = following(venue)
        feed.outbox.clear()
        feed.follow([venue.followed])
        assert feed.outbox == []

    @pytest.mark.parametrize(
        "market", [FeedMarket(MARKET), FeedMarket("0x12", YES_TOKEN), FeedMarket(MARKET.upper(), YES_TOKEN)]
    )
    def test_what_cannot_be_followed_is_refused(self, market):
        with pytest.raises(ValueError):
            PolymarketFeed().follow([market])


class TestBooks:
    def test_a_dump_makes_a_trusted_book_in_yes_terms(self):
        venue = Venue()
        feed = following(venue)
        assert not feed.books[MARKET].trusted
        feed.receive(venue.dump(), START_MS + 5)
        book = feed.books[MARKET]
        assert book.trusted
        assert (book.bids, book.asks) == (venue.bids, venue.asks)
        assert (book.best_bid, book.best_ask) == (490_000, 510_000)
        assert feed.changed == {MARKET}
        assert (feed.stats.frames, feed.stats.book_updates, feed.hash_matches) == (1, 1, 1)

    def test_the_mirror_books_of_no_do_not_double_the_depth(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(YES_TOKEN, NO_TOKEN), START_MS)
        feed.receive(venue.change("BUY", 495_000, 7_000_000), START_MS + 1)
        assert feed.books[MARKET].bids == venue.bids
        assert list(feed.books) == [MARKET]
        assert feed.stats.book_updates == 2
        assert feed.stats.malformed == 0

    def test_a_size_is_the_new_total_and_zero_removes_the_level(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        feed.receive(venue.change("BUY", 490_000, 1_000_000), START_MS + 1)
        assert feed.books[MARKET].bids[490_000] == 1_000_000
        feed.receive(venue.change("BUY", 490_000, 0), START_MS + 2)
        assert feed.books[MARKET].best_bid == 480_000
        feed.receive(venue.change("SELL", 510_000, 0), START_MS + 3)
        assert feed.books[MARKET].best_ask == 530_000

    def test_an_emptied_side_is_no_gap(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        for price in (490_000, 480_000):
            feed.receive(venue.change("BUY", price, 0), START_MS + 1)
        feed.tick(START_MS + 100)
        assert feed.books[MARKET].trusted
        assert feed.stats.gaps == 0

    def test_after_a_trade_whole_books_come_without_tick_and_last_price(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        venue.now += 10
        venue.set("SELL", 510_000, 30_000_000)
        venue.last = "0.510"  # the hash already has the price of a trade that is told later
        feed.receive(venue.after_trade(YES_TOKEN), START_MS + 10)
        feed.receive(venue.after_trade(NO_TOKEN), START_MS + 12)
        feed.receive(venue.trade(YES_TOKEN, "0.51", "50", "BUY"), START_MS + 40)
        feed.receive(venue.change("BUY", 470_000, 5_000_000), START_MS + 50)
        feed.tick(START_MS + 2_000)
        assert feed.books[MARKET].asks == venue.asks
        assert (feed.stats.gaps, feed.stats.trades, feed.stats.malformed) == (0, 1, 0)
        assert (feed.hash_checks, feed.hash_matches) == (3, 3)

    def test_v2_and_neg_risk_books_prove_their_hash(self):
        venue = Venue(neg_risk=True, version="v2", last="")
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        assert (feed.hash_checks, feed.hash_matches) == (1, 1)

    def test_a_crossed_book_is_counted_once_while_it_lasts(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        feed.receive(venue.change("BUY", 515_000, 1_000_000), START_MS + 1)
        feed.receive(venue.change("BUY", 516_000, 1_000_000), START_MS + 2)
        assert feed.books[MARKET].crossed
        assert feed.stats.crossed == 1


class TestContinuity:
    def test_a_lost_frame_is_found_by_the_next_ones_hash(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        venue.change("BUY", 450_000, 9_000_000)  # lost: a deep level, so best prices agree
        feed.receive(venue.change("BUY", 460_000, 3_000_000), START_MS + 2)
        feed.receive(venue.change("BUY", 470_000, 3_000_000), START_MS + 3)
        assert not feed.books[MARKET].trusted
        assert feed.dropped == {MARKET}
        assert feed.needs_rest == {MARKET}
        assert feed.stats.gaps == 1
        assert MARKET not in feed.changed

    def test_a_lost_frame_on_a_quiet_market_is_found_by_the_clock(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        venue.change("BUY", 450_000, 9_000_000)
        feed.receive(venue.change("BUY", 460_000, 3_000_000), START_MS + 2)
        feed.tick(START_MS + 100)
        assert feed.stats.gaps == 0  # the rest of a batch may be on its way
        feed.tick(START_MS + 600)
        assert feed.stats.gaps == 1

    def test_a_lost_best_price_is_found_without_hashes_too(self):
        venue = Venue()
        feed = following(venue)
        feed.repair(replace(rest_book(venue), hash=""), START_MS)
        venue.change("BUY", 500_000, 9_000_000)
        feed.receive(venue.change("BUY", 460_000, 3_000_000), START_MS + 2)
        feed.receive(venue.change("BUY", 461_000, 3_000_000), START_MS + 3)
        assert feed.stats.gaps == 1
        assert "best prices" in feed.last_gap

    def test_a_batch_with_one_hash_is_only_judged_at_its_end(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        parts = [("BUY", 490_000, 0), ("BUY", 485_000, 6_000_000), ("SELL", 520_000, 2_000_000)]
        venue.now += 1
        for part in parts:
            venue.set(*part)
        batch = [venue.frame([venue.entry(YES_TOKEN, *part)]) for part in parts]
        feed.receive(batch[0], START_MS + 1)
        feed.tick(START_MS + 200)
        feed.receive(batch[1], START_MS + 201)
        feed.receive(batch[2], START_MS + 202)
        feed.receive(venue.change("BUY", 470_000, 1_000_000), START_MS + 203)
        feed.tick(START_MS + 1_000)
        assert feed.books[MARKET].bids == venue.bids
        assert feed.stats.gaps == 0

    def test_a_rest_book_repairs_and_kept_back_changes_go_on_top(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        venue.change("BUY", 450_000, 9_000_000)
        feed.receive(venue.change("BUY", 460_000, 3_000_000), START_MS + 2)
        feed.tick(START_MS + 600)
        snapshot = rest_book(venue)
        feed.receive(venue.change("SELL", 505_000, 4_000_000), START_MS + 610)  # while REST is being read
        assert not feed.books[MARKET].trusted
        feed.repair(snapshot, START_MS + 650)
        assert feed.books[MARKET].trusted
        assert (feed.books[MARKET].bids, feed.books[MARKET].asks) == (venue.bids, venue.asks)
        assert feed.stats.resyncs == 1
        assert (feed.needs_rest, feed.dropped) == (set(), set())

    def test_an_old_rest_answer_is_asked_for_again(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        old = rest_book(venue)
        venue.change("BUY", 450_000, 9_000_000)
        feed.receive(venue.change("BUY", 460_000, 3_000_000), START_MS + 2)
        feed.tick(START_MS + 600)
        feed.needs_rest.clear()
        feed.repair(old, START_MS + 650)
        assert not feed.books[MARKET].trusted
        assert feed.needs_rest == {MARKET}
        feed.repair(rest_book(venue), START_MS + 700)
        assert feed.books[MARKET].bids == venue.bids

    def test_rest_far_ahead_of_a_trusted_book_is_a_gap(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        venue.change("BUY", 450_000, 9_000_000, ms=5_000)
        feed.repair(rest_book(venue), START_MS + 5_100)
        assert (feed.stats.gaps, feed.stats.resyncs) == (1, 1)
        assert feed.books[MARKET].bids == venue.bids

    def test_a_reconnect_makes_every_book_unknown_until_its_dump(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        feed.closed(START_MS + 10)
        assert not feed.books[MARKET].trusted
        assert feed.dropped == {MARKET}
        feed.opened(START_MS + 500)
        assert frames(feed)[-1]["assets_ids"] == [YES_TOKEN]
        venue.change("BUY", 400_000, 1_000_000)
        feed.receive(venue.dump(), START_MS + 600)
        assert feed.books[MARKET].trusted
        assert (feed.stats.reconnects, feed.stats.gaps, feed.stats.resyncs) == (1, 0, 0)

    def test_a_hash_that_changed_everywhere_is_not_taken_for_lost_frames(self):
        venues = [Venue(f"0x{n:064x}", str(10**70 + n), str(2 * 10**70 + n)) for n in range(1, 31)]
        feed = following(*venues)
        for venue in venues:
            good = venue.dump()
            bad = good.replace(venue.whole(venue.yes)["hash"].encode(), b"0" * 40)
            feed.receive(bad, START_MS)
        assert feed.hash_broken
        assert all(book.trusted for book in feed.books.values())
        feed.receive(venues[0].change("BUY", 470_000, 1_000_000), START_MS + 1)
        feed.tick(START_MS + 1_000)
        assert feed.stats.gaps == 0

    def test_a_tick_change_drops_the_book_and_ignores_rest_of_the_old_grid(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        old = rest_book(venue)
        for token in (YES_TOKEN, NO_TOKEN):
            news = venue.event(
                "tick_size_change", asset_id=token, old_tick_size="0.01", new_tick_size="0.001"
            )
            feed.receive(news, START_MS + 1)
        assert not feed.books[MARKET].trusted
        assert feed.needs_rest == {MARKET}
        assert [(change.what, change.detail["new"]) for change in feed.changes] == [("tick", "0.001")]
        feed.repair(old, START_MS + 2)
        assert not feed.books[MARKET].trusted
        venue.tick = "0.001"
        feed.repair(rest_book(venue), START_MS + 3)
        assert feed.books[MARKET].trusted
        feed.receive(venue.change("BUY", 491_000, 1_000_000), START_MS + 4)
        feed.tick(START_MS + 1_000)
        assert (feed.stats.gaps, feed.hash_checks) == (0, feed.hash_matches)


class TestNews:
    def test_trades_are_told_once_with_outcome_and_side(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        print_ = venue.trade(NO_TOKEN, "0.49", "12.5", "SELL", "0xaa")
        feed.receive(print_, START_MS)
        feed.receive(print_, START_MS + 1)
        [trade] = feed.trades
        assert (trade.market_id, trade.outcome, trade.side) == (MARKET, "NO", "SELL")
        assert (trade.price, trade.size, trade.at_ms) == (Decimal("0.49"), Decimal("12.5"), venue.now)
        assert feed.stats.trades == 1

    def test_a_resolved_market_says_which_side_won(self):
        venue = Venue()
        feed = following(venue)
        for winner in (YES_TOKEN, NO_TOKEN):
            feed.receive(
                venue.event("market_resolved", winning_asset_id=winner, winning_outcome="Up"), START_MS
            )
        assert [(c.market_id, c.what, c.detail["result"]) for c in feed.changes] == [
            (MARKET, "settled", "YES"),
            (MARKET, "settled", "NO"),
        ]

    def test_a_new_market_is_told_and_does_not_count_as_data(self):
        feed = following(Venue())
        other = Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        feed.receive(
            other.event("new_market", condition_id=OTHER_MARKET, slug="a-b", active=True, tags=["x"]),
            START_MS,
        )
        assert [(change.market_id, change.what) for change in feed.changes] == [(OTHER_MARKET, "created")]
        assert feed.last_data_ms == 0
        assert feed.stats.malformed == 0

    def test_unknown_events_and_members_are_ignored(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.event("moon_phase", phase=[1, {"a": None}]), START_MS)
        dump = json.loads(venue.dump())
        dump[0]["colour"] = {"deep": [1, 2]}
        feed.receive(json.dumps(dump).encode(), START_MS)
        assert feed.books[MARKET].trusted
        assert (feed.stats.unknown, feed.stats.malformed) == (1, 0)


class TestBadFrames:
    @pytest.mark.parametrize(
        ("kind", "spoil"),
        [
            ("number", lambda entry: entry | {"price": "NaN"}),
            ("number", lambda entry: entry | {"size": "1e3"}),
            ("number", lambda entry: entry | {"size": ""}),
            ("negative", lambda entry: entry | {"price": "-0.4"}),
            ("level", lambda entry: entry | {"price": "1"}),
            ("shape", lambda entry: entry | {"side": "HOLD"}),
            ("shape", lambda entry: entry | {"size": 5}),
        ],
    )
    def test_a_bad_change_costs_the_book_and_is_kept_with_its_bytes(self, kind, spoil):
        venue, other = Venue(), Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        feed = following(venue, other)
        feed.receive(venue.dump(), START_MS)
        feed.receive(other.dump(), START_MS)
        venue.change("BUY", 470_000, 1_000_000)
        raw = venue.frame([spoil(venue.entry(YES_TOKEN, "BUY", 470_000, 1_000_000))])
        feed.receive(raw, START_MS + 1)
        [bad] = feed.bad
        assert (bad.kind, bad.raw, bad.at_ms) == (kind, raw, START_MS + 1)
        assert not feed.books[MARKET].trusted
        assert feed.books[OTHER_MARKET].trusted
        assert feed.needs_rest == {MARKET}

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"event_type":"book"', b"NaN"])
    def test_what_is_no_json_harms_nothing(self, raw):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        feed.receive(raw, START_MS + 1)
        assert [bad.kind for bad in feed.bad] == ["json"]
        assert feed.books[MARKET].trusted

    def test_one_bad_event_of_an_array_does_not_cost_the_others(self):
        venue, other = Venue(), Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        feed = following(venue, other)
        events = [json.loads(venue.dump())[0] | {"bids": 7}, json.loads(other.dump())[0], 3]
        feed.receive(json.dumps(events).encode(), START_MS)
        assert feed.books[OTHER_MARKET].trusted
        assert not feed.books[MARKET].trusted
        assert feed.needs_rest == {MARKET}
        assert [bad.kind for bad in feed.bad] == ["shape", "shape"]

    def test_time_going_backwards_is_counted_and_not_applied(self):
        venue = Venue()
        feed = following(venue)
        venue.now += 1_000
        feed.receive(venue.dump(), START_MS)
        venue.now -= 500
        feed.receive(venue.change("BUY", 470_000, 1_000_000), START_MS + 1)
        assert [bad.kind for bad in feed.bad] == ["time"]
        assert 470_000 not in feed.books[MARKET].bids

    @pytest.mark.parametrize("time", ["", "soon", "-1", "9" * 40])
    def test_a_frame_without_a_time_is_bad(self, time):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        frame = json.loads(venue.change("BUY", 470_000, 1_000_000)) | {"timestamp": time}
        feed.receive(json.dumps(frame).encode(), START_MS + 1)
        assert [bad.kind for bad in feed.bad] == ["time"]
        assert not feed.books[MARKET].trusted

    def test_a_market_nobody_follows_is_counted_unless_it_was_followed_a_moment_ago(self):
        venue, other = Venue(), Venue(OTHER_MARKET, OTHER_YES, OTHER_NO)
        feed = following(venue)
        feed.receive(other.dump(), START_MS)
        feed.receive(other.change("BUY", 470_000, 1_000_000), START_MS)
        assert [bad.kind for bad in feed.bad] == ["unknown_market"] * 2
        feed.unfollow([MARKET])
        feed.receive(venue.change("BUY", 470_000, 1_000_000), START_MS)
        assert feed.stats.malformed == 2


class TestConnection:
    def test_it_pings_every_ten_seconds_and_wants_a_new_socket_without_pong(self):
        feed = following(Venue())
        feed.outbox.clear()
        for second in range(29):
            feed.tick(START_MS + second * 1_000)
        assert feed.outbox == ["PING", "PING"]
        assert feed.reconnect_wanted == ""
        feed.tick(START_MS + 30_000)
        assert "PONG" in feed.reconnect_wanted

    def test_silence_with_pongs_is_a_stall(self):
        venue = Venue()
        feed = following(venue, stall_ms=5_000)
        feed.receive(venue.dump(), START_MS)
        for ms in range(0, 3_000, 100):
            feed.receive(venue.change("BUY", 470_000 + ms, 1_000_000), START_MS + ms)
        for ms in range(3_000, 9_000, 1_000):
            feed.receive(b"PONG", START_MS + ms)
            feed.receive(venue.event("new_market", condition_id=OTHER_MARKET), START_MS + ms)
            feed.tick(START_MS + ms)
        assert "although PONGs arrive" in feed.reconnect_wanted

    def test_a_quiet_market_is_no_stall(self):
        venue = Venue()
        feed = following(venue, stall_ms=5_000)
        feed.receive(venue.dump(), START_MS)
        for ms in range(0, 60_000, 10_000):
            feed.receive(b"PONG", START_MS + ms)
            feed.tick(START_MS + ms)
        assert feed.reconnect_wanted == ""

    def test_a_missing_first_book_is_read_over_rest_and_subscribed_again(self):
        venue = Venue()
        feed = following(venue)
        feed.outbox.clear()
        feed.receive(b"PONG", START_MS + 29_000)
        feed.tick(START_MS + 31_000)
        assert feed.needs_rest == {MARKET}
        assert [frame["operation"] for frame in frames(feed)] == ["unsubscribe", "subscribe"]
        feed.repair(rest_book(venue), START_MS + 31_200)
        assert feed.books[MARKET].trusted

    def test_a_silent_token_is_compared_with_rest_each_minute(self):
        venue = Venue()
        feed = following(venue)
        feed.receive(venue.dump(), START_MS)
        for second in range(1, 61):
            feed.receive(b"PONG", START_MS + second * 1_000)
            feed.tick(START_MS + second * 1_000)
        assert feed.needs_rest == {MARKET}
        feed.changed.clear()
        feed.repair(rest_book(venue), START_MS + 60_500)
        assert feed.books[MARKET].trusted
        assert (feed.stats.gaps, feed.changed, feed.needs_rest) == (0, set(), set())


class TestReplay:
    def test_it_follows_what_it_hears_and_sends_nothing(self):
        venue = Venue()
        feed = PolymarketFeed(follow_all=True)
        feed.opened(START_MS)
        feed.receive(venue.dump(YES_TOKEN, NO_TOKEN), START_MS)
        feed.receive(venue.change("BUY", 470_000, 1_000_000), START_MS + 1)
        feed.receive(venue.change("BUY", 471_000, 1_000_000), START_MS + 2)
        assert feed.books[MARKET].bids == venue.bids
        assert list(feed.books) == [MARKET]
        assert (feed.outbox, feed.stats.malformed, feed.stats.gaps) == ([], 0, 0)
        assert (feed.hash_checks, feed.hash_matches) == (2, 2)

    def test_a_market_not_heard_of_yet_is_no_error(self):
        feed = PolymarketFeed(follow_all=True)
        feed.opened(START_MS)
        feed.receive(Venue().change("BUY", 470_000, 1_000_000), START_MS)
        assert feed.stats.malformed == 0


def test_the_old_shapes_of_a_change_are_read():
    venue = Venue()
    feed = following(venue)
    feed.receive(venue.dump(), START_MS)
    venue.now += 1
    flat = venue.event("price_change", asset_id=YES_TOKEN, price="0.47", size="3", side="BUY", hash="")
    feed.receive(flat, START_MS + 1)
    several = venue.event(
        "price_change",
        asset_id=YES_TOKEN,
        changes=[
            {"price": "0.46", "side": "BUY", "size": "2"},
            {"price": "0.55", "side": "SELL", "size": "1"},
        ],
    )
    feed.receive(several, START_MS + 2)
    book = feed.books[MARKET]
    assert (book.bids[470_000], book.bids[460_000], book.asks[550_000]) == (3_000_000, 2_000_000, 1_000_000)
    assert feed.stats.malformed == 0


def test_a_repair_by_a_plain_snapshot_still_makes_a_book():
    """A snapshot without hash members cannot be checked, and is trusted as read."""
    venue = Venue()
    feed = following(venue)
    snapshot = rest_book(venue)
    feed.repair(replace(snapshot, hash=""), START_MS)
    feed.receive(venue.change("BUY", 470_000, 1_000_000), START_MS + 1)
    feed.tick(START_MS + 1_000)
    assert feed.books[MARKET].bids == venue.bids
    assert feed.stats.gaps == 0
