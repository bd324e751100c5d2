"""The `prices` table's partitions: one a day (UTC), made ahead of time, dropped when they are old."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection

DEFAULT_PARTITION = "prices_rest"  # catches what no day's partition takes; it should stay empty


def name_of(day: date) -> str:
    """The partition that holds one day."""
    return f"prices_{day:%Y%m%d}"


def ensure(first: date, days: int) -> list[str]:
    """Make the partitions of `days` days from `first` on; returns the names of the new ones."""
    made = []
    with connection.cursor() as cursor:
        for offset in range(days):
            day = first + timedelta(days=offset)
            cursor.execute("SELECT to_regclass(%s)", [name_of(day)])
            if cursor.fetchone()[0] is None:
                # Names and bounds are made of digits here; identifiers cannot be parameters
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {name_of(day)} PARTITION OF prices "
                    f"FOR VALUES FROM ('{_midnight(day)}') TO ('{_midnight(day + timedelta(days=1))}')"
                )
                made.append(name_of(day))
    return made


def drop_before(day: date) -> list[str]:
    """Drop whole days before `day`; returns the names of the dropped partitions."""
    limit = name_of(day)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'prices'::regclass AND c.relname ~ '^prices_[0-9]{8}$' AND c.relname < %s",
            [limit],
        )
        old = [row[0] for row in cursor.fetchall()]
        for name in old:
            cursor.execute(f"DROP TABLE {name}")
    return old


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
