"""Values of evidence in Redis that cannot be read: each counts as unknown, which is neutral, and people hear of it once.

Whoever writes them writes them anew within seconds. One spoilt value must not refuse every finding beside it.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
from django.utils import timezone

from arbsite import keys
from arbsite.connections import redis_client
from arbsite.models import MEDIUM, Notice

log = logging.getLogger(__name__)

KIND = "evidence_unreadable"
Value = TypeVar("Value")


def decoded(decode: Callable[[bytes], Value], raw: bytes, name: str, otherwise: Value) -> Value:
    """What `raw` says, read under the key `name`; `otherwise` where it says nothing that can be read."""
    try:
        return decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _note(name, type(error).__name__)
        return otherwise


def counted() -> int:
    """How many reads of the last day failed."""
    return sum(map(int, redis_client().hvals(keys.UNREADABLE)))


def _note(name: str, error: str) -> None:
    """Count it, and tell people of the first one of a day."""
    pipe = redis_client().pipeline(transaction=False)
    pipe.hincrby(keys.UNREADABLE, name, 1)
    pipe.hlen(keys.UNREADABLE)
    pipe.expire(keys.UNREADABLE, keys.UNREADABLE_TTL, nx=True)
    times, values, _ = pipe.execute()
    log.warning("evidence cannot be read", extra={"key": name, "error": error})
    if times == values == 1:
        Notice.objects.record(
            KIND,
            name[:200],
            f"{name} cannot be read ({error}) and counts as unknown",
            severity=MEDIUM,
            at=timezone.now(),
        )
