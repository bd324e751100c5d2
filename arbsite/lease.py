"""A role that only one process may hold, kept in Redis under a token and a time to live."""

import secrets

from arbsite import keys
from arbsite.connections import redis_client

_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
if not holder then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 2 end
return 0
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """Held while it is renewed before `seconds` pass.

    `renew` says HELD, REGAINED (the key was gone: Redis was emptied, or we were too late and nobody else came) or LOST.
    """

    LOST, HELD, REGAINED = 0, 1, 2

    def __init__(self, name: str, seconds: int) -> None:
        self._key = keys.lease(name)
        self._ms = seconds * 1_000
        self._token = secrets.token_hex(8)

    def acquire(self) -> bool:
        """Take the role if nobody holds it."""
        return bool(redis_client().set(self._key, self._token, nx=True, px=self._ms))

    def renew(self) -> int:
        """Keep the role; see the class for the answers."""
        return int(redis_client().eval(_RENEW, 1, self._key, self._token, self._ms))

    def release(self) -> None:
        """Give the role back."""
        redis_client().eval(_RELEASE, 1, self._key, self._token)
