"""The `execution` group of the signal stream: rings for signals that are waiting to be executed."""

from arbsite import groups, keys
from execution import services
from signals import services as signal_services

GROUP = "execution"


def serve(consumer: str, *, now_ms: int) -> int:
    """Judge and act on the signals that the stream named and no window has served; returns how many plans were made."""
    entries = groups.take(keys.SIGNAL_STREAM, GROUP, consumer)
    ids = list(dict.fromkeys(fields["signal_id"] for _, fields in entries if fields.get("event") != "closed"))
    signal_services.judge(ids, now_ms=now_ms)
    made = services.act_on(ids, now_ms=now_ms) if ids else 0
    groups.acknowledge(keys.SIGNAL_STREAM, GROUP, entries)
    return made
