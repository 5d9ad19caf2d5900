"""The content of the Compose page's widgets.

Functions that set widget values must run before the widgets are drawn; most are callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from promptgrid.prompt.model import ChainStep
from promptgrid.prompt.tools import TOOL_ROUNDS
from promptgrid.techniques import WORDING
from promptgrid.ui.compose.fields import Fields
from promptgrid.ui.widgets.live_text import forget_typed
from promptgrid.ui.widgets.undo import offer_undo

# The lists of actions that can be undone, each drawn where the actions are.
UNDO, UNDO_TURNS, UNDO_EXAMPLES, UNDO_VALUES = "compose", "compose_turns", "compose_examples", "compose_values"
UNDO_STEPS, UNDO_TOOLS = "compose_steps_removed", "compose_tools_changed"
UNDOS = (UNDO, UNDO_TURNS, UNDO_EXAMPLES, UNDO_VALUES, UNDO_STEPS, UNDO_TOOLS)
WATCH = "compose_watch"
RULE_WATCH = "compose_rule_watch"
# Fields whose widget has the name of the field as its key, with the prefix "compose_".
SIMPLE = (
    *("description", "tags", "language", "cases", "api", "kind"),
    *("labels", "synonyms", "options", "schema", "pattern", "separator"),
    *("temperature", "top_p", "max_tokens", "seed", "stop"),
    *("tool_choice", "parallel_tool_calls", "tool_rounds"),
)
RULE_TEXTS = ("labels", "synonyms", "schema")  # the fields of the answer rule that are text areas
WORDS = tuple(WORDING["en"])
_STEP: Mapping[str, Any] = asdict(ChainStep(""))
_TOOL_TEXTS = ("name", "description", "parameters")
_REST = ("inputs", "other", "title")  # fields without widgets


def fill(content: Fields) -> None:
    state = st.session_state
    for name in SIMPLE:
        state[f"compose_{name}"] = getattr(content, name)
    for name in WORDS:
        state[f"compose_word_{name}"] = content.wording.get(name, "")
    state.compose_turns, state.compose_next = [], 0  # the text areas keep their keys and do not flicker
    for role, text in content.messages:
        add_turn(role, text)
    set_examples(content.examples)
    state.compose_steps = []
    for step in content.chain:
        add_step(step)
    set_tools(content.tools)
    state.compose_rest = {name: getattr(content, name) for name in _REST}
    forget_typed(WATCH)
    forget_typed(RULE_WATCH)


def add_turn(role: str, text: str = "", at: int | None = None) -> None:
    """Inserts a message with this role and text before the message with index `at`; at the end if `at` is None."""
    number = _inserted("compose_turns", at)
    st.session_state[f"compose_role_{number}"], st.session_state[text_key(number)] = role, text


def remove_turn(number: int) -> None:
    """Removes, with Undo, the message whose widget keys end in this number, which need not be its position."""
    role, text = st.session_state[f"compose_role_{number}"], st.session_state[text_key(number)]
    at = _taken("compose_turns", number)
    offer_undo(UNDO_TURNS, f"Removed the {role} message.", partial(add_turn, role, text, at))


def _inserted(listed: str, at: int | None) -> int:
    """Puts a new number into this list of numbers before the one with index `at` (None: at the end); returns it."""
    state = st.session_state
    number: int = state.get("compose_next", 0) + 1
    at = len(state[listed]) if at is None else at
    state.compose_next, state[listed] = number, [*state[listed][:at], number, *state[listed][at:]]
    return number


def _taken(listed: str, number: int) -> int:
    """Takes the number out of this list of numbers; returns its index there."""
    numbers: list[int] = st.session_state[listed]
    st.session_state[listed] = [other for other in numbers if other != number]
    return numbers.index(number)


def text_key(number: int) -> str:
    return f"compose_text_{number}"


def step_key(name: str, number: int) -> str:
    """Returns the key of the widget of a field of ChainStep, of the step with this number."""
    return f"compose_step_{name}_{number}"


def add_step(step: Mapping[str, Any], at: int | None = None) -> None:
    """Inserts a step of the chain before the one with index `at`; at the end if `at` is None. `step` has fields of
    ChainStep by name; missing ones get their default."""
    number = _inserted("compose_steps", at)
    for name, default in _STEP.items():
        st.session_state[step_key(name, number)] = step.get(name, default)


def remove_step(number: int) -> None:
    """Removes, with Undo, the step whose widget keys end in this number, which need not be its position."""
    step, at = _step(st.session_state, number), _taken("compose_steps", number)
    offer_undo(UNDO_STEPS, f"Removed the step {step['output']}.", partial(add_step, step, at))


def move_step(number: int, by: int) -> None:
    """Moves the step with this number in its widget keys by so many places."""
    steps = [*st.session_state.compose_steps]
    at = steps.index(number)
    steps.insert(max(0, at + by), steps.pop(at))
    st.session_state.compose_steps = steps


def chain_steps() -> list[dict[str, Any]]:
    """Returns the steps of the chain in the widgets, each by the names of ChainStep."""
    return [_step(st.session_state, number) for number in st.session_state.compose_steps]


def _step(state: Any, number: int) -> dict[str, Any]:
    """Returns a step: its values in `state`. A step that names a prompt has no text of its own."""
    values = {name: state.get(step_key(name, number)) for name in _STEP}
    step = {name: _STEP[name] if value is None else value for name, value in values.items()}
    step["output"] = step["output"].strip()
    return step | ({"text": ""} if step["prompt"] else {})


def tool_key(name: str, number: int) -> str:
    """Returns the key of the widget, or of the rows, of a field of a typed tool, of the tool with this number."""
    return f"compose_tool_{name}_{number}"


def set_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    st.session_state.compose_tools = []
    for tool in tools:
        add_tool(tool)


def add_tool(tool: Mapping[str, Any], at: int | None = None) -> None:
    """Inserts a typed tool before the one with index `at`; at the end if `at` is None."""
    state, number = st.session_state, _inserted("compose_tools", at)
    for name in _TOOL_TEXTS:
        state[tool_key(name, number)] = tool[name]
    state[tool_key("results", number)] = tool["results"]
    for table in ("argument_table", "result_table"):
        state.pop(tool_key(table, number), None)


def remove_tool(number: int) -> None:
    """Removes, with Undo, the tool whose widget keys end in this number, which need not be its position."""
    tool, at = _typed_tool(st.session_state, number), _taken("compose_tools", number)
    offer_undo(UNDO_TOOLS, f"Removed the tool {tool['name']}.", partial(add_tool, tool, at))


def typed_tools() -> list[dict[str, Any]]:
    """Returns the tools in the widgets, each as a typed tool."""
    return [_typed_tool(st.session_state, number) for number in st.session_state.compose_tools]


def _typed_tool(state: Any, number: int) -> dict[str, Any]:
    texts = {name: state.get(tool_key(name, number)) or "" for name in _TOOL_TEXTS}
    return texts | {"name": texts["name"].strip(), "results": state[tool_key("results", number)]}


def set_examples(rows: list[dict[str, str]]) -> None:
    """Puts these rows into the table of examples. Its widget gets a new key, because the old one stores edits of the
    previous rows."""
    state = st.session_state
    state.compose_table, state.compose_rows = rows, rows
    state.compose_table_number = state.get("compose_table_number", 0) + 1


def fields(typed: Mapping[str, str] | None = None) -> Fields:
    """Returns the content of the widgets. `typed` maps keys of text areas to texts that are newer than the widget
    values."""
    state = {str(key): value for key, value in st.session_state.items()} | dict(typed or {})
    keys = [(f"compose_role_{number}", text_key(number)) for number in state["compose_turns"]]
    wording = {name: state[f"compose_word_{name}"] for name in WORDS if state.get(f"compose_word_{name}")}
    simple: dict[str, Any] = {name: state.get(f"compose_{name}") for name in SIMPLE}
    return Fields(
        messages=[[state[role], state[text] or ""] for role, text in keys],
        examples=state["compose_rows"],
        wording=wording,
        **{name: _filled(name, value) for name, value in simple.items()},
        chain=[_step(state, number) for number in state["compose_steps"]],
        tools=[_typed_tool(state, number) for number in state["compose_tools"]],
        **state["compose_rest"],
    )


def _filled(name: str, value: Any) -> Any:
    """Returns the `value` of the widget for the field `name`. An empty widget has None: for a text, returns ""
    instead."""
    if name == "tool_rounds":
        return TOOL_ROUNDS if value is None else value
    return "" if value is None and name not in ("temperature", "top_p", "max_tokens", "seed") else value
