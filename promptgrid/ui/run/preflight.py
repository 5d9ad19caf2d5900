"""Draws the preflight of the plan on the Run page, and the Start button."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

import streamlit as st

from promptgrid import builtin, humanize
from promptgrid.errors import BuiltinError, PromptgridError
from promptgrid.grid import Plan
from promptgrid.grid.doubts import LEAST_VOTES, VOTES, votes_doubts
from promptgrid.grid.preflight import ModelPreflight, Preflight
from promptgrid.runner import client, phrases
from promptgrid.ui import server
from promptgrid.ui.run.braces import braces_notes
from promptgrid.ui.run.form import model_problem
from promptgrid.ui.run.plan import preflights
from promptgrid.ui.widgets.feedback import calls_label, note_with_button, progress_bar, show_error
from promptgrid.ui.widgets.plain import plain

PATIENCE_S = 0.6  # long enough for the preflight of a small plan, so that the page does not flicker
DOUBLE_CLICK_S = 2.0
START_WIDTH = 230  # px
MANY_CELLS = 200_000  # the preflight of a plan with more cells starts only on request


def preflight_panel(plan: Plan, key: str) -> str | None:
    """Draws the preflight of the plan and the button Start. `key` is the key of the preflight in its cache. Returns the
    id of the run that was just started; None otherwise."""
    with st.container(border=True, key="preflight", gap="xsmall"):
        if _most_cells(plan) > MANY_CELLS and not preflights().knows(key) and not _count_anyway(plan):
            return None
        future = preflights().request(key, plan)
        try:
            preflight = future.result(timeout=PATIENCE_S)
        except NotYet:
            _wait(plan, future)
            return None
        except PromptgridError as error:
            preflights().forget(key)
            if not _is_shown_above(error, plan):
                show_error(error)
            st.button("Start", type="primary", disabled=True, key="start", width=START_WIDTH)
            return None
        return _summary(plan, preflight)


def _is_shown_above(error: PromptgridError, plan: Plan) -> bool:
    """Returns whether the page shows the error already: in the notice on the built-in model, or at the models."""
    at_notice = isinstance(error, BuiltinError) and not builtin.status().ready
    return at_notice or str(error) in map(model_problem, plan.models)


def _most_cells(plan: Plan) -> int:
    """Returns the number of all combinations of the plan's prompts, techniques, cases, models, parameter values and
    samples. The preflight may find fewer cells: values that a model does not take are merged, techniques that do not
    suit a prompt are skipped."""
    axes = (plan.prompts, plan.techniques, plan.cases, plan.models, *plan.axes.values())
    return math.prod(map(len, axes)) * plan.samples


def _count_anyway(plan: Plan) -> bool:
    with st.container(horizontal=True, vertical_alignment="center"):
        cells = humanize.many(_most_cells(plan), "cell")
        st.markdown(f"**{cells}**: counting their tokens takes minutes.", width="stretch")
        return st.button("Count them", key="count_anyway", width=START_WIDTH)


def _wait(plan: Plan, future: Future[Preflight]) -> None:
    """Shows that the preflight is being computed, and reruns the page when `future` is done."""

    @st.fragment(run_every=0.7)
    def poll() -> None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Counting the tokens of {humanize.many(_most_cells(plan), 'cell')} …", width="stretch")
            st.button("Start", type="primary", disabled=True, key="start_waiting", width=START_WIDTH)
        if future.done():
            st.rerun()

    poll()


def _summary(plan: Plan, preflight: Preflight) -> str | None:
    reason = _why_not(plan, preflight)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(width="stretch", gap="xsmall", key="preflight_facts"):
            st.markdown(" · ".join(facts(preflight)))
            if preflight.replies.answered or plan.fresh:
                st.toggle("Ask again", key="run_fresh", help="Sends answered cells again, and pays for them again.")
        total, disabled = preflight.total, bool(reason)
        label = calls_label("Start", total.calls, at_most=bool(total.spare_calls))
        pressed = st.button(
            label, type="primary", key="start", shortcut="Ctrl+Enter", disabled=disabled, width=START_WIDTH
        )
    doubts = braces_notes(plan) | _votes_note(plan)
    for line in notes(preflight, reason, doubts):
        st.caption(line)
    if preflight.reach:
        st.caption(preflight.reach.sentence, help=f"The {preflight.reach.method}.")
    if len(preflight.models) > 1:
        with st.expander("By model"):
            _model_table(preflight)
    return _start(plan) if pressed else None


def _votes_note(plan: Plan) -> set[str]:
    """If a technique takes a vote and the plan has too few samples for that, draws a note with a button that takes
    more. Returns the sentences of the drawn notes."""
    if plan.samples >= LEAST_VOTES or not (sentences := votes_doubts(plan)):
        return set()
    text, key = f":orange[{plain(sentences[0])}]", "run_votes"
    note_with_button(text, f"Take {VOTES} samples", key=key, on_click=_take_samples, args=(VOTES,))
    return set(sentences)


def _take_samples(count: int) -> None:
    st.session_state.run_samples = count


def _why_not(plan: Plan, preflight: Preflight) -> str:
    """Returns why the plan cannot start; "" if it can."""
    if not preflight.cells:
        return "There is nothing to run: none of the techniques works with any of the prompts."
    if preflight.replies.too_long == preflight.cells:
        return "No cell fits in the context of its model: shorten the prompt, the cases or the room for the reply."
    if not all(map(server.answers_now, plan.models)):
        return "The built-in model is not installed yet: wait for its download, or choose another model."
    return ""


def _start(plan: Plan) -> str | None:
    """Starts the run and returns its id. Returns None after an error, which it shows, and for the second click of a
    double click."""
    if time.monotonic() - st.session_state.get("run_started_at", 0.0) < DOUBLE_CLICK_S:
        return None
    try:
        with st.spinner("Starting …"), progress_bar("start_cancel") as show:
            run_id = client.start(server.database(), plan, on_progress=show)
    except PromptgridError as error:
        show_error(error)
        return None
    st.session_state.run_started_at = time.monotonic()
    return run_id


def facts(preflight: Preflight) -> list[str]:
    """Returns the figures of the preflight (calls, tokens, cost, time and so on), each as Markdown."""
    replies, total = preflight.replies, preflight.total
    up_to = "up to " if replies.spare_calls else ""
    calls = "call" if replies.calls == 1 else "calls"
    parts = [f"{up_to}**{replies.calls:,}** {calls}{phrases.for_replies(replies)}"]
    parts += [f"**{replies.answered:,}** already answered"] if replies.answered else []
    parts += [f"**{replies.shared:,}** duplicates"] if replies.shared else []
    parts.append(f"**{'' if replies.exact else '≈ '}{replies.prompt_tokens:,}** prompt tokens")
    if replies.completion_ceiling is not None:
        parts.append(f"at most **{replies.completion_ceiling:,}** reply tokens")
    cost = phrases.dated_cost(total, preflight.every)
    parts.append("**free**" if total.free else f"cost **{plain(cost)}**")
    if replies.calls:
        seconds = preflight.seconds
        parts.append("time not known yet" if seconds is None else f"**{humanize.duration(seconds)}**")
    return parts + [f":orange[**{replies.too_long:,}** do not fit]"] * bool(replies.too_long)


def notes(preflight: Preflight, reason: str, other_doubts: Collection[str] = ()) -> list[str]:
    """Returns the captions below the preflight, as Markdown: `reason`, why the plan cannot start ("": it can), and what
    is doubtful, left out, merged, estimated or unknown. Doubts that are in `other_doubts` are omitted, because the page
    shows them elsewhere."""
    lines = [f":orange[{plain(reason)}]"] if reason else []
    if budget := phrases.budget_words(preflight):
        lines.append(f":orange[{plain(budget)}]")
    lines += [f":orange[{plain(doubt)}]" for doubt in preflight.doubts if doubt not in other_doubts]
    if preflight.replies.shared:
        lines.append(
            "Cells with identical requests are sent once and share the reply; those that expect the same count once."
        )
    if preflight.replies.too_long:
        lines.append("Cells that do not fit in the context are not sent. Use fewer examples, or fewer max tokens.")
    lines += [f"{plain(s.prompt)} is not run as {s.technique}: {plain(s.reason)}." for s in preflight.skipped]
    for model in preflight.models:
        lines += [f"{plain(model.ref)}: {plain(note)}." for note in model.notes]
        if model.calls and not model.facts.free and model.cost_floor is None:
            lines.append(f"The price of {plain(model.ref)} is not known, so a budget in USD is not possible.")
        elif model.calls and not model.facts.free and model.cost_ceiling is None:
            lines.append(f"{plain(model.ref)}: set max tokens to bound the cost.")
    for judge in preflight.judges:
        lines.append(
            f"{plain(judge.ref)} {'embeds' if judge.embeds else 'judges'} the replies: at most {judge.calls:,} calls, "
            f"{plain(phrases.dated_cost(judge, [judge]))}."
        )
    lines += [f"{plain(model.ref)} embeds the queries that models write: at most {model.calls:,} calls, "
              f"{plain(phrases.dated_cost(model, [model]))}." for model in preflight.embedders]  # fmt: skip
    lines += [line] if (line := phrases.own_checks_words(preflight)) else []
    return lines + _estimates(preflight)


def _estimates(preflight: Preflight) -> list[str]:
    """Returns at most one caption, on models whose token counts are estimates: with the reason if it is one model, else
    only with their names (the table has the reasons)."""
    inexact = [model for model in preflight.models if model.calls and not model.exact]
    if len(inexact) == 1:
        return [f"≈ {plain(inexact[0].ref)}: {plain(inexact[0].reason)}"]
    return [f"≈ Counts are estimates for {plain(', '.join(m.ref for m in inexact), limit=300)}."] if inexact else []


def _model_table(preflight: Preflight) -> None:
    columns: dict[str, list[Any]] = {
        "model": [model.ref for model in preflight.models],
        "calls": [model.calls for model in preflight.models],
        "answered": [model.answered for model in preflight.models],
        "duplicates": [model.shared for model in preflight.models],
        "do not fit": [model.too_long for model in preflight.models],
        "prompt tokens": [model.prompt_tokens for model in preflight.models],
        "max reply tokens": [model.completion_ceiling for model in preflight.models],
        "cost": [_model_cost(model) for model in preflight.models],
        "time": [humanize.duration(model.seconds) or "not known" for model in preflight.models],
        "counted": ["exactly" if model.exact else f"≈ {model.reason}" for model in preflight.models],
    }
    counts = ("calls", "answered", "duplicates", "do not fit", "prompt tokens", "max reply tokens")
    optional = ("answered", "duplicates", "do not fit")
    columns = {name: values for name, values in columns.items() if name not in optional or any(values)}
    numbers = st.column_config.NumberColumn(format="localized")
    st.dataframe(columns, height="content", column_config=dict.fromkeys(counts, numbers))


def _model_cost(model: ModelPreflight) -> str:
    return phrases.dated_cost(model, [model])
