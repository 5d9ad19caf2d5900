"""Scores the replies that a run has, by checks of its plan: those that a run leaves for its end, or any of them anew.

Nothing is sent to the model under test. Scores are kept some hundred at a time; whoever is killed loses at most those,
and no judge's reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptgrid.grading import CheckSpec
from promptgrid.grid import Plan
from promptgrid.judging.model_calls import Means
from promptgrid.judging.scorers import Marker, marker
from promptgrid.store import scores
from promptgrid.store.scores import Answered, Mark


@dataclass
class Scoring:
    """One pass over a run's replies. `done` of `total` scores are there; both may be read from any thread.

    `anew`: also where a check has scored a reply already.
    """

    means: Means
    plan: Plan
    checks: Sequence[CheckSpec]
    anew: bool = False
    done: int = 0
    total: int = 0
    halted: bool = False
    tell: Callable[[int, int], object] = lambda done, total: None

    def __post_init__(self) -> None:
        self._markers: dict[str, Marker] = {}

    async def run(self) -> None:
        """Until all is scored, or it was halted. Raises BudgetReached where nothing more may be asked; PlanError for a
        judge's endpoint that is not configured; what is scored by then is kept."""
        self.total = await asyncio.to_thread(self._count)
        for check in self.checks:
            self._markers[str(check)] = await asyncio.to_thread(self._marker, check)
        try:
            await self._all()
        finally:
            endings = [one.aclose() for one in self._markers.values()]
            ended = await asyncio.gather(*endings, return_exceptions=True)
        if reached := next((error for error in ended if isinstance(error, BaseException)), None):
            raise reached

    def halt(self) -> None:
        """Ends it as soon as what is under way has come in."""
        self.halted = True
        for one in self._markers.values():
            one.halt()

    def _count(self) -> int:
        named, run = [check.name for check in self.checks], (self.means.database, self.means.run_id)
        return len(named) * scores.answered_count(*run) if self.anew else sum(scores.missing(*run, named).values())

    def _marker(self, check: CheckSpec) -> Marker:
        return marker(self.means, self.plan, check, more=self._more)

    def _more(self, count: int) -> None:
        """So many replies more are scored, and not kept yet."""
        self.done += count
        self.tell(self.done, self.total)

    async def _all(self) -> None:
        chunks = scores.answered(self.means.database, self.means.run_id)
        kept = 0
        while not self.halted and (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            marks = [mark for check in self.checks for mark in await self._marks(check, chunk)]
            if marks:
                await asyncio.to_thread(scores.put, self.means.database, self.means.run_id, marks)
            kept += len(marks)
            self.done = kept
            self.tell(self.done, self.total)

    async def _marks(self, check: CheckSpec, chunk: Sequence[Answered]) -> list[Mark]:
        """Of the replies that this check is for; where it stops early, so does the pass."""
        mine = {(p.name, p.version) for p in self.plan.prompts if check in self.plan.checks_for(p)}
        wanted = [
            one
            for one in chunk
            if (one.prompt, one.prompt_version) in mine and (self.anew or check.name not in one.scored)
        ]
        marks = await self._markers[str(check)].marks(wanted) if wanted and not self.halted else []
        self.halted |= len(marks) < len(wanted)
        return marks


def slow_checks(plan: Plan) -> list[CheckSpec]:
    """Those that are scored when the replies are there."""
    return [check for check in plan.all_checks if not check.plain]
