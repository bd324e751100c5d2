"""How often one caller may ask: a counter a minute in Redis, exact under parallel requests, gone after 60 seconds."""

import hashlib
import logging
from typing import Any

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client
from arbsite.problems import Unavailable
from arbsite.ratelimit import Bucket, take

log = logging.getLogger(__name__)

# One step on the server, so that no counter is ever left without its end
_COUNT = """
local seen = redis.call('INCR', KEYS[1])
if seen == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {seen, redis.call('TTL', KEYS[1])}
"""


def address(request: Request, throttle: BaseThrottle) -> str:
    """The caller's address. `X-Forwarded-For` counts only where NUM_PROXIES says how many proxies wrote it."""
    if api_settings.NUM_PROXIES is None:
        return str(request.META.get("REMOTE_ADDR", ""))
    return str(throttle.get_ident(request))


class PerMinute(BaseThrottle):
    """At most `limit` calls a minute for each of the caller's names."""

    name = ""
    limit = 0
    fails_open = True  # without Redis: let the call pass, or refuse it

    def __init__(self) -> None:
        self._wait = keys.RATELIMIT_TTL

    def names(self, request: Request) -> list[str]:
        """What the calls are counted under."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count this call; False when it is one too many. Raises Unavailable where Redis is away and that matters."""
        try:
            counted = [
                self._within(name) for name in self.names(request)
            ]  # every name, also after a full one
            return all(counted)
        except REDIS_GONE as error:
            log.warning("calls are not counted, Redis is away: %s", type(error).__name__)
            if self.fails_open and getattr(view, "scope", "") == "read":
                return True
            raise Unavailable("Calls cannot be counted at the moment; try again.") from error

    def _within(self, name: str) -> bool:
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]  # no user name or address in Redis
        key = keys.ratelimit("api", f"{self.name}:{digest}")
        seen, left = redis_client().eval(_COUNT, 1, key, keys.RATELIMIT_TTL)
        self._wait = max(int(left), 1)
        return int(seen) <= self.limit

    def wait(self) -> int:
        """Seconds until the counter starts again."""
        return self._wait


class CallerThrottle(PerMinute):
    """Every authenticated caller: generous, against run-away clients."""

    name = "caller"
    limit = 1_200

    def names(self, request: Request) -> list[str]:
        """One counter a user, whatever key or token was used; callers without a user share their address."""
        user = request.user
        return [f"user:{user.pk}" if user is not None else f"address:{address(request, self)}"]


class LoginThrottle(PerMinute):
    """Attempts to get or renew a token: few, per address and per account."""

    name = "login"
    limit = 10
    fails_open = False

    def names(self, request: Request) -> list[str]:
        """The address, and the account as it was typed."""
        found = [f"address:{address(request, self)}"]
        data = request.data
        username = data.get("username") if isinstance(data, dict) else None
        return [*found, f"account:{str(username).casefold()}"] if username else found


class ExecuteThrottle(BaseThrottle):
    """Executing signals by hand: one a second for each user, three at once. Without Redis nobody executes."""

    bucket = Bucket(rate=1, capacity=3)

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Take a token; False where there is none. Raises Unavailable without Redis."""
        user = request.user
        name = f"user:{user.pk}" if user is not None else f"address:{address(request, self)}"
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        try:
            self._wait = take("api", f"execute:{digest}", self.bucket)
        except REDIS_GONE as error:
            raise Unavailable("Calls cannot be counted at the moment; try again.") from error
        return self._wait == 0

    def wait(self) -> float:
        """Seconds until there is a token."""
        return self._wait
