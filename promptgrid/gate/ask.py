"""Checks gates for validity before a run, and measures them on the run afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid.compare.facts import STATUSES, Facts
from promptgrid.compare.parts import part_facts
from promptgrid.compare.verdicts import CheckVerdict, verdicts
from promptgrid.gate.measure import all_answered, min_score
from promptgrid.gate.results import GateResult, MinScore, ask_known, parse_min_score
from promptgrid.gate.worse import NotWorse, not_worse, parse_not_worse
from promptgrid.grid import Plan
from promptgrid.store import Database


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates (conditions) that a run must meet, in addition to the one that applies to every run: every cell has a
    reply."""

    min_scores: tuple[MinScore, ...] = ()
    not_worse: tuple[NotWorse, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """The results of a run's gates, and the verdicts that `ask` read for them: of all cases, or only of those in which
    some cell has no reply."""

    results: Sequence[GateResult]
    verdicts: Sequence[CheckVerdict]

    @property
    def held(self) -> bool:
        return all(result.held for result in self.results)


def gates_for(
    database: Database,
    plan: Plan,
    *,
    min_scores: Sequence[str] = (),
    confident: bool = False,
    not_worse_than: str = "",
    strict: bool = False,
) -> Gates:
    """Returns the gates for a run of this plan. `min_scores` are texts such as `label=0.9`; with `confident`, the low
    end of the score's 95 % interval must reach them. `not_worse_than` names an earlier run (id, its beginning, or
    `last`), or is `pinned` for each prompt's baseline run; "" adds no such gate. With `strict`, not one case may be
    worse.

    Raises GateError for a check that the run does not have, StoreError for an unknown run.
    """
    least = tuple(parse_min_score(text, confident=confident) for text in min_scores)
    ask_known(least, list(dict.fromkeys([*(check.name for check in plan.all_checks), *plan.own_checks])))
    prompts = dict.fromkeys(prompt.name for prompt in plan.prompts)
    compared = parse_not_worse(database, not_worse_than, prompts, strict=strict) if not_worse_than else ()
    return Gates(least, compared)


def ask(database: Database, run_id: str, gates: Gates, *, report: bool = False, part: str = "") -> GateReport:
    """Checks every gate on the results of a run; with `part`, on those of the cases of that part. With `report`, the
    verdicts cover all these cases, for a test report; otherwise only those that the gates need.

    Raises CompareError if no case belongs to the part, StoreError when the run, or a run that it is compared with, no
    longer exists.
    """
    columns = part_facts(database, run_id, part)
    every = report or bool(gates.min_scores)
    positions = _of_silent_cases(columns) if not every else columns.position.tolist() if part else None
    judged = verdicts(database, run_id, positions)
    results = [all_answered(Counter(STATUSES[status] for status in columns.status.tolist()), judged)]
    for least in gates.min_scores:
        results += min_score(least, judged)
    for compared in gates.not_worse:
        results += not_worse(database, run_id, compared, families=len(gates.not_worse), part=part)
    return GateReport(results, judged)


def _of_silent_cases(columns: Facts) -> list[int]:
    """Returns the positions of all cells of the cases in which some cell has no reply: the verdicts of these cases are
    all that the gate on replies needs."""
    silent = np.isin(columns.case, columns.case[~columns.answered])
    positions: list[int] = columns.position[silent].tolist()
    return positions
