"""A model as judge of pairs: which of two replies to the same case is the better one, asked in both orders.

Zheng et al. 2023, "Judging LLM-as-a-Judge": models prefer a place. A judge that changes its mind when the two change
places has seen no difference: a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promptgrid import connections
from promptgrid.budget import Wall, parse_budget
from promptgrid.connections import check_model, split_model
from promptgrid.grading import judging
from promptgrid.preflight import ModelPreflight
from promptgrid.prompt import Prompt
from promptgrid.runner.asking import Asking, Said
from promptgrid.runner.markers import asked
from promptgrid.runner.recheck import Tell, alone, asking_sheet
from promptgrid.runner.shared import shared_by_loop
from promptgrid.store import Database, plans, scores, votes
from promptgrid.store.scores import Answered

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
        prompt = plans.named_prompt(database, self.prompt) if self.prompt else judging.shipped_prompt("judge-pair")
        judging.check_prompt(prompt, judging.PAIR_INPUTS)
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
    return asking_sheet(database, prompt, judge.model, chunks, fresh=fresh)


def judge_pairs(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, *,
    budget: str = "", fresh: bool = False, tell: Tell = lambda done, total: None,
) -> Judged:  # fmt: skip
    """Keeps the model's vote on each pair; blocks until that is done. `tell` hears (pairs done, all).

    Raises PlanError and LibraryError as `PairJudge.load`, BudgetReached where the next call may cross the budget: the
    votes before it are kept.
    """
    with alone(run_id):
        return connections.run_sync(_judged(database, run_id, pairs, judge, Wall(parse_budget(budget)), fresh, tell))


async def _judged(
    database: Database, run_id: str, pairs: Sequence[Positions], judge: PairJudge, wall: Wall, fresh: bool, tell: Tell
) -> Judged:
    endpoint = connections.connect(split_model(judge.model)[0])
    prompt = judge.load(database)
    asking = Asking(database, run_id, prompt, judge.model, endpoint, shared_by_loop(), wall, fresh=fresh)
    found, done = Judged(), 0
    for some, replies in _chunks(database, run_id, pairs):
        said = await asking.said(_inputs(replies, some, judge.rubric))
        for index, (left, right) in enumerate(some):
            first, second = said[2 * index], said[2 * index + 1]
            if first is not None and second is not None:
                _vote(database, run_id, left, right, judge.model, prompt, (first, second), found)
        done += len(some)
        tell(done, len(pairs))
        if asking.reached is not None:
            raise asking.reached
    return found


def _vote(
    database: Database, run_id: str, left: int, right: int, model: str, prompt: Prompt, said: tuple[Said, Said],
    found: Judged,
) -> None:  # fmt: skip
    words = [None if one.error else judging.read_preference(prompt, one.text) for one in said]
    if None in words:
        found.failed += 1
        found.why = next(
            (one.error or f"it said: {one.text[:200]}" for one, w in zip(said, words, strict=True) if not w)
        )
        return
    outcome: Literal["left", "right", "tie"] = "tie"
    if words == ["first", "second"]:
        outcome = "left"
    elif words == ["second", "first"]:
        outcome = "right"
    elif words != ["tie", "tie"]:
        found.changed += 1
    votes.add(database, run_id, left, right, outcome, model, by_model=True, judge_reply_id=said[0].reply_id)
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
        "rubric": rubric or judging.RUBRIC,
    }
