"""What the cells of a curve's points show of documents, measured by the gold of their cases; and the size of chunks as
a parameter of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from promptgrid import stats
from promptgrid.compare import Facts, Variant
from promptgrid.compare.aggregate import mean_by
from promptgrid.compare.axes import PARAMETER_AXES, Axis, AxisValue
from promptgrid.compare.retrieval.summary import MEASURED
from promptgrid.documents.answers.measured import measured_run
from promptgrid.documents.chunkers import SIZE, parse_chunker
from promptgrid.errors import PromptgridError
from promptgrid.prompt.parameters import ParameterSpec
from promptgrid.store import Database
from promptgrid.store.documents.retrieved import StoredContexts
from promptgrid.techniques.passages import RetrievedPassage
from promptgrid.tokens import ENCODINGS, count_in, count_text

CHUNK_SIZE: Axis = "chunk_size"
"""The axis of the size of chunks, in tokens, apart from the way in which they are cut."""

TOKENS = "retrieved_tokens"
COLUMNS = tuple(f"{name}{end}" for name in (*MEASURED, TOKENS) for end in ("", "_low", "_high", "_cases"))
"""The columns of a point's retrieval: each measure's mean, its 95 % interval, and the number of cases behind it."""

_SIZE_SPEC = ParameterSpec(
    CHUNK_SIZE, "Size of chunks", int, column=CHUNK_SIZE, plural="chunk_sizes", sign="size ", local=True
)


def axis_spec(axis: Axis) -> ParameterSpec:
    """Returns the description of a curve's axis: of a parameter that a plan can vary, or of the size of chunks."""
    return _SIZE_SPEC if axis == CHUNK_SIZE else PARAMETER_AXES[axis]


def axis_values(variant: Variant, axis: Axis) -> dict[Axis, AxisValue]:
    """Returns the variant's values on all axes. On a curve over the size of chunks that is one of them, and the chunker
    has no size."""
    values = variant.values
    if axis == CHUNK_SIZE:
        values |= dict(zip(("chunker", CHUNK_SIZE), _split(values["chunker"]), strict=True))
    return values


def chunk_axes(axes: list[Axis], variants: list[Variant]) -> list[Axis]:
    """Returns the axes with that of the size of chunks, if the variants differ in it: in the place of the chunker, if
    they differ in nothing else of it."""
    pairs = {_split(variant.values["chunker"]) for variant in variants} - {(None, None)}
    if len({size for _, size in pairs}) < 2:
        return axes
    return [*(axis for axis in axes if axis != "chunker" or len({kind for kind, _ in pairs}) > 1), CHUNK_SIZE]


def _split(chunker: AxisValue) -> tuple[AxisValue, AxisValue]:
    """Returns a chunker without its size, and its size in tokens; None for no chunker, or one that is not known."""
    try:
        if chunker is None:
            return None, None
        parsed = parse_chunker(str(chunker))
        return str(replace(parsed, size=max(SIZE, 2 * parsed.overlap))), parsed.size
    except PromptgridError:
        return chunker, None


class RetrievalMeans:
    """The measures of what the cells of a run show of documents, averaged over the cases of a variant. A measure needs
    no reply."""

    def __init__(self, database: Database, facts: Facts) -> None:
        self._facts = facts
        self._run = facts.cached("retrieval", lambda: measured_run(database, facts.run_id))
        self._contexts = StoredContexts(database, facts.run_id)
        self._count = lru_cache(maxsize=None)(_tokens)

    def of(self, variant: int) -> Mapping[str, float | int | None]:
        """Returns the values of COLUMNS for the variant with this index, over all its cells but copies of a case; empty
        if it retrieves nothing."""
        facts, run = self._facts, self._run
        if run is None:
            return {}
        cells = np.flatnonzero((facts.variant == variant) & (facts.firsts[facts.case] == facts.case))
        pairs = [run.retrieval.of_cell.get(position) for position in facts.position[cells].tolist()]
        if not any(pairs):
            return {}
        cases = facts.case[cells].astype(np.int64)
        columns: dict[str, float | int | None] = {}
        for name in (*MEASURED, TOKENS):
            values = np.array([np.nan if pair is None else self._value(pair, name) for pair in pairs])
            by_case = mean_by(values, cases, len(facts.case_ids))
            known = by_case[~np.isnan(by_case)]
            interval = stats.mean_interval(known)
            columns[name] = float(known.mean()) if len(known) else None
            columns[f"{name}_low"] = interval.low if interval else None
            columns[f"{name}_high"] = interval.high if interval else None
            columns[f"{name}_cases"] = len(known)
        return columns

    def _value(self, pair: tuple[str, str], name: str) -> float:
        assert self._run is not None
        if name == TOKENS:
            chunker = self._run.retrieval.settings[pair[0]].chunker
            return float(sum(self._count(passage, chunker) for passage in self._contexts.of(*pair)))
        measures = self._run.measures.get(pair)
        value = None if measures is None else getattr(measures, name)
        return float("nan") if value is None else float(value)


def _tokens(passage: RetrievedPassage, chunker: str | None) -> int:
    tokenizer = parse_chunker(chunker or "recursive").tokenizer
    counted = count_in(tokenizer, passage.text) if tokenizer in ENCODINGS else count_text(passage.text, tokenizer)
    return counted.tokens
