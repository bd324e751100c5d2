"""After a test with real transactions only the tables it wrote to are emptied, row by row.

Django empties every table and then makes permissions, defaults and partitions anew, which takes longer than most tests. Its
way is still taken where rows have changed that were there from the beginning, and where the database's user may not do
what only a superuser may.
"""

from functools import cache
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

_django_begins = TransactionTestCase._fixture_setup.__func__
_django_empties = TransactionTestCase._fixture_teardown
_from_the_beginning: dict[str, tuple[int, int]] = {}  # by table: as `_rows` tells it


def install() -> None:
    """From now on in this process."""
    TransactionTestCase._fixture_setup = classmethod(_begin)
    TransactionTestCase._fixture_teardown = _empty


def _begin(case: Any) -> None:
    _django_begins(case)
    if not _from_the_beginning:
        _from_the_beginning.update(_rows())


def _empty(case: Any) -> None:
    if not _may_skip_triggers():
        _django_empties(case)
        return
    found = _rows()
    touched = [table for table, rows in found.items() if rows != _from_the_beginning[table]]
    if any(_from_the_beginning[table] != (0, 0) for table in touched):
        _django_empties(case)
        _from_the_beginning.update(_rows())
    elif touched:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL session_replication_role = replica"
            )  # triggers forbid to lose rows, rightly
            for table in touched:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


@cache
def _may_skip_triggers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def _rows() -> dict[str, tuple[int, int]]:
    """By table: how many rows, and the newest transaction that wrote one of them."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    each = (
        f"SELECT '{table}', count(*), coalesce(max(xmin::text::bigint), 0) FROM {connection.ops.quote_name(table)}"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return {table: (count, newest) for table, count, newest in cursor.fetchall()}
