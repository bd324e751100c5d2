"""Announced fees: they count from a day ahead, where they are dearer, and are unknown where their kind is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import Level
from markets.platforms.base import Malformed
from markets.platforms.kalshi import wire
from markets.platforms.kalshi.feechanges import AHEAD, Announced, announcements, market_fees
from markets.platforms.kalshi.fees import MAKER_RATES, KalshiFees, schedule
from markets.platforms.kalshi.rest import KalshiRest
from tests.markets.kalshi import payloads as p
from tests.markets.kalshi.server import Answer, Asked, Server, running

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HALF = Decimal("0.5")
SERIES = wire.Series("KXRAIN", fee_type="quadratic", fee_multiplier=Decimal(1))
EVENT = wire.Event("KXRAIN-26", series_ticker="KXRAIN")


def change(ticker: str, hours: float, fee_type: str | None, multiplier: str | None) -> Announced:
    value = Decimal(multiplier) if multiplier is not None else None
    return Announced("1", ticker, NOW + timedelta(hours=hours), fee_type, value)


def fees(series=(), events=(), event=EVENT, now: datetime | None = NOW) -> KalshiFees | None:
    return market_fees(event, SERIES, None, announcements(series, events, now))


@pytest.mark.parametrize(
    ("hours", "multiplier", "expected"),
    [(1, "2", "2"), (24, "2", "2"), (24.1, "2", "1"), (1, "0.5", "1"), (-1, "2", "2")],
)
def test_a_dearer_change_counts_from_a_day_ahead_and_a_cheaper_one_once_it_is_there(
    hours, multiplier, expected
):
    assert fees([change("KXRAIN", hours, "quadratic", multiplier)]) == KalshiFees(
        "quadratic", Decimal(expected)
    )


def test_without_a_clock_every_announced_change_counts():
    assert fees([change("KXRAIN", 9_999, "quadratic", "2")], now=None).multiplier == 2


def test_changes_of_other_series_and_events_are_theirs():
    others = [change("KXSNOW", 1, "quadratic", "2")]
    assert fees(others, [change("KXRAIN-27", 1, "quadratic", "3")]) == KalshiFees("quadratic", Decimal(1))


@pytest.mark.parametrize("fee_type", ["flat", "margin_market_maker_program_fees"])
def test_a_change_to_fees_of_unknown_amount_ends_trading_a_day_before(fee_type):
    assert fees([change("KXRAIN", 23, fee_type, "1")]) is None
    assert fees(events=[change("KXRAIN-26", 23, fee_type, "1")]) is None
    assert fees([change("KXRAIN", 25, fee_type, "1")]) is not None


def test_an_events_override_that_ends_falls_back_to_its_series():
    cheap = wire.Event(
        "KXRAIN-26", series_ticker="KXRAIN", fee_type_override="quadratic", fee_multiplier_override=HALF
    )
    assert fees(event=cheap) == KalshiFees("quadratic", HALF)
    assert fees(event=cheap, events=[change("KXRAIN-26", 2, None, None)]) == KalshiFees(
        "quadratic", Decimal(1)
    )
    # The series gets dearer while the override stands: it changes nothing; once the override ends as well it does
    soon = [change("KXRAIN", 2, "quadratic_with_maker_fees", "2")]
    assert fees(soon, event=cheap) == KalshiFees("quadratic", HALF)
    both = fees(soon, [change("KXRAIN-26", 2, None, None)], cheap)
    assert both == KalshiFees("quadratic_with_maker_fees", Decimal(2))


terms = st.tuples(st.sampled_from(list(MAKER_RATES)), st.sampled_from(["0", "0.25", "0.5", "1", "2"]))
fills = st.builds(
    Level,
    st.integers(1, 9_999).map(lambda n: Decimal(n).scaleb(-4)),
    st.integers(1, 10**6).map(lambda n: Decimal(n) / 100),
)


@given(st.lists(terms, max_size=3), st.lists(terms | st.just((None, None)), max_size=3), fills, st.booleans())
def test_no_order_turns_out_dearer_than_it_was_reckoned(series, events, fill, maker):
    """Whichever of the announced terms are in force when the order fills."""
    reckoned = fees(
        [change("KXRAIN", 2, *one) for one in series], [change("KXRAIN-26", 2, *one) for one in events]
    )
    most = reckoned.fill_cost("BUY", fill, maker=maker).trade_fee
    for base in [("quadratic", "1"), *series]:
        for over in [(None, None), *events]:
            fee_type, multiplier = (
                own if own is not None else its for own, its in zip(over, base, strict=True)
            )
            actual = schedule(fee_type, Decimal(multiplier))
            assert actual.fill_cost("BUY", fill, maker=maker).trade_fee <= most


# --- over REST

T1 = "KXRAIN-26NOV22-T1"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        one.on("/series", {"series": [p.series()]})
        one.on("/series/KXRAIN", {"series": p.series()})
        one.on("/events/KXRAIN-26NOV22", {"event": p.event()})
        one.on("/events", {"events": [p.event(markets=[p.market()])], "cursor": ""})
        one.on(f"/markets/{T1}", {"market": p.market()})
        one.on("/series/fee_changes", {"series_fee_change_arr": []})
        one.on("/events/fee_changes", {"event_fee_changes": [], "cursor": ""})
        yield one


@pytest.fixture
def rest(server: Server) -> KalshiRest:
    return KalshiRest(server.url, backoff=0.001, timeout=60, now=lambda: NOW)


def row(hours: float, **terms) -> dict:
    at = NOW + timedelta(hours=hours)
    return {
        "id": "7",
        "series_ticker": "KXRAIN",
        "scheduled_ts": at.isoformat().replace("+00:00", "Z"),
        **terms,
    }


def test_a_market_is_read_with_what_is_announced(server: Server, rest: KalshiRest):
    assert rest.market(T1).fees == KalshiFees("quadratic", Decimal(1))
    terms = {"fee_type": "quadratic", "fee_multiplier": 1.5}
    server.on("/series/fee_changes", {"series_fee_change_arr": [row(3, **terms), row(99, **terms)]})
    assert rest.market(T1).fees == KalshiFees("quadratic", Decimal(1)), "read once for a handful of markets"
    assert rest.fees(T1) == KalshiFees("quadratic", Decimal("1.5"))
    assert [info.fees for info in rest.markets()] == [KalshiFees("quadratic", Decimal("1.5"))]
    assert server.paths().count("/series/fee_changes") == 3


def test_changes_of_events_come_page_by_page(server: Server, rest: KalshiRest):
    rows = [
        row(n, event_ticker=f"KXRAIN-26NOV2{n}", fee_type_override="quadratic", fee_multiplier_override=2)
        for n in (1, 2)
    ]

    def page(asked: Asked) -> Answer:
        at = int(asked.query.get("cursor", ["0"])[0])
        return Answer({"event_fee_changes": rows[at : at + 1], "cursor": "1" if at == 0 else ""})

    server.on("/events/fee_changes", page)
    assert [one.ticker for one in rest.event_fee_changes()] == ["KXRAIN-26NOV21", "KXRAIN-26NOV22"]
    assert rest.market(T1).fees == KalshiFees("quadratic", Decimal(2))
    ended = row(1, event_ticker="KXRAIN-26NOV22", fee_type_override=None, fee_multiplier_override=None)
    server.on("/events/fee_changes", {"event_fee_changes": [ended], "cursor": ""})
    (change_,) = rest.event_fee_changes()
    assert (change_.fee_type, change_.multiplier, change_.at) == (None, None, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "broken",
    [{"fee_type": "quadratic"}, {"fee_type": "quadratic", "fee_multiplier": 1, "scheduled_ts": "soon"}],
)
def test_an_announcement_that_cannot_be_read_is_no_silence(server: Server, rest: KalshiRest, broken):
    """Fees that might be changing are not fees that stay."""
    server.on("/series/fee_changes", {"series_fee_change_arr": [row(3) | broken]})
    with pytest.raises(Malformed):
        rest.market(T1)


def test_the_day_ahead_is_longer_than_the_pause_between_discoveries():
    from arbsite.schedule import SPECIFIED

    (line,) = (cron.line for cron in SPECIFIED if cron.name == "market-refresh")
    assert line == "0 */12 * * *"
    assert timedelta(hours=12) * 2 <= AHEAD
