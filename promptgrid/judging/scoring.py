"""Scores the stored replies of a run: by the slow checks of its plan at the end of the run, or later by any of its
checks.

No call goes to the model under test. Scores are committed some hundred at a time: a killed process loses at most those,
and none of the judges' replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from promptgrid.grading import CheckSpec
from promptgrid.grid import Plan
from promptgrid.judging.model_calls import JudgingContext
from promptgrid.judging.scorers import Scorer, own_scores, scorer
from promptgrid.store import scores
from promptgrid.store.scores import Answered, CellScore


@dataclass
class Scoring:
    """Scores all replies of a run by `checks`. `done` of `total` scores exist; any thread may read both, and
    `on_progress` is called with both after each change.

    A check leaves out the replies that it has already scored. With `anew`, it scores all replies, and so do the checks
    that the table of cases gives to individual cases. `positions` selects cells (None: all). `halted` is true after
    `halt`, or after a check has stopped early.
    """

    judging: JudgingContext
    plan: Plan
    checks: Sequence[CheckSpec]
    anew: bool = False
    positions: Collection[int] | None = None
    done: int = 0
    total: int = 0
    halted: bool = False
    on_progress: Callable[[int, int], object] = lambda done, total: None

    def __post_init__(self) -> None:
        self._scorers: dict[str, Scorer] = {}

    async def run(self) -> None:
        """Scores until all replies are scored or the scoring is halted. Raises BudgetReached, and PlanError for a
        judge's endpoint that is not configured; scores committed before stay."""
        self.total = await asyncio.to_thread(self._count)
        for check in self.checks:
            self._scorers[str(check)] = await asyncio.to_thread(
                scorer, self.judging, self.plan, check, on_done=self._add
            )
        try:
            await self._all()
        finally:
            endings = [one.aclose() for one in self._scorers.values()]
            ended = await asyncio.gather(*endings, return_exceptions=True)
        if error := next((error for error in ended if isinstance(error, BaseException)), None):
            raise error

    def halt(self) -> None:
        """Halts the scoring: it ends as soon as the calls in flight have ended."""
        self.halted = True
        for one in self._scorers.values():
            one.halt()

    def _count(self) -> int:
        names, run = [check.name for check in self.checks], (self.judging.database, self.judging.run_id)
        if self.positions is not None:
            return len(names) * len(self.positions)
        if not self.anew:
            return sum(scores.missing(*run, names).values())
        return len(names) * scores.answered_count(*run) + scores.own_count(*run)

    def _add(self, count: int) -> None:
        """Counts `count` more replies as scored, for the progress; their scores may not be committed yet."""
        self.done += count
        self.on_progress(self.done, self.total)

    async def _all(self) -> None:
        chunks = scores.answered(self.judging.database, self.judging.run_id, self.positions)
        committed = 0
        while not self.halted and (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            chunk_scores = await asyncio.to_thread(own_scores, self.plan, chunk) if self.anew else []
            chunk_scores += [score for check in self.checks for score in await self._scores(check, chunk)]
            if chunk_scores:
                await asyncio.to_thread(scores.put, self.judging.database, self.judging.run_id, chunk_scores)
            committed += len(chunk_scores)
            self.done = committed
            self.on_progress(self.done, self.total)

    async def _scores(self, check: CheckSpec, chunk: Sequence[Answered]) -> list[CellScore]:
        """Returns the check's scores of the replies in the chunk that it has to score: those to prompts that use this
        check, without those already scored unless `anew`. If the check stops early, the whole scoring halts."""
        prompts = {(p.name, p.version) for p in self.plan.prompts if check in self.plan.checks_for(p)}
        replies = [
            reply
            for reply in chunk
            if (reply.prompt, reply.prompt_version) in prompts and (self.anew or check.name not in reply.scored)
        ]
        cell_scores = await self._scorers[str(check)].scores(replies) if replies and not self.halted else []
        self.halted |= len(cell_scores) < len(replies)
        return cell_scores


def slow_checks(plan: Plan) -> list[CheckSpec]:
    """Returns the plan's checks that run a user's code or call a model; they score only after all replies are
    stored."""
    return [check for check in plan.all_checks if not check.plain]
