"""The life of a price: window → normalize → detect → decide → execute → settlement, on real PostgreSQL and Redis."""

import json
from decimal import Decimal

import pytest
from django.utils import timezone

from arbsite import keys
from arbsite.models import Notice
from execution import services as execution
from execution.models import Fill, Order, Plan, Position
from execution.plans import working
from execution.portfolio import services as portfolio
from markets import bets, live, prices, services
from markets.betting import store as bet_store
from markets.models import Bet, Market, Pair, Price, PriceCursor
from markets.pairing import pairs
from markets.platforms.base import KALSHI, POLYMARKET, SETTLED
from signals import catalogue
from signals import services as signals
from signals.deciding import refusing
from signals.models import Refusal, Signal
from tests import factories
from tests.factories import IDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_catalogue():
    catalogue.forget()
    yield
    # Django empties the tables it manages after such a test; this one it does not
    Price.objects.all().delete()


def through_the_chain(window_id: str) -> None:
    now_ms = factories.unix_ms()
    prices.normalize(window_id, now_ms=now_ms)
    signals.detect(window_id, now_ms=now_ms)
    signals.decide(window_id, now_ms=now_ms)
    execution.execute(window_id, now_ms=now_ms)
    working.work_all()


def test_two_bets_on_the_same_levels_buy_them_once(redis):
    pair = factories.a_pair()
    again = bets.pair("custom:again", (POLYMARKET, pair.polymarket_id), (KALSHI, pair.kalshi_id))
    bet_store.add_new([again], now=timezone.now())
    Bet.objects.filter(pk=again.id).update(settlement="clean", read_by_person=True)
    catalogue.forget()
    for window_id in factories.a_gap(factories.unix_ms()):
        through_the_chain(window_id)
    assert Signal.objects.count() == 2 and Plan.objects.count() == 1
    left = Signal.objects.get(status=Signal.REFUSED)
    assert [reason["code"] for reason in left.reasons] == ["levels_taken"]
    refusing.push(factories.unix_ms(), at_once=True)
    refusing.store()
    assert Refusal.objects.get(code="levels_taken").stage == Refusal.EXECUTE


def test_a_gap_becomes_two_filled_legs_and_the_profit_adds_up(redis):
    factories.a_pair()
    first, second = factories.a_gap(factories.unix_ms())
    through_the_chain(first)
    through_the_chain(second)

    signal = Signal.objects.get()
    assert signal.status == Signal.EXECUTED
    assert signal.direction == "polymarket:YES+kalshi:NO"
    plan = Plan.objects.get()
    assert plan.status == Plan.FILLED
    legs = {order.platform: order for order in Order.objects.all()}
    assert legs[POLYMARKET].filled_qty == legs[KALSHI].filled_qty == plan.size > 0
    assert {order.status for order in legs.values()} == {"FILLED"}
    # Whatever happens, one of the two pays a dollar
    paid = -sum(fill.cash for fill in Fill.objects.all())
    assert paid == plan.outlay
    assert plan.size - paid == plan.expected_profit > 0
    totals = portfolio.summary(now=timezone.now())
    assert totals["exact"] and totals["pnl"] == totals["pnl_from_fills"]
    assert portfolio.reconcile(now=timezone.now()) == []


def test_what_everybody_else_hears(redis):
    factories.a_pair()
    listener = redis.pubsub()
    listener.subscribe(keys.PRICE_UPDATES, keys.OPPORTUNITIES, keys.EXECUTION_STATUS)
    for window_id in factories.a_gap(factories.unix_ms()):
        through_the_chain(window_id)
    heard = {}
    while message := listener.get_message(timeout=0.5):
        if message["type"] == "message":
            heard.setdefault(message["channel"].decode(), []).append(json.loads(message["data"]))
    assert {event["source"] for event in heard[keys.PRICE_UPDATES]} == {POLYMARKET, KALSHI}
    # Channels are shared by all databases of a server, so other tests may be heard as well
    ours = Signal.objects.get().id
    opened = [event["signal_id"] for event in heard[keys.OPPORTUNITIES] if event["event"] == "opened"]
    assert opened.count(ours) == 1
    assert {"FILLED"} <= {event.get("status") for event in heard[keys.EXECUTION_STATUS]}
    signal, order, position = Signal.objects.get(), Order.objects.first(), Position.objects.first()
    assert redis.hget(keys.signal(signal.id), "status") == b"EXECUTED"
    assert 0 < redis.ttl(keys.signal(signal.id)) <= 7 * 86_400
    assert redis.hget(keys.order(order.id), "status") == b"FILLED"
    assert redis.hget(keys.position(position.id), "quantity")
    entry = redis.xrange(keys.SIGNAL_STREAM)[0][1]
    assert entry[b"signal_id"].decode() == signal.id and entry[b"market_a"].decode().startswith("polymarket:")
    assert 0 < redis.ttl(keys.prices(KALSHI, IDS[KALSHI])) <= 3_600
    assert redis.zcard(keys.windows(KALSHI)) == 0, "a finished window is let go"


def test_every_step_may_run_twice(redis):
    factories.a_pair()
    windows = factories.a_gap(factories.unix_ms())
    for _ in range(2):
        for window_id in windows:
            through_the_chain(window_id)
    assert (Signal.objects.count(), Plan.objects.count(), Order.objects.count()) == (1, 1, 2)


def test_a_gap_that_closes_closes_its_signal(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    for window_id in factories.a_gap(at_ms):
        through_the_chain(window_id)
    level = factories.book([("0.38", "100")], [("0.40", "100")], at_ms + 1)
    through_the_chain(factories.window(KALSHI, {IDS[KALSHI]: level}, factories.unix_ms(), 2))
    signal = Signal.objects.get()
    assert (signal.status, signal.close_reason) == (Signal.CLOSED, "gap_gone")
    assert Notice.objects.filter(kind="signal_closed").count() == 1


def test_a_stale_book_is_no_book(redis):
    factories.a_pair()
    old = factories.unix_ms() - 60_000
    for window_id in factories.a_gap(old):
        through_the_chain(window_id)
    assert not Order.objects.exists()


def test_a_pair_that_nobody_approved_is_not_traded(redis):
    pair = factories.a_pair()
    pairs.suspend(pair, factories.a_person(), now=timezone.now(), note="to be read again")
    for window_id in factories.a_gap(factories.unix_ms()):
        through_the_chain(window_id)
    assert not Signal.objects.exists()


def test_changed_rules_suspend_an_approval(redis):
    pair = factories.a_pair()
    services.store_markets([factories.info(KALSHI, rules="It snows.")], now=timezone.now())
    pair.refresh_from_db()
    assert pair.status == Pair.SUSPENDED
    assert Notice.objects.filter(kind="pair_suspended").exists()


def test_limits_cut_the_size_and_are_never_passed(redis, settings):
    factories.a_pair()
    for window_id in factories.a_gap(factories.unix_ms(), size="5000"):
        through_the_chain(window_id)
    risk = settings.ARBSITE.risk
    assert Order.objects.count() == 2
    for order in Order.objects.all():
        assert order.quantity * order.price <= risk.max_order_notional


def test_a_settled_market_pays_and_closes_its_positions(redis):
    factories.a_pair()
    for window_id in factories.a_gap(factories.unix_ms()):
        through_the_chain(window_id)
    expected = Plan.objects.get().expected_profit
    Market.objects.update(status=SETTLED, settlement_value=1, result="YES")
    assert portfolio.settle(now=timezone.now()) == 2
    assert portfolio.settle(now=timezone.now()) == 0, "paid once"
    totals = portfolio.summary(now=timezone.now())
    assert totals["open_positions"] == 0
    assert totals["realized_pnl"] == expected.quantize(Decimal("0.01"))
    assert totals["exact"]


def test_prices_are_stored_once_each_second(redis):
    factories.a_pair()
    at_ms = factories.unix_ms()
    for window_id in factories.a_gap(at_ms):
        prices.normalize(window_id, now_ms=at_ms)
    later = at_ms + 2_000  # the seconds are over
    assert prices.persist(KALSHI, now_ms=later) == 1
    assert prices.persist(KALSHI, now_ms=later) == 0
    row = Price.objects.get()
    assert (row.bid, row.ask, row.mid_price, row.spread) == tuple(
        map(Decimal, ("0.50", "0.52", "0.51", "0.02"))
    )
    assert PriceCursor.objects.get(platform=KALSHI).stream_id != "0-0"


def test_a_lost_window_is_rung_for_again(redis, settings):
    from datetime import timedelta

    from markets import doors

    settings.CELERY_BROKER_URL = settings.REDIS_URL
    at_ms = factories.unix_ms()
    window_id = factories.window(KALSHI, {IDS[KALSHI]: factories.book([], [], at_ms)}, at_ms)
    assert doors.ring_for_lost_windows(timezone.now()) == 0
    assert doors.ring_for_lost_windows(timezone.now() + timedelta(seconds=10)) == 1
    assert live.in_flight(KALSHI, since_ms=0) == set()
    assert redis.llen("signals") == 1, "the rest of the chain was sent for " + window_id
