"""Defines how checks score: immediately in this process, by a user's own function, or by a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from promptgrid import grid
from promptgrid.answers import case_rule
from promptgrid.calls.text_batch import TEXTS_A_CALL
from promptgrid.connections import check_model, model_facts
from promptgrid.grading import CheckSpec, Verdict, grade, judge_prompts, own_code
from promptgrid.grid import Plan
from promptgrid.grid.estimate import ModelCheck
from promptgrid.grid.planned_points import plan_points
from promptgrid.judging.embedding import EmbeddingScorer
from promptgrid.judging.model_calls import Judge, JudgeReply, JudgingContext, judge_plan
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans
from promptgrid.store.scores import Answered, CellScore


class Scorer(Protocol):
    """What scores replies by one check: rules in this process, a user's own code, or a model."""

    async def scores(self, replies: Sequence[Answered]) -> list[CellScore]:
        """Returns a score for each reply; a shorter list if the scorer was halted or the budget was reached."""

    def halt(self) -> None:
        """Stops the scorer: it begins no further scores, and `scores` returns early."""

    async def aclose(self) -> None:
        """Frees the scorer's resources."""


def pinned(database: Database, spec: CheckSpec) -> CheckSpec:
    """Returns the check as it is stored with a run, fixed so that it always scores alike: a code file by its full path
    and hash, a judge's prompt by its version. Stores the text of that version.

    Raises PlanError, LibraryError or PromptError for a check that is missing or cannot be carried out.
    """
    if spec.kind == "python":
        return own_code.pinned(spec)
    if spec.model:
        check_model(spec.model)
    if spec.kind != "judge":
        return spec
    prompt = judge_prompt(database, spec)
    judge_prompts.check_prompt(prompt)
    with database.write() as connection:
        plans.keep_version(connection, prompt)
    return CheckSpec(spec.name, spec.kind, {**spec.options, "prompt": f"{prompt.name}@{prompt.version}"})


def judge_prompt(database: Database, spec: CheckSpec) -> Prompt:
    """Returns the prompt that the check names for its judge: the shipped one (also for a check that names none), a
    file, a prompt of the library, or a stored version. Raises LibraryError or PromptError."""
    name = spec.options.get("prompt", "")
    shipped = judge_prompts.shipped_prompt("judge")
    return shipped if name in ("", f"{shipped.name}@{shipped.version}") else plans.named_prompt(database, name)


def model_check(database: Database, spec: CheckSpec) -> ModelCheck:
    """Returns the model of the check, for the preflight of a run whose replies do not exist yet: of a judge with the
    tokens of its prompt and of its longest verdict, of an embedding model with the number of texts that a call
    takes."""
    if spec.kind == "similarity":
        return ModelCheck(spec.model, model_facts(spec.model), texts_a_call=TEXTS_A_CALL)
    prompt = judge_prompt(database, spec)
    blank = judge_prompts.inputs_for(spec, question="", conversation="", output="", answer=None, expected=None)
    planned = next(iter(plan_points(plan := judge_plan(prompt, spec.model, [blank]), grid.decide(plan))))
    facts = model_facts(spec.model)
    room = planned.point.request.parameters.max_tokens or facts.max_output
    return ModelCheck(spec.model, facts, planned.count.tokens, room)


def scorer(judging: JudgingContext, plan: Plan, spec: CheckSpec, *, on_done: Callable[[int], None]) -> Scorer:
    """Returns the scorer of the check `spec` for replies to the prompts of the `plan`. Scorers that run code or call a
    judge call `on_done` with the number of replies scored since its last call; a judge or an embedding model is called
    with the limits in `judging`.

    Raises PlanError for an endpoint that is not configured.
    """
    if spec.plain:
        return _PlainScorer(spec, prompts_of(plan))
    if spec.kind == "python":
        return _CodeScorer(spec, on_done)
    if spec.kind == "similarity":
        return EmbeddingScorer(spec, judging)
    prompt = judge_prompt(judging.database, spec)
    return _JudgeScorer(spec, prompt, Judge(judging, prompt, spec.model, on_done=on_done))


def own_scores(plan: Plan, replies: Sequence[Answered]) -> list[CellScore]:
    """Returns the scores of the replies to prompts of the `plan`, by the checks that the table of cases gives to
    individual cases. These checks score in addition to the checks of the run."""
    prompts = prompts_of(plan)
    return [_plain_score(check, prompts, reply) for reply in replies for check in reply.own]


Prompts = Mapping[tuple[str, str], Prompt]
"""The prompts of a plan by name and version."""


def prompts_of(plan: Plan) -> Prompts:
    return {(prompt.name, prompt.version): prompt for prompt in plan.prompts}


def _plain_score(spec: CheckSpec, prompts: Prompts, reply: Answered) -> CellScore:
    prompt = prompts[reply.prompt, reply.prompt_version]
    rule = case_rule(prompt.answer, reply.inputs)
    score = grade(spec, output=reply.output, answer=reply.answer, expected=reply.expected, rule=rule,
                  note=reply.answer_note, language=prompt.language, calls=reply.tool_calls, tools=prompt.tools,
                  inputs=reply.inputs)  # fmt: skip
    return CellScore(reply.position, score)


class _PlainScorer:
    def __init__(self, spec: CheckSpec, prompts: Prompts) -> None:
        self._spec, self._prompts = spec, prompts

    async def scores(self, replies: Sequence[Answered]) -> list[CellScore]:
        return await asyncio.to_thread(lambda: [_plain_score(self._spec, self._prompts, reply) for reply in replies])

    def halt(self) -> None:
        """Does nothing: each call of `scores` ends within a moment."""

    async def aclose(self) -> None:
        """Does nothing: there is nothing to free."""


class _CodeScorer:
    def __init__(self, spec: CheckSpec, on_done: Callable[[int], None]) -> None:
        self._spec, self._code, self._on_done, self._halted = spec, own_code.OwnCode(spec), on_done, False

    async def scores(self, replies: Sequence[Answered]) -> list[CellScore]:
        scores = []
        for reply in replies:
            if self._halted:
                break
            verdict = await self._code.verdict(reply.output, reply.answer, reply.expected, reply.inputs)
            scores.append(CellScore(reply.position, verdict.score(self._spec.name, reply.answer)))
            self._on_done(1)
        return scores

    def halt(self) -> None:
        self._halted = True

    async def aclose(self) -> None:
        await self._code.aclose()


class _JudgeScorer:
    def __init__(self, spec: CheckSpec, prompt: Prompt, judge: Judge) -> None:
        self._spec, self._prompt, self._judge = spec, prompt, judge

    async def scores(self, replies: Sequence[Answered]) -> list[CellScore]:
        judged = await self._judge.replies([judge_inputs(self._spec, reply) for reply in replies])
        return [self._score(reply, word) for reply, word in zip(replies, judged, strict=True) if word is not None]

    def _score(self, reply: Answered, judged: JudgeReply) -> CellScore:
        if judged.error:
            verdict = Verdict(None, f"the check failed: {judged.error}", failed=True)
        else:
            verdict = judge_prompts.read_mark(self._spec, self._prompt, judged.text)
        return CellScore(reply.position, verdict.score(self._spec.name, reply.answer), judged.reply_id)

    def halt(self) -> None:
        self._judge.halt()

    async def aclose(self) -> None:
        """Ends the scoring. Raises BudgetReached if scores are missing because the budget was reached."""
        if self._judge.reached is not None:
            raise self._judge.reached


def judge_inputs(spec: CheckSpec, reply: Answered) -> Mapping[str, str]:
    """Returns the values of the judge prompt's variables for one reply, such as question, output and expected."""
    question, conversation = question_of(reply.request)
    return judge_prompts.inputs_for(spec, question=question, conversation=conversation, output=reply.output,
                                    answer=reply.answer, expected=reply.expected)  # fmt: skip


def question_of(request: Mapping[str, object]) -> tuple[str, str]:
    """Returns (the last user message, all messages as one text) of a request's JSON body. For a plain completion, both
    are its prompt."""
    turns = request.get("messages")
    if not isinstance(turns, list):
        prompt = str(request.get("prompt", ""))
        return prompt, prompt
    users = [turn["content"] for turn in turns if turn["role"] == "user"]
    return users[-1] if users else "", "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
