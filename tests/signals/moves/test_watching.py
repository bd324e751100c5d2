"""The reader of moves over real streams, books and rows: what it stores, claims, skips, and never does twice."""

from datetime import UTC, datetime, timedelta

import pytest

from arbsite import keys
from markets import live, prices, store
from markets.models import Market
from markets.platforms.base import KALSHI, POLYMARKET, TickBand
from signals.models import CalendarEvent, Prediction, PriceMove
from signals.moves import watching
from tests import factories
from tests.arbsite.callers import reader
from tests.factories import IDS

pytestmark = pytest.mark.django_db

T0 = 1_795_521_600_000
MARKET = "KXMOVE-1"
QUIET = [("0.40", "0.41"), ("0.40", "0.42"), ("0.41", "0.42")]
UP = [("0.60", "0.61"), ("0.61", "0.62")]


@pytest.fixture
def market():
    store.upsert([factories.info(KALSHI, MARKET)], now=factories.NOW)


@pytest.fixture
def stream(redis):
    """Publish quotes of one market, one a second, as the chain does; returns the moment of the last."""
    clock = {KALSHI: T0, POLYMARKET: T0}

    def publish(*quotes, market_id=MARKET, platform=KALSHI, volume="100", step_ms=1_000):
        for bid, ask in quotes:
            clock[platform] += step_ms
            at = clock[platform]
            book = factories.book([(bid, "100")] if bid else [], [(ask, "100")] if ask else [], at)
            factories.window(platform, {market_id: book}, at, 1)
            live_book = live.raw_books(platform, [market_id])[market_id]
            event = prices.event_of(platform, market_id, live_book) | {"volume_24h": volume}
            redis.xadd(keys.price_stream(platform), {"event": prices.encoded(event)}, id=f"{at}-1")
        return clock[platform]

    watching.look(KALSHI, now_ms=T0)
    watching.look(POLYMARKET, now_ms=T0)
    return publish


def look(at, platform=KALSHI):
    return watching.look(platform, now_ms=at)


def test_a_jump_becomes_a_row_and_a_claim(market, stream):
    at = stream(*QUIET, *UP)
    seen = look(at)
    assert (seen.entries, seen.moves, seen.claims) == (5, 1, 1)
    row = PriceMove.objects.get()
    assert (row.kind, row.direction, str(row.before), str(row.after)) == ("jump", 1, "0.410000", "0.615000")
    assert row.happened_at == datetime.fromtimestamp((T0 + 4_000) / 1_000, UTC)
    claim = Prediction.objects.get()
    assert (claim.source, claim.kind, claim.item, claim.direction) == ("price", "jump", f"move:{row.pk}", 1)
    assert claim.horizon_seconds == 15 * 60 and claim.half_life_seconds == 5 * 60
    assert claim.note == "jumped up from 0.410000 to 0.615000"


def test_batches_see_what_one_look_sees(market, stream):
    for quote in [*QUIET, *UP]:
        look(stream(quote))
    assert PriceMove.objects.count() == 1


def test_nothing_is_read_twice(market, stream):
    at = stream(*QUIET, *UP)
    look(at)
    again = look(at + 5_000)
    assert (again.entries, again.moves) == (0, 0)


def test_a_crash_before_the_place_is_written_repeats_harmlessly(market, stream, redis):
    place, states = redis.get(keys.moves_place(KALSHI)), redis.get(keys.moves(KALSHI, MARKET))
    at = stream(*QUIET, *UP)
    look(at)
    redis.set(keys.moves_place(KALSHI), place)
    redis.delete(keys.moves(KALSHI, MARKET)) if states is None else redis.set(
        keys.moves(KALSHI, MARKET), states
    )
    seen = look(at)
    assert (seen.entries, seen.moves, seen.claims) == (5, 0, 0)
    assert PriceMove.objects.count() == Prediction.objects.count() == 1


def test_a_lost_place_begins_at_the_end(market, stream, redis):
    stream(*QUIET)
    redis.delete(keys.moves_place(KALSHI))
    assert look(stream(*UP)).entries == 0
    assert look(stream(("0.61", "0.63"))).entries == 1
    assert not PriceMove.objects.exists()


def test_a_quote_that_stands_alone_waits_for_the_next_look(market, stream):
    at = stream(*QUIET, ("0.60", "0.61"))
    assert look(at).moves == 0
    assert look(at + 2_500).moves == 1  # nothing new came, and the feed still vouches for the book


def test_a_quote_of_a_feed_that_fell_silent_never_stands(market, stream, redis):
    at = stream(*QUIET, ("0.60", "0.61"))
    look(at)
    live.silence(KALSHI)
    assert look(at + 20_000).moves == 0


def test_one_claim_for_each_market_and_kind_within_the_horizon(market, stream):
    look(stream(*QUIET, *UP))
    look(stream(("0.80", "0.81"), ("0.81", "0.82")))
    assert PriceMove.objects.count() == 2 and Prediction.objects.count() == 1
    Prediction.objects.update(seen_at=factories.NOW - timedelta(days=30))
    look(stream(("0.60", "0.61"), ("0.60", "0.62")))
    assert Prediction.objects.count() == 2


def test_the_markets_own_tick_decides(stream):
    coarse = (TickBand(0, 1, "0.1"),)
    store.upsert([factories.info(KALSHI, MARKET, ticks=coarse)], now=factories.NOW)
    look(stream(("0.400", "0.401"), ("0.400", "0.402"), ("0.500", "0.501"), ("0.500", "0.502")))
    assert not PriceMove.objects.exists()


def test_a_market_that_is_not_ours_or_closed_is_left_out(stream):
    look(stream(*QUIET, *UP))
    store.upsert([factories.info(KALSHI, MARKET, status="CLOSED")], now=factories.NOW)
    look(stream(*QUIET, *UP))
    assert not PriceMove.objects.exists()


def test_a_book_without_asks_is_one_sided_after_half_a_minute(market, stream):
    at = stream(("0.40", "0.41"), ("0.40", None))
    assert look(at).moves == 0
    for seconds in (10, 20, 31):
        factories.window(
            KALSHI, {MARKET: factories.book([("0.40", "100")], [], at)}, at + seconds * 1_000, seconds
        )
        look(at + seconds * 1_000)
    row = PriceMove.objects.get()
    assert (row.kind, row.direction, row.before) == ("one_sided", 1, None)


def test_a_jump_at_a_scheduled_event_says_so(market, stream):
    at = datetime.fromtimestamp(T0 / 1_000, UTC) + timedelta(minutes=5)
    event = CalendarEvent.objects.create(
        name="CPI", source="bls", starts_at=at, importance="high", certainty="exact"
    )
    event.markets.add(MARKET)
    look(stream(*QUIET, *UP))
    figures = PriceMove.objects.get().figures
    assert (figures["calendar_event"], figures["calendar_name"]) == (event.pk, "CPI")


def test_the_lagging_side_of_a_pair_says_whom_it_follows(stream):
    factories.a_pair()
    look(stream(*QUIET, *UP, market_id=IDS[POLYMARKET], platform=POLYMARKET), POLYMARKET)
    look(stream(*QUIET, *UP, market_id=IDS[KALSHI], step_ms=2_000))
    first, second = PriceMove.objects.order_by("happened_at")
    assert "follows" not in first.figures
    assert second.figures["follows"] == IDS[POLYMARKET] and second.figures["lag_ms"] == 4_000


def test_two_workers_never_look_at_once(market, stream, redis):
    redis.set(keys.ring(f"moves:{KALSHI}"), "another", px=5_000)
    assert look(stream(*QUIET)) is None
    redis.delete(keys.ring(f"moves:{KALSHI}"))
    assert look(stream(*UP)).entries == 5
    assert not redis.exists(keys.ring(f"moves:{KALSHI}"))


def test_who_is_too_far_behind_skips_to_the_end(market, stream, monkeypatch):
    monkeypatch.setattr(watching, "BATCH", 2)
    monkeypatch.setattr(watching, "ROUNDS", 2)
    at = stream(*QUIET, *UP, *QUIET)
    seen = look(at)
    assert seen.skipped and seen.entries == 4
    assert look(at + 1_000).entries == 0


def test_a_look_asks_as_much_for_ten_moves_as_for_one(stream, django_assert_max_num_queries):
    store.upsert([factories.info(KALSHI, "KX-0")], now=factories.NOW)
    at = stream(*QUIET, *UP, market_id="KX-0")
    with django_assert_max_num_queries(20) as one:
        assert look(at).moves == 1
    for number in range(1, 11):
        store.upsert([factories.info(KALSHI, f"KX-{number}")], now=factories.NOW)
        at = stream(*QUIET, *UP, market_id=f"KX-{number}")
    with django_assert_max_num_queries(len(one)):
        assert look(at).moves == 10


def test_the_api_lists_moves(client, market, stream):
    look(stream(*QUIET, *UP))
    assert client.get("/api/v1/moves").status_code == 401
    headers = reader("signals.view_pricemove")
    (row,) = client.get(f"/api/v1/moves?market={MARKET}&kind=jump", headers=headers).json()["results"]
    assert (row["market_id"], row["direction"], row["happened_at"]) == (MARKET, 1, T0 + 4_000)
    assert client.get("/api/v1/moves?kind=burst", headers=headers).json()["results"] == []
    assert client.get("/api/v1/moves?kind=leap", headers=headers).status_code == 400
    assert Market.objects.filter(pk=MARKET).exists()
