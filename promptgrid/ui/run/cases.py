"""Selects the cases of a run: the prompt's own table, a library table, an upload, a pasted table, or typed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import streamlit as st

from promptgrid import humanize
from promptgrid.cases.own_checks import CHECKS
from promptgrid.cases.table import (
    EXPECTED,
    FORMATS,
    Case,
    Cases,
    answer_columns,
    cell_text,
    read_cases,
)
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import EncodingError, PromptgridError
from promptgrid.library.own_cases import own_table
from promptgrid.prompt import Prompt
from promptgrid.prompt.chained import needed_variables
from promptgrid.prompt.retrieval import GOLD, QUOTE
from promptgrid.prompt.values import kind_of
from promptgrid.store import drafts
from promptgrid.text import cut, one_line
from promptgrid.ui import links, server
from promptgrid.ui.run.form import UNDO_CASES, FormValues, set_fields
from promptgrid.ui.run.tables import parsed_table, store_upload, table_of_file, typed_table, uploads
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import buttons
from promptgrid.ui.widgets.live_text import CELL, token_note, watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.tables import CasesTable, as_table, encoding_field
from promptgrid.ui.widgets.undo import loss, offer_undo, undo_note

SOURCES: Mapping[str, str] = {
    "own": "The prompt's own",
    "file": "Library",
    "upload": "Upload",
    "paste": "Paste",
    "type": "Type",
}
PREVIEW_ROWS, PREVIEW_CHARS = 200, 300
CHARACTER_PX, NARROWEST_PX, GOLD_PX, TABLE_PX = 8, 110, 70, 500  # the table is at least so wide on a desktop


def cases_input(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    """Draws the selector for where the cases come from, the input for that, and a preview of the cases. Returns None if
    there are no cases, or the table cannot be read."""
    source = buttons("Cases", SOURCES, "cases_source", default=form["cases_source"], wrap=True)
    try:
        table = _INPUTS[source](form, prompts)
        undo_note(UNDO_CASES)
    except EncodingError as error:
        encoding_field(error)
        return None
    except PromptgridError as error:
        show_error(error)
        return None
    if table is not None and source != "type":
        _answer_field(table, prompts)
        _preview(table, in_order=source == "paste")
    return table


def _answer_field(table: CasesTable, prompts: Sequence[Prompt]) -> None:
    """Draws the selector for the column with the expected answers. Omits it for a table with a column `expected` or
    with only one column, unless the user has chosen another column."""
    column = st.session_state.get("cases_expected") or ""
    used = {name for prompt in prompts for name in required_variables(prompt)}
    offered = [name for name in answer_columns(table.columns) if name not in used]
    if not column and (EXPECTED in table.columns or len(table.columns) < 2):
        return
    others = [name for name in table.columns if name not in (*offered, *used, EXPECTED, CHECKS)]
    st.selectbox(
        "Right answers",
        ["", *dict.fromkeys([*([column] if column else []), *offered, *others])],
        key="cases_expected",
        format_func=lambda name: one_line(name) if name else "No column: replies are not scored",
        help="The column that holds what each case expects.",
    )


def missing_columns(prompts: Sequence[Prompt], table: CasesTable) -> dict[str, list[str]]:
    """Returns, by prompt name, the required variables that the table has no column for; only prompts that lack one are
    listed."""
    missing = {p.name: [name for name in required_variables(p) if name not in table.columns] for p in prompts}
    return {prompt: names for prompt, names in missing.items() if names}


def required_variables(prompt: Prompt) -> list[str]:
    """Returns the names of the variables that every case must provide. Raises PromptError for broken Jinja."""
    return [variable.name for variable in needed_variables(prompt) if variable.required]


def _own(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    if not prompts:
        return None
    first = prompts[0]
    if first.cases:
        return table_of_file(own_table(server.library().folder, first.cases, first.name))
    needed, typed = required_variables(first), drafts.typed_values(server.database(), first.name)
    inputs = {name: text for name, text in typed.items() if text and name in needed} | first.given_examples
    if missing := [name for name in needed if name not in inputs]:
        st.caption(f":orange[●] {plain(first.name)} has no cases, and no value for {plain(', '.join(missing))}.")
        st.page_link(links.COMPOSE, label="Type one on Compose", query_params={"prompt": first.name})
        return None
    st.caption(f"{plain(first.name)} has no table of cases. The run has one case, with the values of Compose.")
    return as_table(Cases((Case("1", inputs),), tuple(inputs)), repr(inputs))


def _file(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    files = {path.name: path for path in server.library().cases()}
    if not files:
        st.caption(f"No tables in {plain(server.library().folder / 'cases')}.")
        return None
    if st.session_state.cases_file not in files:
        own = [Path(prompt.cases).name for prompt in prompts if Path(prompt.cases).name in files]
        st.session_state.cases_file = [*own, *files][0]
    name = st.selectbox("Table", list(files), key="cases_file", label_visibility="collapsed")
    return table_of_file(files[str(name)])


def _upload(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    uploaded = st.file_uploader("A table, up to 100 MB", type=[*FORMATS], key="cases_uploader")
    if uploaded is not None and st.session_state.get("cases_uploaded_id") != uploaded.file_id:
        st.session_state.cases_expected = ""
        with suppress(EncodingError):  # the page asks for the encoding; other errors keep the last file
            read_cases(uploaded.getvalue(), name=uploaded.name)
        before = form["cases_upload"]
        form["cases_upload"] = {"file": store_upload(uploaded.getvalue(), uploaded.name), "name": uploaded.name}
        if before:
            text = f"{uploaded.name} has replaced {before['name']}."
            offer_undo(UNDO_CASES, text, partial(set_fields, cases_upload=before))
        st.session_state.cases_uploaded_id = uploaded.file_id
    upload = form["cases_upload"]
    if not upload:
        st.caption("The first row names the columns: one for each variable, and `expected` for the right answer.")
        return None
    path = uploads() / Path(upload["file"]).name
    return table_of_file(path, upload["name"])


def _paste(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    st.text_area(
        "Pasted table",
        key="cases_text",
        height=120,
        placeholder=f"{','.join([*(required_variables(prompts[0]) if prompts else ['text']), EXPECTED])}\n…",
        help="From a spreadsheet, or as CSV. The first row names the columns. Ctrl+Enter reads the table.",
        label_visibility="collapsed",
    )
    _counts(["cases_text"])
    text = st.session_state.cases_text
    return parsed_table(text) if text.strip() else None


def _type(form: FormValues, prompts: Sequence[Prompt]) -> CasesTable | None:
    columns = [*dict.fromkeys(name for prompt in prompts for name in required_variables(prompt)), EXPECTED]
    every = list(dict.fromkeys([*columns, *(name for row in form["cases_rows"] for name in row)]))
    if st.session_state.get("cases_typed_for") != columns:  # the editor stores edits of its first rows
        st.session_state.cases_typed_for = columns
        saved = [{name: row.get(name, "") for name in every} for row in form["cases_rows"]]
        st.session_state.cases_typed_from = saved or [dict.fromkeys(every, "")]
        st.session_state.pop("cases_editor", None)
    rows = st.data_editor(
        st.session_state.cases_typed_from,
        key="cases_editor",
        num_rows="dynamic",
        hide_index=True,
        height=180,
        column_config={name: st.column_config.TextColumn(plain(name), width="large") for name in columns},
        column_order=columns,  # the columns of other prompts keep their cells
    )
    _counts([CELL])
    before, form["cases_rows"] = form["cases_rows"], [{n: str(row.get(n) or "") for n in row} for row in rows]
    if lost := loss(_filled(before, every), _filled(form["cases_rows"], every), "case"):
        offer_undo(UNDO_CASES, lost, partial(_put_rows, before))
    filled = _filled(form["cases_rows"], columns)
    return typed_table(filled, columns) if filled else None


def _put_rows(rows: list[dict[str, str]]) -> None:
    set_fields(cases_rows=rows)
    del st.session_state["cases_typed_for"]


def _filled(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[dict[str, str]]:
    """Returns these columns of the rows, without rows that are empty in all of them."""
    texts = [{name: row.get(name, "") for name in columns} for row in rows]
    return [row for row in texts if any(text.strip() for text in row.values())]


@st.fragment
def _counts(keys: Sequence[str]) -> None:
    """Shows the number of tokens of the focused field, one of the widgets with these keys, at its edge. Counts by the
    first model of the run."""
    watch_text(keys, f"cases_watch_{keys[0]}", note=token_note(next(iter(st.session_state.run_models), DEFAULT_MODEL)))


_INPUTS = {"own": _own, "file": _file, "upload": _upload, "paste": _paste, "type": _type}


def _preview(table: CasesTable, *, in_order: bool) -> None:
    """Shows the first cases of the table: the id and the right answer first, or with `in_order` the columns in their
    order, since the user has just pasted them."""
    rows = table.cases[:PREVIEW_ROWS]
    names = sorted(table.columns, key=lambda name: not in_order and name not in ("id", EXPECTED))
    columns = {name: [cut(cell_text(case, name), PREVIEW_CHARS) for case in rows] for name in names}
    remarks = [humanize.many(len(table.cases), "case"), *([table.name] if table.name else []), *table.notes]
    if kinds := ", ".join(f"{name} ({kind})" for name, kind in _kinds(rows).items()):
        remarks.append(f"as JSON: {kinds}")
    remarks += [f"first {PREVIEW_ROWS} rows shown"] if len(table.cases) > PREVIEW_ROWS else []
    st.caption(" · ".join(plain(text, limit=200) for text in remarks))
    st.dataframe(
        columns,
        height="content" if len(rows) <= 4 else 178,
        column_config={n: st.column_config.TextColumn(width=width) for n, width in widths(columns).items()},
    )


def _kinds(rows: Sequence[Case]) -> dict[str, str]:
    """Returns, for each column in which a case of `rows` has a value other than text, the kind of the first such value,
    as `kind_of` names it: integer, array and so on."""
    kinds: dict[str, str] = {}
    for case in rows:
        for name, value in case.inputs.items():
            if not isinstance(value, str):
                kinds.setdefault(name, kind_of(value))
    return kinds


def widths(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Returns the width of each column in pixels: that of its longest text. If the table would be too wide, the widest
    columns are all reduced to the same width; gold and its text, which no prompt shows, leave room for the others."""
    wanted = {name: CHARACTER_PX * max(map(len, (name, *texts))) + 24 for name, texts in columns.items()}
    if sum(wanted.values()) >= TABLE_PX:
        wanted |= {name: min(width, GOLD_PX) for name, width in wanted.items() if name in (GOLD, QUOTE)}
    caps = range(TABLE_PX, NARROWEST_PX, -10)
    fitting = (cap for cap in caps if sum(min(width, cap) for width in wanted.values()) < TABLE_PX)
    most = next(fitting, NARROWEST_PX)
    return {name: min(width, most) for name, width in wanted.items()}
