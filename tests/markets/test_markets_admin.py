"""Prices without counting, books as ladders, pins and rules."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from markets import ladders, live, partitions
from markets.books import Book, BookView
from markets.live import Change
from markets.models import Market, Pair, Price, UniverseRule
from tests.arbsite.callers import user

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PRICES = "admin:markets_price_changelist"


@pytest.fixture
def operator(db, client):
    client.force_login(user("operator", is_superuser=True, is_staff=True))
    return client


@pytest.fixture
def pair(db):
    sides = {
        platform: Market.objects.create(
            id=f"{platform}-1", platform=platform, slug="s", question="Will it rain?", rules=f"{platform}'s <rules>",
            status="OPEN", outcomes=[{"name": "YES", "label": "Yes"}],
        )
        for platform in ("polymarket", "kalshi")
    }  # fmt: skip
    return Pair.objects.create(**sides)


# --- prices


def prices(count, market="m-1", start=NOW):
    Price.objects.bulk_create(
        Price(
            market_id=market,
            outcome="YES",
            bid=Decimal("0.4"),
            ask=Decimal("0.5"),
            timestamp=start - timedelta(seconds=at),
        )
        for at in range(count)
    )


def test_prices_are_paged_without_counting(operator):
    partitions.ensure(NOW.date(), 1)
    prices(250)
    address, seen = reverse(PRICES), []
    for page in (1, 2, 3):
        with CaptureQueriesContext(connection) as queries:
            response = operator.get(f"{address}?p={page}")
        assert not [query for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]
        shown = response.context["cl"]
        assert shown.has_next == (page < 3)
        seen += [row.timestamp for row in shown.result_list]
    assert seen == sorted(seen, reverse=True) and len(seen) == len(set(seen)) == 250
    assert ">older<" not in response.content.decode() and ">newer<" in response.content.decode()


def test_a_market_and_a_day_are_found_by_index(operator):
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    partitions.ensure(today.date() - timedelta(days=1), 2)
    prices(3, "m-1", today)
    prices(3, "m-2", today)
    prices(2, "m-1", today - timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        response = operator.get(f"{reverse(PRICES)}?q=m-1&day={today.date()}")
    assert [row.market_id for row in response.context["cl"].result_list] == ["m-1"] * 3
    (sql,) = [query["sql"] for query in queries.captured_queries if 'FROM "prices"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert f"prices_{today:%Y%m%d}" in plan and f"prices_{today - timedelta(days=1):%Y%m%d}" not in plan
    assert "Index" in plan


def test_a_day_that_is_none_shows_nothing(operator):
    assert operator.get(f"{reverse(PRICES)}?day=yesterday").status_code == 200


# --- books


def test_a_ladder_mirrors_no_and_adds_up():
    view = BookView(
        "kalshi", "m", ((600_000, 2_000_000), (590_000, 1_000_000)), ((650_000, 4_000_000),), 500, 1_000
    )
    shown = ladders.ladder(view, 3_000)
    yes, no = shown.sides
    assert [(bid.price, bid.size, bid.total) for bid, _ in yes.rows] == [
        (Decimal("0.6"), 2, 2), (Decimal("0.59"), 1, 3),
    ]  # fmt: skip
    assert yes.rows[1][1] is None and yes.spread == no.spread == Decimal("0.05")
    assert (no.rows[0][0].price, no.rows[0][1].price) == (Decimal("0.35"), Decimal("0.4"))
    assert (shown.confirmed_ago, shown.changed_ago) == (2, Decimal("2.5"))


def test_a_live_book_is_shown_and_a_missing_one_explained(operator, pair, redis):
    address = reverse("admin:markets_market_book", args=["kalshi-1"])
    assert "No feed vouches" in operator.get(address).content.decode()
    book, now = Book(), int(time.time() * 1000)
    book.replace([(410_000, 7_000_000)], [(430_000, 5_000_000)])
    book.changed_ms = now
    live.keep("kalshi", [Change("kalshi-1", book, "socket")], {"socket": now}, depth=50)
    page = operator.get(address).content.decode()
    assert "0.410000" in page and "0.570000" in page and "spread $0.020000" in page
    assert operator.get(reverse("admin:markets_market_book", args=["nothing"])).status_code == 404


# --- pins and rules


def test_a_pin_writes_nothing_else(operator, pair):
    """Discovery may have written the row while the form was open."""
    address = reverse("admin:markets_market_change", args=["kalshi-1"])
    operator.get(address)
    response = operator.post(address, {"pinned": "on", "question": "Hacked?", "status": "SETTLED"})
    assert response.status_code == 302
    market = Market.objects.get(pk="kalshi-1")
    assert (market.pinned, market.question, market.status) == (True, "Will it rain?", "OPEN")
    assert market.followed and "picked by hand" in market.follow_reasons


def test_pins_are_set_and_taken_in_bulk(operator, pair):
    listed = reverse("admin:markets_market_changelist")
    operator.post(listed, {"action": "pin", "_selected_action": ["kalshi-1", "polymarket-1"]})
    assert Market.objects.filter(pinned=True).count() == 2
    operator.post(listed, {"action": "unpin", "_selected_action": ["kalshi-1"]})
    assert list(Market.objects.filter(pinned=True).values_list("id", flat=True)) == ["polymarket-1"]


def test_a_rule_applies_at_once(operator, pair):
    Pair.objects.all().delete()
    response = operator.post(
        reverse("admin:markets_universerule_add"),
        {"name": "all", "enabled": "on", "platform": "kalshi", "max_markets": 5},
    )
    assert response.status_code == 302, response.context["errors"]
    assert Market.objects.get(pk="kalshi-1").followed and not Market.objects.get(pk="polymarket-1").followed
    operator.post(
        reverse("admin:markets_universerule_delete", args=[UniverseRule.objects.get().pk]), {"post": "yes"}
    )
    assert not Market.objects.get(pk="kalshi-1").followed


def test_a_market_is_found_by_id_and_by_words(operator, pair):
    listed = reverse("admin:markets_market_changelist")
    for query, count in (("kalshi-1", 1), ("rain will", 2), ("snow", 0)):
        assert operator.get(f"{listed}?q={query}").context["cl"].result_count == count
