"""Reads results as rows: every column of the results file (one row per cell), streamed in the grid's order."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.grading import Score
from promptgrid.prompt.parameters import SPECS, Value
from promptgrid.store import ratings
from promptgrid.store.attempts import lost_between
from promptgrid.store.database import Database, raw_cursor
from promptgrid.store.schema import (
    attempts,
    cases,
    cell_sums,
    cells,
    cells_with_replies,
    expectations,
    replies,
    runs,
    scores,
)
from promptgrid.store.schema import ratings as ratings_table
from promptgrid.store.steps import calls_of_cell, steps_json

_FIRST_CHUNK, _CHUNK, _CHUNK_CHARACTERS = 100, 2_000, 8_000_000  # rows read at once: fewer where texts are long
_KEPT_CASES = 5_000


class ResultRow(NamedTuple):
    """One cell with its case, reply, scores and ratings: the columns of the results file, and some that no file has
    (`position`, `error_kind`, `answer_note`, `reply_id`, `batch`, `honoured`).

    Reply columns are None for a cell without a reply; `batch` is the number of replies that its call brought. `checks`
    are the case's own. `parameters` is by column (see SPECS), `inputs` by variable, `scores` by check. Creating 100,000
    named tuples takes a third of the time of frozen dataclasses.
    """

    run_id: str
    position: int
    cell_id: str
    case_id: str
    part: str | None
    prompt: str
    prompt_version: str
    technique: str
    examples_k: int
    examples: str
    model: str
    endpoint: str
    model_returned: str | None
    parameter_note: str
    sample: int
    prompt_tokens_counted: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    context_limit: int | None
    cost_usd: float | None
    latency_ms: float | None
    first_token_ms: float | None
    attempts: int
    calls: int | None
    lost_tokens: int | None
    lost_cost_usd: float | None
    reused: bool
    finish_reason: str | None
    status: str
    error: str
    error_kind: str
    expected: str | None
    checks: Sequence[str] | None
    reasoning: str
    answer: str | None
    answer_note: str
    output: str | None
    human_score: float | None
    human_note: str | None
    created_utc: str | None
    request_json: str | None
    steps_json: str | None
    tool_calls_json: str | None
    beams_json: str | None
    reply_id: int | None
    batch: int | None
    honoured: str | None
    parameters: Mapping[str, Value]
    inputs: Mapping[str, Any]
    scores: Mapping[str, Score]


_PARAMETERS = tuple(column for spec in SPECS for column in spec.columns)
_FIELDS = ResultRow._fields[:-3]
_COLUMNS: Mapping[str, sa.ColumnElement[Any]] = {
    **{name: replies.c[name] for name in _FIELDS if name in replies.c},
    **{name: cells.c[name] for name in (*_FIELDS, *_PARAMETERS) if name in cells.c},
    **cell_sums,
    "output": replies.c.text,
    "request_json": replies.c.request,
    "tool_calls_json": replies.c.tool_calls,
    "created": replies.c.created,
    "case_position": cells.c.case_position,
}
"""The columns to read from cells and replies, by name; a field of ResultRow named like a column is that column."""


def result_rows(database: Database, run_id: str, positions: Sequence[int] | None = None) -> Iterator[ResultRow]:
    """Yields a ResultRow for each cell at these positions (None: for every cell), in the grid's order. Memory stays
    bounded: rows are read in chunks by primary key, smaller chunks where texts are long.

    Raises StoreError when the run no longer exists.
    """
    for chunk in _chunks(database, run_id, positions, explained=True):
        fields = [chunk.columns[name] for name in _FIELDS]
        values = zip(*(chunk.columns[name] for name in _PARAMETERS), strict=True)
        parameters = [dict(zip(_PARAMETERS, of_cell, strict=True)) for of_cell in values]
        yield from map(ResultRow._make, zip(*fields, parameters, chunk.inputs, chunk.scores, strict=True))


def named_columns(
    database: Database, run_id: str, names: Sequence[str], positions: Sequence[int] | None = None
) -> Iterator[list[Sequence[Any]]]:
    """Yields the values of the columns in `names`: for each chunk of cells a list with one sequence of values per name.
    `var.NAME` names a variable, `score.NAME` the score of a check. Takes half the time of `result_rows`."""
    for chunk in _chunks(database, run_id, positions, explained=False):
        yield [chunk.column(name) for name in names]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some cells in order. `columns` has the values of each column by name; `inputs` has an item per cell. `scores` has
    an item per cell, the scores by check, if explanations were read; else it is empty, and `score.NAME` is a column."""

    columns: Mapping[str, Sequence[Any]]
    inputs: Sequence[Mapping[str, Any]]
    scores: Sequence[Mapping[str, Score]]

    def column(self, name: str) -> Sequence[Any]:
        if name in self.columns:
            return self.columns[name]
        variable = name.removeprefix("var.")
        return [inputs.get(variable) for inputs in self.inputs] if variable != name else [None] * len(self.inputs)


_Cases = dict[int, tuple[str, str | None, str | None, list[str] | None, Mapping[str, Any]]]
"""The id, the part, the expected answer, its own checks and the inputs of each case, by its position."""


def _chunks(database: Database, run_id: str, positions: Sequence[int] | None, *, explained: bool) -> Iterator[_Chunk]:
    joined = sa.select(*_COLUMNS.values()).select_from(cells_with_replies)
    query = joined.where(cells.c.run_id == run_id).order_by(cells.c.position)
    wanted = None if positions is None else sorted(positions)
    known: _Cases = {}
    after, limit = -1, _FIRST_CHUNK
    with database.read() as connection:
        require_run(connection, run_id)
        while rows := raw_cursor(connection, _part(query, wanted, after, limit)).fetchall():
            chunk = _chunk(connection, run_id, rows, known, explained)
            yield chunk
            after = chunk.columns["position"][-1]
            characters = sum(sum(map(len, filter(None, chunk.columns[name]))) for name in ("output", "request_json"))
            limit = min(_CHUNK, 1 + len(rows) * _CHUNK_CHARACTERS // (characters + 1))


def require_run(connection: sa.Connection, run_id: str) -> None:
    """Raises StoreError when the run no longer exists."""
    if connection.scalar(sa.select(runs.c.id).where(runs.c.id == run_id)) is None:
        raise StoreError(f"The run {run_id} no longer exists.", hint="`promptgrid runs` lists the runs.")


def _part(query: sa.Select[Any], wanted: Sequence[int] | None, after: int, limit: int) -> sa.Select[Any]:
    if wanted is None:
        return query.where(cells.c.position > after).limit(limit)
    start = bisect_right(wanted, after)
    return query.where(cells.c.position.in_(wanted[start : start + limit]))


def _chunk(
    connection: sa.Connection, run_id: str, rows: Sequence[tuple[Any, ...]], known: _Cases, explained: bool
) -> _Chunk:
    """Turns `rows` of `_chunks` into columns, and adds cases, ratings and scores from the other tables. If `explained`,
    each score has its explanation. `known` is a cache of cases by position, which is filled."""
    columns: dict[str, Sequence[Any]] = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
    created, of_case, positions = columns.pop("created"), columns.pop("case_position"), columns["position"]
    _read_cases(connection, run_id, set(of_case), known)
    first, last = positions[0], positions[-1]
    case_id, part, expected, own, inputs = zip(*(known[case] for case in of_case), strict=True)
    columns |= {"case_id": case_id, "part": part, "expected": expected, "checks": own}
    columns["cell_id"] = [f"{run_id}-{position}" for position in positions]
    columns["reused"] = list(map(bool, columns["reused"]))
    columns["created_utc"] = [None if seconds is None else _utc(seconds) for seconds in created]
    columns["steps_json"] = list(map(steps_json(connection, run_id, first, last).get, positions))
    columns["tool_calls_json"] = list(map(calls_of_cell, columns["tool_calls_json"], columns["steps_json"]))
    lost = lost_between(connection, run_id, first, last)
    lost_of = [lost.get(position, (None, None)) for position in positions]
    columns["lost_cost_usd"], columns["lost_tokens"] = zip(*lost_of, strict=True)
    rated = ratings.summed(connection, run_id, first, last)
    people = [rated.get(position, (None, None)) for position in positions] if rated else [(None, None)] * len(positions)
    columns["human_score"], columns["human_note"] = zip(*people, strict=True)
    if explained:
        scored = _scores(connection, run_id, first, last)
        return _Chunk(columns, inputs, [scored.get(position, {}) for position in positions])
    for check, values in _values(connection, run_id, first, last).items():
        columns[f"score.{check}"] = list(map(values.get, positions))
    return _Chunk(columns, inputs, [])


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _read_cases(connection: sa.Connection, run_id: str, wanted: set[int], known: _Cases) -> None:
    """Reads the cases at the `wanted` positions into `known`, a cache by position; a large one is cleared first."""
    if len(known) > _KEPT_CASES:
        known.clear()
    if new := wanted - known.keys():
        for case in connection.execute(sa.select(cases).where(cases.c.run_id == run_id, cases.c.position.in_(new))):
            checks = json.loads(case.checks) if case.checks else None
            known[case.position] = (case.case_id, case.part or None, case.expected, checks, json.loads(case.inputs))


def _scores(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, dict[str, Score]]:
    """Returns the scores of the cells from position `first` to `last`, by position, then by check."""
    query = sa.select(scores.c.position, *(scores.c[name] for name in Score.__slots__))
    mine = (scores.c.run_id == run_id) & scores.c.position.between(first, last)
    by_position: dict[int, dict[str, Score]] = defaultdict(dict)
    for position, check, value, passed, answer, why, failed in raw_cursor(connection, query.where(mine)).fetchall():
        flag = None if passed is None else bool(passed)
        by_position[position][check] = Score(check, value, flag, answer, why, bool(failed))
    return by_position


def _values(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[str, dict[int, float | None]]:
    """Returns the values of the scores of the cells from position `first` to `last`, by check, then by position."""
    query = sa.select(scores.c.position, scores.c.check, scores.c.value)
    mine = (scores.c.run_id == run_id) & scores.c.position.between(first, last)
    by_check: dict[str, dict[int, float | None]] = defaultdict(dict)
    for position, check, value in raw_cursor(connection, query.where(mine)).fetchall():
        by_check[check][position] = value
    return by_check


Stamp = tuple[Any, ...]

_PRIME, _STEP = 1_000_003, 7_919
_MANY_STAMPS = 100
_stamps: dict[tuple[str, str], tuple[object, Stamp]] = {}


def stamp(database: Database, run_id: str) -> Stamp:
    """Returns a stamp of the run: a value that differs after any change of its results, scores or ratings. Cached until
    the database changes."""
    version, key = database.version(), (database.place, run_id)
    known = _stamps.get(key)
    if known is not None and known[0] == version:
        return known[1]
    with database.read() as connection:
        current = stamp_in(connection, run_id)
    if len(_stamps) >= _MANY_STAMPS:
        _stamps.clear()
    _stamps[key] = version, current
    return current


def stamp_in(connection: sa.Connection, run_id: str) -> Stamp:
    """Returns the run's stamp (see `stamp`) for the state of the database that this connection reads."""
    count, check = sa.func.count(), scores.c.check
    # Scores can be replaced: each value has its own weight, so that two swapped values change the sum.
    weight = 1 + (scores.c.position * _STEP) % _PRIME
    values = sa.func.sum((sa.func.coalesce(scores.c.value, -1.0) + 2.0) * weight)
    failed = sa.func.sum(sa.case((scores.c.failed, weight), else_=0))
    queries = [
        sa.select(cells.c.status, count).where(cells.c.run_id == run_id).group_by(cells.c.status),
        sa.select(count, sa.func.max(attempts.c.id)).where(attempts.c.run_id == run_id),
        # The plan names the checks; counting the scores of each check separately would take twice as long.
        sa.select(runs.c.plan).where(runs.c.id == run_id),
        sa.select(count, sa.func.min(check), sa.func.max(check), values, failed).where(scores.c.run_id == run_id),
        sa.select(count, sa.func.max(ratings_table.c.updated)).where(ratings_table.c.run_id == run_id),
        sa.select(count, sa.func.max(expectations.c.id)).where(expectations.c.run_id == run_id),
    ]
    return tuple(tuple(row) for query in queries for row in connection.execute(query))
