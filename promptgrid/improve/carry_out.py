"""Carries a search out: each question is an ordinary run of the store. What is answered is never paid again, so the
same command goes on where a killed one was.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from promptgrid.budget import Budget, Cost, parse_budget
from promptgrid.cases.parts import content_digest
from promptgrid.cases.table import Case
from promptgrid.errors import PlanError
from promptgrid.grid import Plan
from promptgrid.improve.candidates import Candidate, CandidateScores, CaseResult, ScoreAsk, WriteAsk, WriterReplies
from promptgrid.improve.draft import draft_plan, drafted
from promptgrid.improve.preflight import ImproveSettings, score_plan, task_of, write_plan
from promptgrid.improve.search import Improved, ImproveTask, search
from promptgrid.prompt import Prompt
from promptgrid.runner import client, here
from promptgrid.runner.process import ensure_runner
from promptgrid.store import Database, attempts, results, runs
from promptgrid.store.across.parts import openings_of
from promptgrid.store.results import ResultRow
from promptgrid.store.runs import ACTIVE, RunProgress

OnStep = Callable[[str, RunProgress], object]
"""Called about once a second with the step that is carried out and the progress of its run."""


@dataclass(frozen=True)
class ImproveReport:
    """What a search found and cost. `look` is how often *prove* was opened for this prompt, this time included;
    `prompt_tokens` and `cost_usd` are the means of a call with the original and with the chosen one (None: not
    known)."""

    found: Improved
    spent: Cost
    look: int
    prompt_tokens: tuple[float | None, float | None]
    cost_usd: tuple[float | None, float | None]


def improve(
    database: Database, settings: ImproveSettings, *, on_step: OnStep = lambda step, progress: None
) -> ImproveReport:
    """Searches for a better prompt in this process, and returns the report. Begun again with the same settings, it goes
    on where it was killed. Raises as `task_of` does, and PlanError if the budget ends before the proof."""

    def carry(step: str, run_id: str) -> None:
        with here.carried_out_here(database, run_id) as watch:
            for _, progress in here.follow(database, run_id, watch):
                on_step(step, progress)

    return _searched(database, settings, carry)


def draft(
    database: Database, name: str, description: str, cases: Sequence[Case], writer: str, budget: str = ""
) -> Prompt:
    """Returns a prompt for the task described, drafted by the writer in this process; it is not saved. Raises as
    `draft_plan` and `drafted`, and PlanError if the call fails."""
    run_id = client.submit(database, draft_plan(description, cases, writer, budget))
    with here.carried_out_here(database, run_id) as watch:
        for _ in here.follow(database, run_id, watch):
            pass
    row = next(results.result_rows(database, run_id))
    if row.status != "answered":
        raise PlanError(f"Nothing was drafted: {row.error or row.status}.", hint="Begin it again.")
    return drafted(name, description, cases, row.output or "")


@dataclass(frozen=True)
class SearchStep:
    """The step of a search that a runner is carrying out, by the run `run_id`; `done` steps are done."""

    step: str
    run_id: str
    done: int


def advance(database: Database, settings: ImproveSettings, *, again: bool = False) -> ImproveReport | SearchStep:
    """Brings the search one step on, for a page: leaves the step to the runner process and returns it, or returns the
    report if no step is left. Nothing is asked twice, so it may be called as often as the page is drawn. With `again`,
    a step that was cancelled or has stopped is gone on with. Raises as `improve` does, and PlanError for such a step
    without `again`."""

    def carry(step: str, run_id: str) -> None:
        ensure_runner()
        raise _Waits(step, run_id)

    try:
        return _searched(database, settings, carry, again=again)
    except _Waits as waits:
        return SearchStep(waits.step, waits.run_id, waits.done)


class _Waits(Exception):
    def __init__(self, step: str, run_id: str) -> None:
        self.step, self.run_id, self.done = step, run_id, 0


def _searched(
    database: Database, settings: ImproveSettings, carry: Callable[[str, str], None], *, again: bool = True
) -> ImproveReport:
    task, _ = task_of(database, settings)
    work = _Work(database, settings, task, carry, again)
    going = search(task, look=work.look)
    ask = next(going)
    while True:
        try:
            ask = going.send(work.scored(ask) if isinstance(ask, ScoreAsk) else work.written(ask))
        except StopIteration as end:
            return work.report(end.value)
        except _Waits as waits:
            waits.done = work.done
            raise


@dataclass
class _Work:
    """The runs of one search: those of an earlier process with the same settings are gone on with."""

    database: Database
    settings: ImproveSettings
    task: ImproveTask
    carry: Callable[[str, str], None]
    again: bool
    done: int = 0
    rows: defaultdict[int, list[ResultRow]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._name = f"improve {self.settings.prompt.name[:40]} {_digest(self.settings, self.task)}"
        named = (info for info in runs.list_runs(self.database, limit=100_000) if info.name.startswith(self._name))
        self._runs = {info.name: info.id for info in named}
        opened = any(": prove" in name for name in self._runs)
        count = openings_of(self.database, [self.settings.prompt.name])[self.settings.prompt.name]
        self.look = max(1, count if opened else count + 1)

    def scored(self, ask: ScoreAsk) -> CandidateScores:
        by_technique = defaultdict[str, list[Candidate]](list)
        for one in ask.candidates:
            by_technique[one.technique].append(one)
        found: dict[tuple[int, str], CaseResult] = {}
        for technique, candidates in by_technique.items():
            prompts = [one.prompt for one in candidates]
            plan = score_plan(self.settings, technique, prompts, ask.cases, ask.samples)
            number_of = {one.prompt.version: one.number for one in candidates}
            grouped = defaultdict[tuple[int, str], list[ResultRow]](list)
            for row in self._carried_out(f"{ask.step}, {technique}", plan):
                number = number_of[row.prompt_version]
                grouped[number, row.case_id].append(row)
                self.rows[number].append(row)
            found |= {key: _result(rows) for key, rows in grouped.items()}
        return found

    def written(self, ask: WriteAsk) -> WriterReplies:
        rows = self._carried_out(ask.step, write_plan(self.settings, ask.requests))
        replies = {row.case_id: row.output for row in rows if row.status == "answered"}
        return [replies.get(str(at)) for at in range(1, len(ask.requests) + 1)]

    def report(self, found: Improved) -> ImproveReport:
        both = (self.rows[0], self.rows[found.chosen.number])
        tokens = tuple(_mean([row.prompt_tokens for row in rows]) for rows in both)
        costs = tuple(_mean([row.cost_usd for row in rows]) for rows in both)
        return ImproveReport(found, self._spent(), self.look, (tokens[0], tokens[1]), (costs[0], costs[1]))

    def _spent(self) -> Cost:
        costs = [attempts.spent(self.database, run_id) for run_id in self._runs.values()]
        return Cost(
            sum(one.usd or 0.0 for one in costs), sum(one.tokens or 0 for one in costs), sum(one.calls for one in costs)
        )

    def _carried_out(self, step: str, plan: Plan) -> list[ResultRow]:
        """Returns the rows of the run that answers this step, after it has ended. Raises PlanError if it could not."""
        name = f"{self._name}: {step}"
        run_id = self._runs.get(name, "")
        status = runs.find_run(self.database, run_id).status if run_id else ""
        if status != "finished":
            if not run_id or (self.again and status not in ACTIVE):
                run_id = self._begun(name, run_id, plan)
                self._runs[name], status = run_id, "queued"
            if status in ACTIVE:
                self.carry(step, run_id)
            info = runs.find_run(self.database, run_id)
            if info.status != "finished":
                raise PlanError(
                    f"The search has stopped at {step}: {info.message or info.status}",
                    hint="Begin it again to go on; with a larger budget, what is answered is not asked again.",
                )
        self.done += 1
        return list(results.result_rows(self.database, run_id))

    def _begun(self, name: str, run_id: str, plan: Plan) -> str:
        budget = parse_budget(self.settings.budget)
        assert budget is not None  # task_of has refused none
        mine = attempts.spent(self.database, run_id) if run_id else Cost(0.0, 0, 0)
        left = budget.amount - _in_unit(self._spent(), budget) + _in_unit(mine, budget)
        if left <= 0:
            raise PlanError(
                f"The budget of {budget} is spent before the proof.", hint="Give a larger one: nothing is paid again."
            )
        limit = f"{left:.8f}{budget.unit}"
        if not run_id:
            return client.submit(self.database, replace(plan, name=name, budget=limit))
        runs.set_limits(self.database, run_id, budget=limit)
        runs.ask(self.database, run_id, "resume")
        return run_id


def _in_unit(cost: Cost, budget: Budget) -> float:
    return float({"usd": cost.usd, "tok": cost.tokens, "calls": cost.calls}[budget.unit] or 0.0)


def _result(rows: Sequence[ResultRow]) -> CaseResult:
    """Returns the result of the samples of one candidate on one case."""
    scores = [score for row in rows if (score := _score(row)) is not None]
    worst = min(rows, key=lambda row: 1.0 if (score := _score(row)) is None else score)
    why = "; ".join(one.explanation for one in worst.scores.values() if one.value != 1 and one.explanation)
    unread = any(row.status == "answered" and row.answer is None for row in rows)
    return CaseResult(fmean(scores) if scores else None, worst.output or "", why or worst.answer_note, not unread)


def _score(row: ResultRow) -> float | None:
    """Returns the mean of the row's scores. A reply without a readable answer has 0, where a right one is known; a call
    that failed has none."""
    if row.status != "answered":
        return None
    values = [one.value for one in row.scores.values() if one.value is not None and not one.failed]
    if row.answer is None and row.expected is not None:
        values += [0.0 for one in row.scores.values() if one.value is None and not one.failed]
    return fmean(values) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _digest(settings: ImproveSettings, task: ImproveTask) -> str:
    """Returns a name that the same search has again: of all that decides what it asks."""
    parts = [
        settings.prompt.version, settings.technique, settings.model, settings.writer,
        "usual" if settings.checks is None else str([*map(str, settings.checks)]),
        str([(content_digest(case), case.expected) for case in settings.cases]), settings.group,
        str((task.candidates, task.samples, settings.seed)),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
