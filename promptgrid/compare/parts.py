"""Restricts the facts and the votes of a run to the cases of one part (learn, choose or prove), or to one check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from promptgrid.compare.facts import Facts, facts
from promptgrid.errors import CompareError
from promptgrid.store import Database, votes
from promptgrid.store.across.parts import parts_of_run
from promptgrid.store.votes import Vote


def part_facts(database: Database, run_id: str, part: str = "") -> Facts:
    """Returns the current facts of the run (see `facts`): of all its cells, or with `part` only of those whose case
    belongs to that part. Raises CompareError if no case of the run does, StoreError when the run no longer exists."""
    columns = facts(database, run_id)
    if not part:
        return columns
    positions = parts_of_run(database, run_id)
    if part not in positions:
        there = ", ".join(positions) or "none: it is older than parts"
        raise CompareError(f"Run {run_id} has no case of the part {part!r}.", hint=f"Its parts are {there}.")
    return of_cases(columns, positions[part], part)


def of_cases(facts: Facts, cases: Sequence[int], name: str) -> Facts:
    """Returns the facts of the cells of these cases only (indices in `case_ids`). `name` distinguishes this selection
    from others of the same run in caches."""
    mine = np.isin(facts.case, np.array(cases, dtype=np.int32))
    arrays = {one.name: getattr(facts, one.name) for one in fields(facts)}
    cut: dict[str, Any] = {key: array[mine] for key, array in arrays.items() if isinstance(array, np.ndarray)}
    return replace(facts, stamp=(*facts.stamp, name), _results={}, **cut)


def by_check(facts: Facts, check: str) -> Facts:
    """Returns the facts with the scores of this check alone as the scores of the cells; "" is the mean over all checks.
    Raises CompareError if the run has no score by the check."""
    if check and check not in facts.checks:
        there = ", ".join(facts.checks) or "none"
        raise CompareError(f"Run {facts.run_id} has no score by a check {check!r}.", hint=f"Its checks are {there}.")
    return replace(facts, stamp=(*facts.stamp, "check", check), check=check, _results={})


def part_votes(database: Database, run_id: str, part: str = "") -> list[Vote]:
    """Returns the votes on the run's replies, oldest first; with `part`, only those on the cases of that part. Raises
    CompareError if no case of the run belongs to it."""
    listed = votes.listed(database, run_id)
    if not part:
        return listed
    here = frozenset(part_facts(database, run_id, part).position.tolist())
    return [vote for vote in listed if vote.left_position in here]
