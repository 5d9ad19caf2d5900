"""Measures how the replies of a run use the passages in their prompts."""

from __future__ import annotations

from collections.abc import Mapping

from promptgrid.documents.answers.grounding import Grounding, Shown, grounding
from promptgrid.documents.answers.measured import MeasuredRun
from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import GOLD, QUOTE
from promptgrid.store import Database
from promptgrid.store.cell_columns import case_texts, reply_texts
from promptgrid.store.documents.retrieved import StoredContexts


def groundings(database: Database, run_id: str, run: MeasuredRun) -> Mapping[int, Grounding]:
    """Returns how each reply uses the passages of its prompt, by the position of its cell, for the cells that retrieve.
    Numbers that stand in an input of the case are not missing."""
    inputs = {
        case.case_id: " ".join(str(value) for name, value in case.inputs.items() if name not in (GOLD, QUOTE))
        for case in case_texts(database, run_id).values()
    }
    contexts = StoredContexts(database, run_id)
    uses = {}
    for position, text in reply_texts(database, run_id):
        if pair := run.retrieval.of_cell.get(position):
            shown = [Shown(Passage(one.document, one.start, one.end), one.text) for one in contexts.of(*pair)]
            uses[position] = grounding(text, shown, run.gold.get(pair[1], ()), inputs.get(pair[1], ""))
    return uses
