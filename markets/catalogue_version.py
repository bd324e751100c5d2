"""One word in Redis that changes whenever bets, pairs or listings change: who keeps copies looks at it first."""

import secrets

from django.db import transaction

from arbsite import keys
from arbsite.connections import REDIS_GONE, redis_client


def changed() -> None:
    """Say, once the transaction is committed, that copies are out of date."""
    transaction.on_commit(_write)


def _write() -> None:
    try:
        redis_client().set(keys.CATALOGUE, secrets.token_hex(8), ex=keys.CATALOGUE_TTL)
    except REDIS_GONE:
        return  # an emptied or restarted Redis has no word, which also means "look again"


def current() -> bytes:
    """The word now. A missing one (Redis was emptied) is made, so that everybody looks once."""
    client = redis_client()
    word = client.get(keys.CATALOGUE)
    if word is None:
        client.set(keys.CATALOGUE, secrets.token_hex(8), ex=keys.CATALOGUE_TTL, nx=True)
        word = client.get(keys.CATALOGUE) or b""
    return bytes(word)
