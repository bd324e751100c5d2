"""Few set-based statements for the hot path: what the ORM's bulk calls do, without what they cost.

Django's `bulk_create` and `bulk_update` take a millisecond each to compile; a chain that has seven to spend cannot
afford them. Only plain columns are written here, and only into tables of ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models


@cache
def _columns(model: type[models.Model]) -> tuple[tuple[models.Field, ...], str]:
    """The fields to write, an automatic key left to the database, and their names in SQL."""
    fields = tuple(field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))
    return fields, ", ".join(f'"{field.column}"' for field in fields)


def insert(rows: Sequence[models.Model], *, suffix: str = "") -> list[tuple[Any, ...]]:
    """INSERT all rows (of one model) in one statement; `suffix` may be ON CONFLICT … or RETURNING …, then its rows."""
    if not rows:
        return []
    model: Any = type(rows[0])
    fields, names = _columns(model)
    one = f"({', '.join(['%s'] * len(fields))})"
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([one] * len(rows))} {suffix}'
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection=connection)
        for row in rows
        for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if "RETURNING" in suffix else []


def upsert(rows: Sequence[models.Model], *, key: str, update: Iterable[str]) -> None:
    """INSERT, or overwrite these columns of the row that has the same key."""
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in update)
    insert(rows, suffix=f'ON CONFLICT ("{key}") DO UPDATE SET {changes}')


def update(
    model: type[models.Model],
    rows: Sequence[models.Model],
    columns: Mapping[str, str],
    *,
    where: str = "",
    key: str = "text",
) -> None:
    """Write some columns (name → SQL type) of these rows in one statement; `where` may add a condition on the table `t`.

    `key` is the SQL type of the rows' ids.
    """
    if not rows:
        return
    fields: list[Any] = [model._meta.get_field(name) for name in columns]
    arrays: list[list[Any]] = [[row.pk for row in rows]]
    arrays += [
        [field.get_db_prep_save(getattr(row, field.attname), connection=connection) for row in rows]
        for field in fields
    ]
    types = [key, *columns.values()]
    assignments = ", ".join(f'"{name}" = v.c{number}' for number, name in enumerate(columns, start=1))
    names = ", ".join(f"c{number}" for number in range(len(types)))
    unnested = ", ".join(f"%s::{kind}[]" for kind in types)
    sql = (
        f'UPDATE "{model._meta.db_table}" t SET {assignments} FROM unnest({unnested}) AS v({names}) '
        f"WHERE t.id = v.c0 {where}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)
