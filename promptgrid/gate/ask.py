"""Gates over a run of the database: understood before anything is sent, asked when the run has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.compare.verdicts import Verdict, verdicts
from promptgrid.gate.measure import all_answered, min_score
from promptgrid.gate.results import GateResult, MinScore, ask_known, parse_min_score
from promptgrid.grid import Plan
from promptgrid.store import Database, runs


@dataclass(frozen=True, slots=True)
class Gates:
    """What a run must reach. That every cell is answered is always asked."""

    min_scores: tuple[MinScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The gates' results, and the verdicts that they and a test report are made of."""

    results: Sequence[GateResult]
    verdicts: Sequence[Verdict]

    @property
    def held(self) -> bool:
        """All gates."""
        return all(result.held for result in self.results)


def gates_for(plan: Plan, min_scores: Sequence[str] = (), *, confident: bool = False) -> Gates:
    """Gates for a run of this plan, `min_scores` as in `label=0.9`. Raises GateError for what it could never answer."""
    found = tuple(parse_min_score(text, confident=confident) for text in min_scores)
    ask_known(found, list(dict.fromkeys(check.name for p in plan.prompts for check in plan.checks_for(p))))
    return Gates(found)


def ask(database: Database, run_id: str, gates: Gates) -> Asked:
    """Measures every gate. Raises StoreError when the run is gone."""
    judged = verdicts(database, run_id)
    results = [all_answered(runs.progress(database, run_id).by_status, judged)]
    for gate in gates.min_scores:
        results += min_score(gate, judged)
    return Asked(results, judged)
