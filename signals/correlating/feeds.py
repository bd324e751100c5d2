"""Whether a platform's prices were coming in during a window, by its connector's heartbeats: a gap is no quiet market."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

ENOUGH = 0.9  # of the minutes, one besides: the minute in which a connector starts again may be lost

_ALIVE = """
SELECT
  (SELECT COUNT(*) FROM heartbeats WHERE component = w.component AND healthy
   AND minute >= w.start AND minute <= w.finish),
  EXISTS (SELECT 1 FROM heartbeats WHERE component = w.component AND minute <= w.start)
FROM unnest(%s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[]) AS w(n, component, start, finish)
ORDER BY w.n
"""


class Stretch(NamedTuple):
    """A stretch of time on one platform."""

    platform: str
    start: datetime
    finish: datetime


def heard(wanted: Sequence[Stretch]) -> list[bool]:
    """Whether prices could come in during each stretch; one query for all.

    Where the connector had never been alive before a stretch, its prices came another way: that is not held against them.
    """
    if not wanted:
        return []
    columns = [
        list(range(len(wanted))),
        [f"stream-{one.platform}" for one in wanted],
        [one.start for one in wanted],
        [one.finish for one in wanted],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ALIVE, columns)
        rows = cursor.fetchall()
    return [
        not known or alive + 1 >= ENOUGH * ((one.finish - one.start).total_seconds() // 60)
        for one, (alive, known) in zip(wanted, rows, strict=True)
    ]
