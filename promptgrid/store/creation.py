"""Creates a run from a plan, with its cases and cells, and adds cells to an existing run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, count, islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from promptgrid.cases.own_checks import checks_text
from promptgrid.cases.table import Case
from promptgrid.compact import NumberMap, Packed
from promptgrid.errors import PlanError
from promptgrid.grid import Decided, Plan
from promptgrid.grid.planned_points import PlannedPoint
from promptgrid.humanize import many
from promptgrid.store import runs as runs_store
from promptgrid.store.across.parts import record_opening
from promptgrid.store.commits import CellName
from promptgrid.store.database import Database, now, one_behind, storable, write_many
from promptgrid.store.dialects.backend import Backend, backend_of
from promptgrid.store.documents.retrieved import ContextsByCase, contexts_of, insert_contexts
from promptgrid.store.plans import decided_json, keep_version, plan_json
from promptgrid.store.schema import cases, cells, replies, runs

_INSERT_ROWS = 4000
_64_BITS = 2**64 - 1
_INSERT_CASE, _INSERT_CELL = cases.insert(), cells.insert()
_NAMES = list(cells.c.keys())
_PLANNED = _NAMES[: _NAMES.index("status")]  # the columns that planning fills; the later ones come with the reply


_OWN = ("position", "case_position", "key", "prompt_tokens_counted")
_SHARED = [name for name in (*_PLANNED, "status", "error", "error_kind") if name not in (*_OWN, "sample")]
_POINTS = 200  # a statement: some builds of SQLite allow 999 variables, and a point takes 4


@cache
def _insert_points(backend: Backend, count: int) -> str:
    """Returns the statement that inserts the cells of all samples of `count` points. SQLite counts the samples, which
    takes a fifth of the time of a row for each; the whole statement runs without Python's lock. Its parameters are the
    number of samples, the values of `_SHARED`, and for each point those of `_OWN` in its first sample's cell."""
    mark = {name: backend.parameter(cells.c[name]) for name in _NAMES}
    shared = ", ".join(f"{mark[name]} + number" if name == "seed" else mark[name] for name in _SHARED)
    point = f"({', '.join(mark[name] for name in _OWN)})"
    return (
        "WITH RECURSIVE numbers (number) AS"
        f" (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < {mark['sample']})"
        f" INSERT INTO cells ({', '.join([*_SHARED, *_OWN, 'sample'])})"
        f" SELECT {shared}, column1 + number, column2, column3, column4, number"
        f" FROM (VALUES {', '.join([point] * count)}) AS points CROSS JOIN numbers"
    )


def create_run(
    database: Database,
    plan: Plan,
    decided: Decided,
    planned: Iterable[PlannedPoint],
    *,
    ready: Callable[[str], object] = lambda run_id: None,
    fair_for: str = "",
) -> str:
    """Stores a run with a cell for each sample of the planned points, queues it and returns its id. `decided` has the
    parameters that are sent to each model with each prompt version. `ready` is called with the run's id just before the
    run is queued; if it raises, the run is removed. `fair_for` is that of RunInfo.

    Rows are written in chunks while `planned` is read, so that other writers do not wait long and memory does not grow
    with the grid. Until all are written, the run's status is `planning` and the run is not listed.
    """
    run_id = secrets.token_hex(4)
    row: dict[str, Any] = {
        "id": run_id,
        "name": storable(plan.name or plan.usual_name),
        "status": "planning",
        "plan": plan_json(plan),
        "decided": decided_json(decided),
        "created": now(),
        "total": 0,
        "fair_for": fair_for,
    }
    # Planning renders templates and asks endpoints for token counts: do it outside the write lock.
    lots = _lots(run_id, plan, planned)
    first = next(lots, ([], {}))
    with database.write() as connection:
        connection.execute(runs.insert(), row)
        insert_plan_parts(connection, run_id, plan)
        record_opening(connection, run_id, plan)
    try:
        total = _insert_cells(database, run_id, plan.samples, chain([first], lots)) * plan.samples
        ready(run_id)
    except BaseException:
        runs_store.forget(database, run_id)
        raise
    with database.write() as connection:
        connection.execute(runs.update().where(runs.c.id == run_id).values(total=total, status="queued"))
    return run_id


def insert_plan_parts(connection: sa.Connection, run_id: str, plan: Plan) -> None:
    """Inserts the run's cases and every prompt version that is not stored yet."""
    _insert_cases(connection, run_id, enumerate(plan.cases))
    for prompt in plan.prompts:
        keep_version(connection, prompt)


def _insert_cases(connection: sa.Connection, run_id: str, numbered: Iterable[tuple[int, Case]]) -> None:
    """Inserts cases, each given as (its position in the run, the case)."""
    rows = (
        {
            "run_id": run_id,
            "position": i,
            "case_id": case.id,
            "inputs": json.dumps(dict(case.inputs)),
            "expected": None if case.expected is None else storable(case.expected),
            "part": case.part,
            "checks": storable(checks_text(case.checks)),
        }
        for i, case in numbered
    )
    while lot := list(islice(rows, _INSERT_ROWS)):
        write_many(connection, _INSERT_CASE, lot)


_Lot = tuple[list[tuple[Sequence[Any], list[Any]]], ContextsByCase]
"""Planned points in groups, each with the values of `_SHARED`, and those of `_OWN` of all its points one after another;
and what was retrieved for them."""


def _lots(run_id: str, plan: Plan, planned: Iterable[PlannedPoint]) -> Iterator[_Lot]:
    """Yields the points, as many at a time as are written at once. The points of a group have equal columns but for
    those in `_OWN`."""
    placed = zip(count(0, plan.samples), planned, strict=False)
    while lot := list(islice(placed, max(1, _INSERT_ROWS // plan.samples))):
        groups: dict[object, tuple[Sequence[Any], list[Any]]] = {}
        for position, one in lot:
            point = one.point
            which = point.technique, point.model_ref, point.context.id, point.shown
            like = (id(point.prompt), id(point.variant), which, one.too_long)  # both are held by the plan
            if like not in groups:
                groups[like] = list(map(_point_row(run_id, one).__getitem__, _SHARED)), []
            groups[like][1].extend((position, point.case_position, point.key, one.count.tokens))
        yield list(groups.values()), contexts_of(one.point for _, one in lot)


def _insert_cells(database: Database, run_id: str, samples: int, lots: Iterable[_Lot]) -> int:
    """Inserts the cells of all samples of the points, and returns the number of points."""
    size = len(_OWN) * _POINTS

    def write(lot: _Lot) -> int:
        with database.write() as connection:
            for shared, own in lot[0]:
                for values in (own[start : start + size] for start in range(0, len(own), size)):
                    insert = _insert_points(backend_of(connection), len(values) // len(_OWN))
                    connection.exec_driver_sql(insert, (samples, *shared, *values))
            insert_contexts(connection, run_id, lot[1])
        return sum(len(own) for _, own in lot[0]) // len(_OWN)

    return sum(one_behind(write, lots))


def extend_run(
    database: Database,
    run_id: str,
    before: str,
    plan: Plan,
    decided: Decided,
    planned: Iterable[PlannedPoint],
    *,
    again: bool = True,
) -> int:
    """Gives a run that is not active the wider `plan`, adds the cases and cells that it lacks, and queues the run, with
    `again` also its failed and cancelled cells. `planned` are the points of the wider plan, or those of its new cases;
    `decided` are the parameters that are sent to each model with each prompt version.

    Returns the number of new cells; when it is 0, the run is unchanged. Raises PlanError if the run's stored plan
    differs from `before` (see `plans.planned_as`), or the run is active.
    """
    with database.read() as connection:
        names = [cells.c[name] for name in CellName._fields]
        known = NumberMap()
        for name in connection.execute(sa.select(*names).where(cells.c.run_id == run_id)):
            known.add(hash(tuple(name)) & _64_BITS)
    name_of = itemgetter(*CellName._fields)
    contexts: ContextsByCase = {}
    rows = _cell_rows(run_id, plan, planned, contexts)
    new = Packed(row for row in rows if known.get(hash(name_of(row)) & _64_BITS) is None)
    if new:
        with database.write() as connection:
            columns = {"plan": plan_json(plan), "decided": decided_json(decided), "total": runs.c.total + len(new)}
            runs_store.replace_plan(connection, run_id, before, **columns)
            runs_store.queue(connection, run_id, again=again)
            stored = connection.scalar(sa.select(sa.func.count()).where(cases.c.run_id == run_id)) or 0
            if len(plan.cases) > stored:
                _insert_cases(connection, run_id, islice(enumerate(plan.cases), stored, None))
            record_opening(connection, run_id, plan)
            numbered = zip(count(_next_position(connection, run_id)), new, strict=False)
            insert_contexts(connection, run_id, contexts)
            placed = ({**row, "position": position} for position, row in numbered)
            while lot := list(islice(placed, _INSERT_ROWS)):
                write_many(connection, _INSERT_CELL, lot)
    return len(new)


def add_sample(database: Database, run_id: str, position: int) -> int:
    """Adds to the run one more sample of the case and variant of the cell at `position`, and queues the run. The number
    of the sample is one that no stored reply has, so that its reply is a new one; all earlier replies stay. A cell
    without a reply becomes pending itself instead. Returns the position of the cell that will be sent.

    Raises PlanError if the run is active or has other pending cells, or the prompt is too long to be sent.
    """
    mine = cells.c.run_id == run_id
    with database.write() as connection:
        _check_idle(connection, run_id)
        cell = connection.execute(sa.select(cells).where(mine, cells.c.position == position)).mappings().first()
        if cell is None or cell["status"] == "too_long":
            raise PlanError("This cell cannot be sent.", hint=cell["error"] if cell else "It was removed.")
        if cell["reply_id"] is None:
            connection.execute(cells.update().where(mine, cells.c.position == position).values(runs_store.PENDING))
        else:
            sample, at = _next_sample(connection, run_id, cell["key"]), _next_position(connection, run_id)
            seed = None if cell["seed"] is None else cell["seed"] - cell["sample"] + sample
            planned = {name: cell[name] for name in _PLANNED}
            row = planned | {"position": at, "sample": sample, "seed": seed, **runs_store.PENDING}
            connection.execute(_INSERT_CELL, row)
            connection.execute(runs.update().where(runs.c.id == run_id).values(total=runs.c.total + 1))
            position = at
        runs_store.queue(connection, run_id, again=False)
    return position


def require_idle(database: Database, run_id: str) -> None:
    """Raises PlanError if the run is active, or has pending cells."""
    with database.read() as connection:
        _check_idle(connection, run_id)


def _check_idle(connection: sa.Connection, run_id: str) -> None:
    status = connection.scalar(sa.select(runs.c.status).where(runs.c.id == run_id))
    if status in runs_store.ACTIVE:
        raise PlanError(f"Run {run_id} is still {status}.", hint="Pause it, or wait until it is done.")
    waiting = (cells.c.run_id == run_id) & (cells.c.status == "pending")
    if count := connection.scalar(sa.select(sa.func.count()).where(waiting)):
        raise PlanError(f"Run {run_id} has {many(count, 'pending cell')}.", hint="Resume it first, or cancel it.")


def _next_sample(connection: sa.Connection, run_id: str, key: str) -> int:
    """Returns the lowest sample number above all that stored replies of this key, or cells of the run, have."""
    of_cells = sa.select(sa.func.max(cells.c.sample)).where(cells.c.run_id == run_id, cells.c.key == key)
    of_replies = sa.select(sa.func.max(replies.c.sample)).where(replies.c.key == key)
    return 1 + max(connection.scalar(query) or 0 for query in (of_cells, of_replies))


def _next_position(connection: sa.Connection, run_id: str) -> int:
    last = connection.scalar(sa.select(sa.func.max(cells.c.position)).where(cells.c.run_id == run_id))
    return 0 if last is None else last + 1


def _cell_rows(
    run_id: str, plan: Plan, planned: Iterable[PlannedPoint], contexts: ContextsByCase
) -> Iterator[dict[str, Any]]:
    """Yields the row of each cell, and adds what was retrieved for it to `contexts`."""
    positions = count()
    for one in planned:
        contexts |= contexts_of([one.point])
        row = _point_row(run_id, one)
        seed = row["seed"]
        for sample in range(plan.samples):
            own = {"position": next(positions), "sample": sample, "seed": None if seed is None else seed + sample}
            yield {**row, **own}


def _point_row(run_id: str, planned: PlannedPoint) -> dict[str, Any]:
    """Returns the columns that the cells of all samples of a planned point have in common."""
    point, tokens, error = planned.point, planned.count.tokens, planned.too_long
    return {
        "run_id": run_id,
        "case_position": point.case_position,
        "prompt": point.prompt.name,
        "prompt_version": point.prompt.version,
        "technique": point.technique,
        "examples_k": point.examples_k,
        "examples": point.shown.text if point.shown else "",
        "endpoint": point.endpoint,
        "model": point.model,
        "parameter_note": point.variant.note,
        "retrieval": point.context.id,
        **point.parameter_columns,
        "key": point.key,
        "prompt_tokens_counted": tokens,
        "context_limit": planned.limit,
        "status": "too_long" if error else "pending",
        "error": error,
        "error_kind": "too_long" if error else "",
    }
