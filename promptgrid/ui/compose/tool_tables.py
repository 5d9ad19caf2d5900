"""Draws the arguments and the mock results of a tool as tables that can be edited.

A table stores its edits relative to the rows that it was given. So each keeps those rows until the content is changed
elsewhere; then it becomes a new table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from promptgrid.errors import PromptError
from promptgrid.ui.compose import state, tool_texts
from promptgrid.ui.compose.tool_texts import PARAMETER_COLUMNS, RESULT_COLUMNS, TYPES
from promptgrid.ui.compose.values import open_table
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import loss, offer_undo

ROW_HEIGHT = 62  # px: two lines


def argument_table(number: int) -> None:
    """Draws the table of the arguments of the tool with this number in its keys, and applies its edits to the text of
    their JSON Schema."""
    key = state.tool_key("parameters", number)
    text = st.session_state.get(key) or ""
    table = _base("argument_table", number, text, lambda: tool_texts.parameter_rows(tool_texts.schema_of_text(text)))
    kinds = [str(row["type"]) for row in table["rows"] if row["type"]]
    rows = _edited(
        table,
        ("was", *PARAMETER_COLUMNS),
        {
            "was": None,
            "name": st.column_config.TextColumn(width=88),
            "type": st.column_config.SelectboxColumn(options=list(dict.fromkeys([*TYPES, *kinds])), width=78),
            "required": st.column_config.CheckboxColumn("needed", width=78),
            "description": st.column_config.TextColumn(width=98),
            "one of": st.column_config.TextColumn(width=80, help="The allowed values: first, second"),
        },
    )
    st.session_state[key] = text  # Streamlit drops the values of fields that are not drawn
    try:
        schema = tool_texts.with_rows(tool_texts.schema_of_text(table["start"]), rows)
    except PromptError as error:
        st.caption(f":orange[● {plain(error, limit=300)}]")
        return
    is_edited = tool_texts.parameter_rows(schema) != table["rows"]
    st.session_state[key] = table["now"] = tool_texts.schema_text(schema) if is_edited else table["start"]


def result_table(number: int) -> None:
    """Draws the table of the mock results of the tool with this number in its keys, and stores its rows."""
    key = state.tool_key("results", number)
    before = st.session_state[key]
    table = _base("result_table", number, before, lambda: before)
    cases = open_table()
    columns = [*(cases.columns if cases else ()), *(row["column"] for row in before if row["column"])]
    st.caption("Results: a call gets the first that fits, or without one “Error: no result.”")
    rows = tool_texts.result_rows(
        _edited(
            table,
            RESULT_COLUMNS,
            {
                "when": st.column_config.TextColumn(
                    "arguments", width=100, help='Such as {"city": "Oslo"}. Empty: for every call.'
                ),
                "text": st.column_config.TextColumn("result", width=118),
                "column": st.column_config.SelectboxColumn(
                    "or column", options=list(dict.fromkeys(columns)), width=92,
                    help="The column of the cases that holds the result.",
                ),
                "nearest": st.column_config.TextColumn(
                    "or nearest", width=112,
                    help="Computed from vectors of words: those nearest to the sum of the words in the argument plus,"
                    ' less those in minus. Such as {"words": ["king", "queen", "man"], "count": 2}.',
                ),
            },
        )
    )  # fmt: skip
    st.session_state[key] = table["now"] = rows
    if lost := loss(before, rows, "result"):
        offer_undo(state.UNDO_TOOLS, lost, partial(_put_results, key, before))


def _put_results(key: str, rows: Sequence[Mapping[str, str]]) -> None:
    st.session_state[key] = rows


def _base(name: str, number: int, content: Any, rows: Any) -> dict[str, Any]:
    """Returns the table `name` of a tool: `start`, the content from which its `rows` were made, `now`, the content
    after its edits, and the `key` of its widget. If `content` is not the latter, the table is a new one."""
    session = st.session_state
    table: dict[str, Any] | None = session.get(state.tool_key(name, number))
    if table is None or table["now"] != content:
        session.compose_table_number = session.get("compose_table_number", 0) + 1
        key = f"compose_tool_table_{session.compose_table_number}"
        table = session[state.tool_key(name, number)] = {"start": content, "now": content, "rows": rows(), "key": key}
    return table


def _edited(table: Mapping[str, Any], columns: Sequence[str], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draws the table with these columns; returns its rows after the edits."""
    import pandas as pd

    base = pd.DataFrame(table["rows"], columns=list(columns), dtype="object")
    edited = st.data_editor(
        base,
        key=table["key"],
        num_rows="dynamic",
        hide_index=True,
        row_height=ROW_HEIGHT,
        column_config=config,
        placeholder="",
    )
    return [{str(name): value for name, value in row.items()} for row in edited.to_dict("records")]
