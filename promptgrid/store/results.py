"""Results as rows: every column of the results file (design: one row a cell), streamed in the grid's order."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.models.parameters import Alike
from promptgrid.store import ratings
from promptgrid.store.database import Database
from promptgrid.store.schema import attempts, cases, cells, replies, runs, scores
from promptgrid.store.schema import ratings as ratings_table

_CELL_COLUMNS = (
    "run_id", "position", "prompt", "prompt_version", "technique", "examples_k", "endpoint", "temperature",
    "temperature_sent", "parameter_note", "top_p", "max_tokens", "seed", "sample", "prompt_tokens_counted",
    "context_limit", "attempts", "status", "error", "error_kind", "reasoning", "answer", "answer_note",
    "reply_id",
)  # fmt: skip
_REPLY_COLUMNS = (
    "model_returned", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_usd",
    "latency_ms", "first_token_ms", "finish_reason",
)  # fmt: skip
_NAMES = (*_CELL_COLUMNS, "model", *_REPLY_COLUMNS, "output", "request_json", "batch", "honoured")
_FIRST_CHUNK, _CHUNK, _CHUNK_CHARACTERS = 100, 2_000, 8_000_000  # rows read at once: fewer where texts are long
_KEPT_CASES = 5_000
_ENOUGH_SAMPLES = 3


def result_rows(database: Database, run_id: str, positions: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
    """One dict a cell, with `var.NAME` and `score.NAME` entries where there are; also `explain.NAME`, `passed.NAME`,
    `failed.NAME` and `batch`, which no file shows. `positions` chooses cells. Memory stays bounded: chunks of the
    primary key are read, small ones where texts are long.

    Raises StoreError when the run is gone.
    """
    for chunk in _chunks(database, run_id, positions):
        all_values = zip(*chunk.columns.values(), strict=True)
        for values, inputs, scored in zip(all_values, chunk.inputs, chunk.scored, strict=True):
            yield {**dict(zip(chunk.columns, values, strict=True)), **inputs, **scored}


def named_rows(
    database: Database, run_id: str, names: Sequence[str], positions: Sequence[int] | None = None
) -> Iterator[dict[str, Any]]:
    """The same with these entries only, in this order, None for what a cell has not: for exports."""
    for columns in named_columns(database, run_id, names, positions):
        yield from (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def named_columns(
    database: Database, run_id: str, names: Sequence[str], positions: Sequence[int] | None = None
) -> Iterator[list[Sequence[Any]]]:
    """The same, some cells at a time, as one sequence a name: at half the cost of rows."""
    for chunk in _chunks(database, run_id, positions, explained=False):
        yield [chunk.column(name) for name in names]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some cells in their order: what all have as columns, and for each the entries of its inputs and, if these were
    to be explained, of its scores."""

    columns: Mapping[str, Sequence[Any]]
    inputs: Sequence[Mapping[str, Any]]
    scored: Sequence[Mapping[str, Any]]

    def column(self, name: str) -> Sequence[Any]:
        if name in self.columns:
            return self.columns[name]
        return [entries.get(name) for entries in self.inputs]


_Known = dict[int, tuple[str, str | None, Mapping[str, Any]]]
"""By position of the case: its id, what is expected, and the entries of its inputs."""


def _chunks(
    database: Database, run_id: str, positions: Sequence[int] | None, *, explained: bool = True
) -> Iterator[_Chunk]:
    chosen, wanted = _chosen(run_id), None if positions is None else sorted(positions)
    known: _Known = {}
    after, limit = -1, _FIRST_CHUNK
    with database.read() as connection:
        if connection.scalar(sa.select(runs.c.id).where(runs.c.id == run_id)) is None:
            raise StoreError(f"The run {run_id} is gone.", hint="`promptgrid runs` lists those that are there.")
        while rows := _tuples(connection, _part(chosen, wanted, after, limit)):
            chunk = _chunk(connection, run_id, rows, known, explained)
            yield chunk
            after = chunk.columns["position"][-1]
            characters = sum(sum(map(len, filter(None, chunk.columns[name]))) for name in ("output", "request_json"))
            limit = min(_CHUNK, 1 + len(rows) * _CHUNK_CHARACTERS // (characters + 1))


def _tuples(connection: sa.Connection, chosen: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """As the driver gives them: a row object each would cost as much as reading it."""
    cursor = connection.execute(chosen).cursor
    assert cursor is not None  # a SELECT has one
    return list(cursor.fetchall())


def _chunk(
    connection: sa.Connection, run_id: str, rows: Sequence[tuple[Any, ...]], known: _Known, explained: bool
) -> _Chunk:
    """What `_chosen` found, and what belongs to it from the other tables."""
    *found, reused, created, of_case = zip(*rows, strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(_NAMES, found, strict=True))
    positions = columns["position"]
    _get_to_know(connection, run_id, set(of_case), known)
    first, last = positions[0], positions[-1]
    columns["case_id"], columns["expected"], inputs = zip(*(known[case] for case in of_case), strict=True)
    columns["cell_id"] = [f"{run_id}-{position}" for position in positions]
    columns["reused"] = list(map(bool, reused))
    columns["created_utc"] = [None if seconds is None else _utc(seconds) for seconds in created]
    rated = ratings.summed(connection, run_id, first, last)
    people = [rated.get(position, (None, None)) for position in positions] if rated else [(None, None)] * len(positions)
    columns["human_score"], columns["human_note"] = zip(*people, strict=True)
    if explained:
        scored = _explained(connection, run_id, first, last)
        return _Chunk(columns, inputs, [scored.get(position, {}) for position in positions])
    for check, values in _values(connection, run_id, first, last).items():
        columns[f"score.{check}"] = list(map(values.get, positions))
    return _Chunk(columns, inputs, [])


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _part(chosen: sa.Select[Any], wanted: Sequence[int] | None, after: int, limit: int) -> sa.Select[Any]:
    if wanted is None:
        return chosen.where(cells.c.position > after).limit(limit)
    start = bisect_right(wanted, after)
    return chosen.where(cells.c.position.in_(wanted[start : start + limit]))


def _chosen(run_id: str) -> sa.Select[Any]:
    """Columns for _NAMES, then `reused`, when the reply was made, and the case's position."""
    columns = [*(cells.c[name] for name in _CELL_COLUMNS), cells.c.model, *(replies.c[name] for name in _REPLY_COLUMNS)]
    return (
        sa.select(
            *columns, replies.c.text, replies.c.request, replies.c.batch, replies.c.honoured,
            cells.c.reused, replies.c.created, cells.c.case_position,
        )
        .select_from(cells.outerjoin(replies, cells.c.reply_id == replies.c.id))
        .where(cells.c.run_id == run_id)
        .order_by(cells.c.position)
    )  # fmt: skip


def _get_to_know(connection: sa.Connection, run_id: str, wanted: set[int], known: _Known) -> None:
    """Adds id, expected and inputs of these cases; forgets the others when they are many."""
    if len(known) > _KEPT_CASES:
        known.clear()
    if new := wanted - known.keys():
        for case in connection.execute(sa.select(cases).where(cases.c.run_id == run_id, cases.c.position.in_(new))):
            inputs = {f"var.{name}": value for name, value in json.loads(case.inputs).items()}
            known[case.position] = (case.case_id, case.expected, inputs)


def _explained(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, dict[str, Any]]:
    """By position: the entries of its scores."""
    chosen = sa.select(*(scores.c[name] for name in ("position", "check", "value", "explanation", "passed", "failed")))
    mine = (scores.c.run_id == run_id) & scores.c.position.between(first, last)
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for position, check, value, why, passed, failed in _tuples(connection, chosen.where(mine)):
        entries = found[position]
        entries[f"score.{check}"], entries[f"explain.{check}"], entries[f"failed.{check}"] = value, why, bool(failed)
        entries[f"passed.{check}"] = None if passed is None else bool(passed)
    return found


def _values(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[str, dict[int, float | None]]:
    """By check, then by position: its scores."""
    mine = (scores.c.run_id == run_id) & scores.c.position.between(first, last)
    found: dict[str, dict[int, float | None]] = defaultdict(dict)
    for position, check, value in _tuples(
        connection, sa.select(scores.c.position, scores.c.check, scores.c.value).where(mine)
    ):
        found[check][position] = value
    return found


def alike(database: Database, run_id: str) -> dict[str, list[Alike]]:
    """By ENDPOINT/MODEL and for each temperature that went on the wire: the cases with three samples or more, and how
    many of these have the very same text in all of them."""
    group = [cells.c[name] for name in (
        "endpoint", "model", "temperature_sent", "prompt", "prompt_version", "technique", "case_position"
    )]  # fmt: skip
    texts = sa.func.count(replies.c.text.distinct())
    mine = (cells.c.run_id == run_id) & cells.c.temperature_sent.is_not(None)
    asked = sa.select(*group[:3], texts.label("texts")).select_from(
        cells.join(replies, cells.c.reply_id == replies.c.id)
    )
    per_case = asked.where(mine).group_by(*group).having(sa.func.count() >= _ENOUGH_SAMPLES).subquery()
    same = sa.func.sum(sa.case((per_case.c.texts == 1, 1), else_=0))
    columns = [per_case.c[name] for name in ("endpoint", "model", "temperature_sent")]
    found: dict[str, list[Alike]] = defaultdict(list)
    with database.read() as connection:
        for row in connection.execute(sa.select(*columns, sa.func.count(), same).group_by(*columns)):
            found[f"{row[0]}/{row[1]}"].append(Alike(row[2], row[3], row[4]))
    return found


Stamp = tuple[Any, ...]

_PRIME, _STEP = 1_000_003, 7_919
_MANY_STAMPS = 100
_stamps: dict[tuple[Path, str], tuple[object, Stamp]] = {}


def stamp(database: Database, run_id: str) -> Stamp:
    """Changes whenever a result of the run, a score or a rating does. Asked of the database only when that changed."""
    version, key = database.version(), (database.path, run_id)
    known = _stamps.get(key)
    if known is not None and known[0] == version:
        return known[1]
    with database.read() as connection:
        found = stamp_in(connection, run_id)
    if len(_stamps) >= _MANY_STAMPS:
        _stamps.clear()
    _stamps[key] = version, found
    return found


def stamp_in(connection: sa.Connection, run_id: str) -> Stamp:
    """As `stamp`, of what this connection sees."""
    count, check = sa.func.count(), scores.c.check
    # Scores are replaced by others: each value has a weight of its own, so that two that change places are seen.
    weight = 1 + (scores.c.position * _STEP) % _PRIME
    values = sa.func.sum((sa.func.coalesce(scores.c.value, -1.0) + 2.0) * weight)
    failed = sa.func.sum(sa.case((scores.c.failed, weight), else_=0))
    asked = [
        sa.select(cells.c.status, count).where(cells.c.run_id == run_id).group_by(cells.c.status),
        sa.select(count, sa.func.max(attempts.c.id)).where(attempts.c.run_id == run_id),
        # Which checks there are is in the plan too; to count each by itself would take twice as long.
        sa.select(runs.c.plan).where(runs.c.id == run_id),
        sa.select(count, sa.func.min(check), sa.func.max(check), values, failed).where(scores.c.run_id == run_id),
        sa.select(count, sa.func.max(ratings_table.c.updated)).where(ratings_table.c.run_id == run_id),
    ]
    return tuple(tuple(row) for chosen in asked for row in connection.execute(chosen))


def parameter_notes(database: Database, run_id: str) -> list[tuple[str, int]]:
    """What is to be said of parameters that were not sent as asked, with how many cells it is said of."""
    mine = (cells.c.run_id == run_id) & (cells.c.parameter_note != "")
    chosen = sa.select(cells.c.parameter_note, sa.func.count()).where(mine).group_by(cells.c.parameter_note)
    with database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(chosen.order_by(sa.func.count().desc()))]


def columns_of(database: Database, run_id: str) -> tuple[list[str], list[str]]:
    """The names of the run's variables and of its checks, for the header of a results file."""
    checks: list[str] = []
    with database.read() as connection:
        names: dict[str, None] = {}
        for inputs in connection.scalars(sa.select(cases.c.inputs).where(cases.c.run_id == run_id)):
            names.update(dict.fromkeys(json.loads(inputs)))
        another = sa.select(scores.c.check).where(scores.c.run_id == run_id).limit(1)
        # One by one: to sort all scores into DISTINCT takes five times as long as to look once that there is no other.
        while (check := connection.scalar(another.where(scores.c.check.not_in(checks)))) is not None:
            checks.append(check)
    return list(names), sorted(checks)
