"""What the feed asks of the platform: commands, replies in any order, refusals, silence."""

from markets.platforms.base import FeedMarket
from markets.platforms.kalshi.stream import KalshiFeed
from tests.markets.kalshi import wire
from tests.markets.kalshi.test_stream import NO, NOW, YES, A, B, connected, snapshots_asked


def fresh(*tickers: str) -> tuple[KalshiFeed, dict[str, dict]]:
    """A feed that has just sent its first commands, and these by channel."""
    feed = KalshiFeed()
    feed.follow(FeedMarket(ticker) for ticker in tickers)
    feed.opened(NOW)
    return feed, {one["params"]["channels"][0]: one for one in wire.commands(feed)}


def updates(feed: KalshiFeed, action: str, sid: int = 1) -> list[list[str]]:
    return [
        one["params"]["market_tickers"]
        for one in wire.commands(feed)
        if one["cmd"] == "update_subscription" and (one["params"]["action"], one["params"]["sid"]) == (action, sid)
    ]  # fmt: skip


def test_one_command_a_channel_and_lifecycle_without_markets():
    _, sent = fresh(A, B)
    assert sent[wire.BOOKS]["params"]["market_tickers"] == [A, B]
    assert sent[wire.BOOKS]["params"]["use_yes_price"] is False
    assert sent[wire.TRADES]["params"] == {"channels": [wire.TRADES], "market_tickers": [A, B]}
    assert sent[wire.LIFECYCLE]["params"] == {"channels": [wire.LIFECYCLE]}
    assert len({one["id"] for one in sent.values()}) == 3


def test_many_markets_are_added_in_parts_once_the_sid_is_known():
    tickers = [f"KXMANY-{number}" for number in range(1_200)]
    feed, sent = fresh(*tickers)
    assert len(sent[wire.BOOKS]["params"]["market_tickers"]) == 500
    feed.receive(wire.subscribed(4, wire.BOOKS, sent[wire.BOOKS]["id"]), NOW)
    parts = updates(feed, "add_markets", 4)
    assert [len(part) for part in parts] == [500, 200]
    assert {one for part in parts for one in part} == set(tickers[500:])


def test_markets_come_and_go_on_the_running_subscription():
    feed = connected(A)
    feed.follow([FeedMarket(B), FeedMarket(A)])
    assert updates(feed, "add_markets") == [[B]]
    feed.unfollow([A, "KXNEVER"])
    assert updates(feed, "delete_markets") == [[A]]
    assert list(feed.books) == [B]
    feed.receive(wire.delta(2, A, "yes", "0.4700", "1.00"), NOW)  # sent before the platform had heard
    assert (feed.stats.malformed, feed.stats.gaps) == (0, 0)


def test_a_market_followed_again_at_once_is_no_fault_of_the_platform():
    feed = connected(A)
    feed.unfollow([A])
    feed.follow([FeedMarket(A)])
    feed.receive(wire.delta(2, A, "yes", "0.4700", "1.00"), NOW)
    feed.receive(wire.snapshot(3, A, YES, NO), NOW)
    assert feed.books[A].trusted
    assert feed.stats.malformed == 0


def test_replies_come_in_any_order_and_the_sid_tells_itself():
    feed, sent = fresh(A)
    feed.receive(wire.snapshot(1, A, YES, NO, sid=6), NOW)  # before anything was announced
    feed.receive(wire.subscribed(8, wire.LIFECYCLE, sent[wire.LIFECYCLE]["id"]), NOW)
    feed.receive(wire.subscribed(6, wire.BOOKS, sent[wire.BOOKS]["id"]), NOW)
    feed.receive(wire.delta(2, A, "yes", "0.4700", "1.00", sid=6), NOW)
    assert feed.books[A].trusted
    assert (feed.stats.gaps, feed.stats.malformed) == (0, 0)


def test_a_subscribe_that_the_platform_merges_is_answered_by_ok():
    feed, sent = fresh(A)
    feed.receive(wire.ok(1, sent[wire.BOOKS]["id"], [A], sid=2), NOW)
    feed.receive(wire.snapshot(2, A, YES, NO, sid=2), NOW)
    feed.follow([FeedMarket(B)])
    assert updates(feed, "add_markets", 2) == [[B]]
    assert feed.books[A].trusted


def test_a_command_without_a_reply_is_sent_again_and_at_last_the_connection_is_given_up():
    feed, _ = fresh(A)
    for round_ in range(1, 6):
        at_ms = NOW + round_ * 11_000
        feed.receive(wire.encode(type="ticker", sid=9, msg={}), at_ms)
        feed.tick(at_ms)
        if round_ < 3:
            again = {one["params"]["channels"][0] for one in wire.commands(feed) if one["cmd"] == "subscribe"}
            assert again == {wire.BOOKS, wire.TRADES, wire.LIFECYCLE}
    assert "no snapshot came" in feed.reconnect_wanted
    feed, _ = fresh()
    for seconds in range(0, 60, 5):
        feed.receive(wire.encode(type="ticker", sid=9, msg={}), NOW + seconds * 1_000)
        feed.tick(NOW + seconds * 1_000)
    assert "no reply to subscribe" in feed.reconnect_wanted


def test_an_overdue_snapshot_is_asked_for_again():
    feed = connected(A, B)
    feed.receive(wire.delta(9, A, "yes", "0.4700", "1.00"), NOW)
    assert snapshots_asked(feed) == {A, B}
    feed.receive(wire.snapshot(10, B, YES, NO), NOW)
    feed.tick(NOW + 1_000)
    assert snapshots_asked(feed) == set()
    feed.tick(NOW + 6_000)
    assert snapshots_asked(feed) == {A}


def test_a_dead_subscription_begins_anew():
    for code in (25, 10, 7):
        feed = connected(A)
        feed.receive(wire.error(code, sid=1, seq=2), NOW)
        assert not feed.books[A].trusted
        (again,) = [one for one in wire.commands(feed) if one["cmd"] == "subscribe"]
        assert again["params"]["market_tickers"] == [A]
        feed.receive(wire.snapshot(3, A, YES, NO, sid=1), NOW)  # the old one's last words
        assert not feed.books[A].trusted
        feed.receive(wire.subscribed(5, wire.BOOKS, again["id"]), NOW)
        feed.receive(wire.delta(4, A, "yes", "0.4700", "1.00", sid=1), NOW)
        feed.receive(wire.snapshot(1, A, YES, NO, sid=5), NOW)
        assert feed.books[A].trusted
        assert (feed.books[A].bids[470_000], feed.stats.gaps) == (3_000_000, 0)
        assert [bad.kind for bad in feed.bad] == ["error"]


def test_one_bad_ticker_does_not_cost_the_others_their_books():
    tickers = [f"KXGOOD-{number}" for number in range(7)] + ["KXBAD"]
    feed = KalshiFeed()
    feed.follow(FeedMarket(ticker) for ticker in tickers)
    feed.opened(NOW)
    exchange = wire.Exchange(books={ticker: {"yes": {45: 100}, "no": {40: 100}} for ticker in tickers})
    for _ in range(20):
        for command in wire.commands(feed):
            named = command.get("params", {}).get("market_tickers", [])
            frames = (
                [wire.error(11, command["id"])]
                if "KXBAD" in named and len(named) < 9
                else exchange.answer(command)
            )
            for frame in frames:
                feed.receive(frame, NOW)
    assert {ticker for ticker, book in feed.books.items() if book.trusted} == set(tickers) - {"KXBAD"}
    assert feed.subscriptions.refused == {"KXBAD"}


def test_a_full_subscription_leaves_the_rest_waiting_until_there_is_room():
    feed = connected(A)
    feed.follow([FeedMarket(B)])
    (added,) = [one for one in wire.commands(feed) if one.get("params", {}).get("sid") == 1]
    feed.receive(wire.error(26, added["id"], sid=1, seq=2), NOW)
    assert feed.subscriptions.over_limit == {B}
    feed.unfollow([A])
    assert [B] in updates(feed, "add_markets")


def test_a_busy_platform_is_asked_again_later():
    feed = connected(A)
    feed.follow([FeedMarket(B)])
    (added,) = [one for one in wire.commands(feed) if one.get("params", {}).get("sid") == 1]
    feed.receive(wire.error(27, added["id"], sid=1, seq=2), NOW)
    assert wire.commands(feed) == []
    feed.tick(NOW + 3_000)
    assert [B] in updates(feed, "add_markets")


def test_silence_is_probed_and_then_ends_the_connection():
    feed = connected(A)
    feed.tick(NOW + 16_000)
    (probe,) = [one for one in wire.commands(feed) if one["cmd"] == "list_subscriptions"]
    listed = [
        {"channel": name, "sid": sid}
        for name, sid in ((wire.BOOKS, 1), (wire.TRADES, 2), (wire.LIFECYCLE, 3))
    ]
    feed.receive(wire.encode(type="ok", id=probe["id"], msg=listed), NOW + 16_050)
    feed.tick(NOW + 31_000)
    assert feed.reconnect_wanted == ""
    assert feed.books[A].trusted
    feed.tick(NOW + 47_000)
    assert "nothing heard" in feed.reconnect_wanted
    feed.opened(NOW + 48_000)
    assert feed.reconnect_wanted == ""


def test_a_subscription_the_platform_has_forgotten_is_found_by_the_probe():
    feed = connected(A)
    feed.tick(NOW + 16_000)
    (probe,) = [one for one in wire.commands(feed) if one["cmd"] == "list_subscriptions"]
    feed.receive(
        wire.encode(type="ok", id=probe["id"], msg=[{"channel": wire.TRADES, "sid": 2}]), NOW + 16_050
    )
    assert not feed.books[A].trusted
    again = {one["params"]["channels"][0] for one in wire.commands(feed) if one["cmd"] == "subscribe"}
    assert again == {wire.BOOKS, wire.LIFECYCLE}


def test_a_missing_login_ends_the_connection():
    feed, sent = fresh(A)
    feed.receive(wire.error(9, sent[wire.BOOKS]["id"]), NOW)
    feed.tick(NOW + 100)
    assert "login" in feed.reconnect_wanted
