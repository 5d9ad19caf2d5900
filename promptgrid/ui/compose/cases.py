"""Draws the values of the variables on the Compose page, and steps through the cases of the prompt's table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from promptgrid.errors import CasesError, EncodingError
from promptgrid.ui.compose.state import UNDO_VALUES
from promptgrid.ui.compose.values import (
    expected_answer,
    fill_fields,
    kinds,
    named_table,
    open_table,
    own_texts,
    position,
    replace_own,
    value_key,
)
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.tables import CasesTable, encoding_field
from promptgrid.ui.widgets.undo import offer_undo, undo_note

VALUES_HEIGHT = 68  # px


def values_fields(names: Sequence[str]) -> None:
    """Draws a field for the value of each variable. If the prompt names a table of cases, draws above them the number
    of the case whose values they have, with buttons for the previous and the next case; if the table cannot be read,
    draws the error or the question for its encoding."""
    fill_fields(names)
    with st.container(gap="xsmall", key="compose_values"):
        table = _table_or_problem()
        if table and names:
            _case_stepper(table)
        undo_note(UNDO_VALUES)
        kinds_ = kinds()
        for name in names:
            label = plain(f"{name} ({kinds_[name]}, as JSON)" if name in kinds_ else name)
            st.text_area(label, key=value_key(name), height=VALUES_HEIGHT)


def _table_or_problem() -> CasesTable | None:
    try:
        return named_table()
    except EncodingError as error:
        encoding_field(error)
    except CasesError as error:
        st.caption(f":orange[●] {plain(error)}")
    return None


def _case_stepper(table: CasesTable) -> None:
    answer, count = expected_answer(), len(table.cases)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compose_steps"):
        st.button(
            "Back", key="compose_back", on_click=_step, args=(-1,), icon=":material/chevron_left:", type="tertiary"
        )
        st.caption(f"case {position(table.cases) + 1} of {count}", width="content")
        st.button("Next", key="compose_next_case", on_click=_step, args=(1,), icon=":material/chevron_right:",
                  icon_position="right", type="tertiary")  # fmt: skip
        if answer is not None:
            st.caption(f"expected {plain(answer, limit=60)}", width="content")
    if table.notes:
        st.caption(plain(f"{table.name}: {' · '.join(table.notes)}", limit=300))


def _step(by: int) -> None:
    """Selects another case. The texts that the user has typed for its inputs are replaced, with Undo."""
    if table := open_table():
        before, own = position(table.cases), own_texts()
        case = (before + by) % len(table.cases)
        left = {name: text for name, text in own.items() if name not in table.cases[case].inputs}
        replace_own(left, case)
        if left != own:
            text = f"Case {case + 1} has replaced the values that you typed."
            offer_undo(UNDO_VALUES, text, partial(replace_own, own, before))
