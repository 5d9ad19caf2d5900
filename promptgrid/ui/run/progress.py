"""Draws one run: progress, rate, time left, failures with their remedies, and the summary at the end."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from promptgrid import humanize
from promptgrid.compare import VariantSummary, count_differences, run_remarks, summary
from promptgrid.errors import PromptgridError, StoreError
from promptgrid.runner import client, phrases
from promptgrid.store import runs
from promptgrid.store.runs import ACTIVE, RunInfo, RunStatus
from promptgrid.ui import links, server
from promptgrid.ui.run.extend import extend_popover
from promptgrid.ui.widgets import follow_run
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.summary_table import summary_table

TICK_S = 1.0
SLOW_TICK_S = 5.0  # a run that is not active may be resumed in another tab or in a terminal


def run_panel(run_id: str, *, primary: bool) -> RunInfo | None:
    """Draws the run and returns it; while it is active, refreshes its progress every second. With `primary`, Compare is
    the main button of the page. If there is no such run, says so and returns None."""
    try:
        info = runs.find_run(server.database(), run_id)
    except PromptgridError as error:
        show_error(error)
        return None
    with st.container(border=True, key="run_panel", gap="small"):
        _head(info, primary)  # outside the fragment, which would lose a click between two reruns
        if info.fair_for:
            st.page_link(links.COMPARE, label="The run it is compared with", query_params={"run": info.fair_for})
        active = info.status in ACTIVE
        if active:
            follow_run.announce_end(info)
        st.fragment(_live, run_every=TICK_S if active else SLOW_TICK_S)(info.id, info.status)
        if not active:
            _summary_of(info)
    return info


def _live(run_id: str, drawn_as: RunStatus) -> None:
    """Draws the progress of the run. Reruns the whole page if the run's status is no longer `drawn_as`, with which the
    buttons were drawn."""
    try:
        info = runs.find_run(server.database(), run_id)
    except StoreError:  # the run was removed; the page reports it
        st.rerun()
    if info.status != drawn_as:
        st.rerun()
    progress = runs.progress(server.database(), run_id)
    share = progress.done / progress.total if progress.total else 1.0
    status = [phrases.status_words(info, progress)] if info.status == "pausing" else []
    parts = [
        *status,
        f"{int(100 * share)} %",  # as in the sidebar: 100 % only when all are done
        *phrases.progress_words(info, progress),
        *phrases.pace_words(info, progress),
    ]
    st.progress(share, text=plain(" · ".join(parts)))
    if info.message:
        st.warning(plain(info.message, limit=600))
    for what, remedy in phrases.failures(progress):
        st.caption(f":red[**{plain(what)}**] {plain(remedy)}")


def disk_notice() -> None:
    """Warns that the disk is nearly full, before a run has to stop for lack of space."""
    if free_space := server.scarce_disk_space():
        st.warning(
            f"The disk is nearly full: {plain(free_space)} free. On a full disk a run stops without losing replies. "
            "Free some space, then resume it. Settings shows the size of each folder."
        )


def _head(info: RunInfo, primary: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status = phrases.STATUS_WORDS[info.status]
        st.markdown(f"**{plain(info.name, limit=80)}** · {status} · {humanize.ago(info.created)}", width="stretch")
        if info.status in ("queued", "running"):
            st.button("Pause", key="run_pause", on_click=_ask, args=(info.id, "pause"))
        if info.status in ("queued", "running", "pausing", "paused", "stopped"):
            st.button("Cancel", key="run_cancel", on_click=_ask, args=(info.id, "cancel"))
        if info.status not in ACTIVE:
            _go_on_button(info)
            extend_popover(info)
        if st.button(
            "Compare", key="run_compare", type="primary" if primary and info.status not in ACTIVE else "secondary"
        ):
            st.switch_page(links.COMPARE, query_params={"run": info.id})


def _go_on_button(info: RunInfo) -> None:
    """Draws the button that sends the cells without an answer, with their number; nothing if there are none."""
    database = server.database()
    counts = runs.progress(database, info.id).by_status
    if info.status != "finished":
        left = humanize.many(sum(counts.get(status, 0) for status in ("pending", "cancelled", "failed")), "cell")
        st.button(f"Resume · {left} left", key="run_resume", on_click=client.resume, args=(database, info.id))
    elif failed := counts.get("failed"):
        label = f"Retry {humanize.many(failed, 'failed cell')}"
        st.button(label, key="run_retry", on_click=client.resume, args=(database, info.id))


def _ask(run_id: str, wanted: Literal["pause", "cancel"]) -> None:
    runs.ask(server.database(), run_id, wanted)


def _summary_of(info: RunInfo) -> None:
    """Draws the summary table of the variants, and notes on models that seem to ignore the temperature or
    count tokens differently."""
    summaries, sentences = _summary(info.id, info.ended or 0.0)
    summary_table(summaries)
    for sentence in sentences:
        st.caption(f":orange[{plain(sentence)}]")


@st.cache_resource(max_entries=8, show_spinner="Summing up …")
def _summary(run_id: str, ended: float) -> tuple[list[VariantSummary], list[str]]:
    database = server.database()
    sentences = run_remarks(database, run_id) + count_differences(database, run_id)
    return list(summary(database, run_id)), sentences
