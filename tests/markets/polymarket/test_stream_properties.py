"""Whatever the order of changes, the feed's book is the venue's; whatever the bytes, the feed stands."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from markets.platforms.base import Feed
from tests.markets.polymarket.values import MARKET, NO_TOKEN, START_MS, YES_TOKEN, Venue, following

PRICES = st.integers(1, 99).map(lambda cent: cent * 10_000)
SIZES = st.one_of(st.just(0), st.integers(1, 10**12))
CHANGES = st.tuples(st.sampled_from(["BUY", "SELL"]), PRICES, SIZES)
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def applied(venue: Venue, side: str, price: int, size: int) -> bytes:
    ladder = venue.bids if side == "BUY" else venue.asks
    if not size:
        ladder.setdefault(price, 1_000_000)
    return venue.change(side, price, size)


def consistent(feed: Feed) -> None:
    for book in feed.books.values():
        assert book.best_bid == max(book.bids, default=0)
        assert book.best_ask == min(book.asks, default=1_000_000)
        assert all(size > 0 for size in (*book.bids.values(), *book.asks.values()))
        if not book.trusted:
            assert not book.bids
            assert not book.asks


@QUICK
@given(st.lists(CHANGES, max_size=25), st.booleans())
def test_changes_come_to_the_same_book_as_a_snapshot(changes, neg_risk):
    venue = Venue(neg_risk=neg_risk)
    feed = following(venue)
    feed.receive(venue.dump(), START_MS)
    for number, change in enumerate(changes):
        feed.receive(applied(venue, *change), START_MS + number)
    fresh = following(venue)
    fresh.receive(venue.dump(), START_MS)
    feed.tick(START_MS + 10_000)
    for followed in (feed, fresh):
        assert followed.books[MARKET].bids == venue.bids
        assert followed.books[MARKET].asks == venue.asks
        consistent(followed)
    assert (feed.stats.gaps, feed.stats.malformed, fresh.stats.gaps) == (0, 0, 0)
    assert feed.hash_checks == feed.hash_matches


@QUICK
@given(st.lists(CHANGES, min_size=3, max_size=20), st.data())
def test_a_frame_lost_or_swapped_never_leaves_a_wrong_book_trusted(changes, data):
    venue = Venue()
    feed = following(venue)
    feed.receive(venue.dump(), START_MS)
    frames = [applied(venue, *change) for change in changes]
    place = data.draw(st.integers(0, len(frames) - 2))
    if data.draw(st.booleans()):
        del frames[place]
    else:
        frames[place], frames[place + 1] = frames[place + 1], frames[place]
    for number, frame in enumerate(frames):
        feed.receive(frame, START_MS + number)
    feed.tick(START_MS + 10_000)
    book = feed.books[MARKET]
    assert not book.trusted or (book.bids, book.asks) == (venue.bids, venue.asks)
    consistent(feed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([YES_TOKEN, NO_TOKEN, MARKET, "book", "price_change", "0.5", "-1", "NaN", "BUY", str(START_MS)]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["event_type", "market", "asset_id", "price_changes", "bids", "asks", "price", "size", "side", "hash",
             "timestamp", "changes", "best_bid", "new_tick_size", "last_trade_price", "condition_id"]
        ),
        inner,
        max_size=8,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode())), max_size=6
    )
)
def test_garbage_gives_bad_frames_and_nothing_else(garbage):
    venue = Venue()
    feed = following(venue)
    feed.receive(venue.dump(), START_MS)
    for number, raw in enumerate(garbage):
        before = feed.stats.malformed
        feed.receive(raw, START_MS + number)
        feed.tick(START_MS + number)
        kept = len(feed.bad)
        assert feed.stats.malformed >= before
        assert kept == feed.stats.malformed
    assert feed.stats.frames == len(garbage) + 1
    consistent(feed)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_frame_never_leaves_a_wrong_book_trusted(data):
    venue = Venue()
    feed = following(venue)
    feed.receive(venue.dump(), START_MS)
    frame = bytearray(venue.change("BUY", 470_000, 5_000_000))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] = data.draw(st.integers(0, 255))
    feed.receive(bytes(frame), START_MS + 1)
    for cent in (460_000, 450_000):
        feed.receive(venue.change("BUY", cent, 6_000_000), START_MS + 2)
    feed.tick(START_MS + 10_000)
    book = feed.books[MARKET]
    assert not book.trusted or (book.bids, book.asks) == (venue.bids, venue.asks)
