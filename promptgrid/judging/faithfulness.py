"""Lets a model judge whether replies state nothing but what the passages in their prompts say, several times each.

The repeats show how far the judge agrees with itself, and ratings by people how far it agrees with them: a share of
faithful replies means little without both. Source: Es et al. 2023, "RAGAS"; the judge's texts are delimited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from promptgrid import connections
from promptgrid.calls.journal import Journal
from promptgrid.calls.shared import shared_by_loop
from promptgrid.documents.evaluation import QUESTION
from promptgrid.documents.gold import GOLD, QUOTE
from promptgrid.errors import PlanError
from promptgrid.grading import CheckSpec
from promptgrid.grading.judge_prompts import boundary, read_mark
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging import session
from promptgrid.judging.model_calls import Judge, JudgeReply, JudgingContext
from promptgrid.judging.rescore import judge_preflight
from promptgrid.judging.session import OnProgress
from promptgrid.prompt import Prompt, loads
from promptgrid.store import Database, drafts, runs, scores
from promptgrid.store.documents.retrieved import RunRetrieval, StoredContexts, retrieval_of_run
from promptgrid.store.scores import Answered

KIND = "faithfulness"
FEWEST, MOST, USUAL = 2, 10, 3
"""The numbers of repeats: one would show no spread."""
_SPEC = CheckSpec(KIND, "judge", {"scale": "pass/fail"})


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """What a judge says of the replies of a run. `verdicts` has, by the position of a cell, whether its reply is
    faithful, once per repeat; None: no verdict could be read."""

    model: str
    repeats: int
    verdicts: Mapping[int, Sequence[bool | None]]


@cache
def faithfulness_prompt() -> Prompt:
    """Returns the judge's prompt, which asks for `Verdict: pass` or `Verdict: fail`."""
    return loads(Path(__file__).with_name("faithfulness.prompty").read_text("utf-8"), KIND)


def stored_faithfulness(database: Database, run_id: str) -> Faithfulness | None:
    """Returns the latest verdicts on the run; None if no judge has been asked."""
    stored = drafts.draft(database, _name(run_id))
    if stored is None:
        return None
    verdicts = {int(position): tuple(repeats) for position, repeats in stored["verdicts"].items()}
    return Faithfulness(stored["model"], stored["repeats"], verdicts)


def faithfulness_preflight(
    database: Database, run_id: str, model: str, repeats: int = USUAL, *, fresh: bool = False
) -> ModelPreflight:
    """Returns the calls, tokens and cost of judging each answered cell whose prompt shows passages, `repeats` times.
    Stored replies of the judge count as answered; with `fresh`, none is reused. Raises PlanError if no cell retrieves,
    for an unknown endpoint, and for a number of repeats outside FEWEST to MOST."""
    retrieval = _checked(database, run_id, model, repeats)
    since = session.since(database, run_id, KIND, _work(model, repeats, fresh), fresh=fresh)
    chunks = ([inputs for _, inputs in chunk] for chunk in _chunks(database, run_id, retrieval))
    return judge_preflight(database, faithfulness_prompt(), model, chunks, since, repeats)


def judge_faithfulness(
    database: Database, run_id: str, model: str, repeats: int = USUAL, *,
    budget: str = "", fresh: bool = False, on_progress: OnProgress = lambda done, total: None,
) -> Faithfulness:  # fmt: skip
    """Asks the model (ENDPOINT/MODEL) `repeats` times of each answered cell whose prompt shows passages, stores its
    verdicts in place of earlier ones, and returns them. `on_progress` is called with the numbers of cells done and in
    all. With `fresh`, stored replies of the judge are not reused.

    Calling it again with the same arguments resumes a session that was stopped or killed. Raises PlanError as
    `faithfulness_preflight`, and BudgetReached when the next call may exceed the budget; earlier verdicts are stored.
    """
    retrieval = _checked(database, run_id, model, repeats)
    with session.start(database, run_id, KIND, _work(model, repeats, fresh), budget=budget, fresh=fresh) as own:

        def task(journal: Journal) -> _FaithfulnessTask:
            judging = JudgingContext(
                database, run_id, connections.connect, shared_by_loop(), own.wall(database), journal,
                retries=runs.plan_of(database, run_id).retries, since=own.since,
            )  # fmt: skip
            return _FaithfulnessTask(judging, retrieval, model, repeats, on_progress)

        return session.run_task(database, run_id, task)


class _FaithfulnessTask:
    def __init__(
        self, judging: JudgingContext, retrieval: RunRetrieval, model: str, repeats: int, on_progress: OnProgress
    ) -> None:
        self._judging, self._retrieval, self._on_progress = judging, retrieval, on_progress
        self._judge = Judge(judging, faithfulness_prompt(), model, repeats=repeats)
        self._model, self._repeats, self._halted = model, repeats, False

    async def run(self) -> Faithfulness:
        database, run_id = self._judging.database, self._judging.run_id
        verdicts: dict[int, Sequence[bool | None]] = {}
        total = len(self._retrieval.of_cell)
        for chunk in _chunks(database, run_id, self._retrieval):
            judged = await self._judge.repeated([inputs for _, inputs in chunk])
            for (position, _), replies in zip(chunk, judged, strict=True):
                if None not in replies:
                    verdicts[position] = tuple(_verdict(reply) for reply in replies if reply is not None)
            self._store(verdicts)
            self._on_progress(len(verdicts), total)
            if self._judge.reached is not None:
                raise self._judge.reached
            if self._halted:
                break
        return Faithfulness(self._model, self._repeats, verdicts)

    def _store(self, verdicts: Mapping[int, Sequence[bool | None]]) -> None:
        value = {"model": self._model, "repeats": self._repeats, "verdicts": verdicts}
        drafts.keep_draft(self._judging.database, _name(self._judging.run_id), value)

    def halt(self) -> None:
        self._halted = True
        self._judge.halt()


def _verdict(reply: JudgeReply) -> bool | None:
    value = None if reply.error else read_mark(_SPEC, faithfulness_prompt(), reply.text).value
    return None if value is None else value == 1


def _checked(database: Database, run_id: str, model: str, repeats: int) -> RunRetrieval:
    """Returns what the run retrieves. Raises PlanError if it cannot be judged so."""
    connections.check_model(model)
    if not FEWEST <= repeats <= MOST:
        raise PlanError(f"{repeats} repeats are out of range.", hint=f"Take {FEWEST} to {MOST}: one shows no spread.")
    retrieval = retrieval_of_run(database, run_id)
    if retrieval is None:
        raise PlanError(f"No cell of run {run_id} retrieves passages.", hint="Choose a run that asks documents.")
    return retrieval


def _work(model: str, repeats: int, fresh: bool) -> dict[str, Any]:
    return {"model": model, "repeats": repeats, "prompt": faithfulness_prompt().version, "fresh": fresh}


_Chunk = Sequence[tuple[int, Mapping[str, str]]]


def _chunks(database: Database, run_id: str, retrieval: RunRetrieval) -> Iterator[_Chunk]:
    """Yields the answered cells whose prompts show passages in lists of (position, the values of the judge prompt's
    variables)."""
    contexts = StoredContexts(database, run_id)
    for replies in scores.answered(database, run_id, [*retrieval.of_cell]):
        pairs = ((reply, contexts.of(*retrieval.of_cell[reply.position])) for reply in replies)
        chunk = [(reply.position, _inputs(reply, [one.text for one in shown])) for reply, shown in pairs if shown]
        if chunk:
            yield chunk


def _inputs(reply: Answered, texts: Sequence[str]) -> Mapping[str, str]:
    inputs = {name: value for name, value in reply.inputs.items() if name not in (GOLD, QUOTE)}
    question = str(inputs.get(QUESTION) or next(iter(inputs.values()), ""))
    passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
    mark = boundary(question, passages, reply.output)
    return {QUESTION: question, "passages": passages, "output": reply.output, "boundary": mark}


def _name(run_id: str) -> str:
    return f"{KIND}:{run_id}"
