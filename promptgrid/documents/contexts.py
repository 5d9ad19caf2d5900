"""Finds what the cells of a plan show of documents, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid.budget import Wall, parse_budget
from promptgrid.cases.table import Case
from promptgrid.documents.chunkers import parse_chunker
from promptgrid.documents.chunks import Passage
from promptgrid.documents.embedders import LOCAL, embed, is_available, unmade
from promptgrid.documents.gold import GOLD, QUOTE, check_gold, parse_gold
from promptgrid.documents.retrievers import (
    ChunkIndex,
    Hit,
    Retriever,
    in_order,
    load_index,
    parse_retriever,
    retrieve,
)
from promptgrid.documents.samples import sample_names
from promptgrid.documents.tools.vectors import with_vectors
from promptgrid.errors import DocumentsError, StoreError
from promptgrid.grid import Plan
from promptgrid.grid.contexts import Contexts, query_of
from promptgrid.grid.variants import retrievals
from promptgrid.humanize import many
from promptgrid.paths import install_command
from promptgrid.progress import OnWork, silent
from promptgrid.prompt import Parameters, Prompt
from promptgrid.prompt.retrieval import retrieval_calls, retrieval_id
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import CollectionInfo
from promptgrid.store.documents.retrieved import StoredContexts
from promptgrid.techniques.passages import Context, Passages, RetrievedPassage, context_id
from promptgrid.techniques.retrieval import candidates, shown

_AT_ONCE = 256  # texts of which a preflight makes the vectors, by the built-in embedder
_MOST_CHARS = 4_000_000  # of a collection that is shown whole


def with_contexts(
    database: Database, plan: Plan, *, sends: bool = True, wall: Wall | None = None, on_progress: OnWork = silent
) -> Plan:
    """Returns the plan with what its cells retrieve (`Plan.contexts`) and what computes results of its tools (see
    `with_vectors`); a plan without either is returned as it is. What the plan's run has retrieved before stays.

    With `sends`, the vectors that are missing are made, behind the `wall` (None: one of the plan's budget). Without,
    nothing is sent: where vectors are missing, the chunks that BM25 finds stand for those of the embedder, and a note
    says so. `on_progress` is called while documents are cut, chunks indexed and vectors made; if it raises, the work
    ends, and the vectors made so far are stored.

    Raises PlanError, DocumentsError and StoreError for a collection, chunker, retriever, embedder or gold that is not
    there or does not fit, and for a prompt that shows no `{{ context }}`.
    """
    wall = wall or Wall(parse_budget(plan.budget))  # one for all: each could spend the whole budget
    plan = with_vectors(database, plan, sends=sends, wall=wall, on_progress=on_progress)
    settings = retrievals(plan)
    if not settings:
        return plan
    queries = [query_of(case) for case in plan.cases]
    made = {name: _made(database, plan, parameters, queries, wall if sends else None, on_progress)
            for name, parameters in settings.items()}  # fmt: skip
    return replace(plan, contexts=_Found(database, made, plan.contexts))


def searching(plan: Plan, database: Database, run_id: str) -> Plan:
    """Returns the plan of a run that is carried out, which may then search its collections for other queries, and
    compute results of its tools."""
    plan = with_vectors(database, plan, sends=False)
    if plan.contexts is None:
        return plan
    return replace(plan, contexts=_SearchedContexts(database, run_id, plan.contexts))


def context_of(database: Database, prompt: Prompt, values: Mapping[str, Any], *, sends: bool = False) -> Context:
    """Returns what the prompt, by its own setting, retrieves for these values of its variables, without asking a model;
    an empty Context if it names no collection. `sends` and the errors are those of `with_contexts`."""
    if not prompt.parameters.collection:
        return Context()
    case = Case("1", values)
    plan = with_contexts(database, Plan((prompt,), (case,)), sends=sends)
    name, parameters = next(iter(retrievals(plan).items()))
    assert plan.contexts is not None
    passages = plan.contexts.passages(parameters, case)
    if retrieval_calls(parameters):
        return shown(name, parameters, passages[: parameters.chunks])
    return Context(name, passages)


def collection_of(database: Database, name: str) -> CollectionInfo:
    """Returns the collection with this name or id. Raises StoreError, which says how to get it back if it was deleted,
    and how to add it if it comes with Promptgrid."""
    try:
        return collections.find(database, name)
    except StoreError as error:
        if any(name in (info.name, info.id) for info in collections.listed(database, deleted=True)):
            hint = f"Bring it back: promptgrid documents undelete {name}"
            raise StoreError(f"The collection of documents {name} was deleted.", hint=hint) from error
        if name in sample_names():
            hint = f"One press on the page Documents adds it, or: promptgrid documents add {name}"
            raise StoreError(f"The sample collection {name} has not been added yet.", hint=hint) from error
        raise


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting of retrieval that is ready: the index of the collection, the retriever, and the `parameters`. `note`
    says what may be wrong ("": nothing)."""

    index: ChunkIndex
    retriever: Retriever
    parameters: Parameters
    note: str = ""

    @classmethod
    def of(cls, database: Database, parameters: Parameters, on_progress: OnWork = silent) -> _Setting:
        """Loads the index of the parameters' collection. Raises DocumentsError, StoreError."""
        collection = collection_of(database, parameters.collection or "")
        retriever = parse_retriever(parameters.retriever or "")
        index = load_index(database, collection.id, parse_chunker(parameters.chunker or "recursive"), on_progress)
        return cls(index, retriever, parameters, _few_chunks(index, parameters, collection.name))

    def search(self, database: Database, queries: str | Sequence[str], gold: Sequence[Passage] = ()) -> Passages:
        """Returns what the query, or several fused, find: in the order of the prompt, or the best first if a model has
        still to decide."""
        k = candidates(self.parameters)
        hits = retrieve(database, self.index, self.retriever, queries, k, gold=gold)
        is_last = self.parameters.chunk_order == "best-last" and not retrieval_calls(self.parameters)
        return tuple(_passage(hit) for hit in in_order(hits, "best-last" if is_last else "best-first"))


def _made(
    database: Database,
    plan: Plan,
    parameters: Parameters,
    queries: Sequence[str],
    wall: Wall | None,
    on_progress: OnWork,
) -> _Setting:
    """Returns the setting, ready; without a `wall` nothing is sent."""
    setting = _Setting.of(database, parameters, on_progress)
    retriever, index = setting.retriever, setting.index
    _check(retriever, index, plan, parameters.collection or "")
    if not retriever.embeds:
        index.prepare(database, retriever, on_progress=on_progress)
        return setting
    texts = index.chunks.texts
    missing = unmade(database, retriever.embedder, texts) + unmade(database, retriever.embedder, queries, "query")
    if missing and wall is None and (retriever.embedder != LOCAL or missing > _AT_ONCE):
        note = (
            f"{many(missing, 'vector')} by {retriever.embedder} {'is' if missing == 1 else 'are'} made when the run"
            f" starts; until then BM25's chunks stand for those of the retriever {retriever}."
        )
        index.prepare(database, Retriever("bm25"), on_progress=on_progress)
        return replace(setting, retriever=Retriever("bm25"), note=note)
    budget = wall or ""
    index.prepare(database, retriever, budget=budget, on_progress=on_progress)
    embed(
        database, retriever.embedder, queries, "query", budget=budget,
        on_progress=lambda done, total: on_progress(done, total, "vectors of questions made"),
    )  # fmt: skip
    return setting


def _check(retriever: Retriever, index: ChunkIndex, plan: Plan, collection: str) -> None:
    """Raises DocumentsError if the retriever cannot be used with the plan's cases and this collection."""
    if retriever.embeds and not is_available(retriever.embedder):
        hint = f"Install it: {install_command('documents')}, or name one: embedding:embedder=ENDPOINT/MODEL."
        raise DocumentsError(f"The retriever {retriever} needs the built-in embedder, which is not there.", hint=hint)
    if retriever.kind == "oracle" and GOLD not in plan.columns:
        hint = "Add it to the cases, as DOCUMENT:START-END, or leave the retriever out."
        raise DocumentsError("The retriever oracle needs a column gold.", hint=hint)
    chars = sum(len(document.text) for document in index.documents) if retriever.kind == "all" else 0
    if chars > _MOST_CHARS:
        message = f"The collection {collection} has {chars:,} characters, which is too much to show whole."
        raise DocumentsError(message, hint=f"The retriever all takes at most {_MOST_CHARS:,}.")


def _few_chunks(index: ChunkIndex, parameters: Parameters, collection: str) -> str:
    if parameters.chunks is None or parameters.chunks <= len(index.chunks):
        return ""
    have = many(len(index.chunks), "chunk")
    return f"k is {parameters.chunks:,}, and {collection} has {have} by {index.chunker}: all may be found."


class _Found:
    """Searches the collections when the passages of a case are wanted, and keeps them. `before` has what the same run
    has retrieved earlier."""

    def __init__(self, database: Database, settings: dict[str, _Setting], before: Contexts | None) -> None:
        self._database, self._settings, self._before = database, settings, before
        self._passages: dict[tuple[str, str], Passages] = {}
        self.notes: Sequence[str] = list(dict.fromkeys(setting.note for setting in settings.values() if setting.note))

    def passages(self, parameters: Parameters, case: Case) -> Passages:
        """Returns the passages of the case by these parameters, in the order of the prompt. Raises DocumentsError if
        the gold of the case does not fit the documents."""
        name = (retrieval_id(parameters), case.id)
        if name not in self._passages:
            earlier = self._before.passages(parameters, case) if self._before else ()
            self._passages[name] = earlier or self._search(self._settings[name[0]], case)
        return self._passages[name]

    def _search(self, setting: _Setting, case: Case) -> Passages:
        gold = _gold_of(case, setting.index) if setting.retriever.kind == "oracle" else []
        return setting.search(self._database, query_of(case), gold)

    def search(self, parameters: Parameters, case: Case, queries: Sequence[str]) -> Context:
        """Returns what these queries, fused, find, the best first; the collection is searched as it is now."""
        name = context_id(retrieval_id(parameters), queries)
        return Context(name, self._settings[retrieval_id(parameters)].search(self._database, queries))


class _SearchedContexts:
    """What a run that is carried out shows of documents: `stored` has what was found when it was planned, and by
    earlier searches."""

    def __init__(self, database: Database, run_id: str, stored: Contexts) -> None:
        self._database, self._run_id, self._stored = database, run_id, stored
        self.notes = stored.notes

    def passages(self, parameters: Parameters, case: Case) -> Passages:
        """Returns the passages of the case that were found when the run was planned."""
        return self._stored.passages(parameters, case)

    def search(self, parameters: Parameters, case: Case, queries: Sequence[str]) -> Context:
        """Returns what these queries have found for the run before, else what they find in the collection as it is now.
        Raises DocumentsError and StoreError if the collection is gone, and what an embedder's endpoint raises."""
        name = context_id(retrieval_id(parameters), queries)
        earlier = StoredContexts(self._database, self._run_id, at_once=1).of(name, case.id)
        return Context(name, earlier or _Setting.of(self._database, parameters).search(self._database, queries))


def _gold_of(case: Case, index: ChunkIndex) -> list[Passage]:
    try:
        gold = parse_gold(str(case.inputs.get(GOLD, "")))
        check_gold(gold, index.by_name, str(case.inputs.get(QUOTE, "")))
    except DocumentsError as error:
        raise DocumentsError(f"Case {case.id}: {error.message}", hint=error.hint) from error
    return gold


def _passage(hit: Hit) -> RetrievedPassage:
    chunk, document = hit.chunk, hit.chunk.document
    return RetrievedPassage(
        document.name, document.digest, chunk.title, chunk.page, chunk.start, chunk.end, hit.rank, hit.score, chunk.text
    )
