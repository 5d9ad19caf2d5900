"""Draws the right side of the Compose page: the messages that will be sent, updated while the user types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import api, snippets, techniques, tokens
from promptgrid.calls import single
from promptgrid.cases.table import Case
from promptgrid.connections import BUILTIN, connect, settings
from promptgrid.documents.contexts import context_of, with_contexts
from promptgrid.errors import MissingVariables, PromptgridError
from promptgrid.grid import Plan
from promptgrid.grid.doubts import VOTES, examples_doubts
from promptgrid.library.chains import with_texts
from promptgrid.prompt import Parameters, Prompt
from promptgrid.prompt.chained import step_prompt
from promptgrid.prompt.tools.protocol import definitions
from promptgrid.techniques import StepCall, Turn
from promptgrid.techniques.passages import Context, context_text
from promptgrid.ui.compose import opened, state
from promptgrid.ui.compose.answer_rule import rule_notes
from promptgrid.ui.compose.attempt import last_replies
from promptgrid.ui.compose.braces import braces_note
from promptgrid.ui.compose.cases import values_fields
from promptgrid.ui.compose.fields import Fields, prompt_of
from promptgrid.ui.compose.header import status
from promptgrid.ui.compose.retrieved import retrieved_note
from promptgrid.ui.compose.tools import parameter_keys, tool_notes
from promptgrid.ui.compose.values import (
    WATCH,
    expected_answer,
    open_table,
    start_values,
    template_values,
    value_key,
    values_record,
    variable_names,
)
from promptgrid.ui.server import database, token_counter
from promptgrid.ui.widgets.context_window import context_view
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import options_popover, technique_choices, technique_label
from promptgrid.ui.widgets.live_text import CELL, template_note, token_note, watch_text
from promptgrid.ui.widgets.messages import tools_list, turn_list
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_bar import token_bar

MESSAGES_HEIGHT = 270  # px


@st.fragment
def preview(
    place: DeltaGenerator, rule_place: DeltaGenerator, tool_places: Sequence[DeltaGenerator], model: str
) -> None:
    """Draws technique, values, messages, and the token bar for `model`. Says in `rule_place` and `tool_places` why the
    answer rule and the tools cannot work. Saves the draft, and shows in `place` whether the prompt is saved. Typing
    reruns only this fragment."""
    areas = [state.text_key(number) for number in st.session_state.compose_turns]
    rule_areas = [*(f"compose_{name}" for name in state.RULE_TEXTS), *parameter_keys()]
    outer = st.container(gap=None)  # the watchers are invisible and must not add a gap
    slot = outer.container(gap="small")
    with outer:
        typed = watch_text([*areas, CELL], state.WATCH, note=template_note(model))
        typed |= watch_text(rule_areas, state.RULE_WATCH)
    content = state.fields({key: typed[key] for key in (*areas, *rule_areas)})
    problems, newer = rule_notes(rule_place, content), {}
    tool_notes(tool_places, content)
    with slot:
        try:
            prompt = with_steps(replace(content, kind="text") if problems else content)
            technique = _technique(prompt)
            values_fields(variable_names(prompt))
            with outer:
                newer = _typed_values(variable_names(prompt), model)
            braces_note(prompt.messages, _known_names(prompt))
            _messages(prompt, technique, template_values(prompt, newer), model)
        except MissingVariables as error:
            st.caption(f":orange[●] {plain(error)}")
        except PromptgridError as error:
            show_error(error)
    status(place, opened.autosave(content, values_record(newer)))
    opened.show_address()


def _typed_values(names: Sequence[str], model: str) -> dict[str, str]:
    """Returns the current text of the field of each variable. Call it after the fields are drawn."""
    keys = {value_key(name): name for name in names}
    return {keys[key]: text for key, text in watch_text(list(keys), WATCH, note=token_note(model)).items()}


def _known_names(prompt: Prompt) -> set[str]:
    """Returns the names that in single braces are probably meant as variables: the columns of the table of cases, and
    the inputs of the prompt and of its examples."""
    table = open_table()
    columns = table.columns if table else ()
    return {*columns, *(item.name for item in prompt.inputs), *(n for e in prompt.examples for n in e.inputs)}


def with_steps(content: Fields) -> Prompt:
    """Returns the open prompt with this content; the steps of its chain have the texts of the library's prompts. Raises
    PromptgridError."""
    return with_texts(prompt_of(opened.current().name, content), lambda ref: api.load(ref, database()))


def plan_now(model: str, temperature: float | None) -> Plan:
    """Returns the plan of the button Try once: the prompt and the values in the widgets as the only case, for this
    model and temperature (None: the prompt's own). Raises PromptgridError."""
    prompt = with_steps(state.fields())
    case = Case("1", _searched(prompt, template_values(prompt)), expected_answer())
    parameters = Parameters(temperature=temperature)
    plan = Plan((prompt,), (case,), (model,), (selected_technique(),), parameters=parameters)
    return with_contexts(database(), plan)


def _searched(prompt: Prompt, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values with the other columns of the case, if the prompt retrieves: such as `gold`, which the oracle
    needs."""
    return {**start_values(), **values} if prompt.parameters.collection else dict(values)


def step_plan(model: str, temperature: float | None, at: int) -> Plan:
    """Returns the plan of a try that ends with the step of the chain at this index: the step's prompt, with the steps
    before it as its chain. `model` and `temperature` apply where the step has none. Raises PromptgridError."""
    whole = with_steps(state.fields())
    step = whole.chain[at]
    own = step_prompt(step)
    prompt = replace(own, name=step.output, chain=(*whole.chain[:at], *own.chain))
    own_temperature = own.parameters.temperature if step.temperature is None else step.temperature
    parameters = Parameters(temperature=temperature if own_temperature is None else own_temperature)
    case = Case("1", template_values(whole))
    return Plan((prompt,), (case,), (step.model or model,), (step.technique,), parameters=parameters)


def selected_technique() -> str:
    return str(st.session_state.get("compose_technique") or "zero-shot")


def _technique(prompt: Prompt) -> str:
    if st.session_state.get("compose_technique") is None:
        st.session_state.compose_technique = "zero-shot"
    choices = technique_choices([selected_technique()])
    reasons = {name: techniques.unavailable(prompt, name) for name in choices}
    st.pills(
        "Technique",
        choices,
        key="compose_technique",
        required=True,
        format_func=lambda name: f":gray[{technique_label(name)}]" if reasons[name] else technique_label(name),
        label_visibility="collapsed",
    )
    options_popover("compose_technique", _select_technique)
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    if notes := [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items() if reason]:
        st.caption(f"Not possible: {plain('; '.join(notes))}.")
    return selected_technique()


def _select_technique(text: str) -> None:
    st.session_state.compose_technique = text


def _messages(prompt: Prompt, technique: str, values: Mapping[str, Any], model: str) -> None:
    if reason := techniques.unavailable(prompt, technique):
        st.info(f"{technique} cannot be used here: {plain(reason)}.")
        return
    if techniques.votes(technique):
        temperature = prompt.parameters.temperature
        zero = " This prompt has temperature 0, at which they are nearly the same." if temperature == 0 else ""
        st.caption(
            f"{technique} sends the messages of chain-of-thought several times and takes the most frequent answer. Try"
            f" once sends them once; a run asks for samples: {VOTES} or more, at a temperature above 0.{zero}"
        )
    context = context_of(database(), prompt, _searched(prompt, values))
    values = {**values, **context.values}
    calls = techniques.reached(techniques.progress(prompt, values, technique), last_replies())
    call = _selected_step(calls, techniques.most_calls(prompt, technique))
    turn_list(call.ask.turns, height=MESSAGES_HEIGHT, key="compose_messages")
    if prompt.tools:
        tools_list(prompt)
    for doubt in examples_doubts(prompt, [technique]):
        st.caption(f":orange[{plain(doubt)}]")
    _budget(prompt, call.ask.turns, model, context)


def _selected_step(calls: Sequence[StepCall], most: int) -> StepCall:
    """Draws the choice of the step whose messages are shown, if the cell takes up to `most` > 1 calls; returns its
    call."""
    if most == 1:
        return calls[0]
    names = [call.ask.step for call in calls]
    if st.session_state.get("compose_step") not in names:
        st.session_state.compose_step = names[0]
    st.pills("Step", names, key="compose_step", required=True, label_visibility="collapsed")
    st.caption(
        f"Up to {most} calls. The first messages are exact; those of later steps hold the replies of the last try, and"
        " appear when Try once has brought them."
    )
    return calls[names.index(st.session_state.compose_step)]


def _budget(prompt: Prompt, turns: Sequence[Turn], model: str, context: Context) -> None:
    reserve = int(prompt.parameters.max_tokens or 0)
    budget = tokens.budget(turns, token_counter(model), reserve, tokens.context_limit(model), api=prompt.api,
                           tools=definitions(prompt.tools), retrieved=context_text(context.passages))  # fmt: skip
    token_bar(budget.parts, budget.limit, budget.reserve, budget.exact, budget.reason, key="compose_tokens")
    if budget.more_examples is not None:
        st.caption(f"{budget.more_examples:,} more examples of this length fit.")
    if context.id:
        retrieved_note(context, budget, prompt.parameters)
    with st.expander("Try another limit", key="compose_context_open", on_change="rerun") as expander:
        if expander.open:
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
