"""Adds to the columns of a results file what each cell shows of documents, and its measures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from promptgrid.documents.answers.measured import MeasuredRun, measured_run
from promptgrid.export.columns import RETRIEVAL_COLUMNS
from promptgrid.store import Database, results

_FIELDS = ("document", "title", "page", "start", "end", "rank", "score")


def named_rows(
    database: Database, run_id: str, names: Sequence[str], positions: Sequence[int] | None = None
) -> Iterator[dict[str, Any]]:
    """Yields the run's cells at these positions (None: all), in the grid's order, each as a dict with the columns in
    `names`, in this order."""
    for part in result_columns(database, run_id, names, positions):
        yield from (dict(zip(names, values, strict=True)) for values in zip(*part, strict=True))


def result_columns(
    database: Database, run_id: str, names: Sequence[str], positions: Sequence[int] | None = None
) -> Iterator[list[Sequence[Any]]]:
    """Yields the columns of `results.named_columns`; those of retrieval are filled in, for cells that retrieve. The
    column `cell_id` must be among the `names` if those of retrieval are."""
    parts = results.named_columns(database, run_id, names, positions)
    run = measured_run(database, run_id)
    if run is None:
        yield from parts
        return
    for part in parts:
        cells = [int(cell_id.rpartition("-")[2]) for cell_id in part[names.index("cell_id")]]
        yield [_column(run, name, cells) or values for name, values in zip(names, part, strict=True)]


def _column(run: MeasuredRun, name: str, cells: Sequence[int]) -> Sequence[Any]:
    """Returns the column of this name for the cells at these positions; empty if it is none of retrieval."""
    pairs = [run.retrieval.of_cell.get(position) for position in cells]
    if name == "retrieved_json":
        return [None if pair is None else _json(run, pair) for pair in pairs]
    if name not in RETRIEVAL_COLUMNS:
        return ()
    measures = [None if pair is None else run.measures.get(pair) for pair in pairs]
    return [None if one is None else getattr(one, RETRIEVAL_COLUMNS[name]) for one in measures]


def _json(run: MeasuredRun, pair: tuple[str, str]) -> str:
    passages = enumerate(run.retrieval.shown.get(pair, ()), 1)
    listed = [{"number": number} | {name: getattr(one, name) for name in _FIELDS} for number, one in passages]
    return json.dumps(listed, ensure_ascii=False)
