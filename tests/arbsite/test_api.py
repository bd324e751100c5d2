"""Paging, filters, the description of the API, and addresses that are none."""

from datetime import UTC, datetime, timedelta

import pytest

from arbsite.models import Component, Notice
from tests.arbsite.callers import key, reader, user

NOW = datetime(2026, 11, 24, 12, 0, 0, 5_000, tzinfo=UTC)
NOTICES = "/api/v1/notices"


@pytest.fixture
def headers(db):
    return reader("arbsite.view_notice", "arbsite.view_component")


@pytest.fixture
def notices(db):
    for number in range(7):
        Notice.objects.record(
            "tick" if number % 2 else "tock",
            f"s{number}",
            "it happened",
            at=NOW + timedelta(seconds=number // 2),
        )


def test_pages_follow_one_another_without_counting(client, headers, notices, django_assert_max_num_queries):
    seen, address = [], f"{NOTICES}?limit=3"
    while address:
        page = client.get(address, headers=headers).json()
        seen += [row["subject"] for row in page["results"]]
        address = page["next"]
        assert len(page["results"]) <= 3 and "count" not in page
    assert sorted(seen) == [f"s{number}" for number in range(7)]


def test_rows_that_arrive_meanwhile_shift_no_page(client, headers, notices):
    first = client.get(f"{NOTICES}?limit=3", headers=headers).json()
    Notice.objects.record("late", "s9", "it happened", at=NOW + timedelta(hours=1))
    second = client.get(first["next"], headers=headers).json()
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}


def test_times_are_unix_milliseconds(client, headers, notices):
    rows = client.get(NOTICES, headers=headers).json()["results"]
    assert min(row["created_at"] for row in rows) == 1795521600005


def test_filters_keep_what_matches(client, headers, notices):
    found = client.get(f"{NOTICES}?kind=tock&since=2026-11-24T12:00:01Z", headers=headers).json()["results"]
    assert [row["subject"] for row in found] == ["s6", "s4", "s2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("kinds=tick", "kinds"),
        ("severity=LOUD", "severity"),
        ("since=yesterday", "since"),
        ("since=2026-11-24T12:00:00", "since"),
    ],
)
def test_a_wrong_filter_is_named(client, headers, query, field):
    response = client.get(f"{NOTICES}?{query}", headers=headers)
    assert response.status_code == 400 and response["Content-Type"] == "application/problem+json"
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=cD1ub25zZW5zZQ%3D%3D", "kind=%00"])
def test_nonsense_in_the_address_is_refused(client, headers, query):
    assert client.get(f"{NOTICES}?{query}", headers=headers).status_code in (400, 404)


def test_components_come_by_name(client, headers):
    for name in ("worker", "beat"):
        Component.objects.create(
            name=name, state="RUNNING", detail={"pid": 1}, started_at=NOW, updated_at=NOW
        )
    rows = client.get("/api/v1/components", headers=headers).json()["results"]
    assert [row["name"] for row in rows] == ["beat", "worker"] and rows[0]["detail"] == {"pid": 1}


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_address_that_is_none_is_a_problem(client, method):
    response = getattr(client, method)("/api/v1/nowhere")
    assert response.status_code == 404 and response["Content-Type"] == "application/problem+json"


def test_a_wrong_method_and_a_wrong_media_type_are_problems(client, headers):
    assert client.delete(NOTICES, headers=headers).status_code == 405
    xml = client.post("/api/v1/token", "<a/>", "text/xml")
    assert xml.status_code == 415 and xml["Content-Type"] == "application/problem+json"


def test_the_description_shows_what_the_caller_may_use(client, headers):
    shown = client.get("/api/v1/schema", headers=headers).json()
    assert shown["openapi"].startswith("3.")
    assert "/api/v1/notices" in shown["paths"] and "/api/v1/orders" not in shown["paths"]
    everything = client.get("/api/v1/schema", headers=key(user("root", is_superuser=True), "read")).json()
    assert {"/api/v1/orders", "/api/v1/opportunities/{id}", "/api/v1/normalize/price"} <= set(
        everything["paths"]
    )


def test_the_description_is_made_without_warnings(db):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.validation import validate_schema

    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        schema = SchemaGenerator().get_schema(request=None, public=True)
        validate_schema(schema)
    assert not GENERATOR_STATS._warn_cache and not GENERATOR_STATS._error_cache


def test_the_docs_page_lists_the_operations(client, headers):
    page = client.get("/api/v1/docs", headers=headers)
    assert page.status_code == 200 and "/api/v1/notices" in page.content.decode()
    assert "<script" not in page.content.decode()
