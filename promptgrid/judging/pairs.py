"""Lets a model judge pairs: which of two replies to the same case is better, asked in both orders.

Models favour a position (Zheng et al. 2023, "Judging LLM-as-a-Judge"). If the judge's preference changes with the
order, the vote is a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from promptgrid import connections
from promptgrid.calls.journal import Journal
from promptgrid.calls.shared import shared_by_loop
from promptgrid.connections import check_model
from promptgrid.grading.judge_prompts import (
    PAIR_INPUTS,
    RUBRIC,
    boundary,
    check_prompt,
    read_preference,
    shipped_prompt,
)
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging import session
from promptgrid.judging.model_calls import Judge, JudgeReply, JudgingContext
from promptgrid.judging.rescore import judge_preflight
from promptgrid.judging.scorers import question_of
from promptgrid.judging.session import OnProgress
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans, runs, scores, votes
from promptgrid.store.scores import Answered
from promptgrid.text import one_line

KIND = "pairs"
_CHUNK = 50

Positions = tuple[int, int]
"""The positions of two answered cells of the same case: the one shown on the left, the one on the right."""


@dataclass(frozen=True, slots=True)
class PairJudge:
    """The model that judges pairs (ENDPOINT/MODEL), the rubric that it applies, and the name of its prompt ("": the
    prompt shipped with Promptgrid)."""

    model: str
    rubric: str = ""
    prompt: str = ""

    def load(self, database: Database) -> Prompt:
        """Returns the judge's prompt. Raises PlanError if the model does not exist or the prompt lacks a variable of a
        judge, LibraryError if the prompt is missing."""
        check_model(self.model)
        prompt = plans.named_prompt(database, self.prompt) if self.prompt else shipped_prompt("judge-pair")
        check_prompt(prompt, PAIR_INPUTS)
        return prompt


@dataclass
class PairVotes:
    """The number of the judge's votes, by their result.

    votes      number of votes that were stored
    changed    number of those that are ties because the judge's replies in the two orders disagree
    first      number of `changed` votes for which the judge preferred the first place in both orders
    second     number of `changed` votes for which the judge preferred the second place in both orders
    failed     number of pairs without a vote; `why` is the reason of the last one
    """

    votes: int = 0
    changed: int = 0
    first: int = 0
    second: int = 0
    failed: int = 0
    why: str = ""


def pairs_preflight(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, *, fresh: bool = False
) -> ModelPreflight:
    """Returns the preflight (calls, tokens, cost) of judging the pairs, each (position of the left cell, of the right
    one): two calls per pair. With `fresh`, stored replies of the judge are not reused. Raises as `PairJudge.load`."""
    prompt = judge.load(database)
    chunks = (_inputs(replies, chunk, judge.rubric) for chunk, replies in _chunks(database, run_id, pairs))
    since = session.since(database, run_id, KIND, _work(judge, prompt, fresh), fresh=fresh)
    return judge_preflight(database, prompt, judge.model, chunks, since)


def _work(judge: PairJudge, prompt: Prompt, fresh: bool) -> dict[str, Any]:
    """Returns the `work` of the JudgingSession: model, rubric, prompt version and `fresh`. Only a session with equal
    work is resumed."""
    return {"model": judge.model, "rubric": judge.rubric, "prompt": f"{prompt.name}@{prompt.version}", "fresh": fresh}


def judge_pairs(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, *,
    budget: str = "", fresh: bool = False, on_progress: OnProgress = lambda done, total: None,
) -> PairVotes:  # fmt: skip
    """Stores the model's vote on each pair, (position of the left cell, of the right one); blocks until all are done.
    `on_progress` is called with the numbers of pairs done and in all. With `fresh`, stored replies of the judge are not
    reused.

    Calling it again with the same judge resumes a session that was stopped or killed: its questions are not sent again,
    and their cost counts towards the budget. Raises PlanError and LibraryError as `PairJudge.load`, and BudgetReached
    when the next call may exceed the budget; earlier votes are stored.
    """
    prompt = judge.load(database)
    with session.start(database, run_id, KIND, _work(judge, prompt, fresh), budget=budget, fresh=fresh) as own:

        def task(journal: Journal) -> _PairTask:
            judging = JudgingContext(
                database, run_id, connections.connect, shared_by_loop(), own.wall(database), journal,
                retries=runs.plan_of(database, run_id).retries, since=own.since,
            )  # fmt: skip
            return _PairTask(judging, pairs, judge, prompt, on_progress)

        return session.run_task(database, run_id, task)


class _PairTask:
    def __init__(
        self, judging: JudgingContext, pairs: Sequence[Positions], judge: PairJudge, prompt: Prompt,
        on_progress: OnProgress,
    ) -> None:  # fmt: skip
        self._judging, self._pairs, self._rubric, self._prompt = judging, pairs, judge.rubric, prompt
        self._judge, self._model, self._on_progress = Judge(judging, prompt, judge.model), judge.model, on_progress
        self._halted = False

    async def run(self) -> PairVotes:
        votes, done = PairVotes(), 0
        for chunk, replies in _chunks(self._judging.database, self._judging.run_id, self._pairs):
            judged = await self._judge.replies(_inputs(replies, chunk, self._rubric))
            for index, pair in enumerate(chunk):
                first, second = judged[2 * index], judged[2 * index + 1]
                if first is not None and second is not None:
                    self._vote(pair, (first, second), votes)
            done += len(chunk)
            self._on_progress(done, len(self._pairs))
            if self._judge.reached is not None:
                raise self._judge.reached
            if self._halted:
                break
        return votes

    def halt(self) -> None:
        self._halted = True
        self._judge.halt()

    def _vote(self, pair: Positions, judged: tuple[JudgeReply, JudgeReply], counts: PairVotes) -> None:
        """Stores the vote that follows from the judge's two replies, one per order of the pair, and counts it in
        `counts`. Without two readable replies, counts a failure and stores nothing."""
        words = [None if reply.error else read_preference(self._prompt, reply.text) for reply in judged]
        if None in words:
            counts.failed += 1
            silent = next(reply for reply, word in zip(judged, words, strict=True) if not word)
            counts.why = silent.error or f"it said: {one_line(silent.text, 200)}"
            return
        outcome: Literal["left", "right", "tie"] = "tie"
        if words == ["first", "second"]:
            outcome = "left"
        elif words == ["second", "first"]:
            outcome = "right"
        elif words != ["tie", "tie"]:
            counts.changed += 1
            counts.first += words == ["first", "first"]
            counts.second += words == ["second", "second"]
        database, run_id, first = self._judging.database, self._judging.run_id, judged[0].reply_id
        orders = " ".join(map(str, words))
        votes.add(database, run_id, *pair, outcome, self._model, by_model=True, judge_reply_id=first, orders=orders)
        counts.votes += 1


def _chunks(
    database: Database, run_id: str, pairs: Sequence[Positions]
) -> Iterator[tuple[Sequence[Positions], Mapping[int, Answered]]]:
    """Yields the pairs in chunks: (pairs, the replies to their cells by position). A pair is (position of the left
    cell, of the right one); pairs in which a cell has no reply are left out."""
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        positions = {position for pair in chunk for position in pair}
        replies = {one.position: one for some in scores.answered(database, run_id, positions) for one in some}
        yield [pair for pair in chunk if pair[0] in replies and pair[1] in replies], replies


def _inputs(replies: Mapping[int, Answered], pairs: Sequence[Positions], rubric: str) -> list[Mapping[str, str]]:
    """Returns the values of the judge prompt's variables, from the `rubric` and the `replies` by position: two items
    per pair, first with the left reply in first place, then with the right one."""
    return [
        _values(replies[first], replies[second], rubric)
        for left, right in pairs
        for first, second in ((left, right), (right, left))
    ]


def _values(first: Answered, second: Answered, rubric: str) -> Mapping[str, str]:
    question, conversation = question_of(min(first, second, key=lambda one: one.position).request)
    return {
        "question": question,
        "conversation": conversation,
        "first": first.output,
        "second": second.output,
        "expected": first.expected or "",
        "rubric": rubric or RUBRIC,
        "boundary": boundary(question, first.output, second.output, first.expected or ""),
    }
