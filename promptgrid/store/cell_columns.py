"""Reads the cells of a run joined with their replies: raw columns of all cells, and the texts of selected cells.

Rows are raw tuples, because at 100,000 cells an object per row costs too much time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from promptgrid.models.parameters import Alike
from promptgrid.prompt.parameters import AXIS_COLUMNS
from promptgrid.store.database import Database, raw_cursor
from promptgrid.store.results import Stamp, require_run, stamp_in
from promptgrid.store.schema import cases, cell_sums, cells, cells_with_replies, expectations, replies, scores
from promptgrid.store.stored_replies import lots

CELL_COLUMNS = (
    "position", "case_position", "prompt", "prompt_version", "technique", "endpoint", "model",
    *AXIS_COLUMNS, "parameter_note", "status", "sample", "ballot", "reused", "error_kind",
)  # fmt: skip
REPLY_COLUMNS = (
    "id", "chars", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cost_usd", "latency_ms", "calls",
    "batch",
)  # fmt: skip
_MANY = 10_000  # rows in memory at once, as tuples
_MANY_TEXTS = 5_000
_ENOUGH_SAMPLES = 3

Tuples = Iterator[Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class RunColumns:
    """One consistent view of a run. Read `cells` to the end before `scores`.

    stamp      changes with any change of the run's results (see results.stamp)
    case_ids   the ids of the cases, by position
    expected   what the replies to a case are scored by: (expected answer, the case's own checks as JSON), by position
    cells      chunks of tuples of CELL_COLUMNS and REPLY_COLUMNS (None without a reply), in the order of the cells
    scores     chunks of (position, check, value); a value of None means not scored
    """

    stamp: Stamp
    case_ids: Sequence[str]
    expected: Sequence[tuple[str | None, str]]
    cells: Tuples
    scores: Tuples


@contextmanager
def run_columns(database: Database, run_id: str) -> Iterator[RunColumns]:
    """Opens one consistent view of the run's cells, replies and scores for reading in the block. Raises StoreError when
    the run no longer exists."""
    with database.read() as connection:
        require_run(connection, run_id)
        of_cases = sa.select(cases.c.case_id, cases.c.expected, cases.c.checks).where(cases.c.run_id == run_id)
        case_ids, expected = list[str](), list[tuple[str | None, str]]()
        alike: dict[tuple[str | None, str], tuple[str | None, str]] = {}  # one object for all cases with equal values
        rows = _tuples(connection, of_cases.order_by(cases.c.position))
        for case_id, answer, checks in chain.from_iterable(rows):
            case_ids.append(case_id)
            expected.append(alike.setdefault((answer, checks), (answer, checks)))
        columns = [
            *(cells.c[name] for name in CELL_COLUMNS),
            *(cell_sums[name] if name in cell_sums else replies.c[name] for name in REPLY_COLUMNS),
        ]
        joined = sa.select(*columns).select_from(cells_with_replies)
        of_cells = joined.where(cells.c.run_id == run_id).order_by(cells.c.position)
        of_scores = sa.select(scores.c.position, scores.c.check, scores.c.value).where(scores.c.run_id == run_id)
        yield RunColumns(
            stamp=stamp_in(connection, run_id),
            case_ids=case_ids,
            expected=expected,
            cells=_tuples(connection, of_cells),
            scores=_tuples(connection, of_scores),
        )


def _tuples(connection: sa.Connection, query: sa.Select[Any]) -> Tuples:
    cursor = raw_cursor(connection, query)
    while rows := cursor.fetchmany(_MANY):
        yield rows


class CaseText(NamedTuple):
    """A case as it is stored: its id, its `inputs` by variable name, its expected answer (None: there is none), and
    whether that was changed after the run was planned."""

    case_id: str
    inputs: Mapping[str, Any]
    expected: str | None
    changed: bool = False


def case_texts(database: Database, run_id: str, positions: Iterable[int] | None = None) -> dict[int, CaseText]:
    """Returns the run's cases at these positions, or all cases, by position."""
    same = (expectations.c.run_id == run_id) & (expectations.c.case_position == cases.c.position)
    columns = (cases.c.position, cases.c.case_id, cases.c.inputs, cases.c.expected, sa.exists().where(same))
    query = sa.select(*columns).where(cases.c.run_id == run_id)
    parts = (
        [query] if positions is None else [query.where(cases.c.position.in_(lot)) for lot in lots(sorted(positions))]
    )
    with database.read() as connection:
        rows = [row for part in parts for row in connection.execute(part)]
    return {row[0]: CaseText(row[1], json.loads(row[2]), row[3], bool(row[4])) for row in rows}


class CellText(NamedTuple):
    """A cell's answer, its reply (`output`; None without one) and its error ("": none). `cell_texts` truncates each to
    its limit plus one character, which makes truncation visible."""

    answer: str | None
    output: str | None
    error: str


def cell_texts(database: Database, run_id: str, positions: Sequence[int], characters: int) -> dict[int, CellText]:
    """Returns the texts of the cells at these positions, by position. Each is truncated to `characters` + 1, so that
    the caller sees whether it was longer than `characters`."""
    columns = [sa.func.substr(c, 1, characters + 1) for c in (cells.c.answer, replies.c.text, cells.c.error)]
    query = sa.select(cells.c.position, *columns).select_from(cells_with_replies).where(cells.c.run_id == run_id)
    with database.read() as connection:
        return {
            row[0]: CellText(*row[1:])
            for lot in lots(positions)
            for row in connection.execute(query.where(cells.c.position.in_(lot)))
        }


def reply_texts(database: Database, run_id: str) -> Iterator[tuple[int, str]]:
    """Yields the position and the full reply of each answered cell, in the order of the cells, in bounded memory."""
    query = (
        sa.select(cells.c.position, replies.c.text)
        .select_from(cells_with_replies)
        .where(cells.c.run_id == run_id, cells.c.status == "answered")
        .order_by(cells.c.position)
        .limit(_MANY_TEXTS)
    )
    after = -1
    with database.read() as connection:
        while rows := connection.execute(query.where(cells.c.position > after)).all():
            yield from ((row[0], row[1]) for row in rows)
            after = rows[-1].position


@dataclass(frozen=True, slots=True)
class ReplyToCase:
    """The reply of a cell and the case that it answers. `text` may be truncated; `chars` is its full length."""

    position: int
    text: str
    chars: int
    inputs: Mapping[str, Any]
    expected: str | None


def replies_to_cases(database: Database, run_id: str, positions: Sequence[int], longest: int) -> dict[int, ReplyToCase]:
    """Returns the replies of these cells, by position, each text truncated to `longest` characters. Cells without a
    reply are left out."""
    columns = (cells.c.position, sa.func.substr(replies.c.text, 1, longest), replies.c.chars)
    query = (
        sa.select(*columns, cases.c.inputs, cases.c.expected)
        .select_from(cells_with_replies)
        .join(cases, (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position))
        .where(cells.c.run_id == run_id, cells.c.position.in_(positions), replies.c.id.is_not(None))
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return {row[0]: ReplyToCase(row[0], row[1], row[2], json.loads(row[3]), row[4]) for row in rows}


def alike(database: Database, run_id: str) -> dict[str, list[Alike]]:
    """Returns, by ENDPOINT/MODEL, an Alike for each temperature that was sent: how many cases have three or more
    samples, and in how many of these all samples have the same text."""
    group = [cells.c[name] for name in (
        "endpoint", "model", "temperature_sent", "prompt", "prompt_version", "technique", "case_position"
    )]  # fmt: skip
    texts = sa.func.count(replies.c.text.distinct())
    per_case = (
        sa.select(*group[:3], texts.label("texts"))
        .select_from(cells_with_replies)
        .where(cells.c.run_id == run_id, cells.c.temperature_sent.is_not(None), replies.c.id.is_not(None))
        .group_by(*group)
        .having(sa.func.count() >= _ENOUGH_SAMPLES)
        .subquery()
    )
    same = sa.func.sum(sa.case((per_case.c.texts == 1, 1), else_=0))
    columns = [per_case.c[name] for name in ("endpoint", "model", "temperature_sent")]
    by_model: dict[str, list[Alike]] = defaultdict(list)
    with database.read() as connection:
        for row in connection.execute(sa.select(*columns, sa.func.count(), same).group_by(*columns)):
            by_model[f"{row[0]}/{row[1]}"].append(Alike(row[2], row[3], row[4]))
    return by_model


def counted_and_reported(database: Database, run_id: str) -> dict[str, tuple[int, int, int]]:
    """Returns, by ENDPOINT/MODEL, three numbers over the replies that report their prompt's tokens: how many there are,
    the tokens counted before sending, and the tokens reported. Cells of several calls are left out: the count is that
    of the first prompt, the reply that of the last."""
    both = replies.c.prompt_tokens.is_not(None) & cells.c.prompt_tokens_counted.is_not(None)
    both &= sa.func.coalesce(cells.c.calls, 1) == 1
    sums = (sa.func.count(), sa.func.sum(cells.c.prompt_tokens_counted), sa.func.sum(replies.c.prompt_tokens))
    query = (
        sa.select(cells.c.endpoint, cells.c.model, *sums)
        .select_from(cells_with_replies)
        .where(cells.c.run_id == run_id, both)
        .group_by(cells.c.endpoint, cells.c.model)
    )
    with database.read() as connection:
        return {f"{row[0]}/{row[1]}": (int(row[2]), int(row[3]), int(row[4])) for row in connection.execute(query)}


def parameter_notes(database: Database, run_id: str) -> list[tuple[str, int]]:
    """Returns (note, number of cells) for each note on parameters that were not sent as planned, commonest first."""
    mine = (cells.c.run_id == run_id) & (cells.c.parameter_note != "")
    query = sa.select(cells.c.parameter_note, sa.func.count()).where(mine).group_by(cells.c.parameter_note)
    with database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(query.order_by(sa.func.count().desc()))]


def columns_of(database: Database, run_id: str) -> tuple[list[str], list[str]]:
    """Returns the names of the run's variables and of its checks, for the header of a results file."""
    checks: list[str] = []
    with database.read() as connection:
        names: dict[str, None] = {}
        for inputs in connection.scalars(sa.select(cases.c.inputs).where(cases.c.run_id == run_id)):
            names.update(dict.fromkeys(json.loads(inputs)))
        another = sa.select(scores.c.check).where(scores.c.run_id == run_id).limit(1)
        # One query per check: DISTINCT over all scores takes five times as long.
        while (check := connection.scalar(another.where(scores.c.check.not_in(checks)))) is not None:
            checks.append(check)
    return list(names), sorted(checks)
