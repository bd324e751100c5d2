"""Our order side against the running sandbox: what is sent, what comes back, and what a lost answer leaves."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from markets.books import NO, YES
from markets.platforms.base import PlatformError, Throttle
from markets.platforms.kalshi.private_http import Unsigned, keeping_session
from markets.platforms.kalshi.trading import Changed, KalshiTrading
from markets.platforms.trading import (
    BUY,
    CANCELLED,
    DUPLICATE,
    FILLED,
    FOK,
    FORBIDDEN,
    GTC,
    INSUFFICIENT_BALANCE,
    MARKET_CLOSED,
    NOT_FILLABLE,
    OFF_TICK,
    OPEN,
    PARTIAL,
    POST_ONLY_WOULD_CROSS,
    RATE_LIMITED,
    SELL,
    SIGNER_REFUSED,
    TRADING_PAUSED,
    UNAUTHORISED,
    UNREACHABLE,
    Accepted,
    Declined,
    Holding,
    OrderRef,
    Prepared,
    Unsure,
)
from markets.sandbox.keys import Keys
from tests.markets.kalshi.account import ref_of, request, sent, signs_as, trading_in
from tests.markets.sandbox.kalshi.rig import BOB, Rig, rig, until

CREATE = "POST /portfolio/events/orders"
D = Decimal


@pytest.fixture(scope="module")
def place() -> Iterator[Rig]:
    with rig() as made:
        yield made


@pytest.fixture
def ticker(place: Rig) -> Iterator[str]:
    """A market on shard 0, where the money is, whose book is empty before and after."""
    found = shard_zero(place)
    yield found
    place.clear()
    for client in (place.client(), place.bob()):
        assert client.ask("DELETE", "/portfolio/events/orders").status_code == 204


def shard_zero(place: Rig) -> str:
    """An empty market on shard 0."""
    for number in range(len(place.markets)):
        try:
            found = place.empty_market(number)
        except IndexError:
            break
        if next(one for one in place.markets if one.id == found).k.exchange_index == 0:
            return found
    raise AssertionError("no open market on shard 0")


@pytest.fixture
def trading(place: Rig) -> KalshiTrading:
    return trading_in(place)


def submit(trading: KalshiTrading, *args: Any, **more: Any) -> Any:
    prepared = trading.prepare(request(*args, **more))
    assert isinstance(prepared, Prepared), prepared
    return trading.submit(prepared)


# --- create


def test_an_immediate_order_takes_what_is_there_at_the_resting_price(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    place.bob().placed(ticker, "ask", "0.47", "4")
    order = request(ticker, BUY, YES, "0.49", "10")
    ref, answer = sent(trading, order)
    assert (answer.status, answer.matched, answer.average_price) == (CANCELLED, D(4), D("0.47"))
    found = trading.find(ref)
    assert found is not None
    assert (found.status, found.matched, found.size, found.client_order_id) == (
        CANCELLED,
        D(4),
        D(10),
        order.client_order_id,
    )


def test_nothing_on_offer_is_an_order_that_was_taken_and_filled_nothing(
    trading: KalshiTrading, ticker: str
) -> None:
    answer = submit(trading, ticker, BUY, YES, "0.49", "10")
    assert isinstance(answer, Accepted)
    assert (answer.status, answer.matched) == (CANCELLED, D(0))


def test_buying_no_meets_those_who_buy_yes(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    place.bob().placed(ticker, "bid", "0.63", "5")
    before = {one.market_id: one for one in trading.holdings()}
    ref, answer = sent(trading, request(ticker, BUY, NO, "0.40", "5"))
    assert (answer.status, answer.average_price) == (FILLED, D("0.37"))
    [fill] = trading.fills([ref])
    assert (fill.outcome, fill.side, fill.price, fill.size) == (NO, BUY, D("0.37"), D(5))
    assert fill.fee == D("0.0816")  # 0.07 x 5 x 0.63 x 0.37 = 0.081585, up to the next $0.0001
    held = next(one for one in trading.holdings() if one.market_id == ticker)
    was = before.get(ticker, Holding(ticker, YES, D(0)))
    signed = was.size if was.outcome == YES else -was.size
    assert (held.size if held.outcome == YES else -held.size) == signed - 5


def test_fill_or_kill_that_cannot_fill_is_refused_for_certain(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    place.bob().placed(ticker, "ask", "0.50", "2")
    answer = submit(trading, ticker, BUY, YES, "0.50", "3", FOK)
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == (NOT_FILLABLE, False)
    whole = submit(trading, ticker, BUY, YES, "0.50", "2", FOK)
    assert (whole.status, whole.matched) == (FILLED, D(2))


def test_the_same_order_again_is_a_duplicate_whatever_became_of_the_first(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    place.bob().placed(ticker, "ask", "0.50", "2")
    order = request(ticker, BUY, YES, "0.50", "1")
    ref, _ = sent(trading, order)
    again = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(again, Declined)
    assert again.code == DUPLICATE
    found = trading.find(replace(ref, platform_order_id=""))
    assert found is not None
    assert (found.platform_order_id, found.matched) == (ref.platform_order_id, D(1))


def test_refusals_of_the_platform(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    place.bob().placed(ticker, "ask", "0.50", "2")
    cases = [
        ((ticker, BUY, YES, "0.99", "500000"), INSUFFICIENT_BALANCE),
        ((ticker, BUY, YES, "0.4905", "1"), OFF_TICK),
        (("KXNO-SUCH", BUY, YES, "0.49", "1"), MARKET_CLOSED),
    ]
    for args, code in cases:
        answer = submit(trading, *args)
        assert isinstance(answer, Declined), answer
        assert answer.code == code
    crossing = submit(trading, ticker, BUY, YES, "0.50", "1", GTC, post_only=True)
    assert crossing.code == POST_ONLY_WOULD_CROSS


def test_our_own_resting_order_is_not_met(trading: KalshiTrading, ticker: str) -> None:
    ref, _ = sent(trading, request(ticker, SELL, YES, "0.50", "2", GTC))
    answer = submit(trading, ticker, BUY, YES, "0.50", "1")
    assert (answer.status, answer.matched) == (CANCELLED, D(0))
    resting = trading.find(ref)
    assert resting is not None
    assert resting.status == OPEN
    through = trading_in_maker(trading)
    assert through.payload["self_trade_prevention_type"] == "maker"


def trading_in_maker(trading: KalshiTrading) -> Prepared:
    other = KalshiTrading("http://127.0.0.1:1", authorise=lambda *_: {}, self_trade="maker")
    prepared = other.prepare(request("KXA-1", BUY, YES, "0.50", "1"))
    assert isinstance(prepared, Prepared)
    return prepared


@pytest.mark.parametrize("mode", ["paused", "restarting"])
def test_a_pause_is_a_refusal_that_passes(place: Rig, trading: KalshiTrading, ticker: str, mode: str) -> None:
    order = request(ticker, BUY, YES, "0.49", "1")
    place.fault(kind="mode", mode=mode)
    answer = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == (TRADING_PAUSED, True)
    place.clear()
    assert isinstance(trading.submit(trading.prepare(order)), Accepted)  # type: ignore[arg-type]


def test_a_market_that_is_closed(place: Rig, trading: KalshiTrading) -> None:
    ticker = shard_zero(place)
    place.world("pause", ticker)
    paused = submit(trading, ticker, BUY, YES, "0.49", "1")
    assert isinstance(paused, Declined)
    assert (paused.code, paused.passing) == (TRADING_PAUSED, True)
    place.world("resume", ticker)
    place.world("close", ticker)
    closed = submit(trading, ticker, BUY, YES, "0.49", "1")
    assert isinstance(closed, Declined)
    assert (closed.code, closed.passing) == (MARKET_CLOSED, False)


# --- answers that never come


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 500}, {"kind": "status", "status": 504}, {"kind": "drop_response"}]
)
def test_a_lost_answer_is_neither_a_refusal_nor_repeated(
    place: Rig, trading: KalshiTrading, ticker: str, fault: dict[str, Any], when: str
) -> None:
    place.bob().placed(ticker, "ask", "0.50", "5")
    before = len(place.exchange.users["arbsite"].orders)
    place.fault(endpoint=CREATE, count=1, when=when, **fault)
    order = request(ticker, BUY, YES, "0.50", "2")
    started = datetime.now(UTC)
    answer = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(answer, Unsure), answer
    arrived = when == "after"
    assert len(place.exchange.users["arbsite"].orders) - before == (1 if arrived else 0)
    found = patiently(trading, ref_of(order, sent_at=started))
    assert (found is not None) == arrived
    # The same order again: taken where the first never arrived, a duplicate where it did; never twice
    again = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(again, Declined if arrived else Accepted)
    assert len(place.exchange.users["arbsite"].orders) - before == 1


def patiently(trading: KalshiTrading, ref: OrderRef) -> Any:
    """Look up until Kalshi is fresh enough to say."""
    for _ in range(200):
        try:
            return trading.find(ref)
        except PlatformError:
            continue
    raise AssertionError("the read side never caught up")


def test_a_time_out_is_unsure_and_a_late_acceptance_is_found(place: Rig, ticker: str) -> None:
    trading = trading_in(place, timeout=0.2)
    place.fault(kind="late_accept", endpoint=CREATE, ms=300, hold_ms=1_000, count=1)
    order = request(ticker, BUY, YES, "0.30", "2", GTC)
    answer = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(answer, Unsure)
    ref = ref_of(order)
    found = until(lambda: trading.find(ref), "the late order")
    assert (found.status, found.client_order_id) == (OPEN, order.client_order_id)


def test_no_connection_proves_that_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "no-such-host.invalid"):
        trading = KalshiTrading(f"http://{host}/trade-api/v2", authorise=lambda *_: {})
        answer = submit(trading, "KXA-1", BUY, YES, "0.49", "1")
        assert isinstance(answer, Declined), answer
        assert (answer.code, answer.passing) == (UNREACHABLE, True)


@pytest.mark.parametrize(
    ("error", "proof"),
    [
        (requests.exceptions.ConnectTimeout(), True),
        (requests.exceptions.ReadTimeout(), False),
        (requests.exceptions.ConnectionError("reset"), False),
        (requests.exceptions.ChunkedEncodingError(), False),
        (requests.exceptions.SSLError("record"), False),
        (ConnectionResetError(), False),
    ],
)
def test_which_troubles_prove_that_nothing_was_sent(error: Exception, proof: bool) -> None:
    class Broken(requests.Session):
        def request(self, *_: Any, **__: Any) -> Any:
            raise error

    trading = KalshiTrading("http://127.0.0.1:1/trade-api/v2", authorise=lambda *_: {}, session=Broken())
    answer = submit(trading, "KXA-1", BUY, YES, "0.49", "1")
    assert isinstance(answer, Declined if proof else Unsure)


def test_a_connection_that_breaks_under_way_proves_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up() -> None:
            link, _ = listener.accept()
            link.recv(65_536)
            link.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"order_id":')
            link.close()

        server = threading.Thread(target=hang_up)
        server.start()
        port = listener.getsockname()[1]
        trading = KalshiTrading(f"http://127.0.0.1:{port}/trade-api/v2", authorise=lambda *_: {})
        answer = submit(trading, "KXA-1", BUY, YES, "0.49", "1")
        server.join()
    assert isinstance(answer, Unsure)


def test_when_the_signer_will_not_sign_nothing_is_sent(place: Rig, ticker: str) -> None:
    def refuse(*_: Any) -> dict[str, str]:
        raise Unsigned("The signer does not answer. Start it: python manage.py signer")

    trading = trading_in(place, authorise=refuse)
    answer = submit(trading, ticker, BUY, YES, "0.49", "1")
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == (SIGNER_REFUSED, False)
    with pytest.raises(PlatformError, match=r"manage\.py signer"):
        trading.open_orders()


class Empty:
    """A bucket of ours that has no tokens left."""

    asked: list[tuple[str, int]] = []

    def acquire(self, endpoint: str, cost: int = 1) -> None:
        self.asked.append((endpoint, cost))
        raise PlatformError("our own rate limit is used up")


def test_our_own_rate_limit_holds_an_order_back(place: Rig, ticker: str) -> None:
    throttle: Throttle = Empty()
    trading = trading_in(place, write_throttle=throttle)
    answer = submit(trading, ticker, BUY, YES, "0.49", "1")
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == (RATE_LIMITED, True)
    assert Empty.asked == [("write", 10)]


def test_the_platforms_rate_limit_is_a_refusal_that_passes(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    place.fault(kind="status", endpoint=CREATE, status=429, count=1, retry_after=2)
    answer = submit(trading, ticker, BUY, YES, "0.49", "1")
    assert isinstance(answer, Declined)
    assert (answer.code, answer.retry_after) == (RATE_LIMITED, 2.0)


def test_an_order_costs_one_round_trip_of_a_connection_that_is_kept(place: Rig, ticker: str) -> None:
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=4)
    session = keeping_session()
    session.mount("http://", adapter)
    trading = trading_in(place, session=session)
    for _ in range(5):
        submit(trading, ticker, BUY, YES, "0.10", "1")
    pools = adapter.poolmanager.pools
    [pool] = [pools[key] for key in pools.keys()]  # noqa: SIM118 - it cannot be iterated otherwise
    assert (pool.num_connections, pool.num_requests) == (1, 5)


# --- keys


def test_a_refused_key_makes_the_signer_read_its_keys_again_and_the_next_order_works(
    place: Rig, ticker: str
) -> None:
    good, bad = signs_as(place.running.keys), signs_as(BOB, key_id=place.running.keys.kalshi_key_id)
    signer = {"now": bad}
    reloads: list[str] = []

    def reload() -> None:
        reloads.append("")
        signer["now"] = good

    trading = trading_in(place, authorise=lambda *args: signer["now"](*args), reload=reload)
    answer = submit(trading, ticker, BUY, YES, "0.10", "1")
    assert isinstance(answer, Declined)
    assert (answer.code, answer.passing) == (UNAUTHORISED, False)
    assert len(reloads) == 1
    assert isinstance(submit(trading, ticker, BUY, YES, "0.10", "1"), Accepted)


def test_a_read_with_a_refused_key_is_asked_again_once(place: Rig) -> None:
    good, bad = signs_as(place.running.keys), signs_as(BOB, key_id=place.running.keys.kalshi_key_id)
    signer = {"now": bad}
    trading = trading_in(
        place, authorise=lambda *args: signer["now"](*args), reload=lambda: signer.update(now=good)
    )
    assert isinstance(trading.holdings(), list)
    reloads: list[str] = []
    hopeless = trading_in(place, authorise=bad, reload=lambda: reloads.append(""))
    for _ in range(3):
        with pytest.raises(PlatformError):
            hopeless.holdings()
    assert len(reloads) == 1


def test_an_old_time_stamp_is_no_reason_to_read_keys(place: Rig, ticker: str) -> None:
    reloads: list[str] = []
    late = signs_as(place.running.keys, lambda: place.now_ms() - 60_000)
    trading = trading_in(place, authorise=late, reload=lambda: reloads.append(""))
    answer = submit(trading, ticker, BUY, YES, "0.10", "1")
    assert isinstance(answer, Declined)
    assert answer.code == UNAUTHORISED
    assert "clock" in answer.sentence
    assert reloads == []


def test_an_ed25519_key_trades_like_an_rsa_key(place: Rig, ticker: str) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keys = Keys("11111111-2222-3333-4444-555555555555", pem.decode(), "0x" + "1" * 64)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    place.do(lambda: place.exchange.keyring.add_pem(keys.kalshi_key_id, "arbsite", public))
    trading = trading_in(place, keys)
    ref, answer = sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))
    assert answer.status == OPEN
    assert trading.cancel([ref]).gone == (ref.client_order_id,)


# --- batch, amend, decrease, cancel


def test_a_batch_answers_each_order_by_itself(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    place.bob().placed(ticker, "ask", "0.50", "1")
    wanted = [
        request(ticker, BUY, YES, "0.50", "1"),
        request(ticker, BUY, YES, "0.4905", "1"),
        request(ticker, BUY, YES, "0.40", "1", GTC),
        request(ticker, BUY, YES, "0.60", "3", FOK),
    ]
    orders = [trading.prepare(one) for one in wanted]
    answers = trading.submit_batch(orders)  # type: ignore[arg-type]
    assert [getattr(one, "status", getattr(one, "code", "")) for one in answers] == [
        FILLED,
        OFF_TICK,
        OPEN,
        NOT_FILLABLE,
    ]
    place.fault(kind="drop_response", endpoint=f"{CREATE}/batched", count=1, when="after")
    lost = trading.submit_batch([trading.prepare(request(ticker, BUY, YES, "0.10", "1")) for _ in range(2)])  # type: ignore[misc]
    assert [type(one) for one in lost] == [Unsure, Unsure]


def test_more_than_fit_are_sent_in_several_requests(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    before = len(place.exchange.users["arbsite"].orders)
    orders = [trading.prepare(request(ticker, BUY, YES, "0.10", "1", GTC)) for _ in range(23)]
    answers = trading.submit_batch(orders)  # type: ignore[arg-type]
    assert len(answers) == 23
    assert all(isinstance(one, Accepted) for one in answers)
    assert len({one.platform_order_id for one in answers}) == 23  # type: ignore[union-attr]
    assert len(place.exchange.users["arbsite"].orders) - before == 23
    refs = [
        ref_of(one.request, answer.platform_order_id) for one, answer in zip(orders, answers, strict=True)
    ]  # type: ignore[union-attr]
    report = trading.cancel(refs)
    assert (len(report.gone), report.kept, report.unsure) == (23, {}, ())


def test_amend_and_decrease(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    order = request(ticker, BUY, NO, "0.40", "10", GTC)
    ref, _ = sent(trading, order)
    place.bob().placed(ticker, "bid", "0.60", "3", time_in_force="immediate_or_cancel")
    wanted = replace(order, client_order_id=f"{order.client_order_id}-2", limit_price=D("0.35"), size=D(8))
    assert trading.amend(ref, wanted) == Changed(ref.platform_order_id, D(5))  # 3 of the 8 have filled
    now = trading.find(ref)
    assert now is not None
    assert (now.status, now.matched, now.limit_price, now.client_order_id) == (
        PARTIAL,
        D(3),
        D("0.35"),
        wanted.client_order_id,
    )
    assert trading.decrease(ref, to=D(2)) == Changed(ref.platform_order_id, D(2))
    assert trading.decrease(ref, by=D("0.5")) == Changed(ref.platform_order_id, D("1.5"))
    assert trading.cancel([ref]).gone == (ref.client_order_id,)
    gone = trading.decrease(ref, by=D(1))
    assert isinstance(gone, Declined)
    assert "look it up" in gone.sentence
    with pytest.raises(ValueError, match="either"):
        trading.decrease(ref)


def test_cancel_tells_what_is_gone_what_stays_and_what_nobody_knows(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    place.bob().placed(ticker, "ask", "0.50", "1")
    resting, _ = sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))
    filled, _ = sent(trading, request(ticker, BUY, YES, "0.50", "1"))
    stranger = OrderRef("t-stranger", "00000000-0000-0000-0000-000000000000", ticker)
    nameless = replace(resting, platform_order_id="")
    report = trading.cancel([nameless, filled, stranger])
    assert report.gone == (resting.client_order_id,)
    assert set(report.kept) == {filled.client_order_id, "t-stranger"}
    assert trading.cancel([filled]).kept == {filled.client_order_id: report.kept[filled.client_order_id]}
    unknown = OrderRef("t-never-sent", "", ticker)
    assert set(trading.cancel([unknown]).kept) == {"t-never-sent"}


@pytest.mark.parametrize("count", [1, 3])
def test_a_cancel_whose_answer_is_lost_is_unsure(
    place: Rig, trading: KalshiTrading, ticker: str, count: int
) -> None:
    refs = [sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))[0] for _ in range(count)]
    place.fault(kind="status", status=502, when="after", endpoint="DELETE *", count=1)
    report = trading.cancel(refs)
    assert (report.gone, report.kept, len(report.unsure)) == ((), {}, count)
    assert [trading.find(ref).status for ref in refs] == [CANCELLED] * count  # type: ignore[union-attr]


def test_a_cancel_that_was_refused_for_certain_keeps_the_order(
    place: Rig, trading: KalshiTrading, ticker: str
) -> None:
    ref, _ = sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))
    place.fault(kind="status", status=429, endpoint="DELETE *", count=1)
    assert set(trading.cancel([ref]).kept) == {ref.client_order_id}
    assert trading.find(ref).status == OPEN  # type: ignore[union-attr]


def test_a_cancel_reaches_a_market_on_another_shard(place: Rig, trading: KalshiTrading) -> None:
    ticker = shard_zero(place)
    market, shard = next(one for one in place.markets if one.id == ticker), 2
    place.do(lambda: setattr(market, "kalshi", replace(market.k, exchange_index=shard)))
    order = request(ticker, BUY, YES, "0.10", "1", GTC, facts={"exchange_index": shard})
    poor = trading.submit(trading.prepare(order))  # type: ignore[arg-type]
    assert isinstance(poor, Declined)  # although shard 0 is rich
    assert poor.code == INSUFFICIENT_BALANCE
    trading.account.move(D(50), 0, shard, "aaaaaaaa-0000-4000-8000-000000000001")
    refs = [sent(trading, replace(order, client_order_id=f"shard-{number}"))[0] for number in range(3)]
    assert {one.market_id for one in trading.open_orders()} == {ticker}
    assert trading.cancel(refs[:1]).gone == (refs[0].client_order_id,)
    assert len(trading.cancel(refs[1:]).gone) == 2
    grouped = trading_in(place, group_contracts=7)
    order = replace(order, client_order_id="shard-group", facts={})  # the client learns the shard
    ref, _ = sent(grouped, order)
    assert list(grouped.groups.all()) == [shard]
    assert grouped.cancel([ref]).gone == ("shard-group",)
    grouped.groups.delete()


def test_cancel_all_takes_hand_placed_orders_too(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))
    place.client().placed(ticker, "bid", "0.11", "1")
    assert len(trading.open_orders()) == 2
    trading.cancel_all()
    assert trading.open_orders() == []
    place.fault(kind="status", status=503, endpoint="DELETE *", count=1)
    with pytest.raises(PlatformError, match="503"):
        trading.cancel_all()


# --- order groups


@pytest.fixture
def grouped(place: Rig) -> Iterator[KalshiTrading]:
    made = trading_in(place, group_contracts=5)
    yield made
    made.groups.delete()


def test_too_much_in_a_short_time_trips_the_group_at_the_platform(
    place: Rig, grouped: KalshiTrading, ticker: str
) -> None:
    resting, _ = sent(grouped, request(ticker, BUY, YES, "0.10", "1", GTC))
    place.bob().placed(ticker, "ask", "0.50", "20")
    answer = submit(grouped, ticker, BUY, YES, "0.50", "6")
    assert (answer.status, answer.matched) == (FILLED, D(6))
    assert grouped.find(resting).status == CANCELLED  # type: ignore[union-attr]
    refused = submit(grouped, ticker, BUY, YES, "0.50", "1")
    assert isinstance(refused, Declined)
    assert (refused.code, refused.passing) == (FORBIDDEN, False)
    assert grouped.groups.reset() == list(grouped.groups.all().values())
    assert isinstance(submit(grouped, ticker, BUY, YES, "0.50", "1"), Accepted)


def test_the_group_is_a_kill_switch_that_a_restart_finds_again(
    place: Rig, grouped: KalshiTrading, ticker: str
) -> None:
    resting, _ = sent(grouped, request(ticker, BUY, YES, "0.10", "1", GTC))
    after_restart = trading_in(place, group_contracts=5)
    assert after_restart.groups.trigger() == list(grouped.groups.all().values())
    assert grouped.find(resting).status == CANCELLED  # type: ignore[union-attr]
    answer = submit(after_restart, ticker, BUY, YES, "0.10", "1", GTC)
    assert isinstance(answer, Declined)
    after_restart.groups.reset()
    assert len(place.exchange.users["arbsite"].groups) == 1


def test_the_halts_switch_is_the_groups(place: Rig, grouped: KalshiTrading, ticker: str) -> None:
    resting, _ = sent(grouped, request(ticker, BUY, YES, "0.10", "1", GTC))
    assert grouped.has_switch and not trading_in(place).has_switch
    grouped.block()
    assert grouped.find(resting).status == CANCELLED  # type: ignore[union-attr]
    assert isinstance(submit(grouped, ticker, BUY, YES, "0.10", "1", GTC), Declined)
    grouped.unblock()
    assert isinstance(submit(grouped, ticker, BUY, YES, "0.10", "1", GTC), Accepted)


def test_a_group_that_kalshi_has_lost_is_made_anew(place: Rig, grouped: KalshiTrading, ticker: str) -> None:
    submit(grouped, ticker, BUY, YES, "0.10", "1", GTC)
    trading_in(place, group_contracts=5).groups.delete()
    order = request(ticker, BUY, YES, "0.10", "1", GTC)
    lost = grouped.submit(grouped.prepare(order))  # type: ignore[arg-type]
    assert isinstance(lost, Declined)
    assert lost.passing
    assert isinstance(grouped.submit(grouped.prepare(order)), Accepted)  # type: ignore[arg-type]


def test_without_a_group_nothing_is_sent(place: Rig, grouped: KalshiTrading, ticker: str) -> None:
    place.fault(kind="status", status=500, endpoint="* /portfolio/order_groups*")
    before = len(place.exchange.users["arbsite"].orders)
    answer = submit(grouped, ticker, BUY, YES, "0.10", "1")
    place.clear()
    assert isinstance(answer, Declined)
    assert answer.passing
    assert len(place.exchange.users["arbsite"].orders) == before


# --- lists that lag


def test_the_read_side_lags_and_is_not_believed_until_it_is_fresh(place: Rig) -> None:
    with rig(kalshi_read_lag_ms=600) as slow:
        trading, ticker = trading_in(slow), shard_zero(slow)
        started = datetime.now(UTC)
        order = request(ticker, BUY, YES, "0.10", "5", GTC)
        ref, _ = sent(trading, order)
        with pytest.raises(PlatformError, match="ask again"):
            trading.find(replace(ref, sent_at=started))
        with pytest.raises(PlatformError, match="ask again"):
            trading.find(ref_of(request(ticker, BUY, YES, "0.10", "5"), sent_at=started))
        until(lambda: trading.find(ref), "the order in the lists")
        slow.bob().placed(ticker, "ask", "0.10", "2")
        assert trading.cancel([ref]).gone == (ref.client_order_id,)
        told = slow.client().get(f"/portfolio/orders/{ref.platform_order_id}")["order"]
        assert told["status"] == "resting"  # what the platform says at this moment
        found = trading.find(ref)
        assert found is not None
        assert (found.status, found.matched) == (CANCELLED, D(2))
        assert trading.open_orders() == []


# --- the account


def test_fills_are_joined_by_order_and_told_once(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    place.bob().placed(ticker, "ask", "0.50", "1")
    place.bob().placed(ticker, "ask", "0.51", "1")
    since = datetime.now(UTC) - timedelta(seconds=2)
    order = request(ticker, BUY, YES, "0.55", "2")
    ref, answer = sent(trading, order)
    assert answer.average_price == D("0.505")
    nameless = replace(ref, platform_order_id="")
    fills = trading.fills([ref, nameless])
    assert sorted(one.price for one in fills) == [D("0.50"), D("0.51")]
    assert {one.platform_order_id for one in fills} == {ref.platform_order_id}
    assert {one.fill_id for one in fills} <= {one.fill_id for one in trading.fills_since(since)}
    assert trading.fills_since(datetime.now(UTC) + timedelta(seconds=5)) == []


def test_lists_longer_than_a_page_are_read_whole(
    place: Rig, trading: KalshiTrading, ticker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [sent(trading, request(ticker, BUY, YES, "0.10", "1", GTC))[0] for _ in range(7)]
    monkeypatch.setattr("markets.platforms.kalshi.trading.PAGE", 2)
    assert {one.platform_order_id for one in trading.open_orders()} == {ref.platform_order_id for ref in refs}
    oldest = trading.find(replace(refs[0], platform_order_id=""))
    assert oldest is not None
    assert oldest.platform_order_id == refs[0].platform_order_id


def test_balances_by_shard_and_cash_where_nothing_rests(place: Rig, ticker: str) -> None:
    trading = trading_in(place)
    before = {one.shard: one for one in trading.balances()}
    assert before[0].cash == before[0].free
    sent(trading, request(ticker, BUY, YES, "0.10", "10", GTC))
    after = {one.shard: one for one in trading.balances()}
    assert after[0].cash is None  # what rests is reserved, and Kalshi does not tell how much
    assert after[0].free < before[0].free
    moved = trading.account.move(D("12.3456"), 0, 2, "bbbbbbbb-0000-4000-8000-000000000001")
    again = trading.account.move(D("12.3456"), 0, 2, "bbbbbbbb-0000-4000-8000-000000000001")
    assert (getattr(moved, "before", None), getattr(again, "before", None)) == (False, True)
    by_shard = {one.shard: one.free for one in trading.balances()}
    assert by_shard[2] - before.get(2, replace(before[0], free=D(0))).free == D("12.3456")
    assert isinstance(trading.account.move(D("0.00001"), 0, 2, "x"), Declined)
    poor = trading.account.move(D(10**9), 0, 2, "cccccccc-0000-4000-8000-000000000001")
    assert isinstance(poor, Declined)
    assert poor.code == INSUFFICIENT_BALANCE
    told = [
        one for one in trading.cash_since(datetime(2020, 1, 1, tzinfo=UTC)) if abs(one.amount) == D("12.3456")
    ]
    assert sorted((one.shard, one.amount, one.kind) for one in told) == [
        (0, D("-12.3456"), "TRANSFER"),
        (2, D("12.3456"), "TRANSFER"),
    ]


def test_a_transfer_whose_answer_is_lost_is_asked_for_again_by_its_own_id(
    place: Rig, trading: KalshiTrading
) -> None:
    transfer = "dddddddd-0000-4000-8000-000000000001"
    before = {one.shard: one.free for one in trading.balances()}
    place.fault(
        kind="drop_response", endpoint="POST */intra_exchange_instance_transfer", when="after", count=1
    )
    assert isinstance(trading.account.move(D(3), 0, 3, transfer), Unsure)
    again = trading.account.move(D(3), 0, 3, transfer)
    assert getattr(again, "before", None) is True
    after = {one.shard: one.free for one in trading.balances()}
    assert after[3] - before.get(3, D(0)) == 3


def test_subaccounts_keep_apart(place: Rig, trading: KalshiTrading, ticker: str) -> None:
    number = trading.account.create_subaccount()
    trading.account.move_between(5_000, 0, number, "e-1")
    trading.account.move_between(5_000, 0, number, "e-1")
    other = trading_in(place, subaccount=number)
    assert [one.free for one in other.balances()] == [D(50)]
    assert (number, D(50)) in [(sub, one.free) for sub, one in trading.account.subaccounts()]
    ref, _ = sent(other, request(ticker, BUY, YES, "0.10", "1", GTC))
    assert [one.platform_order_id for one in other.open_orders()] == [ref.platform_order_id]
    assert trading.open_orders() == []
    [told] = other.cash_since(datetime(2020, 1, 1, tzinfo=UTC))
    assert (told.amount, told.kind) == (D(50), "TRANSFER")
    [mirror] = [
        one for one in trading.cash_since(datetime(2020, 1, 1, tzinfo=UTC)) if one.reference.startswith("sub")
    ]
    assert mirror.amount == D(-50)
    assert other.cancel([ref]).gone == (ref.client_order_id,)


def test_a_settled_market_pays_what_it_says(place: Rig, trading: KalshiTrading) -> None:
    ticker = shard_zero(place)
    place.bob().placed(ticker, "ask", "0.50", "4")
    since = datetime.now(UTC) - timedelta(seconds=2)
    sent(trading, request(ticker, BUY, YES, "0.50", "4"))
    held = next(one for one in trading.holdings() if one.market_id == ticker)
    place.world("determine", ticker, 1_000_000)
    place.world("settle", ticker)
    [paid] = [one for one in trading.settlements_since(since) if one.market_id == ticker]
    assert (paid.yes_pays, paid.revenue) == (D(1), held.size if held.outcome == YES else D(0))
    assert ticker not in {one.market_id for one in trading.holdings()}


def test_state_and_clock(place: Rig, trading: KalshiTrading) -> None:
    state = trading.state()
    assert (state.takes_orders, state.takes_cancels, state.why) == (True, True, "")
    assert abs(trading.clock() - datetime.now(UTC)) < timedelta(seconds=5)


def test_what_is_sent_is_signed_with_the_very_body(place: Rig, ticker: str) -> None:
    """The signer judges a write by its body, so it must be shown what is sent."""
    shown: list[tuple[str, str, str | None]] = []
    plain = signs_as(place.running.keys)

    def authorise(method: str, path: str, body: str | None) -> dict[str, str]:
        shown.append((method, path, body))
        return plain(method, path, body)

    class Spy(requests.Session):
        seen: list[tuple[str, bytes | None]] = []

        def request(self, method: str, url: str, **more: Any) -> Any:  # type: ignore[override]
            self.seen.append((method, more.get("data")))
            return super().request(method, url, **more)

    trading = trading_in(place, authorise=authorise, session=Spy())
    submit(trading, ticker, BUY, YES, "0.10", "1")
    [(method, path, body)] = shown
    assert (method, path) == ("POST", "/trade-api/v2/portfolio/events/orders")
    assert body is not None
    assert ("POST", body.encode()) in Spy.seen
