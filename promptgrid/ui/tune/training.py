"""Starts a tuning of the built-in model out of runs, and follows the one in progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid import humanize
from promptgrid.builtin import adapters
from promptgrid.errors import TuningError
from promptgrid.paths import install_command
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database, runs
from promptgrid.tuning import jobs
from promptgrid.tuning.job import ACTIVE, RESUMABLE, TuningJob, TuningState, TuningStatus
from promptgrid.tuning.prepared import prepare_runs
from promptgrid.tuning.settings import RATES, TuningSettings
from promptgrid.ui.tune.charts import show_curve
from promptgrid.ui.widgets.feedback import announce_error, showing_errors
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_select import no_runs, run_label

TICK_S = 1.0
_LEARN = {"passed": "Good replies", "expected": "Expected answers", "dpo": "Preferences"}
_WORDS: Mapping[TuningStatus, str] = {
    "waiting": "Waiting for another tuning",
    "loading": "Loading the model",
    "tuning": "Learning",
    "judging": "Judging by the held-out examples",
    "stopped": "Its process ended without a word: killed, or out of memory",
}


def start_form(database: Database) -> None:
    """Draws the form that starts a tuning; without the extra, what is missing and how to install it."""
    if names := jobs.missing():
        with st.container(key="tuning_missing"):
            st.info(f"Tuning needs packages that are not installed: {', '.join(names)}, about 1.2 GB.")
            st.code(install_command("tune"), language=None)  # its colours have too little contrast
            st.caption(plain(jobs.how_to_install().partition(". ")[2]))
        return
    listed = {run.id: run for run in runs.list_runs(database)}
    if not listed:
        detail = "The built-in model is tuned on the replies of runs, or on the expected answers of their cases."
        no_runs("tuning", detail)
        return
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Runs",
        list(listed),
        default=[next(iter(listed))],
        format_func=lambda run_id: run_label(listed[run_id]),
        key="tuning_runs",
    )
    target = middle.selectbox("To learn", _LEARN, format_func=_LEARN.__getitem__, key="tuning_target")
    name = right.text_input("Name", _free_name(), key="tuning_name", max_chars=40)
    with st.expander("More"):
        one, two, three = st.columns(3)
        epochs = one.number_input("Epochs", 1, 100, 2, key="tuning_epochs")
        default = RATES["dpo" if target == "dpo" else "sft"]
        rate = two.number_input("Learning rate", 1e-6, 1e-2, default, format="%.0e", key=f"tuning_rate_{target}")
        rank = three.number_input("Rank", 1, 256, 8, key="tuning_rank")
    if st.button("Tune", key="tuning_start", type="primary", disabled=not chosen):
        values = {"epochs": int(epochs), "rate": float(rate), "rank": int(rank), "alpha": 2 * int(rank)}
        with showing_errors(), st.spinner("Reading the replies…"):
            _start(database, chosen, target, name, values)
            st.rerun()


def job_panel(job: TuningJob) -> None:
    """Draws the tuning: its progress every second while it goes on, its curve, and what can be done with it."""
    with showing_errors():
        state = job.state()
        with st.container(border=True, key="tuning_panel", gap="small"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(job.name)}**")
                _buttons(job, state)
            active = state.status in ACTIVE
            st.fragment(_live, run_every=TICK_S if active else None)(job, state.status)


def _start(database: Database, run_ids: Sequence[str], target: str, name: str, values: Mapping[str, Any]) -> None:
    method = "dpo" if target == "dpo" else "sft"
    settings = TuningSettings(method=method, rule=_rule(database, run_ids), **values)  # type: ignore[arg-type]
    data = prepare_runs(
        database, run_ids, settings.method, settings.held_out, target="expected" if target == "expected" else "passed"
    )
    jobs.start(name.strip(), data, settings)


def _rule(database: Database, run_ids: Sequence[str]) -> AnswerRule | None:
    """Returns the answer rule of the runs' prompts, if it is the same for all and reads more than the whole text."""
    prompts = [prompt for run_id in run_ids for prompt in runs.plan_of(database, run_id).prompts]
    rules = {str(prompt.answer.content): prompt.answer for prompt in prompts}
    rule = next(iter(rules.values()), None)
    return rule if len(rules) == 1 and rule is not None and rule.kind != "text" else None


def _free_name() -> str:
    taken = {job.name for job in jobs.jobs()} | {adapter.name for adapter in adapters.adapters()}
    return next(name for number in range(1, len(taken) + 2) if (name := f"tuned-{number}") not in taken)


def _buttons(job: TuningJob, state: TuningState) -> None:
    if state.status in ACTIVE:
        st.button("Pause", key="tuning_pause", on_click=_act, args=(jobs.pause, job))
    elif state.status in RESUMABLE:
        st.button("Resume", key="tuning_resume", on_click=_act, args=(jobs.resume, job), type="primary")
    if state.status in (*ACTIVE, *RESUMABLE):
        st.button("Cancel", key="tuning_cancel", on_click=_act, args=(jobs.cancel, job))


def _act(act: Callable[[TuningJob], None], job: TuningJob) -> None:
    try:
        act(job)
    except TuningError as error:  # it ended in between
        announce_error(error)


def _live(job: TuningJob, drawn_as: TuningStatus) -> None:
    """Draws progress and curve. Reruns the whole page if the status is no longer `drawn_as`, with which the buttons
    were drawn."""
    state = job.state()
    if (state.status in ACTIVE) != (drawn_as in ACTIVE):
        st.rerun()
    words = [_WORDS.get(state.status, state.status.capitalize())]
    if state.steps:
        words.append(f"step {state.step:,} of {state.steps:,}")
    if state.left_s:
        words.append(f"{humanize.duration(state.left_s)} left")
    share = state.step / state.steps if state.steps else 0.0
    st.progress(share, text=plain(" · ".join(words)))
    if state.error:
        st.error(plain(state.error, limit=600))
    show_curve(state, job.steps(), job.settings().epochs)
    facts = [f"{humanize.many(state.examples, 'example')}, {state.held_out:,} held out", *state.notes]
    if state.peak_bytes:
        facts.append(f"{humanize.duration(state.cpu_s)} of CPU time, {humanize.size(state.peak_bytes)} of memory")
    facts += [f"{name}: {value}" for name, value in state.result.items()]
    for fact in facts:
        st.caption(plain(fact[:1].upper() + fact[1:]))
    if replies := job.replies():
        with st.expander(f"Replies to held-out prompts, before and after ({len(replies)})"):
            rows = [
                {"prompt": reply["messages"][-1]["content"], "before": reply["before"], "after": reply["after"]}
                for reply in replies
            ]
            st.dataframe(rows, hide_index=True, key="tuning_replies")
