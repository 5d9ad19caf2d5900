"""Selects the part of the cases that a run uses: learn, choose or prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from promptgrid.cases.parts import PARTS
from promptgrid.cases.table import EXPECTED, Case
from promptgrid.errors import CasesError
from promptgrid.humanize import many
from promptgrid.prompt import Prompt
from promptgrid.store.across.parts import cases_of_part, opening_sentences, openings_of
from promptgrid.text import one_line
from promptgrid.ui import server
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.tables import CasesTable


def parts_field(table: CasesTable, prompts: Sequence[Prompt]) -> CasesTable | None:
    """Draws the selectors of the part (learn, choose, prove) and of the column that keeps related cases in one part,
    and notes on the cases. Returns the table with only the cases of the selected part; None after an error."""
    columns = ["", *(name for name in table.columns if name != EXPECTED)]
    if st.session_state.cases_group not in columns:
        st.session_state.cases_group = ""
    with st.container(horizontal=True):
        part = st.selectbox(
            "Part",
            ["", *PARTS],
            key="cases_part",
            format_func=lambda name: name.capitalize() or "All cases",
            help="Write prompts by the cases of Learn, choose among them on Choose, and keep Prove for the verdict. "
            "A case stays in its part when rows are added.",
        )
        group = st.selectbox(
            "Group by",
            columns,
            key="cases_group",
            format_func=lambda name: one_line(name) or "no column",
            help="Cases with the same value in this column are never parted.",
        )
    try:
        versions = tuple(prompt.version for prompt in prompts)
        cases, notes = _cases_of_part(table.digest, str(part), str(group), versions, table, prompts)
    except CasesError as error:
        show_error(error)
        return None
    if part:
        notes = [f"{len(cases):,} of {many(len(table.cases), 'case')} are run.", *notes]
    if part == "prove":
        notes = [*notes, *opening_sentences(openings_of(server.database(), [prompt.name for prompt in prompts]))]
    for note in notes:
        st.caption(plain(note, limit=300))
    return replace(table, cases=cases, digest=f"{table.digest} {part} {group}")


@st.cache_resource(max_entries=8, show_spinner="Looking for duplicates …")
def _cases_of_part(
    digest: str, part: str, group: str, versions: tuple[str, ...], _table: CasesTable, _prompts: Sequence[Prompt]
) -> tuple[Sequence[Case], list[str]]:
    return cases_of_part(server.database(), _table.cases, _prompts, part=part, group=group)
