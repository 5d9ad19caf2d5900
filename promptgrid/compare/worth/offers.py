"""Plans the runs that a fair comparison lacks: self-consistency with as many samples as a technique's tokens buy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from promptgrid import grid
from promptgrid.compare.worth.fair import TECHNIQUE, buys
from promptgrid.compare.worth.figures import Worth
from promptgrid.errors import CompareError
from promptgrid.grid import Plan
from promptgrid.grid.planned_points import plan_points
from promptgrid.humanize import many
from promptgrid.store import Database, runs


def fair_plan(database: Database, run_id: str, worth: Worth) -> Plan:
    """Returns the plan of the run that the fair comparison of this column lacks: the same cases, model, parameters and
    budget, with as many samples of self-consistency as the column's tokens buy. While no such reply tells how many
    tokens it takes, its prompt is counted, and a reply is taken to be as long as the mean reply of the column's calls.

    Raises CompareError if the column has nothing to compare, and for a run whose prompt is not stored.
    """
    fair = worth.fair
    if fair is None:
        raise CompareError(f"{worth.head.label} has no fair comparison: it makes one call, or mixes variants.")
    plan, variant = runs.plan_of(database, run_id), fair.variant
    prompts = [one for one in plan.prompts if (one.name, one.version) == (variant.prompt, variant.version)]
    values = variant.values
    one = replace(
        plan,
        prompts=tuple(prompts),
        techniques=(TECHNIQUE,),
        models=(variant.model,),
        axes={column: (values[column],) for column in plan.axes},
        samples=1,
        fresh=False,
        name="",
    )
    samples = fair.samples or _estimated(one, worth)
    name = f"{many(samples, 'vote')} for the tokens of {variant.prompt} as {variant.technique}"
    return replace(one, samples=samples, name=name)


def _estimated(plan: Plan, worth: Worth) -> int:
    """Returns how many replies of the plan's points the tokens of the column's cells buy."""
    if worth.completion_tokens is None or worth.prompt_tokens is None or not worth.calls:
        raise CompareError(f"How many tokens {worth.head.label} takes is not known, so nothing can be as much.")
    prompt = float(np.mean([one.count.tokens for one in plan_points(plan, grid.decide(plan))]))
    return buys(worth.prompt_tokens + worth.completion_tokens, prompt + worth.completion_tokens / worth.calls)
