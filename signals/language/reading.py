"""Reading a text: see `base.Reading`."""

from datetime import datetime

from signals.language.base import Reading


def read(
    title: str, summary: str = "", *, hints: tuple[str, ...] = (), outlet: str = "", now: datetime
) -> Reading:
    """What a headline with its summary says, and which markets it is about."""
    return Reading()
