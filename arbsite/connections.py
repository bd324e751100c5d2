"""One way to reach Redis: pooled, with time-outs, so that a dead server is noticed in seconds."""

from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

# What a caller may expect while Redis is away
REDIS_GONE = (RedisConnectionError, RedisTimeoutError)


@cache
def redis_client() -> Any:
    """The process's shared `redis.Redis`; keys and values are bytes. Safe to use from several threads and after a fork.

    Typed as Any: its stubs describe every answer as bytes, text or a future, whichever client one might have made.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=5,
        socket_connect_timeout=2,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        retry_on_error=list(REDIS_GONE),
    )
