"""Draws the editor of the tools of a prompt on the Compose page: their definitions and their mock results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptError
from promptgrid.prompt import Parameters
from promptgrid.prompt.tools.definitions import read_definitions
from promptgrid.prompt.tools.file import MOST_ROUNDS
from promptgrid.prompt.tools.protocol import CHOICES
from promptgrid.techniques.tool_loop import missing_tools
from promptgrid.ui.compose import state, tool_texts
from promptgrid.ui.compose.fields import Fields
from promptgrid.ui.compose.tool_tables import argument_table, result_table
from promptgrid.ui.compose.values import open_table
from promptgrid.ui.widgets.callbacks import close_popover, leaving_error
from promptgrid.ui.widgets.feedback import show_left_error
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

_PASTED = "compose_tools_pasted"
_PASTE_ERROR = "compose_tools_error"


def tools_editor() -> list[DeltaGenerator]:
    """Draws the tools in an expander, whose heading has their names; returns the place of each for `tool_notes`, and
    one more for the notes on all of them."""
    typed = state.typed_tools()
    names = ", ".join(tool["name"] or "?" for tool in typed) or "none"
    wrong = _any_problem(typed)
    mark = " · :orange[cannot work]" if wrong else ""
    with st.expander(f"Tools: {plain(names, limit=120)}{mark}", key="compose_open_tools"):
        st.caption("Functions that the model may call. Nothing is executed: a call gets a result of its table.")
        places = [_tool(number) for number in st.session_state.compose_tools]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Add a tool", key="compose_tool_add", icon=":material/add:", type="tertiary", on_click=_add)
            _paste()
            undo_note(state.UNDO_TOOLS)
        _calls(typed)
        places.append(st.empty())
    if _any_problem(state.typed_tools()) != wrong:  # an edit of a table is applied where the table is drawn
        st.rerun()
    return places


def tool_notes(places: Sequence[DeltaGenerator], content: Fields) -> None:
    """Shows in each place of `tools_editor` the reasons why that tool cannot work."""
    notes = [*_problems(content.tools), [_choice_problem(content)]]
    for place, sentences in zip(places, notes, strict=False):
        place.caption("  \n".join(f":orange[●] {plain(sentence, limit=300)}" for sentence in sentences if sentence))


def parameter_keys() -> list[str]:
    """Returns the keys of the text areas that are drawn for parameters as JSON."""
    return [state.tool_key("parameters", number) for number in st.session_state.compose_tools if _is_json(number)]


def _problems(typed: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    table = open_table()
    columns = table.columns if table else ()
    return [tool_texts.tool_problems(typed, at, columns) for at in range(len(typed))]


def _any_problem(typed: Sequence[Mapping[str, Any]]) -> bool:
    return any(_problems(typed))


def _choice_problem(content: Fields) -> str:
    if not content.tool_choice or not content.tools:
        return ""
    try:
        reason = missing_tools(tool_texts.tools_of(content.tools), Parameters(tool_choice=content.tool_choice))
    except PromptError:
        return ""
    return f"The tool choice cannot be sent: {reason}." if reason else ""


def _tool(number: int) -> DeltaGenerator:
    """Draws the fields of a tool: `number` is in the keys of its widgets. Returns the place of its notes."""
    with st.container(gap="small", key=f"compose_tool_{number}"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.text_input("Name", key=state.tool_key("name", number), width=190, placeholder="get_weather")
            st.space("stretch")
            remove: dict[str, Any] = {"on_click": state.remove_tool, "args": (number,), "type": "tertiary"}
            st.button("Remove", key=f"compose_tool_remove_{number}", **remove)
        st.text_area("Description", key=state.tool_key("description", number), height=68)
        _arguments(number)
        result_table(number)
        place = st.empty()
        st.divider()
        return place


def _arguments(number: int) -> None:
    """Draws the arguments of a tool as a table, or as the text of a JSON Schema."""
    key, view = state.tool_key("parameters", number), state.tool_key("view", number)
    # On the left: the toolbar of the table lies over what stands at its upper right.
    st.segmented_control("Arguments", ["Table", "JSON Schema"], key=view, default="Table", required=True)
    if _is_json(number):
        hint = '{\n  "type": "object",\n  "properties": {"city": {"type": "string"}},\n  "required": ["city"]\n}'
        st.text_area("JSON Schema", key=key, height="content", placeholder=hint, label_visibility="collapsed")
    else:
        argument_table(number)


def _is_json(number: int) -> bool:
    """Returns whether the arguments are shown as JSON: if the user wants that, or if the text cannot be a table."""
    if st.session_state.get(state.tool_key("view", number)) == "JSON Schema":
        return True
    try:
        tool_texts.schema_of_text(st.session_state.get(state.tool_key("parameters", number)) or "")
    except PromptError:
        return True
    return False


def _calls(typed: Sequence[Mapping[str, Any]]) -> None:
    """Draws the parameters on calls; of a prompt without tools, only keeps them, which Streamlit would drop."""
    if not typed:
        for name in ("tool_choice", "parallel_tool_calls", "tool_rounds"):
            st.session_state[f"compose_{name}"] = st.session_state.get(f"compose_{name}")
        return
    current = st.session_state.get("compose_tool_choice") or ""
    choices = dict.fromkeys(["", *CHOICES, *(tool["name"] for tool in typed), current])
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        words = {"": "the model's default", "yes": "several", "no": "one at most"}
        meaning = "auto: the model decides. none: no call. required: at least one call. A name: that tool."
        st.selectbox("Tool choice", list(choices), key="compose_tool_choice", help=meaning, width=150,
                     format_func=lambda one: one or words[""])  # fmt: skip
        now = st.session_state.get("compose_parallel_tool_calls") or ""
        parallel = list(dict.fromkeys([*words, now]))
        st.selectbox("Calls in a reply", parallel, key="compose_parallel_tool_calls", width=150,
                     format_func=lambda one: words.get(one, one))  # fmt: skip
        rounds = "How often results are sent back. 0: the first calls are the reply."
        number_field("Rounds", 0, MOST_ROUNDS, key="compose_tool_rounds", step=1, width=104, help=rounds)


def _paste() -> None:
    with st.popover("Paste definitions", key="compose_tools_paste", type="tertiary"):
        show_left_error(_PASTE_ERROR)
        hint = '[{"type": "function", "function": {"name": "get_weather", …}}]'
        st.text_area("Definitions as an API takes them, in JSON", key=_PASTED, height=200, placeholder=hint)
        st.button("Add them", key="compose_tools_paste_add", on_click=_add_pasted)


@leaving_error(_PASTE_ERROR)
def _add_pasted() -> None:
    """Adds the pasted tools. One with the name of another replaces its definition, with Undo; its results stay."""
    pasted = tool_texts.typed_tools(read_definitions(st.session_state.get(_PASTED) or ""))
    before = state.typed_tools()
    new = {tool["name"]: tool for tool in pasted}
    results = {tool["name"]: {"results": tool["results"]} for tool in before}
    replaced = [{**new.pop(tool["name"]), **results[tool["name"]]} if tool["name"] in new else tool for tool in before]
    state.set_tools([*replaced, *new.values()])
    again = [tool["name"] for tool in pasted if tool["name"] not in new]
    if again:
        offer_undo(state.UNDO_TOOLS, f"Replaced {', '.join(again)}.", lambda: state.set_tools(before))
    st.session_state[_PASTED] = ""
    close_popover()


def _add() -> None:
    """Adds a tool with a name that no other has."""
    taken = {tool["name"] for tool in state.typed_tools()}
    name = next(name for n in range(1, len(taken) + 2) if (name := f"tool{n}") not in taken)
    state.add_tool({**tool_texts.BLANK, "name": name})
