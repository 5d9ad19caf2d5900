"""Says what a search takes and buys before anything is sent, and makes the plans of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from promptgrid.budget import Budget, BudgetUnit, parse_budget
from promptgrid.cases.table import Case
from promptgrid.errors import CasesError, PlanError
from promptgrid.grading import CheckSpec
from promptgrid.grid import Plan
from promptgrid.grid.estimate import Estimate
from promptgrid.humanize import many
from promptgrid.improve.search import LEARN, ImproveTask
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.across.parts import cases_of_part
from promptgrid.techniques import votes
from promptgrid.tokens import count_text

FEWEST_CASES = 40
"""With fewer cases nothing can be proved."""
FEWEST = 3
"""With fewer candidates a search is not worth its price."""
MOST = 24
"""The most candidates that are tried unless more are asked for."""
PROOF_SAMPLES = 5
_WRITER = Prompt(
    "improve-writer",
    (Message("system", "You write instructions for language models."), Message("user", "{{ request }}")),
)
_TEMPERATURE, _REPLY = 1.0, 400  # of the writer; and the fewest tokens that its reply may have


@dataclass(frozen=True)
class ImproveSettings:
    """What to improve and how: the `prompt`, put by `technique` to `model`; the `writer`, which rewrites it (both
    ENDPOINT/MODEL); the `checks` that score (None: the usual ones); the `budget`, in dollars, tokens or calls, for both
    models; the column `group` of cases that stay together, and the most candidates to try."""

    prompt: Prompt
    cases: Sequence[Case]
    model: str
    writer: str
    budget: str
    technique: str = "zero-shot"
    checks: tuple[CheckSpec, ...] | None = None
    group: str = ""
    most: int = MOST
    seed: int = 0


@dataclass(frozen=True)
class ImprovePreflight:
    """What a search takes at most, in the unit of its budget: `baseline` for the original, `candidate` for each
    candidate, `proof` for the two prompts on *prove*, with `samples` replies to each case. `candidates` is how many the
    budget buys, up to the most that were asked for. `cases` counts those of learn, choose and prove."""

    unit: BudgetUnit
    baseline: float
    candidate: float
    proof: float
    candidates: int
    samples: int
    cases: tuple[int, int, int]

    @property
    def sentence(self) -> str:
        """Says what the budget buys."""
        amounts = [f"{amount:,.4g} {self.unit}" for amount in (self.baseline, self.candidate, self.proof)]
        learn, choose, prove = self.cases
        return (
            f"This budget buys about {many(self.candidates, 'candidate')}: at most {amounts[0]} for the original,"
            f" {amounts[1]} for each candidate and {amounts[2]} for the proof. The writer sees {learn:,} cases,"
            f" {choose:,} choose, and {prove:,} prove."
        )


def task_of(database: Database, settings: ImproveSettings) -> tuple[ImproveTask, ImprovePreflight]:
    """Returns the search that these settings describe, and what it takes; nothing is sent. Raises CasesError if the
    cases are too few to prove anything, PlanError if the budget buys fewer than three candidates or its unit does not
    tell how many."""
    if len(settings.cases) < FEWEST_CASES:
        raise CasesError(
            f"Under {FEWEST_CASES} cases nothing can be proved, and these are {len(settings.cases):,}.",
            hint="Add cases: promptgrid propose FILE --prompt NAME lets a model draft some.",
        )
    learn, choose, prove = (
        cases_of_part(database, settings.cases, group=settings.group, part=part)[0]
        for part in ("learn", "choose", "prove")
    )
    budget = parse_budget(settings.budget)
    if budget is None or budget.unit == "min":
        raise PlanError("A search needs a budget.", hint="Give one in calls, tokens or dollars, such as 1500calls.")
    samples = PROOF_SAMPLES if settings.prompt.parameters.temperature != 0 and not votes(settings.technique) else 1
    plan = score_plan(settings, settings.technique, [settings.prompt], choose, 1)
    writing = write_plan(settings, ["x " * 1_500])
    one_case = _amount(database, replace(plan, fresh=True), budget) / len(choose)
    writer = _amount(database, replace(writing, fresh=True), budget)
    failing = min(LEARN, len(learn))
    baseline, candidate = one_case * (failing + len(choose)), writer + one_case * (failing + len(choose))
    proofs = {count: 2 * count * one_case * len(prove) for count in (1, samples)}
    for count in (samples, 1):
        left = budget.amount - baseline - proofs[count]
        bought = settings.most if candidate <= 0 else min(settings.most, int(left / candidate + 1e-9))
        if bought >= min(settings.most, 2 * FEWEST):  # a sharper proof is worth less than having candidates
            break
    sizes = (len(learn), len(choose), len(prove))
    preflight = ImprovePreflight(budget.unit, baseline, candidate, proofs[count], bought, count, sizes)
    if bought < FEWEST:
        needed = baseline + proofs[1] + FEWEST * candidate
        raise PlanError(
            f"This budget buys {many(max(0, bought), 'candidate')}; under {FEWEST} a search is not worth its price.",
            hint=f"Give at least {needed:,.4g}{budget.unit}.",
        )
    tokens = partial(_tokens, settings.model)
    task = ImproveTask(settings.prompt, settings.technique, learn, choose, prove, bought, tokens, count, settings.seed)
    return task, preflight


def score_plan(
    settings: ImproveSettings, technique: str, prompts: Sequence[Prompt], cases: Sequence[Case], samples: int
) -> Plan:
    return Plan.of(
        prompts=tuple(prompts), cases=cases, models=(settings.model,), techniques=(technique,), checks=settings.checks,
        samples=samples,
    )  # fmt: skip


def write_plan(settings: ImproveSettings, requests: Sequence[str]) -> Plan:
    cases = [Case(str(number), {"request": request}, None) for number, request in enumerate(requests, 1)]
    length = sum(len(message.text) for message in settings.prompt.messages)
    return Plan.of(
        prompts=(_WRITER,), cases=cases, models=(settings.writer,), temperature=_TEMPERATURE,
        max_tokens=max(_REPLY, length),
    )  # fmt: skip


def _amount(database: Database, plan: Plan, budget: Budget) -> float:
    """Returns the most that the plan takes, in the unit of the budget. Raises PlanError if that is not known."""
    whole: Estimate = client.preflight(database, plan).total
    tokens = None if whole.completion_ceiling is None else whole.prompt_tokens + whole.completion_ceiling
    amount = {"usd": whole.cost_ceiling, "tok": tokens, "calls": whole.calls}[budget.unit]
    if amount is None:
        raise PlanError(
            f"What a call costs in {budget.unit} is not known for {' and '.join(plan.models)}.",
            hint="Give the budget in calls, or set max tokens in the prompt.",
        )
    return float(amount)


def _tokens(model: str, text: str) -> int:
    return count_text(text, model).tokens
