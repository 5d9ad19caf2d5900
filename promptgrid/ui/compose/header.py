"""Draws the first row of the Compose page: the prompt, whether it is saved, and its actions; notices below the row."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid.errors import PromptgridError
from promptgrid.humanize import ago, moment
from promptgrid.store import plans
from promptgrid.ui import links
from promptgrid.ui.compose import state
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.feedback import file_notes, show_error
from promptgrid.ui.widgets.plain import plain


def selector(name: str) -> None:
    """Draws the selector of the prompt, with `name` selected. A selection opens that prompt by changing the address of
    the page."""
    options = state.prompt_names()
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
        st.button("Save", key="compose_save", on_click=state.save)
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
        _name_form("Name of the new prompt", "compose_new_name", "Create", state.create)


def status(place: DeltaGenerator, changed: bool) -> None:
    """Shows in `place` whether the prompt on the screen is saved, when, and its version. `changed` says whether it
    differs from its file."""
    current, prompt = state.current(), state.saved_prompt()
    version = f" · {prompt.version[:6]}" if prompt else ""
    if changed and (error := state.unkept()):
        place.caption(f":red[●] these changes are on this screen only: {plain(error, limit=400)}")
    elif current.etag is None:
        place.caption("not saved yet")
    elif changed:
        place.caption(f":orange[●] unsaved changes{version}")
    else:
        entry = next((entry for entry in library().entries() if entry.name == current.name), None)
        place.caption(f"saved {ago(entry.modified)}{version}" if entry else "deleted")


def notices() -> None:
    """Shows the error of the last action, and a notice if the file was changed elsewhere since it was opened."""
    error = st.session_state.pop("compose_error", None)
    if isinstance(error, PromptgridError) and not state.stale():
        show_error(error)
    if state.stale():
        _stale_notice()
    if (prompt := state.saved_prompt()) and prompt.notes:
        file_notes(prompt)


def _stale_notice() -> None:
    name = state.current().name
    deleted = library().etag(name) is None
    what = "was deleted" if deleted else "was saved elsewhere, in another tab or an editor,"
    with st.container(border=True, key="compose_stale"):
        st.markdown(f":orange[●] **{plain(name)}** {what} since you opened it. Your changes are kept as a draft.")
        with st.container(horizontal=True):
            label = "Discard my changes" if deleted else "Load the saved version"
            st.button(label, key="compose_theirs", on_click=state.revert)
            with st.popover("Save mine as another prompt"):
                _name_form("Name", "compose_mine_name", "Save", state.save)


def _more() -> None:
    with st.popover("More", key="compose_more"):
        _name_form("Save as another prompt", "compose_as_name", "Save as", state.save)
        current = state.current()
        label = "Discard this prompt" if current.etag is None else "Discard the changes"
        st.button(label, key="compose_revert", on_click=state.revert, disabled=current.draft is None, width="stretch")
        _versions(current.name)


def _versions(name: str) -> None:
    versions = plans.versions(database(), name)
    if not versions:
        return
    when = dict(versions)
    st.selectbox(
        "Stored versions",
        list(when),
        key="compose_version",
        format_func=lambda version: f"{version[:6]} · {moment(when[version])}",
        help="Promptgrid stores a version when you save or run the prompt. Loading one changes nothing until you save.",
    )
    st.button(
        "Load this version",
        key="compose_load",
        on_click=lambda: state.load_version(st.session_state.compose_version),
        width="stretch",
    )


def _run(name: str) -> None:
    pressed = st.button("Run…", key="compose_run")
    current = state.current()
    if current.draft is None and (pressed or st.session_state.pop("compose_saved_to_run", False)):
        st.switch_page(links.RUN, query_params={"prompts": name})
    if pressed:
        _ask_what_to_run(name)


@st.dialog("A run uses the saved prompt")
def _ask_what_to_run(name: str) -> None:
    st.markdown(f"**{plain(name)}** has unsaved changes.")
    if st.button("Save and run", key="compose_save_run", on_click=_save_to_run, type="primary"):
        st.rerun()
    if state.current().etag is not None and st.button("Run the saved version", key="compose_run_saved"):
        st.switch_page(links.RUN, query_params={"prompts": name})


def _save_to_run() -> None:
    state.save()
    st.session_state.compose_saved_to_run = state.current().draft is None


def _name_form(label: str, key: str, action: str, act: Callable[[str], None]) -> None:
    """Draws a field for a name, labelled `label`, and a button named `action` that calls `act` with the name."""
    with st.form(f"{key}_form", border=False, enter_to_submit=True):
        st.text_input(label, key=key)
        st.form_submit_button(action, on_click=_with_name, args=(act, key), width="stretch")


def _with_name(act: Callable[[str], None], key: str) -> None:
    name = str(st.session_state.get(key) or "").strip()
    if name:
        act(name)
        st.session_state[key] = ""
