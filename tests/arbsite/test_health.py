"""Probes answer 200 or 503, whatever is lost."""

import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from arbsite import connections, health, keys
from arbsite.models import Component
from execution.models import Plan
from tests import factories
from tests.arbsite.callers import reader


@pytest.fixture
def feeds(redis):
    """Both platforms vouch for their books."""
    now = int(time.time() * 1000)
    for platform in ("polymarket", "kalshi"):
        redis.hset(keys.feed(platform), "socket-1", now)
    return now


@pytest.fixture
def no_redis(monkeypatch):
    """Nothing listens where Redis should be."""
    connections.redis_client.cache_clear()
    with override_settings(REDIS_URL="redis://127.0.0.1:9/0"):
        yield
    connections.redis_client.cache_clear()


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("address", ["/health", "/health/live", "/health/ready", "/health/gateway"])
def test_a_healthy_gateway_says_so(db, client, prefix, address):
    response = client.get(f"{prefix}{address}")
    assert response.status_code == 200 and response.json() == {"status": "healthy"}


def test_a_lost_redis_is_a_503_and_the_process_lives(db, client, no_redis):
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json() == {"status": "unhealthy", "problems": ["redis unreachable"]}
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/fetcher").status_code == 503


def test_a_lost_database_is_a_503_without_its_address(client, monkeypatch):
    def gone():
        raise OperationalError("connection to 10.1.2.3 failed: password for arbsite")

    monkeypatch.setitem(health.parts, "executor", gone)
    response = client.get("/health/executor")
    assert response.status_code == 503 and response.json()["problems"] == ["database unreachable"]
    assert b"10.1.2.3" not in response.content


def test_the_fetcher_tells_its_last_update(db, client, feeds):
    found = client.get("/health/fetcher")
    assert found.status_code == 200
    assert found.json() == {
        "status": "healthy", "last_update": feeds, "platforms": {"polymarket": feeds, "kalshi": feeds},
    }  # fmt: skip


def test_a_silent_platform_is_named(db, client, redis, feeds):
    redis.hset(keys.feed("kalshi"), "socket-1", feeds - keys.FEED_TTL * 1000 - 1_000)
    found = client.get("/health/fetcher")
    assert found.status_code == 503
    assert found.json()["problems"] == ["no prices from kalshi"] and found.json()["last_update"] == feeds


def test_the_analyzer_counts_what_waits(db, client):
    assert client.get("/health/analyzer").json()["queue_depth"] == 0


def test_the_analyzer_counts_real_messages(db, client):
    from arbsite.celery import app

    with app.connection_for_write() as link:
        app.send_task("signals.detect", kwargs={"window_id": "kalshi:1"}, connection=link)
    found = client.get("/health/analyzer").json()
    assert found["queue_depth"] == 1 and found["queues"]["signals"] == 1


def test_the_executor_counts_open_orders_and_doubts(db, client):
    factories.an_order("o1", "OPEN", platform="kalshi")
    factories.an_order("o2", "FILLED", platform="kalshi")
    assert client.get("/health/executor").json() == {
        "status": "healthy", "open_orders": 1, "mode": "paper", "running": False,
    }  # fmt: skip
    factories.an_order("o3", "UNKNOWN", platform="kalshi")
    found = client.get("/health/executor")
    assert found.status_code == 503 and found.json()["open_orders"] == 2


def test_plans_that_nobody_works_are_told_of(db, client):
    Plan.objects.create(id="plan_1", mode="paper", created_at=timezone.now() - timedelta(minutes=1))
    found = client.get("/health/executor")
    assert found.status_code == 503 and "start manage.py trade" in found.json()["problems"][0]
    now = timezone.now()
    Component.objects.create(name="trade", state="RUNNING", started_at=now, updated_at=now)
    assert client.get("/health/executor").status_code == 200


def test_an_unknown_part_is_a_problem(db, client):
    response = client.get("/api/v1/health/kitchen")
    assert response.status_code == 404 and "fetcher" in response.json()["detail"]


def test_the_status_shows_every_part(db, client, feeds):
    found = client.get("/api/v1/status", headers=reader("arbsite.view_component"))
    assert found.status_code == 200
    body = found.json()
    assert set(body["parts"]) == {"gateway", "fetcher", "analyzer", "executor"}
    assert (body["status"], body["mode"], body["components"]) == ("healthy", "paper", [])


def test_one_sick_part_makes_the_status_unhealthy(db, client):
    body = client.get("/api/v1/status", headers=reader("arbsite.view_component")).json()
    assert body["status"] == "unhealthy" and body["parts"]["fetcher"]["status"] == "unhealthy"
    assert body["parts"]["gateway"] == {"status": "healthy"}
