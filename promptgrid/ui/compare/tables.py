"""The comparison as text: a sentence for each column, what the columns are worth, and the matrix as a table or as
Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid.compare import Facts, VariantSummary, View
from promptgrid.compare.copies import copies_sentence
from promptgrid.compare.worth import Worth, column_worth, fair_plan
from promptgrid.errors import PromptgridError
from promptgrid.export import markdown
from promptgrid.export.worth import fair_sentence, worth_words
from promptgrid.grading.python_switch import check_switch
from promptgrid.grid import Plan
from promptgrid.grid.doubts import votes_doubts
from promptgrid.grid.preflight import Preflight
from promptgrid.runner import client, phrases
from promptgrid.store import Database, results
from promptgrid.store.across.fair_runs import fair_runs
from promptgrid.store.runs import ACTIVE
from promptgrid.ui.compare.matrix import STATE_WORDS, MatrixCell, MatrixColumn, MatrixRow
from promptgrid.ui.widgets import follow_run
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.feedback import calls_label, note_with_button, show_error, show_left_error
from promptgrid.ui.widgets.plain import plain

MOST_COPIED = 1_000  # rows in the Markdown text
_FORMS = ("This page", "This page as Markdown", "All rows as Markdown")
_FIRST, _WIDTH = 240, 180  # pixels of a column
_SENTENCES = 8  # further sentences are in a closed expander
_FAIR_ERROR = "compare_fair_error"
_PREFLIGHT_S = 60.0  # how long a preflight is shown without a look at newly stored replies


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
    below each technique in several steps the vote over as many tokens, or a button that sends the replies it lacks.
    Draws nothing if no cell is scored."""
    if not facts.checks:
        return
    with st.expander("What it is worth", key="compare_worth_open", on_change="rerun") as opened:
        if not opened.open:
            return
        linked = fair_runs(database, facts.run_id)
        stamp = (facts.stamp, *((run.id, results.stamp(database, run.id)) for run in linked))
        worths = _worths(facts.run_id, stamp, view, _database=database, _facts=facts)
        _draw_worths(worths)
        show_left_error(_FAIR_ERROR)
        active = [run for run in linked if run.status in ACTIVE]
        for run in active:
            follow_run.watch_run(database, run)
        for worth in worths if not active else ():
            if sentence := fair_sentence(worth):
                _offer_fair(database, facts.run_id, stamp, worth, sentence)


@st.cache_resource(max_entries=4, show_spinner="Adding up …")
def _worths(run_id: str, stamp: object, view: View, *, _database: Database, _facts: Facts) -> list[Worth]:
    return column_worth(_database, _facts, view)


def _draw_worths(worths: Sequence[Worth]) -> None:
    import pandas as pd

    words = worth_words(worths)
    figures = {name: st.column_config.Column(alignment="right") for name in words.columns[1:]}
    frame = pd.DataFrame(words.rows, columns=pd.Index(words.columns))
    st.dataframe(frame, hide_index=True, column_config=figures)
    votes = " ↳ is self-consistency with as many tokens as the technique above it."
    st.caption(
        "Per answer, over the scored cases; every call counts, lost ones too, and a call of several replies counts"
        " once. The front: no other column scores more for the same cost or less."
        + (votes if any(worth.fair for worth in worths) else "")
    )


def _offer_fair(database: Database, run_id: str, stamp: object, worth: Worth, sentence: str) -> None:
    """Draws the sentence on what the fair comparison of the column lacks, and the button that sends it, with the number
    of its calls and its cost."""
    try:
        plan, preflight = _fair_preflight(run_id, stamp, worth.head.id, _database=database, _worth=worth)
    except PromptgridError as error:
        st.caption(plain(sentence))
        show_error(error)
        return
    total, cost = preflight.total, phrases.dated_cost(preflight.total, preflight.every)
    label = calls_label("Run the fair comparison", total.calls, at_most=bool(total.spare_calls))
    key = f"compare_fair_{worth.head.id}"
    note_with_button(
        plain(sentence), plain(f"{label} · {cost}"), key=key, on_click=_start_fair, args=(database, run_id, plan)
    )
    for doubt in filter(None, [*votes_doubts(plan), phrases.budget_words(preflight)]):
        st.caption(f":orange[{plain(doubt)}]")


@st.cache_resource(max_entries=16, ttl=_PREFLIGHT_S, show_spinner="Counting …")
def _fair_preflight(
    run_id: str, stamp: object, head_id: str, *, _database: Database, _worth: Worth
) -> tuple[Plan, Preflight]:
    plan = fair_plan(_database, run_id, _worth)
    return plan, client.preflight(_database, plan)


@leaving_error(_FAIR_ERROR)
def _start_fair(database: Database, run_id: str, plan: Plan) -> None:
    check_switch(plan.all_checks)
    client.start(database, plan, fair_for=run_id)


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
