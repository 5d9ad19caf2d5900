"""Who scores replies by a check: at once and in here, by a user's own function, or by asking a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from promptgrid import grid
from promptgrid.answers import case_rule
from promptgrid.calls.text_batch import TEXTS_A_CALL
from promptgrid.connections import check_model, model_facts
from promptgrid.grading import CheckSpec, Score, Verdict, grade, own_code
from promptgrid.grading import judge_prompts as judge
from promptgrid.grid import Plan
from promptgrid.grid.estimate import ModelCheck
from promptgrid.grid.planned_points import plan_points
from promptgrid.judging.embedding import Embedded
from promptgrid.judging.model_calls import Asking, JudgeReply, Means, judge_plan
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans
from promptgrid.store.scores import Answered, Mark


class Marker(Protocol):
    """Scores replies by one check."""

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        """A mark for each; fewer where the work was halted."""

    def halt(self) -> None:
        """Ends what has not begun."""

    async def aclose(self) -> None:
        """Frees what it holds."""


def pinned(database: Database, spec: CheckSpec) -> CheckSpec:
    """The check as it is kept with a run, so that it means the same for every reply: a file by its whole path and hash,
    a judge's prompt by its version, whose text is kept from now on.

    Raises PlanError, LibraryError or PromptError for what is not there, or cannot judge.
    """
    if spec.kind == "python":
        return own_code.pinned(spec)
    if spec.model:
        check_model(spec.model)
    if spec.kind != "judge":
        return spec
    prompt = judge_prompt(database, spec)
    judge.check_prompt(prompt)
    with database.write() as connection:
        plans.keep_version(connection, prompt)
    return CheckSpec(spec.name, spec.kind, {**spec.options, "prompt": f"{prompt.name}@{prompt.version}"})


def judge_prompt(database: Database, spec: CheckSpec) -> Prompt:
    """The prompt of a judge: the shipped one, a file, one of the library, or a kept version. Raises LibraryError or
    PromptError."""
    named = spec.options.get("prompt", "")
    shipped = judge.shipped_prompt("judge")
    return shipped if named in ("", f"{shipped.name}@{shipped.version}") else plans.named_prompt(database, named)


def judging(database: Database, spec: CheckSpec) -> ModelCheck:
    """What a model that judges, or embeds, takes for a reply that is not there yet."""
    if spec.kind == "similarity":
        return ModelCheck(spec.model, model_facts(spec.model), texts_a_call=TEXTS_A_CALL)
    prompt = judge_prompt(database, spec)
    blank = judge.inputs_for(spec, question="", conversation="", output="", answer=None, expected=None)
    planned = next(iter(plan_points(plan := judge_plan(prompt, spec.model, [blank]), grid.decide(plan))))
    facts = model_facts(spec.model)
    room = planned.point.request.parameters.max_tokens or facts.max_output
    return ModelCheck(spec.model, facts, planned.count.tokens, room)


def marker(means: Means, plan: Plan, spec: CheckSpec, *, more: Callable[[int], None]) -> Marker:
    """Who scores by this check; calls `more` with how many replies are done, where each takes its time.

    Raises PlanError for an endpoint that is not configured.
    """
    if spec.plain:
        return _Plain(spec, {(prompt.name, prompt.version): prompt for prompt in plan.prompts})
    if spec.kind == "python":
        return _Own(spec, more)
    if spec.kind == "similarity":
        return Embedded(spec, means)
    prompt = judge_prompt(means.database, spec)
    return _Judge(spec, prompt, Asking(means, prompt, spec.model, more=more))


class _Plain:
    def __init__(self, spec: CheckSpec, prompts: Mapping[tuple[str, str], Prompt]) -> None:
        self._spec, self._prompts = spec, prompts

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        return await asyncio.to_thread(lambda: [Mark(one.position, self._graded(one)) for one in replies])

    def _graded(self, reply: Answered) -> Score:
        prompt = self._prompts[reply.prompt, reply.prompt_version]
        return grade(
            self._spec,
            output=reply.output,
            answer=reply.answer,
            expected=reply.expected,
            rule=case_rule(prompt.answer, reply.inputs),
            note=reply.answer_note,
            language=prompt.language,
        )

    def halt(self) -> None:
        """A chunk is done in a moment."""

    async def aclose(self) -> None:
        """Holds nothing."""


class _Own:
    def __init__(self, spec: CheckSpec, more: Callable[[int], None]) -> None:
        self._spec, self._code, self._more, self._halted = spec, own_code.OwnCode(spec), more, False

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        done = []
        for one in replies:
            if self._halted:
                break
            verdict = await self._code.verdict(one.output, one.answer, one.expected, one.inputs)
            done.append(Mark(one.position, verdict.score(self._spec.name, one.answer)))
            self._more(1)
        return done

    def halt(self) -> None:
        self._halted = True

    async def aclose(self) -> None:
        await self._code.aclose()


class _Judge:
    def __init__(self, spec: CheckSpec, prompt: Prompt, asking: Asking) -> None:
        self._spec, self._prompt, self._asking = spec, prompt, asking

    async def marks(self, replies: Sequence[Answered]) -> list[Mark]:
        said = await self._asking.said([judge_inputs(self._spec, one) for one in replies])
        return [self._mark(one, what) for one, what in zip(replies, said, strict=True) if what is not None]

    def _mark(self, reply: Answered, said: JudgeReply) -> Mark:
        if said.error:
            verdict = Verdict(None, f"the check failed: {said.error}", failed=True)
        else:
            verdict = judge.read_mark(self._spec, self._prompt, said.text)
        return Mark(reply.position, verdict.score(self._spec.name, reply.answer), said.reply_id)

    def halt(self) -> None:
        self._asking.halt()

    async def aclose(self) -> None:
        """Raises BudgetReached where that is why marks are missing."""
        if self._asking.reached is not None:
            raise self._asking.reached


def judge_inputs(spec: CheckSpec, reply: Answered) -> Mapping[str, str]:
    """What the judge is told of one reply."""
    question, conversation = asked(reply.request)
    return judge.inputs_for(
        spec,
        question=question,
        conversation=conversation,
        output=reply.output,
        answer=reply.answer,
        expected=reply.expected,
    )


def asked(request: Mapping[str, object]) -> tuple[str, str]:
    """(the last thing that the user said, all of it) out of a request's body."""
    turns = request.get("messages")
    if not isinstance(turns, list):
        prompt = str(request.get("prompt", ""))
        return prompt, prompt
    users = [turn["content"] for turn in turns if turn["role"] == "user"]
    return users[-1] if users else "", "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
