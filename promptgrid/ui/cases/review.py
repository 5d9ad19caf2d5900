"""What a table of the library can prove, and which of its expected answers may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from promptgrid.case_review.kinds import CaseKind
from promptgrid.case_review.review import CasesReview, SuspectRow, review
from promptgrid.store import Database, runs
from promptgrid.ui import links
from promptgrid.ui.server import library
from promptgrid.ui.widgets.feedback import empty_state
from promptgrid.ui.widgets.fields import keep_selection
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_select import run_label
from promptgrid.ui.widgets.tables import read_table

_SHOWN = 20
_TABLE, _RUNS = "cases_table", "cases_runs"


def table_field() -> Path:
    """Draws the selector of the table and returns its path. Stops the page if the library has no table."""
    tables = {path.name: path for path in library().cases()}
    if not tables:
        detail = "A table of cases has a column for each variable of a prompt, and one called expected."
        if empty_state("No tables of cases yet", "Import one in Library", "cases_to_library", detail=detail):
            st.switch_page(links.LIBRARY)
        st.stop()
    keep_selection(_TABLE, tables, next(iter(tables)))
    name = st.selectbox("Table", list(tables), key=_TABLE, help="The tables in the library; Library imports others.")
    return tables[name]


def runs_field(database: Database, path: Path) -> Sequence[str]:
    """Draws the selector of the runs over the table at `path`, and returns the ids of the selected ones."""
    listed = {run.id: run for run in runs.list_runs(database)}
    return st.multiselect(
        "Runs over these cases",
        list(listed),
        format_func=lambda run_id: run_label(listed[run_id]),
        key=f"{_RUNS}_{path.name}",
        placeholder="None: labels are not doubted",
        help="Their replies show which expected answers may be wrong, and which kinds of cases tell variants apart.",
    )


def reviewed(database: Database, path: Path, run_ids: Sequence[str]) -> CasesReview:
    """Returns the review of the table, with the library's prompts that name it as their own table. Raises CasesError or
    StoreError."""
    prompts = [entry.prompt for entry in library().entries() if entry.prompt]
    own = [prompt for prompt in prompts if prompt.cases and Path(prompt.cases).name == path.name]
    return review(database, read_table(path).cases, own, run_ids)


def show_review(about: CasesReview) -> None:
    """Draws the advice on what a proof needs, the parts by expected answer, the notes, and the suspect answers."""
    with st.container(gap="xxsmall"):
        for sentence in about.advice:
            st.markdown(plain(sentence, limit=500))
    rows = [_row(kind) for kind in about.kinds]
    config = {
        "expected": st.column_config.TextColumn(width="small"),
        "variants differ": st.column_config.TextColumn(alignment="right"),
    }
    st.dataframe(rows, hide_index=True, column_config=config, key="cases_kinds")
    for sentence in filter(None, (*about.notes, *about.openings, about.no_suspects)):
        st.caption(plain(sentence, limit=500))
    if about.suspects:
        st.subheader("Expected answers that may be wrong")
        st.caption("The likeliest first. A case opens in Compare, where its expected answer can be edited.")
        for suspect in about.suspects[:_SHOWN]:
            _suspect(suspect)
        if len(about.suspects) > _SHOWN:
            st.caption(f"{len(about.suspects) - _SHOWN:,} more are less likely.")


def _row(kind: CaseKind) -> dict[str, Any]:
    differ = "–" if kind.apart is None else f"{100 * kind.apart:.0f} % of {kind.scored:,}"
    return {"expected": kind.expected or "any", "cases": kind.cases, **kind.parts, "variants differ": differ}


def _suspect(row: SuspectRow) -> None:
    with st.container(gap=None, key=f"cases_suspect_{row.run_id}_{row.run_case_id}"):
        query = {"run": row.run_id, "case": row.run_case_id, "variant": row.variant}
        st.page_link(links.COMPARE, label=plain(f"Case {row.case_id}", limit=120), query_params=query)
        votes = f"{row.agree} of {row.variants} variants answer {row.answer}"
        st.caption(plain(f"expected {row.expected}; {votes}", limit=240))
