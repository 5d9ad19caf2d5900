"""What a search finds in a collection, and how well retrievers find what answers the questions of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from promptgrid.cases.table import read_cases
from promptgrid.documents import adding, samples
from promptgrid.documents.chunkers import CHUNKER_KINDS, MOST_SIZE, SIZE, Chunker
from promptgrid.documents.evaluation import evaluate, means, questions_of
from promptgrid.documents.marking import marked_questions
from promptgrid.documents.measures import MEASURES
from promptgrid.documents.retrievers import RETRIEVER_KINDS, ChunkIndex, Hit, Retriever, load_index, retrieve
from promptgrid.errors import PromptgridError
from promptgrid.export.gold import marked_csv
from promptgrid.humanize import many
from promptgrid.stats.intervals import mean_interval
from promptgrid.store import Database
from promptgrid.store.documents.collections import CollectionInfo
from promptgrid.ui.widgets.feedback import progress_bar, show_error, showing_errors
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain

RETRIEVER_WORDS = {
    "none": "nothing (no documents)",
    "bm25": "words (BM25)",
    "embedding": "meaning (embedding)",
    "hybrid": "both (hybrid)",
    "all": "all text",
    "oracle": "the gold itself (oracle)",
}
_MEASURED = "documents_measured"
SEARCHING = [kind for kind in RETRIEVER_KINDS if kind in ("bm25", "embedding", "hybrid")]


def chunker_fields() -> Chunker | None:
    """Draws the fields of the chunker and returns it; None if there is no such chunker, which the page says."""
    kind, size, overlap = st.columns(3)
    with kind:
        chosen = st.selectbox("Chunks", CHUNKER_KINDS, index=CHUNKER_KINDS.index("recursive"), key="documents_chunker")
    with size:
        tokens = number_field("Tokens of a chunk, at most", 1, MOST_SIZE, key="documents_size", value=SIZE)
    with overlap:
        repeated = number_field("Tokens repeated", 0, MOST_SIZE // 2, key="documents_overlap", value=0)
    with showing_errors():
        return Chunker(chosen, int(tokens or 0), int(repeated or 0))
    return None


def search(database: Database, info: CollectionInfo, chunker: Chunker) -> None:
    """Draws the field of the query and the chunks that are found."""
    left, middle, right = st.columns([4, 2, 1], vertical_alignment="bottom")
    query = left.text_input("Search", key="documents_query", placeholder="A question, or words")
    kind = middle.selectbox("By", SEARCHING, format_func=RETRIEVER_WORDS.__getitem__, key="documents_by")
    with right:
        k = number_field("Chunks", 1, 100, key="documents_k", value=5)
    if not query.strip():
        st.caption("The chunks that a prompt would be given for a question stand here, with their place.")
        return
    with showing_errors():
        index = prepared_index(database, info, chunker, [Retriever(kind)])
        hits = retrieve(database, index, Retriever(kind), query, int(k or 0))
        st.caption(plain(f"{many(len(hits), 'chunk')} of {len(index.chunks):,}"))
        for words in adding.outdated(database, info.id, {hit.chunk.document.name for hit in hits}):
            st.caption(f":orange[●] {plain(words)}. Add it again to read it anew.")
        for hit in hits:
            _hit(hit)


def measure(database: Database, info: CollectionInfo, chunker: Chunker) -> None:
    """Draws the form that measures retrievers over a table of questions with gold, and the figures."""
    st.caption(
        "How well each retriever finds the passages that answer a question. No model answers here. Each row of the"
        " table of questions names them in its column gold, as DOCUMENT:START-END."
    )
    left, right = st.columns(2)
    kinds = left.multiselect(
        "Retrievers", RETRIEVER_KINDS, default=["bm25"], format_func=RETRIEVER_WORDS.__getitem__, key="documents_kinds"
    )
    counts = right.multiselect("Numbers of chunks (k)", [1, 2, 3, 5, 8, 10, 20, 50], default=[1, 5], key="documents_ks")
    file = st.file_uploader("Questions", type=["csv", "tsv", "xlsx", "jsonl", "json"], key="documents_questions")
    marked = marked_questions(database, info.id)
    is_sample = info.name in samples.sample_names()
    if file is None and (marked or is_sample):
        ours = (
            f"the {many(len(marked), 'question')} marked under Gold" if marked else "those that come with this sample"
        )
        st.caption(f"Without a file: {ours}.")
    ready = bool(file or marked or is_sample)
    if st.button("Measure", key="documents_measure", type="primary", disabled=not (ready and kinds and counts)):
        try:
            index = prepared_index(database, info, chunker, [Retriever(kind) for kind in kinds])
            if file:
                table = read_cases(file.getvalue(), name=file.name)
            elif marked:
                table = read_cases(marked_csv(marked, index.by_name), name="gold.csv")
            else:
                table = read_cases(samples.sample_cases(info.name))
            rows = _rows(database, index, table.cases, [Retriever(kind) for kind in kinds], counts)
            st.session_state[_MEASURED] = (info.id, str(chunker), rows)
        except PromptgridError as error:
            show_error(error)
    measured = st.session_state.get(_MEASURED)
    if measured and measured[0] == info.id:
        _figures(*measured[1:])


def prepared_index(
    database: Database, info: CollectionInfo, chunker: Chunker, retrievers: Sequence[Retriever]
) -> ChunkIndex:
    """Returns the index of the collection with what the retrievers need. What is missing is made under a progress bar;
    any other press on the page ends that."""
    with progress_bar() as show:
        index = load_index(database, info.id, chunker, show)
        for retriever in retrievers:
            index.prepare(database, retriever, on_progress=show)
    return index


def _rows(
    database: Database, index: ChunkIndex, cases: Any, retrievers: Sequence[Retriever], counts: Sequence[int]
) -> list[dict[str, Any]]:
    questions = questions_of(cases, index)
    rows: list[dict[str, Any]] = []
    total = len(retrievers) * len(counts)
    bar = st.progress(0.0, "Measuring…")
    for retriever in retrievers:
        for k in sorted(counts):
            results = evaluate(database, index, retriever, questions, k)
            values = {name: means(results, name) for name in MEASURES}
            figures = {name: sum(some) / len(some) if some else None for name, some in values.items()}
            interval = mean_interval(values["recall"])
            between = "" if interval is None else f"{interval.low:.0%} to {interval.high:.0%}"
            rows.append({"retriever": RETRIEVER_WORDS[retriever.kind], "k": k, **figures, "recall, 95 %": between})
            bar.progress(len(rows) / total, "Measuring…")
    bar.empty()
    return rows


def _figures(chunker: str, rows: Sequence[dict[str, Any]]) -> None:
    import pandas as pd

    percent = st.column_config.NumberColumn(format="percent")
    columns = dict.fromkeys(("hit", "recall", "precision"), percent)
    two = {name: st.column_config.NumberColumn(format="%.3f") for name in ("reciprocal_rank", "ndcg")}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="documents_figures",
        column_config={**columns, **two, "tokens": st.column_config.NumberColumn("tokens a question", format="%.0f")},
    )
    st.caption(plain(f"Chunks by {chunker}. Means over the questions; those without gold count for tokens alone."))


def _hit(hit: Hit) -> None:
    with st.container(border=True):
        st.caption(plain(f"{hit.rank} · {hit.chunk.place} · {hit.score:.3f} · {many(hit.chunk.tokens, 'token')}"))
        st.text(hit.chunk.text)
