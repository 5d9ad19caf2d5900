"""Types and functions that read differently in SQLite and in PostgreSQL. `postgresql` adds its own text of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole number of 64 bits: SQLite's INTEGER has them, PostgreSQL's INTEGER has 32."""


class AsciiLike(FunctionElement[bool]):
    """Whether a column is like an SQL pattern with the escape character backslash; ASCII case is ignored, no other."""

    type = sa.Boolean()
    inherit_cache = True


class Position(FunctionElement[int]):
    """Where a text begins in a column, from 1; 0: nowhere."""

    type = sa.Integer()
    inherit_cache = True


class ByteLength(FunctionElement[int]):
    """The length of a text in UTF-8, in bytes."""

    type = sa.Integer()
    inherit_cache = True


class Truncated(FunctionElement[int]):
    """A number without its fraction."""

    type = Whole
    inherit_cache = True


class DatabaseTime(FunctionElement[float]):
    """The database's time in seconds since 1970, UTC. It goes on within a transaction."""

    type = sa.Float()
    inherit_cache = True


@compiles(AsciiLike)
def _like(element: AsciiLike, compiler: Any, **options: Any) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '\\')"


@compiles(Position)
def _position(element: Position, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(ByteLength)
def _byte_length(element: ByteLength, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(Truncated)
def _truncated(element: Truncated, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(DatabaseTime)
def _clock(element: DatabaseTime, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"
