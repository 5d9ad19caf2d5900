"""The scores of one prompt over time: a figure for each run, version and variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from promptgrid.compare.axes import PARAMETER_AXES, value_label
from promptgrid.compare.facts import facts
from promptgrid.compare.summary import VariantSummary, summarise
from promptgrid.compare.views import View
from promptgrid.stats import Interval
from promptgrid.store import Database
from promptgrid.store.across.prompt_runs import runs_of_prompt
from promptgrid.store.runs import RunInfo

MOST_RUNS = 40


@dataclass(frozen=True, slots=True)
class PromptScore:
    """The score of a prompt in one run: of one version, with one technique, model and set of parameters.

    `line` names the technique, model and parameters, which are the same in other runs; `created` is when the run was
    created, in seconds since 1970; `score`, `interval`, `scored` (cases) and `by_check` are those of a
    VariantSummary.
    """

    run_id: str
    run_name: str
    created: float
    version: str
    line: str
    score: float
    interval: Interval | None
    scored: int
    by_check: Mapping[str, tuple[float | None, int]]


def score_history(database: Database, prompt: str, most_runs: int = MOST_RUNS) -> list[PromptScore]:
    """Returns the scores of a prompt, called `prompt`, in the newest `most_runs` runs that have it, the oldest run
    first. Variants without a score and deleted runs are left out. The cases may differ from run to run."""
    history: list[PromptScore] = []
    for info in reversed(runs_of_prompt(database, prompt, most_runs)):
        summaries = summarise(facts(database, info.id), View(only={"prompt": (prompt,)}))
        history += (_score(info, summary, summary.score) for summary in summaries if summary.score is not None)
    return history


def _score(info: RunInfo, summary: VariantSummary, score: float) -> PromptScore:
    values = summary.head.values
    parameters = [value_label(axis, values[axis]) for axis in PARAMETER_AXES if values[axis] is not None]
    return PromptScore(
        run_id=info.id,
        run_name=info.name,
        created=info.created,
        version=str(values["version"]),
        line=" · ".join([str(values["technique"]), *parameters, str(values["model"])]),
        score=score,
        interval=summary.interval,
        scored=summary.scored,
        by_check=summary.by_check,
    )
