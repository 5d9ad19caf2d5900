"""A run's results for a comparison: all cells as raw columns without texts, then the texts of those that are looked at.

Raw tuples, for at 100,000 cells a row object each is what costs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.store.database import Database
from promptgrid.store.results import Stamp, stamp_in
from promptgrid.store.schema import cases, cells, replies, runs, scores
from promptgrid.store.stored_replies import lots

CELL_COLUMNS = (
    "position", "case_position", "prompt", "prompt_version", "technique", "endpoint", "model", "temperature", "status",
    "sample", "ballot", "reused", "error_kind",
)  # fmt: skip
REPLY_COLUMNS = ("id", "chars", "prompt_tokens", "completion_tokens", "cost_usd", "latency_ms")
_MANY = 10_000  # rows in memory at once, as tuples

Tuples = Iterator[Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class RunColumns:
    """One consistent view of a run. Read `cells` to its end, then `scores`.

    case_ids   by the position of the case
    cells      lots of tuples of CELL_COLUMNS and REPLY_COLUMNS (None where there is no reply), in the cells' order
    scores     lots of (position, check, value); None: not scored
    """

    stamp: Stamp
    case_ids: Sequence[str]
    cells: Tuples
    scores: Tuples


@contextmanager
def run_columns(database: Database, run_id: str) -> Iterator[RunColumns]:
    """Opens the run for reading. Raises StoreError when there is no such run any more."""
    with database.read() as connection:
        require(connection, run_id)
        case_ids = sa.select(cases.c.case_id).where(cases.c.run_id == run_id).order_by(cases.c.position)
        columns = [*(cells.c[name] for name in CELL_COLUMNS), *(replies.c[name] for name in REPLY_COLUMNS)]
        joined = sa.select(*columns).select_from(cells.outerjoin(replies, cells.c.reply_id == replies.c.id))
        of_cells = joined.where(cells.c.run_id == run_id).order_by(cells.c.position)
        of_scores = sa.select(scores.c.position, scores.c.check, scores.c.value).where(scores.c.run_id == run_id)
        yield RunColumns(
            stamp=stamp_in(connection, run_id),
            case_ids=list(connection.scalars(case_ids)),
            cells=_tuples(connection, of_cells),
            scores=_tuples(connection, of_scores),
        )


def require(connection: sa.Connection, run_id: str) -> None:
    """Raises StoreError where there is no such run (any more)."""
    if connection.scalar(sa.select(runs.c.id).where(runs.c.id == run_id)) is None:
        raise StoreError(f"There is no run {run_id} any more.", hint="`promptgrid runs` lists those that are there.")


def _tuples(connection: sa.Connection, chosen: sa.Select[Any]) -> Tuples:
    cursor = connection.execute(chosen).cursor
    assert cursor is not None  # a SELECT has one
    while rows := cursor.fetchmany(_MANY):
        yield rows


class CaseText(NamedTuple):
    """What a case says; `inputs` by the name of the variable."""

    case_id: str
    inputs: Mapping[str, str]
    expected: str | None


def case_texts(database: Database, run_id: str, positions: Iterable[int] | None = None) -> dict[int, CaseText]:
    """By position, the cases of a run: these, or all."""
    chosen = sa.select(cases.c.position, cases.c.case_id, cases.c.inputs, cases.c.expected)
    mine = chosen.where(cases.c.run_id == run_id)
    parts = [mine] if positions is None else [mine.where(cases.c.position.in_(lot)) for lot in lots(sorted(positions))]
    with database.read() as connection:
        rows = [row for part in parts for row in connection.execute(part)]
    return {row[0]: CaseText(row[1], json.loads(row[2]), row[3]) for row in rows}


class CellText(NamedTuple):
    """What a cell brought, each text cut to the characters that were asked for (and one more, so that it shows)."""

    answer: str | None
    output: str | None
    error: str


def cell_texts(database: Database, run_id: str, positions: Sequence[int], characters: int) -> dict[int, CellText]:
    """By position, the texts of these cells."""
    columns = [sa.func.substr(c, 1, characters + 1) for c in (cells.c.answer, replies.c.text, cells.c.error)]
    chosen = sa.select(cells.c.position, *columns).where(cells.c.run_id == run_id)
    joined = chosen.select_from(cells.outerjoin(replies, cells.c.reply_id == replies.c.id))
    with database.read() as connection:
        return {
            row[0]: CellText(*row[1:])
            for lot in lots(positions)
            for row in connection.execute(joined.where(cells.c.position.in_(lot)))
        }
