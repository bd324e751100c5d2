"""Real payloads of the platform, as `recorded/polymarket/SOURCES.md` describes them."""

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from markets.platforms.base import OPEN, SETTLED, FeedMarket
from markets.platforms.polymarket import parse, rules, wire
from markets.platforms.polymarket.bookhash import Members, book_hash, padded
from markets.platforms.polymarket.stream import PolymarketFeed
from markets.platforms.polymarket.units import to_micro
from tests.markets.polymarket.values import Venue, following, recorded

BTC = "ws_market/btc15m_v1_2026-09-30_part1.jsonl"
V2 = "ws_market/protocol_v2_session_2026-10-05.jsonl"


def received(path: Path) -> list[tuple[int, bytes]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (_ms(line.get("receivedAt") or line["at"]), line["payloadUtf8"].encode())
        for line in lines
        if line.get("dir") != "send"
    ]


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


def run(feed: PolymarketFeed, frames: list[tuple[int, bytes]]) -> None:
    feed.opened(frames[0][0])
    for at_ms, raw in frames:
        feed.receive(raw, at_ms)
        feed.tick(at_ms)
    feed.tick(frames[-1][0] + 5_000)


@pytest.mark.parametrize("place", [0, 1])
def test_every_comparable_state_of_either_token_has_the_platforms_hash(place):
    frames = received(recorded(BTC))
    dump = json.loads(frames[0][1])[place]
    feed = PolymarketFeed(hash_check_ms=0)
    feed.follow([FeedMarket(dump["market"], dump["asset_id"])])
    run(feed, frames)
    assert (feed.stats.malformed, feed.stats.gaps, feed.stats.crossed) == (0, 0, 0)
    assert feed.stats.frames == 18
    assert feed.stats.book_updates == 16
    assert feed.hash_checks == feed.hash_matches >= 8
    assert feed.books[dump["market"]].trusted


def test_replay_follows_the_market_by_itself():
    feed = PolymarketFeed(follow_all=True)
    run(feed, received(recorded(BTC)))
    assert (feed.stats.malformed, feed.stats.gaps, feed.stats.resyncs) == (0, 0, 0)
    assert feed.stats.book_updates == 16
    assert len(feed.books) == 1


def test_a_frame_taken_out_of_the_recording_is_noticed():
    frames = received(recorded(BTC))
    for place in range(1, 14):
        feed = PolymarketFeed(follow_all=True)
        run(feed, frames[:place] + frames[place + 1 :])
        assert feed.stats.gaps >= 1, f"frame {place}"


def test_the_v2_session_has_an_empty_book_with_a_true_hash():
    feed = PolymarketFeed(follow_all=True)
    run(feed, received(recorded(V2)))
    assert (feed.stats.malformed, feed.stats.gaps, feed.stats.unknown) == (0, 0, 0)
    assert (feed.hash_checks, feed.hash_matches) == (1, 1)
    [book] = feed.books.values()
    assert book.trusted
    assert not book.bids


@pytest.mark.parametrize(
    "name", ["ws_messages/book", "ws_messages/last_trade_price", "ws_messages/tick_size_change",
             "ws_messages/price_change", "ws_messages/price_change_v2"],
)  # fmt: skip
def test_single_messages_are_understood(name):
    raw = recorded(f"nautilus_py/{name}.json").read_bytes()
    feed = PolymarketFeed(follow_all=True)
    feed.opened(0)
    feed.receive(raw, 1)
    assert (feed.stats.malformed, feed.stats.unknown) == (0, 0)


@pytest.mark.parametrize(
    "name", ["new_market", "resolved", "best_bid_ask", "tick_size", "book", "last_trade"]
)
def test_messages_of_every_kind_are_understood(name):
    raw = recorded(f"nautilus_rs/ws_market_{name}_msg.json").read_bytes()
    feed = PolymarketFeed(follow_all=True)
    feed.opened(0)
    feed.receive(raw, 1)
    assert (feed.stats.malformed, feed.stats.unknown) == (0, 0)
    if name in ("new_market", "resolved"):
        assert len(feed.changes) == 1


def test_rest_books_have_the_hash_we_compute():
    books = json.loads(recorded("fed_june_2026/clob_books.json").read_bytes())
    assert len(books) == 6
    for raw in books:
        book = msgspec.convert(raw, wire.RestBook)
        snapshot = parse.rest_book(book, book.market)
        members = Members(
            book.min_order_size, book.tick_size, bool(book.neg_risk), padded(book.last_trade_price or "")
        )
        ours = book_hash(
            book.market, book.asset_id, book.timestamp, dict(snapshot.bids), dict(snapshot.asks), members
        )
        assert ours == book.hash
        assert snapshot.bids[0][0] < snapshot.asks[0][0]
        feed = PolymarketFeed()
        feed.follow([FeedMarket(book.market, book.asset_id)])
        feed.opened(0)
        feed.repair(snapshot, 1)
        assert (feed.hash_checks, feed.hash_matches) == (1, 1)


GAMMA = ["gamma_markets_gta6_2026-06.json", "pmvl_2026-07/polymarket_markets.json", "gamma_market_btc15m_2026-10-05.json",
         "nautilus_rs/gamma_market.json", "nautilus_rs/gamma_market_closed_binary_accepting_false.json",
         "nautilus_rs/gamma_market_sports_market_money_line.json"]  # fmt: skip


@pytest.mark.parametrize("name", GAMMA)
def test_gamma_markets_become_ours(name):
    document = json.loads(recorded(name).read_bytes())
    for raw in document if isinstance(document, list) else [document]:
        info = parse.market_info(msgspec.json.decode(json.dumps(raw), type=wire.GammaMarket))
        assert [outcome.name for outcome in info.outcomes] == ["YES", "NO"]
        assert [outcome.label for outcome in info.outcomes] == json.loads(raw["outcomes"])
        assert [outcome.token_id for outcome in info.outcomes] == json.loads(raw["clobTokenIds"])
        assert info.id == raw["conditionId"]
        assert info.rules == raw.get("description", "")
        assert info.ticks[0].step == Decimal(str(raw["orderPriceMinTickSize"]))
        assert info.end is not None
        assert info.end.tzinfo is not None
        feed = parse.feed_market(info)
        assert (feed.market_id, feed.token_id) == (info.id, info.outcomes[0].token_id)


def test_the_bitcoin_market_has_its_own_fee():
    raw = recorded("gamma_market_btc15m_2026-10-05.json").read_bytes()
    info = parse.market_info(msgspec.json.decode(raw, type=wire.GammaMarket))
    assert info.status == OPEN
    assert info.fees is not None
    assert info.fees.marginal_fee(Decimal("0.5")) == Decimal("0.0175")
    assert (info.min_size, info.volume, info.liquidity) == (5, None, Decimal("18191.2606"))
    assert info.settles is not None
    assert info.end is not None
    assert (info.settles - info.end).total_seconds() == 300


def test_a_closed_market_is_settled_with_its_result():
    raw = recorded("nautilus_rs/gamma_market_closed_binary_accepting_false.json").read_bytes()
    info = parse.market_info(msgspec.json.decode(raw, type=wire.GammaMarket))
    assert (info.status, info.result, info.settlement_value) == (SETTLED, "NO", 0)


def test_every_market_of_the_basketball_events_is_read_or_refused_with_a_reason():
    path = recorded("gamma_events_nba_2026-01.json.gz")
    events = json.loads(gzip.decompress(path.read_bytes()))
    read = refused = 0
    for raw in events:
        event = msgspec.json.decode(json.dumps(raw), type=wire.GammaEvent)
        for one in event.markets:
            try:
                info = parse.market_info(msgspec.json.decode(one, type=wire.GammaMarket), event)
            except parse.Unusable as error:
                assert str(error)
                refused += 1
            else:
                assert info.event_id == event.id
                read += 1
    assert (read, refused) == (364, 0)


def test_neg_risk_markets_say_so():
    event = msgspec.json.decode(recorded("fed_june_2026/gamma_event.json").read_bytes(), type=wire.GammaEvent)
    infos = [
        parse.market_info(msgspec.json.decode(raw, type=wire.GammaMarket), event) for raw in event.markets
    ]
    assert infos
    assert all(info.extra["neg_risk"] for info in infos)
    assert len({info.event_id for info in infos}) == 1


def test_compact_markets_give_trading_parameters():
    rows = json.loads(recorded("fed_june_2026/clob_markets.json").read_bytes())
    for raw in rows:
        found = rules.trading_rules(msgspec.json.decode(json.dumps(raw), type=wire.CompactMarket))
        assert (found.neg_risk, found.tick, found.min_size) == (True, Decimal("0.001"), 5)
        assert found.fees is not None
        assert found.fees.rate == Decimal("0.05")


@pytest.mark.parametrize(
    "name", ["nautilus_py/http_responses/trades.json", "nautilus_rs/data_api_trades_response.json"]
)
def test_public_trades_are_read(name):
    rows = json.loads(recorded(name).read_bytes())
    market = FeedMarket(rows[0]["conditionId"], rows[0]["asset"])
    for raw in rows:
        trade = parse.public_trade(msgspec.json.decode(json.dumps(raw), type=wire.DataTrade), market)
        assert trade.outcome == ("YES" if raw["asset"] == market.token_id else "NO")
        assert trade.price == Decimal(str(raw["price"]))
        assert trade.at_ms == raw["timestamp"] * 1_000


def test_a_day_of_real_books_comes_to_the_same_through_changes():
    """Consecutive recorded books, turned into changes with true hashes: the feed follows without one gap."""
    path = recorded("books_1s_btc15m/btc-updown-15m-1790586000.jsonl.gz")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    rows = [row for row in rows if row["outcome"] == "Up"][:150]
    venue = Venue(rows[0]["market"], "1" * 70, "2" * 70)
    venue.bids, venue.asks = (_side(rows[0][side]) for side in ("bids", "asks"))
    feed = following(venue)
    feed.receive(venue.dump(), venue.now)
    changed = 0
    for row in rows[1:]:
        for side, name in (("BUY", "bids"), ("SELL", "asks")):
            ladder, wanted = (venue.bids if side == "BUY" else venue.asks), _side(row[name])
            for price in sorted(ladder.keys() | wanted.keys()):
                if ladder.get(price, 0) != wanted.get(price, 0):
                    feed.receive(venue.change(side, price, wanted.get(price, 0)), venue.now)
                    changed += 1
    feed.tick(venue.now + 1_000)
    book = feed.books[venue.market]
    assert changed > 500
    assert (book.bids, book.asks) == (venue.bids, venue.asks)
    assert (feed.stats.gaps, feed.stats.malformed) == (0, 0)
    assert feed.hash_checks == feed.hash_matches


def _side(levels: list[list[str]]) -> dict[int, int]:
    return {to_micro(price): to_micro(size) for price, size in levels}
