"""The preflight sheet on the page: what the plan will take, what will not be sent and why, and the Start button."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

import streamlit as st

from promptgrid import builtin, connections, humanize
from promptgrid.errors import BuiltinError, PromptgridError
from promptgrid.grid import Plan
from promptgrid.grid.preflight import ModelPreflight, Preflight
from promptgrid.runner import client, phrases
from promptgrid.ui import server
from promptgrid.ui.run.plan import sheets, usual_name
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

PATIENCE_S = 0.6  # a small plan's sheet is there by then, and nothing flickers
DOUBLE_CLICK_S = 2.0
MANY_CELLS = 200_000  # beyond it a sheet is worked out on request only


def preflight_panel(plan: Plan, key: str) -> str | None:
    """Draws the sheet of the plan, `key` being its digest; the id of the run that was just started, if any."""
    with st.container(border=True, key="preflight", gap="xsmall"):
        if _cells(plan) > MANY_CELLS and not sheets().knows(key) and not _count_anyway(plan):
            return None
        waiting = sheets().ask(key, plan)
        try:
            sheet = waiting.result(timeout=PATIENCE_S)
        except NotYet:
            _counting(plan, waiting)
            return None
        except PromptgridError as error:
            sheets().forget(key)
            if not isinstance(error, BuiltinError) or builtin.status().ready:  # else the notice above has said it
                show_error(error)
            st.button("Start", type="primary", disabled=True, key="start", width=190)
            return None
        return _sheet(plan, sheet)


def _cells(plan: Plan) -> int:
    """At most so many cells: temperatures may be merged, and techniques skipped."""
    axes = (plan.prompts, plan.techniques, plan.cases, plan.models, plan.temperatures or (None,))
    return math.prod(map(len, axes)) * plan.samples


def _count_anyway(plan: Plan) -> bool:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{humanize.many(_cells(plan), 'cell')}**: counting their tokens takes minutes.", width="stretch")
        return st.button("Count them", key="count_anyway", width=190)


def _counting(plan: Plan, waiting: Future[Preflight]) -> None:
    """Looks in until the sheet is there, then draws the page again."""

    @st.fragment(run_every=0.7)
    def look() -> None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Counting the tokens of {humanize.many(_cells(plan), 'cell')} …")
            st.button("Start", type="primary", disabled=True, key="start_waiting", width=130)
        if waiting.done():
            st.rerun()

    look()


def _sheet(plan: Plan, sheet: Preflight) -> str | None:
    reason = _cannot_start(plan, sheet)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width="stretch", gap="xsmall"):
            st.markdown(" · ".join(facts(sheet)))
            if sheet.replies.answered or plan.fresh:
                st.toggle("Ask again", key="run_fresh", help="Sends, and pays for, what is already answered once more.")
        pressed = st.button(
            "Start", type="primary", key="start", shortcut="Ctrl+Enter", disabled=bool(reason), width=190
        )
    for line in notes(sheet, reason):
        st.caption(line)
    if len(sheet.models) > 1:
        with st.expander("By model"):
            _model_table(sheet)
    return _start(plan) if pressed else None


def _cannot_start(plan: Plan, sheet: Preflight) -> str:
    if not sheet.cells:
        return "There is nothing to run: no chosen technique can serve a chosen prompt."
    if sheet.replies.too_long == sheet.cells:
        return "No cell fits into its model's context: shorten the prompt, the cases or the room for the reply."
    if wants_builtin(plan) and not builtin.status().ready:
        return "The built-in model is not here yet: wait for its download, or take another model."
    return ""


def wants_builtin(plan: Plan) -> bool:
    """Some of its models are served by the built-in server."""
    return any(ref.startswith(f"{connections.BUILTIN}/") for ref in plan.models)


def _start(plan: Plan) -> str | None:
    """Starts the run; the second click of a double click starts nothing."""
    if time.monotonic() - st.session_state.get("run_started_at", 0.0) < DOUBLE_CLICK_S:
        return None
    try:
        with st.spinner("Starting …"):
            run_id = client.start(server.database(), plan, name=plan.name or usual_name(plan))
    except PromptgridError as error:
        show_error(error)
        return None
    st.session_state.run_started_at = time.monotonic()
    return run_id


def facts(sheet: Preflight) -> list[str]:
    """The sheet in a line of Markdown, fact by fact."""
    about = "" if sheet.replies.exact else "≈ "
    found = [f"**{sheet.replies.calls:,}** {'call' if sheet.replies.calls == 1 else 'calls'}"]
    found += [f"**{sheet.replies.answered:,}** already answered"] if sheet.replies.answered else []
    shared = sheet.replies.shared
    found += [f"**{shared:,}** the same as another"] if shared else []
    found.append(f"**{about}{sheet.replies.prompt_tokens:,}** prompt tokens")
    if sheet.replies.completion_ceiling is not None:
        found.append(f"at most **{sheet.replies.completion_ceiling:,}** reply tokens")
    price = plain(phrases.cost(sheet.total))
    found.append("**free**" if sheet.total.free else f"cost **{price}**{_dated(sheet)}")
    if sheet.replies.calls:
        found.append(f"**{humanize.duration(sheet.seconds)}**" if sheet.seconds is not None else "time not known yet")
    found.append(
        f":orange[**{sheet.replies.too_long:,}** do not fit]" if sheet.replies.too_long else "**0** do not fit"
    )
    return found


def _dated(sheet: Preflight) -> str:
    """When the oldest of the prices was last checked."""
    dates = [model.facts.price_date for model in sheet.models if model.facts.price_date and not model.free]
    return f" (prices of {plain(min(dates))})" if dates and sheet.total.cost_floor is not None else ""


def notes(sheet: Preflight, reason: str) -> list[str]:
    """What a reader must know before starting, as captions: why not, what is left out, merged, estimated, unknown."""
    found = [f":orange[{plain(reason)}]"] if reason else []
    if budget := phrases.budget_words(sheet):
        found.append(f":orange[{plain(budget)}]")
    if sheet.replies.shared:
        found.append("Cells that are the same on the wire are sent once and show the same reply.")
    if sheet.replies.too_long:
        found.append("Cells that do not fit into the context are never sent: fewer examples, or fewer max tokens.")
    found += [f"{plain(s.prompt)} is not put as {s.technique}: {plain(s.reason)}." for s in sheet.skipped]
    for model in sheet.models:
        found += [f"{plain(model.ref)}: {plain(note)}." for note in model.notes]
        if model.calls and not model.facts.free and model.cost_floor is None:
            found.append(f"The price of {plain(model.ref)} is not known, so a budget in USD cannot be kept.")
        elif model.calls and not model.facts.free and model.cost_ceiling is None:
            found.append(f"{plain(model.ref)}: set max tokens to know the most it can cost.")
    for judge in sheet.judges:
        found.append(
            f"{plain(judge.ref)} {'embeds' if judge.embeds else 'judges'} the replies: at most {judge.calls:,} calls, "
            f"{plain(phrases.cost(judge))}."
        )
    return found + _estimates(sheet)


def _estimates(sheet: Preflight) -> list[str]:
    """Why counts are not exact: in full for one model, by name for several (their reasons stand in the table)."""
    inexact = [model for model in sheet.models if model.calls and not model.exact]
    if len(inexact) == 1:
        return [f"≈ {plain(inexact[0].ref)}: {plain(inexact[0].reason)}"]
    return [f"≈ Counts are estimates for {plain(', '.join(m.ref for m in inexact), limit=300)}."] if inexact else []


def _model_table(sheet: Preflight) -> None:
    columns = {
        "model": [model.ref for model in sheet.models],
        "calls": [model.calls for model in sheet.models],
        "answered": [model.answered for model in sheet.models],
        "same as another": [model.shared for model in sheet.models],
        "do not fit": [model.too_long for model in sheet.models],
        "prompt tokens": [model.prompt_tokens for model in sheet.models],
        "reply tokens, at most": [model.completion_ceiling for model in sheet.models],
        "cost": [_model_cost(model) for model in sheet.models],
        "time": [humanize.duration(model.seconds) or "not known" for model in sheet.models],
        "counted": ["exactly" if model.exact else f"≈ {model.reason}" for model in sheet.models],
    }
    numbers = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        columns,
        height="content",
        column_config=dict.fromkeys(
            ["calls", "answered", "same as another", "do not fit", "prompt tokens", "reply tokens, at most"], numbers
        ),
    )


def _model_cost(model: ModelPreflight) -> str:
    return phrases.cost(model) + (f" ({model.facts.price_date})" if model.facts.price_date else "")
