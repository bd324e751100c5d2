"""Kalshi's payloads in our words: ours in every variation, and the recorded ones."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.platforms.base import CLOSED, OTHER_STATUS, SETTLED, STATUSES, Malformed, MarketInfo
from markets.platforms.kalshi import parse, wire
from markets.platforms.kalshi.numbers import Remembered, micro, price
from tests.conftest import SHARED
from tests.markets.kalshi import payloads as p

REST = SHARED / "recorded" / "kalshi" / "rest"


def read(**changes: object) -> MarketInfo:
    return parse.market(
        msgspec.convert(p.market(**changes), wire.Market),
        msgspec.convert(p.event(), wire.Event),
        msgspec.convert(p.series(), wire.Series),
    )


@pytest.mark.parametrize(("word", "status"), [*parse.STATUS.items(), ("haunted", OTHER_STATUS)])
def test_statuses(word: str, status: str):
    info = read(status=word)
    assert (info.status, info.extra["status"]) == (status, word)
    assert status in STATUSES


@pytest.mark.parametrize(
    ("changes", "settles"),
    [
        ({"settlement_ts": "2026-11-24T01:02:03Z"}, "2026-11-24T01:02:03"),
        ({}, "2026-11-23T06:05:00"),
        ({"can_close_early": False}, "2026-11-25T05:05:00"),
        ({"expected_expiration_time": None}, "2026-11-25T05:05:00"),
        ({"expected_expiration_time": None, "close_time": None, "settlement_timer_seconds": None}, "2026-11-30T05:00:00"),
    ],
)  # fmt: skip
def test_when_cash_is_expected(changes: dict, settles: str):
    assert read(**changes).settles == datetime.fromisoformat(settles).replace(tzinfo=UTC)


def test_the_title_gets_the_answer_it_lacks():
    assert read(yes_sub_title="Springfield").question == "Will it rain in Springfield?"
    assert read(title=None).question == "Rain in Springfield (More than 1 inch)"
    assert read(title=None, yes_sub_title=None).outcomes[0].label == "Yes"


@pytest.mark.parametrize(
    "changes",
    [
        {"volume_fp": "many"}, {"volume_fp": "1e5"}, {"last_price_dollars": "NaN"}, {"close_time": "2026-11-25"},
        {"close_time": "2026-13-01T00:00:00Z"}, {"open_time": "2026-11-25T05:00:00"},
        {"price_ranges": [{"start": "0.9", "end": "0.1", "step": "0.01"}]},
        {"price_ranges": [{"start": "0.0", "end": "1.0", "step": "0"}]},
    ],
)  # fmt: skip
def test_a_market_that_cannot_be_read_is_malformed(changes: dict):
    with pytest.raises(Malformed):
        read(**changes)


def test_a_price_of_zero_is_no_last_price():
    assert read(last_price_dollars="0.0000").last_price is None


@given(st.integers(-(10**17), 10**17))
def test_numbers_are_exact(value: int):
    text = f"{'-' if value < 0 else ''}{abs(value) // 10**6}.{abs(value) % 10**6:06d}"
    assert micro(text) == value


@given(st.text(max_size=12))
def test_what_is_no_number_is_refused(text: str):
    try:
        value = micro(text)
    except ValueError:
        return
    assert Decimal(text).scaleb(6) == value
    assert text.isascii()


@pytest.mark.parametrize(
    "text", ["0", "1", "1.0000", "-0.5", "0.0000000", "", ".5", "5.", "+0.5", " 0.5", "0_5", "٠.٥"]
)
def test_what_is_no_price_is_refused(text: str):
    with pytest.raises(ValueError):
        price(text)


def test_remembered_numbers_stay_few_and_right():
    table = Remembered(micro, 10)
    for number in range(95):
        assert table.read(f"0.{number:02d}") == number * 10_000
        assert len(table.known) <= 10
    with pytest.raises(ValueError):
        table.read("x")
    assert "x" not in table.known


# --- recorded bodies


def recorded(*parts: str) -> object:
    path = REST.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"no recording at {path}")
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", ["events_sports_nested.json", "events_nfl_preseason.json"])
def test_recorded_events_can_be_read(name: str):
    document = recorded("aug2026", name)
    rows = document if isinstance(document, list) else document.get("events") or document["payload"]["events"]
    infos = []
    for row in rows:
        event = msgspec.json.decode(json.dumps(row).encode(), type=wire.Event)
        series = msgspec.convert(p.series(event.series_ticker), wire.Series)
        infos += [
            parse.market(msgspec.json.decode(raw, type=wire.Market), event, series)
            for raw in event.markets or ()
        ]
    assert infos
    for info in infos:
        assert info.rules
        assert info.ticks
        assert info.fees is not None
        assert info.end is not None
        assert info.status in STATUSES[:-1]


def test_recorded_settlements_agree_with_their_results():
    if not (REST / "gold15m_events").is_dir():
        pytest.skip(f"no recordings in {REST}")
    for path in sorted((REST / "gold15m_events").glob("*.json")):
        body = msgspec.json.decode(
            json.dumps(json.loads(path.read_text())["response"]).encode(), type=wire.EventBody
        )
        for raw in body.markets or body.event.markets or ():
            info = parse.market(msgspec.json.decode(raw, type=wire.Market), body.event, None)
            assert info.status in (SETTLED, CLOSED)
            assert info.settlement_value == {"YES": 1, "NO": 0}[info.result]
            assert info.settles is not None


def test_recorded_combo_books_have_empty_sides():
    rows = recorded("aug2026", "combo_orderbooks.json")
    books = [parse.book(row["ticker"], msgspec.convert(row["orderbook_fp"], wire.BookSides)) for row in rows]
    assert books
    assert any(not book.bids and book.asks for book in books)
