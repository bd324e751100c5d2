"""Every refusal has one shape."""

import json

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework import exceptions

from arbsite import problems, urls


def told(error):
    response = problems.problem(error, {})
    assert response is not None and response.content_type == problems.MEDIA_TYPE
    assert response.status_code == response.data["status"]
    return response


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (OperationalError("server closed the connection: password=secret"), 503, "unavailable"),
        (RedisConnectionError("away"), 503, "unavailable"),
        (exceptions.Throttled(wait=7.2), 429, "throttled"),
    ],
)
def test_a_known_error_has_its_code(error, status, code):
    response = told(error)
    assert (response.status_code, response.data["code"]) == (status, code)
    assert response.data["type"] == f"urn:arbsite:problem:{code}"
    assert "secret" not in str(response.data)


def test_a_fault_of_ours_is_not_dressed_up():
    assert problems.problem(ZeroDivisionError(), {}) is None


def test_nested_fields_are_named_with_dots():
    error = exceptions.ValidationError(
        {"raw_data": {"bid": ["Too high."]}, "legs": [{}, {"size": ["Missing."]}]}
    )
    assert told(error).data["errors"] == {"raw_data.bid": ["Too high."], "legs.1.size": ["Missing."]}


def test_a_lost_part_says_when_to_come_again():
    assert told(OperationalError()).headers["Retry-After"] == "5"
    assert told(exceptions.Throttled(wait=7.2)).headers["Retry-After"] == "8"


def test_a_crash_below_the_api_is_a_problem_too():
    response = urls.server_error(RequestFactory().get("/api/v1/orders"))
    assert response.status_code == 500 and response["Content-Type"] == problems.MEDIA_TYPE
    assert json.loads(response.content)["code"] == "internal"
