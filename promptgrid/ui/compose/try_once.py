"""Draws Try once: the button that makes one streamed call, and the reply."""

from __future__ import annotations

import time

import streamlit as st

from promptgrid.answers import case_rule, read_answer
from promptgrid.calls import single
from promptgrid.calls.tried import TriedCell
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint import Reply
from promptgrid.errors import PromptgridError
from promptgrid.humanize import dollars, latency
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.techniques import answer_marker
from promptgrid.ui.compose.attempt import Try
from promptgrid.ui.compose.preview import call_as_code, plan_now, step_plan
from promptgrid.ui.compose.values import expected_answer
from promptgrid.ui.server import answers_now, database, model_refs, stop_when_left
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.fields import parameter_field
from promptgrid.ui.widgets.messages import calls_table, with_calls
from promptgrid.ui.widgets.plain import plain

POLL_S = 0.15
WRITING_S = 0.1  # a reply that arrives in less time does not show the speed of the model
BUTTON_WIDTH = 152  # px, for both buttons, so that nothing moves when one replaces the other
STEPS_HEIGHT = 300  # px, of the list of steps, which scrolls
REPLY_HEIGHT = 130  # px, fixed so that a streamed reply does not move the page


def try_once() -> None:
    """Draws the row of model, temperature and button, and the reply below the row."""
    attempt: Try | None = st.session_state.get("compose_attempt")
    running = attempt is not None and attempt.running
    with st.container(horizontal=True, vertical_alignment="bottom", key="compose_try_row"):
        model, temperature = _model_and_temperature()
        ready = answers_now(model)
        if attempt is not None and running:
            st.button("Stop", key="compose_stop_try", on_click=attempt.stop, width=BUTTON_WIDTH)
        else:
            st.button(
                "Try once" if ready else "Waiting for the model",
                key="compose_try",
                type="primary",
                on_click=start_try,
                shortcut="Ctrl+Enter",
                disabled=not ready,
                width=BUTTON_WIDTH if ready else "content",
            )
    if not ready:
        weights_notice()
    if running:
        st.session_state.compose_streaming = True  # set here: the call may end before the fragment runs
    st.fragment(_outcome, run_every=POLL_S if running else None)()
    with st.popover("Copy the call as code", key="compose_code", type="tertiary"):
        call_as_code(model, temperature)


def selected_model() -> str:
    """Returns the selected model. Also works before the selector is drawn."""
    return str(st.session_state.get("compose_model") or DEFAULT_MODEL)


def _model_and_temperature() -> tuple[str, float | None]:
    st.session_state.compose_model = selected_model()
    note, options = "Or type another ENDPOINT/MODEL.", model_refs(selected_model())
    model = st.selectbox("Model", options, key="compose_model", accept_new_options=True, help=note)
    prompt_temperature = st.session_state.get("compose_temperature")
    temperature = parameter_field(
        "temperature",
        key="compose_try_temperature",
        value=None,
        step=0.1,
        placeholder="model's" if prompt_temperature is None else f"{prompt_temperature:g}",
        help="For this try only. If empty, the prompt's own.",
        width=124,
    )
    return str(model or DEFAULT_MODEL), temperature


def start_try(step: int | None = None) -> None:
    """Starts the calls with the present values of the widgets: arguments of the callback could be older after a quick
    click. With `step`, the try ends with the step of the chain at this index."""
    model, temperature = selected_model(), st.session_state.get("compose_try_temperature")
    try:
        plan = plan_now(model, temperature) if step is None else step_plan(model, temperature, step)
        expected = expected_answer() if step is None else None
        attempt = Try(TriedCell(plan, single.try_point(plan)), expected)
    except PromptgridError as error:
        st.session_state.compose_try_error = error
        st.session_state.pop("compose_attempt", None)
        return
    st.session_state.pop("compose_try_error", None)
    attempt.start(database())
    stop_when_left(attempt)
    st.session_state.compose_attempt = attempt


def _outcome() -> None:
    error = st.session_state.get("compose_try_error")
    if error is not None and _still(error):
        show_error(error)
    attempt: Try | None = st.session_state.get("compose_attempt")
    running = attempt is not None and attempt.running
    if attempt is not None:
        _draw(attempt, running)
    if not running and st.session_state.pop("compose_streaming", False):
        st.rerun()  # ends the polling and shows the button again


def _still(error: PromptgridError) -> bool:
    """Returns whether a press of Try once would raise the error again: one whose cause is gone is not shown."""
    try:
        single.try_point(plan_now(selected_model(), st.session_state.get("compose_try_temperature")))
    except PromptgridError as now:
        return str(now) == str(error)
    return False


def _draw(attempt: Try, running: bool) -> None:
    with st.container(key="compose_reply", gap="small"):
        if answer := _answer(attempt):
            st.markdown(answer)
        _replies(attempt.cell)
        _calls(attempt.cell)
        st.caption(_facts(attempt, running))
        if isinstance(attempt.error, Exception):
            show_error(attempt.error)


def _replies(cell: TriedCell) -> None:
    """Draws the reply of a technique of one call; of several, the list of its steps with the reply of each."""
    if cell.point.most_calls == 1:
        text = next((step.reply.text if step.reply else step.text for step in cell.steps), "")
        st.code(text or " ", language=None, wrap_lines=True, height=REPLY_HEIGHT)
        return
    with st.container(height=STEPS_HEIGHT, key="compose_tried_steps"):
        for step in [*cell.steps]:
            facts = [latency(step.reply.latency_ms), _tokens(step.reply)] if step.reply else ["…"]
            output = ["the output"] if step is cell.output else []
            st.caption(" · ".join([f"**{plain(step.call.ask.step)}**", *facts, *output]))
            text = step.reply.text if step.reply else step.text
            st.code(
                with_calls(text, step.reply.tool_calls if step.reply else ()) or " ", language=None, wrap_lines=True
            )


def _calls(cell: TriedCell) -> None:
    """Draws the calls of tools in all replies, with the results that were sent back for them."""
    steps = [*cell.steps]
    results = {message.tool_call_id: message.text for step in steps for turn in step.call.ask.turns
               if (message := turn.message).role == "tool"}  # fmt: skip
    rows = [(step.call.ask.step, call, results.get(call.id, "")) for step in steps if step.reply
            for call in step.reply.tool_calls]  # fmt: skip
    if rows:
        calls_table(rows, key="compose_calls")


def _answer(attempt: Try) -> str:
    """Returns the answer that was read from the reply, as Markdown; "" before the reply has arrived, or if the whole
    reply is the answer."""
    point, reply = attempt.point, attempt.reply
    marker = answer_marker(point.prompt, point.technique)
    done = attempt.cell.done
    if reply is None or (point.prompt.answer.kind == "text" and not marker):
        return f":gray[{plain(done.note, limit=300)}]" if done and done.note else ""
    rule = case_rule(point.prompt.answer, point.case.inputs)
    answer = read_answer(rule, reply.text, marker=marker, language=point.prompt.language)
    text = "no answer could be read" if answer.answer is None else f"**{plain(answer.answer, limit=300)}**"
    expected = "" if attempt.expected is None else f"expected {attempt.expected}"
    notes = plain(" · ".join(filter(None, [answer.note, done.note if done else "", expected])), limit=300)
    return f"{text} :gray[ · {notes}]" if notes else text


def _facts(attempt: Try, running: bool) -> str:
    point = attempt.point
    temperature = AXIS_SPECS[0].named(point.variant.sent.parameters.temperature)
    name = plain(f"{point.technique} · {point.model} · {temperature}")
    if attempt.reply is None:
        state = "stopped" if attempt.stopped else "failed"
        return f"{name} · " + (f"{time.monotonic() - attempt.began:.1f} s …" if running else state)
    reply, cost = attempt.reply, _cost(attempt.cell)
    if len(attempt.cell.steps) > 1:
        parts = [name, f"{len(attempt.cell.steps)} calls"]
    else:
        parts = [name, latency(reply.latency_ms), _speed(reply), _tokens(reply)]
    price = "price not known" if cost is None else "free" if not cost else dollars(cost)
    cut = "cut off at max tokens" if reply.finish_reason == "length" else ""
    return " · ".join(filter(None, [*parts, plain(price), cut, plain(point.variant.note)]))


def _cost(cell: TriedCell) -> float | None:
    """Returns what all calls of the try cost, in US dollars; None if that of any is not known."""
    costs = [single.cost_usd(step.point, step.reply) for step in cell.steps if step.reply]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _speed(reply: Reply) -> str:
    if reply.first_token_ms is None:
        return ""
    first = f"first token {latency(reply.first_token_ms)}"
    writing = (reply.latency_ms - reply.first_token_ms) / 1000
    if not reply.completion_tokens or writing < WRITING_S:
        return first
    return f"{first} · {(reply.completion_tokens - 1) / writing:.0f} tokens/s"


def _tokens(reply: Reply) -> str:
    counts = ["?" if n is None else f"{n:,}" for n in (reply.prompt_tokens, reply.completion_tokens)]
    return f"{counts[0]} → {counts[1]} tokens"
