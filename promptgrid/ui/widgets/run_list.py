"""Recent runs: open, rename, note, delete with undo; and the deleted ones with the way back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import humanize
from promptgrid.runner import phrases
from promptgrid.store import runs
from promptgrid.store.runs import RunInfo, RunProgress
from promptgrid.ui import links, server
from promptgrid.ui.widgets.plain import plain

SHOWN = 8
TICK_S = 3.0
_ACTIONS = ("Open", "Compare", "Rename or note", "Delete")
_MARKS = {"running": ":blue[●]", "queued": ":blue[○]", "finished": ":green[●]", "stopped": ":orange[●]"}


def recent_runs(*, shown: int = SHOWN, manage: bool = True) -> None:
    """Draws the newest runs, one a line, again every few seconds while one is active.

    `manage` adds each one's menu, pages, and the deleted ones.
    """
    active = runs.active_run(server.database()) is not None
    st.fragment(_runs, run_every=TICK_S if active else None)(shown, manage)


def _runs(shown: int, manage: bool) -> None:
    found = runs.list_runs(server.database())
    if manage:
        _undo()
    if not found:
        st.caption("No runs yet.")
    page = 1
    if len(found) > shown and manage:
        page = st.pagination(-(-len(found) // shown), key="runs_page")
    for info in found[(page - 1) * shown : page * shown]:
        _row(info, manage)
    if manage:
        _deleted(runs.list_runs(server.database(), deleted=True))


def _row(info: RunInfo, manage: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"run_row_{info.id}"):
        state_now = runs.progress(server.database(), info.id)
        bad = info.status == "finished" and state_now.by_status.get("answered", 0) < info.total
        mark = ":orange[●]" if bad else _MARKS.get(info.status, ":gray[○]")
        st.page_link(links.RUN, label=f"{mark} {plain(info.name, limit=90)}", query_params={"run": info.id})
        note = f" · {plain(info.note, limit=60)}" if info.note else ""
        st.caption(f"{_so_far(info, state_now)} · {humanize.ago(info.created)}{note}", width="stretch")
        if manage:
            chosen = st.menu_button("More", _ACTIONS, key=f"run_menu_{info.id}", type="tertiary")
            if chosen:
                _act(chosen, info)


def _so_far(info: RunInfo, progress: RunProgress) -> str:
    said = phrases.STATUS_WORDS[info.status]
    if info.status != "finished":
        return f"{said}, {progress.done:,} of {info.total:,}"
    bad = info.total - progress.by_status.get("answered", 0)
    return f"{said}, {humanize.many(info.total, 'cell')}" + (f", {bad:,} without an answer" if bad else "")


def _act(chosen: str, info: RunInfo) -> None:
    if chosen == "Open":
        st.query_params["run"] = info.id
        st.rerun()
    if chosen == "Compare":
        st.switch_page(links.COMPARE, query_params={"run": info.id})
    if chosen == "Delete":
        runs.delete(server.database(), info.id)
        st.session_state.run_deleted = (info.id, info.name)
        if st.query_params.get("run") == info.id:
            del st.query_params["run"]
        st.rerun()
    _edit(info)


@st.dialog("Rename or note")
def _edit(info: RunInfo) -> None:
    name = st.text_input("Name", info.name, max_chars=200, key="run_edit_name")
    note = st.text_area("Note", info.note, max_chars=2000, key="run_edit_note")
    if st.button("Save", type="primary", key="run_edit_save"):
        runs.change(server.database(), info.id, name=name.strip() or info.name, note=note.strip())
        st.rerun()


def _undo() -> None:
    """The way back from the last delete, where it is looked for."""
    if "run_deleted" not in st.session_state:
        return
    run_id, name = st.session_state.run_deleted
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Deleted {plain(name, limit=60)}.")
        st.button("Undo", key="run_undo", on_click=_restore, args=(run_id,), type="tertiary")


def _deleted(found: Sequence[RunInfo]) -> None:
    if not found:
        return
    with st.expander(f"Deleted ({len(found)})"):
        for info in found:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"run_gone_{info.id}"):
                st.caption(
                    f"{plain(info.name, limit=60)} · {humanize.many(info.total, 'cell')} · {humanize.ago(info.created)}"
                )
                st.button("Restore", key=f"run_restore_{info.id}", on_click=_restore, args=(info.id,), type="tertiary")
        st.caption("Settings removes them for good.")


def _restore(run_id: str) -> None:
    runs.restore(server.database(), run_id)
    if st.session_state.get("run_deleted", ("",))[0] == run_id:
        del st.session_state.run_deleted
