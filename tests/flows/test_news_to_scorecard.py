"""The life of a story: an outlet of the sandbox tells it, it is polled, read, tied to a market, judged by it, scored.

Everything is real but the world: feeds over HTTP, PostgreSQL and Redis. Copies, latecomers and lies of the same day
must not count as more than they are.
"""

import io
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from arbsite import keys, source_config
from arbsite.connections import redis_client
from markets import fetching, prices, services
from markets.models import Market, Price
from markets.platforms.base import KALSHI, PLATFORMS, POLYMARKET
from markets.sandbox.market import WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.sources.app import addresses
from markets.sandbox.traders import TraderSpec
from signals.correlating import judging
from signals.models import CalendarEvent, NewsEvent, Prediction, Source, WhaleAlert
from signals.sources import polling, registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
SECTIONS = {
    "whale_alert": source_config.WhaleAlert, "etherscan": source_config.Etherscan, "defillama": source_config.DefiLlama,
    "news": source_config.News, "cryptopanic": source_config.CryptoPanic, "newsapi": source_config.NewsApi,
    "gdelt": source_config.Gdelt, "calendars": source_config.Calendars, "fred": source_config.Fred,
}  # fmt: skip
UP = "Bitcoin rallies, traders now see it above {x} on {day}"


@pytest.fixture
def box(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """The sandbox with one pair about Bitcoin, in the place of the platforms and of every source."""
    spec = WorldSpec(pairs=2, short_lived=0, extra_kalshi=0, extra_polymarket=0, inverted_share=0)
    still = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)
    with running_sandbox(spec, traders=still) as running:
        ours = settings.ARBSITE
        monkeypatch.setattr(
            ours, "kalshi", ours.kalshi.model_copy(update={"rest_url": running.urls["kalshi_rest"]})
        )
        gamma, clob = running.urls["gamma"], running.urls["clob"]
        monkeypatch.setattr(
            ours, "polymarket", ours.polymarket.model_copy(update={"gamma_url": gamma, "clob_url": clob})
        )
        for name, value in addresses(running.urls["sources"]).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WHALE_ALERT_REST", "true")
        monkeypatch.setenv("CRYPTOPANIC_PLAN", "growth")  # the free one is a day late
        for name, section in SECTIONS.items():
            monkeypatch.setattr(ours, name, section())
        for platform in PLATFORMS:
            assert services.discover(platform, now=timezone.now()) > 0
        yield running


def tell(box: Running, action: str, **body: Any) -> dict[str, Any]:
    answer = requests.post(f"{box.urls['control']}/control/{action}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(name: str) -> polling.Polled:
    """Ask a source now."""
    done = polling.poll(name, now=timezone.now(), force=True)
    assert done is not None
    assert done.state == Source.OK, done.why
    return done


def bitcoin(box: Running) -> tuple[Market, Market, str]:
    """The pair's markets on Kalshi and Polymarket, and a headline that makes YES of both likelier."""
    pair = next(p for p in box.sandbox.world.open_pairs() if "Bitcoin" in p.question)
    kalshi = box.sandbox.world.markets[pair.kalshi_ticker]
    threshold = kalshi.k.yes_sub_title.removeprefix("Above ")
    title = UP.format(x=threshold, day=kalshi.question.rsplit(" on ", 1)[1].removesuffix("?"))
    found = Market.objects.in_bulk([pair.kalshi_ticker, pair.polymarket_id])
    assert {market.platform for market in found.values()} == {KALSHI, POLYMARKET}
    return found[pair.kalshi_ticker], found[pair.polymarket_id], title


def test_a_story_becomes_one_row_and_a_claim_on_the_markets_it_is_about(box: Running) -> None:
    kalshi, polymarket, title = bitcoin(box)
    tell(box, "story", outlet="wire", title=title, summary="Buyers return.", age=5, tags=["BTC"])
    assert read("wire").kept.new == 1
    event = NewsEvent.objects.get()
    assert (event.headline, event.via, event.fresh) == (title, "wire", True)
    assert {row["market_id"] if isinstance(row, dict) else str(row).split(":", 1)[-1] for row in event.related_markets} >= {
        kalshi.pk, polymarket.pk,
    }  # fmt: skip
    claims = {row.market_id: row for row in Prediction.objects.filter(item=f"news:{event.pk}")}
    assert {kalshi.pk, polymarket.pk} <= set(claims)
    for market in (kalshi, polymarket):
        claim = claims[market.pk]
        assert (claim.source, claim.direction, claim.outcome) == ("news:wire", 1, Prediction.OPEN)
        assert claim.due_at > claim.seen_at >= claim.happened_at


def test_asking_again_makes_nothing_new(box: Running) -> None:
    _, _, title = bitcoin(box)
    tell(box, "story", outlet="wire", title=title, age=5, tags=["BTC"])
    read("wire")
    before = NewsEvent.objects.count(), Prediction.objects.count()
    again = read("wire")  # 304: the feed has not changed
    assert (again.kept.new, NewsEvent.objects.count(), Prediction.objects.count()) == (0, *before)


def test_a_copy_in_disguise_is_the_same_story(box: Running) -> None:
    _, _, title = bitcoin(box)
    tell(box, "story", outlet="wire", title=title, age=5, tags=["BTC"])
    read("wire")
    claims = Prediction.objects.count()
    tell(
        box,
        "story",
        outlet="echo",
        title=f"JUST IN: {title} - Echo Digest",
        age=1,
        junk="?utm_source=x",
        tags=["BTC"],
    )
    read("echo")
    event = NewsEvent.objects.get()
    assert set(event.carriers.values_list("via", flat=True)) == {"wire", "echo"}
    assert Prediction.objects.filter(kind="headline").count() == claims
    # A second owner is a claim of its own kind, once, which decisions take for the same story
    again = Prediction.objects.exclude(kind="headline")
    assert set(again.values_list("kind", "item")) == {("confirmed", f"confirmed:{event.pk}")}


def test_a_latecomer_is_kept_and_claims_nothing(box: Running) -> None:
    _, _, title = bitcoin(box)
    tell(box, "story", outlet="gazette", title=title, age=3 * 3_600, tags=["BTC"])
    assert read("gazette").kept.late == 1
    assert not NewsEvent.objects.get().fresh
    assert not Prediction.objects.exists()


def test_a_story_of_the_future_makes_its_source_suspect(box: Running) -> None:
    _, _, title = bitcoin(box)
    tell(box, "story", outlet="rumour", title=title, age=-6 * 3_600, tags=["BTC"])
    done = polling.poll("rumour", now=timezone.now(), force=True)
    assert done is not None and done.state == Source.SUSPECT
    assert Source.objects.get(pk="rumour").lies == 1
    assert not Prediction.objects.filter(source="news:rumour", happened_at__gt=timezone.now()).exists()


@pytest.mark.parametrize("name", ["okx", "binance", "cryptopanic", "newsapi", "gdelt"])
def test_every_other_road_of_news_brings_a_story(box: Running, name: str) -> None:
    outlet = name if name in ("okx", "binance") else "ledger"
    title = "Ether jumps on strong demand, bitcoin and inflation in view"
    tell(box, "story", outlet=outlet, title=title, age=5, tags=["ETH", "BTC"])
    read(name)
    assert NewsEvent.objects.get().headline.startswith("Ether jumps on strong demand")


@pytest.mark.parametrize("name", ["etherscan", "whale_alert_rest"])
def test_a_transfer_to_an_exchange_becomes_a_row(box: Running, name: str) -> None:
    read("defillama")  # Etherscan tells tokens: what one is worth comes from there
    polling.poll(
        name, now=timezone.now(), force=True
    )  # from here on: what was before is of no interest to it
    made = tell(box, "transfer", symbol="USDC", dollars=25_000_000, to="binance")
    read(name)
    row = WhaleAlert.objects.get()
    assert row.transaction_hash.removeprefix("0x") == made["hash"].removeprefix("0x")
    assert (row.direction, row.fresh) == ("INFLOW", True)
    assert 24_900_000 < row.amount < 25_100_000


def test_a_decision_of_the_fed_is_on_the_calendar(box: Running) -> None:
    made = tell(box, "occasion", agency="fed", name="FOMC Meeting", kind="FOMC", after=7_200)
    name = next(one for one in ("calendar-fed", "fed") if _reads_calendar(one))
    read(name)
    event = CalendarEvent.objects.get(name__contains="FOMC")
    # The Fed's calendar knows minutes
    assert abs(event.starts_at.timestamp() - made["starts_ms"] / 1000) < 60
    assert event.starts_at - timezone.now() < timedelta(hours=2, minutes=1)


def _reads_calendar(name: str) -> bool:
    spec = registry.all_specs().get(name)
    return spec is not None and spec.kind == "calendar"


# --- to the end: what the story said is judged by what the market did


def store_prices(platform: str) -> dict[str, Decimal]:
    """Read the books over REST, store their prices, and return every market's mid."""
    now_ms = time.time_ns() // 1_000_000
    known = Market.objects.filter(platform=platform).values_list("pk", flat=True)
    redis_client().delete(*[keys.book(platform, pk) for pk in known])  # or what was read before would do
    window = fetching.poll(platform, now_ms=now_ms)
    assert window is not None
    prices.normalize(window, now_ms=now_ms)
    prices.persist(platform, now_ms=now_ms + 2_000)
    newest = Price.objects.filter(market__platform=platform).order_by("market_id", "-timestamp")
    return {
        row.market_id: (row.bid + row.ask) / 2 for row in newest.distinct("market_id") if row.bid and row.ask
    }


def test_what_a_story_said_is_judged_by_the_market_and_stands_on_the_scorecard(
    box: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One outlet says what happens, another the contrary: the card knows which was which."""
    monkeypatch.setattr("celery.canvas._chain.apply_async", lambda *_, **__: None)  # nobody trades here
    short = settings.ARBSITE.news.model_copy(update={"horizon_minutes": 1})
    monkeypatch.setattr(settings.ARBSITE, "news", short)
    kalshi, polymarket, title = bitcoin(box)
    Market.objects.filter(pk__in=[kalshi.pk, polymarket.pk]).update(pinned=True, followed=True)
    before = {platform: store_prices(platform) for platform in PLATFORMS}
    pair = next(p for p in box.sandbox.world.open_pairs() if p.kalshi_ticker == kalshi.pk)
    tell(box, "story", outlet="wire", title=title, age=0, tags=["BTC"], pair=pair.id, cents=15, lag=1)
    fall = title.replace("rallies", "plunges").replace("above", "below")
    tell(box, "story", outlet="rumour", title=fall, age=0, tags=["BTC"])
    assert read("wire").kept.new == read("rumour").kept.new == 1

    def moved() -> bool:
        return all(
            store_prices(market.platform)[market.pk] - before[market.platform][market.pk] > Decimal("0.1")
            for market in (kalshi, polymarket)
        )

    deadline = time.monotonic() + 20
    while not moved():
        assert time.monotonic() < deadline, "the sandbox moved no price"
        time.sleep(0.5)

    assert judging.judge_due(now=timezone.now()) == 0  # not due yet
    due = max(Prediction.objects.values_list("due_at", flat=True))
    assert judging.judge_due(now=due + judging.GRACE) == Prediction.objects.count() > 0
    ours = Prediction.objects.filter(market__in=[kalshi, polymarket])
    assert {(row.source, row.outcome) for row in ours} == {
        ("news:wire", Prediction.HIT), ("news:rumour", Prediction.MISS),
    }  # fmt: skip
    hit = ours.get(source="news:wire", market=kalshi)
    assert hit.lead_ms is not None and hit.lead_ms > 0 and hit.moved_first == "item"

    out = io.StringIO()
    call_command("scorecard", "--since", "1h", "--json", stdout=out)
    card = json.loads(out.getvalue())
    wire, rumour = card["sources"]["news:wire"], card["sources"]["news:rumour"]
    assert wire["hits"] >= 2 and wire["accuracy"] == wire["hits"] / wire["total"]
    assert (rumour["hits"], rumour["accuracy"]) == (0, 0)
    assert wire["interval"][0] < 1 and wire["verdict"] == "too few"  # two markets of one story prove nothing
    assert (
        card["objectives"]["news_latency"]["met"] is None
    )  # the first item of a feed says nothing of its delay
