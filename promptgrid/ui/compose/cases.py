"""Draws the values of the variables on the Compose page, and steps through the cases of the prompt's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from promptgrid.cases.table import Case
from promptgrid.errors import CasesError, EncodingError
from promptgrid.library.own_cases import own_table
from promptgrid.prompt import Prompt, variables
from promptgrid.text import value_text
from promptgrid.ui.compose import state
from promptgrid.ui.server import library
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.tables import CasesTable, encoding_field, read_table

VALUES_HEIGHT = 68  # px


def values_fields(prompt: Prompt) -> None:
    """Draws a field for the value of each variable. If the prompt names a table of cases, draws above them the number
    of the case whose values they have, with buttons for the previous and the next case; if the table cannot be read,
    draws the error or the question for its encoding."""
    names = [variable.name for variable in variables(prompt.messages, prompt.inputs)]
    st.session_state.compose_shown = names
    with st.container(gap="xsmall", key="compose_values"):
        table = _table_or_problem()
        _fill_empty(names, table.cases[_position(table.cases)].inputs if table else prompt.given_examples)
        if table and names:
            _case_stepper(table)
        kinds = st.session_state.get("compose_kinds", {})
        for name in names:
            label = plain(f"{name} ({kinds[name]}, as JSON)" if name in kinds else name)
            st.text_area(label, key=f"compose_value_{name}", height=VALUES_HEIGHT)


def open_table() -> CasesTable | None:
    """Returns the table of the prompt; None if the prompt names none, or the table cannot be read."""
    with suppress(CasesError):
        return _table()
    return None


def expected_answer() -> str | None:
    """Returns the expected answer of the selected case; None if there is no case or the user changed its values."""
    table = open_table()
    if table is None:
        return None
    case, texts = table.cases[_position(table.cases)], state.value_texts()
    unchanged = all(texts.get(name, value_text(value)) == value_text(value) for name, value in case.inputs.items())
    return case.expected if unchanged else None


def template_values(prompt: Prompt, typed: Mapping[str, str]) -> dict[str, Any]:
    """Returns the values of the variables by name. `typed` has newer texts by widget key. A variable with an empty
    field is left out, unless the selected case has an input of that name. Raises PromptError for a field whose JSON is
    broken."""
    table = open_table()
    inputs = table.cases[_position(table.cases)].inputs if table else {}
    names = [variable.name for variable in variables(prompt.messages, prompt.inputs)]
    newer = {name: typed[key] for name in names if (key := f"compose_value_{name}") in typed}
    values = state.variable_values(newer)
    return {name: values[name] for name in names if name in values and (values[name] != "" or name in inputs)}


def _table() -> CasesTable | None:
    """Returns the table that the prompt names; None if it names none, or no such file exists. Raises CasesError, for a
    file outside of the library too."""
    name, folder = st.session_state.get("compose_cases") or "", library().folder
    return read_table(own_table(folder, name, "this")) if name and (folder / name).is_file() else None


def _table_or_problem() -> CasesTable | None:
    try:
        return _table()
    except EncodingError as error:
        encoding_field(error)
    except CasesError as error:
        st.caption(f":orange[●] {plain(error)}")
    return None


def _fill_empty(names: Sequence[str], start: Mapping[str, Any]) -> None:
    """Fills the field of each variable in `names` that is not on the page yet with its value in `start`, or ""."""
    texts = state.value_texts()
    state.fill_values({name: start.get(name, "") for name in names if name not in texts})


def _case_stepper(table: CasesTable) -> None:
    answer, count = expected_answer(), len(table.cases)
    note = f" · expected {plain(answer, limit=60)}" if answer is not None else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compose_steps"):
        st.button(
            "Back", key="compose_back", on_click=_step, args=(-1,), icon=":material/chevron_left:", type="tertiary"
        )
        st.caption(f"case {_position(table.cases) + 1} of {count}{note}", width="content")
        st.button("Next", key="compose_next_case", on_click=_step, args=(1,), icon=":material/chevron_right:",
                  icon_position="right", type="tertiary")  # fmt: skip
    if table.notes:
        st.caption(plain(f"{table.name}: {' · '.join(table.notes)}", limit=300))


def _step(by: int) -> None:
    if table := open_table():
        at = st.session_state.compose_case = (_position(table.cases) + by) % len(table.cases)
        state.fill_values(table.cases[at].inputs)


def _position(cases: Sequence[Case]) -> int:
    return min(int(st.session_state.get("compose_case", 0)), len(cases) - 1)
