"""The text of a cell beside another one: the baseline's, the expected one, another column's, another sample's."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.compare import Arranged, ComparisonRow, PooledCell, Sample
from promptgrid.store import Database, results
from promptgrid.store.results import ResultRow
from promptgrid.ui.compare.view_state import WITH
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.words_diff import show_words_diff

HEIGHT = 280
_SAMPLES = 20  # other samples that are offered


def compared_with(
    database: Database,
    run_id: str,
    arranged: Arranged,
    row: ComparisonRow,
    entry: PooledCell,
    samples: Sequence[Sample],
    shown: ResultRow,
) -> bool:
    """Asks what the reply `shown` (a result row) is to be compared with, and draws the difference word by word.

    False where nothing was chosen, or one of the two has no text: then the reply is to be shown by itself.
    """
    others = _others(arranged, row, entry, samples, shown.position)
    if shown.output is None or not others:
        return False
    if st.session_state.get(WITH) not in others:
        st.session_state[WITH] = ""
    chosen = st.selectbox("Compare with", ["", *others], format_func=lambda o: others.get(o, "nothing"), key=WITH)
    if not chosen:
        return False
    expected = row.case.expected if row.case else None
    text = expected if chosen == "expected" else _text_of(database, run_id, row, samples, chosen)
    if text is None:
        st.caption(plain(f"{others[chosen]}: no reply to compare with."))
        return False
    show_words_diff(text, shown.output, others[chosen], "this reply", height=HEIGHT, key="compare_words")
    return True


def _others(
    arranged: Arranged, row: ComparisonRow, entry: PooledCell, samples: Sequence[Sample], position: int
) -> dict[str, str]:
    """What there is to compare with, by what it is called in the address."""
    baseline = arranged.columns[0].id
    columns = [head for head in arranged.columns if head.id != entry.column and head.id in row.entries]
    found = {"expected": "the expected answer"} if row.case and row.case.expected is not None else {}
    found |= {head.id: f"{head.label}, the baseline" if head.id == baseline else head.label for head in columns}
    others = [n for n, s in enumerate(samples, 1) if s.position != position and s.status == "answered"]
    return found | {f"sample:{number}": f"sample {number}" for number in others[:_SAMPLES]}


def _text_of(database: Database, run_id: str, row: ComparisonRow, samples: Sequence[Sample], chosen: str) -> str | None:
    """The text of another column's shown sample, or of another sample; None where no reply came."""
    kind, _, number = chosen.partition(":")
    position = samples[int(number) - 1].position if kind == "sample" else row.entries[chosen].shown
    if position is None:
        return None
    other = next(results.result_rows(database, run_id, [position]))
    return other.output
