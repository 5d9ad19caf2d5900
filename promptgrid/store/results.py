"""Results as rows: every column of the results file (design: one row a cell), streamed in the grid's order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from promptgrid.models.parameters import Alike
from promptgrid.store import ratings
from promptgrid.store.database import Database
from promptgrid.store.schema import attempts, cases, cells, replies, scores
from promptgrid.store.schema import ratings as ratings_table

_CELL_COLUMNS = (
    "run_id", "position", "prompt", "prompt_version", "technique", "examples_k", "endpoint", "temperature",
    "temperature_sent", "parameter_note", "top_p", "max_tokens", "seed", "sample", "prompt_tokens_counted",
    "context_limit", "attempts", "reused", "status", "error", "error_kind", "reasoning", "answer", "answer_note",
    "reply_id",
)  # fmt: skip
_REPLY_COLUMNS = (
    "model_returned", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_usd",
    "latency_ms", "first_token_ms", "finish_reason",
)  # fmt: skip
_CHUNK = 500
_ENOUGH_SAMPLES = 3


def result_rows(database: Database, run_id: str, positions: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
    """One dict a cell, with `var.NAME` and `score.NAME` entries; also `explain.NAME`, `passed.NAME`, `failed.NAME` and
    `batch`, which no file shows. `positions` chooses cells. Memory stays bounded: chunks of the primary key are read.
    """
    with database.read() as connection:
        known_cases = _cases(connection, run_id)
        wanted = None if positions is None else sorted(positions)
        after = -1
        while rows := connection.execute(_chunk(run_id, after, wanted)).all():
            explained = _scores(connection, run_id, rows[0].position, rows[-1].position)
            rated = ratings.summed(connection, run_id, rows[0].position, rows[-1].position)
            for row in rows:
                found = _row(row, known_cases[row.case_position], explained[row.position])
                found["human_score"], found["human_note"] = rated.get(row.position, (None, None))
                yield found
            after = rows[-1].position


_FIGURES = ("position", "prompt", "prompt_version", "technique", "endpoint", "model", "temperature", "status", "answer")
_REPLY_FIGURES = ("prompt_tokens", "completion_tokens", "cost_usd", "latency_ms")
_MANY = 5000


def figure_rows(database: Database, run_id: str) -> Iterator[dict[str, Any]]:
    """As `result_rows`, without the long texts, inputs and explanations: what a summary is made of. Its `case_id` is
    the case's position. Rows that are alike share their `scores`."""
    columns = [*(cells.c[name] for name in _FIGURES), *(replies.c[name] for name in _REPLY_FIGURES)]
    chosen = (
        sa.select(cells.c.case_position.label("case_id"), *columns)
        .select_from(cells.outerjoin(replies, cells.c.reply_id == replies.c.id))
        .where(cells.c.run_id == run_id)
        .order_by(cells.c.position)
    )
    rest: dict[str, Any] = {"output": "", "error": "", "expected": None}
    shared: dict[Any, dict[str, float | None]] = {}
    after = -1
    with database.read() as connection:
        while rows := connection.execute(chosen.where(cells.c.position > after).limit(_MANY)).all():
            scored = _values(connection, run_id, rows[0].position, rows[-1].position)
            for row in rows:
                values = tuple(scored.get(row.position, ()))
                yield {**rest, **row._mapping, "scores": shared.setdefault(values, dict(values))}
            after = rows[-1].position


def _values(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, list[tuple[str, float | None]]]:
    columns = (scores.c.position, scores.c.check, scores.c.value)
    chosen = sa.select(*columns).where(scores.c.run_id == run_id, scores.c.position.between(first, last))
    by_position: dict[int, list[tuple[str, float | None]]] = defaultdict(list)
    for position, check, value in connection.execute(chosen):
        by_position[position].append((check, value))
    return by_position


def _chunk(run_id: str, after: int, wanted: Sequence[int] | None) -> sa.Select[Any]:
    columns = [cells.c[name] for name in _CELL_COLUMNS] + [replies.c[name] for name in _REPLY_COLUMNS]
    chosen = (
        sa.select(
            *columns, cells.c.case_position, cells.c.model.label("model_name"), replies.c.text.label("output"),
            replies.c.request.label("request_json"), replies.c.created, replies.c.batch,
            replies.c.honoured,
        )
        .select_from(cells.outerjoin(replies, cells.c.reply_id == replies.c.id))
        .where(cells.c.run_id == run_id, cells.c.position > after)
        .order_by(cells.c.position)
        .limit(_CHUNK)
    )  # fmt: skip
    if wanted is not None:
        rest = [p for p in wanted if p > after][:_CHUNK]
        chosen = chosen.where(cells.c.position.in_(rest))
    return chosen


def _cases(connection: sa.Connection, run_id: str) -> dict[int, Any]:
    return {row.position: row for row in connection.execute(sa.select(cases).where(cases.c.run_id == run_id))}


def _scores(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, list[Any]]:
    chosen = sa.select(scores).where(scores.c.run_id == run_id, scores.c.position.between(first, last))
    by_position: dict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(chosen):
        by_position[row.position].append(row)
    return by_position


def _row(row: Any, case: Any, scored: Sequence[Any]) -> dict[str, Any]:
    found = dict(row._mapping)
    created = found.pop("created")
    found |= {
        "cell_id": f"{found['run_id']}-{found['position']}",
        "case_id": case.case_id,
        "model": found.pop("model_name"),
        "expected": case.expected,
        "created_utc": created and datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds"),
        **{f"var.{name}": value for name, value in json.loads(case.inputs).items()},
    }
    for score in scored:
        found[f"score.{score.check}"] = score.value
        found[f"passed.{score.check}"] = score.passed
        found[f"explain.{score.check}"] = score.explanation
        found[f"failed.{score.check}"] = score.failed
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


def stamp(database: Database, run_id: str) -> Stamp:
    """Changes whenever a result of the run, a score or a rating does. Cheap to ask."""
    with database.read() as connection:
        return stamp_in(connection, run_id)


def stamp_in(connection: sa.Connection, run_id: str) -> Stamp:
    """As `stamp`, of what this connection sees."""
    count = sa.func.count()
    # Scores are replaced by others: each value has a weight of its own, so that two that change places are seen.
    weight = 1 + (scores.c.position * _STEP) % _PRIME
    values = sa.func.sum((sa.func.coalesce(scores.c.value, -1.0) + 2.0) * weight)
    asked = [
        sa.select(cells.c.status, count).where(cells.c.run_id == run_id).group_by(cells.c.status),
        sa.select(count, sa.func.max(attempts.c.id)).where(attempts.c.run_id == run_id),
        sa.select(scores.c.check, count, values).where(scores.c.run_id == run_id).group_by(scores.c.check),
        sa.select(count, sa.func.max(ratings_table.c.updated)).where(ratings_table.c.run_id == run_id),
    ]
    return tuple(tuple(row) for chosen in asked for row in connection.execute(chosen))


def columns_of(database: Database, run_id: str) -> tuple[list[str], list[str]]:
    """The names of the run's variables and of its checks, for the header of a results file."""
    mine = scores.c.run_id == run_id
    with database.read() as connection:
        names: dict[str, None] = {}
        for inputs in connection.scalars(sa.select(cases.c.inputs).where(cases.c.run_id == run_id)):
            names.update(dict.fromkeys(json.loads(inputs)))
        checks = connection.scalars(sa.select(scores.c.check).where(mine).distinct().order_by(scores.c.check)).all()
    return list(names), list(checks)
