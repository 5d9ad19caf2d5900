"""A model as judge of pairs: which of two replies to the same case is the better one, asked in both orders.

Zheng et al. 2023, "Judging LLM-as-a-Judge": models prefer a place. A judge that changes its mind when the two change
places has seen no difference: a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from promptgrid import connections
from promptgrid.calls.journal import Journal
from promptgrid.calls.shared import shared_by_loop
from promptgrid.connections import check_model
from promptgrid.grading.judge_prompts import PAIR_INPUTS, RUBRIC, check_prompt, read_preference, shipped_prompt
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging import session
from promptgrid.judging.model_calls import Asking, JudgeReply, Means
from promptgrid.judging.rescore import asking_sheet
from promptgrid.judging.scorers import asked
from promptgrid.judging.session import Tell
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans, scores, votes
from promptgrid.store.scores import Answered
from promptgrid.text import one_line

KIND = "pairs"
_CHUNK = 50

Positions = tuple[int, int]
"""Two answered cells of the same case, as they are shown: the left one, the right one."""


@dataclass(frozen=True, slots=True)
class PairJudge:
    """Who judges, by what, and by which prompt ("": ours)."""

    model: str
    rubric: str = ""
    prompt: str = ""

    def load(self, database: Database) -> Prompt:
        """Its prompt. Raises PlanError for a model or a prompt that cannot judge, LibraryError for one not there."""
        check_model(self.model)
        prompt = plans.named_prompt(database, self.prompt) if self.prompt else shipped_prompt("judge-pair")
        check_prompt(prompt, PAIR_INPUTS)
        return prompt


@dataclass
class Judged:
    """What came of it: votes kept, ties among them since the judge changed its mind, pairs that it gave no word on (and
    the last reason why)."""

    votes: int = 0
    changed: int = 0
    failed: int = 0
    why: str = ""


def pairs_sheet(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, *, fresh: bool = False
) -> ModelPreflight:
    """What the judge will be asked: two calls a pair."""
    prompt = judge.load(database)
    chunks = (_inputs(replies, some, judge.rubric) for some, replies in _chunks(database, run_id, pairs))
    since = session.since(database, run_id, KIND, _work(judge, prompt, fresh), fresh=fresh)
    return asking_sheet(database, prompt, judge.model, chunks, since)


def _work(judge: PairJudge, prompt: Prompt, fresh: bool) -> dict[str, Any]:
    """As a pass is noted."""
    return {"model": judge.model, "rubric": judge.rubric, "prompt": f"{prompt.name}@{prompt.version}", "fresh": fresh}


def judge_pairs(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, *,
    budget: str = "", fresh: bool = False, tell: Tell = lambda done, total: None,
) -> Judged:  # fmt: skip
    """Keeps the model's vote on each pair; blocks until that is done. `tell` hears (pairs done, all).

    One that was stopped, or killed, is gone on with by the same judge: what it said then is not asked again, and counts
    in the budget. Raises PlanError and LibraryError as `PairJudge.load`, BudgetReached where the next call may cross
    the budget: the votes before it are kept.
    """
    prompt = judge.load(database)
    with session.begun(database, run_id, KIND, _work(judge, prompt, fresh), budget=budget, fresh=fresh) as begun:

        def begin(journal: Journal) -> _Judging:
            wall = begun.wall(database)
            means = Means(database, run_id, connections.connect, shared_by_loop(), wall, journal, since=begun.since)
            return _Judging(means, pairs, judge, prompt, tell)

        return session.carried_out(database, run_id, begin)


class _Judging:
    def __init__(self, means: Means, pairs: Sequence[Positions], judge: PairJudge, prompt: Prompt, tell: Tell) -> None:
        self._means, self._pairs, self._judge, self._prompt, self._tell = means, pairs, judge, prompt, tell
        self._asking = Asking(means, prompt, judge.model)
        self._halted = False

    async def run(self) -> Judged:
        found, done, means = Judged(), 0, self._means
        for some, replies in _chunks(means.database, means.run_id, self._pairs):
            said = await self._asking.said(_inputs(replies, some, self._judge.rubric))
            for index, (left, right) in enumerate(some):
                first, second = said[2 * index], said[2 * index + 1]
                if first is not None and second is not None:
                    _vote(means, left, right, self._judge.model, self._prompt, (first, second), found)
            done += len(some)
            self._tell(done, len(self._pairs))
            if self._asking.reached is not None:
                raise self._asking.reached
            if self._halted:
                break
        return found

    def halt(self) -> None:
        self._halted = True
        self._asking.halt()


def _vote(
    means: Means, left: int, right: int, model: str, prompt: Prompt, said: tuple[JudgeReply, JudgeReply], found: Judged
) -> None:
    words = [None if one.error else read_preference(prompt, one.text) for one in said]
    if None in words:
        found.failed += 1
        found.why = next(
            (one.error or f"it said: {one_line(one.text, 200)}" for one, w in zip(said, words, strict=True) if not w)
        )
        return
    outcome: Literal["left", "right", "tie"] = "tie"
    if words == ["first", "second"]:
        outcome = "left"
    elif words == ["second", "first"]:
        outcome = "right"
    elif words != ["tie", "tie"]:
        found.changed += 1
    votes.add(means.database, means.run_id, left, right, outcome, model, by_model=True, judge_reply_id=said[0].reply_id)
    found.votes += 1


def _chunks(
    database: Database, run_id: str, pairs: Sequence[Positions]
) -> Iterator[tuple[Sequence[Positions], Mapping[int, Answered]]]:
    """Some pairs at a time, with their replies; pairs whose replies are gone are left out."""
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        wanted = {position for pair in some for position in pair}
        replies = {one.position: one for chunk in scores.answered(database, run_id, wanted) for one in chunk}
        yield [pair for pair in some if pair[0] in replies and pair[1] in replies], replies


def _inputs(replies: Mapping[int, Answered], pairs: Sequence[Positions], rubric: str) -> list[Mapping[str, str]]:
    """Two a pair: as it is shown, and the other way round."""
    return [
        _told(replies[first], replies[second], rubric)
        for left, right in pairs
        for first, second in ((left, right), (right, left))
    ]


def _told(first: Answered, second: Answered, rubric: str) -> Mapping[str, str]:
    question, conversation = asked(min(first, second, key=lambda one: one.position).request)
    return {
        "question": question,
        "conversation": conversation,
        "first": first.output,
        "second": second.output,
        "expected": first.expected or "",
        "rubric": rubric or RUBRIC,
    }
