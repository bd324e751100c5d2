"""Readers of Redis streams: take new entries and those whose reader died, acknowledge when done."""

from collections.abc import Iterator

from redis.exceptions import ResponseError

from arbsite.connections import redis_client

Entry = tuple[str, dict[str, str]]
CLAIM_AFTER_MS = 30_000
BATCH = 200


def take(stream: str, group: str, consumer: str) -> list[Entry]:
    """Up to BATCH entries: first those that another reader left unacknowledged for too long, then new ones."""
    client = redis_client()
    _ensure(stream, group)
    claimed = client.xautoclaim(stream, group, consumer, CLAIM_AFTER_MS, count=BATCH)[1]
    new = client.xreadgroup(group, consumer, {stream: ">"}, count=BATCH)
    fresh = new[0][1] if new else []
    return list(_decoded([*claimed, *fresh]))


def acknowledge(stream: str, group: str, entries: list[Entry]) -> None:
    """These entries are done."""
    if entries:
        redis_client().xack(stream, group, *[entry_id for entry_id, _ in entries])


def waiting(stream: str) -> dict[str, int]:
    """Entries that each group has not acknowledged or not seen yet."""
    try:
        groups = redis_client().xinfo_groups(stream)
    except ResponseError:  # no such stream yet
        return {}
    return {group["name"].decode(): group["pending"] + (group.get("lag") or 0) for group in groups}


def _ensure(stream: str, group: str) -> None:
    try:
        redis_client().xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _decoded(entries: list[tuple[bytes, dict[bytes, bytes] | None]]) -> Iterator[Entry]:
    for entry_id, fields in entries:
        if fields:  # an entry may have been trimmed away since it was delivered: nothing to do
            yield entry_id.decode(), {name.decode(): value.decode() for name, value in fields.items()}
