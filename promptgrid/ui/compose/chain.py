"""Draws the editor of a chain on the Compose page: prompts that are asked before the prompt itself."""

from __future__ import annotations

from typing import Any

import streamlit as st

from promptgrid import api
from promptgrid.connections import split_model
from promptgrid.errors import PromptgridError
from promptgrid.library.chains import step_problems
from promptgrid.prompt.chain import MOST_REPEATS
from promptgrid.prompt.model import ChainStep
from promptgrid.ui import server
from promptgrid.ui.compose import opened, state
from promptgrid.ui.compose.fields import used_variables
from promptgrid.ui.compose.try_once import start_try
from promptgrid.ui.widgets.fields import number_field, parameter_field, technique_choices, technique_label
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import undo_note

OWN = "a text of its own"


def chain_editor() -> None:
    """Draws the steps of the chain in an expander, whose heading shows the path of their outputs."""
    steps = [ChainStep(**step) for step in state.chain_steps()]
    of_steps = step_problems(opened.current().name, steps, lambda ref: api.load(ref, server.database()))
    problems = [problem or _model_problem(step.model) for step, problem in zip(steps, of_steps, strict=True)]
    path = " → ".join([*(step.output or "?" for step in steps), "this prompt"]) if steps else "none"
    wrong = " · :orange[cannot work]" if any(problems) else ""
    with st.expander(f"Chain: {plain(path, limit=120)}{wrong}", key="compose_open_chain"):
        st.caption("Steps are asked in order before this prompt. What a step answers is a variable of all that follow.")
        for at, (number, problem) in enumerate(zip(st.session_state.compose_steps, problems, strict=True)):
            with st.container(border=True, gap="small", key=f"compose_step_{number}"):
                _step(number, at, problem)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Add a step", key="compose_step_add", icon=":material/add:", type="tertiary", on_click=_add)
            undo_note(state.UNDO_STEPS)


def _model_problem(ref: str) -> str:
    try:
        if ref:
            split_model(ref)
    except PromptgridError as error:
        return str(error)
    return ""


def _step(number: int, at: int, problem: str) -> None:
    """Draws the fields of a step: `number` is in the keys of its widgets, `at` its place, and `problem` says why it
    cannot work ("": it can)."""
    last = at == len(st.session_state.compose_steps) - 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(f"Step {at + 1} gives", key=_key("output", number), width=140)
        st.space("stretch")
        again: dict[str, Any] = {"type": "tertiary"}
        move = state.move_step
        st.button("Up", key=f"compose_step_up_{number}", disabled=not at, on_click=move, args=(number, -1), **again)
        st.button("Down", key=f"compose_step_down_{number}", disabled=last, on_click=move, args=(number, 1), **again)
        remove: dict[str, Any] = {"on_click": state.remove_step, "args": (number,)}
        st.button("Remove", key=f"compose_step_remove_{number}", **remove, **again)
    _source(number)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        technique = st.session_state.get(_key("technique", number)) or "zero-shot"
        choices = technique_choices([technique])
        st.selectbox("Technique", choices, key=_key("technique", number), format_func=technique_label, width=182)
        model = st.session_state.get(_key("model", number)) or ""
        refs = list(dict.fromkeys(["", *server.model_refs(*filter(None, [model]))]))
        names: dict[str, Any] = {"key": _key("model", number), "accept_new_options": True, "width": 182}
        st.selectbox("Model", refs, format_func=lambda ref: ref or "that of the run", **names)
        own: dict[str, Any] = {"placeholder": "own", "step": 0.1, "width": 116}
        parameter_field("temperature", key=_key("temperature", number), **own)
        number_field("Times at most", 1, MOST_REPEATS, key=_key("repeat", number), step=1, width=116)
        if (st.session_state.get(_key("repeat", number)) or 1) > 1:
            st.text_input("Until it says", key=_key("until", number), width=140)
        else:
            _keep("until", number)
        tried: dict[str, Any] = {"disabled": bool(problem), "on_click": start_try, "args": (at,)}
        st.button("Try to here", key=f"compose_step_try_{number}", **tried)
    if problem:
        st.caption(f":orange[● {plain(problem, limit=300)}]")


def _source(number: int) -> None:
    """Draws the selector of the step's prompt, and the text area of a text of its own."""
    key = _key("prompt", number)
    refs = list(dict.fromkeys(["", *server.prompts(), st.session_state.get(key) or ""]))
    ref = st.selectbox("Asks", refs, key=key, format_func=lambda ref: f"the prompt {ref}" if ref else OWN, width=300)
    if ref:
        _keep("text", number)
        return
    hint = "system:\nYou are brief.\nuser:\nSummarize: {{ text }}"
    st.text_area("Its text", key=_key("text", number), height="content", placeholder=hint, label_visibility="collapsed")


def _keep(name: str, number: int) -> None:
    """Keeps the value of a field that is not drawn, which Streamlit would drop."""
    st.session_state[_key(name, number)] = st.session_state.get(_key(name, number))


def _key(name: str, number: int) -> str:
    return state.step_key(name, number)


def _add() -> None:
    """Adds a step at the end, which asks about the first variable of the prompt."""
    taken = {step["output"] for step in state.chain_steps()}
    output = next(name for n in range(1, len(taken) + 2) if (name := f"step{n}") not in taken)
    state.add_step({"output": output, "text": f"user:\n{{{{ {_first_variable()} }}}}"})


def _first_variable() -> str:
    try:
        return next(iter(used_variables(state.fields().messages)), "text")
    except PromptgridError:
        return "text"
