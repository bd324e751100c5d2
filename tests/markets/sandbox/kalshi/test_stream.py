"""The WebSocket: commands and their refusals, books that follow REST, sequence numbers, own channels, lifecycle."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from markets.sandbox.clock import ManualClock
from tests.markets.sandbox.kalshi.rig import BOB, Rig, Stream, rig
from tests.markets.sandbox.kalshi.schemas import check_frame

START = 1_795_000_000_000
Book = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig(clock=ManualClock(START)) as made:
        yield made


@pytest.fixture
def ticker(place: Rig) -> Iterator[str]:
    yield place.empty_market()
    for client in (place.client(), place.bob()):
        client.ask("DELETE", "/portfolio/events/orders")


def hundredths(text: str) -> int:
    """A price or count as an integer of its last decimal."""
    return int(text.replace(".", ""))


def apply(books: dict[str, Book], frame: dict[str, Any]) -> None:
    """A client's book, kept from snapshots and deltas."""
    msg = frame["msg"]
    if frame["type"] == "orderbook_snapshot":
        books[msg["market_ticker"]] = {
            side: {price: hundredths(count) for price, count in msg.get(f"{side}_dollars_fp", [])}
            for side in ("yes", "no")
        }
    elif frame["type"] == "orderbook_delta":
        side = books[msg["market_ticker"]][msg["side"]]
        side[msg["price_dollars"]] = side.get(msg["price_dollars"], 0) + hundredths(msg["delta_fp"])
        assert side[msg["price_dollars"]] >= 0
        if not side[msg["price_dollars"]]:
            del side[msg["price_dollars"]]


def rest_book(place: Rig, ticker: str) -> Book:
    """The same from REST."""
    found = place.client().get(f"/markets/{ticker}/orderbook")["orderbook_fp"]
    return {
        side: {price: hundredths(count) for price, count in found[f"{side}_dollars"]}
        for side in ("yes", "no")
    }


def subscribe(stream: Stream, channel: str, *tickers: str, **params: Any) -> int:
    """Subscribe to one channel; returns its sid."""
    if tickers:
        params["market_tickers"] = list(tickers)
    number = stream.send("subscribe", channels=[channel], **params)
    answer = stream.until(id=number)
    assert answer["type"] == "subscribed" and answer["msg"]["channel"] == channel
    return answer["msg"]["sid"]


def test_books_kept_from_the_stream_are_those_of_rest(place: Rig) -> None:
    tickers = [place.empty_market(n) for n in range(3)]
    alice, bob = place.client(), place.bob()
    rng, books, numbers, clocks = random.Random(7), {}, [], {}
    with place.stream() as stream:
        sid = subscribe(stream, "orderbook_delta", *tickers)
        open_orders: list[tuple[str, str]] = []
        for _ in range(60):
            ticker = rng.choice(tickers)
            client = rng.choice([alice, bob])
            if open_orders and rng.random() < 0.3:
                order, where = open_orders.pop(rng.randrange(len(open_orders)))
                for one in (alice, bob):
                    one.ask("DELETE", f"/portfolio/events/orders/{order}", market_ticker=where)
                continue
            made = client.placed(
                ticker, rng.choice(["bid", "ask"]), f"0.{rng.randrange(40, 60)}", f"{rng.randrange(1, 900) / 100:.2f}",
                self_trade_prevention_type="maker",
            )  # fmt: skip
            open_orders.append((made["order_id"], ticker))
        stream.drain()
        for frame in stream.frames:
            if frame["type"].startswith("orderbook"):
                assert check_frame(frame)
                numbers.append(frame["seq"])
                assert frame["sid"] == sid and frame["sending_ts_ms"]
                clock = frame["msg"]["clock"]
                assert clocks.get(frame["msg"]["market_ticker"], 0) <= clock
                clocks[frame["msg"]["market_ticker"]] = clock
                apply(books, frame)
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 60
        assert books == {ticker: rest_book(place, ticker) for ticker in tickers}
        for ticker in tickers:
            alice.ask("DELETE", "/portfolio/events/orders")
            bob.ask("DELETE", "/portfolio/events/orders")
            assert rest_book(place, ticker) == {"yes": {}, "no": {}}
        for frame in stream.drain():
            apply(books, frame)
        assert set(books[ticker]["yes"]) == set(books[ticker]["no"]) == set()
        [empty] = snapshot(stream, sid, ticker)
        assert "yes_dollars_fp" not in empty["msg"] and "no_dollars_fp" not in empty["msg"]


def snapshot(stream: Stream, sid: int, ticker: str) -> list[dict[str, Any]]:
    """Ask for one; the frames that carry the question's id."""
    number = stream.send("update_subscription", sid=sid, action="get_snapshot", market_tickers=[ticker])
    stream.drain()
    return [frame for frame in stream.frames if frame.get("id") == number]


def test_yes_prices_on_request(place: Rig, ticker: str) -> None:
    alice = place.client()
    alice.placed(ticker, "ask", "0.60", "2")
    with place.stream() as plain, place.stream() as yes:
        subscribe(plain, "orderbook_delta", ticker, use_yes_price=False)
        subscribe(yes, "orderbook_delta", ticker, use_yes_price=True)
        assert plain.read()["msg"]["no_dollars_fp"] == [["0.4000", "2.00"]]
        assert yes.read()["msg"]["no_dollars_fp"] == [["0.6000", "2.00"]]
        alice.placed(ticker, "ask", "0.62", "1")
        assert plain.read()["msg"]["price_dollars"] == "0.3800"
        delta = yes.read()["msg"]
        assert (delta["price_dollars"], delta["side"], delta["delta_fp"]) == ("0.6200", "no", "1.00")
        alice.placed(ticker, "ask", "0.58", "1")
        sid = yes.frames[0]["msg"]["sid"]
        [again] = snapshot(yes, sid, ticker)
        assert again["msg"]["no_dollars_fp"] == [["0.5800", "1.00"], ["0.6000", "2.00"], ["0.6200", "1.00"]]


def test_own_orders_are_named_in_deltas_of_their_owner_only(place: Rig, ticker: str) -> None:
    with place.stream() as mine, place.stream(BOB) as theirs:
        for stream in (mine, theirs):
            subscribe(stream, "orderbook_delta", ticker)
            stream.until(type="orderbook_snapshot")
        place.client().placed(ticker, "bid", "0.30", "2", client_order_id='my "order"')
        seen = mine.until(type="orderbook_delta")["msg"]
        assert (seen["client_order_id"], seen["subaccount"]) == ('my "order"', 0)
        assert "client_order_id" not in theirs.until(type="orderbook_delta")["msg"]


def test_subscribing_again_adds_to_the_same_sid_and_uses_up_numbers(place: Rig) -> None:
    first, second, third = (place.empty_market(n) for n in range(3))
    with place.stream() as stream:
        sid = subscribe(stream, "orderbook_delta", first)
        stream.send("subscribe", channels=["orderbook_delta"], market_ticker=second)
        stream.send("update_subscription", sids=[sid], action="add_markets", market_tickers=[third, first])
        stream.send("update_subscription", sid=sid, action="delete_markets", market_tickers=[first])
        stream.send("update_subscription", sid=sid, action="no_such", market_tickers=[first])
        stream.send("unsubscribe", sids=[sid])
        frames = stream.frames[1:] + stream.drain()
        assert [(frame["type"], frame.get("seq")) for frame in frames] == [
            ("orderbook_snapshot", 1), ("ok", 2), ("orderbook_snapshot", 3), ("ok", 4), ("orderbook_snapshot", 5),
            ("ok", 6), ("error", 7), ("unsubscribed", 8),
        ]  # fmt: skip
        assert [frame["msg"]["market_tickers"] for frame in frames if frame["type"] == "ok"] == [
            [first, second], [first, second, third], [second, third],
        ]  # fmt: skip
        place.client().placed(second, "bid", "0.30", "2")
        assert stream.drain() == []
        for frame in stream.frames:
            check_frame(frame)
    place.client().ask("DELETE", "/portfolio/events/orders")


@pytest.mark.parametrize(
    ("command", "params", "code"),
    [
        ("subscribe", {}, 2),
        ("subscribe", {"market_ticker": "X"}, 3),
        ("subscribe", {"channels": ["ticker_v2"]}, 8),
        ("subscribe", {"channels": ["orderbook_delta"]}, 14),
        ("subscribe", {"channels": ["ticker"], "use_yes_price": "yes"}, 11),
        ("subscribe", {"channels": ["ticker"], "market_tickers": [1]}, 11),
        ("unsubscribe", {"sid": 1}, 4),
        ("unsubscribe", {"sids": [99]}, 7),
        ("update_subscription", {"action": "add_markets"}, 12),
        ("update_subscription", {"sids": [1, 2], "action": "add_markets"}, 12),
        ("update_subscription", {"sid": 99, "action": "add_markets"}, 7),
        ("shout", {"sid": 1}, 5),
    ],
)
def test_refused_commands(place: Rig, command: str, params: dict[str, Any], code: int) -> None:
    with place.stream() as stream:
        number = stream.send(command, **params)
        answer = stream.read()
        check_frame(answer)
        assert (answer["type"], answer["id"], answer["msg"]["code"]) == ("error", number, code)


def test_refused_updates_of_a_subscription(place: Rig, ticker: str) -> None:
    with place.stream() as stream:
        sid = subscribe(stream, "orderbook_delta", ticker)
        for params, code in (({}, 15), ({"action": "add_markets"}, 14), ({"action": "explode"}, 13)):
            number = stream.send("update_subscription", sid=sid, **params)
            answer = stream.until(id=number)
            check_frame(answer)
            assert (answer["msg"]["code"], answer["sid"]) == (code, sid)


@pytest.mark.parametrize(
    "raw", ["{", "[]", '"hello"', '{"cmd":"subscribe"}', '{"id":"1","cmd":"subscribe"}', "\x00"]
)
def test_what_is_no_command(place: Rig, raw: str) -> None:
    with place.stream() as stream:
        stream.socket.send(raw)
        answer = stream.read()
        assert (answer["type"], answer["msg"]["code"], "id" in answer) == ("error", 1, False)
        assert stream.drain() == []


def test_tickers(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    alice.placed(ticker, "bid", "0.30", "2")
    uuid = place.exchange.catalog.market(ticker).k.market_id
    with place.stream() as stream:
        subscribe(stream, "ticker", market_ids=[uuid], send_initial_snapshot=True)
        first = stream.read()
        check_frame(first)
        assert (first["msg"]["yes_bid_dollars"], first["msg"]["yes_ask_dollars"]) == ("0.3000", "1.0000")
        bob.placed(ticker, "ask", "0.30", "0.50")
        frame = stream.until(type="ticker")
        check_frame(frame)
        assert frame["msg"]["last_trade_size_fp"] == "0.50" and frame["msg"]["yes_bid_size_fp"] == "1.50"
        bob.placed(ticker, "ask", "0.90", "1")
        assert stream.until(type="ticker")["msg"]["yes_ask_dollars"] == "0.9000"
        bob.placed(ticker, "ask", "0.95", "1")  # behind the best: nothing that a ticker shows has changed
        assert stream.drain() == []


def test_trades_of_all_markets(place: Rig, ticker: str) -> None:
    alice, bob = place.client(), place.bob()
    with place.stream() as stream:
        subscribe(stream, "trade")
        alice.placed(ticker, "bid", "0.30", "2")
        bob.placed(ticker, "ask", "0.25", "0.50")
        bob.placed(ticker, "ask", "0.25", "0.25")
        frames = [stream.until(type="trade") for _ in range(2)]
        assert [frame["seq"] for frame in frames] == [1, 2]
        check_frame(frames[0])
        told = frames[0]["msg"]
        assert (told["yes_price_dollars"], told["count_fp"], told["taker_book_side"]) == (
            "0.3000",
            "0.50",
            "ask",
        )
        tape = alice.get("/markets/trades", ticker=ticker, limit=2)["trades"]
        assert [row["trade_id"] for row in tape] == [frame["msg"]["trade_id"] for frame in frames][::-1]


def test_own_fills_orders_and_positions(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market(4)
    place.do(lambda: setattr(place.exchange.catalog.market(ticker).k, "fee_multiplier", "1"))
    with place.stream() as mine, place.stream(BOB) as theirs:
        for stream in (mine, theirs):
            number = stream.send("subscribe", channels=["fill", "user_orders", "market_positions"])
            assert [stream.until(id=number)["msg"]["channel"] for _ in range(3)] == [
                "fill", "user_orders", "market_positions",
            ]  # fmt: skip
        alice.placed(ticker, "bid", "0.30", "2", client_order_id="maker-1")
        bob.placed(ticker, "ask", "0.30", "3", client_order_id="taker-1", time_in_force="immediate_or_cancel")
        maker, taker = mine.drain(), theirs.drain()
        for frame in maker + taker:
            check_frame(frame)
            assert "seq" not in frame
        assert [frame["type"] for frame in maker] == ["user_order", "fill", "market_position", "user_order"]
        assert [frame["type"] for frame in taker] == ["fill", "market_position", "user_order"]
        resting, fill, position, done = (frame["msg"] for frame in maker)
        assert (resting["status"], resting["remaining_count_fp"]) == ("resting", "2.00")
        assert (done["status"], done["last_update_reason"], done["fill_count_fp"]) == (
            "executed",
            "Trade",
            "2.00",
        )
        assert (fill["is_taker"], fill["client_order_id"], fill["post_position_fp"]) == (
            False,
            "maker-1",
            "2.00",
        )
        assert (position["position_fp"], position["position_cost_dollars"]) == ("2.00", "0.600000")
        fill, position, done = (frame["msg"] for frame in taker)
        assert (fill["is_taker"], fill["book_side"], fill["outcome_side"]) == (True, "ask", "no")
        assert (position["position_fp"], fill["fee_cost"]) == ("-2.00", "0.029400")
        assert (done["status"], done["remaining_count_fp"]) == ("canceled", "0.00")


def test_order_groups(place: Rig) -> None:
    alice, ticker = place.client(), place.empty_market(1)
    with place.stream() as stream:
        subscribe(stream, "order_group_updates")
        made = alice.ask("POST", "/portfolio/order_groups/create", body={"contracts_limit": 5}).json()
        path = f"/portfolio/order_groups/{made['order_group_id']}"
        alice.placed(ticker, "bid", "0.30", "2", order_group_id=made["order_group_id"])
        for verb in ("trigger", "reset"):
            alice.ask("PUT", f"{path}/{verb}", body={})
        alice.ask("PUT", f"{path}/limit", body={"contracts_limit": 6})
        alice.ask("DELETE", path)
        frames = stream.drain()
        for frame in frames:
            check_frame(frame)
        assert [frame["msg"]["event_type"] for frame in frames] == [
            "created", "triggered", "reset", "limit_updated", "triggered", "deleted",
        ]  # fmt: skip
        assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5, 6]


def test_a_markets_life(place: Rig) -> None:
    ticker = place.empty_market(3)
    place.client().placed(ticker, "bid", "0.30", "2")
    with place.stream() as life, place.stream() as book:
        subscribe(life, "market_lifecycle_v2")
        subscribe(book, "orderbook_delta", ticker)
        place.world("pause", ticker)
        place.world("resume", ticker)
        place.world("set_tick", ticker, "deci_cent")
        place.world("reopen", ticker, START + 10**9)
        place.client().placed(ticker, "bid", "0.30", "2")
        place.world("close", ticker)
        place.world("determine", ticker, 1_000_000)
        place.world("dispute", ticker)
        place.world("determine", ticker, 250_000)
        place.world("settle", ticker)
        frames = [frame for frame in life.drain() if frame["msg"]["market_ticker"] == ticker]
        for frame in frames:
            check_frame(frame)
        assert [frame["msg"]["event_type"] for frame in frames] == [
            "deactivated", "activated", "price_level_structure_updated", "close_date_updated", "determined",
            "determined", "settled",
        ]  # fmt: skip
        assert frames[2]["msg"]["price_ranges"] == [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]
        assert (frames[5]["msg"]["result"], frames[5]["msg"]["settlement_value"]) == ("scalar", "0.2500")
        kinds = [frame["type"] for frame in book.drain()]
        # snapshot; the resumption takes the order away; a new one; the close takes it; the empty book
        assert kinds == ["orderbook_snapshot", *["orderbook_delta"] * 3, "orderbook_snapshot"]
        assert "yes_dollars_fp" not in book.frames[-2]["msg"]


def test_a_successor_is_announced(place: Rig) -> None:
    world = place.running.sandbox.world
    short = next(
        m for m in place.markets if m.state == "OPEN" and m.pair_id and world.pairs[m.pair_id].short_lived
    )
    with place.stream() as stream:
        subscribe(stream, "market_lifecycle_v2")
        place.world("close", short.id)
        frames = stream.drain()
        for frame in frames:
            check_frame(frame)
        event, created = frames[0]["msg"], frames[1]["msg"]
        assert event["event_ticker"] == created["additional_metadata"]["event_ticker"]
        market = place.client().get(f"/markets/{created['market_ticker']}")["market"]
        assert market["status"] == "active" and market["event_ticker"] == event["event_ticker"]


def test_list_and_reconnect(place: Rig, ticker: str) -> None:
    with place.stream() as stream:
        subscribe(stream, "ticker")
        subscribe(stream, "trade", ticker)
        # A ticker may come before the answer
        answer = stream.until(id=stream.send("list_subscriptions"))
        check_frame(answer)
        assert answer["msg"] == [{"channel": "ticker", "sid": 1}, {"channel": "trade", "sid": 2}]
    with place.stream() as stream:
        stream.send("list_subscriptions")
        assert stream.read()["msg"] == []
        assert subscribe(stream, "trade") == 1
    assert place.do(lambda: place.running.sandbox.faults.connections["kalshi"]) is not None
