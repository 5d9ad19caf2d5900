"""The texts of a run's replies, for whoever puts two of them side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from promptgrid.store.database import Database
from promptgrid.store.schema import cases, cells, replies

_MANY = 5000
VARIANT = ("prompt", "prompt_version", "technique", "endpoint", "model", "temperature")
"""The columns of a cell that tell variants apart."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a cell answered to which case. `text` may be cut: `chars` is how long it is."""

    position: int
    text: str
    chars: int
    inputs: Mapping[str, str]
    expected: str | None


def answered(database: Database, run_id: str) -> Iterator[tuple[int, int, str, tuple[Any, ...]]]:
    """The cells that have a reply, in the grid's order: position, its case's, text, and the values of VARIANT. Memory
    stays bounded."""
    columns = (cells.c.position, cells.c.case_position, replies.c.text, *(cells.c[name] for name in VARIANT))
    chosen = (
        sa.select(*columns)
        .select_from(cells.join(replies, cells.c.reply_id == replies.c.id))
        .where(cells.c.run_id == run_id, cells.c.status == "answered")
        .order_by(cells.c.position)
        .limit(_MANY)
    )
    after = -1
    with database.read() as connection:
        while rows := connection.execute(chosen.where(cells.c.position > after)).all():
            yield from ((row[0], row[1], row[2], tuple(row[3:])) for row in rows)
            after = rows[-1].position


def shown(database: Database, run_id: str, positions: Sequence[int], longest: int) -> list[Output]:
    """These cells in the order asked for, texts cut after `longest` characters; what is gone is left out."""
    columns = (cells.c.position, sa.func.substr(replies.c.text, 1, longest).label("text"), replies.c.chars)
    chosen = (
        sa.select(*columns, cases.c.inputs, cases.c.expected)
        .select_from(cells.join(replies, cells.c.reply_id == replies.c.id))
        .join(cases, (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position))
        .where(cells.c.run_id == run_id, cells.c.position.in_(positions))
    )
    with database.read() as connection:
        found = {row.position: _output(row) for row in connection.execute(chosen)}
    return [found[position] for position in positions if position in found]


def _output(row: Any) -> Output:
    return Output(row.position, row.text, row.chars, json.loads(row.inputs), row.expected)
