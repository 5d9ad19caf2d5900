"""Draws the right side of the Compose page: the messages that will be sent, updated while the user types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import snippets, techniques, tokens
from promptgrid.calls import single
from promptgrid.cases.table import Case, read_cases
from promptgrid.connections import BUILTIN, connect, settings
from promptgrid.errors import MissingVariables, PromptgridError
from promptgrid.grid import Plan
from promptgrid.prompt import Parameters, Prompt, variables
from promptgrid.techniques import TECHNIQUES, Turn
from promptgrid.ui.compose import state
from promptgrid.ui.compose.fields import prompt_of
from promptgrid.ui.compose.header import status
from promptgrid.ui.server import library, token_counter
from promptgrid.ui.widgets.context_window import context_view
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import CELL, token_note, watch_text
from promptgrid.ui.widgets.messages import turn_list
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_bar import token_bar

MESSAGES_HEIGHT = 270  # px
VALUES_HEIGHT = 68


@st.fragment
def preview(place: DeltaGenerator, model: str) -> None:
    """Draws technique, values, messages and token bar, and saves the draft; shows in `place` whether the prompt is
    saved. `model` counts the tokens. Typing reruns only this part of the page."""
    areas = [state.text_key(number) for number in st.session_state.compose_turns]
    variable_keys = [f"compose_value_{name}" for name in st.session_state.get("compose_shown", ())]
    with st.container(gap=None):  # the watcher is invisible and must not add a gap
        slot = st.container(gap="small")
        typed = watch_text([*areas, *variable_keys, CELL], state.WATCH, note=token_note(model))
    content = state.fields({key: text for key, text in typed.items() if key in areas})
    status(place, state.autosave(content))
    with slot:
        try:
            prompt = prompt_of(state.current().name, content)
            technique = _technique(prompt)
            _values(prompt)
            values = _template_values(prompt, typed)
            _messages(prompt, technique, values, model)
        except MissingVariables as error:
            st.caption(f":orange[●] {plain(error)}")
        except PromptgridError as error:
            show_error(error)


def plan_now(model: str, temperature: float | None) -> Plan:
    """Returns the plan of the button Try once: the prompt and the values in the widgets as the only case, for this
    model and temperature (None: the prompt's own). Raises PromptgridError."""
    prompt = prompt_of(state.current().name, state.fields())
    case = Case("1", _template_values(prompt, {}), expected_answer())
    parameters = Parameters(temperature=temperature)
    return Plan((prompt,), (case,), (model,), (selected_technique(),), parameters=parameters)


def selected_technique() -> str:
    return str(st.session_state.get("compose_technique") or "zero-shot")


def expected_answer() -> str | None:
    """Returns the expected answer of the selected case; None if there is no case or the user changed its values."""
    table = _table()
    if not table:
        return None
    case = table[_position(table)]
    values = state.variable_values()
    unchanged = all(values.get(name, text) == text for name, text in case.inputs.items())
    return case.expected if unchanged else None


def _technique(prompt: Prompt) -> str:
    reasons = {name: techniques.unavailable(prompt, name) for name in TECHNIQUES}
    if st.session_state.get("compose_technique") is None:
        st.session_state.compose_technique = "zero-shot"
    st.pills(
        "Technique",
        list(TECHNIQUES),
        key="compose_technique",
        required=True,
        format_func=lambda name: f":gray[{name}]" if reasons[name] else name,
        label_visibility="collapsed",
    )
    if notes := [f"{name}: {reason}" for name, reason in reasons.items() if reason]:
        st.caption(f"Not possible: {plain('; '.join(notes))}.")
    return selected_technique()


def _values(prompt: Prompt) -> None:
    names = [variable.name for variable in variables(prompt.messages, prompt.inputs)]
    st.session_state.compose_shown = names
    table = _table()
    start = table[_position(table)].inputs if table else prompt.given_examples
    with st.container(gap="xsmall", key="compose_values"):
        if table and names:
            _case_stepper(table)
        for name in names:
            key = f"compose_value_{name}"
            if key not in st.session_state:
                st.session_state[key] = start.get(name, "")
            st.text_area(plain(name), key=key, height=VALUES_HEIGHT)


def _case_stepper(table: Sequence[Case]) -> None:
    answer = expected_answer()
    note = f" · expected {plain(answer, limit=60)}" if answer is not None else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compose_steps"):
        st.button(
            "Back", key="compose_back", on_click=_step, args=(-1,), icon=":material/chevron_left:", type="tertiary"
        )
        st.caption(f"case {_position(table) + 1} of {len(table)}{note}", width="content")
        st.button("Next", key="compose_next_case", on_click=_step, args=(1,), icon=":material/chevron_right:",
                  icon_position="right", type="tertiary")  # fmt: skip


def _step(by: int) -> None:
    table = _table()
    at = st.session_state.compose_case = (_position(table) + by) % len(table)
    for name, text in table[at].inputs.items():
        st.session_state[f"compose_value_{name}"] = text


def _position(table: Sequence[Case]) -> int:
    return min(int(st.session_state.get("compose_case", 0)), len(table) - 1)


def _table() -> Sequence[Case]:
    """Returns the cases of the prompt; empty if the prompt names no table, or the table cannot be read."""
    name = st.session_state.get("compose_cases") or ""
    path = library().folder / name
    return _cases(path, path.stat().st_mtime_ns) if name and path.is_file() else ()


@st.cache_data(max_entries=20, show_spinner=False)
def _cases(path: Path, changed: int) -> Sequence[Case]:
    try:
        return read_cases(path).cases
    except PromptgridError:
        return ()


def _template_values(prompt: Prompt, typed: Mapping[str, str]) -> dict[str, str]:
    """Returns the values of the prompt's variables in the widgets; newer texts in `typed`, by widget key, take
    precedence. An empty field counts as a missing value unless the selected case has that variable."""
    table = _table()
    case_inputs = table[_position(table)].inputs if table else {}
    names = [variable.name for variable in variables(prompt.messages, prompt.inputs)]
    texts = {name: typed.get(f"compose_value_{name}", state.variable_values().get(name, "")) for name in names}
    return {name: text for name, text in texts.items() if text or name in case_inputs}


def _messages(prompt: Prompt, technique: str, values: Mapping[str, str], model: str) -> None:
    if reason := techniques.unavailable(prompt, technique):
        st.info(f"{technique} cannot be used here: {plain(reason)}.")
        return
    turns = techniques.build_turns(prompt, values, technique)
    turn_list(turns, height=MESSAGES_HEIGHT, key="compose_messages")
    _budget(prompt, turns, model)


def _budget(prompt: Prompt, turns: Sequence[Turn], model: str) -> None:
    reserve = int(prompt.parameters.max_tokens or 0)
    budget = tokens.budget(turns, token_counter(model), reserve, tokens.context_limit(model), api=prompt.api)
    token_bar(budget.parts, budget.limit, budget.reserve, budget.exact, budget.reason, key="compose_tokens")
    if budget.more_examples is not None:
        st.caption(f"{budget.more_examples:,} more examples of this length fit.")
    with st.expander("Try another limit", key="compose_context_open", on_change="rerun") as opened:
        if opened.open:
            context_view(turns, model, reserve, key="compose_context", api=prompt.api)


def call_as_code(model: str, temperature: float | None) -> None:
    """Shows the call that Try once would send with this model and temperature, as Python code and as a curl command."""
    try:
        point = single.try_point(plan_now(model, temperature))
        body = connect(point.endpoint).wire(point.request)
        endpoint = None if point.endpoint == BUILTIN else settings()[point.endpoint]
    except PromptgridError as error:
        st.caption(plain(error))
        return
    url, key = (endpoint.base_url, endpoint.key_env) if endpoint else ("", "")
    python, shell = st.tabs(["Python", "curl"])
    python.code(snippets.python_call(body, url, key), language="python", height=320)
    shell.code(snippets.curl_call(body, url, key), language="bash", height=320)
    if endpoint is None:
        st.caption("The built-in model has no fixed address: the code uses OPENAI_BASE_URL and OPENAI_API_KEY.")
