"""Measures what the cells of a run show of documents, by the gold of their cases (the column `gold`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptgrid.documents.chunkers import parse_chunker
from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import GOLD, parse_gold
from promptgrid.documents.measures import RetrievalMeasures, measured_passages
from promptgrid.documents.retrievers import ChunkIndex, load_index
from promptgrid.errors import PromptgridError
from promptgrid.store import Database
from promptgrid.store.cell_columns import case_texts
from promptgrid.store.documents import collections
from promptgrid.store.documents.retrieved import RetrievalSetting, RunRetrieval, retrieval_of_run
from promptgrid.store.runs import find_run
from promptgrid.techniques.passages import Passages

_WHOLE = ("all", "oracle")  # retrievers that do not choose among chunks


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What a run retrieved, and how well.

    retrieval  what its cells show
    gold       the gold passages of each case, by its id; a case without a readable gold cell is missing
    measures   by (the id of the context, the id of the case), for the cases in `gold`
    """

    retrieval: RunRetrieval
    gold: Mapping[str, Sequence[Passage]]
    measures: Mapping[tuple[str, str], RetrievalMeasures]


def measured_run(database: Database, run_id: str) -> MeasuredRun | None:
    """Returns what the run retrieved, measured by the gold of its cases; None if none of its cells retrieves. There is
    no nDCG where the collection is gone or has changed since the run was created."""
    retrieval = retrieval_of_run(database, run_id)
    if retrieval is None:
        return None
    gold = _gold(database, run_id)
    created = find_run(database, run_id).created
    indexes = {one: _index(database, one, created) for one in set(retrieval.settings.values())}
    measures = {
        (name, case_id): _measured(retrieval.shown.get((name, case_id), ()), gold[case_id], setting, indexes[setting])
        for name, case_id in dict.fromkeys(retrieval.of_cell.values())
        if case_id in gold and (setting := retrieval.settings[name])
    }
    return MeasuredRun(retrieval, gold, measures)


def _gold(database: Database, run_id: str) -> dict[str, Sequence[Passage]]:
    gold: dict[str, Sequence[Passage]] = {}
    for case in case_texts(database, run_id).values():
        if GOLD in case.inputs:
            try:
                gold[case.case_id] = parse_gold(str(case.inputs[GOLD]))
            except PromptgridError:
                continue  # that no cell of the column can be read is said where the run is planned
    return gold


def _index(database: Database, setting: RetrievalSetting, created: float) -> ChunkIndex | None:
    """Returns the index in which the setting searched for a run that was `created` at this time; None if the collection
    is gone or has changed since."""
    try:
        info = collections.find(database, setting.collection or "")
        chunker = parse_chunker(setting.chunker or "recursive")
        return load_index(database, info.id, chunker) if info.updated <= created else None
    except PromptgridError:
        return None


def _measured(
    shown: Passages, gold: Sequence[Passage], setting: RetrievalSetting, index: ChunkIndex | None
) -> RetrievalMeasures:
    ranked = sorted(shown, key=lambda one: one.rank)
    passages = [Passage(one.document, one.start, one.end) for one in ranked]
    if (setting.retriever or "").partition(":")[0] in _WHOLE:
        return measured_passages(passages, gold, passages, max(1, len(passages)))
    wanted = {one.document for one in gold}
    chunks = None if index is None else [one.passage for one in index.chunks.within(wanted)]
    return measured_passages(passages, gold, chunks, setting.chunks or len(passages) or 1)
