"""Every page of the admin opens, nothing that a service owns can be changed, and a key is ended there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.urls import reverse

from alerts.models import Alert
from arbsite.admin import COUNT_UP_TO, EstimatingPaginator
from arbsite.models import ApiKey, Component, Heartbeat, JobRun, Notice
from execution.models import Fill, Halt, Order, Plan, Position
from markets.models import Bet, BetOutcome, Market, Pair, UniverseRule
from signals.models import (
    AssetFlow,
    CalendarEvent,
    ExchangeWallet,
    FlowPattern,
    FlowSign,
    MarketCorrelation,
    NewsEvent,
    Prediction,
    PriceMove,
    Signal,
    SignalSnapshot,
    Source,
    SourceFit,
    WhaleAlert,
    WhaleTrigger,
)
from tests.arbsite.callers import key, user

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OURS = {"arbsite", "markets", "signals", "execution", "alerts"}
MODELS = [model for model in admin.site._registry if model._meta.app_label in OURS]
EDITABLE = {Market, Pair, UniverseRule, CalendarEvent, ExchangeWallet, FlowSign, WhaleTrigger}


@pytest.fixture
def rows(db):
    """One row of everything."""
    owner = user("owner", is_superuser=True, is_staff=True)
    key(owner, "read")
    poly = Market.objects.create(
        id="0x" + "ab" * 32, platform="polymarket", slug="a", question="Will it?", status="OPEN"
    )
    kal = Market.objects.create(
        id="KX/ABC-1", platform="kalshi", slug="b", question="Will it <b>?", status="OPEN"
    )
    bet = Bet.objects.create(id="pair:1", kind="pair", states=["happens", "fails"])
    BetOutcome.objects.create(bet=bet, market=poly, outcome="YES", pays_in=["happens"])
    Pair.objects.create(polymarket=poly, kalshi=kal, bet=bet)
    UniverseRule.objects.create(name="busy")
    signal = Signal.objects.create(
        id="sig_1", type="arbitrage", bet=bet, market_a=poly.pk, market_b=kal.pk, edge=Decimal("0.01"),
        metadata={"legs": [{"side": "BUY", "size": "100", "outcome": "YES", "platform": "kalshi"}]},
    )  # fmt: skip
    SignalSnapshot.objects.create(stream_id="1-0", signal_id="sig_1", event="opened", at=NOW)
    WhaleAlert.objects.create(transaction_hash="0x1", amount=1)
    AssetFlow.objects.create(asset="USDC", asset_class="stablecoin", weight=1, mean=6)
    for model in (ExchangeWallet, FlowSign, WhaleTrigger):  # filled by every migration
        assert model.objects.exists()
    NewsEvent.objects.create(headline="Rates held")
    CalendarEvent.objects.create(name="FOMC", source="fed", starts_at=NOW)
    fit = SourceFit.objects.create(
        source="news:a", kind="headline", fitted_from=NOW, fitted_until=NOW, active_from=NOW, samples=10, hits=5, weight=0,
        half_life_seconds=60, curve=[[0.5, 0.5]],
    )  # fmt: skip
    Prediction.objects.create(
        source="news:a", kind="headline", item="news:1", market=kal, direction=1, strength=Decimal("0.5"),
        probability=Decimal("0.5"), fit=fit, happened_at=NOW, seen_at=NOW, horizon_seconds=60, half_life_seconds=60,
        due_at=NOW,
    )  # fmt: skip
    FlowPattern.objects.create(
        asset="USDC",
        exchange="binance",
        direction="INFLOW",
        began_at=NOW,
        last_at=NOW,
        count=3,
        usd=1,
        usual=1,
        chance=0,
    )
    PriceMove.objects.create(market=kal, kind="jump", direction=1, strength=1, happened_at=NOW, seen_at=NOW)
    MarketCorrelation.objects.create(
        one="market:kalshi:KX/ABC-1", two="market:polymarket:0xab", clock_seconds=60, rho="0.8", lower="0.6", upper="0.9",
        samples=100, computed_at=NOW,
    )  # fmt: skip
    Source.objects.create(name="wire", kind="news", why="Will it <b>?", cursor={"page": 2})
    plan = Plan.objects.create(id="plan_1", signal=signal)
    order = Order.objects.create(
        id="ord_1",
        plan=plan,
        signal=signal,
        market=kal,
        platform="kalshi",
        client_order_id="c1",
        status="PLANNED",
    )
    Fill.objects.create(
        order=order, platform="kalshi", market=kal, outcome="YES", side="BUY", quantity=1, price=Decimal("0.5"),
        cash=Decimal("-0.5"), trade_id="t1",
    )  # fmt: skip
    Position.objects.create(
        id="pos_1", market=kal, order=order, outcome="YES", quantity=1, avg_price=Decimal("0.5")
    )
    notice = Notice.objects.record("test", "subject", "it happened", at=NOW, pair=1)
    Alert.objects.create(notice=notice, channel="discord", created_at=NOW)
    Component.objects.create(name="beat", state="RUNNING", started_at=NOW, updated_at=NOW, detail={"pid": 1})
    Heartbeat.objects.create(component="beat", minute=NOW)
    JobRun.objects.create(job="scan", scheduled_for=NOW)
    return owner


@pytest.fixture
def operator(rows, client):
    client.force_login(rows)
    return client


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page_opens(operator, model):
    for query in ("", "?q=KX/ABC-1", "?q=%00"):
        assert operator.get(address(model, "changelist") + query).status_code == 200, query
    for query in ("?within=day", "?p=2", "?status=OPEN"):  # a list without such a filter sends back to itself
        assert operator.get(address(model, "changelist") + query).status_code in (200, 302), query
    for row in model._default_manager.all()[:2]:
        page = operator.get(address(model, "change", row.pk))
        assert page.status_code == 200
        assert "Will it <b>?" not in page.content.decode()


@pytest.mark.parametrize(
    "model", [model for model in MODELS if model not in EDITABLE], ids=lambda model: model.__name__
)
def test_what_a_service_owns_cannot_be_changed(operator, model):
    # A person may pull the kill switch here; nothing else is made by hand, and nothing is changed or removed
    assert operator.get(address(model, "add")).status_code == (200 if model is Halt else 403)
    for row in model._default_manager.all()[:1]:
        assert operator.post(address(model, "change", row.pk), {"status": "FILLED"}).status_code == 403
        assert operator.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_costs_the_same_whatever_its_length(operator, model, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        operator.get(address(model, "changelist"))


def test_ten_orders_cost_what_one_does(operator, django_assert_max_num_queries):
    for number in range(10):
        market = Market.objects.create(id=f"KX-{number}", platform="kalshi", slug="s", status="OPEN")
        Order.objects.create(
            id=f"o{number}", market=market, platform="kalshi", client_order_id=f"c-{number}", status="PLANNED"
        )
    with django_assert_max_num_queries(10):
        assert b"KX-9" in operator.get(address(Order, "changelist")).content


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Order, "?signal__id__exact=sig_1"), (Order, "?plan__id__exact=plan_1"), (Order, "?market__id__exact=KX/ABC-1"),
        (Fill, "?market__id__exact=KX/ABC-1"), (Position, "?market__id__exact=KX/ABC-1"),
        (Signal, "?bet__id__exact=pair:1"), (Signal, "?q=KX/ABC-1"), (SignalSnapshot, "?q=sig_1"),
        (Heartbeat, "?q=beat"), (Pair, "?q=KX/ABC-1"), (Alert, "?notice__id__exact=PK"),
    ],
)  # fmt: skip
def test_links_between_pages_find_their_rows(operator, model, query):
    response = operator.get(address(model, "changelist") + query.replace("PK", str(Notice.objects.get().pk)))
    assert response.status_code == 200 and response.context["cl"].result_count == 1


def test_strangers_see_nothing(rows, client):
    assert client.get(address(Order, "changelist")).status_code == 302
    client.force_login(user("visitor"))
    assert client.get(address(Order, "changelist")).status_code == 302
    client.force_login(user("clerk", is_staff=True))
    assert client.get(address(Order, "changelist")).status_code == 403


def test_refresh_tokens_have_no_page(operator):
    assert operator.get("/admin/token_blacklist/outstandingtoken/").status_code == 404


def test_a_key_shows_no_hash_and_can_be_revoked(operator):
    row = ApiKey.objects.get()
    assert row.digest not in operator.get(address(ApiKey, "change", row.pk)).content.decode()
    operator.post(address(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_a_count_stops_early(db, monkeypatch):
    monkeypatch.setattr("arbsite.admin.COUNT_UP_TO", 5)
    Heartbeat.objects.bulk_create(
        Heartbeat(component="x", minute=NOW + timedelta(minutes=at)) for at in range(20)
    )
    assert EstimatingPaginator(Heartbeat.objects.filter(component="x").order_by("pk"), 100).count == 6
    assert EstimatingPaginator(Heartbeat.objects.filter(component="y").order_by("pk"), 100).count == 0
    assert COUNT_UP_TO == 10_000


def test_models_are_named_as_people_write_them():
    names = {str(model._meta.verbose_name_plural) for model in admin.site._registry}
    assert {"API keys", "stop-losses"} <= names
    assert not [name for name in names if name.endswith("sss") or name.startswith("api ")]
