"""The comparison of a cell's reply with the expected answer, with another column, or with another sample."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.compare import ComparisonRow, ComparisonRows, PooledCell, Sample
from promptgrid.store import Database, results
from promptgrid.store.results import ResultRow
from promptgrid.ui.compare.view_state import WITH
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.words_diff import show_words_diff

HEIGHT = 280
_SAMPLES = 20  # other samples in the list


def compared_with(
    database: Database,
    run_id: str,
    comparison: ComparisonRows,
    row: ComparisonRow,
    entry: PooledCell,
    samples: Sequence[Sample],
    reply: ResultRow,
) -> bool:
    """Draws the selector of a text to compare `reply` with, and the word-by-word difference of the two. `reply` is that
    of one of the `samples` of the cell `entry`, which stands in the row.

    Returns False if no text is selected or one of the two texts is missing. The caller then shows the reply alone.
    """
    others = _others(comparison, row, entry, samples, reply.position)
    if reply.output is None or not others:
        return False
    if st.session_state.get(WITH) not in others:
        st.session_state[WITH] = ""
    selected = st.selectbox("Compare with", ["", *others], format_func=lambda o: others.get(o, "nothing"), key=WITH)
    if not selected:
        return False
    expected = row.case.expected if row.case else None
    text = expected if selected == "expected" else _text_of(database, run_id, row, samples, selected)
    if text is None:
        st.caption(plain(f"{others[selected]}: no reply to compare with."))
        return False
    show_words_diff(text, reply.output, others[selected], "this reply", height=HEIGHT, key="compare_words")
    return True


def _others(
    comparison: ComparisonRows, row: ComparisonRow, entry: PooledCell, samples: Sequence[Sample], position: int
) -> dict[str, str]:
    """Returns the options of the selector with their labels: `expected` (the expected answer), the ids of the row's
    other columns, and `sample:N` for each other sample than the one at `position`."""
    baseline = comparison.columns[0].id
    other_columns = [head for head in comparison.columns if head.id != entry.column and head.id in row.entries]
    options = {"expected": "the expected answer"} if row.case and row.case.expected is not None else {}
    options |= {head.id: f"{head.label}, the baseline" if head.id == baseline else head.label for head in other_columns}
    other_samples = [n for n, s in enumerate(samples, 1) if s.position != position and s.status == "answered"]
    return options | {f"sample:{number}": f"sample {number}" for number in other_samples[:_SAMPLES]}


def _text_of(database: Database, run_id: str, row: ComparisonRow, samples: Sequence[Sample], option: str) -> str | None:
    """Returns the reply that `option` names: that of another sample of the cell (`sample:2`), or that of the row's cell
    in another column (its column id). None if there is no reply. The option `expected` is not allowed."""
    kind, _, number = option.partition(":")
    position = samples[int(number) - 1].position if kind == "sample" else row.entries[option].representative
    if position is None:
        return None
    other = next(results.result_rows(database, run_id, [position]))
    return other.output
