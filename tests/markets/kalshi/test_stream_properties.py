"""Whatever happens on the way, a trusted book is the platform's book; and no bytes at all can stop the feed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.platforms.base import FeedMarket
from markets.platforms.kalshi.stream import KalshiFeed
from tests.markets.kalshi import wire

NOW = 1_790_856_000_000
TICKERS = ["KXONE-1", "KXTWO-2", "KXTHREE-3"]

# YES bids below 50 cents and NO bids below 50 cents: a book that never crosses
changes = st.tuples(
    st.sampled_from(TICKERS), st.sampled_from(["yes", "no"]), st.integers(1, 49), st.integers(-5_000, 5_000)
).filter(lambda one: one[3] != 0)
fates = st.sampled_from(["whole"] * 12 + ["lost", "twice", "late", "cut", "garbled"])
servers = st.tuples(st.booleans(), st.booleans())


def follow(september: bool, use_yes_price: bool) -> tuple[wire.Exchange, KalshiFeed]:
    """A feed that follows all markets of a new exchange, connected and answered."""
    exchange = wire.Exchange(september, books={ticker: {"yes": {}, "no": {}} for ticker in TICKERS})
    feed = KalshiFeed(use_yes_price=use_yes_price)
    feed.follow(FeedMarket(ticker) for ticker in TICKERS)
    feed.opened(NOW)
    serve(exchange, feed, NOW)
    return exchange, feed


def serve(exchange: wire.Exchange, feed: KalshiFeed, at_ms: int) -> int:
    """Answer every command; returns how many frames that took."""
    count = 0
    while feed.outbox:
        for command in wire.commands(feed):
            for frame in exchange.answer(command):
                feed.receive(frame, at_ms)
                count += 1
    return count


def check(feed: KalshiFeed, state: dict) -> None:
    for ticker, book in feed.books.items():
        if book.trusted:
            assert (book.bids, book.asks) == state[ticker]
            assert book.best_bid == max(book.bids, default=0)
            assert book.best_ask == min(book.asks, default=1_000_000)
        else:
            assert ticker not in feed.changed


@given(servers, st.lists(changes, max_size=60))
def test_deltas_lead_to_the_book_that_a_snapshot_tells(server: tuple[bool, bool], steps: list):
    exchange, feed = follow(*server)
    for at_ms, step in enumerate(steps, NOW + 1):
        feed.receive(exchange.change(*step), at_ms)
        check(feed, {ticker: exchange.state(ticker) for ticker in TICKERS})
    other = KalshiFeed(use_yes_price=server[1])
    other.follow(FeedMarket(ticker) for ticker in TICKERS)
    other.opened(NOW)
    serve(wire.Exchange(books=exchange.books), other, NOW)
    for ticker in TICKERS:
        assert feed.books[ticker].trusted
        assert feed.books[ticker].bid_ladder() == other.books[ticker].bid_ladder()
        assert feed.books[ticker].ask_ladder() == other.books[ticker].ask_ladder()
    assert (feed.stats.gaps, feed.stats.malformed, feed.stats.resyncs) == (0, 0, 0)


@settings(max_examples=200)
@given(servers, st.lists(st.tuples(changes, fates, st.booleans()), max_size=40))
def test_no_trusted_book_is_ever_wrong_and_all_heal(server: tuple[bool, bool], steps: list):
    """`heard` is the highest number that reached the feed; trusted books are those of that moment."""
    exchange, feed = follow(*server)
    late: list[bytes] = []
    heard = exchange.seqs[exchange.sids[wire.BOOKS]]
    at_ms = NOW
    for step, fate, answered in steps:
        at_ms += 50
        frame = exchange.change(*step)
        number = exchange.seqs[exchange.sids[wire.BOOKS]]
        if fate == "late":
            late.append(frame)
        elif fate == "cut":
            feed.receive(frame[: len(frame) // 2], at_ms)
        elif fate == "garbled":
            feed.receive(frame.replace(b'"price_dollars":"', b'"price_dollars":"x'), at_ms)
            heard = number
        elif fate != "lost":
            for _ in range(1 + (fate == "twice")):
                feed.receive(frame, at_ms)
            heard = number
            while late:
                feed.receive(late.pop(), at_ms)
        check(feed, exchange.states[heard])
        if answered and serve(exchange, feed, at_ms):
            heard = exchange.seqs[exchange.sids[wire.BOOKS]]
            check(feed, exchange.states[heard])
        feed.tick(at_ms)
    feed.receive(exchange.change(TICKERS[0], "yes", 10, 100), at_ms)  # tells of whatever was lost at the end
    for _ in range(4):
        at_ms += 6_000
        serve(exchange, feed, at_ms)
        feed.tick(at_ms)
    assert feed.reconnect_wanted == ""
    assert all(book.trusted for book in feed.books.values())
    check(feed, {ticker: exchange.state(ticker) for ticker in TICKERS})
    assert feed.dropped == set()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from([*TICKERS, "0.4700", "-3.00", "yes", wire.BOOKS]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["market_ticker", "price_dollars", "delta_fp", "side", "channel", "sid", "code",
                                       "yes_dollars_fp", "no_dollars_fp", "event_type", "clock", "ts_ms"]), inner),
    max_leaves=12,
)  # fmt: skip
frames = st.fixed_dictionaries(
    {"type": st.sampled_from(["orderbook_delta", "orderbook_snapshot", "trade", "ok", "error", "subscribed",
                              "unsubscribed", "market_lifecycle_v2", "event_fee_update", "ticker", "new"])},
    optional={"sid": st.integers(-1, 4) | json_values, "seq": st.integers(-2, 90) | json_values,
              "id": st.integers(0, 9) | json_values, "msg": json_values, "later": json_values},
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60) | frames | json_values, max_size=25), st.booleans())
def test_no_bytes_can_stop_the_feed(rubbish: list, follow_all: bool):
    _, feed = follow(False, False)
    if follow_all:
        feed = KalshiFeed(follow_all=True)
        feed.opened(NOW)
    for at_ms, one in enumerate(rubbish, NOW):
        raw = one if isinstance(one, bytes) else wire.json.dumps(one).encode()
        before = feed.stats.frames
        feed.receive(raw, at_ms)
        assert feed.stats.frames == before + 1
        feed.tick(at_ms)
        for book in feed.books.values():
            assert all(
                0 < price < 1_000_000 and size > 0 for price, size in [*book.bids.items(), *book.asks.items()]
            )
    feed.closed(NOW + 99)
    feed.opened(NOW + 100)
    assert not any(book.trusted for book in feed.books.values())


@pytest.mark.parametrize("mutated", range(0, 260, 7))
def test_every_cut_of_a_true_frame_is_one_bad_frame(mutated: int):
    exchange, feed = follow(True, False)
    frame = exchange.change(TICKERS[0], "yes", 40, 100)
    feed.receive(frame[: min(mutated, len(frame) - 1)], NOW)
    assert feed.stats.malformed == 1
    assert len(feed.bad) == 1
