"""Calls are counted, and the counters end."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIRequestFactory

from arbsite import keys, throttles
from arbsite.problems import Unavailable
from arbsite.throttles import PerMinute


class Two(PerMinute):
    name = "two"
    limit = 2

    def names(self, request):
        return ["somebody"]


class View:
    scope = "read"


REQUEST = APIRequestFactory().get("/")


def test_the_call_after_the_limit_waits(redis):
    assert [Two().allow_request(REQUEST, View()) for _ in range(3)] == [True, True, False]
    late = Two()
    late.allow_request(REQUEST, View())
    assert 0 < late.wait() <= 60


def test_a_counter_ends_by_itself_and_names_nobody(redis):
    Two().allow_request(REQUEST, View())
    (name,) = redis.keys("ratelimit:api:*")
    assert 0 < redis.ttl(name) <= keys.RATELIMIT_TTL
    assert b"somebody" not in name


@pytest.mark.parametrize(("scope", "passes"), [("read", True), ("trade", False), ("", False)])
def test_without_redis_only_reading_goes_on(monkeypatch, scope, passes):
    class Away:
        def eval(self, *_):
            raise RedisConnectionError

    monkeypatch.setattr(throttles, "redis_client", Away)
    view = View()
    view.scope = scope
    if passes:
        assert Two().allow_request(REQUEST, view)
    else:
        with pytest.raises(Unavailable):
            Two().allow_request(REQUEST, view)


def test_a_forwarded_address_counts_only_behind_a_known_proxy():
    request = APIRequestFactory().get("/", HTTP_X_FORWARDED_FOR="1.2.3.4", REMOTE_ADDR="10.0.0.1")
    assert throttles.address(request, Two()) == "10.0.0.1"
