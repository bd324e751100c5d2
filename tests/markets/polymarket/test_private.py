"""The user channel as a feed: log-in, keep-alive, events in any order, and frames of any kind."""

import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.base import PlatformError
from markets.platforms.polymarket.private import PolymarketPrivateFeed
from markets.platforms.polymarket.signing import Credentials
from markets.platforms.trading import CANCELLED, CONFIRMED, FAILED, FILLED, MATCHED, MINED
from tests.markets.polymarket.test_reports import NO_TOKEN, US, YES_TOKEN, load

URL = "ws://127.0.0.1:1/ws/user"


class Login:
    """Credentials without a platform."""

    address = US

    def __init__(self) -> None:
        self.renewed: list[Credentials] = []

    def credentials(self) -> Credentials:
        return Credentials(f"key-{len(self.renewed)}", "c2VjcmV0", "pass")

    def renew(self, refused: Credentials) -> Credentials:
        self.renewed.append(refused)
        return self.credentials()


def outcome_of(market: str, token: str) -> str:
    found = {YES_TOKEN: "YES", NO_TOKEN: "NO"}.get(token)
    if found is None:
        raise PlatformError("cannot be asked now")
    return found


def feed() -> PolymarketPrivateFeed:
    made = PolymarketPrivateFeed(URL, Login(), outcome_of)  # type: ignore[arg-type]
    assert made.handshake() == []
    made.opened(1_000)
    return made


def hear(made: PolymarketPrivateFeed, *documents) -> None:
    for document in documents:
        made.receive(document if isinstance(document, bytes) else json.dumps(document).encode(), 2_000)


def order(**changes):
    return load("order_placement") | changes


def trade(**changes):
    return load("user_trade1") | changes


def test_the_first_frame_logs_in_and_rest_is_to_be_asked():
    made = feed()
    assert json.loads(made.outbox[0]) == {
        "type": "user", "auth": {"apiKey": "key-0", "secret": "c2VjcmV0", "passphrase": "pass"},
    }  # fmt: skip
    assert made.events.reconnected and "c2VjcmV0" not in repr(made) + repr(made.events)


def test_pings_are_text_and_a_silent_server_is_left():
    made = feed()
    made.outbox.clear()
    made.tick(10_999)
    assert made.outbox == []
    made.tick(11_000)
    assert made.outbox == ["PING"]
    made.receive(b"PONG", 12_000)
    made.tick(41_999)
    assert made.reconnect_wanted == ""
    made.tick(42_000)
    assert made.reconnect_wanted
    made.closed(42_001)
    made.opened(43_000)
    assert made.reconnect_wanted == "" and len(made.outbox) == 1


def test_a_login_that_was_refused_without_a_word_is_renewed():
    made = feed()
    made.closed(1_100)
    made.handshake()
    made.opened(2_000)
    assert len(made._login.renewed) == 1 and json.loads(made.outbox[0])["auth"]["apiKey"] == "key-1"
    made.receive(b"PONG", 2_100)
    made.closed(2_200)
    made.handshake()
    assert len(made._login.renewed) == 1


def test_orders_and_trades():
    made = feed()
    hear(made, [order()], trade(), order(type="CANCELLATION", status="CANCELED_out of time", size_matched=""))
    placed, cancelled = made.events.orders
    assert (placed.matched, cancelled.status, cancelled.reason) == (Decimal(0), CANCELLED, "out of time")
    (fill,) = made.events.fills
    assert (fill.status, fill.size, fill.taker) == (MINED, Decimal(5), False)
    assert made.events.bad == []


def test_a_trade_to_its_end_in_any_order_never_falls_back_from_final():
    for last in (CONFIRMED, FAILED):
        for statuses in itertools.permutations(["MATCHED", "MINED", "RETRYING", last]):
            made = feed()
            hear(made, *(trade(status=status) for status in statuses for _ in range(2)))
            told = [fill.status for fill in made.events.fills]
            first = told.index(last)
            assert set(told[first:]) == {last} and len({fill.fill_id for fill in made.events.fills}) == 1


@given(st.permutations([("PLACEMENT", "LIVE", "0"), ("UPDATE", "LIVE", "2"), ("UPDATE", "MATCHED", "5")]))
def test_what_matched_never_falls(events):
    made = feed()
    hear(made, *(order(type=kind, status=status, size_matched=size) for kind, status, size in events))
    matched = [report.matched for report in made.events.orders]
    assert matched == sorted(matched) and made.events.orders[-1].status == FILLED


@pytest.mark.parametrize(
    "frame",
    [
        b"{", b"\xff\xfe", b"[[]]", b"7", {"event_type": "order"}, {"event_type": "trade", "id": "t"},
        {"event_type": "order", "status": 7}, "text",
    ],
)  # fmt: skip
def test_a_frame_that_is_none_is_kept_and_rest_is_asked(frame):
    made = feed()
    made.events.reconnected = False
    hear(made, frame)
    assert made.events.bad and made.events.reconnected and not made.events.orders + made.events.fills


def test_an_event_of_an_unknown_market_or_of_nobody_of_us_is_kept_and_rest_is_asked():
    for event in (order(asset_id="7"), trade(asset_id="7", trader_side="TAKER"), trade(maker_orders=[])):
        made = feed()
        made.events.reconnected = False
        hear(made, event)
        assert made.events.bad and made.events.reconnected


def test_other_events_are_none_of_ours():
    made = feed()
    hear(made, {"event_type": "something_new", "id": 7}, [], b"PING")
    assert made.events.bad == [] and made.outbox[-1] == "PONG"


@given(st.binary(max_size=80))
def test_no_frame_raises(raw):
    feed().receive(raw, 2_000)


def test_statuses_are_told_as_they_come():
    made = feed()
    hear(made, *(trade(status=status) for status in ("MATCHED", "MINED", "CONFIRMED")))
    assert [fill.status for fill in made.events.fills] == [MATCHED, MINED, CONFIRMED]
