"""The comparison as text: a sentence for each column, and the matrix as a table or as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid.compare import Facts, VariantSummary, View
from promptgrid.compare.copies import copies_sentence
from promptgrid.compare.worth import column_worth
from promptgrid.export import markdown
from promptgrid.export.worth import fair_sentences, worth_words
from promptgrid.store import Database
from promptgrid.store.attempts import lost_by_cell
from promptgrid.ui.compare.matrix import STATE_WORDS, MatrixCell, MatrixColumn, MatrixRow
from promptgrid.ui.widgets.plain import plain

MOST_COPIED = 1_000  # rows in the Markdown text
_FORMS = ("This page", "This page as Markdown", "All rows as Markdown")
_FIRST, _WIDTH = 240, 180  # pixels of a column
_SENTENCES = 8  # further sentences are in a closed expander


def sentences(summaries: Sequence[VariantSummary]) -> None:
    """Shows, for each column that has one, the sentence that compares its score with the baseline's. If there are
    sentences but no column is marked as the best, says so."""
    lines = [summary.sentence for summary in summaries if summary.sentence]
    if not lines:
        return
    for line in lines[:_SENTENCES]:
        st.caption(plain(line))
    if len(lines) > _SENTENCES:
        with st.expander(f"{len(lines) - _SENTENCES} more", key="compare_more_sentences", on_change="rerun") as opened:
            for line in lines[_SENTENCES:] if opened.open else ():
                st.caption(plain(line))
    if not any(summary.best for summary in summaries):
        st.caption("No column is marked as the best: the differences may be chance.")


def copies(facts: Facts) -> None:
    """Says how many cases are copies of an earlier one (same request and expected answer), which the summary counts
    only once; draws nothing if there are none."""
    if sentence := copies_sentence(facts.firsts):
        st.caption(sentence)


def worth_table(database: Database, facts: Facts, view: View) -> None:
    """Shows in a closed expander what each column costs per answer, per correct answer and per further correct one, and
    how a vote over as many tokens does. Draws nothing if no cell is scored."""
    if not facts.checks:
        return
    with st.expander("What it is worth", key="compare_worth_open", on_change="rerun") as opened:
        if opened.open:
            import pandas as pd

            worths = column_worth(facts, view, lost_by_cell(database, facts.run_id))
            words = worth_words(worths)
            st.dataframe(pd.DataFrame(words.rows, columns=pd.Index(words.columns)), hide_index=True)
            st.caption(
                "Per answer, over the scored cases; every call counts, lost ones too, and a call of several replies"
                " counts once. The front: no other column scores more for the same cost or less."
            )
            for sentence in fair_sentences(worths):
                st.caption(plain(sentence))


def matrix_table(
    total: int,
    columns: Sequence[MatrixColumn],
    rows: Sequence[MatrixRow],
    corner: str,
    first_rows: Callable[[int], Sequence[MatrixRow]],
) -> None:
    """Draws the matrix as text, in the form that the user selects: a table of the current page (`columns`, `rows`),
    Markdown of that page, or Markdown of the view's first rows.

    `first_rows(n)` returns the first n rows of the view, `total` is its number of rows, `corner` the heading of the
    rows.
    """
    import pandas as pd

    form = st.segmented_control(
        "Form", _FORMS, default=_FORMS[0], required=True, key="compare_table_form", label_visibility="collapsed"
    )
    if form == _FORMS[0]:
        heads, lines = as_table(columns, rows, corner)
        frame = pd.DataFrame(lines, columns=pd.Index(heads))
        config = {head: st.column_config.TextColumn(width=_WIDTH if at else _FIRST) for at, head in enumerate(heads)}
        st.dataframe(frame.replace("", None), hide_index=True, placeholder="–", height=420, column_config=config)
        return
    if form == _FORMS[2]:
        rows = first_rows(MOST_COPIED)
        if len(rows) < total:
            st.caption(f"The first {len(rows):,} of {total:,} rows. Export has all of them.")
    st.code(markdown.table(*as_table(columns, rows, corner)), language=None, height=420)


def as_table(
    columns: Sequence[MatrixColumn], rows: Sequence[MatrixRow], corner: str
) -> tuple[list[str], list[list[str]]]:
    """Returns the matrix as texts: (headings, lines). Equal headings are made different, because a dataframe requires
    it."""
    heads = [corner, "expected", *(" · ".join(column.title_lines) for column in columns)]
    for i, head in enumerate(heads):
        heads[i] = head if heads.index(head) == i else f"{head} ({i})"
    lines = [[row.title, row.sub.removeprefix("expected "), *map(_words, row.cells)] for row in rows]
    return heads, lines


def _words(cell: MatrixCell) -> str:
    marks = [cell.answer, cell.tally, STATE_WORDS[cell.state], "differs" if cell.differs else "", cell.others]
    return " · ".join(mark for mark in [*marks, *(badge.text for badge in cell.badges)] if mark)
