"""Stores vectors of texts by text and embedder, as 16-bit floats, and each call that made some, with its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import DocumentsError
from promptgrid.store.commits import insert_reply
from promptgrid.store.database import Database, Row, write_many
from promptgrid.store.documents.tables import vectors
from promptgrid.store.stored_replies import lots

BYTES_A_NUMBER = 2
_INSERT = insert(vectors).on_conflict_do_nothing()


def stored(database: Database, keys: Sequence[str]) -> dict[str, bytes]:
    """Returns by key the stored vectors with these keys: little-endian 16-bit floats."""
    query = sa.select(vectors.c.key, vectors.c.data)
    with database.read() as connection:
        return {row.key: row.data for lot in lots(keys) for row in
                connection.execute(query.where(vectors.c.key.in_(lot)))}  # fmt: skip


def present(database: Database, keys: Sequence[str]) -> set[str]:
    """Returns those of the keys under which a vector is stored."""
    query = sa.select(vectors.c.key)
    with database.read() as connection:
        return {key for lot in lots(keys) for key in connection.scalars(query.where(vectors.c.key.in_(lot)))}


def keep(database: Database, embedder: str, data: Mapping[str, bytes], call: Row | None = None) -> None:
    """Stores vectors of the embedder by key (`data`), and the `call` that brought them as a row of the table of
    replies, in one transaction. Raises DocumentsError if their dimension is not that of the embedder's stored
    vectors."""
    sizes = {len(vector) // BYTES_A_NUMBER for vector in data.values()}
    with database.write() as connection:
        first = sa.select(vectors.c.dimension).where(vectors.c.embedder == embedder).limit(1)
        sizes |= set(connection.scalars(first))
        if call is not None:
            insert_reply(connection, call)  # paid for, whatever it brought
        if len(sizes) == 1:
            rows = [{"key": key, "embedder": embedder, "dimension": len(vector) // BYTES_A_NUMBER, "data": vector}
                    for key, vector in data.items()]  # fmt: skip
            write_many(connection, _INSERT, rows)
    if len(sizes) > 1:
        raise DocumentsError(
            f"The embedder {embedder} makes vectors of different sizes: {', '.join(map(str, sorted(sizes)))} numbers.",
            hint="Is another model served under its name? Serve it under a name of its own, or forget its vectors:"
            " promptgrid documents forget-vectors EMBEDDER",
        )


def forget(database: Database, embedder: str) -> int:
    """Deletes the stored vectors of the embedder; returns their number."""
    with database.write() as connection:
        return connection.execute(vectors.delete().where(vectors.c.embedder == embedder)).rowcount


def counts(database: Database) -> dict[str, int]:
    """Returns the number of stored vectors by embedder."""
    query = sa.select(vectors.c.embedder, sa.func.count()).group_by(vectors.c.embedder).order_by(vectors.c.embedder)
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
