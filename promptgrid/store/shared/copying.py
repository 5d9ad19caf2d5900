"""Copies a whole store into another database, row by row, and compares the two.

While a copy is not complete, the schema version of the target is negative, so that nothing but a copy opens it. Each
batch is committed with the place up to which the copy has come: a copy that was ended goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.progress import OnWork, silent
from promptgrid.store import schema
from promptgrid.store.database import Database, raw_cursor, write_many
from promptgrid.store.dialects.backend import Row, backend_of
from promptgrid.store.documents.tables import metadata
from promptgrid.store.runs import active_run
from promptgrid.store.shared.tables import hosts

_BATCH = 500
_MARK = "copy"
_VERSION = "schema_version"


@dataclass(frozen=True, slots=True)
class TableSum:
    """What one table holds: its number of `rows`, and a `digest` of them that does not depend on their order."""

    rows: int
    digest: str


def copy_store(source: Database, target: Database, *, on_progress: OnWork = silent) -> Mapping[str, TableSum]:
    """Copies all tables of `source` to `target`, which is opened with `half_copy`, and returns what each holds, by its
    name. Goes on with a copy of the same source that was ended before. Raises StoreError if the target has rows of
    anything else, a run of the source is active, or the two differ in the end because the source was changed."""
    if run := active_run(source):
        raise StoreError(f"The run {run.id} is {run.status}.", hint="Pause it (`promptgrid pause`), then copy.")
    tables = [table for table in metadata.sorted_tables if table not in (schema.meta, hosts)]
    place = _begin(source, target, tables)
    with source.read() as reading:
        total = sum(_count(reading, table) for table in tables)
        done = 0
        for number, table in enumerate(tables):
            if number < place.table:
                done += _count(reading, table)
                continue
            after = place.after if number == place.table else None
            if after is not None:
                with target.read() as written:
                    done += _count(written, table)
            for rows in _batches(reading, table, after):
                _write(target, table, rows, _Place(place.source, number, _key(table, rows[-1])))
                on_progress(done := done + len(rows), total, "rows copied")
        sums = {table.name: _sum(reading, table) for table in tables}
    _check(target, tables, sums, on_progress)
    _end(target, tables)
    return sums


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a copy has come: the `source`, the number of the `table`, and the key of the last row copied of it."""

    source: str
    table: int = 0
    after: Sequence[Any] | None = None


def _begin(source: Database, target: Database, tables: Sequence[sa.Table]) -> _Place:
    """Returns the place at which the copy goes on, and marks the target as a half copy."""
    if source.place == target.place:
        raise StoreError("A store cannot be copied into itself.", hint="Name another target.")
    with target.write() as connection:
        mark = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.name == _MARK))
        place = _Place(**json.loads(mark)) if mark else _Place(source.place)
        filled = next((table.name for table in tables if _count(connection, table)), "")
        if place.source != source.place or (filled and not mark):
            has = f"holds a half copy of {place.source}" if mark else f"is not empty (it has {filled})"
            raise StoreError(f"The store {target.place} {has}.", hint="Copy into an empty database, or a new file.")
        if not mark:
            connection.execute(schema.meta.insert().values(name=_MARK, value=_as_json(place)))
        _set(connection, _VERSION, str(-schema.VERSION))
    return place


def _end(target: Database, tables: Sequence[sa.Table]) -> None:
    with target.write() as connection:
        for table in tables:
            for column in list(table.primary_key)[:1]:
                backend_of(connection).ids_taken(connection, column)
        connection.execute(schema.meta.delete().where(schema.meta.c.name == _MARK))
        _set(connection, _VERSION, str(schema.VERSION))


def _set(connection: sa.Connection, name: str, value: str) -> None:
    connection.execute(schema.meta.update().where(schema.meta.c.name == name).values(value=value))


def _as_json(place: _Place) -> str:
    return json.dumps({"source": place.source, "table": place.table, "after": place.after})


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def _batches(connection: sa.Connection, table: sa.Table, after: Sequence[Any] | None) -> Iterator[list[Row]]:
    """Yields the rows of the table after the key `after`, in the order of keys."""
    keys = list(table.primary_key)
    while True:
        query = sa.select(table).order_by(*keys).limit(_BATCH)
        if after is not None:
            query = query.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, after, [key.type for key in keys])))
        rows = [_plain(table, values) for values in raw_cursor(connection, query).fetchall()]
        if not rows:
            return
        yield rows
        after = _key(table, rows[-1])


def _key(table: sa.Table, row: Row) -> list[Any]:
    return [row[column.name] for column in table.primary_key]


def _plain(table: sa.Table, values: Sequence[Any]) -> Row:
    """Returns the row with values of the types that the columns declare: SQLite keeps what it was given."""
    return {
        column.name: None if value is None else column.type.python_type(value)
        for column, value in zip(table.columns, values, strict=True)
    }


def _write(target: Database, table: sa.Table, rows: Sequence[Row], place: _Place) -> None:
    with target.write() as connection:
        write_many(connection, table.insert(), rows)
        _set(connection, _MARK, _as_json(place))


def _sum(connection: sa.Connection, table: sa.Table) -> TableSum:
    count, total = 0, 0
    for rows in _batches(connection, table, None):
        for row in rows:
            total += int.from_bytes(hashlib.sha256(repr(list(row.values())).encode("utf-8", "surrogatepass")).digest())
        count += len(rows)
    return TableSum(count, f"{total % 2**256:064x}")


def _check(target: Database, tables: Sequence[sa.Table], sums: Mapping[str, TableSum], on_progress: OnWork) -> None:
    with target.read() as connection:
        for number, table in enumerate(tables):
            on_progress(number, len(tables), "tables compared")
            found, wanted = _sum(connection, table), sums[table.name]
            if found != wanted:
                raise StoreError(
                    f"The copy differs in {table.name}: {found.rows:,} rows, {wanted.rows:,} in the source.",
                    hint="The source was changed between two parts of the copy: copy into an empty database again.",
                )
    on_progress(len(tables), len(tables), "tables compared")
