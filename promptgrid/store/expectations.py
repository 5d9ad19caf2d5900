"""Changes what the cases of a run expect, and keeps what they expected before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from promptgrid.errors import PlanError, StoreError
from promptgrid.store.database import Database, now, storable
from promptgrid.store.runs import ACTIVE
from promptgrid.store.schema import cases, cells, expectations, runs, scores


@dataclass(frozen=True, slots=True)
class ExpectedChange:
    """A change of a case's expected answer after the run was planned; None is no expected answer. `changed` is in
    seconds since 1970."""

    before: str | None
    after: str | None
    changed: float


def expected_changes(database: Database, run_id: str) -> dict[str, list[ExpectedChange]]:
    """Returns the changes of each case of the run that has any, by the id of the case, oldest first."""
    of_case = (cases.c.run_id == expectations.c.run_id) & (cases.c.position == expectations.c.case_position)
    columns = (cases.c.case_id, expectations.c.before, expectations.c.after, expectations.c.changed)
    query = sa.select(*columns).join_from(expectations, cases, of_case).where(expectations.c.run_id == run_id)
    by_case: dict[str, list[ExpectedChange]] = defaultdict(list)
    with database.read() as connection:
        for case_id, *change in connection.execute(query.order_by(expectations.c.id)):
            by_case[case_id].append(ExpectedChange(*change))
    return dict(by_case)


def change_expected(database: Database, run_id: str, case_id: str, expected: str | None) -> list[int]:
    """Sets what the case expects (None: nothing) and keeps what it expected before. Removes the scores of the case's
    cells, which were given for the earlier expectation; returns the positions of its answered cells, to be scored anew.
    Nothing changes, and the list is empty, if the case expects that already.

    Raises StoreError if the run has no such case, PlanError if the run is active.
    """
    new = None if expected is None else storable(expected)
    with database.write() as connection:
        position, before = _case(connection, run_id, case_id)
        if before == new:
            return []
        row = {"run_id": run_id, "case_position": position, "before": before, "after": new, "changed": now()}
        connection.execute(expectations.insert(), row)
        return _set(connection, run_id, position, new)


def undo_expected(database: Database, run_id: str, case_id: str) -> list[int]:
    """Undoes the newest change of what the case expects. Returns the positions of its answered cells as
    `change_expected` does; an empty list if there is no change. Raises the same errors."""
    with database.write() as connection:
        position, _ = _case(connection, run_id, case_id)
        mine = (expectations.c.run_id == run_id) & (expectations.c.case_position == position)
        newest = sa.select(expectations.c.id, expectations.c.before).where(mine).order_by(expectations.c.id.desc())
        change = connection.execute(newest.limit(1)).first()
        if change is None:
            return []
        connection.execute(expectations.delete().where(expectations.c.id == change.id))
        return _set(connection, run_id, position, change.before)


def _case(connection: sa.Connection, run_id: str, case_id: str) -> tuple[int, str | None]:
    """Returns (the position of the case, what it expects)."""
    if connection.scalar(sa.select(runs.c.status).where(runs.c.id == run_id)) in ACTIVE:
        raise PlanError(f"Run {run_id} is active.", hint="Pause it, or wait until it is done.")
    query = sa.select(cases.c.position, cases.c.expected)
    row = connection.execute(query.where(cases.c.run_id == run_id, cases.c.case_id == case_id)).first()
    if row is None:
        raise StoreError(f"Run {run_id} has no case {case_id!r}.", hint="It may have been removed.")
    return row.position, row.expected


def _set(connection: sa.Connection, run_id: str, position: int, expected: str | None) -> list[int]:
    mine = (cases.c.run_id == run_id) & (cases.c.position == position)
    connection.execute(cases.update().where(mine).values(expected=expected))
    of_case = (cells.c.run_id == run_id) & (cells.c.case_position == position)
    answered = sa.select(cells.c.position).where(of_case, cells.c.status == "answered").order_by(cells.c.position)
    positions: Sequence[int] = connection.scalars(answered).all()
    for start in range(0, len(positions), 500):  # SQLite allows a limited number of variables
        lot = positions[start : start + 500]
        connection.execute(scores.delete().where(scores.c.run_id == run_id, scores.c.position.in_(lot)))
    return list(positions)
