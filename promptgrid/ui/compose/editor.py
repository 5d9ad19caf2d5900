"""Draws the left side of the Compose page: messages, examples, answer rule, parameters, description, wording."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptError
from promptgrid.techniques import TECHNIQUES, WORDING, retrieval
from promptgrid.ui.compose import state
from promptgrid.ui.compose.answer_rule import rule_fields, rule_title
from promptgrid.ui.compose.chain import chain_editor
from promptgrid.ui.compose.fields import ANSWER_COLUMNS, ROLES, Fields, column_of, used_variables
from promptgrid.ui.compose.tools import tools_editor
from promptgrid.ui.server import library
from promptgrid.ui.widgets.fields import parameter_field
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import loss, offer_undo, undo_note

TABLE_WIDTH = 448  # px, of all columns together at 1440 px


def editor() -> tuple[DeltaGenerator, list[DeltaGenerator]]:
    """Draws the editor; returns the places for `rule_notes` and for `tool_notes`."""
    content = state.fields()
    _messages()
    columns = _columns(content)
    _examples(columns)
    chain_editor()
    tool_places = tools_editor()
    with st.expander(rule_title(content), key="compose_open_rule"):
        rule_place = rule_fields()
    with st.expander(f"Parameters: {_parameter_line(content)}", key="compose_open_parameters"):
        _parameters()
    with st.expander(_about_heading(content), key="compose_open_about"):
        _about()
    changed = " · changed" if content.wording else ""
    with st.expander(f"Wording of the techniques{changed}", key="compose_open_wording"):
        _wording(content.language)
    return rule_place, tool_places


def _messages() -> None:
    for number in st.session_state.compose_turns:
        _message(number)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Add a turn", key="compose_add", on_click=_add, icon=":material/add:", type="tertiary")
        undo_note(state.UNDO_TURNS)


def _add() -> None:
    """Adds an empty message at the end, with the role assistant if the last message is a user message, else user."""
    turns = st.session_state.compose_turns
    last = st.session_state[f"compose_role_{turns[-1]}"] if turns else "system"
    state.add_turn("assistant" if last == "user" else "user")


def _message(number: int) -> None:
    with st.container(gap="xsmall", key=f"compose_turn_{number}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.selectbox("Role", ROLES, key=f"compose_role_{number}", label_visibility="collapsed", width=130)
            st.space("stretch")
            st.button(
                "Remove",
                key=f"compose_remove_{number}",
                on_click=state.remove_turn,
                args=(number,),
                type="tertiary",
                disabled=len(st.session_state.compose_turns) == 1,
            )
        role = st.session_state[f"compose_role_{number}"]
        label = f"Text of the {role} message"
        st.text_area(label, key=state.text_key(number), label_visibility="collapsed", height="content")


def _columns(content: Fields) -> list[str]:
    """Returns the column names of the table of examples: the variables in the messages and in the stored examples, then
    reasoning and answer."""
    try:
        used = [column_of(name) for name in used_variables(content.messages)]
    except PromptError:
        used = []
    in_rows = [name for row in content.examples for name in row]
    return [name for name in dict.fromkeys([*used, *in_rows]) if name not in ANSWER_COLUMNS] + [*ANSWER_COLUMNS]


def _examples(columns: list[str]) -> None:
    """Draws the table of examples with these columns. `st.data_editor` stores its edits relative to the table that it
    was given, so a change of columns needs a new table and a new widget."""
    import pandas as pd

    session = st.session_state
    if session.get("compose_columns") != columns:
        state.set_examples(session.compose_rows)
        session.compose_columns = columns
    variables = ", ".join(columns[: -len(ANSWER_COLUMNS)])
    st.caption(f"Variables: {plain(variables) or 'none yet. Write {{ name }} in a message.'}")
    st.caption("Examples (used by few-shot)")
    base = pd.DataFrame(session.compose_table, columns=columns, dtype="object").fillna("")
    edited = st.data_editor(
        base,
        key=f"compose_table_{session.compose_table_number}",
        num_rows="dynamic",
        hide_index=True,
        row_height=62,
        column_config={name: _column(name, len(columns)) for name in columns},
        placeholder="",
    )
    before, session.compose_rows = session.compose_rows, _rows(edited.to_dict("records"))
    if lost := loss(before, session.compose_rows, "example"):
        offer_undo(state.UNDO_EXAMPLES, lost, partial(state.set_examples, before))
    undo_note(state.UNDO_EXAMPLES)


def _column(name: str, count: int) -> Any:
    """Returns the configuration of the column `name`: a width in pixels such that none of `count` columns is cut off.
    The column `answer` is narrow because most answers are short."""
    answer = 95
    width = answer if name == "answer" else max(110, (TABLE_WIDTH - answer) // (count - 1))
    return st.column_config.TextColumn(name, width=width)


def _rows(records: list[dict[Any, Any]]) -> list[dict[str, str]]:
    """Returns the records of the table of examples with all values as texts, without empty rows and without empty cells
    of variables."""
    texts = [{str(k): "" if v is None or v != v else str(v) for k, v in record.items()} for record in records]
    return [
        {name: text for name, text in row.items() if text or name in ANSWER_COLUMNS}
        for row in texts
        if any(row.values())
    ]


def _parameter_line(content: Fields) -> str:
    names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max tokens", "seed": "seed"}
    values = {word: getattr(content, name) for name, word in names.items()}
    parts = [f"{word} {value:g}" if isinstance(value, float) else f"{word} {value}" for word, value in values.items()
             if value is not None]  # fmt: skip
    parts += ["stop texts"] if content.stop.strip() else []
    parts += [plain(name) for name in content.other]
    return " · ".join(parts) or "the model's defaults"


def _about_heading(content: Fields) -> str:
    """Returns the heading of the expander, with the settings in it that are not the default: a closed expander hides
    them."""
    parts = [f"language {plain(content.language)}"] if content.language != "en" else []
    parts += ["sent as plain text"] if content.api == "completion" else []
    return " · ".join(["Description, tags, cases", *parts])


def _parameters() -> None:
    left, right = st.columns(2)
    with left:
        parameter_field("temperature", key="compose_temperature", step=0.1, placeholder="the model's default")
        parameter_field("top_p", key="compose_top_p", step=0.05, placeholder="the model's default")
    with right:
        parameter_field("max_tokens", key="compose_max_tokens", step=32, placeholder="no limit")
        parameter_field("seed", key="compose_seed", step=1, placeholder="none")
    st.text_area("Stop texts, one per line (\\\\n is a line break)", key="compose_stop", height=68)


def _about() -> None:
    st.text_input("Description", key="compose_description")
    st.text_input("Tags, separated by commas", key="compose_tags")
    left, right = st.columns(2)
    with left:
        tables = [f"cases/{path.name}" for path in library().cases()]
        current = st.session_state.get("compose_cases") or ""
        st.selectbox(
            "Default cases",
            list(dict.fromkeys(["", *tables, current])),
            key="compose_cases",
            format_func=lambda path: path or "none",
        )
    with right:
        current = st.session_state.get("compose_language") or "en"
        st.selectbox("Language of the techniques", list(dict.fromkeys([*WORDING, current])), key="compose_language")
    st.selectbox(
        "Sent as",
        ["chat", "completion"],
        key="compose_api",
        format_func=lambda api: {"chat": "chat messages", "completion": "plain text to continue"}[api],
    )


def _wording(language: str) -> None:
    defaults = WORDING.get(language, WORDING["en"])
    for name, technique_names in _users_of_words().items():
        label = f"{name.replace('_', ' ').capitalize()} ({', '.join(technique_names)})"
        st.text_area(label, key=f"compose_word_{name}", placeholder=defaults[name], height=68)


def _users_of_words() -> dict[str, list[str]]:
    """Returns, for each text that techniques and retrieval add to a prompt, the techniques or settings that use it."""
    techniques = {name: [text for text, one in TECHNIQUES.items() if name in one.words] for name in state.WORDS}
    return techniques | {name: [setting] for name, setting in retrieval.WORDS.items()}
