"""The list of recent runs, with actions to open, rename, annotate, delete and restore a run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import humanize
from promptgrid.errors import StoreError
from promptgrid.runner import phrases
from promptgrid.store import runs
from promptgrid.store.across import tags
from promptgrid.store.runs import RunInfo, RunProgress
from promptgrid.ui import links, server
from promptgrid.ui.widgets.feedback import note_with_button, show_error
from promptgrid.ui.widgets.plain import plain

SHOWN = 8
TICK_S = 3.0
_ACTIONS = ("Open", "Compare", "Name, note, tags", "Delete")
_MARKS = {"running": ":blue[●]", "queued": ":blue[○]", "finished": ":green[●]", "stopped": ":orange[●]"}


def recent_runs(*, count: int = SHOWN, manage: bool = True, favourite: bool = False, tag: str = "") -> None:
    """Lists the newest `count` runs, one per line: with `favourite` only favourites, with `tag` only runs that have it.
    While a run is active, redraws the list every few seconds.

    With `manage`, each run has a menu (open, compare, name, note and tags, delete), and further pages and the deleted
    runs can be shown.
    """
    active = runs.active_run(server.database()) is not None
    st.fragment(_runs, run_every=TICK_S if active else None)(count, manage, favourite, tag)


def _runs(count: int, manage: bool, favourite: bool, tag: str) -> None:
    listed = runs.list_runs(server.database(), favourite=favourite, tag=tag)
    if manage:
        _undo()
    if not listed:
        st.caption("No such runs." if favourite or tag else "No runs yet.")
    page = 1
    if len(listed) > count and manage:
        page = st.pagination(-(-len(listed) // count), key="runs_page")
    for info in listed[(page - 1) * count : page * count]:
        _row(info, manage)
    if manage:
        _deleted(runs.list_runs(server.database(), deleted=True))


def _row(info: RunInfo, manage: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"run_row_{info.id}"):
        progress = runs.progress(server.database(), info.id)
        incomplete = info.status == "finished" and progress.by_status.get("answered", 0) < info.total
        mark = ":orange[●]" if incomplete else _MARKS.get(info.status, ":gray[○]")
        st.page_link(links.RUN, label=f"{mark} {plain(info.name, limit=90)}", query_params={"run": info.id})
        marks = f" · {plain(' · '.join(info.tags), limit=90)}" if info.tags else ""
        note = f" · {plain(info.note, limit=60)}" if info.note else ""
        star = "★ " if info.favourite else ""
        st.caption(f"{star}{_so_far(info, progress)} · {humanize.ago(info.created)}{marks}{note}", width="stretch")
        if manage:
            action = st.menu_button("More", _ACTIONS, key=f"run_menu_{info.id}", type="tertiary")
            if action:
                _act(action, info)


def _so_far(info: RunInfo, progress: RunProgress) -> str:
    status = phrases.STATUS_WORDS[info.status]
    if info.status != "finished":
        return f"{status}, {progress.done:,} of {info.total:,}"
    unanswered = info.total - progress.by_status.get("answered", 0)
    missing = f", {unanswered:,} without an answer" if unanswered else ""
    return f"{status}, {humanize.many(info.total, 'cell')}{missing}"


def _act(action: str, info: RunInfo) -> None:
    if action == "Open":
        st.switch_page(links.RUN, query_params={"run": info.id})
    if action == "Compare":
        st.switch_page(links.COMPARE, query_params={"run": info.id})
    if action == "Delete":
        runs.delete(server.database(), info.id)
        st.session_state.run_deleted = (info.id, info.name)
        if st.query_params.get("run") == info.id:
            del st.query_params["run"]
        st.rerun()
    edit_run(info)


@st.dialog("Name, note, tags")
def edit_run(info: RunInfo) -> None:
    """Opens the dialog with the name, note, tags and favourite mark of the run."""
    name = st.text_input("Name", info.name, max_chars=200, key="run_edit_name")
    note = st.text_area("Note", info.note, max_chars=2000, key="run_edit_note")
    favourite = st.toggle("Favourite", info.favourite, key="run_edit_favourite")
    known = list(dict.fromkeys([*info.tags, *tags.tag_counts(server.database())]))
    after = st.multiselect(
        "Tags",
        known,
        list(info.tags),
        key="run_edit_tags",
        accept_new_options=True,
        select_all=False,
        placeholder="Choose tags, or type a new one",
    )
    if st.button("Save", type="primary", key="run_edit_save"):
        try:
            gone = [tag for tag in info.tags if tag not in after]
            tags.change_tags(server.database(), info.id, add=after, remove=gone)
        except StoreError as error:
            show_error(error)
            return
        tags.set_favourite(server.database(), info.id, favourite)
        runs.change(server.database(), info.id, name=name.strip() or info.name, note=note.strip())
        st.rerun()


def _undo() -> None:
    """If a run was deleted in this session, offers to restore the last one."""
    if "run_deleted" in st.session_state:
        run_id, name = st.session_state.run_deleted
        text = f"Deleted {plain(name, limit=60)}."
        note_with_button(text, "Undo", key="run_undo", on_click=_restore, args=(run_id,))


def _deleted(deleted: Sequence[RunInfo]) -> None:
    if not deleted:
        return
    with st.expander(f"Deleted ({len(deleted)})"):
        for info in deleted:
            name, cells = plain(info.name, limit=60), humanize.many(info.total, "cell")
            text, key = f"{name} · {cells} · {humanize.ago(info.created)}", f"run_restore_{info.id}"
            note_with_button(text, "Restore", key=key, on_click=_restore, args=(info.id,))
        st.caption("To remove them for good, go to Settings.")


def _restore(run_id: str) -> None:
    runs.restore(server.database(), run_id)
    if st.session_state.get("run_deleted", ("",))[0] == run_id:
        del st.session_state.run_deleted
