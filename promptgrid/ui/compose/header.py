"""Draws the first row of the Compose page: the prompt, whether it is saved, and its actions; notices below the row."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptgridError
from promptgrid.humanize import ago, moment
from promptgrid.library.folder import LibraryEntry
from promptgrid.library.shipped import is_shipped
from promptgrid.store.drafts import DraftInfo
from promptgrid.ui import links
from promptgrid.ui.compose import opened, state, versions
from promptgrid.ui.server import library
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import file_notes, show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import undo_note


def selector(name: str) -> None:
    """Draws the selector of the prompt, with `name` selected. A selection opens that prompt by changing the address of
    the page."""
    options = opened.prompt_names()
    st.session_state.compose_choice = name if name in options else None
    st.selectbox(
        "Prompt",
        options,
        key="compose_choice",
        on_change=lambda: st.query_params.update(prompt=st.session_state.compose_choice or name),
        placeholder="Choose a prompt",
        label_visibility="collapsed",
    )


def header(name: str) -> DeltaGenerator:
    """Draws the first row of the page; returns the place in it into which `status` is drawn."""
    with st.container(horizontal=True, vertical_alignment="center", key="compose_header"):
        with st.container(width=300):
            selector(name)
        with st.container(width="stretch", key="compose_status"):
            place = st.empty()
        _new_popover()
        _more()
        st.button("Save", key="compose_save", on_click=opened.save)
        _run(name)
    return place


def header_of_broken(name: str) -> None:
    """Draws the first row of the page for a prompt that cannot be opened: only the selector and New."""
    with st.container(horizontal=True, key="compose_header"):
        with st.container(width=300):
            selector(name)
        _new_popover()


def _new_popover() -> None:
    with st.popover("New", key="compose_new"):
        _name_form("Name of the new prompt", "compose_new_name", "Create", opened.create)


def status(place: DeltaGenerator, changed: bool) -> None:
    """Shows in `place` whether the prompt on the screen is saved, when, and its version. `changed` says whether it
    differs from its file."""
    current, prompt = opened.current(), opened.saved_prompt()
    version = f" · {prompt.version[:6]}" if prompt else ""
    names, error = opened.unkept()
    if error is not None:
        what = "these changes are" if names == [current.name] else f"changes of {plain(', '.join(names))} are"
        place.caption(f":red[●] {what} on this screen only: {plain(error, limit=400)}")
    elif current.etag is None:
        place.caption("not saved yet")
    elif changed:
        place.caption(f":orange[●] unsaved changes{version}")
    else:
        entry = next((entry for entry in library().entries() if entry.name == current.name), None)
        place.caption(f"{_saved(entry)}{version}" if entry else "deleted")


def _saved(entry: LibraryEntry) -> str:
    return "comes with Promptgrid" if is_shipped(entry) else f"saved {ago(entry.modified)}"


def notices() -> None:
    """Shows the error of the last action, and a notice if the file was changed elsewhere since it was opened."""
    error = st.session_state.pop("compose_error", None)
    if isinstance(error, PromptgridError) and not opened.stale():
        show_error(error)
    if opened.stale():
        _stale_notice()
    _other_drafts()
    undo_note(state.UNDO)
    if (prompt := opened.saved_prompt()) and prompt.notes:
        file_notes(prompt)


def _stale_notice() -> None:
    name = opened.current().name
    deleted = library().etag(name) is None
    what = "was deleted" if deleted else "was saved elsewhere, in another tab or an editor,"
    with st.container(border=True, key="compose_stale"):
        st.markdown(f":orange[●] **{plain(name)}** {what} since you opened it. Your changes are kept as a draft.")
        with st.container(horizontal=True):
            label = "Discard my changes" if deleted else "Load the saved version"
            st.button(label, key="compose_theirs", on_click=versions.revert)
            with st.popover("Save mine as another prompt"):
                _name_form("Name", "compose_mine_name", "Save", opened.save)


def _other_drafts() -> None:
    """Says which other drafts of the prompt are kept. A button shows one of them here; another takes the draft of a
    closed tab out of this list."""
    elsewhere, left = versions.other_drafts()
    name = plain(opened.current().name)
    for info in elsewhere:
        text = f":orange[●] **{name}** is edited in another tab too, last {ago(info.updated)}. Both drafts are kept."
        _draft_note(text, info, closed=False)
    for info in left:
        text = f"Another draft of {name} is kept, typed {ago(info.updated)} in a tab that was closed."
        _draft_note(text, info, closed=True)


def _draft_note(text: str, info: DraftInfo, *, closed: bool) -> None:
    key = f"compose_draft_{info.id}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_row"):
        st.caption(text, width="content")
        st.button("Show it here", key=key, on_click=versions.load, args=(versions.DRAFT + info.id,), type="tertiary")
        if closed:
            action, hint = versions.put_aside, "It stays under More, among the stored versions."
            st.button("Put it aside", key=f"{key}_aside", on_click=action, args=(info.id,), type="tertiary", help=hint)


def _more() -> None:
    with st.popover("More", key="compose_more"):
        _name_form("Save as another prompt", "compose_as_name", "Save as", opened.save)
        current = opened.current()
        label = "Discard this prompt" if current.etag is None else "Discard the changes"
        st.button(
            label, key="compose_revert", on_click=versions.revert, disabled=current.draft is None, width="stretch"
        )
        _versions()


def _versions() -> None:
    times = versions.loadable()
    if not times:
        return
    if st.session_state.get("compose_version") not in times:  # it is on the screen now
        st.session_state.compose_version = next(iter(times))
    st.selectbox(
        "Stored versions and drafts",
        list(times),
        key="compose_version",
        format_func=lambda version: f"{version[:6].strip()} · {moment(times[version])}",
        help="Promptgrid stores a version when you save or run the prompt, and a draft of what was not saved. Loading"
        " one changes nothing until you save.",
    )
    st.button(
        "Load this version",
        key="compose_load",
        on_click=lambda: versions.load(st.session_state.compose_version),
        width="stretch",
    )


def _run(name: str) -> None:
    pressed = st.button("Run…", key="compose_run")
    current = opened.current()
    if current.draft is None and (pressed or st.session_state.pop("compose_saved_to_run", False)):
        st.switch_page(links.RUN, query_params={"prompts": name})
    if pressed:
        _ask_what_to_run(name)


@st.dialog("A run uses the saved prompt")
def _ask_what_to_run(name: str) -> None:
    st.markdown(f"**{plain(name)}** has unsaved changes.")
    if st.button("Save and run", key="compose_save_run", on_click=_save_to_run, type="primary"):
        st.rerun()
    if opened.current().etag is not None and st.button("Run the saved version", key="compose_run_saved"):
        st.switch_page(links.RUN, query_params={"prompts": name})


def _save_to_run() -> None:
    opened.save()
    st.session_state.compose_saved_to_run = opened.current().draft is None


def _name_form(label: str, key: str, action: str, act: Callable[[str], None]) -> None:
    """Draws a field for a name, labelled `label`, and a button named `action` that calls `act` with the name."""
    with st.form(f"{key}_form", border=False, enter_to_submit=True):
        st.text_input(label, key=key)
        st.form_submit_button(action, on_click=_with_name, args=(act, key), width="stretch")


def _with_name(act: Callable[[str], None], key: str) -> None:
    name = str(st.session_state.get(key) or "").strip()
    if name:
        act(name)
        if "compose_error" not in st.session_state:  # else the name stays, to be corrected
            st.session_state[key] = ""
            close_popover()
